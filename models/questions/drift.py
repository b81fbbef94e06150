"""The question of drift: is the tenth minute as good as the first?"""

from __future__ import annotations

from livegen.runtime.svg import Plot
from models.questions.playing import everybody, models, only, played, songs
from models.questions.question import Context, Findings, Question
from models.reporting.plots import lines
from models.reporting.tables import Table, figure, interval
from models.scoring.accompaniment import RIDGE
from models.scoring.drift import MEASURES, MEDLEYS, ten_minutes


def ask(context: Context) -> Findings:
    """The models and the ridge accompany medleys of ten minutes."""
    chosen = songs(context, default=60)
    systems = only(everybody(context), [*models(context), RIDGE])
    return played(ten_minutes, context, chosen, systems, MEDLEYS)


def tables(found: Findings) -> list[Table]:
    """What the last minute is to the first, and how much is repeated."""
    systems: Findings = found["systems"]
    if not systems:
        return []
    repetition = ("longest run, bars", "like the bar before", "different bars")
    header = ("system", *(f"{name}, last - first" for name in MEASURES), *repetition)
    rows = [
        (name, *(interval(values["last - first"][measure], 3) for measure in MEASURES),
         *(figure(values["repetition"][key], 2) for key in ("longest run", "like the one before", "different")))
        for name, values in systems.items()
    ]  # fmt: skip
    minutes = [(name, *(figure(value, 2) for value in values["by minute"]["onset-NiC"])) for name, values in systems.items()]
    about = f"{found['medleys']} medleys of {found['songs']} songs, {found['minutes']} minutes each, all parts"
    return [
        Table(f"Drift: {about}; the last minute minus the first, which plays the same songs, and repetition.", header, rows),
        Table(
            f"Drift: onset-NiC by minute; {about}.",
            ("system", *(str(minute + 1) for minute in range(found["minutes"]))),
            minutes,
        ),
    ]


def plots(found: Findings) -> list[Plot]:
    """Onset-NiC by minute."""
    series = {name: values["by minute"]["onset-NiC"] for name, values in found["systems"].items()}
    if not series:
        return []
    minutes = [float(minute + 1) for minute in range(found["minutes"])]
    title = "Onset-NiC by minute of ten minutes without a break"
    return [lines("drift", title, minutes, series, x_label="minute", y_label="onset-NiC")]


QUESTION = Question("drift", "Is the tenth minute as good as the first?", ask, tables, plots)
