"""How far a value may be from the expected one: rules by its name, from notebooks/tolerances.toml."""

import math
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from specnb.core.reading import whole_file
from specnb.reproduce.measures import QUANTILES

MISSING = ("none", "nan", "inf", "-inf", "–", "")
GRADES = ("only there", "coarsely", "closely")  # coarsely: within as much as itself
KINDS = ("exact", "arithmetic", "training", "time")


@dataclass(frozen=True)
class Tolerance:
    """How one value is compared. A number is never as expected where none was, or the reverse.

    Attributes
    ----------
    kind : str
        One of `KINDS`: "exact" values must be the same; "arithmetic" differs in the last digits
        between processors; "training" amplifies these differences; a "time" belongs to one machine.
    size : float or None
        Largest difference of a number. None: any finite number is as expected.
    factor : float
        A number of the same sign may also be larger or smaller by this factor.
    texts : bool
        Whether a text may be another: a choice that may flip, or rounded numbers.
    free : bool
        Whether other rows or arrays may be there, so that nothing of them is compared.
    needs : str
        Which real stars must be the same: "real stars", those that the run read, "real stars at
        hand", all that it found, or none.
    """

    kind: str
    size: float | None = 0.0
    factor: float = 1.0
    texts: bool = False
    free: bool = False
    needs: str = ""

    def grade(self, value) -> int:
        """How closely a value is compared: as one of `GRADES`."""
        if _sort(value) != "number":
            return 0 if self.texts and _sort(value) == "text" else 2
        if self.kind == "time" or self.size is None:
            return 0
        size = max(self.size, (self.factor - 1) * abs(value))
        return 1 if size >= abs(value) > 0 else 2

    def excess(self, expected, found) -> float:
        """By how much a value differs more than it may (negative: less)."""
        if self.kind == "time":
            return -math.inf
        if _sort(expected) != _sort(found):
            return math.inf
        if _sort(expected) != "number":
            return -math.inf if self.texts or expected == found else math.inf
        if self.size is None:
            return -math.inf
        smaller, larger = sorted((abs(expected), abs(found)))
        by_factor = (self.factor - 1) * smaller if expected * found > 0 else 0.0
        # Both are rounded to seven digits.
        return abs(expected - found) - max(self.size, by_factor) - 2e-7 * larger


# On the same processor a run gives the same numbers again.
SAME = Tolerance("exact", factor=1 + 1e-6)


def _sort(value):
    if _is_number(value):
        return "number" if math.isfinite(value) else "missing"
    return "missing" if str(value).lower() in MISSING else "text"


def parts(values) -> dict:
    """The values of a measure by the names of their rows, or by their places."""
    return values if isinstance(values, dict) else dict(enumerate(values))


def farthest(expected, found, tolerances: dict, exact: bool = False) -> tuple | None:
    """The value of a measure that differs most, if any differs too much.

    Returns its part, the two values, and its `Tolerance`, which is `SAME` if ``exact``.
    """
    ours, theirs = parts(expected), parts(found)
    if other := ours.keys() ^ theirs.keys():
        counts = f"{len(ours)} values", f"{len(theirs)} values"
        return str(min(other, key=str)), *counts, next(iter(tolerances.values()))
    used = {part: SAME if exact else tolerances[part] for part in ours}
    excess = {part: used[part].excess(ours[part], theirs[part]) for part in ours}
    worst = max(excess, key=excess.get, default=None)
    return (
        (worst, ours[worst], theirs[worst], used[worst]) if excess and excess[worst] > 0 else None
    )


def how_closely(expected, tolerances: dict, exact: bool = False) -> str:
    """How closely a measure is compared, as one of `GRADES`: half of its numbers not more closely.

    Zeros, and texts, count only where there are no other numbers.
    """
    values = parts(expected)
    numbers = {part: value for part, value in values.items() if value and _sort(value) == "number"}
    grades = sorted(
        (SAME if exact else tolerances[part]).grade(value)
        for part, value in (numbers or values).items()
    )
    return GRADES[grades[(len(grades) - 1) // 2] if grades else 0]


def may_be_absent(name: str, tolerance: Tolerance) -> bool:
    """Whether a measure may be absent: it is of a figure or table that may have other ones."""
    return tolerance.free and name.count("/") > 1


def read_rules(notebook, profile: str) -> list[dict]:
    """The rules beside a notebook that hold for it, each with its sizes for a profile.

    Raises ValueError if one is wrong.
    """
    path = Path(notebook).with_name("tolerances.toml")
    with whole_file(path, "file of rules", "write it as that of the repository", ValueError):
        rules = tomllib.loads(path.read_text("utf-8"))["rules"]
        if wrong := [rule for rule in rules if rule["kind"] not in KINDS or not rule["reason"]]:
            raise ValueError(f"a rule for {wrong[0]['measures']} has no kind or no reason")
    return [
        rule | rule.get(profile, {})
        for rule in rules
        if _matches(Path(notebook).stem, rule.get("notebooks", ["*"]))
    ]


def tolerances_of(name: str, values, rules: list[dict]) -> dict[object, Tolerance]:
    """The tolerance of each of the `parts` of a measure, by the first rule that its name matches.

    The name of a cell of a table ends with that of its row. A difference may be the rule's
    ``absolute``, plus its ``relative`` times a scale: the range that an array of a figure spans,
    the number itself where it was trained, because its row may be of a model of its own, and
    otherwise the largest number of the column. A rule that gives neither, nor a ``factor``, takes
    every finite number. Raises ValueError where no rule matches.
    """
    found, figure = {}, name.startswith("figure/")
    for part, value in (parts(values) or {"": None}).items():
        names = (name, f"{name}/{part}") if isinstance(values, dict) else (name,)
        matching = [r for r in rules if any(_matches(each, r["measures"]) for each in names)]
        if not matching:
            raise ValueError(
                f"no rule of tolerances.toml holds for {name}: add one, with its reason"
            )
        rule, kind = matching[0], matching[0]["kind"]
        own = kind == "training" and not figure
        numbers = [x for x in ([value] if own else parts(values).values()) if _is_number(x)]
        found[part] = Tolerance(
            kind,
            0.0 if kind == "exact" else _size(rule, figure, numbers or [0.0]),
            rule.get("factor", 1.0),
            any(each.get("texts") for each in matching),
            rule.get("free", False),
            max(each.get("needs", "") for each in matching),  # at hand counts more
        )
    return found


def _size(rule, figure, numbers):
    if not {"absolute", "relative", "factor"} & set(rule):
        return None
    span = max(map(abs, numbers))
    if figure:  # after the mean and the standard deviation come quantiles
        span = numbers[-1] - numbers[-len(QUANTILES) :][0] or span
    size = rule.get("absolute", 0.0) + rule.get("relative", 0.0) * span
    return float(f"{size:.2g}")


def _matches(name, patterns):
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)
