"""The spectrum of an emulator with sliders for the labels, beside real stars: the fit by hand."""

import warnings

import numpy as np
from astropy.table import Column

from specnb.core.wavelength import detectors
from specnb.fitting.fit import FitConfig, fit_labels, with_errors
from specnb.plots.explorer import ExplorerFigure
from specnb.plots.panels import start_labels
from specnb.widgets.explorer import Explorer
from specnb.widgets.pages.page import emulator_page
from specnb.widgets.stars import Stars
from specnb.widgets.state import ORDER, VELOCITY, clipped, label_ranges

NORMALISED = "continuum-normalised"
# What the flags of a fit mean; `at_limit` names labels, and has words of its own
FLAGS = {
    "not_converged": "the fit did not converge",
    "outside_hull": "outside the emulator's training hull",
    "ambiguous": "another velocity fits nearly as well",
    "poor_fit": "a poor fit: χ² is above the limit of the calibration",
    "outside_domain": "outside the domain of the stars of the calibration",
}


class EmulatorExplorer(Explorer):
    """The emulator's spectrum, what it leaves of a star, and its gradient by one label; made by
    `explore_emulator`.

    Attributes
    ----------
    emulator : Emulator
    physics : Emulator or None
    """

    def __init__(self, emulator, labels=None, stars=None, physics=None, **state):
        self.emulator, self.physics = emulator, physics
        self._first = start_labels(emulator.survey, labels)
        super().__init__(emulator.survey, stars, labels=dict(labels or {}), **state)

    def _describe(self, half=False):
        return emulator_page(self.emulator, self._first, self.physics, half=half)

    @property
    def outside(self):
        row = np.array([list(self.labels.values())])
        if not self.emulator.in_hull(row)[0]:
            return "training hull"
        calibration = self.emulator.calibration
        far = calibration is not None and calibration.outside(row, self.survey)[0]
        return "domain of the real stars with which the model was made" if far else ""

    @property
    def _calibration(self):
        return self.emulator.calibration

    def figure(self):
        """The picture for print."""
        reference, *others = self._references()
        seen = self._seen(self._emulate(self.emulator))
        view = ExplorerFigure(
            self.emulator, self.labels, *reference, self._gradient, self.physics, seen, others
        )
        view.update(window=self.window or None)
        return view.figure

    def fit(self):
        """Fit the labels of the chosen star with this emulator, and show them. A velocity is fitted
        if the star is not at rest or the slider of the velocity was moved.

        Returns
        -------
        Table
            As from `specnb.fit_labels`.

        Raises
        ------
        ValueError
            If no star is chosen, or it cannot be fitted.
        """
        with self._working("fitting…"):
            if not self.star:
                raise ValueError("no star is chosen: choose one to fit")
            order = self.continuum if self.continuum >= 0 else FitConfig().continuum_order
            moving = True if self.velocity else None
            fit = fit_labels(
                self.stars.spectrum(self.star), self.emulator,
                FitConfig(continuum_order=order, fit_rv=moving),
            )  # fmt: skip
            values = {name: float(fit[name][0]) for name in self.labels}
            flags = str(fit["flags"][0])
            if not np.isfinite(list(values.values())).all():
                raise ValueError(f"{self.star} cannot be fitted: {flags}")
            values = clipped(values, label_ranges(self._page))  # a fit may end between two steps
            if "rv" in fit.colnames and fit["converged"][0] and abs(fit["rv"][0]) <= VELOCITY:
                values["velocity"] = float(fit["rv"][0])
            self.set(continuum=order, **values)
            self.told = self._result(fit)
        return fit

    def _result(self, fit):
        """χ², the labels with their errors, and what the flags say in words, as one text."""
        plain = {label["name"]: label["plain"] for label in self._page["labels"]}
        plain = {name: plain[name] for name in self.survey.everywhere}
        plain |= {"rv": "velocity"} if "rv" in fit.colnames else {}
        texts = [f"{symbol} {with_errors(fit, name)[0]}" for name, symbol in plain.items()]
        text = ", ".join([f"χ²/ν {fit['chi2_reduced'][0]:.2f}", *texts])
        text = text.replace(" dex", "").replace(" / ", "/").replace("-", "−")
        flags = [flag.partition(":") for flag in str(fit["flags"][0]).split(",") if flag]
        limits = [plain.get(name, name) for flag, _, name in flags if flag == "at_limit"]
        words = [f"at the ends of their ranges: {', '.join(limits)}"] if limits else []
        words += [FLAGS[flag] for flag, *_ in flags if flag in FLAGS]
        return " · ".join([text, *words])

    @property
    def _gradient(self):
        return self.gradient or self.moved or self._page["labels"][0]["name"]

    def _emulate(self, emulator, labels=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # `outside` says it
            return emulator([list((labels or self.labels).values())])[0].astype(float)

    def _references(self):
        """Spectra to compare with and their names: the chosen star, and one that the user named for
        it, as in the browser; or else that of the first labels.
        """
        stars = dict.fromkeys(filter(None, [self.star, self.reference.removeprefix("start")]))
        shown = [(self.stars.observed(star)[0], star) for star in stars]
        return shown or [(self._emulate(self.emulator, self._page["start"]), "start")]

    def _columns(self):
        """The emulator's flux and its derivative, and that of the physics and of the star."""
        flux, label = self._emulate(self.emulator), self.survey.label(self._gradient)
        seen = self._seen(flux)
        row = [list(self.labels.values())]
        slopes = self.emulator.jacobian(row)[0, self.survey.labels.index(label)].astype(float)
        unit = f"1 / ({label.unit})" if label.unit else None
        columns = [
            Column(seen(flux), "flux", description=NORMALISED),
            Column(seen(slopes), f"dflux_d{label.name}", unit=unit),
        ]
        if self.physics is not None:
            columns.append(Column(seen(self._emulate(self.physics)), "physics"))
        if self.star:
            flux, error = self.stars.observed(self.star)
            columns += [Column(flux, "observed"), Column(error, "observed_error")]
        return columns


def explore_emulator(
    emulator, labels=None, stars=None, physics=None, fits=None, **state
) -> EmulatorExplorer:
    """Show the emulator's spectrum with sliders for the labels: what it leaves of a star, and its
    gradient.

    The browser computes and draws it, so that the sliders need no kernel.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping, optional
        First labels; by default those of `Survey.start`.
    stars : Spectra, optional
        Stars of the emulator's survey, with which the emulator can be compared, and which can be
        fitted. With a star its labels are shown.
    physics : Emulator, optional
        Another emulator whose spectrum at the same labels is shown, too.
    fits : Table, optional
        Labels of the stars, as from `specnb.fit_labels`. By default they are those of the stars'
        catalogue. If the fit had a continuum, the model is shown with one.
    **state
        Further settings by name, such as ``star=0`` or ``gradient="m_h"``, see
        `specnb.widgets.explorer.Explorer`.

    Returns
    -------
    EmulatorExplorer
        It is shown as the last value of a cell. In code, use ``.set(teff=5000, star="…")``,
        ``.labels``, ``.fit()``, ``.open_file(path)``, ``.spectrum()``, ``.export()``, ``.figure()``
        and ``.reset()``.

    Raises
    ------
    ValueError
        If labels or settings are unknown, the stars are on other pixels, or the fits are not of
        these stars.
    """
    emulator, known = emulator.of(None), Stars()
    if stars is not None:
        known.add(emulator.survey.on_pixels(stars), fits)
    if fits is not None:
        count = sum(name.startswith("continuum_") for name in fits.colnames)
        order = count // len(detectors(emulator.wavelength)) - 1
        state = {"continuum": min(order, ORDER)} | state
    return EmulatorExplorer(emulator, labels, known, physics, **state)
