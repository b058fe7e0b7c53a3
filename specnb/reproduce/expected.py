"""The expected values of a profile, notebooks/expected/PROFILE.json: one measure in each line."""

import json
from pathlib import Path

from specnb.core.reading import whole_file
from specnb.core.writing import replacing
from specnb.reproduce.measures import measures
from specnb.reproduce.provenance import real_inputs
from specnb.reproduce.tolerances import read_rules, tolerances_of


def expected_path(notebook, profile: str) -> Path:
    """The file beside a notebook with the expected values of a profile."""
    return Path(notebook).parent / "expected" / f"{profile}.json"


def read_expected(path) -> dict[str, dict]:
    """What `expected_of` gave for each notebook; nothing if there is no such file yet.

    Raises OSError if the file is damaged.
    """
    if not Path(path).exists():
        return {}
    with whole_file(path, "file of expected values", "write it with `specnb verify --update`"):
        return json.loads(Path(path).read_text("utf-8"))


def expected_of(notebook, profile: str, folder, results: dict) -> dict:
    """What later results of a notebook are compared with.

    Returns
    -------
    dict
        ``commit`` of the results, their ``parameters``, digests of real stars (``real``),
        ``versions`` of packages, and ``measures``.

    Raises
    ------
    ValueError
        Where no rule gives the tolerance of a measure.
    """
    found, rules = measures(folder), read_rules(notebook, profile)
    for name, values in sorted(found.items()):
        tolerances_of(name, values, rules)
    return {
        "commit": results["code"]["commit"],
        "parameters": results["parameters"],
        "real": real_inputs(results),
        "versions": results["environment"]["versions"],
        "measures": found,
    }


def write_expected(path: Path, entries: dict[str, dict]):
    """Put the `expected_of` of some notebooks in place of those in a file."""
    old = json.loads(path.read_text("utf-8")) if path.exists() else {}
    texts = []
    for notebook, entry in sorted((old | entries).items()):
        head, rows = entry | {"measures": {}}, entry["measures"].items()
        lines = [f"{_text(name)}:{_text(row)}" for name, row in sorted(rows)]
        joined = ",\n".join(lines)
        texts.append(f"{_text(notebook)}:{_text(head)[:-2]}\n{joined}\n}}}}")
    with replacing(path) as temporary:
        temporary.write_text("{\n" + ",\n".join(texts) + "\n}\n", encoding="utf-8")


def _text(content):
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
