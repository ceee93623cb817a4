"""How the cost of acts and answers grows, as ratios of two sizes measured in one run.

Run it from the root of a checkout as `python -m tests.benchmarks.growth`. What grows with n is
measured at n and at about 4 n and may cost 5 times as much; what does not depend on n may cost the
same within noise. Exams that the actor may not see are measured beside exams that are not there.
`--quick` takes sizes that are too small to judge, and is for seeing that it works.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from time import perf_counter_ns, process_time_ns
from typing import Any, Final

import attrs
from tests.benchmarks import harness, sql_plans

import exam_sharing as es
from exam_sharing import memory
from exam_sharing.adapters import sqlalchemy as adapter
from exam_sharing.sharing import Sharing

START: Final = datetime(2030, 1, 1, tzinfo=UTC)
OWNER, BEN, STRANGER = es.UserId("owner"), es.UserId("ben"), es.UserId("stranger")
GROUP: Final = es.GroupId("group")
LINEAR: Final = 5
NOISE: Final = 1.25
A_LEVEL: Final = 1.4
"""A hundred times as many rows make an index one level deeper: a look-up reads 4 buffers, not 3."""
LOOKED_UP: Final = ("access_at", "a check", "a page of exams")
LEAST, MOST = 0.9, 1.2
ROUNDS: Final = 5

Open = Callable[..., Any]


@attrs.frozen
class Sizes:
    """How large the smaller of two sizes is.

    Attributes:
        past: acts in the past of an exam, and in the longer one.
        many: grants, notices, narrowings and members.
        dense: users who all share with each other.
        asked: how often an exam that may not be seen is asked about.
        elsewhere: events and changes of other exams and people, and of more of them.
    """

    past: tuple[int, int] = (10, 10_000)
    many: int = 250
    dense: int = 24
    asked: int = 60
    elsewhere: tuple[int, int] = (1_000, 100_000)


QUICK: Final = Sizes(past=(2, 8), many=8, dense=4, asked=2, elsewhere=(10, 40))


def users(number: int) -> list[es.UserId]:
    """Return the first of endless users."""
    return [es.UserId(f"user {each}") for each in range(number)]


class Portal:
    """One exam of the owner's in a store, and who can do what with it."""

    def __init__(self, where: str, open_: Open, *, people: int, members: int = 0, **policy: Any):
        ids = itertools.count()
        self.where, self.notifier = where, Broken()
        self.directory, self.sharing = open_(
            policy=es.Policy(max_people=None, max_recipients=None, max_exams=None, **policy),
            clock=lambda: START,
            new_id=lambda: f"act {next(ids)}",
            notifier=self.notifier,
        )
        for user in (OWNER, BEN, STRANGER, *users(people)):
            self.directory.add(es.User(id=user, name=str(user)))
        if members:
            self.directory.add(es.Group(id=GROUP, name="group", members=frozenset(users(members))))
        self.exam = self.upload("exam", 1)[0]

    def upload(self, name: str, number: int) -> tuple[es.ExamId, ...]:
        exams = [f"{name} {each}" for each in range(number)]
        return harness.uploaded(self.sharing, name, OWNER, exams, START)

    def share(self, actor: es.UserId, *recipients: es.UserId | es.GroupId, **more: Any) -> None:
        asked = {"exam": self.exam, "attested": True, **more}
        self.sharing.share(es.ShareRequest(actor=actor, recipients=recipients, **asked))

    def unshare(self, actor: es.UserId, recipient: es.UserId | es.GroupId, **more: Any) -> None:
        asked = {"exam": self.exam, **more}
        self.sharing.unshare(es.UnshareRequest(actor=actor, recipient=recipient, **asked))


def in_memory(**given: Any) -> tuple[Any, Sharing]:
    directory = memory.MemoryDirectory()
    return directory, memory.open_sharing(directory=directory, **given)


class Broken(memory.MemoryNotifier):
    """Fails until it is mended, so that notices wait."""

    mended = False

    def send(self, notice: Any) -> None:
        if not self.mended:
            raise OSError
        super().send(notice)


@contextmanager
def in_postgresql(url: str) -> Iterator[Open]:
    with harness.fresh(url) as engine:
        tables = adapter.create_all(engine)

        def open_(**given: Any) -> tuple[Any, Sharing]:
            directory = adapter.SqlDirectory(engine, tables.directory)
            return directory, adapter.open_sharing(engine, directory=directory, **given)

        yield open_


