"""Standard output and standard error, as they are and not as one would like them.

Output may go to a terminal that cannot show every letter, to a pipe that nobody reads to its end,
or to a disk that is full. None of these is a reason for a traceback.
"""

import codecs
import contextlib
import io
import os
import sys
import unicodedata
from typing import Final, TextIO

__all__ = ["LARGE", "Line", "Progress", "flush", "let_go", "spell_out"]

_SPELLED: Final = {
    "✓": "+",
    "✗": "x",
    "→": ">",
    "▸": ">",
    "·": "-",
    "…": "~",
    "─": "-",
    "▏": "|",
    "“": '"',
    "”": '"',
    "Ł": "L",
    "ł": "l",
    "Ø": "O",
    "ø": "o",
}
"""One letter for one, so that columns stay columns."""

_HANDLER: Final = "exam_sharing.spelled"


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    bare = _SPELLED.get(character) or unicodedata.normalize("NFKD", character)[0]
    return bare if bare.isascii() else "?"


def spell_out(stream: TextIO | None) -> None:
    """Have a stream write the nearest letters that it can where it cannot write the right ones."""
    if not isinstance(stream, io.TextIOWrapper) or stream.encoding.lower().startswith("utf"):
        return
    codecs.register_error(_HANDLER, _spelled)
    stream.reconfigure(errors=_HANDLER)


def flush() -> None:
    """Write out what waits, so that a failure to do so is met while it can still be told."""
    if sys.stdout is not None:
        sys.stdout.flush()


def let_go(stream: TextIO | None) -> None:
    """Have whatever a stream still holds go nowhere, as it cannot go where it should."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]
        finally:
            os.close(nowhere)


LARGE: Final = 1_000
"""Files from which on reading takes long enough to say how far it has come."""


class Line:
    """One line that is said anew again and again, to a person at a terminal and nobody else.

    Args:
        stream: standard error.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """Begin with nothing said."""
        self._stream = stream if stream is not None and stream.isatty() else None
        self._said = ""

    def say(self, line: str) -> None:
        """Say this in place of what was said before; nothing wipes the line."""
        if self._stream is None or line == self._said:
            return
        told = f"\r{line.ljust(len(self._said))}"
        self._stream.write(told if line else f"{told}\r")
        self._stream.flush()
        self._said = line


class Progress:
    """Says how far the reading of a large medium has come, to a person at a terminal.

    Args:
        stream: standard error.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """Begin with nothing said."""
        self._line = Line(stream)

    def __call__(self, done: int, total: int) -> None:
        """Say it anew if it has changed, and wipe the line at the end."""
        if total >= LARGE:
            percent = 100 * done // total
            self._line.say(f"reading {total:,} files: {percent} %" if done < total else "")
