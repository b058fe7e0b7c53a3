"""The command ``specnb``: its group of commands, its messages and its exit codes.

What takes long to import is imported by the commands that need it.
"""

import warnings

import click

import specnb.commands.build  # noqa: F401 - a command of the group `data`
from specnb import __version__
from specnb.commands.data import data
from specnb.commands.desk import completion, init, lab, list_all, open_results
from specnb.commands.explore import explore
from specnb.commands.label import encode, label, predict
from specnb.commands.notebooks import crate, paper, readme, run, sweep
from specnb.commands.train import train
from specnb.commands.verify import verify
from specnb.reproduce.runner import NotebookError

SECTIONS = {
    "Start": (explore, init, lab, list_all, open_results),
    "Your own spectra": (label, train, encode, predict),
    "Notebooks": (paper, verify, run, sweep, crate),
    "Data and upkeep": (data, readme, completion),
}
# What stands below the commands in `specnb --help`.
NOTES = {
    "Exit codes": {
        "0": "done",
        "1": "error, told in one sentence",
        "2": "wrong usage",
        "3": "done, but something was left out",
        "130": "interrupted",
    },
    "Environment variables (defaults are in data/ of a clone, else in the user's cache folder)": {
        "SPECNB_DATA": "folder of real spectra (default: real)",
        "SPECNB_STARS": "folder of further real data (default: stars)",
        "SPECNB_ARTIFACTS": "folder of what is computed (default: artifacts)",
        "SPECNB_OFFLINE": "1 forbids downloads",
        "SPECNB_MIRROR": "address of a mirror, which is asked as SPECNB_MIRROR/HOST/PATH",
    },
}


class Sections(click.Group):
    """The group of all commands, whose help has `SECTIONS` and `NOTES`."""

    def format_commands(self, context, formatter):
        texts = {
            title: {each.name: each.get_short_help_str(100) for each in commands}
            for title, commands in SECTIONS.items()
        }
        for title, rows in {**texts, **NOTES}.items():
            with formatter.section(title):
                formatter.write_dl(list(rows.items()))


@click.group(
    cls=Sections,
    commands=[command for section in SECTIONS.values() for command in section],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="specnb", message="%(prog)s %(version)s")
def commands():
    """Labels of stars from their spectra, and the notebooks that reproduce two papers."""


def one_line(message, *_) -> str:
    """A warning in one line, without the place in the code that gave it."""
    return f"specnb: warning: {' '.join(str(message).split())}\n"


def main(arguments=None) -> int:
    """Run one command; the exit code is 1 after an error, told in one message."""
    usual, warnings.formatwarning = warnings.formatwarning, one_line
    try:
        return commands(arguments, prog_name="specnb", standalone_mode=False) or 0
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except (NotebookError, ValueError, OSError, FloatingPointError) as error:
        click.echo(f"specnb: {error}", err=True)
        return 1
    except click.Abort:  # Ctrl-C
        click.echo("specnb: interrupted; earlier results are untouched", err=True)
        return 130
    finally:
        warnings.formatwarning = usual


if __name__ == "__main__":  # as `python -m specnb`
    raise SystemExit(main())
