"""What every store of ours does beyond the laws of stores."""

import attrs
import pytest

import calls
import exam_sharing as es
from exam_sharing.testing.laws.bench import StoreTrial
from exam_sharing.testing.worlds import ANNA, BEN, CD, CT
from world import NO_EXAM, START, FailingNotifier, World


@pytest.fixture
def world(open_store):
    return World(store=open_store(), notifier=FailingNotifier())


def test_waiting_notices_are_dropped_once_the_deployment_turns_notices_off(world):
    world.share(ANNA, CT, BEN, message="hello")
    assert len(world.store.outbox.waiting()) == 1
    world.policy = es.Policy(sends_notices=False)
    quiet = calls.sharing_over(calls.ports_of(world), world)
    assert quiet.admin.deliver_notices() == 0
    assert world.store.outbox.waiting() == ()


@pytest.mark.parametrize("withdrawn", [True, False])
def test_a_missing_exam_cannot_change_owners(withdrawn, open_store):
    world = World(store=open_store())
    world.sharing.admin.withdraw(CT, performed_by="ops", why="test")
    with pytest.raises(es.StoreFailed, match="does not exist or was withdrawn"):
        world.store.transfer(CT if withdrawn else NO_EXAM, BEN, at=START)


def test_the_last_state_of_a_batch_is_kept(open_store):
    store = open_store()
    batch = es.UploadBatch(id=CD, uploader=ANNA, source="a CD", received_at=START)
    store.add(batch, ())
    assert store.batch(CD) == batch
    store.add(attrs.evolve(batch, sealed=True), ())
    store.add(attrs.evolve(batch, sealed=True), ())
    assert store.batch(CD) == attrs.evolve(batch, sealed=True)
    assert store.batch(es.BatchId("no such batch")) is None
    for later in ((), (es.Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=START),)):
        with pytest.raises(es.BatchSealed):
            store.add(batch, later)


def test_an_act_on_a_deleted_exam_is_decided_again(open_store):
    # A bench writes what no act writes.
    with StoreTrial(open_store=open_store, threads=False, examples=1).bench() as bench:
        act = bench.sharing(bench.grant(NO_EXAM, BEN))
        assert bench.commit(act) is False
        assert bench.read(NO_EXAM).version == 0
