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
    groups = {key: table[[other == key for other in keys]] for key in dict.fromkeys(keys)}
    out = Table(rows=list(groups), names=by)
    out["seeds"] = [len(group) for group in groups.values()]
    for name in values:
        for suffix, function in {"": np.mean, "_min": np.min, "_max": np.max}.items():
            out[name + suffix] = Column(
                [function(group[name]) for group in groups.values()], unit=table[name].unit
            )
    return out
