"""Plans of permitted acts, the records and receipts that they make, and previews.

A plan is written as a whole or not at all.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import TypeAlias

import attrs

from exam_sharing.grants import NOTHING, EndedGrant, Grant, Holding, Permission, ShownGrant
from exam_sharing.identifiers import ExamId, PrincipalId, ShareId, UserId
from exam_sharing.policy.decisions import Reason
from exam_sharing.policy.requests import Scope


class Outcome(Enum):
    """What a share did for one recipient on one exam."""

    GRANTED = "GRANTED"
    WIDENED = "WIDENED"
    EXTENDED = "EXTENDED"
    UNCHANGED = "UNCHANGED"
    OWNS_IT = "OWNS_IT"


class UntilLimit(Enum):
    """What limits the time of a share."""

    ASKED = "ASKED"
    OWN_HOLD = "OWN_HOLD"
    POLICY = "POLICY"
    NOTHING = "NOTHING"


@attrs.frozen(kw_only=True)
class ShareOutcome:
    """What a share did for one recipient on one exam.

    Attributes:
        until: when the permission from this grantor ends, aware, in UTC; `None` for never, and for
            the owner of the exam.
        limited_by: what limits the time in this share.
    """

    exam: ExamId
    recipient: PrincipalId
    outcome: Outcome
    until: datetime | None
    limited_by: UntilLimit


@attrs.frozen(kw_only=True)
class Attestation:
    """Who confirmed that HIPAA permits the sharing, when, and in which wording."""

    by: UserId
    at: datetime
    wording: str


@attrs.frozen(kw_only=True)
class Share:
    """The record of one act of sharing; the message is no part of it.

    Its other fields are those of the request.

    Attributes:
        at: aware, in UTC.
        exam: the exam that was named.
        exams: the exams that were covered, the named one first.
    """

    id: ShareId
    at: datetime
    actor: UserId
    performed_by: UserId | None
    exam: ExamId
    exams: tuple[ExamId, ...]
    recipients: tuple[PrincipalId, ...]
    permission: Permission
    scope: Scope
    until: datetime | None
    attestation: Attestation


@attrs.frozen(kw_only=True)
class SharePlan:
    """A share that is permitted.

    Attributes:
        versions: as read, of every exam that the share could cover: the actor may see a left-out
            exam by now. If one has changed, the plan is not written.
        share: the record of the act.
        outcomes: one for each exam and recipient.
        notices: for each user to be notified, the exams on which they gain, in the order of the
            share.
    """

    versions: Mapping[ExamId, int]
    share: Share
    made: tuple[Grant, ...]
    outcomes: tuple[ShareOutcome, ...]
    notices: Mapping[UserId, tuple[ExamId, ...]]
    ended: tuple[EndedGrant, ...] = ()


@attrs.frozen(kw_only=True)
class EndingPlan:
    """An end of grants that is permitted.

    Attributes:
        versions: of each exam, as read. If one has changed, the plan is not written.
        made: the narrowed grants that replace some of the ended ones.
        left_standing: the grants that rest directly on the named ones, and stay as they are.
        bound: the most that may remain of the grants that the act names.
    """

    versions: Mapping[ExamId, int]
    ended: tuple[EndedGrant, ...] = ()
    made: tuple[Grant, ...] = ()
    left_standing: tuple[Grant, ...] = ()
    bound: Holding = NOTHING
    withdrawn: ExamId | None = None


Plan: TypeAlias = SharePlan | EndingPlan
"""The plan of any act."""

Names: TypeAlias = Mapping[PrincipalId, str]
"""Names of principals known to the directory; never stored, and ignored when receipts compare."""


def moved(
    made: Iterable[Grant], ended: Iterable[EndedGrant] = (), withdrawn: ExamId | None = None
) -> frozenset[ExamId]:
    """Return the exams whose sharing an act changes, so that their versions go up by one."""
    exams = {grant.exam for grant in made} | {each.grant.exam for each in ended}
    return frozenset(exams if withdrawn is None else exams | {withdrawn})


@attrs.frozen(kw_only=True)
class ShareReceipt:
    """The receipt of a share.

    Attributes:
        at: when it was made, aware, in UTC.
        outcomes: one for each exam and recipient, in the order of the request.
        repeated: the request repeats an earlier one with the same id. This is the first receipt,
            and nothing was done.
        unconfirmed: it is done, but no standby has confirmed it in time. It is lost if a standby
            takes over that has not received it.
        token: for `Sharing.viewer`, if copies of the store answer checks.
        names: of the recipients.
    """

    share: ShareId
    at: datetime
    outcomes: tuple[ShareOutcome, ...]
    repeated: bool = False
    unconfirmed: bool = False
    token: str | None = attrs.field(default=None, eq=False)
    names: Names = attrs.field(factory=dict, repr=False, eq=False)

    @property
    def principals(self) -> frozenset[PrincipalId]:
        """Everybody whom the receipt mentions."""
        return frozenset(each.recipient for each in self.outcomes)


@attrs.frozen(kw_only=True)
class UnshareReceipt:
    """The receipt of an end of grants, as far as the actor may know. Specification: `#receipts`.

    Attributes:
        at: when it was done, aware, in UTC.
        replacements: the narrowed grants that replace some of the ended ones.
        left_standing: the grants that rest directly on ended ones, and stay as they are.
        still_have_access: principals whom the ended grants reached and who still have access; after
            narrowing, only those who hold more than the bound.
        repeated: as in `ShareReceipt`. Somebody may have shared again since.
        unconfirmed: as in `ShareReceipt`.
        token: as in `ShareReceipt`.
        names: of everybody who is mentioned.
    """

    at: datetime
    ended: tuple[ShownGrant, ...] = ()
    replacements: tuple[ShownGrant, ...] = ()
    left_standing: tuple[ShownGrant, ...] = ()
    still_have_access: tuple[PrincipalId, ...] = ()
    repeated: bool = False
    unconfirmed: bool = False
    token: str | None = attrs.field(default=None, eq=False)
    names: Names = attrs.field(factory=dict, repr=False, eq=False)

    @property
    def principals(self) -> frozenset[PrincipalId]:
        """Everybody whom the receipt mentions."""
        grants = (*self.ended, *self.replacements, *self.left_standing)
        return frozenset(self.still_have_access).union(
            *((grant.grantor, grant.recipient) for grant in grants)
        )


@attrs.frozen(kw_only=True)
class Effect:
    """The effect of an act on one principal's hold of one permission on one exam.

    For a group, only grants to the group itself count. For a user, every path counts that the actor
    may know. Times are aware, in UTC; `None` is for good.
    """

    principal: PrincipalId
    exam: ExamId
    permission: Permission
    held_before: bool
    until_before: datetime | None
    held_after: bool
    until_after: datetime | None


@attrs.frozen(kw_only=True)
class Preview:
    """What an act would do. Specification: `#previews`.

    Attributes:
        reasons: why the act would be refused; empty for a permitted act.
        gains: who would gain a permission, or time on one.
        losses: who would lose a permission, or time on one.
        keeps: who would keep a permission by another path.
        repeated: the act would return the first receipt and do nothing; other fields are empty.
        names: of everybody in the effects.
    """

    reasons: tuple[Reason, ...] = ()
    gains: tuple[Effect, ...] = ()
    losses: tuple[Effect, ...] = ()
    keeps: tuple[Effect, ...] = ()
    repeated: bool = False
    names: Names = attrs.field(factory=dict, repr=False, hash=False)
