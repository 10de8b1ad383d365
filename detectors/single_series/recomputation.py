"""The evidence on one series computed again, from its explanation alone.

Takes the ``model`` part of what ``explanation`` gives and nothing
else, neither the series nor a kernel that watched it, so that an explanation can be
checked by whoever has it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from detectors.single_series import count_terms as reports
from detectors.single_series import measurement_terms as levels
from detectors.single_series import share_terms as shares


def recompute_share(model: dict[str, Any]) -> float:
    """The log evidence again from the ``model`` part of an explanation."""
    a, b = model["prior"]
    terms = [
        math.log(onset["step"])
        + shares.log_bayes_factor(
            a + model["numerator"],
            a + b + model["reports"] - onset["reports"],
            onset["reports"],
            onset["numerator"],
            effect,
        )
        - math.log(len(model["log_odds_ratios"]))
        for onset in model["onsets"]
        for effect in model["log_odds_ratios"]
    ]
    return float(np.logaddexp.reduce(terms))


def recompute_measurement(model: dict[str, Any]) -> float:
    """The log evidence again from the ``model`` part of an explanation."""
    omega = (1.0 - model["autocorrelation"]) / (1.0 + model["autocorrelation"])
    unchanged = levels.log_moment(model["nu"], 0.0)
    scale = math.sqrt(omega / model["sum_of_squares"])
    terms = [
        math.log(onset["step"] / len(model["shifts"]))
        + levels.log_bayes_factor(
            model["nu"],
            shift * scale * onset["contrast"],
            shift * shift * omega * onset["gain"],
            unchanged,
        )
        for onset in model["onsets"]
        for shift in model["shifts"]
    ]
    return float(np.logaddexp.reduce(terms))


def recompute_counts(model: dict[str, Any]) -> float:
    """The log evidence again from the ``model`` part of an explanation."""
    a, b = model["prior"]
    terms = [
        math.log(onset["step"] / len(model["rate_ratios"]))
        + reports.log_bayes_factor(
            a + model["count"], b + model["exposure"], onset["count"], onset["exposure"], ratio
        )
        for onset in model["onsets"]
        for ratio in model["rate_ratios"]
    ]
    return float(np.logaddexp.reduce(terms))
