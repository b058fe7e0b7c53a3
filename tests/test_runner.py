"""The runner on tiny notebooks. Runs take seconds, so tests share them; some are parallel."""

import errno
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil
import pytest

import specnb
from specnb.commands import data, notebooks
from specnb.commands.main import main
from specnb.reproduce import rendering, runner
from specnb.reproduce.freshness import is_fresh
from specnb.reproduce.parameters import check_parameters, convert, profile_of, read_parameters
from specnb.reproduce.provenance import PACKAGES, ROOT, checksum, checksums
from specnb.reproduce.rendering import write_index
from specnb.reproduce.runner import NotebookError, check_pair, check_writable, run_notebook
from specnb.surveys import SURVEYS

PARAMETERS = """\
n: int = 3  # points
scale: float = 1.0  # height
names: list[str] = ["a"]  # labels
seed: int = 7  # random seed
device: str = "auto"  # cpu, cuda, mps or auto
output: str = ""  # folder"""

GOOD = """\
from matplotlib.figure import Figure
from specnb.reproduce.study import Study
study = Study(output)
fig = Figure()
fig.subplots().plot(range(3))
study.input("input.csv")
study.result("points", n)
study.figure(fig, "line", "A | line.")"""


def write_notebook(path, *cells, parameters=PARAMETERS):
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        *map(nbformat.v4.new_code_cell, [parameters, *cells]),
    ]
    notebook.cells[1].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of notebooks with one good notebook and two profiles."""
    folder = tmp_path_factory.mktemp("notebooks")
    write_notebook(folder / "01_good.ipynb", GOOD)
    (folder / "input.csv").write_text("x\n1\n")
    (folder / "profiles.toml").write_text(
        "[time_limit_minutes]\nquick = 1\ndemo = 2\npaper = 3\n[01_good.demo]\nn = 4\n[01_good.paper]\nn = 5\n"
    )
    return folder


BAD = {
    "raises": ("x = 1", "raise ValueError('no such star')"),
    "exits": (GOOD, "import sys; sys.exit(0)", "y = 2"),
    "dies": (GOOD, "import os; os._exit(0)"),
    "writes_nothing": ("x = 1",),
}


def fail(root, name, cells, timeout=120):
    """The error of a bad notebook, and its folder of results, which had a good result before."""
    output = root / name
    output.mkdir()
    (output / "results.json").write_text("earlier")
    (root / "input.csv").write_text("x\n1\n")
    notebook = write_notebook(root / f"{name}.ipynb", *cells)
    with pytest.raises(NotebookError) as error:
        run_notebook(notebook, {}, output, timeout)
    return str(error.value), output


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    root = tmp_path_factory.mktemp("bad")
    with ThreadPoolExecutor(3) as pool:
        return dict(zip(BAD, pool.map(lambda name: fail(root, name, BAD[name]), BAD)))


@pytest.fixture(scope="module")
def paper(folder, failures, tmp_path_factory):
    """Call `specnb paper` on the folder and return its exit code and what it printed."""
    output = tmp_path_factory.mktemp("paper") / "results"

    def paper(capsys, *arguments):
        code = main(["paper", "--output", str(output), *arguments])
        return code, capsys.readouterr()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebooks, "NOTEBOOKS", folder)
        patch.setattr(notebooks, "fetch_stars", lambda only_missing: None)  # no network
        paper.output = output
        yield paper


def test_paper_runs_then_skips_then_reruns_what_changed(paper, capsys):
    code, printed = paper(capsys, "--force")  # another test may have called it before
    assert code == 0, printed.err
    study = paper.output / "01_good"
    assert {p.name for p in study.iterdir()} == {
        "line.png",
        "line.pdf",
        "line.npz",
        "results.json",
        "executed.ipynb",
        ".fresh",
    }
    assert {p.name for p in paper.output.iterdir()} == {"01_good", ".01_good.lock", "README.md"}
    results = json.loads((study / "results.json").read_text())
    assert results["profile"] == "demo" and results["changed"] == {"n": 4} and results["seed"] == 7
    assert results["parameters"] == {
        "n": 4,
        "scale": 1.0,
        "names": ["a"],
        "seed": 7,
        "device": "auto",
    }
    assert results["results"] == {"points": {"value": 4, "unit": ""}}
    assert results["device"] in ("cpu", "cuda", "mps") and results["wall_time_s"] > 0
    assert list(results["inputs"]) == ["input.csv"]
    assert results["outputs"] == {
        name: checksum(study / name) for name in ("line.npz", "line.pdf", "line.png")
    }
    assert results["title"] == "Title"
    assert results["environment"]["versions"]["numpy"] and set(results["code"]) == {
        "commit",
        "dirty",
    }
    executed = nbformat.read(study / "executed.ipynb", 4)
    assert any(
        "image/png" in o.get("data", {}) for c in executed.cells for o in c.get("outputs", [])
    )
    index = (paper.output / "README.md").read_text()
    for text in (
        "\n## Title\n",
        'src="01_good/line.png"',
        "A | line.",
        'href="01_good/line.npz"',
        "`01_good`",
        "profile demo, n = 4",
        "`input.csv`",
    ):
        assert text in index
    assert "running" in printed.out and "figures 1, tables 0, numbers 1" in printed.out
    assert "ran: 01_good; unchanged: none" in printed.out

    before = checksums(study)
    code, printed = paper(capsys)
    assert code == 0 and "ran: none; unchanged: 01_good" in printed.out
    assert "running" not in printed.out
    assert checksums(study) == before and (paper.output / "README.md").read_text() == index

    figure = checksum(study / "line.pdf"), checksum(study / "line.png")
    (study / "line.png").write_bytes(b"touched")
    code, printed = paper(capsys, "--profile", "paper", "--only", "01")
    assert code == 0 and "ran: 01_good; unchanged: none" in printed.out
    results = json.loads((study / "results.json").read_text())
    assert results["profile"] == "paper" and results["results"]["points"]["value"] == 5
    assert (checksum(study / "line.pdf"), checksum(study / "line.png")) == figure


def test_freshness_follows_code_parameters_data_and_files(
    paper, folder, monkeypatch, tmp_path, capsys
):
    assert paper(capsys)[0] == 0
    study, notebook = paper.output / "01_good", folder / "01_good.ipynb"
    values = json.loads((study / "results.json").read_text())["parameters"]
    assert is_fresh(notebook, values, study)
    assert not is_fresh(notebook, values | {"scale": 2.0}, study)
    assert not is_fresh(notebook, values, study.parent / "other")
    other = write_notebook(tmp_path / "01_good.ipynb", GOOD + "\n# one more line")
    assert not is_fresh(other, values, study)
    with monkeypatch.context() as patch:
        patch.setenv("SPECNB_DATA", str(tmp_path))
        (tmp_path / "gaia_rvs").mkdir()
        (tmp_path / "gaia_rvs" / "new.csv").write_text("flux,error\n1,0.1\n")
        assert not is_fresh(notebook, values, study)
    (study / "line.pdf").rename(study / "moved.pdf")
    assert not is_fresh(notebook, values, study)
    (study / "moved.pdf").rename(study / "line.pdf")
    stamp = (study / ".fresh").read_text()
    for damaged in (stamp[:50], "null", "[]", '{"files": 1}', '{"files": {}}', 9_000 * "["):
        (study / ".fresh").write_text(damaged)
        assert not is_fresh(notebook, values, study)
    (study / ".fresh").write_text(stamp)
    assert is_fresh(notebook, values, study)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("raises", "raises.ipynb: code cell 3 failed: ValueError: no such star"),
        ("exits", "exits.ipynb: code cell 3 failed: SystemExit: 0"),
        ("dies", "dies.ipynb: code cell 3 failed: DeadKernelError"),
        ("writes_nothing", "writes_nothing.ipynb: it wrote no figure"),
    ],
)
def test_failure_is_named_and_leaves_earlier_results(failures, name, words):
    check_failure(*failures[name], name, words)


@pytest.mark.slow
def test_a_notebook_that_hangs_is_stopped_in_the_same_way(tmp_path):
    words = "hangs.ipynb: code cell 3 failed: stopped at the time limit of 25 s"
    hangs = ("x = 1", "import time; time.sleep(600)")
    check_failure(*fail(tmp_path, "hangs", hangs, timeout=25), "hangs", words)


def check_failure(message, output, name, words):
    assert message.startswith(words)
    assert message.endswith(f"Look at {output / 'failed.ipynb'}")
    assert nbformat.read(output / "failed.ipynb", 4).cells
    assert {p.name for p in output.iterdir()} == {"results.json", "failed.ipynb"}
    assert (output / "results.json").read_text() == "earlier"
    assert not (output.parent / f".{name}.new").exists()


def test_no_process_is_left(failures):
    assert failures
    assert not [
        p
        for p in psutil.Process().children(recursive=True)
        if "specnb.reproduce.runner" in " ".join(p.cmdline())
    ]


def test_killed_runner_leaves_old_results_and_no_process(folder, tmp_path):
    pid_file, output = tmp_path / "pid", tmp_path / "results" / "sleeps"
    output.mkdir(parents=True)
    (output / "results.json").write_text("earlier")
    write_pid = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\ntime.sleep(600)"
    )
    notebook = write_notebook(tmp_path / "sleeps.ipynb", "x = 1", write_pid)
    command = [
        sys.executable,
        "-m",
        "specnb",
        "run",
        str(notebook),
        "--output",
        str(output),
    ]
    runner = subprocess.Popen(command, cwd=ROOT)
    wait_until(lambda: pid_file.exists() and pid_file.read_text(), 60)
    kernel = psutil.Process(int(pid_file.read_text()))
    with pytest.raises(OSError, match="another run is writing"):
        run_notebook(notebook, {}, output)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    wait_until(lambda: not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE, 10)
    assert {p.name for p in output.iterdir()} == {"results.json"}
    assert (output / "results.json").read_text() == "earlier"

    stale = output.with_name(".sleeps.new")
    assert stale.is_dir()  # it stays until the next start
    with pytest.raises(NotebookError, match="time limit"):
        run_notebook(notebook, {}, output, timeout=0.1)
    assert not stale.exists()


def test_a_notebook_ends_when_it_is_stopped(folder, tmp_path):
    """Also where that was before it began."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(NotebookError, match="failed before its first cell"):
        run_notebook(folder / "01_good.ipynb", {}, tmp_path / "out", stop=stop)
    assert {path.name for path in tmp_path.iterdir()} == {".out.lock"}


