"""The command ``specnb``: its group of commands, its messages and its exit codes.

What takes long to import is imported by the commands that need it.
"""

import click

from specnb import __version__
from specnb.commands.data import data
from specnb.commands.notebooks import paper, readme, run, sweep
from specnb.commands.train import train
from specnb.reproduce.runner import NotebookError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="specnb", message="%(prog)s %(version)s")
def commands():
    """Reproduce the figures and run the notebooks of specnb.

    SPECNB_DATA names the folder of real spectra (default: data/real in the clone), SPECNB_ARTIFACTS
    that of what is computed (default: data/artifacts).
    """


for command in (paper, run, sweep, train, readme, data):
    commands.add_command(command)


def main(arguments=None) -> int:
    """Run one command; the exit code is 1 after an error, told in one message."""
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


if __name__ == "__main__":  # as `python -m specnb`
    raise SystemExit(main())
