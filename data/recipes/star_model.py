"""The spectrum of a star of known labels, as the calibration compares it with the atlases.

It depends on what is not known of the star, its `State`, and on the changes of the lines.
"""

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from atlases import BANDS, RESOLVING_POWER, STARS, Star
from line_list import read_line_list
from turbospectrum import abundances, synthesize

from specnb.core.broadening import broaden
from specnb.core.wavelength import C_KM_S

OWN = {"macro": (0.5, 1.0), "vmicro": (0.1, None), "velocity": (0.2, 1.0)}  # steps and errors, km/s
ABUNDANCE = 0.05  # step of abundances, dex


@dataclass
class State:
    """The present parameters of a star: its own, its abundances, and its continuum at the knots."""

    own: dict[str, float]
    x_m: dict[str, float]
    continuum: np.ndarray = field(repr=False)


def synthetic(task):
    """Flux of a star at the wavelengths of the comparison, shape (n_pix,)."""
    work, band, star, state, changes = task
    (window, axis), known = BANDS[band], STARS[star]
    lines = read_line_list(work / window.line_lists[0])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "atoms"
        lines.changed(**{kind: change[lines.groups] for kind, change in changes.items()}).write(
            path
        )
        wavelength, flux = synthesize(
            work,
            replace(window, line_lists=(str(path), *window.line_lists[1:])),
            known.model,
            abundances(known.model.m_h, state.x_m),
            state.own["vmicro"],
            known.c12_c13,
        )
    width = np.hypot(C_KM_S / RESOLVING_POWER, state.own["macro"])
    moved = wavelength * (1 + state.own["velocity"] / C_KM_S)
    return broaden(moved, flux, axis, resolving_power=C_KM_S / width)


def varied(state: State, known: Star):
    """For each free parameter of a star but the continuum: the state after a step, the step, deviation and error."""
    for name, (step, error) in OWN.items():
        value, start = state.own[name], getattr(known, name)
        error = known.vmicro_error if error is None else error
        yield replace(state, own=state.own | {name: value + step}), step, value - start, error
    for element, (start, error) in known.x_m.items():
        value = state.x_m[element]
        yield (
            replace(state, x_m=state.x_m | {element: value + ABUNDANCE}),
            ABUNDANCE,
            value - start,
            error,
        )