def test_a_disk_that_is_full_is_told(tmp_path):
    """A limit on file sizes acts like a full disk for the process that saves the notebook."""
    fill = "import os, resource\nresource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, (1000, -1))"
    notebook = write_notebook(
        tmp_path / "full.ipynb", GOOD.replace('study.input("input.csv")', fill)
    )
    with pytest.raises(NotebookError) as error:
        run_notebook(notebook, {}, tmp_path / "out")
    assert str(error.value) == "full.ipynb: failed: OSError: [Errno 27] File too large"
    assert not (tmp_path / "out").exists()


def test_results_survive_a_kill_between_the_two_renames(folder, tmp_path):
    output = tmp_path / "01_good"
    old = tmp_path / ".01_good.old"
    old.mkdir()
    (old / "results.json").write_text("earlier")
    with pytest.raises(NotebookError, match="time limit"):
        run_notebook(folder / "01_good.ipynb", {}, output, timeout=0.1)
    assert (output / "results.json").read_text() == "earlier" and not old.exists()


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_run_tells_what_was_made_and_leaves_a_busy_kernel_alone(tmp_path, capfd):
    """A kernel that has not quite ended is not interrupted: it would print an error."""
    slow = """\
import time
from specnb.reproduce.study import Study
handlers = get_ipython().kernel.shell_handlers
answer = handlers["kernel_info_request"]
async def slowly(*message):
    await answer(*message)
    time.sleep(1)
handlers["kernel_info_request"] = slowly
study = Study(output)
study.result("n", n)
study.result("x", scale / 7, "K")"""
    notebook = write_notebook(tmp_path / "slow.ipynb", slow)
    assert main(["run", str(notebook), "-p", "n=4", "--output", str(tmp_path / "out")]) == 0
    printed = capfd.readouterr()
    assert "KeyboardInterrupt" not in printed.err
    assert printed.out.startswith("n = 4\nx = 0.1429 K\nfigures 0, tables 0, numbers 2 after ")


