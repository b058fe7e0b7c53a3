"""What a notebook leaves behind: figures, tables, numbers and the inputs they came from.

A notebook makes one `Study` from its parameter ``output``. In JupyterLab ``output`` is empty and
everything is only shown; the runner sets it to a folder, and everything is shown and written there.
"""

import math
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from astropy.io.ascii.latex import latexdicts
from astropy.table import Table
from IPython import get_ipython
from IPython.core.pylabtools import select_figure_formats
from IPython.display import Markdown

from specnb.core.writing import replacing
from specnb.reproduce.provenance import checksum, portable_name, write_json

RECORD = "study.json"
MISSING = "–"
# Nothing in a file may depend on when or with which release it was drawn.
METADATA = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


class Study:
    """Show figures, tables and numbers and, given a folder, write them there.

    Parameters
    ----------
    output : str or Path
        Folder to write into, made if missing; empty to write nothing.
    """

    def __init__(self, output=""):
        self.folder = Path(output) if output else None
        self.record = {"figures": {}, "tables": {}, "results": {}, "inputs": {}}
        if shell := get_ipython():  # a Figure made without pyplot is shown as well
            select_figure_formats(shell, {"png"})

    def figure(self, fig, name: str, caption: str):
        """Write ``name.png`` (200 dpi) and ``name.pdf``, the same bytes for the same figure.

        Returns
        -------
        matplotlib Figure
            ``fig``, so that a cell that ends with this call shows it.
        """
        for kind, metadata in METADATA.items():
            self._write(
                f"{_checked(name)}.{kind}", fig.savefig, format=kind, dpi=200, metadata=metadata
            )
        self._note(
            "figures", name, {"caption": caption, "files": [f"{name}.{kind}" for kind in METADATA]}
        )
        plt.close(fig)  # pyplot would show it a second time at the end of the cell
        return fig

    def table(self, table, name: str, caption: str, formats=None) -> Markdown:
        """Write ``name.csv`` (7 significant digits), ``name.tex`` and ``name.md``, with units.

        Parameters
        ----------
        table : astropy Table
        name, caption : str
        formats : dict, optional
            Formats of columns in the LaTeX and Markdown tables, such as ``{"teff": ".0f"}``.
            Otherwise the largest number of a column has four significant digits.

        Returns
        -------
        IPython Markdown
            What a notebook shows.
        """
        formats = formats or {}
        if unknown := set(formats) - set(table.colnames):
            raise ValueError(
                f"formats of table {name!r} name no column: {', '.join(sorted(unknown))}"
            )
        columns = list(table.itercols())
        units = [f" [{column.unit}]" if str(column.unit or "") else "" for column in columns]
        headers = [column.name + unit for column, unit in zip(columns, units)]
        shown = [_cells(column, formats.get(column.name)) for column in columns]
        exact = [_cells(c, ".7g" if c.dtype.kind == "f" else "", missing="") for c in columns]
        rows = [headers, ["---"] * len(headers), *zip(*shown)]
        markdown = "".join(f"| {' | '.join(row)} |\n" for row in rows)
        files = [f"{_checked(name)}.{kind}" for kind in ("csv", "tex", "md")]
        self._write(files[0], Table(exact, names=headers).write, format="ascii.csv")
        self._write(files[1], _write_latex, columns, shown, caption)
        self._write(files[2], Path.write_text, markdown, encoding="utf-8")
        self._note("tables", name, {"caption": caption, "files": files})
        return Markdown(f"{caption}\n\n{markdown}")

    def result(self, name: str, value, unit: str = ""):
        """Record one number, bool or text and return it. Raises ValueError if it is not finite."""
        plain = (
            value.item()
            if isinstance(value, np.generic | np.ndarray) and value.ndim == 0
            else value
        )
        if not isinstance(plain, bool | int | float | str):
            raise TypeError(
                f"result {name!r} is a {type(value).__name__}: give one number, bool or str"
            )
        if isinstance(plain, float) and not math.isfinite(plain):
            raise ValueError(f"result {name!r} is {plain}: give a finite number")
        self._note("results", _checked(name), {"value": plain, "unit": str(unit)})
        return plain

    def input(self, path) -> Path:
        """Record the SHA-256 of a file that the notebook reads and return its path."""
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no input file {path}")
        self._note("inputs", portable_name(path), checksum(path))
        return path

    def _write(self, name, write, *arguments, **options):
        """Write a whole file of this name by ``write(path, ...)``, if there is a folder for it."""
        if self.folder is not None:
            with replacing(self.folder / name) as temporary:
                write(temporary, *arguments, **options)

    def _note(self, kind, name, value):
        self.record[kind][name] = value
        self._write(RECORD, write_json, self.record)


def _checked(name):
    if not re.fullmatch(r"\w[\w-]*", name, flags=re.ASCII):
        raise ValueError(f"{name!r} cannot be a name: use letters, digits, '_' and '-'")
    return name


def _cells(column, form, missing=MISSING):
    """The cells of one column as text; ``missing`` where a number is masked or not finite."""
    values = np.ma.array(column)
    if values.dtype.kind == "f":
        values = np.ma.masked_invalid(values)
        form = form or _number_format(np.abs(values.compressed()))
    return [missing if value is None else format(value, form or "") for value in values.tolist()]


def _number_format(sizes):
    sizes = sizes[sizes > 0]
    if not sizes.size:
        return ".1f"
    decimals = max(0, 3 - math.floor(math.log10(sizes.max())))
    fixed = decimals <= 6 and sizes.max() < 1e6 and sizes.min() >= 10.0**-decimals
    return f".{decimals}f" if fixed else ".4g"


def _write_latex(path, columns, cells, caption):
    """Write cells in the style of A&A, which gives units a line of their own."""
    table = Table(
        [list(map(_escaped, texts)) for texts in cells],
        names=[_escaped(column.name) for column in columns],
        units=[column.unit for column in columns],
    )
    align = "".join("l" if column.dtype.kind in "OSU" else "r" for column in columns)
    style = latexdicts["AA"] | {"caption": _escaped(caption), "col_align": align}
    table.write(path, format="ascii.latex", latexdict=style)


def _escaped(text):
    """Text with LaTeX's special characters escaped, but not inside $...$."""
    pieces = re.split(r"(\$[^$]*\$)", text)
    return "".join(
        piece if piece.startswith("$") else re.sub(r"([&%#_])", r"\\\1", piece) for piece in pieces
    )
