from __future__ import annotations

from streams.facts.remembered import keep


def test_what_is_remembered_is_begun_anew_when_there_is_no_room_for_more():
    held: dict[str, int] = {}
    for number, key in enumerate("aba"):
        keep(held, key, number, most=2)

    assert held == {"a": 2, "b": 1}

    keep(held, "c", 3, most=2)

    assert held == {"c": 3}
