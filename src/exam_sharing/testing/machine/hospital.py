"""A small hospital that exists twice: in the tested portal, and in the model."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

import attrs

import exam_sharing as es
from exam_sharing.documents import with_kind
from exam_sharing.testing import model
from exam_sharing.testing.cases.portals import plain
from exam_sharing.testing.cases.schema import Data
from exam_sharing.testing.story import Words, clock_time, policy_in_words

NAMES: Final[Mapping[es.UserId | es.GroupId, str]] = {
    es.UserId("Alice"): "Alice Marín",
    es.UserId("Bob"): "Bob Ålander",
    es.UserId("Carol"): "Carol Alison Reyes",
    es.UserId("Dave"): "dave ALAMI",
    es.UserId("Erin"): "Erin Smith-Alba",
    es.UserId("Frank"): "Alan Frank",
    es.GroupId("Radiology"): "Team of Radiology",
    es.GroupId("Surgery"): "Surgery",
    es.GroupId("Alice"): "Álice's team",
}
"""The names by which people find recipients. A story shows ids only."""
USERS: Final = tuple(each for each in NAMES if isinstance(each, es.UserId))
GROUPS: Final = tuple(each for each in NAMES if isinstance(each, es.GroupId))
"""The last group has the id of a user."""
STRANGER: Final = es.UserId("Stranger")
"""A user who is unknown to the directory."""
EXAMS: Final = tuple(map(es.ExamId, ("CT", "MR", "X-ray", "ultrasound", "PET", "mammogram")))


class Hospital:
    """Users, groups, exams and a clock in the model, and a story with one line for each step.

    `do` does an act in the model and in the portal. Of each pair in `hidden`, the actor cannot see
    the principal in the directory, and of a group not its members either.
    """

    def __init__(
        self,
        world: model.world.World,
        do: Callable[[Data], object],
        *,
        users: tuple[es.UserId, ...],
        hidden: frozenset[tuple[es.UserId, es.PrincipalId]],
    ) -> None:
        self.world = world
        self._do = do
        self.users: tuple[es.UserId, ...] = users
        self.story: list[str] = []
        self.words: Words = Words(world)
        self.add_line(f"The users are {self.words.people(users)}.")
        changed = policy_in_words(world.policy)
        if changed and world.policy != es.Policy():
            self.add_line(f"The policy: {changed}.")
        for actor, principal in sorted(hidden, key=str):
            members = ", nor its members" if isinstance(principal, es.GroupId) else ""
            hidden_one = f"{self.words.value(principal)} in the directory{members}"
            self.add_line(f"{actor} cannot see {hidden_one}.")

    def add_line(self, sentence: str) -> None:
        self.story.append(f"{clock_time(self.now)}  {sentence}")

    @property
    def now(self) -> datetime:
        return self.world.now

    @property
    def principals(self) -> tuple[es.PrincipalId, ...]:
        """Everybody in the directory."""
        return (*self.users, *self.world.groups)

    @property
    def exams(self) -> tuple[es.ExamId, ...]:
        """The exams that have arrived, including withdrawn and deleted ones."""
        return tuple(self.world.exams)

    @property
    def grants(self) -> Mapping[es.GrantId, model.world.GrantNumber]:
        """The grants that a request can name, each with its number in the model."""
        return {es.GrantId(f"{number}"): number for number in self.world.grants}

    def held(self) -> list[tuple[es.UserId, es.ExamId]]:
        pairs = [(user, exam) for user in self.users for exam in self.exams]
        return [each for each in pairs if self.world.has_access(*each)]

    def not_found(self) -> list[tuple[es.UserId, es.ExamId]]:
        """Return pairs of a user and an exam that the user cannot find, whatever was shared."""
        pairs = [(user, exam) for exam in EXAMS if exam not in self.exams for user in self.users]
        return [*((STRANGER, exam) for exam in EXAMS), *pairs]

    def put_user(self, user: es.UserId, account: model.world.Account) -> None:
        state = [
            "active" if account.active else "inactive",
            "has sharing in the plan" if account.sharing_in_plan else "has no sharing in the plan",
            "wants notices" if account.notices else "wants no notices",
        ]
        self.add_line(f"{user} is {state[0]}, {state[1]} and {state[2]}.")
        self._do({"act": "user", **user_fields(user, account)})

    def put_group(self, group: es.GroupId, members: Iterable[es.PrincipalId]) -> None:
        """Add or replace a group, without the members that would close a cycle."""
        world = self.world
        fit = frozenset(
            each
            for each in members
            if isinstance(each, es.UserId)
            or (each in world.groups and each != group and group not in world.behind(each))
        )
        self.add_line(f"The members of {self.words.value(group)}: {self.words.people(fit)}.")
        within = sorted(map(with_kind, fit))
        self._do({"act": "group", "id": group.value, "name": NAMES[group], "members": within})

    def wait(self, moment: datetime) -> None:
        self.world.now = max(self.now, moment)
        self.add_line("Time passes.")
        self._do({"act": "clock", "now": plain(self.now)})

    def expiries(self) -> list[datetime]:
        """Return the times at which something will expire, soonest first."""
        ends = {grant.until for grant in self.world.grants.values() if grant.until is not None}
        return sorted(end for end in ends if end > self.now)


def user_fields(user: es.UserId, account: model.world.Account) -> Data:
    named = {"id": user.value, "name": NAMES[user], "email": f"{user}@clinic.example"}
    return {**named, **attrs.asdict(account)}
