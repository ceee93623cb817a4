"""Errors as answers of a web server: a status, RFC 9457 problem details, sentences for people.

The errors themselves know no HTTP; the tables of this module do. A host replaces or translates
sentences by a table of its own: `{**ENGLISH, "NO_RECIPIENTS": "Wählen Sie jemanden aus."}`.

An answer discloses no more than its error. An exam that is not there, one that the reader may not
see, and an id that no exam can have get the same answer. Errors of stores and of the calling code
are not quoted.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from exam_sharing.documents import fields_of
from exam_sharing.errors import (
    Conflict,
    ExamSharingError,
    InvalidInput,
    RequestIdReused,
    StoreFailed,
)
from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.policy.decisions import Reason, ReasonCode, Refused
from exam_sharing.policy.plans import Names
from exam_sharing.web.forms import InvalidForm
from exam_sharing.web.rejections import Rejected

MEDIA_TYPE: Final = "application/problem+json"
"""The media type of `Answer.problem`."""

TITLES: Final[Mapping[int, str]] = {
    401: "Unauthorized",
    404: "Not Found",
    403: "Forbidden",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
"""Every status that is answered; for several reasons, the first of theirs in this order."""

STATUSES: Final[Mapping[str, tuple[int, str]]] = {
    "EXAM_NOT_FOUND": (404, ""),
    "SHARING_NOT_IN_PLAN": (403, ""),
    "ATTESTATION_MISSING": (422, "attested"),
    "NO_RECIPIENTS": (422, "recipients"),
    "RECIPIENT_NOT_FOUND": (422, "recipients"),
    "RECIPIENT_IS_SELF": (422, "recipients"),
    "RECIPIENT_IS_OWNER": (422, "recipients"),
    "DOWNLOAD_NOT_HELD": (403, "permission"),
    "EXPIRY_IN_PAST": (422, "until"),
    "EXPIRY_BEYOND_OWN": (422, "until"),
    "EXPIRY_BEYOND_POLICY": (422, "until"),
    "MESSAGE_NOT_ALLOWED": (422, "message"),
    "TOO_MANY": (422, "recipients"),
    "TOO_MANY.exams": (422, "scope"),
    "CHANGED_SINCE_SHOWN": (409, "scope"),
    "BATCH_SPANS_SUBJECTS": (422, "scope"),
    "REMOVED_BY_OWNER": (403, "recipients"),
    "HOST_RULE": (403, ""),
    "NOT_GRANTOR_OR_OWNER": (403, ""),
    "NO_SUCH_GRANT": (404, ""),
    "HAS_RESHARES": (409, "reshares"),
    "NOT_SIGNED_IN": (401, ""),
    "CROSS_SITE": (403, ""),
    "NOT_JSON": (415, ""),
    "TOO_LARGE": (413, ""),
    "INVALID_INPUT": (422, ""),
    "REQUEST_ID_REUSED": (409, ""),
    "CONFLICT": (409, ""),
    "STORE_FAILED": (503, ""),
    "CALLER_ERROR": (500, ""),
}
"""The status of each code, and the field of a form that it concerns."""

_IDS: Final = {"ExamId": "EXAM_NOT_FOUND", "GrantId": "NO_SUCH_GRANT"}
"""The code of an id, as part of an address, that cannot exist: as that of one that does not."""

_LOAD_AGAIN: Final = "This page is out of date. Load it again and repeat what you did."

ENGLISH: Final[Mapping[str, str]] = {
    "EXAM_NOT_FOUND": "There is no such exam, or you may not see it.",
    "SHARING_NOT_IN_PLAN": "Your service plan does not include sharing.",
    "ATTESTATION_MISSING": "Read the current statement about HIPAA and confirm it.",
    "NO_RECIPIENTS": "Choose at least one person or group.",
    "RECIPIENT_NOT_FOUND": (
        "{count} of the recipients cannot be chosen. Choose recipients that the list offers you."
    ),
    "RECIPIENT_IS_SELF": "You cannot share an exam with yourself.",
    "RECIPIENT_IS_OWNER": "Leave out {who}: the exam is theirs.",
    "DOWNLOAD_NOT_HELD": "You may view but not download. You can share for viewing only.",
    "EXPIRY_IN_PAST": "Choose a time in the future.",
    "EXPIRY_BEYOND_OWN": "Your own access ends on {until}. Choose no later time.",
    "EXPIRY_BEYOND_POLICY": "Choose {until} or an earlier time.",
    "MESSAGE_NOT_ALLOWED": "Write plain text of at most {limit:,} characters.",
    "TOO_MANY": "This is too much for one share. Share in smaller portions.",
    "TOO_MANY.recipients": "Choose at most {limit:,} recipients for one share.",
    "TOO_MANY.exams": "Share at most {limit:,} exams at once.",
    "TOO_MANY.people": "Choose fewer or smaller groups. One share may reach {limit:,} people.",
    "CHANGED_SINCE_SHOWN": "These exams have changed. Look at them again, then share.",
    "BATCH_SPANS_SUBJECTS": "Share the exams of one patient at a time.",
    "REMOVED_BY_OWNER": "The owner has removed {who}. Ask the owner to share with them again.",
    "HOST_RULE": "A rule of this site does not allow it.",
    "NOT_GRANTOR_OR_OWNER": "Only the owner, or whoever shared the exam, can end this access.",
    "NO_SUCH_GRANT": "There is no access here that you can end.",
    "NO_SUCH_GRANT.through": "There is no access here that you can end. It comes through {who}.",
    "HAS_RESHARES": "The exam was passed on. Choose whether those shares end too.",
    "NOT_SIGNED_IN": "Sign in first.",
    "CROSS_SITE": "This was sent by another site. Nothing was done.",
    "NOT_JSON": "This must be sent as JSON.",
    "TOO_LARGE": "This is too large. Send less.",
    "INVALID_INPUT": "This cannot be used. Enter something else.",
    "INVALID_INPUT.attested": "Tick the box, or leave it empty.",
    "INVALID_INPUT.expect": _LOAD_AGAIN,
    "INVALID_INPUT.message": "The message is too long.",
    "INVALID_INPUT.permission": "Choose view or download.",
    "INVALID_INPUT.recipient": "Choose a person or a group that the list offers you.",
    "INVALID_INPUT.recipients": "Choose people and groups that the list offers you.",
    "INVALID_INPUT.request_id": _LOAD_AGAIN,
    "INVALID_INPUT.reshares": "Choose what happens to shares that others made.",
    "INVALID_INPUT.scope": "Choose this exam alone, or all exams that came with it.",
    "INVALID_INPUT.until": "Enter a date, as 2030-01-31, or a date and a time.",
    "INVALID_INPUT.wording": _LOAD_AGAIN,
    "REQUEST_ID_REUSED": "This form was sent before with other content. Load the page again.",
    "CONFLICT": "Others are changing the same exams. Nothing was done. Try again.",
    "STORE_FAILED": "This does not work at the moment. Try again later.",
    "CALLER_ERROR": "This does not work, because of a mistake in this site.",
    "AND": "{front} and {last}",
    "OTHERS": "others",
}
"""The sentence of each code, or of a code with a detail: `CODE.detail`.

