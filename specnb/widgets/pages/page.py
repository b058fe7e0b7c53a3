"""What the explorer in the browser needs to know: a page that JSON can hold, and its arrays.

A page describes the labels, the pixels and the models, as programs (`specnb.widgets.pages.programs`). The
stars are apart from it, because other files may be opened.
"""

import re

import numpy as np

from specnb.core.labels import label_columns
from specnb.core.wavelength import check_pixels, detectors
from specnb.plots.panels import start_labels
from specnb.plots.style import element_color
from specnb.simulator.responses import line_markers
from specnb.surveys import RVS, SURVEYS
from specnb.surveys.rvs.archive import literature
from specnb.widgets.pages.arrays import Arrays
from specnb.widgets.pages.probes import probes_part, tail_program
from specnb.widgets.pages.programs import (
    decoder_program,
    emulator_program,
    encoder_program,
    translator_program,
)
from specnb.widgets.pages.symbols import html_symbol, plain_symbol
from specnb.widgets.pages.truth import own_numbers, truth_program

BY_HAND = 16  # up to so many numbers of z_split get one slider each


def emulator_page(emulator, labels=None, physics=None, half: bool = False):
    """The page of an emulator.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping, optional
        First labels; by default those of `Survey.start`.
    physics : Emulator, optional
        Another emulator whose spectrum at the same labels is shown, too.
    half : bool
        Store the weights in half precision, see `Arrays`.

    Returns
    -------
    page : dict
    data : bytes
        The page's arrays.

    Raises
    ------
    ValueError
        If a label is unknown, or a step of an emulator cannot run in a browser.
    """
    arrays = Arrays(half)
    page = _survey_page("emulator", emulator.survey, arrays, labels)
    page |= {"region": _hull(emulator, arrays)}
    page["programs"]["emulator"] = emulator_program(emulator, arrays)
    if physics is not None:
        page["programs"]["physics"] = emulator_program(physics, arrays, "physics")
    if (calibration := emulator.calibration) is not None:
        page["error"] = arrays.add("error", calibration.error, np.float32)
        page["components"] = arrays.add("components", calibration.components)
    return _finished(page, arrays)


def translator_page(emulator, translator, labels=None, half: bool = False):
    """The page of a translator of an emulator's spectra.

    Parameters, results and errors are as for `emulator_page`; the pixels must be the same.
    """
    check_pixels(translator.wavelength, emulator.wavelength)
    arrays = Arrays(half)
    page = _survey_page("translator", emulator.survey, arrays, labels)
    page |= {"region": _hull(emulator, arrays)}
    page["programs"]["translated"] = translator_program(emulator, translator, arrays)
    if size := translator.config.split:
        page["split"] = {
            "size": size, "typical": arrays.add("typical", translator.mean_split, np.float32),
            "low": -1, "high": 1, "step": 0.01, "by_hand": size <= BY_HAND,
        }  # fmt: skip
    return _finished(page, arrays)


def editor_page(model, survey, emulator=None, mock=None, probed=None, half: bool = False):
    """The page of an autoencoder, with which labels, latents and λ of stars are edited.

    Parameters
    ----------
    model : Disentangler
    survey : Survey
    emulator : Emulator, optional
    mock : RvsMockConfig, optional
        Both are given, or none: what made the stars, for the true edited spectra.
    probed : Spectra, optional
        Stars with a catalogue whose latents are probed, if the model takes λ.
    half : bool

    Returns
    -------
    page : dict
    data : bytes

    Raises
    ------
    ValueError
        If the model or the mock survey cannot run in a browser.
    """
    arrays, config, scales = Arrays(half), model.config, model.scales
    page = _survey_page("editor", survey, arrays, names=model.labels)
    made = page["programs"]
    made["encoder"] = encoder_program(model, arrays)
    made["decoder"] = decoder_program(model, arrays)
    if mock is not None:
        made["truth"] = truth_program(emulator, mock, arrays)
    # Sliders go through the survey's whole range; beyond the training stars the decoder extrapolates
    for label, low, high in zip(page["labels"], scales.label_low, scales.label_high):
        label |= _ends(min(label["low"], low), max(label["high"], high), label["step"])
    low, high = scales.label_low.tolist(), scales.label_high.tolist()
    page["region"] = {
        "low": low, "high": high, "name": "training range", "limits": [], "domain": None,
    }  # fmt: skip
    reach, step = ((-4, 4), 0.05) if config.bottleneck else ((0, 1), 0.01)
    page["latents"] = {"size": config.latent, "low": reach[0], "high": reach[1], "step": step}
    if span := config.lambda_range:
        page["lambdas"] = {"names": list(model.labels), "range": span, "step": span / 20}
    if probed is not None:
        made["tail"] = tail_program(model, arrays)
        page["probes"] = probes_part(model, probed, arrays)
    return _finished(page, arrays)


