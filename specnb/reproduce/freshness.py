"""Whether a folder of results is fresh: it holds what its notebook would compute again."""

import json
import os
from hashlib import sha256
from pathlib import Path

from specnb.core.artifacts import code_digest, parse, read_sources
from specnb.core.paths import SOURCE
from specnb.reproduce.provenance import (
    checksum,
    checksums,
    environment,
    shipped_data,
    write_json,
)

FRESH = ".fresh"


def results_key(notebook: Path, parameters: dict) -> str:
    """SHA-256 of all that decides a notebook's results.

    That is the notebook's cells (not its outputs), the parameters, the modules of specnb that the
    notebook imports, directly or through others, the shipped data, the real spectra, and the
    versions of the packages that decide figures.
    """
    from specnb.surveys import SURVEYS  # takes half a second
    from specnb.surveys.archive import real_files

    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    script = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    sources = read_sources()
    parts = [
        [(cell["cell_type"], cell["source"]) for cell in cells],
        parameters,
        code_digest(parse(script).imports, sources),
        {path.relative_to(SOURCE).as_posix(): checksum(path) for path in shipped_data()},
        {path.name: checksum(path) for path in real_files(SURVEYS.values())},
        os.environ.get("SPECNB_OFFLINE", ""),
        environment()["versions"],
    ]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def mark_fresh(folder: Path, key: str):
    """Keep beside the results in a folder the key they were computed with, and their checksums."""
    write_json(folder / FRESH, {"key": key, "files": checksums(folder)})


def is_fresh(notebook, parameters: dict, output) -> bool:
    """Whether a folder holds, untouched, what the notebook computes with (checked) parameters."""
    try:
        kept = json.loads((Path(output) / FRESH).read_text("utf-8"))
        untouched, key = kept["files"].items() <= checksums(output).items(), kept["key"]
    # It was never run, or something is damaged.
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False
    return untouched and key == results_key(Path(notebook), parameters)
