"""A process that is killed while it changes users and groups leaves no change without its record.

> Killed processes: no event without its effect or effect without its event, memberships and
> accesses included.

The directory is ours, or the portal's own tables with `record_changes` in the same transaction. The
history is replayed, and must give what the tables hold.
"""

import os
import random
import signal
import time
from multiprocessing import get_context

import pytest
import sqlalchemy as sa
from lives import MORTAL, PATIENCE, wait_for_the_dead

import exam_sharing as es
from databases import address_of, engine_at
from exam_sharing.adapters.sqlalchemy import (
    GroupColumns,
    MemberColumns,
    SqlDirectory,
    TableDirectory,
    UserColumns,
    define_directory_tables,
    documents,
)
from exam_sharing.directories import recorded
from exam_sharing.history import GroupChanged, PrincipalRemoved, Recorded, UserChanged
from test_serial_order import START

KILLS = 20
USERS = tuple(es.UserId(f"user{number}") for number in range(6))
GROUPS = tuple(es.GroupId(f"group{number}") for number in range(4))


class Ours:
    """Users and groups in our tables."""

    def __init__(self, engine):
        self.tables = define_directory_tables(sa.MetaData(), prefix="killed_ours_")
        self.metadata = self.tables.metadata
        self.directory = SqlDirectory(engine, self.tables, clock=lambda: START)

    def fill(self):
        """Leave them empty."""

    def change(self, chance, guest):
        match chance.randrange(4):
            case 0:
                active = chance.random() < 0.5
                self.directory.add(es.User(id=chance.choice(USERS), name="A name", active=active))
            case 1:
                self.directory.add(es.User(id=guest, name="A guest"))
                self.directory.remove(guest)
            case _:
                place = chance.randrange(len(GROUPS))
                members = chance.sample((*USERS, *GROUPS[place + 1 :]), 2)
                self.directory.add(es.Group(id=GROUPS[place], name="Group", members=members))

    def now(self):
        known = (getattr(each, "user", each).id for each in self.directory.known())
        return dict(zip(known, map(recorded, self.directory.known()), strict=True))


class Portals:
    """Users and groups in the portal's own tables."""

    def __init__(self, engine):
        self.engine, self.metadata = engine, sa.MetaData()
        self.users, self.groups = (
            sa.Table(f"killed_{name}", self.metadata, sa.Column("id", sa.Text, primary_key=True))
            for name in ("users", "groups")
        )
        self.members = sa.Table(
            "killed_members", self.metadata, *(sa.Column(each, sa.Text) for each in ("user", "of"))
        )
        self.tables = define_directory_tables(self.metadata, prefix="killed_portals_")
        self.directory = TableDirectory(
            engine,
            users=UserColumns(id=self.users.c.id, name=self.users.c.id),
            groups=GroupColumns(id=self.groups.c.id, name=self.groups.c.id),
            users_in_groups=MemberColumns(member=self.members.c.user, group=self.members.c.of),
            history=self.tables,
        )

    def fill(self):
        with self.engine.begin() as connection:
            connection.execute(sa.insert(self.users), [{"id": each.value} for each in USERS])
            connection.execute(sa.insert(self.groups), [{"id": each.value} for each in GROUPS])
            self.directory.record_everybody(connection, at=START)

    def change(self, chance, guest):
        group = chance.choice(GROUPS)
        with self.engine.begin() as connection:
            match chance.randrange(3):
                case 0:
                    changed = self._invite(connection, group, guest)
                case 1:
                    changed = self._dismiss(connection, chance)
                case _:
                    changed = self._fill_group(connection, group, chance.sample(USERS, 3))
            self.directory.record_changes(connection, *changed, at=START)

    def _invite(self, connection, group, guest):
        connection.execute(sa.insert(self.users), {"id": guest.value})
        connection.execute(sa.insert(self.members), {"user": guest.value, "of": group.value})
        return guest, group

    def _dismiss(self, connection, chance):
        guests = connection.scalars(
            sa.select(self.users.c.id).where(self.users.c.id.like("guest%"))
        ).all()
        if not guests:
            return ()
        gone = chance.choice(guests)
        for column in (self.users.c.id, self.members.c.user):
            connection.execute(sa.delete(column.table).where(column == gone))
        return (es.UserId(gone),)

    def _fill_group(self, connection, group, users):
        connection.execute(sa.delete(self.members).where(self.members.c.of == group.value))
        rows = [{"user": each.value, "of": group.value} for each in users]
        connection.execute(sa.insert(self.members), rows)
        return (group,)

    def now(self):
        with self.engine.connect() as connection:
            users, groups, members = (
                connection.execute(sa.select(each)).all()
                for each in (self.users, self.groups, self.members)
            )
        held = {each.id: set() for each in groups}
        for row in members:
            held[row.of].add(es.UserId(row.user))
        return {
            **{es.UserId(each.id): Recorded(name=each.id) for each in users},
            **{
                es.GroupId(name): Recorded(name=name, members=frozenset(inside))
                for name, inside in held.items()
            },
        }


