"""The explorer: spectra with sliders that the browser computes and draws itself.

Its JavaScript runs the networks, so that a slider needs no kernel. What it shows is also known here:
each control of the browser is a trait, and the numbers are computed again by PyTorch if code asks
for them.
"""

import re
import warnings
from pathlib import Path

import numpy as np
import traitlets
from astropy.table import Column, Table

from specnb.fitting.seen import as_seen
from specnb.widgets.asked import Asked
from specnb.widgets.pages.page import stars_part
from specnb.widgets.stars import Stars, read_stars
from specnb.widgets.state import FIRST, STATE, check_state, clipped, label_ranges, with_ids

BUNDLE = Path(__file__).parent / "browser"  # written by `make browser`


def bundled(name: str) -> str:
    """The text of a file of the browser's part.

    Raises
    ------
    OSError
        If it has not been built.
    """
    path = BUNDLE / name
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no {path}, the explorer's part for the browser: build it with make browser"
        )
    return path.read_text("utf-8")


class Explorer(Asked):
    """Spectra, with sliders for what they depend on. Subclasses say what is shown.

    They define `_describe`, which makes the page, `_columns`, the spectra that are shown, and
    `figure`; perhaps also `_meta`, `outside` and `_of_stars`.

    Parameters
    ----------
    survey : Survey
    stars : Stars, optional
    **state
        First settings, as for `set`.

    Attributes
    ----------
    labels : dict of float
        The labels that are shown.
    star : str
        Id of the chosen star, "" if there is none.
    overlay : list of str
        Ids of up to five further stars.
    window : list of float
        Ends of the wavelength range in Å; none stands for all pixels.
    gradient : str
        The label of the gradient; "" stands for the label that was moved last.
    moved : str
        The label that was moved last; "" stands for the first one.
    velocity : float
        Radial velocity of the model, km/s.
    continuum : int
        Order of the polynomials by which the model is fitted to the star's continuum, -1 for none.
    reference : str
        The spectrum to compare with: "start" or the id of a star.
    residual : {"sigma", "flux"}
    split : str
        The z_split of a translator: "typical", "by hand" or the id of a star.
    split_values : list of float
        The numbers of z_split by hand.
    lambdas : dict of float
        λ of a model that takes them.
    latents : list of float
        Edited latents; none stand for the star's own.
    compare : {"nothing", "nearest", "truth"}
    panels : list of str
        Names of the panels that are shown; none stands for all.
    theme : {"auto", "light", "dark"}
    busy, told : str
        See `specnb.widgets.asked.Asked`.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    _page = traitlets.Dict().tag(sync=True)
    _data = traitlets.Bytes().tag(sync=True)
    _stars = traitlets.Dict().tag(sync=True)
    _stars_data = traitlets.Bytes().tag(sync=True)

    labels = traitlets.Dict().tag(sync=True)
    star = traitlets.Unicode().tag(sync=True)
    overlay = traitlets.List().tag(sync=True)
    window = traitlets.List().tag(sync=True)
    gradient = traitlets.Unicode().tag(sync=True)
    moved = traitlets.Unicode().tag(sync=True)
    velocity = traitlets.Float(0.0).tag(sync=True)
    continuum = traitlets.Int(-1).tag(sync=True)
    reference = traitlets.Unicode("start").tag(sync=True)
    residual = traitlets.Unicode("sigma").tag(sync=True)
    split = traitlets.Unicode(FIRST["split"]).tag(sync=True)
    split_values = traitlets.List().tag(sync=True)
    lambdas = traitlets.Dict().tag(sync=True)
    latents = traitlets.List().tag(sync=True)
    compare = traitlets.Unicode("nothing").tag(sync=True)
    panels = traitlets.List().tag(sync=True)
    theme = traitlets.Unicode("auto").tag(sync=True)

    _stem = "spectrum"  # with which names of exported files begin

    def __init__(self, survey, stars=None, **state):
        self.survey, self.stars = survey, stars or Stars()
        page, data = self._describe()
        files = {"_esm": bundled("explorer.js"), "_css": bundled("explorer.css")}
        super().__init__(**files, _page=page, _data=data, labels=dict(page["start"]))
        with self.hold_sync():
            self._stars, self._stars_data = self._describe_stars()
            self.set(**state)

    def __repr__(self):
        return f"<{type(self).__name__} of {self.survey.title}: use .set() and .spectrum()>"

    def _describe(self, half: bool = False) -> tuple[dict, bytes]:
        """The page and its arrays; with ``half``, weights have half precision."""
        raise NotImplementedError

    def _describe_stars(self, half: bool = False) -> tuple[dict, bytes]:
        """What the browser knows of the stars, and its arrays."""
        names = [label["name"] for label in self._page["labels"]]
        spectra = self.stars.joined([self.survey.label(name) for name in names])
        known = {"moving": self.stars.moving} | self._of_stars(spectra)
        return stars_part(spectra, names, half=half, **known)

    def _of_stars(self, spectra) -> dict:
        """What else `specnb.widgets.pages.page.stars_part` should write of stars (or None)."""
        return {}

    def _columns(self) -> list[Column]:
        """The spectra that are shown."""
        raise NotImplementedError

    def figure(self):
        """The picture for print, as a matplotlib Figure."""
        raise NotImplementedError

    @property
    def outside(self) -> str:
        """The region in which the labels should lie, but do not; "" if they do."""
        return ""

    _calibration = None  # of the model

    def _seen(self, model):
        """How spectra at rest (..., n_pix) are seen: at the velocity and, beside a star, with the
        continuum that brings a model (n_pix,) nearest to it. It returns a function.
        """
        star = self.stars.observed(self.star) if self.star else None
        known = {"moving": self.star in self.stars.moving, "calibration": self._calibration}
        return as_seen(model, self.survey.pixels, self.velocity, star, self.continuum, **known)

    def packed(self, half: bool = True):
        """What a static page needs: a dict with "page", "stars" and "state", and the bytes of the
        page's arrays and of the stars'. With ``half``, weights have half precision.
        """
        (page, data), (stars, spectra) = self._describe(half), self._describe_stars(half)
        state = {name: getattr(self, name) for name in STATE}
        return {"page": page, "stars": stars, "state": state}, data, spectra

    def set(self, **state):
        """Change labels and other settings at once, as in ``set(teff=5000, star=0, window=(8530,
        8560))``. Nothing changes if one of them is wrong.

        A star is given by its id, name or row, a window also by its name. With a star come its
        known labels, the first ones where it has none, and velocity 0, unless they are given, too.

        Raises
        ------
        ValueError
            If there is no such label, setting or star, or a number is beyond its slider.
        """
        changes = self._wanted(dict(state))
        with self.hold_sync():  # star and λ come before latents, which they empty
            for name in sorted(changes, key=STATE.index):
                setattr(self, name, changes[name])

    def reset(self):
        """Return to the first labels, and to no velocity, continuum or other edit."""
        self.set(labels=self._page["start"], **FIRST)

    def spectrum(self) -> Table:
        """What is shown, as a table of spectra, with labels and the like as metadata."""
        wavelength = Column(self.survey.pixels, "wavelength", unit="Angstrom", description="vacuum")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the metadata tell where the labels are
            return Table([wavelength, *self._columns()], meta=self._meta())

    def export(self, path=None):
        """Write the table of `spectrum` to an ECSV file and return the name of the file. By default
        the name is made from what is shown.
        """
        parts = [self._stem, self.star, *(f"{x:.5g}" for x in self.labels.values())]
        name = re.sub(r"[^\w .+-]", "-", "_".join(filter(None, parts)), flags=re.ASCII)[:200]
        path = path or f"{name}.ecsv"
        self.spectrum().write(path, format="ascii.ecsv", overwrite=True)
        return path

    def open_file(self, path):
        """Add the stars of a file, see `specnb.read_spectra`, and show the first.

        They are rebinned to the survey's pixels. Those that are not at rest are shown as they are.

        Raises
        ------
        OSError, ValueError
            If the file cannot be read, or holds spectra of another survey.
        """
        name = Path(path).name
        with self._working(f"reading {name}…"):
            spectra = read_stars(path, self.survey)
            self.stars.add(spectra)
            self._stars, self._stars_data = self._describe_stars()
            self.set(star=str(spectra.ids[0]))
            moving = "" if spectra.at_rest else ", not at rest: Fit finds velocities"
            self.told = f"opened {name}, stars: {len(spectra)}{moving}"

    def _meta(self):
        return {
            "labels": dict(self.labels),
            "inside_hull": not self.outside,
            "star": self.star,
            "velocity": self.velocity,
            "continuum": self.continuum,
        }

    def _wanted(self, state):
        """Checked values of the traits that `set` changes."""
        ids, names = self.stars.ids, self._stars.get("names", ())
        ranges = label_ranges(self._page)
        moves = {name: state.pop(name) for name in list(state) if name in ranges}
        if unknown := sorted(state.keys() - set(STATE)):
            raise ValueError(
                f"{', '.join(unknown)}: no label or setting of this explorer, which has "
                f"{', '.join([*ranges, *STATE])}"
            )
        state = with_ids(state, ids, names)
        labels = dict(self.labels)
        if state.get("star"):
            known = self._known_labels()[ids.index(state["star"])].tolist()
            labels = self._page["start"] | clipped(dict(zip(ranges, known)), ranges)
            state = {"velocity": 0.0, "latents": []} | state
        labels |= dict(state.pop("labels", None) or {}) | moves
        return {
            name: check_state(name, value, self._page, ids)
            for name, value in ({"labels": labels} | state).items()
        }

    def _known_labels(self):
        """Labels of the stars, as the browser knows them, shape (n, n_labels)."""
        at, shape = (self._stars["arrays"]["labels"][key] for key in ("offset", "shape"))
        return np.frombuffer(self._stars_data, float, np.prod(shape), at).reshape(shape)

    @traitlets.validate(*STATE)
    def _check(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if name == "labels":
            value = self.labels | dict(value)
        return check_state(name, value, self._page, self.stars.ids)

    @traitlets.observe("labels")
    def _follow(self, change):
        old = change["old"] if isinstance(change["old"], dict) else {}
        moved = [name for name, value in change["new"].items() if old.get(name, value) != value]
        self.moved = moved[0] if len(moved) == 1 else self.moved
