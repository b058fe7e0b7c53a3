"""Draw what the calibration of a line list does to the spectra of the Sun and Arcturus, and print how far they are off.

Usage: python data/recipes/calibration_figure.py WORK BAND [--output FILE]

BAND is rvs or h. calibrate.py has written the spectra to WORK and the changes beside this file.
"""

import argparse
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.table import Table
from atlases import RESOLVING_POWER
from PIL import Image
from scipy.stats import median_abs_deviation

from specnb.core.broadening import broaden
from specnb.core.writing import replacing
from specnb.plots.style import (
    BLACK,
    BLUE,
    GREY,
    PAGE,
    PALETTE,
    VERMILLION,
    WAVELENGTH,
    Figure,
    draw_within,
    legend,
    note,
    styled,
)
from specnb.surveys import APOGEE, RVS

SURVEYS = {"rvs": RVS, "h": APOGEE}
WIDTHS = {"rvs": 12.0, "h": 24.0}  # of a panel, Å
PANELS = 3
WHOLE = (
    0.9  # share of a window, or of the weights of a broadened pixel, that must have been observed
)


def at_resolution(wavelength, residual, resolving_power):
    """A residual at R = 45,000 as it is at a lower resolving power; NaN where too little was observed."""
    if resolving_power >= RESOLVING_POWER:
        return residual
    more = (resolving_power**-2.0 - RESOLVING_POWER**-2.0) ** -0.5
    both = np.stack([np.nan_to_num(residual), np.isfinite(residual)])
    smooth, share = broaden(wavelength, both, wavelength, resolving_power=more)
    return np.where(share > WHOLE, smooth / np.maximum(share, WHOLE), np.nan)


def scatter(residual):
    """Root mean square of a residual, and a robust one, of which lines that are far off are no part."""
    robust = median_abs_deviation(residual, nan_policy="omit", scale="normal")
    return float(np.sqrt(np.nanmean(residual**2))), float(robust)


def most_improved(wavelength, before, after, width, count=PANELS):
    """Windows that do not overlap where residuals, shape (n_stars, n_pix), became smallest.

    Returns
    -------
    list of (float, float)
        Ends of the windows, in the order of wavelength.
    """
    n = round(width / (wavelength[1] - wavelength[0]))
    gain = np.where(np.isfinite(before), before**2 - after**2, 0.0).sum(axis=0)
    observed = np.isfinite(before).all(axis=0)
    sums = [np.convolve(each, np.ones(n), "valid") for each in (gain, observed)]
    gain, found = np.where(sums[1] >= WHOLE * n, sums[0], -np.inf), []
    while len(found) < count and np.isfinite(gain).any():
        first = int(np.argmax(gain))
        found.append((float(wavelength[first]), float(wavelength[first + n - 1])))
        gain[max(first - n, 0) : first + n] = -np.inf
    return sorted(found)


@styled
def calibration_figure(wavelength, spectra, table, width):
    """Observed and synthetic spectra in a few windows, their residuals, and the changes of log gf.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pix,)
        Vacuum Å.
    spectra : dict of dict of ndarray
        For each star its flux "observed", and of the model "before" and "after", shape (n_pix,).
    table : Table
        Changes of the lines, see calibrate.py.
    width : float
        Width of a window, Å.

    Returns
    -------
    Figure
    """
    before, after = (
        np.stack([star["observed"] - star[name] for star in spectra.values()])
        for name in ("before", "after")
    )
    windows = most_improved(wavelength, before, after, width)
    figure = Figure(PAGE, 1.9 * len(spectra) + 1.7)
    parts = figure.subfigures(2, 1, height_ratios=[1.9 * len(spectra), 1.5])
    panels = parts[0].subplots(
        2 * len(spectra),
        len(windows),
        squeeze=False,
        sharex="col",
        sharey="row",
        height_ratios=[1.7, 1.0] * len(spectra),
    )
    looks = {"observed": (BLACK, 1.3), "before": (VERMILLION, 0.8), "after": (BLUE, 0.8)}
    names = {"observed": "observed", "before": "published list", "after": "calibrated list"}
    for k, (star, fluxes) in enumerate(spectra.items()):
        for window, above, below in zip(windows, panels[2 * k], panels[2 * k + 1]):
            for name, (color, line) in looks.items():
                look = {"color": color, "linewidth": line}
                draw_within(above, wavelength, fluxes[name], window, label=names[name], **look)
            for name, residual in (("before", before[k]), ("after", after[k])):
                look = {"color": looks[name][0], "linewidth": 0.8}
                draw_within(below, wavelength, 100 * residual, window, **look)
            below.axhline(0.0, color=GREY, linewidth=0.5, zorder=0)
            below.set_xlim(window)
        panels[2 * k, 0].set_ylabel(f"{star.title()}\nFlux")
        panels[2 * k + 1, 0].set_ylabel("Residual\n(%)")
    parts[0].align_ylabels(panels[:, 0])
    parts[0].supxlabel(WAVELENGTH, fontsize=8)
    legend(parts[0], panels[0, 0], loc="outside upper right")
    histogram(parts[1].subplots(), table)
    return figure


