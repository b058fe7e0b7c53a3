"""The cost model: formulas of the times of `costs_stages`, which are found from measurements."""

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from costs_size import Size
from costs_stages import STAGES
from scipy.optimize import nnls

NUMBERS = ("n", "pixels", "labels", "batch")


@dataclass(frozen=True)
class Formula:
    """The time of a stage on a machine: a sum of terms with factors that are not negative.

    Attributes
    ----------
    stage : str
    factors : dict of str to float
        Seconds by term.
    residual : float
        Root mean square of (formula − measurement) / measurement at the sizes it was found from.
    exponents : dict of str to float
        By which power the measured time grows with each number that was varied.
    check : tuple of float, or None
        Seconds that the formula and the measurement give at the size that it was not found from.
    checked : Size or None
        That size.
    largest : dict of str to float
        The largest numbers that were measured.
    """

    stage: str
    factors: dict[str, float]
    residual: float
    exponents: dict[str, float]
    check: tuple[float, float] | None
    checked: Size | None
    largest: dict[str, float]

    def __call__(self, size: Size) -> float:
        """Seconds of a piece of work."""
        terms = STAGES[self.stage].terms
        return sum(factor * terms[name](size) for name, factor in self.factors.items())

    def beyond(self, size: Size) -> float:
        """How many times larger than the largest measurement the work is, the largest ratio of a number."""
        ratios = [getattr(size, name) / largest for name, largest in self.largest.items()]
        return max(1.0, *ratios)


def read_measurements(path: Path) -> list[dict]:
    """The lines of a file of `costs_measure`, without those that failed."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [row for row in rows if "error" not in row]


def formulas(rows, clock="wall") -> dict[str, Formula]:
    """The formula of each stage from measurements of one machine.

    Factors have the smallest sum of squared relative differences.

    Parameters
    ----------
    rows : sequence of dict
    clock : str
        "wall", or "cpu" on a machine that does other work, too.
    """
    found = {}
    for name, stage in STAGES.items():
        mine = [row for row in rows if row["stage"] == name]
        known = [(size_of(row), row[clock] / row["per"]) for row in mine if not row["check"]]
        if len(known) < 2:
            continue
        sizes, seconds = zip(*known)
        seconds = np.array(seconds)
        terms = np.array([[term(size) for term in stage.terms.values()] for size in sizes])
        scale = terms.max(axis=0)
        factors = nnls(terms / scale / seconds[:, None], np.ones(len(seconds)))[0] / scale
        formula = Formula(
            name,
            dict(zip(stage.terms, factors.tolist())),
            float(np.sqrt(np.mean((terms @ factors / seconds - 1) ** 2))),
            exponents(sizes, seconds),
            None,
            None,
            {each: max(getattr(size, each) for size in map(size_of, mine)) for each in NUMBERS[:3]},
        )
        if check := next((row for row in mine if row["check"]), None):
            size = size_of(check)
            pair = formula(size), check[clock] / check["per"]
            formula = replace(formula, check=pair, checked=size)
        found[name] = formula
    return found


def size_of(row) -> Size:
    return Size(**{each.name: row[each.name] for each in fields(Size) if each.name in row})


def exponents(sizes, seconds) -> dict[str, float]:
    """Powers of the numbers that were varied, from a straight line in the logarithms."""
    logs = {name: np.log([getattr(size, name) for size in sizes]) for name in NUMBERS}
    varied = {name: column for name, column in logs.items() if np.ptp(column) > 0}
    if len(varied) >= len(seconds):
        return {}
    design = np.column_stack([*varied.values(), np.ones(len(seconds))])
    powers = np.linalg.lstsq(design, np.log(seconds), rcond=None)[0]
    return dict(zip(varied, powers.tolist()))
