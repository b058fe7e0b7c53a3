"""What is kept in HDF5 files: every kind of column, and every changed bit is noticed."""

import h5py
import numpy as np
import pytest
from astropy import units
from astropy.table import Column, MaskedColumn, Table
from astropy.time import Time

from specnb.core.spectra import Spectra
from specnb.core.storage import SpectraWriter

N = 6
PIXELS = 8500.0 + 0.3 * np.arange(N)
LONG = 2052747119115620353


def with_label(column):
    shape = (2, N)
    return Spectra(
        PIXELS,
        np.full(shape, 0.9),
        np.full(shape, 0.1),
        np.eye(2, N),
        ["a", "b"],
        Table({"x": column}),
    )


def written(path, *columns):
    with SpectraWriter(path) as writer:
        for column in columns:
            writer.append(with_label(column))
    return Spectra.read(path).labels["x"]


@pytest.mark.parametrize(
    "column",
    [
        np.array([1, -128], np.int8),
        np.array([2**64 - 1, 0], np.uint64),
        MaskedColumn([LONG, 5], mask=[False, True]),
        MaskedColumn([LONG, 5], mask=[True, True]),
        MaskedColumn([np.nan, 5.0], mask=[False, True]),
        np.array([1.5, 2.0], np.float16),
        [True, False],
        MaskedColumn([True, False], mask=[True, False]),
        ["", "é b "],
        MaskedColumn(["", "x"], mask=[False, True]),
        np.arange(6).reshape(2, 3),
        MaskedColumn(np.arange(6).reshape(2, 3), mask=[[0, 0, 1], [0, 0, 0]]),
        np.array([["a", "bb"], ["c", ""]]),
        Column([1.0, 2.0], unit="erg / (s cm2 AA)"),
        [1.0, 2.0] * units.km,
    ],
)
def test_every_kind_of_column_comes_back(column, tmp_path):
    read, given = written(tmp_path / "a.h5", column), with_label(column).labels["x"]
    assert read.dtype == given.dtype and read.unit == given.unit
    np.testing.assert_array_equal(np.ma.getmaskarray(read), np.ma.getmaskarray(given))
    good = ~np.ma.getmaskarray(given)
    np.testing.assert_array_equal(np.asarray(read)[good], np.asarray(given)[good])


def test_objects_are_text_or_refused(tmp_path):
    read = written(tmp_path / "a.h5", np.array([None, "x"], dtype=object))
    assert read.mask.tolist() == [True, False] and read[1] == "x"
    for column in (
        np.array([1, "x"], dtype=object),
        np.array(["2020-01-01", "2020-01-02"], "M8[D]"),
        Time([2000.0, 2001.0], format="jyear"),
        np.array([(1, 2.0), (3, 4.0)], dtype=[("a", int), ("b", float)]),
    ):
        with pytest.raises(ValueError, match="label column x is of type .*, which a file of"):
            written(tmp_path / "b.h5", column)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([1, 2], [87.6, 2.0], "types of labels"),
        (np.array([1, 2], np.int32), [2**40, 1], "types of labels"),
        ([1, 2], ["a", "b"], "types of labels"),
        ([1, 2], [[1], [2]], "types of labels"),
        (Column([1.0, 2.0], unit="K"), Column([1.0, 2.0], unit="kK"), "units of labels"),
        (Column([1.0, 2.0], unit="K"), [1.0, 2.0], "units of labels"),
    ],
)
def test_batches_have_one_type_and_unit(first, second, message, tmp_path):
    with pytest.raises(ValueError, match=f"{message} differ from the first batch"):
        written(tmp_path / "a.h5", first, second)
    with SpectraWriter(tmp_path / "b.h5") as writer:
        writer.append(with_label(first))
        with pytest.raises(ValueError, match=message):
            writer.append(with_label(second))
        writer.append(with_label(first))
    assert len(Spectra.read(tmp_path / "b.h5")) == 4  # nothing of the refused batch


