"""Draw a session that livegen wrote as a piano roll: `python docs/piano_roll.py demo.mid docs/images/demo.svg`.

Six bars a line, the drums below the notes, a mark where each phrase of the player ends and where the answer begins.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

import mido

COLOURS = {"player": "#3d4450", "lead": "#d55e00", "chords": "#0072b2", "bass": "#009e73", "drums": "#b4639a"}
"""Okabe and Ito's palette, which people who see colours differently can tell apart."""

DRUM_NAMES = {36: "kick", 37: "stick", 38: "snare", 42: "hi-hat", 44: "foot", 51: "ride"}
BARS_A_LINE = 6
REST_BEATS = 1.0
"""Silence of the player that ends a phrase in the picture."""

WIDTH, LEFT, RIGHT = 1000, 52, 12
SEMITONE, DRUM_LANE = 5, 9
TOP, MARKS, GAP = 34, 32, 14
"""Heights in pixels: the legend, the text above a line, and the space below it."""

Point = tuple[float, float]
"""Pixels from the left and from the top."""


@dataclass(frozen=True, slots=True)
class Note:
    """Begin and end in beats, MIDI pitch, velocity."""

    start: float
    end: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Session:
    """Notes by the name of their track, and the number of beats in a bar."""

    tracks: dict[str, list[Note]]
    beats_per_bar: int

    @property
    def end(self) -> float:
        """Where the last note ends, in beats."""
        return max(note.end for notes in self.tracks.values() for note in notes)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the agent did about one phrase: `since` is what it answers, `first` its first note, in beats."""

    since: float
    first: float
    text: str


def read_session(path: Path) -> Session:
    """The tracks of a file that have a name and notes."""
    file = mido.MidiFile(path)
    tracks: dict[str, list[Note]] = {}
    beats_per_bar = 4
    for track in file.tracks:
        tick, sounding, notes = 0, defaultdict[int, list[tuple[int, int]]](list), []
        for message in track:
            tick += message.time
            if message.type == "time_signature":
                beats_per_bar = message.numerator
            elif message.type == "note_on" and message.velocity:
                sounding[message.note].append((tick, message.velocity))
            elif message.type in ("note_on", "note_off") and sounding[message.note]:
                begun, velocity = sounding[message.note].pop(0)
                notes.append(Note(begun / file.ticks_per_beat, tick / file.ticks_per_beat, message.note, velocity))
        if notes:
            tracks[track.name] = sorted(notes, key=lambda note: (note.start, note.pitch))
    return Session(tracks, beats_per_bar)


def replies(session: Session) -> Iterator[Reply]:
    """For each phrase of the player: the lead's answer after it, or the accompaniment under it."""
    player = session.tracks.get("player", [])
    bounds = [0, *(index for index, (a, b) in enumerate(pairwise(player), 1) if b.start - a.end >= REST_BEATS), len(player)]
    phrases = [player[first:last] for first, last in pairwise(bounds) if first < last]
    for index, phrase in enumerate(phrases):
        start, end = phrase[0].start, max(note.end for note in phrase)
        until = phrases[index + 1][0].start if index + 1 < len(phrases) else session.end
        lead = [note.start for note in session.tracks.get("lead", []) if end <= note.start < until]
        others = [
            note.start
            for name, notes in session.tracks.items()
            if name not in ("player", "lead")
            for note in notes
            if start <= note.start < until
        ]
        if lead:
            yield Reply(end, lead[0], f"the phrase ends; answered {lead[0] - end:.2f} beats later")
        elif others:
            yield Reply(start, min(others), f"accompanied from {min(others) - start:.2f} beats after the first note")


@dataclass(frozen=True, slots=True)
class Line:
    """Some bars of the session: the beats `first` to `last`, the pitches and drums that occur in them, and where it stands."""

    first: int
    last: int
    low: int
    high: int
    drums: tuple[int, ...]
    top: float

    @property
    def roll_bottom(self) -> float:
        """Pixels from the top of the picture to below the lowest pitch."""
        return self.top + (self.high - self.low + 1) * SEMITONE

    @property
    def bottom(self) -> float:
        """Pixels from the top of the picture to below the drums."""
        return self.roll_bottom + 4 + len(self.drums) * DRUM_LANE

    def x(self, beat: float) -> float:
        """Pixels from the left."""
        return LEFT + (beat - self.first) * (WIDTH - LEFT - RIGHT) / (self.last - self.first)

    def y(self, name: str, pitch: int) -> float:
        """Pixels from the top to a note of that track."""
        if name == "drums":
            return self.roll_bottom + 4 + self.drums.index(pitch) * DRUM_LANE
        return self.top + (self.high - pitch) * SEMITONE


def lines_of(session: Session) -> Iterator[Line]:
    """The session cut into lines, one below the other."""
    top, first = float(TOP), 0
    while first < session.end:
        last = first + BARS_A_LINE * session.beats_per_bar
        pitches = defaultdict[bool, set[int]](set)
        for name, notes in session.tracks.items():
            pitches[name == "drums"] |= {note.pitch for note in notes if note.start < last and note.end > first}
        pitched = pitches[False] or {60}
        drums = tuple(sorted(pitches[True], reverse=True))
        line = Line(first, last, min(pitched) - 2, max(pitched) + 2, drums, top + MARKS)
        yield line
        top, first = line.bottom + GAP, last


