"""Keys of grants beside each other, over copies of one world: times, buffers and sizes.

Run it from the root of a checkout as `python -m tests.benchmarks.grant_keys`. Beside each standing
grant there is an ended one, and one exam has 20,000 ended grants. The first column has times and
numbers, the others are relative to it. PostgreSQL is the server that the tests use. `--grants` says
how large the worlds are, `--quick` takes a small one, and is for seeing that it works.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from itertools import count
from time import perf_counter_ns
from typing import Final, TypeAlias

import sqlalchemy
from sqlalchemy import Connection, Engine
from tests.benchmarks import harness, sql, sql_plans, sql_worlds
from tests.benchmarks.sql_worlds import ASKED, FLOATER, RADIOLOGIST, Place

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import SqlStore, Tables, sweep_expired

FULL: Final = sql.Settings(rounds=7, questions=200, batch=500)
QUICK: Final = sql.Settings(postgresql=(1_000,), rounds=1, questions=4, batch=2)
PARTS: Final = 16
PAST: Final = 20_000
"""How many ended grants one exam has."""
PAST_EXAM: Final = es.ExamId("exam-00000000")

Reshape: TypeAlias = Callable[[Connection, Tables], None]
Asked: TypeAlias = Mapping[str, Sequence[Callable[[], object]]]


def keyed(key: str, *further: str) -> Reshape:
    """Return what gives a table of grants another key and further indexes."""

    def reshape(connection: Connection, tables: Tables) -> None:
        name = tables.grants.name
        connection.exec_driver_sql(
            f"ALTER TABLE {name} DROP CONSTRAINT {name}_pkey, ADD PRIMARY KEY ({key})"
        )
        for columns in further:
            connection.exec_driver_sql(f"CREATE INDEX ON {name} ({columns})")

    return reshape


def in_parts(connection: Connection, tables: Tables) -> None:
    """Divide a table of grants by its exams."""
    name = tables.grants.name
    for index in tables.grants.indexes:
        index.drop(connection)
    for statement in (
        f"ALTER TABLE {name} RENAME TO plain",
        f"CREATE TABLE {name} (LIKE plain, PRIMARY KEY (id, exam)) PARTITION BY HASH (exam)",
        *(
            f"CREATE TABLE {name}_{number} PARTITION OF {name} "
            f"FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {number})"
            for number in range(PARTS)
        ),
        f"INSERT INTO {name} SELECT * FROM plain",  # noqa: S608  its own
        "DROP TABLE plain",
    ):
        connection.exec_driver_sql(statement)
    for index in tables.grants.indexes:
        index.create(connection)


GENERIC: Final = "-c plan_cache_mode=force_generic_plan"
SHAPES: Final[Mapping[str, tuple[Reshape, str]]] = {
    "id": (keyed("id"), ""),
    "id, exam": (keyed("id, exam"), ""),
    "exam, id; id": (keyed("exam, id", "id"), ""),
    f"{PARTS} parts": (in_parts, ""),
    f"{PARTS} parts, generic plans": (in_parts, GENERIC),
}


def add_the_past(connection: Connection, tables: Tables) -> None:
    """Put an ended grant beside each one, and many on one exam."""
    name = tables.grants.name
    columns = [column.name for column in tables.grants.c]
    ended = {
        "closed_version": "2",
        "ended_how": f"'{es.HowEnded.UNSHARED.value}'",
        "ended_by": "grantor",
        "ended_as": f"'{es.EndedAs.OWNER.value}'",
        "ended_at": "made_at",
        "replaced_by": "'[]'",
    }
    one = f"(SELECT * FROM {name} WHERE exam = '{PAST_EXAM}' LIMIT 1) one"  # noqa: S608  its own
    many = {"id": "'long-past-' || number", "recipient": "'u:past-' || number"}
    for source, others in (
        (name, {"id": "'past-' || id"}),
        (f"{one}, generate_series(1, {PAST}) number", many),
    ):
        values = [(ended | others).get(column, column) for column in columns]
        connection.exec_driver_sql(
            f"INSERT INTO {name} ({', '.join(columns)}) "  # noqa: S608  its own
            f"SELECT {', '.join(values)} FROM {source}"
        )


@contextmanager
def shaped(url: str, size: int, shapes: Sequence[str]) -> Iterator[dict[str, Place]]:
    """Yield one world in a database of each shape."""
    with ExitStack() as closing:
        first = closing.enter_context(harness.fresh(url))
        place = sql_worlds.filled(first, size)
        with first.begin() as connection:
            add_the_past(connection, place.tables)
        first.dispose()
        server = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
        closing.callback(server.dispose)
        places = {}
        for number, shape in enumerate(shapes):
            reshape, options = SHAPES[shape]
            harness.progress(f"{size:,}: {shape}")
            copy = f"{first.url.database}_{number}"
            with server.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {copy} TEMPLATE {first.url.database}")
            drop = f"DROP DATABASE {copy} WITH (FORCE)"
            closing.callback(partial(_execute, server, drop))
            engine = sqlalchemy.create_engine(
                first.url.set(database=copy), connect_args={"options": options}
            )
            closing.callback(engine.dispose)
            with engine.begin() as connection:
                reshape(connection, place.tables)
            _execute(engine.execution_options(isolation_level="AUTOCOMMIT"), "VACUUM ANALYZE")
            store = SqlStore.over(engine, tables=place.tables)
            places[shape] = Place(place.world, engine, place.tables, store)
        yield places


def _execute(engine: Engine, statement: str) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


def questions(portal: sql.Portal) -> Asked:
    """Return what is asked of a portal, by name; each is one statement."""
    some = portal.questions[::2][: sql.SOME]
    usual = [portal.viewer(each.user) for each in some]
    radiologist, floater = portal.viewer(RADIOLOGIST), portal.viewer(FLOATER)
    fifty = [each.exam for each in portal.questions[: 2 * sql.PAGE : 2]]
    past = partial(radiologist.can, es.Permission.VIEW, PAST_EXAM)
    stranger = partial(usual[0].can, es.Permission.DOWNLOAD, PAST_EXAM)
    exams = [each.exam for each in some]
    access_list = portal.sharing.access_list
    return {
        "a check": [portal.asks(each) for each in portal.questions],
        "a check with 20,000 ended grants": [past, stranger],
        "a check of 50 exams": [partial(usual[0].can_many, es.Permission.VIEW, fifty)],
        "a page, a usual user": [each.shared_with for each in usual],
        "a page, sees everything": [radiologist.shared_with],
        "a page, in 50 groups": [floater.shared_with],
        "an access list": [partial(access_list, RADIOLOGIST, exam) for exam in exams],
        "one with 20,000 ended grants": [partial(access_list, RADIOLOGIST, PAST_EXAM)],
    }


def acts(portal: sql.Portal) -> Asked:
    """Return small acts, by name; each ends what it makes."""
    exams = portal.upload("small", min(sql.SOME, portal.settings.questions))
    recipients = [f"u:small-{number:05}" for number in range(1_000)]
    sharing = portal.place.opened(sql_worlds.directory_of(["u:small", *recipients]))
    actor, numbers = es.UserId("small"), count()

    def share(exam: es.ExamId) -> es.UserId:
        to = recipients[next(numbers)]
        sharing.share(sql.share_request("small", exam, [to]))
        return es.UserId(to.removeprefix("u:"))

    def unshare(exam: es.ExamId) -> None:
        sharing.unshare(es.UnshareRequest(actor=actor, exam=exam, recipient=share(exam)))

    def revoke(exam: es.ExamId) -> None:
        to = share(exam)
        entries = sharing.access_list(actor, exam).entries
        (grant,) = (g.grant.id for e in entries if e.principal == to for g in e.grants)
        sharing.revoke(es.RevokeRequest(actor=actor, grant=grant))

    return {
        "a share and an unshare": [partial(unshare, exam) for exam in exams],
        "a share and a revoke by id": [partial(revoke, exam) for exam in exams],
    }


def large(portals: Mapping[str, sql.Portal], exams: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the times of a large share and of a sweep, each the best of two."""
    found: dict[str, dict[str, float]] = {}
    for turn in ("one", "two"):
        for shape, portal in portals.items():
            recipients = [f"u:{turn}-{number:03}" for number in range(100)]
            named = portal.upload(turn, exams)
            sharing = portal.place.opened(sql_worlds.directory_of([f"u:{turn}", *recipients]))
            request = sql.share_request(turn, named[0], recipients, es.Scope.BATCH)
            sweep = partial(
                sweep_expired,
                portal.place.engine,
                tables=portal.place.tables,
                now=ASKED,
                margin=timedelta(0),
            )
            for what, act in (
                (f"a share of {exams:,} exams with 100", partial(sharing.share, request)),
                ("a sweep of up to 1,000 grants", sweep),
            ):
                start = perf_counter_ns()
                act()
                took = perf_counter_ns() - start
                before = found.setdefault(what, {}).get(shape, took)
                found[what][shape] = min(before, took)
    yield from found.items()