def test_missing_values_of_later_and_earlier_batches(tmp_path):
    some, all_there = MaskedColumn([LONG, 5], mask=[False, True]), np.array([1, 2])
    for columns in ((some, all_there, some), (all_there, some, all_there)):
        read = written(tmp_path / "a.h5", *columns)
        expected = np.concatenate([np.ma.getmaskarray(np.ma.asarray(each)) for each in columns])
        np.testing.assert_array_equal(read.mask, expected)
        assert read.dtype == int and LONG in read
        parts = [part.labels["x"] for part in Spectra.stream(tmp_path / "a.h5", batch=4)]
        masks = [np.ma.getmaskarray(np.ma.asarray(part)) for part in parts]
        np.testing.assert_array_equal(np.concatenate(masks), expected)


def test_batches_on_the_same_pixels_to_rounding(tmp_path):
    with SpectraWriter(tmp_path / "a.h5") as writer:
        for pixels in (PIXELS, PIXELS.astype(np.float32)):
            writer.append(
                Spectra(pixels, np.ones((1, N)), np.ones((1, N)), np.zeros((1, N)), ["a"])
            )
    np.testing.assert_array_equal(Spectra.read(tmp_path / "a.h5").wavelength, PIXELS)


def test_every_changed_bit_is_noticed(tmp_path):
    rng = np.random.default_rng(0)
    table = Table({"teff": Column([5000.0, 6000.0], unit="K"), "stage": ["dwarf", "giant"]})
    path = tmp_path / "a.h5"
    with_label(MaskedColumn([1, 2], mask=[True, False])).write(path)
    spectra = with_label([1.0, 2.0])
    Spectra(PIXELS, spectra.flux, spectra.flux_error, spectra.mask, spectra.ids, table).write(path)
    whole = path.read_bytes()
    for place in (8, 28, len(whole) - 1, *rng.integers(0, len(whole), 200)):
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        with pytest.raises((OSError, ValueError), match="a.h5"):
            Spectra.read(path)
    path.write_bytes(whole)
    assert Spectra.read(path).labels["stage"].tolist() == ["dwarf", "giant"]


def test_damage_that_only_hdf5_sees(tmp_path):
    """Without our SHA-256, as in a file that HDF5 has changed since."""
    path = tmp_path / "a.h5"
    with_label([1.0, 2.0]).write(path)
    with h5py.File(path, "r+") as f:
        f["spectra"].attrs["note"] = "mine"
        at = f["spectra/flux"].id.get_chunk_info(0).byte_offset
        assert f["spectra/wavelength"].fletcher32 and f["spectra/flux"].fletcher32
    assert len(Spectra.read(path)) == 2
    changed = bytearray(path.read_bytes())
    changed[at + 8] ^= 1
    path.write_bytes(changed)
    with pytest.raises(OSError, match="cannot be read as HDF5, it may be damaged"):
        Spectra.read(path)


@pytest.mark.parametrize("unit", ["nm", "um", b"nm"])
def test_wavelengths_in_other_units(unit, tmp_path):
    path = tmp_path / "a.h5"
    with_label([1.0, 2.0]).write(path)
    with h5py.File(path, "r+") as f:
        del f["spectra/wavelength"], f["spectra/labels/x"].attrs["unit"]
        f["spectra/wavelength"] = (PIXELS * units.AA).to_value(units.Unit(unit))
        f["spectra/wavelength"].attrs["unit"] = unit
    read = Spectra.read(path)
    np.testing.assert_allclose(read.wavelength, PIXELS, rtol=1e-14)
    assert read.labels["x"].unit is None
    with h5py.File(path, "r+") as f:
        f["spectra/wavelength"].attrs["unit"] = "foo"
    with pytest.raises(ValueError, match="a.h5: wavelength has the unit 'foo'"):
        Spectra.read(path)


