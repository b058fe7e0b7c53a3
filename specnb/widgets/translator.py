"""A translated spectrum with sliders for the labels and for z_split."""

import numpy as np
from astropy.table import Column

from specnb.core.spectra import check_at_rest
from specnb.core.wavelength import check_pixels
from specnb.plots.explorer import TranslatedFigure
from specnb.plots.panels import start_labels
from specnb.widgets.explorer import Explorer
from specnb.widgets.pages.page import translator_page
from specnb.widgets.stars import Stars
from specnb.widgets.state import BY_HAND, TYPICAL


class TranslatorExplorer(Explorer):
    """A synthetic spectrum, its translation and their difference; made by `explore_translator`.

    Attributes
    ----------
    emulator : Emulator
    translator : Translator
    """

    def __init__(self, emulator, translator, labels=None, stars=None, **state):
        self.emulator, self.translator = emulator, translator
        self._first = start_labels(emulator.survey, labels)
        super().__init__(emulator.survey, stars, labels=dict(labels or {}), **state)

    def _describe(self, half=False):
        return translator_page(self.emulator, self.translator, self._first, half=half)

    def set(self, **state):
        """Change labels and other settings at once, see `Explorer.set`. ``split`` may also be a
        star's name or row, or the numbers of z_split.
        """
        split = state.get("split", TYPICAL)
        if not isinstance(split, str | int):
            state |= {"split": BY_HAND, "split_values": np.atleast_1d(split).tolist()}
        super().set(**state)

    def _of_stars(self, spectra):
        split = spectra is not None and self.translator.config.split
        return {"splits": self.translator.encode(spectra)[1]} if split else {}

    @property
    def z_split(self) -> np.ndarray | None:
        """The z_split that is shown, or None if the translator has none."""
        if not self.translator.config.split:
            return None
        typical = self.translator.mean_split.cpu().numpy()
        if self.split == TYPICAL or (self.split == BY_HAND and not self.split_values):
            return typical
        if self.split == BY_HAND:
            return np.array(self.split_values, dtype=np.float32)
        return self.translator.encode(self.stars.spectrum(self.split))[1][0]

    @property
    def outside(self):
        inside = self.emulator.in_hull(np.array([list(self.labels.values())]))[0]
        return "" if inside else "training hull"

    def figure(self):
        """The picture for print."""
        seen = self._seen(self._translated()[1])
        view = TranslatedFigure(self.emulator, self.translator, self.labels, self.z_split, seen)
        view.update(window=self.window or None)
        return view.figure

    def _columns(self):
        """Synthetic and translated flux."""
        spectra = self._translated()
        return list(map(Column, map(self._seen(spectra[1]), spectra), ("synthetic", "translated")))

    def _translated(self):
        """The synthetic spectrum and its translation, each of shape (n_pix,)."""
        synthetic, split = self.emulator([list(self.labels.values())]), self.z_split
        translated = self.translator.translate(synthetic, None if split is None else split[None])
        return synthetic[0].astype(float), translated[0].astype(float)

    def _meta(self):
        split = [] if self.z_split is None else self.z_split.tolist()
        return super()._meta() | {"z_split": split}


def explore_translator(
    emulator, translator, stars=None, labels=None, **state
) -> TranslatorExplorer:
    """Show a synthetic spectrum, its translation and their difference, with sliders for the labels.
    z_split is taken from a star or set by hand.

    The browser computes and draws it, so that the sliders need no kernel.

    Parameters
    ----------
    emulator : Emulator
    translator : Translator
        A translator for the emulator's pixels.
    stars : Spectra, optional
        Observed stars whose z_split can be chosen.
    labels : mapping, optional
        First labels; by default those of `Survey.start`.
    **state
        Further settings by name, such as ``split=0``, see `specnb.widgets.explorer.Explorer`.

    Returns
    -------
    TranslatorExplorer
        It is shown as the last value of a cell. In code, use ``.set(teff=5000, split="star id")``,
        ``.labels``, ``.z_split``, ``.spectrum()``, ``.export()``, ``.figure()`` and ``.reset()``.

    Raises
    ------
    ValueError
        If emulator, translator and stars are not on the same pixels, or settings are unknown.
    """
    known = Stars()
    check_pixels(translator.wavelength, emulator.wavelength)
    if stars is not None:
        check_at_rest(stars, translator.wavelength)
        known.add(stars)
    return TranslatorExplorer(emulator, translator, labels, known, **state)
