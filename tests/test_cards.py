"""Heads of the model cards, which machines read, against the files of the models."""

import re

import pytest
import yaml
from safetensors import safe_open

from specnb import __version__
from specnb.core.checksums import listed
from specnb.core.paths import DATA
from specnb.disentangle.shipped import load_autoencoder
from specnb.emulator.shipped import load_emulator
from specnb.reproduce.contents import contents
from specnb.surveys import SURVEYS
from specnb.translate import load_translator

MODELS = sorted(name for name in listed(DATA) if name.endswith(".safetensors"))


def card(name):
    """Head and text of the card of a shipped model."""
    text = (DATA / name).with_suffix(".md").read_text("utf-8")
    _, head, body = re.split(r"^---\n", text, maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(head), body


def test_every_model_has_a_card():
    cards = {path.relative_to(DATA).with_suffix("").as_posix() for path in DATA.glob("*s/*.md")}
    cards -= {"recipes/README"}
    assert {name.removesuffix(".safetensors") for name in MODELS} == {
        each for each in cards if each.split("/")[0] in {"autoencoders", "emulators", "translators"}
    }
    assert MODELS


@pytest.mark.parametrize("name", MODELS)
def test_a_head_says_what_the_file_of_the_model_is(name):
    head, body = card(name)
    about, survey = (
        head["specnb"],
        SURVEYS[name.split("/")[1].split("-")[0].removesuffix(".safetensors")],
    )
    assert head["license"] == "cc-by-4.0" and "- **Licence**: CC-BY-4.0" in body
    assert head["library_name"] == "specnb" and head["datasets"]
    assert head["tags"] == ["stellar-spectra", about["kind"], survey.name]
    assert about["sha256"] == listed(DATA)[name]
    assert f"{about['kind']}s/{about['file']}" == name
    assert (about["version"], about["survey"]) == (__version__, survey.name)
    assert body.startswith(
        f"\n# {about['kind'].capitalize()} `{about['file'].partition('.')[0]}`\n"
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_head_has_the_pixels_and_labels_of_the_model(name):
    about, stem = card(name)[0]["specnb"], name.split("/")[1].removesuffix(".safetensors")
    if about["kind"] == "emulator":
        model = load_emulator(stem)
        labels = [(each.name, each.unit, each.low, each.high) for each in model.survey.labels]
        wavelength = model.wavelength
    elif about["kind"] == "autoencoder":
        model = load_autoencoder(stem)
        units = {each.name: each.unit for each in SURVEYS[about["survey"]].labels}
        ranges = zip(model.scales.label_low.round(4), model.scales.label_high.round(4), strict=True)
        labels = [
            (each, units[each], *both) for each, both in zip(model.labels, ranges, strict=True)
        ]
        wavelength = model.wavelength
    else:
        load_translator(stem)
        labels = []
        with safe_open(DATA / name, "pt") as file:
            wavelength = file.get_tensor("wavelength").double().numpy()
    assert [
        tuple(label[key] for key in ("name", "unit", "low", "high")) for label in about["labels"]
    ] == labels
    pixels = about["pixels"]
    assert pixels["number"] == len(wavelength)
    assert [pixels["first"], pixels["last"]] == pytest.approx(
        [wavelength[0], wavelength[-1]], abs=1e-3
    )
    assert (pixels["unit"], pixels["medium"]) == ("Angstrom", "vacuum")


@pytest.mark.parametrize("name", MODELS)
def test_numbers_of_a_head_are_those_of_the_text(name):
    head, body = card(name)
    (result,) = head.get("model-index", [{"results": [{"metrics": []}]}])[0]["results"]
    assert {each["type"] for each in result["metrics"]} == set(head.get("metrics", []))
    for metric in result["metrics"]:
        value = metric["value"]
        percent, whole, power = f"{100 * value:.2g}%", f"{value:.2f}", f"{value:.1e}"
        assert any(
            text in body
            for text in (
                f"| {metric['name']} | {percent} |",
                f"above {whole} ",
                f"median {100 * value:.2f}% a",
                f"| {power} |",
            )
        ), metric
    # only the translator of real spectra was compared with nothing whose truth is known
    assert bool(result["metrics"]) == (name != "translators/apogee-real.safetensors")


def test_an_emulator_s_head_has_the_errors_that_its_file_has():
    for name in ("rvs", "apogee"):
        (result,) = card(f"emulators/{name}.safetensors")[0]["model-index"][0]["results"]
        values = {each["type"]: each["value"] for each in result["metrics"]}
        known = load_emulator(name).card["held_out_error"]
        assert known and {key: values[key] for key in known} == known


def test_what_a_model_is_is_told_without_its_head():
    for model in contents()["models"]:
        assert (
            re.fullmatch(r"[A-Z\d][^#:]*(: [^#]*)?\.", model["what"])
            and "license" not in model["what"]
        )
