"""The command line: ``specnb paper``, ``specnb run``, ``specnb sweep`` and ``specnb data``."""

import argparse
import difflib
import re
import sys
from pathlib import Path

from specnb.core.paths import ARTIFACTS, ROOT, data_folder
from specnb.reproduce.freshness import is_fresh
from specnb.reproduce.index import write_index
from specnb.reproduce.parameters import PROFILES, check_parameters, profile_of
from specnb.reproduce.provenance import shipped_data
from specnb.reproduce.runner import NotebookError, check_pair, check_writable, run_notebook
from specnb.surveys import SURVEYS
from specnb.surveys.apogee.archive import download_spectrum
from specnb.surveys.archive import real_spectra

NOTEBOOKS = ROOT / "notebooks"
ARCHIVED = [survey for survey in SURVEYS.values() if survey.archive is not None]


def find_notebook(name: str) -> Path:
    """A notebook from its path, stem or leading number. Raises ValueError with the nearest name."""
    if Path(name).is_file() and name.endswith(".ipynb"):
        return Path(name)
    stems = [path.stem for path in all_notebooks()]
    for stem in stems:
        if Path(name).stem in (stem, stem.partition("_")[0]):
            return NOTEBOOKS / f"{stem}.ipynb"
    nearest = difflib.get_close_matches(name, stems, n=1, cutoff=0.3)
    hint = f"; did you mean {nearest[0]}?" if nearest else "."
    raise ValueError(f"there is no notebook {name}{hint} There are: {', '.join(stems)}")


def all_notebooks() -> list[Path]:
    """The project's notebooks, in order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def paper(args):
    """Run all notebooks that are not fresh and write the index."""
    notebooks = [find_notebook(name) for name in args.only] if args.only else all_notebooks()
    if not notebooks:
        raise FileNotFoundError(
            f"there are no notebooks in {NOTEBOOKS}: work in a clone of the repository"
        )
    check_writable(args.output)
    plan = []
    for notebook in notebooks:  # every one is checked before the first one runs
        check_pair(notebook)
        overrides, limit = profile_of(notebook, args.profile)
        plan.append(
            (notebook, check_parameters(notebook, overrides), args.output / notebook.stem, limit)
        )
    fetch_missing(args)
    for notebook, values, output, limit in plan:
        print(f"{notebook.stem} ({args.profile}): ", end="", flush=True)
        if not args.force and is_fresh(notebook, values, output):
            print("unchanged")
            continue
        print("running", flush=True)
        results = run_notebook(notebook, values, output, limit, args.profile)
        print(f"  {results['wall_time_s']:.0f} s, {len(results['outputs'])} files in {output}")
        write_index(args.output)
    print(f"index: {write_index(args.output)}")


def run(args):
    """Run one notebook with given parameters."""
    notebook = find_notebook(args.notebook)
    output = args.output or ARTIFACTS / "runs" / notebook.stem
    results = run_notebook(notebook, dict(_given(args.parameter)), output, 60.0 * args.minutes)
    for name, result in results["results"].items():
        print(f"{name} = {result['value']} {result['unit']}".rstrip())
    print(f"{results['wall_time_s']:.0f} s, {len(results['outputs'])} files in {output}")


def run_sweep(args):
    """Run one notebook over a grid of parameters."""
    from specnb.reproduce.sweep import sweep

    notebook = find_notebook(args.notebook)
    output = args.output or ARTIFACTS / "sweeps" / notebook.stem
    grid = {}
    for name, text in _given(args.parameter):
        grid.setdefault(name, []).extend(split_values(text))
    fetch_missing(args)  # else the first runs fetch them, all at once, and are not fresh afterwards
    sweep(notebook, grid, output, args.jobs, 60.0 * args.minutes, args.x, args.y)
    print(f"table and figure: {output / 'sweep.*'}")


def split_values(text: str) -> list[str]:
    """The values in ``2,5,10`` or, for a parameter that is a list, in ``[1,2],[3]``."""
    commas_outside_brackets = r",(?![^\[]*\])"
    return [value.strip() for value in re.split(commas_outside_brackets, text)]


def _given(texts):
    """Name and value of each ``-p name=value`` option."""
    if bad := [text for text in texts if "=" not in text]:
        raise ValueError(f"-p {bad[0]}: write name=value")
    return [(name.strip(), value) for name, value in (text.split("=", 1) for text in texts)]


def stars(args):
    """Fetch the real stars."""
    for survey in ARCHIVED:
        print(real_spectra(survey)[1])


def fetch_missing(args):
    """Fetch real stars if a survey's are not there: an earlier run may have been offline."""
    if not all(survey.archive.files() for survey in ARCHIVED):
        stars(args)


def apogee(args):
    """Fetch the spectrum of one star of APOGEE and print where it lies."""
    print(download_spectrum(args.star, args.field, args.telescope, args.release, args.kind))


