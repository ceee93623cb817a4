"""Every budget of the store in memory, in one table of ratios measured in one run.

Run it from the root of a checkout as `python -m tests.benchmarks`. `--quick` takes smaller worlds
and fewer rounds, and is for seeing that it works; `--json` prints the rows for machines. Times are
the best of several rounds, taken in turns; the answers of all contestants are compared first.
Libraries that are not installed are left out, and said to be.
"""

import argparse
import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from time import perf_counter_ns
from typing import Final

import attrs
from tests.benchmarks import contestants, worlds
from tests.benchmarks.access_lists import access_lists
from tests.benchmarks.contestants import Contestant, PlainDicts
from tests.benchmarks.rows import Row, at_most, printed, progress
from tests.benchmarks.timing import asking, best_of, chunks, uncollected
from tests.benchmarks.worlds import Plan, Question, Step, World

from exam_sharing import (
    Permission,
    ShareRequest,
    UnshareRequest,
    User,
    UserId,
)
from exam_sharing.sharing import Sharing

NOISE: Final = 1.15
PAGE: Final = 50
BESIDE_ENGINES: Final = 2_000
"""How many questions SQLite and the other engines are asked."""


@attrs.frozen
class Settings:
    """How much to measure.

    Attributes:
        sizes: of the worlds, in grants, smallest first.
        loadable: the sizes that the other libraries load in a reasonable time.
        weighed: the sizes of which the memory is measured.
        rounds: how often each batch is timed.
        questions: how many with a yes, and how many with a no.
        acts: how many grants are given and ended.
    """

    sizes: tuple[int, ...] = (1_000, 10_000, 100_000)
    loadable: tuple[int, ...] = (1_000, 10_000)
    weighed: tuple[int, ...] = (1_000, 10_000, 100_000)
    rounds: int = 15
    questions: int = 5_000
    acts: int = 600


QUICK: Final = Settings(
    sizes=(1_000, 4_000),
    loadable=(1_000,),
    weighed=(1_000,),
    rounds=5,
    questions=1_000,
    acts=100,
)


def require_equal_answers(questions: Sequence[Question], those: Sequence[Contestant]) -> None:
    """Stop unless everybody answers every question alike."""
    expected = those[0].answers(questions)
    for each in those[1:]:
        given = each.answers(questions)
        wrong = [q for q, a, b in zip(questions, expected, given, strict=True) if a is not b]
        if wrong:
            sys.exit(f"{each.name} does not agree with {those[0].name} about {wrong[0]}")


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

    def compared(
        self, questions: Sequence[Question], rounds: int, *those: Contestant
    ) -> dict[str, float]:
        """Return the time of one question for each contestant, once their answers agree."""
        require_equal_answers(questions, those)
        batches = {each.name: list(map(each.batch, chunks(questions))) for each in those}
        return best_of(rounds, batches, len(questions))


def arena(size: int, settings: Settings) -> Arena:
    """Return a world and its questions."""
    progress(f"making a world of {size:,} grants")
    world = worlds.made(size)
    answer = PlainDicts(world, world.clock).checker()
    yes, no = worlds.questions(
        world, settings.questions, lambda q: answer(q.user.value, q.permission, q.exam.value)
    )
    return Arena(size, world, yes, no, settings)


def beside_dicts(arena: Arena, before: dict[str, float]) -> Iterator[Row]:
    """Measure `can` beside plain dicts; `before` has the ratio in the smallest world."""
    progress(f"{arena.size:,}: can beside plain dicts")
    world, rounds = arena.world, arena.settings.rounds
    can, plain = (
        contestants.ours(world.sharing.can),
        PlainDicts(world, world.clock).contestant(),
    )
    kinds = {
        "a yes": arena.yes,
        "a no": arena.no,
        "half and half": arena.mixed(2 * arena.settings.questions),
    }
    for kind, questions in kinds.items():
        times = arena.compared(questions, rounds, can, plain)
        ratio = times["can"] / times["plain dicts"]
        yield at_most(f"can / plain dicts, {kind}", arena.size, ratio, 2)
    first = before.setdefault("ratio", ratio)
    if first is not ratio:
        yield at_most(
            "the same, relative to the smallest world",
            arena.size,
            ratio / first,
            NOISE,
            "no worse, within noise",
        )
    clock = worlds.default_clock
    real = contestants.ours(world.by_real_clock.can)
    times = arena.compared(questions, rounds, real, PlainDicts(world, clock).contestant())
    ratio = times["can"] / times["plain dicts"]
    yield at_most("can / plain dicts, both with the machine's clock", arena.size, ratio, 2)


def beside_sqlite(arena: Arena) -> Iterator[Row]:
    """Measure how many checks are made in the time of one by SQLite."""
    progress(f"{arena.size:,}: can beside SQLite")
    can, sqlite = contestants.ours(arena.world.sharing.can), contestants.Sqlite(arena.world)
    what = "SQLite in memory, one statement / can"
    questions = arena.mixed(min(BESIDE_ENGINES, 2 * arena.settings.questions))
    times = arena.compared(questions, arena.settings.rounds, can, sqlite.contestant())
    yield Row(what, arena.size, times["SQLite in memory"] / times["can"])


