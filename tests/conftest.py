"""Settings of all tests: they use one thread, open no window and download nothing."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("SPECNB_OFFLINE", "1")  # with 0, one more test asks the archives

# Parameters of notebooks that are smaller than those of the profile quick: every cell still runs.
SMALLER = {
    "01_simulator_and_emulator": {"epochs": 1},
    "04_disentangle": {"n_stars": 600, "epochs": 2, "n_joint": 200, "n_mapped": 150},
    "05_parameterize": {"n_stars": 600, "epochs": 2, "max_iter": 10},
}


@pytest.fixture(scope="session", autouse=True)
def notebook_runs(request, tmp_path_factory):
    """Runs of the notebooks whose tests are selected: for the name of each, what waits for its end
    and the folder of its results.

    They begin with the first test, in a process beside that of all other tests. So a second core
    has work, and no test that changes the environment changes theirs.
    """
    from specnb.reproduce.parameters import profile_of
    from specnb.reproduce.runner import run_notebook

    items = [item for item in request.session.items if item.originalname == "test_notebook_runs"]
    notebooks = [item.callspec.params["notebook"] for item in items]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool:
        runs = {}
        for notebook in notebooks:
            parameters, limit = profile_of(notebook, "quick")
            parameters |= SMALLER.get(notebook.stem, {})
            output = tmp_path_factory.mktemp("notebooks") / notebook.stem
            run = pool.submit(run_notebook, notebook, parameters, output, limit, cores=1)
            runs[notebook] = run, output
        yield runs
        pool.shutdown(cancel_futures=True)
