"""Facts: values that describe people and exams at one moment.

The policy knows nothing else. Whoever gathers these facts decides nothing.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import attrs

from exam_sharing.exams import Exam
from exam_sharing.grants import EndedGrant, Grant
from exam_sharing.identifiers import ExamId, GroupId, Keys, PrincipalId, UserId
from exam_sharing.validation import exact_text, is_a

MembersSeen: TypeAlias = Mapping[GroupId, frozenset[PrincipalId]]
"""For each group, the users and groups in it, to any depth, that an actor may know."""

PeopleBehind: TypeAlias = Mapping[PrincipalId, frozenset[UserId]]
"""For each principal, the active users that it reaches, to any depth."""

Memberships: TypeAlias = Mapping[UserId, Keys]
"""For each grantor, the grantor and every group that they are in now."""


def _address(value: str | None) -> str | None:
    return None if value is None else exact_text("address", value)


@attrs.frozen(kw_only=True)
class Profile:
    """What the directory knows of one user.

    Attributes:
        user: unknown users have a profile, too.
        active: known and active. Other users hold nothing and may not act.
        principals: the user and every group that they are in, to any depth, whether active or not.
        sharing_in_plan: their service plan includes sharing.
        wants_notices: they have not turned notices of shares off.
        address: where mail reaches them, if anywhere.
    """

    user: UserId = attrs.field(validator=is_a(UserId))
    active: bool = attrs.field(validator=is_a(bool))
    principals: Keys = attrs.field(validator=is_a(frozenset))
    sharing_in_plan: bool = attrs.field(default=False, validator=is_a(bool))
    wants_notices: bool = attrs.field(default=False, validator=is_a(bool))
    address: str | None = attrs.field(default=None, converter=_address, repr=False)

    @property
    def acting(self) -> Keys:
        """The principals whose grants give the user anything: none for an inactive user."""
        return self.principals if self.active else frozenset()

    @classmethod
    def unknown(cls, user: UserId) -> "Profile":
        """Return the profile of a user whom the directory does not know."""
        return cls(user=user, active=False, principals=frozenset({user.key}))


@attrs.frozen(kw_only=True)
class ExamGrants:
    """What a store keeps of the sharing of one exam.

    Attributes:
        version: how many acts have changed its sharing.
        withdrawn: the host withdrew it; it is no longer found.
        grants: the grants that have not been ended, in no order; some may have expired.
        ended: the ended grants, in no order; only where they were queried.
    """

    version: int = 0
    withdrawn: bool = False
    grants: tuple[Grant, ...] = ()
    ended: tuple[EndedGrant, ...] = ()


@attrs.frozen(kw_only=True)
class Involvement:
    """How a user is involved with an exam.

    Attributes:
        granted: whether they ever made a grant on it, or, where a grant was named, made that grant.
        own: always true where the exam was named. For a named grant: they made it, it was made to
            them, or they own the exam.
    """

    exam: ExamId
    granted: bool
    own: bool = True


@attrs.frozen(kw_only=True)
class ExamFacts:
    """One exam that exists, and its sharing."""

    exam: Exam
    sharing: ExamGrants

    @property
    def id(self) -> ExamId:
        """Which exam it is."""
        return self.exam.id

    def ever_granted(self) -> Iterator[Grant]:
        """Yield all grants; the ended ones only if they were queried."""
        yield from self.sharing.grants
        for past in self.sharing.ended:
            yield past.grant


@attrs.frozen(kw_only=True)
class People:
    """Some principals, the users behind them, and whom of all these the actor may know.

    Attributes:
        behind: for each principal, the active users that it reaches.
        profiles: of those users, and of users among the principals.
        seen: the principals that exist, are active, and that the actor may see.
        members_seen: for each group concerned, the members that the actor may know.
    """

    behind: PeopleBehind = attrs.field(factory=dict)
    profiles: Mapping[UserId, Profile] = attrs.field(factory=dict)
    seen: frozenset[PrincipalId] = frozenset()
    members_seen: MembersSeen = attrs.field(factory=dict)

    def reached(self) -> frozenset[UserId]:
        """Return every active user behind the principals."""
        return frozenset().union(*self.behind.values())


@attrs.frozen(kw_only=True)
class ShareFacts:
    """The facts to decide a share.

    Attributes:
        exams: the exams that the share could cover, even if the actor cannot see them; empty when
            there is no such exam.
        people: who is behind the recipients that exist, are active and may be seen.
        names: of those recipients, where they are known without a further question.
        removed: for each exam, the recipients whom its owner removed and has not readmitted;
            queried only if the policy lets only the owner readmit them.
        host: the facts of the host for its own rules.
    """

    actor: Profile
    exams: tuple[ExamFacts, ...] = ()
    people: People = attrs.field(factory=People)
    names: Mapping[PrincipalId, str] = attrs.field(factory=dict, repr=False)
    removed: Mapping[ExamId, frozenset[PrincipalId]] = attrs.field(factory=dict)
    host: object = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class EndingFacts:
    """The facts to decide the end of grants.

    Attributes:
        exam: `None` when there is no such exam.
        once_granted: the actor is active, and once made a grant on the exam, or the named grant.
        lineage: of its standing grants, as in `Support`.
        memberships: of their grantors, as in `Support`.
        members_seen: for each group with a grant, the members that the actor may know.
    """

    actor: Profile
    exam: ExamFacts | None = None
    once_granted: bool = False
    lineage: tuple[Grant, ...] = ()
    memberships: Memberships = attrs.field(factory=dict)
    members_seen: MembersSeen = attrs.field(factory=dict)

    @property
    def exams(self) -> tuple[ExamFacts, ...]:
        """The exam, if there is one."""
        return () if self.exam is None else (self.exam,)