def beside_engines(arena: Arena) -> Iterator[Row]:
    """Measure how many checks are made in the time of one by other engines."""
    can = contestants.ours(arena.world.sharing.can)
    many = contestants.ours_by_page(arena.world.sharing.can_many)
    questions = arena.mixed(min(BESIDE_ENGINES, 2 * arena.settings.questions))
    pages = worlds.pages(arena.world, questions, len(questions) // PAGE, PAGE)
    opened: dict[str, Callable[[World], tuple[Contestant, ...]]] = {
        "casbin": contestants.pycasbin,
        "cedarpy": contestants.cedarpy,
        "oso": contestants.oso,
    }
    for package, opens in opened.items():
        if not installed(package):
            yield Row(f"{package} / can", arena.size, None)
            continue
        progress(f"{arena.size:,}: can beside {package}")
        singly, *in_one_batch = opens(arena.world)
        yield _beside(arena, singly, can, questions)
        for each in in_one_batch:
            yield _beside(arena, each, many, pages)


def _beside(
    arena: Arena, engine: Contestant, ours: Contestant, questions: Sequence[Question]
) -> Row:
    times = arena.compared(questions, max(3, arena.settings.rounds // 2), ours, engine)
    ratio = times[engine.name] / times[ours.name]
    return Row(f"{engine.name} / {ours.name}", arena.size, ratio)


def installed(package: str) -> bool:
    """Say whether a package can be imported."""
    try:
        import_module(package)
    except ImportError:
        return False
    return True


def explaining(arena: Arena) -> Iterator[Row]:
    """Measure `explain` beside `can`, for a user who holds by one grant made to them directly."""
    progress(f"{arena.size:,}: explain")
    sharing, by_real_clock = arena.world.sharing, arena.world.by_real_clock
    user = User(id=UserId("explained"), name="Explained")
    arena.world.directory.add(user)
    owned = [exam for exam in arena.world.exams if active(arena.world, exam.owner)]
    shared = {grant.exam for grant in arena.world.grants()}
    alone = [exam for exam in owned if exam.id not in shared][:200]
    among = [exam for exam in owned if exam.id in shared][:200]
    for exam in alone + among:
        sharing.share(
            ShareRequest(actor=exam.owner, exam=exam.id, recipients=(user.id,), attested=True)
        )
    for words, exams, asked, bound in (
        ("one direct grant", alone, by_real_clock, 10),
        ("one direct grant among others", among, by_real_clock, 10),
        ("one direct grant, a clock that costs nothing", alone, sharing, None),
    ):
        ratio = _explained(arena, asked, [Question(user.id, Permission.VIEW, e.id) for e in exams])
        what = f"explain / can, {words}"
        yield (
            Row(what, arena.size, ratio)
            if bound is None
            else at_most(what, arena.size, ratio, bound)
        )


def _explained(arena: Arena, asked: Sharing, questions: list[Question]) -> float:
    can = contestants.ours(asked.can)
    explained = contestants.one_by_one(
        "explain",
        lambda *words: len(asked.admin.explain(*words).grounds) == 1,
        lambda each: (each.user, each.permission, each.exam),
    )
    explain = attrs.evolve(explained, batch=contestants.ours(asked.admin.explain).batch)
    times = arena.compared(questions * 5, arena.settings.rounds, can, explain)
    return times["explain"] / times["can"]


def active(world: World, user: UserId) -> bool:
    """Say whether the user may act."""
    return bool(world.directory.principals_of(user))


def acting(arenas: Sequence[Arena]) -> Iterator[Row]:
    """Measure a grant, and its end, each until the next check has seen it."""
    progress("a grant and an unshare, until the next check")
    best: dict[tuple[int, str], list[int]] = {}
    turns = [(arena, _grant_and_end(arena)) for arena in arenas]
    with uncollected():
        for _ in range(arenas[0].settings.acts):
            for arena, turn in turns:
                granted, ended = next(turn)
                best.setdefault((arena.size, "a grant"), []).append(granted)
                best.setdefault((arena.size, "an unshare"), []).append(ended)
    small, large = arenas[0].size, arenas[-1].size
    for what in ("a grant", "an unshare"):
        ratio = _typical(best[large, what]) / _typical(best[small, what])
        text = f"{what} and the check that sees it / in the smallest world"
        yield at_most(text, large, ratio, 1.25, "the same, within noise")


def _typical(times: list[int]) -> float:
    """Return the fastest tenth's slowest: the acts differ, so the very best says little."""
    return sorted(times)[len(times) // 10]


def _grant_and_end(arena: Arena) -> Iterator[tuple[int, int]]:
    sharing, number = arena.world.sharing, 0
    exams = [exam for exam in arena.world.exams if active(arena.world, exam.owner)]
    while True:
        user = User(id=UserId(f"newcomer-{arena.size}-{number:06}"), name="Newcomer")
        arena.world.directory.add(user)
        exam = exams[number % len(exams)]
        share = ShareRequest(actor=exam.owner, exam=exam.id, recipients=(user.id,), attested=True)
        end = UnshareRequest(actor=exam.owner, exam=exam.id, recipient=user.id)
        assert not sharing.can(user.id, Permission.VIEW, exam.id)
        start = perf_counter_ns()
        sharing.share(share)
        seen = sharing.can(user.id, Permission.VIEW, exam.id)
        granted = perf_counter_ns()
        sharing.unshare(end)
        still = sharing.can(user.id, Permission.VIEW, exam.id)
        ended = perf_counter_ns()
        assert seen
        assert not still
        number += 1
        yield granted - start, ended - granted


def paging(arena: Arena) -> Iterator[Row]:
    """Measure the first page of users who can see few exams, the usual number, and all."""
    progress(f"{arena.size:,}: the first page of shared_with")
    world = arena.world
    few, many = UserId("sees-few"), UserId("sees-all")
    for user in (few, many):
        world.directory.add(User(id=user, name=user.value))
    kept = [exam for exam in world.exams if active(world, exam.owner)]
    for number, exam in enumerate(kept):
        recipients = (few, many) if number < 3 else (many,)
        world.sharing.share(
            ShareRequest(actor=exam.owner, exam=exam.id, recipients=recipients, attested=True)
        )
    everybody = (*world.users, User(id=few, name="few"), User(id=many, name="all"))
    plain = PlainDicts(attrs.evolve(world, users=everybody), world.clock)
    usual = [user.id for user in world.users if active(world, user.id)][:100]
    for what, users in ({"3 exams": [few] * 100, "some": usual, "all": [many] * 100}).items():
        yield _page(arena, plain, f"the first page / plain dicts, {what} visible", users)


def _page(arena: Arena, plain: PlainDicts, what: str, users: list[UserId]) -> Row:
    shared_with = arena.world.sharing.shared_with
    for user in users:
        page, (items, following) = shared_with(user), plain.first_page(user.value)
        given = [(each.exam.value, int(each.permission), each.uploaded_at) for each in page.items]
        if given != items or (page.next is None) is not (following is None):
            sys.exit(f"the first pages of {user} differ")
    batches = {
        "ours": [asking(shared_with, [(user, None, PAGE)] * 5) for user in users],
        "plain": [asking(plain.first_page, [(user.value, None, PAGE)] * 5) for user in users],
    }
    times = best_of(arena.settings.rounds, batches, 5 * len(users))
    return at_most(what, arena.size, times["ours"] / times["plain"], 3)


def weighing(size: int) -> Iterator[Row]:
    """Measure the bytes that a grant takes, with everything that is kept for it."""
    progress(f"{size:,}: bytes for each grant")
    plan = worlds.planned(size)
    by_disc = _weight(plan, tuple(worlds.discs_shared(plan)))
    yield Row(
        "a grant in memory, discs shared with five",
        size,
        by_disc,
        "bytes",
        "at most 1,000 bytes",
        by_disc <= 1_000,
    )
    by_act = _weight(plan, worlds.made(size).steps)
    yield Row("a grant in memory, two or three to an act", size, by_act, "bytes")


def _weight(plan: Plan, steps: Sequence[Step]) -> float:
    gc.collect()
    tracemalloc.start()
    world = worlds.without_grants(plan)
    gc.collect()
    empty, _ = tracemalloc.get_traced_memory()
    for step in steps:
        world.sharing.share(step.request())
    gc.collect()
    full, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (full - empty) / sum(1 for _ in world.grants())


def measured(settings: Settings) -> Iterator[Row]:
    """Yield every row of the table."""
    arenas = [arena(size, settings) for size in settings.sizes]
    smallest: dict[str, float] = {}
    for each in arenas:
        yield from beside_dicts(each, smallest)
    for each in arenas:
        if each.size in settings.loadable:
            yield from beside_engines(each)
    for each in arenas:
        yield from beside_sqlite(each)
    for each in arenas:
        yield from explaining(each)
    yield from acting(arenas)
    for each in arenas:
        yield from paging(each)
    yield from access_lists(settings.sizes[0], settings.rounds)
    del arenas
    for size in settings.weighed:
        yield from weighing(size)


def main() -> None:
    """Measure, print the table, and exit with 1 if a budget does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller worlds, fewer rounds")
    parser.add_argument("--json", action="store_true", help="rows for machines")
    chosen = parser.parse_args()
    rows = list(measured(QUICK if chosen.quick else Settings()))
    print(printed(rows, as_json=chosen.json))
    sys.exit(any(row.holds is False for row in rows))


if __name__ == "__main__":
    main()
