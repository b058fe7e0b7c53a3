"""Commands that run notebooks: ``specnb paper``, ``run`` and ``sweep``; and ``readme``."""

import re
import shlex
from pathlib import Path

import click

from specnb.commands.data import fetch_stars
from specnb.core.paths import ARTIFACTS, NOTEBOOKS, ROOT
from specnb.reproduce.freshness import is_fresh
from specnb.reproduce.parameters import PROFILES, check_parameters, hint, profile_of
from specnb.reproduce.runner import check_pair, check_places, run_notebook

FOLDER = click.Path(path_type=Path)
MINUTES = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="demo",
    help="Size of the run (default: demo).",
)
@click.option(
    "--only", multiple=True, metavar="NOTEBOOK...", help="Only these notebooks, by name or number."
)
@click.argument("more", nargs=-1, metavar="")  # what follows the first notebook of --only
@click.option(
    "--output", type=FOLDER, default=ROOT / "paper_figures", help="Default: paper_figures."
)
@click.option("--force", is_flag=True, help="Run even what is fresh.")
def paper(profile, only, more, output, force):
    """Run the notebooks whose results are not fresh, and write the index."""
    run_profile(chosen_notebooks((*only, *more)), profile, output, force)


def run_profile(notebooks, profile, output, force=False):
    """What ``specnb paper`` does."""
    from specnb.reproduce.rendering import write_index

    check_places(output)
    plan, ran, unchanged = {}, [], []
    for notebook in notebooks:  # every one is checked before the first one runs
        check_pair(notebook)
        overrides, limit = profile_of(notebook, profile)
        plan[notebook] = check_parameters(notebook, overrides), limit
    fetch_stars(only_missing=True)
    write_index(output)  # names what is damaged
    for notebook, (values, limit) in plan.items():
        folder = output / notebook.stem
        fresh = not force and is_fresh(notebook, values, folder)
        (unchanged if fresh else ran).append(notebook.stem)
        click.echo(f"{notebook.stem} ({profile}): {'unchanged' if fresh else 'running'}")
        if not fresh:
            results = run_notebook(notebook, values, folder, limit, profile)
            click.echo(f"  {made(results, folder)}")
            write_index(output)
    click.echo(f"ran: {', '.join(ran) or 'none'}; unchanged: {', '.join(unchanged) or 'none'}")
    click.echo(f"index: {write_index(output)}")


@click.command()
@click.argument("notebook")
@click.option("-p", "given", multiple=True, metavar="NAME=VALUE", help="Value of a parameter.")
@click.option(
    "--output", type=FOLDER, help="Folder of the results (default: data/artifacts/runs/NOTEBOOK)."
)
@click.option("--minutes", type=MINUTES, default=60, help="Time limit (default: 60).")
def run(notebook, given, output, minutes):
    """Run one notebook with parameters of your own. NOTEBOOK is a path, name or number."""
    from specnb.reproduce.tables import cells

    notebook = find_notebook(notebook)
    output = output or ARTIFACTS / "runs" / notebook.stem
    results = run_notebook(notebook, dict(pairs(given)), output, 60.0 * minutes)
    for name, result in results["results"].items():
        click.echo(f"{name} = {cells([result['value']])[0]} {result['unit']}".rstrip())
    click.echo(made(results, output))


