"""Settings of all tests: they use one thread, open no window and download nothing."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("SPECNB_OFFLINE", "1")  # with 0, one more test asks the archives


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Folder of the static page with the explorers that are shipped."""
    from specnb.widgets.shipped import entries
    from specnb.widgets.static import write_site

    folder = tmp_path_factory.mktemp("static") / "site"
    write_site(folder, entries())
    return folder


@pytest.fixture(scope="session")
def address(site):
    """Address of the static page."""
    from chromium import served

    with served(site) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """A browser, which is closed before other modules start their own."""
    from chromium import chromium

    with chromium() as browser:
        yield browser
