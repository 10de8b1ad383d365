"""What must hold of groups, whatever began where and when."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.together.grouping import FEWEST, LIMIT, together
from tests.unit.test_together import CLAIMS, FALLS, INCIDENTS, begun, nation, watched

UNITS = nation(3, 12)
SEEN = watched(UNITS)
CODES = [(one.code, one.kind) for one in UNITS]


KEYS = st.sampled_from([(INCIDENTS,), (FALLS,), (INCIDENTS, FALLS)])
PLACES = st.sampled_from(CODES)
BURSTS = st.lists(st.tuples(st.integers(50, 99), KEYS, st.sets(PLACES, max_size=14)), max_size=4)
NOISE = st.lists(st.tuples(st.integers(30, 103), KEYS, PLACES), max_size=12)


@st.composite
def beginnings(draw):
    """Bursts of signals, of one claim or two, among some that began by themselves."""
    told = [
        (week + at % 3, keys, place)
        for week, keys, places in draw(BURSTS)
        for at, place in enumerate(sorted(places))
    ]
    return [
        begun(code, week, *keys, number=at, level=kind)
        for at, (week, keys, (code, kind)) in enumerate([*told, *draw(NOISE)])
    ]


MANY = settings(max_examples=60, deadline=None)


@MANY
@given(beginnings(), st.randoms(use_true_random=False))
def test_the_order_in_which_alerts_are_read_does_not_matter(told, dice):
    mixed = list(told)
    dice.shuffle(mixed)

    assert together(told, CLAIMS, SEEN) == together(mixed, CLAIMS, SEEN)


@MANY
@given(beginnings())
def test_every_group_is_large_rare_and_holds_only_what_began_in_it(told):
    days = {one.alert: one.day for one in told}
    for group in together(told, CLAIMS, SEEN):
        assert len(group.units) >= FEWEST
        assert 0.0 < group.p_value <= LIMIT
        assert len(group.units) <= group.watched
        assert len(group.providers) <= group.providers_watched
        assert all(group.since <= days[alert] < group.until for alert in group.alerts)
        assert group.by_budget <= group.expected


@MANY
@given(beginnings())
def test_no_signal_is_in_two_groups(told):
    """Every alert here has one signal."""
    named = [alert for group in together(told, CLAIMS, SEEN) for alert in group.alerts]

    assert len(named) == len(set(named))


@MANY
@given(beginnings())
def test_signals_of_other_claims_and_units_change_nothing(told):
    others = [
        begun("R0001:1", 60, ("evidence.counts", "speakup", INCIDENTS[2]), number=-1),
        begun("R7701:1", 60, number=-2),
    ]

    assert together(told, CLAIMS, SEEN) == together([*told, *others], CLAIMS, SEEN)
