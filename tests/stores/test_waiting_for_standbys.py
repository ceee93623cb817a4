"""What a commit does while the standby is gone for which it waits.

Mostly the standby is there and receives nothing, which is the same for the primary, and quicker.
"""

import asyncio
import re
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

import exam_sharing as es
from clinic_on_a_pair import CT, give, take, with_receiver_stopped
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy import confirming, joined, standby_guard
from exam_sharing.adapters.sqlalchemy.asynchronous import open_async_sharing
from exam_sharing.adapters.sqlalchemy.database import Database
from exam_sharing.memory import MemoryNotifier
from exam_sharing.testing.edges import START
from exam_sharing.testing.worlds import ANNA, BEN, CARLA

VIEW = es.Permission.VIEW
WAIT = 1.0
SHARE = es.ShareRequest(actor=ANNA, exam=CT, recipients=(BEN,), attested=True)


@pytest.fixture(autouse=True)
def short_wait(monkeypatch):
    monkeypatch.setattr(confirming, "LONGEST", WAIT)


@contextmanager
def at_most(seconds):
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def waiting(clinic, **options):
    """Open sharing whose sessions wait by default, as on a cluster they should."""
    directory = sql.SqlDirectory(clinic.patient, clinic.tables.directory)
    return sql.open_sharing(clinic.patient, tables=clinic.tables, directory=directory, **options)


def test_an_act_that_no_standby_confirms_is_done_and_its_receipt_says_so(pair, clinic):
    sharing = clinic.open()
    assert not give(sharing).unconfirmed
    pair.standby.control("stop", "-m", "immediate")
    try:
        with at_most(5):
            receipt = take(sharing)
        assert receipt.unconfirmed
        assert [each.recipient for each in receipt.ended] == [BEN]
        assert not sharing.can(BEN, VIEW, CT)
    finally:
        pair.standby.control("start")
        clinic.standby.dispose()
    # The session that was told to stop waiting serves nobody else.
    assert not give(sharing).unconfirmed
    assert sharing.can(BEN, VIEW, CT)


def test_a_repeated_receipt_does_not_claim_that_a_standby_has_confirmed_the_act(clinic):
    sharing = clinic.open(reading=None)
    request = attrs.evolve(SHARE, request_id="once")
    with with_receiver_stopped(clinic):
        assert sharing.share(request).unconfirmed
        with at_most(5):
            again = sharing.share(request)
        assert again.repeated
        assert again.unconfirmed
    again = sharing.share(request)
    assert again.repeated
    assert not again.unconfirmed


def test_acts_and_relays_go_on_without_a_standby_that_is_cut_off(clinic):
    mailbox = MemoryNotifier()
    sharing = waiting(clinic, notifier=mailbox)
    with with_receiver_stopped(clinic):
        with at_most(5):
            assert give(sharing).unconfirmed
        # Only the act has waited: what relays and refusals write decides nothing.
        with at_most(WAIT):
            assert sharing.admin.deliver_notices() == 1
            with pytest.raises(es.Refused):
                give(sharing, es.UserId("nobody"))
        with at_most(5):
            assert take(sharing).unconfirmed
        assert not sharing.can(BEN, VIEW, CT)
    assert [notice.to for notice in mailbox.sent] == [BEN]


def test_a_relay_that_does_not_know_that_the_standby_is_gone_waits_for_it_at_most_once(clinic):
    mailbox = MemoryNotifier()
    acting, relaying = (waiting(clinic, notifier=each) for each in (None, mailbox))
    for recipient in (BEN, CARLA):
        give(acting, recipient)
    with with_receiver_stopped(clinic), at_most(2 * WAIT):
        # Two claims and two settlements.
        assert relaying.admin.deliver_notices() == 2
    # Once the standby has confirmed something, it counts as there.
    assert not take(relaying).unconfirmed
    give(acting, BEN)
    with with_receiver_stopped(clinic):
        began = time.monotonic()
        assert relaying.admin.deliver_notices() == 1
        assert time.monotonic() - began > WAIT


class LosesEveryRace:
    def __init__(self, writer):
        self.locked, self.step_aside = writer.locked, writer.step_aside

    def commit(self, changes):
        return False


def in_turn(sharing):
    """Let acts lose their races."""
    ports = sharing._ports
    sharing._ports = attrs.evolve(ports, writer=LosesEveryRace(ports.writer))
    return sharing


def test_an_act_in_its_turn_does_not_wait_for_ever_either(clinic):
    sharing = in_turn(clinic.open(reading=None))
    with with_receiver_stopped(clinic), at_most(5):
        assert give(sharing).unconfirmed
    assert not take(sharing).unconfirmed


