"""How an accompanist takes what happens: a shift of key, a cold start, a ramp, a stop, wrong notes, a denser player.

Everything is played through the daemon's engine, and compared with the same system in the same songs at the same place when
nothing happens. Counts of all songs are summed beat by beat. "Beats to 90 %" is the smallest number of whole beats after which
onset-NiC, of the four beats from there on, is at least 90 % of the same system's when nothing happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from livegen.core.events import PULSES_PER_BEAT
from livegen.core.parameters import Settings
from models.pool import Progress, each
from models.scoring import curves, metrics, perturbations
from models.scoring.accompaniment import (
    ARRANGER,
    BEATS,
    Accompaniment,
    MakeGenerator,
    Song,
    Systems,
    accompanied,
    interval_of,
    written,
)
from models.scoring.curves import HITS, SOUNDING, Counts, Stretch
from models.scoring.perturbations import MIDDLE_BEATS, RAMP_BEATS, STOP_BEATS, Perturb, middle

SHIFTS = (6, 1, -2)
RAMPS = (0.2, -0.2)
WRONG = (0.05, 0.10, 0.20)
BEFORE, AFTER = 8, 32
"""Beats around the middle of a song that are kept."""
CURVE = 24
"""Points of a curve."""
BLOCK_BEATS = 8
"""Density is compared in stretches of so many beats."""
SHORTEST = MIDDLE_BEATS + AFTER - RAMP_BEATS
"""Shorter songs are left out: too little of them would be left after the middle."""

PLAIN, STOP = "plain", "stop"
ONSET_NIC = (HITS, SOUNDING)


def shift_name(semitones: int) -> str:
    """Such as "+6"."""
    return f"{semitones:+d}"


def share_name(share: float) -> str:
    """Such as "5 %"."""
    return f"{100 * share:g} %"


def ramp_name(share: float) -> str:
    """Such as "-20 %"."""
    return f"{100 * share:+g} %"


def _trials(seed: int) -> dict[str, Perturb]:
    """Everything that happens, by name; wrong notes are drawn anew for each seed."""
    return {
        PLAIN: perturbations.plain,
        **{shift_name(semitones): partial(perturbations.shifted, semitones) for semitones in SHIFTS},
        **{ramp_name(share): partial(perturbations.ramped, share) for share in RAMPS},
        STOP: perturbations.stopped,
        **{share_name(share): partial(perturbations.erring, share, seed) for share in WRONG},
    }


@dataclass(frozen=True, slots=True)
class Played:
    """One song, one system: counts from the song's begin on and onset-NiC by trial, and what it did when the player stopped.

    `rest` holds beats until it fell silent (NaN if it played on), and beats until it was back, both from the player's doing.
    """

    counts: Mapping[str, Counts]
    onset_nic: Mapping[str, float]
    first_note: float
    rest: tuple[float, float]


def adaptation(
    songs: Sequence[Song], systems: Systems, settings: Settings, seed: int, progress: Progress, *, workers: int = 1
) -> dict[str, Any]:
    """All of it for each system, each song `len(_trials(seed))` times; the result does not depend on `workers`.

    Returns:
        `songs` (how many were long enough), `window` (beats of a point of a curve), and `systems`: by name the findings of
        `_findings`; `ARRANGER` has only those that need nothing to happen.
    """
    long_enough = [song for song in songs if song.frames * metrics.FRAME >= SHORTEST * PULSES_PER_BEAT]
    work = partial(_play, systems, settings, seed)
    played = each(work, long_enough, [song.name for song in long_enough], progress, workers)
    found = {name: _findings([by_system[name] for by_system in played], long_enough, seed) for name in systems if long_enough}
    if long_enough:
        arranged = [_undisturbed(song, written(song)) for song in long_enough]
        found[ARRANGER] = _steady(arranged, long_enough, seed)
    return {"songs": len(long_enough), "window": curves.WINDOW, "systems": found}


def _play(systems: Systems, settings: Settings, seed: int, song: Song) -> dict[str, Played]:
    return {name: _play_one(make, settings, seed, song) for name, make in systems.items()}


def _play_one(make: MakeGenerator, settings: Settings, seed: int, song: Song) -> Played:
    trials = {name: perturb(song) for name, perturb in _trials(seed).items()}
    heard = {name: accompanied(trial.performance, make(trial.song), settings, seed) for name, trial in trials.items()}
    counts = {name: curves.beat_counts(trial.melody, heard[name], BEATS + AFTER) for name, trial in trials.items()}
    values = {
        name: metrics.onset_nic(trial.melody, metrics.harmony_frames(heard[name].notes, song.frames))
        for name, trial in trials.items()
    }
    return Played(counts, values, _first_note(song, heard[PLAIN]), _rest(trials[STOP].song, heard[STOP]))


def _undisturbed(song: Song, heard: Accompaniment) -> Played:
    counts = curves.beat_counts(song.melody, heard, BEATS + AFTER)
    return Played({PLAIN: counts}, {}, _first_note(song, heard), (np.nan, np.nan))


def _first_note(song: Song, heard: Accompaniment) -> float:
    """Beats from the player's first note to the first of the accompaniment; NaN if there is none."""
    first = min((onset for onset, _, _ in heard.notes), default=np.nan)
    return (first - song.piece.melody[0].onset) / PULSES_PER_BEAT


