"""A small program that the explorer in the browser runs, as it is written."""

import numpy as np
import torch
from torch import nn

ACTIVATIONS = {nn.SiLU: "silu", nn.ReLU: "relu"}


class Program:
    """A program that is being written. Methods add instructions and give the names of their results.

    Parameters
    ----------
    arrays : Arrays
        Where the numbers of the instructions go.
    name : str
        With it the names of these arrays begin.
    *inputs : str
        Names of the vectors that the program takes, such as "labels".
    """

    def __init__(self, arrays, name: str, *inputs: str):
        self.arrays, self.name, self.inputs, self.steps = arrays, name, inputs, []

    def add(self, op: str, *inputs: str, **settings) -> str:
        """Add an instruction. Settings are arrays, or what JSON has."""
        out = f"h{len(self.steps)}"
        for key, value in settings.items():
            if isinstance(value, np.ndarray | torch.Tensor):
                settings[key] = self.arrays.add(f"{self.name}.{out}.{key}", value)
        self.steps.append({"op": op, "in": list(inputs), "out": out, **settings})
        return out

    def layers(self, x: str, modules) -> str:
        """Add the layers of a perceptron."""
        for module in modules:
            if isinstance(module, nn.Sequential):
                x = self.layers(x, module)
            elif isinstance(module, nn.Linear):
                x = self.add("linear", x, weight=module.weight, bias=module.bias)
            elif isinstance(module, nn.LayerNorm):
                x = self.add("layernorm", x, eps=module.eps)
            else:
                x = self.add(ACTIVATIONS[type(module)], x)
        return x

    def joined(self, *parts: str) -> str:
        """Several vectors as one."""
        return parts[0] if len(parts) == 1 else self.add("concat", *parts)

    def results(self, **outputs: str) -> dict:
        """The whole program, as JSON has it, with the names of the vectors that it gives."""
        return {"inputs": list(self.inputs), "outputs": outputs, "steps": self.steps}
