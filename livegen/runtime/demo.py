"""The demo's player: plays a bundled performance into the real daemon in real time, and writes down what it hears."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from livegen.core.engine import CHANNELS
from livegen.core.events import PULSES_PER_BEAT, Part
from livegen.core.midi import Message, NoteOff, NoteOn, encode, parse
from livegen.core.transport import Transport, grid_at_or_after
from livegen.devices.clock import Clock, MonotonicClock
from livegen.devices.memory import memory_cable
from livegen.runtime.config import Config
from livegen.runtime.demo_tune import BEATS_PER_BAR, TEMPO_BPM, Scene, scenes
from livegen.runtime.messages import Change, Health, PortsOpen
from livegen.runtime.midi_files import Performance
from livegen.runtime.supervisor import Supervisor

LEAD_IN_BEATS = 2
"""Between the daemon being ready and the first note."""

_PARTS = {channel: part for part, channel in CHANNELS.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """One scene as the player heard it: when the phrase ended, when the first note came, how many notes by part."""

    mode: str
    phrase_start_beat: float
    phrase_end_beat: float
    first_note_beat: float | None
    delay_ms: float | None
    delay_beats: float | None
    notes: dict[str, int]


@dataclass(slots=True)
class Recording:
    """Everything that was played and heard, in pulses from the first note, and the daemon's own read-out at the end."""

    player: list[tuple[Fraction, Message]] = field(default_factory=list)
    parts: dict[Part, list[tuple[Fraction, Message]]] = field(default_factory=lambda: defaultdict(list))
    answers: list[Answer] = field(default_factory=list)
    ready_s: float = 0.0
    health: dict[str, object] = field(default_factory=dict)

    @property
    def performance(self) -> Performance:
        """The player's side, as a file wants it."""
        return Performance(tuple(self.player), ((Fraction(0), TEMPO_BPM),), BEATS_PER_BAR)


class Demo:
    """One run of the demo. Single-threaded; `run` takes as long as the music.

    Args:
        model: which model answers.
        seed: the agent's random numbers.
        narrate: is told each answer as soon as its scene is over.
    """

    def __init__(self, model: str, seed: int, narrate: Callable[[Answer], None]) -> None:
        self._narrate = narrate
        self._clock: Clock = MonotonicClock()
        backend, self._peer = memory_cable()
        parameters = {"tempo/bpm": TEMPO_BPM, "beats_per_bar": BEATS_PER_BAR}
        config = Config(model=model, seed=seed, osc_port=0, parameters=parameters)
        self._supervisor = Supervisor(config, self._hear_supervisor, backend)
        self._transport = Transport()
        self._recording = Recording()
        self._begin = 0

    def run(self) -> Recording:
        """Start the daemon, play all scenes, stop it.

        Raises:
            LivegenError: the daemon did not start.
        """
        try:
            self._recording.ready_s = self._supervisor.start()
            now = self._transport.pulse_at(self._clock.now_ns())
            self._begin = grid_at_or_after(now + LEAD_IN_BEATS * PULSES_PER_BEAT, BEATS_PER_BAR * PULSES_PER_BEAT)
            at = self._begin
            for scene in scenes():
                self._play(scene, at)
                at += scene.beats * PULSES_PER_BEAT
        finally:
            self._supervisor.stop()
            self._listen_until(self._clock.now_ns())
            self._peer.close()
        return self._recording

    def _hear_supervisor(self, message: object) -> None:
        match message:
            case PortsOpen(beat_zero_ns=beat_zero_ns):
                self._transport = Transport.starting(beat_zero_ns, TEMPO_BPM, BEATS_PER_BAR)
            case Health(values):
                self._recording.health = dict(values)

    def _play(self, scene: Scene, at: int) -> None:
        heard_before = {part: len(track) for part, track in self._recording.parts.items()}
        self._supervisor.tell_performer(Change((("mode", scene.mode),)))
        for pulse, message in scene.messages:
            self._listen_until(self._transport.ns_at(at + pulse))
            self._supervisor.look(0.0)
            self._peer.send(encode(message))
            self._recording.player.append((at + pulse - self._begin, message))
        self._listen_until(self._transport.ns_at(at + scene.beats * PULSES_PER_BEAT) - 20_000_000)
        heard = {part: track[heard_before.get(part, 0) :] for part, track in self._recording.parts.items()}
        self._supervisor.look(0.0)
        answer = self._answer(scene, at - self._begin, heard)
        self._recording.answers.append(answer)
        self._narrate(answer)

    def _answer(self, scene: Scene, at: int, heard: dict[Part, list[tuple[Fraction, Message]]]) -> Answer:
        """An answer counts from the phrase's end, an accompaniment from the phrase's first note."""
        starts = sorted(pulse for track in heard.values() for pulse, message in track if isinstance(message, NoteOn))
        end = at + scene.phrase_end
        since = end if scene.mode == "respond" else Fraction(at)
        first = next((pulse for pulse in starts if pulse >= since), None)
        delay = None if first is None else first - since
        return Answer(
            mode=scene.mode,
            phrase_start_beat=float(at / PULSES_PER_BEAT),
            phrase_end_beat=float(end / PULSES_PER_BEAT),
            first_note_beat=None if first is None else float(first / PULSES_PER_BEAT),
            delay_ms=None if delay is None else float(delay * self._transport.ns_per_pulse) / 1e6,
            delay_beats=None if delay is None else float(delay / PULSES_PER_BEAT),
            notes={
                part.label: sum(isinstance(message, NoteOn) for _, message in track) for part, track in sorted(heard.items())
            },
        )

    def _listen_until(self, until_ns: int) -> None:
        """Write down what the daemon plays until then; also when it is late already, so that nothing is left unread."""
        while True:
            left_s = (until_ns - self._clock.now_ns()) / 1e9
            heard = self._peer.receive(max(0.0, left_s))
            if heard is not None:
                self._write_down(*heard)
            elif left_s <= 0:
                return

    def _write_down(self, data: bytes, time_ns: int) -> None:
        message = parse(data)
        part = _PARTS.get(getattr(message, "channel", -1))
        if part is None or not isinstance(message, NoteOn | NoteOff):
            return
        pulse = Fraction(round((self._transport.exact_pulse_at(time_ns) - self._begin) * 1000), 1000)
        self._recording.parts[part].append((pulse, message))
