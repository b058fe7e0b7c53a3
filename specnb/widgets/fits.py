"""A list of stars, and the fit of the star that is chosen."""

import ipywidgets
import numpy as np

from specnb.fitting.fit import with_errors
from specnb.plots.spectra import best_fit
from specnb.widgets.panel import Panel, row_of


class FitBrowser(Panel):
    """A list of stars, and the fit of the star that is chosen; made by `browse_fits`."""

    def __init__(self, spectra, models, table, masked_windows=(), survey=None):
        self.spectra, self.models, self.table = spectra, models, table
        self._marked = {"masked_windows": masked_windows, "survey": survey}
        stars = [(str(name), i) for i, name in enumerate(spectra.ids)]
        super().__init__({}, {"choice": ipywidgets.Dropdown(options=stars, description="star")})

    def show(self, star):
        """Show a star by its row number or its id."""
        self._change({"choice": row_of(star, self.spectra.ids)})

    def figure(self):
        """The picture of the chosen star as a Figure."""
        i, s = self.values["choice"], self.spectra
        panel = s.flux[i], s.flux_error[i], s.mask[i], self.models[i]
        return best_fit(s.wavelength, *panel, name=str(s.ids[i]), **self._marked)

    @property
    def warning(self):
        """The flags of the fit."""
        row = self.table[self.values["choice"]]
        return str(row["flags"]) if "flags" in row.colnames else ""

    def _redraw(self):
        """Labels ± errors and reduced χ² in one row of the fit."""
        row = self.table[self.values["choice"]]
        star = self.table[row.index : row.index + 1]
        labels = [name for name in row.colnames if f"{name}_error" in row.colnames]
        cells = [f"{name} {with_errors(star, name)[0]}" for name in labels]
        if "chi2_reduced" in row.colnames:
            cells.append(f"χ²/ν {row['chi2_reduced']:.2f}")
        return "".join(f"{cell} · " for cell in cells)


def browse_fits(spectra, models, table, masked_windows=(), survey=None) -> FitBrowser:
    """Show a list of stars, and the spectrum, best fit and residual of the star that is chosen.

    Parameters
    ----------
    spectra : Spectra
        Observed spectra of n stars.
    models : ndarray, shape (n, n_pix)
        Best-fitting flux of each star.
    table : Table
        Fitted labels of each star, as from `specnb.fitting.fit.fit_labels`.
    masked_windows : sequence of (float, float)
        Wavelength intervals that were left out of the fit, in Å.
    survey : Survey, optional
        Its most important lines are shaded, see `specnb.plots.spectra.best_fit`.

    Returns
    -------
    FitBrowser
        In code, use ``.show("star id")`` and ``.figure()``.

    Raises
    ------
    ValueError
        If spectra, models and table do not belong together.
    """
    shapes = spectra.flux.shape, np.shape(models)
    if not len(spectra) == len(table) > 0 or shapes[0] != shapes[1]:
        raise ValueError(
            f"spectra of shape {shapes[0]}, models of shape {shapes[1]} and {len(table)} rows of fits: "
            "give the same stars on the same pixels, at least one"
        )
    return FitBrowser(spectra, models, table, masked_windows, survey)
