"""A set of real stars, which is built in parts and joined to one file.

Parts are files of up to some thousand spectra in a folder beside the set. A build that was killed goes
on with those that are missing or damaged. The set has the same bytes whether or not it was killed and
however many processes worked, because parts depend on the list of the stars alone.
"""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path

import joblib
import numpy as np
from astropy.table import MaskedColumn, Table
from pooch import file_hash
from tqdm.auto import tqdm

from specnb import __version__
from specnb.core.spectra import Spectra
from specnb.core.storage import SpectraWriter, opened
from specnb.core.writing import replacing
from specnb.surveys.public.built import built_path
from specnb.surveys.public.cuts import shuffled

CAME = "a spectrum came"  # the last entry of the counts
CHOICE = "stars.json"  # beside the parts: settings, the counts of the cuts, and a SHA-256


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
    published : dict of str to int
        Numbers of stars in the paper, by catalogue.
    beside : list of Path
        Further files that ``select()`` writes.
    pixels : int
        Number of pixels of a spectrum, for the size of the set. 0 if it is unknown.
    """

    name: str
    inputs: list[Path]
    select: Callable
    spectra_of: Callable
    part: int
    published: dict = field(default_factory=dict)
    beside: list[Path] = field(default_factory=list)
    pixels: int = 0


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
        Show a progress bar, or say that the set is already there.

    Returns
    -------
    dict
        What the file NAME.json says of the set: ``name``, ``command``, ``stars``, ``settings``
        (limit, SHA-256 of the inputs), ``version`` of specnb, ``made`` (date), ``inputs`` (their sizes
        and the dates when they were fetched), ``counts``, ``published``, ``missing`` (ids of stars
        without a good spectrum), ``sha256`` of the file, and ``beside`` (SHA-256 of further files).

    Raises
    ------
    OSError
        If an archive does not answer: the next run goes on with what is missing. If there is a set and
        it is damaged, or if the disk has no room for it.
    ValueError
        If no star is left, or there is a set or a part with other settings.
    """
    path, record, folder = (built_path(recipe.name, end) for end in (".h5", ".json", ".parts"))
    hashes = {each.name: file_hash(each) for each in recipe.inputs}
    settings, found = {"limit": limit, "inputs": hashes}, _read(record)
    for there, about in ((path, found), (folder, _choice(folder, recipe))):
        _check_same(there, about.get("settings", settings), settings)
    if found and path.is_file():
        if {*recipe.beside} & {*damage_of(recipe.name)}:
            recipe.select()
        for damaged, problem in damage_of(recipe.name).items():
            raise OSError(f"{damaged}: {problem}")
        if progress:
            tqdm.write(f"{path} is already there")
        return found
    stars, counts = _chosen(folder, settings, recipe)
    pieces = [stars[row : row + recipe.part] for row in range(0, len(stars), recipe.part)]
    # A part is named by its stars, so that one of another choice never takes its place.
    sums = [sha256(piece.as_array().tobytes()).hexdigest()[:16] for piece in pieces]
    parts = {folder / f"{k:05d}-{sums[k]}.h5": piece for k, piece in enumerate(pieces)}
    missing = {part: piece for part, piece in parts.items() if not _is_whole(part, piece)}
    # those of missing parts, and of the set: 8 bytes a pixel for flux, error and mask, compressed
    need = 8 * recipe.pixels * (len(stars) + sum(map(len, missing.values())))
    if need > (free := shutil.disk_usage(folder).free):
        raise OSError(
            f"{recipe.name} takes about {need / 1e9:.2f} GB while it is made and {folder.parent} has room for "
            f"{free / 1e9:.2f} GB: free some space, name another folder in SPECNB_DATA, or give --limit"
        )
    calls = (joblib.delayed(_make)(part, piece, recipe) for part, piece in missing.items())
    work = joblib.Parallel(min(jobs, len(missing) or 1), return_as="generator_unordered")
    with tqdm(
        total=len(stars), initial=len(stars) - sum(map(len, missing.values())), desc=recipe.name,
        unit="star", disable=not progress,
    ) as bar:  # fmt: skip
        for n in work(calls):
            bar.update(n)
    record.unlink(missing_ok=True)  # that of a set which was deleted
    came = []
    with SpectraWriter(path) as writer:
        for spectra in chain.from_iterable(Spectra.stream(part, recipe.part) for part in parts):
            writer.append(spectra)
            came.extend(spectra.ids)
        if not came:
            cuts = ", ".join("{cut}: {stars}".format(**count) for count in counts)
            raise ValueError(f"there is no spectrum for {recipe.name} after the cuts ({cuts})")
    there = np.isin(stars["id"], came)
    about = {
        "name": recipe.name,
        "command": f"specnb data build {recipe.name}" + f" --limit {limit}" * (limit is not None),
        "stars": len(came),
        "settings": settings,
        "version": f"specnb {__version__}",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "inputs": {each.name: _state(each) for each in recipe.inputs},
        "counts": counts + counted(CAME, stars[there]),
        "published": recipe.published,
        "missing": stars["id"][~there].tolist(),
        "sha256": file_hash(path),
        "beside": {each.name: file_hash(each) for each in recipe.beside},
    }
    _write(record, about)
    shutil.rmtree(folder)
    return about


