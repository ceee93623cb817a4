"""Worlds to measure in: users, groups, exams and grants, the same each time.

A world of n grants has n / 10 users, n / 5 exams that came on discs of one to five, and groups of
about 20, some of them inside another. 30 % of the grants are to groups, 40 % give download, 10 %
end some day, half of them before the questions are asked; some are re-shares; 2 % of the users are
inactive when asked about. Everything is made by the public acts.
"""

import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, TypeAlias

import attrs

import exam_sharing as es
from exam_sharing.grants import Grant
from exam_sharing.memory import MemoryDirectory, MemoryStore, open_sharing
from exam_sharing.sharing import Sharing

START: Final = datetime(2020, 1, 1, tzinfo=UTC)
ASKED: Final = START + timedelta(days=60)
SOON: Final = START + timedelta(days=30)
LATE: Final = datetime(2200, 1, 1, tzinfo=UTC)
NEW_OUTCOMES: Final = frozenset({"GRANTED", "WIDENED", "EXTENDED"})


Step: TypeAlias = bytes
"""A request to share, pickled: carrying it out brings objects of its own, as over a network."""


def unpacked(step: Step) -> es.ShareRequest:
    return pickle.loads(step)  # noqa: S301  it was pickled right here


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
        sharing: with `clock`, which stands still until `moment` sets it.
        by_real_clock: the same store and directory, with the default clock.
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


def planned(size: int) -> Plan:
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
    directory, store, moment = MemoryDirectory(), MemoryStore(), Moment()
    for principal in (*plan.users, *plan.groups):
        directory.add(principal)
    clock = moment.clock()
    policy = es.Policy(sends_notices=False)
    sharing = open_sharing(policy=policy, directory=directory, clock=clock, store=store)
    for batch, arrived in plan.uploads:
        sharing.add_upload(batch, arrived)
    return World(
        sharing=sharing,
        by_real_clock=open_sharing(directory=directory, store=store),
        store=store,
        directory=directory,
        clock=clock,
        moment=moment,
        users=plan.users,
        exams=tuple(exam for _, arrived in plan.uploads for exam in arrived),
        steps=(),
    )


def made(size: int) -> World:
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
        principals = dict.fromkeys(_somebody(plan, chance) for _ in range(chance.randint(1, 3)))
        recipients = tuple(each for each in principals if each not in (actor, exam.owner))
        if not recipients:
            continue
        scope = chance.choices(tuple(es.Scope), (9, 1))[0]
        request = _request(actor, exam, recipients, permission, scope=scope, until=until)
        receipt = world.sharing.share(request)
        grants += sum(each.outcome.value in NEW_OUTCOMES for each in receipt.outcomes)
        if permission is es.Permission.DOWNLOAD and until is None:
            users = (each for each in recipients if isinstance(each, es.UserId))
            may_pass_on.setdefault(exam.id, []).extend(users)
        yield pickle.dumps(request)


def _somebody(plan: Plan, chance: random.Random) -> es.UserId | es.GroupId:
    return chance.choice(plan.groups if chance.random() < 0.3 else plan.users).id


def discs_shared(plan: Plan) -> Iterator[Step]:
    """Yield one share for each disc: all of it, with five others."""
    chance = random.Random(len(plan.uploads))
    for _, exams in plan.uploads:
        owner, recipients = exams[0].owner, {}
        while len(recipients) < 5:
            each = _somebody(plan, chance)
            if each != owner:
                recipients[each] = None
        permission = es.Permission.DOWNLOAD if chance.random() < 0.4 else es.Permission.VIEW
        until = LATE if chance.random() < 0.1 else None
        disc = {"scope": es.Scope.BATCH, "until": until}
        yield pickle.dumps(_request(owner, exams[0], tuple(recipients), permission, **disc))


def _request(actor, exam, recipients, permission, **more: Any) -> es.ShareRequest:
    return es.ShareRequest(
        actor=actor,
        exam=exam.id,
        recipients=recipients,
        permission=permission,
        attested=True,
        **more,
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

    Each page begins with the asker and the exams of some of the given questions.
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
