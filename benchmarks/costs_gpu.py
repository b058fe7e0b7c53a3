"""Whether a GPU gives the results of the CPU: fits, trainings, and the command.

Usage: python benchmarks/costs_gpu.py OUTPUT.jsonl [--device cuda] [--stars 500]

Each check writes a line of JSON with what was found, or with its error.
"""

import argparse
import json
import subprocess
import tempfile
import time
import traceback
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from astropy.table import Table
from costs_size import Size
from costs_work import emulator_like, label_command, mock_stars, noise, write_stars

import specnb
from specnb.disentangle import DisentangleConfig, Disentangler
from specnb.disentangle import train as train_autoencoder
from specnb.disentangle.train import DisentangleTraining
from specnb.emulator.shipped import load_emulator
from specnb.fitting.pulls import interior_stars
from specnb.translate import PAPER, TranslateConfig, Translator, translated_emulator
from specnb.translate import train as train_translator
from specnb.translate.model import load_translator
from specnb.translate.train import TranslateTraining


def fits(device, n, name, translator=None, **settings):
    """The largest difference of a label between the devices, in standard errors, and seconds."""
    emulator, stars = load_emulator(name), mock_stars(name, n)
    if translator:
        emulator = translated_emulator(emulator, load_translator(translator))
    tables, seconds = [], []
    for each in ("cpu", device):
        model = emulator.to(each)
        specnb.fit_labels(stars[:16], model, specnb.FitConfig(**settings))
        start = time.perf_counter()
        tables.append(specnb.fit_labels(stars, model, specnb.FitConfig(**settings)))
        seconds.append(time.perf_counter() - start)
    cpu, gpu = tables
    differences = {
        label: float(np.nanmax(np.abs(gpu[label] - cpu[label]) / cpu[f"{label}_error"]))
        for label in emulator.labels
    }
    both = np.array(cpu["converged"] & gpu["converged"])
    typical = {
        label: float(
            np.nanquantile(
                np.abs(gpu[label] - cpu[label])[both] / cpu[f"{label}_error"][both], 0.99
            )
        )
        for label in emulator.labels
    }
    return {
        "largest_in_errors": max(differences.values()),
        "percentile_99_in_errors": max(typical.values()),
        "flags_differ": int(np.sum(cpu["flags"] != gpu["flags"])),
        "stars": n,
        "seconds_cpu_device": seconds,
    }


def autoencoder_steps(device, n, steps=20, **settings):
    """Reconstruction losses of the same batches on both devices."""
    losses = []
    for each in ("cpu", device):
        training = DisentangleTraining(noise(Size(512, 800, 4)), DisentangleConfig(
            ("y0", "y1", "y2", "y3"), device=each, **settings))  # fmt: skip
        rows = torch.arange(400, device=each)
        losses.append([float(training.step(rows[20 * k : 20 * k + 20])) for k in range(steps)])
    cpu, gpu = np.array(losses)
    return {
        "largest_relative_difference": float(np.abs(gpu / cpu - 1).max()),
        "last": losses[1][-1],
    }


def translator_losses(device, n, config):
    """Losses of a translator on the same spectra on both devices."""
    losses = []
    model = load_emulator("rvs")
    stars = interior_stars(model, 64, snr=100.0, seed=1)
    labels = np.array([stars.labels[name] for name in model.labels], np.float32).T
    for each in ("cpu", device):
        training = TranslateTraining(model, labels, stars, replace(config, device=each, batch=8))
        rows = torch.arange(8, device=each)
        found = training._passed(rows, rows)[2]
        losses.append([float(value) for value in found.values()])
        training.step()
    cpu, gpu = np.array(losses)
    return {"largest_relative_difference": float(np.abs(gpu / cpu - 1).max()), "losses": losses[1]}


