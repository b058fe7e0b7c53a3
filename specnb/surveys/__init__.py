"""Surveys of stellar spectra: the class `Survey`, and the two surveys that are shipped."""

from specnb.core.labels import Label
from specnb.surveys.apogee.survey import APOGEE
from specnb.surveys.rvs.survey import RVS
from specnb.surveys.survey import Survey

__all__ = ["APOGEE", "RVS", "SURVEYS", "Survey", "known_label"]

# The surveys that commands, `specnb.read_spectra` and figures know by name. You can add your own
# survey with ``SURVEYS["mine"] = MY_SURVEY``.
SURVEYS: dict[str, Survey] = {survey.name: survey for survey in (RVS, APOGEE)}


def known_label(name: str) -> Label | None:
    """The first label of this name in any of `SURVEYS`, or None if there is none.

    It gives the symbol and the unit for figures and tables.
    """
    labels = (label for survey in SURVEYS.values() for label in survey.labels)
    return next((label for label in labels if label.name == name), None)
