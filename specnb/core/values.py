"""Numbers and names as users give them, turned into plain arrays that nobody else can change.

Units are converted, masked values become NaN, and names stay exact. All functions that take arrays
or columns pass them through here.
"""

import numpy as np
from astropy import units

# Abundances and log g are logarithms, which tables give as dex or without a unit.
SAME_UNIT = ("", "dex")


def numbers(values, unit: str, what: str, dtype=float) -> np.ndarray:
    """A copy of numbers, in one unit. Missing ones are NaN.

    Parameters
    ----------
    values : array_like, masked array, astropy Column or Quantity
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
        If the values are not numbers, or their unit cannot be converted.
    """
    given = getattr(values, "unit", None)
    mask = getattr(values, "mask", False)  # of numpy's and of astropy's masked arrays
    plain = getattr(values, "unmasked", values)
    plain = plain.value if isinstance(plain, units.Quantity) else plain
    try:
        # A value that is too large for float32 becomes infinite, which callers refuse.
        with np.errstate(over="ignore"):
            array = np.array(np.ma.getdata(plain), dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must be numbers ({error}): give an array of numbers") from error
    array[np.broadcast_to(mask, array.shape)] = np.nan
    if given is None or str(given) == unit or {str(given), unit} <= set(SAME_UNIT):
        return array
    try:
        return (array * units.Unit(given).to(units.Unit(unit))).astype(dtype)
    except (units.UnitConversionError, AttributeError, ValueError, TypeError) as error:
        raise ValueError(
            f"{what} has the unit '{given}', which cannot be converted to '{unit or 'no unit'}': convert it first"
        ) from error


def names(values, what: str = "ids") -> np.ndarray:
    """Names of stars as an array of str, shape (n,). Integers keep all their digits.

    Raises
    ------
    ValueError
        If a name is missing, or if the names are floating-point numbers, which lose the last digits
        of long ids.
    """
    array = np.ravel(np.ma.getdata(values))
    if array.dtype.kind in "fc" or any(isinstance(each, float) for each in array):
        raise ValueError(
            f"{what} are floating-point numbers, which lose the last digits of long ids: "
            "give integers or text"
        )
    if array.dtype.kind == "S" or any(isinstance(each, bytes) for each in array):
        array = np.array([bytes(each).decode() for each in array])
    text = array.astype(str)
    missing = np.ravel(np.ma.getmaskarray(np.ma.asarray(values))) | (np.char.strip(text) == "")
    missing |= np.array([each is None for each in array], dtype=bool)
    if missing.any():
        raise ValueError(
            f"{what}: star {missing.argmax()} has none: leave that star out or name it"
        )
    return text
