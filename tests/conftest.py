"""Settings of all tests: one thread, no window, no downloads."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
if "SPECNB_DATA" not in os.environ:
    os.environ["SPECNB_OFFLINE"] = "1"
