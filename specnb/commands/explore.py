"""The command ``specnb explore``: explorers in the browser that need no kernel."""

import tempfile
from pathlib import Path

import click


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--static",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write DIR and serve nothing.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: any free one.")
@click.option("--no-browser", is_flag=True, help="Print the address only.")
def explore(files, folder, port, no_browser):
    """Explore spectra in the browser, with sliders for labels, z_split and λ.

    The stars are mock stars and those in FILES, spectra of the Gaia RVS or of APOGEE. With
    --static, DIR is a page that any web server can hold, without Python.
    """
    from specnb.widgets.shipped import entries
    from specnb.widgets.static import serve, write_site

    if folder:
        write_site(folder, entries(files))
        click.echo(
            f"{folder}: put it on a web server, or look at it with\n  python -m http.server -d {folder}"
        )
        return
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "explorers"
        write_site(place, entries(files))
        serve(
            place, port, not no_browser, lambda address: click.echo(f"{address}  (end with Ctrl-C)")
        )
