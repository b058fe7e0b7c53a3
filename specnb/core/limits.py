"""Check the numbers of a configuration."""

import numbers
from dataclasses import fields


def check_limits(config, limits):
    """Raise ValueError unless numbers of a frozen dataclass are of their field's type and within limits.

    They are then plain numbers, as JSON has them: of numpy's it knows none.

    Parameters
    ----------
    config : dataclass
        Fields of type int need integers.
    limits : dict of (float, float)
        Lowest and highest value by name.
    """
    whole = {entry.name: entry.type is int for entry in fields(config)}
    for name, (low, high) in limits.items():
        value, kind = getattr(config, name), numbers.Integral if whole[name] else numbers.Real
        if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
            number = "an integer" if whole[name] else "a number"
            raise ValueError(f"{name} is {value!r}: it must be {number} from {low:g} to {high:g}")
        object.__setattr__(config, name, int(value) if whole[name] else float(value))
