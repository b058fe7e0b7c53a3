"""Compare the results of a notebook with the expected ones; find stale and orphan outputs."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from specnb.core.reading import DAMAGE
from specnb.reproduce.expected import (
    expected_of,
    expected_path,
    read_expected,
    write_expected,
)
from specnb.reproduce.freshness import made_from
from specnb.reproduce.measures import NOT_KEPT, measures
from specnb.reproduce.parameters import check_parameters, profile_of
from specnb.reproduce.provenance import checksums, real_inputs
from specnb.reproduce.tolerances import may_be_absent, read_rules, tolerance_of

# What the runner and the index write, beside what a notebook writes.
IN_RESULTS = {"results.json", "executed.ipynb"}
BESIDE_RESULTS = {"README.md", "index.html", "verification.md", "verification.html"}
IGNORED = (".pdf", ".npz")  # the repository does not keep all of them; `measures` tells lost ones
WHAT = {
    "cells": "other cells of the notebook",
    "parameters": "other parameters",
    "code": "other code of specnb",
    "data": "other shipped data",
}


@dataclass
class Report:
    """What the comparison of one notebook found; ``stale`` and ``orphan`` are sentences and names."""

    notebook: str
    within: int = 0
    differing: list[dict] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    orphan: list[str] = field(default_factory=list)
    not_compared: dict[str, int] = field(default_factory=dict)  # the reasons and how many
    stale: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.differing or self.missing or self.orphan or self.stale)

    def as_dict(self) -> dict:
        """All as plain values."""
        return {"good": self.good, **asdict(self)}


def verify_notebooks(notebooks, profile: str, output) -> list[Report]:
    """Compare the results of notebooks, each in its folder in ``output``, with what is expected."""
    reports = []
    for notebook in notebooks:
        expected = read_expected(expected_path(notebook, profile)).get(notebook.stem)
        values = check_parameters(notebook, profile_of(notebook, profile)[0])
        reports.append(compare(notebook, output / notebook.stem, values, expected))
    return reports


def update_expected(notebooks, profile: str, output, older: bool = False) -> Path:
    """Expect what the results of notebooks say from now on; all of them are checked first.

    Returns the file of expected values. Raises ValueError as `to_expect` does.
    """
    entries, path = {}, expected_path(notebooks[0], profile)
    for notebook in notebooks:
        values = check_parameters(notebook, profile_of(notebook, profile)[0])
        entries[notebook.stem] = to_expect(notebook, output / notebook.stem, values, older)
    write_expected(path, entries)
    return path


def compare(notebook, folder, parameters: dict, expected: dict | None) -> Report:
    """Compare a folder of results with what is expected of a notebook.

    Parameters
    ----------
    notebook : path
    folder : path
    parameters : dict
        All (checked) parameters of the profile.
    expected : dict, optional
        From `specnb.reproduce.expected.read_expected`.
    """
    report = Report(Path(notebook).stem)
    try:
        results = read_results(folder)
        found = measures(folder)
        report.stale = stale(notebook, folder, parameters, results)
        report.orphan = orphans(folder, {*results["outputs"], *IN_RESULTS})
    except DAMAGE as error:
        report.stale = [f"there are no whole results in {folder} ({error}): run it again"]
        return report
    if expected is None:
        report.stale += ["no values are expected of this notebook: call `specnb verify --update`"]
    elif expected["parameters"] != parameters:
        report.stale += [
            "the expected values are of other parameters: call `specnb verify --update`"
        ]
    else:
        same_stars = expected["real"] == real_inputs(results)
        _compare_measures(report, expected["measures"], found, same_stars, read_rules(notebook))
    return report


def _compare_measures(report, expected, found, same_stars, rules):
    not_compared = report.not_compared
    for name, (tolerance, values) in expected.items():
        reason = tolerance.kind if tolerance.size is None else ""
        if tolerance.real and not same_stars:
            reason = "other real stars"
        elif name not in found and not name.endswith(NOT_KEPT):
            report.missing.append(name)
            continue
        if reason:
            not_compared[reason] = not_compared.get(reason, 0) + 1
        elif name in found and (pair := tolerance.far(values, found[name])):
            report.differing.append(_difference(name, *pair, tolerance))
        else:
            report.within += 1
    not_kept = tuple(name.removesuffix(NOT_KEPT) + "/" for name in expected if NOT_KEPT in name)
    for name in sorted(found.keys() - expected.keys()):
        tolerance = tolerance_of(name, found[name], rules)
        # Figures of real stars, which the expected run had not.
        excused = tolerance.real and not same_stars
        if not (excused or may_be_absent(name, tolerance) or name.startswith(not_kept)):
            report.orphan.append(f"{name} (nobody expects it: call `specnb verify --update`)")


def _difference(name, expected, found, tolerance):
    numbers = isinstance(expected, float | int) and isinstance(found, float | int)
    return {
        "measure": name,
        "expected": expected,
        "found": found,
        "difference": float(f"{found - expected:.3g}") if numbers else "",
        "tolerance": tolerance.size,
        "kind": tolerance.kind,
    }


def read_results(folder) -> dict:
    """The content of results.json. Raises OSError or ValueError where it is missing or damaged."""
    return json.loads((Path(folder) / "results.json").read_text("utf-8"))


def stale(notebook, folder, parameters: dict, results: dict) -> list[str]:
    """Why results are not those that the notebook would compute now, one sentence for each reason."""
    origin, now = results.get("made_from", {}), made_from(Path(notebook), parameters)
    reasons = [f"made from {what}" for part, what in WHAT.items() if origin.get(part) != now[part]]
    if not origin:
        reasons = ["made before results recorded what they are made from"]
    return reasons + changed_files(folder, results)


def changed_files(folder, results: dict) -> list[str]:
    """Which files of results are not those that the notebook wrote."""
    now, outputs = checksums(folder), results["outputs"]
    changed = [
        f"{name} was changed" for name in outputs if now.get(name, outputs[name]) != outputs[name]
    ]
    lost = [name for name in outputs if name not in now and not name.endswith(IGNORED)]
    return changed + [f"{name} is lost" for name in lost]


def orphans(folder, known) -> list[str]:
    """What lies in a folder and is not hidden, but for the names that are known."""
    return sorted({path.name for path in Path(folder).glob("[!.]*")} - set(known))


def to_expect(notebook, folder, parameters: dict, older: bool = False) -> dict:
    """The `expected_of` of results, which are refused if they are stale or have orphans.

    With ``older``, results of older code are taken, if all their files are as they were written.
    """
    results = read_results(folder)
    wrong = (
        changed_files(folder, results) if older else stale(notebook, folder, parameters, results)
    )
    wrong += [
        f"{name} belongs to no result"
        for name in orphans(folder, {*results["outputs"], *IN_RESULTS})
    ]
    if results["parameters"] != parameters:
        wrong.append("made with other parameters")
    if wrong:
        raise ValueError(
            f"{folder} gives no expected values ({'; '.join(wrong)}): run the notebook again first"
        )
    return expected_of(notebook, folder, results)
