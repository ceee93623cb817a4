"""Checks of single values, none of which ever shows the value that it refuses.

`attrs.validators` put the raw value into their messages. A raw value may be patient data, so the
fields of this package use these checks instead.

Values are of exactly the type that they claim. A subclass may compare, hash and order as it likes,
and would decide who sees an exam. So a subclass of `str`, `datetime` or `timedelta`, which a
framework may hand in with good reason, is rebuilt as the type itself, by that type's own methods;
a subclass of a type of ours is refused. `type(value)` is asked, since `value.__class__` can lie.
"""

import inspect
import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import wraps
from itertools import islice
from types import FunctionType, UnionType
from typing import (
    Any,
    Final,
    NewType,
    ParamSpec,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs

from exam_sharing.errors import InvalidArgument, InvalidInput, InvalidValue, WrongKind

__all__ = [
    "MAX_ITEMS",
    "PrivateText",
    "checks_arguments",
    "checks_itself",
    "clean_text",
    "duration",
    "exact_text",
    "identifier_text",
    "instant",
    "is_a",
    "is_an_instance_of",
    "is_callable",
    "is_checking_itself",
    "is_some_time",
    "is_whole_from",
    "misfit",
    "of_kind",
    "optional_instant",
    "plain_text",
    "private_text",
    "require_callable",
    "require_instance",
    "require_kind",
    "require_printable",
    "set_of",
    "told_time",
    "tuple_of",
]

KindT = TypeVar("KindT")
MethodT = TypeVar("MethodT", bound=Callable[..., object])
ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")

MAX_IDENTIFIER_LENGTH: Final = 255

MAX_ITEMS: Final = 1_000_000
"""The most values that any collection may hold; one that never ends is read no further."""

BIDI_CONTROLS: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)

_NUL_OR_SURROGATE: Final = re.compile("[\0\ud800-\udfff]")
"""What some databases cannot keep, and JSON and UTF-8 write in ways that differ."""

_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)


class PrivateText(str):
    """Text that may hold patient data: an ordinary `str` whose `repr` does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return a text that says nothing of the content."""
        return "<withheld>"


