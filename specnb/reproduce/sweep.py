"""Run a notebook over a grid of parameters and collect the results in one table and figure.

Each point is an ordinary run with a folder of its own: what is fresh is skipped, and a sweep that
was killed goes on.
"""

import contextlib
import itertools
import json
import os
import threading
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from astropy.table import Table
from joblib import Parallel, delayed

from specnb.plots.training import results_against
from specnb.reproduce.freshness import is_fresh
from specnb.reproduce.parameters import check_parameters
from specnb.reproduce.runner import (
    RESULTS,
    NotebookError,
    check_pair,
    check_places,
    run_notebook,
)
from specnb.reproduce.study import Study

LONGEST_NAME = 150  # bytes of a folder's name; file systems allow 255, and the runner adds to it


def sweep(
    notebook, grid: dict, output, jobs=None, timeout: float = 3600.0, x=None, y=None
) -> Table:
    """Run a notebook at all points of a grid whose results are not fresh.

    After every run, a line is printed and the table and the figure of all fresh points are written
    to ``output``: sweep.csv, .md and .tex (see `collect`), sweep.png, .pdf and .npz. Results of
    other points may lie in that folder; they are left alone.

    Parameters
    ----------
    notebook : path of an .ipynb file
    grid : dict
        A list of values of each parameter. The grid is their product.
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
    y : sequence of str, optional
        Results to draw; default: all that are numbers.

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
        Before anything runs, where ``output`` or the folder of artifacts cannot be written.
    NotebookError
        At the end, where points failed; the others have run.
    """
    notebook, output, jobs = Path(notebook), Path(output), os.cpu_count() if jobs is None else jobs
    if jobs < 1:
        raise ValueError(f"cannot run {jobs} notebooks at a time: give 1 job or more")
    points, varied = grid_points(notebook, grid)
    x = _axis(points, varied, grid, x)
    check_pair(notebook)
    check_places(output)

    fresh = {name for name, values in points.items() if is_fresh(notebook, values, output / name)}
    waiting = [name for name in points if name not in fresh]
    print(
        f"{notebook.stem}: {len(points)} points, {len(fresh)} unchanged, {len(waiting)} to run",
        flush=True,
    )
    stop, places, failed = threading.Event(), threading.Semaphore(jobs), {}
    cores = max(1, (os.cpu_count() or 1) // jobs)

    def run(name):
        with places:
            try:
                results = run_notebook(
                    notebook, points[name], output / name, timeout, cores=cores, stop=stop
                )
            except (NotebookError, ValueError, OSError) as error:
                failed[name] = " ".join(str(error).split())
                return name, failed[name]
        return name, f"{results['wall_time_s']:.0f} s"

    try:
        runs = Parallel(jobs, require="sharedmem", return_as="generator_unordered")
        for number, (name, news) in enumerate(runs(map(delayed(run), waiting)), start=1):
            fresh |= {name} - failed.keys()
            # A wrong y does not stop the other runs: it is told at the end.
            with contextlib.suppress(ValueError):
                _write(notebook, output, sorted(fresh), varied, x, y)
            print(f"[{number}/{len(waiting)}] {name}: {news}", flush=True)
    finally:  # after Ctrl-C, runs under way are killed; this waits for their ends
        stop.set()
        for _ in range(jobs):
            places.acquire()
    table = _write(notebook, output, sorted(fresh), varied, x, y)
    if failed:
        raise NotebookError(
            f"{len(failed)} of {len(points)} points failed: {' and '.join(failed)} "
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
    if not grid or not all(grid.values()):
        raise ValueError("the grid is empty: give at least one parameter and its values")
    points = {}
    for point in itertools.product(*grid.values()):
        checked = check_parameters(notebook, dict(zip(grid, point)))
        given = {name: _plain(value) for name, value in checked.items() if name in grid}
        points[_folder_name(given)] = checked
    found = {name: {_plain(values[name]) for values in points.values()} for name in given}
    return points, [name for name in given if len(found[name]) > 1] or list(given)


def collect(folder, runs, parameters) -> Table:
    """The results of many runs as one table.

    Parameters
    ----------
    folder : path
        Folder that holds the folders of the runs.
    runs : sequence of str
        Names of those folders.
    parameters : sequence of str
        Which parameters to show.

    Returns
    -------
    Table
        One row a run, sorted: the parameters, all results that are numbers (masked where a run has
        none; one with the name of a parameter gets the ending _result) and wall_time (s).
        ``table.meta["results"]`` names the results.
    """
    rows, units = [], {"wall_time": "s"}
    for run in runs:
        found = json.loads((Path(folder) / run / RESULTS).read_text("utf-8"))
        row = {name: _plain(found["parameters"][name]) for name in parameters}
        for name, result in found["results"].items():
            if type(result["value"]) in (int, float):
                taken = name in found["parameters"] or name == "wall_time"
                name = f"{name}_result" if taken else name
                row[name], units[name] = result["value"], result["unit"]
        rows.append(row | {"wall_time": found["wall_time_s"]})
    table = Table(rows=rows, units=units)
    table.sort(list(parameters))
    results = [name for name in table.colnames if name not in [*parameters, "wall_time"]]
    table.meta = {"results": results}
    return table[[*parameters, *results, "wall_time"]]


def _folder_name(values):
    """Values as the name of a folder; one that is too long ends with a digest."""
    name = ",".join(f"{key}={quote(str(value), safe='+')}" for key, value in values.items())
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:LONGEST_NAME]}-{sha256(name.encode()).hexdigest()[:6]}"


def _plain(value):
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _axis(points, varied, grid, x):
    """The parameter on the horizontal axis."""
    if x is not None and x not in grid:
        raise ValueError(
            f"x is {x}, which is no parameter of this grid: choose one of {', '.join(grid)}"
        )
    first = next(iter(points.values()))
    # A number rather than text, and the seed only if nothing else is varied.
    return x or min(
        (name for name in grid if name in varied),
        key=lambda name: (name == "seed", type(first[name]) not in (int, float)),
    )


def _write(notebook, output, runs, varied, x, y):
    """Write the table and the figure of the given runs, each file as a whole."""
    if not runs:
        return None
    parameters = varied if x in varied else [x, *varied]
    table, study = collect(output, runs, parameters), Study(output)
    title = f"{notebook.stem}, {len(table)} runs"
    study.table(table, "sweep", f"{title}: parameters, results and run time.")
    if y := y or table.meta["results"]:
        caption = f"{title}: each run (points) and the median at each {x} (line)."
        study.figure(results_against(table, x, y), "sweep", caption)
    return table
