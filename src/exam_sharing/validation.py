"""Checks of single values. No error shows the value that it refuses: it may be patient data.

Values have exactly the type that they claim. A subclass may compare, hash and order as it likes,
and would decide who sees an exam. A subclass of `str`, `datetime` or `timedelta`, which frameworks
use with good reason, is therefore rebuilt as the type itself, by methods of that type. A subclass
of a type of ours is refused. The checks use `type(value)`, since `value.__class__` can lie.
"""

import inspect
import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import wraps
from itertools import islice
from types import FunctionType, UnionType
from typing import Any, Final, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs

from exam_sharing.errors import InvalidArgument, InvalidInput, InvalidValue, WrongKind

KindT = TypeVar("KindT")
MethodT = TypeVar("MethodT", bound=Callable[..., object])

Attribute: TypeAlias = "attrs.Attribute[Any]"
_Invalid: TypeAlias = type[InvalidInput] | type[InvalidArgument]
"""The error of a bad text: `InvalidArgument` if no person can have chosen the text."""

MAX_IDENTIFIER_LENGTH: Final = 255
MAX_ITEMS: Final = 1_000_000
"""The most values that a collection may hold; an endless one is read no further."""

BIDI_CONTROLS: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)

_NUL_OR_SURROGATE: Final = re.compile("[\0\ud800-\udfff]")
"""Some databases cannot store these, and JSON and UTF-8 write them in different ways."""

_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)


class PrivateText(str):
    """Text that may hold patient data: an ordinary `str` whose `repr` hides it."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return a text without the content."""
        return "<withheld>"


def is_a(*kinds: type) -> Callable[[Any, Attribute, Any], None]:
    """Return an attrs validator that accepts values of exactly these types."""

    def check(_instance: object, attribute: Attribute, value: object) -> None:
        require_kind(attribute.name, value, *kinds)

    return check


def is_whole_from(least: int, *, optional: bool = False) -> Callable[[Any, Attribute, Any], None]:
    """Return an attrs validator for whole numbers from `least` on, and for `None` if optional."""

    def check(_instance: object, attribute: Attribute, value: object) -> None:
        if optional and value is None:
            return
        require_instance(attribute.name, value, int)
        if type(value) is not int or value < least:
            raise InvalidArgument(attribute.name, f"must be a whole number from {least}")

    return check


def is_callable(_instance: object, attribute: Attribute, value: object) -> None:
    """Accept callables only, as an attrs validator."""
    require_callable(attribute.name, value)


def is_positive_time(_instance: object, attribute: Attribute, value: object) -> None:
    """Accept `None` and positive durations, as an attrs validator."""
    if value is not None and duration(attribute.name, value) <= timedelta(0):
        raise InvalidArgument(attribute.name, "must be positive")


def require_kind(field: str, value: object, *kinds: type) -> None:
    """Raise `WrongKind` unless the value has exactly one of the types."""
    if type(value) not in kinds:
        raise WrongKind(field, " or ".join(map(_name_of, kinds)), type(value).__name__)


def require_instance(field: str, value: object, *kinds: type) -> None:
    """Raise `WrongKind` unless the value is an instance of one of the types of other libraries."""
    if not issubclass(type(value), kinds):
        require_kind(field, value, *kinds)


def require_callable(field: str, value: object) -> None:
    """Raise `InvalidArgument` unless the value can be called."""
    if not callable(value):
        raise InvalidArgument(field, "must be callable")


def of_kind(field: str, value: object, kind: type[KindT]) -> KindT:
    """Return the value if it has exactly the type; raise `WrongKind` otherwise."""
    require_kind(field, value, kind)
    return cast("KindT", value)


def exact_text(field: str, text: object) -> str:
    """Return the text as a `str` and no subclass; raise `WrongKind` for anything else."""
    if type(text) is str:
        return text
    require_instance(field, text, str)
    # The method of `str`, since one of a subclass may return something else.
    return str.__str__(cast("str", text))


def identifier_text(field: str, text: object, error: _Invalid = InvalidInput) -> str:
    """Return the text if it can be an identifier; raise otherwise. Specification: `#ids`."""
    text = exact_text(field, text)
    if not text:
        raise error(field, "must not be empty")
    _require_length(field, text, MAX_IDENTIFIER_LENGTH, error)
    if text[0].isspace() or text[-1].isspace():
        raise error(field, "must not start or end with white space")
    _require_printable(field, text, error)
    return text


