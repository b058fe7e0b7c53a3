"""A table of all stars in files and folders, which is computed in pieces by several processes.

A run that was killed goes on when it is started again, and shards of a run may work on many computers
that share a disk. The table is the same in all cases, see `specnb.bulk.pieces` and
`specnb.bulk.parts`.
"""

import os
import re
import threading
import time
import warnings
from dataclasses import replace
from hashlib import sha256
from os.path import commonpath
from pathlib import Path

import joblib
import psutil
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from specnb import __version__
from specnb.bulk.parts import Parts, is_ours
from specnb.bulk.pieces import first_of, pieces_of
from specnb.core.reading import DAMAGE
from specnb.core.spectra import Spectra
from specnb.core.wavelength import same_pixels
from specnb.surveys import SURVEYS, LeftOutWarning, survey_of
from specnb.surveys.files import check_alike, named_files, reason_of
from specnb.surveys.plain import read_any


def write_table(
    paths, output, choose, pixels=None, survey=None, shard=None, jobs=None, progress=False
) -> dict:
    """Compute a table from all spectra of some files and write it.

    Parameters
    ----------
    paths : sequence of path
        Files and folders, see `specnb.read_spectra`. Files that are bad or unlike the first good one,
        and stars that an earlier file has, are left out. Of a star that is more than once in a file
        all rows are kept, and a note names it. This is seen when the parts are joined, with about 80
        bytes of memory a star. Tables in a folder that were made here count as no spectra.
    output : path
        File of the table, whose name ends with .ecsv, .csv or .parquet.
    choose : callable
        ``choose(spectra, survey)`` gets the first spectrum and its survey. It gives a function from
        `Spectra` on the pixels of the survey to a Table, which processes can be sent, and what the
        table depends on, a dict with "model" and its "sha256".
    pixels : ndarray, optional
        Pixels of the survey (vacuum Å). Files of other surveys are left out. The default is the
        survey of the first good file.
    survey : Survey, str or path, optional
        The survey of the files, see `specnb.surveys.survey_of`.
    shard : str, optional
        ``"i/n"`` computes the i-th of n shares of the pieces, 1 ≤ i ≤ n, and leaves the parts of the
        table in a folder beside it. The same call without it computes what is missing, and joins the
        parts.
    jobs : int, optional
        Number of processes, each of which needs about 0.5 GB. The default is one for each core.
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict
        ``output``, or for a shard the folder of the parts; ``stars``, the number of rows;
        ``left_out``, a reason for each file of which stars were left out, by its name; ``notes``,
        other warnings of the readers; ``seconds``; and ``model`` with its ``sha256``.

    Raises
    ------
    ValueError
        If no file is good, a setting is wrong, or the folder has parts of another run.
    """
    begun = time.perf_counter()
    match = re.fullmatch(r"(\d+)/(\d+)", shard or "1/1")
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"shard is {shard}: give i/n with 1 <= i <= n, such as 1/16")
    share, shares = map(int, match.groups())
    surveys = list(SURVEYS.values()) if survey is None else [survey_of(survey)]
    wanted = [each for each in surveys if pixels is None or same_pixels(each.pixels, pixels)]
    paths = [
        path.absolute()
        for path, in_folder in named_files(paths, None).items()
        if not (in_folder and is_ours(path))
    ]
    if Path(output).resolve() in [path.resolve() for path in paths]:
        raise ValueError(f"{output} is one of the files of spectra, too: choose another output")
    folder = commonpath([path.parent for path in paths] or ["."])
    files = {path.relative_to(folder).as_posix(): path for path in paths}
    pieces, left_out = pieces_of(files)
    name, first, survey = first_of(pieces, paths, surveys, wanted or surveys)
    task, about = choose(first, survey)
    inputs = [
        (key, path.stat().st_size, path.stat().st_mtime_ns)
        for key, path in files.items()
        if key not in left_out
    ]
    about |= {
        "version": f"specnb {__version__}",
        "inputs": sha256(repr(inputs).encode()).hexdigest(),
    }
    parts = Parts(output, about)
    numbers = range(*(len(pieces) * each // shares for each in (share - 1, share)))
    missing = [number for number in numbers if not parts.path(number).is_file()]
    rows = [rows for number in missing for _, _, rows in pieces[number]]
    total = sum(each.stop - each.start for each in rows) if all(rows) else None
    jobs = max(1, min(jobs or joblib.cpu_count(), len(missing)))
    alike = surveys, survey, name, replace(first, labels=None), len(files) > 1
    calls = (joblib.delayed(_part)(parts, k, pieces[k], task, *alike) for k in missing)
    work = joblib.Parallel(
        jobs,
        batch_size=1,
        return_as="generator_unordered",
        idle_worker_timeout=10,  # seconds
        initializer=_end_with,
        initargs=(os.getpid(),),
    )
    with tqdm(total=total, desc="stars", unit="star", disable=not progress) as bar:
        for n in work(calls):
            bar.update(n)
    told = [parts.read(number)[0] for number in numbers]
    stars, twice, again = sum(n for each in told for _, n in each["rows"]), {}, {}
    if shard is None:
        stars, twice, again = parts.join(len(pieces))
    for reasons in (*(each["left_out"] for each in told), twice):
        for key, texts in reasons.items():
            left_out.setdefault(key, []).extend(texts)
    return {
        "output": str(output if shard is None else parts.folder),
        "stars": stars,
        "left_out": {
            key: texts[0] + f" (and {len(texts) - 1} more such reasons)" * (len(texts) > 1)
            for key, texts in sorted(left_out.items())
        },
        "notes": sorted({note for each in told for note in each["notes"]})
        + [
            f"{key}: {len(stars)} rows repeat stars of rows above, such as star {stars[0]}: all are kept"
            for key, stars in again.items()
        ],
        "seconds": round(time.perf_counter() - begun, 3),
        **{key: about[key] for key in ("model", "sha256")},
    }


def _end_with(pid):
    """End this process soon after another one, whose work it does and which may be killed."""

    def watch():
        while psutil.pid_exists(pid):
            time.sleep(5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@threadpool_limits.wrap(limits=1)  # more threads could change the last digits
def _part(parts, number, piece, task, surveys, survey, first_name, first, several):
    """Compute and write a part of the table. Gives its number of stars."""
    found, about, table = [], {"rows": [], "left_out": {}, "notes": []}, None
    for name, path, rows in piece:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                spectra = replace(read_any(path, surveys, rows=rows), labels=None)
                check_alike(path, spectra, first_name, first)
                found.append(spectra)
                about["rows"].append((name, len(spectra)))
            except DAMAGE as error:
                warnings.warn(f"{error}", LeftOutWarning, stacklevel=1)
        where = f"rows {rows.start}-{rows.stop - 1}: " if rows else ""
        for each in (each for each in told if issubclass(each.category, UserWarning)):
            left_out = issubclass(each.category, LeftOutWarning)
            reasons = about["left_out"].setdefault(name, []) if left_out else about["notes"]
            reasons.append(where + reason_of(path, each.message))
    if found:
        table = task(survey.on_pixels(Spectra.join(found)))
    if found and several:
        table.add_column([name for name, n in about["rows"] for _ in range(n)], 1, "file")
    parts.write(number, table, about)
    return sum(map(len, found))
