"""Who gives the beat: our own tempo, a MIDI clock that comes in, a foot that taps, the player's own notes, or a Link session.

Positions are pulses of the performance, which never go back: where a song begins again, its bar lines are moved to a later
place of the performance instead. So nothing is ever played twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from livegen.core.beat_tracking import BeatTracker, prepare
from livegen.core.clock_in import ClockIn
from livegen.core.effects import SessionBeat
from livegen.core.events import PULSES_PER_BEAT
from livegen.core.midi import CLOCK, CONTINUE, START, STOP, NoteOff, NoteOn, Realtime, SongPosition
from livegen.core.tapping import BeatLine, Tapping
from livegen.core.transport import MAX_BPM, MIN_BPM, Transport, grid_at_or_after

ClockState = Literal["internal", "waiting", "locked", "free-wheel", "stopped", "no beat"]

PULSES_PER_SIXTEENTH = PULSES_PER_BEAT // 4

_BELIEVED_TICKS = 3
"""A tempo is believed after so many ticks of it."""
_CATCH_UP_PULSES = 8.0
"""What we are off is made up for within about so many pulses."""
_SLOWEST, _FASTEST = 0.4, 2.5
"""How far the tempo is bent for that, against the clock's own."""
_TOO_FAR_PULSES = PULSES_PER_BEAT
"""Further behind than this, we go there at once."""
_ELSEWHERE_PULSES = PULSES_PER_BEAT / 2
"""Further from the place in the bar where everybody is, we go there at once."""
_ON_THE_BEAT_PULSES = 0.02
"""Nearer than this to a line of beats, its own tempo is taken until something new is known."""
_SESSION_GONE_NS = 2_000_000_000
"""A session of which so long nothing has been heard is gone, and its tempo is kept."""
_STEERING_PULSES = 1
"""How often the tempo is bent anew while we are not there."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the clock's word does.

    Attributes:
        transport: where the music stands from now on.
        halts: whether what plays must end.
        song_pulse: where in the song it goes on, in pulses, if it has gone to another place; else None.
    """

    transport: Transport
    halts: bool = False
    song_pulse: int | None = None


