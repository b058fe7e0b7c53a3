"""What an explorer may be told to show: each setting is checked before it is taken over."""

from numbers import Integral, Real

import numpy as np

VELOCITY = 300.0  # largest velocity of the slider, km/s
ORDER = 4  # largest order of the continuum
OVERLAYS = 5  # largest number of stars that are drawn beside the chosen one
TYPICAL, BY_HAND = "typical", "by hand"
PANELS = {
    "emulator": ("flux", "residual", "gradient"),
    "translator": ("flux", "difference", "split", "residual"),
    "editor": ("flux", "difference"),
}
# What `reset` returns to, besides the labels
FIRST = {"velocity": 0.0, "continuum": -1, "split": TYPICAL, "split_values": []}
FIRST |= {"lambdas": {}, "latents": []}
# Settings that name a star, and what they may name instead
WORDS = {"star": (), "reference": ("start",), "split": (TYPICAL, BY_HAND)}
CHOICES = {
    "residual": ("sigma", "flux"),
    "compare": ("nothing", "nearest", "truth"),
    "theme": ("auto", "light", "dark"),
}


def check_state(name: str, value, page, ids):
    """The value of a setting as the browser takes it.

    Parameters
    ----------
    name : str
        A trait of `specnb.widgets.explorer.Explorer` that the browser knows, too.
    value : object
    page : dict
        The description of the page, see `specnb.widgets.pages.page`.
    ids : sequence of str
        The stars of the page.

    Raises
    ------
    ValueError
        If there is no such label, star or choice, or a number is beyond its slider.
    """
    if name in CHOICES:
        return _choice(name, value, CHOICES[name])
    try:
        return _CHECKS[name](value, page, ids)
    except TypeError as error:  # a number in place of a list, and the like
        raise ValueError(
            f"{name} cannot be {value!r}: see what specnb.widgets.explorer.Explorer says of it"
        ) from error


def check_ranges(values, ranges) -> dict[str, float]:
    """The values as numbers. ValueError unless each is within the range (low, high) of its name."""
    for name in values:
        if name not in ranges:
            raise ValueError(f"{name}: no label of the model, which has {', '.join(ranges)}")
    return {name: _within(name, value, *ranges[name]) for name, value in values.items()}


def clipped(values, ranges) -> dict[str, float]:
    """The values that are known, not NaN, each moved into the range (low, high) of its name."""
    return {
        name: min(max(value, ranges[name][0]), ranges[name][1])
        for name, value in values.items()
        if not np.isnan(value)
    }


def star_id(star, ids, names=()) -> str:
    """The id of a star that is given by its id, its name, or its row number, which may count from
    the end. None and "" stand for no star.

    Raises
    ------
    ValueError
        If there is no such star.
    """
    if star in (None, ""):
        return ""
    if isinstance(star, Integral) and -len(ids) <= star < len(ids):
        return ids[star]
    named = dict(zip(names, ids)) | {each: each for each in ids}
    if not isinstance(star, str) or star not in named:
        rows = (
            f": give an id, or choose 0 to {len(ids) - 1}" if ids else ": give the explorer stars"
        )
        raise ValueError(f"no star {star!r} among these {len(ids)}{rows}")
    return named[star]


def with_ids(state, ids, names) -> dict:
    """Settings in which each star is given by its id, see `star_id`."""
    found = dict(state)
    for name, words in WORDS.items():
        if name in state and state[name] not in words:
            found[name] = star_id(state[name], ids, names)
    if "overlay" in state:
        stars = state["overlay"]
        stars = [stars] if isinstance(stars, str | Integral) else stars or []
        found["overlay"] = [star_id(each, ids, names) for each in stars]
    return found


def label_ranges(page) -> dict[str, tuple[float, float]]:
    """The ends of the slider of each label."""
    return {label["name"]: (label["low"], label["high"]) for label in page["labels"]}


def _labels(value, page, ids):
    return check_ranges(dict(value), label_ranges(page))