class Roll:
    """The picture: its lines, and the pieces of SVG made so far."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.lines = list(lines_of(session))
        self.parts: list[str] = []

    def draw(self) -> str:
        """The whole SVG document."""
        self.legend()
        marks = list(replies(self.session))
        for line in self.lines:
            self.grid(line)
            # The player's notes come last, so that they lie on top.
            for name, notes in reversed(self.session.tracks.items()):
                for note in notes:
                    self.note(line, name, note)
            for reply in marks:
                if line.first <= reply.since < line.last:
                    self.mark(line, reply)
        height = round(self.lines[-1].bottom + GAP)
        size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        font = 'font-family="system-ui, Helvetica, Arial, sans-serif"'
        head = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {font}>',
            "<title>A livegen session as a piano roll</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        ]
        return "\n".join([*head, *self.parts, "</svg>\n"])

    def legend(self) -> None:
        """Who has which colour."""
        at = float(LEFT)
        for name in self.session.tracks:
            shown = "player (you)" if name == "player" else name
            self.parts.append(f'<rect x="{at:.0f}" y="14" width="16" height="9" rx="2" fill="{colour(name)}"/>')
            self.text((at + 21, 22), shown, size=12)
            at += 42 + 7 * len(shown)

    def grid(self, line: Line) -> None:
        """Beats, bars with their numbers, the octaves and the names of the drums."""
        for y in (line.top, line.roll_bottom, line.bottom):
            self.rule((LEFT, y), (WIDTH - RIGHT, y), "#e4e6ea")
        for pitch in range(line.low, line.high + 1):
            if pitch % 12 == 0:
                y = line.y("", pitch) + SEMITONE
                self.rule((LEFT, y), (WIDTH - RIGHT, y), "#e4e6ea")
                self.text((LEFT - 6, y + 1), f"C{pitch // 12 - 1}", anchor="end")
        for pitch in line.drums:
            at = (LEFT - 6, line.y("drums", pitch) + DRUM_LANE - 1)
            self.text(at, DRUM_NAMES.get(pitch, str(pitch)), anchor="end", size=9)
        for beat in range(line.first, line.last + 1):
            bar, inside = divmod(beat, self.session.beats_per_bar)
            self.rule((line.x(beat), line.top), (line.x(beat), line.bottom), "#eef0f3" if inside else "#b9bec7")
            if not inside and beat < line.last:
                self.text((line.x(beat), line.top - 4), f"{1 + bar}", fill="#9aa1ad", size=10)

    def note(self, line: Line, name: str, note: Note) -> None:
        """The part of a note that falls into the line; louder is darker. A drum hit has a mark, its length means nothing."""
        begin = max(note.start, line.first)
        end = min(note.start + 0.16 if name == "drums" else note.end, line.last)
        if begin >= end:
            return
        x, y, height = line.x(begin), line.y(name, note.pitch), DRUM_LANE - 3 if name == "drums" else SEMITONE
        width = max(2.0, line.x(end) - x - 0.8)
        opacity = 0.45 + 0.55 * note.velocity / 127
        self.parts.append(
            f'<rect class="{escape(name)}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" rx="1" '
            f'fill="{colour(name)}" fill-opacity="{opacity:.2f}"/>'
        )

    def mark(self, line: Line, reply: Reply) -> None:
        """A dashed line where the phrase ends (or begins, under accompaniment), and one where the agent comes in."""
        since = line.x(reply.since)
        for beat, stroke in ((reply.since, COLOURS["player"]), (reply.first, COLOURS["lead"])):
            if beat < line.last:
                self.rule((line.x(beat), line.top - 16), (line.x(beat), line.roll_bottom), stroke, dashes="3 3")
        on_the_right = since > WIDTH / 2
        at = (since - 4 if on_the_right else line.x(reply.first) + 4, line.top - 16)
        self.text(at, reply.text, anchor="end" if on_the_right else "start", fill=COLOURS["player"])

    def rule(self, start: Point, end: Point, stroke: str, dashes: str = "") -> None:
        """A straight line."""
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        (x1, y1), (x2, y2) = start, end
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"{dashed}/>')

    def text(self, at: Point, text: str, *, anchor: str = "start", fill: str = "#6b7280", size: int = 11) -> None:
        """One line of text."""
        place = f'x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}" font-size="{size}"'
        self.parts.append(f'<text {place} fill="{fill}">{escape(text)}</text>')


def colour(name: str) -> str:
    """The colour of a track, grey for one that we don't know."""
    return COLOURS.get(name, "#888888")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 written, 2 refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("session", type=Path, help="MIDI file that `livegen demo` or `livegen simulate` wrote")
    parser.add_argument("picture", type=Path, help="SVG file to write")
    options = parser.parse_args(arguments)
    session = read_session(options.session)
    if not any(name != "drums" for name in session.tracks):
        parser.error(f"{options.session}: no track with notes in it")
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    options.picture.write_text(Roll(session).draw(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
