"""The words of the model: what is remembered, what an act answers, and how policies differ.

Times are `datetime`s, with `None` for good wherever a rule would say *until*. Where times are
compared they are turned into horizons: the moment from which something is no longer held.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, Literal, TypeAlias

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.policy.requests import Reshares

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
NEVER: Final = datetime.min.replace(tzinfo=UTC)

Basis: TypeAlias = Literal["OWNER"] | frozenset[int]
Outcome: TypeAlias = Literal["GRANTED", "WIDENED", "EXTENDED", "UNCHANGED", "OWNS_IT"]
Tab: TypeAlias = Literal["VIEW", "DOWNLOAD", "SHARE"]


def horizon_of(until: datetime | None) -> datetime:
    """Return the moment from which something is no longer held."""
    return FOREVER if until is None else until


def until_of(horizon: datetime) -> datetime | None:
    """Return a horizon as the rules write it: `None` for good."""
    return None if horizon == FOREVER else horizon


class How(Enum):
    """How a grant ended; that it expired is seen from its time."""

    UNSHARED = "UNSHARED"
    NARROWED = "NARROWED"
    CASCADED = "CASCADED"
    WITHDRAWN = "WITHDRAWN"
    BY_HOST = "BY_HOST"


@attrs.frozen(kw_only=True)
class Settings:
    """What a policy can set; `None` is no limit."""

    attestation_wording: str = "I abide by HIPAA."
    max_recipients: int | None = None
    max_exams: int | None = None
    max_people: int | None = None
    max_duration: timedelta | None = None
    message_limit: int = 2000
    reshares: Reshares = Reshares.KEEP
    only_owner_readmits: bool = False
    batches_across_subjects: bool = True
    access_list: Literal["EVERYONE", "OWN_GRANTS"] = "EVERYONE"
    sends_notices: bool = True
    suggestion_min_length: int = 2
    suggestion_limit: int = 50
    whole_names_only: bool = False


@attrs.frozen(kw_only=True)
class Account:
    """What the directory knows of a user."""

    active: bool = True
    sharing_in_plan: bool = True
    notices: bool = True


@attrs.frozen(kw_only=True, cache_hash=True)
class Grant:
    """A fact that never changes; `basis` is `"OWNER"` or the ids of the grants it rested on."""

    id: int
    exam: ExamId
    grantor: UserId
    recipient: PrincipalId
    permission: Permission
    until: datetime | None
    version: int
    basis: Basis

    @property
    def horizon(self) -> datetime:
        """The moment from which it gives nothing."""
        return horizon_of(self.until)

    def gives(self, permission: Permission, horizon: datetime) -> bool:
        """Say whether it gives at least this permission for at least that long."""
        return self.permission >= permission and self.horizon >= horizon


@attrs.frozen(kw_only=True)
class Ending:
    """The end of a grant; `as_owner` says whether it was the owner of then who ended it."""

    how: How
    by: UserId | None
    as_owner: bool
    version: int
    replaced_by: frozenset[int]


@attrs.frozen(kw_only=True)
class Notice:
    """One notice to one user after one share.

    Attributes:
        to: who is told.
        actor: who shared.
        exams: on which exams they gained.
        permission: what they gained on all of them.
        until: the earliest end of it.
        message: what the actor wrote.
        made: the grants of the share.
    """

    to: UserId
    actor: UserId
    exams: frozenset[ExamId]
    permission: Permission
    until: datetime | None
    message: str | None = attrs.field(repr=False)
    made: frozenset[int] = attrs.field(default=frozenset(), eq=False)


@attrs.frozen
class Refused:
    """Every code that applies, with its parameters; nothing was changed.

    Parameters: recipients for the `RECIPIENT_…` codes and `REMOVED_BY_OWNER`; exams for
    `DOWNLOAD_NOT_HELD` and `EXPIRY_BEYOND_OWN`; any of "recipients", "exams", "people" for
    `TOO_MANY`; groups for `NO_SUCH_GRANT` (the id, for one grant); grant ids for `HAS_RESHARES`.
    The others have none.
    """

    reasons: Mapping[str, frozenset[object]]

    @property
    def codes(self) -> frozenset[str]:
        """The codes without their parameters."""
        return frozenset(self.reasons)


@attrs.frozen(kw_only=True)
class Shared:
    """What a share did, and who is told of it; or did when it was first asked for."""

    outcomes: Mapping[tuple[ExamId, PrincipalId], tuple[Outcome, datetime | None]]
    made: frozenset[int]
    notices: Mapping[UserId, Notice]
    repeated: bool = False


@attrs.frozen(kw_only=True)
class Ended:
    """What an ending did, and what of it the actor is told.

    Attributes:
        ended: every grant that ended, and how.
        replacements: for every grant that was cut, the grants that took its place.
        told_ended: those of `ended` that the actor is told of.
        told_replacements: what took the place of those.
        left_standing: what the ended principal passed on and still stands, as told.
        bases: on what each grant that is told of rests, as far as that is told.
        still_have_access: whom the grants that ended reached and who have access all the same
            (after narrowing: who hold more than the bound), as told; nobody to the host.
        repeated: it was done before, under the same request id, and nothing is done now.
    """

    ended: Mapping[int, How]
    replacements: Mapping[int, frozenset[int]]
    told_ended: frozenset[int]
    told_replacements: frozenset[int]
    left_standing: frozenset[int]
    bases: Mapping[int, Basis]
    still_have_access: frozenset[PrincipalId]
    repeated: bool = False


Receipt: TypeAlias = Shared | Ended


class RequestIdReused(ValueError):
    """A different request came under an id that this actor used before."""
