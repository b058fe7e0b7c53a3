"""What a run states, as plain values: each number, each column of a table and each drawn array."""

import csv
import json
import math
import re
from collections import Counter
from itertools import takewhile
from pathlib import Path

import numpy as np

QUANTILES = (0, 0.25, 0.5, 0.75, 1)
DIGITS = 7  # as in the CSV files
NOT_KEPT = "/not kept"
# A number in the name of an array may be a result, such as "AUC 0.62". The number of a panel is not.
NUMBER = re.compile(r"(?<!panel )(?<![\d.,])[-−+]?\d[\d.,]*")


def measures(folder) -> dict[str, list | dict]:
    """All that the results in a folder state, by name.

    Returns
    -------
    dict
        ``result/NAME``: a list of one value. ``table/NAME``: a list with the number of rows.
        ``table/NAME/COLUMN``: a dict with the cells of a column of the CSV file by the names of
        their rows, see `row_names`, or those of one label, ``table/NAME/COLUMN/LABEL``, where a
        column names labels, because labels have different units. ``figure/NAME/ARRAY``, where #
        stands for numbers: a list of a text with the array's shape and how many values are missing,
        then the mean, the standard deviation and quantiles of the others. ``figure/NAME`` and
        ``text/NAME``: an empty list.
        ``figure/NAME/not kept``: an empty list in place of arrays whose file is not there, because
        the repository does not keep large files. Numbers have `DIGITS` digits, and a missing one is
        None.

    Raises
    ------
    OSError, ValueError
        If a file of the results is missing or damaged.
    """
    folder = Path(folder)
    results = json.loads((folder / "results.json").read_text("utf-8"))
    found = {f"text/{name}": [] for name in results["texts"]}
    for name, result in results["results"].items():
        found[f"result/{name}"] = [_plain(result["value"])]
    for name in results["tables"]:
        found |= _columns(f"table/{name}", read_rows(folder / f"{name}.csv"))
    for name in results["figures"]:
        found[f"figure/{name}"] = []
        if f"{name}.npz" in results["figures"][name]["files"]:  # and not a drawing
            found |= _arrays(f"figure/{name}", folder / f"{name}.npz")
    return found


def _arrays(figure, path):
    if not path.exists():
        return {figure + NOT_KEPT: []}
    found, count = {}, Counter()
    with np.load(path) as arrays:
        for key in arrays.files:
            name = f"{figure}/{NUMBER.sub('#', key)}"
            count[name] += 1
            found[name if count[name] == 1 else f"{name} ({count[name]})"] = _summary(arrays[key])
    return found


def read_rows(path) -> list[dict]:
    """The rows of a CSV file: numbers, texts, and None where a cell is empty."""
    with Path(path).open(encoding="utf-8", newline="") as f:
        return [{name: _value(cell) for name, cell in row.items()} for row in csv.DictReader(f)]


def row_names(rows: list[dict]) -> list[str]:
    """A name for each row of a table: its texts in as many of the first columns as tell rows apart.

    The column ``label`` is not in the name, because `measures` takes each label for itself. Rows
    that no text tells apart are counted.
    """
    columns = takewhile(lambda column: all(_is_text(row[column]) for row in rows), rows[0])
    labels, names, count = [row.get("label") for row in rows], [""] * len(rows), Counter()
    for column in columns:
        if column != "label" and len(set(zip(labels, names))) < len(rows):
            names = [f"{name}, {row[column] or ''}".strip(", ") for row, name in zip(rows, names)]
    for place, key in enumerate(zip(labels, names)):
        count[key] += 1
        names[place] += f" ({count[key]})" if count[key] > 1 else ""
    return names


def _is_text(cell):
    return not isinstance(cell, int | float)


def _columns(table, rows):
    found = {table: [f"{len(rows)} rows"]}
    for name, row in zip(row_names(rows) if rows else [], rows):
        for column, cell in row.items():
            label = f"/{row['label']}" if "label" in row and column != "label" else ""
            row_name = name if column != "label" else f"{cell}, {name}".strip(", ")
            found.setdefault(f"{table}/{column}{label}", {})[row_name] = cell
    return found


def _value(cell):
    """A cell of a CSV file."""
    try:
        number = float(cell)
    except ValueError:
        return cell or None
    return _plain(number) if math.isfinite(number) else cell


def _plain(value):
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _summary(array):
    values = array[np.isfinite(array)].astype(float)
    shape = "×".join(map(str, array.shape))
    said = f"{shape}, {array.size - values.size} missing"
    if not values.size:
        return [said]
    numbers = [values.mean(), values.std(), *np.quantile(values, QUANTILES)]
    return [said, *(_plain(float(number)) for number in numbers)]
