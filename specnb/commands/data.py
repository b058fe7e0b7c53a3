"""Commands about data: ``specnb data``."""

import click

from specnb.core.paths import ARTIFACTS, data_folder
from specnb.reproduce.provenance import shipped_data

SURVEY = click.Choice(["rvs", "apogee"])  # those that are shipped


@click.group()
def data():
    """Fetch real stars, make the models of real stars, list data."""


@data.command()
def stars():
    """Fetch real spectra of Gaia RVS and APOGEE."""
    fetch_stars()


@data.command()
@click.argument("star")
@click.argument("field")
@click.option("--telescope", default="apo25m", help="apo25m, apo1m or lco25m (default: apo25m).")
@click.option("--release", default="dr17", help="dr14 or dr17 (default: dr17).")
@click.option("--kind", default="apStar", help="apStar or aspcapStar (default: apStar).")
def apogee(star, field, telescope, release, kind):
    """Fetch the spectrum of one star of APOGEE.

    STAR is its APOGEE_ID, such as 2M17335483-2753043, and FIELD its FIELD in the catalogue allStar,
    such as 000+02.
    """
    from specnb.surveys.apogee.archive import download_spectrum

    click.echo(download_spectrum(star, field, telescope, release, kind))


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
    """List the data files and their sizes."""
    made_here, real = ARTIFACTS.rglob("*"), data_folder().rglob("*")
    groups = {"shipped": shipped_data(), "computed here": made_here, "real spectra": real}
    for title, files in groups.items():
        click.echo(f"{title}:")
        for path in sorted(path for path in files if path.is_file()):
            click.echo(f"  {path.stat().st_size / 1e6:8.2f} MB  {path}")


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
