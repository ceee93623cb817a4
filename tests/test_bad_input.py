"""Bad input has defined answers: a caller's error, a refusal, or a plain no."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.memory import open_sharing
from sample_values import Liar, LyingDatetime, MyUserId, Number
from world import (
    ANNA,
    BEN,
    CARLA,
    CD,
    CT,
    MR,
    NOBODY,
    NURSES,
    START,
    VIEW,
    World,
    codes,
    refusal,
    share_request,
)

pytestmark = pytest.mark.every_store


def invalid(make):
    with pytest.raises(es.InvalidValue) as caught:
        make()
    return caught.value


def my(kind):
    """Return a subclass of a value of ours."""
    return type(f"My{kind.__name__}", (kind,), {"attested": True})


DISC = es.UploadBatch(id=es.BatchId("disc"), uploader=ANNA, received_at=START)
SHARE = {"actor": ANNA, "exam": CT, "recipients": [BEN]}
MY_SHARE = my(es.ShareRequest)(**SHARE)
UNSHARE = es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN)
ACTING = {
    "can": lambda w, user: w.sharing.can(user, VIEW, CT),
    "can_many": lambda w, user: w.sharing.can_many(user, VIEW, [CT]),
    "viewer": lambda w, user: w.sharing.viewer(user),
    "tabs": lambda w, user: w.sharing.tabs(user, CT),
    "share_form": lambda w, user: w.sharing.share_form(user, CT),
    "access_list": lambda w, user: w.sharing.access_list(user, CT),
    "accesses": lambda w, user: w.sharing.accesses(user, CT),
    "record_access": lambda w, user: w.sharing.record_access(user, CT, VIEW),
    "graph": lambda w, user: w.sharing.graph(user, CT),
    "share_page": lambda w, user: w.sharing.share_page(user, CT),
    "suggest": lambda w, user: w.sharing.suggest(user, CT, "ben"),
    "recipients": lambda w, user: w.sharing.recipients(user, CT),
    "shared_with": lambda w, user: w.sharing.shared_with(user),
    "visible_to": lambda w, user: w.sharing.visible_to(user),
    "names": lambda w, user: w.sharing.names(user, [BEN]),
    "explain": lambda w, user: w.sharing.admin.explain(user, VIEW, CT),
    "principals_of": lambda w, user: w.directory.principals_of(user),
}
NAMING = {
    "names": lambda w, principal: w.sharing.names(ANNA, [principal]),
    "end_by_host": lambda w, principal: w.sharing.admin.end_by_host(
        recipient=principal, performed_by="root", why="left"
    ),
    "remove": lambda w, principal: w.directory.remove(principal),
    "user": lambda w, principal: w.directory.user(principal),
}
OPERATING = {
    "end_by_host": lambda w, who: w.sharing.admin.end_by_host(
        recipient=BEN, performed_by=who, why="left"
    ),
    "withdraw": lambda w, who: w.sharing.admin.withdraw(CT, performed_by=who, why="left"),
    "purge_accesses": lambda w, who: w.sharing.admin.purge_accesses(
        before=START, performed_by=who, why="old"
    ),
}
LOOKING_AT = {
    "can": lambda w, exam: w.sharing.can(ANNA, VIEW, exam),
    "can_many": lambda w, exam: w.sharing.can_many(ANNA, VIEW, [exam]),
    "viewer can": lambda w, exam: w.sharing.viewer(ANNA).can(VIEW, exam),
    "viewer can_many": lambda w, exam: w.sharing.viewer(ANNA).can_many(VIEW, (exam,)),
    "tabs": lambda w, exam: w.sharing.tabs(ANNA, exam),
    "share_form": lambda w, exam: w.sharing.share_form(ANNA, exam),
    "access_list": lambda w, exam: w.sharing.access_list(ANNA, exam),
    "accesses": lambda w, exam: w.sharing.accesses(ANNA, exam),
    "record_access": lambda w, exam: w.sharing.record_access(ANNA, exam, VIEW),
    "accesses of some": lambda w, exam: w.sharing.admin.accesses(exams=[exam]),
    "graph": lambda w, exam: w.sharing.graph(ANNA, exam),
    "whole graph": lambda w, exam: w.sharing.admin.graph(exam),
    "share_page": lambda w, exam: w.sharing.share_page(ANNA, exam),
    "suggest": lambda w, exam: w.sharing.suggest(ANNA, exam, "ca"),
    "recipients": lambda w, exam: w.sharing.recipients(ANNA, exam),
    "explain": lambda w, exam: w.sharing.admin.explain(ANNA, VIEW, exam),
    "who_can": lambda w, exam: w.sharing.admin.who_can(VIEW, exam),
    "withdraw": lambda w, exam: w.sharing.admin.withdraw(exam, performed_by="root", why="wrong"),
}
HOLDING = {
    "can": lambda w, permission: w.sharing.can(ANNA, permission, CT),
    "can_many": lambda w, permission: w.sharing.can_many(ANNA, permission, [CT]),
    "viewer can": lambda w, permission: w.sharing.viewer(ANNA).can(permission, CT),
    "who_can": lambda w, permission: w.sharing.admin.who_can(permission, CT),
    "record_access": lambda w, permission: w.sharing.record_access(ANNA, CT, permission),
}
ASKING = {
    "can_many": (lambda w, exams: w.sharing.can_many(BEN, VIEW, exams), ["ct", CT]),
    "suggest": (lambda w, text: w.sharing.suggest(ANNA, CT, text), [None]),
    "after": (lambda w, after: w.sharing.recipients(ANNA, CT, after=after), [7]),
    "limit": (lambda w, limit: w.sharing.suggest(ANNA, CT, "ca", limit=limit), ["10", None, 1.5]),
    "share": (
        lambda w, request: w.sharing.share(request),
        [UNSHARE, None, my(es.ShareRequest)(**SHARE)],
    ),
    "unshare": (lambda w, request: w.sharing.unshare(request), [es.ShareRequest(**SHARE)]),
    "narrow": (lambda w, request: w.sharing.narrow(request), [es.ShareRequest(**SHARE)]),
    "revoke": (lambda w, request: w.sharing.revoke(request), [UNSHARE, es.GrantId("g")]),
    "preview": (lambda w, request: w.sharing.preview(request), ["share", MY_SHARE]),
    "why": (
        lambda w, why: w.sharing.admin.end_by_host(recipient=BEN, performed_by="admin", why=why),
        [None],
    ),
    "batch": (lambda w, batch: w.sharing.add_upload(batch, []), [CD]),
    "exams": (lambda w, exams: w.sharing.add_upload(DISC, exams), [[CT], None]),
    "principal": (lambda w, user: w.directory.add(user), [my(es.User)(id=BEN, name="Ben"), BEN]),
    "policy": (lambda w, policy: open_sharing(policy=policy), [{"max_people": 1}, my(es.Policy)()]),
}
LOOKALIKES = [MyUserId("ben"), Mock(spec=BEN, value="anna", key="u:anna")]
CALLS = {
    **{f"{name} by": (call, [NURSES, "ben", *LOOKALIKES]) for name, call in ACTING.items()},
    **{f"{name} with": (call, ["ben", CT, *LOOKALIKES]) for name, call in NAMING.items()},
    **{f"{name} as": (call, [NURSES, None, *LOOKALIKES]) for name, call in OPERATING.items()},
    **{
        f"{name} on": (call, ["ct", BEN, None, my(es.ExamId)("ct"), Mock(spec=CT, value="ct")])
        for name, call in LOOKING_AT.items()
    },
    **{
        f"{name} for": (call, [Number.ONE, 1, True, "VIEW", Mock(spec=VIEW)])
        for name, call in HOLDING.items()
    },
    **ASKING,
}


@pytest.mark.parametrize(("call", "values"), CALLS.values(), ids=CALLS)
def test_a_call_with_a_value_of_another_kind_is_a_callers_error(call, values):
    world = World()
    for value in values:
        with pytest.raises(es.WrongKind):
            call(world, value)


def test_a_text_that_claims_to_equal_all_others_opens_nothing():
    world = World()
    liar = es.UserId(Liar("ben"))

    assert world.can_view(ANNA, CT)
    assert not world.can_view(liar, CT)
    assert world.sharing.tabs(liar, CT) == frozenset()
    assert not world.can_view(BEN, es.ExamId(Liar("ct")))


@pytest.mark.parametrize("actor", [NOBODY, CARLA], ids=["unknown", "inactive"])
def test_an_actor_who_is_unknown_or_inactive_sees_and_does_nothing(actor):
    world = World()
    world.share(ANNA, CT, CARLA)
    world.person(CARLA, active=False)
    sharing = world.sharing

    assert not sharing.can(actor, VIEW, CT)
    assert sharing.can_many(actor, VIEW, [CT, MR]) == frozenset()
    assert sharing.tabs(actor, CT) == frozenset()
    assert sharing.share_form(actor, CT) == es.ShareForm()
    assert sharing.suggest(actor, CT, "ben") == ()
    assert sharing.recipients(actor, CT).items == ()
    assert sharing.visible_to(actor).items == ()
    assert sharing.shared_with(actor).items == ()
    assert isinstance(sharing.admin.explain(actor, VIEW, CT), es.Denied)
    for reasons in (
        refusal(sharing.access_list, actor, CT),
        refusal(sharing.share_page, actor, CT),
        refusal(world.share, actor, CT, BEN),
        refusal(world.unshare, actor, CT, BEN),
        refusal(world.narrow, actor, CT, BEN, permission=VIEW),
    ):
        assert codes(reasons) == [es.ReasonCode.EXAM_NOT_FOUND]


def exam_of(batch, name, owner=ANNA):
    return es.Exam(id=es.ExamId(name), owner=owner, batch=batch, uploaded_at=START)


def test_a_batch_whose_exams_name_another_batch_is_refused_whole():
    world = World()

    with pytest.raises(es.WrongBatch) as caught:
        world.sharing.add_upload(DISC, [exam_of(DISC.id, "a"), exam_of(CD, "b")])

    assert caught.value.batch == "disc"
    assert world.store.batch(DISC.id) is None
    assert world.store.find((es.ExamId("a"), es.ExamId("b"))) == ()


def test_the_same_exam_twice_in_one_upload_is_refused_whole():
    world = World()

    with pytest.raises(es.AlreadyExists) as caught:
        world.sharing.add_upload(DISC, [exam_of(DISC.id, "a"), exam_of(DISC.id, "a")])

    assert (caught.value.kind, caught.value.identifier) == ("exam", "a")
    assert world.store.find((es.ExamId("a"),)) == ()


def test_a_withdrawn_exam_cannot_be_added_again():
    world = World()
    world.sharing.admin.withdraw(CT, performed_by="admin", why="wrong patient")

    with pytest.raises(es.AlreadyExists):
        world.sharing.add_upload(DISC, [exam_of(DISC.id, "ct")])


def test_recipients_in_the_thousands_are_too_many():
    crowd = [es.UserId(f"user{n}") for n in range(5_000)]
    world = World()

    reasons = world.reasons(share_request(ANNA, CT, *crowd))

    assert es.Reason(code=es.ReasonCode.TOO_MANY, limited="recipients", limit=100) in reasons
    assert es.Reason(code=es.ReasonCode.RECIPIENT_NOT_FOUND, principals=tuple(crowd)) in reasons


@pytest.mark.memory_only("a thousand notices, each sent by itself, take long in a database")
def test_recipients_in_the_thousands_are_fine_where_the_policy_allows_them():
    crowd = [es.UserId(f"user{n}") for n in range(1_000)]
    world = World(max_recipients=None)
    for user in crowd:
        world.person(user)

    receipt = world.share(ANNA, CT, *crowd)

    assert len(receipt.outcomes) == len(world.told()) == 1_000


def test_a_message_of_a_megabyte_is_refused_and_kept_nowhere():
    world = World()

    reasons = world.reasons(share_request(ANNA, CT, BEN, message="x" * 1_000_000))

    assert reasons == (es.Reason(code=es.ReasonCode.MESSAGE_NOT_ALLOWED, limit=2_000),)
    assert "xxx" not in "".join(map(str, world.store.events()))


CURSORS = [
    *("", "nonsense", "!!!", "é", "\ud800", "bnVsbA==", "W10=", "WzEsMl0=", "WyJhIl0="),
    "[" * 9_000,
]


@pytest.mark.parametrize("cursor", CURSORS, ids=lambda cursor: ascii(cursor[:9]))
@pytest.mark.parametrize("page", ["recipients", "shared_with", "visible_to"])
def test_an_invalid_cursor_is_a_callers_error(page, cursor):
    sharing = World().sharing
    ask = {
        "recipients": lambda: sharing.recipients(ANNA, CT, after=cursor),
        "shared_with": lambda: sharing.shared_with(BEN, after=cursor),
        "visible_to": lambda: sharing.visible_to(BEN, after=cursor),
    }

    assert invalid(ask[page]).field == "after"


def test_a_cursor_of_another_list_is_a_callers_error():
    world = World()
    cursor = world.sharing.recipients(ANNA, CT, limit=1).next

    assert invalid(lambda: world.sharing.visible_to(ANNA, after=cursor)).field == "after"


@given(cursor=st.text() | st.from_regex(r"[A-Za-z0-9_-]*={0,2}", fullmatch=True))
def test_no_cursor_breaks_a_list(cursor):
    sharing = World().sharing
    for page in (
        lambda: sharing.recipients(ANNA, CT, after=cursor),
        lambda: sharing.visible_to(ANNA, after=cursor),
    ):
        with suppress(es.InvalidValue):
            page()


@pytest.mark.parametrize("limit", [0, -1, 1_001, True, 10**30], ids=repr)
@pytest.mark.parametrize("user", [ANNA, BEN, NOBODY], ids=str)
def test_an_invalid_limit_is_a_callers_error(user, limit):
    sharing = World().sharing
    for page in (
        lambda: sharing.recipients(user, CT, limit=limit),
        lambda: sharing.suggest(user, CT, "ben", limit=limit),
        lambda: sharing.shared_with(user, limit=limit),
        lambda: sharing.visible_to(user, limit=limit),
    ):
        assert invalid(page).field == "limit"


def repeating(*ids):
    """Return a world where `new_id` repeats itself."""
    world = World()
    remaining = list(ids)
    world.sharing._new_id = lambda: remaining.pop(0)
    return world


def test_a_repeated_id_of_new_id_is_a_store_failure_and_changes_nothing():
    world = repeating("same", "same")
    world.share(ANNA, CT, BEN)
    before = world.state()

    with pytest.raises(es.StoreFailed):
        world.share(ANNA, CT, CARLA)

    assert world.state() == before


def test_a_narrowing_under_a_repeated_id_makes_grants_with_new_ids():
    world = repeating("same", "same")
    world.share(ANNA, CT, BEN, permission=es.Permission.DOWNLOAD)

    receipt = world.narrow(ANNA, CT, BEN, permission=VIEW)

    assert {each.id for each in receipt.replacements}.isdisjoint(each.id for each in receipt.ended)
    assert world.can_view(BEN, CT)
    assert not world.can_download(BEN, CT)


@pytest.mark.parametrize("bad", ["", "x\0", " ", "x" * 235, 7, None], ids=lambda it: repr(it)[:9])
def test_an_invalid_id_of_new_id_is_a_callers_error_and_changes_nothing(bad):
    world = repeating(bad)
    before = world.state()

    with pytest.raises(es.CallerError):
        world.share(ANNA, CT, BEN)

    assert world.state() == before


def test_the_longest_id_of_new_id_fits_into_every_derived_id():
    world = repeating("x" * 234)
    world.share(ANNA, CT, BEN)
    assert world.can_view(BEN, CT)


@given(text=st.text(st.characters(exclude_categories=()), max_size=5))
def test_any_typed_text_has_an_answer(text):
    assert isinstance(World().sharing.suggest(ANNA, CT, text), tuple)


def test_a_clock_of_another_class_of_datetimes_is_fine_over_every_store():
    world = World()
    world.clock.now = LyingDatetime(2030, 1, 1, 12, tzinfo=UTC)

    receipt = world.share(ANNA, CT, BEN, until=LyingDatetime(2030, 1, 2, 3, tzinfo=UTC))

    assert receipt.at == START
    assert type(receipt.at) is datetime
    assert world.can_view(BEN, CT)
    assert world.sharing.viewer(BEN).can(VIEW, CT)
    world.clock.now = LyingDatetime(2030, 1, 2, 12, tzinfo=timezone(timedelta(hours=1)))
    assert not world.can_view(BEN, CT)
