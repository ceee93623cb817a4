"""Who could see an exam, and what happened; for operators.

The past of an exam and of its people is put behind the ports of the present, and the present views
are asked: what an explanation of last March says is decided by the same code as one of today.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Final, cast

import attrs

from exam_sharing.acts import gathering, showing
from exam_sharing.acts.cursors import history_cursor_after, history_position, page_limit, page_of
from exam_sharing.conformance import answers_at_once
from exam_sharing.directories import path_between, walk
from exam_sharing.errors import InvalidArgument, StoreFailed
from exam_sharing.exams import Exam
from exam_sharing.grants import FOREVER, Permission
from exam_sharing.history import DirectoryChange, Happening, NameReplaced, Place, Stretch
from exam_sharing.identifiers import ExamId, Keys, PrincipalId, PrincipalKey, UserId
from exam_sharing.policy import access
from exam_sharing.policy.decisions import Denied, Ground, Permitted, Refused, not_found
from exam_sharing.policy.facts import ExamFacts, ExamGrants, PeopleBehind, Profile
from exam_sharing.policy.past import (
    AccessAt,
    HolderAt,
    Membership,
    Moment,
    PeopleThen,
    exam_then,
    spans_held,
)
from exam_sharing.policy.views import Page
from exam_sharing.ports import (
    PEOPLE_NOW,
    Directory,
    ExamReader,
    GrantReader,
    PeopleHistory,
    Ports,
    SharingHistory,
)


def access_at(ports: Ports, exam: ExamId, moment: Moment) -> AccessAt:
    """Return who could see the exam at a moment, with all that gave it to them.

    Raises:
        Refused: there was no such exam.
    """
    then = Then(ports, exam, moment)
    if then.facts is None:
        raise Refused((not_found(exam),))
    viewers = showing.who_can(then.ports, Permission.VIEW, exam, moment.at)
    downloads = showing.who_can(then.ports, Permission.DOWNLOAD, exam, moment.at)
    may_download = {each.user for each in downloads}
    holders = tuple(
        HolderAt(
            user=each.user,
            permission=Permission.DOWNLOAD if each.user in may_download else Permission.VIEW,
            as_owner=each.as_owner,
            grounds=tuple(
                Ground(grant=grant, path=then.path(each.user, grant.recipient))
                for grant in each.grants
            ),
        )
        for each in viewers
    )
    return AccessAt(
        exam=exam,
        at=moment.at,
        version=then.facts.sharing.version,
        owner=then.facts.exam.owner,
        holders=holders,
        certain=then.certain,
    )


def explain_at(
    ports: Ports, user: UserId, permission: Permission, exam: ExamId, moment: Moment
) -> Permitted | Denied:
    """Return why the user held the permission on the exam at a moment, or why not."""
    then = Then(ports, exam, moment)
    return showing.explain(then.ports, user, permission, exam, moment.at)


def who_could(
    ports: Ports, permission: Permission, exam: ExamId, moment: Moment
) -> tuple[access.Holder, ...]:
    """Return every user who held the permission on the exam at a moment, by their ids."""
    then = Then(ports, exam, moment)
    return showing.who_can(then.ports, permission, exam, moment.at)


class Then:
    """An exam and its people at a moment, behind the ports of the present."""

    def __init__(self, ports: Ports, exam: ExamId, moment: Moment) -> None:
        past = _history_of(ports).past(exam, moment)
        found = past.exam
        exams: object = ports.exams
        if exams is not ports.grants:
            # The host answers for its exams itself.
            found = next(iter(gathering.exams_from(ports.exams.find((exam,)))), None)
        past = attrs.evolve(past, exam=found)
        self.facts: ExamFacts | None = exam_then(exam, past, moment.at)
        kept = people_history(ports.directory, moment.at)
        people = None if kept is None else DirectoryThen(kept, moment)
        self._is_there = found is not None
        self._people = people
        self._directory: Directory = ports.directory if people is None else people.as_directory()
        store = _StoreThen(exam, self.facts)
        self.ports: Ports = attrs.evolve(
            ports,
            exams=cast("ExamReader", store),
            grants=cast("GrantReader", store),
            directory=self._directory,
        )

    @property
    def certain(self) -> bool:
        """Whether all that was read is what was so then."""
        return self._is_there and self._people is not None

    def path(self, user: UserId, principal: PrincipalId) -> tuple[PrincipalId, ...]:
        """Return the way from a user through groups to a principal."""
        return (user,) if principal == user else self._directory.path(user, principal)


@attrs.frozen
class _StoreThen:
    """One exam as it was, as the ports of exams and grants answer."""

    exam: ExamId
    facts: ExamFacts | None

    def find(self, _exams: tuple[ExamId, ...]) -> tuple[Exam, ...]:
        return () if self.facts is None else (self.facts.exam,)

    def read(self, _exams: tuple[ExamId, ...], *, ended: bool) -> Mapping[ExamId, ExamGrants]:
        sharing = ExamGrants() if self.facts is None else self.facts.sharing
        return {self.exam: sharing if ended else attrs.evolve(sharing, ended=())}


class DirectoryThen:
    """The users and groups of a moment, as a directory answers."""

    def __init__(self, history: PeopleHistory, moment: Moment) -> None:
        self._history = history
        self._moment = moment
        self._above: dict[PrincipalKey, set[PrincipalKey]] = {}
        self._behind: dict[PrincipalId, frozenset[UserId]] = {}

    def as_directory(self) -> Directory:
        """Return itself, for the views of the past: they ask nothing else."""
        return cast("Directory", self)

    def _kept(self, then: PeopleThen) -> PeopleThen:
        found = gathering.from_directory(then, PeopleThen)
        for group, member in found.memberships:
            self._above.setdefault(member.key, set()).add(group.key)
        return found

    def _groups_of(self, key: PrincipalKey) -> Iterable[PrincipalKey]:
        return self._above.get(key, ())

    def principals_of(self, user: UserId) -> Keys:
        """Return the keys of a user and their groups; none for one who was inactive."""
        profile = self.profiles((user,))[user]
        return profile.acting

    def profiles(self, users: Iterable[UserId]) -> Mapping[UserId, Profile]:
        """Return the profiles of users, as far as access needs them."""
        return {user: self._profile(user) for user in users}

    def _profile(self, user: UserId) -> Profile:
        then = self._kept(self._history.groups_then(user, self._moment))
        if user not in then.known:
            return Profile.unknown(user)
        keys = frozenset(walk((user.key,), self._groups_of))
        return Profile(user=user, active=user in then.active, principals=keys)

    def people_behind(self, principals: Iterable[PrincipalId]) -> PeopleBehind:
        """Return the active users whom each principal reached."""
        wanted = tuple(principals)
        new = tuple(each for each in wanted if each not in self._behind)
        if new:
            then = self._kept(self._history.members_then(new, self._moment))
            members = _members(then.memberships)
            for each in new:
                reached = walk((each,), lambda group: members.get(group, ()))
                self._behind[each] = then.active.intersection(reached)
        return {each: self._behind[each] for each in wanted}

    def path(self, user: UserId, principal: PrincipalId) -> tuple[PrincipalId, ...]:
        """Return a shortest chain of memberships, of those that were read before."""
        return path_between(user, principal, self._groups_of)


def _members(memberships: Iterable[Membership]) -> Mapping[PrincipalId, list[PrincipalId]]:
    members: dict[PrincipalId, list[PrincipalId]] = {}
    for group, member in memberships:
        members.setdefault(group, []).append(member)
    return members


def _history_of(ports: Ports) -> SharingHistory:
    if ports.history is None:
        raise StoreFailed("the store keeps no history; use one of ours, or add a SharingHistory")
    return ports.history


def people_history(directory: Directory, at: datetime) -> PeopleHistory | None:
    """Return the directory if it knows its own past from a time on."""
    if not answers_at_once(directory, PeopleHistory, PEOPLE_NOW):
        return None
    kept = cast("PeopleHistory", directory)
    return kept if kept.remembers(at) is True else None


def replace_name(ports: Ports, replaced: NameReplaced) -> int:
    """Replace every name that the directory's history keeps of a principal."""
    directory = ports.directory
    if not answers_at_once(directory, PeopleHistory, PEOPLE_NOW):
        raise StoreFailed("the directory keeps no history, so there is no name to replace")
    return cast("PeopleHistory", directory).replace_name(replaced)


