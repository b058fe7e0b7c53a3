"""A list of stars with the fit of the chosen one."""

import ipywidgets
import numpy as np

from specnb.plots.fits import star_fit
from specnb.widgets.picture import STEPS, check_pixels, figure_png, picture, row_of


class FitBrowser(ipywidgets.VBox):
    """A list of stars with the fit of the chosen one; made by `browse_fits`."""

    def __init__(self, spectra, models, table, masked_windows=()):
        self.spectra, self.models, self.table, self.masked_windows = spectra, models, table, masked_windows
        self.choice = ipywidgets.Dropdown(
            options=[(str(name), i) for i, name in enumerate(spectra.ids)], description="star"
        )
        self.readout = ipywidgets.HTML()
        self.image = picture()
        self.choice.observe(lambda _: self._draw(), "value")
        super().__init__([self.choice, self.readout, self.image])
        self._draw()

    def show(self, star):
        """Show a star by its row number or its id."""
        self.choice.value = row_of(star, self.spectra.ids)

    def figure(self):
        """The picture of the chosen star as a Figure."""
        i, s = self.choice.value, self.spectra
        name = str(s.ids[i])
        return star_fit(s.wavelength, s.flux[i], s.flux_error[i], s.mask[i], self.models[i], name, self.masked_windows)

    def _draw(self):
        self.image.value = figure_png(self.figure())
        self.readout.value = self._row(self.table[self.choice.value])

    @staticmethod
    def _row(row):
        """Labels ± errors of one row of the fit, reduced χ² and flags, as HTML."""
        names = [name for name in row.colnames if f"{name}_error" in row.colnames]
        cells = []
        for name in names:
            unit = row.table[name].unit
            digits = STEPS.get(str(unit), (0, 2))[1]
            cells.append(
                f"{name} {row[name]:.{digits}f} ± {row[f'{name}_error']:.{digits}f} {'' if unit is None else unit}"
            )
        if "chi2_reduced" in row.colnames:
            cells.append(f"χ²/ν {row['chi2_reduced']:.2f}")
        if "flags" in row.colnames and str(row["flags"]):
            cells.append(f"<b style='color: #D55E00'>{row['flags']}</b>")
        return " · ".join(cells)


def browse_fits(spectra, models, table, masked_windows=()) -> FitBrowser:
    """A list of stars with the observed spectrum, the best fit and the residual of the chosen one.

    Parameters
    ----------
    spectra : Spectra
        n stars.
    models : ndarray, shape (n, n_pix)
        Best-fitting flux of each.
    table : Table
        Fitted labels of each, as from `specnb.fitting.fit.fit_labels`.
    masked_windows : sequence of (float, float)
        Wavelength intervals left out of the fit, Å.

    Returns
    -------
    FitBrowser
        In code: ``.show("star id")``, ``.figure()``.

    Raises
    ------
    ValueError
        If the three do not belong together.
    """
    if not len(spectra) == len(models) == len(table) > 0:
        raise ValueError(
            f"{len(spectra)} spectra, {len(models)} models and {len(table)} rows of fits: give the same stars"
        )
    check_pixels(spectra.flux.shape[1], np.shape(models)[1], "spectra", "models")
    return FitBrowser(spectra, models, table, masked_windows)
