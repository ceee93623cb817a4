"""Acts at once are as if one came after the other. Specification: `#serial-order`.

> Replaying the acts on an exam in the order of its versions gives its grants.

What eight threads did is done again from the requests alone, one act after the other, on a store of
its own, with the times and the ids that the acts had. The order is that of the audit trail, which
keeps the versions of every exam. Everything must come out as it did: grants, endings, receipts.
"""

import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event, local
from typing import Any, Final

import attrs
import pytest

import exam_sharing as es
from exam_sharing.acts.changing import ATTEMPTS
from exam_sharing.events import ActRefused, ExamShared
from exam_sharing.memory import (
    MemoryDirectory,
    MemoryNotifier,
    MemoryStore,
    memory_ports,
    open_sharing,
)
from exam_sharing.policy.requests import HostEnding
from exam_sharing.policy.retries import longest_delay
from exam_sharing.testing.worlds import perform
from watching import watched
from where_kept import empty_store
from world import START, grant_id, share_request

pytestmark = pytest.mark.every_store

THREADS: Final = 8
ACTS: Final = 60
SECOND: Final = timedelta(seconds=1)
USERS: Final = tuple(es.UserId(f"user{n}") for n in range(6))
OWNER, *OTHERS = USERS
GROUPS: Final = (es.GroupId("ward"), es.GroupId("clinic"))
EXAMS: Final = tuple(es.ExamId(f"exam{n}") for n in range(3))


@pytest.fixture(autouse=True)
def threads_take_turns_quickly():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


class Portal:
    """A portal of which each thread sets its own time and the id of its next act.

    Its exams are uploaded unless the store has them.
    """

    def __init__(
        self,
        store: Any = None,
        notifier: Any = None,
        open_over: Any = open_sharing,
        directory: Any = None,
    ) -> None:
        self.store = empty_store() if store is None else store
        self.directory = MemoryDirectory() if directory is None else directory
        self.own = local()
        self.own.now, self.own.act = START, "upload"
        self.sharing = open_over(
            store=self.store,
            directory=self.directory,
            notifier=MemoryNotifier() if notifier is None else notifier,
            clock=lambda: self.own.now,
            new_id=lambda: self.own.act,
        )
        for user in USERS:
            self.directory.add(es.User(id=user, name=str(user), email=f"{user}@example.org"))
        self.directory.add(es.Group(id=GROUPS[0], name="ward", members=frozenset(OTHERS[:2])))
        self.directory.add(
            es.Group(id=GROUPS[1], name="clinic", members=frozenset({OTHERS[2], GROUPS[0]}))
        )
        batch = es.UploadBatch(id=es.BatchId("cd"), uploader=OWNER, received_at=START)
        if self.store.batch(batch.id) is None:
            self.sharing.add_upload(
                batch,
                [
                    es.Exam(id=exam, owner=OWNER, batch=batch.id, uploaded_at=START)
                    for exam in EXAMS
                ],
            )

    def do(self, request: Any, act: str, now: Any) -> Any:
        """Return what an act comes to, or `None` when it is refused."""
        self.own.act, self.own.now = act, now
        try:
            return perform_any(self.sharing, request)
        except es.Refused:
            return None

    def some_of(self, number: int) -> int:
        """Return how many of so many times are enough: in a database, all threads always race."""
        return number if isinstance(self.store, MemoryStore) else number // 4

    def kept(self) -> dict[es.ExamId, Any]:
        return {
            exam: (each.version, frozenset(each.grants), frozenset(each.ended))
            for exam, each in self.store.read(EXAMS, ended=True).items()
        }

    def done(self) -> list[Any]:
        """Return the events of all that was not refused, in the order of the audit trail."""
        return [each for each in self.store.events() if not isinstance(each, ActRefused)]


def perform_any(sharing: es.Sharing, request: Any) -> Any:
    if not isinstance(request, HostEnding):
        return perform(sharing, request)
    return sharing.admin.end_by_host(
        recipient=request.recipient,
        exam=request.exam,
        reshares=request.reshares,
        performed_by=request.performed_by,
        why=str(request.why),
    )


def act_at_random(sharing: es.Sharing, directory: Any, chance: random.Random) -> None:
    """Do one thing that may be permitted or not, or change a group."""
    if chance.random() < 1 / 8:
        members = frozenset(chance.sample(OTHERS, 2))
        directory.add(es.Group(id=chance.choice(GROUPS), name="group", members=members))
    else:
        perform_any(sharing, something(chance, [es.GrantId("none")]))