def damage_of(name: str) -> dict[Path, str]:
    """What is wrong with the files of a set that was made, by their paths.

    The SHA-256 of each file is compared with the one in NAME.json.
    """
    record = built_path(name, ".json")
    about = _read(record)
    if "sha256" not in about:
        return {record: f"it is missing or damaged: run `specnb data build {name}`"}
    sums = {f"{name}.h5": about["sha256"]} | about.get("beside", {})
    return {
        path: f"it is damaged, not as in {record.name}: delete it and run `{about['command']}` again"
        if path.is_file()
        else f"it is missing: run `{about['command']}` again, which makes it"
        for path, value in ((record.with_name(each), value) for each, value in sums.items())
        if not (path.is_file() and file_hash(path) == value)
    }


def labels_of(stars: Table, survey) -> Table:
    """The columns of chosen stars that become labels, with the units of a survey. NaN becomes missing.

    Columns that tell where the spectra are, which are in capital letters, and ``id`` and ``row`` are
    left out.
    """
    units = {label.name: label.unit or None for label in survey.labels}
    names = [name for name in stars.colnames if name.islower() and name not in ("id", "row")]
    numeric = [name for name in names if stars[name].dtype.kind == "f"]
    values = {name: stars[name] for name in names}
    values |= {name: np.ma.masked_invalid(stars[name]) for name in numeric}
    return Table(
        {
            name: MaskedColumn(column, unit=units.get(name.removesuffix("_error")))
            for name, column in values.items()
        }
    )


def no_spectra(survey) -> Spectra:
    """Spectra of no star, for parts of which the archive has none."""
    none = np.zeros((0, len(survey.pixels)))
    return Spectra(survey.pixels, none, none, none, [])


def _check_same(there, other, settings):
    """Raise ValueError, which says what differs, if a build is there and has other settings."""
    if not there.exists():
        return
    if changed := other.get("inputs", {}).items() ^ settings["inputs"].items():
        read = " and ".join(sorted({name for name, _ in changed}))
        raise ValueError(f"{there} is of another build, which read another {read}: delete it")
    if (limit := other.get("limit")) != settings["limit"]:
        given = "without --limit" if limit is None else f"with --limit {limit}"
        raise ValueError(f"{there} is of another build, {given}: delete it, or build {given}")


def _chosen(folder, settings, recipe):
    """The stars of a set and the counts of their cuts, which an earlier run may have left in the folder."""
    table, limit, about = folder / "stars.npy", settings["limit"], _choice(folder, recipe)
    if not about:
        stars, counts = recipe.select()
        stars = shuffled(stars)[:limit]
        counts += counted(f"the first {limit}", stars) if limit else []
        with replacing(table) as temporary, temporary.open("wb") as f:
            np.save(f, stars.as_array())
        about = {"settings": settings, "counts": counts}
        _write(folder / CHOICE, about | {"sha256": _sum(folder, recipe, about)})
    return Table(np.load(table)), about["counts"]


def _choice(folder, recipe):
    """What an earlier run noted of the stars that it chose. Empty if a file of them is damaged or missing."""
    about = _read(folder / CHOICE)
    with suppress(OSError):
        if about.pop("sha256", None) == _sum(folder, recipe, about):
            return about
    return {}


def _sum(folder, recipe, about):
    """SHA-256 of the settings, the counts, the chosen stars, and the further files."""
    sums = map(file_hash, (folder / "stars.npy", *recipe.beside))
    return sha256(json.dumps([about, *sums]).encode()).hexdigest()


def counted(cut, stars):
    """Entries for the counts with the numbers of stars of each catalogue."""
    names, numbers = np.unique(stars["catalogue"], return_counts=True)
    return [
        {"catalogue": str(name), "cut": cut, "stars": int(number)}
        for name, number in zip(names, numbers)
    ]


def _make(part, stars, recipe):
    """Write a part, and give its number of stars."""
    recipe.spectra_of(stars).write(part)
    return len(stars)


def _is_whole(part, stars):
    """Whether a part is there, undamaged, and of these stars."""
    try:
        with opened(part, "spectra") as source:
            return bool(np.isin(source["ids"].asstr()[:].astype(str), stars["id"]).all())
    except (OSError, ValueError):
        return False


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
