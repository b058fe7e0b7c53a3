"""Figure of one translated spectrum with sliders."""

import numpy as np

from specnb.plots.explorer import SpectrumFigure
from specnb.plots.style import BLACK, DOMAINS, VERMILLION, styled


class TranslatedFigure(SpectrumFigure):
    """A synthetic spectrum at chosen labels, its translation, their difference, and the effect of
    z_split on it.

    Parameters
    ----------
    emulator : Emulator
    translator : Translator
        It must have the emulator's pixels. If it has no z_split, there is no panel for z_split.
    labels : mapping or sequence, optional
        See `specnb.plots.explorer.start_labels`.
    split : ndarray, shape of one z_split, optional
        By default it is the typical one.

    Attributes
    ----------
    figure : Figure
    labels : dict of float
    split : ndarray or None
        None stands for the typical one.
    synthetic, translated : ndarray, shape (n_pix,)

    Raises
    ------
    ValueError
        If emulator and translator are on different pixels, or for the reasons of `set_split`.
    """

    @styled
    def __init__(self, emulator, translator, labels=None, split=None):
        if not np.array_equal(emulator.wavelength, translator.wavelength):
            raise ValueError(f"the emulator has {len(emulator.wavelength)} pixels, the translator other "
                             f"{len(translator.wavelength)}: give those of one survey")  # fmt: skip
        self.translator, self.split = translator, None
        super().__init__(
            emulator, labels, ratios=(2.2, 1, 1) if translator.config.split else (2.2, 1)
        )
        top, middle, *bottom = self._panels
        self._synthetic = self._curve(top, DOMAINS["synthetic"], "synthetic")
        self._translated = self._curve(top, DOMAINS["translated"], "translated")
        self._differences = [
            self._curve(axes, color) for axes, color in zip((middle, *bottom), (BLACK, VERMILLION))
        ]
        middle.set_ylabel("Translated −\nsynthetic")
        for axes in bottom:
            axes.set_ylabel("This − typical\n$z_\\mathrm{split}$")
        self._name_curves(self._synthetic, self._translated)
        self.set_split(split)
        self.update(window=emulator.wavelength[[0, -1]])

    def set_split(self, split=None):
        """Use another z_split, by default the typical one, from the next `update` on.

        Raises
        ------
        ValueError
            If the translator has no z_split, or its z_split has another shape.
        """
        if split is not None:
            if not self.translator.config.split:
                raise ValueError("this translator was trained without z_split")
            split, shape = (
                np.asarray(split, dtype=np.float32),
                tuple(self.translator.mean_split.shape),
            )
            if split.shape != shape:
                raise ValueError(
                    f"z_split of shape {split.shape}: this translator's has shape {shape}"
                )
        self.split = split

    def update(self, labels=None, window=None):
        """Change what is shown.

        Parameters
        ----------
        labels : mapping, optional
            New values of some or all labels.
        window : (float, float), optional
            Wavelength range in Å.

        Raises
        ------
        ValueError
            If a label does not exist.
        """
        flux = self._emulate(labels, self.emulator)
        typical = self.translator.translate(flux)[0].astype(float)
        own = (
            typical
            if self.split is None
            else self.translator.translate(flux, self.split[None])[0].astype(float)
        )
        self.synthetic, self.translated = flux[0].astype(float), own
        self._synthetic.set_ydata(self._with_gaps(self.synthetic))
        self._translated.set_ydata(self._with_gaps(own))
        for line, difference in zip(self._differences, (own - self.synthetic, own - typical)):
            line.set_ydata(self._with_gaps(difference))
        self._write_labels()
        if self._show_window(window):
            self._name_lines()
        for axes, line in zip(self._panels[1:], self._differences):
            self._rescale(axes, line)