def something(chance: random.Random, grants: list[es.GrantId]) -> Any:
    """Return a request that may be permitted or not."""
    actor = chance.choice((OWNER, *USERS))
    exam, recipient = chance.choice(EXAMS), chance.choice((*OTHERS, *GROUPS))
    reshares = chance.choice(tuple(es.Reshares))
    whom = {"actor": actor, "exam": exam, "recipient": recipient, "reshares": reshares}
    match chance.randrange(9):
        case 0:
            return es.UnshareRequest(**whom)
        case 1:
            return es.NarrowRequest(**whom, permission=es.Permission.VIEW)
        case 2:
            return es.NarrowRequest(**whom, until=START + chance.randrange(1, 200) * SECOND)
        case 3:
            return es.RevokeRequest(actor=actor, grant=chance.choice(grants), reshares=reshares)
        case 4 if chance.random() < 0.3:
            return HostEnding(
                recipient=recipient, exam=exam, reshares=reshares, performed_by="root", why="left"
            )
        case _:
            return es.ShareRequest(
                actor=actor,
                exam=exam,
                recipients=chance.sample((*USERS, *GROUPS), 2),
                permission=chance.choice(tuple(es.Permission)),
                scope=chance.choice(tuple(es.Scope)),
                until=chance.choice((None, START + chance.randrange(1, 300) * SECOND)),
                attested=True,
            )


once_more = pytest.mark.memory_only("threads seldom race in memory, and in a database always")


@pytest.fixture(
    scope="module", params=[1, pytest.param(2, marks=once_more), pytest.param(3, marks=once_more)]
)
def aftermath(request, where_kept):
    """A portal on which eight threads have acted at random, and the receipts that they got."""
    portal, receipts, start = Portal(), [], Barrier(THREADS + 1)
    grants, done = [es.GrantId("none")], Event()

    def act(thread: int) -> None:
        chance = random.Random(request.param * THREADS + thread)
        start.wait()
        for number in range(portal.some_of(ACTS)):
            name = f"{thread}x{number}"
            receipt = portal.do(something(chance, grants), name, START + number * SECOND)
            if isinstance(receipt, es.ShareReceipt):
                made = [grant_id(name, each.exam, each.recipient) for each in receipt.outcomes]
                grants.extend(made)
            if receipt is not None:
                receipts.append(receipt)

    def look() -> None:
        portal.own.now, portal.own.act = START, "look"
        start.wait()
        while not done.is_set():
            for user in USERS:
                portal.sharing.can_many(user, es.Permission.VIEW, EXAMS)
                portal.sharing.visible_to(user)
                for exam in EXAMS:
                    portal.sharing.can(user, es.Permission.DOWNLOAD, exam)
                    portal.sharing.admin.explain(user, es.Permission.VIEW, exam)
            portal.sharing.access_list(OWNER, EXAMS[0])
            portal.directory.add(portal.directory.group(GROUPS[0]))

    with ThreadPoolExecutor(THREADS + 1) as pool:
        looking = pool.submit(look)
        acting = [pool.submit(act, thread) for thread in range(THREADS)]
        try:
            for each in acting:
                each.result()
        finally:
            done.set()
        looking.result()
    return portal, receipts


def act_of(event: Any) -> str:
    """Return the id that an act had, as far as anything hangs on it."""
    if isinstance(event, ExamShared):
        return str(event.share.id)
    return str(event.made[0].id).partition("-")[0] if event.made else "nothing made"


def test_done_again_one_after_the_other_the_acts_come_to_the_same(aftermath):
    portal, receipts = aftermath
    again = Portal()
    receipts_again = [again.do(each.request, act_of(each), each.at) for each in portal.done()]
    assert again.done() == portal.done()
    assert again.kept() == portal.kept()
    assert Counter(receipts_again) == Counter(receipts)


@pytest.fixture(scope="module")
def store(aftermath):
    return aftermath[0].store


def events_on(store, exam):
    """Return what was done on an exam, in the order of the audit trail."""
    return [
        event
        for event in store.events()
        if not isinstance(event, ActRefused) and exam in event.versions
    ]


def test_the_order_of_the_trail_is_the_order_of_versions_without_gaps(store):
    for exam in EXAMS:
        versions = [event.versions[exam] for event in events_on(store, exam)]
        assert versions == list(range(1, len(versions) + 1))
        assert store.read((exam,), ended=False)[exam].version == len(versions)


def test_replaying_the_trail_by_versions_gives_the_grants(store):
    """And each re-share rests on grants that stood, and gave enough, when it was made."""
    for exam in EXAMS:
        standing, ended = {}, []
        for event in events_on(store, exam):
            made = [grant for grant in event.made if grant.exam == exam]
            for grant in made:
                if isinstance(event, ExamShared) and isinstance(grant.basis, frozenset):
                    for source in (standing[each] for each in grant.basis):
                        assert source.holding.covers(grant.holding)
                        assert source.grantor != grant.grantor
            for past in getattr(event, "ended", ()):
                if past.grant.exam == exam:
                    assert standing.pop(past.grant.id) == past.grant
                    ended.append(past)
            standing.update((grant.id, grant) for grant in made)
        kept = store.read((exam,), ended=True)[exam]
        assert set(standing.values()) == set(kept.grants)
        assert Counter(kept.ended) == Counter(ended)


