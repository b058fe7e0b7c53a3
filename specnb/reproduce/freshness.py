"""Whether a folder of results is fresh: it holds what its notebook would compute again."""

import json
import os
from hashlib import sha256
from pathlib import Path

from specnb.core.artifacts import code_digest, parse, read_sources
from specnb.core.paths import SOURCE, stars_folder
from specnb.reproduce.provenance import (
    checksum,
    checksums,
    environment,
    shipped_data,
    write_json,
)

FRESH = ".fresh"


def made_from(notebook: Path, parameters: dict) -> dict[str, str]:
    """SHA-256 of each thing that decides a notebook's results on every computer.

    Returns
    -------
    dict
        ``cells``: the notebook's cells (not its outputs); ``parameters``; ``code``: the modules of
        specnb that the notebook imports, directly or through others; ``data``: the shipped data;
        ``real``: the real stars that are at hand, among them the built set that the parameter
        ``survey`` names.
    """
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    script = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    shipped = {path.relative_to(SOURCE).as_posix(): checksum(path) for path in shipped_data()}
    return {
        "cells": _digest([(cell["cell_type"], cell["source"]) for cell in cells]),
        "parameters": _digest(parameters),
        "code": code_digest(parse(script).imports, read_sources()),
        "data": _digest(shipped),
        "real": _digest([(path.name, checksum(path)) for path in _real_stars(parameters)]),
    }


def _real_stars(parameters):
    """The files of real stars that notebooks find, but for those that they fetch themselves."""
    from specnb.surveys import SURVEYS  # takes half a second
    from specnb.surveys.archive import real_files
    from specnb.surveys.public.built import STUDIED, built_path

    built = STUDIED.get(parameters.get("survey"), "")
    sets = [built_path(built, ending) for ending in (".h5", "-labels.fits")] if built else []
    further = sorted(stars_folder().rglob("[!.]*"))
    return [path for path in (*real_files(SURVEYS.values()), *further, *sets) if path.is_file()]


def results_key(origin: dict) -> str:
    """SHA-256 of all that decides results here: what they are made from, and the environment.

    ``origin`` is from `made_from`. The versions of the packages that decide figures are added.
    """
    return _digest([origin, os.environ.get("SPECNB_OFFLINE", ""), environment()["versions"]])


def _digest(content):
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def digest_of(results: dict) -> str:
    """SHA-256 of the content of results.json without the ``digest`` that it holds itself."""
    return _digest({name: value for name, value in results.items() if name != "digest"})


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
    return untouched and key == results_key(made_from(Path(notebook), parameters))
