"""Standard output and standard error in adverse conditions.

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
"""One character for one, so that columns stay aligned."""

_HANDLER: Final = "exam_sharing.spelled"


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    bare = _SPELLED.get(character) or unicodedata.normalize("NFKD", character)[0]
    return bare if bare.isascii() else "?"


def spell_out(stream: TextIO | None) -> None:
    """Have a stream replace letters that its encoding lacks by similar ones."""
    if not isinstance(stream, io.TextIOWrapper) or stream.encoding.lower().startswith("utf"):
        return
    codecs.register_error(_HANDLER, _spelled)
    stream.reconfigure(errors=_HANDLER)


def flush() -> None:
    """Write out what is buffered, so that a failure to do so can still be reported."""
    if sys.stdout is not None:
        sys.stdout.flush()


def let_go(stream: TextIO | None) -> None:
    """Send what a stream still buffers nowhere, because it cannot be written."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]
        finally:
            os.close(nowhere)


class Line:
    """A line of progress that is overwritten; only a person at a terminal sees it."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream if stream is not None and stream.isatty() else None
        self._shown = ""

    def show(self, line: str) -> None:
        """Overwrite what was shown before; an empty line wipes it."""
        if self._stream is None or line == self._shown:
            return
        padded = f"\r{line.ljust(len(self._shown))}"
        self._stream.write(padded if line else f"{padded}\r")
        self._stream.flush()
        self._shown = line