def hostile(home, monkeypatch):
    """A home that breaks or changes every figure, the variables that lead there, and stand in it."""
    style = "figure.facecolor: black\nsavefig.bbox: tight\ntext.usetex: True\naxes.grid: True\n"
    kernel = home / ".local/share/jupyter/kernels/python3"
    profile, config = home / ".ipython/profile_default", home / ".config/matplotlib"
    for each in (kernel, profile / "startup", config):
        each.mkdir(parents=True)
    spec = {"argv": ["false", "{connection_file}"], "display_name": "x", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    (profile / "startup/00.py").write_text("raise SystemExit('a startup file')")
    (profile / "ipython_kernel_config.py").write_text("raise SystemExit('a profile')")
    (config / "matplotlibrc").write_bytes(style.encode() + b"# \xe9\n")  # no UTF-8
    (home / "matplotlibrc").write_text(style)
    (home / "begin.py").write_text("n = scale = 1 / 0")
    for module in ("random", "json", "select"):
        (home / f"{module}.py").write_text("raise SystemExit('the wrong module')")
    for name, value in {
        "XDG_CACHE_HOME": Path.home() / ".cache",  # fonts are not searched again
        "HOME": home,
        "MATPLOTLIBRC": config,
        "MPLBACKEND": "TkAgg",
        "IPYTHONDIR": home / ".ipython",
        "JUPYTER_PATH": kernel.parents[1],
        "JUPYTER_RUNTIME_DIR": "/proc/none",
        "PYTHONSTARTUP": home / "begin.py",
        "PYTHONWARNINGS": "error",
        "PYTHONIOENCODING": "latin-1",
        "PYTHONPATH": os.pathsep + os.environ.get("PYTHONPATH", ""),
        "LC_ALL": "C",
    }.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(home)


@pytest.mark.slow
def test_a_run_is_the_same_in_every_session(folder, tmp_path, monkeypatch):
    """What users set for matplotlib, IPython, Jupyter and Python, and where they stand."""
    plain, other = tmp_path / "plain", tmp_path / "other"
    run_notebook(folder / "01_good.ipynb", {}, plain)
    (tmp_path / "session").mkdir()
    hostile(tmp_path / "session", monkeypatch)
    notebook = write_notebook(tmp_path / "session" / "01_good.ipynb", GOOD)
    (tmp_path / "session" / "input.csv").write_text("x\n1\n")
    results = run_notebook(notebook, {}, other)
    assert results["environment"]["python"] == platform.python_version()
    assert {name: checksum(other / name) for name in results["outputs"]} == {
        name: checksum(plain / name) for name in ("line.npz", "line.pdf", "line.png")
    }
    assert {path.name for path in other.iterdir()} == {path.name for path in plain.iterdir()}
    assert is_fresh(notebook, results["parameters"], other)


def test_a_path_is_never_taken_for_another_notebook(paper, tmp_path, monkeypatch):
    """Names and numbers find the project's notebooks, and paths only what is there."""
    monkeypatch.chdir(tmp_path)
    assert (
        notebooks.find_notebook("01")
        == notebooks.find_notebook("01_good")
        == notebooks.NOTEBOOKS / "01_good.ipynb"
    )
    assert notebooks.find_notebook("01_good.py") == notebooks.find_notebook("01_good.ipynb")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "01_good.py").write_text("# %%\nprint('mine')\n")
    (tmp_path / "results.csv").write_text("x")
    for name in ("/no/such/01_good.ipynb", "mine/01_good.py", "mine/01", "mine/", "results.csv"):
        with pytest.raises(FileNotFoundError, match="there is no notebook .*give the path"):
            notebooks.find_notebook(name)
    own = write_notebook(tmp_path / "mine" / "01_good.ipynb")
    assert notebooks.find_notebook("mine/01_good.py").samefile(own)
    assert notebooks.find_notebook("mine/01_good.ipynb").samefile(own)
    monkeypatch.chdir(tmp_path / "mine")
    assert notebooks.find_notebook("01_good.py").samefile(own)


