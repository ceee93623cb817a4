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
from exam_sharing.events import ActRefused, ExamShared
from exam_sharing.memory import (
    MemoryDirectory,
    MemoryNotifier,
    MemoryStore,
    memory_ports,
    open_sharing,
)
from exam_sharing.policy.requests import HostEnding
from exam_sharing.testing.worlds import perform
from watching import watched
from where_kept import empty_store
from world import START, grant_id

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

    Args:
        store: what keeps everything; exams are uploaded unless they are there.
        notifier: by default one that keeps what it is given.
        open_over: how to open a `Sharing` over the store.
    """

    def __init__(
        self, store: Any = None, notifier: Any = None, open_over: Any = open_sharing
    ) -> None:
        self.store = empty_store() if store is None else store
        self.directory = MemoryDirectory()
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
            self.directory.add(es.User(id=user, name=str(user)))
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
            match request:
                case HostEnding():
                    return self.sharing.admin.end_by_host(
                        recipient=request.recipient,
                        exam=request.exam,
                        reshares=request.reshares,
                        performed_by=request.performed_by,
                        why=str(request.why),
                    )
                case _:
                    return perform(self.sharing, request)
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
    scope="module",
    params=[1, pytest.param(2, marks=once_more), pytest.param(3, marks=once_more)],
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


def test_the_order_of_the_trail_is_the_order_of_versions_without_gaps(aftermath):
    portal, _ = aftermath
    for exam in EXAMS:
        versions = [each.versions[exam] for each in portal.done() if exam in each.versions]
        assert versions == list(range(1, portal.kept()[exam][0] + 1))


def contents(grants):
    return {es.ShownGrant.of(grant, frozenset()) for grant in grants}


def test_receipts_trail_and_store_agree(aftermath):
    portal, receipts = aftermath
    ever = {grant for _, standing, ended in portal.kept().values() for grant in standing}
    ever |= {each.grant for _, _, past in portal.kept().values() for each in past}
    made = {grant for event in portal.done() for grant in event.made}
    ended = {each.grant for event in portal.done() for each in getattr(event, "ended", ())}
    assert made == ever
    assert ended == {each.grant for _, _, past in portal.kept().values() for each in past}
    told = [each for each in receipts if isinstance(each, es.UnshareReceipt)]
    assert contents(grant for each in told for grant in each.ended) <= contents(ended)
    assert contents(grant for each in told for grant in each.replacements) <= contents(made)
    shares = {each.share for each in receipts if isinstance(each, es.ShareReceipt)}
    assert shares == {each.share.id for each in portal.done() if isinstance(each, ExamShared)}


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
            request = es.ShareRequest(
                actor=OWNER, exam=EXAMS[1], recipients=[reader], scope=es.Scope.BATCH, attested=True
            )
            assert portal.do(request, f"share{number}", START)
        done.set()
        assert {each for one in looking for each in one.result()} <= {"", "n", "y", "ny"}


def test_one_request_id_in_two_threads_makes_one_share_each_time():
    notifier = MemoryNotifier()
    portal = Portal(notifier=notifier)
    for number in range(40):
        request = es.ShareRequest(
            actor=OWNER,
            exam=EXAMS[0],
            recipients=[OTHERS[number % len(OTHERS)]],
            until=START + (number + 1) * SECOND,
            scope=es.Scope.BATCH,
            attested=True,
            request_id=f"request{number}",
        )
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


def test_one_request_id_for_two_requests_is_one_share_and_one_error():
    portal, start = Portal(), Barrier(2)

    def share(recipient: es.UserId) -> Any:
        request = es.ShareRequest(
            actor=OWNER, exam=EXAMS[0], recipients=[recipient], attested=True, request_id="once"
        )
        start.wait()
        try:
            return portal.do(request, f"for {recipient}", START)
        except es.RequestIdReused as reused:
            return reused

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(share, OTHERS[:2]))
    assert sorted(type(each).__name__ for each in answers) == ["RequestIdReused", "ShareReceipt"]
    assert len(portal.done()) == 1


def test_a_moved_exam_that_a_batch_left_out_is_a_conflict():
    """Or else two shares of one batch could each leave out what the other one gives."""
    one, other = OTHERS[:2]
    portal = Portal()

    def share(
        actor: es.UserId, exam: es.ExamId, recipient: es.UserId, scope: es.Scope
    ) -> es.ShareRequest:
        return es.ShareRequest(
            actor=actor, exam=exam, recipients=[recipient], scope=scope, attested=True
        )

    def between(question: str, put: Any) -> Any:
        if question == "writer.commit" and not meanwhile:
            meanwhile.append(portal.do(share(other, EXAMS[2], one, es.Scope.BATCH), "other", START))
        return put()

    portal.do(share(OWNER, EXAMS[0], one, es.Scope.EXAM), "a", START)
    portal.do(share(OWNER, EXAMS[2], other, es.Scope.EXAM), "b", START)
    meanwhile: list[Any] = []
    ports = memory_ports(store=portal.store, directory=portal.directory)
    sharing = es.Sharing(
        policy=portal.sharing.policy,
        ports=watched(ports, between),
        clock=lambda: START,
        new_id=lambda: "one",
        sends_at_once=False,
    )
    receipt = sharing.share(share(one, EXAMS[0], other, es.Scope.BATCH))
    assert [each.exam for each in meanwhile[0].outcomes] == [EXAMS[2]]
    assert [each.exam for each in receipt.outcomes] == [EXAMS[0], EXAMS[2]]
