r"""How far two runs are apart, as shares of the tolerances: python benchmarks/verify_spread.py PROFILE A B.

The sizes in notebooks/tolerances.toml come from this. A and B are the output folders of two runs of one profile, B on
another kind of processor, which these variables imitate (with a folder of artifacts of its own, because trained models
are kept there):

    SPECNB_ARTIFACTS=/tmp/b ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE ONEDNN_MAX_CPU_ISA=SSE41 \
    OPENBLAS_CORETYPE=Nehalem specnb paper --profile quick --output B

For each notebook it prints which results differ by more than a third of their tolerance, because another processor may
move them more than this one did, and of how many numbers `specnb verify` would notice that they are
zero, twice as large or 3% larger.
"""

import itertools
import sys
from pathlib import Path

from specnb.core.paths import NOTEBOOKS
from specnb.reproduce.measures import measures
from specnb.reproduce.tolerances import SAME, parts, read_rules, tolerances_of

SCALES = (0, 2, 1.03)


def is_number(value):
    """Whether a value is a number that scaling changes."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value != 0


def noticed(tolerances, values, exact):
    """For each number that is not zero, which of the `SCALES` are noticed."""
    for part, value in parts(values).items():
        tolerance = SAME if exact else tolerances[part]
        if is_number(value) and tolerances[part].kind != "time":
            yield [tolerance.excess(value, value * scale) > 0 for scale in SCALES]


def spread(tolerance, a, b):
    """How far two values are apart, as a share of what is allowed."""
    excess = tolerance.excess(a, b)
    if not (is_number(a) and is_number(b)):
        return float("inf") if excess > 0 else 0.0
    allowed = abs(a - b) - excess
    return abs(a - b) / allowed if allowed else float(a != b)


def count_noticed(one, tolerances):
    """Print how many results, and how many values in all, are noticed in each of the `SCALES`."""
    for kind, exact in itertools.product(("result/", ""), (False, True)):
        seen = [
            each
            for name, values in one.items()
            if name.startswith(kind)
            for each in noticed(tolerances[name], values, exact)
        ]
        counts = [sum(column) for column in zip(*seen)] or [0] * len(SCALES)
        said = ", ".join(f"×{scale} {n}" for scale, n in zip(SCALES, counts))
        print(f"  {kind or 'all'}{' --exact' if exact else ''}: of {len(seen)} are noticed {said}")


def differences(one, two, tolerances):
    """What differs by more than a third of its tolerance."""
    for name, allowed in tolerances.items():
        first, ours, theirs = next(iter(allowed.values())), one.get(name), two.get(name)
        if first.free or first.kind == "time":
            continue
        if ours is None or theirs is None or parts(ours).keys() != parts(theirs).keys():
            yield float("inf"), f"{name}: only in one run, or other rows"
            continue
        for part, value in parts(ours).items():
            other = parts(theirs)[part]
            if (share := spread(allowed[part], value, other)) > 1 / 3:
                yield share, f"{name} ({part}): {value} and {other}, {allowed[part]}"


def main(profile, a, b):
    """Print what is said above for each notebook that both runs have."""
    for notebook in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        first, second = Path(a, notebook.stem), Path(b, notebook.stem)
        if not (first / "results.json").exists() or not (second / "results.json").exists():
            continue
        rules, one, two = read_rules(notebook, profile), measures(first), measures(second)
        tolerances = {
            name: tolerances_of(name, values, rules) for name, values in (two | one).items()
        }
        print(notebook.stem)
        count_noticed(one, tolerances)
        for share, said in sorted(differences(one, two, tolerances), reverse=True)[:40]:
            print(f"    {share:8.2g} of the tolerance: {said}")


if __name__ == "__main__":
    main(*sys.argv[1:])
