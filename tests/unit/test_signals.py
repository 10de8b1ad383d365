"""How signals become alerts."""

from __future__ import annotations

from dataclasses import asdict, replace

from streams.catalogue.indicators import Catalogue
from streams.evidence.findings import pack
from streams.evidence.signals import Signal, alert_of, episodes, instant
from streams.evidence.statements import false_alert_interval, listing
from streams.store.alerts import decode_record, encode_record

BUDGETS = {1: 0.2, 2: 0.05}


def signal(opened: int, subsided: int | None = None, **changes: object) -> Signal:
    """A concern about the counts of one ward."""
    settings: dict[str, object] = {
        "detector": "evidence.counts",
        "unit": "RXX01:W1",
        "kind": "quality",
        "direction": "concern",
        "opened": opened,
        "raised": None,
        "subsided": subsided,
        "onset": opened - 21,
        "level": 1,
        "feeds": ("incidents",),
        "domains": ("safety",),
        "series": ({"id": "s"},),
        "words": {"feeds": ("incidents",)},
        "explanation": pack({}),
    }
    return Signal(**{**settings, **changes})  # type: ignore[arg-type]


def told(*signals: Signal) -> object:
    return alert_of(
        list(signals),
        provider="RXX",
        unit_name="Ash",
        unit_kind="ward",
        reference="v1",
        budgets=BUDGETS,
    )


def test_signals_that_overlap_in_one_unit_are_one_alert() -> None:
    first = signal(20_000, 20_100)
    second = signal(20_050, None, detector="evidence.share")
    later = signal(20_300, None, detector="evidence.measurement")

    assert [[first, second, later]] == episodes([later, second, first])


def test_a_signal_after_the_end_of_an_episode_opens_another() -> None:
    first, second = signal(20_000, 20_100), signal(20_101)

    assert [[first], [second]] == episodes([second, first])


def test_kinds_directions_and_units_are_told_apart() -> None:
    signals = [
        signal(20_000),
        signal(20_000, kind="listening"),
        signal(20_000, direction="improvement"),
        signal(20_000, unit="RXX01:W2"),
    ]

    assert 4 == len(episodes(signals))


def test_an_alert_takes_the_first_signal_the_highest_level_and_all_feeds() -> None:
    alert = told(
        signal(20_000, 20_100),
        signal(20_050, None, level=2, raised=20_060, feeds=("complaints",), onset=19_000),
    )

    assert instant(20_000) == alert.first_signal_at
    assert 2 == alert.level
    assert ("complaints", "incidents") == alert.feeds
    assert instant(19_000) == alert.onset
    assert instant(20_060) == alert.raised_at
    assert alert.subsided_at is None


def test_the_same_facts_give_the_same_id() -> None:
    assert told(signal(20_000)).id == told(signal(20_000)).id
    assert told(signal(20_000)).id != told(signal(20_001)).id


def test_a_statement_asks_for_a_check_and_holds_no_count() -> None:
    sentence = told(signal(20_000)).statement

    assert "check" in sentence
    assert "At ward Ash, incidents may have risen since about" in sentence
    assert not any(word in sentence.lower() for word in ("outlier", "failing"))


def test_chance_is_told_in_years_for_a_stable_unit() -> None:
    assert "about once in 20 years for a stable ward" == false_alert_interval("ward", 0.05)
    assert "about once in 5 years for a stable site" == false_alert_interval("site", 0.2)
    assert "about once in a year for a stable ward" == false_alert_interval("ward", 1.0)
    assert "about once in 6 months for a stable ward" == false_alert_interval("ward", 2.0)


def test_words_are_joined_as_people_do() -> None:
    assert "" == listing([])
    assert "a" == listing(["a"])
    assert "a and b" == listing(["a", "b"])
    assert "a, b and c" == listing(["a", "b", "c"])


def test_the_day_of_an_onset_is_not_told_where_only_speaking_up_signals() -> None:
    sentence = told(
        signal(20_000, feeds=("speakup",), words={"feeds": ("speakup",)}, onset=19_990)
    ).statement

    assert "since about September 2024" in sentence


def test_an_alert_equals_what_the_store_gives_back_of_it() -> None:
    numbers = {"form": "share", "model": {"prior": (1.0, 2.0)}, "chance": 0.1}
    alert = told(
        signal(20_000, explanation=pack(numbers)), signal(20_001, detector="evidence.silence")
    )
    read = decode_record(encode_record(alert))

    assert read == alert
    assert alert == read
    assert asdict(read) == asdict(alert)
    assert [1.0, 2.0] == read.evidence["signals"][0]["explanation"]["model"]["prior"]
    assert encode_record(read) == encode_record(alert)


def test_alerts_that_rest_on_other_numbers_are_not_the_same() -> None:
    alert = told(signal(20_000, explanation=pack({"period": 3})))
    other = told(signal(20_000, explanation=pack({"period": 4})))

    assert other != alert
    assert decode_record(encode_record(other)) != alert
    assert told(signal(20_000, explanation=pack({"period": 3.0}))) == alert
    assert alert == replace(alert, level=alert.level)
    assert alert != replace(alert, level=alert.level + 1)


def test_speaking_up_alone_is_told_with_the_end_of_its_week() -> None:
    monday = 20_003
    assert instant(monday).startswith("2024-10-07")

    for opened in range(monday + 1, monday + 8):
        alert = told(signal(opened, feeds=("speakup",), moment=opened * 86_400_000 - 1234))
        assert alert.first_signal_at == instant(monday + 7)


def test_the_name_of_an_alert_on_speaking_up_alone_is_that_of_every_day_of_its_week() -> None:
    monday = 20_451
    names = {
        feed: {told(signal(monday + day, feeds=(feed,))).id for day in range(1, 8)}  # type: ignore[attr-defined]
        for feed in ("speakup", "incidents")
    }

    assert len(names["speakup"]) == 1
    assert len(names["incidents"]) == 7


def test_an_open_feed_is_told_with_its_moment() -> None:
    alert = told(signal(20_004, moment=20_003 * 86_400_000 + 3_600_000))

    assert alert.first_signal_at == "2024-10-07T01:00:00Z"


def test_a_signal_tells_its_detector_s_version_and_rule() -> None:
    watched = {one.evidence for one in Catalogue.load().indicators if one.evidence}
    for name in {f"evidence.{kind}" for kind in watched} | {"evidence.silence", "evidence.outage"}:
        evidence = signal(20_000, detector=name).told()

        assert evidence["detector"] == name
        assert evidence["version"]
        assert "within their budget" in evidence["rule"]
