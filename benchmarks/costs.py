"""Writes the page of the cost model, COSTS.md, and its figure from the measurements in the folder costs/.

Usage: python benchmarks/costs.py

The measurements come from `costs_measure`, `costs_gpu` and `costs_typical`. The page says how to make them again.
"""

import json
from pathlib import Path

import costs_tables as tables
import numpy as np
from costs_machines import MEASURED, read_machines
from costs_size import Size
from costs_stages import STAGES
from costs_studies import DR4, study_a, study_b
from jinja2 import Template

from specnb.plots.style import GREY, PAGE, Figure, styled

HERE = Path(__file__).parent
LONGEST_A = 3_000_000  # stars: beyond, the data of study A would not fit in memory


@styled
def figure(machines, jacobians) -> Figure:
    """Left: the check of each stage. Right: hours for labels and for study A against the number of stars."""
    result = Figure(PAGE, 2.9)
    left, right = result.subplots(1, 2, width_ratios=(1, 1.15))
    ends = np.array([5e-3, 1e2])
    left.fill_between(
        ends, ends * (1 - tables.GOOD), ends * (1 + tables.GOOD), color=GREY, alpha=0.3, lw=0
    )
    left.loglog(ends, ends, color=GREY, lw=0.7, label=f"equal, ±{tables.GOOD:.0%}")
    for machine in machines:
        pairs = [
            machine.formulas[name].check for name in STAGES if machine in tables.own(machines, name)
        ]
        predicted, found = np.transpose([pair for pair in pairs if pair])
        left.loglog(found, predicted, "o", ms=3.5, color=machine.color, label=machine.name)
    left.set(
        xlabel="Measured at a size not fitted to (s)", ylabel="Predicted (s)", xlim=ends, ylim=ends
    )
    left.legend(loc="upper left")
    n = np.geomspace(1e4, 2.5e8, 60).astype(int)
    few = n[n <= LONGEST_A]
    for machine in machines:
        study = [sum(machine.seconds(part)[0] for part in study_a(k)) / 3600 for k in few]
        right.loglog(
            n,
            [machine.labelling(k, jacobians, DR4)[0] / 3600 for k in n],
            color=machine.color,
        )
        right.loglog(few, study, "--", color=machine.color)
        largest = machine.labelled
        right.loglog(
            largest,
            machine.labelling(largest, jacobians, DR4)[0] / 3600,
            "o",
            ms=4,
            color=machine.color,
        )
    for hours, text in ((24, "a day"), (24 * 7, "a week")):
        right.axhline(hours, color=GREY, lw=0.6)
        right.text(1.2e4, hours * 1.12, text, color=GREY, fontsize=7)
    right.plot([], [], color="black", label="labels, 961 pixels")
    right.plot([], [], "--", color="black", label="study A, 800 pixels")
    right.plot([], [], "o", ms=4, color="black", label="largest file labelled (800 pixels)")
    right.legend(loc="lower right")
    right.set(xlabel="RVS stars", ylabel="Hours")
    return result


def read(name):
    return [
        json.loads(line) for line in (MEASURED / f"{name}.jsonl").read_text("utf-8").splitlines()
    ]


def main():
    typical, checked = read("typical"), read("gpu_checks")
    jacobians = {row["model"]: row["value"] for row in typical if row["typical"] == "jacobians"}
    machines, rows = read_machines()
    studies = (study_a(64_305), study_b(100_000, jacobians), study_b(100_000, jacobians, band=True))
    known = {
        "cpu": rows["cpu2"][0]["machine"],
        "gpu": rows["gpu"][0]["machine"],
        "torch": rows["gpu"][0]["torch"],
        "machines": machines,
        "typical": typical,
        "jacobians": jacobians,
        "method": tables.method(machines),
        "factors": tables.factors(machines),
        "checks": tables.checks(machines),
        "off": np.abs(tables.deviations(machines)),
        "median": np.median(np.abs(tables.deviations(machines))),
        "good": tables.GOOD,
        "totals": tables.totals(machines, jacobians),
        "part_a": tables.parts_of(machines, studies[0]),
        "part_b": tables.parts_of(machines, *studies[1:]),
        "commands": tables.commands(machines, rows, jacobians),
        "repeated": tables.repeated(rows),
        "speeds": [
            1e7 / (each.labelling(10**7, jacobians["rvs"])[0] - each.start) for each in machines
        ],
        "slope": machines[0].formulas["label"].factors["stars in turn"],
        "fitted": 2e-7 * (machines[0].labelling(10**7, jacobians["rvs"])[0] - machines[0].start),
        "million": 800e6 * tables.per_pixel(typical),
        "memory": tables.memory(typical, rows),
        "disk": tables.disk(typical),
        "transfer": tables.transfer(),
        "verdicts": tables.verdicts(checked),
        "failed": any("error" in row for row in checked),
        "regressor": machines[0].formulas["regressor"](Size(51_444, 800, 4)),
        "emulators": [tables.duration(machines[0].seconds(study[0])[0]) for study in studies[1:]],
    }
    template = Template(
        (MEASURED / "COSTS.md.j2").read_text("utf-8"), trim_blocks=True, lstrip_blocks=True
    )
    (HERE / "COSTS.md").write_text(template.render(known).rstrip() + "\n", "utf-8")
    figure(machines, jacobians["rvs"]).savefig(HERE / "costs.png", dpi=200)


if __name__ == "__main__":
    main()
