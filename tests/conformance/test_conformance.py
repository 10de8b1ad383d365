"""Every detector keeps the promises of ``detectors.conformance``, and the checks can fail."""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np
import pytest

from detectors import conformance, conformance_watch
from detectors.charts.xmr import XmrMonitor
from detectors.conformance import CHECKS, NonConformanceError, Subject
from detectors.conformance_watch import WATCHER_CHECKS, Watcher, stray_watchers
from tests.conformance.watchers import WATCHERS, busier_wards, counts

SUBJECTS = conformance.subjects()
WATCHERS_BY_NAME = {watcher.name: watcher for watcher in WATCHERS}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_the_detector_conforms(subject, check):
    check(subject)


@pytest.mark.parametrize("check", WATCHER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("watcher", WATCHERS, ids=lambda watcher: watcher.name)
def test_the_watcher_conforms(watcher, check):
    check(watcher)


def test_a_unit_with_many_alerts_leaves_the_alerts_of_the_others_as_they_are():
    history = busier_wards(np.random.default_rng(conformance.SEED))
    said = counts(history, budget1=2.0, budget2=0.2)

    assert len(said) == len(set(said))


def test_no_detector_escapes_the_suite():
    assert conformance.strays() == []
    assert stray_watchers(WATCHERS) == []


def test_the_detectors_of_the_charts_are_in_the_suite():
    assert {"adwin", "bank", "page_hinkley", "xmr"} <= {subject.name for subject in SUBJECTS}


class _Threshold:
    """A detector of values above a limit.

    limit: The limit.
    """

    def __init__(self, *, limit: float = 2.0) -> None:
        self.limit = limit
        self.seen = 0

    def update(self, value: float) -> int:
        self.seen += 1
        return int(value > self.limit)


class _Dice(_Threshold):
    """limit: The limit."""

    def update(self, value: float) -> int:
        return int(value > self.limit or np.random.random() < 0.5)


class _Hoarder(_Threshold):
    """limit: The limit."""

    def update(self, value: float) -> int:
        self.__dict__.setdefault("hoard", []).append(value)
        return super().update(value)


class _Fussy(_Threshold):
    """limit: The limit."""

    def update(self, value: float) -> int:
        if math.isnan(value):
            raise ValueError("no")
        return super().update(value)


class _Alarmist(_Threshold):
    """limit: The limit."""

    def update(self, value: float) -> int:
        return int(not value <= self.limit)


class _Forgetful(_Threshold):
    """limit: The limit."""

    def update(self, value: float) -> int:
        super().update(value)
        return int(self.seen > 50 and value > self.limit)

    def __getstate__(self):
        return {"limit": self.limit, "seen": 0}


class _Drifting(_Threshold):
    """limit: The limit."""

    def update(self, value: float) -> int:
        self.limit += 0.001
        return super().update(value)


class _Undocumented(_Threshold):
    """Says nothing."""


class _Punctual(_Threshold):
    """limit: The limit."""

    def update(self, value: float) -> int:
        return int(value > self.limit and time.time() > 0)


def subject_of(kind):
    def latest(history):
        return int(history[-1] > 2.0)

    return Subject(
        name=kind.__name__,
        make=kind,
        sample=lambda rng: rng.normal(size=100),
        latest=latest,
        state_bytes=1_000,
    )


def _watch_with_hindsight(history):
    peak = int(np.argmax(history)) if len(history) else -1
    return [(peak, "the peak")] if peak >= 0 else []


def _watch_and_wipe(history):
    said = [(i, "high") for i in np.flatnonzero(history > 2.0).tolist()]
    history[:] = 0.0
    return said


def _watch_asleep(history):
    return [] * len(history)


@pytest.mark.parametrize(
    ("watch", "check", "message"),
    [
        (_watch_with_hindsight, conformance_watch.check_causal, "after . observations it said"),
        (_watch_with_hindsight, conformance_watch.check_quiet, "about nothing"),
        (_watch_and_wipe, conformance_watch.check_repeatable, "two runs differ"),
        (_watch_asleep, conformance_watch.check_repeatable, "say nothing"),
        (_watch_asleep, conformance_watch.check_no_clock, "imports time"),
    ],
)
def test_a_broken_watcher_is_caught(watch, check, message):
    watcher = Watcher("broken", watch, watch, lambda rng: rng.normal(size=60), missing=0.0)
    with pytest.raises(NonConformanceError, match=message):
        check(watcher)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (_Dice, conformance.check_deterministic),
        (_Dice, conformance.check_online_is_batch),
        (_Forgetful, conformance.check_online_is_batch),
        (_Forgetful, conformance.check_round_trip),
        (_Hoarder, conformance.check_bounded_memory),
        (_Dice, conformance.check_order),
        (_Alarmist, conformance.check_missing),
        (_Punctual, conformance.check_no_clock),
        (_Drifting, conformance.check_parameters),
    ],
    ids=lambda value: value.__name__,
)
def test_a_broken_detector_is_caught(kind, check):
    with pytest.raises(NonConformanceError, match=kind.__name__):
        check(subject_of(kind))


def test_an_undocumented_parameter_is_caught():
    subject = subject_of(_Undocumented)
    # This module says "limit:" nowhere in its docstring, so only the class could.
    with pytest.raises(NonConformanceError, match="does not document limit"):
        conformance.check_parameters(subject)


def test_a_detector_that_fails_on_a_missing_value_is_caught():
    with pytest.raises(ValueError, match="no"):
        conformance.check_missing(subject_of(_Fussy))


def test_a_detector_that_declares_gaps_ignored_must_ignore_them():
    subject = next(subject for subject in SUBJECTS if subject.name == "xmr")
    with pytest.raises(NonConformanceError, match="not ignored as declared"):
        conformance.check_missing(dataclasses.replace(subject, missing="ignored"))


def test_a_sample_that_shows_nothing_is_caught():
    subject = dataclasses.replace(subject_of(_Threshold), sample=lambda rng: rng.random(50))
    with pytest.raises(NonConformanceError, match="never makes it signal"):
        conformance.check_deterministic(subject)


def test_a_detector_nobody_described_is_a_stray(monkeypatch):
    monkeypatch.setattr("detectors.charts.xmr.CONFORMANCE", ())

    assert f"{XmrMonitor.__module__}.XmrMonitor" in conformance.strays()
