"""The container of spectra and its HDF5 files."""

import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from specnb.core.spectra import Spectra
from specnb.core.storage import SpectraWriter


def make(n=7, n_pix=50, seed=0, labels=True):
    rng = np.random.default_rng(seed)
    mask = rng.random((n, n_pix)) < 0.1
    flux = np.where(mask, np.nan, rng.uniform(0.3, 1.1, (n, n_pix)))
    error = np.where(mask, np.nan, rng.uniform(0.01, 0.1, (n, n_pix)))
    table = Table(
        {
            "teff": rng.uniform(4000, 7000, n),
            "logg": rng.uniform(0, 5, n),
            "component": ["halo α"] * n,
        }
    )
    table["teff"].unit = "K"
    return Spectra(
        np.linspace(8500, 8520, n_pix),
        flux,
        error,
        mask,
        [f"star {i}" for i in range(n)],
        table if labels else None,
    )


def assert_equal(a, b):
    for name in ("wavelength", "flux", "flux_error", "mask", "ids"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert getattr(a, name).dtype.kind == getattr(b, name).dtype.kind


def test_masked_pixels_hold_no_nan():
    spectra = make()
    assert spectra.mask.any()
    assert np.all(spectra.flux[spectra.mask] == 1)
    assert np.all(np.isinf(spectra.flux_error[spectra.mask]))
    assert np.all(spectra.ivar[spectra.mask] == 0)
    good = ~spectra.mask
    np.testing.assert_allclose(
        spectra.ivar[good], spectra.flux_error[good].astype(float) ** -2, rtol=1e-6
    )
    assert spectra.flux.dtype == spectra.flux_error.dtype == spectra.ivar.dtype == np.float32


def test_the_first_offence_is_named():
    n_pix = 4
    good = {
        "wavelength": np.array([8500.0, 8501.0, 8502.0, 8503.0]),
        "flux": np.ones((2, n_pix)),
        "flux_error": np.full((2, n_pix), 0.1),
        "mask": np.zeros((2, n_pix), bool),
        "ids": ["a", "b"],
    }
    Spectra(**good)
    flux = good["flux"].copy()
    flux[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"star b has flux nan at 8502\.00 Å: mask"):
        Spectra(**good | {"flux": flux})
    for bad in (0.0, -1.0, np.nan, np.inf, 1e-60):  # the last is 0 as float32
        error = good["flux_error"].copy()
        error[0, 3] = bad
        with pytest.raises(ValueError, match=r"star a has flux_error .* at 8503\.00 Å: mask"):
            Spectra(**good | {"flux_error": error})
    with pytest.raises(ValueError, match="increasing"):
        Spectra(**good | {"wavelength": good["wavelength"][::-1]})
    with pytest.raises(ValueError, match="increasing"):
        Spectra(**good | {"wavelength": [8500.0, 8501.0, np.nan, 8503.0]})
    with pytest.raises(ValueError, match=r"flux has shape \(2, 4\)"):
        Spectra(**good | {"ids": ["a", "b", "c"]})
    with pytest.raises(ValueError, match="mask has shape"):
        Spectra(**good | {"mask": np.zeros(n_pix, bool)})
    with pytest.raises(ValueError, match="labels has 1 rows for 2 stars"):
        Spectra(**good | {"labels": Table({"teff": [5000.0]})})
    with pytest.raises(ValueError, match=r"correlation_length is 0\.5 pixels: give 1"):
        Spectra(**good | {"correlation_length": 0.5})


def test_the_correlation_of_the_noise_goes_with_the_spectra(tmp_path):
    spectra = replace(make(), correlation_length=3)
    assert make().correlation_length == 1.0 and spectra.correlation_length == 3.0
    for some in (spectra[2], spectra[:0], spectra[[3, 1]], Spectra.join([spectra, spectra[:2]])):
        assert some.correlation_length == 3.0
    with pytest.raises(ValueError, match="correlates over as many pixels: rebin"):
        Spectra.join([spectra, make()])
    spectra.write(tmp_path / "a.h5")
    make().write(tmp_path / "b.h5")
    assert Spectra.read(tmp_path / "a.h5").correlation_length == 3.0
    assert Spectra.read(tmp_path / "b.h5").correlation_length == 1.0
    assert [part.correlation_length for part in Spectra.stream(tmp_path / "a.h5", 4)] == [3.0, 3.0]
    with pytest.raises(ValueError, match="correlat"), SpectraWriter(tmp_path / "c.h5") as writer:
        writer.append(spectra)
        writer.append(make())
    assert not (tmp_path / "c.h5").exists()
    with h5py.File(tmp_path / "b.h5", "r+") as f:  # a file of before
        del f["spectra"].attrs["correlation_length"]
    assert Spectra.read(tmp_path / "b.h5").correlation_length == 1.0


@pytest.mark.parametrize("index", [slice(2, 5), np.array([4, 0]), np.arange(7) % 2 == 0, 3, -1])
def test_stars_are_chosen_with_their_labels(index):
    spectra = make()
    some = spectra[index]
    rows = np.atleast_1d(np.arange(7)[index])
    assert list(some.ids) == [f"star {i}" for i in rows]
    np.testing.assert_array_equal(some.flux, spectra.flux[rows])
    np.testing.assert_array_equal(some.labels["teff"], spectra.labels["teff"][rows])
    assert len(some) == len(rows)


def test_a_file_gives_back_what_was_written(tmp_path):
    spectra = make()
    spectra.write(tmp_path / "a.h5")
    read = Spectra.read(tmp_path / "a.h5")
    assert_equal(read, spectra)
    assert read.labels.colnames == ["teff", "logg", "component"]
    assert str(read.labels["teff"].unit) == "K" and read.labels["logg"].unit is None
    for name in read.labels.colnames:
        np.testing.assert_array_equal(read.labels[name], spectra.labels[name])
    make(labels=False).write(tmp_path / "b.h5")
    assert Spectra.read(tmp_path / "b.h5").labels is None
    spectra[:0].write(tmp_path / "none.h5")
    assert len(Spectra.read(tmp_path / "none.h5")) == 0


def test_the_layout_on_disk(tmp_path):
    make().write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as f:
        group = f["spectra"]
        assert dict(group["wavelength"].attrs) == {"unit": "Angstrom", "medium": "vacuum"}
        assert (
            group["mask"].dtype == bool and group["mask"].compression and group["flux"].compression
        )
        assert h5py.check_string_dtype(group["ids"].dtype).encoding == "utf-8"
        assert group["labels/teff"].attrs["unit"] == "K"


def test_batches_are_streamed_in_and_out(tmp_path):
    spectra, truth = make(n=10), make(n=10, seed=1)
    with SpectraWriter(tmp_path / "a.h5") as writer:
        for rows in (slice(0, 3), slice(3, 4), slice(4, 10)):
            writer.append(spectra[rows])
            writer.append(truth[rows], group="truth")
        assert not (tmp_path / "a.h5").exists()
    for group, expected in (("spectra", spectra), ("truth", truth)):
        batches = list(Spectra.stream(tmp_path / "a.h5", batch=4, group=group))
        assert [len(batch) for batch in batches] == [4, 4, 2]
        for k, batch in enumerate(batches):
            assert_equal(batch, expected[4 * k : 4 * k + 4])
            np.testing.assert_array_equal(
                batch.labels["logg"], expected.labels["logg"][4 * k : 4 * k + 4]
            )


def test_masked_labels_become_nan(tmp_path):
    spectra = make(n=2)
    spectra.labels["logg"] = MaskedColumn([1.5, 2.5], mask=[True, False])
    spectra.write(tmp_path / "a.h5")
    np.testing.assert_array_equal(Spectra.read(tmp_path / "a.h5").labels["logg"], [np.nan, 2.5])


def test_batches_must_match(tmp_path):
    spectra = make()
    shifted = Spectra(
        spectra.wavelength + 1,
        *(getattr(spectra, n) for n in ("flux", "flux_error", "mask", "ids", "labels")),
    )
    for other, message in ((shifted, "wavelengths differ"), (make(labels=False), "label columns")):
        with pytest.raises(ValueError, match=message), SpectraWriter(tmp_path / "a.h5") as writer:
            writer.append(spectra)
            writer.append(other)
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_old_file(tmp_path):
    make().write(tmp_path / "a.h5")
    with pytest.raises(KeyboardInterrupt), SpectraWriter(tmp_path / "a.h5") as writer:
        writer.append(make(seed=3))
        raise KeyboardInterrupt
    assert_equal(Spectra.read(tmp_path / "a.h5"), make())
    assert [f.name for f in tmp_path.iterdir()] == ["a.h5"]


def test_bad_files_give_one_sentence(tmp_path):
    path = tmp_path / "a.h5"
    with pytest.raises(FileNotFoundError, match="a.h5 is not a file"):
        Spectra.read(path)
    make(n=300, n_pix=300).write(path)
    with pytest.raises(ValueError, match=r"no group 'truth', it has \['spectra'\]"):
        Spectra.read(path, "truth")
    whole = path.read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(OSError, match="a.h5 cannot be read as HDF5, it may be truncated"):
            list(Spectra.stream(path))
    path.write_bytes(whole)
    with h5py.File(path, "r+") as f:
        f["spectra/wavelength"].attrs["medium"] = "air"
    with pytest.raises(ValueError, match="in air.*vacuum_from_air"):
        Spectra.read(path)
    with h5py.File(path, "r+") as f:
        del f["spectra/mask"]
    with pytest.raises(ValueError, match=r"lacks \['mask'\]"):
        Spectra.read(path)
    with pytest.raises(OSError, match="cannot write a.h5 in .*nowhere"):
        make().write(tmp_path / "nowhere" / "a.h5")


def test_a_full_disk_gives_one_sentence(tmp_path):
    """Test a full disk in a separate process, because HDF5 could end it by a segmentation fault."""
    pytest.importorskip("resource")
    program = f"""
import resource, sys
import numpy as np
from specnb.core.spectra import Spectra
from specnb.core.storage import SpectraWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
rng = np.random.default_rng(0)
n, n_pix = 100, 800
flux = rng.uniform(0.5, 1, (n, n_pix))
spectra = Spectra(np.arange(n_pix) + 8000.0, flux, 0.1 * flux, flux < 0, np.arange(n).astype(str))
appended = 0
try:
    with SpectraWriter({str(tmp_path / "a.h5")!r}) as writer:
        for appended in range(20):
            writer.append(spectra)
except OSError as error:
    print(appended, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    appended, _, sentence = done.stdout.partition(" ")
    assert sentence.startswith(f"cannot write a.h5 in {tmp_path} (File too large): free space")
    assert int(appended) < 19  # it stops at once
    assert list(tmp_path.iterdir()) == []


def test_only_sets_on_the_same_wavelengths_are_joined():
    spectra = make()
    shifted = Spectra(
        spectra.wavelength + 1,
        *(getattr(spectra, n) for n in ("flux", "flux_error", "mask", "ids")),
    )
    for parts in ([spectra, shifted], []):
        with pytest.raises(ValueError, match="join takes one or more sets on the same wavelengths"):
            Spectra.join(parts)
