"""Run a notebook with checked parameters and keep its results as one whole folder.

A notebook runs through papermill in a process of its own. It writes into a hidden folder beside its
results, which takes their place only when all went well.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from specnb.core.paths import ARTIFACTS, INSTALLED, SOURCE, data_folder, stars_folder
from specnb.core.writing import replacing_folder
from specnb.reproduce.freshness import digest_of, made_from, mark_fresh, results_key
from specnb.reproduce.parameters import check_parameters
from specnb.reproduce.provenance import (
    RECORD,
    checksums,
    environment,
    git_state,
    portable_name,
    title_of,
    write_json,
)

EXECUTED, FAILED, RESULTS = "executed.ipynb", "failed.ipynb", "results.json"
SESSION = ".session"  # folder for what IPython and Jupyter write while a notebook runs
# What users set for their own sessions stays outside, but for the places of packages and fonts.
FOREIGN = "IPYTHON", "JUPYTER", "MATPLOTLIB", "MPL", "PYTHON"
PLACES = "MPLCONFIGDIR", "PYTHONHOME", "PYTHONPATH", "PYTHONNOUSERSITE", "PYTHONUSERBASE"
KERNEL_OPTIONS = (
    "--log-level=ERROR",
    "--HistoryManager.hist_file=:memory:",
    # A matplotlibrc may lie beside the notebook.
    "--IPKernelApp.exec_lines=[\"__import__('matplotlib').rcdefaults()\"]",
)


class NotebookError(RuntimeError):
    """A notebook did not run to its end, or left nothing behind."""


def check_writable(folder, remedy="choose another --output"):
    """Make a folder. Raises OSError, with the remedy, where 4 MB cannot be written into it."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as f:
            f.write(bytes(4_000_000))
    except OSError as error:
        raise OSError(
            f"cannot write to {folder} ({error.strerror}): make room, or {remedy}"
        ) from error


def check_places(output):
    """Raise OSError unless results can be written to ``output``, and what notebooks keep, too."""
    check_writable(output)
    check_writable(ARTIFACTS, "set SPECNB_ARTIFACTS to a folder for what notebooks keep")


def check_pair(notebook):
    """Raise ValueError where a notebook and the .py file it is paired with hold different cells."""
    script = Path(notebook).with_suffix(".py")
    if not script.exists():
        return
    import jupytext  # takes half a second

    ours, theirs = (
        [
            (cell.cell_type, cell.source, cell.metadata.get("tags", []))
            for cell in jupytext.read(path).cells
        ]
        for path in (notebook, script)
    )
    if ours != theirs:
        raise ValueError(
            f"{notebook} and {script.name} differ: save in JupyterLab, or `make sync` to take the .py"
        )


def run_notebook(
    notebook,
    parameters: dict,
    output,
    timeout: float = 3600.0,
    profile: str = "quick",
    cores: int | None = None,
    stop: threading.Event | None = None,
) -> dict:
    """Run a notebook and replace the folder ``output`` by its results.

    Parameters
    ----------
    notebook : path of an .ipynb file
    parameters : dict
        Values that replace defaults of the parameters cell.
    output : path
        Folder of the results. On failure it stays as it was, but for the notebook as far as it
        came, failed.ipynb.
    timeout : float
        Wall-clock limit in seconds.
    profile : str
        Name to record.
    cores : int, optional
        How many processes the notebook may start; default: one for each core.
    stop : threading.Event, optional
        When it is set, the notebook is killed. It is also killed when this process ends, however it
        ends.

    Returns
    -------
    dict
        The content of results.json.

    Raises
    ------
    NotebookError
        Where a cell fails, exits, hangs or kills the kernel, or where nothing was written.
    ValueError
        For a wrong parameter, and where the notebook and its paired .py differ.
    OSError
        Where ``output`` or the folder of artifacts cannot be written, or ``output`` holds something
        that is not results.
    """
    notebook, output = Path(notebook).resolve(), Path(output).resolve()
    values, defaults = check_parameters(notebook, parameters), check_parameters(notebook, {})
    check_pair(notebook)
    check_places(output.parent)
    held = {path.name for path in output.iterdir()} if output.is_dir() else set()
    if output.is_file() or (held and not held & {RESULTS, FAILED}):
        raise OSError(
            f"{output} is a file, or holds files that are not results of specnb: choose an empty or a new --output"
        )
    from specnb.core.device import pick_device  # torch takes seconds

    device = str(pick_device(values.get("device", "cpu")))
    with replacing_folder(output) as new:
        origin, code, start = made_from(notebook, values), git_state(), time.perf_counter()
        task = [notebook, new / EXECUTED, {**values, "output": str(new)}, timeout]
        trouble = _execute(task, cores, stop)
        wall_time = time.perf_counter() - start
        if trouble and (new / EXECUTED).exists():
            output.mkdir(exist_ok=True)
            (new / EXECUTED).replace(output / FAILED)
            trouble += f"\nLook at {output / FAILED}"
        if trouble:
            raise NotebookError(f"{notebook.name}: {trouble}")
        results = {
            "notebook": portable_name(notebook),
            "title": title_of(notebook),
            "profile": profile,
            "parameters": values,
            "changed": {name: value for name, value in values.items() if value != defaults[name]},
            "seed": values.get("seed"),
            "device": device,
            "wall_time_s": round(wall_time, 1),
            "code": code,
            "made_from": origin,
            "environment": environment(),
            **json.loads((new / RECORD).read_text("utf-8")),
        }
        (new / RECORD).unlink()
        shutil.rmtree(new / SESSION, ignore_errors=True)
        results["outputs"] = {name: sha for name, sha in checksums(new).items() if name != EXECUTED}
        results = json.loads(json.dumps(results))  # as it is read again
        results["digest"] = digest_of(results)
        write_json(new / RESULTS, results)
        mark_fresh(new, results_key(origin))
    return results


