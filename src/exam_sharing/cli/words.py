"""How facts are put into words."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, assert_never

import attrs

from exam_sharing import (
    Denied,
    ExamId,
    Ground,
    NarrowRequest,
    NearMiss,
    Permission,
    Permitted,
    PrincipalId,
    Reason,
    Reshares,
    Scope,
    ShareRequest,
    UnshareRequest,
    UserId,
    WhyNot,
)
from exam_sharing.cli.tour.facts import Asked
from exam_sharing.policy.decisions import REMEDIES

__all__ = ["Words", "count", "local_time", "may", "series", "weekday"]

_MAY: Final = {Permission.VIEW: "view", Permission.DOWNLOAD: "view and download"}

_RESHARES: Final = {
    None: "",
    Reshares.KEEP: ", and keeps what was passed on",
    Reshares.CASCADE: ", with all that was passed on from there",
    Reshares.RESTRICT: ", unless it was passed on",
}

_WHY_NOT: Final = {
    WhyNot.USER_NOT_ACTIVE: "but inactive",
    WhyNot.ONLY_VIEW: "but to view only",
    WhyNot.EXPIRED: "but its time is over",
    WhyNot.ENDED: "but ended since",
    WhyNot.OWN_GRANT: "which gives nothing to whoever made it",
}

_MOST_NEAR_MISSES: Final = 3


def may(permission: Permission) -> str:
    """Say what a permission lets somebody do."""
    return _MAY[permission]


def weekday(time: datetime) -> str:
    """Say when, in a story of one week."""
    return f"{time:%A %H:%M}"


def local_time(time: datetime) -> str:
    """Say when, by the clock of this machine and with its offset, so that it can be typed again."""
    try:
        time = time.astimezone()
    except OverflowError:
        # The end of all times lies beyond it in the east.
        time = time.astimezone(UTC)
    whole = time.second == time.microsecond == 0
    return time.isoformat(sep=" ", timespec="minutes" if whole else "seconds")


def count(number: int, noun: str) -> str:
    """Say how many."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def series(items: Iterable[str]) -> str:
    """Say several things in a row."""
    *front, last = items
    return f"{', '.join(front)} and {last}" if front else last


@attrs.frozen(kw_only=True)
class Words:
    """Puts facts into words.

    Attributes:
        names: of people and groups.
        numbers: of exams, as they were shown.
        when: says a time.
    """

    names: Mapping[PrincipalId, str]
    numbers: Mapping[ExamId, int]
    when: Callable[[datetime], str] = weekday

    def who(self, principal: PrincipalId) -> str:
        """Name somebody."""
        return self.names[principal]

    def first_name(self, user: UserId) -> str:
        """Name a user, but briefly."""
        return self.who(user).split()[0]

    def everyone(self, principals: Iterable[PrincipalId]) -> str:
        """Name several."""
        return series(self.who(each) for each in principals)

    def exam(self, exam: ExamId) -> str:
        """Name an exam by its number; by its id where it is not on the medium."""
        return self.label(exam) if exam in self.numbers else f"exam “{exam}”"

    def label(self, exam: ExamId) -> str:
        """Name an exam where it stands alone."""
        number = self.numbers.get(exam)
        return str(exam) if number is None else f"exam {number}"

    def held(self, permission: Permission, time: datetime | None) -> str:
        """Say what is held, and until when if not for good."""
        return may(permission) if time is None else f"{may(permission)} {self.until(time)}"

    def until(self, time: datetime | None) -> str:
        """Say how long."""
        return "for good" if time is None else f"until {self.when(time)}"

    def asked(self, request: Asked) -> str:
        """Say what was asked for."""
        actor, exam = self.who(request.actor), self.exam(request.exam)
        match request:
            case ShareRequest():
                return f"{actor} shares {exam}{self._share(request)}"
            case UnshareRequest():
                whom = self.who(request.recipient)
                return f"{actor} takes {whom} off {exam}{_RESHARES[request.reshares]}"
            case NarrowRequest():
                whom = self.who(request.recipient)
                return (
                    f"{actor} narrows {whom} on {exam} to {self._bound(request)}"
                    f"{_RESHARES[request.reshares]}"
                )
            case other:
                assert_never(other)

    def _share(self, request: ShareRequest) -> str:
        batch = "" if request.scope is Scope.EXAM else ", and all that came along with it,"
        with_whom = self.everyone(request.recipients)
        return f"{batch} with {with_whom}: {may(request.permission)}"

    def remedy(self, reason: Reason) -> str:
        """Say what whoever was refused can do, and what the refusal is about."""
        about = [
            *(self.who(each) for each in reason.principals),
            *(self.exam(each) for each in reason.exams),
            *([count(len(reason.grants), "grant")] if reason.grants else []),
            *self._bounds(reason),
        ]
        remedy = REMEDIES[reason.code]
        return f"{remedy} ({', '.join(about)})" if about else remedy

    def _bounds(self, reason: Reason) -> Iterator[str]:
        if reason.limit is not None:
            yield f"at most {reason.limit:,} {reason.limited or 'code points'}"
        if reason.until is not None:
            yield f"{self.until(reason.until)} at the latest"
        if reason.host_code is not None:
            yield reason.host_code

    def why(self, answer: Permitted | Denied) -> str:
        """Say why somebody holds a permission, or what comes nearest."""
        match answer:
            case Permitted():
                owns = ["owns it"] if answer.as_owner else []
                return "; ".join([*owns, *map(self.ground, answer.grounds)])
            case Denied():
                codes = ", ".join(reason.code.value for reason in answer.reasons)
                near = list(dict.fromkeys(map(self._near_miss, answer.nearest)))
                shown, further = near[:_MOST_NEAR_MISSES], near[_MOST_NEAR_MISSES:]
                more = [f"and {len(further)} more"] if further else []
                return "; ".join([codes, *shown, *more])
            case other:
                assert_never(other)

    def ground(self, ground: Ground) -> str:
        """Say who gave a permission, and how it reaches whom it reaches."""
        return self.given(ground.grant.grantor, ground.path)

    def _near_miss(self, miss: NearMiss) -> str:
        if miss.grant is None:
            return "owns it, " + _WHY_NOT[miss.why_not]
        return f"{self.given(miss.grant.grantor, miss.path)}, {_WHY_NOT[miss.why_not]}"

    def given(self, grantor: PrincipalId, path: tuple[PrincipalId, ...]) -> str:
        """Say who gave something, and by which memberships it reaches whom it reaches."""
        by = f"by {self.who(grantor)}"
        if len(path) == 1:
            return f"given {by}"
        through = path[1:-1]
        within = f" (through {self.everyone(through)})" if through else ""
        return f"given to {self.who(path[-1])}{within} {by}"

    def _bound(self, request: NarrowRequest) -> str:
        parts = [] if request.permission is None else [may(request.permission)]
        return " ".join([*parts, *([] if request.until is None else [self.until(request.until)])])
