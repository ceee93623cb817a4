"""Who could see an exam: facts of the past, for the rules of the present.

A store keeps every grant with its beginning and its end, and a directory keeps every change of its
users and groups. From these the facts of a moment are rebuilt, and the present rules decide from
them: there is no second copy of a rule. Specification: `#who-could-see-it`.
"""

from datetime import datetime
from typing import TypeAlias

import attrs

from exam_sharing.exams import Exam
from exam_sharing.grants import FOREVER, NEVER, OWNER, EndedGrant, Grant, HowEnded, Permission
from exam_sharing.identifiers import BatchId, ExamId, GroupId, PrincipalId, UserId
from exam_sharing.policy.decisions import Ground
from exam_sharing.policy.facts import ExamFacts, ExamGrants
from exam_sharing.validation import instant, is_whole_from


def _at(value: datetime) -> datetime:
    return instant("at", value)


@attrs.frozen(kw_only=True)
class Moment:
    """A moment of the past.

    Attributes:
        at: aware, kept in UTC. It is the state after the last version of the exam, and after the
            last change of each user and group, whose time is not later.
        version: a version of the exam instead of the one at that time.
        change: the number of a change in the directory, instead of the changes until that time.
    """

    at: datetime = attrs.field(converter=_at)
    version: int | None = attrs.field(default=None, validator=is_whole_from(0, optional=True))
    change: int | None = attrs.field(default=None, validator=is_whole_from(0, optional=True))

    def has_begun(self, number: int, at: datetime) -> bool:
        """Return whether a change in the directory, with its number and time, was made by then."""
        return at <= self.at if self.change is None else number <= self.change


@attrs.frozen(kw_only=True)
class Handover:
    """A change of owner, with the exam's count of acts with it."""

    version: int
    at: datetime
    before: UserId
    after: UserId


@attrs.frozen(kw_only=True)
class ExamPast:
    """What a store keeps of an exam, to rebuild one version of it.

    Attributes:
        exam: the exam as it is now; `None` where the host has no such exam.
        version: the version at the moment in question.
        sharing: the grants as they are now, the ended ones included.
        handovers: every change of owner, in the order of their versions.
    """

    exam: Exam | None
    version: int
    sharing: ExamGrants
    handovers: tuple[Handover, ...] = ()


@attrs.frozen(kw_only=True)
class Span:
    """A time in which somebody held something on an exam: from `since` on, and before `before`."""

    principal: PrincipalId
    since: datetime
    before: datetime


Membership: TypeAlias = tuple[GroupId, PrincipalId]
"""A group and one of its direct members."""


@attrs.frozen(kw_only=True)
class PeopleThen:
    """Users and groups at a moment of the past.

    Attributes:
        memberships: those below or above the principals in question, to any depth.
        known: the users among the principals in question, or the members, who were there.
        active: those of them who were active.
    """

    memberships: tuple[Membership, ...] = ()
    known: frozenset[UserId] = frozenset()
    active: frozenset[UserId] = frozenset()


@attrs.frozen(kw_only=True)
class HolderAt:
    """A user who could see an exam at a moment of the past.

    Attributes:
        permission: the highest that they held.
        as_owner: they were the active owner.
        grounds: every grant that gave them a permission, with the way through groups to it, in the
            order in which the grants were made.
    """

    user: UserId
    permission: Permission
    as_owner: bool = False
    grounds: tuple[Ground, ...] = ()


@attrs.frozen(kw_only=True)
class AccessAt:
    """Who could see an exam at a moment of the past.

    Attributes:
        at: the time that was asked about, aware, in UTC.
        version: of the exam at that time.
        owner: also where they were inactive, and so held nothing.
        holders: everybody who could see it, in the order of their ids.
        certain: false where the directory keeps no history that reaches back so far, so that the
            groups and users of today were asked, where the host no longer has the exam, or for a
            time that has not come.
    """

    exam: ExamId
    at: datetime
    version: int
    owner: UserId
    holders: tuple[HolderAt, ...] = ()
    certain: bool = True


def exam_then(named: ExamId, past: ExamPast, at: datetime) -> ExamFacts | None:
    """Return an exam as it was at a version; `None` where there was no such exam.

    The basis and the endings of its grants are those of that version. An exam that the host has
    deleted since has a batch and a time of upload that mean nothing.
    """
    owner, now, version = _owner_then(past), past.sharing, past.version
    uploaded = past.exam is not None and past.exam.uploaded_at <= at
    gone = now.withdrawn and version >= now.version
    if owner is None or gone or not (version or uploaded):
        return None
    exam = past.exam or Exam(id=named, owner=owner, batch=BatchId(named.value), uploaded_at=at)
    return ExamFacts(exam=attrs.evolve(exam, owner=owner), sharing=_grants_then(now, version))


def _owner_then(past: ExamPast) -> UserId | None:
    later = (each.before for each in past.handovers if each.version > past.version)
    return next(later, _last_owner(past))


def _last_owner(past: ExamPast) -> UserId | None:
    if past.exam is not None:
        return past.exam.owner
    if past.handovers:
        return past.handovers[-1].after
    # The first grant on an exam is always its owner's.
    kept = (*past.sharing.grants, *(each.grant for each in past.sharing.ended))
    return next((grant.grantor for grant in kept if grant.basis is OWNER), None)


def spans_held(past: ExamPast) -> tuple[Span, ...]:
    """Return when the owners of an exam owned it, and when the grants on it stood."""
    spans: list[Span] = []
    since = NEVER if past.exam is None else past.exam.uploaded_at
    for each in past.handovers:
        spans.append(Span(principal=each.before, since=since, before=each.at))
        since = each.at
    owner = _last_owner(past)
    if owner is not None:
        spans.append(Span(principal=owner, since=since, before=FOREVER))
    ends = {each.grant.id: each.ending.at for each in past.sharing.ended}
    for grant in (*past.sharing.grants, *(each.grant for each in past.sharing.ended)):
        before = min(grant.horizon, ends.get(grant.id, FOREVER))
        spans.append(Span(principal=grant.recipient, since=grant.made_at, before=before))
    return tuple(spans)


def _grants_then(now: ExamGrants, version: int) -> ExamGrants:
    # A replacement has the version of the grant that it replaced, and began when that one ended.
    began = {new: each.ending.version for each in now.ended for new in each.ending.replaced_by}

    def has_begun(grant: Grant) -> bool:
        return began.get(grant.id, grant.version) <= version

    grants = [*filter(has_begun, now.grants)]
    ended: list[EndedGrant] = []
    for past in now.ended:
        if has_begun(past.grant):
            # Expiry follows from the time, whether a sweep has recorded it or not.
            over = past.ending.version <= version and past.ending.how is not HowEnded.EXPIRED
            if over:
                ended.append(past)
            else:
                grants.append(past.grant)
    return ExamGrants(version=version, grants=tuple(grants), ended=tuple(ended))
