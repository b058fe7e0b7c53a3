"""Writes the page of the cost model, COSTS.md, and its figure from the measurements in the folder costs/.

Usage: python benchmarks/costs.py

The measurements come from `costs_measure`, `costs_gpu` and `costs_typical`. The page says how to make them again.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from costs_model import formulas, read_measurements
from costs_size import Size
from costs_stages import STAGES
from costs_studies import (
    BAND,
    DR4,
    RVS,
    fits,
    paper_autoencoders,
    paper_translator,
    study_a,
    study_b,
)
from jinja2 import Template

from specnb.plots.style import BLUE, COLUMN, GREEN, GREY, ORANGE, PAGE, VERMILLION, Figure

HERE = Path(__file__).parent
MEASURED, PAGE_FILE, TEMPLATE, FIGURE = (
    HERE / name for name in ("costs", "COSTS.md", "costs/COSTS.md.j2", "costs.png")
)
STARS = {
    "the paper's 64,305": 64_305,
    "100,000": 100_000,
    "a million": 1_000_000,
    "DR4's 250 million": 250_000_000,
}


@dataclass(frozen=True)
class Machine:
    """A machine with its formulas. ``cores`` run what needs one thread; ``labels`` is the formula of the command."""

    name: str
    color: str
    formulas: dict
    cores: int
    jobs: int
    efficiency: float = 1.0  # of all cores, relative to one thread that has two cores for itself

    def seconds(self, part) -> tuple[float, float]:
        """Seconds of a part of a study, and how many times larger it is than what was measured."""
        formula = self.formulas[part.stage]
        stage = STAGES[part.stage]
        at_once = (
            min(self.cores, part.share) * self.efficiency
            if stage.alone and not self.on_gpu(stage)
            else 1.0
        )
        return part.times * formula(part.size) / max(1.0, at_once), formula.beyond(part.size)

    def on_gpu(self, stage):
        return self.name.endswith("GPU") and "cuda" in stage.devices

    def labelling(self, n, pixels=800):
        """Seconds in which the command labels n RVS stars. More pixels cost what they cost a fit."""
        formula, fit = self.formulas["label"], self.formulas["fit"]
        piece = STAGES["fit"].on("cuda" if self.name.endswith("GPU") else "cpu")[-1].n
        ratio = fit(Size(piece, pixels)) / fit(Size(piece))
        return formula(Size(n, jobs=self.jobs)) * ratio, formula.beyond(Size(n))


def read_machines():
    """The three machines of the page, and the rows of all measurements."""
    rows = {
        path.stem: read_measurements(path)
        for path in sorted(MEASURED.glob("*.jsonl"))
        if path.stem not in ("typical", "gpu_checks")
    }
    two = formulas(rows["cpu2"])
    sixteen = {name: formula for name, formula in two.items() if STAGES[name].alone} | formulas(
        rows["cpu16"]
    )
    efficiency = speed(sixteen, 16) / (8 * speed(two, 2))
    # The command on a GPU is fastest with some number of processes, which was tried.
    jobs = sorted({row["threads"] for row in rows["gpu_label"]})
    commands = {
        k: formulas([row for row in rows["gpu_label"] if row["threads"] == k])["label"]
        for k in jobs
    }
    best = max(jobs, key=lambda k: speed({"label": commands[k]}, k))
    gpu = sixteen | formulas(rows["gpu"]) | {"label": commands[best]}
    machines = (
        Machine("2 cores", BLUE, two, 2, 2),
        Machine("16 cores", GREEN, sixteen, 16, 16, efficiency),
        Machine("GPU", VERMILLION, gpu, 16, best, efficiency),
    )
    return machines, rows, commands


def speed(found, jobs):
    """Stars a second of the command, without its start."""
    many, twice = (Size(n * jobs, jobs=jobs) for n in (80_000, 160_000))
    return many.n / (found["label"](twice) - found["label"](many))


def duration(seconds) -> str:
    """Seconds as a text with two digits."""
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{float(f'{seconds / size:.2g}'):g} {unit}"
    return f"{float(f'{seconds:.2g}'):g} s"


def cell(seconds, beyond) -> str:
    """A time, with the factor by which it is extrapolated, if it is."""
    return duration(seconds) + (f" (×{float(f'{beyond:.2g}'):g})" if beyond > 1.05 else "")


def totals(machines, jacobians):
    """Rows of the table of totals: what is done, and a text for each machine."""
    rows = []

    def add(what, n, parts):
        cells = []
        for machine in machines:
            found = [machine.seconds(part) for part in parts]
            cells.append(
                cell(sum(seconds for seconds, _ in found), max(beyond for _, beyond in found))
            )
        rows.append((what, n, cells))

    for title in ("the paper's 64,305", "a million"):
        add("**Study A**", title, study_a(STARS[title]))
        add(
            "its autoencoders, trained as the paper's code does",
            title,
            paper_autoencoders(STARS[title]),
        )
    for title in ("100,000", "a million"):
        add("**Study B**, RVS, 6 labels", title, study_b(STARS[title], jacobians))
        add("**Study B**, H band, 25 labels", title, study_b(STARS[title], jacobians, band=True))
    add("its translator with the networks and the steps of the paper", "any", paper_translator())
    for title, n, pixels in (
        ("the paper's 64,305", 64_305, 800), ("a million", 1_000_000, 800), ("DR4's 250 million", 250_000_000, DR4),
    ):  # fmt: skip
        cells = [cell(*machine.labelling(n, pixels)) for machine in machines]
        rows.append((f"**Labels** of RVS spectra of {pixels} pixels, by the command", title, cells))
    add(
        "**Labels** of H-band spectra, 25 labels",
        "a million",
        [fits("fit", BAND, 1_000_000, jacobians["apogee"])],
    )
    return rows


def parts_of(machines, parts):
    """Rows of the table that divides a study in its parts."""
    return [
        (
            STAGES[part.stage].what,
            part.size,
            part.times,
            [cell(*machine.seconds(part)) for machine in machines],
        )
        for part in parts
    ]


def checks(machines):
    """Rows of the table of checks: the stage, its size, and for each machine its formula's residual and its check."""
    rows = []
    for name, stage in STAGES.items():
        found = [machine.formulas.get(name) for machine in machines]
        rows.append((stage, [each and (each.residual, each.check) for each in found]))
    return rows


