"""Worlds in a database, filled in bulk with the rows that the public acts would have written.

A world of n grants has n / 10 users, n / 200 groups of 20, a tenth of which are in another, and
n / 5 exams on discs of one to five, uploaded at random times. Each exam was shared once, by its
owner with five: one of them is a radiologist, to whom all exams are shared but a hundredth, which
are the radiologist's own. 30 % of the grants are to groups, 40 % give download, 10 % end some day,
half of them before the questions are asked.

The records of shares and the audit trail, which no question reads, are left out. Whether the rest
is what acts write is tried on a small world, row by row.
"""

import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any, Final, TypeAlias

import attrs
import sqlalchemy
from sqlalchemy import Connection, Engine, Table
from tests.benchmarks.harness import progress, uploaded
from tests.benchmarks.worlds import ASKED, LATE, SOON, START

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import SqlStore, Tables, create_all, open_sharing
from exam_sharing.identifiers import PrincipalKey, id_within, principal_of
from exam_sharing.memory import MemoryDirectory
from exam_sharing.ports import Directory

RADIOLOGIST: Final = es.UserId("radiologist")
"""Sees every exam: a hundredth as its owner, the rest by a grant of its own."""
FLOATER: Final = es.UserId("floater")
"""Is in fifty groups, and was given nothing directly."""

GRANTS_AN_EXAM: Final = 5
_AT_ONCE: Final = 20_000
"""How many exams are written at once."""

Values: TypeAlias = dict[str, Any]


@attrs.frozen
class Upload:
    """An exam, numbered in its world as its disc is, and how its owner shared it."""

    number: int
    disc: int
    owner: str
    at: datetime
    recipients: tuple[str, ...]
    permission: int
    until: datetime | None

    @property
    def exam(self) -> str:
        return f"exam-{self.number:08}"

    @property
    def batch(self) -> str:
        return f"disc-{self.disc:08}"

    @property
    def share(self) -> str:
        return f"share-{self.number:08}"


