"""Fill the numbers of the committed results into paper.template.md: call `python paper/text.py` to write paper.md.

Edit the template, and not paper.md. Words around a number are not made by the results: if a number changes, read its
sentence again.
"""

import json
from functools import cache
from pathlib import Path

import yaml
from astropy.table import Table
from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "paper_figures_full"
SMALLER = (
    HERE.parent / "paper_figures" / "05_parameterize"
)  # it has several trainings of each setting
LABELS = ("teff", "logg", "m_h", "alpha_fe")
TABLE_1 = {  # mean absolute errors of Manteiga et al. (2025): from spectra, and from the code that entangles the label
    "teff": (121, 93),
    "logg": (0.231, 0.141),
    "m_h": (0.099, 0.065),
    "alpha_fe": (0.039, 0.031),
}


@cache
def results(notebook):
    return json.loads((RESULTS / notebook / "results.json").read_text("utf-8"))


def value(notebook, name):
    """A result that the run of a notebook recorded."""
    return results(notebook)["results"][name]["value"]


def number(notebook, name, decimals=2):
    return f"{value(notebook, name):.{decimals}f}"


def count(notebook, name):
    return f"{value(notebook, name):,}"


def parameter(notebook, name):
    return f"{results(notebook)['parameters'][name]:,}"


def percent(notebook, name, decimals=0):
    return f"{100 * value(notebook, name):.{decimals}f}%"


def span(notebook, beginning):
    """The smallest and largest result whose name has this beginning."""
    names = [name for name in results(notebook)["results"] if name.startswith(beginning)]
    values = [value(notebook, name) for name in names]
    return f"{min(values):.2f} to {max(values):.2f}"


def listed(values):
    *first, last = [text.replace("-", "−") for text in values]
    return f"{', '.join(first)} and {last}"


def gains(regressor, against, code):
    names = [f"gain_{label}_{regressor}_{against}_{code}" for label in LABELS]
    return listed(number("05_parameterize", name, 0) for name in names)


def smaller_run(name):
    record = json.loads((SMALLER / "results.json").read_text("utf-8"))
    return f"{record['parameters'][name]:,}"


def spread(code):
    """The largest difference between the gains of two trainings, over the labels of both panels of gains.png."""
    largest = 0
    for row in Table.read(SMALLER / "gains.csv"):
        if (row["regressor"], row["against"]) in (("faithful", "catalogue"), ("best", "truth")):
            low, high = map(int, row[f"{code}, range"].split(" to "))
            largest = max(largest, high - low)
    return largest


def bias(model):
    value, error = (
        number("08_fit_residuals", f"{model}_{name}") for name in ("bias", "bias_error")
    )
    return f"{value} ± {error}"


def second_bias(survey):
    """The bias with the second training of a translator."""
    table = Table.read(RESULTS / "08_fit_residuals" / "seeds.csv")
    rows = table[(table["survey"] == survey) & (table["fit"] == "translated")]
    return f"{rows['bias'][1]:.2f}"


def published():
    return listed(f"{100 * (1 - code / spectra):.0f}" for spectra, code in TABLE_1.values())


def r2(model):
    """R² with which fresh networks read the labels from the latents of a model of notebook 04."""
    texts = [number("04_disentangle", f"r2_{model}_{label}") for label in LABELS]
    return listed(text.replace("-0.00", "0.00") for text in texts)


def named(model):
    """Part of the hidden lines whose element a model of notebook 10 names, over sets of lines."""
    table = Table.read(RESULTS / "10_missing_lines" / "summary_cases.csv")
    (row,) = table[(table["case"] == "lines only") & (table["model"] == model)]
    return row["named"]


def paper() -> str:
    """The content of paper.md."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("paper.template.md")
    citation = yaml.safe_load((HERE.parent / "CITATION.cff").read_text("utf-8"))
    functions = (number, count, parameter, percent, span, gains, published, r2, named)
    functions += (smaller_run, spread, bias, second_bias)
    return template.render(citation=citation, **{each.__name__: each for each in functions})


if __name__ == "__main__":
    (HERE / "paper.md").write_text(paper(), "utf-8")
