"""Every budget of the store in memory, in one table of ratios measured in one run.

Run it from the root of a checkout as `python -m tests.benchmarks`. `--quick` takes smaller worlds
and fewer rounds, and is for seeing that it works; `--json` prints the rows for machines. Times are
the best of several rounds, taken in turns; the answers of all contestants are compared first.
Libraries that are not installed are left out, and said to be.
"""

import gc
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from time import perf_counter_ns
from typing import Final

import attrs
from tests.benchmarks import contestants, harness, worlds
from tests.benchmarks.contestants import Contestant, PlainDicts
from tests.benchmarks.worlds import Plan, Question, World

import exam_sharing as es
from exam_sharing.memory import MemoryDirectory, open_sharing

NOISE: Final = 1.15
PAGE: Final = 50
BESIDE_ENGINES: Final = 2_000
"""How many questions SQLite and the other engines are asked."""
ENGINES: Final = {
    "casbin": contestants.pycasbin,
    "cedarpy": contestants.cedarpy,
    "oso": contestants.oso,
}


@attrs.frozen
class Settings:
    """How much to measure.

    Attributes:
        sizes: of the worlds, in grants, smallest first.
        loadable: the sizes that the other libraries load in a reasonable time.
        weighed: the sizes of which the memory is measured.
        questions: how many with a yes, and how many with a no.
    """

    sizes: tuple[int, ...] = (1_000, 10_000, 100_000)
    loadable: tuple[int, ...] = (1_000, 10_000)
    weighed: tuple[int, ...] = (1_000, 10_000, 100_000)
    rounds: int = 15
    questions: int = 5_000
    acts: int = 600


QUICK: Final = Settings((1_000, 4_000), (1_000,), (1_000,), rounds=5, questions=1_000, acts=100)


