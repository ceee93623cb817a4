"""A small portal over a PostgreSQL primary whose standby answers checks."""

import time
from collections import Counter
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

import exam_sharing as es
from databases import created_database
from exam_sharing.adapters.sqlalchemy import SqlDirectory, create_all, open_sharing
from exam_sharing.testing.edges import START
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

    def close(self):
        for engine in (self.engine, self.patient, self.standby, *self._others):
            engine.dispose()


@contextmanager
def clinic_on(pair):
    with created_database(pair.primary.url) as primary:
        name = sa.make_url(primary).database
        standby = sa.make_url(pair.standby.url).set(database=name)
        clinic = Clinic(primary, standby)
        yield clinic
        clinic.close()


@pytest.fixture(scope="module")
def shared_clinic(shared_pair):
    with clinic_on(shared_pair) as clinic:
        yield clinic


@pytest.fixture
def clinic(pair, shared_clinic):
    shared_clinic.fill()
    shared_clinic.asked.clear()
    return shared_clinic


def give(sharing, recipient=BEN):
    return sharing.share(
        es.ShareRequest(actor=ANNA, exam=CT, recipients=(recipient,), attested=True)
    )


def take(sharing, recipient=BEN):
    return sharing.unshare(es.UnshareRequest(actor=ANNA, exam=CT, recipient=recipient))
