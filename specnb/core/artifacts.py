"""Fitted models and mock surveys, kept in files whose names depend on all that determines them.

Notebooks share these files, and a second run finds them again. The folder can be deleted at any
time.

The code is among what determines a file. Sources are read as text and never run. A module counts if
it is imported anywhere, also inside a function, and if it is imported through other modules. The
packages that contain a module count as well, because Python runs their ``__init__`` first. A change
of comments, docstrings or formatting does not change the digest of the code.
"""

import ast
import warnings
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

from specnb.core.paths import ARTIFACTS, PACKAGE
from specnb.core.writing import replacing

EVERYTHING = "*"  # stands for all modules, where nobody can tell which ones a source imports


def read_sources() -> dict[str, str]:
    """The text of every module of specnb, as it is on disk now, by the module's name."""
    sources = {}
    modules = (path for path in PACKAGE.rglob("*.py") if (path.parent / "__init__.py").is_file())
    for path in sorted(modules):  # a wheel has notebooks in its folder, too
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        sources[name.removesuffix(".__init__")] = path.read_text("utf-8")
    return sources


def code_digest(modules, sources: dict[str, str]) -> str:
    """SHA-256 of what modules of specnb, and all those that they import, mean.

    Parameters
    ----------
    modules : collection of str
        As for `imported_modules`.
    sources : dict
        As from `read_sources`.
    """
    used = sorted(imported_modules(modules, sources))
    return _sha256("".join(f"{name} {parse(sources[name]).meaning}\n" for name in used))


def _tree(text):
    try:
        return ast.parse(text)
    except SystemError:  # early releases of 3.11 fail if two threads parse at once (gh-106905)
        return ast.parse(text)


@cache
def parse(text: str) -> SimpleNamespace:
    """Read a source text.

    Returns
    -------
    SimpleNamespace
        ``imports``: a set of dotted names; ``import a.b`` gives ``a.b.*``, and ``from a import b``
        gives ``a.b.*`` too, where the star stands for any name in ``a.b``. It is `EVERYTHING` if
        the text is not plain Python, such as a cell with a ``%magic``. ``lazy``: names that a
        package opens when they are first used, and their modules within it, which is its dictionary
        ``_HOME``. ``meaning``: digest of the code without comments, docstrings and formatting.

    Raises
    ------
    ValueError
        For a relative import, whose module the text alone does not tell.
    """
    try:
        tree = _tree(text)
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
    return SimpleNamespace(imports=imports, lazy=lazy, meaning=_sha256(_meaning(tree)))


def _meaning(node):
    """A syntax tree as text, which is the same in each Python, unlike that of `ast.dump`."""
    if isinstance(node, list):
        return f"[{', '.join(map(_meaning, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    inner = ", ".join(f"{name}={_meaning(value)}" for name, value in fields)
    return f"{type(node).__name__}({inner})"


def _sha256(text):
    return sha256(text.encode()).hexdigest()


def imported_modules(names, sources: dict[str, str]) -> set[str]:
    """The modules of specnb among dotted names, and all that these import, also through others.

    Parameters
    ----------
    names : collection of str
        Such as the imports that `parse` finds; `EVERYTHING` among them stands for all.
    sources : dict
        As from `read_sources`.
    """
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


# The code as this process imported it. Edits that are made during a long run do not count for that
# run.
SOURCES = read_sources()


def artifact_path(kind: str, config, suffix: str, data=(), code=None) -> Path:
    """The path at which an artifact is stored, or would be stored if it existed.

    Parameters
    ----------
    kind, config, suffix, data
        As in `artifact`.
    code : function or class, optional
        The code that makes the artifact. The name depends on the module of this code and on all
        modules of specnb that this module imports. If the code is not given or is not part of
        specnb, the name depends on all modules of specnb.
    """
    module = getattr(code, "__module__", None)
    digest = sha256(f"{type(config).__module__}.{config!r}".encode())  # with names of classes
    digest.update(code_digest([module if module in SOURCES else EVERYTHING], SOURCES).encode())
    for source in data:
        digest.update(sha256(Path(source).read_bytes()).digest())
    return ARTIFACTS / f"{kind}-{digest.hexdigest()[:16]}{suffix}"


@contextmanager
def dropped_if_damaged(path: Path):
    """Delete a file that the block cannot read, and name it in a warning instead of an error."""
    try:
        yield
    except (OSError, ValueError) as error:
        path.unlink(missing_ok=True)
        warnings.warn(
            f"the stored file {path.name} is damaged: it is deleted and made again ({error})",
            stacklevel=3,
        )


def artifact(kind: str, config, suffix: str, make, data=(), code=None, read=Path):
    """An artifact, which is made if it does not exist, or if its file is damaged.

    Parameters
    ----------
    kind : str
        What the artifact is. This is the first part of the file's name.
    config : dataclass, or tuple of them
        Configuration that determines the artifact.
    suffix : str
        Ending of the file's name.
    make : callable
        Called as ``make(path)`` to write the artifact. It writes to a temporary file, which is
        renamed when it is complete.
    data : sequence of path
        Files whose contents determine the artifact.
    code : function or class, optional
        The code that makes the artifact, see `artifact_path`. The default is ``make``. A notebook
        passes the function of specnb that its own ``make`` calls.
    read : callable, optional
        Called as ``read(path)`` to read the file. If it raises OSError or ValueError for a file
        that was made before, that file is deleted, which a warning tells, and made again.

    Returns
    -------
    object
        What ``read`` returns. Without it, the path of the file, which is not read.
    """
    path = artifact_path(kind, config, suffix, data, code or make)
    if path.exists():
        with dropped_if_damaged(path):
            return read(path)
    with replacing(path) as temporary:
        make(temporary)
    return read(path)
