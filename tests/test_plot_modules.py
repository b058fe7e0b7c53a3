"""The parts of the explorer's plot that need no browser: colours, limits, ticks and windows."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from specnb.plots.panels import flux_limits, round_limit

SOURCE = Path(__file__).parents[1] / "browser" / "src"
ROLES = (
    "star model physics reference synthetic translated reconstruction edited truth residual "
    "gradient split"
).split()
GROUPS = ("#009E73", "#0072B2", "#CC79A7", "#D55E00", "#E69F00", "#56B4E9", "#000000", None)


@pytest.fixture(scope="module")
def run():
    """A function that gives the value of an expression of JavaScript, which may use modules."""
    if not (node := shutil.which("node")):
        pytest.skip("there is no node, which runs the explorer's JavaScript outside a browser")

    def value(module, expression):
        lines = (
            f"import * as plot from {json.dumps((SOURCE / module).as_uri())};",
            f"console.log(JSON.stringify({expression}));",
        )
        command = [node, "--input-type=module", "-e", "\n".join(lines)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    return value


def test_contrast_of_known_colors(run):
    found = run("theme.js", "[['#ffffff', '#000000'], ['#777777', '#ffffff']]"
                ".map((pair) => plot.contrast(...pair))")  # fmt: skip
    np.testing.assert_allclose(found, [21, 4.478], atol=1e-3)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_colors_are_legible(run, theme):
    """Curves and ticks have a contrast of 3 at least, texts of 4.5 (WCAG 2.2)."""
    found = run("theme.js", f"""(() => {{
        const theme = plot.THEMES.{theme};
        const against = (color) => plot.contrast(color, theme.background);
        const overlays = theme.overlay.map((_, index) => ({{ role: "overlay", index }}));
        const curves = [...{json.dumps(ROLES)}.map((role) => ({{ role }})), ...overlays];
        const groups = {json.dumps(GROUPS)};
        return {{
          curves: curves.map((curve) => against(plot.curveColor(theme, curve))),
          ticks: [...groups.map((color) => plot.tickColor(theme, color)), theme.frame].map(against),
          texts: [...groups.map((color) => plot.textColor(theme, color)), theme.text, theme.muted]
            .map(against),
          shaded: [theme.text, theme.muted].map((color) => plot.contrast(color, theme.shade)),
        }};
    }})()""")  # fmt: skip
    assert min(found["curves"]) >= 3
    assert min(found["ticks"]) >= 3
    assert min(found["texts"]) >= 4.5
    assert min(found["shaded"]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_gradient_has_a_color_of_its_own(run, theme):
    """Red, green and blue of all other curves are far from the gradient's."""
    found = run("theme.js", f"""(() => {{
        const theme = plot.THEMES.{theme};
        const {{ gradient, ...roles }} = theme.roles;
        return [gradient, ...Object.values(roles), ...theme.overlay];
    }})()""")  # fmt: skip
    own, *others = (np.array([int(each[k : k + 2], 16) for k in (1, 3, 5)]) for each in found)
    assert min(np.linalg.norm(other - own) for other in others) > 65


def test_bands_are_half_way_to_the_background(run):
    color = run("theme.js", "plot.bandColor(plot.THEMES.light, {role: 'model'})")
    assert color == "rgb(128,185,217)"  # half way from #0072B2 to white


def test_only_lines_through_many_pixels_are_bands(run):
    """With 5 pixels in a column of the screen a line is a band, with 2 it is not."""
    call = "plot.isBand([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 10], {{across: {}}})".format
    assert run("curve.js", call(1 / 5)) and not run("curve.js", call(1 / 2))


def test_limits_are_those_of_the_printed_figures(run):
    extents = [[0.31, 1.02], [0.93, 1.004], [0.2, 1.4], [-0.1, 1.0], [0.999, 1.0]]
    found = run("limits.js", f"{extents}.map((extent) => plot.fluxLimits(extent, 0.15))")
    np.testing.assert_allclose(found, [flux_limits(np.array(each), 0.15) for each in extents])
    reaches = [0.0011, 0.01, 0.013, 0.7, 1, 4.2, 9.9]
    found = run("limits.js", f"{reaches}.map(plot.roundLimit)")
    np.testing.assert_allclose(found, [round_limit(each) for each in reaches])


def test_masked_pixels_do_not_change_limits(run):
    values = "[NaN, 0.1, -0.4, Infinity, 9]"
    found = run("limits.js", f"plot.reach([{{ values: {values} }}], 0, 4)")
    assert found == [-0.4, 0.1]
    assert run("limits.js", "plot.symmetricLimits(plot.reach([], 0, 0), 0.001)") == [-0.001, 0.001]


def test_ticks_are_round_and_inside(run):
    ticks = run("format.js", "plot.roundTicks(8460, 8699.7, 9)")
    assert ticks["major"] == [8500, 8550, 8600, 8650] and ticks["decimals"] == 0
    assert all(8460 <= each <= 8699.7 and each % 10 == 0 for each in ticks["minor"])
    ticks = run("format.js", "plot.roundTicks(-0.03, 0.03, 4)")
    np.testing.assert_allclose(ticks["major"], [-0.02, 0, 0.02], atol=1e-12)
    assert ticks["decimals"] == 2


def test_windows_stay_within_the_spectrum(run):
    """A window that is moved keeps its width, and one that is zoomed its wavelength."""
    moved, wide, small = run("window.js", """[
        plot.within(plot.panned([8600, 8650], 3), [8460, 8700], 2),
        plot.within([8000, 9000], [8460, 8700], 2),
        plot.within([8500, 8500.5], [8460, 8700], 2)]""")  # fmt: skip
    assert moved == [8650, 8700] and wide == [8460, 8700] and small == [8499.25, 8501.25]
    low, high = run("window.js", "plot.zoomed([8600, 8650], 8610, 0.5)")
    assert (low, high) == (8605, 8630)
    assert run("window.js", "plot.pinched([8610, 8640], [0.25, 0.75])") == [8595, 8655]


def test_names_of_stars_are_no_markup(run):
    found = run("format.js", "plot.plain('T<sub>eff</sub> of <img src=x>')")
    assert found == "T_eff of <img src=x>"


def test_long_names_keep_both_ends(run):
    names = ["apogee-mock-0000001", "mock-0000001", "2052747119115620352"]
    found = run("format.js", f"{names}.map((name) => plot.short(name, 9))")
    assert found == ["apoge…0001", "mock-0000001", "20527…0352"]


def test_lines_get_names_where_there_is_room(run):
    """The element whose gradient is shown comes first, then the most important lines."""
    lines = [{"wavelength": 105, "species": "Fe"}, {"wavelength": 106, "species": "Mg"},
             {"wavelength": 150, "species": "Si"}, {"wavelength": 300, "species": "Ca"}]  # fmt: skip
    chosen = run("lines.js", f"""plot.arrange({json.dumps(lines)}, [0, 200], 400,
        ({{ species }}) => species === "Mg", () => 12)""")  # fmt: skip
    named = [each["line"]["species"] for each in chosen if each["named"]]
    assert named == ["Mg", "Si"]
    assert [each["own"] for each in chosen] == [True, False]
