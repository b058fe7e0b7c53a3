import ast
from pathlib import Path

import pytest

import specnb

# The order of the README's layout: a module may import only those before it.
ORDER = """labels wavelength broadening device lines spectra rebinning readers gaia grid emulator shift population mock
pulls training accuracy forward fit figures.style figures.emulator figures.explorer figures.fits figures.survey widgets
provenance study parameters artifacts runner index shipping cli""".split()
PACKAGE = Path(specnb.__file__).parent


def imported(path):
    """Names of specnb's modules that a module imports at its top."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("specnb."):
            yield node.module.removeprefix("specnb.")


def test_imports_flow_one_way():
    modules = {
        path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", "."): path
        for path in PACKAGE.rglob("*.py")
        if path.stem != "__init__"
    }
    assert set(modules) == set(ORDER)
    backwards = [
        f"{name} imports {other}"
        for name, path in modules.items()
        for other in imported(path)
        if ORDER.index(other) >= ORDER.index(name)
    ]
    assert backwards == []


def test_names_at_the_top():
    import specnb.rebinning

    for name in dir(specnb):
        if not name.startswith("_") and name not in {path.stem for path in PACKAGE.iterdir()}:
            assert callable(getattr(specnb, name)), name
    assert specnb.rebin is specnb.rebinning.rebin
    with pytest.raises(AttributeError, match="specnb has no load_emulators: it offers Emulator, load_emulator"):
        specnb.load_emulators  # noqa: B018