def _rest(song: Song, heard: Accompaniment) -> tuple[float, float]:
    """Of a song in which the player stops: see `Played.rest`; NaN also where the player does not come back."""
    place = middle(song) * PULSES_PER_BEAT
    stop = max((note.onset + note.duration for note in song.piece.melody if note.onset < place), default=place)
    back = min((note.onset for note in song.piece.melody if note.onset >= place), default=None)
    if back is None:
        return np.nan, np.nan
    last = max((onset + length for onset, _, length in heard.notes if onset < back), default=np.nan)
    again = min((onset for onset, _, _ in heard.notes if onset >= back), default=np.nan)
    silent = (last - stop) / PULSES_PER_BEAT if last <= back - PULSES_PER_BEAT else np.nan
    return silent, (again - back) / PULSES_PER_BEAT


def _findings(played: Sequence[Played], songs: Sequence[Song], seed: int) -> dict[str, Any]:
    """`_steady`, and by name: `shifts`, `ramps`, `stop`, `wrong notes`. An interval is [value, low, high]."""

    def around(trial: str) -> Stretch:
        rows = [curves.aligned(one.counts[trial], middle(song), BEFORE, AFTER) for one, song in zip(played, songs, strict=True)]
        return Stretch(np.array(rows), BEFORE)

    own = around(PLAIN)
    return {
        **_steady(played, songs, seed),
        "shifts": {name: _shift(around(name), own, seed) for name in map(shift_name, SHIFTS)},
        "ramps": {name: _ramp(around(name), own, seed) for name in map(ramp_name, RAMPS)},
        "stop": _stop(played, around(STOP), own, seed),
        "wrong notes": _wrong_notes(played, seed),
    }


def _shift(shifted: Stretch, own: Stretch, seed: int) -> dict[str, Any]:
    """Curves from `BEFORE` beats before on; shares of the own level by stretch of beats; changes against the usual."""
    return {
        "curve": shifted.curve(-BEFORE, CURVE),
        "own curve": own.curve(-BEFORE, CURVE),
        "beats to 90 %": curves.beats_until_back(shifted.curve(0, CURVE), own.curve(0, CURVE)),
        "share of own level": {
            f"{first} to {last}": curves.relative(shifted, own, ONSET_NIC, first, last, seed=seed)
            for first, last in ((0, 4), (4, 8), (8, 16))
        },
        "change rate": curves.relative(shifted, own, (curves.CHANGES, None), 0, 8, seed=seed),
    }


