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
from types import SimpleNamespace

from specnb.core.paths import PACKAGE

EVERYTHING = "*"  # stands for all modules, where nobody can tell which ones a source imports


def read_sources() -> dict[str, str]:
    """The text of every module of specnb, as it is on disk now, by the module's name."""
    sources = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        sources[name.removesuffix(".__init__")] = path.read_text("utf-8")
    return sources


def imported_modules(text: str, sources: dict[str, str]) -> set[str]:
    """Modules that a script or the cell of a notebook imports, directly or through others.

    Parameters
    ----------
    text : str
        If it is not plain Python, such as a cell with a ``%magic``, all modules count.
    sources : dict
        As from `read_sources`.
    """
    return _follow(parse(text).imports, sources)


def code_digest(modules, sources: dict[str, str]) -> str:
    """SHA-256 of what modules of specnb, and all those that they import, mean.

    Parameters
    ----------
    modules : collection of str
        Names of modules; `EVERYTHING` among them stands for all.
    sources : dict
        As from `read_sources`.
    """
    used = sorted(_follow(modules, sources))
    return _sha256("".join(f"{name} {parse(sources[name]).meaning}\n" for name in used))


@cache
def parse(text: str) -> SimpleNamespace:
    """Read a source text.

    Returns
    -------
    SimpleNamespace
        ``imports``: a set of dotted names; ``import a.b`` gives ``a.b.*``, and ``from a import b``
        gives ``a.b.*`` too, where the star stands for any name in ``a.b``. ``lazy``: names that a
        package opens when they are first used, and their modules within it, which is its
        dictionary ``_HOME``. ``meaning``: digest of the code without comments, docstrings and
        formatting.

    Raises
    ------
    ValueError
        For a relative import, whose module the text alone does not tell.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return SimpleNamespace(imports={EVERYTHING}, lazy={}, meaning=_sha256(text))
    imports, lazy = set(), {}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                imports |= {f"{alias.name}.*" for alias in node.names}
                # `import a.b` also gives the name a, from which all of a can be used.
                imports |= {
                    f"{alias.name.partition('.')[0]}.*" for alias in node.names if not alias.asname
                }
            case ast.ImportFrom(level=0):
                imports |= {f"{node.module}.{alias.name}.*" for alias in node.names}
            case ast.ImportFrom():
                raise ValueError(f"a relative import in line {node.lineno}: give the whole name")
            case ast.Assign(targets=[ast.Name("_HOME")]):
                lazy = ast.literal_eval(node.value)
            case ast.AST(body=[ast.Expr(ast.Constant(str())), *_]):  # a docstring
                del node.body[0]
    return SimpleNamespace(imports=imports, lazy=lazy, meaning=_sha256(ast.dump(tree)))


def _sha256(text):
    return sha256(text.encode()).hexdigest()


def _follow(names, sources):
    """The modules among dotted names and all that they lead to."""
    seen, new = set(), set(sources if EVERYTHING in names else names)
    while new:
        seen |= new
        new = {following for name in new for following in _next_names(name, sources)} - seen
    return seen & set(sources)


def _next_names(name, sources):
    """What one dotted name leads to: its package, what it imports, where its lazy names live."""
    package, _, last = name.rpartition(".")
    lazy = parse(sources.get(package, "")).lazy
    opened = lazy.values() if last == "*" else [lazy.get(last, "")]
    homes = (f"{package}.{module}" for module in opened)
    return {package, *homes, *parse(sources.get(name, "")).imports}
