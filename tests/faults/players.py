"""Who plays into a performer: a player, and a clock of another's; neither behaves."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .ports import ACTIVE_SENSE, System
from .timeline import MILLISECOND, SECOND, Timeline

ILLEGAL = (
    b"",
    b"\x3c\x3c",
    b"\x90",
    b"\x90\x3c",
    b"\x90\x80\x40",
    b"\x90\x3c\x40\x00",
    b"\xf0\x01\x02",
    b"\xf7",
    b"\xf4",
    b"\xfd",
)
OTHER = (b"\xc0\x05", b"\xd3\x40", b"\xe0\x00\x40", b"\xa0\x3c\x20", b"\xf0\x7e\x7f\x09\x01\xf7", b"\xf3\x01", b"\xff")


class Player:
    """Plays one gesture after the other, and rests between them."""

    def __init__(self, timeline: Timeline, system: System, random: Random, rest_s: float, *, senses: bool) -> None:
        self._timeline = timeline
        self._system = system
        self._random = random
        self._rest_s = rest_s
        self._senses = senses
        self._channel = 0

    def begin(self) -> None:
        """Play, and say every 300 ms that the keyboard is there if it is one that does."""
        if self._senses:
            self._sense()
        self._play()

    def _sense(self) -> None:
        self._system.deliver(ACTIVE_SENSE)
        self._timeline.after(300 * MILLISECOND, self._sense)

    def _play(self) -> None:
        """Play the next gesture, and so on for ever."""
        random = self._random
        self._channel = random.choice((0, 0, 0, 1, 9, 15))
        gestures: list[Callable[[], float]] = [
            self._phrase,
            self._chords,
            self._pedalled,
            self._burst,
            self._controls,
            self._noise,
        ]
        length_s = random.choices([*gestures, self._leave], (30, 15, 10, 1, 4, 4, 3))[0]()
        rest_s = random.expovariate(1 / self._rest_s) if random.random() < 0.7 else random.random() * 0.4
        self._timeline.after(round((length_s + rest_s) * SECOND) + 1, self._play)

    def _at(self, time_s: float, *data: int) -> None:
        self._timeline.after(round(time_s * SECOND), lambda: self._system.deliver(bytes(data)))

    def _note(self, time_s: float, length_s: float, pitch: int) -> None:
        self._at(time_s, 0x90 | self._channel, pitch, self._random.randrange(1, 128))
        if self._random.random() < 0.3:
            self._at(time_s + length_s, 0x90 | self._channel, pitch, 0)
        else:
            self._at(time_s + length_s, 0x80 | self._channel, pitch, 64)

    def _phrase(self) -> float:
        """Single notes; some ring into the next."""
        random, time_s = self._random, 0.0
        pitch, step_s = random.randrange(36, 90), random.choice((0.125, 0.25, 0.5))
        for _ in range(random.randrange(1, 9)):
            pitch = min(127, max(0, pitch + random.randrange(-5, 6)))
            self._note(time_s, step_s * random.choice((0.5, 0.9, 1.5, 4.0)), pitch)
            time_s += step_s * random.uniform(0.9, 1.1)
        return time_s

    def _chords(self) -> float:
        random, time_s = self._random, 0.0
        for _ in range(random.randrange(1, 4)):
            root, length_s = random.randrange(40, 70), random.choice((0.4, 1.0, 2.5))
            for interval in (0, 4, 7, 12):
                self._note(time_s + random.random() * 0.02, length_s, root + interval)
            time_s += length_s + random.choice((0.0, 0.1))
        return time_s

    def _pedalled(self) -> float:
        """A pedal that may come up late, or with the keys still down."""
        self._at(0.0, 0xB0 | self._channel, 64, 127)
        length_s = self._phrase()
        self._at(length_s * self._random.random() * 1.5, 0xB0 | self._channel, 64, self._random.choice((0, 63)))
        return length_s

    def _burst(self) -> float:
        """Black MIDI."""
        random = self._random
        length_s, count = random.choice(((0.2, 200), (1.0, 600), (2.0, 1500)))
        for _ in range(count):
            self._channel = random.randrange(16)
            self._note(random.random() * length_s, random.random() * 0.5, random.randrange(128))
        return length_s + 0.5

    def _controls(self) -> float:
        random = self._random
        for _ in range(random.randrange(1, 5)):
            control = random.choice((1, 4, 64, 64, 120, 121, 123, 124, 127, random.randrange(128)))
            self._at(random.random(), 0xB0 | self._channel, control, random.randrange(128))
        self._at(1.0, 0xB0 | self._channel, 64, 0)
        return 1.0

    def _noise(self) -> float:
        """What no keyboard should send: illegal bytes, ends without begins, begins without ends until much later."""
        random = self._random
        for _ in range(random.randrange(1, 9)):
            self._at(random.random(), *random.choice(ILLEGAL + OTHER))
        pitch = random.randrange(128)
        self._at(random.random(), 0x80 | self._channel, pitch, 0)
        for _ in range(random.randrange(3)):
            self._note(random.random(), 6.0, pitch)
        return 1.0

    def _leave(self) -> float:
        """The cable is pulled, with keys held and the pedal down."""
        self._at(0.0, 0xB0 | self._channel, 64, 127)
        length_s = self._phrase()
        away_ns = round(self._random.choice((0.2, 1.0, 5.0)) * SECOND)
        self._timeline.after(round(length_s * 0.7 * SECOND), lambda: self._system.unplug_keys(away_ns))
        return length_s + 1.0


class Sequencer:
    """Somebody else's clock, in bouts: late ticks, lost ones, doubled ones, jumps, stops, and positions in the song."""

    def __init__(self, timeline: Timeline, system: System, random: Random, every_s: float) -> None:
        self._timeline = timeline
        self._system = system
        self._random = random
        self._every_s = every_s
        self._bpm = 120.0
        self._jitter_ns = 0
        self._lost = self._doubled = 0.0
        self._left = 0

    def begin(self) -> None:
        """Wait for the next bout."""
        self._timeline.after(round(self._random.expovariate(1 / self._every_s) * SECOND) + 1, self._bout)

    def _bout(self) -> None:
        random = self._random
        self._bpm = random.uniform(40, 240)
        self._jitter_ns = random.choice((0, 1, 5)) * MILLISECOND
        self._lost, self._doubled = random.choice(((0.0, 0.0), (0.02, 0.02), (0.2, 0.1)))
        self._left = random.randrange(24, 24 * 16)
        if random.random() < 0.7:
            self._say(0xFA)
        self._tick(self._timeline.now_ns())

    def _say(self, *data: int) -> None:
        self._system.deliver(bytes(data))

    def _tick(self, due_ns: int) -> None:
        random = self._random
        if random.random() >= self._lost:
            for _ in range(1 + (random.random() < self._doubled)):
                self._say(0xF8)
        if random.random() < 0.01:
            self._surprise()
        self._left -= 1
        if self._left <= 0:
            if random.random() < 0.7:
                self._say(0xFC)
            self.begin()
            return
        due_ns = max(due_ns, self._timeline.now_ns() - SECOND) + round(60e9 / self._bpm / 24)
        self._timeline.at(due_ns + random.randrange(self._jitter_ns + 1), lambda: self._tick(due_ns))

    def _surprise(self) -> None:
        random = self._random
        match random.randrange(4):
            case 0:
                self._bpm = random.uniform(20, 300)
            case 1:
                self._say(0xFC)
                self._say(0xF2, random.randrange(128), random.randrange(8))
                self._say(0xFB)
            case 2:
                self._say(0xF2, random.randrange(128), random.randrange(128))
            case _:
                self._say(random.choice((0xFA, 0xFB, 0xFC)))
