"""The command ``specnb explore``: explorers in the browser that need no kernel."""

import tempfile
import webbrowser
from contextlib import suppress
from pathlib import Path

import click


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--static", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Only write DIR."
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: any free one.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def explore(files, folder, port, no_browser):
    """Explore spectra in the browser, with sliders for labels, z_split and λ.

    The stars are mock stars and those in FILES, spectra of the Gaia RVS or of APOGEE. With
    --static, DIR is a page that any web server can hold, without Python.
    """
    from specnb.widgets.shipped import entries
    from specnb.widgets.static import server_of, write_site

    if folder:
        write_site(folder, entries(files))
        click.echo(
            f"{folder}: for any web server; to look at it: python -m http.server -d {folder}"
        )
        return
    with tempfile.TemporaryDirectory() as temporary, server_of(temporary, port) as server:
        site = Path(temporary) / "site"
        write_site(site, entries(files))
        address = f"http://127.0.0.1:{server.server_port}/site/"
        click.echo(f"{address} (Ctrl-C ends it)")
        if not no_browser:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):  # the usual end
            server.serve_forever()
