"""Checks of single values, none of which ever shows the value that it refuses.

`attrs.validators` put the raw value into their messages. A raw value may be patient data, so the
fields of this package use these checks instead.
"""

import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import attrs

from exam_sharing.errors import InvalidValue, WrongKind

__all__ = [
    "PrivateText",
    "identifier_text",
    "instant",
    "is_a",
    "is_callable",
    "is_some_time",
    "is_whole_from",
    "of_kind",
    "optional_instant",
    "plain_text",
    "private_text",
    "require_callable",
    "require_kind",
    "set_of",
    "tuple_of",
]

KindT = TypeVar("KindT")

MAX_IDENTIFIER_LENGTH: Final = 255

BIDI_CONTROLS: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


class PrivateText(str):
    """Text that may hold patient data: an ordinary `str` whose `repr` does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return a text that says nothing of the content."""
        return "<withheld>"


def is_a(*kinds: type) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    """Return an attrs validator that accepts instances of the given types only."""

    def check(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        require_kind(attribute.name, value, *kinds)

    return check


def is_whole_from(least: int) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    """Return an attrs validator that accepts whole numbers from the least one on, and `None`."""

    def check(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value is None:
            return
        number = of_kind(attribute.name, value, int)
        if isinstance(number, bool) or number < least:
            raise InvalidValue(attribute.name, f"must be a whole number from {least}")

    return check


def is_callable(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Accept whatever can be called."""
    require_callable(attribute.name, value)


def is_some_time(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Accept a duration longer than nothing, and `None`."""
    if value is not None and of_kind(attribute.name, value, timedelta) <= timedelta(0):
        raise InvalidValue(attribute.name, "must be longer than nothing")


def require_kind(field: str, value: object, *kinds: type) -> None:
    """Raise `WrongKind` unless the value is an instance of one of the types."""
    if not isinstance(value, kinds):
        needed = " or ".join(kind.__name__ for kind in kinds)
        raise WrongKind(field, needed, type(value).__name__)


def require_callable(field: str, value: object) -> None:
    """Raise `InvalidValue` unless the value can be called."""
    if not callable(value):
        raise InvalidValue(field, "must be callable")


def of_kind(field: str, value: object, kind: type[KindT]) -> KindT:
    """Return the value if it is an instance of the type; raise `WrongKind` otherwise."""
    if isinstance(value, kind):
        return value
    raise WrongKind(field, kind.__name__, type(value).__name__)


def identifier_text(field: str, text: object) -> str:
    """Return the text if it can be an identifier: SPEC section 1.

    Raises:
        WrongKind: it is not a `str`.
        InvalidValue: it is empty, longer than 255 code points, begins or ends with space, or holds
            a control, a bidirectional control or a lone surrogate.
    """
    text = of_kind(field, text, str)
    if not text:
        raise InvalidValue(field, "must not be empty")
    if len(text) > MAX_IDENTIFIER_LENGTH:
        raise InvalidValue(field, f"must not be longer than {MAX_IDENTIFIER_LENGTH} code points")
    if text[0].isspace() or text[-1].isspace():
        raise InvalidValue(field, "must not begin or end with space")
    _require_printable(field, text)
    return text


def plain_text(field: str, text: object, *, max_length: int) -> str:
    """Return the text if it is one line of at most `max_length` code points without controls.

    Raises:
        WrongKind: it is not a `str`.
        InvalidValue: it is too long, or holds a control, a bidirectional control or a lone
            surrogate.
    """
    text = of_kind(field, text, str)
    if len(text) > max_length:
        raise InvalidValue(field, f"must not be longer than {max_length} code points")
    _require_printable(field, text)
    return text


def _require_printable(field: str, text: str) -> None:
    if text.isascii() and text.isprintable():
        return
    for character in text:
        if character in BIDI_CONTROLS:
            raise InvalidValue(field, "must not hold a bidirectional control")
        category = unicodedata.category(character)
        if category == "Cc":
            raise InvalidValue(field, "must not hold a control character")
        if category == "Cs":
            raise InvalidValue(field, "must not hold a lone surrogate")


def private_text(field: str, text: object) -> PrivateText | None:
    """Return the text wrapped so that its `repr` hides it; `None` stays `None`.

    Raises:
        WrongKind: it is neither a `str` nor `None`.
    """
    if text is None:
        return None
    return PrivateText(of_kind(field, text, str))


def instant(field: str, value: object) -> datetime:
    """Return the aware datetime in UTC.

    Raises:
        WrongKind: it is not a `datetime`.
        InvalidValue: it is naive, or outside the years that UTC can tell.
    """
    if not isinstance(value, datetime):
        raise WrongKind(field, "datetime", type(value).__name__)
    if value.tzinfo is UTC:
        return value
    if value.utcoffset() is None:
        raise InvalidValue(field, "must be an aware datetime: give it a time zone")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidValue(field, "lies outside the years 1 to 9999 in UTC") from None


def optional_instant(field: str, value: object) -> datetime | None:
    """Return the aware datetime in UTC; `None` stays `None`. Raises as `instant` does."""
    return None if value is None else instant(field, value)


def set_of(field: str, values: object, *kinds: type) -> frozenset[Any]:
    """Return the values as a frozenset if each has one of the types.

    Raises:
        WrongKind: it is not a collection, or holds a value of another type.
    """
    return frozenset(tuple_of(field, values, *kinds))


def tuple_of(field: str, values: object, *kinds: type) -> tuple[Any, ...]:
    """Return the values as a tuple, in the order given, if each has one of the types.

    Raises:
        WrongKind: it is not a collection, or holds a value of another type.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise WrongKind(field, "a collection", type(values).__name__)
    items = tuple(values)
    for item in items:
        if not isinstance(item, kinds):
            require_kind(field, item, *kinds)
    return items
