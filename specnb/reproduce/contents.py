"""What there is: notebooks, shipped models and surveys; and the copy of the notebooks to work with."""

import re
from pathlib import Path

from specnb.core.paths import INSTALLED, NOTEBOOKS, SOURCE
from specnb.reproduce.provenance import shipped_data, title_of


def contents() -> dict[str, list[dict]]:
    """The ``notebooks`` (of the current folder, else those shipped), ``models`` and ``surveys``.

    All values are plain, so that they can be written as JSON. Sizes are in bytes, wavelengths in
    vacuum Å.
    """
    from specnb.surveys import SURVEYS  # takes half a second

    folder = NOTEBOOKS if NOTEBOOKS.is_dir() else SOURCE / "notebooks"
    return {
        "notebooks": [
            {"name": path.stem, "title": title_of(path), "path": str(path)}
            for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))
        ],
        "models": [_model(path) for path in shipped_data() if path.suffix == ".safetensors"],
        "surveys": [_survey(survey) for survey in SURVEYS.values()],
    }


def _model(path):
    """A shipped model; what it is stands in the first sentence of its card."""
    card = path.with_suffix(".md").read_text("utf-8")
    sentence = re.search(r"^# [^\n]+\n\n(.+?\.)\s", card, flags=re.DOTALL | re.MULTILINE)[1]
    return {
        "name": path.stem,
        "kind": path.parent.name.removesuffix("s"),
        "what": " ".join(sentence.split()),
        "bytes": path.stat().st_size,
        "path": str(path),
    }


def _survey(survey):
    return {
        "name": survey.name,
        "title": survey.title,
        "labels": [
            {"name": each.name, "unit": each.unit, "low": each.low, "high": each.high}
            for each in survey.labels
        ],
        "pixels": len(survey.pixels),
        "first": float(survey.pixels[0]),
        "last": float(survey.pixels[-1]),
        "resolving_power": survey.resolving_power,
    }


def copy_notebooks(folder: Path):
    """Copy what a wheel has for running notebooks into a folder, in which they are run then.

    Raises
    ------
    ValueError
        In a clone, whose notebooks are run where they are.
    OSError
        If the folder has notebooks, which are never overwritten, or cannot be written.
    """
    if not INSTALLED:
        raise ValueError(f"this specnb runs the notebooks of the clone {SOURCE}: work there")
    if (folder / "notebooks").exists():
        raise FileExistsError(f"{folder / 'notebooks'} exists: name another folder")
    files = [path for path in (SOURCE / "notebooks").rglob("*") if path.suffix != ".pyc"]
    for path in (*files, SOURCE / "Snakefile"):
        if path.is_file():
            copy = folder / path.relative_to(SOURCE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
