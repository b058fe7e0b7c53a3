"""Whether a folder of results is fresh: it holds what its notebook would compute again."""

import json
import os
from pathlib import Path

from specnb.reproduce.provenance import checksum, checksums, code_key, digest, write_json
from specnb.surveys import SURVEYS
from specnb.surveys.archive import real_files

FRESH = ".fresh"


def current_keys(notebook: Path, parameters: dict) -> dict[str, str]:
    """Keys of what decides a notebook's results: code and shipped data, and the real spectra."""
    stars = {path.name: checksum(path) for path in real_files(SURVEYS.values())}
    offline = os.environ.get("SPECNB_OFFLINE", "")
    return {"code": code_key(notebook, parameters), "stars": digest(stars, offline)}


def mark_fresh(folder: Path, keys: dict[str, str]):
    """Keep beside the results in a folder the keys they were computed with, and their checksums."""
    write_json(folder / FRESH, {**keys, "files": checksums(folder)})


def is_fresh(notebook, parameters: dict, output) -> bool:
    """Whether a folder holds, untouched, what the notebook computes with (checked) parameters."""
    output = Path(output)
    try:
        kept = json.loads((output / FRESH).read_text("utf-8"))
        files = kept.pop("files")
        untouched = all(checksum(output / name) == sha for name, sha in files.items())
    except (OSError, ValueError, KeyError):  # never run, or something is damaged
        return False
    return untouched and kept == current_keys(Path(notebook), parameters)
