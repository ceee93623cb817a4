"""Requests, well-formed, to be granted or refused as the rules say; and what refuses them."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from hypothesis import strategies as st

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, PrincipalId, UserId
from exam_sharing.policy.decisions import Denied, Reason, ReasonCode
from exam_sharing.policy.requests import (
    HostEnding,
    NarrowRequest,
    Request,
    Reshares,
    RevokeRequest,
    Scope,
    ShareRequest,
    UnshareRequest,
    Withdrawal,
)
from exam_sharing.testing.strategies.granting import permissions
from exam_sharing.testing.strategies.people import principal_ids, user_ids
from exam_sharing.testing.strategies.texts import identifiers, messages, names
from exam_sharing.testing.strategies.times import times_around
from exam_sharing.testing.strategies.uploading import exam_ids, grant_ids

__all__ = [
    "denials",
    "host_endings",
    "narrow_requests",
    "reasons",
    "requests",
    "revoke_requests",
    "share_requests",
    "unshare_requests",
    "withdrawals",
]

T = TypeVar("T")


def _reshares() -> st.SearchStrategy[Reshares | None]:
    return st.none() | st.sampled_from(Reshares)


def _operators() -> st.SearchStrategy[UserId | None]:
    return st.none() | user_ids()


def _request_ids() -> st.SearchStrategy[str | None]:
    return st.none() | identifiers()


def share_requests(
    *,
    actors: st.SearchStrategy[UserId] | None = None,
    exams: st.SearchStrategy[ExamId] | None = None,
    recipients: st.SearchStrategy[PrincipalId] | None = None,
    permissions: st.SearchStrategy[Permission] = permissions(),
    scopes: st.SearchStrategy[Scope] | None = None,
    untils: st.SearchStrategy[datetime | None] | None = None,
    attested: st.SearchStrategy[bool] = st.just(True),
    messages: st.SearchStrategy[str | None] = st.none() | messages(),
    wordings: st.SearchStrategy[str | None] = st.none(),
    expected: st.SearchStrategy[Iterable[ExamId] | None] = st.none(),
    performed_by: st.SearchStrategy[UserId | None] | None = None,
    request_ids: st.SearchStrategy[str | None] | None = None,
) -> st.SearchStrategy[ShareRequest]:
    """Draw shares with one to three recipients, by default with the current wording attested."""
    named = principal_ids() if recipients is None else recipients
    return st.builds(
        ShareRequest,
        actor=user_ids() if actors is None else actors,
        exam=exam_ids() if exams is None else exams,
        recipients=st.lists(named, min_size=1, max_size=3),
        permission=permissions,
        scope=st.sampled_from(Scope) if scopes is None else scopes,
        until=st.none() | times_around() if untils is None else untils,
        attested=attested,
        message=messages,
        wording=wordings,
        expect=expected,
        performed_by=_operators() if performed_by is None else performed_by,
        request_id=_request_ids() if request_ids is None else request_ids,
    )


def unshare_requests(
    *,
    actors: st.SearchStrategy[UserId] | None = None,
    exams: st.SearchStrategy[ExamId] | None = None,
    recipients: st.SearchStrategy[PrincipalId] | None = None,
    reshares: st.SearchStrategy[Reshares | None] | None = None,
    performed_by: st.SearchStrategy[UserId | None] | None = None,
    request_ids: st.SearchStrategy[str | None] | None = None,
) -> st.SearchStrategy[UnshareRequest]:
    """Draw unshares."""
    return st.builds(
        UnshareRequest,
        actor=user_ids() if actors is None else actors,
        exam=exam_ids() if exams is None else exams,
        recipient=principal_ids() if recipients is None else recipients,
        reshares=_reshares() if reshares is None else reshares,
        performed_by=_operators() if performed_by is None else performed_by,
        request_id=_request_ids() if request_ids is None else request_ids,
    )


def narrow_requests(
    *,
    actors: st.SearchStrategy[UserId] | None = None,
    exams: st.SearchStrategy[ExamId] | None = None,
    recipients: st.SearchStrategy[PrincipalId] | None = None,
    untils: st.SearchStrategy[datetime] | None = None,
    reshares: st.SearchStrategy[Reshares | None] | None = None,
    performed_by: st.SearchStrategy[UserId | None] | None = None,
    request_ids: st.SearchStrategy[str | None] | None = None,
) -> st.SearchStrategy[NarrowRequest]:
    """Draw narrowings to a permission, to a time, and to both."""
    until = times_around() if untils is None else untils
    bounds = (
        st.tuples(permissions(), st.none())
        | st.tuples(st.none(), until)
        | st.tuples(permissions(), until)
    )
    return st.builds(
        lambda bound, **fields: NarrowRequest(permission=bound[0], until=bound[1], **fields),
        bounds,
        actor=user_ids() if actors is None else actors,
        exam=exam_ids() if exams is None else exams,
        recipient=principal_ids() if recipients is None else recipients,
        reshares=_reshares() if reshares is None else reshares,
        performed_by=_operators() if performed_by is None else performed_by,
        request_id=_request_ids() if request_ids is None else request_ids,
    )


def revoke_requests(
    *,
    actors: st.SearchStrategy[UserId] | None = None,
    grants: st.SearchStrategy[GrantId] | None = None,
    reshares: st.SearchStrategy[Reshares | None] | None = None,
    performed_by: st.SearchStrategy[UserId | None] | None = None,
    request_ids: st.SearchStrategy[str | None] | None = None,
) -> st.SearchStrategy[RevokeRequest]:
    """Draw requests to end one grant."""
    return st.builds(
        RevokeRequest,
        actor=user_ids() if actors is None else actors,
        grant=grant_ids() if grants is None else grants,
        reshares=_reshares() if reshares is None else reshares,
        performed_by=_operators() if performed_by is None else performed_by,
        request_id=_request_ids() if request_ids is None else request_ids,
    )


def requests(
    *,
    actors: st.SearchStrategy[UserId] | None = None,
    exams: st.SearchStrategy[ExamId] | None = None,
    recipients: st.SearchStrategy[PrincipalId] | None = None,
    grants: st.SearchStrategy[GrantId] | None = None,
) -> st.SearchStrategy[Request]:
    """Draw whatever a person can ask for."""
    return st.one_of(
        share_requests(actors=actors, exams=exams, recipients=recipients),
        unshare_requests(actors=actors, exams=exams, recipients=recipients),
        narrow_requests(actors=actors, exams=exams, recipients=recipients),
        revoke_requests(actors=actors, grants=grants),
    )


def host_endings(
    *,
    recipients: st.SearchStrategy[PrincipalId] | None = None,
    exams: st.SearchStrategy[ExamId | None] | None = None,
    reshares: st.SearchStrategy[Reshares | None] | None = None,
    performed_by: st.SearchStrategy[UserId] | None = None,
) -> st.SearchStrategy[HostEnding]:
    """Draw ends by the host of what a principal has, on one exam or everywhere."""
    return st.builds(
        HostEnding,
        recipient=principal_ids() if recipients is None else recipients,
        exam=st.none() | exam_ids() if exams is None else exams,
        reshares=_reshares() if reshares is None else reshares,
        performed_by=user_ids() if performed_by is None else performed_by,
        why=names(),
    )


def withdrawals(
    *,
    exams: st.SearchStrategy[ExamId] | None = None,
    performed_by: st.SearchStrategy[UserId] | None = None,
) -> st.SearchStrategy[Withdrawal]:
    """Draw withdrawals of exams by the host."""
    return st.builds(
        Withdrawal,
        exam=exam_ids() if exams is None else exams,
        performed_by=user_ids() if performed_by is None else performed_by,
        why=names(),
    )


def reasons(
    *,
    codes: st.SearchStrategy[ReasonCode] = st.sampled_from(ReasonCode),
    principals: st.SearchStrategy[PrincipalId] | None = None,
    exams: st.SearchStrategy[ExamId] | None = None,
    grants: st.SearchStrategy[GrantId] | None = None,
) -> st.SearchStrategy[Reason]:
    """Draw reasons of a refusal, each with any parameters."""
    return st.builds(
        Reason,
        code=codes,
        principals=_some(principal_ids() if principals is None else principals),
        exams=_some(exam_ids() if exams is None else exams),
        grants=_some(grant_ids() if grants is None else grants),
        until=st.none() | times_around(),
        limit=st.none() | st.integers(1, 1_000),
        limited=st.sampled_from((None, "recipients", "exams", "people")),
        host_code=st.none() | identifiers(),
    )


def _some(items: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(items, max_size=2).map(tuple)


def denials(
    *,
    reasons: st.SearchStrategy[Reason] = reasons(),
) -> st.SearchStrategy[Denied]:
    """Draw answers of no."""
    return st.builds(Denied, st.lists(reasons, min_size=1, max_size=3).map(tuple))