def timed(act: Callable[[], object], where: str) -> int:
    """Return the nanoseconds of one call: in memory those of the processor, which others share."""
    clock = process_time_ns if where == "memory" else perf_counter_ns
    start = clock()
    act()
    return clock() - start


def best(act: Callable[[], object], where: str, rounds: int = ROUNDS) -> int:
    """Return the nanoseconds of the fastest of several rounds."""
    return min(timed(act, where) for _ in range(rounds))


def grows(what: str, where: str, small: tuple[int, int], large: tuple[int, int]) -> harness.Row:
    """Return how much more the larger size cost, as what it would cost at exactly 4 n.

    Each size is given with its time.
    """
    (n, before), (m, after) = small, large
    return harness.at_most(f"{what}, {where}", m, after / before * 4 * n / m, LINEAR)


def after_a_past(where: str, open_: Callable[[], Any], sizes: Sizes) -> harness.Row:
    """Share and unshare on an exam after few and after many acts on it."""
    taken = []
    for past in sizes.past:
        with open_() as opened:
            portal = Portal(where, opened, people=0, sends_notices=False, only_owner_readmits=True)

            def pair(portal: Portal = portal) -> None:
                portal.share(OWNER, BEN)
                portal.unshare(OWNER, BEN)

            for _ in range(past):
                pair()
            taken.append(best(pair, where, 20))
    what = f"a share and an unshare after earlier ones, {where}"
    return harness.at_most(what, sizes.past[1], taken[1] / taken[0], NOISE)


def measured(
    what: str, where: str, open_: Callable[[], Any], number: int, act: Callable[..., int]
) -> harness.Row:
    """Return the row of what an act costs at a size and at four times that.

    The sizes take turns, each in fresh tables, and the best time of each counts.
    """
    harness.progress(f"{what}, {where}")
    taken: dict[int, list[int]] = {number: [], 4 * number: []}
    for size in (*taken, *taken) if number > QUICK.many else taken:
        with open_() as opened:
            taken[size].append(act(opened, where, size))
    small, large = ((size, min(times)) for size, times in taken.items())
    return grows(what, where, small, large)


def notices(opened: Open, where: str, number: int) -> int:
    """Deliver the notices of one share to many."""
    portal = Portal(where, opened, people=number)
    portal.share(OWNER, *users(number))
    portal.notifier.mended = True
    return timed(portal.sharing.admin.deliver_notices, where)


def narrowings(opened: Open, where: str, number: int) -> int:
    """Narrow one grant again and again, with a re-share that rests on it."""
    portal = Portal(where, opened, people=1, sends_notices=False, reshares=es.Reshares.CASCADE)
    until = START + timedelta(days=2 * number)
    portal.share(OWNER, BEN, until=until)
    portal.share(BEN, *users(1), until=START + timedelta(days=1))

    def narrow() -> None:
        for day in range(1, number + 1):
            at = until - timedelta(days=day)
            request = es.NarrowRequest(actor=OWNER, exam=portal.exam, recipient=BEN, until=at)
            portal.sharing.narrow(request)

    return timed(narrow, where)


def group_with_many_grants(opened: Open, where: str, number: int) -> int:
    """Preview an unshare from a group with many members to which many shared."""
    portal = Portal(where, opened, people=2 * number, members=number, sends_notices=False)
    outside = users(2 * number)[number:]
    portal.share(OWNER, *outside)
    for user in outside:
        portal.share(user, GROUP)
    request = es.UnshareRequest(actor=OWNER, exam=portal.exam, recipient=GROUP)
    return best(lambda: portal.sharing.preview(request), where)


def a_listed_exam(
    opened: Open, where: str, number: int, *, ring: bool = False, of: str = "access_list"
) -> int:
    """Show the access list, or the graph, of an exam with many grants, under RESTRICT.

    They are its owner's, or in a ring each user passed it on to the next.
    """
    portal = Portal(
        where, opened, people=number, sends_notices=False, reshares=es.Reshares.RESTRICT
    )
    everybody = users(number)
    if ring:
        for actor, recipient in itertools.pairwise((OWNER, *everybody, everybody[0])):
            portal.share(actor, recipient)
    else:
        portal.share(OWNER, *everybody)
    return best(lambda: getattr(portal.sharing, of)(OWNER, portal.exam), where)


