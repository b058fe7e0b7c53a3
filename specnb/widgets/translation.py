"""A translated spectrum with sliders."""

import ipywidgets
import numpy as np
from astropy.table import Column

from specnb.plots.explorer import TranslatedFigure
from specnb.widgets.explorer import LabelExplorer
from specnb.widgets.picture import check_range, place, row_of

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
        few = translator.config.split and self._typical.ndim == 1 and len(self._typical) <= MOST
        self._hands = {
            f"z_split {k}": ipywidgets.FloatSlider(
                min=-1, max=1, step=0.01, description=f"z_split {k}"
            )
            for k in range(len(self._typical) if few else 0)
        }
        self.split_sliders = list(self._hands.values())
        options = [TYPICAL, BY_HAND, *self._ids]
        choice = ipywidgets.Dropdown(options=options, description="z_split")
        super().__init__(view, {"choice": choice} | self._hands if translator.config.split else {})

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
        if not isinstance(choice, str | int):
            for slider, value in zip(self.split_sliders, np.atleast_1d(choice)):
                check_range(slider.description, value, slider)
        self._use(choice)
        self._draw()

    def reset(self):
        """Return to the first labels and the typical z_split."""
        self._use(TYPICAL)
        super().reset()

    def _use(self, choice):
        """Show a z_split, which is given as for `set_split`, from the next redraw on."""
        if isinstance(choice, str) and choice == TYPICAL:
            name, split = TYPICAL, None
        elif isinstance(choice, str | int):
            if not self._ids:
                raise ValueError("no stars to take z_split from: give explore_translator some")
            row = row_of(choice, self._ids)
            name, split = self._ids[row], self._splits[row]
        else:
            name, split = BY_HAND, np.atleast_1d(choice)
        self.view.set_split(split)
        self.values |= {"choice": name} | dict(zip(self._hands, self.split.tolist()))

    def _follow(self, changed):
        if "choice" in changed:
            choice = self.values["choice"]
            self._use(self.split if choice == BY_HAND else choice)
        elif self._hands.keys() & changed:
            self._use([place(slider, self.values[name]) for name, slider in self._hands.items()])

    def _columns(self):
        """Synthetic and translated flux."""
        return [Column(getattr(self.view, name), name) for name in ("synthetic", "translated")]

    def _meta(self):
        return super()._meta() | {"z_split": self.split.tolist()}


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
