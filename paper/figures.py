"""Draw the figures of paper.md from the committed results: call `python paper/figures.py`.

They show numbers of paper_figures_full/, which runs of notebooks 05 and 08 wrote, and nothing that was measured for
the paper alone.
"""

from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter

from specnb.plots.style import BLACK, BLUE, COLUMN, GREY, SKY, VERMILLION, Figure, styled, symbol

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "paper_figures_full"
GAINS = {  # column of gains.csv: its name, colour and marker
    "published": ("published", GREY, "s"),
    "entangled": ("entangled codes", BLUE, "o"),
    "all entangled": ("all labels entangled", SKY, "D"),
    "components": ("25 principal components", VERMILLION, "^"),
    "possible": ("a perfect reader", BLACK, "_"),
}
PANELS = {
    "a  The paper's regressor, against the catalogue": ("faithful", "catalogue"),
    "b  Early stopping and a penalty, against the truth": ("best", "truth"),
}
MODELS = {  # row of models_*.csv: its name
    "physics only": "physics only",
    "mean spectrum": "mean difference",
    "one power a pixel": "one power a pixel",
    "linear start": "linear regression",
    "translated": "translator",
    "translated, own z_split": "translator, star's own $z$",
    "perfect translator": "perfect translator",
}
SURVEYS = {"apogee": ("APOGEE", BLUE, "o"), "rvs": ("Gaia RVS", VERMILLION, "^")}


@styled
def gains(table: Table) -> Figure:
    """Gains of Table 1 in the mean absolute error over regressors on spectra, by label.

    Parameters
    ----------
    table : Table
        gains.csv of notebook 05.
    """
    figure = Figure(COLUMN, 4.4)
    for axes, (title, (regressor, against)) in zip(figure.subplots(2, sharex=True), PANELS.items()):
        rows = table[(table["regressor"] == regressor) & (table["against"] == against)]
        place = np.arange(len(rows))
        for k, (name, (text, color, marker)) in enumerate(GAINS.items()):
            if name == "published" and against == "truth":
                continue  # the papers have no truth
            limit = (
                {"markersize": 12, "markeredgewidth": 1.6} if marker == "_" else {"markersize": 4}
            )
            shift = 0 if marker == "_" else 0.13 * (k - 1.5)
            axes.plot(place + shift, rows[name], marker, color=color, label=text, **limit)
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.set(ylabel="Gain in MAE (%)", xlim=(-0.5, len(rows) - 0.5))
        axes.set_title(title, loc="left")
        axes.set_xticks(place, [symbol(each) for each in rows["label"]])
        axes.tick_params(axis="x", length=0)
        axes.margins(y=0.15)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


@styled
def ladder(tables: dict[str, Table]) -> Figure:
    """Mean reduced χ² and bias of fits by each model: the ladder below Fig. 3 of the second paper.

    Parameters
    ----------
    tables : dict of Table
        models_NAME.csv of notebook 08, by the survey's name.
    """
    figure = Figure(COLUMN, 2.6)
    place, both = np.arange(len(MODELS))[::-1], figure.subplots(1, 2, sharey=True)
    for survey, (title, color, marker) in SURVEYS.items():
        rows = {row["fit"]: row for row in tables[survey]}
        for axes, name in zip(both, ("chi2", "bias")):
            values = [rows[model][name] for model in MODELS]
            axes.plot(values, place, marker, color=color, markersize=4, label=title)
    for axes, title, ticks in zip(
        both, ("Mean reduced χ²", "Bias / error"), ((1, 2, 5), (0.01, 0.1, 1, 10))
    ):
        axes.set(xscale="log", xlabel=title)
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(axis="y", color=GREY, linewidth=0.3)
        axes.tick_params(axis="y", length=0)
    both[0].set_yticks(place, MODELS.values())
    both[0].set_xlim(0.9, 7)
    both[1].set_xlim(0.008, 12)
    figure.legend(*both[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def write(folder: Path = HERE):
    """Write gains.png and ladder.png; the same bytes for the same results."""
    models = RESULTS / "08_fit_residuals"
    figures = {
        "gains": gains(Table.read(RESULTS / "05_parameterize" / "gains.csv")),
        "ladder": ladder({name: Table.read(models / f"models_{name}.csv") for name in SURVEYS}),
    }
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=300, metadata={"Software": None})


if __name__ == "__main__":
    write()
