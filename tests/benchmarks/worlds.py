"""Worlds to measure in: users, groups, exams and grants, the same each time.

A world of n grants has n / 10 users, n / 5 exams that came on discs of one to five, and groups of
about 20, some of them inside another. 30 % of the grants are to groups, 40 % give download, 10 %
end some day, half of them before the questions are asked; some are re-shares; 2 % of the users are
inactive when asked about. Everything is made by the public acts.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

import attrs

import exam_sharing as es
from exam_sharing.grants import Grant
from exam_sharing.memory import MemoryDirectory, MemoryStore, open_sharing
from exam_sharing.ports import Notifier
from exam_sharing.sharing import Sharing

START: Final = datetime(2020, 1, 1, tzinfo=UTC)
ASKED: Final = START + timedelta(days=60)
SOON: Final = START + timedelta(days=30)
LATE: Final = datetime(2200, 1, 1, tzinfo=UTC)
NEW_OUTCOMES: Final = frozenset({"GRANTED", "WIDENED", "EXTENDED"})


class SilentNotifier(Notifier):
    """Sends nothing, and keeps nothing."""

    def send(self, notice) -> None:
        """Forget it."""


@attrs.frozen
class Step:
    """One share, in plain strings, so that carrying it out brings its own objects."""

    actor: str
    exam: str
    recipients: tuple[tuple[bool, str], ...]
    permission: int
    scope: str
    until: datetime | None

    def request(self) -> es.ShareRequest:
        """Return the request, every identifier new, as it would come over a network."""
        return es.ShareRequest(
            actor=es.UserId(_copy(self.actor)),
            exam=es.ExamId(_copy(self.exam)),
            recipients=tuple(
                es.GroupId(_copy(name)) if is_group else es.UserId(_copy(name))
                for is_group, name in self.recipients
            ),
            permission=es.Permission(self.permission),
            scope=es.Scope(self.scope),
            until=self.until,
            attested=True,
        )


@attrs.frozen
class Question:
    """Does this user hold this permission on this exam?"""

    user: es.UserId
    permission: es.Permission
    exam: es.ExamId


class Moment:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = START

    def clock(self) -> Callable[[], datetime]:
        """Return the cheapest function that tells the time."""
        return lambda: self.now


@attrs.frozen
class World:
    """A world that can be asked.

    Attributes:
        sharing: with a clock that stands still.
        by_real_clock: the same store and directory, with the default clock.
        store: where both keep everything.
        directory: the people of both.
        clock: what `sharing` takes the time from.
        moment: sets that clock.
        users: every user.
        exams: every exam.
        steps: the shares that made it.
    """

    sharing: Sharing
    by_real_clock: Sharing
    store: MemoryStore
    directory: MemoryDirectory
    clock: Callable[[], datetime]
    moment: Moment
    users: tuple[es.User, ...]
    exams: tuple[es.Exam, ...]
    steps: tuple[Step, ...]

    def grants(self) -> Iterator[Grant]:
        """Yield every grant that has not been ended."""
        sharing = self.store.read(tuple(exam.id for exam in self.exams), ended=False)
        for each in sharing.values():
            yield from each.grants

    def principals(self) -> dict[str, frozenset[str]]:
        """Return, for each active user, the keys of the user and of their groups."""
        found = {user.id.value: self.directory.principals_of(user.id) for user in self.users}
        return {user: principals for user, principals in found.items() if principals}

    def reached(self) -> dict[str, list[str]]:
        """Return the active users behind the key of each user and group."""
        found: dict[str, list[str]] = {}
        for user, principals in self.principals().items():
            for key in principals:
                found.setdefault(key, []).append(user)
        return found


@attrs.frozen
class Plan:
    """Who and what there is before anything is shared."""

    users: tuple[es.User, ...]
    groups: tuple[es.Group, ...]
    uploads: tuple[tuple[es.UploadBatch, tuple[es.Exam, ...]], ...]


def _copy(text: str) -> str:
    """Return another string of the same characters."""
    return (text + " ")[:-1]


def planned(size: int) -> Plan:
    """Return the users, groups and exams of a world of `size` grants."""
    chance = random.Random(size)
    number = size // 10
    users = tuple(
        es.User(id=es.UserId(f"user-{n:06}"), name=f"User {n}", email=f"user{n}@hospital.example")
        for n in range(number)
    )
    groups: list[es.Group] = []
    for n in range(number // 20):
        members: set[es.UserId | es.GroupId] = {user.id for user in chance.sample(users, 20)}
        if n % 10 == 9:
            members.add(groups[n - 1].id)
        groups.append(es.Group(id=es.GroupId(f"group-{n:05}"), name=f"Group {n}", members=members))
    return Plan(users, tuple(groups), tuple(_uploads(size // 5, users, chance)))


def _uploads(
    exams: int, users: tuple[es.User, ...], chance: random.Random
) -> Iterator[tuple[es.UploadBatch, tuple[es.Exam, ...]]]:
    made = 0
    for disc in count():
        if made >= exams:
            return
        size = min(chance.randint(1, 5), exams - made)
        owner, batch = chance.choice(users).id, es.BatchId(f"disc-{disc:06}")
        at = START - timedelta(minutes=chance.randrange(1_000_000))
        yield (
            es.UploadBatch(id=batch, uploader=owner, received_at=at),
            tuple(
                es.Exam(
                    id=es.ExamId(f"exam-{made + n:07}"), owner=owner, batch=batch, uploaded_at=at
                )
                for n in range(size)
            ),
        )
        made += size


def without_grants(plan: Plan) -> World:
    """Return the world of a plan before anything is shared."""
    directory, store, moment = MemoryDirectory(), MemoryStore(), Moment()
    for principal in (*plan.users, *plan.groups):
        directory.add(principal)
    clock = moment.clock()
    sharing = open_sharing(
        policy=es.Policy(sends_notices=False),
        directory=directory,
        notifier=SilentNotifier(),
        clock=clock,
        store=store,
    )
    exams: list[es.Exam] = []
    for batch, arrived in plan.uploads:
        sharing.add_upload(batch, arrived)
        exams += arrived
    return World(
        sharing=sharing,
        by_real_clock=open_sharing(directory=directory, store=store),
        store=store,
        directory=directory,
        clock=clock,
        moment=moment,
        users=plan.users,
        exams=tuple(exams),
        steps=(),
    )


def made(size: int) -> World:
    """Return a world of `size` grants, at the time of its questions."""
    plan = planned(size)
    world = without_grants(plan)
    steps = tuple(_shared(world, plan, size, random.Random(size + 1)))
    world.moment.now = ASKED
    for user in random.Random(size + 2).sample(plan.users, len(plan.users) // 50):
        world.directory.add(attrs.evolve(user, active=False))
    return attrs.evolve(world, steps=steps)


def _shared(world: World, plan: Plan, size: int, chance: random.Random) -> Iterator[Step]:
    """Share until there are enough grants, and yield each share."""
    may_pass_on: dict[es.ExamId, list[es.UserId]] = {}
    grants = 0
    while grants < size:
        exam = chance.choice(world.exams)
        permission = es.Permission.DOWNLOAD if chance.random() < 0.4 else es.Permission.VIEW
        actor = exam.owner
        if chance.random() < 0.2:
            actor = chance.choice(may_pass_on.get(exam.id) or [actor])
        until = None
        if chance.random() < 0.1:
            until = chance.choice((SOON, LATE))
        principals = {
            chance.choice(plan.groups if chance.random() < 0.3 else plan.users).id: None
            for _ in range(chance.randint(1, 3))
        }
        recipients = [each for each in principals if each not in (actor, exam.owner)]
        if not recipients:
            continue
        step = Step(
            actor.value,
            exam.id.value,
            tuple((isinstance(each, es.GroupId), each.value) for each in recipients),
            int(permission),
            chance.choices(("EXAM", "BATCH"), (9, 1))[0],
            until,
        )
        receipt = world.sharing.share(step.request())
        grants += sum(each.outcome.value in NEW_OUTCOMES for each in receipt.outcomes)
        if permission is es.Permission.DOWNLOAD and until is None:
            users = (each for each in recipients if isinstance(each, es.UserId))
            may_pass_on.setdefault(exam.id, []).extend(users)
        yield step


def discs_shared(plan: Plan) -> Iterator[Step]:
    """Yield one share for each disc: all of it, with five others."""
    chance = random.Random(len(plan.uploads))
    for _, exams in plan.uploads:
        recipients: dict[es.UserId | es.GroupId, None] = {}
        while len(recipients) < 5:
            each = chance.choice(plan.groups if chance.random() < 0.3 else plan.users).id
            if each != exams[0].owner:
                recipients[each] = None
        yield Step(
            exams[0].owner.value,
            exams[0].id.value,
            tuple((isinstance(each, es.GroupId), each.value) for each in recipients),
            int(es.Permission.DOWNLOAD if chance.random() < 0.4 else es.Permission.VIEW),
            "BATCH",
            LATE if chance.random() < 0.1 else None,
        )


def questions(
    world: World, number: int, answer: Callable[[Question], bool]
) -> tuple[list[Question], list[Question]]:
    """Return as many questions with a yes as with a no, near misses among both."""
    chance = random.Random(number)
    grants = list(world.grants())
    reached = world.reached()
    found: dict[bool, list[Question]] = {True: [], False: []}
    while min(map(len, found.values())) < number:
        grant = chance.choice(grants)
        exam = grant.exam
        user = es.UserId(chance.choice(reached.get(grant.recipient.key) or [grant.grantor.value]))
        kind = chance.random()
        if kind < 0.1:
            user = grant.grantor
        elif kind < 0.4:
            user = chance.choice(world.users).id
        question = Question(user, chance.choice(tuple(es.Permission)), exam)
        found[answer(question)].append(question)
    return found[True][:number], found[False][:number]


def pages(world: World, questions: Sequence[Question], number: int, size: int) -> list[Question]:
    """Return questions page by page: of one user about many exams, some of them held.

    Args:
        world: the world.
        questions: whose askers and exams the pages begin with.
        number: how many pages.
        size: how many different exams are on each.
    """
    chance = random.Random(size)
    asked: dict[es.UserId, dict[es.ExamId, None]] = {}
    for each in questions:
        asked.setdefault(each.user, {})[each.exam] = None
    found: list[Question] = []
    for user, exams in list(asked.items())[:number]:
        while len(exams) < size:
            exams[chance.choice(world.exams).id] = None
        found += [Question(user, es.Permission.VIEW, exam) for exam in list(exams)[:size]]
    return found


def default_clock() -> datetime:
    """Return the time of the machine, as a `Sharing` in memory does by default."""
    return datetime.now(UTC)
