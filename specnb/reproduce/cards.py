"""What the machine-readable head of a model card says about the model's file."""

from pathlib import Path

from specnb import __version__
from specnb.reproduce.provenance import checksum
from specnb.surveys import Survey


def about(path: Path, survey: Survey, ranges=None) -> dict:
    """Values of the head that templates/head.md writes at the top of a model card.

    Parameters
    ----------
    path : Path
        The model's file.
    survey : Survey
        On whose pixels the model's spectra are.
    ranges : mapping of str to (float, float), optional
        Labels that the model takes, with the ranges for which it was made. The default is the
        survey's labels; a translator takes none: give ``{}``.

    Returns
    -------
    dict
        ``version`` of specnb, ``file``, ``sha256``, ``survey``, ``pixels`` (their number, and the
        first and last wavelength in vacuum Å) and ``labels`` (name, unit, low and high of each).
    """
    return {
        "version": __version__,
        "file": path.name,
        "sha256": checksum(path),
        "survey": survey.name,
        "pixels": {
            "number": len(survey.pixels),
            "first": round(float(survey.pixels[0]), 4),
            "last": round(float(survey.pixels[-1]), 4),
            "unit": "Angstrom",
            "medium": "vacuum",
        },
        "labels": [
            {"name": each.name, "unit": each.unit, "low": round(low, 4), "high": round(high, 4)}
            for each in survey.labels
            if ranges is None or each.name in ranges
            for low, high in [(ranges or {}).get(each.name, (each.low, each.high))]
        ],
    }
