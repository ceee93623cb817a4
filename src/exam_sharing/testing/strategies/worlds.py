"""Whole worlds: people, exams, and acts that lead to where rules of sharing are hard.

Which step comes next is drawn as numbers that pick from what there is at that moment: somebody who
holds an exam, a grant that stands, a time at which one expires. So few steps are wasted, and a
world shrinks by making numbers small.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, TypeAlias, TypeVar

import attrs
from hypothesis import strategies as st

from exam_sharing.errors import MembershipCycle
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import OWNER, Grant, Permission
from exam_sharing.identifiers import BatchId, ExamId, GrantId, GroupId, PrincipalId, UserId
from exam_sharing.policy.decisions import Refused
from exam_sharing.policy.requests import (
    NarrowRequest,
    Request,
    Reshares,
    RevokeRequest,
    Scope,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.policy.settings import Policy
from exam_sharing.principals import Group, User
from exam_sharing.sharing import Sharing, Viewer
from exam_sharing.testing import model
from exam_sharing.testing.machine.words import Words, clock_time
from exam_sharing.testing.moments import TICK
from exam_sharing.testing.performing import perform
from exam_sharing.testing.worlds import World, empty_world

__all__ = ["sharings", "viewers", "worlds"]

T = TypeVar("T")
WORDS: Final = Words(model.World())
_CD: Final = BatchId("cd")
_TRANSFER: Final = BatchId("transfer")
_Ends: TypeAlias = Callable[[Grant, UserId, Reshares | None], Request]


def _distinct(items: st.SearchStrategy[T], least: int, most: int) -> st.SearchStrategy[list[T]]:
    return st.lists(items, min_size=least, max_size=most, unique=True)


_POLICIES: Final = st.builds(Policy, reshares=st.sampled_from(Reshares))
_PEOPLE: Final = _distinct(
    st.sampled_from([*map(UserId, ("anna", "ben", "carla", "dan", "eva"))]), 3, 5
)
_TEAMS: Final = _distinct(st.sampled_from([*map(GroupId, ("nurses", "clinic", "anna"))]), 1, 3)
_IMAGED: Final = _distinct(
    st.sampled_from([*map(ExamId, ("ct", "mr", "xray", "ultrasound"))]), 1, 4
)
# Made once: Hypothesis takes longer to make a strategy than to draw from it.
_NUMBERS: Final = st.integers(0, 999)


@st.composite
def worlds(
    draw: st.DrawFn,
    *,
    policies: st.SearchStrategy[Policy] | None = None,
    user_ids: st.SearchStrategy[UserId] | None = None,
    group_ids: st.SearchStrategy[GroupId] | None = None,
    exam_ids: st.SearchStrategy[ExamId] | None = None,
    min_acts: int = 0,
    max_acts: int = 16,
) -> World:
    """Draw worlds in which people have shared, passed on, narrowed and unshared already.

    Args:
        draw: given by Hypothesis.
        policies: of the deployment; by default nothing is limited, and re-shares are kept or not.
        user_ids: of three to five users; by default plain ones.
        group_ids: of one to three groups; by default plain ones, one of them a user's, too.
        exam_ids: of one to four exams in one batch or two; by default plain ones.
        min_acts: at least so many steps: acts, changes of groups and people, or time that passes.
        max_acts: at most so many steps.
    """
    policy = draw(_POLICIES if policies is None else policies)
    users = draw(_PEOPLE if user_ids is None else _distinct(user_ids, 3, 5))
    groups = draw(_TEAMS if group_ids is None else _distinct(group_ids, 1, 3))
    exams = draw(_IMAGED if exam_ids is None else _distinct(exam_ids, 1, 4))
    world = attrs.evolve(
        empty_world(policy=policy), users=tuple(users), groups=tuple(groups), exams=tuple(exams)
    )
    story = _Story(draw, world)
    story.begin()
    for _ in range(draw(st.integers(min_acts, max_acts))):
        story.go_on()
    if draw(st.booleans()):
        story.wait()
    return attrs.evolve(world, acts=tuple(story.acts), story=tuple(story.told))


def sharings(*, worlds: st.SearchStrategy[World] = worlds()) -> st.SearchStrategy[Sharing]:
    """Draw the `Sharing` of a world."""
    return worlds.map(lambda world: world.sharing)


def viewers(*, worlds: st.SearchStrategy[World] = worlds()) -> st.SearchStrategy[Viewer]:
    """Draw users of a world, ready to be asked."""
    return worlds.flatmap(lambda world: st.sampled_from(world.users).map(world.sharing.viewer))


class _Story:
    """What happens in a world, step by step."""

    def __init__(self, draw: st.DrawFn, world: World) -> None:
        self._draw = draw
        self._world = world
        self.acts: list[Request] = []
        self.told: list[str] = []

    def _tell(self, sentence: str) -> None:
        self.told.append(f"{clock_time(self._world.clock.now)}  {sentence}.")

    def begin(self) -> None:
        """Let everybody be known, groups hold each other, and exams arrive in two batches."""
        world = self._world
        for user in world.users:
            world.directory.add(User(id=user, name=f"{user}", email="reader@example.org"))
        for place, group in enumerate(world.groups):
            members: set[PrincipalId] = {self._pick(world.users), self._pick(world.users)}
            if place:
                held: tuple[PrincipalId, ...] = (*world.groups[:place], *world.users[:1])
                members.add(self._pick(held))
            self._found(group, members)
        for exam in world.exams:
            self._arrive(exam, self._pick(world.users[:2]), self._pick((_CD, _CD, _TRANSFER)))

    def _arrive(self, exam: ExamId, owner: UserId, batch: BatchId) -> None:
        """Let an exam arrive, often uploaded at the very time at which another one was."""
        now = self._world.clock.now
        self._tell(f"Of the {batch} there arrives {exam} owned by {owner}")
        uploaded_at = now - timedelta(minutes=self._pick((0, 0, 1)))
        self._world.sharing.add_upload(
            UploadBatch(id=batch, uploader=self._world.users[0], received_at=now),
            [Exam(id=exam, owner=owner, batch=batch, uploaded_at=uploaded_at)],
        )

    def go_on(self) -> None:
        """Let one thing happen: mostly a share, and mostly by somebody who was shared with."""
        self._pick(
            (
                self._pass_on,
                self._share,
                self._pass_on,
                self._share,
                self._pass_on,
                self._share,
                self._pass_on,
                self._end,
                self._end,
                self.wait,
                self._change_people,
            )
        )()

    def wait(self) -> None:
        """Let time pass: until a grant expires, until just before, or for a minute."""
        clock, ends = self._world.clock, self._boundaries()
        minute = clock.now + timedelta(minutes=1)
        ending = self._pick(ends) if ends else minute
        clock.now = self._pick((ending, max(ending - TICK, clock.now), minute))
        self._tell("Time has passed")

    def _pick(self, items: Sequence[T]) -> T:
        return items[self._draw(_NUMBERS) % len(items)]

    def _do(self, request: Request) -> None:
        self.acts.append(request)
        asked = self._asked(request)
        try:
            perform(self._world.sharing, request)
        except Refused as refused:
            asked += f": refused, {', '.join(reason.code.value for reason in refused.reasons)}"
        self._tell(asked)

    def _asked(self, request: Request) -> str:
        if not isinstance(request, RevokeRequest):
            return WORDS.request(request)
        grants = [grant for exam in self._world.exams for grant in self._world.standing(exam)]
        named = next(grant for grant in grants if grant.id == request.grant)
        return (
            f"{request.actor} ends {named.grantor}'s grant of {named.exam} to "
            f"{WORDS.value(named.recipient)}"
        )

    def _found(self, group: GroupId, members: set[PrincipalId]) -> None:
        self._world.directory.add(Group(id=group, name=f"{group}", members=frozenset(members)))
        self._tell(f"In {WORDS.value(group)}: {WORDS.value(frozenset(members))}")

    def _share(self) -> None:
        """Share as somebody who holds something, most often its owner."""
        exam = self._pick(self._world.exams)
        holders = [user for user in self._world.users if self._holds(user, exam)]
        owner = self._owner(exam)
        self._share_by(self._pick([*holders, owner, owner]), exam)

    def _pass_on(self) -> None:
        """Share as somebody who was shared with, most often at the end of a chain."""
        chains = sorted(
            (length, exam, user)
            for exam in self._world.exams
            for user, length in self._chains(exam).items()
            if user != self._owner(exam) and self._holds(user, exam)
        )
        if not chains:
            self._share()
            return
        _, exam, user = self._pick([*chains, *chains[-1:] * len(chains)])
        self._share_by(user, exam)

    def _chains(self, exam: ExamId) -> dict[UserId, int]:
        """Return, for each user, how many grants lie between them and the owner at most."""
        grants = self._world.standing(exam)
        lengths: dict[GrantId, int] = {}
        for grant in grants:
            sources = () if grant.basis is OWNER else grant.basis
            lengths[grant.id] = 1 + max((lengths.get(each, 0) for each in sources), default=0)
        reached = self._world.directory.people_behind({grant.recipient for grant in grants})
        found: dict[UserId, int] = {}
        for grant in grants:
            for user in reached[grant.recipient] - {grant.grantor}:
                found[user] = max(found.get(user, 0), lengths[grant.id])
        return found

    def _share_by(self, actor: UserId, exam: ExamId) -> None:
        """Share with some who have it already, from somebody else, and with some who do not."""
        out = {actor, self._owner(exam)}
        others = [each for each in self._world.principals if each not in out]
        there = [grant.recipient for grant in self._world.standing(exam)]
        twice = [each for each in others if each in there]
        recipients = [self._pick(self._pick((others, twice or others, others)))]
        if self._pick((False, False, True)):
            recipients.append(self._pick(others))
        view, download = Permission.VIEW, Permission.DOWNLOAD
        may = self._world.sharing.can(actor, download, exam)
        self._do(
            ShareRequest(
                actor=actor,
                exam=exam,
                recipients=recipients,
                permission=self._pick((view, download) if may else (view, view, view, download)),
                scope=self._pick((Scope.EXAM, Scope.EXAM, Scope.BATCH)),
                until=self._until(),
                attested=True,
            )
        )

    def _until(self) -> datetime | None:
        soon = self._world.clock.now + timedelta(minutes=self._pick(range(1, 6)))
        return self._pick((None, None, soon, self._pick([*self._boundaries(), soon])))

    def _end(self) -> None:
        """End or narrow a grant that stands, by somebody who may, or by anybody."""
        grants = [g for exam in self._world.exams for g in self._world.standing(exam)]
        if not grants:
            self._share()
            return
        grant = self._pick(grants)
        actor = self._pick(
            (self._owner(grant.exam), grant.grantor, grant.grantor, self._pick(self._world.users))
        )
        reshares = self._pick((None, *Reshares))
        ends: tuple[_Ends, ...] = (_unshare, self._narrow, _revoke)
        self._do(self._pick(ends)(grant, actor, reshares))

    def _narrow(self, grant: Grant, actor: UserId, reshares: Reshares | None) -> NarrowRequest:
        until = self._until()
        return NarrowRequest(
            actor=actor,
            exam=grant.exam,
            recipient=grant.recipient,
            permission=Permission.VIEW if until is None else self._pick((None, Permission.VIEW)),
            until=until,
            reshares=reshares,
        )

    def _change_people(self) -> None:
        """Let a group hold others, or a user be active or not."""
        directory, users = self._world.directory, self._world.users
        group = self._pick(self._world.groups)
        user = self._pick(users)
        if self._pick((True, True, False)):
            members: set[PrincipalId] = {self._pick(users), self._pick(self._world.principals)}
            with suppress(MembershipCycle):
                self._found(group, members)
        else:
            known = directory.user(user)
            if known is not None:
                directory.add(attrs.evolve(known, active=not known.active))
                self._tell(f"{user} is {'not active' if known.active else 'active again'}")

    def _holds(self, user: UserId, exam: ExamId) -> bool:
        return self._world.sharing.can(user, Permission.VIEW, exam)

    def _owner(self, exam: ExamId) -> UserId:
        (found,) = self._world.store.find((exam,))
        return found.owner

    def _boundaries(self) -> list[datetime]:
        standing = (g for exam in self._world.exams for g in self._world.standing(exam))
        return sorted({grant.until for grant in standing if grant.until is not None})


def _unshare(grant: Grant, actor: UserId, reshares: Reshares | None) -> UnshareRequest:
    return UnshareRequest(
        actor=actor, exam=grant.exam, recipient=grant.recipient, reshares=reshares
    )


def _revoke(grant: Grant, actor: UserId, reshares: Reshares | None) -> RevokeRequest:
    return RevokeRequest(actor=actor, grant=grant.id, reshares=reshares)
