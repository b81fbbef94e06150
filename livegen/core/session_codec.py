"""The entries of a session log as JSON arrays and back: exact, strict, and safe with what a stranger sends.

Each array begins with the entry's word. Numbers are whole, or floats as Python's `repr` writes them, which is exact; positions
and tempi are fractions of whole numbers; MIDI messages are hexadecimal bytes. Nothing in it depends on the machine. The first
array gives the format's version and all settings by name; settings that come later, only what differs from those.
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any, Final

from livegen.core.effects import (
    Answered,
    Ask,
    CountIn,
    Discard,
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
from livegen.core.errors import InputError
from livegen.core.events import Note, Off, On, Part, Tick
from livegen.core.harmony import ChordSymbol
from livegen.core.midi import Control, NoteOff, NoteOn, Other, Realtime, SongPosition
from livegen.core.parameters import Settings, build_registry
from livegen.core.plans import Plan, PlanRequest, Sampling
from livegen.core.session_kinds import (
    BOOL,
    FLOAT,
    INT,
    LONG,
    MIDI,
    PART,
    PARTS,
    TEXT,
    Kind,
    Union,
    Word,
    items_of,
    optional,
    record,
    several,
    shown,
    word,
)
from livegen.core.session_log import Beginning, Closed, Did, Entry, Moved, PlansTake, Received, SendEarlier, Ticked
from livegen.core.transport import MAX_BPM, MIN_BPM, Transport

FORMAT: Final = 1
"""Rises with every change after which an older livegen could not read a log, or not rightly."""

NAME: Final = "livegen session"
"""How the first array begins."""

_SETTINGS: Final = "set"
_CHORD = record(ChordSymbol, optional(INT), TEXT)
_NOTE = record(Note, PART, INT, INT, INT, INT)
_PLAN = record(Plan, INT, INT, INT, optional(_CHORD), several(_NOTE))
_TICK = record(Tick, INT, optional(INT), optional(INT), optional(FLOAT), INT, INT, PARTS)
_SAMPLING = record(Sampling, FLOAT, FLOAT, FLOAT, FLOAT)
_WEIGHT = Kind(
    lambda pair: [TEXT.put(pair[0]), FLOAT.put(pair[1])],
    lambda value: (TEXT.take(items_of(value, 2)[0]), FLOAT.take(value[1])),
)
_REQUEST = record(PlanRequest, INT, INT, _TICK, _SAMPLING, several(_WEIGHT), FLOAT, BOOL, LONG, FLOAT)
_EVENT = Union(word("on", On, INT, INT, INT, optional(INT)), word("off", Off, INT, INT, optional(INT)))
_MESSAGE = Kind(lambda message: [MIDI.put(message)], lambda items: MIDI.take(items_of(items, 1)[0]))


def _put_transport(moved: Moved) -> list[Any]:
    transport = moved.transport
    pulse, tempo = transport.anchor_pulse, transport.tempo_bpm
    numbers = (pulse.numerator, pulse.denominator, transport.anchor_ns, tempo.numerator, tempo.denominator)
    return [*map(LONG.put, numbers), INT.put(transport.beats_per_bar)]


def _take_transport(items: Any) -> Moved:
    pulse, pulses, anchor_ns, tempo, tempi, beats_per_bar = map(LONG.take, items_of(items, 6))
    if pulses < 1 or tempi < 1 or not MIN_BPM * tempi <= tempo <= MAX_BPM * tempi or not 1 <= beats_per_bar <= 12:
        raise InputError(f"{shown(items)} is no place, tempo and metre")
    return Moved(Transport(Fraction(pulse, pulses), anchor_ns, Fraction(tempo, tempi), beats_per_bar))


INCOMING: Final = Union(
    Word("midi", (NoteOn, NoteOff, Control, Realtime, SongPosition, Other), _MESSAGE),
    Word("plan", (Plan,), _PLAN),
    word("stopgap", Stopgap, _PLAN),
    word("unplanned", Unplanned, INT),
    word("panic", Panic),
    word("tap", Tap),
    word("count in", CountIn),
    word("session beat", SessionBeat, FLOAT, INT, FLOAT, INT),
    word("input lost", InputLost),
    word("generator lost", GeneratorLost),
)
"""What an engine receives, but for settings; its time stands behind the word."""

EFFECTS: Final = Union(
    word("send", Send, INT, MIDI, optional(PART)),
    word("observe", Observe, _EVENT.kind),
    word("ask", Ask, _REQUEST),
    word("overdue", Overdue, _REQUEST),
    word("discard", Discard, INT),
    word("answered", Answered, INT, INT),
)

_OTHERS: Final = Union(
    word("t", Ticked, INT),
    word("plans take", PlansTake, INT),
    word("earlier", SendEarlier, INT),
    word("close", Closed, INT),
    word("out", Did, several(EFFECTS.kind)),
    Word("at", (Moved,), Kind(_put_transport, _take_transport)),
)

_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Codec:
    """Entries of one log, from the first on: what differs from its settings needs them. Single-threaded."""

    def __init__(self) -> None:
        self._first: Settings | None = None

    def put(self, entry: Entry) -> str:
        """Write an entry, in ASCII.

        Raises:
            InputError: it holds what a log has no word for, or a value out of its range; or it comes before the beginning.
        """
        if isinstance(entry, Beginning):
            self._first = entry.settings
            return _to_json([NAME, FORMAT, _put_beginning(entry)])
        if self._first is None:
            raise InputError("a session log begins with its beginning")
        match entry:
            case Received(time_ns, Settings() as settings):
                return _to_json([_SETTINGS, INT.put(time_ns), dict(settings.changes_since(self._first))])
            case Received(time_ns, incoming):
                name, *items = INCOMING.put(incoming)
                return _to_json([name, INT.put(time_ns), *items])
            case _:
                return _to_json(_OTHERS.put(entry))

    def take(self, text: str) -> Entry:
        """Read an entry.

        Raises:
            InputError: it is not one; the text says what is wrong.
        """
        try:
            read = json.loads(text)
        except (ValueError, RecursionError):
            raise InputError(f"{shown(text)} is not JSON") from None
        items = items_of(read)
        name = items[0] if items else None
        if self._first is None or name == NAME:
            return self._take_first(items)
        if name in _OTHERS:
            entry: Entry = _OTHERS.take(items)
            return entry
        time_ns = INT.take(items[1] if len(items) > 1 else None)
        if name == _SETTINGS:
            return Received(time_ns, _changed(self._first, items_of(items, 3)[2]))
        return Received(time_ns, INCOMING.take([name, *items[2:]]))

    def _take_first(self, items: list[Any]) -> Beginning:
        if self._first is not None:
            raise InputError("a second beginning")
        if len(items) != 3 or items[0] != NAME:
            raise InputError(f"not the beginning of a session log: {shown(items)}")
        if items[1] != FORMAT:
            raise InputError(f"a session log of format {shown(items[1])}; this livegen reads format {FORMAT}")
        beginning = _take_beginning(items[2])
        self._first = beginning.settings
        return beginning


def _changed(settings: Settings, changes: Any) -> Settings:
    if not isinstance(changes, dict):
        raise InputError(f"{shown(changes)} are no settings by name")
    changed, notices = settings.with_changes(changes)
    if notices:
        raise InputError(notices[0].text.removesuffix(", which is used"))
    return changed


def _put_beginning(beginning: Beginning) -> dict[str, Any]:
    return {
        "version": TEXT.put(beginning.version),
        "vocabulary": TEXT.put(beginning.vocabulary),
        "start_ns": INT.put(beginning.start_ns),
        "seed": LONG.put(beginning.seed),
        "channels": [INT.put(channel) for channel in beginning.channels],
        "styles": [TEXT.put(style) for style in beginning.settings.registry.styles],
        "settings": dict(beginning.settings.items()),
    }


_KEYS: Final = frozenset({"version", "vocabulary", "start_ns", "seed", "channels", "styles", "settings"})


def _take_beginning(table: Any) -> Beginning:
    if not isinstance(table, dict) or set(table) != _KEYS:
        raise InputError(f"the beginning wants {', '.join(sorted(_KEYS))}, and nothing else")
    channels = tuple(map(INT.take, items_of(table["channels"], len(Part))))
    if not all(0 <= channel <= 15 for channel in channels):
        raise InputError(f"the channels {shown(channels)} are not all in 0..15")
    if (seed := LONG.take(table["seed"])) < 0:
        raise InputError(f"the seed {seed} is negative")
    registry = build_registry(tuple(map(TEXT.take, items_of(table["styles"]))))
    settings = _changed(registry.defaults(), table["settings"])
    version, vocabulary = TEXT.take(table["version"]), TEXT.take(table["vocabulary"])
    return Beginning(version, vocabulary, settings, INT.take(table["start_ns"]), seed, channels)
