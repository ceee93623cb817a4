"""How a command prints: its replies, laid out by rich or as a JSON document, and its refusals.

rich is imported only when something is printed. Everything is handed to it as text, never as
markup: what a stranger burnt on a CD is shown as it is and interpreted by nobody.

Output may go to a terminal that cannot show every letter, to a pipe that nobody reads to its end,
or to a disk that is full; none of these is a reason for a traceback. What was done stays done even
when its result cannot be printed; the error then reports both.

Keys of documents stay. A user is `{"user": id}` and a group `{"group": id}`. Times are in UTC in
ISO 8601; an `until` of `null` means no end. Letters beyond ASCII are escaped, so that a document
does not depend on what the output can show.
"""

import codecs
import io
import json
import os
import sys
import unicodedata
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeAlias, TypeVar

import attrs
from typing_extensions import override

import exam_sharing as es
from exam_sharing import ReasonCode, documents
from exam_sharing.cli.commands import Command, ExitCode, NotPrinted, Portal, command, names_in, need
from exam_sharing.cli.parsing import DATABASE, Argument
from exam_sharing.cli.words import Words
from exam_sharing.policy.requests import AccessPurge, HostEnding, Withdrawal

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Column, Table
    from rich.text import Text

ItemT = TypeVar("ItemT")

Shown: TypeAlias = "RenderableType"
Styled: TypeAlias = "Text"
Rows: TypeAlias = Iterable[Sequence[Any]]
"""Texts and whatever else rich can show."""

PROGRAM: Final = "exam-sharing"
FORMAT: Final = 1
"""Goes up when a key changes its meaning or goes away; new keys may come without."""
LONG: Final = 45
"""An id with more letters than this may be broken, so that other columns have room."""
ROWS: Final = 8
"""So many rows of a long list are shown."""

_SPELLED: Final = dict(zip("✓✗→▸·…─▏“”ŁłØø", '+x>>-~-|""LlOo', strict=True))
"""One character for one, so that columns stay aligned."""
_HANDLER: Final = "exam_sharing.spelled"


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_similar, error.object[error.start : error.end])), error.end


def _similar(character: str) -> str:
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
    with suppress(OSError, ValueError, AttributeError):
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


def open_console() -> "Console":
    """Return standard output, no wider than is good to read."""
    from rich.console import Console

    class Unmarked(Console):
        @override
        def on_broken_pipe(self) -> None:
            # The command handles a pipe that nobody reads any more.
            raise BrokenPipeError

    console = Unmarked(highlight=False, emoji=False, markup=False)
    console.width = min(console.width, 100)
    return console


def text(*parts: str | tuple[str, str], style: str = "", whole: bool = False) -> "Text":
    """Return a text of parts, each with or without a style; a whole one stays in one line."""
    from rich.text import Text

    ellipsis = {"no_wrap": True, "overflow": "ellipsis"} if whole else {}
    return Text.assemble(*parts, style=style, **ellipsis)  # type: ignore[arg-type]


def stacked(*parts: Shown) -> Shown:
    from rich.console import Group

    return Group(*parts)


def indented(part: Shown) -> Shown:
    from rich.padding import Padding

    return Padding(part, (0, 0, 0, 2), expand=False)


def column(head: str = "", **settings: Any) -> "Column":
    """Return a column that cuts nothing, or only what must stay in one line."""
    from rich.table import Column

    cuts = "ellipsis" if settings.get("no_wrap") else "fold"
    return Column(head, **{"overflow": cuts} | settings)


def _with_rows(table: "Table", rows: Rows) -> Shown:
    for row in rows:
        table.add_row(*row)
    return table


def grid(*columns: "Column | str", rows: Rows, gap: int) -> Shown:
    from rich.table import Table

    return _with_rows(Table.grid(*columns, padding=(0, gap)), rows)


def table(*columns: "Column | str", rows: Rows) -> Shown:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    found = Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    return _with_rows(found, rows)


def ids_table(first: str, *further: str, rows: Sequence[Sequence[Any]]) -> Shown:
    """Return a table with a first column for ids, which are broken only if they are long."""
    is_short = max((len(str(row[0])) for row in rows), default=0) <= LONG
    return table(column(first, overflow="fold", no_wrap=is_short), *further, rows=rows)


def boxed(part: Shown, title: str) -> Shown:
    from rich.box import ROUNDED
    from rich.panel import Panel

    return Panel(part, title=title, title_align="left", box=ROUNDED, expand=False)


def _marked(mark: str, style: str, body: Shown) -> Shown:
    """Put a mark before a body that may have several lines, all of them indented alike."""
    return grid(column(no_wrap=True), column(), rows=[(text(mark, style=style), body)], gap=1)


yes: Final = partial(_marked, "✓", "bold green")
no: Final = partial(_marked, "✗", "bold red")
note: Final = partial(_marked, "·", "")
"""The marks of a yes, of a no, and of something that holds as well."""


def answered(question: str, *answers: Shown, mark: str = "▸", style: str = "bold") -> Shown:
    return stacked(_marked(mark, style, text(question, style="bold")), *map(indented, answers))


