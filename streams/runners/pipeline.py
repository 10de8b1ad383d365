"""The pipeline: a state and a batch of facts give a new state and its effects.

Nothing here reads a clock, a log or a database. The runners on Kafka and on the
embedded journal call the same function, so what is true of one is true of both.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence

from streams.catalogue.organisations import unit_codes
from streams.evidence.evaluation import Evaluation
from streams.facts.effects import AlertChange, AlertRecord, Effects, ProviderRecord, UnitRecord
from streams.facts.messages import Fact
from streams.histories.series import Block, kind_of

Versions = dict[bytes, Fact]
"""One version of each fact, by key."""
Known = MutableMapping[str, Versions]
"""The versions held of facts, by provider."""


class ProviderState:
    """All that is held in memory of one provider.

    Args:
        block: its histories.
        evaluation: its evidence, up to date with the block.
        alerts: its current alerts by id, as the store holds them.
        registered: codes of its units that the store knows.
        pending: the versions of the batch in hand, which the store does not hold yet.
    """

    def __init__(
        self,
        block: Block,
        evaluation: Evaluation,
        alerts: dict[str, AlertRecord],
        registered: set[str],
        pending: Versions | None = None,
    ) -> None:
        self.block = block
        self.evaluation = evaluation
        self.alerts = alerts
        self.registered = registered
        self.pending = {} if pending is None else pending


def advance(
    states: MutableMapping[str, ProviderState], facts: Sequence[Fact], known: Known
) -> Effects:
    """Take in a batch of facts.

    Args:
        states: the state of every provider in the batch; changed in place, so a
            caller whose transaction fails must drop them.
        facts: valid events in the order of the log.
        known: the versions held of these facts; changed.

    Returns:
        What to write. Facts that are repeats or older versions change nothing.
    """
    effects = Effects(events=len(facts))
    changes: dict[str, tuple[Versions, Versions]] = {}
    provider = None
    latest: Versions = {}
    replaced: Versions = {}
    versions: Versions = {}
    for fact in facts:
        if fact.provider != provider:
            provider = fact.provider
            latest, replaced = changes.setdefault(provider, ({}, {}))
            versions = known.setdefault(provider, {})
        key = fact.key
        held = versions.setdefault(key, fact)
        if held is fact:
            latest[key] = fact
        elif fact.rank <= held.rank:
            effects.duplicates += 1
        else:
            # The version before the batch is what the new one replaces.
            if key not in latest:
                replaced[key] = held
            latest[key] = versions[key] = fact
    for provider, (latest, replaced) in changes.items():
        if latest:
            _take_in(states[provider], latest, replaced, effects)
    return effects


def _take_in(
    state: ProviderState, latest: Versions, replaced: Versions, effects: Effects
) -> None:  # fmt: skip
    """Bring a provider up to date with changed facts and note what to write."""
    state.pending.clear()
    state.pending.update(latest)
    state.block.change(latest.values(), replaced.values())
    effects.facts.extend(latest.values())
    effects.tallies.extend(state.block.take_tallies())
    effects.units.extend(_new_units(state))
    effects.units_gone.extend(units_gone(state, _left(state, latest, replaced)))
    block = state.block
    effects.providers.append(
        ProviderRecord(block.provider, block.watermarks, block.catalogue.digest)
    )
    effects.alerts.extend(reconcile(state))


def _new_units(state: ProviderState) -> list[UnitRecord]:
    """The units seen for the first time, each after the one above it."""
    block = state.block
    found = []
    for code in block.units():
        # Units that facts have left keep their slots; the provider itself always has one.
        if code in state.registered or not (code == block.provider or block.named(code)):
            continue
        state.registered.add(code)
        kind = kind_of(block.provider, code)
        above, _, ward = code.partition(":")
        local = ward.lstrip(":") if kind == "ward" else code
        found.append(
            UnitRecord(
                code=code,
                kind=kind,
                parent={"provider": None, "site": block.provider, "ward": above}[kind],
                provider=block.provider,
                local=local,
                name=local,
                verified=False,
            )
        )
    return found


def _left(state: ProviderState, latest: Versions, replaced: Versions) -> set[str]:
    """The sites and wards that facts were taken from, and the sites above these."""
    provider = state.block.provider
    places = {
        (held.site, held.ward)
        for key, held in replaced.items()
        if latest[key].withdrawn or (latest[key].site, latest[key].ward) != (held.site, held.ward)
    }
    return {code for place in places for code in unit_codes(provider, *place)[1:]}


def units_gone(state: ProviderState, codes: Iterable[str]) -> list[str]:
    """Those of these registered units that no fact names any more; they are registered no longer.

    A ward that was only ever a mistake leaves with it, so that the units follow from the
    facts, whatever version of a fact arrived first.
    """
    gone = [code for code in codes if code in state.registered and not state.block.named(code)]
    state.registered.difference_update(gone)
    return gone


def reconcile(state: ProviderState) -> list[AlertChange]:
    """Evaluate what changed and say how the provider's alerts changed with it."""
    before = state.alerts
    after = {alert.id: alert for alert in state.evaluation.alerts(state.block)}
    state.alerts = after
    gone = [alert for alert_id, alert in before.items() if alert_id not in after]
    changes = []
    for alert_id, alert in after.items():
        held = before.get(alert_id)
        if held is None:
            succeeds = next((old.id for old in gone if _same_episode(old, alert)), None)
            changes.append(AlertChange("opened", alert, succeeds))
        elif held != alert:
            changes.append(AlertChange(_change(held, alert), alert))
    changes.extend(AlertChange("retracted", alert) for alert in gone)
    return changes


def _same_episode(old: AlertRecord, new: AlertRecord) -> bool:
    """Whether a correction moved an episode rather than ended one and began another."""
    if (old.unit, old.kind, old.direction) != (new.unit, new.kind, new.direction):
        return False
    end_old = old.subsided_at or "9999"
    end_new = new.subsided_at or "9999"
    return old.first_signal_at <= end_new and new.first_signal_at <= end_old


def _change(before: AlertRecord, after: AlertRecord) -> str:
    if after.level > before.level:
        return "raised"
    if after.subsided_at is not None and before.subsided_at is None:
        return "subsided"
    if set(after.feeds) > set(before.feeds) or len(after.evidence["series"]) > len(
        before.evidence["series"]
    ):
        return "evidence_added"
    return "amended"
