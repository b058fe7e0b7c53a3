"""Fully connected networks."""

from itertools import pairwise

from torch import nn


def perceptron(widths, activation=nn.SiLU, activate_last: bool = False) -> nn.Sequential:
    """Fully connected layers with an activation between them.

    Parameters
    ----------
    widths : sequence of int
        Numbers of inputs, of neurons in the hidden layers, and of outputs.
    activation : type of Module
        The default has smooth derivatives.
    activate_last : bool
        Whether there is an activation after the last layer, too.
    """
    layers = [layer for size in pairwise(widths) for layer in (nn.Linear(*size), activation())]
    return nn.Sequential(*(layers if activate_last else layers[:-1]))
