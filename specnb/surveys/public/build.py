"""A set of real stars, which is built in parts and joined to one file.

Parts are files of up to some thousand spectra in a folder beside the set. A build that was killed goes
on with those that are missing or damaged. The set has the same bytes whether or not it was killed and
however many processes worked, because parts depend on the list of the stars alone.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import joblib
import numpy as np
from astropy.table import Table
from pooch import file_hash
from tqdm.auto import tqdm

from specnb import __version__
from specnb.core.spectra import Spectra
from specnb.core.storage import SpectraWriter, opened
from specnb.core.writing import replacing
from specnb.surveys.public.built import built_path
from specnb.surveys.public.cuts import shuffled


@dataclass
class Recipe:
    """How a set of stars is made.

    Attributes
    ----------
    name : str
        Name of the set.
    inputs : list of Path
        Files on which the choice of the stars depends.
    select : callable
        ``select()`` gives the stars, a Table with the column ``id`` (text), and what `Cuts` counted,
        a list of dict.
    spectra_of : callable
        ``spectra_of(stars)`` gives the spectra of rows of that table, with labels, as far as the
        archive has them. It is sent to other processes.
    part : int
        Number of stars of a part.
    last : str
        What is counted at the end.
    published : dict of str to int
        Numbers of stars in the paper, by catalogue.
    beside : list of Path
        Further files that ``select()`` writes.
    """

    name: str
    inputs: list[Path]
    select: Callable
    spectra_of: Callable
    part: int
    last: str = "a spectrum came"
    published: dict = field(default_factory=dict)
    beside: list[Path] = field(default_factory=list)


def build(recipe: Recipe, limit: int | None = None, jobs: int = 1, progress: bool = False) -> dict:
    """Make a set of stars, unless it is there.

    Parameters
    ----------
    recipe : Recipe
    limit : int, optional
        Only the first stars, in the order of the set.
    jobs : int
        Number of processes.
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict
        What the file NAME.json says of the set: ``name``, ``stars``, ``settings`` (limit, version of
        specnb, SHA-256 of the inputs), ``inputs`` (their sizes and dates), ``counts``, ``published``,
        ``missing`` (ids of stars without a spectrum), ``made`` (date) and ``sha256`` of the file.

    Raises
    ------
    OSError
        If an archive does not answer: the next run goes on with what is missing.
    ValueError
        If no star is left.
    """
    path, record = built_path(recipe.name), built_path(recipe.name, ".json")
    hashes = {each.name: file_hash(each) for each in recipe.inputs}
    settings = {"limit": limit, "version": __version__, "inputs": hashes}
    found = _read(record)
    if found.get("settings") == settings and all(map(Path.is_file, (path, *recipe.beside))):
        return found
    folder = built_path(recipe.name, ".parts")
    stars, counts = _selected(folder, settings, recipe, limit)
    if not len(stars):
        raise ValueError(f"no star is left for {recipe.name}: see the cuts {counts}")
    pieces = [stars[row : row + recipe.part] for row in range(0, len(stars), recipe.part)]
    parts = {folder / f"{number:05d}.h5": piece for number, piece in enumerate(pieces)}
    missing = {part: piece for part, piece in parts.items() if _ids(part, piece) is None}
    calls = (joblib.delayed(_make)(part, piece, recipe) for part, piece in missing.items())
    work = joblib.Parallel(min(jobs, len(missing) or 1), return_as="generator_unordered")
    with tqdm(total=len(stars), desc=recipe.name, unit="star", disable=not progress) as bar:
        bar.update(len(stars) - sum(map(len, missing.values())))
        for n in work(calls):
            bar.update(n)
    came = np.concatenate([_ids(part, piece) for part, piece in parts.items()])
    if not len(came):
        raise ValueError(f"the archive has no spectrum of the {len(stars)} stars of {recipe.name}")
    with SpectraWriter(path) as writer:
        for part in parts:
            for spectra in Spectra.stream(part, recipe.part):
                writer.append(spectra)
    there = np.isin(stars["id"], came)
    for name in dict.fromkeys(stars["catalogue"]):
        here = there & (stars["catalogue"] == name)
        counts.append({"catalogue": str(name), "cut": recipe.last, "stars": int(here.sum())})
    about = {
        "name": recipe.name,
        "stars": len(came),
        "settings": settings,
        "inputs": {each.name: _state(each) for each in recipe.inputs},
        "counts": counts,
        "published": recipe.published,
        "missing": stars["id"][~there].tolist(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "sha256": file_hash(path),
    }
    _write(record, about)
    shutil.rmtree(folder, ignore_errors=True)
    return about


def _selected(folder, settings, recipe, limit):
    """The stars of a set and the counts of their cuts, which an earlier run may have left in the folder."""
    table, record = folder / "stars.fits", folder / "stars.json"
    about = _read(record)
    others = about.get("settings", settings) != settings
    if others:  # parts of other stars are of no use
        shutil.rmtree(folder)
    if others or not (
        all(map(Path.is_file, (table, *recipe.beside))) and about.get("sha256") == file_hash(table)
    ):
        stars, counts = recipe.select()
        stars = shuffled(stars)[:limit]
        if limit is not None:
            for name in dict.fromkeys(stars["catalogue"]):
                n = int(np.sum(stars["catalogue"] == name))
                counts.append({"catalogue": str(name), "cut": f"--limit {limit}", "stars": n})
        with replacing(table) as temporary:
            stars.write(temporary, format="fits")
        _write(record, {"settings": settings, "counts": counts, "sha256": file_hash(table)})
    stars = Table.read(table, format="fits", mask_invalid=False)
    stars.convert_bytestring_to_unicode()
    return stars, _read(record)["counts"]


def _make(part, stars, recipe):
    """Write a part, and give its number of stars."""
    part.parent.mkdir(parents=True, exist_ok=True)
    recipe.spectra_of(stars).write(part)
    return len(stars)


def _ids(part, stars):
    """The ids in a part, or None if it is not there, is damaged, or holds other stars."""
    try:
        with opened(part, "spectra") as source:
            ids = source["ids"].asstr()[:].astype(str)
    except (OSError, ValueError):
        return None
    return ids if np.isin(ids, stars["id"]).all() else None


def _state(path):
    """Size and date of a file, which for a catalogue is the day when it was fetched."""
    status = path.stat()
    date = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds")
    return {"bytes": status.st_size, "date": date}


def _read(path):
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _write(path, about):
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(about, indent=1), "utf-8")