def is_a(*kinds: type) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    """Return an attrs validator that accepts values of exactly the given types."""

    def check(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        require_kind(attribute.name, value, *kinds)

    return check


def is_an_instance_of(*kinds: type) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    """Return an attrs validator for types of other libraries, subclasses included."""

    def check(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        require_instance(attribute.name, value, *kinds)

    return check


def is_whole_from(least: int) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    """Return an attrs validator that accepts whole numbers from the least one on, and `None`."""

    def check(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value is None:
            return
        require_instance(attribute.name, value, int)
        if type(value) is not int or value < least:
            raise InvalidArgument(attribute.name, f"must be a whole number from {least}")

    return check


def is_callable(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Accept whatever can be called."""
    require_callable(attribute.name, value)


def is_some_time(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Accept a duration longer than nothing, and `None`."""
    if value is not None and duration(attribute.name, value) <= timedelta(0):
        raise InvalidArgument(attribute.name, "must be longer than nothing")


def require_kind(field: str, value: object, *kinds: type) -> None:
    """Raise `WrongKind` unless the value is of exactly one of the types."""
    if type(value) not in kinds:
        raise _wrong_kind(field, value, *kinds)


def require_instance(field: str, value: object, *kinds: type) -> None:
    """Raise `WrongKind` unless the value is an instance of one of the types of other libraries."""
    if not issubclass(type(value), kinds):
        raise _wrong_kind(field, value, *kinds)


def _wrong_kind(field: str, value: object, *kinds: type) -> WrongKind:
    needed = " or ".join(kind.__name__ for kind in kinds)
    return WrongKind(field, needed, type(value).__name__)


def require_callable(field: str, value: object) -> None:
    """Raise `InvalidArgument` unless the value can be called."""
    if not callable(value):
        raise InvalidArgument(field, "must be callable")


def of_kind(field: str, value: object, kind: type[KindT]) -> KindT:
    """Return the value if it is of exactly the type; raise `WrongKind` otherwise."""
    if type(value) is kind:
        return value
    raise _wrong_kind(field, value, kind)


def exact_text(field: str, text: object) -> str:
    """Return the text as a `str` and no subclass of it.

    Raises:
        WrongKind: it is not a `str`.
    """
    if type(text) is str:
        return text
    require_instance(field, text, str)
    # The type's own method, as a subclass may say that it is something else.
    return str.__str__(cast("str", text))


def identifier_text(
    field: str, text: object, error: Callable[[str, str], InvalidValue] = InvalidInput
) -> str:
    """Return the text if it can be an identifier: SPEC section 1.

    Args:
        field: what is given.
        text: the text.
        error: makes what is raised; `InvalidArgument` where no person can have chosen the text.

    Raises:
        WrongKind: it is not a `str`.
        InvalidValue: it is empty, longer than 255 code points, begins or ends with space, or holds
            a control, a bidirectional control or a lone surrogate.
    """
    text = exact_text(field, text)
    if not text:
        raise error(field, "must not be empty")
    if len(text) > MAX_IDENTIFIER_LENGTH:
        raise error(field, f"must not be longer than {MAX_IDENTIFIER_LENGTH} code points")
    if text[0].isspace() or text[-1].isspace():
        raise error(field, "must not begin or end with space")
    require_printable(field, text, error)
    return text


def plain_text(field: str, text: object, *, max_length: int) -> str:
    """Return the text if it is one line of at most `max_length` code points without controls.

    Raises:
        WrongKind: it is not a `str`.
        InvalidInput: it is too long, or holds a control, a bidirectional control or a lone
            surrogate.
    """
    text = exact_text(field, text)
    _require_length(field, text, max_length, InvalidInput)
    require_printable(field, text, InvalidInput)
    return text


def clean_text(
    field: str,
    text: object,
    *,
    max_length: int | None = None,
    error: Callable[[str, str], InvalidValue] = InvalidInput,
) -> str:
    """Return the text if every store can keep it.

    Raises:
        WrongKind: it is not a `str`.
        InvalidValue: it is too long, or holds NUL or a lone surrogate.
    """
    text = exact_text(field, text)
    _require_length(field, text, max_length, error)
    if not text.isascii() or "\0" in text:
        found = _NUL_OR_SURROGATE.search(text)
        if found is not None:
            what = "NUL" if found[0] == "\0" else "a lone surrogate"
            raise error(field, f"must not hold {what}")
    return text


def _require_length(
    field: str, text: str, longest: int | None, error: Callable[[str, str], InvalidValue]
) -> None:
    if longest is not None and len(text) > longest:
        raise error(field, f"must not be longer than {longest} code points")


def require_printable(
    field: str, text: str, error: Callable[[str, str], InvalidValue] = InvalidInput
) -> None:
    """Raise unless the text is without controls, bidirectional controls and lone surrogates."""
    if text.isascii() and text.isprintable():
        return
    for character in text:
        if character in BIDI_CONTROLS:
            raise error(field, "must not hold a bidirectional control")
        category = unicodedata.category(character)
        if category == "Cc":
            raise error(field, "must not hold a control character")
        if category == "Cs":
            raise error(field, "must not hold a lone surrogate")


def private_text(field: str, text: object) -> PrivateText | None:
    """Return the text wrapped so that its `repr` hides it; `None` stays `None`.

    Raises:
        WrongKind: it is neither a `str` nor `None`.
        InvalidInput: it holds NUL or a lone surrogate.
    """
    return None if text is None else PrivateText(clean_text(field, text))


def instant(field: str, value: object) -> datetime:
    """Return the aware datetime in UTC, as a `datetime` and no subclass of it.

    Raises:
        WrongKind: it is not a `datetime`.
        InvalidArgument: it is naive, or its time zone fails.
        InvalidInput: it is outside the years that UTC can tell.
    """
    if type(value) is datetime and value.tzinfo is UTC:
        return value
    require_instance(field, value, datetime)
    # The type's own methods, since those of a subclass may say something else.
    given = cast("datetime", value)
    exact = datetime.combine(datetime.date(given), datetime.timetz(given))
    try:
        offset = exact.utcoffset()
    except Exception:  # noqa: BLE001  a time zone is code of somebody else's
        raise InvalidArgument(field, "has a time zone that gives no offset") from None
    if offset is None:
        raise InvalidArgument(field, "must be an aware datetime: give it a time zone")
    try:
        return (exact.replace(tzinfo=None) - offset).replace(tzinfo=UTC)
    except OverflowError:
        raise InvalidInput(field, "lies outside the years 1 to 9999 in UTC") from None


def optional_instant(field: str, value: object) -> datetime | None:
    """Return the aware datetime in UTC; `None` stays `None`. Raises as `instant` does."""
    return None if value is None else instant(field, value)


def told_time(value: object) -> datetime:
    """Return the time that a clock told, in UTC.

    Raises:
        InvalidArgument: the clock tells no aware datetime, or the end of time.
    """
    try:
        now = instant("clock", value)
    except (InvalidInput, WrongKind) as error:
        raise InvalidArgument(
            "clock", "must tell aware datetimes of the years 1 to 9999"
        ) from error
    if now >= _LAST_MOMENT:
        raise InvalidArgument("clock", "tells the end of time, at which nothing is held any more")
    return now


def duration(field: str, value: object) -> timedelta:
    """Return the duration as a `timedelta` and no subclass of it.

    Raises:
        WrongKind: it is not a `timedelta`.
    """
    if type(value) is timedelta:
        return value
    require_instance(field, value, timedelta)
    return timedelta.__pos__(cast("timedelta", value))


def set_of(field: str, values: object, *kinds: type, at_most: int = MAX_ITEMS) -> frozenset[Any]:
    """Return the values as a frozenset if each has exactly one of the types.

    Raises:
        WrongKind: it is not a collection, or holds a value of another type.
        InvalidInput: it holds too many.
    """
    return frozenset(tuple_of(field, values, *kinds, at_most=at_most))


def tuple_of(field: str, values: object, *kinds: type, at_most: int = MAX_ITEMS) -> tuple[Any, ...]:
    """Return the values as a tuple, in the order given, if each has exactly one of the types.

    Raises:
        WrongKind: it is not a collection, or holds a value of another type.
        InvalidInput: it holds too many; no more are read.
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
            raise _wrong_kind(field, item, *kinds)
    return items


def _first_of(field: str, values: Iterable[Any], at_most: int) -> tuple[Any, ...]:
    items = tuple(islice(values, at_most + 1))
    if len(items) > at_most:
        raise InvalidInput(field, f"must not hold more than {at_most}")
    return items


def checks_arguments(cls: type[KindT]) -> type[KindT]:
    """Make the public methods of a class raise `WrongKind` for an argument of another kind.

    Arguments are compared with the annotations only when a method has failed, whatever it raised:
    a call that is right hardly pays for it. A naive time is `InvalidArgument`. What can be read
    only once, and may never end, is given to the method as a tuple of at most `MAX_ITEMS`; beyond
    them `InvalidInput` is raised.
    """
    for name, method in tuple(vars(cls).items()):
        public = isinstance(method, FunctionType) and not name.startswith("_")
        if public and _CHECKS_ITSELF not in vars(method):
            setattr(cls, name, _checking(method))
    return cls


def checks_itself(method: MethodT) -> MethodT:
    """Mark a method that needs no check around it, since every check of a portal calls it."""
    # The mark names the method: what `functools.wraps` copies it to is marked no more.
    vars(method)[_CHECKS_ITSELF] = method
    return method


def is_checking_itself(method: Callable[..., object]) -> bool:
    """Say whether a method is marked as one that needs no check around it."""
    function = getattr(method, "__func__", method)
    return getattr(function, _CHECKS_ITSELF, None) is function


_CHECKS_ITSELF: Final = "_checks_itself"


def _checking(method: Callable[ParamsT, ResultT]) -> Callable[ParamsT, ResultT]:
    @wraps(method)
    def checked(*args: Any, **kwargs: Any) -> ResultT:  # noqa: ANN401  of any method
        for value in (*args, *kwargs.values()):
            if type(value) not in _READ_AGAIN:
                args = tuple(map(_read, args))
                kwargs = {name: _read(value) for name, value in kwargs.items()}
                break
        try:
            return method(*args, **kwargs)
        except Exception:
            wrong = misfit(method, *args, **kwargs)
            if wrong is None:
                raise
        # Out here what was raised, which may hold the value, is not the context of ours.
        raise wrong

    return checked


_READ_AGAIN: Final[set[type]] = set()
"""A cache: types met so far whose values can be read any number of times."""


def _read(value: object) -> object:
    kind = type(value)
    if hasattr(kind, "__len__") or not hasattr(kind, "__iter__"):
        _READ_AGAIN.add(kind)
        return value
    return _first_of("argument", cast("Iterable[object]", value), MAX_ITEMS)


def misfit(
    method: Callable[..., object], *args: object, **kwargs: object
) -> InvalidValue | WrongKind | None:
    """Return the error for the first argument that is not of the kind of its annotation."""
    try:
        given = inspect.signature(method).bind(*args, **kwargs).arguments
    except TypeError:
        return None  # There are too many or too few, which Python says best.
    for name, hint in get_type_hints(method).items():
        value = given.get(name)
        if name not in given:
            continue
        if not _fits(value, hint):
            return WrongKind(name, _named(hint), type(value).__name__)
        if issubclass(type(value), datetime):
            try:
                instant(name, value)
            except InvalidValue as error:
                return error
    return None


def _fits(value: object, hint: object) -> bool:
    """Say whether a value is of the kind that an annotation names, as far as it can be told."""
    if isinstance(hint, NewType):
        hint = hint.__supertype__
    parts = get_args(hint)
    if get_origin(hint) in {Union, UnionType}:
        return any(_fits(value, part) for part in parts)
    kind = get_origin(hint) or hint
    if not isinstance(kind, type) or kind is object or getattr(kind, "_is_protocol", False):
        return True
    if kind in {bool, int}:
        return type(value) is kind
    return issubclass(type(value), kind) and (not parts or _items_fit(value, parts))


def _items_fit(value: object, parts: tuple[object, ...]) -> bool:
    if isinstance(value, str | bytes):
        return False
    if isinstance(value, tuple) and Ellipsis not in parts and len(parts) > 1:
        return len(value) == len(parts) and all(map(_fits, value, parts))
    return all(_fits(item, parts[0]) for item in cast("Iterable[object]", value))


def _named(hint: object) -> str:
    if get_origin(hint) in {Union, UnionType}:
        return " or ".join(map(_named, get_args(hint)))
    name: str = getattr(hint, "__name__", "") or str(hint)
    return name
