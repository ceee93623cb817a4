"""What is wrong with a value is told by the name of its field and by what would do."""

from datetime import datetime, timedelta

import pytest

from exam_sharing import (
    OWNER,
    EndedAs,
    Grant,
    GrantId,
    Group,
    HostRule,
    HowEnded,
    InvalidValue,
    NarrowRequest,
    Policy,
    Retries,
    ShareId,
    ShareRequest,
    User,
    WrongKind,
)
from exam_sharing.grants import Ending
from exam_sharing.policy.requests import HostEnding, Withdrawal
from world import ANNA, BEN, CT, NURSES, START, VIEW

NAIVE = datetime(2030, 1, 1)
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
    NarrowRequest: {"actor": ANNA, "exam": CT, "recipient": BEN},
    HostEnding: {"recipient": BEN, "performed_by": "admin", "why": "left the clinic"},
    Withdrawal: {"exam": CT, "performed_by": "admin", "why": "wrong patient"},
    HostRule: {"code": "CLOSED", "statement": "The site is closed.", "refuses": bool},
    Policy: {},
    Retries: {},
}
"""For each kind of value, fields with which it can be built."""

NO_ZONE = "must be an aware datetime: give it a time zone"
NO_ADDRESS = "must be one e-mail address, as name@host"


@pytest.mark.parametrize("kind", ENOUGH, ids=lambda kind: kind.__name__)
def test_a_value_with_nothing_wrong_can_be_built(kind):
    # A narrowing needs a bound, too.
    bound = {"permission": VIEW} if kind is NarrowRequest else {}

    assert kind(**ENOUGH[kind], **bound)


@pytest.mark.parametrize(
    ("kind", "field", "wrong", "problem"),
    [
        (Grant, "until", NAIVE, NO_ZONE),
        (Grant, "made_at", NAIVE, NO_ZONE),
        (Grant, "basis", [], "must be OWNER or name the grants that were rested on"),
        (Grant, "basis", [CT], "must be GrantId, not ExamId"),
        (Grant, "version", "1", "must be int, not str"),
        (Grant, "version", True, "must be a whole number from 1"),
        (Grant, "version", 0, "must be a whole number from 1"),
        (Ending, "at", NAIVE, NO_ZONE),
        (User, "name", 7, "must be str, not int"),
        (User, "name", "x" * 501, "must not be longer than 500 code points"),
        (User, "email", 7, "must be str, not int"),
        (User, "email", f"{'x' * 253}@x", "must not be longer than 254 code points"),
        *(
            (User, "email", text, NO_ADDRESS)
            for text in [
                "x",
                "@x",
                "x@",
                "a@b@x",
                "a b@x",
                "a,b@x",
                "a;b@x",
                "<a@x",
                "a>@x",
                '"a"@x',
            ]
        ),
        (Group, "members", [CT], "must be UserId or GroupId, not ExamId"),
        (ShareRequest, "recipients", "ben", "must be a collection, not str"),
        (ShareRequest, "recipients", [CT], "must be UserId or GroupId, not ExamId"),
        (ShareRequest, "until", NAIVE, NO_ZONE),
        (ShareRequest, "expect", [BEN], "must be ExamId, not UserId"),
        (ShareRequest, "message", 7, "must be str, not int"),
        (ShareRequest, "request_id", "", "must not be empty"),
        (ShareRequest, "performed_by", 7, "must be UserId or NoneType, not int"),
        (HostEnding, "why", 7, "must be str, not int"),
        (HostEnding, "why", "x" * 2_001, "must not be longer than 2000 code points"),
        (Withdrawal, "performed_by", 7, "must be UserId, not int"),
        (HostRule, "code", "", "must not be empty"),
        (HostRule, "refuses", "never", "must be callable"),
        (Policy, "host_rules", [bool], "must be HostRule, not type"),
    ],
)
def test_what_is_wrong_with_a_value_is_told_with_its_field(kind, field, wrong, problem):
    with pytest.raises((InvalidValue, WrongKind)) as caught:
        kind(**{**ENOUGH[kind], field: wrong})

    assert str(caught.value) == f"{field} {problem}"


def test_who_narrows_without_a_bound_is_told_what_can_be_one():
    with pytest.raises(InvalidValue) as caught:
        NarrowRequest(**ENOUGH[NarrowRequest])

    assert str(caught.value) == "bound must be given: a permission, a time, or both"


@pytest.mark.parametrize(
    ("kind", "field", "longest"),
    [
        (User, "name", "x" * 500),
        (User, "email", f"{'x' * 252}@x"),
        (User, "email", "X.X@XX"),
        (User, "email", None),
        (HostEnding, "why", "x" * 2_000),
        (Grant, "version", 1),
        (Retries, "longest_wait", timedelta(days=366)),
    ],
)
def test_what_is_just_within_its_bounds_is_kept_as_it_is(kind, field, longest):
    assert getattr(kind(**{**ENOUGH[kind], field: longest}), field) == longest
