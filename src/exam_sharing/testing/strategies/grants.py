"""Grants, chains of re-shares, requests, and the reasons of refusals."""

from datetime import datetime, timedelta
from typing import Final, TypeAlias, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import exam_sharing as es
from exam_sharing.grants import FOREVER, Basis, until_of
from exam_sharing.policy.requests import Request
from exam_sharing.testing.edges import START, TICK
from exam_sharing.testing.strategies import values

T = TypeVar("T")
Chain: TypeAlias = tuple[es.Grant, ...]

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


@st.composite
def reshare_chains(
    draw: st.DrawFn,
    *,
    exams: SearchStrategy[es.ExamId] = values.exam_ids(),
    min_size: int = 1,
    max_size: int = 4,
) -> Chain:
    """Draw chains of legal re-shares on one exam.

    The owner made the first grant. Each other grant rests on the one before: its grantor is the
    recipient there, and it gives no more, for no longer. Sizes count grants.
    """
    exam = draw(exams)
    size = draw(st.integers(min_size, max_size))
    people = draw(st.lists(values.user_ids(), min_size=size + 1, max_size=size + 1, unique=True))
    names = draw(st.lists(values.grant_ids(), min_size=size, max_size=size, unique=True))
    permission, horizon, basis = es.Permission.DOWNLOAD, FOREVER, es.OWNER
    chain: list[es.Grant] = []
    for place in range(size):
        permission = draw(st.sampled_from([each for each in es.Permission if each <= permission]))
        horizon = draw(_no_later_than(horizon))
        grant = es.Grant(
            id=names[place],
            exam=exam,
            grantor=people[place],
            recipient=people[place + 1],
            permission=permission,
            until=until_of(horizon),
            version=place + 1,
            basis=frozenset({chain[-1].id}) if chain else basis,
            share=es.ShareId(f"share {place + 1}"),
            made_at=START + timedelta(minutes=place),
        )
        chain.append(grant)
    return tuple(chain)


def _no_later_than(horizon: datetime) -> SearchStrategy[datetime]:
    """Draw the horizon, or an earlier one that lies well after the chain was made."""
    latest = min(horizon, START + timedelta(days=366))
    sooner = st.integers(0, 60).map(lambda n: latest - timedelta(minutes=n))
    return st.just(horizon) | sooner


def illegal_reshare_chains(
    *, exams: SearchStrategy[es.ExamId] = values.exam_ids(), max_size: int = 4
) -> SearchStrategy[Chain]:
    """Draw chains in which one grant, and thus every later one, breaks the rules.

    It gives more than the one before, or for longer, or its grantor holds nothing: because somebody
    else was the recipient, because the exam was another one, or because the chain is a circle.
    """
    legal = reshare_chains(exams=exams, min_size=2, max_size=max(max_size, 2))
    faults = (_gives_more, _lasts_longer, _by_a_stranger, _of_another_exam, _in_a_circle)
    return st.builds(
        lambda chain, place, fault: fault(chain, 1 + place % (len(chain) - 1)),
        legal,
        st.integers(0, max_size),
        st.sampled_from(faults),
    )


def _changed(chain: Chain, place: int, grant: es.Grant) -> Chain:
    return (*chain[:place], grant, *chain[place + 1 :])


def _gives_more(chain: Chain, place: int) -> Chain:
    """Let the source give view only, and the grant that rests on it download."""
    viewed = tuple(attrs.evolve(each, permission=es.Permission.VIEW) for each in chain)
    return _changed(viewed, place, attrs.evolve(viewed[place], permission=es.Permission.DOWNLOAD))


def _lasts_longer(chain: Chain, place: int) -> Chain:
    """Let the source and all before it expire a microsecond before the grant."""
    until = chain[place].until or START + timedelta(days=1)
    shorter = tuple(attrs.evolve(each, until=until - TICK) for each in chain)
    return _changed(shorter, place, attrs.evolve(shorter[place], until=until))


def _by_a_stranger(chain: Chain, place: int) -> Chain:
    everybody = {str(each.grantor) for each in chain} | {str(each.recipient) for each in chain}
    stranger = next(n for n in map(str, range(len(everybody) + 1)) if n not in everybody)
    return _changed(chain, place, attrs.evolve(chain[place], grantor=es.UserId(stranger)))


def _of_another_exam(chain: Chain, place: int) -> Chain:
    other = es.ExamId("1" if str(chain[0].exam) != "1" else "2")
    moved = (attrs.evolve(each, exam=other) for each in chain[:place])
    return (*moved, *chain[place:])


def _in_a_circle(chain: Chain, _place: int) -> Chain:
    """Let the first grant rest on the last one, so that each rests on itself."""
    last = chain[-1]
    if not isinstance(last.recipient, es.UserId):  # chains lead from user to user
        return chain
    same = tuple(attrs.evolve(each, permission=last.permission, until=last.until) for each in chain)
    first = attrs.evolve(same[0], grantor=last.recipient, basis=frozenset({last.id}))
    return _changed(same, 0, first)


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