def _execute(task, cores, stop):
    """Run a notebook in a process of its own. Returns "", or where and why it stopped."""
    session = task[1].with_name(SESSION)
    given = {
        name: value
        for name, value in os.environ.items()
        if name in PLACES or not name.startswith(FOREIGN)
    }
    path = ["" if INSTALLED else str(SOURCE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    env = {
        "OMP_NUM_THREADS": "1",
        **given,
        "IPYTHONDIR": str(session),
        "JUPYTER_RUNTIME_DIR": str(session),
        "MATPLOTLIBRC": os.devnull,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONPATH": os.pathsep.join(filter(None, path)),  # an empty part is the current folder
        "PYTHONSAFEPATH": "1",  # modules in the current folder do not hide those of Python
        "PYTHONUTF8": "1",
        "SPECNB_ARTIFACTS": str(ARTIFACTS),  # the notebook runs in another folder
        "SPECNB_DATA": str(data_folder().resolve()),
        "SPECNB_STARS": str(stars_folder().resolve()),
    }
    if cores:
        env["LOKY_MAX_CPU_COUNT"] = str(cores)  # what joblib obeys
    command = [sys.executable, "-m", "specnb.reproduce.runner", json.dumps(task, default=str)]
    stop = stop or threading.Event()
    # The pipe is the notebook's lifeline: it ends when its other end is closed. That happens below,
    # or when this process is killed.
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, **pipes, encoding="utf-8", env=env, start_new_session=True)
    try:
        while process.poll() is None and not stop.is_set():
            stop.wait(0.1)
    finally:
        told, _ = process.communicate()
    return _find_trouble(task[1], told or ("the kernel died" if process.returncode else ""))


def _find_trouble(executed, told):
    """Name the last cell that was started, and what went wrong in it."""
    try:
        cells = json.loads(executed.read_text("utf-8"))["cells"]
    except FileNotFoundError:  # not yet written
        cells = []
    except ValueError:  # the disk was full, or the process was killed while it wrote
        executed.unlink()
        return f"failed: {told}"
    started = [
        cell
        for cell in cells
        if cell["cell_type"] == "code"
        and "injected-parameters" not in cell["metadata"].get("tags", [])
        and cell["metadata"]["papermill"]["start_time"] is not None
    ]
    place = f"code cell {len(started)} failed" if started else "failed before its first cell"
    errors = [
        output for cell in started for output in cell["outputs"] if output["output_type"] == "error"
    ]
    if errors:  # a SystemExit too, which papermill lets pass
        return f"{place}: {errors[0]['ename']}: {errors[0]['evalue'].strip()}"
    if told:
        return f"{place}: {told}"
    written = executed.with_name(RECORD).exists()
    return "" if written else "it wrote no figure, table or result: give Study(output) something"


def _run_here(notebook, executed, parameters, timeout):
    """What the process of one notebook does. Its standard output tells the runner what failed."""
    telling = os.dup(1)
    os.dup2(2, 1)  # what anything else prints goes to standard error
    threading.Thread(target=_end_in_time, args=(timeout, telling), daemon=True).start()
    import papermill
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class KernelManager(AsyncKernelManager):
        # This Python is the kernel, whatever kernels are installed.
        kernel_spec = KernelSpec(**get_kernel_dict())

        async def _async_interrupt_kernel(self):
            """Do nothing: a kernel is interrupted only before it is shut down. Where it has not
            quite ended the last message, it would report an error although all went well.
            """

    try:
        papermill.execute_notebook(
            notebook,
            executed,
            parameters,
            kernel_name="python3",
            language="python",
            cwd=Path(notebook).parent,
            progress_bar=sys.stderr.isatty(),
            start_timeout=300,
            extra_arguments=list(KERNEL_OPTIONS),
            kernel_manager_class=KernelManager,
            store_widget_state=False,  # explorers hold their networks, and no widget is alive later
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the runner tells it
        # It is read when this process has ended, and a pipe holds no more than 64 kB until then.
        os.write(telling, f"{type(error).__name__}: {error}"[:9000].encode())
        sys.exit(1)


def _end_in_time(timeout, telling):
    """Kill this process and its descendants at the time limit, or when the runner ends."""
    closed, _, _ = select.select([sys.stdin], [], [], timeout)
    if not closed:
        os.write(telling, f"stopped at the time limit of {timeout:g} s".encode())
    for each in [*reversed(psutil.Process().children(recursive=True)), psutil.Process()]:
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            os.killpg(os.getpgid(each.pid), signal.SIGKILL)  # a kernel has a group of its own


if __name__ == "__main__":
    _run_here(*json.loads(sys.argv[1]))
