"""The question of accompaniment: does it follow the player, and how much better than rules that know little?"""

from __future__ import annotations

from livegen.runtime.svg import Plot
from models.questions.playing import everybody, played, settings_of, songs
from models.questions.question import Context, Findings, Question
from models.reporting.plots import bars
from models.reporting.tables import Table, interval
from models.scoring import accompaniment
from models.scoring.accompaniment import BEATS, MEASURES, RIDGE, SONG_MEASURES
from models.scoring.subject import described

WORKS = 16
"""Songs of each corpus unless told otherwise."""

SHOWN = ("onset-NiC", "coupling", "true-mismatched")
"""What is drawn."""


def ask(context: Context) -> Findings:
    """Everybody accompanies every song; see `accompaniment.findings`."""
    chosen = songs(context, WORKS)
    if not chosen:
        return {}
    table = played(accompaniment.evaluate, context, chosen, everybody(context), len(chosen))
    return {
        "settings": described(settings_of(context)),
        "corpora": accompaniment.findings(chosen, table, context.seed),
    }


def tables(found: Findings) -> list[Table]:
    """Every system's measures by corpus, and what it is ahead of the ridge by."""
    made = []
    for corpus, values in found.get("corpora", {}).items():
        title = (
            f"Accompaniment of {corpus}: {values['songs']} songs never trained on, {BEATS} beats each, {found['settings']}. "
            "Mean over songs with a 95 % interval."
        )
        rows = [(system, *(interval(measures[name], 2) for name in MEASURES)) for system, measures in values["systems"].items()]
        made.append(Table(title, ("system", *MEASURES), rows))
        if values["difference"]:
            rows = [
                (system, *(interval(measures[name], 3) for name in SONG_MEASURES))
                for system, measures in values["difference"].items()
            ]
            title = f"Accompaniment of {corpus}: each system minus {values['reference']} on the same songs."
            made.append(Table(title, ("system", *SONG_MEASURES), rows))
    return made


def plots(found: Findings) -> list[Plot]:
    """The measures that a rule can't fake, by corpus."""
    return [
        bars(
            f"accompaniment-{corpus}", f"Accompaniment of {corpus}", SHOWN,
            {system: [measures[name] for name in SHOWN] for system, measures in values["systems"].items()}, "share",
        )
        for corpus, values in found.get("corpora", {}).items()
    ]  # fmt: skip


QUESTION = Question("accompaniment", f"Does it follow the player, and better than rules and the {RIDGE}?", ask, tables, plots)
