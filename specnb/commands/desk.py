"""Commands around the work: ``specnb list``, ``init``, ``lab``, ``open`` and ``completion``."""

import json
import os
import shlex
import sys
import webbrowser
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from specnb.commands.notebooks import FOLDER, all_notebooks
from specnb.core.paths import ROOT


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_all(as_json):
    """List notebooks, models and surveys."""
    from specnb.reproduce.contents import contents

    found = contents()
    if as_json:
        return click.echo(json.dumps(found, ensure_ascii=False))
    sections = {
        "Notebooks": [(each["name"], each["title"]) for each in found["notebooks"]],
        "Models": [
            (each["name"], f"{each['kind']}, {each['bytes'] / 1e6:.1f} MB. {each['what']}")
            for each in found["models"]
        ],
        "Surveys": [(each["name"], _survey_text(**each)) for each in found["surveys"]],
    }
    formatter = click.HelpFormatter(max_width=100)
    for title, rows in sections.items():
        with formatter.section(title):
            formatter.write_dl(rows)
    return click.echo(formatter.getvalue(), nl=False)


@click.command()
@click.argument("folder", type=FOLDER)
def init(folder):
    """Copy the notebooks into FOLDER, to work there."""
    from specnb.reproduce.contents import copy_notebooks

    copy_notebooks(folder)
    click.echo(f"cd {shlex.quote(str(folder))}\nspecnb lab")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def lab(options):
    """Open JupyterLab on the first notebook.

    OPTIONS are those of JupyterLab, such as --no-browser or --port 9000. In its terminals the
    command specnb is the one that runs now.
    """
    first, here = all_notebooks()[0], str(Path(sys.executable).parent)
    path = os.pathsep.join([here, os.environ.get("PATH", os.defpath)])
    command = [sys.executable, "-P", "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}"]
    command += [f"--LabApp.default_url=/lab/tree/{first.relative_to(ROOT).as_posix()}", *options]
    os.execve(command[0], command, os.environ | {"PATH": path})  # Ctrl-C is JupyterLab's alone


@click.command("open")
@click.argument("folder", type=FOLDER, required=False)
def open_results(folder):
    """Show results in the browser: the last ones, or those in FOLDER."""
    from specnb.reproduce.rendering import last_results, write_page

    page = write_page(folder or last_results())
    click.echo(page)
    webbrowser.open(page.as_uri())


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context, shell):
    """Print what makes a shell complete commands.

    Add to ~/.bashrc, for example, the line: eval "$(specnb completion bash)"
    """
    kind, group = get_completion_class(shell), context.find_root().command
    click.echo(kind(group, {}, "specnb", "_SPECNB_COMPLETE").source())


def _survey_text(title, labels, pixels, first, last, resolving_power, **_):
    names = ", ".join(label["name"] for label in labels)
    return (
        f"{title}: {pixels} pixels, {first:.0f}-{last:.0f} Å, R = {resolving_power:g}; "
        f"labels {names}"
    )