def test_a_change_without_a_receipt_raises_once_it_is_done(clinic):
    batch = es.UploadBatch(id=es.BatchId("new"), uploader=ANNA, received_at=START)
    exam = es.Exam(id=es.ExamId("new"), owner=ANNA, batch=batch.id, uploaded_at=START)
    sharing = clinic.open(reading=None)
    with with_receiver_stopped(clinic):
        with at_most(5), pytest.raises(es.Unconfirmed, match="the change is done"):
            sharing.add_upload(batch, [exam])
        with at_most(5), pytest.raises(es.Unconfirmed):
            clinic.directory.remove(CARLA)
    assert sharing.can(ANNA, VIEW, exam.id)
    assert clinic.directory.user(CARLA) is None


def test_a_refusal_is_recorded_though_nobody_confirms_it(clinic):
    sharing = waiting(clinic)
    with with_receiver_stopped(clinic), at_most(5), pytest.raises(es.Refused):
        give(sharing, es.UserId("nobody"))
    with clinic.patient.connect() as connection:
        kinds = connection.scalars(sa.select(clinic.tables.events.c.kind)).all()
    assert kinds == ["ActRefused"]


def test_an_act_that_the_standby_has_received_and_not_applied_is_known_to_checks(clinic):
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


PAGE = Path(__file__).parents[2] / "docs/how-to/run-it-on-a-cluster.md"


def end_waits(clinic, *, after):
    """Do as the docs tell an operator, until a wait of so many seconds was ended."""
    statement = re.search(r"```sql\n(SELECT pg_cancel_backend.*?)```", PAGE.read_text(), re.DOTALL)[
        1
    ]
    assert "'10 seconds'" in statement
    ended = sa.text(statement.replace("'10 seconds'", f"'{after} seconds'"))
    with clinic.patient.connect() as connection:
        deadline = time.monotonic() + 20
        while not connection.scalars(ended).all():
            connection.rollback()
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_operator_who_ends_the_wait_makes_no_act_look_confirmed(clinic, monkeypatch):
    monkeypatch.setattr(confirming, "LONGEST", 60)
    sharing, receipts = clinic.open(reading=None), []
    give(sharing)
    with with_receiver_stopped(clinic):
        acting = threading.Thread(target=lambda: receipts.append(take(sharing)))
        acting.start()
        end_waits(clinic, after=0)
        acting.join()
    assert receipts[0].unconfirmed


def test_a_commit_of_a_host_waits_until_it_is_ended_and_the_host_hears_that_nobody_confirmed(
    clinic,
):
    limits = ["statement_timeout", "lock_timeout"]
    options = " ".join(f"-c {each}=200" for each in limits)
    engine = clinic.at(
        clinic.patient.url, connect_args={"options": options, "tcp_user_timeout": 200}
    )
    heard = []

    @sa.event.listens_for(engine, "connect")
    def listen(driver, _):
        driver.add_notice_handler(lambda notice: heard.append(notice.sqlstate))

    def act():
        with engine.begin() as connection:
            give(joined(connection, directory=clinic.directory, tables=clinic.tables))

    with with_receiver_stopped(clinic):
        acting = threading.Thread(target=act)
        acting.start()
        acting.join(3 * 0.2)
        assert acting.is_alive()
        end_waits(clinic, after=0.5)
        acting.join()
    assert heard == ["01000"]
    assert clinic.open(reading=None).can(BEN, VIEW, CT)


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_a_commit_that_waits_blocks_no_event_loop_and_ends_there_too(clinic, driver):
    pytest.importorskip(driver)

    async def acted():
        primary = create_async_engine(clinic.patient.url.set(drivername=f"postgresql+{driver}"))
        try:
            sharing = await open_async_sharing(primary, tables=clinic.tables)
            assert not (await sharing.share(attrs.evolve(SHARE, recipients=(CARLA,)))).unconfirmed
            with with_receiver_stopped(clinic), at_most(2 * WAIT):
                acting = asyncio.ensure_future(sharing.share(SHARE))
                longest, began = 0, time.monotonic()
                while not acting.done():
                    await asyncio.sleep(0.01)
                    longest, began = max(longest, time.monotonic() - began), time.monotonic()
                assert (await acting).unconfirmed
                with pytest.raises(es.Refused):
                    await sharing.share(attrs.evolve(SHARE, recipients=(es.UserId("nobody"),)))
            ended = es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN)
            assert not (await sharing.unshare(ended)).unconfirmed
            return longest
        finally:
            await primary.dispose()

    assert asyncio.run(acted()) < WAIT