def plain_text(field: str, text: object, *, max_length: int) -> str:
    """Return the text if it is one printable line of limited length; raise otherwise."""
    text = exact_text(field, text)
    _require_length(field, text, max_length, InvalidInput)
    _require_printable(field, text, InvalidInput)
    return text


def clean_text(
    field: str, text: object, *, max_length: int | None = None, error: _Invalid = InvalidInput
) -> str:
    """Return the text if every store can keep it: without NUL and lone surrogates."""
    text = exact_text(field, text)
    _require_length(field, text, max_length, error)
    if not text.isascii() or "\0" in text:
        found = _NUL_OR_SURROGATE.search(text)
        if found is not None:
            what = "NUL" if found[0] == "\0" else "a lone surrogate"
            raise error(field, f"must not contain {what}")
    return text


def _require_length(field: str, text: str, longest: int | None, error: _Invalid) -> None:
    if longest is not None and len(text) > longest:
        raise error(field, f"must not be longer than {longest} code points")


def _require_printable(field: str, text: str, error: _Invalid) -> None:
    if text.isascii() and text.isprintable():
        return
    for character in text:
        if character in BIDI_CONTROLS:
            raise error(field, "must not contain a bidirectional control")
        category = unicodedata.category(character)
        if category in _UNPRINTABLE:
            raise error(field, f"must not contain {_UNPRINTABLE[category]}")


_UNPRINTABLE: Final = {"Cc": "a control character", "Cs": "a lone surrogate"}


def private_text(field: str, text: object) -> PrivateText | None:
    """Return the text with a `repr` that hides it; `None` stays `None`. See `clean_text`."""
    return None if text is None else PrivateText(clean_text(field, text))


def instant(field: str, value: object) -> datetime:
    """Return the aware datetime in UTC, as a `datetime` and no subclass.

    Raises:
        WrongKind: it is not a `datetime`.
        InvalidArgument: it is naive, or its time zone fails.
        InvalidInput: in UTC it is outside the years 1 to 9999.
    """
    if type(value) is datetime and value.tzinfo is UTC:
        return value
    require_instance(field, value, datetime)
    # The methods of `datetime`, since those of a subclass may return something else.
    given = cast("datetime", value)
    exact = datetime.combine(datetime.date(given), datetime.timetz(given))
    try:
        offset = exact.utcoffset()
    except Exception:  # noqa: BLE001  a time zone is code of somebody else
        raise InvalidArgument(field, "has a time zone that gives no offset") from None
    if offset is None:
        raise InvalidArgument(field, "must be an aware datetime: give it a time zone")
    try:
        return (exact.replace(tzinfo=None) - offset).replace(tzinfo=UTC)
    except OverflowError:
        raise InvalidInput(field, "lies outside the years 1 to 9999 in UTC") from None


def optional_instant(field: str, value: object) -> datetime | None:
    """Return the aware datetime in UTC; `None` stays `None`. See `instant`."""
    return None if value is None else instant(field, value)


def clock_time(value: object) -> datetime:
    """Return the time of a clock in UTC; raise `InvalidArgument` if it is no time to act at."""
    if type(value) is datetime and value.tzinfo is UTC and value < _LAST_MOMENT:
        return value
    try:
        now = instant("clock", value)
    except (InvalidInput, WrongKind) as error:
        problem = "must return aware datetimes of the years 1 to 9999"
        raise InvalidArgument("clock", problem) from error
    if now >= _LAST_MOMENT:
        raise InvalidArgument("clock", "must not return the last moment, when everything has ended")
    return now


def duration(field: str, value: object) -> timedelta:
    """Return the duration as a `timedelta` and no subclass; raise `WrongKind` for anything else."""
    if type(value) is timedelta:
        return value
    require_instance(field, value, timedelta)
    return timedelta.__pos__(cast("timedelta", value))


def set_of(field: str, values: object, *kinds: type, at_most: int = MAX_ITEMS) -> frozenset[Any]:
    """Return the values as a frozenset if each has exactly one of the types. See `tuple_of`."""
    return frozenset(tuple_of(field, values, *kinds, at_most=at_most))


def tuple_of(field: str, values: object, *kinds: type, at_most: int = MAX_ITEMS) -> tuple[Any, ...]:
    """Return the values as a tuple, in the given order, if each has exactly one of the types.

    Raises:
        WrongKind: it is not a collection, or contains a value of another type.
        InvalidInput: it contains too many; no more are read.
    """
    if issubclass(type(values), str):
        raise WrongKind(field, "a collection", type(values).__name__)
    try:
        each = iter(cast("Iterable[object]", values))
    except TypeError:
        raise WrongKind(field, "a collection", type(values).__name__) from None
    items = _first_of(field, each, at_most)
    for item in items:
        if type(item) not in kinds:
            require_kind(field, item, *kinds)
    return items


