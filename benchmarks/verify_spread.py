r"""How far two runs are apart, as shares of the tolerances: python benchmarks/verify_spread.py A B.

The sizes in notebooks/tolerances.toml come from this. A and B are the output folders of two runs of one profile, B on
another kind of processor, which these variables imitate (with a folder of artifacts of its own, because trained models
are kept there):

    SPECNB_ARTIFACTS=/tmp/b ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE ONEDNN_MAX_CPU_ISA=SSE41 \
    OPENBLAS_CORETYPE=Nehalem specnb paper --profile quick --output B

For each notebook and kind of tolerance it prints how many measures there are, how many differ, and those that differ by
more than a third of their tolerance: another processor may move them more than this one did.
"""

import sys
from collections import defaultdict
from pathlib import Path

from specnb.core.paths import NOTEBOOKS
from specnb.reproduce.measures import measures
from specnb.reproduce.provenance import real_inputs
from specnb.reproduce.tolerances import read_rules, tolerance_of
from specnb.reproduce.verify import read_results


def share(tolerance, expected, found):
    """The largest difference as a share of the tolerance, infinity for a text, and the pair."""
    zero = type(tolerance)(tolerance.kind, 0.0, tolerance.real)
    pair = zero.far(expected, found)
    if pair is None or tolerance.size is None:
        return 0.0, None
    try:
        return abs(pair[0] - pair[1]) / (tolerance.size or 1e-300), pair
    except TypeError:
        return float("inf"), pair


def main(a, b):
    """Print what is said above for each notebook that both runs have."""
    for notebook in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        first, second = Path(a, notebook.stem), Path(b, notebook.stem)
        if not (first / "results.json").exists() or not (second / "results.json").exists():
            continue
        rules, groups = read_rules(notebook), defaultdict(list)
        same_stars = real_inputs(read_results(first)) == real_inputs(read_results(second))
        one, two = measures(first), measures(second)
        for name in sorted(one.keys() | two.keys()):
            tolerance = tolerance_of(name, one.get(name, two.get(name)), rules)
            if tolerance.real and not same_stars:
                groups["other real stars", ""].append((0.0, None, name))
            elif name not in one or name not in two:
                groups[tolerance.kind, "only in one run"].append((float("inf"), None, name))
            else:
                what = "present" if tolerance.size is None else ""
                found = share(tolerance, one[name], two[name])
                groups[tolerance.kind, what].append((*found, name))
        print(notebook.stem)
        for (kind, what), members in sorted(groups.items()):
            differing = [each for each in members if each[0] > 0]
            print(f"  {kind} {what}: {len(members)} measures, {len(differing)} differ")
            for size, pair, name in sorted(differing, key=lambda each: -each[0])[:12]:
                if size > 1 / 3:
                    print(f"    {size:8.2g} of the tolerance: {name} {pair}")


if __name__ == "__main__":
    main(*sys.argv[1:])
