"""A right value of each kind, and values of classes that compare, hash and order as they like."""

from datetime import datetime, timedelta, tzinfo
from enum import IntEnum
from typing import Any

import exam_sharing as es
from exam_sharing.policy.facts import Profile
from exam_sharing.policy.requests import HostEnding, Withdrawal
from world import ANNA, BEN, CD, CT, NURSES, START, VIEW

IDENTIFIERS = [es.UserId, es.GroupId, es.ExamId, es.BatchId, es.GrantId, es.ShareId, es.NoticeId]
ENOUGH = {
    es.Grant: {
        "id": es.GrantId("g"),
        "exam": CT,
        "grantor": ANNA,
        "recipient": BEN,
        "permission": VIEW,
        "version": 1,
        "basis": es.OWNER,
        "share": es.ShareId("s"),
        "made_at": START,
    },
    es.Denied: {"reasons": [es.Reason(code=es.ReasonCode.EXAM_NOT_FOUND, exams=(CT,))]},
    es.Ending: {
        "grant": es.GrantId("g"),
        "how": es.HowEnded.UNSHARED,
        "by": ANNA,
        "acting_as": es.EndedAs.OWNER,
        "at": START,
        "version": 2,
    },
    es.User: {"id": BEN, "name": "Ben"},
    es.Group: {"id": NURSES, "name": "Nurses"},
    es.ShareRequest: {"actor": ANNA, "exam": CT, "recipients": [BEN]},
    es.UnshareRequest: {"actor": ANNA, "exam": CT, "recipient": BEN},
    es.NarrowRequest: {"actor": ANNA, "exam": CT, "recipient": BEN, "permission": VIEW},
    es.RevokeRequest: {"actor": ANNA, "grant": es.GrantId("g")},
    HostEnding: {"recipient": BEN, "performed_by": "admin", "why": "left the clinic"},
    Withdrawal: {"exam": CT, "performed_by": "admin", "why": "wrong patient"},
    es.HostRule: {"code": "CLOSED", "statement": "The site is closed.", "refuses": bool},
    es.Policy: {},
    es.Retries: {},
    es.Exam: {"id": CT, "owner": ANNA, "batch": CD, "uploaded_at": START},
    es.UploadBatch: {"id": CD, "uploader": ANNA, "received_at": START},
    es.Study: {"study_instance_uid": "1.2"},
    es.Reason: {"code": es.ReasonCode.NO_RECIPIENTS},
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


class MyUserId(es.UserId):
    def __eq__(self, _other: object) -> bool:
        return True

    __hash__ = es.UserId.__hash__


class Number(IntEnum):
    ONE = 1
