"""Find which modules of specnb a source text imports, and make a digest of their code.

The digest tells whether the code that makes a result has changed.

Sources are read as text and never run. A module counts if it is imported anywhere, also inside a
function, and if it is imported through other modules. The packages that contain a module count as
well, because Python runs their ``__init__`` first. A change of comments, docstrings or formatting
does not change the digest.
"""

import ast
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from specnb.core.paths import PACKAGE

EVERYTHING = "*"  # stands for all modules, if it is not known which ones a source imports


class Parsed(NamedTuple):
    """The content of a source text.

    Attributes
    ----------
    imports : frozenset of str
        Dotted names: ``import a.b`` gives ``a.b.*``, and so does ``from a import b``. The star
        stands for any name in ``a.b``.
    lazy : dict
        Names that a package imports only when they are first used, and the modules of the package
        in which they are defined. They are read from the package's dictionary ``_HOME``.
    meaning : str
        Digest of the code without comments, docstrings and formatting.
    """

    imports: frozenset
    lazy: dict
    meaning: str


def read_sources() -> dict[str, str]:
    """The text of every module of specnb, as it is on disk now, under the module's name."""
    sources = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        sources[name] = path.read_text("utf-8")
    return sources


def imported_modules(text: str, sources: dict[str, str]) -> set[str]:
    """Modules that a script or a notebook cell imports, directly or through other modules.

    Parameters
    ----------
    text : str
        Text of the script or cell. If it is not plain Python, such as a cell with a ``%magic``, all
        modules count.
    sources : dict
        Texts of the modules, as from `read_sources`.
    """
    return _follow(parse(text).imports, sources)


def code_digest(modules, sources: dict[str, str]) -> str:
    """SHA-256 of the code of some modules of specnb and of all modules that they import.

    Parameters
    ----------
    modules : collection of str
        Names of modules. `EVERYTHING` stands for all modules.
    sources : dict
        Texts of the modules, as from `read_sources`.
    """
    meanings = [
        f"{name} {parse(sources[name]).meaning}\n" for name in sorted(_follow(modules, sources))
    ]
    return sha256("".join(meanings).encode()).hexdigest()


@cache
def parse(text: str) -> Parsed:
    """Read a source text.

    Raises ValueError for a relative import, because the text alone does not tell which module it
    imports.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return Parsed(frozenset([EVERYTHING]), {}, sha256(text.encode()).hexdigest())
    imports, lazy = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {f"{alias.name}.*" for alias in node.names}
            # `import a.b` also defines the name a, through which all of a can be used.
            imports |= {
                f"{alias.name.partition('.')[0]}.*" for alias in node.names if alias.asname is None
            }
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"a relative import in line {node.lineno}: give the whole name")
            imports |= {f"{node.module}.{alias.name}.*" for alias in node.names}
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOME":
            lazy = ast.literal_eval(node.value)
    _remove_docstrings(tree)
    return Parsed(frozenset(imports), lazy, sha256(ast.dump(tree).encode()).hexdigest())


def _remove_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                del node.body[0]


def _follow(names, sources):
    """The modules among some dotted names, and all modules that these import."""
    seen, waiting = set(), [*names]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _next_names(name, sources)
    return seen & set(sources)


def _next_names(name, sources):
    """Names that one dotted name leads to.

    These are the package that contains it, the names that it imports, and the modules of its lazy
    names.
    """
    if name == EVERYTHING:
        return [*sources]
    package, _, last = name.rpartition(".")
    names = [package]
    if name in sources:
        names += parse(sources[name]).imports
    if package in sources:
        lazy = parse(sources[package]).lazy
        opened = lazy.values() if last == "*" else [lazy[last]] if last in lazy else []
        names += [f"{package}.{module}" for module in opened]
    return names
