"""How far a value may be from the expected one: rules by its name, from notebooks/tolerances.toml."""

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from specnb.core.reading import whole_file
from specnb.reproduce.measures import QUANTILES

KINDS = ("exact", "arithmetic", "training", "time")


@dataclass(frozen=True)
class Tolerance:
    """How the values of one measure are compared.

    Attributes
    ----------
    kind : str
        One of `KINDS`: "exact" values must be the same; "arithmetic" differs in the last digits
        between processors; "training" amplifies these differences, and so texts such as a choice
        may differ, too; a "time" belongs to one machine.
    size : float or None
        Largest difference of a number. None: it is only compared that there is such a measure.
    real : bool
        Whether the values depend on real stars.
    """

    kind: str
    size: float | None
    real: bool

    def far(self, expected: list, found: list) -> tuple | None:
        """The pair of values (expected, found) that differs most, if any differs too much."""
        if self.size is None:
            return None
        if len(expected) != len(found):
            return f"{len(expected)} values", f"{len(found)} values"
        worst, pair = self.size, None
        for a, b in zip(expected, found):
            if _is_number(a) and _is_number(b):
                # Both are rounded to seven digits.
                excess = abs(a - b) - 2e-7 * max(abs(a), abs(b))
                worst, pair = max((worst, pair), (excess, (a, b)), key=lambda each: each[0])
            elif a != b and self.kind != "training":
                return a, b
        return pair


def may_be_absent(name: str, tolerance: Tolerance) -> bool:
    """Whether a measure is an array of a figure of which nothing is compared but its presence."""
    return tolerance.size is None and name.startswith("figure/") and name.count("/") > 1


def read_rules(notebook) -> list[dict]:
    """The rules beside a notebook that hold for it. Raises ValueError where one is wrong."""
    path = Path(notebook).with_name("tolerances.toml")
    with whole_file(path, "file of rules", "write it as that of the repository", ValueError):
        rules = tomllib.loads(path.read_text("utf-8"))["rules"]
        if wrong := [rule for rule in rules if rule["kind"] not in KINDS or not rule["reason"]]:
            raise ValueError(f"a rule for {wrong[0]['measures']} has no kind or no reason")
    return [rule for rule in rules if _matches(Path(notebook).stem, rule.get("notebooks", ["*"]))]


def tolerance_of(name: str, values: list, rules: list[dict]) -> Tolerance:
    """The tolerance of a measure by the first rule that its name matches.

    A difference may be the rule's ``absolute``, plus its ``relative`` times the largest of the
    values, or, in a figure, times the range that an array spans. A rule with neither compares
    nothing. Raises ValueError where no rule matches.
    """
    matching = [rule for rule in rules if _matches(name, rule["measures"])]
    if not matching:
        raise ValueError(f"no rule of tolerances.toml holds for {name}: add one, with its reason")
    rule, size = matching[0], 0.0
    if rule["kind"] != "exact":
        size = _size(rule, name, [value for value in values if _is_number(value)] or [0.0])
    return Tolerance(
        rule["kind"], size, any(rule.get("needs") == "real stars" for rule in matching)
    )


def _size(rule, name, numbers):
    if not {"absolute", "relative"} & set(rule):
        return None
    span = max(map(abs, numbers))
    if name.startswith("figure/"):  # after the mean and the standard deviation come quantiles
        span = numbers[-1] - numbers[-len(QUANTILES) :][0] or span
    size = rule.get("absolute", 0.0) + rule.get("relative", 0.0) * span
    return float(f"{size:.2g}")


def _matches(name, patterns):
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)
