"""Sweeps of a tiny notebook. Most tests use the same sweep, which was killed and then resumed."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

import nbformat
import numpy as np
import psutil
import pytest
from astropy.table import MaskedColumn, Table
from matplotlib.text import Text

from specnb.commands import notebooks
from specnb.commands.main import main
from specnb.plots.style import COLUMN, PAGE
from specnb.plots.training import results_against
from specnb.reproduce.parameters import check_parameters
from specnb.reproduce.provenance import ROOT
from specnb.reproduce.sweep import collect, grid_points, sweep

PARAMETERS = """\
seed: int = 1  # random seed
latent: int = 25  # size
layers: list[int] = [64]  # widths
objective: str = "paper"  # name
pause: float = 0.0  # seconds
output: str = ""  # folder"""

CELL = """\
import pathlib, time
from specnb.reproduce.study import Study
study = Study(output)
time.sleep(pause)
while (seed, latent) == (2, 5) and pathlib.Path(HOLD).exists():
    time.sleep(0.05)
if seed == 13:
    raise ValueError("no such star")
study.result("information_loss", 1 / latent + 0.001 * seed, "nat")
study.result("objective", "text")
study.result("seed", 10 * seed)"""

GRID = ["-p", "latent=5,2", "-p", "seed=1,2"]
# The order is that of the parameters in the notebook
NAMES = [
    "seed=1,latent=2",
    "seed=1,latent=5",
    "seed=2,latent=2",
    "seed=2,latent=5",
]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """The tiny notebook. Its run seed=2,latent=5 waits while a file named hold is beside it."""
    path = tmp_path_factory.mktemp("notebooks") / "04_tiny.ipynb"
    cell = CELL.replace("HOLD", repr(str(path.with_name("hold"))))
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    content = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    content.cells = [nbformat.v4.new_code_cell(PARAMETERS), nbformat.v4.new_code_cell(cell)]
    content.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(content, path)
    return path


def start(notebook, output, *arguments):
    command = [
        sys.executable,
        "-m",
        "specnb",
        "sweep",
        str(notebook),
        "--output",
        str(output),
        *arguments,
    ]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def ended(processes):
    return all(has_ended(process) for process in processes)


def has_ended(process):
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended between the two questions
        return True


def is_kernel(process):
    try:
        return "ipykernel" in " ".join(process.cmdline())
    except psutil.Error:  # it ended meanwhile, or is a zombie
        return False


def stamps(folder):
    return {p.parent.name: p.stat().st_mtime_ns for p in folder.glob("[!.]*/results.json")}


@pytest.fixture(scope="module")
def killed_once(notebook, tmp_path_factory):
    """The folder of a killed sweep, the runs that were done, and the output of the second call."""
    output, hold = tmp_path_factory.mktemp("sweeps") / "tiny", notebook.with_name("hold")
    hold.touch()  # so that the sweep cannot end before it is killed
    process = start(notebook, output, *GRID, "--jobs", "2")
    try:
        wait_until((output / "sweep.png").exists, 120)
        family = psutil.Process(process.pid).children(recursive=True)
        rows = len(Table.read(output / "sweep.csv"))
    finally:
        process.kill()
        process.communicate()
    wait_until(lambda: ended(family), 60)
    hold.unlink()
    done = stamps(output)
    with pytest.MonkeyPatch.context() as patch:
        said = []
        patch.setattr("builtins.print", lambda *words, **_: said.append(" ".join(map(str, words))))
        code = main(["sweep", str(notebook), "--output", str(output), *GRID, "--jobs", "2"])
    return output, rows, done, code, said


@pytest.fixture
def killed(killed_once, tmp_path):
    """The same with a copy of the folder, so that a test may change it."""
    shutil.copytree(killed_once[0], tmp_path / "tiny")
    return tmp_path / "tiny", *killed_once[1:]


def test_a_killed_sweep_goes_on_where_it_was(killed):
    output, rows, done, code, said = killed
    assert code == 0 and 1 <= rows <= len(done) < 4
    assert any(f"4 points, {len(done)} unchanged, {4 - len(done)} to run" in line for line in said)
    assert sorted(stamps(output)) == sorted(NAMES)
    assert {name: stamps(output)[name] for name in done} == done
    assert not list(output.glob(".*.new"))