SIZE: Final = """
    SELECT sum(pg_total_relation_size(relid)), sum(pg_indexes_size(relid)) FROM (
        SELECT relid FROM pg_partition_tree(:name) UNION SELECT CAST(:name AS regclass)) parts"""


def sizes(place: Place) -> tuple[float, float]:
    """Return the bytes of a grant, and those of its indexes alone."""
    name = place.tables.grants.name
    with place.engine.connect() as connection:
        rows = connection.scalar(sqlalchemy.select(sqlalchemy.func.count(place.tables.grants.c.id)))
        whole, indexes = connection.execute(sqlalchemy.text(SIZE), {"name": name}).one()
    return float(whole) / rows, float(indexes) / rows


def measure(url: str, size: int, settings: sql.Settings, shapes: Sequence[str]) -> list[list[str]]:
    """Return the lines of the table of a world."""
    with shaped(url, size, shapes) as places:
        portals = {shape: sql.portal(place, settings, "") for shape, place in places.items()}
        lines = []
        for number, what in enumerate(("bytes of a grant", "of these, of its indexes")):
            lines.append(_line(size, what, {s: sizes(p)[number] for s, p in places.items()}, ""))
        harness.progress(f"{size:,}: questions")
        asked = {shape: questions(portal) for shape, portal in portals.items()}
        for what in asked["id"]:
            calls = {shape: asked[shape][what] for shape in portals}
            times = harness.best_of(settings.rounds, calls, len(calls["id"]))
            lines.append(_line(size, what, times, "µs"))
            read = {
                shape: sql_plans.cost_of(
                    portal.place.engine,
                    sql_plans.the_one(portal.place.engine, calls[shape][0]),
                    portal.place.tables.grants.name,
                ).buffers
                for shape, portal in portals.items()
            }
            lines.append(_line(size, f"{what}: buffers", read, ""))
        harness.progress(f"{size:,}: acts")
        asked = {shape: acts(portal) for shape, portal in portals.items()}
        for what in asked["id"]:
            calls = {shape: asked[shape][what] for shape in portals}
            times = harness.best_of(settings.rounds, calls, len(calls["id"]))
            lines.append(_line(size, what, times, "µs"))
        for what, took in large(portals, settings.batch):
            lines.append(_line(size, what, took, "µs"))
    return lines


def _line(size: int, what: str, found: Mapping[str, float], unit: str) -> list[str]:
    first, *others = found.values()
    number = f"{first / 1000:,.0f} {unit}" if unit else f"{first:,.0f}"
    return [what, f"{size:,}", number, *(f"{other / first:.2f}" for other in others)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small world, one round")
    parser.add_argument("--grants", type=int, nargs="*", help="sizes of worlds")
    chosen = parser.parse_args()
    # Two shapes suffice to see that it works.
    settings, shapes = (QUICK, [*SHAPES][::3]) if chosen.quick else (FULL, [*SHAPES])
    with harness.server() as url:
        sizes_asked = chosen.grants or settings.postgresql
        lines = [line for size in sizes_asked for line in measure(url, size, settings, shapes)]
    print(harness.table(("what", "grants", *shapes), lines, right={*range(1, 2 + len(shapes))}))
