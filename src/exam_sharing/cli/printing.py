"""How replies are laid out on a terminal by rich, which is imported only when something is printed.

Everything is handed to rich as text, never as markup: what a stranger burnt on a CD is shown as it
is and interpreted by nobody. Output may go to a terminal that cannot show every letter, to a pipe
that nobody reads to its end, or to a disk that is full; none of these is a reason for a traceback.
What was done stays done even when its result cannot be printed; the error then reports both.

A kind of reply is registered by its class alone: it carries its name in documents, what was done
when it is made, whether it means yes, and what it looks like on a terminal.

Keys of documents stay. A user is `{"user": id}` and a group `{"group": id}`. Times are in UTC in
ISO 8601; an `until` of `null` means no end. Letters beyond ASCII are escaped, so that a document
does not depend on what the output can show.
"""

import codecs
import contextlib
import io
import json
import os
import sys
import unicodedata
from abc import ABC, abstractmethod
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final, TextIO, TypeAlias, TypeVar

import attrs
from typing_extensions import override

import exam_sharing as es
from exam_sharing import Policy, Reason, ReasonCode, Refused, documents
from exam_sharing.cli.commands import ExitCode, NotPrinted, Portal, names_in, need
from exam_sharing.cli.words import Words
from exam_sharing.documents import Forms, fields_of
from exam_sharing.errors import ExamSharingError

if TYPE_CHECKING:
    from rich.console import Console, Group, RenderableType
    from rich.panel import Panel
    from rich.table import Column, Table
    from rich.text import Text


ItemT = TypeVar("ItemT")

Shown: TypeAlias = "RenderableType"
"""Whatever rich can show."""

Rows: TypeAlias = Iterable[Sequence[Any]]
"""Texts and whatever else rich can show."""

WIDEST: Final = 100
LONG: Final = 45
"""An id with more letters than this may be broken, so that other columns have room."""

ROWS: Final = 8
"""So many rows of a long list are shown."""


def open_console() -> "Console":
    """Return standard output, no wider than is good to read."""
    from rich.console import Console

    class Unmarked(Console):
        @override
        def on_broken_pipe(self) -> None:
            """Leave it to the command to handle a pipe that nobody reads any more."""
            raise BrokenPipeError

    console = Unmarked(highlight=False, emoji=False, markup=False)
    console.width = min(console.width, WIDEST)
    return console


def text(*parts: str | tuple[str, str], style: str = "", whole: bool = False) -> "Text":
    """Return a text of parts, each with or without a style; a whole one stays in one line."""
    from rich.text import Text

    ellipsis = {"no_wrap": True, "overflow": "ellipsis"} if whole else {}
    return Text.assemble(*parts, style=style, **ellipsis)  # type: ignore[arg-type]


def stacked(*parts: Shown) -> "Group":
    """Put parts below each other."""
    from rich.console import Group

    return Group(*parts)


def indented(part: Shown) -> Shown:
    """Put a part a little to the right."""
    from rich.padding import Padding

    return Padding(part, (0, 0, 0, 2), expand=False)


def column(head: str = "", **settings: Any) -> "Column":
    """Return a column of a table or a grid."""
    from rich.table import Column

    return Column(head, **settings)


def grid(*columns: "Column | str", rows: Rows, gap: int) -> "Table":
    """Return columns without lines and heads."""
    from rich.table import Table

    found = Table.grid(*columns, padding=(0, gap))
    for row in rows:
        found.add_row(*row)
    return found