def train(args):
    """Train a shipped model anew and print its errors."""
    from specnb.reproduce.shipping import STATISTICS, ship_emulator, ship_translator

    emulator = args.what == "emulator"
    errors = ship_emulator(SURVEYS[args.survey]) if emulator else ship_translator(args.survey)
    for name, value in errors.items():
        print(f"{value:.1e}  {STATISTICS.get(name, name)}")


def list_data(args):
    """Print the data files there are and their sizes."""
    made, real = ARTIFACTS.rglob("*"), data_folder().rglob("*")
    groups = {"shipped": shipped_data(), "computed here": made, "real spectra": real}
    for title, files in groups.items():
        print(f"{title}:")
        for path in sorted(path for path in files if path.is_file()):
            print(f"  {path.stat().st_size / 1e6:8.2f} MB  {path}")


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    top = argparse.ArgumentParser(
        prog="specnb", description="Reproduce the figures and run the notebooks of specnb."
    )
    commands = top.add_subparsers(required=True, metavar="command")
    notebook = option("notebook", help="path, name or number")
    many = {"dest": "parameter", "action": "append", "default": []}
    minutes = {"type": float, "default": 60.0}
    surveys = {"choices": tuple(SURVEYS)}
    add_command(
        commands,
        "paper",
        paper,
        "run the notebooks whose results are not fresh",
        option(
            "--profile", choices=PROFILES, default="demo", help="size of the run (default: demo)"
        ),
        option(
            "--only", nargs="+", metavar="NOTEBOOK", help="only these notebooks, by name or number"
        ),
        option(
            "--output", type=Path, default=ROOT / "paper_figures", help="default: paper_figures"
        ),
        option("--force", action="store_true", help="run even what is fresh"),
    )
    add_command(
        commands,
        "run",
        run,
        "run one notebook with parameters of your own",
        notebook,
        option("-p", metavar="NAME=VALUE", **many),
        option(
            "--output",
            type=Path,
            help="folder of the results (default: data/artifacts/runs/NOTEBOOK)",
        ),
        option("--minutes", help="time limit (default: 60)", **minutes),
    )
    add_command(
        commands,
        "sweep",
        run_sweep,
        "run one notebook over a grid of parameters",
        notebook,
        option(
            "-p",
            metavar="NAME=VALUE,VALUE,...",
            **many,
            help="values of one parameter; where each value is a list, in brackets: "
            "-p 'layers=[64],[64,32]'",
        ),
        option("--jobs", type=int, help="how many run at a time (default: number of cores)"),
        option(
            "--output",
            type=Path,
            help="folder of the runs (default: data/artifacts/sweeps/NOTEBOOK)",
        ),
        option("--minutes", help="time limit of each run (default: 60)", **minutes),
        option(
            "--x",
            metavar="NAME",
            help="parameter to draw against (default: the first varied number)",
        ),
        option("--y", nargs="+", metavar="RESULT", help="results to draw (default: all numbers)"),
        description="Run one notebook at all combinations of the values of its parameters, skip "
        "runs whose results are fresh, and write sweep.csv, .md, .tex, .png and .pdf. After an "
        "interruption, the same command goes on.",
        epilog="example: specnb sweep 04_disentangle -p latent=2,5,10,25 -p seed=1,2,3 "
        "-p n_stars=5000",
    )
    data = commands.add_parser("data", help="fetch real stars, train shipped models, list data")
    kinds = data.add_subparsers(required=True, metavar="what", dest="what")
    add_command(kinds, "stars", stars, "fetch real spectra of Gaia RVS and APOGEE")
    add_command(
        kinds,
        "apogee",
        apogee,
        "fetch the spectrum of one star of APOGEE",
        option("star", metavar="STAR", help="APOGEE_ID, such as 2M17335483-2753043"),
        option("field", metavar="FIELD", help="FIELD of the catalogue allStar, such as 000+02"),
        option("--telescope", default="apo25m", help="apo25m, apo1m or lco25m (default: apo25m)"),
        option("--release", default="dr17", help="dr14 or dr17 (default: dr17)"),
        option("--kind", default="apStar", help="apStar or aspcapStar (default: apStar)"),
    )
    add_command(
        kinds,
        "emulator",
        train,
        "train a shipped emulator anew from its grid",
        option("survey", nargs="?", default="rvs", help="which (default: rvs)", **surveys),
    )
    add_command(
        kinds,
        "translator",
        train,
        "train a shipped translator anew with its mock survey",
        option("survey", help="which", **surveys),
    )
    add_command(kinds, "list", list_data, "list data files")
    return top


def option(*names, **settings):
    """An option or argument of a command, as ``add_argument`` takes it."""
    return names, settings


def add_command(commands, name, do, help, *options, **settings):
    """Add a command that calls ``do`` with the values of its options."""
    command = commands.add_parser(name, help=help, **settings)
    for names, each in options:
        command.add_argument(*names, **each)
    command.set_defaults(do=do)


def main(arguments=None) -> int:
    """Run one command; the exit code is 1 after an error, told in one message."""
    args = parser().parse_args(arguments)
    try:
        args.do(args)
    except (NotebookError, ValueError, OSError) as error:
        print(f"specnb: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("specnb: interrupted; earlier results are untouched", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