The detail is what `TOO_MANY` counts, the code of a host's rule, or the field of an input. A code
with a detail that has no sentence gets that of the code. `{who}`, `{count}`, `{limit}` and
`{until}` are what the reason has: the names of its principals, their number, its limit and time.
`OTHERS` stands for those whom the reader cannot name.
"""


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: of the reason, or of the kind of error, as `INVALID_INPUT`.
        field: the field of a form that it concerns; empty for the form as a whole.
        sentence: for people; may hold names, so no `repr` shows it.
        parameters: of the reason, as plain data; principals by their keys.
    """

    code: str
    field: str = ""
    sentence: str = attrs.field(repr=False)
    parameters: Mapping[str, Any] = attrs.field(factory=dict, repr=False)


@attrs.frozen(kw_only=True)
class Answer:
    """What a web server answers to an error."""

    status: int
    findings: tuple[Finding, ...]

    @property
    def fields(self) -> dict[str, list[str]]:
        """The sentences at each field of the form, and those of the form as a whole at `""`."""
        found: dict[str, list[str]] = {}
        for each in self.findings:
            found.setdefault(each.field, []).append(each.sentence)
        return found

    @property
    def problem(self) -> dict[str, Any]:
        """The problem details of RFC 9457 as plain data, with one entry of `reasons` a finding."""
        return {
            "type": "about:blank",
            "title": TITLES[self.status],
            "status": self.status,
            "detail": " ".join(each.sentence for each in self.findings),
            "reasons": [
                {
                    "code": each.code,
                    **({"field": each.field} if each.field else {}),
                    "detail": each.sentence,
                    **each.parameters,
                }
                for each in self.findings
            ],
        }