def _star(value, page, ids):
    return star_id(value, ids)


def _overlay(value, page, ids):
    stars = list(dict.fromkeys(star_id(each, ids) for each in value))
    if len(stars) > OVERLAYS or "" in stars:
        raise ValueError(f"overlay has {len(stars)} stars: give up to {OVERLAYS}, by their ids")
    return stars


def _window(value, page, ids):
    if isinstance(value, str):
        value = page["windows"][_choice("window", value, page["windows"])]
    ends = [_number("window", each) for each in ([] if value is None else value)]
    low, high = page["windows"]["whole range"]
    if ends and not (len(ends) == 2 and ends[0] < ends[1] and ends[0] < high and ends[1] > low):
        raise ValueError(
            f"window is {ends}: give its ends (low, high) in Å within {low:.2f}-{high:.2f}, or none"
        )
    return ends


def _gradient(value, page, ids):
    return _choice("gradient", value, ("", *label_ranges(page)))


def _moved(value, page, ids):
    return _choice("moved", value, ("", *label_ranges(page)))


def _velocity(value, page, ids):
    return _within("velocity", value, -VELOCITY, VELOCITY)


def _continuum(value, page, ids):
    if not isinstance(value, Integral):
        raise ValueError(f"continuum is {value!r}: give the order of a polynomial, or -1 for none")
    return int(_within("continuum", value, -1, ORDER))


def _reference(value, page, ids):
    return value if value == "start" else star_id(value, ids) or "start"


def _split(value, page, ids):
    split = page.get("split")
    if value != TYPICAL and not split:
        raise ValueError("this model has no z_split: leave split at 'typical'")
    by_hand = bool(split) and split["by_hand"]
    return value if value == TYPICAL or (value == BY_HAND and by_hand) else star_id(value, ids)


def _split_values(value, page, ids):
    return _vector("z_split", value, page.get("split"))


def _latents(value, page, ids):
    about = page.get("latents")  # those of a star may lie beyond the range of edits
    return _vector("latents", value, about and about | {"low": -np.inf, "high": np.inf})


def _lambdas(value, page, ids):
    known = page.get("lambdas") or {"names": [], "range": 0.0}
    value, reach = dict(value), known["range"]
    if value and not known["names"]:
        raise ValueError("this model was trained at fixed λ: it has none to set")
    return check_ranges(value, dict.fromkeys(known["names"], (-reach, reach)))


def _panels(value, page, ids):
    panels = [value] if isinstance(value, str) else value or []
    return [_choice("panels", each, PANELS[page["kind"]]) for each in panels]


_CHECKS = {
    "labels": _labels, "star": _star, "overlay": _overlay, "window": _window,
    "gradient": _gradient, "moved": _moved, "velocity": _velocity, "continuum": _continuum,
    "reference": _reference, "split": _split, "split_values": _split_values,
    "lambdas": _lambdas, "latents": _latents, "panels": _panels,
}  # fmt: skip
STATE = (*_CHECKS, *CHOICES)  # names of all settings


def _number(name, value):
    if not isinstance(value, Real) or isinstance(value, bool) or not np.isfinite(value):
        raise ValueError(f"{name} is {value!r}: give a finite number without a unit")
    return float(value)


def _within(name, value, low, high):
    value = _number(name, value)
    if not low - 1e-9 <= value <= high + 1e-9:  # a browser's steps have rounding errors
        raise ValueError(f"{name} = {value:g} is beyond the slider: choose {low:g} to {high:g}")
    return value


def _choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name} is {value!r}: choose {', '.join(repr(each) for each in choices)}")
    return value


def _vector(name, value, about):
    values = [] if value is None else list(value)
    size = about["size"] if about else 0
    if values and len(values) != size:
        raise ValueError(f"{name} has {len(values)} numbers: this model's has {size}")
    return [
        _within(f"{name} {k}", each, about["low"], about["high"]) for k, each in enumerate(values)
    ]
