"""Grants: single ones, their endings, and chains in which each is passed on from the one before."""

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
from exam_sharing.testing.moments import START, TICK
from exam_sharing.testing.strategies.people import principal_ids, user_ids
from exam_sharing.testing.strategies.times import durations, times_around
from exam_sharing.testing.strategies.uploading import exam_ids, grant_ids, share_ids

__all__ = [
    "endings",
    "grants",
    "holdings",
    "illegal_reshare_chains",
    "permissions",
    "reshare_chains",
]

Chain: TypeAlias = tuple[Grant, ...]


def permissions() -> st.SearchStrategy[Permission]:
    """Draw permissions."""
    return st.sampled_from(Permission)


def holdings() -> st.SearchStrategy[Holding]:
    """Draw what a grant gives: a permission, with those below it, until some time or for good."""
    return st.builds(Holding.of, permissions(), st.just(FOREVER) | times_around())


@st.composite
def grants(
    draw: st.DrawFn,
    *,
    ids: st.SearchStrategy[GrantId] | None = None,
    exams: st.SearchStrategy[ExamId] | None = None,
    grantors: st.SearchStrategy[UserId] | None = None,
    recipients: st.SearchStrategy[PrincipalId] | None = None,
    permissions: st.SearchStrategy[Permission] = permissions(),
    untils: st.SearchStrategy[datetime | None] | None = None,
    versions: st.SearchStrategy[int] | None = None,
    bases: st.SearchStrategy[Basis] | None = None,
    made_at: st.SearchStrategy[datetime] | None = None,
) -> Grant:
    """Draw grants, of which those that expire do so after they were made.

    Args:
        draw: given by Hypothesis.
        ids: of the grants.
        exams: what they are on.
        grantors: who made them.
        recipients: whom they were made to; by default anybody but the grantor.
        permissions: what they give.
        untils: until when, `None` for good.
        versions: the exam's count of acts when they were made.
        bases: what entitled their grantors.
        made_at: when they were made.
    """
    made = draw(times_around() if made_at is None else made_at)
    later = st.none() | durations().map(lambda by: made + by)
    grantor = draw(user_ids() if grantors is None else grantors)
    others = principal_ids().filter(lambda each: each != grantor)
    rested_on = st.just(OWNER) | st.frozensets(grant_ids(), min_size=1, max_size=2)
    return Grant(
        id=draw(grant_ids() if ids is None else ids),
        exam=draw(exam_ids() if exams is None else exams),
        grantor=grantor,
        recipient=draw(others if recipients is None else recipients),
        permission=draw(permissions),
        until=draw(later if untils is None else untils),
        version=draw(st.integers(1, 100) if versions is None else versions),
        basis=draw(rested_on if bases is None else bases),
        share=draw(share_ids()),
        made_at=made,
    )


def endings(
    *,
    grants: st.SearchStrategy[GrantId] | None = None,
    users: st.SearchStrategy[UserId | None] | None = None,
) -> st.SearchStrategy[Ending]:
    """Draw endings, as they are recorded beside grants."""
    return st.builds(
        Ending,
        grant=grant_ids() if grants is None else grants,
        how=st.sampled_from(HowEnded),
        by=st.none() | user_ids() if users is None else users,
        acting_as=st.sampled_from(EndedAs),
        at=times_around(),
        version=st.integers(1, 100),
    )


@st.composite
def reshare_chains(
    draw: st.DrawFn,
    *,
    exams: st.SearchStrategy[ExamId] | None = None,
    min_size: int = 1,
    max_size: int = 4,
) -> Chain:
    """Draw chains of grants on one exam, each passed on, as the rules allow, from the one before.

    The owner made the first one. Each other rests on the one before: its grantor is the recipient
    there, and it gives no more, for no longer.

    Args:
        draw: given by Hypothesis.
        exams: what they are on.
        min_size: at least so many grants.
        max_size: at most so many grants.
    """
    exam = draw(exam_ids() if exams is None else exams)
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
    """Draw the horizon itself, or one before it that lies well after a chain was made."""
    latest = min(horizon, START + timedelta(days=366))
    sooner = st.integers(0, 60).map(lambda n: latest - timedelta(minutes=n))
    return st.just(horizon) | sooner


def illegal_reshare_chains(
    *,
    exams: st.SearchStrategy[ExamId] | None = None,
    max_size: int = 4,
) -> st.SearchStrategy[Chain]:
    """Draw chains in which one grant, and thus every later one, could never have been passed on.

    It gives more than the one before or for longer, or whoever made it holds nothing: another one
    was the recipient, it was of another exam, or the chain begins at its own end.
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
    """Let the source give view alone, and the grant that rests on it download."""
    viewed = tuple(attrs.evolve(each, permission=Permission.VIEW) for each in chain)
    return _changed(viewed, place, attrs.evolve(viewed[place], permission=Permission.DOWNLOAD))


def _lasts_longer(chain: Chain, place: int) -> Chain:
    """Let the source and all before it end a tick before the grant does."""
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
    """Let the first grant rest on the last: nothing is left that does not rest on itself."""
    last = chain[-1]
    if not isinstance(last.recipient, UserId):  # Chains go from user to user.
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
