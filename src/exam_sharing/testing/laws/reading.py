"""Reading back what a law wrote into a store."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from exam_sharing.events import Event
from exam_sharing.exams import Exam
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, GrantId, PrincipalId, PrincipalKey, ShareId, UserId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.plans import Share
from exam_sharing.policy.views import VisibleExam
from exam_sharing.ports import Changes
from exam_sharing.testing.laws.law import insist
from exam_sharing.testing.moments import START
from exam_sharing.testing.opening import StorePorts

__all__ = ["Events", "Reading", "ShareRecord"]

Events: TypeAlias = Callable[[Any], Iterable[Event]]
"""Returns all that the audit trail of a store was told."""

ShareRecord: TypeAlias = Callable[[Any, ShareId], Share | None]
"""Returns the record of a share in a store; `None` where there is none."""


class Reading:
    """An opened store, with shorthands for what laws ask most.

    Attributes:
        ports: the store.
    """

    def __init__(
        self, ports: StorePorts, *, events: Events | None, share_record: ShareRecord | None
    ) -> None:
        self.ports = ports
        self._read_events = events
        self._read_share = share_record
        self._exams: set[ExamId] = set()
        self._people: set[PrincipalId] = set()
        self._grants: dict[GrantId, None] = {}
        self._receipts: set[tuple[UserId, str]] = set()
        self._shares: set[ShareId] = set()

    def versions(self, exams: Iterable[ExamId]) -> dict[ExamId, int]:
        """Return the version of each exam, in the order of their ids."""
        ids = tuple(sorted(exams))
        kept = self._read(ids, ended=False)
        return {exam: kept[exam].version for exam in ids}

    def read(self, exam: ExamId) -> ExamGrants:
        """Return everything that is kept of one exam's sharing."""
        return self._read((exam,), ended=True)[exam]

    def standing(self, exam: ExamId) -> ExamGrants:
        """Return what is kept of one exam's sharing, where ended grants were not asked for."""
        return self._read((exam,), ended=False)[exam]

    def _read(self, exams: tuple[ExamId, ...], *, ended: bool) -> Mapping[ExamId, ExamGrants]:
        kept = self.ports.grants.read(exams, ended=ended)
        left_out = [exam for exam in exams if exam not in kept]
        insist(not left_out, f"`read` left out {left_out!r}, which it was asked for")
        return kept

    def pages(
        self,
        user: UserId,
        principals: Iterable[PrincipalKey],
        limit: int,
        *,
        now: datetime = START,
        own: bool = True,
    ) -> list[VisibleExam]:
        """Return what a list says, turning pages of a size until one is empty."""
        keys = frozenset(principals)
        listed: list[VisibleExam] = []
        after: tuple[datetime, str] | None = None
        while page := self.ports.access.visible(user, keys, after, limit, now, own=own):
            insist(len(page) <= limit, f"a page of at most {limit} held {len(page)} exams")
            before = len(listed)
            listed += page
            insist(
                len({each.exam for each in listed}) == len(listed),
                f"an exam was listed twice, in pages of {limit}: {page!r} after {before} exams",
            )
            after = page[-1].uploaded_at, page[-1].exam.value
        return listed

    def holds(
        self,
        user: UserId,
        permission: Permission,
        exam: ExamId,
        now: datetime = START,
        *,
        groups: Iterable[PrincipalId] = (),
    ) -> bool:
        """Ask whether a user, who is in these groups, holds the permission."""
        keys = frozenset({user.key, *(group.key for group in groups)})
        return self.ports.access.holds(user, keys, permission, exam, now)

    def look_for_exams(self, exams: Iterable[Exam]) -> None:
        """From now on let `everything` look for the exams, as their owners see them too."""
        for exam in exams:
            self._exams.add(exam.id)
            self._people.add(exam.owner)

    def look_for(self, changes: Changes) -> None:
        """From now on let `everything` look for what the changes would bring."""
        for grant in changes.made:
            self._grants[grant.id] = None
            self._people.add(grant.recipient)
        if changes.receipt is not None:
            self._receipts.add((changes.receipt.actor, changes.receipt.request_id))
        if changes.share is not None:
            self._shares.add(changes.share.id)

    def share_record(self, share: ShareId) -> Share | None:
        """Return the record of a share; `None` where there is none, or none can be read."""
        read = self._read_share
        return None if read is None else read(self.ports.store, share)

    def everything(self) -> Mapping[str, object]:
        """Return all that can be read of what was written here, or was looked for."""
        grants, access = self.ports.grants, self.ports.access
        exams = tuple(sorted(self._exams))
        kept = self._read(exams, ended=True)
        people = sorted(self._people, key=lambda each: each.key)
        seen: dict[str, object] = {"exams": frozenset(self.ports.exams.find(exams))}
        for exam, sharing in kept.items():
            seen[f"sharing of {exam}"] = (
                sharing.version,
                sharing.withdrawn,
                frozenset(sharing.grants),
                frozenset(sharing.ended),
            )
            seen[f"batch of {exam}"] = self.ports.exams.batch_of(exam)
        for grant in self._grants:
            seen[f"grant {grant}"] = grants.find_grants((grant,))
        for principal in people:
            seen[f"exams granted to {principal.key}"] = grants.exams_granted_to(principal)
        for user in (each for each in people if isinstance(each, UserId)):
            keys = frozenset({user.key})
            seen[f"list of {user}"] = access.visible(user, keys, None, 1_000, START, own=True)
            seen[f"held by {user}"] = access.holding(user, keys, Permission.VIEW, exams, START)
        for share in sorted(self._shares):
            seen[f"record of share {share}"] = self.share_record(share)
        for actor, request_id in sorted(self._receipts):
            seen[f"receipt of {actor} under {request_id}"] = grants.receipt(actor, request_id)
        seen["notices"] = self.ports.outbox.listed(None, 1_000, given_up=None)
        if self._read_events is not None:
            seen["events"] = tuple(self._read_events(self.ports.store))
        return seen
