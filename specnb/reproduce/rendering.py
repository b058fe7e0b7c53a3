"""Texts made from templates in the folder templates/: model cards, and the index of all results."""

import json
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from specnb.core.writing import replacing

TEMPLATES = Environment(
    loader=PackageLoader("specnb.reproduce"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(template: str, path: Path, **values):
    """Write a file from a template. Raises `jinja2.UndefinedError` where a value is missing."""
    text = TEMPLATES.get_template(template).render(values)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_index(folder) -> Path:
    """Write ``README.md`` in the folder of all results; the same bytes for the same results.

    It shows figures and tables by notebook, how they were made, and from what data.
    """
    studies, index = [], Path(folder) / "README.md"
    for path in sorted(index.parent.glob("[!.]*/results.json")):
        study = {"folder": path.parent.name, **json.loads(path.read_text("utf-8"))}
        for name, table in study["tables"].items():
            table["lines"] = (path.parent / f"{name}.md").read_text("utf-8").splitlines()
        studies.append(study)
    render("index.md", index, studies=studies)
    return index
