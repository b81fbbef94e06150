"""Events to rows and back: the incremental encoder and the total decoder.

A row is a vector of `len(vocabulary.FIELDS)` classes. The encoder keeps one number, the time of the last event, so encoding
costs the same for the first event and the millionth. The decoder answers every row that the model can produce, without raising.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from livegen.core import vocabulary as v
from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT, Chord, End, Event, Note, Off, On, Part, Tick
from livegen.core.harmony import QUALITIES, ChordSymbol

Row = npt.NDArray[np.int64]
"""One event as classes, shape [len(FIELDS)]."""


def parts_class(parts: frozenset[Part]) -> int:
    """Class 1..16 of a set of parts: a bit a part."""
    return 1 + sum(1 << part for part in parts)


def parts_of(klass: int) -> frozenset[Part]:
    """The set of parts of a class; the absent class is the empty set."""
    bits = max(1, klass) - 1
    return frozenset(part for part in Part if bits >> part & 1)


class StreamEncoder:
    """Turns events into rows, one at a time, in the order in which they become known.

    Single-threaded: one encoder belongs to one context.
    """

    def __init__(self) -> None:
        self._last_ns: int | None = None

    def encode(self, event: Event) -> Row:
        """The event's row, int64 [len(FIELDS)].

        Raises:
            InputError: a field is out of its range. The encoder is then unchanged.
        """
        row = np.zeros(len(v.FIELDS), dtype=np.int64)
        now_ns: int | None = None
        match event:
            case On(now_ns, pitch, velocity, phase):
                _fill(
                    row, "ON", dt=self._dt(now_ns), pitch=1 + pitch, velocity=v.velocity_class(velocity), pulse=_class_of(phase)
                )  # fmt: skip
            case Off(now_ns, pitch, phase):
                _fill(row, "OFF", dt=self._dt(now_ns), pitch=1 + pitch, pulse=_class_of(phase))
            case Tick(now_ns):
                _fill(row, "TICK", dt=self._dt(now_ns), **_tick_fields(event))
            case Chord(symbol):
                root = v.NO_ROOT if symbol.root is None else 1 + symbol.root
                _fill(row, "CHORD", root=root, quality=1 + QUALITIES.index(symbol.quality))
            case Note(part, onset, pitch, duration, velocity):
                if duration < 1:
                    raise InputError(f"NOTE duration: {duration} pulses is less than 1")
                _fill(
                    row, "NOTE", part=1 + part, pulse=1 + onset, pitch=1 + pitch,
                    duration=v.duration_class(duration), velocity=v.velocity_class(velocity),
                )  # fmt: skip
            case End():
                _fill(row, "END")
        if now_ns is not None:
            self._last_ns = now_ns
        return row

    def _dt(self, now_ns: int) -> int:
        return v.dt_class(0 if self._last_ns is None else now_ns - self._last_ns)

    def snapshot(self) -> int | None:
        """The encoder's whole state, to come back to with `restore`."""
        return self._last_ns

    def restore(self, state: int | None) -> None:
        """Go back to a state that `snapshot` gave."""
        self._last_ns = state


def _class_of(value: int | None) -> int | None:
    return None if value is None else 1 + value


def _tick_fields(tick: Tick) -> dict[str, int | None]:
    if tick.hop not in v.HOPS:
        raise InputError(f"a window of {tick.hop} pulses is not one of {v.HOPS}")
    if tick.tempo_bpm is not None and not 0 < tick.tempo_bpm < math.inf:
        raise InputError(f"{tick.tempo_bpm} is not a tempo")
    return {
        "half_beat": _class_of(tick.half_beat),
        "meter": tick.beats_per_bar,
        "tempo": None if tick.tempo_bpm is None else v.tempo_class(tick.tempo_bpm),
        "lookahead": 1 + min(v.SIZE["lookahead"] - 2, max(0, round(tick.lookahead / v.LOOKAHEAD_STEP))),
        "hop": 1 + v.HOPS.index(tick.hop),
        "parts": parts_class(tick.parts),
    }


def _fill(row: Row, kind: str, **fields: int | None) -> None:
    """Write the classes of an event's fields; None is a field that the event leaves open."""
    row[0] = v.KIND[kind]
    for name, klass in fields.items():
        if klass is None:
            continue
        if not 1 <= klass < v.SIZE[name]:
            raise InputError(f"{kind} {name}: class {klass} is not in 1..{v.SIZE[name] - 1}")
        row[v.COLUMN[name]] = klass


def decode(row: npt.ArrayLike, now_ns: int = 0) -> Event | None:
    """The event of a row, for every row of classes in range; None for padding (kind 0).

    Classes are widths: decoding gives the middle of a class, and an absent field its plainest value. Time is not in a row but
    for its class, so `now_ns` is taken.
    """
    classes = [int(klass) for klass in np.asarray(row)]

    def get(name: str) -> int:
        return classes[v.COLUMN[name]]

    phase = get("pulse") - 1 if get("pulse") else None
    pitch = max(1, get("pitch")) - 1
    match get("kind"):
        case 1:
            return On(now_ns, pitch, v.velocity_of(get("velocity")), phase)
        case 2:
            return Off(now_ns, pitch, phase)
        case 3:
            return Tick(
                now_ns,
                half_beat=get("half_beat") - 1 if get("half_beat") else None,
                beats_per_bar=get("meter") or None,
                tempo_bpm=v.tempo_of(get("tempo")) if get("tempo") else None,
                lookahead=(max(1, get("lookahead")) - 1) * v.LOOKAHEAD_STEP,
                hop=v.HOPS[max(1, get("hop")) - 1],
                parts=parts_of(get("parts")),
            )
        case 4:
            root = get("root") - 1
            return Chord(ChordSymbol(root if 0 <= root < 12 else None, QUALITIES[max(1, get("quality")) - 1]))
        case 5:
            return Note(
                part=Part(max(1, get("part")) - 1),
                onset=min(PULSES_PER_BEAT - 1, max(1, get("pulse")) - 1),
                pitch=pitch,
                duration=v.DURATIONS[max(1, get("duration")) - 1],
                velocity=v.velocity_of(get("velocity")),
            )
        case 6:
            return End()
        case _:
            return None
