"""Random worlds: a small hospital after some random acts, the same one for the same seed.

The hospital has six users, three groups that hold each other, and four exams, one of which is
talked of most. Most of what is tried is allowed, since refused acts leave nothing to judge. People
pass on what they hold, some of it for a while, often to those who have passed something on or to
groups of theirs. Groups, owners and activity change, time passes, and some grants end, most often
such as others rest on.
"""

import random
from datetime import UTC, datetime, timedelta
from itertools import count

import attrs

from exam_sharing import (
    BatchId,
    Exam,
    ExamId,
    Group,
    GroupId,
    MembershipCycle,
    NarrowRequest,
    Permission,
    Refused,
    Reshares,
    Scope,
    ShareRequest,
    UnshareRequest,
    UploadBatch,
    User,
    UserId,
)
from exam_sharing.grants import OWNER
from exam_sharing.memory import MemoryDirectory, MemoryStore, open_sharing
from exam_sharing.testing.performing import perform
from judges.facts import Facts

START = datetime(2026, 1, 1, tzinfo=UTC)
USERS = tuple(map(UserId, ("ann", "ben", "cat", "dan", "eve", "fay")))
GROUPS = tuple(map(GroupId, ("staff", "ward", "ann")))
EXAMS = tuple(map(ExamId, ("E1", "E2", "E3", "E4")))


