"""The ledger: it balances, never goes below zero, and says the same to everyone who shares its memory."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import law

from livegen.core.ledger import SIZE_BYTES, Ledger, Owner

steps = st.lists(
    st.tuples(st.booleans(), st.sampled_from(list(Owner)), st.integers(14, 15), st.integers(126, 127)), max_size=60
)


@law
@given(steps)
def test_it_counts_like_a_counter_that_stops_at_zero(steps: list[tuple[bool, Owner, int, int]]) -> None:
    """A note-off is wanted exactly when the last holder lets go; a second ledger over the same memory sees all of it."""
    memory = bytearray(SIZE_BYTES + 3)
    ledger, reader = Ledger.over(memoryview(memory)), Ledger.over(memoryview(memory))
    held: Counter[tuple[Owner, int, int]] = Counter()
    for begins, owner, channel, pitch in steps:
        if begins:
            ledger.add(owner, channel, pitch)
            held[owner, channel, pitch] += 1
        else:
            was_held = held[owner, channel, pitch] > 0
            held[owner, channel, pitch] -= was_held
            silent = not any(held[holder, channel, pitch] for holder in Owner)
            assert ledger.remove(owner, channel, pitch) == (was_held and silent)
        for holder in Owner:
            expected = sorted({key[1:] for key, count in held.items() if count and key[0] == holder})
            assert list(reader.sounding(holder)) == expected
            assert reader.holds(holder, channel, pitch) == (held[holder, channel, pitch] > 0)
        assert list(reader.sounding()) == sorted({key[1:] for key, count in held.items() if count})
    ledger.clear()
    assert not any(memory)


def test_players_and_agents_notes_are_apart() -> None:
    ledger = Ledger()
    ledger.add(Owner.THRU, 0, 60)
    ledger.add(Owner.GENERATED, 0, 60)
    assert not ledger.remove(Owner.GENERATED, 0, 60), "the player still holds it"
    assert not ledger.remove(Owner.GENERATED, 0, 60), "nothing there to end"
    assert ledger.remove(Owner.THRU, 0, 60)
    assert list(ledger.sounding()) == []


def test_what_sounds_can_be_ended_while_it_is_listed() -> None:
    ledger = Ledger()
    for pitch in (60, 64, 67):
        ledger.add(Owner.GENERATED, 1, pitch)
    assert [ledger.remove(Owner.GENERATED, *key) for key in ledger.sounding()] == [True] * 3


def test_one_channel_is_what_all_have_on_it() -> None:
    ledger = Ledger()
    for owner, channel, pitch in ((Owner.THRU, 3, 60), (Owner.THRU, 3, 40), (Owner.THRU, 4, 50), (Owner.GENERATED, 3, 70)):
        ledger.add(owner, channel, pitch)
    assert ledger.on_channel(Owner.THRU, 3) == [40, 60]
    assert ledger.on_channel(Owner.THRU, 5) == []


def test_a_count_never_wraps_around() -> None:
    ledger = Ledger()
    for _ in range(300):
        ledger.add(Owner.THRU, 0, 60)
    assert ledger.holds(Owner.THRU, 0, 60)
    assert sum(ledger.remove(Owner.THRU, 0, 60) for _ in range(300)) == 1
    assert not ledger.holds(Owner.THRU, 0, 60)


def test_memory_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="buffer"):
        Ledger.over(memoryview(bytearray(SIZE_BYTES - 1)))


def test_a_detached_ledger_goes_on_by_itself() -> None:
    memory = bytearray(SIZE_BYTES)
    ledger = Ledger.over(memoryview(memory))
    ledger.add(Owner.GENERATED, 1, 60)
    ledger.detach()
    memory.clear()  # which raises as long as an array lies over it
    assert list(ledger.sounding()) == [(1, 60)]
