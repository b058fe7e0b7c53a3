"""The index of all results: which notebook made a figure or table, how, and from what data."""

import json
from pathlib import Path

from specnb.core.writing import replacing

HEADER = """\
# Figures and tables

Written by `specnb paper` from the `results.json` of each folder: do not edit. That file also holds the numbers,
all parameters, versions, checksums and the state of the code.

| | What it shows | Notebook | Profile and parameters that differ from the defaults | Run time | Input data |
| --- | --- | --- | --- | --- | --- |
"""


def write_index(folder) -> Path:
    """Write ``README.md`` in the folder of all results; the same bytes for the same results."""
    folder = Path(folder)
    rows = []
    for path in sorted(folder.glob("[!.]*/results.json")):
        results = json.loads(path.read_text("utf-8"))
        entries = [*results["figures"].items(), *results["tables"].items()]
        rows += [_row(path.parent.name, name, entry, results) for name, entry in entries]
    with replacing(folder / "README.md") as temporary:
        temporary.write_text(HEADER + "".join(rows), encoding="utf-8")
    return folder / "README.md"


def _row(study, name, entry, results):
    files = {file.rpartition(".")[2]: f"{study}/{file}" for file in entry["files"]}
    if "png" in files:
        picture = (
            f'<a href="{files["png"]}"><img src="{files["png"]}" width="240" alt="{name}"></a>'
        )
    else:
        picture = " ".join([f"`{name}`", *(f"[{kind}]({path})" for kind, path in files.items())])
    changed = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in results["changed"].items()
    ]
    cells = [
        picture,
        entry["caption"],
        f"`{Path(results['notebook']).stem}`",
        ", ".join([results["profile"], *changed]),
        _duration(results["wall_time_s"]),
        ", ".join(f"`{source}`" for source in results["inputs"]) or "none",
    ]
    return "| " + " | ".join(" ".join(cell.split()).replace("|", r"\|") for cell in cells) + " |\n"


def _duration(seconds):
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
