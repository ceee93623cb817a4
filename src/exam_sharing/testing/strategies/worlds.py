"""Worlds with a past: people, exams, and acts that lead to where the rules are hard.

Each step is drawn as numbers that pick from what exists at that moment, such as a grant that
stands. So few steps are wasted, and a world shrinks by making numbers small.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import attrs
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.policy.requests import Request
from exam_sharing.testing.edges import TICK
from exam_sharing.testing.story import WORDS, clock_time
from exam_sharing.testing.worlds import CD, EXAMS, GROUPS, USERS, World, empty_world, perform

T = TypeVar("T")
_TRANSFER: Final = es.BatchId("transfer")


def _distinct(of: st.SearchStrategy[T], least: int, most: int) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(of, min_size=least, max_size=most, unique=True).map(tuple)


_POLICIES: Final = st.builds(es.Policy, reshares=st.sampled_from(es.Reshares))
_USERS: Final = st.sampled_from(tuple(USERS))
_GROUPS: Final = st.sampled_from((*GROUPS, es.GroupId("anna")))
_EXAMS: Final = st.sampled_from((*EXAMS, es.ExamId("ultrasound")))
# Made once, because making a strategy takes longer than drawing from it.
_NUMBERS: Final = st.integers(0, 999)


@st.composite
def worlds(
    draw: st.DrawFn,
    *,
    policies: st.SearchStrategy[es.Policy] | None = None,
    user_ids: st.SearchStrategy[es.UserId] | None = None,
    exam_ids: st.SearchStrategy[es.ExamId] | None = None,
    min_acts: int = 0,
    max_acts: int = 16,
) -> World:
    """Draw worlds in which people have already shared, passed on, narrowed and unshared.

    A world has three to five users, one to three groups, and one to four exams in one or two
    batches. Its acts are requests, changes of groups and people, and passing of time. One group may
    have the id of a user; by default the policy has no limits and any fate of re-shares.
    """
    world = attrs.evolve(
        empty_world(policy=draw(_POLICIES if policies is None else policies)),
        users=draw(_distinct(_USERS if user_ids is None else user_ids, 3, 5)),
        groups=draw(_distinct(_GROUPS, 1, 3)),
        exams=draw(_distinct(_EXAMS if exam_ids is None else exam_ids, 1, 4)),
    )
    story = _Story(draw, world)
    story.begin()
    for _ in range(draw(st.integers(min_acts, max_acts))):
        story.go_on()
    if draw(st.booleans()):
        story.wait()
    return attrs.evolve(world, acts=tuple(story.acts), story=tuple(story.lines))


class _Story:
    def __init__(self, draw: st.DrawFn, world: World) -> None:
        self._draw = draw
        self._world = world
        self.acts: list[Request] = []
        self.lines: list[str] = []

    def _add_line(self, sentence: str) -> None:
        self.lines.append(f"{clock_time(self._world.clock.now)}  {sentence}.")

    def begin(self) -> None:
        """Add the users, groups that hold each other, and exams in two batches."""
        world = self._world
        for user in world.users:
            world.directory.add(es.User(id=user, name=f"{user}", email="reader@example.org"))
        for place, group in enumerate(world.groups):
            members: set[es.PrincipalId] = {self._pick(world.users), self._pick(world.users)}
            if place:
                held: tuple[es.PrincipalId, ...] = (*world.groups[:place], *world.users[:1])
                members.add(self._pick(held))
            self._put_group(group, members)
        for exam in world.exams:
            self._upload(exam, self._pick(world.users[:2]), self._pick((CD, CD, _TRANSFER)))

    def _upload(self, exam: es.ExamId, owner: es.UserId, batch: es.BatchId) -> None:
        now = self._world.clock.now
        self._add_line(f"Uploaded in the batch {batch}: {exam} (owner {owner})")
        uploaded_at = now - timedelta(minutes=self._pick((0, 0, 1)))
        self._world.sharing.add_upload(
            es.UploadBatch(id=batch, uploader=self._world.users[0], received_at=now),
            [es.Exam(id=exam, owner=owner, batch=batch, uploaded_at=uploaded_at)],
        )

    def go_on(self) -> None:
        """Do one step: mostly a share, and mostly by a recipient."""
        shares = (self._pass_on, self._share)
        others = (self._end, self._end, self.wait, self._change_people)
        self._pick((*shares, *shares, *shares, self._pass_on, *others))()

    def wait(self) -> None:
        """Let time pass: until an expiry, until just before one, or for a minute."""
        clock, ends = self._world.clock, self._expiries()
        minute = clock.now + timedelta(minutes=1)
        ending = self._pick(ends) if ends else minute
        clock.now = self._pick((ending, max(ending - TICK, clock.now), minute))
        self._add_line("Time passes")

    def _pick(self, items: Sequence[T]) -> T:
        return items[self._draw(_NUMBERS) % len(items)]

    def _do(self, request: Request) -> None:
        self.acts.append(request)
        asked = self._asked(request)
        try:
            perform(self._world.sharing, request)
        except es.Refused as refused:
            asked += f": refused, {', '.join(reason.code.value for reason in refused.reasons)}"
        self._add_line(asked)

    def _asked(self, request: Request) -> str:
        if not isinstance(request, es.RevokeRequest):
            return WORDS.request(request)
        named = next(grant for grant in self._standing() if grant.id == request.grant)
        to = WORDS.value(named.recipient)
        return f"{request.actor} revokes {named.grantor}'s grant of {named.exam} to {to}"

    def _put_group(self, group: es.GroupId, members: set[es.PrincipalId]) -> None:
        self._world.directory.add(es.Group(id=group, name=f"{group}", members=frozenset(members)))
        self._add_line(f"The members of {WORDS.value(group)}: {WORDS.value(frozenset(members))}")

    def _share(self) -> None:
        """Share as somebody with access, mostly the owner."""
        exam = self._pick(self._world.exams)
        holders = [user for user in self._world.users if self._holds(user, exam)]
        owner = self._owner(exam)
        self._share_by(self._pick([*holders, owner, owner]), exam)

    def _pass_on(self) -> None:
        """Share as a recipient, mostly of the newest grant, so that chains become long."""
        exam = self._pick(self._world.exams)
        owner, behind = {self._owner(exam)}, self._world.directory.people_behind
        reached = [
            user
            for grant in self._world.standing(exam)
            for user in sorted(behind([grant.recipient])[grant.recipient] - owner - {grant.grantor})
        ]
        if reached:
            self._share_by(self._pick([*reached, *reached[-1:] * len(reached)]), exam)
        else:
            self._share()

    def _share_by(self, actor: es.UserId, exam: es.ExamId) -> None:
        """Share with some who already have a grant and with some who have none."""
        out = {actor, self._owner(exam)}
        others = [each for each in self._world.principals if each not in out]
        there = [grant.recipient for grant in self._world.standing(exam)]
        twice = [each for each in others if each in there]
        recipients = [self._pick(self._pick((others, twice or others, others)))]
        if self._pick((False, False, True)):
            recipients.append(self._pick(others))
        view, download = es.Permission.VIEW, es.Permission.DOWNLOAD
        may = self._world.sharing.can(actor, download, exam)
        self._do(
            es.ShareRequest(
                actor=actor,
                exam=exam,
                recipients=recipients,
                permission=self._pick((view, download) if may else (view, view, view, download)),
                scope=self._pick((es.Scope.EXAM, es.Scope.EXAM, es.Scope.BATCH)),
                until=self._until(),
                attested=True,
            )
        )

    def _until(self) -> datetime | None:
        soon = self._world.clock.now + timedelta(minutes=self._pick(range(1, 6)))
        return self._pick((None, None, soon, self._pick([*self._expiries(), soon])))

    def _end(self) -> None:
        """End or narrow a standing grant, by somebody who may, or by anybody."""
        grants = self._standing()
        if not grants:
            self._share()
            return
        grant = self._pick(grants)
        owner, anybody = self._owner(grant.exam), self._pick(self._world.users)
        actor = self._pick((owner, grant.grantor, grant.grantor, anybody))
        kind = self._pick((es.UnshareRequest, es.NarrowRequest, es.RevokeRequest))
        named: dict[str, Any] = {"actor": actor, "reshares": self._pick((None, *es.Reshares))}
        if kind is es.RevokeRequest:
            named["grant"] = grant.id
        else:
            named |= {"exam": grant.exam, "recipient": grant.recipient}
        if kind is es.NarrowRequest:
            view, until = es.Permission.VIEW, self._until()
            permission = view if until is None else self._pick((None, view))
            named |= {"permission": permission, "until": until}
        self._do(kind(**named))

    def _change_people(self) -> None:
        directory, users = self._world.directory, self._world.users
        group = self._pick(self._world.groups)
        user = self._pick(users)
        if self._pick((True, True, False)):
            members: set[es.PrincipalId] = {self._pick(users), self._pick(self._world.principals)}
            with suppress(es.MembershipCycle):
                self._put_group(group, members)
        else:
            known = directory.user(user)
            if known is not None:
                directory.add(attrs.evolve(known, active=not known.active))
                self._add_line(f"{user} is {'inactive' if known.active else 'active again'}")

    def _holds(self, user: es.UserId, exam: es.ExamId) -> bool:
        return self._world.sharing.can(user, es.Permission.VIEW, exam)

    def _owner(self, exam: es.ExamId) -> es.UserId:
        (found,) = self._world.store.find((exam,))
        return found.owner

    def _standing(self) -> list[es.Grant]:
        return [grant for exam in self._world.exams for grant in self._world.standing(exam)]

    def _expiries(self) -> list[datetime]:
        return sorted({grant.until for grant in self._standing() if grant.until is not None})
