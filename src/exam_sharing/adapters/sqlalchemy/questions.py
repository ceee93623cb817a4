"""The questions that are put to the database, as values: statement, parameters, reading of rows.

The store executes them; a host on another driver has them as text from `Statements`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

import attrs
from sqlalchemy import CompoundSelect, Select

__all__ = ["Question", "Selecting"]

AnswerT = TypeVar("AnswerT")

Selecting: TypeAlias = Select[Any] | CompoundSelect[Any]


@attrs.frozen
class Question(Generic[AnswerT]):
    """One statement that asks something.

    Attributes:
        statement: the same one each time, whatever the parameters.
        parameters: by name, as values of Python.
        answer: makes the answer of the rows, each with its columns as attributes, in their order.
    """

    statement: Selecting
    parameters: Mapping[str, Any] = attrs.field(repr=False)
    answer: Callable[[Iterable[Any]], AnswerT] = attrs.field(repr=False, eq=False)
