"""A table of all stars in files and folders, which is computed in pieces by several processes.

A run that was killed goes on when it is started again, and shards of a run may work on many computers
that share a disk. The table is the same in all cases, see `specnb.bulk.pieces` and
`specnb.bulk.parts`.
"""

import time
import warnings
from dataclasses import replace
from hashlib import sha256

import joblib
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from specnb import __version__
from specnb.bulk.parts import Parts
from specnb.bulk.pieces import files_of, first_of, pieces_of
from specnb.core.device import pick_device
from specnb.core.reading import DAMAGE
from specnb.core.spectra import Spectra
from specnb.core.wavelength import same_pixels
from specnb.surveys import SURVEYS, LeftOutWarning, survey_of
from specnb.surveys.files import check_alike


def write_table(
    paths,
    output,
    choose,
    pixels=None,
    survey=None,
    shard=None,
    jobs=None,
    device="auto",
    progress=False,
) -> dict:
    """Compute a table from all spectra of some files and write it.

    Parameters
    ----------
    paths : sequence of path
        Files and folders, see `specnb.read_spectra`. Files that are bad or unlike the first good one,
        and stars that an earlier file has, are left out.
    output : path
        File of the table, whose name ends with .ecsv, .csv or .parquet.
    choose : callable
        ``choose(spectra, survey, device)`` gets the first spectrum on the survey's pixels. It gives
        a function from `Spectra` on these pixels to a Table, which processes can be sent, and what
        the table depends on, a dict with "model" and "sha256".
    pixels : ndarray, optional
        Pixels of the survey (vacuum Å). Files of other surveys are left out.
    survey : Survey, str or path, optional
        The survey of the files, see `specnb.surveys.survey_of`.
    shard : (int, int), optional
        ``(i, n)`` computes the i-th of n shares of the pieces, 1 ≤ i ≤ n, and leaves the parts of the
        table in a folder beside it. The same call without it computes what is missing, and joins the
        parts.
    jobs : int, optional
        Number of processes, each of which needs about 0.5 GB. The default is one for each core, or
        one on a GPU.
    device : str
        See `specnb.core.device.pick_device`.
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict
        ``output``; ``stars``, the number of rows; ``left_out``, a reason for each file of which
        stars were left out, by its name; ``seconds``; ``model`` and its ``sha256``.

    Raises
    ------
    ValueError
        If no file is good, a setting is wrong, or the folder has parts of another run.
    """
    begun, device = time.perf_counter(), pick_device(device)
    surveys = list(SURVEYS.values()) if survey is None else [survey_of(survey)]
    wanted = [each for each in surveys if pixels is None or same_pixels(each.pixels, pixels)]
    if not wanted:
        known = ", ".join(each.name for each in surveys)
        raise ValueError(f"the model is on the pixels of no survey ({known}): give the survey")
    share, shares = shard or (1, 1)
    if not 1 <= share <= shares:
        raise ValueError(f"shard is {share}/{shares}: give i/n with 1 <= i <= n")
    files = files_of(paths)
    pieces, left_out = pieces_of(files)
    name, first, survey = first_of(pieces, surveys, wanted)
    task, about = choose(survey.on_pixels(first), survey, device)
    inputs = "".join(f"{key} {path.stat().st_size}\n" for key, path in files.items())
    settings = {"made_by": f"specnb {__version__}", **about, "files": len(files)}
    parts = Parts(output, settings | {"inputs": sha256(inputs.encode()).hexdigest()})
    cut = [len(pieces) * each // shares for each in (share - 1, share)]
    missing = [number for number in range(*cut) if not parts.path(number).is_file()]
    if jobs is None:
        jobs = joblib.cpu_count() if device.type == "cpu" else 1
    work = joblib.Parallel(
        max(1, min(jobs, len(missing))), batch_size=1, return_as="generator_unordered"
    )
    rows = [source.rows for number in missing for source in pieces[number]]
    total = sum(each.stop - each.start for each in rows) if all(rows) else None
    with tqdm(total=total, desc="stars", unit="star", disable=not progress) as bar:
        calls = (
            joblib.delayed(_part)(
                parts, number, pieces[number], surveys, survey, (name, first), len(files) > 1, task
            )
            for number in missing
        )
        for stars in work(calls):
            bar.update(stars)
    told = [parts.read(number)[0] for number in range(*cut)]
    stars, twice = sum(n for about in told for _, n in about["rows"]), {}
    for note in dict.fromkeys(note for about in told for note in about["notes"]):
        warnings.warn(note, stacklevel=3)
    if shard is None:
        stars, twice = parts.join(len(pieces))
    for reasons in (*(about["left_out"] for about in told), twice):
        for key, texts in reasons.items():
            left_out.setdefault(key, []).extend(texts)
    return {
        "output": str(output),
        "stars": stars,
        "left_out": {key: _reason(texts) for key, texts in sorted(left_out.items())},
        "seconds": round(time.perf_counter() - begun, 3),
        "model": about["model"],
        "sha256": about["sha256"],
    }


@threadpool_limits.wrap(limits=1)  # more threads could change the last digits
def _part(parts, number, piece, surveys, survey, first, several, task):
    """Compute and write a part of the table. Gives its number of stars."""
    found, about = [], {"rows": [], "left_out": {}, "notes": []}
    for source in piece:
        reasons = []
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                spectra = replace(source.read(surveys), labels=None)
                check_alike(source.path, spectra, *first)
            except DAMAGE as error:
                reasons.append(source.reason(error))
            else:
                found.append(spectra)
                about["rows"].append((source.name, len(spectra)))
        for each in told:
            is_reason = issubclass(each.category, LeftOutWarning)
            (reasons if is_reason else about["notes"]).append(source.reason(each.message))
        if reasons:
            about["left_out"].setdefault(source.name, []).extend(reasons)
    table = None
    if found:
        table = task(survey.on_pixels(Spectra.join(found)))
        if several:
            names = [name for name, n in about["rows"] for _ in range(n)]
            table.add_column(names, 1, "file")
    parts.write(number, table, about)
    return sum(map(len, found))


def _reason(texts):
    """One text for all the reasons of a file."""
    return texts[0] + (f" (and {len(texts) - 1} more such reasons)" if texts[1:] else "")
