"""The size of a piece of work, for `costs_work` and `costs_stages`."""

from dataclasses import dataclass

from specnb.bulk.pieces import PIXELS
from specnb.surveys.apogee.survey import BRANCHES
from specnb.surveys.apogee.survey import LABELS as APOGEE_LABELS

HIDDEN = 256  # neurons of the last layer of both shipped emulators


@dataclass(frozen=True)
class Size:
    """The size of a piece of work: spectra, pixels, labels, spectra in a step, and processes of the command."""

    n: int
    pixels: int = 800
    labels: int = 6
    batch: int = 64
    jobs: int = 1

    @property
    def steps(self):
        return -(-self.n // self.batch)

    @property
    def stars_in_turn(self):
        """Stars that one process of the command fits, since it takes whole pieces."""
        pieces = self.n * self.pixels // PIXELS + 1
        return -(-pieces // self.jobs) * self.n / pieces

    @property
    def parameters(self):
        """Numbers that the fit of a star finds: labels, and a parabola for the continuum of each detector."""
        return self.labels + (9 if self.labels == len(APOGEE_LABELS) else 3)

    @property
    def neurons(self):
        """Neurons of the emulator's last layer that depend on a label, summed over labels."""
        if self.labels != len(APOGEE_LABELS):
            return HIDDEN * self.labels
        return sum(len(names) * widths[-1] for names, widths in BRANCHES)