class RandomWorld:
    """One hospital, made by the public acts alone."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.store = MemoryStore()
        self.directory = MemoryDirectory()
        self.minute = 0
        numbers = count(1)
        self.sharing = open_sharing(
            directory=self.directory,
            store=self.store,
            clock=self.now,
            new_id=lambda: f"act{next(numbers)}",
        )
        self.users, self.groups = {}, {}
        for user in USERS:
            self._add_user(user, active=True)
        for group in GROUPS:
            self._fill(group)
        self.exams = tuple(
            Exam(id=exam, owner=self._user(), batch=BatchId("cd"), uploaded_at=START)
            for exam in EXAMS
        )
        uploaded = UploadBatch(id=BatchId("cd"), uploader=USERS[0], source="CD", received_at=START)
        self.sharing.add_upload(uploaded, self.exams)
        for _ in range(self.chance.randint(8, 24)):
            self._live_on()

    def now(self):
        """Return the time of this world."""
        return START + timedelta(minutes=self.minute)

    def facts(self):
        """Return what is so now."""
        sharing = self.store.read(EXAMS, ended=True)
        return Facts(
            now=self.now(),
            users=dict(self.users),
            groups=dict(self.groups),
            exams=self.store.find(EXAMS),
            withdrawn=frozenset(exam for exam in EXAMS if sharing[exam].withdrawn),
            versions={exam: sharing[exam].version for exam in EXAMS},
            grants=tuple(grant for each in sharing.values() for grant in each.grants),
            ended=tuple(past for each in sharing.values() for past in each.ended),
        )

    def end_something(self):
        """End some grants, with what rests on them or without; return the act that was done."""
        for _ in range(20):
            act = self._ending()
            if act is not None and self._done(act):
                return act
        return None

    def _live_on(self):
        happens = self.chance.random()
        if happens < 0.75:
            self._share()
        elif happens < 0.80:
            self.minute += self.chance.randint(1, 3)
        elif happens < 0.85:
            self._fill(self.chance.choice(GROUPS))
        elif happens < 0.88:
            self._add_user(self._user(), active=self.chance.random() < 0.6)
        elif happens < 0.90:
            self._change_hands()
        elif happens < 0.91:
            self._withdraw()
        else:
            self.end_something()

    def _user(self):
        return self.chance.choice(USERS)

    def _add_user(self, user, *, active):
        self.directory.add(User(id=user, name=str(user), active=active))
        self.users[user] = active

    def _fill(self, group):
        others = self.chance.sample((*USERS, *GROUPS), self.chance.randint(0, 3))
        members = frozenset(others) - {group}
        try:
            self.directory.add(Group(id=group, name=str(group), members=members))
        except MembershipCycle:
            return
        self.groups[group] = members

    def _owner_of(self, exam):
        (found,) = self.store.find((exam,))
        return found.owner

    def _change_hands(self):
        exam = self.chance.choice(EXAMS)
        if exam not in self.facts().withdrawn:
            self.store.transfer(exam, self._user(), at=self.now())

    def _withdraw(self):
        exam = self.chance.choice(EXAMS)
        if exam not in self.facts().withdrawn:
            self.sharing.admin.withdraw(exam, performed_by="ops", why="wrong disc")

    def _share(self):
        holders = [
            (user, exam)
            for exam in (EXAMS if self.chance.random() < 0.3 else EXAMS[:1])
            for user in USERS
            if self.sharing.can(user, Permission.VIEW, exam)
        ]
        if not holders:
            return
        actor, exam = self.chance.choice(holders)
        if self.chance.random() < 0.3:
            actor = self._owner_of(exam)
        until = self.now() + timedelta(minutes=self.chance.randint(1, 6))
        self._done(
            ShareRequest(
                actor=actor,
                exam=exam,
                recipients=self._recipients(),
                permission=self.chance.choice(tuple(Permission)),
                scope=Scope.BATCH if self.chance.random() < 0.2 else Scope.EXAM,
                until=until if self.chance.random() < 0.4 else None,
                attested=True,
            )
        )

    def _recipients(self):
        passed_on = sorted({grant.grantor for grant in self.facts().grants})
        if passed_on and self.chance.random() < 0.5:
            named = self.chance.choice(passed_on)
            return [self.chance.choice((named, *self._groups_of(named)))]
        return self.chance.sample((*USERS, *GROUPS), self.chance.randint(1, 2))

    def _groups_of(self, user):
        keys = self.directory.principals_of(user)
        return [group for group in GROUPS if group.key in keys]

    def _ending(self):
        grants = self.facts().grants
        rested_on = {
            source for grant in grants if grant.basis is not OWNER for source in grant.basis
        }
        sources = [grant for grant in grants if grant.id in rested_on]
        if not grants:
            return None
        grant = self.chance.choice(sources if sources and self.chance.random() < 0.7 else grants)
        actors = [grant.grantor, self._owner_of(grant.exam)]
        if isinstance(grant.recipient, UserId):
            actors.append(grant.recipient)
        asked = {
            "actor": self.chance.choice(actors),
            "exam": grant.exam,
            "recipient": grant.recipient,
            "reshares": Reshares.KEEP if self.chance.random() < 0.3 else Reshares.CASCADE,
        }
        if self.chance.random() < 0.5:
            return UnshareRequest(**asked)
        bounds = self.chance.choice(("permission", *3 * ("until",), "both"))
        return NarrowRequest(
            **asked,
            permission=None if bounds == "until" else Permission.VIEW,
            until=None
            if bounds == "permission"
            else self.now() + timedelta(minutes=self.chance.randint(1, 4)),
        )

    def _done(self, request):
        try:
            perform(self.sharing, request)
        except Refused:
            return False
        return True


@attrs.frozen
class Trial:
    """What the package did, and what it says of it: what the judges are to find as well.

    Attributes:
        seed: makes the same again.
        before: what was so before the act.
        held_before: who held what then, as `can` says.
        explained: for each of these, on which grants it rests, with `None` for ownership.
        act: the grants to one principal were ended or narrowed; `None` where there were none.
        left: what was left of each grant that stood before the act.
        after: what was so afterwards.
        held_after: who held what then.
    """

    seed: int
    before: Facts
    held_before: frozenset
    explained: dict
    act: object
    left: dict
    after: Facts
    held_after: frozenset


def trial(seed):
    """Let the package do what judges then judge."""
    world = RandomWorld(seed)
    before, held_before, explained = world.facts(), _held(world), _explained(world)
    act = world.end_something()
    after = world.facts()
    return Trial(
        seed, before, held_before, explained, act, _left(before, after), after, _held(world)
    )


def _held(world):
    return frozenset(
        (user, exam, permission)
        for user in USERS
        for exam in EXAMS
        for permission in Permission
        if world.sharing.can(user, permission, exam)
    )


def _explained(world):
    found = {}
    for user, exam, permission in _held(world):
        why = world.sharing.admin.explain(user, permission, exam)
        rests_on = {ground.grant.id for ground in why.grounds}
        found[user, exam, permission] = frozenset(rests_on | ({None} if why.as_owner else set()))
    return found


def _left(before, after):
    """Return, for each grant that stood, the pieces that it or what replaced it still gives."""
    known = {grant.id: grant for grant in after.ever_granted()}
    endings = {past.grant.id: past.ending for past in after.ended}
    left = {}
    for grant in before.grants:
        if grant.expired(before.now):
            continue
        ending = endings.get(grant.id)
        kept = (grant.id,) if ending is None else ending.replaced_by
        left[grant.id] = frozenset((known[each].permission, known[each].horizon) for each in kept)
    return left
