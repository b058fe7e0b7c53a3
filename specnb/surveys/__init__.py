"""Surveys of stellar spectra: what a survey is, and the two that are shipped."""

from specnb.core.labels import Label
from specnb.surveys.apogee.survey import APOGEE
from specnb.surveys.rvs.survey import RVS
from specnb.surveys.survey import Survey

__all__ = ["APOGEE", "RVS", "SURVEYS", "Survey", "known_label"]

# The surveys that commands, `specnb.read_spectra` and figures know by name. Enter one of your own
# by ``SURVEYS["mine"] = MY_SURVEY``.
SURVEYS: dict[str, Survey] = {survey.name: survey for survey in (RVS, APOGEE)}


def known_label(name: str) -> Label | None:
    """The first label of this name in any of `SURVEYS`, for symbols and units; None if there is
    none.
    """
    labels = (label for survey in SURVEYS.values() for label in survey.labels)
    return next((label for label in labels if label.name == name), None)
