"""The session log's lines: what is written is read back as it was, and nothing that a stranger writes does harm."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import chord_symbols, law, notes, pitches, player_events, tempi, ticks, times_ns
from support.logged import beginning_of, log_of, signed
from support.stage import lead, settings_with

from livegen.core import session_codec
from livegen.core.effects import (
    Answered,
    Ask,
    CountIn,
    Discard,
    Effect,
    GeneratorLost,
    InputLost,
    Observe,
    Overdue,
    Panic,
    Send,
    SessionBeat,
    Stopgap,
    Tap,
    Unplanned,
)
from livegen.core.engine import Engine, Incoming
from livegen.core.errors import InputError
from livegen.core.events import Note, Part, Tick
from livegen.core.midi import REALTIME, Control, NoteOff, NoteOn, Other, Realtime, SongPosition
from livegen.core.parameters import Settings, build_registry
from livegen.core.plans import Plan, PlanRequest, Sampling
from livegen.core.session_codec import Codec
from livegen.core.session_lines import MOST_LINE_BYTES, Line, LineReader, LineWriter
from livegen.core.session_log import (
    Beginning,
    Closed,
    Did,
    Entry,
    LoggedEngine,
    Moved,
    PlansTake,
    Received,
    SendEarlier,
    Ticked,
)
from livegen.core.transport import Transport

STYLES = ("folk", "jazz")

bytes7 = st.integers(0, 127)
channels = st.integers(0, 15)
whole = st.integers(-(2**63) + 1, 2**63 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)
bends = st.builds(lambda channel, low, high: Other(bytes([0xE0 | channel, low, high])), channels, bytes7, bytes7)
sysex = st.lists(bytes7, max_size=40).map(lambda body: Other(bytes([0xF0, *body, 0xF7])))
messages = st.one_of(
    st.builds(NoteOn, channels, pitches, st.integers(1, 127)),
    st.builds(NoteOff, channels, pitches, bytes7),
    st.builds(Control, channels, bytes7, bytes7),
    st.builds(Realtime, st.sampled_from(sorted(REALTIME))),
    st.builds(SongPosition, st.integers(0, 16383)),
    bends,
    sysex,
)
any_notes = st.builds(Note, st.sampled_from(list(Part)), whole, whole, whole, whole)
"""Those of a broken generator too."""
plans = st.builds(Plan, whole, whole, whole, st.none() | chord_symbols, st.lists(notes | any_notes, max_size=6).map(tuple))
samplings = st.builds(Sampling, finite, finite, finite, finite)
requests = st.builds(
    PlanRequest,
    plan_id=whole,
    window=whole,
    tick=ticks,
    sampling=samplings,
    style=st.lists(st.tuples(st.sampled_from(STYLES), finite), max_size=3).map(tuple),
    guidance=finite,
    opening=st.booleans(),
    seed=st.integers(0, 2**100),
    register=finite,
)


@st.composite
def some_settings(draw: st.DrawFn) -> Settings:
    """Legal values for some parameters of a model with styles."""
    registry = build_registry(STYLES)
    changes: dict[str, object] = {}
    for parameter in draw(st.lists(st.sampled_from(registry.parameters), unique=True)):
        match parameter.kind:
            case "choice":
                changes[parameter.name] = draw(st.sampled_from(parameter.choices))
            case "bool":
                changes[parameter.name] = draw(st.booleans())
            case "int":
                changes[parameter.name] = draw(st.integers(int(parameter.low), int(parameter.high)))
            case _:
                changes[parameter.name] = draw(st.floats(parameter.low, parameter.high))
    return registry.defaults().with_changes(changes)[0]


INCOMING: dict[type, st.SearchStrategy[object]] = {
    **dict.fromkeys((NoteOn, NoteOff, Control, Realtime, SongPosition, Other), messages),
    Plan: plans,
    Stopgap: st.builds(Stopgap, plans),
    Unplanned: st.builds(Unplanned, whole),
    Settings: some_settings(),
    Panic: st.just(Panic()),
    Tap: st.just(Tap()),
    CountIn: st.just(CountIn()),
    SessionBeat: st.builds(SessionBeat, st.floats(-1e6, 1e6), whole, st.floats(20, 999), st.integers(0, 99)),
    InputLost: st.just(InputLost()),
    GeneratorLost: st.just(GeneratorLost()),
}
EFFECTS: dict[type, st.SearchStrategy[object]] = {
    Send: st.builds(Send, whole, messages, st.none() | st.sampled_from(list(Part))),
    Observe: st.builds(Observe, player_events),
    Ask: st.builds(Ask, requests),
    Overdue: st.builds(Overdue, requests),
    Discard: st.builds(Discard, whole),
    Answered: st.builds(Answered, whole, whole),
}
beginnings = st.builds(
    Beginning,
    version=st.just("0.1.0"),
    vocabulary=st.text("0123456789abcdef", max_size=16),
    settings=some_settings(),
    start_ns=whole,
    seed=st.integers(0, 2**100),
    channels=st.tuples(channels, channels, channels, channels),
)
transports = st.builds(
    Transport,
    anchor_pulse=st.fractions(-(10**9), 10**9, max_denominator=2_500_000_000_000),
    anchor_ns=times_ns,
    tempo_bpm=tempi.map(lambda tempo: Transport.starting(0, tempo).tempo_bpm),
    beats_per_bar=st.integers(1, 12),
)
entries: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Received, whole, st.one_of(*INCOMING.values())),
    st.builds(Ticked, whole),
    st.builds(PlansTake, whole),
    st.builds(SendEarlier, whole),
    st.builds(Closed, whole),
    st.builds(Moved, transports),
    st.builds(Did, st.lists(st.one_of(*EFFECTS.values()), min_size=1, max_size=4).map(tuple)),
)


class TestRoundTrip:
    @law
    @given(beginnings, st.lists(entries, max_size=5))
    def test_what_is_written_is_read_back_as_it_was(self, beginning: Beginning, others: list[Entry]) -> None:
        lines = log_of([beginning, *others])
        reader = LineReader()
        assert [reader.take(line).entry for line in lines] == [beginning, *others]

    @law
    @given(beginnings, st.lists(entries, max_size=5))
    def test_what_is_read_is_written_as_it_was(self, beginning: Beginning, others: list[Entry]) -> None:
        lines = log_of([beginning, *others])
        reader = LineReader()
        assert log_of([reader.take(line).entry for line in lines]) == lines

    @law
    @given(beginnings, entries)
    def test_a_line_is_text_of_one_line(self, beginning: Beginning, entry: Entry) -> None:
        for line in log_of([beginning, entry]):
            assert line.isascii()
            assert line.find(b"\n") == len(line) - 1

    def test_everything_that_an_engine_receives_has_a_word(self) -> None:
        """Whoever adds a kind of input adds its word, and what draws it here."""
        assert set(INCOMING) == {Settings, *(cls for cls in get_args(Incoming))}

    def test_every_effect_has_a_word(self) -> None:
        assert set(EFFECTS) == set(get_args(Effect))

    def test_a_class_without_a_word_is_refused(self) -> None:
        codec = Codec()
        codec.put(beginning_of(settings_with()))
        with pytest.raises(InputError, match="no word for int"):
            codec.put(Received(0, 5))  # type: ignore[arg-type]

    def test_every_method_that_changes_an_engine_is_logged(self) -> None:
        """The others only read: what a health read-out asks must not matter to a replay."""
        reading = {"next_deadline_ns", "clock_state", "beat_confidence", "plans_from", "lookahead_ns", "advance_ns"}
        public = {name for name in vars(Engine) if not name.startswith("_")}
        assert public - reading == {name for name in vars(LoggedEngine) if not name.startswith("_")}

    def test_a_number_that_is_too_long_is_not_written(self) -> None:
        writer = LineWriter()
        writer.line(beginning_of(settings_with()))
        with pytest.raises(InputError, match="at most 63 bits"):
            writer.line(Ticked(2**63))

    def test_an_entry_that_is_too_long_is_not_written(self) -> None:
        writer = LineWriter()
        writer.line(beginning_of(settings_with()))
        plan = Plan(1, 24, 24, None, (lead(0, 60),) * (MOST_LINE_BYTES // 10))
        with pytest.raises(InputError, match="too long"):
            writer.line(Received(0, plan))


def log() -> list[bytes]:
    tick = Tick(5, 0, 4, 120.0, 6, 24, frozenset({Part.LEAD, Part.BASS}))
    return log_of(
        [
            beginning_of(settings_with()),
            Moved(Transport()),
            Received(5, NoteOn(0, 60, 80)),
            Ticked(6),
            Did((Ask(PlanRequest(1, 24, tick, style=(("jazz", 0.5),))), Send(6, NoteOn(0, 60, 80), Part.LEAD))),
            Received(7, settings_with(mode="accompany")),
            Closed(9),
        ]
    )


LOG = log()


def read(lines: list[bytes]) -> list[Line]:
    reader = LineReader()
    return [reader.take(line) for line in lines]


class TestDamage:
    @law
    @given(st.integers(0, sum(map(len, LOG)) - 1), st.integers(1, 255))
    def test_a_changed_byte_is_found(self, place: int, change: int) -> None:
        data = bytearray(b"".join(LOG))
        data[place] ^= change
        with pytest.raises(InputError, match=r"^line \d+: |^not a session log"):
            read(bytes(data).splitlines(keepends=True))

    @pytest.mark.parametrize(
        ("lines", "found"),
        [
            ([LOG[0], *LOG[2:]], 2),
            ([*LOG[:3], LOG[2], *LOG[3:]], 4),
            ([LOG[0], LOG[2], LOG[1], *LOG[3:]], 2),
            (LOG[1:], 1),
        ],
        ids=["lost", "doubled", "swapped", "headless"],
    )
    def test_a_line_that_is_not_where_it_was_is_found(self, lines: list[bytes], found: int) -> None:
        with pytest.raises(InputError, match=f"^line {found}: "):
            read(lines)

    @law
    @given(st.binary(max_size=200))
    def test_any_bytes_are_refused(self, data: bytes) -> None:
        with pytest.raises(InputError):
            LineReader().take(data)


FIRST = LineReader().take(LOG[0]).text
bad_arrays = [
    "", "{}", "5", "null", "[]", "[5]", "[[]]", '["t"]', '["t",1.0]', '["t",true]', '["t","1"]', '["t",1,2]', f'["t",{2**63}]',
    '["t",NaN]', "[" * 100_000, f'["t",{"1" * 5000}]', '["midi",1,"9"]', '["midi",1,"903c"]', '["midi",1,"zz"]', '["midi",1,5]',
    '["midi",1]', '["what",1]', '["panic",1,2]', '["plan",1,1,24,24,null,[[9,0,60,6,80]]]', '["plan",1,1,24,24,null,[5]]',
    '["plan",1,1,24,24,[12,"maj"],[]]', '["plan",1,1,24,24,[0,"odd"],[]]', '["plan",1,1,24,24]', '["set",1,{"mode":"dance"}]',
    '["set",1,{"tempo/bpm":1e9}]', '["set",1,{"no such":1}]', '["set",1,5]', '["set",1]', '["out",5]', '["out",[["send",1]]]',
    '["out",[["fly",1]]]', '["at",1,0,0,120,1,4]', '["at",1,1,0,12000,1,4]', '["at",1,1,0,120,1,99]', '["at",1]', FIRST,
]  # fmt: skip


class TestStrangers:
    @pytest.mark.parametrize("array", bad_arrays, ids=lambda array: array[:40])
    def test_what_is_no_entry_is_refused_with_its_line(self, array: str) -> None:
        with pytest.raises(InputError, match=r"^line 2: "):
            read(signed(FIRST, array))

    @pytest.mark.parametrize(
        "change",
        [
            {"channels": [0, 1, 2]}, {"channels": [0, 1, 2, 16]}, {"seed": -1}, {"styles": ["no good"]}, {"styles": [5]},
            {"styles": ["a", "a"]}, {"settings": {"mode": 5}}, {"settings": []}, {"version": "x" * 65}, {"version": "\n"},
            {"start_ns": 0.5}, {"more": 1},
        ],
        ids=str,
    )  # fmt: skip
    def test_a_beginning_that_cannot_be_is_refused(self, change: dict[str, object]) -> None:
        name, number, table = json.loads(FIRST)
        with pytest.raises(InputError, match=r"^line 1: "):
            read(signed(json.dumps([name, number, {**table, **change}])))

    def test_another_format_is_refused_by_its_number(self) -> None:
        name, number, table = json.loads(FIRST)
        with pytest.raises(InputError, match=f"format 2; this livegen reads format {session_codec.FORMAT}"):
            read(signed(json.dumps([name, number + 1, table])))

    @law
    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=8)
            | st.sampled_from(["t", "midi", "set"]),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        )
    )
    def test_any_json_is_read_or_refused(self, value: object) -> None:
        refused = ""
        try:
            lines = read(signed(FIRST, json.dumps(value)))
        except InputError as error:
            refused = str(error)
        assert refused.startswith("line 2: ") or [line.entry for line in read(log_of(line.entry for line in lines))] == [
            line.entry for line in lines
        ]