def _ramp(ramp: Stretch, own: Stretch, seed: int) -> dict[str, Any]:
    return {
        "share of own level": {
            "during": curves.relative(ramp, own, ONSET_NIC, 0, RAMP_BEATS, seed=seed),
            "after": curves.relative(ramp, own, ONSET_NIC, RAMP_BEATS, AFTER, seed=seed),
        },
        "coverage": ramp.with_interval(curves.COVERED, curves.MELODY, 0, AFTER, seed),
        "on beat": ramp.with_interval(curves.ON_BEAT, curves.CHANGES, 0, AFTER, seed),
    }


def _stop(played: Sequence[Played], stop: Stretch, own: Stretch, seed: int) -> dict[str, Any]:
    rests = [one.rest for one in played if not np.isnan(one.rest[1])]
    silent, back = [beats for beats, _ in rests], [beats for _, beats in rests]
    first, last = STOP_BEATS, STOP_BEATS + 8
    return {
        "beats until silent": interval_of(silent, seed),
        "fell silent": interval_of([float(not np.isnan(beats)) for beats in silent], seed),
        "beats until back": interval_of(back, seed),
        "share of own level": curves.relative(stop, own, ONSET_NIC, first, last, seed=seed),
        "coverage after": stop.with_interval(curves.COVERED, curves.MELODY, first, last, seed),
    }


def _wrong_notes(played: Sequence[Played], seed: int) -> dict[str, Any]:
    """Onset-NiC against the right melody by share of wrong notes, and what 10 % of them cost."""
    names = {0.0: PLAIN} | {share: share_name(share) for share in WRONG}
    shares = np.array(list(names))
    values = np.array([[one.onset_nic[name] for name in names.values()] for one in played])
    centred = shares - shares.mean()
    slopes = values @ centred / (centred @ centred) * 0.1
    by_share = {share_name(share): interval_of(list(column), seed) for share, column in zip(names, values.T, strict=True)}
    return {"onset-NiC": by_share, "slope per 10 %": interval_of(list(slopes), seed)}


def _steady(played: Sequence[Played], songs: Sequence[Song], seed: int) -> dict[str, Any]:
    """`cold start` and `density`, from what happens anyway."""
    return {"cold start": _cold_start(played, songs, seed), "density": _density(played, seed)}


def _cold_start(played: Sequence[Played], songs: Sequence[Song], seed: int) -> dict[str, Any]:
    """From the beat of the player's first note on; the own level is that of the beats from `MIDDLE_BEATS` on."""
    starts = [song.piece.melody[0].onset // PULSES_PER_BEAT for song in songs]
    rows = [curves.aligned(one.counts[PLAIN], start, 0, BEATS) for one, start in zip(played, starts, strict=True)]
    stretch = Stretch(np.array(rows), 0)
    level = stretch.share(HITS, SOUNDING, MIDDLE_BEATS, BEATS)
    curve = stretch.curve(0, CURVE)
    return {
        "curve": curve,
        "own level": stretch.with_interval(HITS, SOUNDING, MIDDLE_BEATS, BEATS, seed),
        "beats to 90 %": curves.beats_until_back(curve, [level] * CURVE),
        "beats to first note": interval_of([one.first_note for one in played], seed),
        "coverage": {
            f"{first} to {last}": stretch.with_interval(curves.COVERED, curves.MELODY, first, last, seed)
            for first, last in ((0, 4), (4, 8))
        },
    }


def _density(played: Sequence[Played], seed: int) -> dict[str, Any]:
    """Notes a beat of both, and the rank correlation of the two over stretches of `BLOCK_BEATS` with notes in them."""
    beats = np.array([one.counts[PLAIN][:BEATS] for one in played])
    blocks = beats.reshape(len(played), -1, BLOCK_BEATS, curves.COLUMNS).sum(axis=2)
    plays = blocks[..., curves.ONSETS] > 0
    player, answer = (
        [columns[row] for columns, row in zip(blocks[..., column], plays, strict=True)]
        for column in (curves.ONSETS, curves.NOTES)
    )
    return {
        "player": interval_of([float(song.mean()) / BLOCK_BEATS for song in player], seed),
        "answer": interval_of([float(song.mean()) / BLOCK_BEATS for song in answer], seed),
        "Spearman": metrics.rank_correlation(player, answer, seed),
    }
