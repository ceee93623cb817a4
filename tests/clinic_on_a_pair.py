"""A small portal over a PostgreSQL primary whose standby answers checks.

One pair and one portal serve all tests of a process; these tests come first and together, so that
one process runs them.
"""

import os
import signal
import time
from collections import Counter
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

import exam_sharing as es
from databases import created_database
from exam_sharing.adapters.sqlalchemy import SqlDirectory, create_all, open_sharing
from exam_sharing.memory import MemoryNotifier
from exam_sharing.testing.edges import START
from exam_sharing.testing.opening import StorePorts
from exam_sharing.testing.worlds import ANNA, BEN, CARLA
from where_kept import delete_rows

CT = es.ExamId("ct")


class Clinic:
    """A portal over a primary, with sharing that reads on the standby.

    Its sessions ask for no confirmation by themselves, so that what waits is what acts ask for.
    """

    def __init__(self, primary, standby):
        hasty = {"options": "-c synchronous_commit=local"}
        self.engine = sa.create_engine(primary, connect_args=hasty)
        self.patient, self.standby = sa.create_engine(primary), sa.create_engine(standby)
        self.tables = create_all(self.patient)
        self.directory = SqlDirectory(self.engine, self.tables.directory)
        self.asked, self._others = Counter(), []
        asked = (("primary", self.engine), ("primary", self.patient), ("standby", self.standby))
        for name, engine in asked:
            sa.event.listen(engine, "before_cursor_execute", self._counting(name))

    def _counting(self, name):
        def asked(*_):
            self.asked[name] += 1

        return asked

    @property
    def servers(self):
        return self.patient, self.standby

    def empty(self):
        delete_rows(self.patient, self.tables)

    def fill(self):
        self.empty()
        for user in (ANNA, BEN, CARLA):
            self.directory.add(es.User(id=user, name=str(user)))
        batch = es.UploadBatch(id=es.BatchId("cd"), uploader=ANNA, received_at=START)
        exam = es.Exam(id=CT, owner=ANNA, batch=batch.id, uploaded_at=START)
        self.open(reading=None).add_upload(batch, [exam])

    def at(self, url, **options):
        """Return another engine."""
        self._others.append(sa.create_engine(url, **options))
        return self._others[-1]

    def open(self, **options):
        options = {"reading": self.standby, "directory": self.directory} | options
        return open_sharing(self.engine, tables=self.tables, **options)

    def settle(self):
        """Wait until the standby has been connected for long enough to answer."""
        sharing = self.open()
        deadline = time.monotonic() + 20
        while sharing._reading._guard._word.problem is not None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            sharing.viewer(BEN)
        self.asked.clear()

    def close_others(self):
        while self._others:
            self._others.pop().dispose()

    def close(self):
        self.close_others()
        for engine in (self.engine, *self.servers):
            engine.dispose()


@contextmanager
def clinic_on(pair):
    with created_database(pair.primary.url) as primary:
        name = sa.make_url(primary).database
        standby = sa.make_url(pair.standby.url).set(database=name)
        clinic = Clinic(primary, standby)
        yield clinic
        clinic.close()


def _place(item):
    names = getattr(item, "fixturenames", ())
    if "shared_pair" not in names:
        return 3
    if "last_second" in names:
        return 2
    # A standby answers checks only after some seconds, and these need no answers.
    return 0 if "short_wait" in names else 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.sort(key=_place)


@pytest.fixture(scope="session")
def shared_clinic(shared_pair):
    with clinic_on(shared_pair) as clinic:
        yield clinic


@pytest.fixture
def clinic(pair, shared_clinic):
    shared_clinic.fill()
    shared_clinic.asked.clear()
    yield shared_clinic
    shared_clinic.close_others()


PORTS = ("exams", "uploads", "grants", "writer", "outbox", "audit")


def opens_stores(clinic, sharing=None):
    """Return what opens a store whose acts are on the primary, with checks by a sharing.

    By default, the standby answers them.
    """
    sharing = sharing or clinic.open(notifier=MemoryNotifier())

    def open_store():
        clinic.empty()
        there = {name: getattr(sharing._ports, name) for name in PORTS}
        return StorePorts(**there, access=sharing._access)

    return open_store


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


@contextmanager
def delayed(pair):
    """The standby applies each commit two seconds late, and nobody waits for it."""
    pair.standby.configure(recovery_min_apply_delay="2s")
    pair.wait_for("")
    yield


def give(sharing, recipient=BEN):
    return sharing.share(
        es.ShareRequest(actor=ANNA, exam=CT, recipients=(recipient,), attested=True)
    )


def take(sharing, recipient=BEN):
    return sharing.unshare(es.UnshareRequest(actor=ANNA, exam=CT, recipient=recipient))
