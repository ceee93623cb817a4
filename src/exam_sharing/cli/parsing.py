"""How command lines are read: a parser that repeats nothing, and the arguments that commands share.

A command line may hold a message with patient data or a password, and output may be kept in a log.
`argparse` quotes what was typed in many of its messages, so only those that cannot are passed on.

A user is typed `ID` or `user:ID`, a group `group:ID`. A time is in ISO 8601, or a duration from
now. A time without an offset is by the clock of this machine; times are printed with their offset.
"""

import re
from argparse import SUPPRESS, ArgumentError, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import wraps
from typing import Any, Final, TypeAlias, TypeVar

from typing_extensions import override

from exam_sharing import ExamId, GroupId, Permission, PrincipalId, UserId
from exam_sharing.errors import InvalidValue

ValueT = TypeVar("ValueT")

_QUOTES_NOTHING: Final = re.compile(
    r"expected (one argument|at (most|least) one argument|\d+ arguments?)"
    r"|not allowed with argument -[-\w/]+"
)
_CHOICES: Final = "(choose from "


def suggestion(typed: str, known: Iterable[str]) -> str:
    """Return a question for the known word that was probably meant, or nothing."""
    meant = get_close_matches(typed, list(known), n=1)
    return f"; did you mean {meant[0]}?" if meant else ""


