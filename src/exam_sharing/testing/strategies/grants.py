"""Grants, their endings, and chains of re-shares."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import attrs
from hypothesis import strategies as st

from exam_sharing.grants import (
    FOREVER,
    OWNER,
    Basis,
    EndedAs,
    Ending,
    Grant,
    Holding,
    HowEnded,
    Permission,
    until_of,
)
from exam_sharing.identifiers import ExamId, GrantId, PrincipalId, ShareId, UserId
from exam_sharing.testing.edges import START, TICK
from exam_sharing.testing.strategies.values import (
    durations,
    exam_ids,
    grant_ids,
    permissions,
    principal_ids,
    share_ids,
    times_around,
    user_ids,
)

Chain: TypeAlias = tuple[Grant, ...]

_BASES: Final[st.SearchStrategy[Basis]] = st.just(OWNER) | st.frozensets(
    grant_ids(), min_size=1, max_size=2
)


def holdings() -> st.SearchStrategy[Holding]:
    """Draw what a grant gives: a permission until some time or without end."""
    return st.builds(Holding.of, permissions(), st.just(FOREVER) | times_around())


@st.composite
def grants(
    draw: st.DrawFn,
    *,
    ids: st.SearchStrategy[GrantId] = grant_ids(),
    exams: st.SearchStrategy[ExamId] = exam_ids(),
    grantors: st.SearchStrategy[UserId] = user_ids(),
    recipients: st.SearchStrategy[PrincipalId] | None = None,
    permissions: st.SearchStrategy[Permission] = permissions(),
    untils: st.SearchStrategy[datetime | None] | None = None,
    versions: st.SearchStrategy[int] = st.integers(1, 100),
    bases: st.SearchStrategy[Basis] = _BASES,
    made_at: st.SearchStrategy[datetime] = times_around(),
) -> Grant:
    """Draw grants that expire after they were made, or never.

    Args:
        draw: given by Hypothesis.
        ids: ids of the grants.
        exams: their exams.
        grantors: their grantors.
        recipients: their recipients; by default anybody but the grantor.
        permissions: what they give.
        untils: when they expire; `None` for never.
        versions: the versions of their exams at that time.
        bases: what entitled their grantors.
        made_at: when they were made.
    """
    made = draw(made_at)
    later = st.none() | durations().map(lambda by: made + by)
    grantor = draw(grantors)
    others = principal_ids().filter(lambda each: each != grantor)
    return Grant(
        id=draw(ids),
        exam=draw(exams),
        grantor=grantor,
        recipient=draw(others if recipients is None else recipients),
        permission=draw(permissions),
        until=draw(later if untils is None else untils),
        version=draw(versions),
        basis=draw(bases),
        share=draw(share_ids()),
        made_at=made,
    )


def endings(
    *,
    grants: st.SearchStrategy[GrantId] = grant_ids(),
    users: st.SearchStrategy[UserId | None] = st.none() | user_ids(),
) -> st.SearchStrategy[Ending]:
    """Draw endings of grants."""
    return st.builds(
        Ending,
        grant=grants,
        how=st.sampled_from(HowEnded),
        by=users,
        acting_as=st.sampled_from(EndedAs),
        at=times_around(),
        version=st.integers(1, 100),
    )


@st.composite
def reshare_chains(
    draw: st.DrawFn,
    *,
    exams: st.SearchStrategy[ExamId] = exam_ids(),
    min_size: int = 1,
    max_size: int = 4,
) -> Chain:
    """Draw chains of legal re-shares on one exam.

    The owner made the first grant. Each other grant rests on the one before: its grantor is the
    recipient there, and it gives no more, for no longer.

    Args:
        draw: given by Hypothesis.
        exams: the exam.
        min_size: the least number of grants.
        max_size: the largest number of grants.
    """
    exam = draw(exams)
    length = draw(st.integers(min_size, max_size))
    people = draw(st.lists(user_ids(), min_size=length + 1, max_size=length + 1, unique=True))
    names = draw(st.lists(grant_ids(), min_size=length, max_size=length, unique=True))
    permission, horizon, basis = Permission.DOWNLOAD, FOREVER, OWNER
    chain: list[Grant] = []
    for place in range(length):
        permission = draw(st.sampled_from([each for each in Permission if each <= permission]))
        horizon = draw(_no_later_than(horizon))
        grant = Grant(
            id=names[place],
            exam=exam,
            grantor=people[place],
            recipient=people[place + 1],
            permission=permission,
            until=until_of(horizon),
            version=place + 1,
            basis=frozenset({chain[-1].id}) if chain else basis,
            share=ShareId(f"share {place + 1}"),
            made_at=START + timedelta(minutes=place),
        )
        chain.append(grant)
    return tuple(chain)


def _no_later_than(horizon: datetime) -> st.SearchStrategy[datetime]:
    """Draw the horizon, or an earlier one that lies well after the chain was made."""
    latest = min(horizon, START + timedelta(days=366))
    sooner = st.integers(0, 60).map(lambda n: latest - timedelta(minutes=n))
    return st.just(horizon) | sooner


def illegal_reshare_chains(
    *,
    exams: st.SearchStrategy[ExamId] = exam_ids(),
    max_size: int = 4,
) -> st.SearchStrategy[Chain]:
    """Draw chains in which one grant, and thus every later one, breaks the rules.

    It gives more than the one before, or for longer, or its grantor holds nothing: because somebody
    else was the recipient, because the exam was another one, or because the chain is a circle.
    """
    legal = reshare_chains(exams=exams, min_size=2, max_size=max(max_size, 2))
    return st.builds(
        lambda chain, place, fault: fault(chain, 1 + place % (len(chain) - 1)),
        legal,
        st.integers(0, max_size),
        st.sampled_from(_FAULTS),
    )


def _changed(chain: Chain, place: int, grant: Grant) -> Chain:
    return (*chain[:place], grant, *chain[place + 1 :])


def _gives_more(chain: Chain, place: int) -> Chain:
    """Let the source give view only, and the grant that rests on it download."""
    viewed = tuple(attrs.evolve(each, permission=Permission.VIEW) for each in chain)
    return _changed(viewed, place, attrs.evolve(viewed[place], permission=Permission.DOWNLOAD))


def _lasts_longer(chain: Chain, place: int) -> Chain:
    """Let the source and all before it expire a microsecond before the grant."""
    until = chain[place].until or START + timedelta(days=1)
    shorter = tuple(attrs.evolve(each, until=until - TICK) for each in chain)
    return _changed(shorter, place, attrs.evolve(shorter[place], until=until))


def _by_a_stranger(chain: Chain, place: int) -> Chain:
    everybody = {str(each.grantor) for each in chain} | {str(each.recipient) for each in chain}
    stranger = next(n for n in map(str, range(len(everybody) + 1)) if n not in everybody)
    return _changed(chain, place, attrs.evolve(chain[place], grantor=UserId(stranger)))


def _of_another_exam(chain: Chain, place: int) -> Chain:
    other = ExamId("1" if str(chain[0].exam) != "1" else "2")
    return tuple(
        attrs.evolve(each, exam=other) if before < place else each
        for before, each in enumerate(chain)
    )


def _in_a_circle(chain: Chain, _place: int) -> Chain:
    """Let the first grant rest on the last one, so that each rests on itself."""
    last = chain[-1]
    if not isinstance(last.recipient, UserId):  # chains lead from user to user
        return chain
    same = tuple(attrs.evolve(each, permission=last.permission, until=last.until) for each in chain)
    first = attrs.evolve(same[0], grantor=last.recipient, basis=frozenset({last.id}))
    return _changed(same, 0, first)


_FAULTS: Final[tuple[Callable[[Chain, int], Chain], ...]] = (
    _gives_more,
    _lasts_longer,
    _by_a_stranger,
    _of_another_exam,
    _in_a_circle,
)
