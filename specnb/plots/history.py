"""How a training went: reconstruction, the discriminators against chance, and what fresh probes read from the latents."""

import numpy as np

from specnb.plots.style import BLACK, GREY, PAGE, PALETTE, Figure, styled, symbol


@styled
def training_history(history, chance=None, linear=None, mlp=None, epochs=None):
    """Losses and probes against the epoch.

    Parameters
    ----------
    history : list of dict
        Rows of `Disentangler.history`.
    chance : mapping, optional
        Loss at chance level of each discriminator, from `specnb.disentangle.score.chance_levels`: dashed.
    linear : mapping, optional
        Epoch: {label: R² of a linear probe}.
    mlp : mapping, optional
        {label: R² of an MLP probe} of the trained model: stars at the right edge.
    epochs : int, optional
        Where the epoch axis ends, for a training that still runs.

    Returns
    -------
    Figure
    """
    figure = Figure(PAGE, 2.35, layout="none")  # a constrained layout doubles the time
    figure.subplots_adjust(left=0.075, right=0.985, bottom=0.165, top=0.915, wspace=0.27)
    left, middle, right = figure.subplots(1, 3)
    epoch = [row["epoch"] for row in history]
    end = max(epochs or 0, len(history), 1)
    dot = {"marker": "o", "markersize": 2.5} if len(history) < 30 else {}
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
