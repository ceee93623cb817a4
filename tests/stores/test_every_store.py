"""What every store of ours does beyond the laws of stores."""

from datetime import UTC, datetime

import attrs
import pytest

import exam_sharing as es
from exam_sharing.memory import memory_ports
from exam_sharing.sharing import Sharing
from exam_sharing.testing.laws.bench import StoreTrial
from exam_sharing.testing.worlds import ANNA, BEN, CD, CT, DAN
from world import DAY, NO_EXAM, START, FailingNotifier, World

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def world(open_store):
    return World(store=open_store(), notifier=FailingNotifier())


def test_waiting_notices_are_dropped_once_the_deployment_turns_notices_off(world):
    world.share(ANNA, CT, BEN, message="hello")
    assert len(world.store.outbox.waiting()) == 1
    quiet = Sharing(
        policy=es.Policy(sends_notices=False),
        ports=memory_ports(store=world.store, directory=world.directory, notifier=world.notifier),
        clock=world.clock,
        new_id=lambda: "unused",
        sends_at_once=True,
    )
    assert quiet.policy.sends_notices is False
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
    for later in ((), (es.Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=START),)):
        with pytest.raises(es.BatchSealed):
            store.add(batch, later)


def test_shares_and_batches_are_read_as_written(open_store):
    world = World(store=open_store())
    receipt = world.share(ANNA, CT, BEN, DAN, until=START + DAY, performed_by="clerk")
    share = world.store.share_record(receipt.share)
    assert (share.actor, share.recipients, share.until) == (ANNA, (BEN, DAN), START + DAY)
    assert share == world.store.events()[-1].share
    assert world.store.share_record(es.ShareId("no such share")) is None
    assert world.store.batch(CD).uploader == ANNA
    assert world.store.batch(es.BatchId("no such batch")) is None


def bench_over(open_store):
    """Return an empty store on a bench, to write what no act writes."""
    trial = StoreTrial(open_store=open_store, threads=False, examples=1)
    return trial.bench()


def test_an_act_on_a_deleted_exam_is_decided_again(open_store):
    with bench_over(open_store) as bench:
        act = bench.sharing(bench.grant(NO_EXAM, BEN))
        assert bench.commit(act) is False
        assert bench.read(NO_EXAM).version == 0
