"""A right value of each kind, and values of classes that compare, hash and order as they like."""

from datetime import datetime, timedelta, tzinfo
from enum import IntEnum
from typing import Any

from exam_sharing import (
    OWNER,
    BatchId,
    EndedAs,
    Ending,
    Exam,
    ExamId,
    Grant,
    GrantId,
    Group,
    GroupId,
    HostRule,
    HowEnded,
    NarrowRequest,
    NoticeId,
    Policy,
    Reason,
    ReasonCode,
    Retries,
    RevokeRequest,
    ShareId,
    ShareRequest,
    Study,
    UnshareRequest,
    UploadBatch,
    User,
    UserId,
)
from exam_sharing.policy.facts import Profile
from exam_sharing.policy.requests import HostEnding, Withdrawal
from world import ANNA, BEN, CD, CT, NURSES, START, VIEW

IDENTIFIERS = [UserId, GroupId, ExamId, BatchId, GrantId, ShareId, NoticeId]
ENOUGH = {
    Grant: {
        "id": GrantId("g"),
        "exam": CT,
        "grantor": ANNA,
        "recipient": BEN,
        "permission": VIEW,
        "version": 1,
        "basis": OWNER,
        "share": ShareId("s"),
        "made_at": START,
    },
    Ending: {
        "grant": GrantId("g"),
        "how": HowEnded.UNSHARED,
        "by": ANNA,
        "acting_as": EndedAs.OWNER,
        "at": START,
        "version": 2,
    },
    User: {"id": BEN, "name": "Ben"},
    Group: {"id": NURSES, "name": "Nurses"},
    ShareRequest: {"actor": ANNA, "exam": CT, "recipients": [BEN]},
    UnshareRequest: {"actor": ANNA, "exam": CT, "recipient": BEN},
    NarrowRequest: {"actor": ANNA, "exam": CT, "recipient": BEN, "permission": VIEW},
    RevokeRequest: {"actor": ANNA, "grant": GrantId("g")},
    HostEnding: {"recipient": BEN, "performed_by": "admin", "why": "left the clinic"},
    Withdrawal: {"exam": CT, "performed_by": "admin", "why": "wrong patient"},
    HostRule: {"code": "CLOSED", "statement": "The site is closed.", "refuses": bool},
    Policy: {},
    Retries: {},
    Exam: {"id": CT, "owner": ANNA, "batch": CD, "uploaded_at": START},
    UploadBatch: {"id": CD, "uploader": ANNA, "received_at": START},
    Study: {"study_instance_uid": "1.2"},
    Reason: {"code": ReasonCode.NO_RECIPIENTS},
    Profile: {"user": BEN, "active": True, "principals": frozenset({"u:ben"})},
}
"""For each kind of value, fields with which it can be built."""


def made(kind, **fields):
    return kind(**ENOUGH[kind] | fields)


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
