"""Whether the notes of a whole set go out on time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from livegen.core.engine import CHANNELS
from livegen.core.errors import LivegenError
from livegen.core.midi import NoteOn, parse
from livegen.runtime.benches.figures import Outcome, Samples, Setup, percentiles_ms, within
from livegen.runtime.benches.players import Heard, midi_system
from livegen.runtime.benches.rig import CHANNEL, TEMPO_BPM, Rig

MINUTES = 10.0
ON_TIME_NS = 5_000_000
WARM_UP_S = 1.0
_TAKEN_EVERY_S = 5.0
_PARTS = {channel: part.label for part, channel in CHANNELS.items()}


def measure_delivery(setup: Setup) -> Outcome:
    """The share of all notes that go out within 5 ms of when they are due, in four parts at 120 beats a minute.

    Chords, bass and drums are the agent's, measured by the performer from due time to sending. The fourth part is the player's
    own line, played through on the lead's channel: due when we send it, measured when it arrives. A note that was dropped for
    being too late, or did not come through, is not on time.

    Raises:
        LivegenError: the daemon did not start, or played nothing.
    """
    minutes = MINUTES if setup.minutes is None else setup.minutes
    with Rig(setup, {"mode": "accompany", "thru": True}, midi_system(setup.backend)) as rig:
        setup.progress(f"on-time delivery, {minutes:g} minutes ({rig.ports})")
        rig.play_scale(WARM_UP_S)
        rig.heard()
        rig.take_lateness()
        late: list[int] = []
        through: list[int] = []
        notes: Counter[str] = Counter()
        lost, left_s = 0, minutes * 60
        while left_s > 0:
            sent = rig.play_scale(min(left_s, _TAKEN_EVERY_S))
            left_s -= _TAKEN_EVERY_S
            heard = rig.heard()
            fresh, dropped = rig.take_lateness()
            late.extend(fresh)
            passed = played_through([(time_ns, note.pitch) for time_ns, note in sent], heard)
            through.extend(passed)
            lost += dropped + len(sent) - len(passed)
            notes.update(_PARTS[note.channel] for note, _ in _struck(heard) if note.channel in _PARTS)
        if not late:
            raise LivegenError("the daemon played nothing in this time; give --minutes more")
    figures = {
        "ports": rig.ports,
        "minutes": minutes,
        "tempo_bpm": TEMPO_BPM,
        "on_time": round(within(late + through, ON_TIME_NS, lost), 6),
        "lost": lost,
        "notes": dict(sorted(notes.items())),
        "agent_late_ms": percentiles_ms(late),
        "thru_late_ms": percentiles_ms(through) if through else None,
    }
    drawn = Samples("delivery", f"How late a note goes out, {minutes:g} minutes", {"agent": late, "played through": through})
    return Outcome({"delivery": figures}, (drawn,))


def played_through(sent: Sequence[tuple[int, int]], heard: Sequence[Heard]) -> list[int]:
    """How long each played note took to come back, in ns; those that did not are left out.

    Args:
        sent: times in ns and pitches, in the order of playing.
        heard: what came, in the order of coming.
    """
    coming = [(note.pitch, time_ns) for note, time_ns in _struck(heard) if note.channel == CHANNEL]
    took, place = [], 0
    for sent_ns, pitch in sent:
        at = next((at for at in range(place, len(coming)) if coming[at][0] == pitch and coming[at][1] >= sent_ns), None)
        if at is not None:
            took.append(coming[at][1] - sent_ns)
            place = at + 1
    return took


def _struck(heard: Sequence[Heard]) -> list[tuple[NoteOn, int]]:
    parsed = ((parse(data), time_ns) for data, time_ns in heard)
    return [(message, time_ns) for message, time_ns in parsed if isinstance(message, NoteOn)]
