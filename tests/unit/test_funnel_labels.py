"""Names of points in a picture: inside it, apart from each other, and tied to their points."""

from __future__ import annotations

import re

from api.funnel_labels import Room

EDGES = (60.0, 2.0, 660.0, 350.0)


def crowded(spots):
    room = Room(EDGES, spots=list(spots))
    drawn = [room.label(f"Unit {n}", spot, gap=9, below=True, bold=False)
             for n, spot in enumerate(spots)]  # fmt: skip
    return room, drawn


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_labels_of_neighbours_do_not_cover_each_other():
    room, _ = crowded([(300.0 + 12 * n, 200.0 + 3 * n) for n in range(6)])

    assert len(room.taken) == 6
    for at, one in enumerate(room.taken):
        assert not any(overlap(one, other) for other in room.taken[:at])


def test_labels_stay_inside_the_picture():
    room, _ = crowded([(64.0, 5.0), (655.0, 5.0), (64.0, 345.0), (655.0, 345.0)])

    for left, top, right, bottom in room.taken:
        assert EDGES[0] <= left < right <= EDGES[2]
        assert EDGES[1] <= top < bottom <= EDGES[3]


def test_a_label_that_stands_apart_is_tied_to_its_point_and_one_beside_it_is_not():
    _, (alone,) = crowded([(300.0, 200.0)])
    _, drawn = crowded([(300.0, 200.0), (306.0, 202.0), (294.0, 198.0), (300.0, 204.0)])

    assert 'class="leader"' not in alone
    assert any('class="leader"' in label for label in drawn)


def test_a_long_name_is_cut_and_what_it_holds_is_escaped():
    label = Room(EDGES).label(f"<A & B> {'x' * 80}", (300.0, 200.0), gap=9, below=False, bold=True)
    (text,) = re.findall(r">([^<>]*)</text>", label)

    assert text.startswith("&lt;A &amp; B&gt; x")
    assert text.endswith("x…")
    assert 'font-weight="700"' in label
