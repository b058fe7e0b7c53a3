"""Numbers and names as users give them, turned into plain arrays that nobody else can change.

Units are converted, masked values become NaN, and names stay exact. All functions that take arrays
or columns pass them through here.
"""

import numpy as np
from astropy import units

# Abundances and log g are logarithms, which tables give as dex or without a unit. VizieR writes
# [Sun], [-] and [cm/s2], and Gaia log(cm.s**-2).
SAME_UNIT = (
    *("", "dex", "dex(cm / s2)", "[cm/s2]", "log(cm.s**-2)", "log(cgs)"),
    *("dex(Sun)", "[Sun]", "dex(---)", "[-]", "-", "---"),
)

# What catalogues and archives write for missing numbers: 99, 99.9, 9999.99, 999999, 1e20.
PLACEHOLDERS = np.float32(
    [1e20, 1e30, *(10.0**k - 10.0**-d for k in range(2, 8) for d in range(min(4, 8 - k)))]
)


def numbers(values, unit: str, what: str, dtype=float) -> np.ndarray:
    """A copy of numbers, in one unit. Missing ones are NaN.

    Parameters
    ----------
    values : array_like, masked array, astropy Column or Quantity, pandas Series, or lists of them
        Numbers without a unit are taken to be in ``unit``. None counts as missing.
    unit : str
        The unit of the result, as astropy writes it. "" stands for no unit.
    what : str
        What the numbers are, for error messages.
    dtype : dtype
        Type of the result, a floating-point type.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If the values are not real numbers, or their unit cannot be converted.
    """
    if _nested(values):
        values = [numbers(each, unit, what, dtype) for each in values]
    values = _without_pandas(values)
    given = getattr(values, "unit", None)
    plain = getattr(values, "unmasked", values)
    try:
        array = np.asarray(np.ma.getdata(plain))
        if array.dtype.kind in "cmMV":
            raise TypeError(f"they are of type {array.dtype}")
        # A value that is too large for float32 becomes infinite, which callers refuse.
        with np.errstate(over="ignore"):
            array = np.array(array, dtype=dtype)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ValueError(f"{what} must be numbers ({error}): give an array of numbers") from error
    array[masked(values)] = np.nan
    if given is None or str(given) == unit or {str(given), unit} <= set(SAME_UNIT):
        return array
    try:
        # 15 digits, so that nm to Å is 10 and not 9.999999999999998
        # VOTable does not know "%"
        given = str(given) if isinstance(given, units.UnrecognizedUnit) else given
        factor = float(f"{units.Unit(given).to(units.Unit(unit)):.15g}")
        return (array * factor).astype(dtype)
    except (units.UnitConversionError, AttributeError, ValueError, TypeError) as error:
        raise ValueError(
            f"{what} has the unit '{given}', which cannot be converted to '{unit or 'no unit'}': convert it first"
        ) from error


def masked(values) -> np.ndarray:
    """Where a masked array of numpy or astropy has no value, bool. NaN and None do not count.

    The result has the shape of the values, or none if no value can be masked.
    """
    if _nested(values):
        parts = ((masked(each), () if _nested(each) else np.shape(each)) for each in values)
        return np.array([np.broadcast_to(mask, shape or mask.shape) for mask, shape in parts], bool)
    return np.asarray(getattr(_without_pandas(values), "mask", False), dtype=bool)


def _nested(values):
    """Whether values are a list of arrays or lists, of which each may have a mask or a unit."""
    return isinstance(values, (list, tuple)) and any(
        isinstance(each, (list, tuple)) or hasattr(each, "mask") or hasattr(each, "unit")
        for each in values
    )


def _without_pandas(values):
    """Columns of pandas and polars as arrays: their ``mask`` is a method, not a mask."""
    return values.to_numpy() if hasattr(values, "to_numpy") else values


def placeholders(values) -> np.ndarray:
    """Which numbers of an array look like what catalogues write for missing ones, bool."""
    found = (values > 98) | (values < -98)
    found[found] = np.isin(np.abs(values[found]).astype(np.float32), PLACEHOLDERS)
    return found


def names(values, what: str = "ids") -> np.ndarray:
    """Names of stars as an array of str, shape (n,). Integers keep all their digits.

    Raises
    ------
    ValueError
        If a name is missing, or if the names are floating-point numbers, which lose the last digits
        of long ids.
    """
    values = _without_pandas(values)
    if isinstance(values, (list, tuple)):
        values = np.array(values, object)  # numpy makes floats of some lists of integers
    array = np.ravel(np.ma.getdata(getattr(values, "unmasked", values))).view(np.ndarray)
    objects = array.tolist() if array.dtype.kind in "fcO" else []
    missing = np.zeros(array.size, bool) | np.ravel(masked(values))
    missing[: len(objects)] |= np.array(
        [each is None or each is np.ma.masked or each != each for each in objects], bool
    )
    if any(isinstance(each, (float, complex)) for each in objects if each == each):
        raise ValueError(
            f"{what} are floating-point numbers, which lose the last digits of long ids: "
            "give integers or text"
        )
    text = texts(array)
    missing |= np.char.strip(text) == ""
    if missing.any():
        raise ValueError(
            f"{what}: star {missing.argmax()} has none: leave that star out or name it"
        )
    return text


def texts(array) -> np.ndarray:
    """An array of text, bytes, integers or objects as an array of str."""
    if array.dtype.kind in "SO":
        array = [
            each.decode(errors="backslashreplace") if isinstance(each, bytes) else str(each)
            for each in array
        ]
    return np.asarray(array).astype(str)
