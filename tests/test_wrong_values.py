"""Fields of values: kept as exactly the type that they claim, or refused by name.

A refusal names the field and what would do, and does not quote the value.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from itertools import count
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.identifiers import PrincipalKey
from exam_sharing.policy.facts import Profile
from exam_sharing.policy.requests import HostEnding, Withdrawal
from exam_sharing.testing.strategies import times
from exam_sharing.validation import checks_arguments
from sample_values import (
    ENOUGH,
    IDENTIFIERS,
    Liar,
    LyingDatetime,
    LyingDuration,
    LyingSet,
    LyingTuple,
    MyUserId,
    Number,
    made,
)
from world import ANNA, BEN, CT, DAY, NURSES, START, VIEW, share_request

NAIVE = datetime(2030, 1, 1)


@pytest.mark.parametrize("kind", ENOUGH, ids=lambda kind: kind.__name__)
def test_a_value_with_nothing_wrong_can_be_built(kind):
    assert made(kind)


NO_ZONE = "must be an aware datetime: give it a time zone"
NO_ADDRESS = "must be one e-mail address, as name@host"
NO_ADDRESSES = [
    *("x", "@x", "x@", "a@b@x", "a b@x", "a,b@x", "a;b@x", "<a@x", "a>@x", '"a"@x', "b@x, c@y", "")
]
FAR_WEST = timezone(timedelta(hours=-12))
NOT_A_TIME = "must be datetime, not"


@pytest.mark.parametrize(
    ("kind", "field", "wrong", "problem"),
    [
        (es.Grant, "until", NAIVE, NO_ZONE),
        (es.Grant, "made_at", NAIVE, NO_ZONE),
        (es.Grant, "basis", [], "must be OWNER or the ids of the grants it rests on"),
        (es.Grant, "basis", [CT], "must be GrantId, not ExamId"),
        (es.Grant, "lines", ["g1"], "must be GrantId, not str"),
        (es.Grant, "recipient", CT, "must be UserId or GroupId, not ExamId"),
        (es.Grant, "version", "1", "must be int, not str"),
        *((es.Grant, "version", n, "must be a whole number from 1") for n in (True, 0, -1)),
        (es.Ending, "at", NAIVE, NO_ZONE),
        (es.Denied, "reasons", ["no"], "must be Reason, not str"),
        (es.Ending, "replaced_by", ["g1"], "must be GrantId, not str"),
        (es.Exam, "uploaded_at", NAIVE, NO_ZONE),
        (es.UploadBatch, "received_at", NAIVE, NO_ZONE),
        (es.User, "name", 7, "must be str, not int"),
        (es.User, "name", "x" * 501, "must not be longer than 500 code points"),
        (es.User, "name", "b\u202en", "must not contain a bidirectional control"),
        (es.Group, "name", "b\u202en", "must not contain a bidirectional control"),
        (es.User, "email", 7, "must be str, not int"),
        (es.User, "email", f"{'x' * 253}@x", "must not be longer than 254 code points"),
        (es.User, "email", "ben@x\n", "must not contain a control character"),
        *((es.User, "email", text, NO_ADDRESS) for text in NO_ADDRESSES),
        (es.Group, "members", [CT], "must be UserId or GroupId, not ExamId"),
        (es.ShareRequest, "recipients", "ben", "must be a collection, not str"),
        (es.ShareRequest, "recipients", BEN, "must be a collection, not UserId"),
        (es.ShareRequest, "recipients", None, "must be a collection, not NoneType"),
        (es.ShareRequest, "recipients", [CT], "must be UserId or GroupId, not ExamId"),
        (es.ShareRequest, "until", NAIVE, NO_ZONE),
        (es.ShareRequest, "until", "2030-01-01", f"{NOT_A_TIME} str"),
        (es.ShareRequest, "until", 1_900_000_000, f"{NOT_A_TIME} int"),
        (es.ShareRequest, "until", START.date(), f"{NOT_A_TIME} date"),
        (
            es.ShareRequest,
            "until",
            datetime.max.replace(tzinfo=FAR_WEST),
            "lies outside the years 1 to 9999 in UTC",
        ),
        (es.ShareRequest, "expect", [BEN], "must be ExamId, not UserId"),
        (es.ShareRequest, "message", 7, "must be str, not int"),
        (es.ShareRequest, "request_id", "", "must not be empty"),
        (es.ShareRequest, "request_id", " x", "must not start or end with white space"),
        (es.ShareRequest, "request_id", "a\0b", "must not contain a control character"),
        (es.ShareRequest, "performed_by", 7, "must be UserId or NoneType, not int"),
        (es.NarrowRequest, "until", NAIVE, NO_ZONE),
        (HostEnding, "why", 7, "must be str, not int"),
        (HostEnding, "why", "a\nb", "must not contain a control character"),
        (HostEnding, "why", "\u202e", "must not contain a bidirectional control"),
        (Withdrawal, "performed_by", 7, "must be UserId, not int"),
        (es.HostRule, "code", "", "must not be empty"),
        (es.HostRule, "refuses", "never", "must be callable"),
        (es.Policy, "host_rules", [bool], "must be HostRule, not type"),
    ],
)
def test_an_invalid_value_is_reported_with_its_field(kind, field, wrong, problem):
    with pytest.raises((es.InvalidValue, es.WrongKind)) as caught:
        made(kind, **{field: wrong})

    assert str(caught.value) == f"{field} {problem}"


WRONG_USERS = [NURSES, "ben", None, CT, MyUserId("ben"), Mock(spec=BEN, value="ben", key="u:ben")]
WRONG_EXAMS = ["ct", BEN, None, Mock(spec=CT, value="ct")]
WRONG_PRINCIPALS = ["ben", CT, None, MyUserId("ben")]
WRONG_PERMISSIONS = [Number.ONE, 1, True, "VIEW", Mock(spec=VIEW)]
WRONG_KINDS = {
    es.ShareRequest: {
        "actor": WRONG_USERS,
        "exam": WRONG_EXAMS,
        "recipients": [[each] for each in WRONG_PRINCIPALS],
        "permission": WRONG_PERMISSIONS,
        "scope": ["BATCH", Mock(spec=es.Scope.BATCH)],
        "attested": [1, None],
        "wording": [7],
        "message": [b"bytes"],
        "expect": ["ct", ["ct"], [BEN]],
        "performed_by": [NURSES],
        "request_id": [7],
    },
    es.UnshareRequest: {
        "actor": WRONG_USERS,
        "exam": WRONG_EXAMS,
        "recipient": WRONG_PRINCIPALS,
        "reshares": ["CASCADE"],
    },
    es.NarrowRequest: {"actor": WRONG_USERS, "permission": WRONG_PERMISSIONS},
    es.RevokeRequest: {
        "actor": WRONG_USERS,
        "grant": ["g", CT],
        "performed_by": [NURSES],
        "request_id": [7],
    },
    es.User: {"id": WRONG_USERS, "name": [None], "active": [None, 1]},
    es.Group: {"id": [BEN, "nurses"], "members": [["ben"], "ben"]},
    es.Exam: {"owner": WRONG_USERS, "batch": [CT], "subject": [7]},
    es.UploadBatch: {"id": [CT], "uploader": WRONG_USERS},
    es.Study: {"study_date": ["2030-01-01"]},
    es.Policy: {"retries": [type("MyRetries", (es.Retries,), {})()]},
    Profile: {
        "user": WRONG_USERS,
        "active": ["no", 1],
        "principals": [["u:ben"], {"u:ben"}, type("MySet", (frozenset,), {})()],
        "sharing_in_plan": ["no"],
        "wants_notices": [1],
        "address": [b"ben@x"],
    },
}


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, fields in WRONG_KINDS.items() for field in fields]
)
def test_a_value_of_another_kind_is_refused_when_the_value_is_made(kind, field):
    for wrong in WRONG_KINDS[kind][field]:
        with pytest.raises(es.WrongKind) as caught:
            made(kind, **{field: wrong})
        assert caught.value.field == field


def test_a_narrowing_without_a_bound_names_the_fields():
    with pytest.raises(es.InvalidValue) as caught:
        made(es.NarrowRequest, permission=None)

    assert str(caught.value) == "bound must be given: a permission, a time, or both"


INVALID_SETTINGS = {
    es.Policy: {
        "attestation_wording": [None, "x" * 10_001],
        "max_recipients": [0, "many", True],
        "max_exams": [-1],
        "max_people": [1.5, Number.ONE],
        "max_duration": [timedelta(0), -DAY, 30],
        "message_limit": [0, None, Number.ONE],
        "sends_notices": [1],
        "reshares": ["KEEP"],
        "only_owner_readmits": [None],
        "batches_across_subjects": ["no"],
        "access_list": ["EVERYONE"],
        "suggestion_min_length": [0],
        "suggestion_limit": [None],
        "whole_names_only": [None],
        "host_rules": [[print], None],
    },
    es.HostRule: {"code": ["", None], "statement": [None], "refuses": [None]},
    es.Retries: {"at_once": [Number.ONE], "limit": [Number.ONE]},
    es.Grant: {"version": [Number.ONE]},
}


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, field) for kind, fields in INVALID_SETTINGS.items() for field in fields],
)
def test_an_invalid_setting_is_a_callers_error(kind, field):
    for wrong in INVALID_SETTINGS[kind][field]:
        with pytest.raises(es.CallerError) as caught:
            made(kind, **{field: wrong})
        assert caught.value.field == field


@pytest.mark.parametrize(
    "of_time", [es.Policy().latest, lambda now: es.Retries().after(1, "OSError", now)]
)
def test_a_time_to_count_from_that_is_no_instant_is_reported_by_name(of_time):
    for wrong in (NAIVE, "now"):
        with pytest.raises(es.CallerError) as caught:
            of_time(wrong)
        assert caught.value.field == "now"


@pytest.mark.parametrize(
    ("kind", "field", "longest"),
    [
        (es.User, "name", "x" * 500),
        (es.User, "email", f"{'x' * 252}@x"),
        (es.User, "email", "X.X@XX"),
        (es.User, "email", None),
        (HostEnding, "why", "x" * 2_000),
        (es.Grant, "version", 1),
        (es.Retries, "longest_wait", timedelta(days=366)),
    ],
)
def test_values_at_their_bounds_are_kept(kind, field, longest):
    assert getattr(made(kind, **{field: longest}), field) == longest


def endless():
    while True:
        yield BEN


def endless_exams():
    return (es.ExamId(f"e{number}") for number in count())


@pytest.mark.parametrize(
    ("kind", "field", "given", "problem"),
    [
        (es.ShareRequest, "recipients", [BEN] * 10_001, "must not contain more than 10000 items"),
        (es.ShareRequest, "recipients", endless(), "must not contain more than 10000 items"),
        (
            es.ShareRequest,
            "expect",
            map(es.ExamId, map(str, count())),
            "must not contain more than 10000 items",
        ),
        (es.ShareRequest, "wording", "x" * 10_001, "must not be longer than 10000 code points"),
        (
            es.ShareRequest,
            "message",
            "x" * 1_000_001,
            "must not be longer than 1000000 code points",
        ),
        (es.ShareRequest, "request_id", "x" * 256, "must not be longer than 255 code points"),
        (es.UnshareRequest, "request_id", "x" * 256, "must not be longer than 255 code points"),
        (es.NarrowRequest, "request_id", "x" * 256, "must not be longer than 255 code points"),
        (HostEnding, "why", "x" * 2_001, "must not be longer than 2000 code points"),
        (Withdrawal, "why", "x" * 2_001, "must not be longer than 2000 code points"),
    ],
)
def test_a_request_beyond_a_bound_is_invalid_input(kind, field, given, problem):
    with pytest.raises(es.InvalidInput) as caught:
        made(kind, **{field: given})

    assert str(caught.value) == f"{field} {problem}"


def test_a_request_at_the_bounds_can_be_built():
    request = es.ShareRequest(
        actor=ANNA,
        exam=CT,
        recipients=[es.UserId(f"u{number}") for number in range(10_000)],
        expect=(es.ExamId(f"e{number}") for number in range(10_000)),
        wording="x" * 10_000,
        message="x" * 1_000_000,
    )

    assert len(request.recipients) == len(request.expect) == len(request.wording) == 10_000


UNFIT = ["a\0b", "a\ud800b", "a\udfffb"]


@pytest.mark.parametrize("text", UNFIT, ids=ascii)
@pytest.mark.parametrize(
    ("error", "kind", "field"),
    [
        (es.InvalidInput, es.ShareRequest, "wording"),
        (es.InvalidInput, es.Exam, "subject"),
        (es.InvalidInput, es.UploadBatch, "source"),
        (es.InvalidInput, es.User, "name"),
        (es.InvalidInput, es.User, "email"),
        (es.InvalidInput, es.Group, "name"),
        (es.InvalidInput, HostEnding, "why"),
        (es.InvalidInput, Withdrawal, "why"),
        (es.InvalidInput, es.Study, "study_instance_uid"),
        (es.InvalidInput, es.Study, "description"),
        (es.InvalidInput, es.Study, "patient_name"),
        (es.InvalidArgument, es.Policy, "attestation_wording"),
        (es.InvalidArgument, es.HostRule, "statement"),
        (es.InvalidArgument, es.HostRule, "code"),
    ],
)
def test_a_text_that_a_store_cannot_keep_is_refused(error, kind, field, text):
    with pytest.raises(error) as caught:
        made(kind, **{field: text})

    assert caught.value.field == field
    assert ascii(text) not in ascii(str(caught.value))


@pytest.mark.parametrize("kind", IDENTIFIERS)
@pytest.mark.parametrize(
    "text",
    [
        *("", " ", " ben", "ben ", "\u00a0ben", "ben\u2003", "b\0n", "be\nn", "b\x7fn", "b\x85n"),
        *("b\ud800n", "b\u202en", "\u200fben", "ben\u2066", "x" * 256),
    ],
    ids=ascii,
)
def test_an_invalid_id_is_a_callers_error_without_the_id(kind, text):
    with pytest.raises(es.InvalidInput) as caught:
        kind(text)

    assert caught.value.field == kind.__name__
    assert not text.strip() or text not in str(caught.value)


BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
FINE = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=BIDI)


@given(
    text=st.text(FINE, min_size=1, max_size=9).filter(
        lambda text: not (text[0].isspace() or text[-1].isspace())
    )
)
def test_any_other_text_is_an_id_and_stays_unchanged(text):
    assert str(es.UserId(text)) == text


@pytest.mark.parametrize("kind", IDENTIFIERS)
def test_an_id_of_255_code_points_is_one(kind):
    assert str(kind("\U0001f600" * 255)) == "\U0001f600" * 255


@pytest.mark.parametrize("kind", IDENTIFIERS)
@pytest.mark.parametrize("value", [None, 7, b"ben", BEN, ["ben"]], ids=repr)
def test_an_id_of_anything_but_text_is_of_the_wrong_kind(kind, value):
    with pytest.raises(es.WrongKind):
        kind(value)


@pytest.mark.parametrize("principal", [BEN, NURSES], ids=str)
def test_a_key_stands_for_the_principal_that_it_is_of(principal):
    assert es.principal_of(principal.key) == principal
    assert type(es.principal_of(str(principal.key))) is type(principal)


@pytest.mark.parametrize(
    "key",
    [
        *("zzz", "", "u", "u:", "g:", "ben", "U:ben", "x:ben", "u:b\0n", " u:ben", "u: ben"),
        *(None, 7, b"u:ben", BEN),
    ],
)
def test_an_invalid_key_of_a_principal_is_refused(key):
    with pytest.raises(es.InvalidInput if isinstance(key, str) else es.WrongKind):
        es.principal_of(key)


class Name(StrEnum):
    BEN = "ben"


WHEN = LyingDatetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
PLAIN = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize("kind", IDENTIFIERS)
@pytest.mark.parametrize("text", [Liar("ben"), Name.BEN], ids=["liar", "enum"])
def test_an_identifier_holds_an_exact_text(kind, text):
    exact = kind(text)

    assert type(exact.value) is str
    assert exact == kind("ben")
    assert kind("ben") == exact
    assert exact != kind("anna")
    assert hash(exact) == hash(kind("ben"))
    assert str(exact) == "ben"
    for key in (es.UserId(text).key, es.GroupId(text).key):
        assert type(key) is str
        assert key in {"u:ben", "g:ben"}


@given(at=times())
def test_datetimes_of_any_class_and_zone_are_kept_as_instants(at):
    fields = (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)
    for given_at in (at, LyingDatetime(*fields, at.tzinfo)):
        until = share_request(ANNA, CT, BEN, until=given_at).until

        assert type(until) is datetime
        assert until.tzinfo is UTC
        assert until == at


@pytest.mark.parametrize(
    ("kind", "field", "given", "kept"),
    [
        (es.ShareRequest, "recipients", LyingTuple([BEN, BEN]), (BEN,)),
        (es.ShareRequest, "expect", LyingSet([CT]), frozenset({CT})),
        (es.ShareRequest, "until", WHEN, PLAIN),
        (es.ShareRequest, "wording", Liar("I confirm."), "I confirm."),
        (es.ShareRequest, "message", Liar("a\r\nb"), "a\nb"),
        (es.ShareRequest, "request_id", Liar("r1"), "r1"),
        (es.ShareRequest, "performed_by", Liar("ben"), BEN),
        (es.UnshareRequest, "request_id", Liar("r1"), "r1"),
        (es.NarrowRequest, "until", WHEN, PLAIN),
        (es.NarrowRequest, "request_id", Name.BEN, "ben"),
        (HostEnding, "why", Liar("left"), "left"),
        (Withdrawal, "why", Liar("left"), "left"),
        (es.Exam, "uploaded_at", WHEN, PLAIN),
        (es.Exam, "subject", Liar("MRN"), "MRN"),
        (es.UploadBatch, "received_at", WHEN, PLAIN),
        (es.UploadBatch, "source", Liar("a CD"), "a CD"),
        (es.User, "name", Liar("Ben"), "Ben"),
        (es.User, "email", Liar("ben@x"), "ben@x"),
        (es.Group, "name", Liar("Nurses"), "Nurses"),
        (es.Group, "members", LyingSet([BEN]), frozenset({BEN})),
        (es.Policy, "attestation_wording", Liar("I confirm."), "I confirm."),
        (es.Policy, "max_duration", LyingDuration(days=2), 2 * DAY),
        (es.Retries, "first_wait", LyingDuration(minutes=2), timedelta(minutes=2)),
        (es.Retries, "longest_wait", LyingDuration(days=2), 2 * DAY),
        (es.HostRule, "code", Liar("NO"), "NO"),
        (es.HostRule, "statement", Liar("No."), "No."),
        (es.Study, "description", Liar("knee"), "knee"),
        (es.Study, "study_date", WHEN, date(2030, 1, 2)),
        (es.Grant, "basis", LyingSet([es.GrantId("h")]), frozenset({es.GrantId("h")})),
        (es.Grant, "until", WHEN, PLAIN),
        (es.Grant, "made_at", WHEN, PLAIN),
        (es.Ending, "at", WHEN, PLAIN),
        (es.Ending, "replaced_by", LyingTuple([es.GrantId("h")]), (es.GrantId("h"),)),
        (Profile, "address", Liar("ben@x"), "ben@x"),
    ],
)
def test_a_field_is_rebuilt_as_its_exact_type(kind, field, given, kept):
    value = getattr(made(kind, **{field: given}), field)

    assert not isinstance(value, type(given))
    # `PrivateText` is a text of ours, which compares as texts do.
    assert type(value) is type(kept) or (type(value).__mro__[1:] == str.__mro__)
    assert kept == value
    assert hash(kept) == hash(value)


def test_a_code_of_a_notifier_is_an_exact_text():
    assert type(es.NotifierFailed(Liar("NO_ADDRESS")).problem) is str


class Broken(tzinfo):
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def utcoffset(self, _when: datetime | None) -> timedelta | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    "answer", [ValueError("SECRET"), KeyError("SECRET"), 7, timedelta(days=2), None], ids=repr
)
def test_a_time_zone_that_fails_is_a_callers_error(answer):
    with pytest.raises(es.InvalidArgument) as caught:
        share_request(ANNA, CT, BEN, until=datetime(2030, 1, 2, tzinfo=Broken(answer)))

    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


@checks_arguments
class Fails:
    """Fails at whatever it is asked."""

    def ask(
        self,
        anything: object = None,
        place: tuple[datetime, str] | None = None,
        keys: Iterable[PrincipalKey] = (),
        at: datetime = START,
        limit: int = 1,
    ) -> None:
        raise OSError


@pytest.mark.parametrize(
    "wrong",
    [
        {"place": (START,)},
        {"place": ("later", START)},
        {"keys": "u:anna"},
        {"keys": [es.UserId("anna")]},
        {"at": "now"},
        {"limit": True},
        {"at": START.replace(tzinfo=None)},
    ],
    ids=str,
)
def test_the_wrong_argument_of_a_method_is_named(wrong):
    naive = isinstance(wrong.get("at"), datetime)
    with pytest.raises(es.InvalidArgument if naive else es.WrongKind) as caught:
        Fails().ask(**wrong)

    assert caught.value.field in wrong


@pytest.mark.parametrize("right", [{}, {"anything": 1, "place": (START, "e"), "keys": ["u:anna"]}])
def test_errors_of_fitting_arguments_are_raised_unchanged(right):
    with pytest.raises(OSError, match=r"^$"):
        Fails().ask(**right)


def test_too_many_arguments_are_a_type_error():
    with pytest.raises(TypeError, match="unexpected keyword"):
        Fails().ask(more=1)