@click.command(
    epilog="Example: specnb sweep 04_disentangle -p latent=2,5,10,25 -p seed=1,2,3 -p n_stars=5000"
)
@click.argument("notebook")
@click.option(
    "-p",
    "given",
    multiple=True,
    metavar="NAME=VALUE,VALUE,...",
    help="Values of one parameter; where each value is a list, in brackets: -p 'layers=[64],[64,32]'.",
)
@click.option("--jobs", type=int, help="How many run at a time (default: number of cores).")
@click.option(
    "--output", type=FOLDER, help="Folder of the runs (default: data/artifacts/sweeps/NOTEBOOK)."
)
@click.option("--minutes", type=MINUTES, default=60, help="Time limit of each run (default: 60).")
@click.option(
    "--x", metavar="NAME", help="Parameter to draw against (default: the first varied number)."
)
@click.option("--y", metavar="RESULT,RESULT,...", help="Results to draw (default: all numbers).")
@click.option("--list", "listed", is_flag=True, help="Run nothing; print one command for each run.")
def sweep(notebook, given, jobs, output, minutes, x, y, listed):
    """Run one notebook over a grid of parameters. NOTEBOOK is a path, name or number.

    It runs at all combinations of the values of its parameters, skips runs whose results are fresh,
    and writes sweep.csv, .md, .tex, .png, .pdf and .npz. After an interruption, the same command
    goes on. The commands that --list prints can run on other machines, as an array job; when they
    have ended, the same sweep without --list finds their results fresh and joins them.
    """
    from specnb.reproduce.sweep import grid_points, sweep

    notebook = find_notebook(notebook)
    output = output or ARTIFACTS / "sweeps" / notebook.stem
    grid = {}
    for name, text in pairs(given):
        grid.setdefault(name, []).extend(split_values(text))
    if listed:
        for folder, values in grid_points(notebook, grid)[0].items():
            words = [each for name in grid for each in ("-p", f"{name}={values[name]}")]
            words += ["--minutes", f"{minutes:g}", "--output", str(output / folder)]
            click.echo(shlex.join(["specnb", "run", str(notebook), *words]))
        return
    fetch_stars(only_missing=True)  # else the first runs fetch them, and are not fresh afterwards
    sweep(notebook, grid, output, jobs, 60.0 * minutes, x, split_values(y) if y else None)
    click.echo(f"table and figure: {output / 'sweep.*'}")


@click.command()
@click.argument("folder", type=FOLDER, default=ROOT / "paper_figures")
def crate(folder):
    """Describe a folder of results for machines: write ro-crate-metadata.json into it.

    It tells which notebook made which file, from what, with which parameters and versions.
    FOLDER is that of --output (default: paper_figures).
    """
    from specnb.reproduce.crate import write_crate

    click.echo(write_crate(folder))


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if a block differs from its file.")
def readme(check):
    """Fill the blocks of README.md with what runs wrote.

    A block stands between the lines <!-- from FILE --> and <!-- end -->.
    """
    from specnb.reproduce.readme import update_blocks

    changed = update_blocks(ROOT / "README.md", check)
    click.echo(f"blocks that changed: {', '.join(changed) or 'none'}")


def all_notebooks() -> list[Path]:
    """The project's notebooks, in order. Raises OSError if there are none."""
    if found := sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        return found
    raise FileNotFoundError(
        f"there are no notebooks in {NOTEBOOKS}: work in a folder that `specnb init FOLDER` made"
    )


def chosen_notebooks(names) -> list[Path]:
    """The notebooks that were named, or all if none was."""
    return [find_notebook(name) for name in names] or all_notebooks()


def find_notebook(name: str) -> Path:
    """A notebook from its path, stem or leading number. A .py file stands for its own notebook.

    Raises ValueError with the nearest name, and OSError for a path without a notebook.
    """
    path = Path(name)
    if path.is_file() or path.name != name:  # a path is never taken for the name of another file
        notebook = path.with_suffix(".ipynb") if path.suffix == ".py" else path
        if path.is_file() and notebook.suffix == ".ipynb" and notebook.is_file():
            return notebook
        raise FileNotFoundError(
            f"there is no notebook {notebook}: give the path of an .ipynb file, or make it from a "
            ".py file with `jupytext --to ipynb`"
        )
    known = {path.stem: path for path in all_notebooks()}
    for stem, path in known.items():
        if Path(name).stem in (stem, stem.partition("_")[0]):
            return path
    raise ValueError(
        f"there is no notebook {name}{hint(name, known)} There are: {', '.join(known)}"
    )


def split_values(text: str) -> list[str]:
    """The values in ``2,5,10`` or, for a parameter that is a list, in ``[1,2],[3]``."""
    return [value.strip() for value in re.split(r",(?![^\[]*\])", text)]  # not within brackets


def pairs(texts) -> list[tuple[str, str]]:
    """Name and value of each ``-p name=value``."""
    if wrong := [text for text in texts if "=" not in text]:
        raise ValueError(f"-p {wrong[0]}: write name=value")
    return [(name.strip(), value) for name, value in (text.split("=", 1) for text in texts)]


def made(results: dict, output: Path) -> str:
    """How many figures, tables and numbers a run made, how long it took, and where they are."""
    figures, tables, numbers = (len(results[kind]) for kind in ("figures", "tables", "results"))
    counts = f"figures {figures}, tables {tables}, numbers {numbers}"
    return f"{counts} after {results['wall_time_s']:.0f} s in {output}"
