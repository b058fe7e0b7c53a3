"""Run a notebook over a grid of parameters and collect the results in one table and figure.

Each point is an ordinary run with a folder of its own: what is fresh is skipped, and a sweep that
was killed goes on.
"""

import contextlib
import hashlib
import itertools
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from astropy.table import Table

from specnb.plots.training import results_against
from specnb.reproduce.freshness import is_fresh
from specnb.reproduce.parameters import check_parameters
from specnb.reproduce.runner import (
    RESULTS,
    NotebookError,
    check_pair,
    check_writable,
    run_notebook,
)
from specnb.reproduce.study import Study

LONGEST_NAME = 150  # bytes of a folder's name; file systems allow 255, and the runner adds to it


def sweep(
    notebook, grid: dict, output, jobs=None, timeout: float = 3600.0, x=None, y=None, progress=True
) -> Table:
    """Run a notebook at all points of a grid whose results are not fresh.

    After every run the table and the figure of all fresh points are written to ``output``:
    sweep.csv, .md and .tex (see `collect`), sweep.png and .pdf. Results of other points may lie in
    that folder; they are left alone.

    Parameters
    ----------
    notebook : path of an .ipynb file
    grid : dict
        Values of each parameter: a list, a tuple, a range, an array or a single value. The grid is
        their product.
    output : path
        Folder of the sweep; each point has a folder in it, such as
        ``latent=5,n_stars=5000,seed=1``.
    jobs : int, optional
        How many run at a time; they share the cores. Default: number of cores.
    timeout : float
        Wall-clock limit of one run in seconds.
    x : str, optional
        Parameter on the figure's horizontal axis; default: the first with several values, a number
        rather than text, that is not the seed.
    y : str or sequence of str, optional
        Results to draw; default: all that are numbers.
    progress : bool
        Print a line for each run.

    Returns
    -------
    Table
        As from `collect`, of the points of this grid.

    Raises
    ------
    ValueError
        Before anything runs: for a wrong parameter or ``x``, and where the notebook and its paired
        .py differ. At the end: where no run has a result ``y``.
    OSError
        Before anything runs, where ``output`` cannot be written.
    NotebookError
        At the end, where points failed; the others have run.
    """
    notebook, output, jobs = Path(notebook), Path(output), os.cpu_count() if jobs is None else jobs
    if jobs < 1:
        raise ValueError(f"cannot run {jobs} notebooks at a time: give 1 job or more")
    points, varied = grid_points(notebook, grid)
    x = _axis(points, varied, grid, x)
    y = [y] if isinstance(y, str) else y
    check_pair(notebook)
    check_writable(output)
    say = print if progress else lambda *args, **options: None

    fresh = {name for name, values in points.items() if is_fresh(notebook, values, output / name)}
    waiting = [name for name in points if name not in fresh]
    say(
        f"{notebook.stem}: {len(points)} points, {len(fresh)} unchanged, {len(waiting)} to run",
        flush=True,
    )
    failed = {}
    # Ctrl-C does not reach notebooks, because their sessions are not the terminal's: a pipe does.
    lifeline, our_end = os.pipe()
    with os.fdopen(lifeline), ThreadPoolExecutor(jobs) as pool:
        cores = max(1, (os.cpu_count() or 1) // jobs)
        run = partial(run_notebook, notebook, timeout=timeout, cores=cores, lifeline=lifeline)
        runs = {pool.submit(run, points[name], output / name): name for name in waiting}
        try:
            for number, ended in enumerate(as_completed(runs), start=1):
                name = runs[ended]
                try:
                    news = f"{ended.result()['wall_time_s']:.0f} s"
                    fresh.add(name)
                except (NotebookError, ValueError, OSError) as error:
                    failed[name] = news = " ".join(str(error).split())
                # A wrong y does not stop the other runs: it is told at the end.
                with contextlib.suppress(ValueError):
                    _write(notebook, output, sorted(fresh), varied, x, y)
                say(f"[{number}/{len(waiting)}] {name}: {news}", flush=True)
        finally:  # after Ctrl-C, runs that wait are dropped and those under way are killed
            pool.shutdown(wait=False, cancel_futures=True)
            os.close(our_end)
    table = _write(notebook, output, sorted(fresh), varied, x, y)
    if failed:
        names = " and ".join(failed)
        raise NotebookError(
            f"{len(failed)} of {len(points)} points failed: {names} "
            f"(the first: {next(iter(failed.values()))}); mend the notebook, give it more time or "
            "leave these values out, and sweep again: all other points are done"
        )
    return table


def grid_points(notebook, grid: dict) -> tuple[dict[str, dict], list[str]]:
    """All points of a grid, each with all its checked parameters, by folder; and what is varied.

    The second value names the parameters with more than one value or, if there is none, all given
    ones. A folder's name holds the given parameters, so that it does not change when a grid gets
    more values. Raises ValueError for an empty grid, an unknown parameter or a value of a wrong
    type.
    """
    values = {name: _several(given) for name, given in grid.items()}
    if not values or not all(values.values()):
        raise ValueError("the grid is empty: give at least one parameter and its values")
    points = {}
    for point in itertools.product(*values.values()):
        checked = check_parameters(notebook, dict(zip(values, point)))
        given = {name: value for name, value in checked.items() if name in values}
        points[_folder_name(given)] = checked
    return points, _varied(points.values()) or list(given)


def collect(folder, runs=None, parameters=None) -> Table:
    """The results of many runs as one table.

    Parameters
    ----------
    folder : path
        Folder that holds the folders of the runs.
    runs : sequence of str, optional
        Names of those folders; default: all that hold results, also those an older code or grid
        left.
    parameters : sequence of str, optional
        Which to show; default: those that differ between the runs or, if none does, from the
        notebook's defaults.

    Returns
    -------
    Table
        One row a run, sorted: the parameters, all results that are numbers (masked where a run has
        none; one with the name of a parameter gets the ending _result) and wall_time (s).
        ``table.meta`` lists the names of ``parameters`` and ``results``.

    Raises
    ------
    FileNotFoundError
        Where there are no results.
    """
    folder = Path(folder)
    if runs is None:
        runs = sorted(path.parent.name for path in folder.glob(f"[!.]*/{RESULTS}"))
    found = [json.loads((folder / run / RESULTS).read_text("utf-8")) for run in runs]
    if not found:
        raise FileNotFoundError(
            f"{folder} holds no results of runs: give the --output folder of a sweep"
        )
    if parameters is None:
        changed = dict.fromkeys(itertools.chain(*(each["changed"] for each in found)))
        parameters = _varied([each["parameters"] for each in found]) or list(changed)
    rows, units = [], {"wall_time": "s"}
    for each in found:
        given = {name: _plain(value) for name, value in each["parameters"].items()}
        row = {name: value for name, value in given.items() if name in parameters}
        for name, result in each["results"].items():
            if type(result["value"]) in (int, float):
                name = f"{name}_result" if name in [*given, "wall_time"] else name
                row[name], units[name] = result["value"], result["unit"]
        rows.append(row | {"wall_time": each["wall_time_s"]})
    rows.sort(key=lambda row: [_rank(row.get(name)) for name in parameters])
    table = Table(rows=rows, units=units)
    results = [name for name in table.colnames if name not in [*parameters, "wall_time"]]
    table.meta = {"parameters": list(parameters), "results": results}
    return table[[*parameters, *results, "wall_time"]]


def _several(given):
    given = given.tolist() if hasattr(given, "tolist") else given  # an array
    return list(given) if isinstance(given, list | tuple | range) else [given]


def _folder_name(values):
    name = ",".join(f"{key}={_safe(_plain(value))}" for key, value in values.items())
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}-{_digest(name)}"