def test_table_has_parameters_numbers_and_time(killed):
    output = killed[0]
    table = collect(output, NAMES[::-1], ["seed", "latent"])
    assert table.colnames == ["seed", "latent", "information_loss", "seed_result", "wall_time"]
    assert table.meta == {"results": ["information_loss", "seed_result"]}
    assert list(zip(table["seed"], table["latent"])) == [(1, 2), (1, 5), (2, 2), (2, 5)]
    np.testing.assert_allclose(
        table["information_loss"], 1 / table["latent"] + 0.001 * table["seed"]
    )
    assert (
        list(table["seed_result"]) == [10, 10, 20, 20] and table["information_loss"].unit == "nat"
    )
    times = [json.loads((output / f"seed={s},latent={n}" / "results.json").read_text())["wall_time_s"]
             for s, n in zip(table["seed"], table["latent"])]  # fmt: skip
    assert list(table["wall_time"]) == times and min(times) > 0
    lines = (output / "sweep.csv").read_text().splitlines()
    assert lines[0] == "seed,latent,information_loss [nat],seed_result,wall_time [s]"
    assert len(lines) == 5 and lines[1].startswith("1,2,0.501,10,")
    assert (output / "sweep.md").read_text().count("\n") == 6
    assert (output / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_the_listed_commands_are_the_points(notebook, tmp_path, capsys):
    grid = ["-p", "seed=1,2", "-p", "layers=[64],[64, 32]"]
    assert main(["sweep", str(notebook), *grid, "--output", str(tmp_path / "out"), "--list"]) == 0
    lines = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    points, _ = grid_points(notebook, {"seed": ["1", "2"], "layers": ["[64]", "[64, 32]"]})
    assert [line[-1] for line in lines] == [str(tmp_path / "out" / name) for name in points]
    assert not (tmp_path / "out").exists()
    for (command, run, path, *options), values in zip(lines, points.values()):
        assert (command, run, path) == ("specnb", "run", str(notebook))
        given = dict(notebooks.pairs(options[1:4:2]))
        assert check_parameters(notebook, given) == values


def test_a_second_call_runs_nothing(killed, notebook, capsys):
    output, before, table = killed[0], stamps(killed[0]), (killed[0] / "sweep.csv").read_bytes()
    again = sweep(
        notebook,
        {"seed": range(1, 3), "latent": [2, 5]},
        output,
        x="seed",
        y=["information_loss"],
    )
    assert capsys.readouterr().out == "04_tiny: 4 points, 4 unchanged, 0 to run\n"
    assert (
        len(again) == 4
        and stamps(output) == before
        and (output / "sweep.csv").read_bytes() == table
    )
    part = sweep(notebook, {"seed": [2], "latent": (2, 5)}, output)
    assert part.colnames[0] == "latent" and list(part["latent"]) == [2, 5]
    with pytest.raises(
        ValueError, match="no numeric result 'objective': they have information_loss, seed_result"
    ):
        sweep(notebook, {"seed": [2], "latent": (2, 5)}, output, y=["objective"])
    assert stamps(output) == before


def test_a_failing_point_is_named_and_others_count(killed, notebook, capsys):
    output = killed[0]
    arguments = [
        "sweep",
        str(notebook),
        "--output",
        str(output),
        "-p",
        "latent=2",
        "-p",
        "seed=13,1",
    ]
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert "2 points, 1 unchanged, 1 to run" in printed.out
    assert printed.err.startswith("specnb: 1 of 2 points failed: seed=13,latent=2 (")
    assert (
        "ValueError: no such star" in printed.err
        and "sweep again" in printed.err
        and printed.err.count("\n") == 1
    )
    assert (
        list(Table.read(output / "sweep.csv")["seed"]) == [1]
        and (output / "seed=13,latent=2/failed.ipynb").exists()
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupt_ends_all_notebooks(notebook, tmp_path, capsys, jobs):
    family, children = psutil.Process(), []
    # Other processes, such as those of joblib that earlier tests have left
    others = set(family.children(recursive=True))

    def interrupt():
        wait_until(lambda: any(map(is_kernel, family.children(recursive=True))), 120)
        children.extend(set(family.children(recursive=True)) - others)
        os.kill(os.getpid(), signal.SIGINT)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt).start()
        arguments = [
            "--output",
            str(tmp_path / "out"),
            "-p",
            "pause=600,601,602",
            "--jobs",
            str(jobs),
        ]
        assert main(["sweep", str(notebook), *arguments]) == 130
    finally:
        signal.signal(signal.SIGINT, handler)
    assert "specnb: interrupted" in capsys.readouterr().err and children
    wait_until(lambda: ended(children), 60)
    assert not stamps(tmp_path / "out") and not list((tmp_path / "out").glob(".*.new"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-p", "seed=1", "-p", "latnet=2,5"], "no parameter latnet; did you mean latent?"),
        (["-p", "seed=1", "-p", "latent=2,five"], "parameter latent expects int, not 'five'"),
        (["-p", "layers=64,32"], "parameter layers expects list[int], not '64'"),
        (["-p", "seed"], "write name=value"),
        ([], "the grid is empty"),
        (
            ["-p", "seed=1,2", "--x", "latent"],
            "x is latent, which is no parameter of this grid: choose one of seed",
        ),
        (["-p", "seed=1,2", "--jobs", "0"], "cannot run 0 notebooks"),
    ],
)
def test_bad_input_is_told_before_anything_runs(notebook, tmp_path, capsys, arguments, words):
    assert main(["sweep", str(notebook), "--output", str(tmp_path / "out"), *arguments]) == 1
    printed = capsys.readouterr()
    assert words in printed.err and printed.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_values_of_lists_stand_in_brackets(notebook):
    assert notebooks.split_values("2, 5,10") == ["2", "5", "10"]
    assert notebooks.split_values("[64],[64, 32]") == ["[64]", "[64, 32]"]
    points, varied = grid_points(
        notebook, {"layers": notebooks.split_values("[64],[64, 32]"), "seed": ["3"]}
    )
    assert [values["layers"] for values in points.values()] == [[64], [64, 32]] and varied == [
        "layers"
    ]
    assert all(values["seed"] == 3 and values["latent"] == 25 for values in points.values())


def test_folder_names_are_safe_stable_and_differ(notebook):
    def names(**grid):
        return list(grid_points(notebook, grid)[0])

    assert names(latent=[5, 2, 5], seed=[1]) == ["seed=1,latent=5", "seed=1,latent=2"]
    assert names(pause=[1e-3, 1, "1.0"]) == ["pause=0.001", "pause=1.0"]
    texts = names(
        objective=["a/b", "a b", "a_b", "../x", "", "x" * 400, "x" * 401], layers=[[1, 2], [12], []]
    )
    assert len(set(texts)) == 21 and all("/" not in name and len(name) < 200 for name in texts)
    assert names(objective=["a/b"], layers=[[1, 2]]) == [texts[0]]


def write_run(folder, name, parameters, results):
    (folder / name).mkdir()
    content = {
        "parameters": parameters, "changed": parameters, "wall_time_s": 1.5,
        "results": {key: {"value": value, "unit": "K"} for key, value in results.items()},
    }  # fmt: skip
    (folder / name / "results.json").write_text(json.dumps(content))


def test_collect_masks_what_a_run_lacks(tmp_path):
    write_run(tmp_path, "b", {"layers": [2], "n": 7}, {"loss": 2, "good": True, "kind": "x"})
    write_run(tmp_path, "a", {"layers": [10], "n": 7}, {"loss": 1.5, "scatter": 3.0})
    table = collect(tmp_path, ["b", "a"], ["layers"])
    assert table.colnames == ["layers", "loss", "scatter", "wall_time"]
    assert list(table["layers"]) == ["[10]", "[2]"] and list(table["loss"]) == [1.5, 2.0]
    assert list(table["scatter"].mask) == [False, True] and table["wall_time"].unit == "s"
    assert collect(tmp_path, ["b"], ["layers", "n"]).colnames == [
        "layers",
        "n",
        "loss",
        "wall_time",
    ]


def test_figure_shows_every_run_and_the_median():
    loss = MaskedColumn(
        [0.5, 0.4, 0.9, 0.2, 0.1, 0.0], mask=[0, 0, 0, 0, 0, 1], unit="K", name="loss"
    )
    table = Table(
        {
            "latent": [2, 2, 2, 25, 25, 25],
            "kind": list("abcabc"),
            "loss": loss,
            "other": np.arange(6),
        }
    )
    figure = results_against(table, "latent", ["loss"])
    points, line = figure.axes[0].lines
    assert (
        list(points.get_xdata()) == [2, 2, 2, 25, 25, 25]
        and np.isfinite(points.get_ydata()).sum() == 5
    )
    assert list(line.get_xdata()) == [2, 25]
    np.testing.assert_allclose(line.get_ydata(), [0.5, 0.15])
    assert figure.axes[0].get_ylabel() == "loss (K)" and figure.get_supxlabel() == "latent"
    assert figure.get_figwidth() == COLUMN
    words = [t.get_text() for t in figure.legends[0].findobj(Text)]
    assert {"one run", "median"} <= set(words)
    figure = results_against(table, "kind", ["loss", "other"])
    assert [t.get_text() for t in figure.axes[1].get_xticklabels()] == ["a", "b", "c"]
    assert (
        list(figure.axes[1].lines[1].get_ydata()) == [1.5, 2.5, 3.5]
        and figure.get_figwidth() == PAGE
    )
    with pytest.raises(ValueError, match="no numeric result 'nothing'"):
        results_against(table, "latent", ["nothing"])


@pytest.mark.parametrize(
    ("values", "scale"),
    [([2, 5, 25], "log"), ([2, 3, 4], "linear"), ([-0.01, 0, 0.001, 0.01], "symlog")],
)
def test_axis_follows_the_values(values, scale):
    table = Table({"x": values, "y": np.arange(len(values))})
    assert results_against(table, "x", ["y"]).axes[0].get_xscale() == scale
