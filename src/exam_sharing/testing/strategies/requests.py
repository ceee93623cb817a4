"""Requests, the reasons of refusals, and the policies of deployments."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from hypothesis import strategies as st

from exam_sharing.errors import NotifierFailed
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
from exam_sharing.policy.retries import Retries
from exam_sharing.policy.settings import AccessListScope, HostRule, Policy
from exam_sharing.testing.strategies.values import (
    durations,
    exam_ids,
    grant_ids,
    identifiers,
    messages,
    names,
    permissions,
    principal_ids,
    times_around,
    user_ids,
)

T = TypeVar("T")

_RESHARES: Final = st.none() | st.sampled_from(Reshares)
_OPERATORS: Final = st.none() | user_ids()
_REQUEST_IDS: Final = st.none() | identifiers()


def share_requests(
    *,
    actors: st.SearchStrategy[UserId] = user_ids(),
    exams: st.SearchStrategy[ExamId] = exam_ids(),
    recipients: st.SearchStrategy[PrincipalId] = principal_ids(),
    permissions: st.SearchStrategy[Permission] = permissions(),
    scopes: st.SearchStrategy[Scope] = st.sampled_from(Scope),
    untils: st.SearchStrategy[datetime | None] = st.none() | times_around(),
    attested: st.SearchStrategy[bool] = st.just(True),
    messages: st.SearchStrategy[str | None] = st.none() | messages(),
    wordings: st.SearchStrategy[str | None] = st.none(),
    expected: st.SearchStrategy[Iterable[ExamId] | None] = st.none(),
    performed_by: st.SearchStrategy[UserId | None] = _OPERATORS,
    request_ids: st.SearchStrategy[str | None] = _REQUEST_IDS,
) -> st.SearchStrategy[ShareRequest]:
    """Draw shares with one to three recipients, by default with the current attestation."""
    return st.builds(
        ShareRequest,
        actor=actors,
        exam=exams,
        recipients=st.lists(recipients, min_size=1, max_size=3),
        permission=permissions,
        scope=scopes,
        until=untils,
        attested=attested,
        message=messages,
        wording=wordings,
        expect=expected,
        performed_by=performed_by,
        request_id=request_ids,
    )


def unshare_requests(
    *,
    actors: st.SearchStrategy[UserId] = user_ids(),
    exams: st.SearchStrategy[ExamId] = exam_ids(),
    recipients: st.SearchStrategy[PrincipalId] = principal_ids(),
    reshares: st.SearchStrategy[Reshares | None] = _RESHARES,
    performed_by: st.SearchStrategy[UserId | None] = _OPERATORS,
    request_ids: st.SearchStrategy[str | None] = _REQUEST_IDS,
) -> st.SearchStrategy[UnshareRequest]:
    """Draw unshares."""
    return st.builds(
        UnshareRequest,
        actor=actors,
        exam=exams,
        recipient=recipients,
        reshares=reshares,
        performed_by=performed_by,
        request_id=request_ids,
    )


def narrow_requests(
    *,
    actors: st.SearchStrategy[UserId] = user_ids(),
    exams: st.SearchStrategy[ExamId] = exam_ids(),
    recipients: st.SearchStrategy[PrincipalId] = principal_ids(),
    untils: st.SearchStrategy[datetime] = times_around(),
    reshares: st.SearchStrategy[Reshares | None] = _RESHARES,
    performed_by: st.SearchStrategy[UserId | None] = _OPERATORS,
    request_ids: st.SearchStrategy[str | None] = _REQUEST_IDS,
) -> st.SearchStrategy[NarrowRequest]:
    """Draw narrowings to a permission, to a time, or to both."""
    bounds = (
        st.tuples(permissions(), st.none())
        | st.tuples(st.none(), untils)
        | st.tuples(permissions(), untils)
    )
    return st.builds(
        lambda bound, **fields: NarrowRequest(permission=bound[0], until=bound[1], **fields),
        bounds,
        actor=actors,
        exam=exams,
        recipient=recipients,
        reshares=reshares,
        performed_by=performed_by,
        request_id=request_ids,
    )


def revoke_requests(
    *,
    actors: st.SearchStrategy[UserId] = user_ids(),
    grants: st.SearchStrategy[GrantId] = grant_ids(),
    reshares: st.SearchStrategy[Reshares | None] = _RESHARES,
    performed_by: st.SearchStrategy[UserId | None] = _OPERATORS,
    request_ids: st.SearchStrategy[str | None] = _REQUEST_IDS,
) -> st.SearchStrategy[RevokeRequest]:
    """Draw requests to end one grant."""
    return st.builds(
        RevokeRequest,
        actor=actors,
        grant=grants,
        reshares=reshares,
        performed_by=performed_by,
        request_id=request_ids,
    )


def requests(
    *,
    actors: st.SearchStrategy[UserId] = user_ids(),
    exams: st.SearchStrategy[ExamId] = exam_ids(),
    recipients: st.SearchStrategy[PrincipalId] = principal_ids(),
    grants: st.SearchStrategy[GrantId] = grant_ids(),
) -> st.SearchStrategy[Request]:
    """Draw requests of all four kinds."""
    return st.one_of(
        share_requests(actors=actors, exams=exams, recipients=recipients),
        unshare_requests(actors=actors, exams=exams, recipients=recipients),
        narrow_requests(actors=actors, exams=exams, recipients=recipients),
        revoke_requests(actors=actors, grants=grants),
    )


def host_endings(
    *,
    recipients: st.SearchStrategy[PrincipalId] = principal_ids(),
    exams: st.SearchStrategy[ExamId | None] = st.none() | exam_ids(),
    reshares: st.SearchStrategy[Reshares | None] = _RESHARES,
    performed_by: st.SearchStrategy[UserId] = user_ids(),
) -> st.SearchStrategy[HostEnding]:
    """Draw endings by the host of the grants to a principal, on one exam or everywhere."""
    return st.builds(
        HostEnding,
        recipient=recipients,
        exam=exams,
        reshares=reshares,
        performed_by=performed_by,
        why=names(),
    )


def withdrawals(
    *,
    exams: st.SearchStrategy[ExamId] = exam_ids(),
    performed_by: st.SearchStrategy[UserId] = user_ids(),
) -> st.SearchStrategy[Withdrawal]:
    """Draw withdrawals of exams by the host."""
    return st.builds(
        Withdrawal,
        exam=exams,
        performed_by=performed_by,
        why=names(),
    )


def reasons(
    *,
    codes: st.SearchStrategy[ReasonCode] = st.sampled_from(ReasonCode),
    principals: st.SearchStrategy[PrincipalId] = principal_ids(),
    exams: st.SearchStrategy[ExamId] = exam_ids(),
    grants: st.SearchStrategy[GrantId] = grant_ids(),
) -> st.SearchStrategy[Reason]:
    """Draw reasons of a refusal, with any parameters."""
    return st.builds(
        Reason,
        code=codes,
        principals=_some(principals),
        exams=_some(exams),
        grants=_some(grants),
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
    """Draw negative answers."""
    return st.builds(Denied, st.lists(reasons, min_size=1, max_size=3).map(tuple))


def retries() -> st.SearchStrategy[Retries]:
    """Draw schedules of retries, including the default one."""
    return st.just(Retries()) | st.builds(
        Retries, at_once=st.integers(0, 3), limit=st.none() | st.integers(1, 10)
    )


def notifier_failures(
    *,
    problems: st.SearchStrategy[str] = st.sampled_from(("NO_ADDRESS", "REFUSED", "TimeoutError")),
) -> st.SearchStrategy[NotifierFailed]:
    """Draw errors of notifiers, temporary and permanent."""
    return st.builds(NotifierFailed, problems, permanent=st.booleans())


def host_rules(
    *,
    codes: st.SearchStrategy[str] = identifiers(),
    refuses: st.SearchStrategy[bool] = st.booleans(),
) -> st.SearchStrategy[HostRule]:
    """Draw rules that refuse every share, or none."""
    return st.builds(
        lambda code, no: HostRule(
            code=code,
            statement="Every share is refused." if no else "No share is refused.",
            refuses=lambda _request, _facts, _host: no,
        ),
        codes,
        refuses,
    )


def policies(
    *,
    reshares: st.SearchStrategy[Reshares] = st.sampled_from(Reshares),
    access_lists: st.SearchStrategy[AccessListScope] = st.sampled_from(AccessListScope),
    max_durations: st.SearchStrategy[timedelta | None] = st.none() | durations(),
    rules: st.SearchStrategy[HostRule] | None = None,
) -> st.SearchStrategy[Policy]:
    """Draw policies with any settings, by default without rules of the host."""
    return st.builds(
        Policy,
        attestation_wording=st.sampled_from(("I abide by HIPAA.", "Ich beachte HIPAA.")),
        max_recipients=st.sampled_from((100, None, 2)),
        max_exams=st.sampled_from((1_000, None, 2)),
        max_people=st.sampled_from((10_000, None, 3)),
        max_duration=max_durations,
        message_limit=st.sampled_from((2_000, 10)),
        sends_notices=st.sampled_from((True, False)),
        retries=retries(),
        reshares=reshares,
        only_owner_readmits=st.booleans(),
        batches_across_subjects=st.sampled_from((True, False)),
        access_list=access_lists,
        whole_names_only=st.sampled_from((False, True)),
        host_rules=st.just(()) if rules is None else st.lists(rules, max_size=2),
    )
