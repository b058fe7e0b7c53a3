"""A table of the spread of results over seeds."""

import numpy as np
from astropy.table import Column, Table


def spread(table: Table, by, values) -> Table:
    """Mean, smallest and largest value of some columns over the rows of different seeds.

    Parameters
    ----------
    table : Table
    by : sequence of str
        Each combination of values in these columns becomes one row, in the order of first
        appearance.
    values : sequence of str
        Columns of numbers.

    Returns
    -------
    Table
        The columns of ``by``, ``seeds`` (the number of rows) and, for each of ``values``,
        ``<value>`` (the mean), ``<value>_min`` and ``<value>_max``.
    """
    keys = list(zip(*(table[name] for name in by)))
    rows = []
    for key in dict.fromkeys(keys):
        group = table[[k == key for k in keys]]
        row = dict(zip(by, key)) | {"seeds": len(group)}
        for name in values:
            low, high = np.min(group[name]), np.max(group[name])
            row |= {name: np.mean(group[name]), f"{name}_min": low, f"{name}_max": high}
        rows.append(row)
    out = Table(rows)
    for name in values:
        for column in (name, f"{name}_min", f"{name}_max"):
            out[column] = Column(out[column], unit=table[name].unit)
    return out
