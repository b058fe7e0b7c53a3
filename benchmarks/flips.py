"""What happens when one bit of a file flips that specnb ships, keeps or reads.

Usage: python benchmarks/flips.py [--flips 12] [--seed 0]

One bit at a time is flipped in copies of twelve kinds of files, and each is read through its public function. An error
of one sentence, or a warning, tells of it. A result that is the same to the bit is harmless. All else is wrong without
a word. Spectra of surveys are taken from SPECNB_DATA, they are left out without it. Their formats have no checksums, so
that their folder has a list, as the folder of downloads has.
"""

import argparse
import json
import shutil
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from specnb.core import checksums
from specnb.core.checksums import LIST, add_to_list, listed
from specnb.core.files import write_checkpoint
from specnb.core.paths import DATA, ROOT, data_folder
from specnb.core.spectra import Spectra
from specnb.disentangle import DisentangleConfig, Disentangler, train
from specnb.disentangle.train import DisentangleTraining
from specnb.emulator.model import Emulator
from specnb.emulator.shipped import load_emulator
from specnb.reproduce.freshness import is_fresh, mark_fresh, results_key
from specnb.reproduce.parameters import check_parameters
from specnb.reproduce.rendering import write_index
from specnb.simulator.grid import load_grid
from specnb.simulator.responses import load_responses
from specnb.surveys import RVS, read_spectra
from specnb.surveys.mock import make_mock
from specnb.surveys.rvs import archive
from specnb.surveys.rvs.mock import RvsMockConfig
from specnb.translate import Translator

LAMBDAS = {"teff": -0.01, "logg": -0.01, "m_h": 0.01, "alpha_fe": 0.01}
CONFIG = DisentangleConfig(lambdas=LAMBDAS, hidden=(16,), batch=32, epochs=2, device="cpu")
NOTEBOOK = ROOT / "notebooks" / "00_start_here.ipynb"
OUTCOMES = ("refused", "warning", "harmless", "silent", "raw error")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--flips", type=int, default=12, help="of each kind of file")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random, total = np.random.default_rng(args.seed), Counter()
    print(f"{'kind':22s}{'bytes':>10s}" + "".join(f"{outcome:>11s}" for outcome in OUTCOMES))
    with tempfile.TemporaryDirectory() as folder:
        for kind, (path, read) in kinds(Path(folder)).items():
            counts = Counter(flipped(path, read, args.flips, random, kind))
            total += counts
            show(f"{kind:22s}{path.stat().st_size:10d}", counts)
    show(f"{'all':32s}", total)


def show(start, counts):
    print(start + "".join(f"{counts[outcome]:11d}" for outcome in OUTCOMES), flush=True)


def flipped(path, read, n, random, kind):
    """What happens at each of n flips of one file."""
    whole = path.read_bytes()
    expected = read(path)
    for byte, bit in zip(random.integers(len(whole), size=n), random.integers(8, size=n)):
        data = bytearray(whole)
        data[byte] ^= 1 << int(bit)
        path.write_bytes(data)
        outcome, words = outcome_of(path, read, expected)
        if outcome in ("silent", "raw error"):
            print(f"    {kind}: byte {byte} xor {1 << int(bit):#04x}: {outcome} {words}")
        yield outcome
    path.write_bytes(whole)


def outcome_of(path, read, expected):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = read(path)
        except (ValueError, OSError) as error:
            return ("raw error" if "\n" in str(error) else "refused"), error
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            return "raw error", repr(error)
    same = len(found) == len(expected) and all(map(equal, found, expected))
    told = [str(each.message) for each in told if path.name in str(each.message)]
    return "harmless" if same else "warning" if told else "silent", told


def equal(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def kinds(folder):
    """A file of each kind in a folder, and how it is read: ``read(path)`` gives arrays and texts."""
    data = folder / "data"
    for name in (LIST, *listed(DATA)):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DATA / name, data / name)
    checksums.DATA = data  # the copies are checked as the files in data/ are
    spectra, _ = make_mock(load_emulator("rvs"), RvsMockConfig(n_stars=200, seed=1))
    spectra.write(folder / "mock.h5")
    train(spectra, CONFIG, progress=False).save(folder / "model.safetensors")
    training = DisentangleTraining(spectra, CONFIG)
    training.advance()
    state = training.state()
    write_checkpoint(state, folder / "run.checkpoint")
    results = folder / "results" / NOTEBOOK.stem
    shutil.copytree(ROOT / "paper_figures" / NOTEBOOK.stem, results)
    mark_fresh(results, results_key(NOTEBOOK, check_parameters(NOTEBOOK, {})))

    def goes_on(path):
        if not path.exists():  # a finished training deletes its checkpoint
            write_checkpoint(state, path)
        return of_disentangler(train(spectra, CONFIG, path, progress=False))

    real = {
        "Gaia CSV": next(data_folder().glob("gaia_rvs/GaiaDR3-*.csv"), None),
        "apStar FITS": next(data_folder().glob("apogee/apStar-*.fits"), None),
    }
    for path in filter(None, real.values()):
        shutil.copy(path, folder)
        add_to_list(folder / path.name, folder)
    return {
        "emulator": (data / "emulators" / "rvs.safetensors", of_emulator),
        "translator": (data / "translators" / "rvs-mock.safetensors", of_translator),
        "disentangler": (
            folder / "model.safetensors",
            lambda path: of_disentangler(Disentangler.load(path)),
        ),
        "checkpoint": (folder / "run.checkpoint", goes_on),
        "grid": (data / "rvs_grid.h5", of_grid),
        "responses": (data / "rvs_responses.h5", of_responses),
        "specnb HDF5": (folder / "mock.h5", lambda path: of_spectra(Spectra.read(path))),
        "results.json": (results / "results.json", of_results),
        ".fresh": (results / ".fresh", of_results),
        "stars.ecsv": (data / "stars.ecsv", of_stars),
    } | {
        kind: (folder / path.name, lambda path: of_spectra(read_spectra(path)))
        for kind, path in real.items()
        if path
    }


def of_emulator(path):
    emulator = Emulator.load(path, RVS)
    return [*emulator.network.state_dict().values(), json.dumps(emulator.card)]


def of_translator(path):
    model = Translator.load(path)
    return [*model.state_dict().values(), model.wavelength, str(model.config), str(model.history)]


def of_disentangler(model):
    tensors = model.networks.state_dict().values()
    return [*tensors, *vars(model.scales).values(), model.wavelength, str(model.history)]


def of_grid(path):
    grid = load_grid(RVS, path)
    return [grid.labels, grid.flux, grid.wavelength, grid.low, grid.high, str(grid.provenance)]


def of_responses(path):
    responses = load_responses(RVS, "sun", path)
    arrays = [array for step in responses.steps.values() for array in step]
    return [responses.wavelength, responses.reference, *arrays, str(responses.star)]


def of_spectra(spectra):
    labels = [] if spectra.labels is None else [str(spectra.labels.pformat(-1, -1))]
    return [
        spectra.wavelength,
        spectra.flux,
        spectra.flux_error,
        spectra.mask,
        spectra.ids,
        *labels,
    ]


def of_results(path):
    if not is_fresh(NOTEBOOK, check_parameters(NOTEBOOK, {}), path.parent):
        warnings.warn(f"{path.name}: `specnb paper` makes the results again", stacklevel=1)
        return []
    return [write_index(path.parents[1]).read_text("utf-8")]


def of_stars(path):
    archive.STARS = path
    return [str(archive.literature(["2052747119115620352"]).pformat(-1, -1))]


if __name__ == "__main__":
    main()
