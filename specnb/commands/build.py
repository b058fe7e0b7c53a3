"""The command that makes sets of real stars: ``specnb data build``."""

import click

from specnb.commands.data import data

SETS = ("rvs-reference", "rvs-real", "apogee-dr14", "apogee-real")


@data.command()
@click.argument("name", type=click.Choice(SETS))
@click.option("--limit", type=click.IntRange(1), help="Only so many stars, a random sample.")
@click.option("--keep", is_flag=True, help="Keep the files of single stars that were fetched.")
@click.option(
    "--jobs", type=click.IntRange(1), default=1, help="Processes, 0.6 GB each (default: 1)."
)
def build(name, limit, keep, jobs):
    """Make a set of real stars at full size.

    rvs-reference are the first paper's stars and apogee-dr14 the second paper's domains. rvs-real and
    apogee-real are stars with labels of APOGEE DR17, for translators. Catalogues and spectra that are
    missing are fetched. A build that was interrupted goes on when it is started again. The numbers of
    stars after each cut are printed, and written to built/NAME.json in the folder SPECNB_DATA.
    """
    from astropy.table import Table

    from specnb.surveys.public import apogee, reference
    from specnb.surveys.public.build import CAME
    from specnb.surveys.public.build import build as made
    from specnb.surveys.public.built import built_path

    recipes = (reference.rvs_reference, reference.rvs_real, apogee.apogee_dr14, apogee.apogee_real)
    about = made(dict(zip(SETS, recipes))[name](keep), limit, jobs, progress=True)
    table = Table(rows=about["counts"])
    click.echo("\n".join(table.pformat(max_lines=-1, max_width=-1, align=["<", "<", ">"])))
    click.echo(f"{built_path(name)}: {_stars(about['stars'])}")
    here = {each["catalogue"]: each["stars"] for each in about["counts"] if each["cut"] == CAME}
    published = about["published"]
    for catalogue, paper in (published and published | {"all": sum(published.values())}).items():
        n = about["stars"] if catalogue == "all" else here.get(catalogue, 0)
        click.echo(f"{catalogue}: {_stars(n)}, {paper:,} in the paper ({n - paper:+,})")
    if missing := len(about["missing"]):
        text = f"no good spectrum came of {_stars(missing)}: {built_path(name, '.json')} names them"
        click.echo(
            f"{text}; to ask for all again, delete {built_path(name)} and run this again", err=True
        )
    return 3 if missing else 0


def _stars(n):
    return f"{n:,} star{'s' * (n != 1)}"
