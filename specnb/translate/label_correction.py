"""The closed form with which a translator of real stars must be compared: a regression on labels.

It uses what a translator does not: the catalogue labels of the *observed* stars. In each pixel the
difference between their spectra and the emulator's at the same labels is a cubic polynomial of
labels. This is The Cannon (Ness et al. 2015, ApJ 808, 16) on top of physics, which gives the
derivatives by all labels that are not in the catalogue.
"""

import numpy as np
import torch

from specnb.emulator.changes import LabelCorrection
from specnb.translate.real import completed

FLOOR = 0.006  # smallest error of an observed pixel: spectra differ from their mean by it
SIZE = 0.006  # expected size of the coefficients, in units of the flux, which is a choice


def corrected_by_labels(emulator, observed, names):
    """An emulator whose spectra are those of observed stars with the same labels.

    Parameters
    ----------
    emulator : Emulator
    observed : Spectra
        With the labels of a catalogue.
    names : sequence of str
        Labels on which the correction depends.

    Returns
    -------
    Emulator
    """
    labels = completed(emulator, observed.labels, np.random.default_rng(0)).astype(np.float32)
    labels = labels.clip(emulator.network.low.cpu().numpy(), emulator.network.high.cpu().numpy())
    columns = [emulator.labels.index(name) for name in names]
    mean, std = labels[:, columns].mean(axis=0), labels[:, columns].std(axis=0)
    none = LabelCorrection(columns, mean, std, np.zeros((1, 1)))
    features = none.features(torch.from_numpy(labels)).numpy().astype(float)
    residual = np.where(observed.mask, 0.0, observed.flux - emulator(labels))
    weight = np.where(observed.mask, 0.0, 1.0 / (observed.flux_error**2 + FLOOR**2))
    expected = np.eye(features.shape[1]) / SIZE**2
    rows = [
        np.linalg.solve((features.T * w) @ features + expected, features.T @ (w * r))
        for w, r in zip(weight.T, residual.T)
    ]
    return emulator.then(LabelCorrection(columns, mean, std, np.transpose(rows)))
