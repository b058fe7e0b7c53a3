"""Explorers as a folder of files that any web server can hold, without a kernel."""

import json
import shutil
from dataclasses import dataclass
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from specnb.core.writing import replacing_folder
from specnb.widgets.explorer import BUNDLE, Explorer

SHIPPED = ("explorer.js", "explorer.css", "LICENSE-uPlot")
MARK = "<!-- explorers -->"  # where the page's menu is written


@dataclass(frozen=True)
class Entry:
    """An explorer of the page: its name in addresses, its place in the menu, and what it shows."""

    name: str
    section: str
    title: str
    about: str
    explorer: Explorer


def write_site(folder: Path, entries):
    """Write explorers to a folder with a page that shows them.

    Parameters
    ----------
    folder : Path
        A new folder, an empty one, or one that was written by this function. It is written whole
        or not at all.
    entries : iterable of Entry
        The first one is shown first.

    Raises
    ------
    ValueError
        If the folder holds something else, or the name is that of a file.
    """
    folder = Path(folder).absolute()
    if folder.exists() and not _may_replace(folder):
        raise ValueError(f"{folder} holds something else: name a new folder for the explorers")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(folder) as new:
        (new / "data").mkdir()
        for name in SHIPPED:
            shutil.copyfile(BUNDLE / name, new / name)
        menu = []
        for entry in entries:
            for ending, content in static_files(entry.explorer).items():
                (new / "data" / f"{entry.name}{ending}").write_bytes(content)
            menu.append(entry)
        page = (BUNDLE / "index.html").read_text("utf-8").replace(MARK, _menu(menu))
        (new / "index.html").write_text(page, "utf-8")


def static_files(explorer) -> dict[str, bytes]:
    """The three files of an explorer, by their endings.

    ``.json`` has the descriptions of the page and of its stars, and the state; ``.bin`` and
    ``.stars.bin`` have the arrays. Weights are stored in half precision.
    """
    description, data, stars = explorer.packed(half=True)
    text = json.dumps(description, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return {".json": text.encode(), ".bin": data, ".stars.bin": stars}


def server_of(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A web server of a folder for this computer alone; port 0 takes any free one.

    Raises
    ------
    OSError
        If the port is taken.
    """
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise OSError(f"port {port} cannot be used ({error.strerror}): choose another") from error


class _Quiet(SimpleHTTPRequestHandler):
    """It logs nothing, and knows modules whatever the computer's own table of kinds says."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".css": "text/css",
        ".json": "application/json",
    }

    def log_message(self, *_):
        pass


def _may_replace(folder):
    if not folder.is_dir():
        return False
    page = folder / "index.html"
    ours = page.is_file() and (folder / SHIPPED[0]).is_file() and (folder / "data").is_dir()
    return ours or not any(folder.iterdir())


def _menu(entries):
    """Links to the explorers. Several of one section follow its name."""
    sections = {}
    for entry in entries:
        sections.setdefault(entry.section, []).append(entry)
    lines = []
    for section, members in sections.items():
        if len(members) > 1:
            lines.append(f"<span>{escape(section)}:</span>")
        for entry in members:
            text = entry.title if len(members) > 1 else section
            name, title, about = (escape(each) for each in (entry.name, entry.title, entry.about))
            lines.append(
                f'<a href="?explorer={name}" data-name="{name}" title="{title}" '
                f'data-about="{about}">{escape(text)}</a>'
            )
    return "\n".join(lines)
