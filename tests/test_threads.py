"""Acts at once are as if in a row, with real threads. Specification: `#serial-order`."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Event

import attrs
import pytest

import exam_sharing as es
from exam_sharing.acts.changing import ATTEMPTS
from exam_sharing.events import ActRefused, ExamShared, GrantsEnded
from exam_sharing.memory import (
    MemoryDirectory,
    MemoryStore,
    memory_ports,
    open_sharing,
)
from exam_sharing.policy.retries import longest_delay

NOW = datetime(2030, 1, 1, tzinfo=UTC)
THREADS = 8
USERS = tuple(es.UserId(f"user{n}") for n in range(6))
GROUPS = (es.GroupId("ward"), es.GroupId("staff"))
EXAMS = tuple(es.ExamId(f"E{n}") for n in range(4))
OWNER, *OTHERS = USERS


@contextmanager
def threads_take_turns_quickly():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def portal(store=None, directory=None, notifier=None):
    directory = MemoryDirectory() if directory is None else directory
    for user in USERS:
        directory.add(es.User(id=user, name=str(user), email=f"{user}@example.org"))
    for group in GROUPS:
        directory.add(es.Group(id=group, name=str(group), members=frozenset(OTHERS[:2])))
    numbers = count(1)
    store = store or MemoryStore()
    sharing = open_sharing(
        directory=directory,
        notifier=notifier,
        clock=lambda: NOW,
        new_id=lambda: f"act{next(numbers)}",
        store=store,
    )
    batch = es.UploadBatch(id=es.BatchId("cd"), uploader=OWNER, source="CD", received_at=NOW)
    sharing.add_upload(
        batch, [es.Exam(id=exam, owner=OWNER, batch=batch.id, uploaded_at=NOW) for exam in EXAMS]
    )
    return sharing, store, directory


def act_at_random(sharing, directory, chance):
    """Do one thing that may be permitted or not."""
    actor, exam = chance.choice(USERS), chance.choice(EXAMS)
    recipient = chance.choice((*OTHERS, *GROUPS))
    reshares = chance.choice(tuple(es.Reshares))
    match chance.randrange(8):
        case 0 | 1 | 2 | 3:
            sharing.share(
                es.ShareRequest(
                    actor=chance.choice((OWNER, actor)),
                    exam=exam,
                    recipients=(recipient,),
                    permission=chance.choice(tuple(es.Permission)),
                    scope=chance.choice(tuple(es.Scope)),
                    until=chance.choice((None, NOW + timedelta(hours=chance.randrange(1, 9)))),
                    attested=True,
                )
            )
        case 4 | 5:
            sharing.unshare(
                es.UnshareRequest(actor=actor, exam=exam, recipient=recipient, reshares=reshares)
            )
        case 6:
            sharing.narrow(
                es.NarrowRequest(
                    actor=chance.choice((OWNER, actor)),
                    exam=exam,
                    recipient=recipient,
                    permission=es.Permission.VIEW,
                    reshares=reshares,
                )
            )
        case 7:
            members = frozenset(chance.sample(OTHERS, 2))
            directory.add(es.Group(id=chance.choice(GROUPS), name="group", members=members))


@pytest.fixture(scope="module", params=range(3), ids="seed {}".format)
def aftermath(request):
    """The store and the receipts after eight threads have shared and unshared at random."""
    sharing, store, directory = portal()

    def work(number):
        chance = random.Random(request.param * THREADS + number)
        for _ in range(60):
            try:
                act_at_random(sharing, directory, chance)
            except es.Refused:
                continue

    with threads_take_turns_quickly(), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    return store


def events_on(store, exam):
    done = (event for event in store.events() if not isinstance(event, ActRefused))
    return sorted(
        (event for event in done if exam in event.versions), key=lambda e: e.versions[exam]
    )


def test_versions_have_no_gaps_and_no_doubles(aftermath):
    for exam in EXAMS:
        versions = [event.versions[exam] for event in events_on(aftermath, exam)]
        assert versions == list(range(1, len(versions) + 1))
        assert aftermath.read((exam,), ended=False)[exam].version == len(versions)


def test_replaying_the_trail_by_versions_gives_the_grants(aftermath):
    for exam in EXAMS:
        standing = {}
        for event in events_on(aftermath, exam):
            for past in getattr(event, "ended", ()):
                if past.grant.exam == exam:
                    assert standing.pop(past.grant.id) == past.grant
            standing.update((grant.id, grant) for grant in event.made if grant.exam == exam)
        assert set(standing.values()) == set(aftermath.read((exam,), ended=False)[exam].grants)


def test_no_grant_exists_that_its_grantor_could_not_have_made(aftermath):
    """Each rests on grants that stood, and gave enough, at the version at which it was made."""
    for exam in EXAMS:
        standing = {}
        for event in events_on(aftermath, exam):
            if isinstance(event, ExamShared):
                for grant in event.made:
                    if grant.exam == exam and isinstance(grant.basis, frozenset):
                        assert grant.basis <= standing.keys()
                        for source in grant.basis:
                            assert standing[source].holding.covers(grant.holding)
                            assert standing[source].grantor != grant.grantor
            for past in getattr(event, "ended", ()):
                standing.pop(past.grant.id, None)
            standing.update((grant.id, grant) for grant in event.made if grant.exam == exam)


def test_no_share_of_a_batch_is_half_done(aftermath):
    for event in aftermath.events():
        if isinstance(event, ExamShared):
            share = aftermath.share_record(event.share.id)
            assert share == event.share
            assert {grant.exam for grant in event.made} == set(event.versions)
            for grant in event.made:
                assert aftermath.find_grants((grant.id,)) == (grant,)


def test_ended_grants_ended_once(aftermath):
    for exam in EXAMS:
        ended = [past.grant.id for past in aftermath.read((exam,), ended=True)[exam].ended]
        assert len(ended) == len(set(ended))
        told = [
            past.grant.id
            for event in events_on(aftermath, exam)
            if isinstance(event, GrantsEnded)
            for past in event.ended
            if past.grant.exam == exam
        ]
        assert sorted(ended) == sorted(told)


def test_a_reader_never_sees_a_batch_half_shared():
    sharing, _, _ = portal()
    done = Event()
    partly = []

    def read():
        reader = OTHERS[0]
        while not done.is_set():
            seen = sharing.can_many(reader, es.Permission.VIEW, EXAMS)
            if seen not in (frozenset(), frozenset(EXAMS)):
                partly.append(seen)
            first = sharing.can(reader, es.Permission.VIEW, EXAMS[0])
            last = sharing.can(reader, es.Permission.VIEW, EXAMS[-1])
            listed = sharing.shared_with(reader).items
            if len(listed) not in (0, len(EXAMS)):
                partly.append((first, last, listed))

    def share_and_end():
        for _ in range(150):
            sharing.share(
                es.ShareRequest(
                    actor=OWNER,
                    exam=EXAMS[0],
                    recipients=(OTHERS[0],),
                    scope=es.Scope.BATCH,
                    attested=True,
                )
            )
            sharing.admin.end_by_host(recipient=OTHERS[0], performed_by="ops", why="test")
        done.set()

    with threads_take_turns_quickly(), ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        pool.submit(share_and_end).result()
        for reader in readers:
            reader.result()
    assert partly == []


class AlwaysLate(MemoryStore):
    """A store in which somebody else is always first."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def commit(self, changes):
        return False

    def step_aside(self, lost):
        self.waits.append(lost)


