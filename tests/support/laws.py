"""Laws without a deadline, because the machine may be busy, and strategies that several suites draw from."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from livegen.core import vocabulary as v
from livegen.core.events import Chord, End, Event, Note, Off, On, Part, PlayerEvent, Tick
from livegen.core.harmony import QUALITIES, ChordSymbol

law = settings(deadline=None)
"""A law that is cheap to check."""

slow_law = settings(deadline=None, max_examples=30)
"""A law that plays a whole session an example."""

pitches = st.integers(0, 127)
velocities = st.integers(1, 127)
tempi = st.integers(20_000, 300_000).map(lambda thousandths: thousandths / 1000)
"""Every tempo that the transport keeps exactly."""

times_ns = st.integers(0, 10**13)
"""Up to three hours."""

part_sets = st.frozensets(st.sampled_from(list(Part)))
phases = st.none() | st.integers(0, 23)
chord_symbols = st.builds(ChordSymbol, st.none() | st.integers(0, 11), st.sampled_from(QUALITIES))

ons = st.builds(On, times_ns, pitches, velocities, phases)
offs = st.builds(Off, times_ns, pitches, phases)
player_events: st.SearchStrategy[PlayerEvent] = ons | offs
ticks = st.builds(
    Tick,
    time_ns=times_ns,
    half_beat=st.none() | st.integers(0, 23),
    beats_per_bar=st.none() | st.integers(1, 12),
    tempo_bpm=st.none() | tempi,
    lookahead=st.integers(0, 96),
    hop=st.sampled_from(v.HOPS),
    parts=part_sets,
)
notes = st.builds(Note, st.sampled_from(list(Part)), st.integers(0, 23), pitches, st.integers(1, 400), velocities)
events: st.SearchStrategy[Event] = st.one_of(ons, offs, ticks, st.builds(Chord, chord_symbols), notes, st.just(End()))
