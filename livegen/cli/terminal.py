"""Words for the musician, on a terminal that may go away while the music goes on."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def tell(text: str) -> None:
    """Say something on standard output; nothing happens where nobody can read it any more."""
    _write(text, sys.stdout)


def warn(text: str) -> None:
    """Say something on standard error; nothing happens where nobody can read it any more."""
    _write(text, sys.stderr)


def _write(text: str, stream: TextIO) -> None:
    encoding = stream.encoding or "utf-8"
    try:
        # A port may have a name that the terminal has no letters for.
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except BlockingIOError:
        return  # it takes no more just now
    except OSError:
        # The terminal was closed, or the pipe's reader has ended. What is left in the buffer must not fail at the end either.
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
