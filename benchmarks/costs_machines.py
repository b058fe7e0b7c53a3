"""The machines of the cost model, with the formulas of their times."""

from dataclasses import dataclass, replace
from pathlib import Path

from costs_model import formulas, read_measurements, size_of
from costs_size import Size
from costs_stages import STAGES
from costs_studies import Part

from specnb.plots.style import BLUE, GREEN, VERMILLION

MEASURED = Path(__file__).parent / "costs"


@dataclass(frozen=True)
class Machine:
    """A machine and its formulas.

    Attributes
    ----------
    name, color : str
    formulas : dict of str to Formula
        By stage.
    cores : int
        Pieces of work in one thread each that run at the same time.
    start : float
        Seconds in which the command starts.
    labelled : int
        Stars of the largest file that the command labelled here.
    efficiency : float
        Speed of a core when all of them work, relative to that when two do.
    gpu : bool
    """

    name: str
    color: str
    formulas: dict
    cores: int
    start: float
    labelled: int
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

    def labelling(self, n, jacobians, pixels=800) -> tuple[float, float]:
        """The same for the labels of n RVS stars by the command: its start, and the fits."""
        fits = self.seconds(Part("fit", Size(n, pixels), jacobians))[0]
        return self.start + fits, max(1.0, n / self.labelled)

    def command(self, size, jacobians) -> float:
        """Seconds of the command for a file that was measured, whose pieces some processes take in turn."""
        fit = self.formulas["fit"]
        piece = replace(size, n=fit.largest["n"])
        busy = min(self.cores, size.jobs) if not self.gpu else 1
        turn = size.stars_in_turn if not self.gpu else size.n
        return self.start + jacobians * turn / piece.n * fit(piece) / (
            self.efficiency if busy > 2 else 1.0
        )


def read_machines():
    """The three machines, and all measurements by their file."""
    names = ("cpu2", "cpu16", "gpu", "label", "again")
    rows = {name: read_measurements(MEASURED / f"{name}.jsonl") for name in names}
    two = formulas(rows["cpu2"])
    sixteen, gpu = (
        two | formulas(rows["cpu16"]),
        two | formulas(rows["cpu16"]) | formulas(rows["gpu"]),
    )
    # The largest file with 16 processes, less the start, against the same fits by two processes
    start = two["label"].factors["1"]
    full = max((row for row in rows["label"] if row["device"] == "cpu"), key=lambda row: row["n"])
    alone = two["label"](size_of(full)) - start
    efficiency = min(1.0, alone / (full["wall"] - start))
    most = {
        each: max(row["n"] for row in rows["label"] if row["device"] == each)
        for each in ("cpu", "cuda")
    }
    machines = (
        Machine("2 cores", BLUE, two, 2, start, two["label"].largest["n"]),
        Machine("16 cores", GREEN, sixteen, 16, start, most["cpu"], efficiency),
        Machine("GPU", VERMILLION, gpu, 16, start, most["cuda"], efficiency, gpu=True),
    )
    return machines, rows
