"""Fields of configurations that have limits, and the functions that check configurations and files."""

import numbers
import tomllib
from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path

from specnb.core.reading import whole_file

# What a value of a TOML file must be for a field of a type, in words, and a test of it
TESTS = {
    str: ("text", lambda value: isinstance(value, str)),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    dict: ("a table", lambda value: isinstance(value, dict)),
    float: (
        "a number",
        lambda value: isinstance(value, numbers.Real) and not isinstance(value, bool),
    ),
}
TESTS |= {int: TESTS[float], Mapping[str, float]: TESTS[dict]} | {
    kind: (words, lambda value, one=one: isinstance(value, list) and all(map(TESTS[one][1], value)))
    for words, one, *kinds in (
        ("a list of texts", str, tuple[str, ...]),
        ("a list of tables", dict, tuple[dict, ...]),
        ("a list of numbers", float, *(tuple[int, ...], tuple[float, ...], tuple[float, float])),
    )
    for kind in kinds
}


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


def read_toml(path, kind: str) -> dict:
    """Read a TOML file.

    Parameters
    ----------
    path : path
    kind : str
        What the file should be, for the error message.

    Raises
    ------
    ValueError
        If the file is missing or is no TOML.
    """
    with whole_file(path, kind, "mend it there", ValueError):
        return tomllib.loads(Path(path).read_text("utf-8"))


def check_keys(given: dict, needed, optional, where: str, types=None):
    """Raise ValueError if a table of a file lacks a key that is needed, has one that is unknown, or
    has a value of a wrong type.

    Parameters
    ----------
    given : dict
    needed, optional : sequence of str
    where : str
        The file, and the table in it, for the error message.
    types : mapping of str to tuple of type, optional
        The types that a value may have, as a dataclass would name them, see `TESTS`. Values of other
        keys and types are not checked.
    """
    known = ", ".join((*needed, *optional))
    if not isinstance(given, dict):
        raise ValueError(f"{where} is {given!r}: give a table with {known}")
    if unknown := [key for key in given if key not in (*needed, *optional)]:
        raise ValueError(
            f"{where} has the key {unknown[0]}, which means nothing: it may have {known}"
        )
    if missing := [key for key in needed if key not in given]:
        raise ValueError(f"{where} lacks {missing[0]}: add it")
    for key, value in given.items():
        tests = [TESTS[each] for each in (types or {}).get(key, ()) if each in TESTS]
        if tests and not any(suits(value) for _, suits in tests):
            words = " or ".join(words for words, _ in tests)
            raise ValueError(f"{where} has {key} = {value!r}: give {words}")
