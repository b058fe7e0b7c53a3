"""Fields of configurations that have limits, and the function that checks the limits."""

import numbers
from dataclasses import field, fields


def within(lowest: float, highest: float, default, off=None):
    """A field of a dataclass for a number with limits, which `check_fields` enforces.

    Parameters
    ----------
    lowest, highest : float
        Lowest and highest allowed value.
    default : int or float
        Value of the field if none is given.
    off : int or float, optional
        Value with which the effect of the field is switched off.

    Examples
    --------
    ``latent: int = within(1, 10_000, default=25)``
    """
    return field(default=default, metadata={"limits": (lowest, highest), "off": off})


def check_fields(config):
    """Raise ValueError unless the fields of a frozen dataclass have their types and limits.

    Fields of type bool must be True or False, and those of type ``bool | None`` may also be None.
    Fields made by `within` must be numbers within their limits, and integers if their type is int.
    Numbers of numpy are converted to plain Python numbers, because JSON has no others, and lists to
    the tuples that JSON does not have. Other fields are not checked.
    """
    for entry in fields(config):
        value = getattr(config, entry.name)
        if entry.type in (bool, bool | None) and not isinstance(value, entry.type):
            choices = "True or False" if entry.type is bool else "True, False or None"
            raise ValueError(f"{entry.name} is {value!r}: it must be {choices}")
        if "limits" in entry.metadata:
            low, high = entry.metadata["limits"]
            kind, what = (
                (numbers.Integral, "an integer")
                if entry.type is int
                else (numbers.Real, "a number")
            )
            if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
                raise ValueError(
                    f"{entry.name} is {value!r}: it must be {what} from {low:g} to {high:g}"
                )
            object.__setattr__(config, entry.name, entry.type(value))
        if isinstance(value, list):
            object.__setattr__(config, entry.name, tuple(value))
