"""Grants, requests, and the reasons of refusals."""

from datetime import datetime
from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import exam_sharing as es
from exam_sharing.grants import Basis
from exam_sharing.policy.requests import Request
from exam_sharing.testing.strategies import values

T = TypeVar("T")

_BASES: Final[SearchStrategy[Basis]] = st.just(es.OWNER) | st.frozensets(
    values.grant_ids(), min_size=1, max_size=2
)


@st.composite
def grants(
    draw: st.DrawFn,
    *,
    ids: SearchStrategy[es.GrantId] = values.grant_ids(),
    exams: SearchStrategy[es.ExamId] = values.exam_ids(),
    grantors: SearchStrategy[es.UserId] = values.user_ids(),
    recipients: SearchStrategy[es.PrincipalId] | None = None,
    permissions: SearchStrategy[es.Permission] = values.permissions(),
    untils: SearchStrategy[datetime | None] | None = None,
    versions: SearchStrategy[int] = st.integers(1, 100),
    bases: SearchStrategy[Basis] = _BASES,
    made_at: SearchStrategy[datetime] = values.times_around(),
) -> es.Grant:
    """Draw grants to anybody but their grantors, that expire after they were made, or never."""
    made = draw(made_at)
    later = st.none() | values.durations().map(lambda by: made + by)
    grantor = draw(grantors)
    others = values.principal_ids().filter(lambda each: each != grantor)
    return es.Grant(
        id=draw(ids),
        exam=draw(exams),
        grantor=grantor,
        recipient=draw(others if recipients is None else recipients),
        permission=draw(permissions),
        until=draw(later if untils is None else untils),
        version=draw(versions),
        basis=draw(bases),
        share=draw(values.share_ids()),
        made_at=made,
    )


_RESHARES: Final = st.none() | st.sampled_from(es.Reshares)
_OPERATORS: Final = st.none() | values.user_ids()
_REQUEST_IDS: Final = st.none() | values.identifiers()


def share_requests(
    *,
    actors: SearchStrategy[es.UserId] = values.user_ids(),
    exams: SearchStrategy[es.ExamId] = values.exam_ids(),
    recipients: SearchStrategy[es.PrincipalId] = values.principal_ids(),
    permissions: SearchStrategy[es.Permission] = values.permissions(),
    scopes: SearchStrategy[es.Scope] = st.sampled_from(es.Scope),
    untils: SearchStrategy[datetime | None] = st.none() | values.times_around(),
    attested: SearchStrategy[bool] = st.just(True),
    messages: SearchStrategy[str | None] = st.none() | values.messages(),
) -> SearchStrategy[es.ShareRequest]:
    """Draw shares with one to three recipients, by default with the current attestation."""
    return st.builds(
        es.ShareRequest,
        actor=actors,
        exam=exams,
        recipients=st.lists(recipients, min_size=1, max_size=3),
        permission=permissions,
        scope=scopes,
        until=untils,
        attested=attested,
        message=messages,
        performed_by=_OPERATORS,
        request_id=_REQUEST_IDS,
    )


def unshare_requests(
    *,
    actors: SearchStrategy[es.UserId] = values.user_ids(),
    exams: SearchStrategy[es.ExamId] = values.exam_ids(),
    recipients: SearchStrategy[es.PrincipalId] = values.principal_ids(),
    reshares: SearchStrategy[es.Reshares | None] = _RESHARES,
    performed_by: SearchStrategy[es.UserId | None] = _OPERATORS,
    request_ids: SearchStrategy[str | None] = _REQUEST_IDS,
) -> SearchStrategy[es.UnshareRequest]:
    """Draw unshares."""
    whom = {"actor": actors, "exam": exams, "recipient": recipients}
    how = {"reshares": reshares, "performed_by": performed_by, "request_id": request_ids}
    return st.builds(es.UnshareRequest, **whom, **how)


def narrow_requests(
    *,
    actors: SearchStrategy[es.UserId] = values.user_ids(),
    exams: SearchStrategy[es.ExamId] = values.exam_ids(),
    recipients: SearchStrategy[es.PrincipalId] = values.principal_ids(),
    untils: SearchStrategy[datetime] = values.times_around(),
    reshares: SearchStrategy[es.Reshares | None] = _RESHARES,
    performed_by: SearchStrategy[es.UserId | None] = _OPERATORS,
    request_ids: SearchStrategy[str | None] = _REQUEST_IDS,
) -> SearchStrategy[es.NarrowRequest]:
    """Draw narrowings to a permission, to a time, or to both."""
    whom = {"actor": actors, "exam": exams, "recipient": recipients}
    how = {"reshares": reshares, "performed_by": performed_by, "request_id": request_ids}
    return st.one_of(
        st.builds(es.NarrowRequest, permission=values.permissions(), **whom, **how),
        st.builds(es.NarrowRequest, until=untils, **whom, **how),
        st.builds(es.NarrowRequest, permission=values.permissions(), until=untils, **whom, **how),
    )


def revoke_requests(
    *,
    actors: SearchStrategy[es.UserId] = values.user_ids(),
    grants: SearchStrategy[es.GrantId] = values.grant_ids(),
    reshares: SearchStrategy[es.Reshares | None] = _RESHARES,
    performed_by: SearchStrategy[es.UserId | None] = _OPERATORS,
    request_ids: SearchStrategy[str | None] = _REQUEST_IDS,
) -> SearchStrategy[es.RevokeRequest]:
    """Draw requests to end one grant."""
    how = {"reshares": reshares, "performed_by": performed_by, "request_id": request_ids}
    return st.builds(es.RevokeRequest, actor=actors, grant=grants, **how)


def requests(
    *,
    actors: SearchStrategy[es.UserId] = values.user_ids(),
    exams: SearchStrategy[es.ExamId] = values.exam_ids(),
    recipients: SearchStrategy[es.PrincipalId] = values.principal_ids(),
    grants: SearchStrategy[es.GrantId] = values.grant_ids(),
) -> SearchStrategy[Request]:
    """Draw requests of all four kinds."""
    return st.one_of(
        share_requests(actors=actors, exams=exams, recipients=recipients),
        unshare_requests(actors=actors, exams=exams, recipients=recipients),
        narrow_requests(actors=actors, exams=exams, recipients=recipients),
        revoke_requests(actors=actors, grants=grants),
    )


def reasons() -> SearchStrategy[es.Reason]:
    """Draw reasons of a refusal, with any parameters."""
    return st.builds(
        es.Reason,
        code=st.sampled_from(es.ReasonCode),
        principals=_some(values.principal_ids()),
        exams=_some(values.exam_ids()),
        grants=_some(values.grant_ids()),
        until=st.none() | values.times_around(),
        limit=st.none() | st.integers(1, 1_000),
        limited=st.sampled_from((None, "recipients", "exams", "people")),
        host_code=st.none() | values.identifiers(),
    )


def _some(items: SearchStrategy[T]) -> SearchStrategy[tuple[T, ...]]:
    return st.lists(items, max_size=2).map(tuple)
