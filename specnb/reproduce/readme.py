"""Parts of README.md that runs of notebooks wrote, so that its numbers are those of the runs.

Such a block stands between the lines ``<!-- from FILE -->`` and ``<!-- end -->``. FILE is a Markdown
file that a `Study` wrote with its ``text`` or ``table``, relative to the folder of the page. A table
has its caption above it.
"""

import json
import re
from pathlib import Path

from specnb.core.writing import replacing

BEGIN, END = r"^<!-- from (?P<file>.+) -->$", r"^<!-- end -->$"
# What is between the markers must not have a marker itself
BLOCK = re.compile(rf"({BEGIN})((?:(?!^<!-- from )[\s\S])*?)(?={END})", flags=re.MULTILINE)


def update_blocks(page: Path, check: bool = False) -> list[str]:
    """Give each block of a page the content of the file that it names.

    Parameters
    ----------
    page : Path
    check : bool
        Write nothing, and raise an error if a block differs from its file.

    Returns
    -------
    list of str
        The files whose blocks differed.

    Raises
    ------
    FileNotFoundError
        If the page or a file is missing.
    ValueError
        If a marker has no partner, or a block differs that is only checked.
    """
    if not page.is_file():
        raise FileNotFoundError(
            f"{page} is not there: this command is for a clone of the repository"
        )
    text, changed = page.read_text("utf-8"), []

    def filled(block):
        begin, name, content = block.groups()
        path = page.parent / name
        if not path.is_file():
            raise FileNotFoundError(
                f"{page.name} has a block from {name}, which does not exist: run its notebook, or "
                "correct the name"
            )
        new = f"\n\n{_content(path)}\n\n"  # blank lines keep Markdown apart from the comments
        if new != content:
            changed.append(name)
        return begin + new

    outside = re.sub(f"{BLOCK.pattern}{END}", "", text, flags=re.MULTILINE)
    if lonely := re.search(rf"{BEGIN}|{END}", outside, flags=re.MULTILINE):
        raise ValueError(
            f"{page.name}: {lonely[0]} has no partner: a block begins with <!-- from FILE --> and "
            "ends with <!-- end -->, each in a line of its own"
        )
    new = BLOCK.sub(filled, text)
    if check and changed:
        raise ValueError(f"{page.name} differs from {', '.join(changed)}: call `specnb readme`")
    if changed:
        with replacing(page) as temporary:
            temporary.write_text(new, "utf-8")
    return changed


def _content(path):
    """What a run wrote: a text, or a table below its caption."""
    tables = json.loads(path.with_name("results.json").read_text("utf-8"))["tables"]
    caption = tables.get(path.stem, {}).get("caption", "")
    return f"{caption}\n\n{path.read_text('utf-8')}".strip()