def test_an_act_that_always_loses_gives_up():
    sharing, store, _ = portal(AlwaysLate())
    request = es.ShareRequest(actor=OWNER, exam=EXAMS[0], recipients=(OTHERS[0],), attested=True)
    with pytest.raises(es.Conflict, match="nothing was done, try again") as caught:
        sharing.share(request)
    assert caught.value.attempts == ATTEMPTS
    assert store.waits == list(range(1, ATTEMPTS + 1))
    assert store.events() == ()


def test_delays_after_lost_races_grow_up_to_half_a_second():
    waits = [longest_delay(lost) for lost in range(1, ATTEMPTS + 1)]
    assert waits == sorted(waits)
    assert 0 < waits[0] < waits[3]
    assert waits[-1] == 0.5


def test_a_store_may_be_shared_by_several_sharings():
    sharing, store, directory = portal()
    other = es.Sharing(
        policy=es.Policy(),
        ports=memory_ports(store=store, directory=directory),
        clock=lambda: NOW,
        new_id=lambda: "other",
        sends_at_once=False,
    )
    sharing.share(
        es.ShareRequest(actor=OWNER, exam=EXAMS[0], recipients=(OTHERS[0],), attested=True)
    )
    assert other.can(OTHERS[0], es.Permission.VIEW, EXAMS[0])
    assert attrs.fields_dict(type(other.viewer(OTHERS[0])))["principals"]