def test_no_share_of_a_batch_is_half_done(store):
    for event in store.events():
        if isinstance(event, ExamShared):
            assert store.share_record(event.share.id) == event.share
            assert {grant.exam for grant in event.made} == set(event.versions)
            for grant in event.made:
                assert store.find_grants((grant.id,)) == (grant,)


def test_checks_never_go_back_behind_a_share_of_a_batch():
    portal = Portal()
    rounds = portal.some_of(60)
    readers = tuple(es.UserId(f"reader{n}") for n in range(rounds))
    for reader in readers:
        portal.directory.add(es.User(id=reader, name=str(reader)))
    done = Event()

    def look(order: tuple[es.ExamId, ...]) -> list[str]:
        portal.own.now, seen = START, dict.fromkeys(readers, "")
        while not done.is_set():
            for reader in readers:
                for exam in order:
                    yes = portal.sharing.can(reader, es.Permission.VIEW, exam)
                    if not seen[reader].endswith("y" if yes else "n"):
                        seen[reader] += "y" if yes else "n"
        return list(seen.values())

    with ThreadPoolExecutor(3) as pool:
        looking = [pool.submit(look, order) for order in (EXAMS, EXAMS[::-1])]
        for number, reader in enumerate(readers):
            request = share_request(OWNER, EXAMS[1], reader, scope=es.Scope.BATCH)
            assert portal.do(request, f"share{number}", START)
        done.set()
        assert {each for one in looking for each in one.result()} <= {"", "n", "y", "ny"}


def test_one_request_id_in_two_threads_makes_one_share_each_time():
    notifier = MemoryNotifier()
    portal = Portal(notifier=notifier)
    for number in range(40):
        once = {"until": START + (number + 1) * SECOND, "request_id": f"request{number}"}
        recipient = OTHERS[number % len(OTHERS)]
        request = share_request(OWNER, EXAMS[0], recipient, scope=es.Scope.BATCH, **once)
        start = Barrier(2)

        def share(thread: int, request=request, start=start, number=number) -> Any:
            start.wait()
            return portal.do(request, f"{number}x{thread}", START)

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(share, range(2))
        assert {first.repeated, second.repeated} == {False, True}
        assert attrs.evolve(first, repeated=second.repeated) == second
        assert len(portal.done()) == number + 1
    sent = [notice.id for notice in notifier.sent]
    assert len(sent) == len(set(sent)) == 40


def test_a_moved_exam_that_a_batch_left_out_is_a_conflict():
    """Or else two shares of one batch could each leave out what the other one gives."""
    one, other = OTHERS[:2]
    portal = Portal()

    def between(question: str, put: Any) -> Any:
        if question == "writer.commit" and not meanwhile:
            whole = share_request(other, EXAMS[2], one, scope=es.Scope.BATCH)
            meanwhile.append(portal.do(whole, "other", START))
        return put()

    portal.do(share_request(OWNER, EXAMS[0], one), "a", START)
    portal.do(share_request(OWNER, EXAMS[2], other), "b", START)
    meanwhile: list[Any] = []
    ports = memory_ports(store=portal.store, directory=portal.directory)
    sharing = es.Sharing(
        policy=portal.sharing.policy,
        ports=watched(ports, between),
        clock=lambda: START,
        new_id=lambda: "one",
        sends_at_once=False,
    )
    receipt = sharing.share(share_request(one, EXAMS[0], other, scope=es.Scope.BATCH))
    assert [each.exam for each in meanwhile[0].outcomes] == [EXAMS[2]]
    assert [each.exam for each in receipt.outcomes] == [EXAMS[0], EXAMS[2]]


class AlwaysLate(MemoryStore):
    """A store in which somebody else is always first."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def commit(self, changes):
        return False

    def step_aside(self, lost):
        self.waits.append(lost)


@pytest.mark.memory_only("the store is one in memory")
def test_an_act_that_always_loses_gives_up():
    portal = Portal(AlwaysLate())
    request = share_request(OWNER, EXAMS[0], OTHERS[0])
    with pytest.raises(es.Conflict, match="nothing was done, try again") as caught:
        portal.do(request, "late", START)
    assert caught.value.attempts == ATTEMPTS
    assert portal.store.waits == list(range(1, ATTEMPTS + 1))
    assert portal.store.events() == ()


@pytest.mark.memory_only("it is about no store")
def test_delays_after_lost_races_double_up_to_half_a_second():
    doubled = [0.002 * 2**lost for lost in range(8)]
    waits = [longest_delay(lost) for lost in range(1, ATTEMPTS + 1)]
    assert waits == doubled + [0.5] * (ATTEMPTS - 8)
