"""Spectra and models with sliders, for JupyterLab. Whatever a hand can do, code can do, too."""

from importlib import import_module

# The widgets, each imported when it is first used. The results of a notebook therefore depend only
# on the widgets that it shows.
_HOME = {
    "edit_star": "editor",
    "explore_emulator": "emulator",
    "explore_missing": "missing",
    "explore_translator": "translator",
    "train_live": "training",
    "train_translator": "translating",
}


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"specnb.widgets has no {name}: it offers {', '.join(_HOME)}")
    return getattr(import_module(f"specnb.widgets.{_HOME[name]}"), name)


def __dir__():
    return [*_HOME]