def dense_cascades(sizes: Sizes) -> harness.Row:
    """Preview a cascade on an exam that everybody shared with everybody, in memory."""
    harness.progress("a cascade over a dense graph")
    taken = []
    for number in (sizes.dense, sizes.dense * 8 // 5):
        portal = Portal("memory", in_memory, people=number, sends_notices=False)
        portal.share(OWNER, *users(number), permission=es.Permission.DOWNLOAD)
        for user in users(number):
            others = [each for each in users(number) if each != user]
            portal.share(user, *others, permission=es.Permission.DOWNLOAD)
        store: Any = portal.sharing._ports.grants
        grants = store.read((portal.exam,), ended=False)[portal.exam].grants
        named = sum(len(grant.basis) for grant in grants if isinstance(grant.basis, frozenset))
        request = es.UnshareRequest(
            actor=OWNER, exam=portal.exam, recipient=users(1)[0], reshares=es.Reshares.CASCADE
        )
        preview = partial(portal.sharing.preview, request)
        taken.append((len(grants) + named, best(preview, "memory", 3)))
    return grows("a cascade, by grants and the references of their bases", "memory", *taken)


def unseen_beside_absent(open_: Open, sizes: Sizes) -> Iterator[harness.Row]:
    """Ask about an exam that the actor may not see, beside one that is not there."""
    portal = Portal(
        "PostgreSQL",
        open_,
        people=sizes.many,
        sends_notices=False,
        access_list=es.AccessListScope.OWN_GRANTS,
    )
    exams = portal.upload("batch", 10)
    for exam in exams:
        portal.share(OWNER, *users(sizes.many), exam=exam)
    absent = [es.ExamId(f"absent {number}") for number in range(len(exams))]
    sharing, request = portal.sharing, {"attested": True, "scope": es.Scope.BATCH}
    asked: dict[str, Callable[[es.ExamId], object]] = {
        "tabs": lambda exam: sharing.tabs(STRANGER, exam),
        "share form": lambda exam: sharing.share_form(STRANGER, exam),
        "access list": lambda exam: sharing.access_list(STRANGER, exam),
        "graph": lambda exam: sharing.graph(STRANGER, exam),
        "accesses": lambda exam: sharing.accesses(STRANGER, exam),
        "suggestions": lambda exam: sharing.suggest(STRANGER, exam, "user"),
        "share": lambda exam: sharing.share(
            es.ShareRequest(actor=STRANGER, exam=exam, recipients=(BEN,), **request)
        ),
        "unshare": lambda exam: sharing.unshare(
            es.UnshareRequest(actor=STRANGER, exam=exam, recipient=users(1)[0])
        ),
    }
    for what, ask in asked.items():
        harness.progress(f"{what} of an unseen exam")
        unseen = absent_took = 0
        pairs = itertools.islice(itertools.cycle(zip(exams, absent, strict=True)), sizes.asked)
        for pair in pairs:
            times = [best(partial(quietly, ask, exam), "PostgreSQL", 3) for exam in pair]
            unseen, absent_took = unseen + times[0], absent_took + times[1]
        ratio = unseen / absent_took
        held = LEAST <= ratio <= MOST
        words = f"{LEAST} to {MOST} x"
        yield harness.Row(
            f"{what}: unseen beside absent, PostgreSQL", sizes.many, ratio, "x", words, held
        )


def quietly(ask: Callable[[es.ExamId], object], exam: es.ExamId) -> None:
    with suppress(es.Refused):
        ask(exam)


_ELSEWHERE: Final = (
    (
        "INSERT INTO {0}events (at, kind, event, salt, leaf)"
        " SELECT '2029-01-01', 'ActRefused', 'elsewhere', '', '' FROM generate_series(1, {1})"
    ),
    (
        "INSERT INTO {0}subjects (subject, at, number)"
        " SELECT 'e:elsewhere ' || number, at, number FROM {0}events WHERE event = 'elsewhere'"
        " ON CONFLICT DO NOTHING"
    ),
    (
        "INSERT INTO {0}changes (at, kind, document, salt, leaf, principal, active)"
        " SELECT '2029-01-01', 'UserChanged', 'elsewhere', '', '', 'u:elsewhere ' || n, true"
        " FROM generate_series(1, {1}) n"
    ),
    (
        "INSERT INTO {0}change_keys (key, at, number)"
        " SELECT principal, at, number FROM {0}changes WHERE document = 'elsewhere'"
        " ON CONFLICT DO NOTHING"
    ),
    (
        "INSERT INTO {0}past_members (group_key, member_key, began, began_at)"
        " SELECT 'g:elsewhere ' || mod(number, 1000), principal, number, at FROM {0}changes"
        " WHERE document = 'elsewhere' ON CONFLICT DO NOTHING"
    ),
    "ANALYZE",
)


def beside_a_trail(url: str, sizes: Sizes) -> Iterator[harness.Row]:
    """Ask about the past, and check, beside few and many events of others."""
    with harness.fresh(url) as engine:
        tables = adapter.create_all(engine)

        def open_(**given: Any) -> tuple[Any, Sharing]:
            directory = adapter.SqlDirectory(engine, tables.directory)
            return directory, adapter.open_sharing(engine, directory=directory, **given)

        few = sizes.many // 5
        portal = Portal("PostgreSQL", open_, people=few, members=few, sends_notices=False)
        portal.share(OWNER, GROUP, *users(few))
        sharing, exam, (user, *_) = portal.sharing, portal.exam, users(1)
        asked: dict[str, Callable[[], object]] = {
            "access_at": lambda: sharing.admin.access_at(exam, START),
            "a page of the history": lambda: sharing.admin.history(exam=exam),
            "a check": lambda: sharing.can(user, es.Permission.VIEW, exam),
            "a page of exams": lambda: sharing.shared_with(user),
        }
        taken: list[dict[str, int]] = []
        read: list[dict[str, int]] = []
        for number in sizes.elsewhere:
            harness.progress(f"the past beside {number:,} events elsewhere")
            with engine.begin() as connection:
                for statement in _ELSEWHERE:
                    connection.exec_driver_sql(statement.format("exam_sharing_", number))
            taken.append({what: best(ask, "PostgreSQL", 40) for what, ask in asked.items()})
            read.append({what: sql_plans.buffers_of(engine, asked[what]) for what in LOOKED_UP})
        for what in asked:
            ratio = taken[1][what] / taken[0][what]
            words = f"{what} beside events elsewhere, PostgreSQL"
            yield harness.at_most(words, sizes.elsewhere[1], ratio, NOISE)
        for what in LOOKED_UP:
            ratio = read[1][what] / read[0][what]
            words = f"{what} beside events elsewhere, buffers read"
            yield harness.at_most(words, sizes.elsewhere[1], ratio, A_LEVEL)


def growth(sizes: Sizes) -> Iterator[harness.Row]:
    in_a_ring = partial(a_listed_exam, ring=True)
    acts: Sequence[tuple[str, Callable[..., int]]] = (
        ("delivering n notices", notices),
        ("narrowing one grant n times", narrowings),
        ("previewing a group of n members and n grants", group_with_many_grants),
        ("an access list of n grants under RESTRICT", a_listed_exam),
        ("an access list of n re-shares in a ring under RESTRICT", in_a_ring),
        ("the graph of n re-shares in a ring", partial(in_a_ring, of="graph")),
    )
    remembered = partial(nullcontext, in_memory)
    yield after_a_past("memory", remembered, sizes)
    for what, act in acts:
        yield measured(what, "memory", remembered, sizes.many, act)
    yield dense_cascades(sizes)
    with harness.server() as url:
        place = partial(in_postgresql, url)
        harness.progress("a share after earlier ones, PostgreSQL")
        past = attrs.evolve(sizes, past=(sizes.past[0], min(sizes.past[1], 1_000)))
        yield after_a_past("PostgreSQL", place, past)
        for what, act in acts:
            yield measured(what, "PostgreSQL", place, sizes.many // 4, act)
        with place() as open_:
            yield from unseen_beside_absent(open_, sizes)
        yield from beside_a_trail(url, sizes)


if __name__ == "__main__":
    chosen = harness.options(".growth", __doc__).parse_args()
    rows = growth(QUICK if chosen.quick else Sizes())
    harness.report(rows, as_json=chosen.json, judges=not chosen.quick)
