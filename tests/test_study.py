import csv
import json
import re

import numpy as np
import pytest
from astropy.io import ascii
from astropy.table import MaskedColumn, Table
from matplotlib.figure import Figure

from specnb.reproduce.numbers import drawn_numbers
from specnb.reproduce.provenance import RECORD, checksum, checksums
from specnb.reproduce.study import Study
from specnb.reproduce.tables import cells


def draw():
    fig = Figure(figsize=(3, 2))
    fig.subplots().plot([0, 1], [0, 1], label=r"$T_\mathrm{eff}$")
    return fig


@pytest.fixture
def table():
    table = Table(
        {"teff": [5777.123456, 4286.0], "m_h": [0.0123, -0.52], "n": [3, 12], "id": ["a_1", "b"]}
    )
    table["teff"].unit, table["m_h"].unit = "K", "dex"
    return table


def test_figure_is_the_same_bytes_twice_and_has_no_date(tmp_path):
    for folder in "ab":
        Study(tmp_path / folder).figure(draw(), "line", "A line.")
    assert checksums(tmp_path / "a") == checksums(tmp_path / "b")
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        "line.png", "line.pdf", "line.npz", RECORD
    }  # fmt: skip
    pdf, png = ((tmp_path / "a" / f"line.{kind}").read_bytes() for kind in ("pdf", "png"))
    assert b"/Info" in pdf and not re.search(rb"CreationDate|Producer|Creator", pdf)
    assert b"Software" not in png
    width, height = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
    assert (width, height) == (600, 400)  # 200 dpi


def test_a_figure_keeps_the_numbers_it_draws(tmp_path):
    wavelength, flux = np.linspace(15168.0, 15170.0, 21), np.linspace(0.9, 1.0, 21)
    figure = Figure()
    top, bottom = figure.subplots(2)
    top.plot(wavelength, flux, label="observed")
    top.plot(wavelength, np.ma.masked_less(flux, 0.95))
    top.axhline(1.0)
    top.axvspan(15168.5, 15169.0)
    top.fill_between(wavelength, 0.9 * flux, flux, where=flux > 0.95, label="error")
    top.set_ylabel("Flux")
    dots = bottom.scatter([1.0, 2.0], [3.0, 4.0], c=[5.0, 6.0], label="stars")
    bottom.bar([1.0, 2.0], [3.0, 4.0], 0.5, label="number")
    bottom.errorbar([1.0], [2.0], yerr=[0.5], label="mean", fmt="o")
    bottom.stairs([3.0, 4.0], [0.0, 1.0, 2.0])
    figure.colorbar(dots, ax=bottom)
    Study(tmp_path).figure(figure, "line", "Lines.")
    with np.load(tmp_path / "line.npz") as file:
        found = {name: file[name] for name in file}
    assert found.keys() == drawn_numbers(figure).keys()
    np.testing.assert_allclose(found["panel 1 (Flux)/observed/x"], wavelength, rtol=1e-7)
    np.testing.assert_allclose(found["panel 1 (Flux)/observed/y"], flux, rtol=1e-7)
    assert np.isnan(found["panel 1 (Flux)/Line2D/y"]).sum() == 11 - 1
    outline = found["panel 1 (Flux)/error/outline"]
    assert np.isclose(np.nanmax(outline[:, 1]), 1.0)
    assert np.isclose(np.nanmin(outline[:, 1]), 0.9 * 0.955)
    assert list(found["panel 2/stars/value"]) == [5, 6] and list(found["panel 2/stars/x"]) == [1, 2]
    assert list(found["panel 2/number/x"]) == [0.75, 1.75]
    assert list(found["panel 2/number/height"]) == [3, 4]
    assert list(found["panel 2/mean/y"]) == [2]
    np.testing.assert_array_equal(
        found["panel 2/mean 2/outline"], [[1, 1.5], [1, 2.5], [np.nan, np.nan]]
    )
    assert list(found["panel 2/StepPatch/values"]) == [3, 4]
    assert not any("panel 3" in name or "Rectangle" in name for name in found)
    assert all(values.dtype == np.float32 for values in found.values())


