"""Figures of the training of an autoencoder or a translator: losses and other numbers against the
epoch or iteration.
"""

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from specnb.plots.panels import panel_grid
from specnb.plots.style import BLACK, DOMAINS, GREY, PAGE, PALETTE, Figure, styled, symbol

# Numbers in a history that need a title: the title, and the value at which the two domains cannot
# be distinguished.
CHANCE = {
    # The loss is summed over both domains
    "adversarial": ("Adversarial loss (nats)", 2 * np.log(2)),
    "critics": ("Loss of the critics (nats)", np.log(2)),
    "critics_right": ("Right verdicts of the critics", 0.5),
    "latents": ("Distance² of mean latents", 0.0),
    "auc": ("Two-sample AUC", 0.5),
}
CHI2 = {"reconstruction": "Reconstruction (χ²/pixel)", "cycle": "Cycle (χ²/pixel)"}


def few_as_dots(points):
    """The style of a curve, which has a dot at each point if there are few points."""
    return {"marker": "o", "markersize": 2.5} if len(points) < 30 else {}


@styled
def training_history(history, chance=None, linear=None, mlp=None, epochs=None):
    """Draw losses and the results of probes against the epoch.

    Parameters
    ----------
    history : list of dict
        Rows of `Disentangler.history`.
    chance : mapping, optional
        Loss at chance level of each discriminator, from `specnb.disentangle.score.chance_levels`.
        It is drawn as a dashed line.
    linear : mapping, optional
        Results of linear probes, as ``{epoch: {label: R²}}``.
    mlp : mapping, optional
        Results of MLP probes of the trained model, ``{label: R²}``: stars at the right edge.
    epochs : int, optional
        Last epoch of the axis, for a training that is still running.

    Returns
    -------
    Figure
    """
    figure = Figure(PAGE, 2.35, layout="none")  # a constrained layout would take twice as long
    figure.subplots_adjust(left=0.075, right=0.985, bottom=0.165, top=0.915, wspace=0.27)
    left, middle, right = figure.subplots(1, 3)
    epoch = [row["epoch"] for row in history]
    end = max(epochs or 0, len(history), 1)
    dot = few_as_dots(history)
    for name, text, color in (
        ("train", "training stars", GREY),
        ("reconstruction", "validation stars", BLACK),
    ):
        left.plot(epoch, [np.sqrt(row[name]) for row in history], color=color, label=text, **dot)
    left.set_ylabel("Rms flux error of reconstruction")
    if history:
        left.legend()

    prefix = "discriminator_"
    judges = [
        name.removeprefix(prefix)
        for name in (history[0] if history else ())
        if name.startswith(prefix)
    ]
    for name, color in zip(judges, PALETTE):
        middle.plot(
            epoch,
            [row[f"discriminator_{name}"] for row in history],
            color=color,
            label=symbol(name),
            **dot,
        )
        if chance:
            middle.axhline(chance[name], color=color, linestyle="--", linewidth=0.7)
    middle.set_ylabel("Loss of discriminators (nats)")
    if judges:
        middle.set_title("dashed: chance", loc="left", fontsize=7)
        middle.set_ylim(bottom=0)
    else:
        middle.text(
            0.5,
            0.5,
            "none: all λ are 0" if history else "",
            transform=middle.transAxes,
            ha="center",
        )

    labels = list(next(iter(linear.values()), ())) if linear else []
    for name, color in zip(labels, PALETTE):
        values = [row[name] for row in linear.values()]
        right.plot(
            list(linear), values, color=color, label=symbol(name), marker="o", markersize=2.5
        )
        if mlp:
            right.plot(end, mlp[name], "*", color=color, markersize=8, clip_on=False, zorder=3)
    if labels:
        right.set_title("line: linear" + ("   star: MLP" if mlp else ""), loc="left", fontsize=7)
        right.legend()
    right.set(ylabel="R² of probes on test stars", ylim=(-0.15, 1.05))
    for axes in (left, middle, right):
        axes.set(xlabel="Epoch", xlim=(0, end))
    return figure


@styled
def translation_history(history, iterations=None):
    """Draw the losses and other numbers of a training against the iteration.

    Parameters
    ----------
    history : list of dict
        Rows with ``iteration``, ``reconstruction_<domain>`` and ``cycle_<domain>``. Any other
        numbers, such as ``adversarial``, ``critics`` and metrics of validation spectra, get one
        panel each. A row may lack some of the numbers.
    iterations : int, optional
        Last iteration of the axes, for a training that is still running.

    Returns
    -------
    Figure
    """
    names = [
        name for name in dict.fromkeys(key for row in history for key in row) if name != "iteration"
    ]
    groups = {kind: [name for name in names if name.split("_")[0] == kind] for kind in CHI2}
    groups |= {name: [name] for name in names if name.split("_")[0] not in CHI2}
    groups = {title: members for title, members in groups.items() if members} or {
        "reconstruction": []
    }
    figure, panels = panel_grid(
        len(groups), 1.9, header=0.1, columns=min(len(groups), 3), sharex=True
    )
    end = max([iterations or 1, *(row["iteration"] for row in history)])
    for axes, (kind, members) in zip(panels, groups.items()):
        for name in members:
            known = [(row["iteration"], row[name]) for row in history if row.get(name) is not None]
            domain = name.removeprefix(kind).strip("_")
            axes.plot(
                *zip(*known),
                color=DOMAINS.get(domain, BLACK),
                label=domain.replace("_", " "),
                **few_as_dots(known),
            )
        if kind in CHI2:
            axes.set(yscale="log", ylabel=CHI2[kind])
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
            if any(name != kind for name in members):
                axes.legend()
        else:
            title, chance = CHANCE.get(kind, (kind.replace("_", " ").capitalize(), None))
            axes.set_ylabel(title)
            if chance is not None:
                axes.axhline(chance, color=GREY, linestyle="--", label="indistinguishable")
                axes.legend()
        axes.set_xlim(0, end)
    for axes in panels[-3:]:  # the lowest panel of each column
        axes.set_xlabel("Iteration")
        axes.tick_params(labelbottom=True)
    return figure