def test_artifacts_have_a_folder_of_ones_own(tmp_path):
    """The command, and the notebook that it runs in another folder, use SPECNB_ARTIFACTS."""
    told = "from specnb.core.paths import ARTIFACTS\nprint(ARTIFACTS)"
    environ = os.environ | {"SPECNB_ARTIFACTS": "own", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=tmp_path, env=environ, check=True, capture_output=True, text=True
    )  # fmt: skip
    assert done.stdout.strip() == str(tmp_path / "own")


def test_artifacts_that_cannot_be_kept_are_told_before_anything_runs(
    paper, folder, monkeypatch, capsys
):
    monkeypatch.setattr(runner, "ARTIFACTS", Path("/proc/none"))
    run = ["run", str(folder / "01_good.ipynb"), "--output", str(paper.output.parent / "new")]
    sweep = ["sweep", "01", "-p", "n=1", "--output", str(paper.output.parent / "new")]
    for arguments in (run, sweep, ["paper", "--force", "--output", str(paper.output)]):
        assert main(arguments) == 1
        printed = capsys.readouterr()
        assert printed.err.startswith("specnb: cannot write to /proc/none (")
        assert "SPECNB_ARTIFACTS" in printed.err and printed.err.count("\n") == 1
        assert "running" not in printed.out