def figure(machines) -> Figure:
    """Left: the check of each stage. Right: seconds of labelling and of study A against the number of stars."""
    result = Figure(PAGE, 2.9)
    left, right = result.subplots(1, 2, width_ratios=(1, 1.1))
    for machine in machines:
        pairs = [
            each.check for name, each in machine.formulas.items() if each.check and (name in STAGES)
        ]
        predicted, found = np.array(pairs).T
        left.loglog(
            found, predicted, "o", ms=3.5, color=machine.color, label=machine.name, alpha=0.8
        )
    ends = np.array([1e-3, 1e2])
    left.loglog(ends, ends, color=GREY, lw=0.7)
    left.fill_between(ends, ends / 1.25, ends * 1.25, color=GREY, alpha=0.25, lw=0, label="±25%")
    left.set(xlabel="measured at a size not fitted to (s)", ylabel="predicted (s)")
    left.legend(loc="upper left")
    n = np.geomspace(1e4, 2.5e8, 60).astype(int)
    for machine in machines:
        right.loglog(n, [machine.labelling(k, DR4)[0] / 3600 for k in n], color=machine.color)
        few = n[n <= 3e6]
        right.loglog(
            few,
            [sum(machine.seconds(part)[0] for part in study_a(k)) / 3600 for k in few],
            "--",
            color=machine.color,
        )
        largest = machine.formulas["label"].largest["n"]
        right.loglog(
            largest, machine.labelling(largest, DR4)[0] / 3600, "o", ms=4, color=machine.color
        )
    right.axhline(24, color=GREY, lw=0.6)
    right.text(1.3e4, 27, "a day", color=GREY, fontsize=7)
    right.plot([], [], color="black", label="labels of RVS spectra (961 pixels)")
    right.plot([], [], "--", color="black", label="study A")
    right.plot([], [], "o", ms=4, color="black", label="largest file that was labelled")
    right.legend(loc="lower right")
    right.set(xlabel="stars", ylabel="hours")
    return result


def main():
    machines, rows, commands = read_machines()
    typical = [
        json.loads(line) for line in (MEASURED / "typical.jsonl").read_text("utf-8").splitlines()
    ]
    verdicts = [
        json.loads(line) for line in (MEASURED / "gpu_checks.jsonl").read_text("utf-8").splitlines()
    ]
    jacobians = {row["model"]: row["value"] for row in typical if row["typical"] == "jacobians"}
    known = {
        "machines": machines, "rows": rows, "stages": STAGES, "typical": typical, "verdicts": verdicts, "jacobians": jacobians,
        "totals": totals(machines, jacobians), "checks": checks(machines),
        "part_a": parts_of(machines, study_a(64_305)), "part_b": parts_of(machines, study_b(100_000, jacobians)),
        "part_band": parts_of(machines, study_b(100_000, jacobians, band=True)),
        "speeds": {k: speed({"label": each}, k) for k, each in commands.items()}, "speed": speed, "duration": duration,
    }  # fmt: skip
    text = Template(TEMPLATE.read_text("utf-8"), trim_blocks=True, lstrip_blocks=True).render(known)
    PAGE_FILE.write_text(text.rstrip() + "\n", "utf-8")
    figure(machines).savefig(FIGURE, dpi=200)


if __name__ == "__main__":
    main()
