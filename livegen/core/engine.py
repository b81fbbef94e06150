"""The engine: MIDI, plans and settings in, effects out, without threads, clocks or files.

Three verbs: `receive` takes something in, `tick` says what is to be done by now, `next_deadline_ns` says when to come back.
After every `receive` the caller calls `tick`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from livegen.core.click import Click
from livegen.core.clock_out import ClockOut, Due
from livegen.core.conductor import ClockState, Conductor, Turn
from livegen.core.director import Director, Stint
from livegen.core.echo import EchoGuard
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
from livegen.core.errors import InputError
from livegen.core.events import PULSES_PER_BEAT, On, Part, PlayerEvent
from livegen.core.harmonizer import Harmonizer
from livegen.core.harmony import NO_CHORD, ChordSymbol
from livegen.core.ladder import Rung
from livegen.core.ledger import Ledger, Owner
from livegen.core.listener import RESET_CONTROLLERS, SILENCING, Listener
from livegen.core.midi import SUSTAIN, Control, Message, NoteOff, NoteOn, Other, Realtime, SongPosition, parse, release_all
from livegen.core.parameters import Settings
from livegen.core.plans import Plan
from livegen.core.schedule import Harmony, NoteStart
from livegen.core.score import Score
from livegen.core.sensing import ActiveSensing
from livegen.core.tapping import TapKeys
from livegen.core.transport import Transport, grid_at_or_after
from livegen.core.vocabulary import DURATIONS
from livegen.core.watchdog import NoteLimit

CHANNELS: dict[Part, int] = {Part.LEAD: 0, Part.CHORDS: 1, Part.BASS: 2, Part.DRUMS: 9}
"""MIDI channel of each part, 0..15."""

LATE_NS = 40_000_000
"""A note-on that could not be sent within this of its due time is dropped; a note-off never is."""

GAP_NS = 250_000_000
"""Woken so long after something was due, we did not run: the machine slept, or the process was stopped."""

MOST_SOUNDING: dict[Part, int] = {Part.LEAD: 6, Part.CHORDS: 8, Part.BASS: 1, Part.DRUMS: 16}
"""How many notes of a part may sound at once."""

MOST_ADVANCE_NS = 500_000_000
"""Nothing is sent earlier than this before it is to be heard."""

LONGEST_PULSES = DURATIONS[-1]
"""No note of the agent sounds longer, whatever its plan says."""

BEAT_MODES = frozenset({"accompany", "harmonize"})
"""Modes in which there is nothing to be planned before somebody knows the beat."""

Incoming = Message | Plan | Stopgap | Unplanned | Settings | Panic | Tap | CountIn | SessionBeat | InputLost | GeneratorLost


class Engine:
    """The whole of a performance but its shells.

    Single-threaded: one owner calls everything. An illegal input raises and changes nothing; only a plan that cannot be played
    is counted instead, and its window goes to the fallback, because a generator may be wrong and the music goes on.

    What is sent on one channel and pitch alternates between note-on and note-off, whoever plays there.

    Args:
        settings: the parameters to begin with.
        now_ns: the time of pulse 0.
        ledger: where sounding notes are counted; its memory may be shared.
        seed: the agent's random numbers.
        channels: MIDI channel of each part.
    """

    def __init__(
        self,
        settings: Settings,
        now_ns: int,
        ledger: Ledger | None = None,
        seed: int = 0,
        channels: Mapping[Part, int] = CHANNELS,
    ) -> None:
        self.settings = settings
        self.transport = Transport.starting(now_ns, settings.tempo_bpm, settings.beats_per_bar)
        self.ledger = ledger or Ledger()
        self.counters: Counter[str] = Counter()
        self._channels = dict(channels)
        self._listener = Listener()
        self._director = Director()
        self._conductor = Conductor()
        self._clock_out = ClockOut()
        self._click = Click()
        self._counted_until = 0
        """The pulse before which a count goes on, or the last did."""
        self.transport = self._conductor.select(settings.clock_source, self.transport, settings.tempo_bpm, now_ns)
        self._conductor.expect(settings.tempo_bpm, settings.follow_within_percent)
        self._score = Score(seed, self._channels, self.counters)
        self._effects: list[Effect] = []
        self._awaiting: Stint | None = None
        """The answer whose first note has not been sent yet."""
        self._chord = NO_CHORD
        """Of the window that plays, or of the last that had one."""
        self._harmonizer = Harmonizer()
        self._tap_keys = TapKeys()
        self._echo = EchoGuard()
        self._limit = NoteLimit()
        self._sensing = ActiveSensing()
        self._awake_ns = now_ns
        """When we last acted."""
        self._pedals_thru: set[int] = set()
        """Channels on which the player's pedal was passed through and is down."""
        self._advance_ns = 0
        self._left = (self.transport, 0, self.transport)
        """A transport, an advance, and what `_leaving` makes of them."""
        self._played_until = 0
        """The last pulse that has been played; where a clock slows down, what is sent ahead of it waits for it."""

    def receive(self, incoming: Incoming, now_ns: int) -> None:
        """Take in a message of the player, a plan, new settings or a command."""
        self._look_back(now_ns)
        match incoming:
            case Plan():
                first = max(self._played_until, self._leaving.whole_pulse_at(now_ns)) + 1
                self._score.take(incoming, self.settings, first)
            case Stopgap(plan):
                self._score.take_stopgap(plan, self.settings)
            case Unplanned(plan_id):
                self._score.do_without(plan_id, self.transport.beats_per_bar)
            case Settings():
                self._take_settings(incoming, now_ns)
            case Panic():
                self.counters["panics"] += 1
                self._panic(now_ns)
            case Tap():
                self._tap(now_ns)
            case CountIn():
                self._count_in(now_ns)
            case SessionBeat():
                self._catch_up(now_ns)
                self._turn(self._conductor.joined(incoming, self.transport, now_ns), now_ns)
            case InputLost():
                self._lose_input(now_ns)
            case GeneratorLost():
                # What is decided but not begun is good music and stays; only what sounds is let go.
                self._release_planned(now_ns)
                self._score.lose_generator()
            case Realtime() | SongPosition():
                self._sense(incoming)
                self._conduct(incoming, now_ns)
            case NoteOn() | NoteOff() | Control() | Other():
                self._sense(incoming)
                if not self._comes_back(incoming, now_ns) and not self._taps(incoming, now_ns):
                    self._hear(incoming, now_ns)

    def tick(self, now_ns: int) -> list[Effect]:
        """Everything that is to be done by `now_ns`, in order."""
        self._look_back(now_ns)
        self._catch_up(now_ns)
        if self._sensing.gone(now_ns):
            self.counters["sensing_losses"] += 1
            self._lose_input(now_ns)
        if (transport := self._conductor.update(self.transport, now_ns)) is not self.transport:
            self.transport = transport
            self._catch_up(now_ns)
        self._end_overlong(now_ns)
        self._score.planner.begun(self._played_until)
        had_stint, stint = self._director.stint, None
        if self._may_plan:
            stint = self._director.update(self._listener, self.settings, self.transport, now_ns)
        if stint is None and had_stint is not None:
            self._stop_planning()
        requests: list[Effect] = []
        if stint is not None:
            if had_stint is None and stint.phrase_end_ns is not None:
                self._awaiting = stint
            wanted = self._score.planner.requests(stint, self.settings, self._leaving, now_ns)
            requests += [Ask(request) for request in wanted]
        requests += [Overdue(request) for request in self._score.overdue(self.settings, self._leaving, now_ns)]
        # What has just been filled in may have begun already.
        self._play_until(now_ns)
        # Requests come last: their answers may be taken in while these effects are carried out.
        effects, self._effects = [*self._effects, *requests], []
        self._listen_for(effects, now_ns)
        return effects

    def next_deadline_ns(self) -> int | None:
        """When `tick` has something to do although nothing is received; None if only the player can move things."""
        leaving = self._leaving
        due = [
            self._score.next_deadline_ns(self._director.stint, self.settings, leaving),
            self._clock_out.next_deadline_ns(leaving),
            self._click.next_deadline_ns(leaving),
            self._conductor.next_deadline_ns(),
            self._limit.next_deadline_ns(),
            self._sensing.next_deadline_ns(),
        ]
        if self._may_plan:
            due.append(self._director.next_deadline_ns(self._listener, self.settings, self.transport))
        return min((at for at in due if at is not None), default=None)

    @property
    def lookahead_ns(self) -> int:
        """How long before its window is sent a plan is asked for now."""
        return self._score.planner.ahead_ns(self.settings, self.transport)

    def plans_take(self, time_ns: int) -> None:
        """So long nearly every plan takes from its request: the lookahead must allow it."""
        self._score.planner.plans_take_ns = time_ns

    @property
    def advance_ns(self) -> int:
        """How long before it is to be heard everything that is scheduled is sent."""
        return self._advance_ns

    def send_earlier(self, by_ns: int) -> None:
        """From now on send everything that is scheduled so much before it is to be heard: that long the output takes.

        What answers the player at once, such as a note that is played through or a release, goes out at once as before.

        Raises:
            InputError: not in 0..`MOST_ADVANCE_NS`.
        """
        if not 0 <= by_ns <= MOST_ADVANCE_NS:
            raise InputError(f"an output's delay of {by_ns / 1e6:g} ms is not in 0..{MOST_ADVANCE_NS / 1e6:g}")
        self._advance_ns = self._score.planner.advance_ns = self._director.advance_ns = by_ns

    def close(self, now_ns: int) -> list[Effect]:
        """Release everything that sounds, for an orderly end."""
        self._panic(now_ns)
        self._tell(self._clock_out.update(False, False, self._leaving, now_ns))
        effects, self._effects = self._effects, []
        return effects

    # --- the beat ---

    def clock_state(self, now_ns: int) -> ClockState:
        """What gives the beat, in a word."""
        return self._conductor.state(now_ns)

    @property
    def _may_plan(self) -> bool:
        """Whether music is wanted, and a beat known where there is no music without."""
        return self._conductor.running and (self._conductor.has_beat or self.settings.mode not in BEAT_MODES)

    def beat_confidence(self, now_ns: int) -> float:
        """How sure it is of the beat, 0..1."""
        return self._conductor.confidence(now_ns)

    def _conduct(self, message: Realtime | SongPosition, now_ns: int) -> None:
        """A clock speaks."""
        self.counters["messages_in"] += 1
        self._catch_up(now_ns)
        self._turn(self._conductor.receive(message, self.transport, now_ns), now_ns)

    def _turn(self, turn: Turn, now_ns: int) -> None:
        """The beat goes on as whoever gives it says."""
        self.transport = turn.transport
        if turn.halts:
            self._director.reset(self._listener)
            self._silence(now_ns)
        if turn.song_pulse is not None:
            # What is sent now is heard where the song will be then.
            ahead = round(self._leaving.pulse_at(now_ns)) - round(self.transport.pulse_at(now_ns))
            self._tell(self._clock_out.moved(self._leaving, turn.song_pulse + ahead, now_ns))

    def _taps(self, message: Message, now_ns: int) -> bool:
        """Whether a message is one of the key or controller that taps; those are no music."""
        chosen = self.settings.clock_source == "tap"
        note, control = (self.settings.tap_note, self.settings.tap_control) if chosen else (None, None)
        found = self._tap_keys.receive(message, note, control)
        if found is None:
            return False
        self.counters["messages_in"] += 1
        if found == "tap":
            self._tap(now_ns)
        return True

    def _tap(self, now_ns: int) -> None:
        self.counters["taps"] += 1
        self._catch_up(now_ns)
        self.transport = self._conductor.tapped(self.transport, now_ns)

    def _catch_up(self, now_ns: int) -> None:
        """What was due by now is sent, where it was due: the tempo may change from now on."""
        self._send_clock(now_ns)
        self._send_click(now_ns)
        self._play_until(now_ns)

    def _look_back(self, now_ns: int) -> None:
        """If we did not run for a while: the music is where it would be, but what was missed is not played after."""
        # What waited for us carries the time at which it came: afterwards we are awake all the same.
        asleep, self._awake_ns = now_ns - self._awake_ns > GAP_NS, max(self._awake_ns, now_ns)
        if not asleep or (due_ns := self.next_deadline_ns()) is None or now_ns - due_ns <= GAP_NS:
            return
        self.counters["resyncs"] += 1
        self._click.skip()
        self._tell(self._clock_out.skip(self._leaving, now_ns))

    def _count_in(self, now_ns: int) -> None:
        """A bar line is now: clicks until the next, where the music begins. A clock that comes in counts for itself."""
        if self._conductor.places_bars:
            self.counters["refused_counts"] += 1
            return
        self._catch_up(now_ns)
        self._director.reset(self._listener)
        self._silence(now_ns)
        bar = self.transport.beats_per_bar * PULSES_PER_BEAT
        begin = grid_at_or_after(self._leaving.pulse_at(now_ns), bar)
        self.transport = self.transport.moved(begin, now_ns + self._advance_ns)
        self._count_until(begin + bar)
        self._tell(self._clock_out.count_in(begin, begin + bar, now_ns))

    def _count_until(self, pulse: int) -> None:
        """Count until a pulse, before which the agent does not begin."""
        self._counted_until = self._director.not_before = pulse

    def _send_click(self, now_ns: int) -> None:
        leaving = self._leaving
        wanted = self._conductor.running and (self.settings.click or leaving.whole_pulse_at(now_ns) < self._counted_until)
        for due_ns, message in self._click.update(wanted, self.settings.click_channel - 1, leaving, now_ns):
            if isinstance(message, NoteOn):
                if now_ns - due_ns <= LATE_NS:
                    self._strike(Owner.CLICK, message, due_ns)
            elif self.ledger.remove(Owner.CLICK, message.channel, message.pitch):
                self._send(message, due_ns)

    def _send_clock(self, now_ns: int) -> None:
        self._tell(self._clock_out.update(self.settings.clock_send, self._conductor.running, self._leaving, now_ns))

    @property
    def _leaving(self) -> Transport:
        """The transport as the output must see it, so that what it sends is heard in time; each tick asks often."""
        transport, by_ns, leaving = self._left
        if transport is not self.transport or by_ns != self._advance_ns:
            leaving = self.transport.earlier(self._advance_ns)
            self._left = (self.transport, self._advance_ns, leaving)
        return leaving

    def _tell(self, clock: Iterable[Due]) -> None:
        self._effects.extend(Send(due_ns, message) for due_ns, message in clock)

    # --- the player ---

    def _comes_back(self, message: NoteOn | NoteOff | Control | Other, now_ns: int) -> bool:
        """Whether this is no word of the player but our own, which a cable or a DAW has brought back."""
        if not self.settings.echo_guard:
            return False
        known = self._echo.found
        taken = self._echo.takes(message, now_ns, thru=self.settings.thru, vital=self._ends_something(message))
        self.counters["echoes"] += taken
        self.counters["echo_loops"] += self._echo.found - known
        return taken

    def _ends_something(self, message: Message) -> bool:
        """Whether a played-through controller lifts a pedal that is down, or ends notes that sound."""
        if not isinstance(message, Control):
            return False
        if message.control in SILENCING:
            return bool(self.ledger.on_channel(Owner.THRU, message.channel))
        lifts = message.control == RESET_CONTROLLERS or (message.control == SUSTAIN and message.value < 64)
        return lifts and message.channel in self._pedals_thru

    def _sense(self, message: Message) -> None:
        if self.settings.input_sensing:
            # Not when it came: it may have waited for us, and others may wait behind it.
            self._sensing.heard(message, self._awake_ns)

    def _lose_input(self, now_ns: int) -> None:
        """The player's port has gone, or what was plugged into it: what it held has ended."""
        self._sensing.stop()
        self._observe(self._listener.release_all(now_ns, self.transport), now_ns)
        self._conductor.released_all(now_ns)
        self._release_thru(now_ns)

    def _listen_for(self, effects: list[Effect], now_ns: int) -> None:
        """What goes out now may come back."""
        if self.settings.echo_guard:
            for effect in effects:
                if isinstance(effect, Send):
                    self._echo.sent(effect.message, now_ns, agent=effect.part is not None)

    def _hear(self, message: Message, now_ns: int) -> None:
        self.counters["messages_in"] += 1
        if isinstance(message, NoteOn) and self.settings.mode == "respond":
            self._yield(now_ns)
        if isinstance(message, NoteOn) and self.settings.clock_source == "follow":
            self._catch_up(now_ns)
            self.transport = self._conductor.heard(message, self.transport, now_ns)
        match message:
            case NoteOff():
                self._conductor.released(message, now_ns)
            case Control(control=control) if control in SILENCING:
                self._conductor.released_all(now_ns)
        events = self._listener.receive(message, now_ns, self.transport)
        # First what is heard, then what is remembered: the one is waited for.
        if self.settings.thru:
            self._pass_through(message, now_ns)
        self._observe(events, now_ns)

    def _observe(self, events: list[PlayerEvent], now_ns: int) -> None:
        for event in events:
            self._harmonize(event, now_ns)
        self._effects.extend(Observe(event) for event in events)

    def _harmonize(self, event: PlayerEvent, now_ns: int) -> None:
        """What was added to the player's note ends with it, and begins with it."""
        channel = self._channels[Part.CHORDS]
        for pitch in self._harmonizer.ended(event.pitch):
            if self.ledger.remove(Owner.GENERATED, channel, pitch):
                self._send(NoteOff(channel, pitch), now_ns)
        if isinstance(event, On) and self.settings.mode == "harmonize" and Part.CHORDS in self.settings.parts:
            for pitch in self._harmonizer.struck(event.pitch, self._chord, self.settings.harmonize_voices):
                self.counters["notes_out"] += 1
                # No part: it was never scheduled, so it says nothing about the schedule's errors.
                self._strike(Owner.GENERATED, NoteOn(channel, pitch, event.velocity), now_ns)

    def _pass_through(self, message: Message, now_ns: int) -> None:
        match message:
            case NoteOn():
                self._strike(Owner.THRU, message, now_ns)
            case NoteOff(channel, pitch):
                if self.ledger.remove(Owner.THRU, channel, pitch):
                    self._send(message, now_ns)
            case Control(channel, control, value):
                if control in SILENCING:
                    self._release(Owner.THRU, now_ns, channel)
                if control == SUSTAIN and value >= 64:
                    self._pedals_thru.add(channel)
                elif control in {SUSTAIN, RESET_CONTROLLERS}:
                    self._pedals_thru.discard(channel)
                self._send(message, now_ns)
            case Other():
                self._send(message, now_ns)

    def _yield(self, now_ns: int) -> None:
        """The player plays: the agent's answer ends, and so does what rings on after it."""
        answering = self._director.player_pressed(self.settings)
        ringing = next(self.ledger.sounding(Owner.GENERATED), None) is not None
        if answering or ringing:
            self.counters["yields"] += 1
            self._silence(now_ns)

    # --- the agent ---

    def plans_from(self) -> Rung:
        """Who filled the last window."""
        return self._score.filled_by

    def _play_until(self, now_ns: int) -> None:
        leaving = self._leaving
        until = leaving.whole_pulse_at(now_ns)
        self._played_until = max(self._played_until, until)
        for pulse, entry in self._score.schedule.pop_until(until):
            due_ns = leaving.ns_at(pulse)
            if isinstance(entry, NoteStart):
                self._start(pulse, due_ns, entry, now_ns)
            elif isinstance(entry, Harmony):
                self._turn_to(entry.chord, pulse)
            elif self.ledger.remove(Owner.GENERATED, entry.channel, entry.pitch):
                self._send(NoteOff(entry.channel, entry.pitch), due_ns, entry.part)

    def _start(self, pulse: int, due_ns: int, entry: NoteStart, now_ns: int) -> None:
        if now_ns - due_ns > LATE_NS:
            self.counters["notes_late_dropped"] += 1
            return
        if not self._make_room(pulse, due_ns, entry):
            self.counters["notes_crowded_out"] += 1
            return
        self.counters["notes_out"] += 1
        if self._awaiting is not None and self._awaiting.phrase_end_ns is not None:
            self._effects.append(Answered(self._awaiting.phrase_end_ns, due_ns + self._advance_ns))
            self._awaiting = None
        self._strike(Owner.GENERATED, NoteOn(entry.channel, entry.pitch, entry.velocity), due_ns, entry.part)
        duration = min(entry.duration, LONGEST_PULSES)
        self._score.schedule.end_at(pulse + duration, entry.part, entry.channel, entry.pitch, pulse)

    def _make_room(self, pulse: int, due_ns: int, entry: NoteStart) -> bool:
        """End the part's oldest notes until one more may sound; False if all that sound begin at this very pulse."""
        others = [end for end in self._score.schedule.sounding(entry.part) if end.pitch != entry.pitch]
        crowd = len(others) + 1 - MOST_SOUNDING[entry.part]
        for end in others[: max(0, crowd)]:
            if end.began == pulse:
                return False
            self._score.schedule.forget(end)
            if self.ledger.remove(Owner.GENERATED, end.channel, end.pitch):
                self._send(NoteOff(end.channel, end.pitch), due_ns, end.part)
        return True

    def _turn_to(self, chord: ChordSymbol, pulse: int) -> None:
        """The chord changes: what rings on from the one before and is not in the new one ends, what both share may ring."""
        if chord not in (NO_CHORD, self._chord):
            for end in self._score.schedule.sounding(Part.CHORDS, Part.BASS):
                if end.pitch % 12 not in chord.pitch_classes:
                    self._score.schedule.end_early(pulse, end)
        self._chord = chord

    def _stop_planning(self) -> None:
        self._awaiting = None
        thrown = self._score.break_off(self._played_until)
        if thrown is not None:
            self._effects.append(Discard(thrown))

    # --- commands ---

    def _take_settings(self, settings: Settings, now_ns: int) -> None:
        before, transport = self.settings, self.transport
        if settings.clock_source != before.clock_source:
            if self._conductor.follows and settings.tempo_bpm == before.tempo_bpm:
                # The music goes on as fast as it was, whoever said how fast that is.
                settings, _ = settings.with_changes({"tempo/bpm": round(self._conductor.tempo_bpm(transport), 2)})
            goes_on = self._director.stint is not None
            transport = self._conductor.select(settings.clock_source, transport, settings.tempo_bpm, now_ns, goes_on=goes_on)
        elif settings.tempo_bpm != before.tempo_bpm and not self._conductor.follows:
            # What has been sent will still be heard at the old tempo.
            transport = transport.with_tempo(settings.tempo_bpm, now_ns + self._advance_ns)
        self._conductor.expect(settings.tempo_bpm, settings.follow_within_percent)
        if settings.beats_per_bar != before.beats_per_bar:
            transport = transport.with_metre(settings.beats_per_bar)
            self._count_until(0)
        self.settings, self.transport = settings, transport
        if settings.mode != before.mode:
            self._chord = NO_CHORD
            self._director.reset(self._listener)
            self._silence(now_ns)
        if before.thru and not settings.thru:
            self._release_thru(now_ns)
        if not settings.input_sensing:
            self._sensing.stop()
        if before.echo_guard != settings.echo_guard:
            self._echo = EchoGuard()

    def _release(self, owner: Owner, now_ns: int, only_channel: int | None = None) -> None:
        """End what one owner holds, on one channel or on all."""
        if owner is Owner.GENERATED:
            self._harmonizer.clear()
        if only_channel is None:
            held = list(self.ledger.sounding(owner))
        else:
            held = [(only_channel, pitch) for pitch in self.ledger.on_channel(owner, only_channel)]
        for channel, pitch in held:
            if self.ledger.remove(owner, channel, pitch):
                self._send(NoteOff(channel, pitch), now_ns)

    def _end_overlong(self, now_ns: int) -> None:
        """A net below everything else that ends our notes: none outlasts its longest time."""
        ours = (note for owner in (Owner.GENERATED, Owner.CLICK) for note in self.ledger.sounding(owner))
        for channel, pitch in self._limit.overlong(ours, now_ns):
            self.counters["notes_overlong"] += 1
            for end in self._score.schedule.sounding(*Part):
                if (end.channel, end.pitch) == (channel, pitch):
                    self._score.schedule.forget(end)
            for owner in (Owner.GENERATED, Owner.CLICK):
                if self.ledger.remove(owner, channel, pitch):
                    self._send(NoteOff(channel, pitch), now_ns)

    def _release_planned(self, now_ns: int) -> None:
        """End what was planned and sounds; what is added to notes that the player holds is not planned."""
        for end in self._score.schedule.sounding(*Part):
            self._score.schedule.forget(end)
            if self.ledger.remove(Owner.GENERATED, end.channel, end.pitch):
                self._send(NoteOff(end.channel, end.pitch), now_ns)

    def _release_thru(self, now_ns: int) -> None:
        """The player's notes and pedals no longer reach us: end what was passed through."""
        self._release(Owner.THRU, now_ns)
        for channel in sorted(self._pedals_thru):
            self._send(Control(channel, SUSTAIN, 0), now_ns)
        self._pedals_thru.clear()

    def _silence(self, now_ns: int) -> None:
        """The agent stops at once: what sounds ends, what is planned is thrown away."""
        self._score.schedule.clear()
        self._release(Owner.GENERATED, now_ns)
        self._stop_planning()

    def _panic(self, now_ns: int) -> None:
        self._score.schedule.clear()
        # A key that is down for us but not for the player would keep the agent waiting for ever.
        self._observe(self._listener.release_all(now_ns, self.transport), now_ns)
        self._conductor.released_all(now_ns)
        self._pedals_thru.clear()
        self._effects.extend(Send(now_ns, parse(data)) for data in release_all(list(self.ledger.sounding()), range(16)))
        self.ledger.clear()
        self._limit.clear()
        self._click.silenced()
        self._count_until(0)
        self._chord = NO_CHORD
        self._harmonizer.clear()
        self._director.reset(self._listener)
        self._stop_planning()

    def _strike(self, owner: Owner, note: NoteOn, due_ns: int, part: Part | None = None) -> None:
        """Begin a note; what sounds on its pitch ends first, so that one note-off always belongs to one note-on."""
        if any(self.ledger.holds(holder, note.channel, note.pitch) for holder in Owner):
            self._send(NoteOff(note.channel, note.pitch), due_ns, part)
        if any(ours is owner or self.ledger.holds(ours, note.channel, note.pitch) for ours in (Owner.GENERATED, Owner.CLICK)):
            self._limit.struck(note.channel, note.pitch, due_ns)
        if not self.ledger.holds(owner, note.channel, note.pitch):
            self.ledger.add(owner, note.channel, note.pitch)
        self._send(note, due_ns, part)

    def _send(self, message: Message, due_ns: int, part: Part | None = None) -> None:
        if isinstance(message, NoteOff):
            self._limit.ended(message.channel, message.pitch)
        self._effects.append(Send(due_ns, message, part))
