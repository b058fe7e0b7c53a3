"""Settings of all tests: they use one thread, open no window and download nothing."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
if "SPECNB_DATA" not in os.environ:
    os.environ["SPECNB_OFFLINE"] = "1"
