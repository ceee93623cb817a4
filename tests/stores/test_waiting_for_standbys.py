"""What a commit does while the standby is gone for which it waits."""

import asyncio
import os
import signal
import threading
import time
from contextlib import contextmanager

import attrs
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

import exam_sharing as es
from clinic_on_a_pair import CT, give, take
from exam_sharing.adapters.sqlalchemy import confirming, standby_guard
from exam_sharing.adapters.sqlalchemy.asynchronous import open_async_sharing
from exam_sharing.memory import MemoryNotifier
from exam_sharing.testing.edges import START
from exam_sharing.testing.worlds import ANNA, BEN, CARLA

VIEW = es.Permission.VIEW
WAIT = 0.4


@pytest.fixture(autouse=True)
def short_wait(monkeypatch):
    monkeypatch.setattr(confirming, "LONGEST", WAIT)


@contextmanager
def without_standby(pair, clinic):
    pair.standby.control("stop", "-m", "immediate")
    try:
        yield
    finally:
        pair.standby.control("start")
        clinic.standby.dispose()


@contextmanager
def at_most(seconds):
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_an_act_that_no_standby_confirms_is_done_and_its_receipt_says_so(pair, clinic):
    sharing = clinic.open()
    assert not give(sharing).unconfirmed
    with without_standby(pair, clinic):
        with at_most(5):
            receipt = take(sharing)
        assert receipt.unconfirmed
        assert [each.recipient for each in receipt.ended] == [BEN]
        assert not sharing.can(BEN, VIEW, CT)
    # The session that was told to stop waiting serves nobody else.
    assert not give(sharing).unconfirmed
    assert sharing.can(BEN, VIEW, CT)


def test_a_repeated_receipt_does_not_claim_that_a_standby_has_confirmed_the_act(pair, clinic):
    sharing = clinic.open()
    request = es.ShareRequest(
        actor=ANNA, exam=CT, recipients=(BEN,), attested=True, request_id="once"
    )
    with without_standby(pair, clinic):
        assert sharing.share(request).unconfirmed
        with at_most(5):
            again = sharing.share(request)
        assert again.repeated
        assert again.unconfirmed
    again = sharing.share(request)
    assert again.repeated
    assert not again.unconfirmed


@contextmanager
def with_receiver_stopped(clinic):
    """The standby answers queries, and no longer receives anything."""
    with clinic.standby.connect() as connection:
        receiver = connection.scalar(sa.text("SELECT pid FROM pg_stat_wal_receiver"))
    os.kill(receiver, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(receiver, signal.SIGCONT)


def test_acts_and_relays_go_on_without_a_standby_that_is_cut_off(pair, clinic):
    mailbox = MemoryNotifier()
    sharing = clinic.open(notifier=mailbox)
    with with_receiver_stopped(clinic):
        with at_most(5):
            assert give(sharing).unconfirmed
        with at_most(5):
            sharing.admin.deliver_notices()
        with at_most(5):
            assert take(sharing).unconfirmed
        assert not sharing.can(BEN, VIEW, CT)
    assert len(mailbox.sent) == 1


def test_an_act_in_its_turn_does_not_wait_for_ever_either(pair, clinic):
    sharing = clinic.open()

    class LosesEveryRace:
        def __init__(self, writer):
            self.locked, self.step_aside = writer.locked, writer.step_aside

        def commit(self, changes):
            return False

    ports = sharing._ports
    sharing._ports = attrs.evolve(ports, writer=LosesEveryRace(ports.writer))
    with without_standby(pair, clinic), at_most(5):
        assert give(sharing).unconfirmed
    assert not take(sharing).unconfirmed


def test_a_change_without_a_receipt_raises_once_it_is_done(pair, clinic):
    batch = es.UploadBatch(id=es.BatchId("new"), uploader=ANNA, received_at=START)
    exam = es.Exam(id=es.ExamId("new"), owner=ANNA, batch=batch.id, uploaded_at=START)
    sharing = clinic.open()
    with without_standby(pair, clinic):
        with at_most(5), pytest.raises(es.Unconfirmed, match="the change is done"):
            sharing.add_upload(batch, [exam])
        with at_most(5), pytest.raises(es.Unconfirmed):
            clinic.directory.remove(CARLA)
    assert sharing.can(ANNA, VIEW, exam.id)
    assert clinic.directory.user(CARLA) is None


def test_a_refusal_is_recorded_though_nobody_confirms_it(pair, clinic):
    sharing = clinic.open()
    with without_standby(pair, clinic), at_most(5), pytest.raises(es.Refused):
        give(sharing, es.UserId("nobody"))
    with clinic.patient.connect() as connection:
        kinds = connection.scalars(sa.select(clinic.tables.events.c.kind)).all()
    assert kinds == ["ActRefused"]


def test_an_act_that_the_standby_has_received_and_not_applied_is_known_to_checks(pair, clinic):
    clinic.settle()
    sharing, other = clinic.open(), clinic.open()
    give(sharing)
    with clinic.standby.connect() as connection:
        connection.exec_driver_sql("SELECT pg_wal_replay_pause()")
        try:
            assert take(sharing).unconfirmed
            assert not sharing.can(BEN, VIEW, CT)
            # Another process learns the position when it asks the primary again.
            time.sleep(standby_guard._RENEWED + 0.1)
            assert not other.can(BEN, VIEW, CT)
        finally:
            connection.exec_driver_sql("SELECT pg_wal_replay_resume()")


def test_an_operator_who_ends_the_wait_makes_no_act_look_confirmed(pair, clinic, monkeypatch):
    monkeypatch.setattr(confirming, "LONGEST", 60)
    sharing, receipts = clinic.open(), []
    give(sharing)
    with without_standby(pair, clinic):
        acting = threading.Thread(target=lambda: receipts.append(take(sharing)))
        acting.start()
        ended = sa.text(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        )
        with clinic.patient.connect() as connection:
            deadline = time.monotonic() + 20
            while not connection.scalars(ended).all():
                assert time.monotonic() < deadline
                time.sleep(0.05)
        acting.join()
    assert receipts[0].unconfirmed


def test_a_commit_that_waits_blocks_no_event_loop(pair, clinic):
    async def acted():
        primary = create_async_engine(clinic.patient.url)
        try:
            sharing = await open_async_sharing(primary, tables=clinic.tables)
            request = es.ShareRequest(actor=ANNA, exam=CT, recipients=(BEN,), attested=True)
            acting = asyncio.ensure_future(sharing.share(request))
            longest, began = 0, time.monotonic()
            while not acting.done():
                await asyncio.sleep(0.01)
                longest, began = max(longest, time.monotonic() - began), time.monotonic()
            return (await acting).unconfirmed, longest
        finally:
            await primary.dispose()

    with without_standby(pair, clinic), at_most(10):
        unconfirmed, longest = asyncio.run(acted())
    assert unconfirmed
    assert longest < WAIT
