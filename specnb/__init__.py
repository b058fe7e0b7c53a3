"""specnb: notebooks and a thin package that reproduce and explore two papers on stellar spectra."""

from importlib import import_module

__version__ = "0.1.0"

# Names at the top of the package, opened when first used so that `import specnb` takes no time.
_HOME = {
    "Emulator": "emulator.model",
    "load_emulator": "emulator.shipped",
    "FitConfig": "fitting.fit",
    "fit_labels": "fitting.fit",
    "fitted_flux": "fitting.fit",
    "read_spectra": "surveys",
    "rebin": "core.rebinning",
    "Spectra": "core.spectra",
}


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"specnb has no {name}: it offers {', '.join(_HOME)}")
    return getattr(import_module(f"specnb.{_HOME[name]}"), name)


def __dir__():
    return [*_HOME]
