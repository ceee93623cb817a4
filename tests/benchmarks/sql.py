"""Every budget of the store in a database, in one table of ratios measured in one run.

Run it from the root of a checkout as `python -m tests.benchmarks.sql`. PostgreSQL is the server
that the tests use. `--grants` says how large the worlds in it are, smallest first, `--sqlite` those
in a file of SQLite; `--quick` takes small ones and fewer rounds, and is for seeing that it works.
`--plans` prints how PostgreSQL carries a check and two pages out in the largest world, `--json` the
rows for machines. Times are the best of several rounds, taken in turns.
"""

import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any, Final

import attrs
import sqlalchemy
from sqlalchemy import Connection
from tests.benchmarks import harness, sql_plans, sql_worlds
from tests.benchmarks.sql_plans import Cost, noted, the_one
from tests.benchmarks.sql_worlds import ASKED, FLOATER, GRANTS_AN_EXAM, RADIOLOGIST, START, Place

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import joined, sqlite_engine
from exam_sharing.adapters.sqlalchemy.database import OwnTransactions
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
        sqlite: those in SQLite.
        batch: how many exams are shared in one act.
    """

    postgresql: tuple[int, ...] = (100_000, 1_000_000)
    sqlite: tuple[int, ...] = (100_000, 1_000_000)
    rounds: int = 15
    questions: int = 500
    batch: int = 1_000


QUICK: Final = Settings(
    postgresql=(5_000, 10_000), sqlite=(2_000, 4_000), rounds=2, questions=40, batch=20
)


@attrs.frozen
class Question:
    """Does this viewer hold this permission on this exam?"""

    user: es.UserId
    permission: es.Permission
    exam: es.ExamId


@attrs.frozen
class Portal:
    """A world in a database with questions about it, half of them with a yes.

    Attributes:
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
        return self.place.world.size

    def viewer(self, user: es.UserId, sharing: Sharing | None = None) -> Viewer:
        """Return a user, their principals given."""
        principals = self.place.world.principals_of(user)
        return attrs.evolve((sharing or self.sharing).viewer(user), principals=principals)

    def row(
        self,
        what: str,
        measured: float,
        most: float | None = None,
        budget: str = "",
        unit: str = "x",
    ) -> harness.Row:
        """Return a row; what is measured may be so much at most, which `budget` says in words."""
        what, holds = f"{self.prefix}{what}", None if most is None else measured <= most
        if most is not None:
            budget = budget or f"at most {most:,g} {unit}"
        return harness.Row(what, self.size, measured, unit, budget, holds)

    def beside_check(self, what: str, asked: Sequence[Callable[[], object]]) -> harness.Row:
        check = self.asks(self.questions[0])
        times = self.timed(asked=asked, check=[check] * len(asked))
        return self.row(f"{what} / can", times["asked"] / times["check"])

    def asks(self, question: Question, sharing: Sharing | None = None) -> Callable[[], bool]:
        viewer = self.viewer(question.user, sharing)
        return partial(viewer.can, question.permission, question.exam)

    def timed(self, **contestants: Sequence[Callable[[], object]]) -> dict[str, float]:
        """Return the time of one call for each contestant, who have equally many.

        Each call is timed by itself: taking the time costs nothing beside it, and a busy machine
        seldom leaves several of them alone.
        """
        calls = len(next(iter(contestants.values())))
        return harness.best_of(self.settings.rounds, contestants, calls)

    def upload(self, batch: str, number: int) -> tuple[es.ExamId, ...]:
        """Upload a batch of exams, owned by somebody of the same name, and return their ids."""
        names = [f"{batch}-{n:05}" for n in range(number)]
        return harness.uploaded(self.sharing, batch, es.UserId(batch), names, START)

    def statements(self, what: str, most: int, *asked: Callable[[], object]) -> harness.Row:
        """Return the row of how many statements something takes, however it is asked."""
        number = max(len(sql_plans.second_time(self.place.engine, ask)) for ask in asked)
        return self.row(what, number, most, "1" if most == 1 else f"at most {most}", "statements")


