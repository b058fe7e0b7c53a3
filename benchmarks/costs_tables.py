"""The tables of the cost model's page, as rows of texts."""

from dataclasses import replace

import numpy as np
from costs_model import size_of
from costs_size import Size
from costs_stages import STAGES
from costs_studies import BAND, DR4, Part, paper_autoencoders, paper_translator, study_a, study_b

STARS = {"64,305": 64_305, "100,000": 100_000, "a million": 1_000_000, "250 million": 250_000_000}
GOOD = 0.25  # a check that is off by less counts as passed
# Assumed volumes of what archives hold, in bytes
ARCHIVES = {
    "64,305 RVS spectra of Gaia DR3 (0.27 MB, the CSV file of Kepler-93)": 64_305 * 0.27e6,
    "100,000 apStar files of DR17 (2.5 MB, as 2M17335483-2753043 with three visits)": 100_000
    * 2.5e6,
    "DR4's 250 million mean spectra (draft of its data model)": 1.8e12,
}
RATES = (1e7, 1e8, 1e9)  # bytes a second, assumed


def duration(seconds) -> str:
    """Seconds as a text with two digits."""
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{float(f'{seconds / size:.2g}'):g} {unit}"
    return f"{float(f'{seconds:.2g}'):g} s"


def volume(n) -> str:
    """Bytes as a text with two digits."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= 0.95 * size:
            return f"{float(f'{n / size:.2g}'):g} {unit}"
    return f"{n:.0f} B"


def cell(seconds, beyond) -> str:
    """A time, with the factor by which it is extrapolated, if it is."""
    return duration(seconds) + (f" (×{float(f'{beyond:.2g}'):g})" if beyond > 1.05 else "")


def totals(machines, jacobians):
    """What whole studies cost."""
    rows = []

    def add(what, stars, parts):
        cells = []
        for machine in machines:
            seconds, beyond = zip(*map(machine.seconds, parts))
            cells.append(cell(sum(seconds), max(beyond)))
        rows.append((what, stars, *cells))

    for stars in ("64,305", "a million"):
        add("**Study A**, RVS", stars, study_a(STARS[stars]))
        add("its autoencoders alone, three settings, as the paper's code trains them: 200 epochs in steps of 64", stars,
            paper_autoencoders(STARS[stars]))  # fmt: skip
    for stars in ("100,000", "a million"):
        add("**Study B**, RVS, 6 labels", stars, study_b(STARS[stars], jacobians))
        add("**Study B**, H band, 25 labels", stars, study_b(STARS[stars], jacobians, band=True))
    add(
        "a translator with the networks of the paper, 7,214 pixels, 500,000 steps of 8",
        "any number",
        paper_translator(),
    )
    for stars, pixels in (("64,305", 800), ("a million", 800), ("250 million", DR4)):
        cells = [
            cell(*machine.labelling(STARS[stars], jacobians["rvs"], pixels)) for machine in machines
        ]
        rows.append((f"**Labels** of RVS spectra, {pixels} pixels, by the command", stars, *cells))
    add("**Labels** of H-band spectra, 7,214 pixels, 25 labels: fits alone", "a million",
        [Part("fit", replace(BAND, n=STARS["a million"]), jacobians["apogee"])])  # fmt: skip
    return rows


def parts_of(machines, *studies):
    """What the parts of studies cost."""
    return [
        (
            STAGES[part.stage].what,
            sized(part.size, part.stage),
            f"{part.times:,.0f}",
            *(cell(*each.seconds(part)) for each in machines),
        )
        for parts in studies
        for part in parts
    ]


def sized(size: Size, stage) -> str:
    """A size as a text, with the numbers that matter for a stage."""
    what = "inputs" if stage in ("regressor", "probe") else "pixels"
    texts = [f"{size.n:,} spectra", f"{size.pixels:,} {what}"]
    if stage.startswith("translator"):
        texts = texts[1:]
    if stage not in ("read", "encode", "translate", "label"):
        texts.append(f"{size.labels} labels")
    if any("steps" in term or "batch" in term for term in STAGES[stage].terms):
        texts.append(f"steps of {size.batch}")
    return ", ".join(texts)


def method(machines):
    """Of each stage its terms, the powers of the measured times, and the residuals of the formulas."""
    rows = []
    for name, stage in STAGES.items():
        powers = machines[0].formulas[name].exponents.items()
        residuals = ", ".join(f"{each.formulas[name].residual:.0%}" for each in own(machines, name))
        text = ", ".join(f"{key} {value:.2f}" for key, value in powers) or "–"
        rows.append(
            (stage.what + " (one thread)" * stage.alone, ", ".join(stage.terms), text, residuals)
        )
    return rows


def factors(machines):
    """The factors of the terms in seconds."""
    rows = []
    for name, stage in STAGES.items():
        for machine in own(machines, name):
            found = ", ".join(
                f"{value:.2g} · {term}"
                for term, value in machine.formulas[name].factors.items()
                if value
            )
            rows.append((stage.what, machine.name, found.replace(" · 1", "")))
    return rows


def own(machines, name):
    """The machines on which a stage was measured, and not taken from another."""
    seen = []
    for machine in machines:
        if all(machine.formulas[name] is not each.formulas[name] for each in seen):
            seen.append(machine)
    return seen


def checks(machines):
    """Prediction and measurement at the size that a formula was not found from."""
    rows = []
    for name, stage in STAGES.items():
        cells = []
        for machine in machines:
            known = machine in own(machines, name) and machine.formulas[name].check
            cells.append(compared(known) if known else "–")
        rows.append((stage.what, sized(machines[0].formulas[name].checked, name), *cells))
    return rows


def compared(pair) -> str:
    predicted, found = pair
    return f"{predicted:.3g} / {found:.3g} s: {predicted / found - 1:+.0%}"


def commands(machines, rows, jacobians):
    """The command with more processes and on the GPU: start and fits against what was measured."""
    found = []
    for row in rows["label"]:
        machine = machines[2 if row["device"] == "cuda" else 1]
        what = f"{row['n']:,} stars, {processes(row['jobs'])}"
        found.append(
            (
                machine.name,
                what,
                compared((machine.command(size_of(row), jacobians["rvs"]), row["wall"])),
            )
        )
    return found


def repeated(rows):
    """Sizes that were measured on two machines of the same kind, and how the second compares with the first."""
    first = {(row["stage"], size_of(row)): row["wall"] / row["per"] for row in rows["cpu2"]}
    pairs = [
        (row["stage"], first.get((row["stage"], size_of(row))), row["wall"] / row["per"])
        for row in rows["again"]
    ]
    return np.array([second / known for _, known, second in pairs if known])


def deviations(machines):
    """By how much all checks are off, relative."""
    pairs = [each.formulas[name].check for name in STAGES for each in own(machines, name)]
    return np.array([predicted / found - 1 for predicted, found in filter(None, pairs)])


def per_pixel(typical) -> float:
    """Bytes of memory that the training of an autoencoder needs for each pixel of each spectrum."""
    row = next(row for row in typical if row.get("work") == "autoencoder")
    return row["value"] / row["n"] / row["pixels"]


def memory(typical, rows):
    """Measured and expected memory."""
    found = []
    for row in (each for each in typical if each["typical"] == "memory"):
        work, value = row["work"], volume(row["value"])
        if work == "autoencoder":
            what = f"training of an autoencoder with {row['n']:,} spectra of {row['pixels']} pixels"
            expected = volume(per_pixel(typical) * row["n"] * row["pixels"])
            found.append(
                (
                    what,
                    value,
                    f"{expected} ({per_pixel(typical):.0f} bytes a pixel, from the first)",
                )
            )
        elif work == "translator":
            what = "training of the translator of the H band, steps of 64, few stars"
            found.append((what, value, "weights, their gradients and Adam's moments"))
        elif work == "label":
            what = f"`specnb label` with {processes(row['jobs'])}, any number of stars, all of it"
            found.append((what, value, f"{0.5 * row['jobs']:g} GB (0.5 a process)"))
    largest = max(row["gpu_memory"] or 0 for row in rows["gpu"])
    found.append(
        (
            "the GPU, largest of all measurements",
            volume(largest),
            "1 GB for Jacobians, and some copies",
        )
    )
    return found


def processes(n) -> str:
    return f"{n} process{'es' * (n > 1)}"


def disk(typical):
    """Bytes of files of spectra and tables of labels: of a star, and of many."""
    rows, many = [], [1, *(STARS[each] for each in ("64,305", "a million", "250 million"))]
    for row in typical:
        if row["typical"] == "disk":
            spectra = row["file"] == "spectra"
            what = (
                f"spectra of {row['pixels']:,} pixels, HDF5"
                if spectra
                else f"table of {row['file']}"
            )
            rows.append((what, *(volume(n * row["value"]) for n in many)))
    return rows


def transfer():
    """Assumed volumes, and the times that they take at assumed rates."""
    return [
        (what, volume(size), *(duration(size / rate) for rate in RATES))
        for what, size in ARCHIVES.items()
    ]


def verdicts(found):
    """What the comparison of the GPU with the CPU found."""
    rows = []
    for row in found:
        if "error" in row:
            text = row["error"]
        elif "largest_in_errors" in row:
            largest, typical = row["largest_in_errors"], row["percentile_99_in_errors"]
            text = f"{row['stars']} stars: labels differ by at most {largest:.1g} of their standard errors "
            text += f"(99% of stars: {typical:.1g}); flags of {row['flags_differ']} stars differ"
        elif "largest_relative_difference" in row:
            text = f"losses differ by at most {row['largest_relative_difference']:.1g}, relative"
        elif "ids_agree" in row:
            text = f"{row['stars']} stars, {processes(row['jobs'])}: 99% of labels differ by less than "
            text += f"{row['percentile_99_in_errors']:.1g} of their standard errors"
        else:
            names = ("latents", "flux", "mlp", "conv", "principal")
            text = f"saved and read on the CPU, models differ by at most {max(row[name] for name in names):.1g}"
        rows.append((row["check"], text))
    return rows
