"""No error, unknown id or unreadable store is a yes. Specification: `#silence-denies`.

> A failure injected at every single port call, one after another, through every act: nothing half
> done, nothing said that is not so.

Each call of `calls` is made on a portal of its own, once for each of its questions, with that one
question failing: before the port did anything, or after, when only the answer is lost.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import attrs
import pytest

import exam_sharing as es
from calls import ACTS, CALLS, DELIVERIES, READS, WITH_REQUEST_ID, answer_of, portal, ports_of
from calls import sharing_over as over
from exam_sharing.events import ActRefused
from exam_sharing.identifiers import id_within
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, CLINIC, CT, DAN, EVA, NURSES
from watching import FailingOnce, watched
from world import VIEW, World, codes, grant_id, share_request

pytestmark = pytest.mark.every_store

LAPSE = timedelta(minutes=10)
"""Longer than a claim on a notice lasts."""


class Died(BaseException):
    """The process ends in the middle of a call."""


memory_alone = pytest.mark.memory_only("much the same elsewhere, and each takes many portals")
never_reached = pytest.mark.memory_only("a call that was not made changed nothing in a database")
LOST = [
    pytest.param(False, marks=never_reached, id="before the port"),
    pytest.param(True, id="after the port"),
]
IN_DATABASES = {
    "share a batch",
    "share, refused",
    "unshare, cascade",
    "withdraw",
    "add an upload",
    "deliver notices",
}
"""Those that write in ways of their own, which are made on portals in databases as well."""

ERRORS = [
    pytest.param(RuntimeError("unexpected"), marks=memory_alone),
    es.StoreFailed("the store is away"),
    pytest.param(Died(), marks=memory_alone),
]
EACH_ERROR = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


def committed(world: World) -> dict[str, Any]:
    """Return everything that is kept, through every question that a store answers.

    Refusals are left out, since a refusal may be recorded or not, and so are the notices, which
    leave one by one.
    """
    store = world.store
    exams = tuple(sorted({exam.id for exam in store.batch_of(CT)} | set(world.uploaded)))
    kept = store.read(exams, ended=True)
    ids = {grant.id for each in kept.values() for grant in each.grants}
    ids |= {past.grant.id for each in kept.values() for past in each.ended}
    people = (ANNA, BEN, CARLA, DAN, EVA)
    # What an act makes that fails.
    ids |= {es.GrantId(id_within("now", each, held.name)) for each in ids for held in es.Permission}
    everybody = (*people, CLINIC, NURSES)
    ids |= {grant_id("now", exam, recipient) for exam in exams for recipient in everybody}
    return {
        "exams": frozenset(store.find(exams)),
        "grants": {
            exam: (each.version, each.withdrawn, frozenset(each.grants), frozenset(each.ended))
            for exam, each in kept.items()
        },
        "every grant": frozenset(store.find_grants(ids)),
        "granted to": {each: store.exams_granted_to(each) for each in (*people, CLINIC, NURSES)},
        "visible": {each: world.sharing.visible_to(each) for each in people},
        "share": store.share_record(es.ShareId("now")),
        "receipts": {
            (who, id_): store.receipt(who, id_) for who in people for id_ in ("once", "x")
        },
        "events": tuple(each for each in store.events() if not isinstance(each, ActRefused)),
    }


def told(world: World) -> dict[Any, Any]:
    """Return the notices sent so far, by id; one sent twice must say the same."""
    by_id = {notice.id: notice for notice in world.notifier.sent}
    assert all(by_id[notice.id] == notice for notice in world.notifier.sent)
    return by_id


def deliver_later(world: World) -> dict[Any, Any]:
    """Send what still waits, once every claim has lapsed, and return all that was sent."""
    world.wait(LAPSE)
    world.sharing.admin.deliver_notices()
    assert world.store.outbox.waiting() == ()
    return told(world)


def named(calls: Iterable[str]) -> list[Any]:
    return [
        name if name in IN_DATABASES else pytest.param(name, marks=memory_alone) for name in calls
    ]


class Undisturbed:
    """What a call comes to when nothing fails."""

    def __init__(self, name: str) -> None:
        world = portal()
        self.before = committed(world)
        self.answer = answer_of(CALLS[name], over(ports_of(world), world))
        self.after = committed(world)
        self.notices = deliver_later(world)


class Disturbed:
    """A call of which one question failed."""

    def __init__(self, name: str, at: int, error: BaseException, *, lost: bool) -> None:
        self.world = portal()
        self.watcher = FailingOnce(at, error, after=lost)
        sharing = over(watched(ports_of(self.world), self.watcher), self.world)
        self.raised: BaseException | None = None
        self.answer: Any = None
        try:
            self.answer = answer_of(CALLS[name], sharing)
        except type(error) as raised:
            assert raised is error  # noqa: PT017  a call need not raise at all
            self.raised = raised
        # Raised again and again, it would keep every portal that it came through.
        error.__traceback__ = None

    def again(self, name: str, act: str = "now") -> Any:
        return answer_of(CALLS[name], over(ports_of(self.world), self.world, act))


def disturbances(name: str, error: BaseException, *, lost: bool = False) -> Iterator[Disturbed]:
    """Yield the call with its first question failing, then with its second, up to its last."""
    for at in count(1):
        disturbed = Disturbed(name, at, error, lost=lost)
        if disturbed.watcher.failed is None:
            assert at > 1
            return
        yield disturbed


@never_reached
@EACH_ERROR
@pytest.mark.parametrize("name", ACTS)
def test_an_act_that_fails_is_done_as_a_whole_or_not_at_all_and_can_be_done_again(name, error):
    expected = Undisturbed(name)
    for disturbed in disturbances(name, error):
        now = committed(disturbed.world)
        if isinstance(disturbed.raised, Died):
            assert now in (expected.before, expected.after)
            continue
        if disturbed.raised is None:
            assert disturbed.answer == expected.answer
        else:
            assert now == expected.before
            assert disturbed.again(name) == expected.answer
        assert committed(disturbed.world) == expected.after
        assert deliver_later(disturbed.world) == expected.notices


@EACH_ERROR
@pytest.mark.parametrize("name", named(ACTS))
def test_an_act_with_a_lost_answer_is_done_whole_or_not_at_all(name, error):
    expected = Undisturbed(name)
    for disturbed in disturbances(name, error, lost=True):
        now = committed(disturbed.world)
        assert now in (expected.before, expected.after)
        if disturbed.raised is None:
            assert disturbed.answer == expected.answer
            assert now == expected.after


@EACH_ERROR
@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("name", named(WITH_REQUEST_ID))
def test_a_repeat_after_a_failure_returns_the_first_receipt(name, lost, error):
    expected = Undisturbed(name)
    for disturbed in disturbances(name, error, lost=lost):
        done = committed(disturbed.world) == expected.after
        answer = disturbed.again(name, "later" if done else "now")
        assert answer == attrs.evolve(expected.answer, repeated=done)
        assert committed(disturbed.world) == expected.after
        assert deliver_later(disturbed.world) == expected.notices


@EACH_ERROR
@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("name", named(["share a batch", "share", *DELIVERIES]))
def test_every_notice_of_a_done_share_arrives_at_least_once(name, lost, error):
    expected = Undisturbed(name)
    for disturbed in disturbances(name, error, lost=lost):
        arrived = deliver_later(disturbed.world)
        done = committed(disturbed.world) == expected.after
        assert arrived == expected.notices if done else arrived.items() < expected.notices.items()


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("error", ERRORS[:2], ids=lambda error: type(error).__name__)
def test_a_share_with_failing_notices_returns_its_receipt(error, lost):
    expected = Undisturbed("share a batch")
    after_the_commit = []
    for disturbed in disturbances("share a batch", error, lost=lost):
        if disturbed.raised is None:
            after_the_commit.append(disturbed.watcher.failed)
            own = {each.id for each in disturbed.world.store.outbox.waiting()}
            assert own | told(disturbed.world).keys() >= expected.notices.keys()
    assert {
        "outbox.claim",
        "directory.profiles",
        "exams.find",
        "grants.grants_of_share",
        "notifier.send",
        "outbox.settle",
    } == set(after_the_commit)


@EACH_ERROR
@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("name", named(READS))
def test_a_question_of_which_a_port_fails_fails_with_it_and_is_never_a_yes(name, lost, error):
    expected = Undisturbed(name)
    for disturbed in disturbances(name, error, lost=lost):
        assert disturbed.raised is error
        assert committed(disturbed.world) == expected.before
        assert disturbed.again(name) == expected.answer


@memory_alone
def test_the_error_of_a_check_that_fails_names_no_user():
    def fail(question, put):
        raise es.StoreFailed("the directory is away")

    world = portal()
    sharing = over(watched(ports_of(world), fail), world)
    with pytest.raises(es.StoreFailed) as failed:
        sharing.can(EVA, VIEW, CT)
    assert failed.value.__context__ is None


def test_who_is_refused_is_refused_also_where_that_cannot_be_recorded(caplog):
    def fail_to_record(question, put):
        if question == "audit.record":
            raise es.StoreFailed("the trail is full of Miller")
        return put()

    world = portal()
    sharing = over(watched(ports_of(world), fail_to_record), world)
    before = committed(world)
    with pytest.raises(es.Refused) as refused:
        sharing.share(share_request(es.UserId("stranger"), CT, BEN, message="dear Miller"))
    assert codes(refused.value.reasons) == [es.ReasonCode.EXAM_NOT_FOUND]
    assert committed(world) == before
    (line,) = caplog.records
    assert (line.name, line.levelname) == ("exam_sharing", "ERROR")
    assert line.getMessage() == "a refusal could not be recorded: StoreFailed"
    assert line.exc_info is None


def test_a_check_takes_nothing_but_true_for_a_yes():
    def truthy(question, put):
        put()
        return "yes" if question == "access.holds" else frozenset({"U:eva"})

    world = portal()
    sharing = over(watched(ports_of(world), truthy), world)
    assert sharing.can(EVA, VIEW, CT) is False
