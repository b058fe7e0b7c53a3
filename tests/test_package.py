import ast
from pathlib import Path

import pytest

import specnb

# The order of the README's layout: a module may import only those before it.
ORDER = """labels wavelength broadening lines limits artifacts device checkpoints storage spectra rebinning
apogee.continuum apogee.readers readers gaia apogee.archive grid responses features emulator shift
population effects mock apogee.population apogee.earth apogee.effects apogee.mock apogee.gap
pulls training accuracy forward fit
disentangle.config disentangle.scales disentangle.networks disentangle.model disentangle.trainer disentangle.training
disentangle.experiment disentangle.probe disentangle.regress disentangle.score disentangle.counterfactual
translate.config translate.domains translate.autoencoders translate.conv translate.principal translate.networks translate.model translate.trainer translate.training
translate.mixing translate.residuals translate.comparison translate.ablation
missing.masking missing.derivatives missing.baseline missing.scores missing.experiment missing.coherent
figures.style figures.live figures.emulator figures.explorer figures.hband figures.fits figures.survey figures.history figures.latents
figures.regression figures.counterfactual figures.editor figures.conditional figures.architecture figures.translation figures.translated figures.ablation figures.sweep
figures.missing figures.recovery figures.disagreements
widgets.picture widgets.explorer widgets.fits widgets.training widgets.editor widgets.lambdas widgets.translation widgets.translating widgets.missing
provenance study parameters runner sweep index shipping cli""".split()
PACKAGE = Path(specnb.__file__).parent
README = PACKAGE.parent / "README.md"


def imported(source):
    """Names of the modules of specnb that a source text imports, wherever in it.

    A name from a package, as in ``from specnb.disentangle import train``, counts as all modules of that package, unless
    it is one of them.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"a relative import in line {node.lineno}: give the whole name"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            top, _, name = name.partition(".")
            if top != "specnb" or not name:
                continue
            parent = name.rpartition(".")[0]
            inside = [other for other in ORDER if other.startswith((f"{parent}.", f"{name}."))]
            yield from [name] if name in ORDER else [parent] if parent in ORDER else inside or [name]


@pytest.mark.parametrize(
    "source, modules",
    [
        ("from specnb.surveys.rvs.mock import RvsMockConfig, make_mock", {"mock"}),
        ("from specnb import mock", {"mock"}),
        ("import specnb.surveys.rvs.mock", {"mock"}),
        ("def f():\n    from specnb.plots.style import Figure", {"figures.style"}),
        ("from specnb.figures import fits, survey", {"figures.fits", "figures.survey"}),
        ("from specnb.widgets import explore_emulator", {name for name in ORDER if name.startswith("widgets.")}),
        ("import specnb.widgets", {name for name in ORDER if name.startswith("widgets.")}),
        ("import specnb\nimport numpy.linalg\nfrom pathlib import Path", set()),
    ],
)
def test_imports_are_found(source, modules):
    assert set(imported(source)) == modules


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
        for other in imported(path.read_text("utf-8"))
        if other not in ORDER[: ORDER.index(name)]
    ]
    assert backwards == []


def test_the_readme_lays_out_all_modules_in_this_order():
    block = README.read_text("utf-8").partition("imports flow downwards\n")[2].partition("\nnotebooks/")[0]
    words = [word for line in block.splitlines() for word in line.strip().split("   ")[0].split()]
    top = [f"{name.partition('.')[0]}/" if "." in name else name for name in ORDER]
    assert words == list(dict.fromkeys(top))


def test_names_at_the_top():
    import specnb.core.rebinning

    for name in dir(specnb):
        if not name.startswith("_") and name not in {path.stem for path in PACKAGE.iterdir()}:
            assert callable(getattr(specnb, name)), name
    assert specnb.rebin is specnb.core.rebinning.rebin
    with pytest.raises(AttributeError, match="specnb has no load_emulators: it offers Emulator, load_emulator"):
        specnb.load_emulators  # noqa: B018