def portal(place: Place, settings: Settings, prefix: str) -> Portal:
    chance = random.Random(place.world.size)
    grants = _some_grants(place, chance, settings.questions // 2)
    keys = {key for grant in grants for key in (grant.recipient, es.UserId(grant.grantor).key)}
    directory = sql_worlds.directory_of({*keys, RADIOLOGIST.key, FLOATER.key})
    sharing = place.opened(directory)
    questions = []
    for grant in grants:
        number = chance.randrange(place.world.users)
        if grant.recipient.startswith("g:"):
            number = 20 * int(grant.recipient.removeprefix("g:group-")) + chance.randrange(20)
        user = place.world.user(number)
        if grant.recipient.startswith("u:"):
            user = es.UserId(grant.recipient.removeprefix("u:"))
        stranger = place.world.user(chance.randrange(place.world.users))
        exam, permission = es.ExamId(grant.exam), es.Permission(grant.permission)
        questions += (Question(each, permission, exam) for each in (user, stranger))
    return Portal(place, settings, directory, sharing, tuple(questions), prefix)


def _some_grants(place: Place, chance: random.Random, number: int) -> Sequence[Any]:
    """Return grants that stand, all over the world."""
    last = place.world.size // GRANTS_AN_EXAM
    exams = {f"exam-{chance.randrange(last):08}" for _ in range(4 * number)}
    grants = place.tables.grants
    statement = sqlalchemy.select(grants).where(
        grants.c.exam.in_(sorted(exams)),
        grants.c.recipient != RADIOLOGIST.key,
        grants.c.closed_version.is_(None),
        sqlalchemy.or_(grants.c.until.is_(None), grants.c.until > ASKED),
    )
    with place.engine.connect() as connection:
        found = sorted(connection.execute(statement), key=lambda grant: grant.id)
    return chance.sample(found, number)


SELECT_1: Final = sqlalchemy.select(sqlalchemy.literal_column("1"))


def checking(portal: Portal) -> Iterator[harness.Row]:
    """Measure `can` beside the shortest statement there is, both through the same connection."""
    harness.progress(f"{portal.size:,}: checks")
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
    answers = [portal.asks(each)() for each in portal.questions]
    if not all(answers[0::2]) or sum(answers[1::2]) > len(answers) // 10:
        problem = "the answers of checks are not what the world was made for"
        sys.exit(f"{problem}; with fewer than 5,000 grants strangers often hold by chance")


def _pooled(portal: Portal) -> float:
    """Return the ratio where each question takes a connection from the pool and gives it back."""
    can = [portal.asks(each) for each in portal.questions]
    shortest = partial(_shortest, OwnTransactions(portal.place.engine))
    times = portal.timed(can=can, shortest=[shortest] * len(can))
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
        people = {"directory": portal.directory, "clock": lambda: ASKED}
        sharing = joined(connection, tables=place.tables, **people)
        can = [portal.asks(each, sharing) for each in portal.questions]
        composed = partial(connection.scalar, SELECT_1)
        text = partial(_sent_as_text, connection)
        times = portal.timed(can=can, composed=[composed] * len(can), text=[text] * len(can))
    return times["can"] / times["composed"], times["can"] / times["text"]


def _sent_as_text(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT 1").scalar()


def _checking_many(portal: Portal) -> Iterator[harness.Row]:
    exams = [each.exam for each in portal.questions[: 2 * PAGE : 2]]
    viewer = portal.viewer(portal.questions[0].user)
    many = partial(viewer.can_many, es.Permission.VIEW, exams)
    yield portal.statements(f"can_many of {PAGE} exams", 1, many)
    yield portal.beside_check(f"can_many of {PAGE} exams", [many] * SOME)


@attrs.frozen
class Pages:
    """A list to page through.

    Attributes:
        name: which list of whom.
        user: who asks for it.
        last: the page that is set beside the first; not all can see a hundred pages.
        page: asks for one page.
    """

    name: str
    user: es.UserId
    last: int
    page: Callable[[str | None], Any]


def lists(portal: Portal) -> Iterator[Pages]:
    usual = portal.questions[0].user
    for who, user, last in (
        ("a radiologist", RADIOLOGIST, 100),
        ("in 50 groups", FLOATER, 50),
        ("a usual user", usual, 1),
    ):
        viewer = portal.viewer(user)
        yield Pages(f"shared_with, {who}", user, last, viewer.shared_with)
        yield Pages(f"visible_to, {who}", user, last, viewer.visible_to)


def cursor_of(page: Callable[[str | None], Any], number: int) -> str:
    """Return the cursor of a page, or of the last full one before it."""
    cursor = page(None).next
    for _ in range(number - 2):
        following = page(cursor).next
        if following is None:
            break
        cursor = following
    return cursor


def paging(portal: Portal, smallest: dict[str, Cost]) -> Iterator[harness.Row]:
    """Measure what pages read; `smallest` has what the first reads in the smallest world."""
    harness.progress(f"{portal.size:,}: pages")
    yield one_statement_a_page(portal)
    for each in lists(portal):
        first = later = _cost(portal, partial(each.page, None))
        if each.last > 1:
            later = _cost(portal, partial(each.page, cursor_of(each.page, each.last)))
        principals = portal.place.world.principals_of(each.user)
        most = len(principals) * (PAGE + 1) * GRANTS_AN_EXAM
        rows, budget = max(first.rows, later.rows), f"at most {most:,}"
        yield portal.row(f"rows read for a page of {each.name}", rows, most, budget, "rows")
        if later is not first:
            ratio = later.buffers / first.buffers
            what = f"buffers of {each.name}: page {each.last} / page 1"
            yield portal.row(what, ratio, LATER)
        before = smallest.setdefault(each.name, first)
        if before is not first:
            ratio = first.buffers / before.buffers
            yield portal.row(f"buffers of {each.name}: / in the smallest world", ratio, LATER)


def one_statement_a_page(portal: Portal) -> harness.Row:
    """See that every page of every list is one statement."""
    pages = [each.page for each in lists(portal)]
    later = (partial(page, cursor_of(page, 2)) for page in pages)
    first = (partial(page, None) for page in pages)
    return portal.statements("a page", 1, *first, *later)


def _cost(portal: Portal, ask: Callable[[], object]) -> Cost:
    place = portal.place
    return sql_plans.cost_of(place.engine, the_one(place.engine, ask), place.tables.grants.name)


def paging_times(portal: Portal) -> Iterator[harness.Row]:
    """Measure how long pages take beside a check."""
    for each in lists(portal):
        yield portal.beside_check(f"a page of {each.name}", [partial(each.page, None)] * 10)


def access_lists(portal: Portal) -> Iterator[harness.Row]:
    """Measure the access list, asked for by somebody whom the exam was shared with."""
    harness.progress(f"{portal.size:,}: access lists")
    asked = [
        partial(portal.sharing.access_list, RADIOLOGIST, each.exam)
        for each in portal.questions[::2][:SOME]
    ]
    yield portal.statements("the access list", 1, asked[0])
    exam = portal.questions[0].exam
    for what in ("tabs", "share_form", "share_page"):
        show = getattr(portal.sharing, what)
        yield portal.statements(what, 1, partial(show, RADIOLOGIST, exam))
    yield portal.beside_check("the access list", asked)


def sharing_a_batch(portal: Portal) -> Iterator[harness.Row]:
    """Measure a large share beside inserting the same rows by the same driver and method."""
    harness.progress(f"{portal.size:,}: sharing a batch")
    place, number = portal.place, portal.settings.batch
    shares, inserts = [], []
    for batch in ("large-1", "large-2"):
        exams = portal.upload(batch, number)
        recipients = [f"u:{batch}-{n:03}" for n in range(100)]
        sharing = portal.place.opened(sql_worlds.directory_of([f"u:{batch}", *recipients]))
        request = share_request(batch, exams[0], recipients, es.Scope.BATCH)
        shares.append(_time(partial(sharing.share, request)))
        rows = _copies_of_grants(place, batch)
        assert len(rows) == number * len(recipients)
        inserts.append(_time(partial(_insert, place, rows)))
    text = f"sharing {number:,} exams with 100 / inserting as many plain rows"
    yield portal.row(text, min(shares) / min(inserts), 3)


def share_request(
    actor: str, exam: es.ExamId, recipients: Iterable[str], scope: es.Scope = es.Scope.EXAM
) -> es.ShareRequest:
    return es.ShareRequest(
        actor=es.UserId(actor),
        exam=exam,
        recipients=sql_worlds.principals(recipients),
        scope=scope,
        attested=True,
    )


def _time(act: Callable[[], object]) -> int:
    with harness.uncollected():
        start = perf_counter_ns()
        act()
        return perf_counter_ns() - start


def _copies_of_grants(place: Place, grantor: str) -> list[dict[str, Any]]:
    """Return the rows of somebody's grants, as those of other grants on other exams."""
    grants = place.tables.grants
    with place.engine.connect() as connection:
        rows = connection.execute(grants.select().where(grants.c.grantor == grantor))
        return [
            {**row, "id": f"copy-{row['id']}", "exam": f"copy-{row['exam']}"}
            for row in rows.mappings()
        ]


def _insert(place: Place, rows: Sequence[Mapping[str, Any]]) -> None:
    with place.engine.begin() as connection:
        connection.execute(sqlalchemy.insert(place.tables.grants), rows)


MIXTURE: Final = {"a check": 80, "a first page": 10, "an access list": 8, "a share": 2}
"""How many of a hundred things that a portal asks are of each kind."""


def mixing(portal: Portal, smallest: dict[str, float]) -> Iterator[harness.Row]:
    """Measure what a portal asks; `smallest` has the time of it in the smallest world."""
    harness.progress(f"{portal.size:,}: a mixture")
    asked = mixture(portal)
    for what, calls in asked.items():
        yield _read_as_a_whole(portal, what, calls[0])
    shortest = partial(_shortest, OwnTransactions(portal.place.engine))
    total = 0.0
    for what, calls in asked.items():
        times = portal.timed(asked=calls, shortest=[shortest] * len(calls))
        yield portal.row(f"{what} / SELECT 1", times["asked"] / times["shortest"])
        total += times["asked"] * MIXTURE[what]
    first = smallest.setdefault("the mixture", total)
    if first is not total:
        yield portal.row("the mixture / in the smallest world", total / first)


def mixture(portal: Portal) -> dict[str, list[Callable[[], object]]]:
    """Return what a portal asks, equally many of each kind; no share is made twice."""
    some = portal.questions[::2][:SOME]
    exams = portal.upload("small", len(some))
    recipients = [f"u:small-{number:03}" for number in range(100)]
    sharing = portal.place.opened(sql_worlds.directory_of(["u:small", *recipients]))
    requests = (
        share_request("small", exam, [recipient]) for recipient in recipients for exam in exams
    )
    return {
        "a check": [portal.asks(each) for each in some],
        "a first page": [portal.viewer(each.user).shared_with for each in some],
        "an access list": [
            partial(portal.sharing.access_list, RADIOLOGIST, each.exam) for each in some
        ],
        "a share": [lambda: sharing.share(next(requests))] * len(some),
    }


def _read_as_a_whole(portal: Portal, what: str, ask: Callable[[], object]) -> harness.Row:
    """See that SQLite finds everything that is asked of it by an index."""
    engine = portal.place.engine
    with noted(engine) as statements:
        ask()
    steps = [step for each in statements for step in sql_plans.sqlite_plan(engine, each)]
    scans = sum(step.startswith("SCAN exam_sharing_") for step in steps)
    return portal.row(f"tables read as a whole, {what}", scans, 0, "0", "tables")


def in_postgresql(settings: Settings, *, plans: bool) -> Iterator[harness.Row]:
    smallest: dict[str, Cost] = {}
    with harness.server() as url:
        harness.progress("seeing that rows written in bulk are those that acts write")
        with harness.fresh(url) as by_acts, harness.fresh(url) as in_bulk:
            sql_worlds.require_equal_worlds(by_acts, in_bulk)
        for size in settings.postgresql:
            with harness.fresh(url) as engine:
                found = portal(sql_worlds.filled(engine, size), settings, "")
                yield from checking(found)
                yield from paging(found, smallest)
                yield from paging_times(found)
                yield from access_lists(found)
                if plans and size == settings.postgresql[-1]:
                    print(written_plans(found))
                yield from sharing_a_batch(found)


def in_sqlite(settings: Settings) -> Iterator[harness.Row]:
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
        "a check": portal.asks(portal.questions[0]),
        "page 1 of shared_with": partial(page, None),
        "page 100 of shared_with": partial(page, cursor_of(page, 100)),
    }
    return "\n\n".join(
        "\n".join([what, *sql_plans.explained(engine, the_one(engine, ask), sql_plans.SHORT)])
        for what, ask in asked.items()
    )


if __name__ == "__main__":
    parser = harness.options(".sql", __doc__)
    parser.add_argument("--grants", type=int, nargs="*", help="sizes of worlds in PostgreSQL")
    parser.add_argument("--sqlite", type=int, nargs="*", help="sizes of worlds in SQLite")
    parser.add_argument("--plans", action="store_true", help="how PostgreSQL does it")
    chosen = parser.parse_args()
    settings = QUICK if chosen.quick else Settings()
    if chosen.grants is not None:
        settings = attrs.evolve(settings, postgresql=tuple(chosen.grants))
    if chosen.sqlite is not None:
        settings = attrs.evolve(settings, sqlite=tuple(chosen.sqlite))
    rows = [*in_postgresql(settings, plans=chosen.plans), *in_sqlite(settings)]
    harness.report(rows, as_json=chosen.json)
