"""Text files made from a template in the folder templates/."""

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