def cut(items: Sequence[ItemT]) -> tuple[Sequence[ItemT], list[str]]:
    """Return the items to show, and a line that counts the rest if there are more."""
    # One row is not worth a line that counts it.
    if len(items) <= ROWS + 1:
        return items, []
    return items[:ROWS], [f"… and {len(items) - ROWS:,} more"]


def paged(page: es.Page[Any], shown: Shown) -> Shown:
    more = [f"There are more: --after {page.next}"] if page.next else []
    return stacked(shown, *more)


@attrs.frozen
class Reply:
    """What a command reports, for people and as a document for machines.

    Attributes:
        kind: its name in documents, which stays.
        facts: what its document holds, as the library answered.
        show: returns what it looks like on a terminal.
        done: what was done when there is such a reply; `None` where nothing was.
        is_yes: whether it answers yes to what was asked; otherwise the command ends with 1.
        verbatim: it is shown line by line as it is, however long its lines are.
    """

    kind: str
    facts: Mapping[str, object] = attrs.field(repr=False)
    show: Callable[[Words], Shown]
    done: str | None = attrs.field(default=None, kw_only=True)
    is_yes: bool = attrs.field(default=True, kw_only=True)
    verbatim: bool = attrs.field(default=False, kw_only=True)


def document(**content: object) -> str:
    return json.dumps({"format": FORMAT, "version": version(PROGRAM), **content}, indent=2)


def plain(value: object) -> Any:
    return documents.plain(value, _FORMS)


def _tagged(**tag: object) -> Callable[[object], dict[str, Any]]:
    """Return a form with a tag, for values of the library that come in the same place."""
    return lambda value: {**tag, **documents.fields_of(value, _FORMS)}


def _without_why(value: Any) -> dict[str, Any]:
    """Return the fields of a value, without what the host wrote: it may be anything."""
    names = (field.name for field in attrs.fields(type(value)) if field.name != "why")
    return documents.fields_of(value, _FORMS, *names)


_FORMS: Final[documents.Forms] = {
    es.UserId: lambda user: {"user": user.value},
    es.GroupId: lambda group: {"group": group.value},
    es.ShareRequest: _tagged(act="share"),
    es.UnshareRequest: _tagged(act="unshare"),
    es.NarrowRequest: _tagged(act="narrow"),
    es.RevokeRequest: _tagged(act="revoke"),
    HostEnding: lambda request: {"act": "end by host", **_without_why(request)},
    Withdrawal: lambda request: {"act": "withdraw", **_without_why(request)},
    AccessPurge: lambda request: {"act": "purge accesses", **_without_why(request)},
    es.Happening: lambda entry: {
        "number": entry.number,
        "kind": type(entry.what).__name__,
        **_without_why(entry.what),
    },
    es.Permitted: _tagged(permitted=True),
    es.Denied: _tagged(permitted=False),
    Reply: lambda reply: {"kind": reply.kind, **plain(reply.facts)},
    # Only the tour, whose message is made up, keeps one in what it reports.
    "message": lambda message: None if message is None else str(message),
}


def portal_command(
    name: str, meaning: str, *options: Argument, needs: Iterable[str] = (), **settings: Any
) -> Callable[[Callable[[Namespace, Portal], Reply]], Command]:
    """Return a decorator as `command` does, for work over a database that may need packages."""

    def decorate(work: Callable[[Namespace, Portal], Reply]) -> Command:
        def run(arguments: Namespace) -> ExitCode:
            require_extras(arguments, needs)
            from exam_sharing.cli.database import opened

            with opened(arguments.db) as portal:
                words = names_in(portal.directory)
                try:
                    reply = work(arguments, portal)
                except es.Refused as refused:
                    _print_refusal(refused.reasons, arguments, words)
                    return ExitCode.FAILED
                return print_reply(reply, arguments, words)

        return command(name, meaning, DATABASE, *options, **settings)(run)

    return decorate


def require_extras(arguments: Namespace, further: Iterable[str] = ()) -> None:
    need([*further, *([] if arguments.json else ["rich"]), "sqlalchemy"])


def print_reply(reply: Reply, arguments: Namespace, words: Words) -> ExitCode:
    with reporting(reply.done):
        if arguments.json:
            print(document(**plain(reply)))
        else:
            open_console().print(reply.show(words), soft_wrap=reply.verbatim)
    return ExitCode.DONE if reply.is_yes else ExitCode.FAILED


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
        case es.ExamSharingError():
            return str(error)
        case OSError(strerror=str(why)):
            return why
        case _:
            return type(error).__name__


_REMEDIES: Final = {
    ReasonCode.ATTESTATION_MISSING: f"--confirm-hipaa confirms: {es.Policy().attestation_wording}",
    ReasonCode.DOWNLOAD_NOT_HELD: "leave out --download",
    ReasonCode.HAS_RESHARES: "--cascade or --keep",
}
"""The options that help, beside what every portal prints."""


def _print_refusal(reasons: tuple[es.Reason, ...], arguments: Namespace, words: Words) -> None:
    if arguments.json:
        print(document(kind="refused", reasons=plain(reasons)))
        return
    print(f"{PROGRAM}: refused, and nothing was done", file=sys.stderr)
    for reason in reasons:
        print(f"  {reason.code.value}: {words.remedy(reason)}", file=sys.stderr)
        if reason.code in _REMEDIES:
            print(f"    {_REMEDIES[reason.code]}", file=sys.stderr)
