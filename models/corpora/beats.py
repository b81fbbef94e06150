"""Finding the beat of a performance: from the times of its notes to a file whose ticks follow the music.

The beat is found by dynamic programming over the strength of the onsets, with a period from their autocorrelation (D. Ellis,
"Beat tracking by dynamic programming", 2007); here the onsets are known exactly, since they are notes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.corpora.midi_file import Metre, MidiScore, RawNote, Track
from models.corpora.source import QuarantinedError

Array = npt.NDArray[np.float64]

FRAME_S = 0.01
_WIDTH_S = 0.025
"""Standard deviation of the bump that stands for an onset: how far the notes of one beat may lie apart."""

_SHORTEST_S, _LONGEST_S = 0.27, 1.5
"""Periods of a beat: 220 to 40 a minute."""

_USUAL_S, _OCTAVES = 0.5, 1.8
"""The period that is likeliest by itself (120 a minute) and how many octaves around it are likely (standard deviation)."""

_RETURNS = 4
"""A beat comes back after one, two, three and four times its length; three halves of it does not."""

_TIGHTNESS = 60.0
"""How much an uneven beat costs against a strong onset."""

_CHANCE_TRIALS = 4
_ABOVE_CHANCE = 0.12
"""A beat must fit so much better than the best that is found in as many onsets thrown at random."""

GRID_FIT = 0.4
"""`grid_fit` from which notes are said to sit on a grid. Sixteenths at 120 with 25 ms of looseness have .45, eighths .8; notes
that no grid was made for have less than .2."""

TICKS = 480
"""Ticks a quarter of an aligned file."""


def grid_fit(quarters: npt.ArrayLike) -> float:
    """How well onsets sit on eighths, triplets, sixteenths, or (if exact) on twelfths of a quarter: 1 on it, about 0 on none.

    The mean cosine of the distance, so that notes between the lines count against those on them.

    Args:
        quarters: onsets in quarters; without any, the fit is 0.
    """
    at = np.asarray(quarters, dtype=np.float64)
    if not at.size:
        return 0.0
    return max(float(np.cos(2 * np.pi * division * at).mean()) for division in (2, 3, 4, 12))


def aligned(score: MidiScore) -> MidiScore:
    """The same notes with ticks that count the beats that are heard, in a metre that is heard: 4/4 or 3/4.

    Raises:
        QuarantinedError: there is no beat to be heard.
    """
    notes = [note for track in score.tracks for note in track.notes]
    seconds = score.seconds([note.onset for note in notes])
    weights = np.array([note.velocity * (1.5 if note.pitch < 52 else 1.0) for note in notes])
    beats = find_beats(seconds, weights)
    onsets = _beat_of(beats, seconds)
    fit = grid_fit(onsets)
    if fit < max(GRID_FIT, _chance_fit(seconds, weights) + _ABOVE_CHANCE):
        raise QuarantinedError(f"no beat: the notes sit on no grid, their own or one that can be heard (fit {fit:.2f})")
    tracks = tuple(_retimed(score, track, beats) for track in score.tracks)
    metre = Metre(3 if _in_three(onsets, weights) else 4, 4)
    length = max(note.onset + note.duration for track in tracks for note in track.notes)
    tempo_us = round(1e6 * float(np.median(np.diff(beats))))
    return replace(
        score, ticks_per_quarter=TICKS, tracks=tracks, metres=((0, metre),), tempi=((0, tempo_us),), length=length, keys=()
    )


def find_beats(seconds: Array, weights: Array) -> Array:
    """Times of the beats, ascending, from before the first onset to after the last.

    Args:
        seconds: onsets, in any order.
        weights: how strongly each marks a beat.

    Raises:
        QuarantinedError: the music is shorter than a few beats, or longer than an hour.
    """
    first, last = float(seconds.min()), float(seconds.max())
    if not 4 * _LONGEST_S <= last - first <= 3600:
        raise QuarantinedError("no beat: the music is too short or too long to find one")
    lead = _LONGEST_S
    struck = np.bincount(np.rint((seconds - first + lead) / FRAME_S).astype(np.int64), weights)
    strength: Array = np.concatenate([struck, np.zeros(round(lead / FRAME_S))]).astype(np.float64)
    reach = np.arange(-4 * _WIDTH_S, 4 * _WIDTH_S + FRAME_S, FRAME_S)
    strength = np.convolve(strength, np.exp(-0.5 * (reach / _WIDTH_S) ** 2), mode="same")
    strength = strength / (strength.std() or 1.0)
    frames = _track(strength, _period(strength))
    beats = frames * FRAME_S + first - lead
    step = float(np.median(np.diff(beats)))
    before = np.arange(beats[0] - step, first - step, -step)[::-1]
    after = np.arange(beats[-1] + step, last + step, step)
    return np.concatenate([before, beats, after])


def _period(strength: Array) -> float:
    """The likeliest distance of beats, in frames."""
    centred = strength - strength.mean()
    size = 1 << (2 * len(centred) - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    likeness = np.fft.irfft(spectrum * np.conj(spectrum), size)[: len(centred)]
    lags = np.arange(round(_SHORTEST_S / FRAME_S), round(_LONGEST_S / FRAME_S) + 1)
    support = sum(likeness[times * lags] for times in range(1, _RETURNS + 1))
    prior = np.exp(-0.5 * (np.log2(lags * FRAME_S / _USUAL_S) / _OCTAVES) ** 2)
    return float(lags[int(np.argmax(support * prior))])


def _track(strength: Array, period: float) -> Array:
    """Frames of the beats of the best sequence: strong onsets at distances of about `period` frames."""
    back = np.arange(-round(2 * period), -round(period / 2) + 1)
    cost = -_TIGHTNESS * np.log(-back / period) ** 2
    score = strength.copy()
    came_from = np.full(len(strength), -1)
    for frame in range(-int(back[0]), len(strength)):
        candidates = cost + score[frame + back]
        best = int(np.argmax(candidates))
        if candidates[best] > 0:
            score[frame] += candidates[best]
            came_from[frame] = frame + back[best]
    tail = len(score) - round(2 * period)
    frame = tail + int(np.argmax(score[tail:]))
    beats = [frame]
    while (frame := int(came_from[frame])) >= 0:
        beats.append(frame)
    if len(beats) < 4:
        raise QuarantinedError("no beat: too few in a row can be heard")
    return np.array(beats[::-1], dtype=np.float64)


def _chance_fit(seconds: Array, weights: Array) -> float:
    """The best fit that a tracker which follows every onset gets out of as many onsets without a beat."""
    rng = np.random.default_rng(len(seconds))
    fits = []
    for _ in range(_CHANCE_TRIALS):
        thrown = rng.uniform(seconds.min(), seconds.max(), len(seconds))
        fits.append(grid_fit(_beat_of(find_beats(thrown, weights), thrown)))
    return max(fits)


def _beat_of(beats: Array, seconds: npt.ArrayLike) -> Array:
    """Times as beats, 0 at the first, linear between them; beyond the last as from the last two."""
    at = np.asarray(seconds, dtype=np.float64)
    number = np.interp(at, beats, np.arange(len(beats)))
    step = float(beats[-1] - beats[-2])
    return np.asarray(np.where(at > beats[-1], len(beats) - 1 + (at - beats[-1]) / step, number))


def _retimed(score: MidiScore, track: Track, beats: Array) -> Track:
    def ticks(old: Iterable[int]) -> list[int]:
        return [int(tick) for tick in np.rint(_beat_of(beats, score.seconds(list(old))) * TICKS)]

    if not track.notes:
        return track
    onsets = ticks(note.onset for note in track.notes)
    ends = ticks(note.onset + note.duration for note in track.notes)
    notes = sorted(
        (
            RawNote(onset, note.pitch, max(1, end - onset), note.velocity, note.channel)
            for note, onset, end in zip(track.notes, onsets, ends, strict=True)
        ),
        key=lambda note: (note.onset, note.pitch),
    )
    moves = ticks(tick for tick, _ in track.pedal)
    pedal = tuple((tick, down) for tick, (_, down) in zip(moves, track.pedal, strict=True))
    return Track(track.name, tuple(notes), pedal, track.programs)


def _in_three(onsets: Array, weights: Array) -> bool:
    """Whether strong beats come back after three rather than after two or four."""
    strength = np.bincount(np.rint(onsets).astype(np.int64), weights)
    centred = strength - strength.mean()
    returns = [float(centred[lag:] @ centred[:-lag]) / max(1, len(centred) - lag) for lag in (2, 3, 4) if lag < len(centred)]
    return len(returns) == 3 and returns[1] > 0 and returns[1] > 1.2 * max(returns[0], returns[2])