def test_a_wait_over_asyncpg_ends_though_the_first_connection_that_ends_it_is_refused(
    clinic, monkeypatch
):
    pytest.importorskip("asyncpg")
    monkeypatch.setattr(confirming, "_AGAIN", 0.1)

    async def acted():
        primary = create_async_engine(clinic.patient.url.set(drivername="postgresql+asyncpg"))
        try:
            sharing = await open_async_sharing(primary, tables=clinic.tables)
            assert not (await sharing.share(attrs.evolve(SHARE, recipients=(CARLA,)))).unconfirmed
            refused = []

            @sa.event.listens_for(primary.sync_engine, "do_connect")
            def refuse_once(*_):
                if not refused:
                    refused.append(True)
                    raise ConnectionRefusedError

            with with_receiver_stopped(clinic):
                receipt = await asyncio.wait_for(sharing.share(SHARE), 3)
            assert refused
            return receipt
        finally:
            await primary.dispose()

    assert asyncio.run(acted()).unconfirmed


def test_a_request_to_end_a_wait_that_does_not_arrive_is_sent_again(monkeypatch):
    monkeypatch.setattr(confirming, "_AGAIN", 0.1)
    requests, arrived, closed = [], threading.Event(), []

    def cancel():
        requests.append("sent")
        if len(requests) == 1:
            raise sa.exc.OperationalError("", None, Exception())
        arrived.set()

    driver = SimpleNamespace(
        pgconn=SimpleNamespace(get_cancel=lambda: SimpleNamespace(cancel=cancel)),
        add_notice_handler=lambda _: None,
        remove_notice_handler=lambda _: None,
    )
    connection = SimpleNamespace(connection=SimpleNamespace(driver_connection=driver))
    with confirming.bounded(connection, lambda: closed.append(True)):
        assert arrived.wait(3)
    assert closed == [True]


@pytest.fixture(params=["remote_apply"])
def over_django(clinic, request):
    """Return sharing over the connections of Django, whose sessions wait so by default."""
    pytest.importorskip("django", reason="no Django: install exam-sharing[django]")
    from django_databases import connected
    from exam_sharing.adapters.django.transactions import DjangoTransactions

    with connected(clinic.patient.url, options=f"-c synchronous_commit={request.param}"):
        store = sql.SqlStore(Database(DjangoTransactions("default"), clinic.tables))
        mailbox = MemoryNotifier()
        ports = sql.sql_ports(store, directory=clinic.directory, notifier=mailbox)
        numbers = iter(range(1000))
        yield es.Sharing(
            policy=es.Policy(),
            ports=ports,
            clock=lambda: START,
            new_id=lambda: f"act{next(numbers)}",
            sends_at_once=False,
        )


@pytest.mark.parametrize("over_django", ["local"], indirect=True)
def test_acts_over_django_are_known_to_checks_on_the_standby_at_once(
    pair, clinic, over_django, monkeypatch
):
    clinic.settle()
    # The checks are in another process, which does not ask the primary meanwhile.
    for each in ("_RENEWED", "_COUNTS"):
        monkeypatch.setattr(standby_guard, each, 3600)
    monkeypatch.setattr(confirming, "LONGEST", 10)
    checks = clinic.open()
    pair.standby.configure(recovery_min_apply_delay="200ms")
    clinic.asked.clear()
    for _ in range(2):
        give(over_django)
        assert checks.can(BEN, VIEW, CT)
        take(over_django)
        assert not checks.can(BEN, VIEW, CT)
    assert clinic.asked["standby"] == 4 * 4


def test_a_commit_over_django_ends_too(clinic, over_django):
    give(over_django, CARLA)
    with with_receiver_stopped(clinic), at_most(3 * WAIT):
        assert give(over_django).unconfirmed
        assert take(in_turn(over_django)).unconfirmed
        # These do not wait, since the standby is known to be gone.
        assert over_django.admin.deliver_notices() == 1
        with pytest.raises(es.Refused):
            give(over_django, es.UserId("nobody"))
    assert not give(over_django).unconfirmed


def test_a_repeated_receipt_over_django_waits_for_the_standby_too(clinic, over_django):
    request = attrs.evolve(SHARE, request_id="once")
    over_django.share(request)
    with with_receiver_stopped(clinic), at_most(2 * WAIT):
        assert over_django.share(request).unconfirmed
    assert not over_django.share(request).unconfirmed


def test_a_commit_of_a_host_over_django_is_the_hosts(clinic, over_django):
    from django.db import transaction

    with transaction.atomic():
        receipt = give(over_django)
        with with_receiver_stopped(clinic), at_most(WAIT):
            # A savepoint waits for nobody.
            receipts = receipt, give(over_django, CARLA)
    assert not any(each.unconfirmed for each in receipts)
    assert clinic.open(reading=None).can(CARLA, VIEW, CT)
