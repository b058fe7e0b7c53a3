"""The network of an emulator: labels in, flux out; and derivatives of any such function."""

from itertools import pairwise

import torch
from torch import nn


class Network(nn.Module):
    """Perceptrons side by side, each of some of the labels, whose outputs are added: flux = b + Σ
    W_k h_k(labels of k).

    One branch of all labels is the perceptron of Cycle-StarNet and The Payne (Ting et al. 2019).
    With many labels most of them act in few pixels and hardly on each other: branches of few labels
    need far fewer spectra to be learned.

    Labels, some of them as logarithms, are scaled to ±1 over the training range; the output is
    linear, so that flux may exceed 1.

    Parameters
    ----------
    low, high : array_like, shape (n_labels,)
        Training range of the labels.
    branches : sequence of (sequence of int, sequence of int)
        Of each branch the columns of its labels and the widths of its hidden layers.
    n_pix : int
        Number of pixels.
    logarithmic : sequence of int
        Columns of the labels whose logarithm counts.
    """

    def __init__(self, low, high, branches, n_pix, logarithmic=()):
        super().__init__()
        self.register_buffer("low", torch.as_tensor(low, dtype=torch.float32))
        self.register_buffer("high", torch.as_tensor(high, dtype=torch.float32))
        self.columns, self.logarithmic = (
            [list(columns) for columns, _ in branches],
            list(logarithmic),
        )
        is_log = torch.zeros(len(self.low), dtype=torch.bool)
        is_log[self.logarithmic] = True
        self.register_buffer("is_log", is_log, persistent=False)
        self.branches = nn.ModuleList()
        for columns, widths in branches:
            layers = []
            for n_in, n_out in pairwise([len(columns), *widths]):
                layers += [nn.Linear(n_in, n_out), nn.SiLU()]  # its derivatives are smooth, too
            self.branches.append(nn.Sequential(*layers))
        self.output = nn.Linear(
            sum([len(columns), *widths][-1] for columns, widths in branches), n_pix
        )

    @property
    def shape(self):
        """The `branches` of the constructor."""
        widths = [
            [layer.out_features for layer in branch if isinstance(layer, nn.Linear)]
            for branch in self.branches
        ]
        return list(zip(self.columns, widths))

    def of(self, rows):
        """The same network: it holds nothing of single stars."""
        return self

    def forward(self, labels):
        labels, low, high = (self._logged(values) for values in (labels, self.low, self.high))
        scaled = 2.0 * (labels - low) / (high - low) - 1.0
        parts = [branch(scaled[:, columns]) for branch, columns in zip(self.branches, self.columns)]
        return self.output(torch.cat(parts, dim=1))

    def _logged(self, labels):
        """Labels, the logarithmic ones as their logarithms."""
        if not self.logarithmic:
            return labels
        # also where another label is negative
        positive = torch.where(self.is_log, labels, 1.0).clamp(min=1e-3)
        return torch.where(self.is_log, positive.log(), labels)


def flux_and_jacobian(function, inputs):
    """Value and Jacobian of a batched function by forward mode: one tangent an input, all at once.

    Parameters
    ----------
    function : callable
        Maps a tensor (n, k) to (n, n_pix), each row by itself.
    inputs : Tensor, shape (n, k)

    Returns
    -------
    value : Tensor, shape (n, n_pix)
    jacobian : Tensor, shape (n, k, n_pix)
    """

    def push(direction):
        return torch.func.jvp(function, (inputs,), (direction.expand_as(inputs),))

    basis = torch.eye(inputs.shape[1], dtype=inputs.dtype, device=inputs.device)
    value, jacobian = torch.func.vmap(push, out_dims=(None, 1))(basis)
    return value, jacobian
