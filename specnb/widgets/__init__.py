"""Figures with sliders, for JupyterLab. Every interaction can also be called as a method."""

from specnb.widgets.editor import edit_star
from specnb.widgets.explorer import explore_emulator
from specnb.widgets.fits import browse_fits
from specnb.widgets.lambdas import slide_lambdas
from specnb.widgets.missing import explore_missing
from specnb.widgets.training import train_live
from specnb.widgets.translating import train_translator
from specnb.widgets.translation import explore_translator

__all__ = [
    "browse_fits",
    "edit_star",
    "explore_emulator",
    "explore_missing",
    "explore_translator",
    "slide_lambdas",
    "train_live",
    "train_translator",
]
