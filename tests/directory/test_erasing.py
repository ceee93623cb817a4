"""Names that a history kept can be replaced, without a trace. Specification: `#erasure`.

The canary is a name, and an address, that is searched for in every row of every table, and in the
bytes of SQLite's file.
"""

import pytest
import sqlalchemy as sa
from sqlalchemy import Column, MetaData, Table, Text, delete, insert, update

import exam_sharing as es
from databases import quick_sqlite_engine
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    TableDirectory,
    UserColumns,
    create_all,
    joined,
    open_sharing,
    seal,
    verify,
)
from exam_sharing.history import NameReplaced, Stretch
from exam_sharing.policy.past import Moment
from exam_sharing.testing.edges import DAY, START
from world import ANNA, BEN, CT, share_request

CANARY = "Zyx Canary"
ADDRESS = "zyx.canary@clinic.example"
NEW = "closed account 17"
ASKED = {"performed_by": "helpdesk", "why": "request 17"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def tables(engine):
    tables = create_all(engine)
    with engine.begin() as connection:
        for table in tables.all():
            if table is not tables.schema:
                connection.execute(delete(table))
    return tables


class Portal:
    """Anna shares with Ben, whose name is the canary, over any engine."""

    def __init__(self, engine, tables, directory):
        self.now, self.tables, self.directory = START, tables, directory
        self.sharing = open_sharing(
            engine, tables=tables, directory=directory, clock=lambda: self.now
        )
        batch = es.UploadBatch(
            id=es.BatchId("b"), uploader=ANNA, source="cd", received_at=START, sealed=True
        )
        exam = es.Exam(id=CT, owner=ANNA, batch=batch.id, uploaded_at=START)
        self.sharing.add_upload(batch, [exam])

    def live(self):
        self.sharing.share(share_request(ANNA, CT, BEN, message="Look.", request_id="r"))
        self.now += DAY
        self.sharing.admin.deliver_notices()
        self.sharing.admin.end_by_host(recipient=BEN, **ASKED)

    def erase(self):
        return self.sharing.admin.replace_name(BEN, NEW, **ASKED)

    def entries(self):
        whole = self.directory.changes(None, BEN, Stretch(limit=99))
        return [each.what for each in whole]


def rows_with(engine, tables, text):
    with engine.connect() as connection:
        return [
            (table.name, row)
            for table in tables
            for row in connection.execute(sa.select(table))
            if text.lower() in str([*map(shown, row)]).lower()
        ]


def shown(value):
    return (
        bytes(value).decode(errors="replace") if isinstance(value, (bytes, memoryview)) else value
    )


def kept_portal(engine, tables):
    directory = SqlDirectory(engine, tables.directory, clock=lambda: START)
    directory.add(es.User(id=ANNA, name="Anna"))
    directory.add(es.User(id=BEN, name=CANARY, email=ADDRESS))
    directory.add(es.Group(id=es.GroupId("ward"), name="Ward", members=frozenset({BEN})))
    portal = Portal(engine, tables, directory)
    portal.live()
    directory.add(es.User(id=BEN, name=CANARY, email=ADDRESS, active=False))
    directory.add(es.User(id=BEN, name=CANARY, email=ADDRESS))
    return portal


def test_after_an_erasure_no_row_has_the_name_and_nothing_was_edited(engine, tables):
    portal = kept_portal(engine, tables)
    trusted = seal(engine, tables=tables, now=START)
    own = tables.directory
    names = {name for name, _ in rows_with(engine, tables.all(), "canary")}
    assert names == {each.name for each in (own.principals, own.search_keys, own.changes)}
    with pytest.raises(es.InvalidArgument, match="another name"):
        portal.erase()
    portal.directory._clock = lambda: portal.now
    portal.directory.remove(BEN)

    assert portal.erase() == 3
    assert portal.erase() == 0

    assert rows_with(engine, tables.all(), "canary") == []
    assert {each.name for each in portal.entries() if hasattr(each, "name")} == {NEW, "Ward"}
    assert [type(each) for each in portal.entries()][:1] == [NameReplaced]
    then = portal.directory.groups_then(BEN, _moment(START)).active
    now = portal.directory.groups_then(BEN, _moment(portal.now)).active
    assert (then, now) == ({BEN}, frozenset())
    found = verify(engine, tables=tables, trusted=trusted, now=portal.now)
    assert (found.first, found.unsealed) == (None, 2)
    seal(engine, tables=tables, now=portal.now)
    assert verify(engine, tables=tables, trusted=trusted, now=portal.now).whole


def test_after_an_erasure_the_file_of_sqlite_has_no_byte_of_the_name(tmp_path):
    engine = quick_sqlite_engine(tmp_path / "portal.db")
    portal = kept_portal(engine, create_all(engine))
    portal.directory.add(es.User(id=BEN, name=f"{CANARY} {'long ' * 90}", email=ADDRESS))
    engine.dispose()
    assert found_in(tmp_path)

    portal.directory.remove(BEN)
    portal.erase()
    engine.dispose()
    assert found_in(tmp_path) == []


def found_in(folder):
    files = [each for each in folder.iterdir() if each.is_file()]
    return [each.name for each in files if b"canary" in each.read_bytes().lower()]


class TablePortal(Portal):
    """The same, with the users in a table of the host's."""

    def __init__(self, engine, tables):
        self.engine, metadata = engine, MetaData()
        self.users = Table(
            "erasing_users",
            metadata,
            Column("id", Text, primary_key=True),
            Column("name", Text),
            Column("email", Text),
        )
        metadata.drop_all(engine)
        metadata.create_all(engine)
        users, own = self.users.c, tables.directory
        columns = UserColumns(id=users.id, name=users.name, email=users.email)
        directory = TableDirectory(engine, users=columns, search=own, history=own)
        rows = [
            {"id": "anna", "name": "Anna", "email": None},
            {"id": "ben", "name": CANARY, "email": ADDRESS},
        ]
        with engine.begin() as transaction:
            transaction.execute(insert(self.users), rows)
            directory.rebuild_search(transaction)
            directory.record_everybody(transaction, at=START)
        super().__init__(engine, tables, directory)
        self.live()

    def change(self, transaction, statement):
        transaction.execute(statement)
        self.directory.update_search(transaction, BEN)
        self.directory.record_changes(transaction, BEN, at=self.now)


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_a_portal_erases_what_our_tables_keep_of_its_own_users(engine, tables, how):
    portal = TablePortal(engine, tables)
    with pytest.raises(es.InvalidArgument, match="another name"):
        portal.erase()
    of_ben = portal.users.c.id == "ben"
    renamed = update(portal.users).where(of_ben).values(name=NEW, email=None)
    changed = delete(portal.users).where(of_ben) if how == "deleted" else renamed
    with engine.begin() as transaction:
        portal.change(transaction, changed)

    assert portal.erase() == 1
    assert rows_with(engine, (*tables.all(), portal.users), "canary") == []
    # What the table has now is no change.
    before = portal.directory.last_change()
    with engine.begin() as transaction:
        portal.directory.record_everybody(transaction, at=portal.now)
        portal.directory.record_changes(transaction, BEN, at=portal.now)
    assert portal.directory.last_change() == before
    known = how == "renamed"
    assert (BEN in portal.directory.groups_then(BEN, _moment(portal.now)).active) == known


@pytest.mark.parametrize("commits", [True, False])
def test_inside_of_a_transaction_of_the_host_an_erasure_is_a_part_of_it(engine, tables, commits):
    portal = TablePortal(engine, tables)
    with engine.connect() as connection, connection.begin() as transaction:
        portal.change(connection, delete(portal.users).where(portal.users.c.id == "ben"))
        inside = joined(connection, tables=tables, directory=portal.directory)
        # Another transaction would wait for this one, which has recorded a change of the same user.
        assert inside.admin.replace_name(BEN, NEW, **ASKED) == 1
        transaction.commit() if commits else transaction.rollback()
    assert bool(rows_with(engine, tables.all(), "canary")) != commits


def _moment(at):
    return Moment(at=at)
