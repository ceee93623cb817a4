"""Decisions, their reasons, and the rules that give reasons.

The default is to deny. `Denied.reasons` is never empty, and `Permitted` names its grants.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Final, Generic, TypeVar

import attrs

from exam_sharing.errors import ExamSharingError, InvalidArgument
from exam_sharing.grants import Grant
from exam_sharing.identifiers import ExamId, GrantId, PrincipalId
from exam_sharing.validation import tuple_of


class ReasonCode(Enum):
    """Why an act is refused. Specification: `#refusals`, `#unsharing-and-narrowing`."""

    EXAM_NOT_FOUND = "EXAM_NOT_FOUND"
    SHARING_NOT_IN_PLAN = "SHARING_NOT_IN_PLAN"
    ATTESTATION_MISSING = "ATTESTATION_MISSING"
    NO_RECIPIENTS = "NO_RECIPIENTS"
    RECIPIENT_NOT_FOUND = "RECIPIENT_NOT_FOUND"
    RECIPIENT_IS_SELF = "RECIPIENT_IS_SELF"
    RECIPIENT_IS_OWNER = "RECIPIENT_IS_OWNER"
    DOWNLOAD_NOT_HELD = "DOWNLOAD_NOT_HELD"
    EXPIRY_IN_PAST = "EXPIRY_IN_PAST"
    EXPIRY_BEYOND_OWN = "EXPIRY_BEYOND_OWN"
    EXPIRY_BEYOND_POLICY = "EXPIRY_BEYOND_POLICY"
    MESSAGE_NOT_ALLOWED = "MESSAGE_NOT_ALLOWED"
    TOO_MANY = "TOO_MANY"
    CHANGED_SINCE_SHOWN = "CHANGED_SINCE_SHOWN"
    BATCH_SPANS_SUBJECTS = "BATCH_SPANS_SUBJECTS"
    REMOVED_BY_OWNER = "REMOVED_BY_OWNER"
    HOST_RULE = "HOST_RULE"
    NOT_GRANTOR_OR_OWNER = "NOT_GRANTOR_OR_OWNER"
    NO_SUCH_GRANT = "NO_SUCH_GRANT"
    HAS_RESHARES = "HAS_RESHARES"


REMEDIES: Final[Mapping[ReasonCode, str]] = {
    ReasonCode.EXAM_NOT_FOUND: "there is no such exam among those that you can see",
    ReasonCode.SHARING_NOT_IN_PLAN: "your service plan does not include sharing; upgrade it",
    ReasonCode.ATTESTATION_MISSING: "confirm the current wording on abiding by HIPAA",
    ReasonCode.NO_RECIPIENTS: "name at least one person or group",
    ReasonCode.RECIPIENT_NOT_FOUND: "choose recipients that the directory offers you",
    ReasonCode.RECIPIENT_IS_SELF: "leave yourself out of the recipients",
    ReasonCode.RECIPIENT_IS_OWNER: "leave the owner of the exam out of the recipients",
    ReasonCode.DOWNLOAD_NOT_HELD: "you may view but not download; share for viewing only",
    ReasonCode.EXPIRY_IN_PAST: "choose a time that lies ahead",
    ReasonCode.EXPIRY_BEYOND_OWN: "choose a time within your own access",
    ReasonCode.EXPIRY_BEYOND_POLICY: "choose a time within the longest duration allowed",
    ReasonCode.MESSAGE_NOT_ALLOWED: "shorten the message and keep to plain text",
    ReasonCode.TOO_MANY: "share in smaller portions",
    ReasonCode.CHANGED_SINCE_SHOWN: "look at the exams again, then share",
    ReasonCode.BATCH_SPANS_SUBJECTS: "share the exams of one patient at a time",
    ReasonCode.REMOVED_BY_OWNER: "ask the owner of the exam to share with them again",
    ReasonCode.HOST_RULE: "a rule of this site does not allow it",
    ReasonCode.NOT_GRANTOR_OR_OWNER: "ask the owner of the exam, or whoever shared it",
    ReasonCode.NO_SUCH_GRANT: "there is nothing of yours to end here",
    ReasonCode.HAS_RESHARES: "it was passed on; decide whether those shares end with it",
}
"""For each code, what a refused person can do."""


@attrs.frozen(kw_only=True)
class Reason:
    """One reason for a refusal; the code determines which parameters it has.

    Attributes:
        principals: the recipients concerned, or the groups that still give access.
        exams: the exams concerned.
        grants: the grants concerned.
        until: the latest time allowed.
        limit: the limit that was exceeded.
        limited: what the limit counts: `"recipients"`, `"exams"` or `"people"`.
        host_code: the code of the host's rule.
    """

    code: ReasonCode
    principals: tuple[PrincipalId, ...] = ()
    exams: tuple[ExamId, ...] = ()
    grants: tuple[GrantId, ...] = ()
    until: datetime | None = None
    limit: int | None = None
    limited: str | None = None
    host_code: str | None = None

    def __str__(self) -> str:
        text = f"{self.code.value}: {REMEDIES[self.code]}"
        about = [str(each) for each in (*self.principals, *self.exams, *self.grants)]
        if self.limit is not None:
            about.append(f"at most {self.limit} {self.limited or 'code points'}")
        if self.until is not None:
            about.append(f"until {self.until.isoformat()} at the latest")
        if self.host_code is not None:
            about.append(self.host_code)
        return f"{text} ({', '.join(about)})" if about else text


def not_found(exam: ExamId) -> Reason:
    """Return the reason for an exam that is not there, or that somebody may not see."""
    return Reason(code=ReasonCode.EXAM_NOT_FOUND, exams=(exam,))


CaseT = TypeVar("CaseT")


@attrs.frozen(kw_only=True)
class Rule(Generic[CaseT]):
    """One rule against a kind of act.

    Attributes:
        statement: when the act is refused, in one sentence.
        check: yields the reasons against an act.
        conceals: if this rule refuses, later rules are neither applied nor reported.
        needs_plan: it depends on what the directory knows of recipients, so it is applied only if
            sharing is in the actor's plan.
    """

    code: ReasonCode
    statement: str
    check: Callable[[CaseT], Iterator[Reason]]
    conceals: bool = False
    needs_plan: bool = False


def reasons_against(rules: Iterable[Rule[CaseT]], case: CaseT) -> tuple[Reason, ...]:
    """Return every reason against an act, in the order of the table; none for a permitted act."""
    reasons: list[Reason] = []
    for rule in rules:
        found = list(rule.check(case))
        reasons.extend(found)
        if found and rule.conceals:
            break
    return tuple(reasons)


def _reasons(value: Iterable[Reason]) -> tuple[Reason, ...]:
    reasons = tuple_of("reasons", value, Reason)
    if not reasons:
        raise InvalidArgument("reasons", "must hold at least one")
    return reasons


@attrs.frozen
class Denied:
    """A refused act or a failed check, with every reason that applies, in the order of the rules.

    `nearest` lists the near misses, for operators only: oldest first, those that somebody ended
    last.
    """

    reasons: tuple[Reason, ...] = attrs.field(converter=_reasons)
    nearest: "tuple[NearMiss, ...]" = ()

    @property
    def codes(self) -> frozenset[ReasonCode]:
        """The codes of the reasons."""
        return frozenset(reason.code for reason in self.reasons)


@attrs.frozen(kw_only=True)
class Ground:
    """A standing grant that gives the permission, and the path from the user to its recipient."""

    grant: Grant
    path: tuple[PrincipalId, ...]


@attrs.frozen(kw_only=True)
class Permitted:
    """A passed check: the user is the active owner, or `grounds` has each grant that permits it."""

    as_owner: bool = False
    grounds: tuple[Ground, ...] = ()


class WhyNot(Enum):
    """Why a near miss does not give the permission."""

    USER_NOT_ACTIVE = "USER_NOT_ACTIVE"
    ONLY_VIEW = "ONLY_VIEW"
    EXPIRED = "EXPIRED"
    ENDED = "ENDED"
    OWN_GRANT = "OWN_GRANT"


@attrs.frozen(kw_only=True)
class NearMiss:
    """A grant that nearly gives the permission. Without a grant: an inactive user is the owner."""

    why_not: WhyNot
    grant: Grant | None = None
    path: tuple[PrincipalId, ...] = ()


class Refused(ExamSharingError):
    """A rule refused an act; its actor must request something else.

    Attributes:
        reasons: every reason that applies, never empty.
    """

    def __init__(self, reasons: tuple[Reason, ...]) -> None:
        super().__init__(reasons)
        self.reasons = reasons

    def __str__(self) -> str:
        return "; ".join(map(str, self.reasons))
