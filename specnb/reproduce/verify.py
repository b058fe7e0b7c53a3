"""Compare the results of a notebook with the expected ones; find stale and orphan outputs."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from specnb.core.reading import DAMAGE
from specnb.reproduce.crate import NAME as CRATE
from specnb.reproduce.expected import (
    expected_of,
    expected_path,
    read_expected,
    write_expected,
)
from specnb.reproduce.freshness import digest_of, made_from
from specnb.reproduce.measures import NOT_KEPT, measures
from specnb.reproduce.parameters import check_parameters, profile_of
from specnb.reproduce.provenance import checksums, real_inputs
from specnb.reproduce.tolerances import (
    farthest,
    how_closely,
    may_be_absent,
    read_rules,
    tolerances_of,
)

# What the runner, the index and the crate write, beside what a notebook writes.
IN_RESULTS = {"results.json", "executed.ipynb"}
BESIDE_RESULTS = {"README.md", "index.html", "verification.md", "verification.html", CRATE}
IGNORED = (".pdf", ".npz")  # the repository does not keep all of them; `measures` tells lost ones
WHAT = {
    "cells": "other cells of the notebook",
    "parameters": "other parameters",
    "code": "other code of specnb",
    "data": "other shipped data",
}


@dataclass
class Report:
    """What the comparison of one notebook found; ``stale`` and ``orphan`` are sentences and names.

    ``coarsely`` counts what is within a tolerance as large as itself, and ``within`` the others.
    """

    notebook: str
    within: int = 0
    coarsely: int = 0
    differing: list[dict] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    orphan: list[str] = field(default_factory=list)
    not_compared: dict[str, int] = field(default_factory=dict)  # the reasons and how many
    stale: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """What is said of the notebook; only ``stale`` and ``differs`` are failures."""
        if self.stale:
            return "stale"
        if self.differing or self.missing or self.orphan:
            return "differs"
        return "good" if self.within + self.coarsely else "not compared"

    @property
    def failed(self) -> bool:
        """Whether the notebook is not as expected."""
        return self.verdict in ("stale", "differs")

    def as_dict(self) -> dict:
        """All as plain values."""
        return {"verdict": self.verdict, **asdict(self)}


def verify_notebooks(notebooks, profile: str, output, exact: bool = False) -> list[Report]:
    """Compare the results of notebooks, each in its folder in ``output``, with what is expected."""
    reports = []
    for notebook in notebooks:
        expected = read_expected(expected_path(notebook, profile)).get(notebook.stem)
        reports.append(compare(notebook, profile, output / notebook.stem, expected, exact))
    return reports


def update_expected(notebooks, profile: str, output, older: bool = False) -> Path:
    """Expect what the results of notebooks say from now on; all of them are checked first.

    Returns the file of expected values. Raises ValueError as `to_expect` does.
    """
    path = expected_path(notebooks[0], profile)
    entries = {each.stem: to_expect(each, profile, output / each.stem, older) for each in notebooks}
    write_expected(path, entries)
    return path


def compare(notebook, profile: str, folder, expected: dict | None, exact: bool = False) -> Report:
    """Compare a folder of results with what is expected of a notebook.

    Parameters
    ----------
    notebook : path
    profile : str
    folder : path
    expected : dict, optional
        From `specnb.reproduce.expected.expected_of`.
    exact : bool
        Whether all numbers but times must agree to six digits, as on the same processor.
    """
    report = Report(Path(notebook).stem)
    parameters = check_parameters(notebook, profile_of(notebook, profile)[0])
    try:
        results = read_results(folder)
        found = measures(folder)
        report.stale = stale(notebook, folder, parameters, results)
        report.orphan = orphans(folder, {*results["outputs"], *IN_RESULTS})
    except DAMAGE as error:
        report.stale = [f"there are no whole results in {folder} ({error}): run it again"]
        return report
    if "digest" not in results:
        report.not_compared["results.json without a digest"] = 1
    if expected is None:
        report.stale += ["no values are expected of this notebook: call `specnb verify --update`"]
    elif expected["parameters"] != parameters:
        report.stale += [
            "the expected values are of other parameters: call `specnb verify --update`"
        ]
    else:
        ours, theirs = expected["real"], real_inputs(results)
        same = {"": True, "real stars at hand": ours == theirs}
        same["real stars"] = ours | {"at hand": ""} == theirs | {"at hand": ""}
        rules = read_rules(notebook, profile)
        _compare_measures(report, expected["measures"], found, same, rules, exact)
    return report


def _compare_measures(report, expected, found, same, rules, exact):
    not_kept = tuple(name.removesuffix(NOT_KEPT) + "/" for name in expected if NOT_KEPT in name)
    unlike = Counter()
    for name in sorted(expected.keys() | found.keys()):
        tolerances = tolerances_of(name, expected.get(name, found.get(name)), rules)
        first = next(iter(tolerances.values()))
        if not same[first.needs]:
            unlike["other real stars"] += 1
        elif name.startswith(not_kept):
            unlike["numbers not kept"] += 1
        elif may_be_absent(name, first) and not exact:
            unlike["free rows or arrays"] += 1
        elif name not in found:
            report.missing.append(name)
        elif name not in expected:
            report.orphan.append(f"{name} (nobody expects it: call `specnb verify --update`)")
        elif first.kind == "time":
            unlike["times"] += 1
        elif far := farthest(expected[name], found[name], tolerances, exact):
            report.differing.append(_difference(name, *far))
        else:
            unlike[how_closely(expected[name], tolerances, exact)] += 1
    report.within, report.coarsely = unlike.pop("closely", 0), unlike.pop("coarsely", 0)
    report.not_compared |= unlike


def _difference(name, part, expected, found, tolerance):
    numbers = isinstance(expected, float | int) and isinstance(found, float | int)
    return {
        "measure": f"{name} ({part})" if isinstance(part, str) and part else name,
        "expected": expected,
        "found": found,
        "difference": float(f"{found - expected:.3g}") if numbers else "",
        "tolerance": f"{tolerance.size} or a factor {tolerance.factor}"
        if tolerance.factor > 1
        else tolerance.size,
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
    """Which files of results are not those that were written, results.json among them."""
    now, outputs = checksums(folder), results["outputs"]
    changed = [
        f"{name} was changed" for name in outputs if now.get(name, outputs[name]) != outputs[name]
    ]
    if results.get("digest", "") not in ("", digest_of(results)):
        changed.append("results.json was changed")
    lost = [name for name in outputs if name not in now and not name.endswith(IGNORED)]
    return changed + [f"{name} is lost" for name in lost]


def orphans(folder, known) -> list[str]:
    """What lies in a folder and is not hidden, but for the names that are known."""
    return sorted({path.name for path in Path(folder).glob("[!.]*")} - set(known))


def to_expect(notebook, profile: str, folder, older: bool = False) -> dict:
    """The `expected_of` of results, which are refused if they are stale or have orphans.

    With ``older``, results of older code are taken, if all their files are as they were written.
    """
    parameters = check_parameters(notebook, profile_of(notebook, profile)[0])
    try:
        results = read_results(folder)
        wrong = (
            changed_files(folder, results)
            if older
            else stale(notebook, folder, parameters, results)
        )
        wrong += [
            f"{name} belongs to no result"
            for name in orphans(folder, {*results["outputs"], *IN_RESULTS})
        ]
    except DAMAGE as error:
        raise ValueError(
            f"there are no whole results in {folder} ({error}): run the notebook first"
        ) from error
    if results["parameters"] != parameters:
        wrong.append("made with other parameters")
    if wrong:
        raise ValueError(
            f"{folder} gives no expected values ({'; '.join(wrong)}): run the notebook again first"
        )
    return expected_of(notebook, profile, folder, results)