def whole_trainings(device, n):
    """All trainings from the first to the last step, with a checkpoint; the models are saved, read and used."""
    folder = Path(tempfile.mkdtemp())
    spectra = noise(Size(400, 800, 4))
    config = DisentangleConfig(
        ("y0", "y1", "y2", "y3"), device=device, epochs=3, bottleneck=1e-4, lambda_range=0.01
    )
    model = train_autoencoder(spectra, config, folder / "a.checkpoint", progress=False)
    model.save(folder / "a.safetensors")
    again = Disentangler.load(folder / "a.safetensors")
    latents = [each.encode(spectra, seed=1) for each in (model, again)]
    flux = [each.reconstruct(spectra) for each in (model, again)]
    found = {
        "latents": float(np.abs(latents[0] - latents[1]).max()),
        "flux": float(np.abs(flux[0] - flux[1]).max()),
    }
    emulator = emulator_like(Size(1, 800, 6))
    stars = interior_stars(emulator, 200, snr=100.0, seed=1)
    labels = np.array([stars.labels[name] for name in emulator.labels], np.float32).T
    for config in (
        TranslateConfig(iterations=30),
        replace(PAPER, iterations=5),
        TranslateConfig(kind="principal", iterations=30),
    ):
        config = replace(config, device=device)
        trained = train_translator(
            emulator, labels, stars, config, folder / f"{config.kind}.checkpoint", progress=False
        )
        trained.save(folder / "t.safetensors")
        read = Translator.load(folder / "t.safetensors")
        flux = [each.translate(stars.flux) for each in (trained, read)]
        found[config.kind] = float(np.abs(flux[0] - flux[1]).max())
        encoded = trained.encode(stars)
        split = encoded[1][:20]
        adapted = translated_emulator(emulator, trained, split).to(device)
        found[f"{config.kind}_fit"] = int(specnb.fit_labels(stars[:20], adapted)["converged"].sum())
        trained.to_synthetic(stars)
    return found


def command(device, n, name, jobs):
    """The command on both devices. Tables are compared, and the wall time is told."""
    folder, tables, seconds = Path(tempfile.mkdtemp()), [], {}
    path = write_stars(folder / "stars.h5", n, name)
    for each in ("cpu", device):
        table = folder / f"{each}.ecsv"
        start = time.perf_counter()
        told = subprocess.run(
            label_command(path, table, jobs, each, name),
            check=False,
            capture_output=True,
            text=True,
        )
        seconds[each] = time.perf_counter() - start
        if told.returncode:
            raise RuntimeError(f"exit code {told.returncode}: {told.stderr[-1500:]}")
        tables.append(Table.read(table))
    found = {"stars": n, "jobs": jobs, "seconds": seconds}
    cpu, gpu = tables
    found["ids_agree"] = bool(np.all(cpu["id"] == gpu["id"]))
    difference = [
        np.abs(gpu[label] - cpu[label]) / cpu[f"{label}_error"]
        for label in load_emulator(name).labels
    ]
    found["percentile_99_in_errors"] = max(
        float(np.nanquantile(np.ma.filled(each, np.nan), 0.99)) for each in difference
    )
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--stars", type=int, default=500)
    parser.add_argument("--only", nargs="+")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    few = max(8, args.stars // 8)
    checks = {
        "command, rvs": (command, args.stars, {"name": "rvs", "jobs": 2}),
        "command, rvs-real": (command, args.stars, {"name": "rvs-real", "jobs": 1}),
        "command, apogee": (command, few, {"name": "apogee", "jobs": 1}),
        "fit rvs": (fits, args.stars, {"name": "rvs"}),
        "fit rvs with velocity": (fits, args.stars, {"name": "rvs", "fit_rv": True}),
        "fit rvs-real": (fits, args.stars, {"name": "rvs-real"}),
        "fit rvs translated": (fits, args.stars, {"name": "rvs", "translator": "rvs-mock"}),
        "fit apogee": (fits, few, {"name": "apogee"}),
        "fit apogee-real": (fits, few, {"name": "apogee-real"}),
        "fit apogee translated": (fits, few, {"name": "apogee", "translator": "apogee-mock"}),
        "autoencoder steps": (autoencoder_steps, 0, {"lambdas": {"y0": 0.001, "y1": -0.001}}),
        "autoencoder steps, extra": (
            autoencoder_steps,
            0,
            {"lambdas": {"y0": 0.001}, "discriminator_steps": 3},
        ),
        "translator losses": (translator_losses, 0, {"config": TranslateConfig()}),
        "translator losses, paper": (translator_losses, 0, {"config": PAPER}),
        "whole trainings": (whole_trainings, 0, {}),
    }
    for name, (check, n, settings) in checks.items():
        if args.only and name not in args.only:
            continue
        start = time.perf_counter()
        try:
            found = partial(check, args.device, n, **settings)()
        except Exception as error:  # noqa: BLE001 - the other checks go on
            found = {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
        found["seconds"] = found.get("seconds", {}) or time.perf_counter() - start
        with args.output.open("a") as file:
            file.write(json.dumps({"check": name, "device": args.device} | found) + "\n")
        print(name, {key: value for key, value in found.items() if key != "trace"}, flush=True)
        if "trace" in found:
            print(found["trace"], flush=True)


if __name__ == "__main__":
    main()
