"""What directories in a database record of their past. Specification: `#history`."""

from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from sqlalchemy import Boolean, Column, MetaData, Table, Text, delete, event, insert, update
from sqlalchemy.orm import Session, registry

from every_directory import group, user
from exam_sharing.acts.history import people_history
from exam_sharing.adapters.sqlalchemy import (
    GroupColumns,
    MemberColumns,
    SqlDirectory,
    TableDirectory,
    UserColumns,
    define_directory_tables,
    table_directory,
)
from exam_sharing.adapters.sqlalchemy.joined import directory_inside
from exam_sharing.grants import FOREVER
from exam_sharing.history import GroupChanged, Stretch, UserChanged
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.memory import MemoryDirectory
from exam_sharing.policy.past import Moment, Span
from exam_sharing.testing.edges import DAY, LAST, START

ANN, BOB = UserId("ann"), UserId("bob")
CT, WARD = GroupId("ct"), GroupId("ward")
NOW = Moment(at=LAST)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request):
    return request.getfixturevalue(request.param)


class Failure(Exception):
    """What a statement is made to raise."""


@contextmanager
def failing_at(engine, number):
    left = [number]

    def fail(_connection, _cursor, statement, *_):
        if not statement.startswith(("BEGIN", "PRAGMA", "COMMIT", "ROLLBACK")):
            left[0] -= 1
            if left[0] == 0:
                raise Failure

    event.listen(engine, "before_cursor_execute", fail)
    try:
        yield left
    finally:
        event.remove(engine, "before_cursor_execute", fail)


def test_no_change_is_without_its_record_and_no_record_without_its_change(engine):
    tables = define_directory_tables(MetaData(), prefix="halves_")
    tables.metadata.create_all(engine)
    directory = SqlDirectory(engine, tables)
    directory.add(user("ann"))
    directory.add(user("bob"))
    directory.add(group("ct", ANN))
    directory.add(group("ward", CT))
    failed = 0
    for number in range(1, 40):
        before = directory.last_change()
        members = {ANN, BOB} - directory.people_behind((CT,))[CT]
        with failing_at(engine, number) as left, suppress(Failure):
            directory.add(group("ct", *members))
        failed += left[0] <= 0
        now = directory.people_behind((WARD,))[WARD]
        assert directory.members_then((WARD,), NOW).active == now
        # Numbers of what was rolled back are left out.
        assert (directory.last_change() > before) == (left[0] > 0)
        if left[0] > 0:
            break
    assert failed > 5


class Portal:
    """The users and groups of a portal, in tables of its own."""

    def __init__(self, engine, prefix):
        self.engine, metadata = engine, MetaData()
        self.users = Table(
            f"{prefix}users", metadata, Column("id", Text, primary_key=True), Column("on", Boolean)
        )
        self.groups = Table(f"{prefix}groups", metadata, Column("id", Text, primary_key=True))
        self.members, self.nested = (
            Table(f"{prefix}{name}", metadata, Column("member", Text), Column("of", Text))
            for name in ("members", "nested")
        )
        self.tables = define_directory_tables(metadata, prefix=f"{prefix}ours_")
        metadata.drop_all(engine)
        metadata.create_all(engine)
        self.directory = TableDirectory(
            engine,
            users=UserColumns(id=self.users.c.id, name=self.users.c.id, active=self.users.c.on),
            groups=GroupColumns(id=self.groups.c.id, name=self.groups.c.id),
            users_in_groups=MemberColumns(member=self.members.c.member, group=self.members.c.of),
            groups_in_groups=MemberColumns(member=self.nested.c.member, group=self.nested.c.of),
            history=self.tables,
        )
        with engine.begin() as transaction:
            transaction.execute(insert(self.users), [{"id": each, "on": True} for each in "ab"])
            transaction.execute(insert(self.groups), [{"id": each} for each in "gh"])
            transaction.execute(insert(self.members), {"member": "a", "of": "g"})
            transaction.execute(insert(self.nested), {"member": "g", "of": "h"})

    def record(self, *principals, at, changing=None):
        with self.engine.begin() as transaction:
            if changing is not None:
                transaction.execute(changing)
            self.directory.record_changes(transaction, *principals, at=at)


A, B, G, H = UserId("a"), UserId("b"), GroupId("g"), GroupId("h")


@pytest.fixture
def portal(engine, request):
    portal = Portal(engine, f"past{abs(hash(request.node.name)) % 10_000}_")
    with engine.begin() as transaction:
        portal.directory.record_everybody(transaction, at=START)
    return portal


def test_a_portal_records_its_own_tables_in_the_transaction_that_changes_them(portal):
    gone = delete(portal.members).where(portal.members.c.member == "a")
    portal.record(G, at=START + DAY, changing=gone)
    joined_it = insert(portal.members).values(member="b", of="g")
    portal.record(G, at=START + 2 * DAY, changing=joined_it)
    off = update(portal.users).where(portal.users.c.id == "b").values(on=False)
    portal.record(B, A, at=START + 3 * DAY, changing=off)

    then = [
        portal.directory.members_then((H,), Moment(at=START + days * DAY)).active
        for days in range(4)
    ]
    assert then == [{A}, frozenset(), {B}, frozenset()]
    assert set(portal.directory.groups_then(B, NOW).memberships) == {(G, B), (H, G)}
    found = portal.directory.changes(None, B, Stretch(limit=9))
    assert [type(each.what) for each in found] == [UserChanged, GroupChanged, UserChanged]


