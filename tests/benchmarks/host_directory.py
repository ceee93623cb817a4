"""Suggestions and bulk loads over a host's own tables of people.

Run it from the root of a checkout as `python -m tests.benchmarks.host_directory`. Names are typed
letter by letter into a `TableDirectory` with tables for its search and into a `SqlDirectory` over
the same tables, and a whole name once into a `TableDirectory` without them. Each number is how many
times as long something takes as `SELECT 1` on a connection of the pool; a keystroke is the best of
three.
"""

import argparse
from collections.abc import Callable, Iterator
from statistics import median, quantiles
from time import perf_counter_ns

from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, Text, select
from tests.benchmarks.harness import databases, progress, table
from tests.benchmarks.suggestions import ACTOR, LIMIT, keystrokes, people

from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.principals import Group, User


def timed(act: Callable[[], object], rounds: int = 3) -> int:
    """Return the nanoseconds of the best of several rounds."""
    best = []
    for _ in range(rounds):
        start = perf_counter_ns()
        act()
        best.append(perf_counter_ns() - start)
    return min(best)


class Portal:
    """Tables of people with whole numbers as keys."""

    def __init__(self, engine: Engine) -> None:
        self.engine, metadata = engine, MetaData()

        def named(name: str) -> Table:
            key = Column("id", BigInteger, primary_key=True, autoincrement=False)
            return Table(name, metadata, key, Column("name", Text), Column("email", Text))

        self.users, self.teams = named("users"), named("teams")
        self.ours = sql.define_directory_tables(metadata)
        metadata.create_all(engine)

    def fill(self, made: list[User | Group]) -> None:
        with self.engine.begin() as connection:
            for kept, kind in ((self.users, User), (self.teams, Group)):
                rows = [
                    {"id": int(str(p.id)), "name": p.name, "email": getattr(p, "email", None)}
                    for p in made
                    if isinstance(p, kind)
                ]
                connection.execute(kept.insert(), rows)

    def directory(self, *, searched: bool) -> sql.TableDirectory:
        users, teams = self.users.c, self.teams.c
        return sql.TableDirectory(
            self.engine,
            users=sql.UserColumns(id=users.id, name=users.name, email=users.email),
            groups=sql.GroupColumns(id=teams.id, name=teams.name),
            search=self.ours if searched else None,
        )


def contestants(
    engine: Engine, made: list[User | Group], names: int
) -> Iterator[tuple[str, float]]:
    """Yield what is measured, each in nanoseconds."""
    portal = Portal(engine)
    portal.fill(made)
    searched, scanning = portal.directory(searched=True), portal.directory(searched=False)

    def rebuild() -> None:
        with engine.begin() as connection:
            searched.rebuild_search(connection)

    yield "all people indexed", timed(rebuild, 1)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
        yield "SELECT 1", timed(lambda: connection.execute(select(1)).all(), 100)
    typed = keystrokes(made, names)
    for what, directory in (
        ("`TableDirectory`, `search=`", searched),
        ("`SqlDirectory`", sql.SqlDirectory(engine, portal.ours)),
    ):
        times = [
            timed(lambda text=text, of=directory: of.suggest(ACTOR, text, LIMIT, frozenset()))
            for text in typed
        ]
        yield f"a keystroke, {what}: median", median(times)
        yield f"a keystroke, {what}: 99th percentile", quantiles(times, n=100)[-1]
    scan = timed(lambda: scanning.suggest(ACTOR, "anna", LIMIT, frozenset()), 1)
    yield "a keystroke, `TableDirectory` alone", scan


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.host_directory")
    parser.add_argument("--people", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--names", type=int, default=12, help="how many names are typed")
    chosen = parser.parse_args()
    found: dict[str, list[str]] = {}
    heads = ["× `SELECT 1`"]
    for size in chosen.people:
        made = people(size)
        with databases() as engines:
            for name, engine in engines.items():
                progress(f"{name}: {size:,} people")
                heads.append(f"{name}, {size:,} people")
                times = dict(contestants(engine, made, chosen.names))
                one = times.pop("SELECT 1")
                for what, taken in times.items():
                    seconds = f" ({taken / 1e9:.1f} s)" if "indexed" in what else ""
                    found.setdefault(what, []).append(f"{taken / one:,.0f}{seconds}")
    lines = [(what, *ratios) for what, ratios in found.items()]
    print(table(heads, lines, right=range(1, len(heads))))


if __name__ == "__main__":
    main()
