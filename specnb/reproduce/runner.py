"""Run a notebook from top to bottom with checked parameters and keep its results as one whole folder.

A notebook runs through papermill in a process of its own. It writes into a hidden folder beside its results,
which takes their place only when all went well.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from specnb.core.paths import ROOT, data_folder
from specnb.reproduce.freshness import current_keys, mark_fresh, write_json
from specnb.reproduce.parameters import check_parameters, read_parameters
from specnb.reproduce.provenance import checksums, environment, git_state, portable_name

EXECUTED, FAILED, RESULTS, TROUBLE = "executed.ipynb", "failed.ipynb", "results.json", ".trouble"


class NotebookError(RuntimeError):
    """A notebook did not run to its end, or left nothing behind."""


def check_writable(folder):
    """Raise OSError, with the remedy, where 4 MB cannot be written into a folder. Makes the folder."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as f:
            f.write(bytes(4_000_000))
            f.flush()
            os.fsync(f.fileno())
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
) -> dict:
    """Run a notebook and replace the folder ``output`` by its results.

    Parameters
    ----------
    notebook : path of an .ipynb file
    parameters : dict
        Values that replace defaults of the parameters cell.
    output : path
        Folder of the results. On failure it stays as it was, but for the notebook as far as it came, failed.ipynb.
    timeout : float
        Wall-clock limit in seconds.
    profile : str
        Name to record.
    cores : int, optional
        How many processes the notebook may start; default: one a core.

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
    with _working_folder(output) as new:
        keys, git, start = current_keys(notebook, values), git_state(), time.perf_counter()
        trouble = _execute(notebook, {**values, "output": str(new)}, new / EXECUTED, timeout, cores)
        wall_time = time.perf_counter() - start
        if trouble is None and not (new / "study.json").exists():
            trouble = "it wrote no figure, table or result: give Study(output) something"
        if trouble:
            raise NotebookError(f"{notebook.name}: {trouble}{_keep_failed(new, output)}")
        defaults = {name: entry["default"] for name, entry in read_parameters(notebook).items()}
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
        _replace(new, output)
    return results


def _beside(output, kind):
    return output.with_name(f".{output.name}.{kind}")


@contextlib.contextmanager
def _working_folder(output):
    """An empty hidden folder beside ``output``, for one run at a time. Mends what a killed run left."""
    new, old = _beside(output, "new"), _beside(output, "old")
    with open(_beside(output, "lock"), "w") as lock:
        try:
            # The system frees the lock even if this process is killed.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(
                f"another run is writing to {output}: wait for its end, or choose another --output"
            ) from None
        if old.exists() and not output.exists():  # killed inside _replace
            old.rename(output)
        for stale in (new, old):
            shutil.rmtree(stale, ignore_errors=True)
        new.mkdir()
        try:
            yield new
        finally:
            shutil.rmtree(new, ignore_errors=True)


def _replace(new, output):
    old = _beside(output, "old")
    if output.exists():
        output.rename(old)
    new.rename(output)
    shutil.rmtree(old, ignore_errors=True)


def _keep_failed(new, output):
    if not (new / EXECUTED).exists():
        return ""
    output.mkdir(exist_ok=True)
    os.replace(new / EXECUTED, output / FAILED)
    return f"\nLook at {output / FAILED}"


def _execute(notebook, parameters, executed, timeout, cores):
    """Run the notebook in a process of its own. Returns None, or where and why it stopped."""
    env = os.environ | {
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    env |= {"LOKY_MAX_CPU_COUNT": str(cores)} if cores else {}  # what joblib obeys
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    env["SPECNB_DATA"] = str(data_folder().resolve())  # the notebook runs in another folder
    env.pop("MPLBACKEND", None)  # the kernel's default is inline
    command = [sys.executable, "-m", "specnb.reproduce.runner"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, text=True, env=env, start_new_session=True
    )
    try:
        process.stdin.write(json.dumps([str(notebook), str(executed), parameters]) + "\n")
        process.stdin.flush()
        code, reason = process.wait(timeout), "the kernel died"
    except subprocess.TimeoutExpired:
        code, reason = 1, f"stopped at the time limit of {timeout:g} s"
    finally:
        if process.poll() is None:
            kill(process.pid)
        process.wait()
        process.stdin.close()
    if executed.with_name(TROUBLE).exists():
        reason = executed.with_name(TROUBLE).read_text("utf-8")
    return _find_trouble(executed, reason, failed=code != 0)


def _find_trouble(executed, reason, failed):
    """The cell that raised an exception or, if the run failed otherwise, the one that was running."""
    try:
        cells = json.loads(executed.read_text("utf-8"))["cells"]
    except (FileNotFoundError, ValueError):  # not yet written, or killed while writing
        cells = []
    ours = [
        c
        for c in cells
        if c["cell_type"] == "code" and "injected-parameters" not in c["metadata"].get("tags", [])
    ]
    started = 0
    for number, cell in enumerate(ours, start=1):
        for each in cell["outputs"]:
            if each["output_type"] == "error":  # a SystemExit too, which papermill lets pass
                return f"code cell {number} failed: {each['ename']}: {each['evalue'].strip()}"
        if cell["metadata"]["papermill"]["start_time"]:
            started = number
    if not failed:
        return None
    return (
        f"code cell {started} failed: {reason}"
        if started
        else f"failed before its first cell: {reason}"
    )


def kill(pid):
    """Kill a process and its descendants, each with its process group: a kernel has one of its own."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in [*reversed(process.children(recursive=True)), process]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(os.getpgid(each.pid), signal.SIGKILL)


def _child():
    """What the process of one notebook does. It ends with the runner, however that ends."""

    def end_with_runner():
        os.read(0, 1)  # returns when the runner's end of the pipe is closed
        kill(os.getpid())

    notebook, executed, parameters = json.loads(sys.stdin.readline())
    threading.Thread(target=end_with_runner, daemon=True).start()
    import papermill

    try:
        papermill.execute_notebook(
            notebook, executed, parameters, kernel_name="python3", language="python", cwd=Path(notebook).parent,
            progress_bar=sys.stderr.isatty(), start_timeout=300, extra_arguments=["--log-level=ERROR"],
        )  # fmt: skip
    except papermill.PapermillExecutionError:
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - whatever it is, the runner tells it
        Path(executed).with_name(TROUBLE).write_text(
            f"{type(error).__name__}: {error}", encoding="utf-8"
        )
        sys.exit(1)


if __name__ == "__main__":
    _child()
