"""Settings of all tests: they use one thread, open no window and download nothing."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("SPECNB_OFFLINE", "1")  # with 0, one more test asks the archives
