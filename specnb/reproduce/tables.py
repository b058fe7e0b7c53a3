"""Numbers as text with sensible digits, and tables as CSV, LaTeX and Markdown."""

import math
import re

import numpy as np
from astropy.io.ascii.latex import latexdicts
from astropy.table import Table

MISSING = "–"
# How LaTeX and Markdown print a text as it is, in one line. Jupyter would take a doubled backslash
# for the beginning of mathematics.
LATEX = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {each: f"\\{each}" for each in "&%#_{}$"}
    | dict.fromkeys("\n\r", " ")
)
MARKDOWN = str.maketrans(
    {"\\": "&#92;", "&": "&amp;", "<": "&lt;"}
    | {each: f"\\{each}" for each in "`*|$~"}
    | dict.fromkeys("\n\r", " ")
)
EMPHASIS = r"(?<=\])\(|(?<![^\W_])_|_(?![^\W_])"  # and links; a _ within a word is none
FORMULA = r"[=@\t\r]|[-+](?![\d.][\w .+-]*$)"  # what a spreadsheet may run; not -1e+5 or -2 to -1


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
    """Write all columns; floats have seven significant digits.

    A text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    texts = [cells(c, ".7g" if c.dtype.kind == "f" else "", missing="") for c in table.itercols()]
    texts = [[_inert(text) for text in each] for each in texts]
    Table(texts, names=[_inert(name) for name in headers(table)]).write(path, format="ascii.csv")


def _inert(text):
    return f"'{text}" if re.match(FORMULA, text) else text


def write_latex(path, table, texts, caption):
    """Write the texts of all cells in the style of A&A, which gives units a line of their own."""
    columns = list(table.itercols())
    align = "".join("l" if column.dtype.kind in "OSU" else "r" for column in columns)
    shown = Table(
        [[text.translate(LATEX) for text in each] for each in texts],
        names=[_escaped(column.name) for column in columns],
        units=[column.unit for column in columns],
    )
    style = latexdicts["AA"] | {"caption": _escaped(caption), "col_align": align}
    shown.write(path, format="ascii.latex", latexdict=style)


def markdown(table, texts) -> str:
    """The texts of all cells as a table in Markdown, which astropy does not write."""
    rows = [headers(table), *zip(*texts)]
    lines = [f"| {' | '.join(map(markdown_text, row))} |\n" for row in rows]
    return "".join([lines[0], f"| {' | '.join(['---'] * len(texts))} |\n", *lines[1:]])


def markdown_text(text) -> str:
    """Any text as Markdown that shows it as it is, in one line."""
    return re.sub(EMPHASIS, r"\\\g<0>", str(text).translate(MARKDOWN))


def _escaped(text):
    """Text with LaTeX's special characters escaped, but not inside $...$."""
    pieces = re.split(r"(\$[^$]*\$)", text)
    return "".join(
        piece if piece.startswith("$") else re.sub(r"([&%#_])", r"\\\1", piece) for piece in pieces
    )
