"""Time from a slider event to the new PNG in the explorer: emulator, Jacobian, drawing and encoding.

Usage: python benchmarks/slider_latency.py [MOVES]
"""

import sys
import time

import numpy as np

from specnb.emulator.shipped import load_emulator
from specnb.widgets import explore_emulator


def moves(explorer, n, seed=0):
    """Seconds of n slider moves: a walk of one to five steps, each along a slider drawn at random."""
    rng = np.random.default_rng(seed)
    seconds = []
    for name in rng.choice(list(explorer.sliders), n):
        slider = explorer.sliders[name]
        towards_the_middle = 1 if slider.value < 0.5 * (slider.min + slider.max) else -1
        step = slider.step * rng.integers(1, 6) * towards_the_middle
        before = explorer.image.value
        start = time.perf_counter()
        slider.value += step
        seconds.append(time.perf_counter() - start)
        if explorer.image.value == before:
            raise RuntimeError(f"{name} moved to {slider.value}, but the picture did not change")
    return np.array(seconds)


def main(n=50, emulator=None):
    explorer = explore_emulator(emulator or load_emulator("rvs"))
    moves(explorer, 5)  # warm up
    print(f"picture          median   95th percentile   largest   (ms, {n} moves)")
    for window in ("whole range", "Ca II 8544"):
        explorer.window.value = window
        seconds = 1e3 * moves(explorer, n)
        print(
            f"{window:15s} {np.median(seconds):7.1f} {np.percentile(seconds, 95):17.1f} {seconds.max():9.1f}"
        )
    print(f"PNG: {len(explorer.image.value) / 1024:.0f} kB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
