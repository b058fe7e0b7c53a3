"""Commands about data: ``specnb data``."""

import warnings
from pathlib import Path

import click

from specnb.core.paths import ARTIFACTS, data_folder
from specnb.reproduce.provenance import shipped_data

SURVEY = click.Choice(["rvs", "apogee"])  # those that are shipped
FILE = click.Path(exists=True, dir_okay=False)


@click.group()
def data():
    """Fetch public data, check and list what is there, make the models of real stars."""


@data.command()
def stars():
    """Fetch a few real spectra of Gaia RVS and APOGEE, for the notebooks."""
    fetch_stars()


@data.command()
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--ids", type=FILE, help="Stars of Gaia: a file with a column source_id, or one a line."
)
@click.option("--stars", type=FILE, help="Stars of SDSS: a table with rows of its catalogue.")
@click.option("--kind", default="apStar", help="apStar or aspcapStar (default: apStar).")
@click.option("--files", default="*", help="Only files of such names: 'RvsMeanSpectrum_0000*'.")
def fetch(names, **options):
    """Fetch public data by their NAMES, see specnb data list.

    They come to the folder archives in SPECNB_DATA. If it is interrupted, the same command goes on
    where it stopped. The exit code is 3 if an archive lacks something.
    """
    from specnb.surveys import LeftOutWarning
    from specnb.surveys.public.datasets import fetch, folder

    with warnings.catch_warnings(record=True) as told:
        for name in names:
            paths = fetch(name, progress=True, **options)
            click.echo(f"{name}: {_amount(paths)} in {folder(name)}")
    for each in told:
        click.echo(f"specnb: warning: {each.message}", err=True)
    return 3 if any(issubclass(each.category, LeftOutWarning) for each in told) else 0


@data.command()
@click.argument("name")
def info(name):
    """Say what public data are: source, credit, licence, what is there and where."""
    from specnb.surveys.public.datasets import dataset

    found = dataset(name)
    for what in ("title", "use", "amount", "source", "credit", "licence"):
        click.echo(f"{what:8} {getattr(found, what) or 'not published'}")
    for file in found.files:
        told = [f"{each:,} {key}" if isinstance(each, int) else each for key, each in file.items()]
        click.echo(f"{'file':8} {' '.join(told)}")
    click.echo(f"{'here':8} {_amount(found.there())} in {found.path}")


@data.command()
@click.argument("names", nargs=-1)
def check(names):
    """Compare fetched data with what was published, and read the head of each file.

    Sets that specnb data build made are compared with their checksums. Without NAMES it checks all that is
    there. The exit code is 3 if something is damaged or missing.
    """
    from specnb.surveys.public import datasets
    from specnb.surveys.public.build import damage_of
    from specnb.surveys.public.built import built_path

    files = [*built_path("").parent.glob("[!.]*.h5"), *built_path("").parent.glob("[!.]*.json")]
    sets = sorted({path.stem for path in files})  # also those of which a file is lost
    there = [name for name, each in datasets.datasets().items() if each.path.is_dir()]
    problems = {}
    for name in names or there + sets:
        found = damage_of(name) if name in sets else datasets.check(name)
        files = [built_path(name)] if name in sets else datasets.dataset(name).there()
        problems |= found
        click.echo(f"{name}: {_amount([*filter(Path.is_file, files)])}, {len(found)} not good")
    for path, problem in problems.items():
        click.echo(f"specnb: {path}: {problem}", err=True)
    return 3 if problems else 0


@data.command()
@click.argument("survey", type=SURVEY)
def real(survey):
    """Make the emulator of real spectra again, which fits use by default.

    SPECNB_STARS names the folder of the data that it needs.
    """
    from specnb.reproduce.shipping import ship_real

    click.echo(ship_real(survey))


@data.command("list")
def list_data():
    """List the data files that are there, and the public data that can be fetched."""
    from specnb.surveys.public.datasets import datasets

    # The archives are not listed file by file.
    made_here, real = ARTIFACTS.rglob("*"), data_folder().glob("*/*")
    groups = {"shipped": shipped_data(), "computed here": made_here, "real data": real}
    for title, files in groups.items():
        click.echo(f"{title}:")
        for path in sorted(path for path in files if path.is_file()):
            click.echo(f"  {path.stat().st_size / 1e6:8.2f} MB  {path}")
    click.echo("public data (see `specnb data info NAME`):")
    for name, each in datasets().items():
        begun = len([*each.path.rglob("*.part")])
        more = f" ({begun} not whole: fetch it again)" * (begun > 0)
        click.echo(f"  {name:20} {_amount(each.there()):>18}  {each.title}{more}")


def _amount(paths):
    return f"{len(paths)} file{'s' * (len(paths) != 1)}, {sum(path.stat().st_size for path in paths) / 1e6:.1f} MB"


def fetch_stars(only_missing=False):
    """Fetch real stars of all surveys, or of those that miss some: an earlier run may have been offline."""
    from specnb.surveys import SURVEYS
    from specnb.surveys.archive import real_spectra

    for survey in SURVEYS.values():
        missing = survey.archive.missing(survey) if survey.archive else []
        if missing:
            click.echo(f"looking for {len(missing)} files in {survey.archive.source}", err=True)
        if missing or (survey.archive and not only_missing):
            click.echo(real_spectra(survey)[1])
