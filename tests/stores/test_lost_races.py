"""A commit is written as a whole or not at all, and a failure tells nothing of what it was."""

import pickle
import traceback

import psycopg
import pytest
import sqlalchemy
from sqlalchemy.exc import OperationalError

from exam_sharing import NoticeId, ShareId, StoreFailed
from exam_sharing.events import ActRefused, WaitingNotice
from exam_sharing.policy.plans import UnshareReceipt
from exam_sharing.ports import Changes, StoredReceipt
from world import ANNA, BEN, CARLA, CT, MR, START, World, share_request

PATIENT = "the patient is called Miller"


@pytest.fixture
def world(new_store):
    return World(store=new_store())


def changes(**more):
    event = ActRefused(at=START, request=share_request(ANNA, CT, BEN), reasons=())
    return Changes(**{"versions": {}, "event": event, **more})


def notice(number):
    return WaitingNotice(
        id=NoticeId(f"n{number}"),
        share=ShareId("s"),
        to=BEN,
        actor=ANNA,
        exam_ids=(CT,),
        message=PATIENT,
    )


def receipt(fingerprint="f"):
    return StoredReceipt(
        actor=ANNA,
        request_id="once",
        fingerprint=fingerprint,
        receipt=UnshareReceipt(at=START),
    )


@pytest.mark.parametrize("version", [1, 7])
def test_a_commit_on_a_version_that_has_moved_writes_nothing(world, version):
    world.share(ANNA, CT, BEN)
    before = world.state(), world.store.events()
    stale = {CT: version - 1 if version == 1 else version, MR: 0}
    assert not world.store.commit(changes(versions=stale, notices=(notice(1),)))
    assert (world.state(), world.store.events()) == before


def test_a_commit_under_a_request_id_that_is_taken_writes_nothing(world):
    assert world.store.commit(changes(receipt=receipt()))
    before = world.state(), world.store.events()
    assert not world.store.commit(changes(receipt=receipt("g"), notices=(notice(1),)))
    assert (world.state(), world.store.events()) == before
    assert world.store.receipt(ANNA, "once").fingerprint == "f"


def test_exams_that_the_host_keeps_for_itself_are_counted_from_their_first_act(world):
    unknown = type(CT)("of the host's own")
    assert world.store.commit(changes(versions={unknown: 0}))
    assert not world.store.commit(changes(versions={unknown: 1}))


DRIVERS_LOST_RACES = [
    psycopg.errors.SerializationFailure(PATIENT),
    psycopg.errors.DeadlockDetected(PATIENT),
]


@pytest.mark.parametrize("error", DRIVERS_LOST_RACES, ids=lambda error: error.sqlstate)
@pytest.mark.parametrize("statement", range(7))
def test_a_race_that_the_database_ends_is_lost_and_nothing_else_is(engine, world, error, statement):
    def share():
        return world.share(ANNA, CT, BEN, CARLA, message="hello")

    with failing(engine, OperationalError("INSERT", {"m": PATIENT}, error), at=statement) as seen:
        if statement < 4:  # Reading comes first, and is not tried again.
            with pytest.raises(StoreFailed):
                share()
            assert world.state()[0][CT][0] == 0
            return
        share()
    assert len(seen) > statement
    assert world.state()[0][CT][0] == 1
    assert len(world.notifier.sent) == 2


class failing:  # noqa: N801  used as a context manager
    """Makes one statement of an engine fail, counted from 0."""

    def __init__(self, engine, error, *, at):
        self.engine, self.error, self.at, self.seen = engine, error, at, []

    def note(self, connection, cursor, statement, *others):
        if statement.startswith(("BEGIN", "COMMIT", "PRAGMA")):
            return
        self.seen.append(statement)
        if len(self.seen) == self.at + 1:
            raise self.error

    def __enter__(self):
        sqlalchemy.event.listen(self.engine, "before_cursor_execute", self.note)
        return self.seen

    def __exit__(self, *_):
        sqlalchemy.event.remove(self.engine, "before_cursor_execute", self.note)


def test_a_failure_tells_nothing_of_what_was_written(engine, world):
    error = OperationalError("INSERT …", {"message": PATIENT}, Exception(PATIENT))
    for at in range(2, 8):
        with failing(engine, error, at=at), pytest.raises(StoreFailed) as caught:
            world.share(ANNA, CT, BEN, message=PATIENT)
        assert_tells_nothing(caught.value)


def test_an_id_that_is_taken_tells_nothing_of_what_was_written(world):
    assert world.store.commit(changes(notices=(notice(1),)))
    with pytest.raises(StoreFailed, match="the id of a notice is taken") as caught:
        world.store.commit(changes(notices=(notice(1),)))
    assert_tells_nothing(caught.value)


def assert_tells_nothing(error):
    assert "Miller" not in "".join(traceback.format_exception(error))
    assert "Miller" not in repr(pickle.loads(pickle.dumps(error)))  # noqa: S301
    seen = set()
    while error is not None and error not in seen:
        seen.add(error)
        assert "Miller" not in repr(error)
        error = error.__cause__ or error.__context__
