"""The reference stars of the first study are real ones if a notebook's parameter asks for them."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from archive_server import mirror
from astropy.table import Table
from tiny_archives import stand_in, tiny

import specnb.core.artifacts
from specnb.commands.main import main
from specnb.commands.notebooks import NOTEBOOKS
from specnb.disentangle import DisentangleConfig, train
from specnb.disentangle.config import LABELS
from specnb.disentangle.counterfactual import counterfactual_errors, true_change
from specnb.disentangle.experiment import (
    UNKNOWN,
    RealSet,
    reference_sample,
    reference_stars,
    train_once,
    without_noise,
)
from specnb.disentangle.score import probe_models, reconstruct_models
from specnb.emulator.shipped import load_emulator
from specnb.evaluate.probes import information_ceiling
from specnb.reproduce.parameters import profile_of
from specnb.reproduce.runner import NotebookError, run_notebook
from specnb.surveys import RVS
from specnb.surveys.mock import make_mock
from specnb.surveys.public.built import built_path

N = 500  # the probes of notebook 04 need 100 test stars
SMALL = DisentangleConfig(hidden=(16,), latent=4, discriminator=(8,), epochs=2, device="cpu")
MOCK = RVS.mock(n_stars=N, seed=11)
STUDIES = ["03_reference_stars", "04_disentangle", "05_parameterize"]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("SPECNB_OFFLINE", "1")


@pytest.fixture(scope="module")
def emulator():
    return load_emulator("rvs")


@pytest.fixture(scope="module")
def mock(emulator):
    """Mock stars with the ids of real ones, and masked pixels at an end, and their truth."""
    observed, truth = make_mock(emulator, MOCK)
    ids = [f"{4_000_000_000_000_000_000 + 7919 * k}" for k in range(N)]
    mask = observed.mask.copy()
    mask[::3, -5:] = True
    return replace(observed, ids=ids, mask=mask), replace(truth, ids=ids)


@pytest.fixture
def data(mock, tmp_path, monkeypatch):
    """A folder with a set of these stars, as a build makes it."""
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path / "real"))
    monkeypatch.setattr(specnb.core.artifacts, "ARTIFACTS", tmp_path / "artifacts")
    built_path("rvs-reference").parent.mkdir(parents=True)
    mock[0].write(built_path("rvs-reference"))
    return tmp_path / "real"


@pytest.fixture
def stars(data):
    return reference_stars(reference_sample("gaia-dr3", N, 3))


def with_truth(stars, truth):
    rows = {star: row for row, star in enumerate(truth.ids)}
    parts = (truth[[rows[star] for star in part.ids]] for part in (stars.train, stars.test))
    return stars._replace(**dict(zip(("truth_train", "truth_test"), parts)))


def test_real_stars_are_split_as_mock_stars_are(mock, stars, data):
    assert stars.truth_train is stars.truth_test is None
    assert (len(stars.train), len(stars.test)) == (400, 100)
    assert {*stars.train.ids} | {*stars.test.ids} == {*mock[0].ids}
    rows = [mock[0].ids.tolist().index(star) for star in stars.test.ids]
    names = [f"MOCK-{row:07d}"[-7:] for row in rows]
    same = reference_stars(replace(MOCK, seed=3)).test.ids
    assert names == [star[-7:] for star in same]
    few = reference_stars(reference_sample("gaia-dr3", 50, 3))
    assert {*few.train.ids} | {*few.test.ids} == {*mock[0].ids[:50]}
    assert len(reference_stars(reference_sample("gaia-dr3", 10 * N, 3)).train) == 400


def test_samples_are_described_by_the_parameter(data):
    assert reference_sample("mock", 500, 2) == RVS.mock(n_stars=500, seed=2)
    sample = reference_sample("gaia-dr3", 50, 2)
    assert isinstance(sample, RealSet)
    assert (sample.name, sample.n_stars, sample.seed) == ("rvs-reference", 50, 2)
    with pytest.raises(ValueError, match="survey is 'apogee-dr14': choose mock or gaia-dr3"):
        reference_sample("apogee-dr14", 50, 2)
    built_path("rvs-reference").unlink()
    with pytest.raises(FileNotFoundError, match="specnb data build rvs-reference"):
        reference_sample("gaia-dr3", 50, 2)


def test_a_set_that_was_built_anew_gets_a_model_of_its_own(mock, stars, data):
    config = replace(SMALL, epochs=1)
    sample = reference_sample("gaia-dr3", N, 3)
    first = train_once(stars.train, sample, config)
    assert train_once(stars.train, sample, config) == first
    mock[0][::-1].write(built_path("rvs-reference"))
    again = reference_sample("gaia-dr3", N, 3)
    assert again != sample
    assert train_once(stars.train, again, config) != first


def test_labels_that_a_catalogue_lacks_are_filled_in(mock):
    catalogue = mock[0].labels
    labels = RVS.complete_labels(catalogue, np.random.default_rng(0))
    assert tuple(labels) == RVS.names
    for name in LABELS:
        assert labels[name] == pytest.approx(np.asarray(catalogue[name], float))
    for name in ("vmicro", "vbroad"):
        true = np.asarray(mock[1].labels[name])
        assert np.median(labels[name]) == pytest.approx(np.median(true), rel=0.15)
        assert np.std(labels[name]) > 0
    catalogue = catalogue.copy()
    del catalogue["alpha_fe"]
    with pytest.raises(ValueError, match="alpha_fe"):
        RVS.complete_labels(catalogue, np.random.default_rng(0))


def test_noiseless_spectra_are_the_truth_or_the_emulators(mock, stars, emulator):
    observed, true = without_noise(emulator, with_truth(stars, mock[1]), slice(5, 20))
    assert np.array_equal(observed.ids, stars.test.ids[5:20])
    assert np.array_equal(true.ids, observed.ids)
    assert "component" in true.labels.colnames

    stars.test.labels["teff"][3] = 9000.0
    observed, ideal = without_noise(emulator, stars, slice(0, 60))
    assert np.array_equal(observed.ids, ideal.ids)
    assert stars.test.ids[3] not in observed.ids
    assert len(observed) > 40
    assert emulator.in_hull(ideal.labels).all()
    flux = emulator(np.column_stack([ideal.labels[name] for name in RVS.names]))
    assert ideal.flux == pytest.approx(flux, abs=1e-5)
    assert not ideal.mask.any()
    assert np.all(ideal.flux_error[observed.mask] == UNKNOWN)
    assert np.array_equal(ideal.flux_error[~observed.mask], observed.flux_error[~observed.mask])


def test_ceilings_from_the_catalogue_are_near_those_from_the_truth(mock, stars, emulator):
    parts = [
        without_noise(emulator, each, slice(0, 60)) for each in (stars, with_truth(stars, mock[1]))
    ]
    found, true = (
        information_ceiling(emulator, ideal, LABELS, observed.labels) for observed, ideal in parts
    )
    for name in LABELS:
        assert found[name] == pytest.approx(true[name], abs=0.12)


def test_scores_leave_out_what_needs_the_truth(mock, stars):
    known = with_truth(stars, mock[1])
    models = {"plain": [train(stars.train, SMALL, progress=False)]}
    some, every = (probe_models(models, each, jobs=1) for each in (stars, known))
    assert some.colnames == every.colnames
    assert np.isnan(some["mlp_r2_true"]).all()
    assert np.isfinite(every["mlp_r2_true"]).all()
    assert np.isfinite(some["mlp_r2"]).all()
    assert some["linear_r2"] == pytest.approx(np.asarray(every["linear_r2"]), abs=1e-5)
    some, every = (reconstruct_models(models, each, jobs=1) for each in (stars, known))
    assert some.colnames == every.colnames
    assert np.isnan(some["rms_truth"]).all()
    assert some["mean_squared_error"] == pytest.approx(np.asarray(every["mean_squared_error"]))
    assert some["rms_drawn"] == pytest.approx(np.sqrt(some["mean_squared_error"]))
    assert some["rms_other_z"] > every["rms_other_z"]


class Physics:
    """A decoder that knows the emulator: its latents are v_micro and v_broad, and its labels four."""

    labels = LABELS

    def __init__(self, emulator, ideal):
        self.emulator, self.hidden = emulator, ideal

    def label_array(self, table):
        return np.column_stack([np.asarray(table[name], float) for name in LABELS])

    def inside(self, labels):
        return np.ones(len(labels), bool)

    def encode(self, spectra):
        return np.column_stack([self.hidden.labels[name] for name in ("vmicro", "vbroad")])

    def decode(self, z, labels):
        return self.emulator(np.hstack([labels, z]))


def test_edits_of_real_stars_are_compared_with_the_emulator(mock, stars, emulator):
    observed, ideal = without_noise(emulator, stars, slice(0, 60))
    labels = np.column_stack([ideal.labels[name] for name in RVS.names])
    moved = labels + 100.0 * (np.array(RVS.names) == "teff")
    change = true_change(ideal, emulator, None, "teff", 100.0)
    assert change == pytest.approx(emulator(moved) - emulator(labels), abs=1e-5)
    model = Physics(emulator, ideal)
    table = counterfactual_errors({"physics": model}, observed, ideal, emulator, None)
    assert len(table) == 2 * len(RVS.edits)
    assert min(table["stars"]) > 20
    assert np.asarray(table["slope"]) == pytest.approx(1, abs=1e-3)
    assert np.asarray(table["relative"]) == pytest.approx(0, abs=1e-3)
    with pytest.raises(ValueError, match="do not give these true spectra"):
        true_change(with_truth(stars, mock[1]).truth_test, emulator, None, "teff", 100.0)


# Parameters that are smaller than those of the profile quick: every cell still runs.
SMALLEST = {
    "03_reference_stars": {"n_stars": 1000},
    "04_disentangle": {"n_stars": 500, "epochs": 1, "n_joint": 200, "n_mapped": 100},
    "05_parameterize": {"n_stars": 500, "epochs": 1, "max_iter": 5},
}


def run(stem, output, **parameters):
    """The results of a notebook that ran with real stars at the smallest size."""
    notebook = NOTEBOOKS / f"{stem}.ipynb"
    settings, limit = profile_of(notebook, "quick")
    settings |= SMALLEST[stem] | {"survey": "gaia-dr3"} | parameters
    run_notebook(notebook, settings, output, limit, cores=1)
    results = json.loads((output / "results.json").read_text("utf-8"))
    for entry in [*results["figures"].values(), *results["tables"].values()]:
        assert entry["caption"] and all((output / file).stat().st_size for file in entry["files"])
    return results


def columns(folder, name):
    return set(Table.read(folder / f"{name}.csv").colnames)


def check_study(stem, folder, results, n):
    """What results of real stars say, and that nothing of them needs the truth."""
    summary = results["texts"]["summary"]["caption"]
    assert "real stars" in summary and "64,305" in " ".join(summary.split())
    assert "no truth is known" in " ".join(summary.split()).lower()
    assert "mock" not in summary
    assert any(name.startswith("built/") or "rvs-reference" in name for name in results["inputs"])
    names = set(results["results"])
    if stem == "03_reference_stars":
        values = {k: results["results"][k]["value"] for k in ("train_stars", "test_stars")}
        assert sum(values.values()) == n
        assert {f"ceiling_{name}" for name in LABELS} <= names
        limits = columns(folder, "limits") | columns(folder, "least_mae")
        assert limits == {
            "label",
            "ceiling_catalogue",
            "catalogue_error",
            "floor",
            "least_mae_catalogue",
        }
        assert "not known" in results["figures"]["true_abundances"]["caption"]
        assert "real_spectra" not in results["figures"]  # they would be the stars of another figure
    elif stem == "04_disentangle":
        assert not {name for name in names if "fig2" in name or "reconstruction_rms" in name}
        assert {"reconstruction_ratio_plain", "edit_slope_plain_teff", "joint_r2_4_joint"} <= names
        assert "counterfactuals_exact" not in results["tables"]
        tables = ("probes", "reconstruction", "counterfactuals", "joint", "conditional")
        assert not {"mlp_r2_true", "rms_truth"} & set().union(
            *(columns(folder, each) for each in tables)
        )
    else:
        assert "gain_teff_faithful_catalogue_entangled" in names
        assert not {name for name in names if "_truth_" in name or name.endswith("possible")}
        assert "table1_truth" not in results["tables"]
        assert not [
            name for name in columns(folder, "gains") if name == "possible" or "range" in name
        ]
        assert "not known" in results["figures"]["bias"]["caption"]
        tails = results["tables"].get("tails", {"caption": ""})["caption"]
        assert not re.search(r"\b0 (stars )?with", tails)
        assert "every seed" not in summary


@pytest.mark.slow
@pytest.mark.parametrize("stem", STUDIES)
def test_notebooks_run_with_real_stars(stem, data, tmp_path):
    check_study(stem, tmp_path / stem, run(stem, tmp_path / stem, n_stars=N), N)


@pytest.mark.slow
def test_a_notebook_tells_what_is_missing_in_one_sentence(data, tmp_path):
    built_path("rvs-reference").unlink()
    with pytest.raises(NotebookError, match="specnb data build rvs-reference"):
        run(STUDIES[0], tmp_path / "missing")
    with pytest.raises(NotebookError, match="choose mock or gaia-dr3"):
        run(STUDIES[0], tmp_path / "unknown", survey="sdss")


@pytest.mark.slow
@pytest.mark.parametrize(("stem", "least"), [*zip(STUDIES, (100, 500, 100))])
def test_too_few_stars_are_told_in_the_first_cells(stem, least, mock, data, tmp_path):
    mock[0][:60].write(built_path("rvs-reference"))
    words = f"code cell [345] failed: .* there are 60 stars: .* needs at least {least}"
    with pytest.raises(NotebookError, match=words):
        run(stem, tmp_path / "few", n_stars=64_305)


@pytest.mark.slow
def test_from_the_archives_to_the_figures(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECNB_DATA", str(tmp_path / "real"))
    archives = tiny(n_rvs=800, n_h_band=30)
    with mirror(tmp_path, monkeypatch) as server:
        stand_in(server, archives, monkeypatch)
        assert main(["data", "build", "rvs-reference"]) == 3  # of some stars there is no spectrum
    monkeypatch.setenv("SPECNB_OFFLINE", "1")
    n = json.loads(built_path("rvs-reference", ".json").read_text("utf-8"))["stars"]
    assert n >= N
    for stem in STUDIES:
        results = run(stem, tmp_path / stem, n_stars=10_000)
        check_study(stem, tmp_path / stem, results, n)
        told = " ".join(results["texts"]["summary"]["caption"].split())
        assert "has fewer than the 10,000 asked for" in told
