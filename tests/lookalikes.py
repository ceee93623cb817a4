"""Values of classes that claim to be others: they compare, hash and order as they like."""

from datetime import datetime, timedelta, tzinfo
from enum import IntEnum
from typing import Any

from exam_sharing import UserId
from exam_sharing.testing.moments import START


class Liar(str):
    """Equal to every text, as Anna's id hashes."""

    __slots__ = ()

    def __eq__(self, _other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("anna")

    def __str__(self) -> str:
        return "anna"

    def __len__(self) -> int:
        return 4

    def __radd__(self, other: str) -> str:
        return other + "anna"


class LyingDatetime(datetime):
    """As the datetimes of pendulum and freezegun: a subclass with methods of its own."""

    def utcoffset(self) -> timedelta:
        return timedelta(hours=5)

    def astimezone(self, _zone: tzinfo | None = None) -> datetime:
        return self

    def __le__(self, _other: object) -> bool:
        return True

    __lt__ = __le__


class LyingDuration(timedelta):
    def __le__(self, _other: object) -> bool:
        return False

    def __add__(self, _other: object) -> Any:
        return START


class LyingTuple(tuple):
    __slots__ = ()

    def __contains__(self, _item: object) -> bool:
        return True


class LyingSet(frozenset):
    def __contains__(self, _item: object) -> bool:
        return True

    def isdisjoint(self, _other: object) -> bool:
        return False


class MyUserId(UserId):
    def __eq__(self, _other: object) -> bool:
        return True

    __hash__ = UserId.__hash__


class Number(IntEnum):
    ONE = 1