class Conductor:
    """Follows what gives the beat. Single-threaded; owned by the engine, which holds the transport.

    A MIDI clock says where in the bar it is. A foot or the player's notes only say when a beat is: ours that is nearest becomes
    that one. A session says where in the bar it is, too, and everybody in it has the same bar lines.

    Attributes:
        running: whether music is wanted: not while a clock has said stop.

    Raises:
        ModelError: the network that hears beats is missing or damaged.
    """

    def __init__(self) -> None:
        # Now, and not when somebody on stage wants to be followed.
        prepare()
        self.running = True
        self._clock: ClockIn | None = None
        """Numbers its ticks as the pulses of the performance; None unless a MIDI clock rules."""
        self._placed = False
        """Whether a tick has come."""
        self._begins = False
        """The next tick is where `_song_pulse` says."""
        self._song_pulse = 0
        """Where in the song the music stopped, or will go on, in pulses."""
        self._song_from = 0
        """The pulse of the performance at which the song's position is 0."""
        self._tapping: Tapping | None = None
        """None unless taps rule."""
        self._tracker: BeatTracker | None = None
        """None unless the player's notes rule."""
        self._linked = False
        """Whether a session rules."""
        self._session: SessionBeat | None = None
        """What it said last."""
        self._beats: BeatLine | None = None
        """The beats that were tapped, found in the notes, or are the session's."""
        self._goes_on = False
        """There was music when the source was chosen."""
        self._steer_ns: int | None = None
        """When the tempo is to be bent anew; None where it is right."""
        self._played_ns = 0
        """Until when the music has been played: a beat that is heard late bends what follows, and nothing before."""

    def select(self, source: str, transport: Transport, tempo_bpm: float, now_ns: int, *, goes_on: bool = False) -> Transport:
        """Follow another source from now on, one of `parameters.CLOCK_SOURCES`; the position stays.

        The tempo is `tempo_bpm` until the source has one. Music that `goes_on` has its beat; else it may have to wait for one.
        """
        self._goes_on = goes_on
        self.running = True
        self._clock = ClockIn() if source == "midi" else None
        self._tapping = Tapping() if source == "tap" else None
        self._tracker = BeatTracker() if source == "follow" else None
        self._linked, self._session = source == "link", None
        self._placed = self._begins = False
        self._song_pulse = self._song_from = 0
        self._beats = self._steer_ns = None
        return transport.with_tempo(within(tempo_bpm), now_ns)

    def expect(self, tempo_bpm: float, within_percent: float) -> None:
        """Look for the player's tempo only so near to this one, or anywhere if that is 0.

        Unless their notes rule it changes nothing. Where that is another range than before, what was heard is forgotten, and
        the beat that was found goes on until there is another.
        """
        ratio = 1 + within_percent / 100
        tempi_bpm = (tempo_bpm / ratio, tempo_bpm * ratio) if within_percent else None
        if self._tracker is not None and self._tracker.tempi_bpm != tempi_bpm:
            self._tracker = BeatTracker(tempi_bpm)

    @property
    def follows(self) -> bool:
        """Whether the tempo is another's and not ours."""
        return self._placed or self._beats is not None

    @property
    def has_beat(self) -> bool:
        """Whether anybody knows a beat to play to: not before one is found in the player's notes, unless there was music."""
        return self._tracker is None or self._beats is not None or self._goes_on

    def tempo_bpm(self, transport: Transport) -> float:
        """How fast the music is, without what it is bent by."""
        clock_line = self._clock.line if self._clock is not None else None
        line = self._beats or clock_line
        return within(float(transport.tempo_bpm) if line is None else line.tempo_bpm)

    def state(self, now_ns: int) -> ClockState:
        """In a word: "waiting" for the first tick, taps or peers at our own tempo, "free-wheel" where their beat has ceased."""
        if self._tracker is not None:
            found = self._tracker.line(now_ns)
            return "locked" if found is not None and found.is_beat else "no beat"
        if self._tapping is not None:
            return "waiting" if self._beats is None else "locked"
        if self._linked:
            if self._session is None or (not self._session.peers and self._session_alive(now_ns)):
                return "waiting"
            return "locked" if self._session_alive(now_ns) else "free-wheel"
        if self._clock is None:
            return "internal"
        if not self.running:
            return "stopped"
        if not self._placed:
            return "waiting"
        return "locked" if self._clock.alive(now_ns) else "free-wheel"

    @property
    def places_bars(self) -> bool:
        """Whether another says where the bar lines are."""
        return self._clock is not None or self._linked

    def tapped(self, transport: Transport, now_ns: int) -> Transport:
        """A tap; unless taps rule it changes nothing."""
        if self._tapping is None:
            return transport
        self._tapping.receive(now_ns)
        self._beats = self._tapping.line
        return self._steer(transport, now_ns)

    def heard(self, note: NoteOn, transport: Transport, now_ns: int) -> Transport:
        """The player strikes a key; unless the player's notes rule it changes nothing."""
        if self._tracker is None:
            return transport
        self._tracker.receive(now_ns, note.pitch, note.velocity)
        found = self._tracker.line(now_ns)
        if found is not None and found.is_beat:
            # Where there is none, the last that was known goes on.
            self._beats = BeatLine(found.beat_ns, found.period_ns)
        return self._steer(transport, now_ns)

    def released(self, note: NoteOff, now_ns: int) -> None:
        """The player lets a key go; unless the player's notes rule it changes nothing."""
        if self._tracker is not None:
            self._tracker.release(now_ns, note.pitch)

    def released_all(self, now_ns: int) -> None:
        """No key is down any more; unless the player's notes rule it changes nothing."""
        if self._tracker is not None:
            self._tracker.release_all(now_ns)

    def joined(self, session: SessionBeat, transport: Transport, now_ns: int) -> Turn:
        """Where a session's beat is; unless a session rules it changes nothing.

        Where its bar is elsewhere we go to the next place of the performance that lies like it; what is small is bent away.
        """
        if not self._linked:
            return Turn(transport)
        self._session = session
        tempo_bpm = within(session.tempo_bpm)
        ns_per_beat = 60e9 / tempo_bpm
        bar = transport.beats_per_bar
        self._beats = BeatLine(session.time_ns - round(session.beat % bar * ns_per_beat), ns_per_beat)
        behind = self._behind(self._beats, transport, now_ns)
        if abs(behind) <= _ELSEWHERE_PULSES:
            return Turn(self._steer(transport, now_ns))
        # Forwards in any case: what has been played is not played again.
        pulse = int(transport.pulse_at(now_ns) + behind % (bar * PULSES_PER_BEAT))
        moved = transport.moved(pulse, now_ns)
        return Turn(self._steer(moved, now_ns), halts=True, song_pulse=pulse)

    def _session_alive(self, now_ns: int) -> bool:
        return self._session is not None and now_ns - self._session.time_ns < _SESSION_GONE_NS

    def confidence(self, now_ns: int) -> float:
        """How sure it is of the beat in the player's notes, 0..1; 1 where they are not asked."""
        if self._tracker is None:
            return 1.0
        found = self._tracker.line(now_ns)
        return 0.0 if found is None else found.confidence

    def update(self, transport: Transport, now_ns: int) -> Transport:
        """Bend the tempo anew, if that is due; until now all has been played."""
        self._played_ns = max(self._played_ns, now_ns)
        if self._steer_ns is None or now_ns < self._steer_ns:
            return transport
        return self._steer(transport, now_ns)

    def next_deadline_ns(self) -> int | None:
        """When `update` has something to do; None while the tempo is right."""
        return self._steer_ns

    def _steer(self, transport: Transport, now_ns: int) -> Transport:
        """Bend the tempo so that our nearest beat, or that with the same place in the bar, soon falls on the line's."""
        if self._beats is None:
            return transport
        now_ns = max(now_ns, self._played_ns)
        behind = self._behind(self._beats, transport, now_ns)
        tempo_bpm = self._beats.tempo_bpm
        if abs(behind) < _ON_THE_BEAT_PULSES:
            self._steer_ns = None
            return transport.with_tempo(within(tempo_bpm), now_ns)
        bent = transport.with_tempo(within(tempo_bpm * _bend(behind)), now_ns)
        self._steer_ns = now_ns + round(float(bent.ns_per_pulse) * _STEERING_PULSES)
        return bent

    def _behind(self, beats: BeatLine, transport: Transport, now_ns: int) -> float:
        """How many pulses we are behind the line, to the nearest place that is like it; negative where we are ahead."""
        off = (now_ns - beats.time_ns) / beats.ns_per_beat - transport.pulse_at(now_ns) / PULSES_PER_BEAT
        alike = transport.beats_per_bar if self._linked else 1
        return (off - alike * round(off / alike)) * PULSES_PER_BEAT

    def receive(self, message: Realtime | SongPosition, transport: Transport, now_ns: int) -> Turn:
        """Take in what a clock says; unless a MIDI clock rules it changes nothing."""
        if self._clock is None:
            return Turn(transport)
        match message:
            case Realtime(status) if status == CLOCK:
                return self._tick(self._clock, transport, now_ns)
            case Realtime(status) if status == START:
                self._song_pulse, self._begins = 0, True
                return self._halted(transport)
            case Realtime(status) if status == CONTINUE and not self.running:
                self._begins = True
            case Realtime(status) if status == STOP:
                if self.running and self._clock.last_tick is not None:
                    self._song_pulse = self._clock.last_tick + 1 - self._song_from
                self._begins = False
                return self._halted(transport)
            case SongPosition(sixteenths):
                self._song_pulse, self._begins = sixteenths * PULSES_PER_SIXTEENTH, self.running
        return Turn(transport)

    def _halted(self, transport: Transport) -> Turn:
        halts, self.running = self.running, False
        return Turn(transport, halts)

    def _tick(self, clock: ClockIn, transport: Transport, now_ns: int) -> Turn:
        clock.receive(now_ns)
        if self._begins:
            return self._begin(clock, transport, now_ns)
        if not self.running:
            return Turn(transport)
        if not self._placed:
            # A clock that nobody started: its ticks fall on our pulses.
            self._placed = True
            clock.mark(round(transport.pulse_at(now_ns)))
        return self._follow(clock, transport, now_ns)

    def _begin(self, clock: ClockIn, transport: Transport, now_ns: int) -> Turn:
        """This tick is the song's pulse `_song_pulse`: go to the next place of the performance that lies so in its bar."""
        bar = transport.beats_per_bar * PULSES_PER_BEAT
        place = self._song_pulse % bar
        pulse = place + grid_at_or_after(transport.pulse_at(now_ns) - place, bar)
        clock.mark(pulse)
        line = clock.line
        believed = line is not None and clock.steady_ticks >= _BELIEVED_TICKS
        tempo_bpm = line.tempo_bpm if line is not None and believed else float(transport.tempo_bpm)
        halts, self.running, self._placed, self._begins = self.running, True, True, False
        self._song_from = pulse - self._song_pulse
        return Turn(transport.moved(pulse, now_ns).with_tempo(within(tempo_bpm), now_ns), halts, self._song_pulse)

    def _follow(self, clock: ClockIn, transport: Transport, now_ns: int) -> Turn:
        """Bend the tempo so that we are soon where the clock is; never backwards, and no faster than music bears."""
        line = clock.line
        if line is None or clock.steady_ticks < _BELIEVED_TICKS:
            return Turn(transport)
        behind = line.tick_at(now_ns) - transport.pulse_at(now_ns)
        if behind > _TOO_FAR_PULSES:
            pulse = round(line.tick_at(now_ns))
            moved = transport.moved(pulse, now_ns).with_tempo(within(line.tempo_bpm), now_ns)
            return Turn(moved, True, pulse - self._song_from)
        return Turn(transport.with_tempo(within(line.tempo_bpm * _bend(behind)), now_ns))


def _bend(behind: float) -> float:
    """By how much to be faster, so many pulses behind; slower where that is negative."""
    return min(_FASTEST, max(_SLOWEST, 1.0 + behind / _CATCH_UP_PULSES))


def within(tempo_bpm: float) -> float:
    """The nearest tempo that a transport can have."""
    return min(MAX_BPM, max(MIN_BPM, tempo_bpm))
