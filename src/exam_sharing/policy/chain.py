"""The chain of sharing of an exam: whole, and as far as a person may know it.

Specification: `#chain-of-sharing`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from exam_sharing.exams import Exam
from exam_sharing.grants import OWNER, Basis, Ending, Grant, HowEnded, ShownGrant
from exam_sharing.graph import DrawnGrant, SharingGraph
from exam_sharing.identifiers import ExamId, GrantId
from exam_sharing.policy.access import in_order
from exam_sharing.policy.ending import Scene
from exam_sharing.policy.facts import ExamFacts, ExamGrants
from exam_sharing.policy.plans import Names
from exam_sharing.policy.support import Support

Due: TypeAlias = Mapping[GrantId, HowEnded]
"""The grants that an act would end, and how."""


def chain_seen(
    scene: Scene, exam: ExamFacts, lineage: Iterable[Grant], due: Due, names: Names
) -> SharingGraph:
    """Return what stands of the chain, for a viewer who has access to the exam.

    It holds the grants of the viewer's access list. `lineage` are grants that no longer stand, but
    are named by bases of grants that do. `names` are those of everybody on the access list.
    """
    listed = tuple(grant for grant in scene.seen if grant.recipient in names)
    support = Support(standing=scene.seen, lineage=tuple(lineage))
    sources: dict[GrantId, set[GrantId]] = {}
    for source in listed:
        for id_ in support.passed_on_from((source.id,)):
            sources.setdefault(id_, set()).add(source.id)

    def basis(grant: Grant) -> Basis:
        return OWNER if grant.basis is OWNER else frozenset(sources.get(grant.id, ()))

    return SharingGraph(
        exam=exam.id,
        owner=exam.exam.owner,
        grants=tuple(
            DrawnGrant(
                grant=ShownGrant.of(grant, basis(grant)), stands=True, would_end=due.get(grant.id)
            )
            for grant in listed
        ),
        names=names,
    )


def whole_chain(
    exam_id: ExamId, exam: Exam | None, sharing: ExamGrants, due: Due, now: datetime
) -> SharingGraph:
    """Return the whole chain without names, ended grants included, for operators."""
    # What a sweep records of an expired grant says no more than the grant itself.
    endings: dict[GrantId, Ending] = {
        each.grant.id: each.ending
        for each in sharing.ended
        if each.ending.how is not HowEnded.EXPIRED
    }
    # A replacement has the version of the grant that it replaced, and was made when that one ended.
    made = {new: each.ending.version for each in sharing.ended for new in each.ending.replaced_by}
    grants = in_order((*sharing.grants, *(each.grant for each in sharing.ended)))
    grants.sort(key=lambda grant: made.get(grant.id, grant.version))

    def drawn(grant: Grant) -> DrawnGrant:
        ending = endings.get(grant.id)
        return DrawnGrant(
            grant=ShownGrant.of(grant, grant.basis),
            stands=not (ending or sharing.withdrawn or grant.expired(now)),
            ending=ending,
            would_end=due.get(grant.id),
        )

    return SharingGraph(
        exam=exam_id,
        owner=None if exam is None else exam.owner,
        withdrawn=sharing.withdrawn,
        grants=tuple(map(drawn, grants)),
    )