def test_a_drawing_is_shown_copied_and_an_input(tmp_path):
    text = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"></svg>\n'
    source = tmp_path / "source.svg"
    source.write_text(text)
    study = Study(tmp_path / "out")
    assert "<svg" in study.drawing(source, "networks", "The networks.").data
    assert (tmp_path / "out" / "networks.svg").read_text() == text
    assert study.record["figures"] == {
        "networks": {"caption": "The networks.", "files": ["networks.svg"]}
    }
    assert study.record["inputs"] == {"source.svg": checksum(source)}


def test_no_zero_has_a_minus():
    assert cells([-0.0004, 0.5], ".3f") == ["0.000", "0.500"]
    assert cells([-0.0004, 0.5], "+.3f") == ["+0.000", "+0.500"]


def test_without_folder_nothing_is_written(tmp_path, table, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study, fig = Study(""), draw()
    assert study.figure(fig, "line", "A line.") is fig
    assert "| teff [K] |" in study.table(table, "stars", "Stars.").data
    assert study.result("n", 3) == 3
    assert not list(tmp_path.iterdir())


def test_table_keeps_units_and_numbers(tmp_path, table):
    Study(tmp_path).table(table, "stars", "Stars at 5% of $x_1$.", formats={"teff": ".0f"})
    again = ascii.read(tmp_path / "stars.csv", format="csv")
    assert again.colnames == ["teff [K]", "m_h [dex]", "n", "id"]
    np.testing.assert_allclose(again["teff [K]"], table["teff"], rtol=1e-6)
    assert list(again["n"]) == [3, 12]
    assert (tmp_path / "stars.md").read_text().splitlines() == [
        "| teff [K] | m_h [dex] | n | id |",
        "| --- | --- | --- | --- |",
        "| 5777 | 0.0123 | 3 | a_1 |",
        "| 4286 | -0.5200 | 12 | b |",
    ]
    tex = (tmp_path / "stars.tex").read_text()
    assert r"\caption{Stars at 5\% of $x_1$.}" in tex
    assert r"5777 & 0.0123 & 3 & a\_1 \\" in tex
    assert r"teff & m\_h & n & id \\" in tex
    assert r"$\mathrm{K}$ & $\mathrm{dex}$ &  &  \\" in tex


HOSTILE = [
    "<img src=x onerror=alert(1)>", r"$\frac$", r"\input{/etc/passwd}", r"a\|b|c", "a\n\nb", "`x`", "__a__", "*a*",
    "[x](javascript:1)", r"\(x\)", "a & 50% #1_{x}^2~", "&lt;", "=1+1", "+A1", "@x", "-cmd|' /C calc'!A0", "-2+3|x",
]  # fmt: skip
HARMLESS = ["2M00000000+0000000", "T_eff of HD_1", "-2.6 to -2", "-1e+05", "[M/H]", "1 > 0"]


def test_texts_of_users_are_no_commands(tmp_path):
    """They are escaped in Markdown, LaTeX and CSV, and harmless ones stay as they are."""
    texts = HOSTILE + HARMLESS
    table = Table({"star": texts, "x": np.arange(len(texts)) - 5.5, "k": np.arange(len(texts)) - 5})
    shown = Study(tmp_path).table(table, "stars", "Stars.").data.splitlines()[2:]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in shown]
    assert {len(row) for row in rows} == {3} and len(rows) == len(texts) + 2
    cells = [row[0].strip() for row in rows[2:]]
    assert cells[len(HOSTILE) :] == HARMLESS
    joined = " ".join(cells)
    assert "<" not in joined and "](" not in joined and "&lt;img" in joined
    assert not re.search(r"(?<!\\)[`*$~]|\\[^|`*$~_(]|\b__", joined.replace(r"\_\_a", ""))

    tex = (tmp_path / "stars.tex").read_text().splitlines()
    body = [line.split(" & ")[0].strip() for line in tex if line.endswith(r" \\")][1:]
    assert len(body) == len(texts)
    for text, cell in zip(texts, body):
        plain = cell.replace(r"\textbackslash{}", "").replace(r"\textasciitilde{}", "")
        plain = plain.replace(r"\textasciicircum{}", "")
        assert not re.search(r"(?<!\\)[&%#_{}$~^]|\\[a-z]", plain), text

    with (tmp_path / "stars.csv").open(newline="") as f:
        found = list(csv.reader(f))[1:]
    assert [row[0] for row in found[len(HOSTILE) :]] == HARMLESS
    for text, row in zip(HOSTILE, found):
        assert row[0] == (f"'{text}" if text[0] in "=+@-" else text)
    assert [float(row[1]) for row in found] == list(table["x"])
    assert [int(row[2]) for row in found] == list(table["k"])


