"""The note watchdog: whatever goes wrong, a note of ours ends, and is told so twice.

A driver may lose a note-off without an error, and then nobody knows that the note hangs. So a note-off is said once more when
its key has been quiet for a while; whoever has heard the first takes no notice. And a note that we own has a longest time,
after which it ends even if all that should have ended it has failed. What the player holds, also where it is played through,
is the player's: a drone may last as long as a key is down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LONGEST_NS = 30_000_000_000
"""No note of the agent sounds longer. The longest that can be planned lasts 24 s, at the slowest tempo."""

REPEAT_NS = 2_000_000_000
"""A note-off is said again so long after it, if the note has not begun anew."""

AT_ONCE = 16
"""Note-offs that are said again in one go, so that they are in nobody's way."""

Note = tuple[int, int]
"""Channel and pitch."""


class NoteLimit:
    """How long each note has been sounding. Single-threaded; owned by the engine, which knows who holds what."""

    def __init__(self) -> None:
        self._since: dict[Note, int] = {}
        """When each note was last struck, the longest ago first."""

    def struck(self, channel: int, pitch: int, now_ns: int) -> None:
        """A note of ours begins, or begins anew."""
        self._since.pop((channel, pitch), None)
        self._since[channel, pitch] = now_ns

    def ended(self, channel: int, pitch: int) -> None:
        """A note has ended, of ours or not."""
        self._since.pop((channel, pitch), None)

    def overlong(self, sounding: Iterable[Note], now_ns: int) -> list[Note]:
        """Which of the notes that sound have had their time; they are forgotten, and so is what does not sound any more."""
        if not self._since or now_ns < next(iter(self._since.values())) + LONGEST_NS:
            return []
        held = set(sounding)
        self._since = {note: since_ns for note, since_ns in self._since.items() if note in held}
        found = [note for note, since_ns in self._since.items() if now_ns >= since_ns + LONGEST_NS]
        for note in found:
            del self._since[note]
        return found

    def clear(self) -> None:
        """Everything has been ended."""
        self._since.clear()

    def next_deadline_ns(self) -> int | None:
        """When `overlong` may find something; None while nothing was struck."""
        return next(iter(self._since.values())) + LONGEST_NS if self._since else None


class SecondOffs:
    """Which note-offs are to be said again. Single-threaded; owned by the outlet."""

    def __init__(self) -> None:
        self._ended: dict[Note, int] = {}
        """When each note ended, the longest ago first."""

    def began(self, channel: int, pitch: int) -> None:
        """A note begins: its end is still to come."""
        self._ended.pop((channel, pitch), None)

    def ended(self, channel: int, pitch: int, now_ns: int) -> None:
        """A note-off went out."""
        self._ended.pop((channel, pitch), None)
        self._ended[channel, pitch] = now_ns

    def due(self, now_ns: int) -> Iterator[Note]:
        """The notes whose note-off is to be said again now; each is given once."""
        due = [note for note, ended_ns in self._ended.items() if now_ns >= ended_ns + REPEAT_NS]
        for note in due[:AT_ONCE]:
            del self._ended[note]
            yield note

    def waiting(self) -> tuple[Note, ...]:
        """The notes whose note-off is still to be said again."""
        return tuple(self._ended)

    def clear(self) -> None:
        """The port has gone, and what sounded on it."""
        self._ended.clear()
