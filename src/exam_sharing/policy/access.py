"""What a user holds on an exam, from grants and time. Specification: `#access`.

* The active owner holds everything.
* Any other active user holds the union of the standing grants made to them and to every group
  that they are in, now. There are no deny entries.
* A grant gives nothing to its own grantor.
* Nobody else holds anything.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from exam_sharing.grants import FOREVER, NEVER, Grant, Holding, Permission
from exam_sharing.identifiers import Keys, PrincipalKey, UserId
from exam_sharing.policy.facts import ExamFacts, Profile

KeyT = TypeVar("KeyT")

EVERYTHING: Final = Holding.of(Permission.DOWNLOAD, FOREVER)


def standing(grants: Iterable[Grant], now: datetime) -> tuple[Grant, ...]:
    """Return those of the grants that have not expired, in order; none may have been ended."""
    return tuple(in_order(grant for grant in grants if not grant.expired(now)))


def in_order(grants: Iterable[Grant]) -> list[Grant]:
    """Return grants on one exam, oldest first, since a store returns them in any order.

    Grants of one act come by recipient, then the highest permission first.
    """
    return sorted(grants, key=_place)


def grouped(
    grants: Iterable[Grant], key: Callable[[Grant], KeyT]
) -> Mapping[KeyT, tuple[Grant, ...]]:
    """Return the grants by a key, in their order."""
    found: dict[KeyT, list[Grant]] = {}
    for grant in grants:
        found.setdefault(key(grant), []).append(grant)
    return {each: tuple(group) for each, group in found.items()}


def _place(grant: Grant) -> tuple[int, PrincipalKey, int, datetime, str]:
    return (
        grant.version,
        grant.recipient.key,
        -grant.permission,
        grant.horizon,
        grant.id.value,
    )


def grants_reaching(user: UserId, principals: Keys, grants: Iterable[Grant]) -> Iterator[Grant]:
    """Yield those of the grants that reach the user and count for them."""
    name = user.value  # Only users are grantors: comparing the strings is enough.
    for grant in grants:
        if grant.recipient.key in principals and grant.grantor.value != name:
            yield grant


def holding_from(user: UserId, principals: Keys, grants: Iterable[Grant]) -> Holding:
    """Return what the grants give the user; the horizon of an expired grant has passed."""
    return Holding.all_of(grant.holding for grant in grants_reaching(user, principals, grants))


class Given:
    """What many grants on one exam give to many principals, by one pass over the grants.

    A grant gives nothing to its own grantor. So two times are kept for each recipient and
    permission: the latest, and the latest by another grantor than that of the first.
    """

    def __init__(self, grants: Iterable[Grant]) -> None:
        """Read the grants."""
        self._latest: dict[PrincipalKey, dict[Permission, _Latest]] = {}
        for grant in grants:
            latest = self._latest.setdefault(grant.recipient.key, {})
            for permission in Permission:
                if grant.permission >= permission:
                    known = latest.get(permission, _Latest(NEVER, grant.grantor, NEVER))
                    latest[permission] = known.beside(grant.horizon, grant.grantor)

    def to(self, principals: Collection[PrincipalKey], user: UserId | None) -> Holding:
        """Return what the grants to some principals give a user; `None` for any user."""
        found = Holding.all_of(())
        for key in principals if len(principals) < len(self._latest) else self._latest:
            latest = self._latest.get(key)
            if latest is not None and key in principals:
                download = latest.get(Permission.DOWNLOAD)
                found |= Holding(
                    view=latest[Permission.VIEW].without(user),
                    download=NEVER if download is None else download.without(user),
                )
        return found


class _Latest(NamedTuple):
    horizon: datetime
    grantor: UserId
    of_others: datetime

    def beside(self, horizon: datetime, grantor: UserId) -> "_Latest":
        if grantor == self.grantor:
            return self._replace(horizon=max(horizon, self.horizon))
        if horizon > self.horizon:
            return _Latest(horizon, grantor, self.horizon)
        return self._replace(of_others=max(horizon, self.of_others))

    def without(self, user: UserId | None) -> datetime:
        return self.of_others if user == self.grantor else self.horizon


def holding_on(profile: Profile, exam: ExamFacts) -> Holding:
    """Return what the user holds on the exam."""
    if profile.active and exam.exam.owner == profile.user:
        return EVERYTHING
    return holding_from(profile.user, profile.acting, exam.sharing.grants)
