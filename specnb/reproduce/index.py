"""The index of all results: figures and tables by notebook, how they were made, from what data."""

import html
import json
from pathlib import Path

from specnb.core.writing import replacing

HEADER = """\
# Figures and tables

Written by `specnb paper` from the `results.json` of each folder: do not edit. That file also holds the numbers,
all parameters, versions, checksums and the state of the code."""
MANY_ROWS = 10  # tables with more are linked and not shown
VERSIONS = ("torch", "numpy", "scipy", "astropy", "matplotlib")


def write_index(folder) -> Path:
    """Write ``README.md`` in the folder of all results; the same bytes for the same results."""
    index = Path(folder) / "README.md"
    sections = [_section(path.parent) for path in sorted(index.parent.glob("[!.]*/results.json"))]
    with replacing(index) as temporary:
        temporary.write_text("\n\n".join([HEADER, *sections]) + "\n", encoding="utf-8")
    return index


def _section(folder):
    """The results of one notebook: their origin in one line, pictures in two columns, tables."""
    results = json.loads((folder / "results.json").read_text("utf-8"))
    changed = [
        f"{name} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in results["changed"].items()
    ]
    code, machine = results["code"], results["environment"]
    commit = f"commit {code['commit'][:10]}" if code["commit"] else "no commit"
    versions = [f"{package} {machine['versions'][package]}" for package in VERSIONS]
    origin = [
        f"`{Path(results['notebook']).stem}`",
        ", ".join([f"profile {results['profile']}", *changed]),
        _duration(results["wall_time_s"]),
        f"{commit} with changes" if code["dirty"] else commit,
        ", ".join([f"Python {machine['python']}", *versions]),
    ]
    parts = [f"## {results.get('title', folder.name)}", " · ".join(origin)]
    if results["inputs"]:
        inputs = "\n".join(f"- `{name}`" for name in results["inputs"])
        summary = f"<summary>Input data ({len(results['inputs'])})</summary>"
        parts.append(f"<details>{summary}\n\n{inputs}\n\n</details>")
    pictures = [_picture(folder, name, entry) for name, entry in results["figures"].items()]
    rows = ["".join(pictures[i : i + 2]) for i in range(0, len(pictures), 2)]
    if rows:
        parts.append("<table>\n" + "".join(f"<tr>\n{row}</tr>\n" for row in rows) + "</table>")
    parts += [_table(folder, name, entry) for name, entry in results["tables"].items()]
    return "\n\n".join(parts)


def _picture(folder, name, entry):
    file = f"{folder.name}/{entry['files'][0]}"
    return (
        f'<td width="50%" valign="top"><a href="{file}"><img src="{file}" width="380" alt="{name}"></a><br>\n'
        f"{_caption(folder, entry)}</td>\n"
    )


def _table(folder, name, entry):
    text = (folder / f"{name}.md").read_text("utf-8").strip()
    caption, rows = _caption(folder, entry), text.count("\n") - 1
    return f"{caption} ({rows} rows)" if rows > MANY_ROWS else f"{caption}\n\n{text}"


def _caption(folder, entry):
    links = [
        f'<a href="{folder.name}/{file}">{Path(file).suffix[1:]}</a>' for file in entry["files"]
    ]
    return f"{html.escape(' '.join(entry['caption'].split()))} <sub>{' '.join(links)}</sub>"


def _duration(seconds):
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