def _first_of(field: str, values: Iterable[Any], at_most: int) -> tuple[Any, ...]:
    items = tuple(islice(values, at_most + 1))
    if len(items) > at_most:
        raise InvalidInput(field, f"must not contain more than {at_most} items")
    return items


def checks_arguments(cls: type[KindT]) -> type[KindT]:
    """Make the public methods of a class raise errors of ours for arguments of a wrong type.

    A method that fails has its arguments compared with its annotations, so a right call costs
    nothing. An iterator, which may never end, is read into a tuple first.
    """
    for name, method in tuple(vars(cls).items()):
        public = isinstance(method, FunctionType) and not name.startswith("_")
        if public and not is_checking_itself(method):
            setattr(cls, name, _checking(method))
    return cls


def checks_itself(method: MethodT) -> MethodT:
    """Mark a method that checks its arguments itself, as the one that every check calls."""
    # The mark names the method, so that `functools.wraps` does not copy the mark to a wrapper.
    vars(method)[_CHECKS_ITSELF] = method
    return method


def is_checking_itself(method: Callable[..., object]) -> bool:
    """Return whether a method has the mark of `checks_itself`."""
    function = getattr(method, "__func__", method)
    return getattr(function, _CHECKS_ITSELF, None) is function


_CHECKS_ITSELF: Final = "_checks_itself"


def _checking(method: Callable[..., object]) -> Callable[..., object]:
    @wraps(method)
    def checked(*args: object, **kwargs: object) -> object:
        if not _READ_AGAIN.issuperset(map(type, (*args, *kwargs.values()))):
            args = tuple(map(_readable_again, args))
            kwargs = {name: _readable_again(value) for name, value in kwargs.items()}
        try:
            return method(*args, **kwargs)
        except Exception:
            wrong = misfit(method, *args, **kwargs)
            if wrong is None:
                raise
        # Raised out here, so that its context is not an error that may hold the value.
        raise wrong

    return checked


_READ_AGAIN: Final[set[type]] = set()
"""A cache of types whose values can be read any number of times."""


def _readable_again(value: object) -> object:
    kind = type(value)
    if hasattr(kind, "__len__") or not hasattr(kind, "__iter__"):
        _READ_AGAIN.add(kind)
        return value
    return _first_of("argument", cast("Iterable[object]", value), MAX_ITEMS)


def misfit(
    method: Callable[..., object], *args: object, **kwargs: object
) -> InvalidValue | WrongKind | None:
    """Return the error for the first argument of another type than its annotation.

    It is also the error for a limit that no list can have.
    """
    try:
        given = inspect.signature(method).bind(*args, **kwargs).arguments
    except TypeError:
        return None  # There are too many or too few; Python's error names them.
    hints = get_type_hints(method)
    for name, value in given.items():
        hint = hints.get(name, object)
        if not _fits(value, hint):
            return WrongKind(name, _name_of(hint), type(value).__name__)
        if issubclass(type(value), datetime):
            try:
                instant(name, value)
            except InvalidValue as error:
                return error
        if name == "limit" and isinstance(value, int) and not 1 <= value <= MAX_ITEMS:
            return InvalidArgument(name, f"must be from 1 to {MAX_ITEMS}")
    return None


def _fits(value: object, hint: object) -> bool:
    """Return whether a value has the type of an annotation, as far as can be known."""
    hint = getattr(hint, "__supertype__", hint)  # of a `NewType`
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind in {Union, UnionType}:
        return any(_fits(value, part) for part in parts)
    if kind is object or not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return True
    if kind in {bool, int}:
        return type(value) is kind
    if not parts or not issubclass(type(value), kind):
        return issubclass(type(value), kind)
    if isinstance(value, tuple) and len(parts) > 1 and Ellipsis not in parts:
        return len(value) == len(parts) and all(map(_fits, value, parts))
    is_text = isinstance(value, str | bytes)
    return not is_text and all(_fits(each, parts[0]) for each in cast("Iterable[object]", value))


def _name_of(hint: object) -> str:
    if get_origin(hint) in {Union, UnionType}:
        return " or ".join(map(_name_of, get_args(hint)))
    name: str = getattr(hint, "__name__", "") or str(hint)
    return name
