"""What is wrong with a value is told by the name of its field and by what would do."""

from datetime import datetime, timedelta
from itertools import count

import pytest

from exam_sharing import (
    OWNER,
    EndedAs,
    Exam,
    ExamId,
    Grant,
    GrantId,
    Group,
    HostRule,
    HowEnded,
    InvalidArgument,
    InvalidInput,
    InvalidValue,
    NarrowRequest,
    Policy,
    Retries,
    ShareId,
    ShareRequest,
    Study,
    UnshareRequest,
    UploadBatch,
    User,
    UserId,
    WrongKind,
    principal_of,
)
from exam_sharing.grants import Ending
from exam_sharing.policy.requests import HostEnding, Withdrawal
from world import ANNA, BEN, CD, CT, NURSES, START, VIEW

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
    UnshareRequest: {"actor": ANNA, "exam": CT, "recipient": BEN},
    Exam: {"id": CT, "owner": ANNA, "batch": CD, "uploaded_at": START},
    UploadBatch: {"id": CD, "uploader": ANNA, "received_at": START},
    Study: {"study_instance_uid": "1.2"},
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
        (Grant, "basis", [], "must be OWNER or the ids of the grants it rests on"),
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
def test_an_invalid_value_is_reported_with_its_field(kind, field, wrong, problem):
    with pytest.raises((InvalidValue, WrongKind)) as caught:
        kind(**{**ENOUGH[kind], field: wrong})

    assert str(caught.value) == f"{field} {problem}"


def test_a_narrowing_without_a_bound_names_the_fields():
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
def test_values_at_their_bounds_are_kept(kind, field, longest):
    assert getattr(kind(**{**ENOUGH[kind], field: longest}), field) == longest


@pytest.mark.parametrize("principal", [BEN, NURSES], ids=str)
def test_a_key_stands_for_the_principal_that_it_is_of(principal):
    assert principal_of(principal.key) == principal
    assert type(principal_of(str(principal.key))) is type(principal)


@pytest.mark.parametrize(
    "key", ["zzz", "", "u", "u:", "g:", "ben", "U:ben", "x:ben", "u:b\0n", " u:ben", "u: ben"]
)
def test_an_invalid_key_of_a_principal_is_invalid_input(key):
    with pytest.raises(InvalidInput):
        principal_of(key)


@pytest.mark.parametrize("key", [None, 7, b"u:ben", BEN])
def test_a_key_of_a_principal_is_a_text(key):
    with pytest.raises(WrongKind):
        principal_of(key)


def endless():
    while True:
        yield BEN


def endless_exams():
    return (ExamId(f"e{number}") for number in count())


@pytest.mark.parametrize(
    ("kind", "field", "given", "problem"),
    [
        (ShareRequest, "recipients", [BEN] * 10_001, "must not contain more than 10000 items"),
        (ShareRequest, "recipients", endless(), "must not contain more than 10000 items"),
        (ShareRequest, "expect", endless_exams(), "must not contain more than 10000 items"),
        (ShareRequest, "wording", "x" * 10_001, "must not be longer than 10000 code points"),
        (ShareRequest, "message", "x" * 1_000_001, "must not be longer than 1000000 code points"),
        (ShareRequest, "request_id", "x" * 256, "must not be longer than 255 code points"),
        (UnshareRequest, "request_id", "x" * 256, "must not be longer than 255 code points"),
        (NarrowRequest, "request_id", "x" * 256, "must not be longer than 255 code points"),
        (HostEnding, "why", "x" * 2_001, "must not be longer than 2000 code points"),
        (Withdrawal, "why", "x" * 2_001, "must not be longer than 2000 code points"),
    ],
)
def test_a_request_beyond_a_bound_is_invalid_input(kind, field, given, problem):
    with pytest.raises(InvalidInput) as caught:
        kind(**{**ENOUGH[kind], field: given})

    assert str(caught.value) == f"{field} {problem}"


def test_a_request_at_the_bounds_can_be_built():
    request = ShareRequest(
        actor=ANNA,
        exam=CT,
        recipients=[UserId(f"u{number}") for number in range(10_000)],
        expect=(ExamId(f"e{number}") for number in range(10_000)),
        wording="x" * 10_000,
        message="x" * 1_000_000,
    )

    assert len(request.recipients) == len(request.expect) == len(request.wording) == 10_000


UNFIT = ["a\0b", "a\ud800b", "a\udfffb"]
TEXTS = [
    (ShareRequest, "wording"),
    (Exam, "subject"),
    (UploadBatch, "source"),
    (User, "name"),
    (User, "email"),
    (Group, "name"),
    (HostEnding, "why"),
    (Withdrawal, "why"),
    (Study, "study_instance_uid"),
    (Study, "description"),
    (Study, "patient_name"),
]


@pytest.mark.parametrize("text", UNFIT, ids=ascii)
@pytest.mark.parametrize(("kind", "field"), TEXTS)
def test_a_text_that_a_store_cannot_keep_is_invalid_input(kind, field, text):
    with pytest.raises(InvalidInput) as caught:
        kind(**{**ENOUGH[kind], field: text})

    assert caught.value.field == field
    assert ascii(text) not in ascii(str(caught.value))


@pytest.mark.parametrize("text", UNFIT, ids=ascii)
@pytest.mark.parametrize(
    ("kind", "field"),
    [(Policy, "attestation_wording"), (HostRule, "statement"), (HostRule, "code")],
)
def test_a_setting_that_a_store_cannot_keep_is_a_callers_error(kind, field, text):
    with pytest.raises(InvalidArgument):
        kind(**{**ENOUGH[kind], field: text})


def test_a_wording_in_the_policy_can_be_confirmed():
    with pytest.raises(InvalidArgument):
        Policy(attestation_wording="x" * 10_001)
