"""The index of all results: figures and tables by notebook, how they were made, from what data."""

import json
from pathlib import Path

from specnb.reproduce.rendering import render


def write_index(folder) -> Path:
    """Write ``README.md`` in the folder of all results; the same bytes for the same results."""
    studies, index = [], Path(folder) / "README.md"
    for path in sorted(index.parent.glob("[!.]*/results.json")):
        study = {"folder": path.parent.name, **json.loads(path.read_text("utf-8"))}
        for name, table in study["tables"].items():
            table["lines"] = (path.parent / f"{name}.md").read_text("utf-8").splitlines()
        studies.append(study)
    render("index.md", index, studies=studies)
    return index
