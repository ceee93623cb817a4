"""Facts in words: who, which exam, until when, what was requested, and why."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, TypeAlias, assert_never

import attrs

import exam_sharing as es
from exam_sharing.policy.decisions import REMEDIES

Asked: TypeAlias = es.ShareRequest | es.UnshareRequest | es.NarrowRequest
"""What somebody can request by a command or in the tour."""

MAY: Final = {es.Permission.VIEW: "view", es.Permission.DOWNLOAD: "view and download"}

_RESHARES: Final = {
    None: "",
    es.Reshares.KEEP: ", and keeps re-shares",
    es.Reshares.CASCADE: ", and ends re-shares too",
    es.Reshares.RESTRICT: ", unless that ends re-shares",
}
_WHY_NOT: Final = {
    es.WhyNot.USER_NOT_ACTIVE: "but the user is inactive",
    es.WhyNot.ONLY_VIEW: "but only to view",
    es.WhyNot.EXPIRED: "but it expired",
    es.WhyNot.ENDED: "but it ended",
    es.WhyNot.OWN_GRANT: "but a grant gives its own grantor nothing",
}
_MOST_NEAR_MISSES: Final = 3


def weekday(time: datetime) -> str:
    return f"{time:%A %H:%M}"


def local_time(time: datetime) -> str:
    """Return a time by the clock of this machine with its offset, as it can be typed again."""
    try:
        time = time.astimezone()
    except OverflowError:
        # East of Greenwich, the last moment of the calendar is in the next year.
        time = time.astimezone(UTC)
    is_whole = time.second == time.microsecond == 0
    return time.isoformat(sep=" ", timespec="minutes" if is_whole else "seconds")


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def series(items: Iterable[str]) -> str:
    *front, last = items
    return f"{', '.join(front)} and {last}" if front else last


@attrs.frozen(kw_only=True)
class Words:
    """Puts facts into words; exams that were shown with numbers are named by these."""

    names: Mapping[es.PrincipalId, str]
    numbers: Mapping[es.ExamId, int] = attrs.field(factory=dict)
    when: Callable[[datetime], str] = local_time

    def who(self, principal: es.PrincipalId) -> str:
        return self.names[principal]

    def first_name(self, user: es.UserId) -> str:
        return self.who(user).split()[0]

    def everyone(self, principals: Iterable[es.PrincipalId]) -> str:
        return series(map(self.who, principals))

    def exam(self, exam: es.ExamId) -> str:
        """Return the name of an exam in a sentence: by its number if it has one."""
        return self.label(exam) if exam in self.numbers else f"exam “{exam}”"

    def label(self, exam: es.ExamId) -> str:
        number = self.numbers.get(exam)
        return str(exam) if number is None else f"exam {number}"

    def held(self, permission: es.Permission, time: datetime | None) -> str:
        return MAY[permission] if time is None else f"{MAY[permission]} {self.until(time)}"

    def until(self, time: datetime | None) -> str:
        return "with no end date" if time is None else f"until {self.when(time)}"

    def asked(self, request: Asked) -> str:
        actor, exam = self.who(request.actor), self.exam(request.exam)
        match request:
            case es.ShareRequest():
                batch = "" if request.scope is es.Scope.EXAM else " and the rest of its batch"
                recipients = self.everyone(request.recipients)
                return f"{actor} shares {exam}{batch} with {recipients}: {MAY[request.permission]}"
            case es.UnshareRequest():
                whom = self.who(request.recipient)
                return f"{actor} unshares {exam} from {whom}{_RESHARES[request.reshares]}"
            case es.NarrowRequest():
                whom = self.who(request.recipient)
                may = "" if request.permission is None else MAY[request.permission]
                until = "" if request.until is None else self.until(request.until)
                to = f"{may} {until}".strip()
                return f"{actor} narrows {exam} for {whom} to {to}{_RESHARES[request.reshares]}"
            case other:
                assert_never(other)

    def remedy(self, reason: es.Reason) -> str:
        about = [*map(self.who, reason.principals), *map(self.exam, reason.exams)]
        if reason.grants:
            about.append(count(len(reason.grants), "grant"))
        if reason.limit is not None:
            about.append(f"at most {reason.limit:,} {reason.limited or 'code points'}")
        if reason.until is not None:
            about.append(f"{self.until(reason.until)} at the latest")
        if reason.host_code is not None:
            about.append(reason.host_code)
        remedy = REMEDIES[reason.code]
        return f"{remedy} ({', '.join(about)})" if about else remedy

    def why(self, answer: es.Permitted | es.Denied) -> str:
        """Return why somebody holds a permission, or the nearest misses."""
        match answer:
            case es.Permitted():
                owns = ["owns it"] if answer.as_owner else []
                grounds = (self.given(each.grant.grantor, each.path) for each in answer.grounds)
                return "; ".join([*owns, *grounds])
            case es.Denied():
                codes = ", ".join(reason.code.value for reason in answer.reasons)
                near = list(dict.fromkeys(map(self._near_miss, answer.nearest)))
                shown, further = near[:_MOST_NEAR_MISSES], near[_MOST_NEAR_MISSES:]
                more = [f"and {len(further)} more"] if further else []
                return "; ".join([codes, *shown, *more])
            case other:
                assert_never(other)

    def _near_miss(self, miss: es.NearMiss) -> str:
        given = "owns it" if miss.grant is None else self.given(miss.grant.grantor, miss.path)
        return f"{given}, {_WHY_NOT[miss.why_not]}"

    def given(self, grantor: es.PrincipalId, path: tuple[es.PrincipalId, ...]) -> str:
        """Return who gave something, and through which groups it reaches its holder."""
        by = f"by {self.who(grantor)}"
        if len(path) == 1:
            return f"given {by}"
        through = path[1:-1]
        within = f" (through {self.everyone(through)})" if through else ""
        return f"given to {self.who(path[-1])}{within} {by}"
