"""The question of adaptation: how soon is it back after what a player may do?"""

from __future__ import annotations

from typing import Any

from livegen.runtime.svg import Plot
from models.baselines.rules import HoldTonic
from models.questions.playing import everybody, models, only, played, songs
from models.questions.question import Context, Findings, Question
from models.reporting.plots import lines
from models.reporting.tables import Table, interval
from models.scoring.accompaniment import RIDGE
from models.scoring.adaptation import BEFORE, CURVE, adaptation

WORKS = 20
"""Songs of each corpus unless told otherwise: each is played ten times."""


def ask(context: Context) -> Findings:
    """The models, the ridge and hold-tonic meet shifts of key, ramps, stops and wrong notes."""
    chosen = songs(context, WORKS)
    systems = only(everybody(context), [*models(context), RIDGE, HoldTonic.name])
    return played(adaptation, context, chosen, systems, len(chosen))


def tables(found: Findings) -> list[Table]:
    """Shifts of key; everything else that happens; cold start and density."""
    systems: Findings = found["systems"]
    if not systems:
        return []
    moved = {name: values for name, values in systems.items() if "shifts" in values}
    played = f"{found['songs']} songs never trained on; onset-NiC against the same system undisturbed."
    return [
        Table(
            f"A shift of key in mid-song: {played} Beats to 90 % of its own level, shares of that level, and chord changes "
            "against the usual in the eight beats after it.",
            ("system", "semitones", "beats to 90 %", "0 to 4", "4 to 8", "8 to 16", "change rate"),
            [_shift(name, semitones, shift) for name, values in moved.items() for semitones, shift in values["shifts"].items()],
        ),
        Table(
            f"Ramps of tempo, a stop, wrong notes: {played}",
            ("system", "+20 % during", "after", "-20 % during", "after", "beats until silent", "until back", "after a stop",
             "0 % wrong", "5 %", "10 %", "20 %", "slope per 10 %"),
            [_events(name, values) for name, values in moved.items()],
        ),
        Table(
            "Cold start and density: beats to 90 % of the own level and to the first note; onsets a beat of player and answer, "
            "and how they go together.",
            ("system", "beats to 90 %", "to first note", "own level", "player", "answer", "Spearman"),
            [_steady(name, values) for name, values in systems.items()],
        ),
    ]  # fmt: skip


def _beats(value: int | None) -> str:
    return "never" if value is None else str(value)


def _shift(name: str, semitones: str, shift: Findings) -> tuple[str, ...]:
    shares = (interval(value, 2) for value in shift["share of own level"].values())
    return name, semitones, _beats(shift["beats to 90 %"]), *shares, interval(shift["change rate"], 2)


def _events(name: str, values: Findings) -> tuple[str, ...]:
    ramps: list[Any] = [ramp["share of own level"][when] for ramp in values["ramps"].values() for when in ("during", "after")]
    stop, wrong = values["stop"], values["wrong notes"]
    stops = [stop["beats until silent"], stop["beats until back"], stop["share of own level"]]
    return name, *(interval(value, 2) for value in [*ramps, *stops, *wrong["onset-NiC"].values(), wrong["slope per 10 %"]])


def _steady(name: str, values: Findings) -> tuple[str, ...]:
    cold, density = values["cold start"], values["density"]
    return (
        name, _beats(cold["beats to 90 %"]), interval(cold["beats to first note"], 2), interval(cold["own level"], 2),
        *(interval(density[key], 2) for key in ("player", "answer", "Spearman")),
    )  # fmt: skip


def plots(found: Findings) -> list[Plot]:
    """The shift by six semitones beat by beat, the cold start, and the slope of wrong notes."""
    moved = {name: values for name, values in found["systems"].items() if "shifts" in values}
    if not moved:
        return []
    beats = [float(beat - BEFORE) for beat in range(BEFORE + CURVE)]
    made = [
        lines(
            f"shift-{'up' if int(semitones) > 0 else 'down'}-{abs(int(semitones))}",
            f"Onset-NiC around a shift by {semitones} semitones",
            beats,
            {name: values["shifts"][semitones]["curve"] for name, values in moved.items()},
            x_label="beats after the shift",
            y_label="onset-NiC",
        )
        for semitones in next(iter(moved.values()))["shifts"]
    ]
    wrong = {name: list(values["wrong notes"]["onset-NiC"].values()) for name, values in moved.items()}
    shares = [float(name.split()[0]) for name in next(iter(moved.values()))["wrong notes"]["onset-NiC"]]
    cold = {name: values["cold start"]["curve"] for name, values in found["systems"].items()}
    start = [float(beat) for beat in range(CURVE)]
    return [
        *made,
        lines("wrong-notes", "Onset-NiC when the player errs", shares, wrong, x_label="wrong notes, %", y_label="onset-NiC"),
        lines("cold-start", "Onset-NiC from the first note on", start, cold, x_label="beats", y_label="onset-NiC"),
    ]


QUESTION = Question("adaptation", "How soon is it back after what a player may do?", ask, tables, plots)
