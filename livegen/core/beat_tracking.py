"""Tempo and beat from what a player plays: where the next beat will be, and how sure that is.

A beat is a pattern of strikes on a grid of pulses, one of a few, and passes at a tempo that drifts from beat to beat. What is
not known, the tempo, the place in the beat and the pattern, is kept as one probability over a grid of all three (a bar-pointer
model; Whiteley, Cemgil and Godsill, 2006; the grid after Krebs, Böck and Widmer, 2015). Notes sharpen it where they come, and
silences where none come. So it moves from strike to strike, never frame by frame. What the notes themselves say, their pitches,
their chords and how all of it comes again, a network hears (`beat_network`); it is one witness among others.

Beside it runs an explanation without any beat, which may foresee the notes better. That, how far the belief agrees on one beat,
and how far the network agrees with the belief, all over the last strikes, says how sure it is that there is a beat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from livegen.core.beat_grid import PERIODS, Floats, knowledge
from livegen.core.beat_network import PERIODS_S, UNTOLD, Opinion, State, beat_network
from livegen.core.strike_features import StrikeFeatures
from livegen.core.strikes import FRAME_NS, TOGETHER, Strikes

FORGOTTEN_NS = 6_000_000_000
"""After so long without a note there is no beat, and the next note begins anew."""
SIGNS = 3
"""Of a beat; what they are says `BeatTracker.signs`."""

_FREE_S, _FREE_SPREAD, _FREE_LEARNING = 0.35, 0.6, 0.1
"""Where there is no beat: usual time between strikes at first, spread of its logarithm, and how fast what is usual changes."""
_SIGNS_KEPT = 0.9
"""From strike to strike."""
_MOST_FORESEEN, _MOST_ACCORD = 4.0, 3.0
"""Logarithms: more counts as so much, and less than their opposite as that."""
_SIGNS_WEIGHTS, _DOUBT = np.array([5.15, 2.76, 2.64]), 4.96
"""How much the signs say for a beat, and against how much: `python -m models.beat_confidence` fits them."""
_AGREE_NS = 50_000_000
"""Beats as near as this agree."""
_BINS = 48
"""Of a beat, when most of the mass is looked for."""
_TRIED = (0, 3, 6, 9)
"""Places in the order of the tempi at which it is looked for."""
_SURE = 0.55
"""Confidence above which there is a beat: on validation pieces, music that follows is more often in time with less, and follows
what has no beat more often."""
_MOST_DOUBT = 50.0
"""Logarithm of odds, either way."""
_PLACES_WEIGHT, _TEMPO_WEIGHT = 0.8, 0.3
"""How much counts what the network says of one strike: the same notes are heard again and again, and by the patterns too."""
_LEAST_TEMPO = -8.0
"""Logarithm against the likeliest: no tempo is ruled out by one strike."""
_PERIOD_LOGS = np.log(PERIODS * FRAME_NS / 1e9)


@dataclass(frozen=True, slots=True)
class FoundBeat:
    """Where the beat is believed to be.

    Attributes:
        beat_ns: time of a beat, near the last note.
        period_ns: from a beat to the next.
        confidence: how likely it is that there is a beat, 0..1.
        is_beat: whether there is a beat at all; if not, tempo and beat are guesses.
    """

    beat_ns: int
    period_ns: float
    confidence: float
    is_beat: bool

    @property
    def tempo_bpm(self) -> float:
        """Beats a minute."""
        return 60e9 / self.period_ns

    def next_beat_ns(self, after_ns: int) -> int:
        """The first beat later than a time."""
        count = math.floor((after_ns - self.beat_ns) / self.period_ns)
        while (beat_ns := self.beat_ns + round(count * self.period_ns)) <= after_ns:
            count += 1
        return beat_ns


@dataclass(frozen=True, slots=True)
class _Agreement:
    """A share of the belief, 0..1; the period that it agrees on, in frames; when after the strike a beat comes, in periods."""

    share: float
    period: float
    until: float


def prepare() -> None:
    """Read and work out what every tracker needs; it takes some hundredths of a second, once.

    Raises:
        ModelError: the file of the network is missing or damaged.
    """
    beat_network()
    knowledge()


class BeatTracker:
    """Hears one player's notes and says where the beat is. Single-threaded, never blocks; a note costs about a ms.

    Args:
        tempi_bpm: between which the tempo is known to be; None if it may be any, 40 to 250.

    Raises:
        ModelError: the file of the network is missing or damaged; `prepare` says so sooner.
    """

    def __init__(self, tempi_bpm: tuple[float, float] | None = None) -> None:
        self.tempi_bpm: Final = tempi_bpm
        self._known = knowledge() if tempi_bpm is None else knowledge().between(tempi_bpm)
        self._strikes = Strikes()
        self._features = StrikeFeatures()
        self._remembered: State = beat_network().silence
        """What the network remembers of the strikes before the one that is on."""
        self._heard: tuple[State, Opinion] | None = None
        """What it says of that one, once it was asked."""
        self._count = 0
        self._last_ns = 0
        self._mass: Floats = self._known.first
        """Of each pattern and state at the last strike, before what its notes say, [patterns, states]; sums to 1."""
        self._mass_before: Floats = self._mass
        """The same at the strike before that one, with what its notes said."""
        self._frames = 0
        """From the middle of that one to the first note of the last."""
        self._usual = self._usual_before = 0.0
        """Logarithm of the usual time between strikes without a beat, in s, and what it was a strike ago."""
        self._foreseen = 0.0
        """How much better than without a beat the strike that is on was foreseen, logarithm."""
        self._signs: Floats = np.zeros(SIGNS)
        """Of the strikes before that one, the later the more; not yet a mean."""
        self._signs_weight = 0.0
        self._agreement: _Agreement | None = None
        """What most of the belief agrees on, once it was asked for."""

    def line(self, now_ns: int) -> FoundBeat | None:
        """What is believed; None before the second strike, and long after the last note."""
        if self._count < 2 or now_ns - self._last_ns > FORGOTTEN_NS:
            return None
        found = self._agreed_on()
        against = _DOUBT - float(_SIGNS_WEIGHTS @ self.signs())
        confidence = 1 / (1 + math.exp(min(_MOST_DOUBT, max(-_MOST_DOUBT, against))))
        period_ns = found.period * FRAME_NS
        beat_ns = self._strikes.time_ns + self._strikes.middle * FRAME_NS + round(found.until * period_ns)
        return FoundBeat(beat_ns, period_ns, confidence, confidence > _SURE)

    def signs(self) -> Floats:
        """What says that there is a beat, [3]; none where `line` is None.

        Means over the last strikes, the later ones the more: the share of the belief that agrees on one beat; how much better
        than without a beat each was foreseen; how far the network agrees with where each was believed to be. The last two are
        logarithms.
        """
        total = self._signs + (1 - _SIGNS_KEPT) * self._signs_of_strike()
        mean: Floats = total / (self._signs_weight + 1 - _SIGNS_KEPT)
        return mean

    def receive(self, onset_ns: int, pitch: int, velocity: int) -> None:
        """Take in a note-on of MIDI pitch 0..127 and velocity 1..127; a time before the last one's counts as that."""
        onset_ns = max(onset_ns, self._last_ns) if self._count else onset_ns
        if self._count == 0 or onset_ns - self._last_ns > FORGOTTEN_NS:
            self._strikes, self._features = Strikes(), StrikeFeatures()
            self._remembered, self._heard = beat_network().silence, None
            self._mass, self._count = self._known.first, 0
            self._usual, self._foreseen = math.log(_FREE_S), 0.0
            self._signs, self._signs_weight = np.zeros(SIGNS), 0.0
        self._last_ns = onset_ns
        begins, middle = self._strikes.begins(onset_ns), self._strikes.middle
        if begins and self._count:
            self._mass_before = self._believed()
            self._usual_before = self._usual
            if self._count > 1:
                self._signs = _SIGNS_KEPT * self._signs + (1 - _SIGNS_KEPT) * self._signs_of_strike()
                self._signs_weight = _SIGNS_KEPT * self._signs_weight + 1 - _SIGNS_KEPT
            self._remembered = self._hear()[0]
        frames = self._strikes.receive(onset_ns)
        if frames is not None:
            self._frames = frames - middle
        self._features.receive(onset_ns, pitch, velocity, begins=begins)
        self._heard = self._agreement = None
        self._count += begins
        if self._count > 1 and (begins or self._strikes.middle != middle):
            self._struck(self._frames + self._strikes.middle)

    def release(self, time_ns: int, pitch: int) -> None:
        """Take in a note-off of a MIDI pitch, 0..127; one that does not sound changes nothing.

        Channels are not told apart: of one pitch on two, the first note-off ends both.
        It says nothing of the beat that is believed now: how long a note was held counts from the next strike on.
        """
        self._features.release(max(time_ns, self._last_ns), pitch)

    def release_all(self, time_ns: int) -> None:
        """All notes that sound have ended, whether or not anybody said so of each."""
        self._features.release_all(max(time_ns, self._last_ns))

    def _struck(self, frames: int) -> None:
        """A strike, so many frames after the last; told again where its further notes move it.

        Between the two there is taken to be none, though between the first note and the mean there are its own.
        """
        known = self._known
        tempi = np.add.reduceat(self._mass_before.sum(axis=0), known.layout.starts)
        quiet = min(TOGETHER, frames)
        mass = known.passed(self._mass_before, quiet, charged=False)
        mass = known.passed(mass, frames - quiet, charged=True) * known.rate
        total = float(mass.sum())
        self._mass = mass / total
        foreseen = math.log(total / FRAME_NS * 1e9) - float((tempi * known.growth / PERIODS).sum()) * frames
        seconds = frames * FRAME_NS / 1e9
        off = (math.log(seconds) - self._usual_before) / _FREE_SPREAD
        free = -0.5 * off * off - math.log(seconds * _FREE_SPREAD * math.sqrt(2 * math.pi))
        self._foreseen = min(_MOST_FORESEEN, max(-_MOST_FORESEEN, foreseen - free))
        learning = max(_FREE_LEARNING, 1 / self._count)
        self._usual = self._usual_before + (math.log(seconds) - self._usual_before) * learning

    def _believed(self) -> Floats:
        """The mass at the last strike with what its notes say; sums to 1."""
        known, mass = self._known, self._mass
        for late, count in enumerate(self._strikes.spread):
            if count:
                mass = mass * known.spread[TOGETHER + late - self._strikes.middle] ** count
        if self._count > UNTOLD:
            mass = mass * self._witnessed()
        believed: Floats = mass / mass.sum()
        return believed

    def _witnessed(self) -> Floats:
        """How likely each state is by what the network says of the strike that is on, [states]."""
        _, opinion = self._hear()
        places = np.exp(_PLACES_WEIGHT * opinion.places) @ self._known.places
        tempi = np.interp(_PERIOD_LOGS, np.log(PERIODS_S), opinion.periods)
        tempi = np.exp(_TEMPO_WEIGHT * np.maximum(tempi - tempi.max(), _LEAST_TEMPO))
        witnessed: Floats = places * tempi[self._known.layout.tempo]
        return witnessed

    def _hear(self) -> tuple[State, Opinion]:
        if self._heard is None:
            self._heard = beat_network().hear(self._remembered, self._features.features())
        return self._heard

    def _signs_of_strike(self) -> Floats:
        """Those of the strike that is on."""
        accord = 0.0
        if self._count > UNTOLD:
            _, opinion = self._hear()
            accord = math.log(float(self._mass.sum(axis=0) @ (np.exp(opinion.places) @ self._known.places)))
        return np.array([self._agreed_on().share, self._foreseen, min(_MOST_ACCORD, max(-_MOST_ACCORD, accord))])

    def _agreed_on(self) -> _Agreement:
        """The tempo and the beat that most of the belief agrees on."""
        if self._agreement is None:
            self._agreement = self._read(self._believed())
        return self._agreement

    def _read(self, mass: Floats) -> _Agreement:
        states = mass.sum(axis=0)
        shares = self._known.near @ np.add.reduceat(states, self._known.layout.starts)
        order = np.argsort(-shares)
        return max((self._agreed(states, int(order[place])) for place in _TRIED), key=lambda found: found.share)

    def _agreed(self, states: Floats, tempo: int) -> _Agreement:
        """What mass around one tempo agrees on."""
        layout = self._known.layout
        near = np.flatnonzero(self._known.near[tempo])
        chosen = slice(layout.starts[near[0]], layout.starts[near[-1]] + PERIODS[near[-1]])
        weights, until, periods = states[chosen], layout.until[chosen], layout.period[chosen]
        bins = np.bincount((until * _BINS).astype(np.int64), weights, _BINS)
        width = max(1, round(_AGREE_NS / FRAME_NS / float(PERIODS[tempo]) * _BINS))
        around = np.convolve(np.concatenate([bins[-width:], bins, bins[:width]]), np.ones(2 * width + 1), "valid")
        centre = (int(np.argmax(around)) + 0.5) / _BINS
        off = (until - centre + 0.5) % 1.0 - 0.5
        weights = np.where(np.abs(off) * _BINS <= width + 0.5, weights, 0.0)
        agreed = float(weights.sum())
        if not agreed:
            return _Agreement(0.0, float(PERIODS[tempo]), 0.0)
        return _Agreement(agreed, float((weights * periods).sum()) / agreed, centre + float((weights * off).sum()) / agreed)
