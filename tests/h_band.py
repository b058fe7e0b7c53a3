"""A stand-in for the APOGEE emulator: linear in the labels, with the simulator's derivatives at the K giant."""

from functools import cache

import numpy as np
import torch

from specnb.emulator.model import Emulator
from specnb.emulator.network import Network
from specnb.simulator.responses import load_responses
from specnb.surveys import APOGEE

VBROAD = 6.0
GIANT = {label.name: 0.0 for label in APOGEE.labels} | {
    "teff": 4750.0, "logg": 2.5, "vmicro": 1.5, "vbroad": VBROAD, "c12_c13": 7.5
}  # fmt: skip


@cache
def linear_emulator():
    responses = load_responses(APOGEE)
    low, high = np.array([(label.low, label.high) for label in APOGEE.labels]).T
    native = responses.wavelength, responses.reference[None]
    flux = APOGEE.observe(*native, np.array([VBROAD]))[0]
    slopes = {name: responses.derivative(name, VBROAD) for name in responses.steps}
    slopes["vbroad"] = (APOGEE.observe(*native, np.array([VBROAD + 1.0]))[0] - flux) / 1.0
    slope = np.stack([slopes[label.name] for label in APOGEE.labels])
    network = Network(low, high, [(range(len(low)), ())], len(flux))
    half = 0.5 * (high - low)
    middle = (
        flux
        + (0.5 * (low + high) - np.array([GIANT[label.name] for label in APOGEE.labels])) @ slope
    )
    with torch.no_grad():
        network.output.weight.copy_(torch.from_numpy((half[:, None] * slope).T))
        network.output.bias.copy_(torch.from_numpy(middle))
    return Emulator(network, APOGEE)
