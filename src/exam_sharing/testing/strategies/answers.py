"""Answers and records: what the package makes, and others read; each field by its type."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar, get_type_hints

from hypothesis import strategies as st

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId
from exam_sharing.testing.strategies.granting import permissions
from exam_sharing.testing.strategies.times import times
from exam_sharing.testing.strategies.uploading import exam_ids

__all__ = ["built"]

KindT = TypeVar("KindT")

_COUNTED: Final = st.integers(1, 100)
_UNTIL: Final = st.none() | times()

_FIELDS: Final[Mapping[Any, st.SearchStrategy[Any]]] = {
    datetime: times(),
    datetime | None: _UNTIL,
    int: _COUNTED,
    Mapping[ExamId, int]: st.dictionaries(exam_ids(), _COUNTED, max_size=2),
    Mapping[Permission, datetime | None]: st.dictionaries(permissions(), _UNTIL),
}
"""What fields of a type hold, where their type does not say it all: times are aware."""


def built(kind: type[KindT]) -> st.SearchStrategy[KindT]:
    """Draw values of a type that is built from its fields."""
    hints = get_type_hints(kind.__init__)
    return st.builds(kind, **{name: _FIELDS[of] for name, of in hints.items() if of in _FIELDS})
