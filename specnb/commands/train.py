"""The command that trains from a file: ``specnb train``."""

import json
from pathlib import Path

import click

KINDS = click.Choice(["emulator", "disentangle", "translate", "regressor"])


@click.command()
@click.argument("kind", type=KINDS)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def train(kind, config, as_json):
    """Train a network that the file CONFIG describes, and write it to one file.

    CONFIG is a TOML file: `specnb.reproduce.training` tells what is in it. After an interruption the
    same command goes on.
    """
    from specnb.reproduce.training import train_from

    summary = train_from(kind, config)
    if as_json:
        click.echo(json.dumps(summary))
        return
    for name, value in summary.items():
        for label, number in value.items() if isinstance(value, dict) else [("", value)]:
            text = f"{number:.4g}" if isinstance(number, float) else number
            click.echo(f"{name.replace('_', ' ')} {label}".rstrip() + f": {text}")