def _safe(value):
    """A value as part of a file's name; with a digest where other values would look the same."""
    text = value if isinstance(value, str) else json.dumps(value)
    safe = re.sub(r"[^\w.+-]+", "_", text, flags=re.ASCII).strip("_")[:40]
    return safe if safe == text else f"{safe}-{_digest(text)}"


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def _plain(value):
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _varied(points):
    names = dict.fromkeys(itertools.chain(*points))
    return [name for name in names if len({_plain(point.get(name)) for point in points}) > 1]


def _rank(value):
    return (value is None, isinstance(value, str), value)


def _axis(points, varied, grid, x):
    """The parameter on the horizontal axis."""
    if x is not None and x not in grid:
        raise ValueError(
            f"x is {x}, which is no parameter of this grid: choose one of {', '.join(grid)}"
        )
    first = next(iter(points.values()))
    choice = [name for name in grid if name in varied]
    # A number rather than text, and the seed only if nothing else is varied.
    return x or min(
        choice, key=lambda name: (name == "seed", type(first[name]) not in (int, float))
    )


def _write(notebook, output, runs, varied, x, y):
    """Write the table and the figure of the given runs, each file as a whole."""
    if not runs:
        return None
    table, study = collect(output, runs, varied if x in varied else [x, *varied]), Study(output)
    title = f"{notebook.stem}, {len(table)} runs"
    study.table(table, "sweep", f"{title}: parameters, results and run time.")
    if y := y or table.meta["results"]:
        caption = f"{title}: each run (points) and the median at each {x} (line)."
        study.figure(results_against(table, x, y), "sweep", caption)
    return table
