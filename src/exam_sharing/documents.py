"""Values as plain data, which JSON can hold: one way for the command and for decision cases.

A document has the fields of the value under their names. An id is its string, an enum its name, and
a time is ISO 8601. A writer that needs another form for a type or for a field passes it in `forms`.
Documents that are read back into values are those of the store, which writes them itself.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import Enum
from typing import Any, TypeAlias

import attrs

from exam_sharing.identifiers import (
    BatchId,
    ExamId,
    GrantId,
    GroupId,
    NoticeId,
    PrincipalId,
    ShareId,
    UserId,
)
from exam_sharing.validation import PrivateText

__all__ = ["Forms", "fields_of", "plain", "spelled"]

Forms: TypeAlias = Mapping[type | str, Callable[[Any], Any]]
"""The forms of some types, exactly these, and of some fields by name."""


def spelled(principal: PrincipalId) -> str:
    """Return a principal with the kind in front, as `"user:anna"` or `"group:nurses"`."""
    return f"{'user' if isinstance(principal, UserId) else 'group'}:{principal}"


def plain(value: object, forms: Forms) -> Any:  # noqa: ANN401, PLR0911  JSON, and one case a kind
    """Return a value as plain data.

    Raises:
        TypeError: a value is of an unknown kind, or a text that may hold patient data.
    """
    form = forms.get(type(value))
    if form is not None:
        return form(value)
    match value:
        case Enum():
            return value.name
        case UserId() | GroupId() | ExamId() | BatchId() | GrantId() | ShareId() | NoticeId():
            return value.value
        case date():
            return value.isoformat().replace("+00:00", "Z")
        case tuple() | list():
            return [plain(each, forms) for each in value]
        case frozenset():
            return sorted((plain(each, forms) for each in value), key=str)
        case Mapping():
            return {plain(key, forms): plain(each, forms) for key, each in value.items()}
        case None | int() | str() if not isinstance(value, PrivateText):
            return value
        case _:
            kind = type(value)
            if attrs.has(kind):
                return fields_of(value, [field.name for field in attrs.fields(kind)], forms)
            raise TypeError(f"{kind.__name__} has no form in a document")


def fields_of(value: object, names: Iterable[str], forms: Forms) -> dict[str, Any]:
    """Return some fields of a value as plain data."""
    return {
        name: forms[name](content) if name in forms else plain(content, forms)
        for name, content in ((name, getattr(value, name)) for name in names)
    }
