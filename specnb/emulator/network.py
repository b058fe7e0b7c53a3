"""The network of an emulator, from labels to flux, and its derivatives."""

from copy import copy

import torch
from torch import nn

from specnb.core.perceptron import perceptron

LEAST = 1e-3  # smallest label that a logarithm is taken of


class Network(nn.Module):
    """Several perceptrons, each with some of the labels as inputs, whose outputs are added.

    Steps that change the flux may follow, see `specnb.emulator.step.Step`.

    The flux is b + Σ W_k h_k(labels of k), where the sum is over the perceptrons (branches).

    One branch of all labels is the perceptron of Cycle-StarNet and The Payne (Ting et al. 2019). If
    there are many labels, most of them affect few pixels, and their effects hardly depend on each
    other. Branches with few labels can then be learned from far fewer spectra.

    Labels, some of them as logarithms, are scaled to ±1 over the training range. The output is
    linear, so that the flux may exceed 1.

    Parameters
    ----------
    low, high : array_like, shape (n_labels,)
        Training range of the labels.
    branches : sequence of (sequence of int, sequence of int)
        For each branch, the columns of its labels and the widths of its hidden layers.
    n_pix : int
        Number of pixels.
    logarithmic : sequence of int
        Columns of the labels that enter as logarithms.
    """

    def __init__(self, low, high, branches, n_pix, logarithmic=()):
        super().__init__()
        self.register_buffer("low", torch.as_tensor(low, dtype=torch.float32))
        self.register_buffer("high", torch.as_tensor(high, dtype=torch.float32))
        self.shape = [(list(columns), list(widths)) for columns, widths in branches]
        self.logarithmic = list(logarithmic)
        is_log = torch.tensor([column in self.logarithmic for column in range(len(self.low))])
        self.register_buffer("is_log", is_log, persistent=False)
        sizes = [[len(columns), *widths] for columns, widths in self.shape]
        self.branches = nn.ModuleList(perceptron(size, activate_last=True) for size in sizes)
        self.output = nn.Linear(sum(size[-1] for size in sizes), n_pix)
        self.steps = nn.ModuleList()

    def of(self, rows):
        """The network with its steps for some of the stars, see `specnb.emulator.step.Step.of`."""
        selected = copy(self)  # with the same weights
        selected._modules = self._modules | {
            "steps": nn.ModuleList(step.of(rows) for step in self.steps)
        }
        return selected

    def forward(self, labels):
        scaled = self._scaled(labels)[0]
        branches = zip(self.branches, self.shape)
        parts = [branch(scaled[:, columns]) for branch, (columns, _) in branches]
        flux = self.output(torch.cat(parts, dim=1))
        for step in self.steps:
            flux = step(flux, labels)
        return flux

    def flux_and_jacobian(self, labels):
        """Flux (n, n_pix) and its exact derivatives (n, n_labels, n_pix), by the chain rule.

        The derivatives of all neurons are carried from layer to layer (forward mode). That of a
        neuron with respect to a label is 0 unless its branch has the label.
        """
        scaled, slope = self._scaled(labels)
        hidden = labels.new_empty(len(labels), self.output.in_features)
        derivatives = labels.new_zeros(*labels.shape, hidden.shape[1])
        start, neurons = 0, {}  # those that depend on a label lie in one slice
        for branch, (columns, _) in zip(self.branches, self.shape):
            value, derivative = scaled[:, columns], torch.diag_embed(slope[:, columns])
            for layer in branch:
                if isinstance(layer, nn.Linear):
                    value, derivative = layer(value), derivative @ layer.weight.T
                else:  # SiLU, x s(x) with the sigmoid s, whose derivative is s + x s (1 - s)
                    sigmoid = value.sigmoid()
                    value = value * sigmoid
                    derivative *= (sigmoid + value * (1.0 - sigmoid))[:, None]
            own = slice(start, start + value.shape[1])
            hidden[:, own], derivatives[:, columns, own] = value, derivative
            for column in columns:
                neurons[column] = slice(neurons.get(column, own).start, own.stop)
            start = own.stop
        flux, weight = self.output(hidden), self.output.weight
        jacobian = labels.new_zeros(*labels.shape, flux.shape[1])
        for column, part in neurons.items():
            jacobian[:, column] = derivatives[:, column, part] @ weight[:, part].T
        for step in self.steps:
            flux, jacobian = step.push(flux, labels, jacobian)
        return flux, jacobian

    def _scaled(self, labels):
        """Labels or their logarithms, scaled to ±1 over the training range, and their derivatives."""
        logged, low, high = (self._logged(values) for values in (labels, self.low, self.high))
        by_label = 1.0 / torch.where(self.is_log, labels.clamp(min=LEAST), 1.0)
        return 2.0 * (logged - low) / (high - low) - 1.0, 2.0 * by_label / (high - low)

    def _logged(self, labels):
        """Labels, of which those in `logarithmic` are replaced by their logarithms."""
        if not self.logarithmic:
            return labels
        # `where` also protects the logarithm from other labels that are negative
        positive = torch.where(self.is_log, labels, 1.0).clamp(min=LEAST)
        return torch.where(self.is_log, positive.log(), labels)
