"""The rules of the Snakefile: which jobs there are, and that a killed run goes on where it was."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from astropy.table import Table

from specnb.core.paths import ROOT
from specnb.emulator.shipped import load_emulator
from specnb.fitting.pulls import interior_stars

pytest.importorskip("snakemake", reason="needs specnb[cluster]")
NOTEBOOKS = list((ROOT / "notebooks").glob("[0-9]*.ipynb"))
BIN = Path(sys.executable).parent


@pytest.fixture
def snakemake(tmp_path):
    """Start Snakemake with the Snakefile in an empty folder that has the notebooks."""
    shutil.copy(ROOT / "Snakefile", tmp_path)
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path, "SPECNB_OFFLINE": "1"}
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")

    def snakemake(*arguments):
        return subprocess.Popen(
            [BIN / "snakemake", "--quiet", "rules", *arguments],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return snakemake


def jobs(text):
    """Number of jobs of each rule, as Snakemake's table tells."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


@pytest.mark.parametrize(
    ("arguments", "rules"),
    [
        (["papers"], {"stars": 1, "paper": len(NOTEBOOKS), "papers": 1}),
        (
            ["sweep", "--config", "notebook=00_start_here", "points=-p teff=4800,5000 -p seed=1,2"],
            {"stars": 1, "point": 4, "sweep": 1},
        ),
        (
            ["labels", "--config", "spectra=Snakefile", "output=labels.csv", "shards=3"],
            {"shard": 3, "labels": 1},
        ),
    ],
)
def test_the_jobs_of_each_target(snakemake, arguments, rules):
    process = snakemake("-n", *arguments)
    told, _ = process.communicate()
    assert process.returncode == 0, told
    found = jobs(told)
    total = found.pop("total")
    assert found == rules and total == sum(rules.values())


def test_without_a_target_or_spectra_the_user_is_told(snakemake):
    process = snakemake("-j1")
    told, _ = process.communicate()
    assert process.returncode == 0, told
    assert all(f"snakemake -j2 {target}" in told for target in ("labels", "sweep", "papers"))
    process = snakemake("-n", "labels")
    told, _ = process.communicate()
    assert process.returncode == 1 and "no spectra are given: add --config spectra=FILE" in told


@pytest.mark.slow
def test_killed_labels_go_on(snakemake, tmp_path):
    folder, emulator = tmp_path / "my spectra", load_emulator("rvs")
    folder.mkdir()
    stars = interior_stars(emulator, 200, snr=100.0, seed=1)
    for name, flux, error in zip(stars.ids, stars.flux, stars.flux_error):
        columns = {"wavelength": stars.wavelength, "flux": flux, "flux_error": error}
        Table(columns).write(folder / f"{name}.csv")
    command = [
        "-j2",
        "labels",
        "--config",
        "spectra=my spectra",
        "output=my labels.csv",
        "shards=4",
    ]
    process, parts = snakemake(*command), tmp_path / "my labels.csv.parts"
    while process.poll() is None and not list(parts.glob("[0-9]*")):
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    psutil.wait_procs(family)
    done = {path: path.stat().st_mtime_ns for path in parts.glob("[0-9]*")}
    assert done and not (tmp_path / "my labels.csv").exists()
    unlocking = snakemake("--unlock", *command)
    assert unlocking.communicate() and unlocking.returncode == 0
    process = snakemake(*command)
    told, _ = process.communicate()
    assert process.returncode == 0, told
    table = Table.read(tmp_path / "my labels.csv")
    assert sorted(table["id"]) == sorted(stars.ids) and np.isfinite(table["teff"]).all()