def test_what_was_rolled_back_was_not_recorded_and_what_is_the_same_neither(portal):
    before = portal.directory.last_change()
    with portal.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(delete(portal.members))
        portal.directory.record_changes(connection, G, at=START + DAY)
        inside = directory_inside(connection, portal.directory)
        assert people_history(inside, LAST).members_then((H,), NOW).active == frozenset()
        transaction.rollback()
    assert portal.directory.members_then((H,), NOW).active == {A}
    portal.record(G, A, UserId("nobody"), at=START + DAY)
    assert portal.directory.last_change() == before


def test_the_past_of_a_portal_is_known_from_when_everybody_was_recorded(portal):
    assert portal.directory.remembers(START)
    assert not portal.directory.remembers(START - DAY)
    assert people_history(portal.directory, START - DAY) is None
    assert people_history(portal.directory.over(portal.engine), START) is not None


def test_recording_everybody_that_fails_on_the_way_leaves_nothing(engine, monkeypatch):
    monkeypatch.setattr(table_directory, "_CHUNK", 1)
    portal, number, left = Portal(engine, "half_"), 0, [0]
    while left[0] <= 0:
        number += 1
        assert portal.directory.last_change() == 0
        assert people_history(portal.directory, LAST) is None
        with failing_at(engine, number) as left, suppress(Failure), engine.begin() as transaction:
            portal.directory.record_everybody(transaction, at=START)
    assert number > 4 * 4
    assert people_history(portal.directory, START) is portal.directory
    assert portal.directory.members_then((H, B), NOW).active == {A, B}


def test_after_changes_that_were_not_recorded_everybody_can_be_recorded_again(portal):
    with portal.engine.begin() as transaction:
        transaction.execute(delete(portal.members))
        transaction.execute(delete(portal.users).where(portal.users.c.id == "b"))
        portal.directory.record_everybody(transaction, at=START + DAY)
    assert portal.directory.members_then((H, B), Moment(at=START)).active == {A, B}
    assert portal.directory.members_then((H, B), NOW).active == frozenset()
    assert portal.directory.remembers(START)


def test_a_change_is_found_by_every_group_around_it_before_or_after_the_same_call(portal):
    with portal.engine.begin() as transaction:
        transaction.execute(insert(portal.groups), {"id": "k"})
        transaction.execute(insert(portal.members), {"member": "b", "of": "k"})
        transaction.execute(insert(portal.nested), {"member": "k", "of": "h"})
        transaction.execute(delete(portal.nested).where(portal.nested.c.member == "g"))
        transaction.execute(delete(portal.members).where(portal.members.c.of == "g"))
        portal.directory.record_changes(transaction, GroupId("k"), G, H, at=START + DAY)

    since = Span(principal=H, since=START + DAY, before=FOREVER)
    found = [each.what for each in portal.directory.changes([since], None, Stretch(limit=9))]
    assert {each.group: (each.joined, each.left) for each in found} == {
        GroupId("k"): ((B,), ()),
        G: ((), (A,)),
        H: ((GroupId("k"),), (G,)),
    }


def test_a_history_does_not_begin_before_what_was_recorded_earlier(engine):
    portal = Portal(engine, "back_")
    portal.record(A, at=START + DAY)
    with engine.begin() as transaction:
        portal.directory.record_everybody(transaction, at=START)
    assert not portal.directory.remembers(START)
    assert portal.directory.remembers(START + DAY)


def test_what_a_session_holds_is_recorded_even_if_it_does_not_flush_by_itself(portal):
    class Person:
        def __init__(self, name):
            self.id, self.on = name, True

    registry().map_imperatively(Person, portal.users, primary_key=[portal.users.c.id])
    with Session(portal.engine, autoflush=False) as session:
        session.add(Person("c"))
        portal.directory.record_changes(session, UserId("c"), at=START + DAY)
        session.commit()
    assert portal.directory.members_then((UserId("c"),), NOW).active == {UserId("c")}


@pytest.mark.parametrize("kind", ["memory", "database"])
def test_a_directory_does_not_know_the_time_before_anybody_was_added(engine, kind):
    if kind == "memory":
        directory = MemoryDirectory(clock=lambda: START)
    else:
        tables = define_directory_tables(MetaData(), prefix="late_")
        tables.metadata.drop_all(engine)
        tables.metadata.create_all(engine)
        directory = SqlDirectory(engine, tables, clock=lambda: START)
    assert people_history(directory, LAST) is None
    directory.add(user("ann"))
    assert people_history(directory, START) is directory
    assert people_history(directory, START - timedelta(microseconds=1)) is None