@pytest.mark.parametrize("chunks", [None, (100, 800)])
def test_a_file_that_declares_more_than_it_holds(chunks, tmp_path):
    path, n = tmp_path / "bomb.h5", 3_000_000
    with h5py.File(path, "w") as f:
        group = f.create_group("spectra")
        group["wavelength"] = 8000.0 + np.arange(800)
        for name in ("flux", "flux_error", "mask"):
            group.create_dataset(name, (n, 800), "f4", chunks=chunks)
        group.create_dataset("ids", (n,), h5py.string_dtype(), chunks=chunks and (4096,))
    assert path.stat().st_size < 20_000
    for read in (Spectra.read, lambda path: next(Spectra.stream(path))):
        with pytest.raises(OSError, match="declares .3000000, .* most are not in the file"):
            read(path)


def test_datasets_of_different_lengths(tmp_path):
    path = tmp_path / "a.h5"
    with_label([1.0, 2.0]).write(path)
    with h5py.File(path, "r+") as f:
        del f["spectra/ids"]
        f["spectra/ids"] = ["a"]
    with pytest.raises(OSError, match="different numbers of rows"):
        next(Spectra.stream(path))


def test_only_what_is_truncated_is_called_so(tmp_path):
    path = tmp_path / "a.h5"
    for content in (b"some text\n" * 300, b"SIMPLE  =" + b" " * 3000):
        path.write_bytes(content)
        with pytest.raises(OSError, match="a.h5 cannot be read as HDF5") as caught:
            Spectra.read(path)
        assert "may be truncated" not in str(caught.value)


def test_a_disk_without_locks(tmp_path, monkeypatch):
    path, open_file = tmp_path / "a.h5", h5py.File
    with_label([1.0, 2.0]).write(path)

    def without_locks(name, mode, locking=True):
        if locking:
            raise OSError(37, "unable to lock file, errno = 37")
        return open_file(name, mode, locking=False)

    monkeypatch.setattr(h5py, "File", without_locks)
    assert len(Spectra.read(path)) == 2
    monkeypatch.setattr(h5py, "File", lambda name, mode, locking: without_locks(name, mode))
    with pytest.raises(OSError, match="no file locks: set HDF5_USE_FILE_LOCKING=FALSE"):
        Spectra.read(path)


def test_names_of_columns_with_a_slash(tmp_path):
    made = with_label([1.0, 2.0])
    made.labels["[Fe/H]"], made.labels["a"], made.labels["a/b"] = [0.1, 0.2], [1, 2], ["x", "y"]
    made.write(tmp_path / "a.h5")
    read = Spectra.read(tmp_path / "a.h5").labels
    assert read.colnames == ["x", "[Fe/H]", "a", "a/b"] and read["[Fe/H]"].tolist() == [0.1, 0.2]


@pytest.mark.parametrize("batch", [0, -1, 1.5, None])
def test_batches_that_cannot_be_read_are_not_called_damage(batch, tmp_path):
    with_label([1.0, 2.0]).write(tmp_path / "a.h5")
    with pytest.raises(ValueError, match=f"batch is {batch}: give 1 or more, as an integer"):
        next(Spectra.stream(tmp_path / "a.h5", batch))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f["spectra/labels"].create_group("z"), "cannot be read as HDF5"),
        (lambda f: f["spectra"].attrs.__setitem__("at_rest", "False"), "at_rest is 'False'"),
        (lambda f: f.move("spectra/flux", "other"), "lacks .'flux'."),
    ],
)
def test_odd_files_are_refused_in_one_sentence(change, message, tmp_path):
    path = tmp_path / "a.h5"
    with_label([1.0, 2.0]).write(path)
    with h5py.File(path, "r+") as f:
        f["spectra/wavelength"].attrs["medium"] = "Vacuum"
    assert len(Spectra.read(path)) == 2
    with h5py.File(path, "r+") as f:
        change(f)
    with pytest.raises((OSError, ValueError), match=message):
        Spectra.read(path)
