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

    CONFIG is a TOML file with these keys, and a table [config] with settings of the network (a wrong
    one lists all). Paths are relative to the file. For example:

    \b
        output = "encoder.safetensors"
        spectra = ["train.h5", "more/"]  # files or folders
        catalogue = "labels.csv"         # with the ids of the stars; without it, spectra have labels
        [config]
        labels = ["teff", "logg"]
        lambdas = {teff = 0.03}

    \b
    emulator     needs output, survey; may have grid
    disentangle  needs output, spectra; may have catalogue, survey, error
    regressor    needs output, spectra; may have catalogue, survey, error, encoder, labels
    translate    needs output, spectra, catalogue (of the synthetic stars), emulator;
                 may have survey, error
    emulator, translate and disentangle, for the models that are shipped: only shipped = "rvs"
                 or, but for disentangle, "apogee"

    survey is rvs, apogee or the TOML file of your own (default: it is recognised). error, for spectra
    without errors, is "estimate" or a number. encoder is an autoencoder's file. After an interruption
    the same command goes on, but for a regressor.
    """  # noqa: D301 - \b is the character that keeps lines as they are, see click
    from specnb.reproduce.training import train_from

    summary = train_from(kind, config)
    if as_json:
        click.echo(json.dumps(summary))
        return
    for name, value in summary.items():
        for label, number in value.items() if isinstance(value, dict) else [("", value)]:
            text = f"{number:.4g}" if isinstance(number, float) else number
            click.echo(f"{name.replace('_', ' ')} {label}".rstrip() + f": {text}")
