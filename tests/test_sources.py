"""The modules that a source text imports, and the digest of their code."""

import json

import pytest

from specnb.core import artifacts as module
from specnb.core.artifacts import EVERYTHING, code_digest, imported_modules, parse, read_sources
from specnb.reproduce import freshness

# A package in which a and b import each other, c is imported inside a function, and d is opened by a lazy name.
SMALL = {
    "specnb": "_HOME = {'load': 'core.d'}",
    "specnb.core": "",
    "specnb.core.a": "from specnb.core.b import f",
    "specnb.core.b": "def f():\n    from specnb.core.a import g\n    from specnb.core import c",
    "specnb.core.c": "x = 1",
    "specnb.core.d": "y = 2",
    "specnb.pack": "from specnb.core import c",
    "specnb.pack.e": "z = 3",
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import numpy.linalg\nfrom pathlib import Path", ""),
        ("from specnb.core.d import y", " core core.d"),
        ("from specnb.core import d", " core core.d"),
        ("import specnb.core.d as other", " core core.d"),
        ("def f():\n    from specnb.core.d import y", " core core.d"),
        ("from specnb.core.a import f", " core core.a core.b core.c"),
        ("from specnb.pack import e", " core core.c pack pack.e"),
        ("import specnb.pack as pack", " core core.c pack"),
        ("import specnb", " core core.d"),
        ("from specnb import load", " core core.d"),
        ("from specnb import __version__", " "),
        (
            "import specnb.core.c",
            " core core.c core.d",
            # This import gives the name specnb, and so its lazy names
        ),
        ("%matplotlib inline", " core core.a core.b core.c core.d pack pack.e"),
    ],
)
def test_imported_modules(text, found):
    names = found.split(" ") if found else []
    assert imported_modules(parse(text).imports, SMALL) == {
        f"specnb.{name}".rstrip(".") for name in names
    }


def test_a_relative_import_is_refused():
    with pytest.raises(ValueError, match="a relative import in line 2: give the whole name"):
        parse("import math\nfrom . import labels")


def test_the_package_has_only_imports_that_can_be_found():
    """There is no relative import, and only `_HOME` names modules in strings."""
    for name, text in read_sources().items():
        parse(text)
        assert "import_module" not in text or parse(text).lazy or name == module.__name__, name


def test_every_module_is_read_and_everything_stands_for_all():
    sources = read_sources()
    assert {"specnb", "specnb.core", "specnb.core.labels", "specnb.widgets.panel"} <= set(sources)
    assert code_digest([EVERYTHING], sources) == code_digest(sources, sources)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('"""Other words."""\ndef f(x):\n    return x + 1\n', True),
        ("# A comment.\ndef f(x):\n\n    return (x +\n        1)  # one more\n", True),
        ('def f(x):\n    """Words."""\n    return x + 1\n', True),
        ("def f(x):\n    return x + 2\n", False),
        ("def f(x, y=0):\n    return x + 1\n", False),
    ],
)
def test_only_what_code_means_counts(text, same):
    before = code_digest(
        ["specnb.a"], {"specnb.a": '"""Words."""\n\n\ndef f(x):\n    return x + 1\n'}
    )
    assert (code_digest(["specnb.a"], {"specnb.a": text}) == before) is same


def test_each_python_gives_the_same_digest():
    text = "def f(x: int = 1, *, y=None):\n    return [f'{x:.3g} {y!r}', None, ..., -1e-3, b'a']"
    known = "3d23f7631fb61fb67e2148a472be3884ad0d4c5fb4f90fc9f3e229804d821e72"
    assert code_digest(["specnb.a"], {"specnb.a": text}) == known


def test_a_text_that_is_not_strictly_a_docstring_counts():
    texts = ("x = 'a'", "x = 'b'", "def f():\n    return 'a'", "def f():\n    return 'b'")
    assert len({code_digest(["specnb.a"], {"specnb.a": text}) for text in texts}) == 4


# --- keys of notebooks


@pytest.fixture
def key(tmp_path, monkeypatch):
    """The key of a notebook with one cell, where the texts of some modules are others."""
    original = read_sources()
    monkeypatch.setattr(freshness, "shipped_data", list)  # because the shipped data are large

    def key(cell, changed=()):
        monkeypatch.setattr(freshness, "read_sources", lambda: original | dict(changed))
        path = tmp_path / "notebook.ipynb"
        path.write_text(
            json.dumps({"cells": [{"cell_type": "code", "source": cell.splitlines(keepends=True)}]})
        )
        return freshness.results_key(freshness.made_from(path, {"seed": 1}))

    return key


def edited(module, old, new):
    text = read_sources()[module]
    assert old in text
    return {module: text.replace(old, new)}


DIRECT, THROUGH_OTHERS, WITHOUT = (
    "from specnb.core.broadening import broaden",
    "def f():\n    from specnb.emulator.train import train_emulator",
    "x = 1\nfrom specnb.reproduce.study import Study",
)


@pytest.mark.parametrize("cell", [DIRECT, THROUGH_OTHERS, WITHOUT, "import specnb"])
def test_a_comment_anywhere_runs_no_notebook_again(key, cell):
    assert key(
        cell, {name: f"# A comment.\n{text}" for name, text in read_sources().items()}
    ) == key(cell)
    assert key(cell, edited("specnb.core.broadening", 'r"""Line', 'r"""Spectral line')) == key(cell)


@pytest.mark.parametrize(
    ("cell", "same"), [(DIRECT, False), (THROUGH_OTHERS, False), (WITHOUT, True)]
)
def test_a_changed_number_runs_what_imports_it_again(key, cell, same):
    change = edited("specnb.core.broadening", "LIMB_DARKENING = 0.6", "LIMB_DARKENING = 0.7")
    assert (key(cell, change) == key(cell)) is same


def test_lazy_names_count_where_they_can_be_used(key):
    change = {"specnb.fitting.fit": "x = 1"}
    for cell in ("import specnb", "from specnb import fit_labels"):
        assert key(cell, change) != key(cell)
    assert key("from specnb import rebin", change) == key("from specnb import rebin")


def test_a_changed_widget_runs_only_notebooks_that_import_it_again(key):
    change = {"specnb.widgets.panel": "x = 1"}
    assert all(
        key(cell, change) == key(cell)
        for cell in (DIRECT, THROUGH_OTHERS, WITHOUT, "import specnb")
    )
    shown = "from specnb.widgets import train_live"
    assert key(shown, change) != key(shown)


def test_cells_and_parameters_are_part_of_the_key(key):
    assert len({key("x = 1"), key("x = 2"), key("x = 1  # one")}) == 3


def test_a_notebook_depends_only_on_the_widgets_that_it_shows():
    modules = imported_modules(
        parse("from specnb.widgets import explore_emulator").imports, read_sources()
    )
    assert {"specnb.widgets.emulator", "specnb.widgets.explorer"} <= modules
    assert (
        not {"specnb.widgets.missing", "specnb.missing.scores", "specnb.widgets.training"} & modules
    )