@attrs.frozen
class Arena:
    """A world with its questions, a yes beside a no."""

    size: int
    world: World
    yes: list[Question]
    no: list[Question]
    settings: Settings

    def mixed(self, number: int) -> list[Question]:
        """Return questions, half of them with a yes, in turns."""
        pairs = zip(self.yes[: number // 2], self.no[: number // 2], strict=True)
        return [question for pair in pairs for question in pair]

    def ratio(self, questions: Sequence[Question], one: Contestant, other: Contestant) -> float:
        """Return how many times as long one takes as the other, once their answers agree."""
        for question, a, b in zip(
            questions, one.answers(questions), other.answers(questions), strict=True
        ):
            if a is not b:
                sys.exit(f"{one.name} does not agree with {other.name} about {question}")
        batches = {
            each.name: list(map(each.batch, harness.chunks(questions))) for each in (one, other)
        }
        times = harness.best_of(self.settings.rounds, batches, len(questions))
        return times[one.name] / times[other.name]


def arena(size: int, settings: Settings) -> Arena:
    harness.progress(f"making a world of {size:,} grants")
    world = worlds.made(size)
    answer = PlainDicts(world, world.clock).checker()
    yes, no = worlds.questions(
        world, settings.questions, lambda q: answer(q.user.value, q.permission, q.exam.value)
    )
    return Arena(size, world, yes, no, settings)


def beside_dicts(arena: Arena, before: dict[str, float]) -> Iterator[harness.Row]:
    """Measure `can` beside plain dicts; `before` has the ratio in the smallest world."""
    harness.progress(f"{arena.size:,}: can beside plain dicts")
    world = arena.world
    can, plain = contestants.ours(world.sharing.can), PlainDicts(world, world.clock).contestant()
    half_and_half = arena.mixed(2 * arena.settings.questions)
    kinds = {"a yes": arena.yes, "a no": arena.no, "half and half": half_and_half}
    for kind, questions in kinds.items():
        ratio = arena.ratio(questions, can, plain)
        yield harness.at_most(f"can / plain dicts, {kind}", arena.size, ratio, 2)
    first = before.setdefault("ratio", ratio)
    if first is not ratio:
        what, words = "the same, relative to the smallest world", "no worse, within noise"
        yield harness.at_most(what, arena.size, ratio / first, NOISE, words)
    real = contestants.ours(world.by_real_clock.can)
    plain = PlainDicts(world, worlds.default_clock).contestant()
    ratio = arena.ratio(half_and_half, real, plain)
    yield harness.at_most("can / plain dicts, both with the machine's clock", arena.size, ratio, 2)


def beside_sqlite(arena: Arena) -> harness.Row:
    """Measure how many checks are made in the time of one by SQLite."""
    harness.progress(f"{arena.size:,}: can beside SQLite")
    questions = arena.mixed(min(BESIDE_ENGINES, 2 * arena.settings.questions))
    can, sqlite = contestants.ours(arena.world.sharing.can), contestants.sqlite(arena.world)
    what = "SQLite in memory, one statement / can"
    return harness.Row(what, arena.size, arena.ratio(questions, sqlite, can))


def beside_engines(arena: Arena) -> Iterator[harness.Row]:
    """Measure how many checks are made in the time of one by other engines."""
    can = contestants.ours(arena.world.sharing.can)
    many = contestants.ours_by_page(arena.world.sharing.can_many)
    questions = arena.mixed(min(BESIDE_ENGINES, 2 * arena.settings.questions))
    pages = worlds.pages(arena.world, questions, len(questions) // PAGE, PAGE)
    fewer = attrs.evolve(arena.settings, rounds=max(3, arena.settings.rounds // 2))
    arena = attrs.evolve(arena, settings=fewer)
    for package, opens in ENGINES.items():
        if find_spec(package) is None:
            yield harness.Row(f"{package} / can", arena.size, None)
            continue
        harness.progress(f"{arena.size:,}: can beside {package}")
        singly, *in_one_batch = opens(arena.world)
        yield harness.Row(f"{singly.name} / can", arena.size, arena.ratio(questions, singly, can))
        for each in in_one_batch:
            ratio = arena.ratio(pages, each, many)
            yield harness.Row(f"{each.name} / can_many", arena.size, ratio)


def share(world: World, exam: es.Exam, *recipients: es.UserId) -> es.ShareReceipt:
    return world.sharing.share(
        es.ShareRequest(actor=exam.owner, exam=exam.id, recipients=recipients, attested=True)
    )


def explaining(arena: Arena) -> Iterator[harness.Row]:
    """Measure `explain` beside `can`, for a user who holds by one grant made to them directly."""
    harness.progress(f"{arena.size:,}: explain")
    world = arena.world
    user = es.User(id=es.UserId("explained"), name="Explained")
    world.directory.add(user)
    shared = {grant.exam for grant in world.grants()}
    alone = [exam for exam in owned(world) if exam.id not in shared][:200]
    among = [exam for exam in owned(world) if exam.id in shared][:200]
    for exam in alone + among:
        share(world, exam, user.id)
    for words, exams, sharing, bound in (
        ("one direct grant", alone, world.by_real_clock, 10),
        ("one direct grant among others", among, world.by_real_clock, 10),
        ("one direct grant, a clock that costs nothing", alone, world.sharing, None),
    ):
        questions = [Question(user.id, es.Permission.VIEW, exam.id) for exam in exams]
        ratio = _explained(arena, sharing.can, sharing.admin.explain, questions * 5)
        what = f"explain / can, {words}"
        if bound is None:
            yield harness.Row(what, arena.size, ratio)
        else:
            yield harness.at_most(what, arena.size, ratio, bound)


def _explained(arena, can, explain, questions: list[Question]) -> float:
    explained = contestants.ours(lambda *words: len(explain(*words).grounds) == 1, "explain")
    explained = attrs.evolve(explained, batch=contestants.ours(explain).batch)
    return arena.ratio(questions, explained, contestants.ours(can))


def owned(world: World) -> list[es.Exam]:
    return [exam for exam in world.exams if world.directory.principals_of(exam.owner)]


def acting(arenas: Sequence[Arena]) -> Iterator[harness.Row]:
    """Measure a grant, and its end, each until the next check has seen it."""
    harness.progress("a grant and an unshare, until the next check")
    taken: dict[int, list[tuple[int, int]]] = {arena.size: [] for arena in arenas}
    turns = {arena.size: _grant_and_end(arena) for arena in arenas}
    with harness.uncollected():
        for _ in range(arenas[0].settings.acts):
            for size, turn in turns.items():
                taken[size].append(next(turn))
    large = arenas[-1].size
    for number, what in enumerate(("a grant", "an unshare")):
        # The fastest tenth's slowest: the acts differ, so the very best says little.
        typical = [
            sorted(each[number] for each in times)[len(times) // 10] for times in taken.values()
        ]
        text = f"{what} and the check that sees it / in the smallest world"
        yield harness.at_most(text, large, typical[-1] / typical[0], 1.25, "the same, within noise")


def _grant_and_end(arena: Arena) -> Iterator[tuple[int, int]]:
    sharing, number = arena.world.sharing, 0
    exams = owned(arena.world)
    while True:
        user = es.User(id=es.UserId(f"newcomer-{arena.size}-{number:06}"), name="Newcomer")
        arena.world.directory.add(user)
        exam = exams[number % len(exams)]
        whom = {"actor": exam.owner, "exam": exam.id}
        share = es.ShareRequest(recipients=(user.id,), attested=True, **whom)
        end = es.UnshareRequest(recipient=user.id, **whom)
        assert not sharing.can(user.id, es.Permission.VIEW, exam.id)
        start = perf_counter_ns()
        sharing.share(share)
        seen = sharing.can(user.id, es.Permission.VIEW, exam.id)
        granted = perf_counter_ns()
        sharing.unshare(end)
        still = sharing.can(user.id, es.Permission.VIEW, exam.id)
        ended = perf_counter_ns()
        assert seen
        assert not still
        number += 1
        yield granted - start, ended - granted


def paging(arena: Arena) -> Iterator[harness.Row]:
    """Measure the first page of users who can see few exams, the usual number, and all."""
    harness.progress(f"{arena.size:,}: the first page of shared_with")
    world = arena.world
    few, many = es.UserId("sees-few"), es.UserId("sees-all")
    newcomers = [es.User(id=user, name=user.value) for user in (few, many)]
    for user in newcomers:
        world.directory.add(user)
    for number, exam in enumerate(owned(world)):
        share(world, exam, *((few, many) if number < 3 else (many,)))
    plain = PlainDicts(attrs.evolve(world, users=(*world.users, *newcomers)), world.clock)
    usual = [user.id for user in world.users if world.directory.principals_of(user.id)][:100]
    for what, users in ({"3 exams": [few] * 100, "some": usual, "all": [many] * 100}).items():
        yield _page(arena, plain, f"the first page / plain dicts, {what} visible", users)


def _page(arena: Arena, plain: PlainDicts, what: str, users: list[es.UserId]) -> harness.Row:
    shared_with = arena.world.sharing.shared_with
    for user in users:
        page, (items, following) = shared_with(user), plain.first_page(user.value)
        given = [(each.exam.value, int(each.permission), each.uploaded_at) for each in page.items]
        if given != items or (page.next is None) is not (following is None):
            sys.exit(f"the first pages of {user} differ")
    batches = {
        "ours": [harness.asking(shared_with, [(user, None, PAGE)] * 5) for user in users],
        "plain": [
            harness.asking(plain.first_page, [(user.value, None, PAGE)] * 5) for user in users
        ],
    }
    times = harness.best_of(arena.settings.rounds, batches, 5 * len(users))
    return harness.at_most(what, arena.size, times["ours"] / times["plain"], 3)


def access_lists(grants: int, rounds: int) -> harness.Row:
    """Measure an access list, which says of each entry whether it can be unshared.

    Every second grant was passed on. Where re-shares are kept, only the grantor of an entry counts;
    where they restrict an ending, the list looks for what a cascade would take with each entry.
    """
    harness.progress(f"an access list of {grants:,} grants")
    batches = {
        reshares.value: [_listed(reshares, grants // 2)]
        for reshares in (es.Reshares.KEEP, es.Reshares.RESTRICT)
    }
    assert all(len(ask().entries) == grants for (ask,) in batches.values())
    times = harness.best_of(rounds, batches, 1)
    ratio = times["RESTRICT"] / times["KEEP"]
    return harness.at_most("an access list, re-shares restrict / are kept", grants, ratio, 4)


def _listed(reshares: es.Reshares, pairs: int) -> partial[es.AccessList]:
    """Return how to ask for the access list of an exam that so many passed on."""
    directory, owner = MemoryDirectory(), es.UserId("owner")
    policy = es.Policy(reshares=reshares)
    sharing = open_sharing(policy=policy, directory=directory, clock=lambda: worlds.START)
    people = [es.UserId(f"{name}-{n:04}") for name in ("first", "second") for n in range(pairs)]
    for user in (owner, *people):
        directory.add(es.User(id=user, name=user.value))
    (exam,) = harness.uploaded(sharing, "disc", owner, ["exam"], worlds.START)
    for actor, user in zip([owner] * pairs + people[:pairs], people, strict=True):
        sharing.share(es.ShareRequest(actor=actor, exam=exam, recipients=(user,), attested=True))
    return partial(sharing.access_list, owner, exam)


def weighing(size: int) -> Iterator[harness.Row]:
    """Measure the bytes that a grant takes, with everything that is kept for it."""
    harness.progress(f"{size:,}: bytes for each grant")
    plan = worlds.planned(size)
    by_disc = _weight(plan, tuple(worlds.discs_shared(plan)))
    what, budget = "a grant in memory, discs shared with five", "at most 1,000 bytes"
    yield harness.Row(what, size, by_disc, "bytes", budget, by_disc <= 1_000)
    by_act = _weight(plan, worlds.made(size).steps)
    yield harness.Row("a grant in memory, two or three to an act", size, by_act, "bytes")


def _weight(plan: Plan, steps: Sequence[worlds.Step]) -> float:
    gc.collect()
    tracemalloc.start()
    world = worlds.without_grants(plan)
    gc.collect()
    empty, _ = tracemalloc.get_traced_memory()
    for step in steps:
        world.sharing.share(worlds.unpacked(step))
    gc.collect()
    full, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (full - empty) / sum(1 for _ in world.grants())


def measured(settings: Settings) -> Iterator[harness.Row]:
    arenas = [arena(size, settings) for size in settings.sizes]
    smallest: dict[str, float] = {}
    for each in arenas:
        yield from beside_dicts(each, smallest)
    for each in arenas:
        if each.size in settings.loadable:
            yield from beside_engines(each)
    yield from map(beside_sqlite, arenas)
    for each in arenas:
        yield from explaining(each)
    yield from acting(arenas)
    for each in arenas:
        yield from paging(each)
    yield access_lists(settings.sizes[0], settings.rounds)
    del arenas
    for size in settings.weighed:
        yield from weighing(size)


if __name__ == "__main__":
    chosen = harness.options("", __doc__).parse_args()
    harness.report(measured(QUICK if chosen.quick else Settings()), as_json=chosen.json)
