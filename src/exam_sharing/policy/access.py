"""What a user holds on an exam, who holds it, and why. Specification: `#access`.

* The active owner holds everything.
* Any other active user holds the union of the standing grants made to them and to every group
  that they are in, now. There are no deny entries.
* A grant gives nothing to its own grantor.
* Nobody else holds anything.

Explanations are for the host's operators: they name grants and groups that a user may know nothing
of.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias, TypeVar

import attrs

from exam_sharing.exams import Exam
from exam_sharing.grants import FOREVER, NEVER, Grant, Holding, HowEnded, Permission
from exam_sharing.identifiers import ExamId, Keys, PrincipalId, PrincipalKey, UserId
from exam_sharing.policy.decisions import Denied, NearMiss, Reason, ReasonCode, WhyNot, not_found
from exam_sharing.policy.facts import ExamFacts, ExamGrants, PeopleBehind, Profile

KeyT = TypeVar("KeyT")

EVERYTHING: Final = Holding.of(Permission.DOWNLOAD, FOREVER)


def standing(grants: Iterable[Grant], now: datetime) -> tuple[Grant, ...]:
    """Return the grants that have not expired, oldest first; pass no ended grants."""
    return tuple(in_order(grant for grant in grants if not grant.expired(now)))


def in_order(grants: Iterable[Grant]) -> list[Grant]:
    """Return grants on one exam, oldest first, since a store returns them in any order.

    Grants of one act come by recipient, then the highest permission first.
    """
    return sorted(grants, key=_place)


def grouped(
    grants: Iterable[Grant], key: Callable[[Grant], KeyT]
) -> Mapping[KeyT, tuple[Grant, ...]]:
    """Return the grants grouped by a key; each group keeps their order."""
    found: dict[KeyT, list[Grant]] = {}
    for grant in grants:
        found.setdefault(key(grant), []).append(grant)
    return {each: tuple(group) for each, group in found.items()}


def _place(grant: Grant) -> tuple[int, PrincipalKey, int, datetime, str]:
    return (grant.version, grant.recipient.key, -grant.permission, grant.horizon, grant.id.value)


def grants_reaching(user: UserId, principals: Keys, grants: Iterable[Grant]) -> Iterator[Grant]:
    """Yield the grants made to these principals, without those that the user made."""
    name = user.value  # Only users are grantors: comparing the strings is enough.
    for grant in grants:
        if grant.recipient.key in principals and grant.grantor.value != name:
            yield grant


class Given:
    """Computes what principals hold by the grants on one exam, in one pass over the grants.

    A grant gives nothing to its own grantor. So each recipient has two times for each permission:
    the latest one, and the latest one by a different grantor.
    """

    def __init__(self, grants: Iterable[Grant]) -> None:
        self._latest: dict[PrincipalKey, dict[Permission, _Latest]] = {}
        for grant in grants:
            latest = self._latest.setdefault(grant.recipient.key, {})
            for permission in Permission:
                if grant.permission >= permission:
                    known = latest.get(permission, _NONE_YET)
                    latest[permission] = known.beside(grant.horizon, grant.grantor)
        self._recipients = frozenset(self._latest)

    def to(self, principals: AbstractSet[PrincipalKey], user: UserId | None) -> Holding:
        """Return what the grants to the principals give the user; `None` excludes no grantor."""
        found = Holding.all_of(())
        for key in self._recipients & principals:
            latest = self._latest[key]
            found |= Holding(
                view=latest[Permission.VIEW].without(user),
                download=latest.get(Permission.DOWNLOAD, _NONE_YET).without(user),
            )
        return found


class _Latest(NamedTuple):
    horizon: datetime
    grantor: UserId | None
    of_others: datetime

    def beside(self, horizon: datetime, grantor: UserId) -> "_Latest":
        if grantor == self.grantor:
            return self._replace(horizon=max(horizon, self.horizon))
        if horizon > self.horizon:
            return _Latest(horizon, grantor, self.horizon)
        return self._replace(of_others=max(horizon, self.of_others))

    def without(self, user: UserId | None) -> datetime:
        return self.of_others if user == self.grantor else self.horizon


_NONE_YET: Final = _Latest(NEVER, None, NEVER)


def holding_on(profile: Profile, exam: ExamFacts) -> Holding:
    """Return what the user holds on the exam."""
    if profile.active and exam.exam.owner == profile.user:
        return EVERYTHING
    reaching = grants_reaching(profile.user, profile.acting, exam.sharing.grants)
    # Expired grants are harmless here: the time in their holding has passed.
    return Holding.all_of(grant.holding for grant in reaching)


Paths: TypeAlias = Mapping[PrincipalId, tuple[PrincipalId, ...]]
"""For each principal that the user is in, the chain of memberships from the user to it."""


def grants_giving(
    user: UserId, principals: Keys, permission: Permission, sharing: ExamGrants, now: datetime
) -> list[Grant]:
    """Return every standing grant that gives the user the permission, oldest first."""
    if sharing.withdrawn:
        return []
    giving = [
        grant
        for grant in grants_reaching(user, principals, sharing.grants)
        if grant.permission >= permission and not grant.expired(now)
    ]
    return in_order(giving) if len(giving) > 1 else giving


def explain_no(
    profile: Profile, exam_id: ExamId, exam: ExamFacts | None, paths: Paths, now: datetime
) -> Denied:
    """Return why the user does not hold a permission, with the near misses.

    `exam` has its ended grants, and is `None` when there is no such exam.
    """
    if exam is None:
        return Denied((not_found(exam_id),))
    near = tuple(_near_misses(profile, exam, paths, now))
    views = any(miss.why_not is WhyNot.ONLY_VIEW for miss in near)
    code = ReasonCode.DOWNLOAD_NOT_HELD if views else ReasonCode.EXAM_NOT_FOUND
    return Denied((Reason(code=code, exams=(exam_id,)),), near)


def _near_misses(
    profile: Profile, exam: ExamFacts, paths: Paths, now: datetime
) -> Iterator[NearMiss]:
    if not profile.active and exam.exam.owner == profile.user:
        yield NearMiss(why_not=WhyNot.USER_NOT_ACTIVE)
    how = {past.grant.id: past.ending.how for past in exam.sharing.ended}

    def place(grant: Grant) -> tuple[bool, tuple[object, ...]]:
        # Those that somebody ended come last. That a sweep has recorded an expiry does not show.
        return how.get(grant.id, HowEnded.EXPIRED) is not HowEnded.EXPIRED, _place(grant)

    for grant in sorted(exam.ever_granted(), key=place):
        if grant.recipient.key in profile.principals:
            why_not = _why_not(profile, grant, how.get(grant.id), now)
            yield NearMiss(why_not=why_not, grant=grant, path=paths[grant.recipient])


def _why_not(profile: Profile, grant: Grant, how: HowEnded | None, now: datetime) -> WhyNot:
    if how is not None:
        return WhyNot.EXPIRED if how is HowEnded.EXPIRED else WhyNot.ENDED
    if grant.expired(now):
        return WhyNot.EXPIRED
    if grant.grantor == profile.user:
        return WhyNot.OWN_GRANT
    if not profile.active:
        return WhyNot.USER_NOT_ACTIVE
    return WhyNot.ONLY_VIEW


@attrs.frozen(kw_only=True)
class Holder:
    """A user who holds a permission on an exam.

    Attributes:
        as_owner: they are the active owner.
        grants: every standing grant that gives it to them, made to them or to a group that they
            are in, in the order in which they were made.
    """

    user: UserId
    as_owner: bool = False
    grants: tuple[Grant, ...] = ()


def holders(exam: Exam, grants: tuple[Grant, ...], behind: PeopleBehind) -> tuple[Holder, ...]:
    """Return every user who holds a permission, in the order of their ids.

    `grants` are those that give the permission. `behind` covers their recipients and the owner.
    """
    owner = exam.owner if behind[exam.owner] else None
    helped: dict[UserId, list[Grant]] = {} if owner is None else {owner: []}
    for grant in grants:
        # A grant gives nothing to its own grantor.
        for user in behind[grant.recipient] - {grant.grantor}:
            helped.setdefault(user, []).append(grant)
    return tuple(
        Holder(user=user, as_owner=user == owner, grants=tuple(helped[user]))
        for user in sorted(helped)
    )
