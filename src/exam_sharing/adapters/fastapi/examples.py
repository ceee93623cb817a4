"""The examples in the schema, made of the values and errors that the endpoints answer with.

No field of them is null, since FastAPI would leave it out.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from exam_sharing.adapters.fastapi.schemas import document, preview_document
from exam_sharing.errors import Conflict, ExamSharingError, StoreFailed, WrongKind
from exam_sharing.grants import OWNER, Permission, ShownGrant
from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalId, ShareId, UserId
from exam_sharing.policy.decisions import Reason, ReasonCode, Refused, not_found
from exam_sharing.policy.plans import (
    Effect,
    Names,
    Outcome,
    Preview,
    ShareOutcome,
    ShareReceipt,
    UnshareReceipt,
    UntilLimit,
)
from exam_sharing.policy.settings import Policy
from exam_sharing.policy.views import (
    AccessEntry,
    AccessList,
    Choice,
    ListedGrant,
    Page,
    ShareForm,
    SharePage,
    Tab,
    VisibleExam,
)
from exam_sharing.web.answers import answer_to
from exam_sharing.web.rejections import Rejected

SHARE: Final[Mapping[str, object]] = {
    "recipients": ["u:2", "g:7"],
    "permission": "VIEW",
    "scope": "BATCH",
    "until": "2030-12-31T18:00:00+01:00",
    "attested": True,
    "wording": Policy().attestation_wording,
    "message": "Please have a look before Monday.",
    "expect": ["17", "18"],
    "request_id": "form-8f2c",
}
UNSHARE: Final[Mapping[str, object]] = {"recipient": "u:2", "request_id": "form-8f2d"}
NARROW: Final[Mapping[str, object]] = {"recipient": "u:2", "permission": "VIEW"}
REVOKE: Final[Mapping[str, object]] = {"reshares": "CASCADE"}

_ANNA, _BEN, _WARD = UserId("1"), UserId("2"), GroupId("7")
_CT = ExamId("17")
_AT = datetime(2030, 1, 1, 12, tzinfo=UTC)
_SEEN: Final = "7713953994715152014.00000001.50951672"
_NAMES: Final[Names] = {_ANNA: "Anna Lindqvist", _BEN: "Ben Okoye", _WARD: "Ward"}
_UNTIL = datetime(2030, 12, 31, 17, tzinfo=UTC)
_NEXT: Final = "WyIyMDMwLTAxLTAxVDEyOjAwOjAwKzAwOjAwIiwiMTciXQ=="
_HELD: Final = {Permission.VIEW: _UNTIL}


def _grant() -> ShownGrant:
    return ShownGrant(
        id=GrantId("5d1c-0a"),
        exam=_CT,
        grantor=_ANNA,
        recipient=_BEN,
        permission=Permission.VIEW,
        until=_UNTIL,
        basis=OWNER,
        share=ShareId("5d1c"),
        made_at=_AT,
    )


def _named(*principals: PrincipalId) -> Names:
    return {each: _NAMES[each] for each in principals}


def tabs() -> Any:  # noqa: ANN401  JSON
    """Return the tabs of an exam."""
    return document(frozenset(Tab))


def exams() -> Any:  # noqa: ANN401  JSON
    """Return a page of exams."""
    ct = VisibleExam(exam=_CT, permission=Permission.VIEW, uploaded_at=_AT)
    return document(Page(items=(ct,), next=_NEXT))


def choices() -> Any:  # noqa: ANN401  JSON
    """Return recipients to choose from."""
    return document(_choices())


def recipients() -> Any:  # noqa: ANN401  JSON
    """Return a page of recipients to choose from."""
    return document(Page(items=_choices(), next=_NEXT))


def _choices() -> tuple[Choice, ...]:
    ben = Choice(principal=_BEN, name=_NAMES[_BEN], held=_HELD)
    return ben, Choice(principal=_WARD, name=_NAMES[_WARD])


def access_list() -> Any:  # noqa: ANN401  JSON
    """Return an access list with one entry."""
    return document(_access_list())


def _access_list() -> AccessList:
    entry = AccessEntry(
        principal=_BEN,
        name=_NAMES[_BEN],
        permission=Permission.VIEW,
        until=_UNTIL,
        held=_HELD,
        grants=(ListedGrant(grant=_grant(), can_unshare=True),),
        can_unshare=True,
    )
    return AccessList(owner=_ANNA, entries=(entry,), names=_named(_ANNA, _BEN))


def share_page() -> Any:  # noqa: ANN401  JSON
    """Return the page of the Share tab, as its owner sees it."""
    form = ShareForm(
        has_share_tab=True,
        offers_download=True,
        exams=(_CT, ExamId("18")),
        subjects=1,
        wording=Policy().attestation_wording,
        sends_messages=True,
        latest_until=_UNTIL,
    )
    page = SharePage(
        tabs=frozenset(Tab), form=form, access_list=_access_list(), request_id="form-8f2c"
    )
    return document(page)


def receipt(kind: type[ShareReceipt | UnshareReceipt]) -> Any:  # noqa: ANN401  JSON
    """Return a receipt of the type."""
    if kind is UnshareReceipt:
        names = _named(_ANNA, _BEN)
        return document(UnshareReceipt(at=_AT, ended=(_grant(),), token=_SEEN, names=names))
    to: tuple[PrincipalId, ...] = (_BEN, _WARD)
    outcomes = tuple(
        ShareOutcome(
            exam=exam,
            recipient=recipient,
            outcome=Outcome.GRANTED,
            until=_UNTIL,
            limited_by=UntilLimit.ASKED,
        )
        for exam in (_CT, ExamId("18"))
        for recipient in to
    )
    return document(
        ShareReceipt(
            share=ShareId("5d1c"), at=_AT, outcomes=outcomes, token=_SEEN, names=_named(*to)
        )
    )


def preview() -> Any:  # noqa: ANN401  JSON
    """Return the preview of a share that would be refused, though it would give more time."""
    effect = Effect(
        principal=_BEN,
        exam=_CT,
        permission=Permission.VIEW,
        held_before=True,
        until_before=_AT,
        held_after=True,
        until_after=_UNTIL,
    )
    return preview_document(Preview(gains=(effect,), names=_named(_BEN)), problem(422))


def problem(status: int) -> dict[str, Any]:
    """Return problem details with a status."""
    return answer_to(_errors()[status], _NAMES).problem


def _errors() -> Mapping[int, ExamSharingError]:
    removed = Reason(code=ReasonCode.REMOVED_BY_OWNER, principals=(_BEN,))
    return {
        401: Rejected("NOT_SIGNED_IN"),
        403: Refused((removed, Reason(code=ReasonCode.ATTESTATION_MISSING))),
        404: Refused((not_found(_CT),)),
        409: Conflict(50),
        413: Rejected("TOO_LARGE"),
        415: Rejected("NOT_JSON"),
        422: Refused((Reason(code=ReasonCode.NO_RECIPIENTS),)),
        500: WrongKind("signed_in", "UserId", "str"),
        503: StoreFailed("the database does not answer"),
    }
