"""Values as plain data, which JSON can hold: one way for the command and for decision cases.

A document has the fields of the value under their names. An id is its string, an enum its name, and
a time is ISO 8601. A writer that needs another form for a type or for a field passes it in `forms`.
Documents that are read back into values are those of the store, which writes them itself.
"""

from collections.abc import Callable, Mapping
from datetime import date
from enum import Enum
from typing import Any, TypeAlias

import attrs

from exam_sharing.identifiers import GroupId, Identifier, PrincipalId, UserId
from exam_sharing.validation import PrivateText

Forms: TypeAlias = Mapping[type | str, Callable[[Any], Any]]
"""The forms of values of some types, and of some fields by name."""


def with_kind(principal: PrincipalId) -> str:
    """Return a principal with the kind in front, as `"user:anna"` or `"group:nurses"`."""
    return f"{'user' if isinstance(principal, UserId) else 'group'}:{principal}"


def plain(value: object, forms: Forms) -> Any:  # noqa: ANN401, C901, PLR0911  JSON, by kind
    """Return a value as plain data.

    Raises:
        TypeError: a value is of an unknown kind, or a text that may hold patient data.
    """
    for kind in type(value).__mro__:
        if kind in forms:
            return forms[kind](value)
    match value:
        case PrivateText():
            raise TypeError("a private text is written only where a field allows it")
        case Enum():
            return value.name
        case None | int() | str():
            return value
        case date():
            return value.isoformat()
        case Identifier():
            return value.value
        case Mapping():
            return {_key(key): plain(each, forms) for key, each in value.items()}
        case tuple() | list():
            return [plain(each, forms) for each in value]
        case frozenset():
            return sorted((plain(each, forms) for each in value), key=str)
        case _ if attrs.has(type(value)):
            return fields_of(value, forms)
        case _:
            raise TypeError(f"{type(value).__name__} has no form in a document")


def fields_of(value: object, forms: Forms, *names: str) -> dict[str, Any]:
    """Return the fields of a value as plain data, or some of them."""
    kind = type(value)
    if not names and attrs.has(kind):
        names = tuple(field.name for field in attrs.fields(kind))
    return {
        name: forms[name](content) if name in forms else plain(content, forms)
        for name, content in ((name, getattr(value, name)) for name in names)
    }


def _key(key: object) -> str:
    if isinstance(key, Enum):
        return key.name
    # A user and a group of the same string are two keys.
    return key.key if isinstance(key, UserId | GroupId) else str(key)
