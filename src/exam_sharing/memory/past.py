"""The past in memory: the trail of events by whom and what they are about, and who was in a group.

Nothing here is guarded by a lock of its own: the store and the directory hold theirs.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Final

import attrs

from exam_sharing.directories import problem_of_replacing, walk
from exam_sharing.errors import InvalidArgument
from exam_sharing.events import Event, ExamShared, ExamTransferred, GrantsEnded
from exam_sharing.history import (
    DirectoryChange,
    GroupChanged,
    Happening,
    NameReplaced,
    Place,
    PrincipalRemoved,
    Recorded,
    Stretch,
    Subject,
    UserChanged,
    change_between,
    subject_key,
    subjects_of,
)
from exam_sharing.identifiers import ExamId, GroupId, PrincipalId, PrincipalKey, UserId
from exam_sharing.policy.past import Handover, Membership, Moment, PeopleThen, Span


def _newest(
    numbers: Iterable[int],
    wanted: Stretch,
    happening: Callable[[int], Happening],
) -> tuple[Happening, ...]:
    """Return the wanted part of some numbered entries, newest first."""
    found = map(happening, frozenset(numbers))
    inside = [each for each in found if wanted.holds(each.at, each.number)]
    return tuple(sorted(inside, key=_place, reverse=True)[: wanted.limit])


def _place(happening: Happening) -> Place:
    return happening.at, happening.number


class Trail:
    """Every event, numbered from 1, and the numbers of those about an exam or a person."""

    def __init__(self) -> None:
        self.events: Final[list[Event]] = []
        self._about: defaultdict[str, list[int]] = defaultdict(list)
        # When each version of an exam was made, and its changes of owner.
        self._times: defaultdict[ExamId, dict[int, datetime]] = defaultdict(dict)
        self._handovers: defaultdict[ExamId, list[Handover]] = defaultdict(list)

    def append(self, event: Event) -> None:
        """Add an event."""
        self.events.append(event)
        for subject in subjects_of(event):
            self._about[subject_key(subject)].append(len(self.events))
        if isinstance(event, ExamShared | GrantsEnded | ExamTransferred):
            for exam, version in event.versions.items():
                self._times[exam][version] = event.at
                if isinstance(event, ExamTransferred):
                    handover = Handover(
                        version=version, at=event.at, before=event.before, after=event.after
                    )
                    self._handovers[exam].append(handover)

    def version_at(self, exam: ExamId, at: datetime) -> int:
        """Return the last version of an exam whose time is not later; 0 for none."""
        times = self._times.get(exam, {})
        return max((version for version, made in times.items() if made <= at), default=0)

    def handovers(self, exam: ExamId) -> tuple[Handover, ...]:
        """Return every change of owner of an exam, in the order of the versions."""
        return tuple(self._handovers.get(exam, ()))

    def about(
        self, any_of: Collection[Subject], and_of: Subject | None, wanted: Stretch
    ) -> tuple[Happening, ...]:
        """Return events about any of some subjects, and about another one if given."""
        numbers = {n for each in any_of for n in self._about.get(subject_key(each), ())}
        if and_of is not None:
            numbers.intersection_update(self._about.get(subject_key(and_of), ()))
        return _newest(numbers, wanted, lambda n: Happening(number=n, what=self.events[n - 1]))


@attrs.define(kw_only=True, eq=False)
class _Spell:
    """For how long somebody was active, or a member: each end is a number and a time."""

    began: tuple[int, datetime]
    ended: tuple[int, datetime] | None = None

    def lasts_at(self, moment: Moment) -> bool:
        ended = self.ended is not None and moment.has_begun(*self.ended)
        return moment.has_begun(*self.began) and not ended


class PastPeople:
    """Every change of users and groups, numbered from 1, and how they were at any moment."""

    def __init__(self) -> None:
        self.changes: Final[list[DirectoryChange]] = []
        self._known: defaultdict[PrincipalKey, list[_Spell]] = defaultdict(list)
        self._active: defaultdict[PrincipalKey, list[_Spell]] = defaultdict(list)
        self._members: defaultdict[PrincipalId, dict[PrincipalId, list[_Spell]]] = defaultdict(dict)
        self._groups: defaultdict[PrincipalId, dict[GroupId, list[_Spell]]] = defaultdict(dict)
        self._latest: dict[PrincipalKey, datetime] = {}
        # The changes of each user and group; and those of groups that they joined or left.
        self._own: defaultdict[PrincipalId, list[int]] = defaultdict(list)
        self._moves: defaultdict[PrincipalId, list[int]] = defaultdict(list)

    def record(
        self,
        principal: PrincipalId,
        before: Recorded | None,
        after: Recorded | None,
        at: datetime,
    ) -> None:
        """Record what has changed, if anything has."""
        # The times of one principal never go back, whatever the clock does.
        at = max(at, self._latest.get(principal.key, at))
        change = change_between(principal, before, after, at)
        if change is None:
            return
        self.changes.append(change)
        number = len(self.changes)
        self._latest[principal.key] = at
        self._own[principal].append(number)
        if isinstance(principal, UserId):
            is_active = after is not None and after.active
            _switch(self._known[principal.key], (number, at), on=after is not None)
            _switch(self._active[principal.key], (number, at), on=is_active)
            return
        joined = change.joined if isinstance(change, GroupChanged) else ()
        left = change.left if isinstance(change, GroupChanged | PrincipalRemoved) else ()
        for member in joined:
            spells = self._members[principal].setdefault(member, [])
            self._groups[member][principal] = spells
            spells.append(_Spell(began=(number, at)))
        for member in left:
            self._members[principal][member][-1].ended = number, at
        for member in (*joined, *left):
            self._moves[member].append(number)

    def replace_name(self, replaced: NameReplaced, name_now: str | None) -> int:
        """Replace the names of a principal as `PeopleHistory.replace_name` does."""
        own = self._own.get(replaced.principal, [])
        problem = problem_of_replacing(replaced, name_now, was_recorded=bool(own))
        if problem is not None:
            raise InvalidArgument("principal", problem)
        other: dict[int, UserChanged | GroupChanged | NameReplaced] = {}
        for number in own:
            change = self.changes[number - 1]
            if not isinstance(change, PrincipalRemoved) and change.name != replaced.name:
                other[number] = change
        if not other:
            return 0
        for number, change in other.items():
            self.changes[number - 1] = attrs.evolve(change, name=replaced.name)
        at = max(replaced.at, self._latest[replaced.principal.key])
        self.changes.append(attrs.evolve(replaced, at=at))
        self._latest[replaced.principal.key] = at
        own.append(len(self.changes))
        return len(other)

    def has_begun(self, at: datetime) -> bool:
        """Return whether the first change was made by a time."""
        return bool(self.changes) and self.changes[0].at <= at

    def below(self, principals: Iterable[PrincipalId], moment: Moment) -> PeopleThen:
        """Return who was in some principals, to any depth."""

        def members(of: PrincipalId) -> list[PrincipalId]:
            spells = self._members.get(of, {})
            return [each for each in spells if _lasts(spells[each], moment)]

        reached = list(walk(principals, members))
        memberships: list[Membership] = [
            (each, member)
            for each in reached
            if isinstance(each, GroupId)
            for member in members(each)
        ]
        return self._people(memberships, reached, moment)

    def above(self, user: UserId, moment: Moment) -> PeopleThen:
        """Return the groups that a user was in, to any depth."""
        reached = list(self._walk_up(user, moment))
        memberships = [
            (group, each) for each in reached for group in self._groups_then(each, moment)
        ]
        return self._people(memberships, (user,), moment)

    def _groups_then(self, member: PrincipalId, moment: Moment) -> Iterator[GroupId]:
        groups = self._groups.get(member, {})
        return (group for group, spells in groups.items() if _lasts(spells, moment))

    def _walk_up(self, principal: PrincipalId, moment: Moment) -> Iterator[PrincipalId]:
        return walk((principal,), lambda each: self._groups_then(each, moment))

    def _people(
        self, memberships: Iterable[Membership], among: Iterable[PrincipalId], moment: Moment
    ) -> PeopleThen:
        users = [each for each in among if isinstance(each, UserId)]
        known, active = (
            frozenset(each for each in users if _lasts(spells.get(each.key, ()), moment))
            for spells in (self._known, self._active)
        )
        return PeopleThen(memberships=tuple(memberships), known=known, active=active)

    def about(
        self, spans: Iterable[Span] | None, user: UserId | None, wanted: Stretch
    ) -> tuple[Happening, ...]:
        """Return changes as `PeopleHistory.changes` does."""
        numbers = {number for span in spans or () for number in self._in_span(span)}
        if user is not None:
            of_user = {*self._own.get(user, ()), *self._moves.get(user, ())}
            numbers = of_user if spans is None else numbers & of_user
        return _newest(
            numbers, wanted, lambda number: Happening(number=number, what=self.changes[number - 1])
        )

    def _in_span(self, span: Span) -> Iterator[int]:
        """Yield the changes of a principal, and of what was in it at the change, in the span."""
        for each in walk((span.principal,), lambda group: self._members.get(group, ())):
            for number in self._own.get(each, ()):
                at = self.changes[number - 1].at
                if span.since <= at < span.before and (
                    each == span.principal
                    or span.principal in self._walk_up(each, Moment(at=at, change=number))
                ):
                    yield number


def _switch(spells: list[_Spell], now: tuple[int, datetime], *, on: bool) -> None:
    """Begin or end a spell, if that is a change."""
    was_on = bool(spells) and spells[-1].ended is None
    if on and not was_on:
        spells.append(_Spell(began=now))
    elif was_on and not on:
        spells[-1].ended = now


def _lasts(spells: Iterable[_Spell], moment: Moment) -> bool:
    return any(spell.lasts_at(moment) for spell in spells)