def test_a_notebook_that_is_damaged_is_named(tmp_path):
    path = tmp_path / "half.ipynb"
    whole = write_notebook(tmp_path / "whole.ipynb").read_text()
    for text in ("", whole[:300], "{bad"):
        path.write_text(text)
        with pytest.raises(ValueError, match="half.ipynb is not a whole notebook"):
            check_parameters(path, {})


def test_a_disk_without_locks_is_told(folder, tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with (
        pytest.raises(NotebookError, match="time limit"),
        pytest.warns(UserWarning, match="a disk without file locks .*two runs"),
    ):
        run_notebook(folder / "01_good.ipynb", {}, tmp_path / "out", timeout=0.1)


def test_parameters_cell_is_the_schema(folder):
    schema = read_parameters(folder / "01_good.ipynb")
    assert schema["n"] == {"type": "int", "default": 3, "help": "points"}
    assert schema["names"] == {"type": "list[str]", "default": ["a"], "help": "labels"}


def test_unknown_parameter_gets_the_nearest_name(folder):
    words = r"no parameter scael; did you mean scale\? It has: n, scale, names, seed, device"
    with pytest.raises(ValueError, match=words):
        check_parameters(folder / "01_good.ipynb", {"scael": 1.0})
    with pytest.raises(ValueError, match="no parameter output"):
        check_parameters(folder / "01_good.ipynb", {"output": "x"})


WRONG = [
    ("n", "2.5"), ("n", True), ("n", "many"), ("scale", "x"), ("names", "[1]"), ("seed", [1]),
    ("scale", "1e999"), ("scale", "nan"), ("scale", float("nan")), ("scale", "1" + 400 * "0"),
    ("seed", 100_000 * "-" + "1"), ("seed", 9_000 * "-" + "1"), ("seed", 9_000 * "["),
    ("seed", 5_000 * "9"), ("names", "{[]: 1}"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_type_is_refused(folder, name, value):
    with pytest.raises(ValueError, match=f"parameter {name} expects ") as error:
        check_parameters(folder / "01_good.ipynb", {name: value})
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("3", "int", 3),
        ("3", "float", 3.0),
        ("1e-3", "float", 1e-3),
        ("3", "str", "3"),
        ("false", "bool", False),
        ("True", "bool", True),
        ("[1, 2]", "list", [1, 2]),
        ("[1, 2]", "list[float]", [1.0, 2.0]),
    ],
)
def test_text_becomes_the_type(text, kind, value):
    converted = convert("x", text, kind)
    assert converted == value and type(converted) is type(value)


def test_parameter_without_type_or_output_is_refused(tmp_path):
    with pytest.raises(ValueError, match="parameter n has no type"):
        read_parameters(write_notebook(tmp_path / "a.ipynb", parameters='n = 3\noutput: str = ""'))
    with pytest.raises(ValueError, match="default of parameter n is no plain value: 1 / 2"):
        read_parameters(
            write_notebook(tmp_path / "c.ipynb", parameters='n: float = 1 / 2\noutput: str = ""')
        )
    with pytest.raises(ValueError, match="no parameter `output"):
        read_parameters(write_notebook(tmp_path / "b.ipynb", parameters="n: int = 3"))


def test_profiles_name_notebooks_and_profiles(folder, tmp_path):
    assert profile_of(folder / "01_good.ipynb", "quick") == ({}, 60.0)
    assert profile_of(folder / "01_good.ipynb", "paper") == ({"n": 5}, 180.0)
    notebook = write_notebook(tmp_path / "01_good.ipynb")
    limits = "[time_limit_minutes]\nquick = 1\n"
    for wrong in ("[02_typo.demo]\nn = 1\n", "[01_good.dmeo]\nn = 1\n", "[a]\n"):
        (tmp_path / "profiles.toml").write_text(limits + wrong)
        with pytest.raises(ValueError, match="must name a notebook"):
            profile_of(notebook, "quick")
    for wrong in (
        "",
        "[time_limit_minutes",
        "time_limit_minutes = 3",
        "[time_limit_minutes]\ndemo = 1",
    ):
        (tmp_path / "profiles.toml").write_text(wrong)
        with pytest.raises(
            ValueError, match="profiles.toml does not hold time_limit_minutes of quick"
        ):
            profile_of(notebook, "quick")


def test_pair_that_differs_is_refused(tmp_path):
    notebook = write_notebook(tmp_path / "a.ipynb", "x = 1")
    check_pair(notebook)  # not paired
    script = tmp_path / "a.py"
    text = f'# %% [markdown]\n# # Title\n\n# %% tags=["parameters"]\n{PARAMETERS}\n\n# %%\nx = 1\n'
    script.write_text(text)
    check_pair(notebook)
    script.write_text(text.replace("x = 1", "x = 2"))
    with pytest.raises(ValueError, match="make sync"):
        check_pair(notebook)


def test_cannot_write_is_one_sentence_before_any_notebook(paper, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["paper", "--output", str(tmp_path / "file" / "results")]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("specnb: cannot write to ") and "--output" in printed.err
    assert printed.err.count("\n") == 1 and "running" not in printed.out


def test_no_room_is_told(tmp_path):
    """A limit on file sizes acts like a full disk: opening a file works, but writing fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(OSError, match="cannot write to .*make room"):
            check_writable(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_results_is_never_replaced(folder, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for output in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(OSError, match="not results of specnb"):
            run_notebook(folder / "01_good.ipynb", {}, output)
    assert (tmp_path / "thesis.tex").exists()


def test_an_edited_script_is_told_although_results_are_fresh(paper, folder, capsys):
    script = folder / "01_good.py"
    script.write_text("# %%\nx = 2\n")
    try:
        code, printed = paper(capsys, "--profile", "paper")
    finally:
        script.unlink()
    assert code == 1 and "make sync" in printed.err and not printed.out


def test_command_line_errors_are_one_line(paper, capsys):
    for arguments, words in (
        (["run", "01_godo"], "did you mean 01_good?"),
        (["run", "01_good", "-p", "n"], "write name=value"),
        (["run", "01_good", "-p", "n=x"], "expects int"),
        (["paper", "--only", "99"], "there is no notebook 99"),
    ):
        assert main(arguments) == 1
        assert words in capsys.readouterr().err


def test_wrong_use_is_told_with_the_usage(capsys):
    for arguments in (
        ["paper", "--profil", "demo"],
        ["data", "translator", "sdss"],
        ["run", "01", "--minutes", "0"],
        ["fly"],
    ):
        assert main(arguments) == 2
        printed = capsys.readouterr()
        assert printed.err.startswith("Usage: specnb") and not printed.out


def test_only_takes_several_notebooks(paper, capsys):
    for arguments in (["--only", "01", "99"], ["--only", "01", "--only", "99"]):
        code, printed = paper(capsys, *arguments)
        assert code == 1 and "there is no notebook 99" in printed.err


def test_version_and_help_are_quick(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"specnb {specnb.__version__}\n"
    command = [sys.executable, "-m", "specnb.commands.main", "--version"]  # as `python -m specnb`
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == f"specnb {specnb.__version__}\n"
    command = [sys.executable, "-X", "importtime", "-m", "specnb", "--help"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "sweep" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"numpy", "astropy", "torch", "papermill", "matplotlib"}


def test_modules_in_the_current_folder_do_not_hide_those_of_python(tmp_path):
    for name in ("random", "secrets", "torch", "logging"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not Python's')")
    command = [sys.executable, "-m", "specnb", "data", "list"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0 and not done.stderr


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m specnb data list | head -1"
    done = subprocess.run(command, cwd=ROOT, shell=True, check=True, capture_output=True, text=True)
    assert done.stdout == "shipped:\n" and not done.stderr


def test_choices_of_the_command_line_are_the_surveys():
    assert set(data.SURVEY.choices) == set(SURVEYS)


@pytest.mark.parametrize("damage", ["truncated", "foreign", "list", "empty", "no table"])
def test_damaged_results_are_named_and_made_again(paper, capsys, damage):
    """They stop neither the index nor the run that mends them."""
    assert paper(capsys)[0] == 0
    study = paper.output / "01_good"
    whole, index = (study / "results.json").read_text(), (paper.output / "README.md").read_text()
    broken = json.loads(whole)
    broken["tables"]["gone"] = {"caption": "Gone.", "files": ["gone.csv"]}
    texts = {
        "truncated": whole[:200],
        "foreign": '{"accuracy": 0.9}',
        "list": "[1]",
        "empty": "",
        "no table": json.dumps(broken),
    }
    (study / "results.json").write_text(texts[damage])
    write_index(paper.output)
    printed = capsys.readouterr()
    assert printed.err.startswith(f"specnb: the results in {study} are damaged (")
    assert printed.err.count("\n") == 1 and ("gone.md" in printed.err) == (damage == "no table")
    assert "Title" not in (paper.output / "README.md").read_text()
    if damage == "truncated":
        code, printed = paper(capsys)
        assert code == 0 and "ran: 01_good" in printed.out
        assert (paper.output / "README.md").read_text().split("`01_good`")[0] == index.split(
            "`01_good`"
        )[0]
    else:
        (study / "results.json").write_text(whole)


def test_the_index_has_what_other_processes_write_meanwhile(tmp_path, monkeypatch):
    """A folder that is being replaced while the index is written is in the index in the end."""
    results = {
        "notebook": "a.ipynb", "title": "First", "profile": "quick", "changed": {}, "wall_time_s": 1.0, "inputs": {},
        "tables": {"t": {"caption": "T.", "files": ["t.csv"]}}, "figures": {}, "code": {"commit": None, "dirty": None},
        "environment": {"python": "3.11.1", "versions": dict.fromkeys(PACKAGES, "1.0")},
    }  # fmt: skip
    folder = tmp_path / "01_a"
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "t.md").write_text("| x |\n| --- |\n| 1 |\n")
    folder.rename(tmp_path / ".01_a.new")
    render = rendering.render

    def and_meanwhile(*arguments, **values):
        render(*arguments, **values)
        if not folder.exists():
            (tmp_path / ".01_a.new").rename(folder)

    monkeypatch.setattr(rendering, "render", and_meanwhile)
    assert "## First" in write_index(tmp_path).read_text()


def test_parameters_and_folders_are_plain_text_in_the_index(tmp_path):
    text = "<img src=x onerror=alert(1)>|`a`"
    results = {
        "notebook": "a.ipynb", "title": "First", "profile": "quick", "changed": {"star": text}, "wall_time_s": 1.0,
        "inputs": {"`<b>`": ""}, "tables": {}, "figures": {"a": {"caption": text, "files": ["a.png", "a.npz"]}},
        "code": {"commit": None, "dirty": None},
        "environment": {"python": "3.11.1", "versions": dict.fromkeys(PACKAGES, "1.0")},
    }  # fmt: skip
    (tmp_path / 'a"><b>`').mkdir()
    (tmp_path / 'a"><b>`' / "results.json").write_text(json.dumps(results))
    index = write_index(tmp_path).read_text()
    assert "<img src=x" not in index and "star = &lt;img src=x onerror=alert(1)>\\|\\`a\\`" in index
    assert 'src="a%22%3E%3Cb%3E%60/a.png"' in index and "- `'<b>'`" in index


def test_index_is_the_same_for_the_same_results(tmp_path):
    tables = {
        name: {"caption": f"{name} > 0.", "files": [f"{name}.csv", f"{name}.tex", f"{name}.md"]}
        for name in ("stars", "many")
    }
    results = {
        "notebook": "notebooks/02_b.ipynb", "title": "Stars", "profile": "quick", "changed": {}, "wall_time_s": 4000.0,
        "inputs": {}, "tables": tables, "code": {"commit": "0123456789abcdef", "dirty": True},
        "texts": {"summary": {"caption": "**In short.**\n\n- It is 7 K.\n", "files": ["summary.md"]}},
        "figures": {"drawn": {"caption": "Drawn.", "files": ["drawn.svg"]}},
        "environment": {"python": "3.11.1", "versions": dict.fromkeys(PACKAGES, "1.0")},
    }  # fmt: skip
    for name in ("02_b", ".02_b.new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(results))
        (tmp_path / name / "stars.md").write_text("| x |\n| --- |\n| 1 |\n")
        (tmp_path / name / "many.md").write_text("| x |\n| --- |\n" + 11 * "| 7 |\n")
    first = write_index(tmp_path).read_text()
    assert write_index(tmp_path).read_text() == first
    origin = (
        "`02_b` · profile quick · 67 min ·\ncommit 0123456789 with changes · Python 3.11.1, torch"
    )
    assert f"\n## Stars\n\n{origin} 1.0, " in first
    assert "\n\n**In short.**\n\n- It is 7 K.\n\n<table>" in first  # before the figures
    assert '<img src="02_b/drawn.svg"' in first
    links = " ".join(f'<a href="02_b/stars.{kind}">{kind}</a>' for kind in ("csv", "tex", "md"))
    assert f"\nstars &gt; 0. <sub>{links}</sub>\n\n| x |\n| --- |\n| 1 |\n" in first
    assert "(11 rows)" in first and "| 7 |" not in first and "Input data" not in first
    assert first.count("stars.csv") == 1
    assert {p.name for p in tmp_path.iterdir()} == {"02_b", ".02_b.new", "README.md"}
