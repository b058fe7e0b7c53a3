"""What a notebook leaves behind: figures, tables, texts, numbers and the inputs they came from.

A notebook makes one `Study` from its parameter ``output``. In JupyterLab ``output`` is empty and
everything is only shown; the runner sets it to a folder, and everything is shown and written there.
"""

import math
import re
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.core.pylabtools import select_figure_formats
from IPython.display import SVG, Markdown

from specnb.core.writing import replacing
from specnb.reproduce.numbers import write_numbers
from specnb.reproduce.provenance import RECORD, checksum, portable_name, write_json
from specnb.reproduce.tables import cells, markdown, write_csv, write_latex

# Nothing in a file may depend on when or with which release it was drawn.
METADATA = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


class Study:
    """Show figures, tables, texts and numbers and, given a folder, write them there.

    Parameters
    ----------
    output : str or Path
        Folder to write into, made if missing; empty to write nothing.
    """

    def __init__(self, output=""):
        self.folder = Path(output) if output else None
        self.record = {"figures": {}, "tables": {}, "texts": {}, "results": {}, "inputs": {}}
        if shell := get_ipython():  # a Figure made without pyplot is shown as well
            select_figure_formats(shell, {"png"})

    def __repr__(self):
        made = ", ".join(f"{len(entries)} {kind}" for kind, entries in self.record.items())
        return f"Study({str(self.folder or '')!r}): {made}"

    def figure(self, fig, name: str, caption: str):
        """Write a figure, ``name.png`` (200 dpi) and ``name.pdf``, and the numbers in it.

        They are the same bytes for the same figure. ``name.npz`` holds the numbers, see
        `specnb.reproduce.numbers.drawn_numbers`.

        Returns
        -------
        matplotlib Figure
            ``fig``, so that a cell that ends with this call shows it.
        """
        writers = {
            kind: partial(fig.savefig, format=kind, dpi=200, metadata=metadata)
            for kind, metadata in METADATA.items()
        }
        self._keep("figures", name, caption, **writers, npz=partial(write_numbers, figure=fig))
        plt.close(fig)  # pyplot would show it a second time at the end of the cell
        return fig

    def drawing(self, path, name: str, caption: str) -> SVG:
        """Show an SVG file and write it as ``name.svg``; it is recorded as an input, too."""
        text = self.input(path).read_text("utf-8")
        self._keep(
            "figures", name, caption, svg=partial(Path.write_text, data=text, encoding="utf-8")
        )
        return SVG(text)

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
        texts = [cells(column, formats.get(column.name)) for column in table.itercols()]
        shown = markdown(table, texts)
        self._keep(
            "tables",
            name,
            caption,
            csv=partial(write_csv, table=table),
            tex=partial(write_latex, table=table, texts=texts, caption=caption),
            md=partial(Path.write_text, data=shown, encoding="utf-8"),
        )
        return Markdown(f"{caption}\n\n{shown}")

    def text(self, name: str, text: str) -> Markdown:
        """Show Markdown whose numbers were computed in this run, and write it as ``name.md``.

        A sentence with a number belongs here and not into a Markdown cell, because other parameters
        give other numbers. `values` has the results that were recorded so far.
        """
        self._keep("texts", name, text, md=partial(Path.write_text, data=text, encoding="utf-8"))
        return Markdown(text)

    @property
    def values(self) -> dict:
        """The results that were recorded so far, by name."""
        return {name: result["value"] for name, result in self.record["results"].items()}

    def result(self, name: str, value, unit: str = ""):
        """Record one number, bool or text and return it. Raises ValueError if it is not finite."""
        plain = value.item() if getattr(value, "ndim", None) == 0 else value  # of numpy
        if not isinstance(plain, bool | int | float | str):
            raise TypeError(
                f"result {name!r} is a {type(value).__name__}: give one number, bool or str"
            )
        if isinstance(plain, float) and not math.isfinite(plain):
            raise ValueError(f"result {name!r} is {plain}: give a finite number")
        self._record("results", _checked(name), {"value": plain, "unit": str(unit)})
        return plain

    def input(self, path) -> Path:
        """Record the SHA-256 of a file that the notebook reads and return its path."""
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no input file {path}")
        self._record("inputs", portable_name(path), checksum(path))
        return path

    def _keep(self, kind, name, caption, **writers):
        """Write files of one name, each by the function ``write(path)`` of its ending."""
        files = {f"{_checked(name)}.{ending}": write for ending, write in writers.items()}
        for file, write in files.items():
            self._write(file, write)
        self._record(kind, name, {"caption": caption, "files": list(files)})

    def _record(self, kind, name, value):
        self.record[kind][name] = value
        self._write(RECORD, partial(write_json, content=self.record))

    def _write(self, file, write):
        """Write a whole file, if there is a folder for it."""
        if self.folder is not None:
            with replacing(self.folder / file) as temporary:
                write(temporary)


def _checked(name):
    if not re.fullmatch(r"\w[\w-]*", name, flags=re.ASCII):
        raise ValueError(f"{name!r} cannot be a name: use letters, digits, '_' and '-'")
    return name