def replayed(engine, tables):
    """Return the states that the history adds up to, in the order of its numbers."""
    changes, states = tables.changes, {}
    with engine.connect() as connection:
        rows = connection.execute(sa.select(changes).order_by(changes.c.number)).all()
    for row in rows:
        if row.principal is None:
            continue
        match documents.change_of(row.document, row.name):
            case UserChanged(user=user, active=active, sharing_in_plan=plan, name=name):
                states[user] = Recorded(name=name, active=active, sharing_in_plan=plan)
            case GroupChanged(group=group, joined=joined, left=left, name=name):
                before = states[group].members if group in states else frozenset()
                assert before >= set(left)
                members = before.difference(left).union(joined)
                states[group] = Recorded(name=name, members=members)
            case PrincipalRemoved(principal=principal):
                del states[principal]
    return len(rows), states


def spells(engine, tables):
    """Return the memberships that have begun and not ended, as the past is read."""
    members = tables.past_members.c
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(members.group_key, members.member_key).where(members.ended.is_(None))
        )
        return sorted(map(tuple, rows))


def assert_whole(engine, kept):
    """See that the history gives what the tables hold, and return how many changes it has."""
    wait_for_the_dead(engine)
    number, states = replayed(engine, kept.tables)
    assert states == kept.now()
    groups = {each: state for each, state in states.items() if isinstance(each, es.GroupId)}
    assert spells(engine, kept.tables) == sorted(
        (group.key, member.key) for group, state in groups.items() for member in state.members
    )
    return number


def live(kept, engine, diary, seed, dies_at):
    """Change users and groups until somebody ends this process, or at a statement."""
    left = [dies_at]

    def count(*_):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if dies_at is not None:
        sa.event.listen(engine, "before_cursor_execute", count)
        sa.event.listen(engine, "commit", count)
    chance = random.Random(seed)
    with diary.open("ab", buffering=0) as done:
        for number in range(10_000):
            kept.change(chance, es.UserId(f"guest{seed}x{number}"))
            done.write(b".")


def nurse(url, pipe):
    """Fork processes that live; for each kind, every statement has been compiled before."""
    engine = engine_at(url, connect_args={"application_name": MORTAL})
    pipe.send("born")
    while (asked := pipe.recv()) is not None:
        if isinstance(asked, type):
            kept, chance = asked(engine), random.Random(0)
            for number in range(20):
                kept.change(chance, es.UserId(f"guest{number}"))
            # A fork must not inherit open connections.
            engine.dispose()
            pipe.send("warm")
            continue
        child = os.fork()
        if not child:
            try:
                live(kept, engine, *asked)
            finally:
                os._exit(1)
        pipe.send(child)
        pipe.send(os.waitpid(child, 0)[1])


@pytest.fixture(scope="module")
def nursery(engine):
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=nurse, args=(address_of(engine), there))
    process.start()
    there.close()
    assert here.recv() == "born"
    yield here
    here.send(None)
    process.join(PATIENCE)


@pytest.mark.parametrize("kind", [Ours, Portals])
def test_killed_again_and_again_every_change_has_its_record_and_every_record_its_effect(
    engine, nursery, tmp_path, kind
):
    kept, chance, diary = kind(engine), random.Random(1), tmp_path / "diary"
    kept.metadata.drop_all(engine)
    kept.metadata.create_all(engine)
    kept.fill()
    nursery.send(kind)
    assert nursery.recv() == "warm"
    first = last = assert_whole(engine, kept)
    for seed in range(1, KILLS + 1):
        diary.write_bytes(b"")
        # Half of them die at a statement of their first changes, the others at any moment.
        dies_at = seed if seed % 2 else None
        nursery.send((diary, seed, dies_at))
        process = nursery.recv()
        if dies_at is None:
            wait_for_changes(diary, chance.randrange(1, 4))
            time.sleep(chance.random() * 0.02)
            os.kill(process, signal.SIGKILL)
        assert nursery.recv() == signal.SIGKILL
        last = assert_whole(engine, kept)
    assert last > first + KILLS


def wait_for_changes(diary, number):
    deadline = time.monotonic() + PATIENCE
    while diary.stat().st_size < number:
        assert time.monotonic() < deadline
        time.sleep(0.0002)
