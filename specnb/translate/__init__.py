"""Unpaired translation between synthetic and observed spectra, as in Cycle-StarNet.

The papers are O'Briain et al. (2020, 2021).
"""

from specnb.translate.config import PAPER, TranslateConfig
from specnb.translate.model import Translator, load_translator, translated_emulator
from specnb.translate.train import train

__all__ = [
    "PAPER",
    "TranslateConfig",
    "Translator",
    "load_translator",
    "train",
    "translated_emulator",
]