def table(*columns: "Column | str", rows: Rows) -> "Table":
    """Return a table whose heads are underlined."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    found = Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for row in rows:
        found.add_row(*row)
    return found


def ids_table(first: str, *further: str, rows: Sequence[Sequence[Any]]) -> "Table":
    """Return a table with a first column for ids, which are broken only if they are long."""
    is_short = max((len(str(row[0])) for row in rows), default=0) <= LONG
    return table(column(first, overflow="fold", no_wrap=is_short), *further, rows=rows)


def boxed(part: Shown, title: str) -> "Panel":
    """Put a part into a box with a title."""
    from rich.box import ROUNDED
    from rich.panel import Panel

    return Panel(part, title=title, title_align="left", box=ROUNDED, expand=False)


def marked(mark: str, style: str, body: Shown) -> "Table":
    """Put a mark before a body that may have several lines, all of them indented alike."""
    return grid(column(no_wrap=True), column(), rows=[(text(mark, style=style), body)], gap=1)


def yes(line: str) -> "Table":
    """Put a text after the mark of a yes."""
    return marked("✓", "bold green", line)


def no(line: str) -> "Table":
    """Put a text after the mark of a no."""
    return marked("✗", "bold red", line)


def note(line: str) -> "Table":
    """Put a text after the mark of something that holds as well."""
    return marked("·", "", line)


def answered(question: str, *answers: Shown, mark: str = "▸", style: str = "bold") -> "Group":
    """Put what was asked for above what came of it."""
    return stacked(marked(mark, style, text(question, style="bold")), *map(indented, answers))


def cut(items: Sequence[ItemT]) -> tuple[Sequence[ItemT], list[str]]:
    """Return the items to show, and a line that counts the rest if there are more."""
    # One row is not worth a line that counts it.
    if len(items) <= ROWS + 1:
        return items, []
    return items[:ROWS], [f"… and {len(items) - ROWS:,} more"]


FORMAT: Final = 1
"""Goes up when a key changes its meaning or goes away; new keys may come without."""


@attrs.frozen(kw_only=True)
class Reply(ABC):
    """What a command reports: facts as the library answered them.

    Attributes:
        kind: its name in documents, which stays.
        done: what was done when there is such a reply; `None` where nothing was.
    """

    kind: ClassVar[str]
    done: ClassVar[str | None] = None

    @property
    def is_yes(self) -> bool:
        """Whether it answers yes to what was asked; otherwise the command ends with 1."""
        return True

    def as_data(self) -> dict[str, Any]:
        """Return what its document holds."""
        return {"kind": self.kind, **fields_of(self, _FORMS)}

    @abstractmethod
    def show(self, words: Words) -> Shown:
        """Return what it looks like on a terminal."""


def document(version: str, **content: object) -> str:
    """Return one JSON document as text."""
    return json.dumps({"format": FORMAT, "version": version, **content}, indent=2)


def plain(value: object) -> Any:
    """Return a value as JSON knows it."""
    return documents.plain(value, _FORMS)


def _tagged(**tag: object) -> Callable[[object], dict[str, Any]]:
    """Return a form with a tag, for values of the library that come in the same place."""
    return lambda value: {**tag, **fields_of(value, _FORMS)}


_FORMS: Final[Forms] = {
    es.UserId: lambda user: {"user": user.value},
    es.GroupId: lambda group: {"group": group.value},
    es.ShareRequest: _tagged(act="share"),
    es.UnshareRequest: _tagged(act="unshare"),
    es.NarrowRequest: _tagged(act="narrow"),
    es.Permitted: _tagged(permitted=True),
    es.Denied: _tagged(permitted=False),
    Reply: lambda reply: reply.as_data(),
    # Only the tour, whose message is made up, keeps one in what it reports.
    "message": lambda message: None if message is None else str(message),
}


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


Work: TypeAlias = Callable[[Namespace, Portal], Reply]


def over_portal(work: Work, *, needs: Iterable[str] = ()) -> Callable[[Namespace, str], ExitCode]:
    """Return how to run a command over a database, which may need further packages."""

    def run(arguments: Namespace, version: str) -> ExitCode:
        require_extras(arguments, needs)
        from exam_sharing.cli.database import opened

        with opened(arguments.db) as portal:
            words = names_in(portal.directory)
            try:
                reply = work(arguments, portal)
            except Refused as refused:
                _print_refusal(refused.reasons, arguments, version, words)
                return ExitCode.FAILED
            print_reply(reply, arguments, version, words)
        return ExitCode.DONE if reply.is_yes else ExitCode.FAILED

    return run


def require_extras(arguments: Namespace, further: Iterable[str] = ()) -> None:
    """Raise `CommandFailed` if a command over a database lacks a package."""
    need([*further, *([] if arguments.json else ["rich"]), "sqlalchemy"])


def print_reply(reply: Reply, arguments: Namespace, version: str, words: Words) -> None:
    """Print a reply, for machines or for people."""
    with reporting(reply.done):
        if arguments.json:
            print(document(version, **reply.as_data()))
        else:
            open_console().print(reply.show(words))


@contextmanager
def reporting(done: str | None) -> Iterator[None]:
    """Report what was done, if anything, when it cannot be printed."""
    try:
        yield
        flush()
    except (BrokenPipeError, NotPrinted):
        raise
    except (Exception, KeyboardInterrupt) as error:
        if done is None:
            raise
        let_go(sys.stdout)
        raise NotPrinted(f"{done}, but the result could not be printed: {_why(error)}") from None


def _why(error: BaseException) -> str:
    match error:
        case KeyboardInterrupt():
            return "interrupted"
        case ExamSharingError():
            return str(error)
        case OSError(strerror=str(why)):
            return why
        case _:
            return type(error).__name__


_REMEDIES: Final = {
    ReasonCode.ATTESTATION_MISSING: f"--confirm-hipaa confirms: {Policy().attestation_wording}",
    ReasonCode.DOWNLOAD_NOT_HELD: "leave out --download",
    ReasonCode.HAS_RESHARES: "--cascade or --keep",
}
"""The options that help, beside what every portal prints."""


def _print_refusal(
    reasons: tuple[Reason, ...], arguments: Namespace, version: str, words: Words
) -> None:
    """Print a refusal: for machines on standard output, for people on standard error."""
    if arguments.json:
        print(document(version, kind="refused", reasons=plain(reasons)))
        return
    print("exam-sharing: refused, and nothing was done", file=sys.stderr)
    for reason in reasons:
        print(f"  {reason.code.value}: {words.remedy(reason)}", file=sys.stderr)
        if reason.code in _REMEDIES:
            print(f"    {_REMEDIES[reason.code]}", file=sys.stderr)