def stars_part(
    spectra, labels, splits=None, latents=None, truth=None, mock=None, moving=(), half: bool = False
):
    """Stars for a page.

    Parameters
    ----------
    spectra : Spectra or None
        On the pixels of the page. Labels that they lack are those of the literature, if known.
    labels : sequence of str
        Names of the page's labels.
    splits, latents : array_like, shape (n, ...), optional
        z_split of each star, or its latents at λ = 0.
    truth : Spectra, optional
    mock : RvsMockConfig, optional
        Both are given, or none: the same stars of a mock survey, with their true labels, and its
        configuration.
    moving : sequence of str
        Ids of stars that are not at rest.
    half : bool
        Store the errors in half precision.

    Returns
    -------
    stars : dict
    data : bytes
        Their arrays.
    """
    arrays = Arrays()
    names = list(labels)
    if spectra is None:
        return {"ids": [], "names": [], "kind": "real", "labels": names, "arrays": {}}, b""
    ids = list(map(str, spectra.ids))
    arrays.add("flux", np.where(spectra.mask, np.nan, spectra.flux))
    arrays.add("error", spectra.flux_error, np.float16 if half else np.float32)
    known = literature(ids)
    arrays.add("labels", _known_labels(spectra.labels, known, names), np.float64)
    prefixes = tuple(f"{each.mock.PREFIX}-" for each in SURVEYS.values() if each.mock)
    made = mock is not None or all(name.startswith(prefixes) for name in ids)
    stars = {
        "ids": ids,
        "names": list(map(str, known["name"])),
        "kind": "mock" if made else "real",
        "labels": names,
        "moving": list(moving),
    }
    for key, values in {"splits": splits, "latents": latents}.items():
        if values is not None:
            arrays.add(key, values)
    if mock is not None:
        arrays.add("own", own_numbers(mock, ids), np.float64)
        arrays.add("true_labels", label_columns(truth.labels, RVS.labels), np.float64)
        stars["true_names"] = list(RVS.names)
    return _finished(stars, arrays)


def _known_labels(table, known, names):
    """Labels (n, n_labels) of stars: each of a catalogue, else of the literature, NaN if unknown."""
    if "fe_h" in names:  # as in `specnb.surveys.anchors`
        known.rename_columns(["m_h", "alpha_fe"], ["fe_h", "mg_fe"])
    values = np.full((len(known), len(names)), np.nan)
    for column, name in zip(values.T, names):
        for each in (table, known):
            if each is not None and name in each.colnames:
                column[:] = np.where(np.isnan(column), label_columns(each, [name])[:, 0], column)
    return values


def _finished(description, arrays):
    return description | {"arrays": arrays.index()}, arrays.data()


def _survey_page(kind, survey, arrays, start=None, names=None):
    """What a page says of a survey. ``names`` are the labels of the model, by default all."""
    labels = [survey.label(name) for name in names or survey.names]
    first = start_labels(survey, start)
    shown = {label.name for label in labels}
    groups = {
        title: [name for name in group if name in shown] for title, group in survey.groups.items()
    }
    ends = survey.pixels[[0, -1]].tolist()
    lines = line_markers(survey)
    elements = {key: name for key, name in survey.elements.items() if name in shown}
    colors = {key: element_color(survey, key) for key in survey.elements if survey.group_of(key)}
    return {
        "kind": kind,
        "title": survey.title,
        "survey": survey.name,
        "medium": "vacuum",
        "wavelength": arrays.add("wavelength", survey.pixels, np.float64),
        "detectors": [[part.start, part.stop] for part in detectors(survey.pixels)],
        "labels": [_label(label) for label in labels],
        "groups": {title: group for title, group in groups.items() if group}
        or {"": [label.name for label in labels]},
        "start": {label.name: first[label.name] for label in labels},
        "elements": elements,
        "colors": colors,
        "lines": [_line(line, colors) for line in lines],
        "windows": {"whole range": ends} | {k: list(v) for k, v in survey.windows.items()},
        "untrusted": [list(window) for window in survey.untrusted],
        "programs": {},
        **dict.fromkeys(("split", "latents", "lambdas", "probes", "error", "components")),
    }


def _label(label):
    steps = label.steps
    return {
        "name": label.name,
        "unit": label.unit.replace(" ", ""),
        "step": steps.slider,
        "decimals": steps.decimals,
        "near": steps.near,
        "change": steps.change,
        "symbol": html_symbol(label.symbol),
        "plain": plain_symbol(label.symbol),
        "meaning": label.meaning,
        "logarithmic": label.logarithmic,
        **_ends(label.low, label.high, steps.slider),
    }


def _ends(low, high, step):
    """The first and the last step of a slider within a range."""
    first, last = np.ceil(low / step - 1e-3) * step, np.floor(high / step + 1e-3) * step
    return {"low": round(float(first), 6), "high": round(float(last), 6)}


def _line(line, colors):
    found = re.match(r"([A-Z][a-z]?)(?: |$)", line.species)
    element = found and found[1]
    return {
        "wavelength": line.wavelength,
        "species": line.species,
        "element": element,
        "color": colors.get(element),
    }


def _hull(emulator, arrays):
    """The region in which an emulator may be trusted, as `Emulator.in_hull` and `Calibration` tell."""
    survey, network, domain = emulator.survey, emulator.network, None
    if (calibration := emulator.calibration) is not None:
        columns, scale, places, limit = calibration.domain(survey)
        stars = arrays.add("domain", places, np.float64)
        domain = {"columns": columns, "scale": scale.tolist(), "stars": stars, "limit": limit}
    return {
        "low": network.low.tolist(),
        "high": network.high.tolist(),
        "name": "training hull",
        "limits": [
            {
                "weights": dict(limit.weights), "by": limit.by, "x": list(limit.x),
                "y": list(limit.y), "text": limit.text,
            }
            for limit in getattr(survey.inside, "limits", ())
        ],
        "domain": domain,
    }  # fmt: skip
