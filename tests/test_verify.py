"""`specnb verify` on tiny results that were made up: whatever is changed in them is found."""

import json

import nbformat
import numpy as np
import pytest
from astropy.table import Table
from matplotlib.figure import Figure

from specnb.commands import notebooks
from specnb.commands.main import main
from specnb.core.paths import NOTEBOOKS
from specnb.disentangle.table1 import PUBLISHED
from specnb.reproduce import freshness
from specnb.reproduce.crate import NAME as CRATE
from specnb.reproduce.expected import expected_path, read_expected
from specnb.reproduce.freshness import digest_of, made_from
from specnb.reproduce.measures import measures, row_names
from specnb.reproduce.parameters import check_parameters
from specnb.reproduce.provenance import checksums, environment, write_json
from specnb.reproduce.published import side_by_side
from specnb.reproduce.study import Study
from specnb.reproduce.tolerances import (
    GRADES,
    SAME,
    Tolerance,
    farthest,
    how_closely,
    parts,
    read_rules,
    tolerances_of,
)

CELLS = (
    'n: int = 3  # points\noutput: str = ""  # folder',
    "from specnb.core.broadening import broaden",
)
RULES = """
[[rules]]
measures = ["result/points", "table/*/label"]
kind = "exact"
reason = "A count, or a text that nothing changes."

[[rules]]
measures = ["*seconds*"]
kind = "time"
reason = "The speed of a machine."

[[rules]]
measures = ["result/best"]
kind = "training"
texts = true
reason = "Which is best depends on the last digits."

[[rules]]
measures = ["table/rows/mae/trained*"]
kind = "training"
factor = 2.0
reason = "The last row is of a network."

[[rules]]
measures = ["*real*"]
kind = "arithmetic"
relative = 1e-3
needs = "real stars"
reason = "From real stars."

[[rules]]
measures = ["*"]
kind = "arithmetic"
relative = 1e-3
reason = "Arithmetic."
"""
PUBLISHED_RULES = """
[[groups]]
paper = "A paper"
place = "Table 1"
notebook = "01_tiny"
table = "errors"
note = "Mock stars."
values = [
  { quantity = "MAE", published = 121, unit = "K", row = { label = "teff" }, column = "mae" },
  { quantity = "gone", published = 1, row = { label = "none" }, column = "mae" },
  { quantity = "points", published = 4, result = "points" },
]
"""


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A folder with one notebook, and the folder of its results, which is returned."""
    monkeypatch.setattr(freshness, "shipped_data", list)  # because the shipped data are large
    monkeypatch.setenv("SPECNB_STARS", str(tmp_path / "stars"))
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path / "real"))
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.setattr(notebooks, "NOTEBOOKS", folder)
    notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, CELLS)])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "P"}
    nbformat.write(notebook, folder / "01_tiny.ipynb")
    (folder / "profiles.toml").write_text(
        "[time_limit_minutes]\nquick = 1\ndemo = 1\npaper = 1\n[01_tiny.demo]\nn = 4\n"
    )
    (folder / "tolerances.toml").write_text(RULES)
    (folder / "published.toml").write_text(PUBLISHED_RULES)
    make(folder)
    return tmp_path / "results"


def make(
    folder,
    *,
    n=3,
    size=1.0,
    mae=110.0,
    trained=50.0,
    height=2.0,
    best="plain",
    label="flux",
    more=(),
    dropped="",
    read=(),
):
    """Write what a run of the notebook would write."""
    place, notebook = folder.parent / "results" / "01_tiny", folder / "01_tiny.ipynb"
    for path in place.glob("*"):
        path.unlink()
    study = Study(place)
    study.result("points", n)
    study.result("size", size)
    study.result("best", best)
    study.result("run_seconds", float(np.random.default_rng().uniform(1, 9)))
    for name in more:
        study.result(name, 1.0)
    table = Table({"label": ["teff", "logg"], "mae": [mae, 0.2]})
    rows = Table({"model": ["ridge", "trained"], "mae": [mae, trained]})
    rows["mae"] = np.ma.masked_invalid(rows["mae"])
    study.table(rows, "rows", "Of two models.")
    for path in read:
        study.input(path)
    if dropped != "errors":
        study.table(table, "errors", "Errors.")
    figure = Figure(figsize=(1, 1))
    figure.subplots().plot([0.0, 1.0, height], label=label)
    study.figure(figure, "line", "A line.")
    values = check_parameters(notebook, {"n": n})
    outputs = checksums(place)
    outputs.pop("study.json")
    content = {"code": {"commit": "abc"}, "environment": environment(), "parameters": values}
    content |= {"made_from": made_from(notebook, values), "outputs": outputs, **study.record}
    (place / "study.json").unlink()
    write_results(place, content)


def write_results(place, content):
    """Write results.json as the runner does."""
    write_json(place / "results.json", content | {"digest": digest_of(content)})


@pytest.fixture
def verify(places, capsys):
    """``specnb verify --read`` of these results: the exit code and what it printed."""

    def verify(*arguments):
        code = main(["verify", "--profile", "quick", "--read", "--output", str(places), *arguments])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    assert verify("--update")[0] == 0
    return verify


def remake(places, **changes):
    make(places.parent / "notebooks", **changes)


def test_the_same_results_are_as_expected(places, verify):
    before = sorted(path.name for path in places.iterdir())
    code, said = verify()
    assert code == 0 and "as expected" in said and "not as expected" not in said
    assert sorted(path.name for path in places.iterdir()) == before  # the page is no orphan
    assert "verification.html" in before
    remake(places, size=1.0004, best="other", height=2.0003)  # and other seconds
    code, said = verify("--json")
    (report,) = json.loads(said)["notebooks"]
    assert code == 0 and report["coarsely"] == 1  # table/rows/mae: one is trained, within a factor
    assert report["not_compared"] == {"only there": 2, "times": 1}  # best, and the figure
    for page in ("verification.md", "verification.html"):
        text = (places / page).read_text("utf-8")
        assert "coarsely" in text and "2 only there, 1 times" in text


@pytest.mark.parametrize(
    ("change", "measure"),
    [
        (
            {"size": 1.002},
            "result/size: expected 1.0, found 1.002, difference 0.002, tolerance 0.001",
        ),
        ({"mae": 112.0}, "table/errors/mae/teff: expected 110.0, found 112.0"),
        ({"mae": 112.0}, "table/rows/mae (ridge): expected 110.0, found 112.0"),
        ({"trained": 101.0}, "table/rows/mae (trained): expected 50.0, found 101.0"),
        ({"trained": 0.0}, "table/rows/mae (trained): expected 50.0, found 0.0"),
        ({"trained": np.nan}, "table/rows/mae (trained): expected 50.0, found None"),
        ({"height": 2.5}, "figure/line/panel 1/flux/y: expected"),
        ({"dropped": "errors"}, "01_tiny: missing: table/errors/mae/teff"),
        ({"more": ["new"]}, "01_tiny: orphan: result/new (nobody expects it"),
    ],
)
def test_what_changed_is_named(places, verify, change, measure):
    remake(places, **change)
    code, said = verify()
    assert code == 1 and measure in said and "not as expected" in said
    page = (places / "verification.html").read_text("utf-8")
    assert "Not everything is as expected" in page
    remake(places)
    assert verify()[0] == 0


def far(tolerance, expected, found):
    """What differs most, if every part has the same tolerance."""
    found = farthest(expected, found, dict.fromkeys(parts(expected), tolerance))
    return found and found[1:3]


def test_texts_and_missing_numbers_are_compared_too():
    near = Tolerance("arithmetic", 0.1)
    assert far(near, [1.0, "a", None, True], [1.05, "a", None, True]) is None
    assert far(near, [1.0, 2.0], [1.2, 2.5]) == (2.0, 2.5)
    assert far(near, [1.0, "a"], [1.0, "b"]) == ("a", "b")
    assert far(near, [None], [1.0]) == (None, 1.0)
    assert far(near, [1.0], [1.0, 2.0]) == ("1 values", "2 values")
    trained = Tolerance("training", 0.1, texts=True)
    assert far(trained, ["a", 1.0], ["b", 1.05]) is None
    assert far(trained, ["a", 1.0], ["a", 1.2]) == (1.0, 1.2)
    assert far(Tolerance("exact"), [3], [4]) == (3, 4)
    assert far(Tolerance("time", None), [3], [4]) is None


@pytest.mark.parametrize("kind", ["exact", "arithmetic", "training"])
@pytest.mark.parametrize("lost", [None, np.nan, np.inf, "nan", "0.7"])
def test_a_missing_number_always_differs(kind, lost):
    for size in (None, 1e9):
        tolerance = Tolerance(kind, size, factor=9.0, texts=True)
        assert far(tolerance, [0.7], [0.7]) is None
        assert far(tolerance, [0.7], [lost])[0] == 0.7
        assert far(tolerance, [lost], [0.7])[1] == 0.7


def test_shapes_and_rows_always_differ_unless_a_rule_frees_them(places):
    rules = [{"measures": ["*"], "kind": "training"}]
    shape = ["2000, 0 missing", 1.0]
    allowed = tolerances_of("figure/line/y", shape, rules)
    assert farthest(shape, ["2000, 0 missing", 2.0], allowed) is None
    assert farthest(shape, ["3, 1997 missing", 1.0], allowed)[1:3] == (shape[0], "3, 1997 missing")
    rows = {"ridge": 1.0, "trained": 2.0}
    allowed = tolerances_of("table/rows/mae", rows, rules)
    assert farthest(rows, {"ridge": 1.0}, allowed)[:3] == ("trained", "2 values", "1 values")
    assert farthest(rows, {"ridge": 1.0, "other": 2.0}, allowed)
    assert not allowed["ridge"].free
    assert tolerances_of("table/rows", [], [rules[0] | {"free": True}])[""].free


def test_texts_are_exact_unless_a_rule_frees_them():
    rules = [
        {"measures": ["table/*"], "kind": "training", "factor": 2.0},
        {"measures": ["*/chosen*"], "kind": "training", "texts": True},
    ]
    for column, free in (("chosen", True), ("model", False)):
        allowed = tolerances_of(f"table/x/{column}", {"a": "True"}, rules)
        assert (farthest({"a": "True"}, {"a": "False"}, allowed) is None) == free
        assert how_closely({"a": "True"}, allowed) == GRADES[0 if free else 2]
    assert how_closely({"a": 3.0}, tolerances_of("table/x/chosen", {"a": 3.0}, rules)) == "coarsely"


@pytest.mark.parametrize(
    ("values", "tolerance", "grade"),
    [
        ([], Tolerance("exact"), 0),
        ([1.0], Tolerance("training", None), 0),
        (["a"], Tolerance("training", texts=True), 0),
        ([None], Tolerance("training", None), 2),  # it must be missing again
        ([1.0], Tolerance("training", 1.0), 1),
        ([1.0], Tolerance("training", 0.9), 2),
        ([-1.0], Tolerance("training", factor=2.0), 1),
        ([-1.0], Tolerance("training", factor=1.9), 2),
        ([0], Tolerance("exact"), 2),
        (["9, 0 missing", 0.1, 10.0, 20.0], Tolerance("training", 1.0), 2),
        (["9, 0 missing", 0.1, 0.2, 20.0, 30.0], Tolerance("training", 1.0), 1),
    ],
)
def test_how_closely_a_measure_is_compared(values, tolerance, grade):
    allowed = dict.fromkeys(parts(values), tolerance)
    assert how_closely(values, allowed) == GRADES[grade]
    assert how_closely(values, allowed, exact=True) == GRADES[2 if values else 0]


def test_a_factor_holds_for_numbers_of_one_sign():
    tolerance = Tolerance("training", factor=2.5)
    assert far(tolerance, [4.0], [1.7]) is None and far(tolerance, [4.0], [9.9]) is None
    for wrong in (1.5, 10.1, 0.0, -4.0):
        assert far(tolerance, [4.0], [wrong]) == (4.0, wrong)


def test_rows_are_named_by_the_first_texts_that_tell_them_apart():
    rows = [
        {"fit": fit, "label": label, "unit": "K", "mae": 1.0, "best": "yes"}
        for fit in ("a", "b")
        for label in ("teff", "logg")
    ]
    assert row_names(rows) == ["a", "a", "b", "b"]
    assert row_names([{"seed": n, "fit": "a"} for n in (1, 2)]) == ["", " (2)"]
    assert row_names([{"fit": "a", "seed": n} for n in (1, 2)]) == ["a", "a (2)"]


def test_a_label_has_a_scale_of_its_own(places):
    found = measures(places / "01_tiny")
    assert found["table/errors/mae/logg"] == {"": 0.2} and found["table/errors"] == ["2 rows"]
    assert found["table/rows/mae"] == {"ridge": 110.0, "trained": 50.0}
    rules = read_rules(places.parent / "notebooks" / "01_tiny.ipynb", "quick")
    sizes = [
        tolerances_of(f"table/errors/mae/{x}", v, rules)[""].size
        for x, v in (("a", {"": 110.0}), ("b", {"": 0.2}))
    ]
    assert sizes == [0.11, 0.0002]
    trained = [{"measures": ["*"], "kind": "training", "relative": 0.1}]
    sizes = tolerances_of("table/x/mae", {"a": 10.0, "b": 300.0}, trained)
    assert [sizes[row].size for row in "ab"] == [1.0, 30.0]  # each of a model of its own


def test_a_rule_may_have_other_sizes_in_a_profile(places):
    path = places.parent / "notebooks" / "tolerances.toml"
    path.write_text(RULES.replace("factor = 2.0", "factor = 2.0\ndemo = { factor = 1.5 }"))
    for profile, factor in (("quick", 2.0), ("demo", 1.5)):
        rules = read_rules(path.with_name("01_tiny.ipynb"), profile)
        assert tolerances_of("table/rows/mae", {"trained": 1.0}, rules)["trained"].factor == factor


def test_exact_compares_everything_but_times(places, verify):
    remake(places)
    assert verify("--exact")[0] == 0  # with other seconds
    for change, said in (
        ({"size": 1.00001}, "result/size: expected 1.0, found 1.00001"),
        ({"trained": 50.001}, "table/rows/mae (trained)"),
        ({"best": "other"}, "result/best: expected plain, found other"),
    ):
        remake(places, **change)
        assert verify()[0] == 0
        code, printed = verify("--exact")
        assert code == 1 and said in printed


def test_changed_results_are_noticed_where_nothing_is_compared(places, verify):
    path = places / "01_tiny" / "results.json"
    content = json.loads(path.read_text("utf-8"))
    content["results"]["best"]["value"] = "edited"
    write_json(path, content)
    code, said = verify()
    assert code == 1 and "stale: results.json was changed" in said
    del content["digest"]  # as older results, which are no failure
    write_json(path, content)
    code, said = verify()
    assert code == 0
    assert "1 results.json without a digest" in (places / "verification.md").read_text("utf-8")


def test_nothing_compared_is_not_good(places, verify, tmp_path):
    path = places.parent / "notebooks" / "tolerances.toml"
    rules = RULES.replace('needs = "real stars"', "")
    path.write_text(rules.replace("reason", 'needs = "real stars"\nreason'))
    (tmp_path / "real").mkdir()
    (star := tmp_path / "real" / "star.csv").write_text("1\n")
    remake(places, read=[star])
    code, said = verify("--json")
    report = json.loads(said)["notebooks"][0]
    assert code == 1 and report["verdict"] == "not compared" and not json.loads(said)["good"]


def test_a_folder_that_is_not_there_is_told_and_not_made(tmp_path, capsys):
    folder = tmp_path / "nothing"
    assert main(["verify", "--read", "--output", str(folder)]) == 1
    assert f"{folder} is no folder of results: name that of --output" in capsys.readouterr().err
    assert not folder.exists()


def test_the_file_of_a_crate_is_no_orphan(places, verify):
    (places / CRATE).write_text("{}")
    assert verify()[0] == 0


def test_update_without_results_is_told(tmp_path, verify):
    (tmp_path / "none").mkdir()
    code, said = verify("--update", "--output", str(tmp_path / "none"))
    assert code == 1 and f"there are no whole results in {tmp_path / 'none' / '01_tiny'}" in said
    assert "run the notebook first" in said


@pytest.mark.parametrize("stem", sorted(path.stem for path in NOTEBOOKS.glob("[0-9]*.ipynb")))
def test_the_rules_of_the_repository_notice_zeros(stem):
    """What is zero in place of the expected number is noticed, unless the rule says that it cannot."""
    notebook = NOTEBOOKS / f"{stem}.ipynb"
    expected, rules = (
        read_expected(expected_path(notebook, "quick"))[stem],
        read_rules(notebook, "quick"),
    )
    noticed, numbers = [], 0
    for name, values in expected["measures"].items():
        for part, tolerance in tolerances_of(name, values, rules).items():
            value = parts(values).get(part)
            if (
                isinstance(value, float)
                and value
                and not tolerance.free
                and tolerance.kind != "time"
            ):
                assert SAME.excess(value, 0.0) > 0 and tolerance.excess(value, None) > 0
                numbers += name.startswith(("result", "table"))
                if tolerance.size is not None and name.startswith(("result", "table")):
                    noticed.append(tolerance.excess(value, 0.0) > 0)
    assert np.mean(noticed) >= 0.9 and len(noticed) >= 0.75 * numbers


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / "01_tiny" / "stray.csv").write_text("x\n"), "orphan: stray.csv"),
        (lambda f: (f / "09_gone").mkdir(), "orphan: 09_gone belongs to no notebook"),
        (
            lambda f: (f / "01_tiny" / "line.png").write_bytes(b"edited"),
            "stale: line.png was changed",
        ),
        (lambda f: (f / "01_tiny" / "errors.md").unlink(), "stale: errors.md is lost"),
        (lambda f: (f / "01_tiny" / "line.npz").unlink(), "missing: figure/line/panel 1/flux/y"),
        (lambda f: (f / "01_tiny" / "errors.csv").unlink(), "stale: there are no whole results"),
        (
            lambda f: (f / "01_tiny" / "results.json").write_text("{"),
            "stale: there are no whole results",
        ),
    ],
)
def test_stale_and_orphan_files_fail(places, verify, spoil, said):
    spoil(places)
    code, printed = verify()
    assert code == 1 and said in printed


def test_other_code_parameters_cells_and_data_make_results_stale(places, verify, monkeypatch):
    sources = freshness.read_sources()
    other = sources["specnb.core.broadening"].replace(
        "LIMB_DARKENING = 0.6", "LIMB_DARKENING = 0.7"
    )
    with monkeypatch.context() as patch:
        patch.setattr(
            freshness, "read_sources", lambda: sources | {"specnb.core.broadening": other}
        )
        code, said = verify()
    assert code == 1 and "stale: made from other code of specnb" in said
    code, said = verify("--profile", "demo")  # where n is 4
    assert code == 1 and "stale: made from other parameters" in said
    with monkeypatch.context() as patch:
        patch.setattr(freshness, "shipped_data", lambda: [NOTEBOOKS.parent / "data" / "stars.ecsv"])
        code, said = verify()
    assert code == 1 and "stale: made from other shipped data" in said
    path = places.parent / "notebooks" / "01_tiny.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[1].source += "\n# more"
    nbformat.write(notebook, path)
    code, said = verify()
    assert code == 1 and "stale: made from other cells" in said


def test_update_refuses_what_is_stale_and_changes_nothing(places, verify):
    path = places.parent / "notebooks" / "expected" / "quick.json"
    before = path.read_bytes()
    remake(places, size=2.0)
    results = places / "01_tiny" / "results.json"
    content = json.loads(results.read_text("utf-8"))
    content["made_from"]["code"] = "other"
    write_results(results.parent, {k: v for k, v in content.items() if k != "digest"})
    code, said = verify("--update")
    assert code == 1 and "made from other code of specnb" in said and path.read_bytes() == before
    code, said = verify("--update", "--older")  # whole, and of older code
    assert code == 1 and "stale" in said and path.read_bytes() != before  # it is stale as before
    (places / "01_tiny" / "errors.csv").write_text("label,mae\nteff,1\n")
    code, said = verify("--update", "--older")
    assert code == 1 and "errors.csv was changed" in said
    assert main(["verify", "--older"]) == 2


def test_parameters_of_the_expected_values_count(places, verify):
    toml = places.parent / "notebooks" / "expected" / "quick.json"
    toml.write_text(toml.read_text("utf-8").replace('"n":3', '"n":5'), "utf-8")
    code, said = verify()
    assert code == 1 and "the expected values are of other parameters" in said
    toml.unlink()
    code, said = verify()
    assert code == 1 and "no values are expected of this notebook" in said


def test_other_real_stars_are_not_compared(places, verify, tmp_path):
    (tmp_path / "real").mkdir()
    (star := tmp_path / "real" / "star.csv").write_text("1 2\n")
    remake(places, more=["real_chi2"], read=[star])
    assert verify("--update")[0] == 0
    remake(places, read=[star])
    code, said = verify()  # the same stars, and so it should be there
    assert code == 1 and "missing: result/real_chi2" in said
    (tmp_path / "real" / "other.csv").write_text("3\n")  # is at hand, but was not read
    remake(places, read=[star], more=["real_chi2"])
    code, said = verify("--json")
    assert code == 0 and "other real stars" not in json.loads(said)["notebooks"][0]["not_compared"]
    star.write_text("1 3\n")
    remake(places, read=[star])
    code, said = verify("--json")
    report = json.loads(said)["notebooks"][0]
    assert code == 0 and report["not_compared"]["other real stars"] == 1
    remake(places, more=["real_other"])  # of no stars, which the expected run had
    assert verify()[0] == 0
    remake(places, size=2.0)
    assert verify()[0] == 1


def test_what_the_repository_does_not_keep_is_not_compared(places, verify):
    numbers = places / "01_tiny" / "line.npz"
    kept = numbers.read_bytes()
    numbers.unlink()
    assert verify("--update")[0] == 0
    numbers.write_bytes(kept)
    assert verify()[0] == 0


def test_names_of_arrays_may_hold_results(places, verify):
    remake(places, label="flux, AUC 0.62 (4 beyond)")
    assert verify("--update")[0] == 0
    remake(places, label="flux, AUC 0.58 (7 beyond)")
    assert verify()[0] == 0
    remake(places, label="other")
    code, said = verify()
    assert code == 1
    assert "missing: figure/line/panel 1/flux, AUC # (# beyond)/y" in said
    assert "orphan: figure/line/panel 1/other/y" in said


def test_a_figure_that_is_not_compared_may_have_other_arrays(places, verify):
    path = places.parent / "notebooks" / "tolerances.toml"
    rule = '[[rules]]\nmeasures = ["figure/line*"]\nkind = "training"\nfree = true\nreason = "A map."\n'
    path.write_text(rule + RULES)
    assert verify("--update")[0] == 0
    remake(places, label="other")
    assert verify()[0] == 0


def test_the_command_runs_what_is_not_fresh_and_compares_it(places, capsys, tmp_path):
    path, output = places.parent / "notebooks" / "01_tiny.ipynb", tmp_path / "run"
    notebook = nbformat.read(path, 4)
    notebook.cells[
        1
    ].source = "from specnb.reproduce.study import Study\nStudy(output).result('points', n)"
    nbformat.write(notebook, path)
    command = ["verify", "--profile", "quick", "--output", str(output)]
    assert main([*command, "--update"]) == 0
    assert "01_tiny (quick): running" in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["good"] and "unchanged: 01_tiny" in printed.err
    expected = path.with_name("expected") / "quick.json"
    expected.write_text(expected.read_text("utf-8").replace("[3]", "[4]"), "utf-8")
    assert main(command) == 1
    assert "result/points: expected 4, found 3" in capsys.readouterr().out
    results = output / "01_tiny" / "results.json"
    results.write_text(results.read_text("utf-8").replace('"value": 3', '"value": 4'), "utf-8")
    assert main([*command, "--read"]) == 1
    assert "results.json was changed" in capsys.readouterr().out


def test_expected_values_of_one_notebook_replace_no_others(places, verify):
    path = places.parent / "notebooks" / "expected" / "quick.json"
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(content | {"02_other": content["01_tiny"]}), "utf-8")
    assert verify("01", "--update")[0] == 0
    assert list(json.loads(path.read_text("utf-8"))) == ["01_tiny", "02_other"]


def test_published_values_stand_beside_ours(places, verify):
    (group,) = json.loads(verify("--json")[1])["published"]
    assert [value["found"] for value in group["values"]] == [110.0, None, 3]
    page = (places / "verification.md").read_text("utf-8")
    assert "| MAE | 121 | 110 | K |" in page and "| gone | 1 | – |  |" in page


def test_published_toml_has_the_values_of_table_1(tmp_path):
    groups = side_by_side(NOTEBOOKS / "published.toml", tmp_path)
    (table,) = (group for group in groups if group["place"] == "Table 1")
    assert len(table["values"]) == 3 * len(PUBLISHED)
    for value in table["values"]:
        chosen = np.all([PUBLISHED[key] == x for key, x in value["row"].items()], axis=0)
        assert PUBLISHED[value["column"]][chosen].item() == value["published"]


@pytest.mark.parametrize(
    ("old", "new"),
    [('reason = "Arithmetic."', ""), ('"exact"', '"about"'), ("[[rules]]", "[rules")],
)
def test_a_wrong_rule_is_told(places, verify, old, new):
    path = places.parent / "notebooks" / "tolerances.toml"
    path.write_text(path.read_text("utf-8").replace(old, new))
    code, said = verify()
    assert code == 1 and str(path) in said and "file of rules" in said


def test_every_measure_needs_a_rule(places, verify):
    path = places.parent / "notebooks" / "tolerances.toml"
    path.write_text(RULES.replace('measures = ["*"]', 'measures = ["table/*"]'))
    code, said = verify("--update")
    assert code == 1 and "no rule of tolerances.toml holds for figure/line" in said
