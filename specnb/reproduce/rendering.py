"""Texts made from templates in the folder templates/: model cards, and the index of all results."""

import json
import sys
from contextlib import suppress
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateError

from specnb.core.paths import ARTIFACTS, ROOT
from specnb.core.reading import DAMAGE
from specnb.core.writing import replacing
from specnb.reproduce.tables import markdown_text

TEMPLATES = Environment(
    loader=PackageLoader("specnb.reproduce"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
TEMPLATES.filters["plain"] = markdown_text


def render(template: str, path: Path, **values):
    """Write a file from a template. Raises `jinja2.UndefinedError` where a value is missing."""
    text = TEMPLATES.get_template(template).render(values)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_index(folder) -> Path:
    """Write ``README.md`` in the folder of all results; the same bytes for the same results.

    It shows figures and tables by notebook, how they were made, and from what data. Damaged results
    are left out and named on the standard error. Other processes may replace results meanwhile:
    then the index is written again.
    """
    index, written = Path(folder) / "README.md", None
    while (found := _results(index.parent)) != written:
        studies, damaged = [], {}
        for path, (_, text) in found.items():
            try:
                study = {"folder": path.parent.name, **json.loads(text)}
                for name, table in study["tables"].items():
                    table["lines"] = (path.parent / f"{name}.md").read_text("utf-8").splitlines()
                TEMPLATES.get_template("index.md").render(studies=[study])
                studies.append(study)
            except (*DAMAGE, AttributeError, TemplateError) as error:
                damaged[path.parent] = error
        render("index.md", index, studies=studies)
        written = found
    for place, error in damaged.items():
        print(
            f"specnb: the results in {place} are damaged ({type(error).__name__}: {error}): they are "
            "left out of the index until `specnb paper` makes them again",
            file=sys.stderr,
        )
    return index


def last_results() -> Path:
    """The folder with the newest results of ``specnb paper`` or ``specnb run``."""
    found = [
        *ROOT.glob("paper_figures*/[!.]*/results.json"),
        *ARTIFACTS.glob("runs/[!.]*/results.json"),
    ]
    if not found:
        raise FileNotFoundError(
            f"there are no results in {ROOT}: call `specnb paper`, or name the folder of --output"
        )
    return max(found, key=lambda path: path.stat().st_mtime).parents[1]


def write_page(folder) -> Path:
    """Write the index of a folder of results as a page for browsers, ``index.html``, too.

    Raises OSError where the folder has no results.
    """
    folder = Path(folder).absolute()
    if not _results(folder):
        raise FileNotFoundError(f"{folder} has no folders with results: name that of --output")
    return as_page(write_index(folder), folder / "index.html")


def as_page(text: Path, page: Path) -> Path:
    """Write a Markdown file as a page for browsers."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt(options_update={"html": True}).enable("table")
    render("page.html", page, body=markdown.render(text.read_text("utf-8")))
    return page


def _results(folder) -> dict[Path, tuple[int, bytes]]:
    """When each results.json below a folder was written, and its content, unless it is replaced now."""
    found = {}
    for path in sorted(folder.glob("[!.]*/results.json")):
        with suppress(FileNotFoundError):
            found[path] = path.stat().st_mtime_ns, path.read_bytes()
    return found
