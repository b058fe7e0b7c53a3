"""What is kept on disk: it is checked when it is read, and killed writers leave nothing for long."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import specnb.core.artifacts
from specnb.core import checksums, writing
from specnb.core.artifacts import artifact
from specnb.core.checksums import LIST, add_to_list, check_listed, listed
from specnb.core.files import read_checkpoint, read_tensors, write_checkpoint, write_tensors
from specnb.core.paths import DATA, data_folder
from specnb.core.reading import read_shipped_table, whole_file
from specnb.core.spectra import Spectra
from specnb.core.storage import SpectraWriter
from specnb.core.writing import HOST, replacing, replacing_folder, sweep
from specnb.emulator.model import Emulator
from specnb.reproduce.provenance import checksum, shipped_data
from specnb.simulator.grid import load_grid
from specnb.simulator.responses import load_responses
from specnb.surveys import RVS

TENSORS = {"weight": torch.arange(600.0).reshape(20, 30), "counts": torch.arange(4)}
ABOUT = {"config": '{"latent": 8, "name": "Å"}', "history": "[]"}


def flip(path, byte, bit=0x40):
    data = bytearray(path.read_bytes())
    data[byte] ^= bit
    path.write_bytes(data)


def random_flips(path, n, seed=0):
    """Flip one bit at a time of a file, n times."""
    data, random = path.read_bytes(), np.random.default_rng(seed)
    for byte, bit in zip(random.integers(len(data), size=n), random.integers(8, size=n)):
        flip(path, byte, 1 << int(bit))
        yield
        path.write_bytes(data)


# --- shipped files


def test_the_list_of_shipped_files_is_complete_and_right():
    """Model cards and the list itself are for people, the package reads all others."""
    files = [path for path in shipped_data() if path.suffix != ".md" and path.name != LIST]
    assert listed(DATA) == {path.relative_to(DATA).as_posix(): checksum(path) for path in files}


@pytest.fixture
def data(monkeypatch, tmp_path):
    """A folder data/ with a copy of some shipped files."""
    for name in (LIST, "stars.ecsv", "emulators/rvs.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(DATA / name, tmp_path / name)
    monkeypatch.setattr(checksums, "DATA", tmp_path)
    return tmp_path


def test_a_flipped_bit_in_a_shipped_model_is_told(data, monkeypatch):
    path = data / "emulators" / "rvs.safetensors"
    Emulator.load(path, RVS)
    flip(path, 328_199)  # without a check it moves T_eff by up to 590 K
    words = r"rvs.safetensors is damaged, .*: restore it with git \(git checkout -- data/emulators/rvs.safetensors "
    with pytest.raises(OSError, match=words):
        Emulator.load(path, RVS)
    monkeypatch.chdir(data)
    with pytest.raises(OSError, match=words):
        Emulator.load("emulators/../emulators/rvs.safetensors", RVS)
    flip(path, 328_199)
    Emulator.load(path, RVS)


def test_a_changed_digit_in_a_shipped_table_is_told(data):
    path = data / "stars.ecsv"
    assert len(read_shipped_table(path)) == len(read_shipped_table(DATA / "stars.ecsv"))
    path.write_text(path.read_text().replace("1", "7", 1))
    with pytest.raises(OSError, match="stars.ecsv is damaged"):
        read_shipped_table(path)
    path.unlink()
    with pytest.raises(OSError, match="stars.ecsv is not a whole table .*: restore it with git"):
        read_shipped_table(path)


def test_a_new_shipped_file_is_listed_and_others_keep_their_checksums(data):
    before = listed(data)
    flip(data / "stars.ecsv", 100)
    path = data / "emulators" / "mine.safetensors"
    write_tensors(path, TENSORS, ABOUT)
    add_to_list(path, data)
    assert listed(data) == before | {"emulators/mine.safetensors": checksum(path)}
    with pytest.raises(OSError, match="stars.ecsv is damaged"):
        check_listed(data / "stars.ecsv")
    done = subprocess.run(["sha256sum", "-c", "--ignore-missing", LIST], cwd=data, check=False)
    assert done.returncode == 1
    shutil.copy(DATA / "stars.ecsv", data)
    subprocess.run(["sha256sum", "-c", "--ignore-missing", "--quiet", LIST], cwd=data, check=True)


def test_files_elsewhere_are_not_listed(data, tmp_path_factory):
    before = (data / LIST).read_bytes()
    path = tmp_path_factory.mktemp("elsewhere") / "stars.ecsv"
    path.write_text("own")
    add_to_list(path, data)
    check_listed(path)
    assert (data / LIST).read_bytes() == before
    words = "own.csv is not a whole table .bad.: mend it"
    with (
        pytest.raises(ValueError, match=words),
        whole_file("own.csv", "table", "mend it", ValueError),
    ):
        raise LookupError("bad")


def test_a_file_that_may_not_be_read_is_not_called_damaged():
    words = "own.csv may not be read: change its permissions"
    with pytest.raises(OSError, match=words), whole_file("own.csv", "table", "download it again"):
        raise PermissionError(errno.EACCES, "Permission denied", "own.csv")


def test_a_folder_may_be_given_from_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SPECNB_DATA", "~/spectra")
    assert data_folder() == tmp_path / "spectra"


def test_a_shipped_file_is_hashed_once(data, monkeypatch):
    hashed = []
    monkeypatch.setattr(checksums, "file_hash", lambda path: hashed.append(path) or checksum(path))
    for _ in range(3):
        check_listed(data / "stars.ecsv")
    assert len(hashed) == 1


def test_downloads_are_checked_if_their_folder_has_a_list(tmp_path, monkeypatch):
    path = tmp_path / "star.csv"
    path.write_text("wavelength,flux\n8500,0.71\n")
    add_to_list(path, tmp_path)
    check_listed(path)
    path.write_text("wavelength,flux\n8500,0.31\n")
    words = "star.csv is damaged, .*: get it again, or delete its line in .*SHA256SUMS if you"
    with pytest.raises(ValueError, match=words), whole_file(path, "file", "mend it", ValueError):
        pass
    other = tmp_path / "other.csv"
    other.write_text("1")
    monkeypatch.setattr(checksums, "file_hash", lambda _: pytest.fail("it is not in the list"))
    check_listed(other)


# --- files of tensors


def test_tensors_and_texts_come_back(tmp_path):
    write_tensors(tmp_path / "a.safetensors", TENSORS, ABOUT)
    tensors, about = read_tensors(tmp_path / "a.safetensors")
    assert about == ABOUT and tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert list(load_file(tmp_path / "a.safetensors")) != []  # others can read it, too


@pytest.mark.filterwarnings("ignore:.*has no checksum")
def test_flipped_bits_of_tensors_are_found(tmp_path):
    path = tmp_path / "model.safetensors"
    write_tensors(path, TENSORS, ABOUT)
    refused = 0
    for _ in random_flips(path, 200):
        try:
            with whole_file(path, "model", "train it anew"):
                tensors, about = read_tensors(path)
        except OSError:
            refused += 1
        else:  # a bit of the name of the checksum, or of spaces
            assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
            assert ABOUT.items() <= about.items()
    assert refused > 190


def test_files_without_a_checksum_are_named_but_not_copies_of_shipped_ones(tmp_path, recwarn):
    shutil.copy(RVS.emulator_path, tmp_path / "copy.safetensors")
    Emulator.load(tmp_path / "copy.safetensors", RVS)
    assert not recwarn
    flip(tmp_path / "copy.safetensors", 328_199)
    with pytest.warns(UserWarning, match="copy.safetensors has no checksum"):
        Emulator.load(tmp_path / "copy.safetensors", RVS)
    save_file(TENSORS, tmp_path / "old.safetensors", ABOUT)
    with pytest.warns(UserWarning, match="old.safetensors has no checksum"):
        assert read_tensors(tmp_path / "old.safetensors")[1] == ABOUT


def test_grids_and_responses_without_checksums_are_named(tmp_path, recwarn):
    grid, responses = tmp_path / "grid.h5", tmp_path / "responses.h5"
    shutil.copy(RVS.grid_path, grid)
    shutil.copy(RVS.responses_path, responses)
    load_grid(RVS, grid)
    load_responses(RVS, "sun", responses)
    assert not recwarn
    for path in (grid, responses):
        with h5py.File(path, "r+") as f:
            f.attrs["note"] = "own"
    with pytest.warns(UserWarning, match="grid.h5 has no checksum"):
        load_grid(RVS, grid)
    with pytest.warns(UserWarning, match="responses.h5 has no checksum"):
        load_responses(RVS, "sun", responses)
    with h5py.File(responses, "r+") as f:
        flux = f["sun/flux"][:]
        del f["sun/flux"]
        f.create_dataset("sun/flux", data=flux, fletcher32=True)
    load_responses(RVS, "sun", responses)
    assert not recwarn


# --- checkpoints


def test_flipped_bits_of_checkpoints_are_found(tmp_path):
    path = tmp_path / "run.checkpoint"
    write_checkpoint({"weights": TENSORS, "done": 3}, path)
    state = read_checkpoint(path, "cpu", ["weights", "done"])
    assert state["done"] == 3 and torch.equal(state["weights"]["weight"], TENSORS["weight"])
    for _ in random_flips(path, 100):
        with pytest.raises(OSError, match="run.checkpoint is not a whole .*: delete it to start"):
            read_checkpoint(path, "cpu", ["weights", "done"])


# --- artifacts


@dataclass(frozen=True)
class Config:
    size: int = 1


@pytest.mark.parametrize("damage", [b"", b"no tensors", "flip", "cut"])
def test_a_damaged_artifact_is_named_and_made_again(tmp_path, monkeypatch, damage):
    monkeypatch.setattr(specnb.core.artifacts, "ARTIFACTS", tmp_path)
    made = []

    def make(path):
        made.append(path)
        write_tensors(path, TENSORS, ABOUT)

    def read(path):
        with whole_file(path, "model", "train it anew"):
            return read_tensors(path)[1]

    def get():
        return artifact("model", Config(), ".safetensors", make, read=read)

    assert get() == get() == ABOUT and len(made) == 1
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    path.write_bytes({"flip": data[:-9] + b"?" + data[-8:], "cut": data[:-1]}.get(damage, damage))
    with pytest.warns(UserWarning, match=f"{path.name} is damaged: it is deleted and made again"):
        assert get() == ABOUT
    assert get() == ABOUT and len(made) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_an_artifact_that_cannot_be_read_when_new_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(specnb.core.artifacts, "ARTIFACTS", tmp_path)

    def refuse(path):
        raise OSError("never")

    with pytest.raises(OSError, match="never"):
        artifact("model", Config(), ".txt", lambda path: path.write_text("x"), read=refuse)


# --- writing


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_has_the_usual_mode(tmp_path):
    before = os.umask(0o027)
    try:
        write_tensors(tmp_path / "model.safetensors", TENSORS, ABOUT)
        write_checkpoint({}, tmp_path / "checkpoint")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    seen, fsync = [], os.fsync

    def watched(descriptor):
        seen.append(
            (str(Path(f"/proc/self/fd/{descriptor}").readlink()), (tmp_path / "a").exists())
        )
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("text")
    assert seen == [(str(temporary), False), (str(tmp_path), True)]
    with replacing_folder(tmp_path / "b") as new:
        (new / "inner").mkdir()
        (new / "inner" / "results.json").write_text("{}")
    assert str(new / "inner" / "results.json") in [path for path, _ in seen]


def full_disk(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_full_disk_is_told(tmp_path, monkeypatch):
    write_tensors(tmp_path / "model.safetensors", TENSORS, ABOUT)
    before = (tmp_path / "model.safetensors").read_bytes()
    words = r"cannot write .*/{} \(No space left on device\): make room, or choose another folder"
    with pytest.raises(OSError, match=words.format("a")), replacing(tmp_path / "a") as temporary:
        temporary.symlink_to("/dev/full")
        temporary.write_text("text")
    monkeypatch.setattr(writing.os, "fsync", full_disk)  # some disks tell it as late as this
    with pytest.raises(OSError, match=words.format("model.safetensors")):
        write_tensors(tmp_path / "model.safetensors", TENSORS, ABOUT)
    with pytest.raises(OSError, match=words.format("checkpoint")):
        write_checkpoint({}, tmp_path / "checkpoint")
    assert names(tmp_path) == ["model.safetensors"]
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_other_errors_of_a_writer_are_its_own(tmp_path):
    with pytest.raises(OSError, match="^no weather$"), replacing(tmp_path / "a"):
        raise OSError("no weather")
    assert names(tmp_path) == []


def test_only_temporary_files_of_ended_writers_are_swept(tmp_path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    living, young, mine = (
        f"{HOST}-1-{'a' * 8}",
        f"other-1-{'a' * 8}",
        f"{HOST}-{os.getpid()}-{'a' * 8}",
    )
    kept = [f".x.h5.{owner}.tmp" for owner in (living, young, mine)]
    kept += [".x.h5.12.tmp", ".x.tmp", f"x.h5.{HOST}-{ended.pid}-{'a' * 8}.tmp"]
    gone = [f".x.h5.{HOST}-{ended.pid}-{'a' * 8}.tmp", f".y.h5.other-{ended.pid}-{'b' * 8}.tmp"]
    for name in kept + gone:
        (tmp_path / name).touch()
    two_days_ago = time.time() - 2 * 86_400
    for name in (kept[0], gone[1]):
        os.utime(tmp_path / name, (two_days_ago, two_days_ago))
    with replacing(tmp_path / "z.h5") as temporary:
        temporary.touch()
    assert names(tmp_path) == sorted([*kept, "z.h5"])
    sweep(tmp_path / "no such folder")


def test_long_names_can_be_written(tmp_path):
    path = tmp_path / ("Å" * 120 + ".json")
    with replacing(path) as temporary:
        temporary.write_text("text")
    assert path.read_text() == "text"


def test_many_writers_of_one_file_do_not_meet(tmp_path):
    errors = []

    def write(text):
        try:
            for _ in range(30):
                with replacing(tmp_path / "README.md") as temporary:
                    temporary.write_text(text)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(str(i) * 1000,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and names(tmp_path) == ["README.md"]
    assert len(set((tmp_path / "README.md").read_text())) == 1


def test_a_disk_without_locks(tmp_path, monkeypatch):
    import fcntl

    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with (
        pytest.warns(
            UserWarning, match="without file locks .No locks available.: do not start two"
        ),
        replacing_folder(tmp_path / "out") as new,
    ):
        (new / "results.json").write_text("{}")
    assert names(tmp_path / "out") == ["results.json"]


WRITER = """
import sys, time, torch
from specnb.core.files import write_checkpoint
from specnb.core.writing import replacing
{code}
print("ready", flush=True)
time.sleep(60)
"""
WRITERS = {
    "spectra": "from specnb.core.storage import SpectraWriter; SpectraWriter(sys.argv[1]).__enter__()",
    "file": "from pathlib import Path; w = replacing(Path(sys.argv[1])); w.__enter__().touch()",
}


def killed(writer, path):
    """Kill a process while it writes to a file."""
    command = [sys.executable, "-c", WRITER.format(code=WRITERS[writer]), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("writer", WRITERS)
def test_what_a_killed_writer_leaves_is_swept_by_the_next(tmp_path, writer):
    killed(writer, tmp_path / "set.h5")
    (left,) = names(tmp_path)
    assert left.endswith(".tmp")
    one = np.ones((1, len(RVS.pixels)), np.float32)
    spectra = Spectra(RVS.pixels, one, one, one == 0, np.array(["star"]))
    with SpectraWriter(tmp_path / "other.h5") as w:
        w.append(spectra)
    assert names(tmp_path) == ["other.h5"]
