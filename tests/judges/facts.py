"""What judges are told of a world: plain facts about one moment, and the act that comes next."""

from collections.abc import Mapping

import attrs

from exam_sharing import Exam, ExamId, GroupId, NarrowRequest, Permission, UnshareRequest, UserId
from exam_sharing.grants import EndedGrant, Grant
from exam_sharing.identifiers import PrincipalId

Held = tuple[UserId, ExamId, Permission]
"""A user who holds a permission on an exam."""

Piece = tuple[Permission, object]
"""A permission, and the moment from which it is no longer given."""


@attrs.frozen(kw_only=True)
class Facts:
    """Everything on which access and the ending of grants rest."""

    now: object
    users: Mapping[UserId, bool]
    groups: Mapping[GroupId, frozenset[PrincipalId]]
    exams: tuple[Exam, ...]
    withdrawn: frozenset[ExamId]
    versions: Mapping[ExamId, int]
    grants: tuple[Grant, ...]
    ended: tuple[EndedGrant, ...]

    def ever_granted(self):
        """Return every grant, ended or not."""
        return (*self.grants, *(past.grant for past in self.ended))


Act = UnshareRequest | NarrowRequest
