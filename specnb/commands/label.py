"""Commands that make tables of spectra: ``specnb label``, ``encode`` and ``predict``."""

import json
from pathlib import Path

import click


def table_options(command):
    """The options and the argument that all commands of this module have."""
    options = (
        click.argument("files", nargs=-1, required=True, metavar="FILE|FOLDER..."),
        click.option(
            "-o", "--output", required=True, help="Table: a name in .ecsv, .csv, .parquet."
        ),
        click.option("--survey", metavar="FILE.toml", help="Your own survey, or the name of one."),
        click.option("--shard", metavar="i/n", help="Only the i-th of n shares; see above."),
        click.option(
            "--jobs", type=click.IntRange(1), help="Processes, 0.5 GB each (default: cores)."
        ),
        click.option("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option("--quiet", is_flag=True, help="Show no progress."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@table_options
@click.option("--model", help="Emulator: its name or file (default: that for real stars).")
@click.option("--rv/--no-rv", "fit_rv", default=None, help="Fit velocities (default: if needed).")
@click.option("--continuum-order", type=int, default=2, help="-1 for none (default: 2).")
@click.option("--no-model-error", is_flag=True, help="Let the noise of spectra decide alone.")
@click.option("--x-h", is_flag=True, help="Abundances relative to hydrogen, too.")
def label(model, fit_rv, continuum_order, no_model_error, x_h, **options):
    """Fit the labels of all stars in files and folders, and write one table.

    The survey is that of --model, or that of the first good file. A file that is bad, of another
    survey, or of a star that an earlier file has, is left out: the end says why, and the exit code
    is 3. A run that was interrupted goes on when it is started again.

    Tables .ecsv and .parquet have units, model and settings inside. A .csv is plain: they are in
    OUTPUT.meta.json.

    On many computers that share a disk, run it on each with another --shard i/n; then once more
    without, which joins the parts. Python's specnb.bulk.label.label_files does the same.
    """
    from specnb.bulk.label import label_files
    from specnb.fitting.fit import FitConfig

    config = FitConfig(continuum_order, fit_rv, x_h=x_h, model_error=not no_model_error)
    return _table(label_files, options, model=model, config=config)


@click.command()
@table_options
@click.option("--model", required=True, help="File of an autoencoder.")
def encode(model, **options):
    """Encode all spectra in files and folders, and write their latents to one table.

    For bad files, interruptions and shards, see specnb label --help.
    """
    from specnb.bulk.label import encode_files

    return _table(encode_files, options, model=model)


@click.command()
@table_options
@click.option("--regressor", required=True, help="File of a regressor.")
@click.option("--encoder", help="File of the autoencoder whose latents it takes, if it does.")
def predict(regressor, encoder, **options):
    """Predict labels from all spectra in files and folders with a saved regressor.

    For bad files, interruptions and shards, see specnb label --help.
    """
    from specnb.bulk.label import predict_files

    return _table(predict_files, options, regressor=regressor, encoder=encoder)


def _table(function, options, **models):
    """Call a function of `specnb.bulk.label` and tell what it did. Gives the exit code."""
    from specnb.surveys.files import left_out_text

    as_json, quiet = options.pop("as_json"), options.pop("quiet")
    done = function(options.pop("files"), progress=not quiet, **options, **models)
    for note in done["notes"]:
        click.echo(f"specnb: {note}", err=True)
    if done["left_out"]:
        click.echo(left_out_text({Path(k): v for k, v in done["left_out"].items()}), err=True)
    text = "{output}: {stars} stars after {seconds:.1f} s, with {model}".format(**done)
    click.echo(json.dumps(done) if as_json else text)
    return 3 if done["left_out"] else 0
