"""The values that the papers publish, beside those of our runs: notebooks/published.toml."""

import tomllib
from pathlib import Path

from specnb.core.reading import whole_file
from specnb.reproduce.measures import read_rows
from specnb.reproduce.verify import read_results


def side_by_side(path, output) -> list[dict]:
    """Each published value with what results in a folder say in its place.

    Parameters
    ----------
    path : path
        A file as notebooks/published.toml; without it, the list is empty.
    output : path
        The folder of all results.

    Returns
    -------
    list of dict
        For each place in a paper, such as a table: ``paper``, ``place``, ``note``, ``notebook``,
        and ``values``, each with ``quantity``, ``published``, ``unit``, and ``found``, which is None
        where there are no such results.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    if not Path(path).exists():
        return []
    with whole_file(path, "file of published values", "take that of the repository", ValueError):
        groups = tomllib.loads(Path(path).read_text("utf-8"))["groups"]
        for group in groups:
            for value in group["values"]:
                value["found"] = _found(Path(output) / group["notebook"], group | value)
                value.setdefault("unit", "")
    return groups


def _found(folder, value):
    """The result, or the cell of a table, that stands for a published value."""
    try:
        if "result" in value:
            return read_results(folder)["results"][value["result"]]["value"]
        rows = read_rows(folder / f"{value['table']}.csv")
        chosen = [row for row in rows if value["row"].items() <= row.items()]
        return chosen[0][value["column"]]
    except (OSError, ValueError, LookupError, TypeError):  # not run, or it has no such result
        return None
