"""Which counts a house may add to the joint watch, and who watches them from then on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detectors.evidence.counts import FeedCounts
from detectors.evidence.model import EvidenceModel
from detectors.evidence.patterns import rises, widened
from streams.backtests.additions import AdditionError, check, of_class
from streams.catalogue.indicators import Catalogue
from streams.evidence.evaluation import Budgets, Evaluation, alone_at, watched_alone
from streams.evidence.reference import Reference
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.facts.periods import JUDGED, Grid
from streams.histories.series import Block
from streams.together.claims import claims
from tests.facts import fact

CATALOGUE = Catalogue.load()
SHIPPED = Reference.shipped()
FOUR = ("incidents", "complaints", "speakup", "falls")
ULCERS = "pressure_ulcers"
MONDAY = np.datetime64("2024-01-01")
OFTEN = Budgets(2.0, 0.5)


def with_ulcers(*levels: str) -> Reference:
    """The shipped reference with pressure ulcers weighed at some levels."""
    models = dict(SHIPPED.models)
    for level in levels:
        held = models[level]
        feeds = (*held.feeds, ULCERS)
        plain = EvidenceModel.plain(feeds, [6.5, 0.5, *[1.0] * (len(feeds) - 2)])
        models[level] = replace(plain, patterns=widened(held.patterns, feeds))
    return Reference("wider", SHIPPED.effective, models)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("ulcers", "no such indicator"),
        ("incidents", "weighs it at every level already"),
        ("falls", "weighs it at every level already"),
        ("speakup_bullying", "speaking up is protected"),
        ("harm_share", "it is a share, not a count"),
        ("four_hour_breaches", "it is a proportion, not a count"),
        ("sickness", "not a count"),
        ("never_events", "it is a gap, not a count"),
        ("falls_per_1000_bed_days", "it is made of falls; add that"),
        ("occupied_bed_days", "more of it is not worse care"),
        ("compliments", "more of it is not worse care"),
        ("martha_rule_calls", "more of it is not worse care"),
        # More reports may be better reporting, which only incidents as a whole are weighed against.
        ("medication_incidents", "more of it is not worse care"),
    ],
)
def test_what_cannot_be_weighed_is_refused_by_name_and_reason(key: str, reason: str) -> None:
    with pytest.raises(AdditionError, match=f"^{key} cannot be added.*{reason}"):
        check(CATALOGUE, SHIPPED, ["cdi", key])


def test_counts_that_count_each_other_s_events_are_refused_together() -> None:
    with pytest.raises(AdditionError, match="counts events that"):
        check(CATALOGUE, SHIPPED, ["hospital_infections", "cdi"])


def test_reports_that_a_house_calls_harm_are_taken_where_nothing_else_counts_them(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.toml"
    harms = ("medication", "pressure_ulcer", "fall", "self_harm")
    file.write_text(
        "extends = true\n"
        + "".join(
            f'[indicators.{harm}_incidents]\ndirection = "down"\ndaily = {daily}\n'
            for harm, daily in zip(harms, ("true", "true", "true", "false"), strict=True)
        )
    )
    mine = Catalogue.load(file)

    assert check(mine, SHIPPED, ["medication_incidents"]) == ("medication_incidents",)
    assert check(mine, SHIPPED, ["pressure_ulcer_incidents"]) == ("pressure_ulcer_incidents",)
    with pytest.raises(AdditionError, match=r"fall_incidents cannot.*counts events that falls"):
        check(mine, SHIPPED, ["fall_incidents"])
    with pytest.raises(AdditionError, match=r"self_harm_incidents cannot.*not kept by day"):
        check(mine, SHIPPED, ["self_harm_incidents"])
    # What the reference weighs already counts as well.
    with pytest.raises(AdditionError, match=r"pressure_ulcer_incidents cannot.*counts events that"):
        check(mine, with_ulcers("ward"), ["pressure_ulcer_incidents"])


def test_no_more_than_eight_feeds_are_weighed_together() -> None:
    harms = [ULCERS, "cdi", "mrsa_bsi", "cardiac_arrests"]

    assert check(CATALOGUE, SHIPPED, [*harms, ULCERS]) == tuple(harms)
    with pytest.raises(AdditionError, match="9 feeds at the level site are too many"):
        check(CATALOGUE, SHIPPED, [*harms, "unplanned_icu_admissions"])


def test_a_metric_whose_incidents_are_not_kept_by_day_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("extends = true\n[indicators.pressure_ulcer_incidents]\ndaily = false\n")

    with pytest.raises(AdditionError, match="pressure_ulcer_incidents, which incidents would lose"):
        check(Catalogue.load(file), SHIPPED, [ULCERS])


def test_a_metric_whose_incidents_are_more_than_incidents_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "extends = true\n[indicators.pressure_ulcer_incidents]\n"
        'where = { category = "pressure_ulcer" }\n'
    )
    mine = Catalogue.load(file)

    with pytest.raises(AdditionError, match=r"pressure_ulcers cannot.*that incidents counts"):
        check(mine, SHIPPED, [ULCERS])
    assert check(mine, SHIPPED, []) == ()


def test_what_is_added_at_one_level_can_be_added_at_the_others_later() -> None:
    assert check(CATALOGUE, with_ulcers("ward"), [ULCERS]) == (ULCERS,)
    with pytest.raises(AdditionError, match="at every level already"):
        check(CATALOGUE, with_ulcers("ward", "site", "provider"), [ULCERS])


def metric(key: str, start: np.datetime64, days: int, value: int, ward: str) -> Fact:
    return fact(
        f"{key}-{ward}-{start}-{days}", str(start + days), Feed.WARDMETRICS, ward=ward,
        metric=key, numerator=value, period_start=f"{start}T00:00:00Z",
        period_end=f"{start + days}T00:00:00Z",
    )  # fmt: skip


def test_a_class_says_of_each_count_whether_it_was_added_and_why() -> None:
    block = Block(CATALOGUE, "RXX")
    block.change(
        [metric("cdi", MONDAY + 30 * n, 30, 1, f"W{w}") for n in range(12) for w in range(9)]
        + [metric("mrsa_bsi", MONDAY + 7 * n, 7, 1, f"W{w}") for n in range(40) for w in range(3)]
    )
    keys = (ULCERS, "cdi", "mrsa_bsi", "cardiac_arrests", "unplanned_icu_admissions")
    exposure = np.zeros((8, 1 + len(keys), 40))
    exposure[:, [0, 1, 4]] = 1.0
    exposure[:3, 3] = 1.0
    counts = np.zeros_like(exposure)
    counts[:, 1] = 1.0
    counts[:2, 4, :9] = 1.0

    found = of_class(
        FeedCounts(counts, exposure, 2800), ("incidents", *keys), keys, catalogue=CATALOGUE,
        level="ward", blocks=[block],
    )  # fmt: skip

    assert found.keys == (ULCERS,)
    assert found.notes == (
        "pressure_ulcers added: 8 units reported it by week",
        "cdi not added: reported by month only (9 units)",
        "mrsa_bsi not added: only 3 units with 26 weeks of it, 5 are needed",
        "cardiac_arrests not added: only 18 in all by week, 20 are needed",
        "unplanned_icu_admissions not added: nobody reports it",
    )


def test_a_count_is_watched_by_itself_wherever_it_is_not_watched_together() -> None:
    wards, all_levels = with_ulcers("ward"), with_ulcers("ward", "site", "provider")
    ulcers = CATALOGUE[ULCERS]

    assert alone_at(ulcers, SHIPPED, Grid.WEEK) == {"ward", "site", "provider"}
    assert alone_at(ulcers, wards, Grid.WEEK) == {"site", "provider"}
    assert alone_at(ulcers, all_levels, Grid.WEEK) == set()
    for grid in (Grid.MONTH, Grid.QUARTER):
        assert alone_at(ulcers, all_levels, grid) == ulcers.levels


@pytest.mark.parametrize("levels", [(), ("ward",), ("ward", "site", "provider")])
def test_every_level_and_grid_has_one_watch_of_a_count_and_the_shares_stay(
    levels: tuple[str, ...],
) -> None:
    reference = with_ulcers(*levels)
    found = claims(CATALOGUE, reference, Budgets())
    watched = [
        (level, claim.grid)
        for claim in found.values()
        if claim.indicator == ULCERS
        for level in claim.levels
    ]

    every = {(level, grid) for level in CATALOGUE[ULCERS].levels for grid in JUDGED}
    assert sorted(watched) == sorted(every)
    assert sum(claim.weight * len(claim.levels) for claim in found.values()) <= 1.0
    assert watched_alone(CATALOGUE, reference, "indicators") == watched_alone(
        CATALOGUE, SHIPPED, "indicators"
    )


def ulcers_of(ward: str, *, weeks: int = 120, rise: int = 80) -> list[Fact]:
    """Two a week on a ward, seven from one week on."""
    return [
        metric(ULCERS, MONDAY + 7 * n, 7, (2 if n < rise else 7) + n % 2, ward)
        for n in range(weeks)
    ]


def detectors_by_level(reference: Reference, facts: list[Fact]) -> dict[str, set[str]]:
    block = Block(CATALOGUE, "RXX")
    block.change(facts)
    found: dict[str, set[str]] = {}
    for alert in Evaluation(CATALOGUE, reference, OFTEN).alerts(block):
        if alert.direction == "concern":
            found.setdefault(alert.unit_kind, set()).update(
                signal["detector"] for signal in alert.evidence["signals"]
            )
    return found


def test_added_for_wards_only_the_site_is_still_watched_alone() -> None:
    facts = ulcers_of("W1")

    alone = detectors_by_level(SHIPPED, facts)
    wards = detectors_by_level(with_ulcers("ward"), facts)
    everywhere = detectors_by_level(with_ulcers("ward", "site", "provider"), facts)

    assert alone["ward"] == alone["site"] == alone["provider"] == {"evidence.count"}
    assert wards["ward"] == {"evidence.counts"}
    assert wards["site"] == wards["provider"] == {"evidence.count"}
    assert everywhere["ward"] == everywhere["site"] == {"evidence.counts"}


def test_a_ward_that_reports_by_month_is_still_watched_alone() -> None:
    months = [
        metric(ULCERS, MONDAY + 30 * n, 30, (3 if n < 36 else 15) + n % 2, "W1") for n in range(48)
    ]

    everywhere = detectors_by_level(with_ulcers("ward", "site", "provider"), months)

    assert everywhere["ward"] == {"evidence.count"}


def test_the_table_of_the_shipped_four_is_as_it_was_and_new_harms_have_their_own_rows() -> None:
    four = rises(FOUR)
    assert four.weight.tolist() == rises(FOUR, harms=True).weight.tolist()
    assert len(four.weight) == 16

    six = widened(four, (*FOUR, ULCERS, "medication_incidents"))

    told = [six.describe(row) for row in range(len(six.weight))]
    assert "falls x1.95, pressure_ulcers x1.8, medication_incidents x1.8" in told
    assert six.weight.sum() == pytest.approx(1.0)
    alone = [w for t, w in zip(told, six.weight, strict=True) if "," not in t]
    assert max(alone) < 0.15
    assert six.ratios[:4].tolist() == four.ratios.tolist()


def test_what_was_learned_of_the_four_is_kept_when_a_count_is_added() -> None:
    four = rises(FOUR)
    factor = np.linspace(0.5, 2.0, len(four.weight))
    learned = replace(four, weight=four.weight * factor / (four.weight * factor).sum())
    feeds = (*FOUR, ULCERS)

    kept, usual = widened(learned, feeds), widened(four, feeds)

    complaints = [
        row
        for row in range(len(usual.weight))
        if usual.describe(row).startswith("complaints") and "," not in usual.describe(row)
    ]
    before = [
        row
        for row in range(len(four.weight))
        if four.describe(row).startswith("complaints") and "," not in four.describe(row)
    ]
    ratio = kept.weight[complaints] / usual.weight[complaints]
    assert ratio / ratio[0] == pytest.approx(factor[before] / factor[before[0]])
    with pytest.raises(ValueError, match="do not begin with"):
        widened(four, (ULCERS, *FOUR))


def test_adding_one_count_after_another_is_adding_both() -> None:
    both = (*FOUR, ULCERS, "cdi")

    one = widened(widened(rises(FOUR), both[:5]), both)
    at_once = widened(rises(FOUR), both)

    assert one.weight == pytest.approx(at_once.weight)
    assert one.choice.tolist() == at_once.choice.tolist()