def test_numbers_that_are_missing_are_shown_as_missing(tmp_path):
    x = MaskedColumn([1.0, 2.0, np.nan], mask=[False, True, False])
    k = MaskedColumn([1, 2, 3], mask=[False, True, False])
    Study(tmp_path).table(Table({"x": x, "k": k}), "gaps", "Gaps.")
    assert (tmp_path / "gaps.md").read_text().splitlines()[2:] == [
        "| 1.000 | 1 |",
        "| – | – |",
        "| – | 3 |",
    ]
    assert list(ascii.read(tmp_path / "gaps.csv", format="csv")["x"].mask) == [False, True, True]


def test_small_numbers_beside_large_ones_keep_their_digits(tmp_path):
    shown = Study().table(Table({"x": [123456.0, 0.00123]}), "wide", "Wide.").data
    assert "1.235e+05" in shown and "0.00123" in shown


def test_a_format_without_column_is_refused(table):
    with pytest.raises(ValueError, match="tefff"):
        Study().table(table, "stars", "Stars.", formats={"tefff": ".0f"})


@pytest.mark.parametrize("value", [float("nan"), np.float32("inf"), -np.inf])
def test_result_that_is_not_finite_is_refused(tmp_path, value):
    study = Study(tmp_path)
    with pytest.raises(ValueError, match="'bias' is -?(nan|inf)"):
        study.result("bias", value)
    assert not list(tmp_path.iterdir())


def test_results_are_plain_numbers(tmp_path):
    study = Study(tmp_path)
    study.result("a", np.float32(0.5), "K")
    study.result("b", np.bool_(True))
    study.result("c", np.array(3))
    study.result("d", "text")
    record = json.loads((tmp_path / RECORD).read_text())
    assert record["results"] == {
        "a": {"value": 0.5, "unit": "K"},
        "b": {"value": True, "unit": ""},
        "c": {"value": 3, "unit": ""},
        "d": {"value": "text", "unit": ""},
    }
    for value in ([1, 2], np.ones(2), None):
        with pytest.raises(TypeError, match="'e' is a"):
            study.result("e", value)


def test_a_text_is_written_with_the_numbers_of_the_run(tmp_path):
    study = Study(tmp_path)
    study.result("gain", 24.6, "%")
    shown = study.text("what_to_see", f"The gain is {study.values['gain']:.0f}%.")
    assert shown.data == (tmp_path / "what_to_see.md").read_text("utf-8") == "The gain is 25%."
    assert study.record["texts"]["what_to_see"]["files"] == ["what_to_see.md"]


def test_input_is_known_by_checksum_and_portable_name(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path))
    path = tmp_path / "gaia_rvs" / "star.csv"
    path.parent.mkdir()
    path.write_text("flux\n1\n")
    study = Study()
    assert study.input(path) == path
    assert study.record["inputs"] == {"$SPECNB_DATA/gaia_rvs/star.csv": checksum(path)}
    with pytest.raises(FileNotFoundError, match="missing.csv"):
        study.input(tmp_path / "missing.csv")


@pytest.mark.parametrize("name", ["", "a/b", "../a", "a b", ".a"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="cannot be a name"):
        Study(tmp_path).figure(draw(), name, "A line.")
    assert not list(tmp_path.iterdir())


def test_a_figure_that_cannot_be_drawn_leaves_nothing(tmp_path):
    fig = draw()
    fig.text(0, 0, r"$\nosuchcommand$")
    with pytest.raises(ValueError, match="nosuchcommand"):
        Study(tmp_path).figure(fig, "bad", "Bad.")
    assert not list(tmp_path.iterdir())
