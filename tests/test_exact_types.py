"""Values are of exactly the type that they claim: a subclass is rebuilt, or refused."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import IntEnum, StrEnum
from functools import wraps
from typing import Any
from unittest.mock import Mock

import attrs
import pytest
from hypothesis import given

from exam_sharing import (
    OWNER,
    BatchId,
    CallerError,
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
    InvalidArgument,
    NarrowRequest,
    NoticeId,
    NotifierFailed,
    Permission,
    Policy,
    Retries,
    RevokeRequest,
    Scope,
    ShareId,
    ShareRequest,
    StoreFailed,
    Study,
    UnshareRequest,
    UploadBatch,
    User,
    UserId,
    WrongKind,
)
from exam_sharing.memory import MemoryDirectory, open_sharing
from exam_sharing.policy.facts import Profile
from exam_sharing.policy.requests import HostEnding, Withdrawal
from exam_sharing.testing.strategies import times
from world import ANNA, BEN, CARLA, CD, CT, DAY, NURSES, START, VIEW, World, share_request

IDENTIFIERS = [UserId, GroupId, ExamId, BatchId, GrantId, ShareId, NoticeId]


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


class Number(IntEnum):
    ONE = 1


class Name(StrEnum):
    BEN = "ben"


WHEN = LyingDatetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
PLAIN = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize("kind", IDENTIFIERS)
@pytest.mark.parametrize("text", [Liar("ben"), Name.BEN], ids=["liar", "enum"])
def test_an_identifier_holds_an_exact_text(kind, text):
    made = kind(text)

    assert type(made.value) is str
    assert made == kind("ben")
    assert kind("ben") == made
    assert made != kind("anna")
    assert hash(made) == hash(kind("ben"))
    assert str(made) == "ben"


@pytest.mark.parametrize(("kind", "key"), [(UserId, "u:ben"), (GroupId, "g:ben")])
def test_the_key_of_a_principal_is_an_exact_text(kind, key):
    made = kind(Liar("ben")).key

    assert type(made) is str
    assert made == key


@pytest.mark.every_store
def test_a_text_that_claims_to_equal_all_others_opens_nothing():
    world = World()
    liar = UserId(Liar("ben"))

    assert world.can_view(ANNA, CT)
    assert not world.can_view(liar, CT)
    assert world.sharing.tabs(liar, CT) == frozenset()
    assert not world.can_view(BEN, ExamId(Liar("ct")))


class MyUserId(UserId):
    def __eq__(self, _other: object) -> bool:
        return True

    __hash__ = UserId.__hash__


class MyExamId(ExamId):
    pass


CALLS = [
    lambda w, user: w.sharing.can(user, VIEW, CT),
    lambda w, user: w.sharing.can_many(user, VIEW, [CT]),
    lambda w, user: w.sharing.viewer(user),
    lambda w, user: w.sharing.tabs(user, CT),
    lambda w, user: w.sharing.share_form(user, CT),
    lambda w, user: w.sharing.access_list(user, CT),
    lambda w, user: w.sharing.suggest(user, CT, "ben"),
    lambda w, user: w.sharing.recipients(user, CT),
    lambda w, user: w.sharing.shared_with(user),
    lambda w, user: w.sharing.visible_to(user),
    lambda w, user: w.sharing.names(user, [BEN]),
    lambda w, user: w.sharing.names(ANNA, [user]),
    lambda w, user: w.sharing.admin.explain(user, VIEW, CT),
    lambda w, user: w.sharing.revoke(RevokeRequest(actor=user, grant=GrantId("g"))),
    lambda w, user: w.sharing.preview(share_request(user, CT, BEN)),
    lambda w, user: w.sharing.preview(share_request(ANNA, CT, user)),
    lambda w, user: w.sharing.unshare(UnshareRequest(actor=user, exam=CT, recipient=BEN)),
    lambda w, user: w.sharing.admin.end_by_host(recipient=user, performed_by="root", why="left"),
    lambda w, user: w.sharing.admin.withdraw(CT, performed_by=user, why="left"),
    lambda w, user: w.directory.remove(user),
    lambda w, user: w.directory.user(user),
    lambda w, user: w.directory.principals_of(user),
]


@pytest.mark.parametrize(
    "user", [MyUserId("ben"), Mock(spec=BEN, value="anna", key="u:anna")], ids=["subclass", "mock"]
)
@pytest.mark.parametrize("call", CALLS)
def test_a_lookalike_of_a_user_is_of_the_wrong_kind(call, user):
    with pytest.raises(WrongKind):
        call(World(), user)


@pytest.mark.parametrize("exam", [MyExamId("ct"), Mock(spec=CT, value="ct")], ids=["sub", "mock"])
@pytest.mark.parametrize(
    "call",
    [
        lambda s, exam: s.can(ANNA, VIEW, exam),
        lambda s, exam: s.can_many(ANNA, VIEW, [exam]),
        lambda s, exam: s.viewer(ANNA).can(VIEW, exam),
        lambda s, exam: s.viewer(ANNA).can_many(VIEW, (exam,)),
        lambda s, exam: s.tabs(ANNA, exam),
        lambda s, exam: s.admin.who_can(VIEW, exam),
        lambda s, exam: s.admin.withdraw(exam, performed_by="root", why="wrong"),
        lambda s, exam: share_request(ANNA, exam, BEN),
        lambda s, exam: share_request(ANNA, CT, BEN, expect=[exam]),
    ],
)
def test_a_lookalike_of_an_exam_is_of_the_wrong_kind(call, exam):
    with pytest.raises(WrongKind):
        call(World().sharing, exam)


@pytest.mark.parametrize(
    "permission", [Number.ONE, 1, True, Mock(spec=VIEW)], ids=["other", "int", "bool", "mock"]
)
def test_a_lookalike_of_a_permission_is_of_the_wrong_kind(permission):
    sharing = World().sharing
    for call in (
        lambda: sharing.can(ANNA, permission, CT),
        lambda: sharing.viewer(ANNA).can(permission, CT),
        lambda: sharing.admin.who_can(permission, CT),
        lambda: share_request(ANNA, CT, BEN, permission=permission),
        lambda: NarrowRequest(actor=ANNA, exam=CT, recipient=BEN, permission=permission),
    ):
        with pytest.raises(WrongKind):
            call()


class MyShareRequest(ShareRequest):
    attested = True


class MyUnshareRequest(UnshareRequest):
    pass


class MyUser(User):
    pass


class MyPolicy(Policy):
    pass


def test_a_subclass_of_a_value_of_ours_is_of_the_wrong_kind():
    world = World()
    sharing = world.sharing
    for call in (
        lambda: sharing.share(MyShareRequest(actor=ANNA, exam=CT, recipients=[BEN])),
        lambda: sharing.preview(MyUnshareRequest(actor=ANNA, exam=CT, recipient=BEN)),
        lambda: world.directory.add(MyUser(id=BEN, name="Ben")),
        lambda: open_sharing(policy=MyPolicy()),
        lambda: Policy(retries=type("MyRetries", (Retries,), {})()),
    ):
        with pytest.raises(WrongKind):
            call()


@given(at=times())
def test_datetimes_of_any_class_and_zone_are_kept_as_instants(at):
    fields = (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)
    lying = LyingDatetime(*fields, at.tzinfo)

    until = share_request(ANNA, CT, BEN, until=lying).until

    assert type(until) is datetime
    assert until.tzinfo is UTC
    assert until == at


EXACT = {
    ShareRequest: {"actor": ANNA, "exam": CT, "recipients": [BEN]},
    NarrowRequest: {"actor": ANNA, "exam": CT, "recipient": BEN, "permission": VIEW},
    UnshareRequest: {"actor": ANNA, "exam": CT, "recipient": BEN},
    HostEnding: {"recipient": BEN, "performed_by": "admin", "why": "left"},
    Withdrawal: {"exam": CT, "performed_by": "admin", "why": "wrong"},
    Exam: {"id": CT, "owner": ANNA, "batch": CD, "uploaded_at": START},
    UploadBatch: {"id": CD, "uploader": ANNA, "received_at": START},
    User: {"id": BEN, "name": "Ben"},
    Group: {"id": NURSES, "name": "Nurses"},
    Policy: {},
    Retries: {},
    HostRule: {"code": "NO", "statement": "No.", "refuses": bool},
    Study: {"study_instance_uid": "1.2"},
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
}


@pytest.mark.parametrize(
    ("kind", "field", "given", "kept"),
    [
        (ShareRequest, "recipients", LyingTuple([BEN, BEN]), (BEN,)),
        (ShareRequest, "expect", LyingSet([CT]), frozenset({CT})),
        (ShareRequest, "until", WHEN, PLAIN),
        (ShareRequest, "wording", Liar("I confirm."), "I confirm."),
        (ShareRequest, "message", Liar("a\r\nb"), "a\nb"),
        (ShareRequest, "request_id", Liar("r1"), "r1"),
        (ShareRequest, "performed_by", Liar("ben"), BEN),
        (UnshareRequest, "request_id", Liar("r1"), "r1"),
        (NarrowRequest, "until", WHEN, PLAIN),
        (NarrowRequest, "request_id", Name.BEN, "ben"),
        (HostEnding, "why", Liar("left"), "left"),
        (Withdrawal, "why", Liar("left"), "left"),
        (Exam, "uploaded_at", WHEN, PLAIN),
        (Exam, "subject", Liar("MRN"), "MRN"),
        (UploadBatch, "received_at", WHEN, PLAIN),
        (UploadBatch, "source", Liar("a CD"), "a CD"),
        (User, "name", Liar("Ben"), "Ben"),
        (User, "email", Liar("ben@x"), "ben@x"),
        (Group, "name", Liar("Nurses"), "Nurses"),
        (Group, "members", LyingSet([BEN]), frozenset({BEN})),
        (Policy, "attestation_wording", Liar("I confirm."), "I confirm."),
        (Policy, "max_duration", LyingDuration(days=2), 2 * DAY),
        (Retries, "first_wait", LyingDuration(minutes=2), timedelta(minutes=2)),
        (Retries, "longest_wait", LyingDuration(days=2), 2 * DAY),
        (HostRule, "code", Liar("NO"), "NO"),
        (HostRule, "statement", Liar("No."), "No."),
        (Study, "description", Liar("knee"), "knee"),
        (Study, "study_date", WHEN, date(2030, 1, 2)),
        (Grant, "basis", LyingSet([GrantId("h")]), frozenset({GrantId("h")})),
        (Grant, "until", WHEN, PLAIN),
        (Grant, "made_at", WHEN, PLAIN),
        (Ending, "at", WHEN, PLAIN),
        (Ending, "replaced_by", LyingTuple([GrantId("h")]), (GrantId("h"),)),
    ],
)
def test_a_field_is_rebuilt_as_its_exact_type(kind, field, given, kept):
    value = getattr(kind(**{**EXACT[kind], field: given}), field)

    assert not isinstance(value, type(given))
    # `PrivateText` is a text of ours, which compares as texts do.
    assert type(value) is type(kept) or (type(value).__mro__[1:] == str.__mro__)
    assert kept == value
    assert hash(kept) == hash(value)


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (Policy, "max_people"),
        (Policy, "message_limit"),
        (Retries, "at_once"),
        (Retries, "limit"),
        (Grant, "version"),
    ],
)
def test_a_number_of_a_class_of_its_own_is_a_callers_error(kind, field):
    with pytest.raises(CallerError):
        kind(**{**EXACT[kind], field: Number.ONE})


def test_a_code_of_a_notifier_is_an_exact_text():
    assert type(NotifierFailed(Liar("NO_ADDRESS")).problem) is str


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
    with pytest.raises(InvalidArgument) as caught:
        share_request(ANNA, CT, BEN, until=datetime(2030, 1, 2, tzinfo=Broken(answer)))

    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.every_store
def test_a_clock_of_another_class_of_datetimes_is_fine_over_every_store():
    world = World()
    world.clock.now = LyingDatetime(2030, 1, 1, 12, tzinfo=UTC)

    receipt = world.share(ANNA, CT, BEN, until=WHEN)

    assert receipt.at == START
    assert type(receipt.at) is datetime
    assert world.can_view(BEN, CT)
    assert world.sharing.viewer(BEN).can(VIEW, CT)
    world.clock.now = LyingDatetime(2030, 1, 2, 12, tzinfo=timezone(timedelta(hours=1)))
    assert not world.can_view(BEN, CT)


class MyProfile(Profile):
    pass


class MyExam(Exam):
    pass


PROFILE = {"user": BEN, "active": True, "principals": frozenset({"u:ben"})}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("user", MyUserId("ben")),
        ("active", "no"),
        ("active", 1),
        ("principals", ["u:ben"]),
        ("principals", LyingSet({"u:ben"})),
        ("principals", {"u:ben"}),
        ("sharing_in_plan", "no"),
        ("wants_notices", 1),
        ("address", b"ben@x"),
    ],
)
def test_an_invalid_profile_cannot_be_built(field, wrong):
    with pytest.raises(WrongKind) as caught:
        Profile(**{**PROFILE, field: wrong})

    assert caught.value.field == field


def test_a_profile_keeps_an_exact_address():
    assert type(Profile(**PROFILE, address=Liar("ben@x")).address) is str


ANSWERS = {
    "principals": [None, ["u:ben"], {"u:ben"}, LyingSet({"u:anna"}), "u:anna", 7],
    "profiles": [
        None,
        {},
        {BEN: None},
        {BEN: MyProfile(**PROFILE)},
        {BEN: Profile.unknown(CARLA)},
        [],
        7,
    ],
}


def lying(name, answer):
    """Return a portal whose directory answers one kind of question wrongly."""
    world = World()
    world.share(ANNA, CT, BEN)
    method = {"principals": "principals_of", "profiles": "profiles"}[name]
    object.__setattr__(world.directory, method, lambda *_: answer)
    sharing = open_sharing(directory=world.directory, store=world.store, clock=world.clock)
    return world, sharing


@pytest.mark.parametrize("answer", ANSWERS["principals"], ids=repr)
def test_principals_that_are_no_frozenset_are_a_failure_of_the_directory(answer):
    _, sharing = lying("principals", answer)
    for call in (
        lambda: sharing.can(BEN, VIEW, CT),
        lambda: sharing.viewer(BEN),
        lambda: sharing.can_many(BEN, VIEW, [CT]),
        lambda: sharing.visible_to(BEN),
        lambda: sharing.admin.explain(BEN, VIEW, CT),
    ):
        with pytest.raises(StoreFailed):
            call()


class Locking(MemoryDirectory):
    """Lets nobody in who is locked out, in a method made as wrappers are made."""

    def __init__(self):
        super().__init__()
        self.locked_out = set()

    @wraps(MemoryDirectory.principals_of)
    def principals_of(self, user):
        return frozenset() if user in self.locked_out else super().principals_of(user)


def test_a_check_queries_a_directory_that_wraps_ours():
    world, directory = World(), Locking()
    world.share(ANNA, CT, BEN)
    directory.add(User(id=BEN, name="Ben"))
    sharing = open_sharing(directory=directory, store=world.store, clock=world.clock)
    assert sharing.can(BEN, VIEW, CT)
    directory.locked_out.add(BEN)
    assert not sharing.can(BEN, VIEW, CT)


def test_a_check_reads_the_cache_of_the_given_method():
    world, one, other = World(), MemoryDirectory(), MemoryDirectory()
    world.share(ANNA, CT, BEN)
    for directory in (one, other):
        directory.add(User(id=BEN, name="Ben"))
        directory.principals_of(BEN)
    one.principals_of = other.principals_of
    sharing = open_sharing(directory=one, store=world.store, clock=world.clock)
    assert sharing.can(BEN, VIEW, CT)
    other.remove(BEN)
    assert not sharing.can(BEN, VIEW, CT)


@pytest.mark.parametrize("answer", ANSWERS["profiles"], ids=lambda a: type(a).__name__)
def test_profiles_that_are_none_are_a_failure_of_the_directory(answer):
    _, sharing = lying("profiles", answer)
    for call in (
        lambda: sharing.tabs(BEN, CT),
        lambda: sharing.share_form(BEN, CT),
        lambda: sharing.share(share_request(BEN, CT, CARLA)),
        lambda: sharing.unshare(UnshareRequest(actor=BEN, exam=CT, recipient=BEN)),
        lambda: sharing.revoke(RevokeRequest(actor=BEN, grant=GrantId("act1-1"))),
    ):
        with pytest.raises(StoreFailed):
            call()


def test_requests_of_other_kinds_are_refused_before_anything_is_read():
    assert not attrs.has(MyExamId) or MyExamId("ct") != CT
    with pytest.raises(WrongKind):
        RevokeRequest(actor=MyUserId("ben"), grant=GrantId("g"))
    with pytest.raises(WrongKind):
        share_request(ANNA, CT, BEN, scope=Mock(spec=Scope.BATCH))
    with pytest.raises(WrongKind):
        share_request(ANNA, CT, BEN, permission=Mock(spec=Permission.VIEW))