_ACTS, _PEOPLE = 1, 0
"""Entries of one time are shown with acts first."""


def history(
    ports: Ports,
    exam: ExamId | None,
    user: UserId | None,
    wanted: Stretch,
    after: str | None,
) -> Page[Happening]:
    """Return a page of what happened to an exam, or by or to a user, newest first."""
    if exam is None and user is None:
        raise InvalidArgument("exam or user", "must be given: a history is of one of them, or both")
    behind, most = history_position(after), page_limit(wanted.limit)

    def stretch(kind: int) -> Stretch:
        place: Place | None = None
        if behind is not None:
            at, last_kind, number = behind
            # Of the same time, those of the other kind come all before, or all behind.
            place = at, number if kind == last_kind else 0 if kind > last_kind else _ABOVE_ALL
        return attrs.evolve(wanted, after=place, limit=most + 1)

    kept = _history_of(ports)
    acts = kept.happened(exam, user, stretch(_ACTS))
    changes = _changes(ports, exam, user, stretch(_PEOPLE))
    both = merge(
        ((each.at, _ACTS, each.number, each) for each in acts),
        ((each.at, _PEOPLE, each.number, each) for each in changes),
        key=lambda entry: entry[:3],
        reverse=True,
    )
    found = tuple(entry[3] for entry in islice(both, most + 1))
    return page_of(found, most, _cursor_after)


_ABOVE_ALL: Final = 2**62


def _cursor_after(entry: Happening) -> str:
    kind = _PEOPLE if isinstance(entry.what, DirectoryChange) else _ACTS
    return history_cursor_after(entry.at, kind, entry.number)


def _changes(
    ports: Ports, exam: ExamId | None, user: UserId | None, wanted: Stretch
) -> Iterable[Happening]:
    """Return changes of users and groups that mattered, newest first."""
    kept = people_history(ports.directory, FOREVER)
    if kept is None:
        return ()
    if exam is None:
        return kept.changes(None, user, wanted)
    past = _history_of(ports).past(exam, Moment(at=FOREVER))
    return kept.changes(spans_held(past), user, wanted)
