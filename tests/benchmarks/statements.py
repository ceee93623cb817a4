"""How many statements each page and act of one exam takes, its directory included.

Run it from the root of a checkout as `python -m tests.benchmarks.statements`. The directory is in
the same database: once in tables of ours, once in tables of a host. What begins and ends a
transaction does not count.
"""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

import attrs
import sqlalchemy as sa
from sqlalchemy import Engine
from tests.benchmarks import harness
from tests.benchmarks.sql_plans import noted
from tests.benchmarks.worlds import ASKED, START

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import (
    GroupColumns,
    MemberColumns,
    SqlDirectory,
    TableDirectory,
    Tables,
    UserColumns,
    create_all,
    open_sharing,
)
from exam_sharing.ports import Directory
from exam_sharing.sharing import Sharing

BUDGETS: Final = {
    "tabs": 2,
    "share_form": 2,
    "access_list": 4,
    "share_page": 4,
    "graph": 4,
    "a share of three exams": 11,
    "an unshare": 13,
}
"""How many statements each may take."""

ACTS: Final = ("a share of three exams", "an unshare")
"""On SQLite, they take one statement more: that of the subjects of the event."""

OLGA: Final = es.UserId("olga")
"""Owns two discs of three exams."""
ANN: Final = es.UserId("ann")
TEAM: Final = es.GroupId("team")
RECIPIENTS: Final = (ANN, es.UserId("dan"), TEAM)
PEOPLE: Final = (OLGA, *RECIPIENTS[:2], es.UserId("bob"), es.UserId("cyd"))
MEMBERS: Final = PEOPLE[-2:]


def our_directory(engine: Engine, tables: Tables) -> Directory:
    """Return a directory in our tables."""
    directory = SqlDirectory(engine, tables.directory)
    for user in PEOPLE:
        directory.add(es.User(id=user, name=f"Dr. {user}", email=f"{user}@example.org"))
    directory.add(es.Group(id=TEAM, name="The team", members=frozenset(MEMBERS)))
    return directory


def hosts_directory(engine: Engine, _tables: Tables) -> Directory:
    """Return a directory in tables of a host."""
    metadata = sa.MetaData()
    text = sa.String(50)
    users = sa.Table(
        "people",
        metadata,
        sa.Column("id", text, primary_key=True),
        sa.Column("name", text),
        sa.Column("email", text),
    )
    teams = sa.Table(
        "teams", metadata, sa.Column("id", text, primary_key=True), sa.Column("name", text)
    )
    inside = sa.Table(
        "members",
        metadata,
        sa.Column("person", text, primary_key=True),
        sa.Column("team", text, primary_key=True),
    )
    metadata.create_all(engine)
    rows = {
        users: [{"id": u.value, "name": u.value, "email": f"{u}@example.org"} for u in PEOPLE],
        teams: [{"id": TEAM.value, "name": "The team"}],
        inside: [{"person": u.value, "team": TEAM.value} for u in MEMBERS],
    }
    with engine.begin() as connection:
        for table, those in rows.items():
            connection.execute(table.insert(), those)
    return TableDirectory(
        engine,
        users=UserColumns(id=users.c.id, name=users.c.name, email=users.c.email),
        groups=GroupColumns(id=teams.c.id, name=teams.c.name),
        users_in_groups=MemberColumns(member=inside.c.person, group=inside.c.team),
    )


DIRECTORIES: Final = {"our tables": our_directory, "tables of a host": hosts_directory}


@attrs.frozen
class Portal:
    """Two discs of three exams in a database; the second was shared with everybody."""

    engine: Engine
    sharing: Sharing
    discs: tuple[tuple[es.ExamId, ...], ...]

    @classmethod
    def over(cls, engine: Engine, directory: Callable[[Engine, Tables], Directory]) -> "Portal":
        """Return a portal in a database without tables."""
        tables = create_all(engine)
        sharing = open_sharing(
            engine,
            tables=tables,
            directory=directory(engine, tables),
            clock=lambda: ASKED,
            new_id=map("act {}".format, count()).__next__,
        )
        discs = tuple(
            harness.uploaded(sharing, disc, OLGA, [f"{disc}-{n}" for n in range(3)], START)
            for disc in ("first", "second")
        )
        portal = cls(engine, sharing, discs)
        portal.share(discs[1][0])
        return portal

    def share(self, exam: es.ExamId) -> None:
        """Share the disc of an exam with two users and a group, with a message."""
        self.sharing.share(
            es.ShareRequest(
                actor=OLGA,
                exam=exam,
                recipients=RECIPIENTS,
                scope=es.Scope.BATCH,
                attested=True,
                message="Please look.",
            )
        )

    def counted(self) -> Iterator[tuple[str, int]]:
        """Yield how many statements each page and act takes."""
        sharing, exam = self.sharing, self.discs[1][0]
        asked: dict[str, Callable[[], object]] = {
            "tabs": lambda: sharing.tabs(ANN, exam),
            "share_form": lambda: sharing.share_form(ANN, exam),
            "access_list": lambda: sharing.access_list(ANN, exam),
            "share_page": lambda: sharing.share_page(ANN, exam),
            "graph": lambda: sharing.graph(ANN, exam),
            "a share of three exams": lambda: self.share(self.discs[0][0]),
            "an unshare": lambda: sharing.unshare(
                es.UnshareRequest(actor=OLGA, exam=exam, recipient=ANN)
            ),
        }
        for what, ask in asked.items():
            with noted(self.engine) as statements:
                ask()
            yield what, len(statements)


def rows(engine: Engine, where: str, kept: str) -> Iterator[harness.Row]:
    """Count over a database without tables; `kept` is where the directory keeps its people."""
    for what, number in Portal.over(engine, DIRECTORIES[kept]).counted():
        most = BUDGETS[what] + (what in ACTS and engine.dialect.name == "sqlite")
        words = f"{where}, people in {kept}: {what}"
        holds = number <= most
        yield harness.Row(words, 0, number, "statements", f"at most {most}", holds)


def everywhere() -> Iterator[harness.Row]:
    """Count in each database, with each directory."""
    for kept in DIRECTORIES:
        with harness.databases() as engines:
            for where, engine in engines.items():
                yield from rows(engine, where, kept)


if __name__ == "__main__":
    chosen = harness.options(".statements", __doc__).parse_args()
    harness.report(everywhere(), as_json=chosen.json)