class Parser(ArgumentParser):
    """Accepts no abbreviated options, so that nobody confirms anything by half a word."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "allow_abbrev": False, "exit_on_error": False})
        self.set_defaults(parser=self)

    @override
    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> Namespace:
        """Read a command line, or end the program by `SystemExit`."""
        read, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser: Parser = read.parser
            parser.error(parser._unknown(unknown))
        return read

    @override
    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Namespace | None = None
    ) -> tuple[Namespace, list[str]]:
        try:
            return super().parse_known_args(args, namespace)
        except ArgumentError as error:
            named = f"argument {error.argument_name}: " if error.argument_name else ""
            self.error(f"{named}{_without_typed_text(error)}")

    def _unknown(self, typed: Sequence[str]) -> str:
        options = [text.partition("=")[0] for text in typed if text.startswith("-")]
        if not options:
            return "there are too many arguments"
        known = [name for name in self._option_string_actions if name.startswith("--")]
        return f"an option is unknown{suggestion(options[0], known)}"


def _without_typed_text(error: ArgumentError) -> str:
    message = str(error.message)
    if isinstance(error.__context__, ArgumentTypeError) or _QUOTES_NOTHING.fullmatch(message):
        # The first kind are messages of ours, which contain no value.
        return message
    if _CHOICES in message:
        # The typed text comes before, so the last of these begins the choices.
        choices = message.rpartition(_CHOICES)[2].removesuffix(")").replace("'", "")
        return f"must be one of {choices}"
    return "has a value that cannot be used"


def read_as(
    kind: Callable[[str], ValueT], meaning: str = "something else"
) -> Callable[[str], ValueT]:
    """Return a reader of typed text for argparse, whose errors do not quote the text."""

    @wraps(kind)
    def reading(text: str) -> ValueT:
        try:
            return kind(text)
        except InvalidValue as error:
            raise ArgumentTypeError(str(error)) from None
        except (LookupError, ValueError):
            raise ArgumentTypeError(f"must be {meaning}") from None

    return reading


whole_number: Final = read_as(int, "a whole number")
permission: Final = read_as(lambda text: Permission[text.upper()], "view or download")

_USER, _GROUP = "user:", "group:"
group: Final = read_as(lambda text: GroupId(text.removeprefix(_GROUP)))


@read_as
def principal(text: str) -> PrincipalId:
    return group(text) if text.startswith(_GROUP) else UserId(text.removeprefix(_USER))


def spelled(who: PrincipalId) -> str:
    """Return how a user or a group is typed: what `principal` reads."""
    if isinstance(who, GroupId):
        return f"{_GROUP}{who}"
    return f"{_USER}{who}" if str(who).startswith((_USER, _GROUP)) else str(who)


def user(text: str) -> UserId:
    who = principal(text)
    if isinstance(who, GroupId):
        raise ArgumentTypeError("must be a user; a group cannot act")
    return who


_DURATION: Final = re.compile(r"([0-9]+)([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAY: Final = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}|[0-9]{4}-?W[0-9]{2}(-?[0-9])?")
_TOO_FAR: Final = "is too far away; leave it out for no end"


def time(text: str) -> datetime:
    """Read a time: as `2030-06-01T18:00`, with or without an offset, or as `30d` from now."""
    duration = _DURATION.fullmatch(text)
    if duration is not None:
        number, unit = duration.groups()
        if not number.strip("0"):
            raise ArgumentTypeError("must be a positive duration, as 90m, 12h, 30d or 4w")
        # Seconds are hard to read and to type, so it counts from the next whole minute.
        minute = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        try:
            return minute + timedelta(**{_UNITS[unit]: int(number)})
        except (OverflowError, ValueError):
            raise ArgumentTypeError(_TOO_FAR) from None
    if _DAY.fullmatch(text):
        raise ArgumentTypeError("needs a time of day too, as 2030-06-01T18:00")
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            "must be a time as 2030-06-01T18:00, with or without an offset as +02:00, "
            "or a duration as 90m, 12h, 30d or 4w"
        ) from None
    try:
        return read.astimezone(UTC) if read.utcoffset() is not None else _by_this_clock(read)
    except OverflowError:
        raise ArgumentTypeError(_TOO_FAR) from None


def ago(text: str) -> datetime:
    """Read a time of the past: as `time`, but a duration is before now."""
    duration = _DURATION.fullmatch(text)
    if duration is None:
        return time(text)
    number, unit = duration.groups()
    try:
        return datetime.now(UTC) - timedelta(**{_UNITS[unit]: int(number)})
    except (OverflowError, ValueError):
        raise ArgumentTypeError(_TOO_FAR) from None


def _by_this_clock(naive: datetime) -> datetime:
    try:
        before, after = (naive.replace(fold=fold).astimezone() for fold in (0, 1))
    except (OverflowError, OSError, ValueError):
        raise ArgumentTypeError("needs an offset, as +00:00") from None
    if before.utcoffset() != after.utcoffset():
        raise ArgumentTypeError(
            "comes twice or never, as clocks change then; add the offset, as +02:00"
        )
    return before


Argument: TypeAlias = Callable[[Any], object]
"""Adds an argument to a parser, or to a group of arguments."""


def argument(
    names: str, meaning: str, read: Callable[[str], object] | None = None, **settings: Any
) -> Argument:
    """Return an argument; `--until TIME` names an option and what its value is called."""
    options, _, metavar = names.partition(" ")
    return lambda parser: parser.add_argument(
        *options.split("|"), metavar=metavar, type=read, help=meaning, **settings
    )


def flag(names: str, meaning: str, **settings: Any) -> Argument:
    """Return an option without a value, which is false unless it is given."""
    settings = {"action": "store_true", "help": meaning, **settings}
    return lambda parser: parser.add_argument(*names.split("|"), **settings)


def no_flag(name: str, meaning: str) -> Argument:
    """Return an option `--no-thing`, without which `thing` is true."""
    return flag(name, meaning, action="store_false", dest=name.removeprefix("--no-"))


def one_of(*arguments: Argument) -> Argument:
    def add(parser: ArgumentParser) -> None:
        group = parser.add_mutually_exclusive_group()
        for each in arguments:
            each(group)

    return add


# These two may stand before the action of a command or after it, so neither has a default here.
JSON: Final = flag("--json", "write one JSON document instead", default=SUPPRESS)
DATABASE: Final = argument(
    "--db URL",
    "the database: a path, sqlite:///PATH, or postgresql+psycopg://HOST/NAME; "
    "by default the value of EXAM_SHARING_DB, or else exam-sharing.db in this folder",
    default=SUPPRESS,
)
PAGING: Final = (
    argument("--after CURSOR", "continue after the previous page"),
    argument("--limit N", "at most so many; by default 50", whole_number, default=50),
)
EXAM: Final = argument("exam EXAM", "which exam", read_as(ExamId))
USER: Final = argument("user USER", "which user", user)
