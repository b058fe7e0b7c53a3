"""Run a notebook with checked parameters and keep its results as one whole folder.

A notebook runs through papermill in a process of its own. It writes into a hidden folder beside its
results, which takes their place only when all went well.
"""

import contextlib
import fcntl
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

from specnb.core.paths import ROOT, data_folder
from specnb.reproduce.freshness import current_keys, mark_fresh
from specnb.reproduce.parameters import check_parameters
from specnb.reproduce.provenance import (
    checksums,
    environment,
    git_state,
    portable_name,
    write_json,
)

EXECUTED, FAILED, RESULTS, TROUBLE = "executed.ipynb", "failed.ipynb", "results.json", ".trouble"


class NotebookError(RuntimeError):
    """A notebook did not run to its end, or left nothing behind."""


def check_writable(folder):
    """Make a folder. Raises OSError, with the remedy, where 4 MB cannot be written into it."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as f:
            f.write(bytes(4_000_000))
    except OSError as error:
        raise OSError(
            f"cannot write to {folder} ({error.strerror}): make room, or choose another --output"
        ) from error


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
    lifeline: int = subprocess.PIPE,
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
    lifeline : int, optional
        End of a pipe to read from. When its other end is closed, the notebook is killed. The
        default is a pipe that this process closes when it ends, however it ends.

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
        Where ``output`` cannot be written or holds something that is not results.
    """
    notebook, output = Path(notebook).resolve(), Path(output).resolve()
    values = check_parameters(notebook, parameters)
    check_pair(notebook)
    check_writable(output.parent)
    if (
        output.exists()
        and any(output.iterdir())
        and not any((output / name).exists() for name in (RESULTS, FAILED))
    ):
        raise OSError(
            f"{output} holds files that are not results of specnb: choose an empty or a new --output"
        )
    from specnb.core.device import pick_device  # torch takes seconds

    device = str(pick_device(values.get("device", "cpu")))
    with _replacing_folder(output) as new:
        keys, git, start = current_keys(notebook, values), git_state(), time.perf_counter()
        trouble = _execute(
            notebook, {**values, "output": str(new)}, new / EXECUTED, timeout, cores, lifeline
        )
        wall_time = time.perf_counter() - start
        if trouble is None and not (new / "study.json").exists():
            trouble = "it wrote no figure, table or result: give Study(output) something"
        if trouble and (new / EXECUTED).exists():
            output.mkdir(exist_ok=True)
            (new / EXECUTED).replace(output / FAILED)
            trouble += f"\nLook at {output / FAILED}"
        if trouble:
            raise NotebookError(f"{notebook.name}: {trouble}")
        defaults = check_parameters(notebook, {})
        results = {
            "notebook": portable_name(notebook),
            "profile": profile,
            "parameters": values,
            "changed": {name: value for name, value in values.items() if value != defaults[name]},
            "seed": values.get("seed"),
            "device": device,
            "wall_time_s": round(wall_time, 1),
            "code": git,
            "environment": environment(),
            **json.loads((new / "study.json").read_text("utf-8")),
        }
        (new / "study.json").unlink()
        results["outputs"] = {name: sha for name, sha in checksums(new).items() if name != EXECUTED}
        write_json(new / RESULTS, results)
        mark_fresh(new, keys)
    return results


@contextlib.contextmanager
def _replacing_folder(output):
    """An empty hidden folder that takes the place of ``output`` if nothing fails.

    Only one run at a time gets it. What a killed run left is mended first.
    """
    new, old, lock = (output.with_name(f".{output.name}.{kind}") for kind in ("new", "old", "lock"))
    with open(lock, "w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)  # freed even if this process is killed
        except BlockingIOError:
            raise OSError(
                f"another run is writing to {output}: wait for its end, or choose another --output"
            ) from None
        if old.exists() and not output.exists():  # killed between the two renames below
            old.rename(output)
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
        new.mkdir()
        try:
            yield new
            if output.exists():
                output.rename(old)
            new.rename(output)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def _execute(notebook, parameters, executed, timeout, cores, lifeline):
    """Run the notebook in a process of its own. Returns None, or where and why it stopped."""
    env = {
        "OMP_NUM_THREADS": "1",
        **os.environ,
        "JUPYTER_PREFER_ENV_PATH": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "SPECNB_DATA": str(data_folder().resolve()),  # the notebook runs in another folder
    }
    if cores:
        env["LOKY_MAX_CPU_COUNT"] = str(cores)  # what joblib obeys
    task = json.dumps([str(notebook), str(executed), parameters, timeout])
    command = [sys.executable, "-m", "specnb.reproduce.runner", task]
    process = subprocess.Popen(command, stdin=lifeline, env=env, start_new_session=True)
    try:
        process.wait()
    finally:  # after Ctrl-C, this closes the lifeline and waits for the end
        process.communicate()
    trouble = executed.with_name(TROUBLE)
    reason = trouble.read_text("utf-8") if trouble.exists() else "the kernel died"
    return _find_trouble(executed, reason, failed=process.returncode != 0)


def _find_trouble(executed, reason, failed):
    """Name the cell that raised or, if the run failed otherwise, the one that was running."""
    try:
        cells = json.loads(executed.read_text("utf-8"))["cells"]
    except (FileNotFoundError, ValueError):  # not yet written, or killed while writing
        cells = []
    ours = [
        cell
        for cell in cells
        if cell["cell_type"] == "code"
        and "injected-parameters" not in cell["metadata"].get("tags", [])
    ]
    for number, cell in enumerate(ours, start=1):
        for error in (each for each in cell["outputs"] if each["output_type"] == "error"):
            # a SystemExit too, which papermill lets pass
            return f"code cell {number} failed: {error['ename']}: {error['evalue'].strip()}"
    started = sum(cell["metadata"]["papermill"]["start_time"] is not None for cell in ours)
    place = f"code cell {started} failed" if started else "failed before its first cell"
    return f"{place}: {reason}" if failed else None


def _run_here(notebook, executed, parameters, timeout):
    """What the process of one notebook does."""
    trouble = Path(executed).with_name(TROUBLE)
    threading.Thread(target=_end_in_time, args=(timeout, trouble), daemon=True).start()
    import papermill

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
            extra_arguments=["--log-level=ERROR"],
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the runner tells it
        trouble.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        sys.exit(1)


def _end_in_time(timeout, trouble):
    """Kill this process and its descendants at the time limit, or when the runner ends."""
    closed, _, _ = select.select([sys.stdin], [], [], timeout)
    if not closed:
        trouble.write_text(f"stopped at the time limit of {timeout:g} s", encoding="utf-8")
    for each in [*reversed(psutil.Process().children(recursive=True)), psutil.Process()]:
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            os.killpg(os.getpgid(each.pid), signal.SIGKILL)  # a kernel has a group of its own


if __name__ == "__main__":
    _run_here(*json.loads(sys.argv[1]))