def histogram(axes, table):
    """Draw how many lines of each species became how much stronger or weaker."""
    species, count = np.unique(table["species"], return_counts=True)
    often = species[np.argsort(-count, kind="stable")][: len(PALETTE)]
    change = np.asarray(table["new_log_gf"] - table["log_gf"], dtype=float)
    groups = {name: change[table["species"] == name] for name in often}
    if (rest := ~np.isin(table["species"], often)).any():
        groups["others"] = change[rest]
    first, last = np.round([change.min(), change.max()], 1)
    bins = np.arange(min(first, -0.5) - 0.05, max(last, 0.5) + 0.1, 0.1)
    colors = [*PALETTE[: len(often)], GREY][: len(groups)]
    names = [f"{name} ({len(values)})" for name, values in groups.items()]
    axes.hist(list(groups.values()), bins, stacked=True, color=colors, label=names)
    axes.axvline(0.0, color=BLACK, linewidth=0.5)
    axes.set(xlabel="Change of log gf (dex)", ylabel="Lines", xlim=(bins[0], bins[-1]))
    note(axes, f"{len(table)} changed lines", x=0.015)
    axes.margins(y=0.1)
    axes.legend(loc="center left", ncols=2)


def main():
    """Draw the figure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("band", choices=SURVEYS)
    parser.add_argument(
        "--output", type=Path, help="default: calibration_BAND.png beside this file"
    )
    args = parser.parse_args()
    here = Path(__file__)
    stem = f"line_changes_{args.band}"
    with np.load(args.work / f"{stem}.npz") as arrays:
        wavelength = arrays["wavelength"]
        stars = [name.removesuffix("_after") for name in arrays if name.endswith("_after")]
        kinds = ("observed", "before", "after")
        spectra = {star: {kind: arrays[f"{star}_{kind}"] for kind in kinds} for star in stars}
    print("star      R       rms before, after   robust rms before, after (% of the continuum)")
    for star, fluxes in spectra.items():
        for power in (RESOLVING_POWER, SURVEYS[args.band].resolving_power):
            residuals = (fluxes["observed"] - fluxes[kind] for kind in kinds[1:])
            rms = [scatter(at_resolution(wavelength, each, power)) for each in residuals]
            before, after = 100 * np.array(rms)
            print(
                f"{star:9} {power:6.0f}  {before[0]:10.2f} {after[0]:7.2f} "
                f"{before[1]:17.2f} {after[1]:7.2f}"
            )
    table = Table.read(here.with_name(f"{stem}.ecsv"))
    figure = calibration_figure(wavelength, spectra, table, WIDTHS[args.band])
    output = args.output or here.with_name(f"calibration_{args.band}.png")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    with replacing(
        output
    ) as temporary:  # 64 colours are enough, and make the file a third as large
        Image.open(buffer).convert("RGB").quantize(64).save(temporary, "png", optimize=True)
    print(output)


if __name__ == "__main__":
    main()