def in_utc(time: datetime) -> str:
    """Return an aware time in words, to the minute, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def named_in(error: ExamSharingError) -> tuple[PrincipalId, ...]:
    """Return whom an answer to the error may name: query their names by `Sharing.names`."""
    reasons = error.reasons if isinstance(error, Refused) else ()
    return tuple(dict.fromkeys(each for reason in reasons for each in reason.principals))


def answer_to(
    error: ExamSharingError,
    names: Names | None = None,
    *,
    sentences: Mapping[str, str] = ENGLISH,
    when: Callable[[datetime], str] = in_utc,
) -> Answer:
    """Return the answer to an error, with every reason.

    `names` are the principals whom its reader may know, `when` puts times into words.
    """
    wording = _Wording(names={} if names is None else names, sentences=sentences, when=when)
    match error:
        case Refused():
            findings = tuple(map(wording.of_reason, error.reasons))
        case InvalidForm():
            findings = tuple(wording.of_input(each) for each in error.errors)
        case InvalidInput():
            findings = (wording.of_input(error),)
        case Rejected():
            findings = (wording.of(error.code),)
        case RequestIdReused():
            findings = (wording.of("REQUEST_ID_REUSED"),)
        case Conflict():
            findings = (wording.of("CONFLICT"),)
        case StoreFailed():
            findings = (wording.of("STORE_FAILED"),)
        case _:
            findings = (wording.of("CALLER_ERROR"),)
    statuses = {STATUSES[each.code][0] for each in findings}
    return Answer(status=next(filter(statuses.__contains__, TITLES)), findings=findings)


@attrs.frozen(kw_only=True)
class _Wording:
    """Puts codes into sentences."""

    names: Names
    sentences: Mapping[str, str]
    when: Callable[[datetime], str]

    def of_reason(self, reason: Reason) -> Finding:
        if reason.code is ReasonCode.EXAM_NOT_FOUND:
            return self.of("EXAM_NOT_FOUND")
        detail = reason.limited or reason.host_code or ("through" if reason.principals else "")
        parameters = fields_of(reason, {UserId: _key, GroupId: _key})
        del parameters["code"]
        if reason.principals:
            known = {each.key: self.names[each] for each in reason.principals if each in self.names}
            parameters["names"] = known
        return self.of(
            reason.code.value,
            detail,
            {name: value for name, value in parameters.items() if value},
            who=self._series(reason.principals),
            count=len(reason.principals),
            limit=reason.limit,
            until="" if reason.until is None else self.when(reason.until),
        )

    def of_input(self, error: InvalidInput) -> Finding:
        if error.field in _IDS:
            return self.of(_IDS[error.field])
        found = self.of("INVALID_INPUT", error.field, {"problem": error.problem})
        return attrs.evolve(found, field=error.field)

    def of(
        self,
        code: str,
        detail: str = "",
        parameters: Mapping[str, Any] | None = None,
        **facts: object,
    ) -> Finding:
        detailed = f"{code}.{detail}"
        sentence = self.sentences.get(detailed) or self.sentences[code]
        _, field = STATUSES.get(detailed) or STATUSES[code]
        return Finding(
            code=code,
            field=field,
            sentence=sentence.format(**facts),
            parameters={} if parameters is None else parameters,
        )

    def _series(self, principals: Iterable[PrincipalId]) -> str:
        """Return the names in one phrase, with those who cannot be named at its end."""
        named = [self.names.get(each, "") for each in principals]
        if "" in named:
            named = [*filter(None, named), self.sentences["OTHERS"]]
        *front, last = named or [""]
        return self.sentences["AND"].format(front=", ".join(front), last=last) if front else last


def _key(principal: PrincipalId) -> str:
    return principal.key
