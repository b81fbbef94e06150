"""A session log as bytes: text, a line an entry, each the eight hexadecimal digits of a checksum, a space, and a JSON array.

The checksum (CRC-32) is over all arrays so far: a line that was changed, lost, doubled or moved is found. Only the last line
may be cut off, as it is where the writer was killed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from livegen.core.errors import InputError
from livegen.core.session_codec import NAME, Codec
from livegen.core.session_log import Entry

MOST_LINE_BYTES: Final = 1 << 20
"""No line is longer, its end included."""

_ARRAY: Final = 9
"""Where the array begins."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was read.

    Attributes:
        number: from 1.
        text: its array as it stands there.
        entry: what it says.
    """

    number: int
    text: str
    entry: Entry


class LineWriter:
    """Writes one log from its beginning on. Single-threaded."""

    def __init__(self) -> None:
        self._codec = Codec()
        self._checksum = 0

    def line(self, entry: Entry) -> bytes:
        """The next line, with its end.

        Raises:
            InputError: the entry can't be written, or its line would be too long.
        """
        array = self._codec.put(entry).encode("ascii")
        if len(array) > MOST_LINE_BYTES - _ARRAY - 1:
            raise InputError(f"an entry of {len(array)} bytes is too long for a session log")
        self._checksum = zlib.crc32(array, self._checksum)
        return b"%08x %s\n" % (self._checksum, array)


class LineReader:
    """Reads one log from its beginning on. Single-threaded."""

    def __init__(self) -> None:
        self._codec = Codec()
        self._checksum = 0
        self._number = 0

    def take(self, line: bytes) -> Line:
        """Read the next line, given with its end.

        Raises:
            InputError: it has been damaged, or is no line of a log; the text begins with its number.
        """
        self._number += 1
        try:
            text = self._text(line)
            return Line(self._number, text, self._codec.take(text))
        except InputError as error:
            raise InputError(f"line {self._number}: {error}") from None
        except RecursionError:
            raise InputError(f"line {self._number}: lists in lists without end") from None

    def _text(self, line: bytes) -> str:
        array = line[_ARRAY:-1]
        checksum = zlib.crc32(array, self._checksum)
        if line != b"%08x %s\n" % (checksum, array) or not array.isascii():
            if self._number == 1 and NAME.encode("ascii") not in line:
                raise InputError("not a session log of livegen")
            raise InputError("damaged: the checksum is not that of the log so far")
        self._checksum = checksum
        return array.decode("ascii")
