"""Parameters of notebooks: names, types and defaults, the values of profiles, and their check.

The cell tagged ``parameters`` is the schema. Each line reads ``name: type = default  # meaning``.
"""

import ast
import difflib
import json
import reprlib
import tomllib
from pathlib import Path

PROFILES = ("quick", "demo", "paper")
TYPES = {"int": int, "float": float, "str": str, "bool": bool, "list": list}


def read_parameters(notebook) -> dict[str, dict]:
    """The parameters of a notebook but ``output``: ``{name: {"type", "default", "help"}}``.

    Raises ValueError where a line of the parameters cell lacks a known type, or where ``output`` is
    missing.
    """
    from papermill import inspect_notebook  # takes a second

    from specnb.core.reading import whole_file

    file, schema = Path(notebook).name, {}
    with whole_file(notebook, "notebook", "save it again in JupyterLab", ValueError):
        parameters = inspect_notebook(str(notebook))
    for name, found in parameters.items():
        kind, default = found["inferred_type_name"], found["default"]
        if kind.partition("[")[0] not in TYPES:
            raise ValueError(
                f"{file}: parameter {name} has no type: write `{name}: int = 0  # meaning`"
            )
        try:
            schema[name] = {
                "type": kind,
                "default": ast.literal_eval(default),
                "help": found["help"],
            }
        except (ValueError, SyntaxError) as error:
            problem = f"the default of parameter {name} is no plain value: {default}"
            raise ValueError(f"{file}: {problem}") from error
    if schema.pop("output", None) is None:
        raise ValueError(
            f'{file} has no parameter `output: str = ""` in a cell tagged "parameters"'
        )
    return schema


def check_parameters(notebook, given: dict) -> dict:
    """All parameters of a notebook but ``output``: the defaults, with the given values in place.

    A value may be text, as a command line gives it. Raises ValueError for an unknown name or a
    wrong type.
    """
    schema = read_parameters(notebook)
    for name in given:
        if name not in schema:
            problem = f"{Path(notebook).name} has no parameter {name}"
            raise ValueError(f"{problem}{hint(name, schema)} It has: {', '.join(schema)}")
    return {
        name: convert(name, given.get(name, entry["default"]), entry["type"])
        for name, entry in schema.items()
    }


def hint(name: str, known) -> str:
    """How a sentence about an unknown name ends: with the nearest known one, if any is near."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {nearest[0]}?" if nearest else "."


def convert(name: str, value, kind: str):
    """A parameter's value as its type: one of `TYPES`, or a list such as ``list[float]``.

    Raises ValueError where it has another type, or where a number is not finite.
    """
    base, _, item = kind.removesuffix("]").partition("[")
    plain = value
    try:
        if isinstance(value, str) and base != "str":
            plain = ast.literal_eval(value.capitalize() if base == "bool" else value)
        if base == "float" and type(plain) is int:
            plain = float(plain)
        json.dumps(plain, allow_nan=False)  # raises for infinity and NaN, also in lists
    # The text is no plain value, or nested too deeply, or a number is too large.
    except (ValueError, SyntaxError, TypeError, OverflowError, RecursionError, MemoryError):
        plain = None
    if not isinstance(plain, TYPES[base]) or (isinstance(plain, bool) and base != "bool"):
        raise ValueError(
            f"parameter {name} expects {kind.replace('float', 'finite float')}, "
            f"not {reprlib.repr(value)}"
        )
    return [convert(name, each, item) for each in plain] if item else plain


def profile_of(notebook, profile: str) -> tuple[dict, float]:
    """What profiles.toml beside a notebook sets: its parameters, and its time limit in seconds."""
    path = Path(notebook).with_name("profiles.toml")
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        minutes = content.pop("time_limit_minutes")
        limit = 60.0 * minutes[profile]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{path} does not hold time_limit_minutes of {profile} ({error!r}): write it as "
            "notebooks/profiles.toml is written"
        ) from error
    for stem, tables in content.items():
        known = isinstance(tables, dict) and set(tables) <= set(PROFILES[1:])
        if not known or not path.with_name(f"{stem}.ipynb").exists():
            raise ValueError(
                f"{path}: [{stem}] must name a notebook, and hold only {' and '.join(PROFILES[1:])}"
            )
    return content.get(Path(notebook).stem, {}).get(profile, {}), limit
