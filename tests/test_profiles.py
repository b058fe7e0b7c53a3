"""The profile demo, through the command, as a user calls it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from specnb.core.paths import ROOT

pytestmark = pytest.mark.slow
STEM = "01_simulator_and_emulator"  # the fastest notebook that has a profile demo of its own


def test_demo_runs_once_and_is_then_fresh(tmp_path):
    results = tmp_path / STEM / "results.json"
    command = [Path(sys.executable).with_name("specnb"), "paper", "--profile", "demo"]
    command += ["--only", "01", "--output", tmp_path]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SPECNB_OFFLINE": "1"}
    stamps = []
    for _ in range(2):
        done = subprocess.run(
            command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        stamps.append(results.stat().st_mtime_ns)
    assert stamps[0] == stamps[1]
    content = json.loads(results.read_text("utf-8"))
    assert content["profile"] == "demo"
    assert content["parameters"]["epochs"] == 100  # as in notebooks/profiles.toml
    assert content["outputs"]
    assert all((results.parent / name).stat().st_size for name in content["outputs"])
    assert f"{STEM}/explorer.png" in (tmp_path / "README.md").read_text("utf-8")
