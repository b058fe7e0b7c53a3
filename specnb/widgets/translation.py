"""A translated spectrum with sliders."""

import ipywidgets
import numpy as np
from astropy.table import Column

from specnb.plots.translated import TranslatedFigure
from specnb.widgets.explorer import LabelExplorer
from specnb.widgets.picture import check_range, row_of, slider_grid, snapped

TYPICAL, BY_HAND = "typical", "by hand"
MOST = 16  # up to so many numbers of z_split get one slider each


class TranslatorExplorer(LabelExplorer):
    """A translated spectrum with sliders for labels and z_split; made by `explore_translator`.

    Attributes
    ----------
    labels : dict of float
    split : ndarray
        The z_split that is shown.
    sliders : dict of FloatSlider
        Sliders of the labels.
    split_sliders : list of FloatSlider
        One for each number of z_split, if there are few. Moving one of them chooses "by hand".
    choice : Dropdown
        The star whose z_split is used.
    view : TranslatedFigure
        ``view.figure`` is the same picture in a form for print.
    """

    def __init__(self, emulator, translator, stars=None):
        view = TranslatedFigure(emulator, translator)
        self._typical = translator.mean_split.cpu().numpy()
        self._ids = [] if stars is None else [str(name) for name in stars.ids]
        self._splits = None if stars is None else translator.encode(stars)[1]
        hands = len(self._typical) if translator.config.split and self._typical.ndim == 1 else 0
        self.split_sliders = [
            ipywidgets.FloatSlider(min=-1, max=1, step=0.01, description=f"z_split {k}")
            for k in range(hands if hands <= MOST else 0)
        ]
        self._put(self._typical)
        options = [TYPICAL, BY_HAND, *self._ids]
        self.choice = ipywidgets.Dropdown(options=options, description="z_split")
        super().__init__(view, [self.choice] if translator.config.split else [])
        self._watch(self._split_moved, *self.split_sliders)
        if self.split_sliders:
            labels, *others = self.children
            self.children = [labels, slider_grid(self.split_sliders), *others]

    @property
    def split(self):
        return self._typical if self.view.split is None else self.view.split

    def set_split(self, choice):
        """Use another z_split: "typical", that of a star, given by its id or row, or the numbers
        themselves.

        Raises
        ------
        ValueError
            If there is no such star, or the numbers are too few, too many or beyond the sliders.
        """
        if isinstance(choice, str) and choice == TYPICAL:
            self._show(TYPICAL, None)
        elif isinstance(choice, str | int):
            if not self._ids:
                raise ValueError("no stars to take z_split from: give explore_translator some")
            row = row_of(choice, self._ids)
            self._show(self._ids[row], self._splits[row])
        else:
            values = np.atleast_1d(np.asarray(choice, dtype=np.float32))
            for slider, value in zip(self.split_sliders, values):
                check_range(slider.description, value, slider)
            self._show(BY_HAND, values)

    def reset(self):
        """Return to the first labels and the typical z_split."""
        self._place(TYPICAL, None)
        super().reset()

    def spectrum(self):
        table = super().spectrum()
        table.meta["z_split"] = self.split.tolist()
        return table

    def _columns(self):
        """Synthetic and translated flux."""
        return [Column(getattr(self.view, name), name) for name in ("synthetic", "translated")]

    def _place(self, name, split):
        """Set z_split, and move its dropdown and sliders accordingly, without drawing."""
        self.view.set_split(split)
        with self._quietly():
            self.choice.value = name
            self._put(self.split)

    def _put(self, split):
        """Move the sliders of z_split to the steps nearest to it."""
        for slider, value in zip(self.split_sliders, split):
            slider.value = snapped(slider, float(value))

    def _show(self, name, split):
        self._place(name, split)
        self._draw()

    def _chosen(self, change):
        if change["owner"] is not self.choice:
            super()._chosen(change)
        elif self.choice.value == BY_HAND:
            self._show(BY_HAND, self.split)
        else:
            self.set_split(self.choice.value)

    def _split_moved(self, _):
        values = [slider.value for slider in self.split_sliders]
        shown = [
            snapped(slider, float(value)) for slider, value in zip(self.split_sliders, self.split)
        ]
        # Not an edit: a browser rounds the values that it gets
        if not np.allclose(values, shown, rtol=0, atol=1e-6):
            self._show(BY_HAND, values)


def explore_translator(emulator, translator, stars=None) -> TranslatorExplorer:
    """Show a synthetic spectrum, its translation and their difference, with sliders for the labels.
    z_split is taken from a star or set by hand.

    Parameters
    ----------
    emulator : Emulator
    translator : Translator
        A translator for the emulator's pixels.
    stars : Spectra, optional
        Observed stars whose z_split can be chosen.

    Returns
    -------
    TranslatorExplorer
        It is shown as the last value of a cell. In code, use ``.set(teff=5000)``, ``.labels``,
        ``.split``, ``.spectrum()``, ``.export()``, ``.reset()`` and ``.set_split("typical")``,
        which also takes a star's id or row, or the numbers themselves.

    Raises
    ------
    ValueError
        If emulator, translator and stars are not on the same pixels.
    """
    return TranslatorExplorer(emulator, translator, stars)
