"""The machines of the cost model, with the formulas of their times."""

from dataclasses import dataclass, replace
from pathlib import Path

from costs_model import formulas, read_measurements
from costs_size import Size
from costs_stages import STAGES

from specnb.plots.style import BLUE, GREEN, VERMILLION

MEASURED = Path(__file__).parent / "costs"


@dataclass(frozen=True)
class Machine:
    """A machine and its formulas.

    Attributes
    ----------
    name, color : str
    formulas : dict of str to Formula
        By stage. That of "label" is for `jobs` processes.
    cores : int
        Pieces of work in one thread each that run at the same time.
    jobs : int
    efficiency : float
        Speed of a core when all of them work, relative to that when two do.
    gpu : bool
    """

    name: str
    color: str
    formulas: dict
    cores: int
    jobs: int
    efficiency: float = 1.0
    gpu: bool = False

    def seconds(self, part) -> tuple[float, float]:
        """Seconds of a part of a study, and how many times larger it is than what was measured."""
        formula, stage = self.formulas[part.stage], STAGES[part.stage]
        size, times, share, at_once = part.size, part.times, part.share, 1.0
        if stage.per == "Jacobian":  # in pieces of the largest size that was measured
            share = max(1.0, size.n / formula.largest["n"])
            times, size = times * share, replace(size, n=size.n / share)
        if stage.alone and not (self.gpu and "cuda" in stage.devices):
            at_once = max(1.0, min(self.cores, share) * self.efficiency)
        return times * formula(size) / at_once, formula.beyond(size)

    def labelling(self, n, pixels=800) -> tuple[float, float]:
        """The same for the labels of n RVS stars by the command. More pixels cost what they cost a fit."""
        formula, fit = self.formulas["label"], self.formulas["fit"]
        piece = fit.largest["n"]
        ratio = fit(Size(piece, pixels)) / fit(Size(piece))
        return formula(Size(n, jobs=self.jobs)) * ratio, formula.beyond(Size(n))

    @property
    def speed(self) -> float:
        """RVS stars that the command labels in a second, without its start."""
        return speed(self.formulas["label"], self.jobs)


def speed(formula, jobs) -> float:
    """Stars a second of the command, from the difference of two long runs."""
    many, more = (Size(n * jobs, jobs=jobs) for n in (800_000, 1_600_000))
    return (more.n - many.n) / (formula(more) - formula(many))


def read_machines():
    """The three machines, and the command's formula for each number of processes that shared the GPU."""
    rows = {
        name: read_measurements(MEASURED / f"{name}.jsonl")
        for name in ("cpu2", "cpu16", "gpu", "gpu_label")
    }
    two, sixteen = formulas(rows["cpu2"]), formulas(rows["cpu16"])
    efficiency = speed(sixteen["label"], 16) / (8 * speed(two["label"], 2))
    sixteen = two | sixteen
    counts = sorted({row["threads"] for row in rows["gpu_label"]})
    commands = {
        jobs: formulas([row for row in rows["gpu_label"] if row["threads"] == jobs])["label"]
        for jobs in counts
    }
    best = max(counts, key=lambda jobs: speed(commands[jobs], jobs))
    gpu = sixteen | formulas(rows["gpu"]) | {"label": commands[best]}
    machines = (
        Machine("2 cores", BLUE, two, 2, 2),
        Machine("16 cores", GREEN, sixteen, 16, 16, efficiency),
        Machine("GPU", VERMILLION, gpu, 16, best, efficiency, gpu=True),
    )
    return machines, commands, rows