@attrs.frozen
class World:
    """Who there is, and what was shared, in a world of so many grants."""

    size: int

    @property
    def users(self) -> int:
        """How many users there are, the radiologist and the floater aside."""
        return self.size // 10

    @property
    def groups(self) -> int:
        return self.size // 200

    def user(self, number: int) -> es.UserId:
        return es.UserId(f"user-{number:07}")

    def principals_of(self, user: es.UserId) -> frozenset[PrincipalKey]:
        """Return the keys of a user and of the groups that they are in."""
        if user == RADIOLOGIST:
            return frozenset({user.key})
        if user == FLOATER:
            fifty = range(0, self.groups, max(1, self.groups // 50))
            return frozenset({user.key, *map(_group_key, fifty[:50])})
        group = int(user.value.removeprefix("user-")) // 20
        keys = {user.key, _group_key(group)}
        if group % 10 == 8 and group + 1 < self.groups:
            keys.add(_group_key(group + 1))
        return frozenset(keys)

    def discs(self) -> Iterator[tuple[Upload, ...]]:
        """Yield every disc, its exams with their shares, the same each time."""
        chance = random.Random(self.size)
        numbers = iter(range(self.size // GRANTS_AN_EXAM))
        for disc in count():
            on_disc = tuple(islice(numbers, chance.randint(1, 5)))
            if not on_disc:
                return
            owner = self.user(chance.randrange(self.users)).value
            if chance.random() < 0.01:
                owner = RADIOLOGIST.value
            at = START - timedelta(minutes=chance.randrange(1, 1_000_000))
            yield tuple(self._upload(number, disc, owner, at, chance) for number in on_disc)

    def _upload(
        self, number: int, disc: int, owner: str, at: datetime, chance: random.Random
    ) -> Upload:
        recipients = {RADIOLOGIST.key: None}
        while len(recipients) < GRANTS_AN_EXAM:
            # One in five is the radiologist; of the other four so many that 30 % are groups.
            if chance.random() < 0.375:
                recipients[_group_key(chance.randrange(self.groups))] = None
            else:
                recipients[self.user(chance.randrange(self.users)).key] = None
        recipients.pop(es.UserId(owner).key, None)
        return Upload(
            number=number,
            disc=disc,
            owner=owner,
            at=at,
            recipients=tuple(recipients),
            permission=2 if chance.random() < 0.4 else 1,
            until=chance.choice((SOON, LATE)) if chance.random() < 0.1 else None,
        )


def _group_key(number: int) -> PrincipalKey:
    return PrincipalKey(f"g:group-{number:06}")


@attrs.frozen
class Place:
    """A world in a database."""

    world: World
    engine: Engine
    tables: Tables
    store: SqlStore

    def opened(self, directory: Directory) -> es.Sharing:
        return open_sharing(
            self.engine, directory=directory, clock=lambda: ASKED, tables=self.tables
        )


def filled(engine: Engine, size: int) -> Place:
    tables, world = create_all(engine), World(size)
    indexes = sorted(tables.grants.indexes, key=lambda index: str(index.name))
    with engine.begin() as connection:
        for index in indexes:
            index.drop(connection)
        discs = world.discs()
        while some := tuple(islice(discs, _AT_ONCE)):
            for table, rows in _rows(some, tables).items():
                _write(connection, table, rows)
            progress(f"{size:,}: {some[-1][-1].number + 1:,} exams and their grants are written")
        progress(f"{size:,}: making indexes")
        for index in indexes:
            index.create(connection)
    if engine.dialect.name == "postgresql":
        # The server does it by itself, in time.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return Place(world, engine, tables, SqlStore.over(engine, tables=tables))


def _rows(discs: Sequence[tuple[Upload, ...]], tables: Tables) -> dict[Table, list[Values]]:
    uploads = [each for disc in discs for each in disc]
    return {
        tables.batches: [
            {
                "id": each.batch,
                "uploader": each.owner,
                "source": "",
                "received_at": each.at,
                "sealed": False,
            }
            for each, *_ in discs
        ],
        tables.exams: [
            {
                "id": each.exam,
                "owner": each.owner,
                "batch": each.batch,
                "uploaded_at": each.at,
                "subject": None,
            }
            for each in uploads
        ],
        tables.versions: [
            {"exam": each.exam, "version": 1, "withdrawn": False} for each in uploads
        ],
        tables.grants: [
            {
                "id": id_within(each.share, es.ExamId(each.exam), recipient),
                "exam": each.exam,
                "grantor": each.owner,
                "recipient": recipient,
                "permission": each.permission,
                "until": each.until,
                "version": 1,
                "basis": None,
                "share": each.share,
                "made_at": START,
                "uploaded_at": each.at,
                "lines": None,
            }
            for each in uploads
            for recipient in each.recipients
        ],
    }


def _write(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Write rows by the fastest way that the database has."""
    if connection.dialect.name != "postgresql":
        connection.execute(sqlalchemy.insert(table), rows)
        return
    columns = ", ".join(f'"{name}"' for name in rows[0])
    with (
        connection.connection.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(tuple(row.values()))


def directory_of(keys: Iterable[str]) -> MemoryDirectory:
    """Return a directory of some principals; its groups are empty."""
    directory = MemoryDirectory()
    for principal in principals(sorted(set(keys))):
        kind = es.User if isinstance(principal, es.UserId) else es.Group
        directory.add(kind(id=principal, name=principal.value))
    return directory


def require_equal_worlds(by_acts: Engine, in_bulk: Engine, size: int = 1_000) -> None:
    """Stop unless rows written in bulk are those that acts write, in two empty databases."""
    world, tables = World(size), create_all(by_acts)
    uploads = list(world.discs())
    everybody = {es.UserId(disc[0].owner).key for disc in uploads}
    everybody.update(key for disc in uploads for each in disc for key in each.recipients)
    acts = iter(each.share for disc in uploads for each in disc)
    sharing = open_sharing(
        by_acts,
        policy=es.Policy(sends_notices=False),
        directory=directory_of(everybody),
        clock=lambda: START,
        new_id=lambda: next(acts),
        tables=tables,
    )
    for disc in uploads:
        first = disc[0]
        owner, names = es.UserId(first.owner), [each.exam for each in disc]
        exams = uploaded(sharing, first.batch, owner, names, first.at)
        for exam, each in zip(exams, disc, strict=True):
            sharing.share(
                es.ShareRequest(
                    actor=owner,
                    exam=exam,
                    recipients=principals(each.recipients),
                    permission=es.Permission(each.permission),
                    until=each.until,
                    attested=True,
                )
            )
    bulk = filled(in_bulk, size).tables
    for name in ("batches", "exams", "versions", "grants"):
        if _content(by_acts, getattr(tables, name)) != _content(in_bulk, getattr(bulk, name)):
            sys.exit(f"the {name} that were written in bulk are not those that acts write")


def principals(keys: Iterable[str]) -> tuple[es.UserId | es.GroupId, ...]:
    return tuple(principal_of(PrincipalKey(key)) for key in keys)


def _content(engine: Engine, table: Table) -> list[Any]:
    with engine.connect() as connection:
        rows = connection.execute(sqlalchemy.select(table).order_by(*table.primary_key))
        return [row._asdict() for row in rows]
