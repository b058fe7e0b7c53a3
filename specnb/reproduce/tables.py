"""Numbers as text with sensible digits, and tables as CSV, LaTeX and Markdown."""

import math
import re

import numpy as np
from astropy.io.ascii.latex import latexdicts
from astropy.table import Table

MISSING = "–"


def cells(column, form=None, missing=MISSING) -> list[str]:
    """The cells of a column as text; ``missing`` where a number is masked or not finite.

    Parameters
    ----------
    column : sequence
    form : str, optional
        Format of each cell. Otherwise the largest number of a column has four significant digits.
    missing : str
    """
    values = np.ma.array(column)
    if values.dtype.kind == "f":
        values = np.ma.masked_invalid(values)
        form = form or _number_format(np.abs(values.compressed()))
        form = form.replace(".", "z.", 1)  # no zero has a minus
    return [missing if value is None else format(value, form or "") for value in values.tolist()]


def _number_format(sizes):
    sizes = sizes[sizes > 0]
    if not sizes.size:
        return ".1f"
    decimals = max(0, 3 - math.floor(math.log10(sizes.max())))
    fixed = decimals <= 6 and sizes.max() < 1e6 and sizes.min() >= 10.0**-decimals
    return f".{decimals}f" if fixed else ".4g"


def headers(table) -> list[str]:
    """The names of all columns, with their units in brackets."""
    return [f"{c.name} [{c.unit}]" if str(c.unit or "") else c.name for c in table.itercols()]


def write_csv(path, table):
    """Write all columns; floats have seven significant digits."""
    texts = [cells(c, ".7g" if c.dtype.kind == "f" else "", missing="") for c in table.itercols()]
    Table(texts, names=headers(table)).write(path, format="ascii.csv")


def write_latex(path, table, texts, caption):
    """Write the texts of all cells in the style of A&A, which gives units a line of their own."""
    columns = list(table.itercols())
    align = "".join("l" if column.dtype.kind in "OSU" else "r" for column in columns)
    shown = Table(
        [list(map(_escaped, each)) for each in texts],
        names=[_escaped(column.name) for column in columns],
        units=[column.unit for column in columns],
    )
    style = latexdicts["AA"] | {"caption": _escaped(caption), "col_align": align}
    shown.write(path, format="ascii.latex", latexdict=style)


def markdown(table, texts) -> str:
    """The texts of all cells as a table in Markdown, which astropy does not write."""
    rows = [headers(table), ["---"] * len(texts), *zip(*texts)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _escaped(text):
    """Text with LaTeX's special characters escaped, but not inside $...$."""
    pieces = re.split(r"(\$[^$]*\$)", text)
    return "".join(
        piece if piece.startswith("$") else re.sub(r"([&%#_])", r"\\\1", piece) for piece in pieces
    )
