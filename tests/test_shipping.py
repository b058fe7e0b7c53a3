"""Shipping a model: its weights and its model card."""

import pytest
import torch
import yaml
from third_survey import THIRD

from specnb.core.checksums import LIST, listed
from specnb.disentangle import DisentangleConfig, Disentangler
from specnb.emulator.model import Emulator
from specnb.emulator.train import EmulatorConfig
from specnb.reproduce import shipping
from specnb.reproduce.provenance import checksum
from specnb.surveys import RVS


@pytest.mark.parametrize("branches", [(), ((("teff", "logg"), (8,)), (RVS.names, (8, 4)))])
def test_an_emulator_is_shipped_with_its_card(tmp_path, branches, monkeypatch):
    monkeypatch.setattr(shipping, "DATA", tmp_path)
    config = EmulatorConfig(hidden=(8,), branches=branches, copies=1, epochs=1, device="cpu")
    errors = shipping.ship_emulator(RVS, config, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"rvs.safetensors", "rvs.md", LIST}
    assert Emulator.load(tmp_path / "rvs.safetensors", RVS).card["held_out_error"] == errors
    assert listed(tmp_path) == {"rvs.safetensors": checksum(tmp_path / "rvs.safetensors")}
    card = (tmp_path / "rvs.md").read_text("utf-8")
    assert f"| worst pixel, mean over spectra | {100 * errors['worst_pixel']:.2g}% |\n" in card
    head, body = yaml.safe_load(card.split("---\n")[1]), card.split("---\n", 2)[2]
    assert "| `teff` | K | " in body and "{" not in body
    assert head["specnb"]["sha256"] == checksum(tmp_path / "rvs.safetensors")
    (result,) = head["model-index"][0]["results"]
    assert {each["type"]: each["value"] for each in result["metrics"]} == errors
    if branches:
        words = "sum of 2 perceptrons, each of teff, logg, and of (with its hidden layers)\n"
        assert f"{words}  nothing else: 8;\n  m_h, alpha_fe, vmicro, vbroad: 8, 4, SiLU" in card
    else:
        assert "multilayer perceptron, hidden layers 8, SiLU" in card


def test_a_survey_without_texts_is_refused_before_training(monkeypatch, tmp_path):
    monkeypatch.setattr(shipping, "load_grid", lambda survey: pytest.fail("it went on"))
    with pytest.raises(ValueError, match="lacks limits, notebook, wavelength, what"):
        shipping.ship_emulator(THIRD, folder=tmp_path)


def test_an_autoencoder_is_shipped_with_its_card(tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "DATA", tmp_path)
    settings = {"hidden": (8,), "latent": 3, "bottleneck": 1e-4, "epochs": 1, "device": "cpu"}
    config = DisentangleConfig(**settings, lambda_range=1e-3)
    errors = shipping.ship_autoencoder("rvs", config, tmp_path, n_stars=200)
    path = tmp_path / "rvs-mock.safetensors"
    assert listed(tmp_path) == {path.name: checksum(path)}
    model = Disentangler.load(path)
    assert model.config == config and model.networks.encoder[0].weight.dtype == torch.float32
    card = (tmp_path / "rvs-mock.md").read_text("utf-8")
    assert all(
        f"| {name} | " in card and f"| {value:.1e} |" in card for name, value in errors.items()
    )
    head = yaml.safe_load(card.split("---\n")[1])
    assert [each["name"] for each in head["specnb"]["labels"]] == list(config.labels)
    (result,) = head["model-index"][0]["results"]
    assert [each["value"] for each in result["metrics"]] == [round(e, 6) for e in errors.values()]
    with pytest.raises(ValueError, match="lambda_range 0: give rvs and a lambda_range > 0"):
        shipping.ship_autoencoder("rvs", DisentangleConfig(**settings), tmp_path)
