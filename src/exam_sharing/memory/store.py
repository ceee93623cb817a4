"""Exams, grants, receipts, notices and the audit trail in memory.

One lock makes every commit whole. Checks take no lock: they look up one immutable value, and a
commit replaces every value that it changes in one step.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from random import random
from threading import RLock
from time import sleep
from typing import Final

import attrs
from typing_extensions import override

from exam_sharing import ports
from exam_sharing.errors import AlreadyExists, BatchSealed, Conflict, StoreFailed, WrongBatch
from exam_sharing.events import Event, ExamTransferred
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import OWNER, EndedAs, EndedGrant, Grant, HowEnded, Permission
from exam_sharing.history import Everything, Happening, Stretch
from exam_sharing.identifiers import (
    BatchId,
    ExamId,
    GrantId,
    Keys,
    PrincipalId,
    PrincipalKey,
    ShareId,
    UserId,
)
from exam_sharing.memory.accesses import MemoryAccesses
from exam_sharing.memory.outbox import MemoryOutbox
from exam_sharing.memory.past import Trail
from exam_sharing.memory.ready import Place, ReadyExam, newest_first, remove_place
from exam_sharing.policy.facts import ExamGrants, Involvement
from exam_sharing.policy.past import ExamPast, Moment
from exam_sharing.policy.plans import Share
from exam_sharing.policy.retries import LOCK_TIMEOUT, longest_delay
from exam_sharing.policy.views import VisibleExam
from exam_sharing.validation import checks_arguments, checks_itself, instant, misfit, tuple_of

_NEVER_SHARED: Final = ExamGrants()
_VIEW: Final = Permission.VIEW
"""Looking up a member of an enum takes longer than comparing with it."""


@checks_arguments
class MemoryStore(
    ports.ExamReader,
    ports.ExamWriter,
    ports.GrantReader,
    ports.GrantWriter,
    ports.AccessReader,
    ports.AuditTrail,
    ports.SharingHistory,
):
    """Every port that keeps something, in memory; the reference for other stores.

    It is safe for any number of threads. Waiting notices are in its `outbox`.
    """

    def __init__(self) -> None:
        self.outbox: MemoryOutbox = MemoryOutbox()
        # Held by an act that decides while it keeps its exams locked; readers never take it. It is
        # taken before the other lock, and waited for with a timeout, since a directory of the host
        # may be called while it is held.
        self._turn = RLock()
        self._lock = RLock()
        self._batches: dict[BatchId, UploadBatch] = {}
        self._in_batch: dict[BatchId, list[ExamId]] = {}
        self.ready_exams: Final[dict[str, ReadyExam]] = {}
        self._grants: dict[str, Grant] = {}
        self._ended: dict[ExamId, list[EndedGrant]] = {}
        self._grantors: dict[ExamId, set[UserId]] = {}
        self._removed: dict[ExamId, set[PrincipalId]] = {}
        self._owned: defaultdict[str, list[Place]] = defaultdict(list)
        self._shared: defaultdict[PrincipalKey, list[Place]] = defaultdict(list)
        self._shares: dict[ShareId, Share] = {}
        self._receipts: dict[tuple[UserId, str], ports.StoredReceipt] = {}
        self._trail = Trail()
        self.accesses: MemoryAccesses = MemoryAccesses(self.record)

    @override
    @checks_itself
    def find(self, exams: tuple[ExamId, ...]) -> tuple[Exam, ...]:
        if type(exams) is not tuple:
            exams = tuple_of("exams", exams, ExamId)
        try:
            found = [self.ready_exams.get(each.value) for each in exams]
            return tuple([ready.exam for ready in found if ready is not None])
        except Exception as error:  # noqa: BLE001  distinguished below
            wrong = misfit(self.find, exams) or error
        raise wrong

    @override
    def batch_of(self, exam: ExamId) -> tuple[Exam, ...]:
        with self._lock:
            ready = self.ready_exams.get(exam.value)
            found = () if ready is None else self._in_batch[ready.exam.batch]
            exams = [self.ready_exams[each.value].exam for each in found]
            return tuple(sorted(exams, key=_place, reverse=True))

    @override
    def add(self, batch: UploadBatch, exams: tuple[Exam, ...]) -> None:
        with self._lock:
            self._require_addable(batch, exams)
            self._batches[batch.id] = batch
            self._in_batch.setdefault(batch.id, []).extend(exam.id for exam in exams)
            for exam in exams:
                insort(self._owned[exam.owner.value], _place(exam))
            ready = {e.id.value: ReadyExam.of(e, _NEVER_SHARED, batch.received_at) for e in exams}
            self.ready_exams.update(ready)

    def _require_addable(self, batch: UploadBatch, exams: tuple[Exam, ...]) -> None:
        known = self._batches.get(batch.id)
        if known is not None and attrs.evolve(known, sealed=batch.sealed) != batch:
            raise WrongBatch(str(batch.id), "already exists with other details")
        if known is not None and known.sealed and (exams or not batch.sealed):
            raise BatchSealed(str(batch.id))
        for exam in exams:
            if exam.id.value in self.ready_exams:
                raise AlreadyExists("exam", str(exam.id))

    def batch(self, batch: BatchId) -> UploadBatch | None:
        """Return the upload batch, or `None`."""
        return self._batches.get(batch)

    def transfer(self, exam: ExamId, owner: UserId, *, at: datetime) -> None:
        """Give an exam to another owner; its grants stay as they are.

        `at` is aware; for the audit trail.

        Raises:
            Conflict: an act kept the exam locked for seconds; nothing was done, try again.
            StoreFailed: there is no such exam, or it was withdrawn.
        """
        when = instant("at", at)
        with self.locked((exam,)), self._lock:
            ready = self.ready_exams.get(exam.value)
            if ready is None or ready.sharing.withdrawn:
                raise StoreFailed(f"exam {str(exam)!r} does not exist or was withdrawn")
            place, before = _place(ready.exam), ready.exam.owner
            version = ready.sharing.version + 1
            remove_place(self._owned, before.value, place)
            insort(self._owned[owner.value], place)
            owned = attrs.evolve(ready.exam, owner=owner)
            sharing = attrs.evolve(ready.sharing, version=version)
            self.ready_exams[exam.value] = ReadyExam.of(owned, sharing, when)
            versions = {exam: version}
            self._trail.append(
                ExamTransferred(at=when, exam=exam, before=before, after=owner, versions=versions)
            )

    @override
    @checks_itself
    def read(self, exams: tuple[ExamId, ...], *, ended: bool) -> Mapping[ExamId, ExamGrants]:
        if type(exams) is not tuple:
            exams = tuple_of("exams", exams, ExamId)
        try:
            if len(exams) == 1 and not ended:  # One look-up needs no lock.
                return {exams[0]: self._sharing(exams[0])}
            with self._lock:
                sharing = {exam: self._sharing(exam) for exam in exams}
                if ended:
                    for exam in sharing.keys() & self._ended.keys():
                        sharing[exam] = attrs.evolve(sharing[exam], ended=tuple(self._ended[exam]))
                return sharing
        except Exception as error:  # noqa: BLE001  distinguished below
            wrong = misfit(self.read, exams, ended=ended) or error
        raise wrong

    def _sharing(self, exam: ExamId) -> ExamGrants:
        ready = self.ready_exams.get(exam.value)
        return _NEVER_SHARED if ready is None else ready.sharing

    @override
    def find_grants(self, ids: Iterable[GrantId]) -> tuple[Grant, ...]:
        found = [self._grants.get(each.value) for each in ids]
        return tuple([grant for grant in found if grant is not None])

    @override
    def grants_of_share(
        self, share: ShareId, exams: Iterable[ExamId], recipients: Iterable[PrincipalKey]
    ) -> tuple[Grant, ...]:
        wanted = frozenset(recipients)
        with self._lock:
            ready = [self.ready_exams.get(exam.value) for exam in frozenset(exams)]
        made = (grant for each in ready if each is not None for grant in each.made_to(wanted))
        return tuple(grant for grant in made if grant.share == share)

    @override
    def removed(
        self, exams: tuple[ExamId, ...], recipients: tuple[PrincipalId, ...]
    ) -> Mapping[ExamId, frozenset[PrincipalId]]:
        wanted = frozenset(recipients)
        with self._lock:
            return {exam: wanted & self._removed.get(exam, frozenset()) for exam in exams}

    @override
    def exams_granted_to(self, recipient: PrincipalId) -> tuple[ExamId, ...]:
        with self._lock:
            return tuple(sorted(ExamId(exam) for _, exam in self._shared.get(recipient.key, [])))

    @override
    def receipt(self, actor: UserId, request_id: str) -> ports.StoredReceipt | None:
        return self._receipts.get((actor, request_id))

    def share_record(self, share: ShareId) -> Share | None:
        """Return the record of a share, with its attestation, or `None`."""
        return self._shares.get(share)

    @override
    def commit(self, changes: ports.Changes) -> bool:
        with suppress(Conflict), self.locked(()), self._lock:
            if not self._has_moved(changes):
                self._require_new_ids(changes)
                self._write(changes, self._after(changes))
                return True
        return False

    def _has_moved(self, changes: ports.Changes) -> bool:
        if any(self._sharing(exam).version != read for exam, read in changes.versions.items()):
            return True
        if any(exam.value not in self.ready_exams for exam in changes.moved):
            return True
        receipt = changes.receipt
        return receipt is not None and (receipt.actor, receipt.request_id) in self._receipts

    def _require_new_ids(self, changes: ports.Changes) -> None:
        made = {grant.id.value for grant in changes.made}
        taken = {
            "grant": len(made) < len(changes.made) or any(each in self._grants for each in made),
            "share": changes.share is not None and changes.share.id in self._shares,
            "notice": self.outbox.holds_any(changes.notices),
        }
        for kind, is_taken in taken.items():
            if is_taken:
                problem = f"the id of a {kind} is taken; new_id must return a new id each time"
                raise StoreFailed(problem)

    def _after(self, changes: ports.Changes) -> list[ReadyExam]:
        gone = {each.grant.id for each in changes.ended}
        made: dict[ExamId, list[Grant]] = {}
        for grant in changes.made:
            made.setdefault(grant.exam, []).append(grant)
        after: list[ReadyExam] = []
        for exam in changes.moved:
            ready = self.ready_exams[exam.value]
            kept = (grant for grant in ready.sharing.grants if grant.id not in gone)
            sharing = ExamGrants(
                version=ready.sharing.version + 1,
                withdrawn=exam == changes.withdrawn,
                grants=(*kept, *made.get(exam, ())),
            )
            after.append(ReadyExam.of(ready.exam, sharing, changes.event.at))
        return after

    def _write(self, changes: ports.Changes, after: list[ReadyExam]) -> None:
        """Write the prepared changes; nothing here can fail half-way."""
        for ready in after:
            self._list(self.ready_exams[ready.exam.id.value], ready)
        for grant in changes.made:
            self._grants[grant.id.value] = grant
            self._grantors.setdefault(grant.exam, set()).add(grant.grantor)
            if grant.basis is OWNER and changes.share is not None:
                self._removed.get(grant.exam, set()).discard(grant.recipient)
        for past in changes.ended:
            self._ended.setdefault(past.grant.exam, []).append(past)
            if past.ending.how is HowEnded.UNSHARED and past.ending.acting_as is EndedAs.OWNER:
                self._removed.setdefault(past.grant.exam, set()).add(past.grant.recipient)
        if changes.share is not None:
            self._shares[changes.share.id] = changes.share
        if changes.receipt is not None:
            self._receipts[changes.receipt.actor, changes.receipt.request_id] = changes.receipt
        self.outbox.put(changes.notices)
        self._trail.append(changes.event)
        self.ready_exams.update({ready.exam.id.value: ready for ready in after})

    def _list(self, before: ReadyExam, after: ReadyExam) -> None:
        place = _place(after.exam)
        had = {grant.recipient.key for grant in before.sharing.grants}
        has = {grant.recipient.key for grant in after.sharing.grants}
        for key in had - has:
            remove_place(self._shared, key, place)
        for key in has - had:
            insort(self._shared[key], place)
        if after.sharing.withdrawn:
            remove_place(self._owned, after.exam.owner.value, place)

    @override
    def step_aside(self, lost: int) -> None:
        sleep(longest_delay(lost) * random())  # noqa: S311  guards no secret

    @override
    @contextmanager
    def locked(self, exams: tuple[ExamId, ...]) -> Iterator[ports.GrantWriter | None]:
        if not self._turn.acquire(timeout=LOCK_TIMEOUT):
            raise Conflict(1)
        try:
            yield self
        finally:
            self._turn.release()

    @override
    def record(self, event: Event) -> None:
        with self._lock:
            self._trail.append(event)

    def events(self) -> tuple[Event, ...]:
        """Return every event, in the order in which they were written."""
        with self._lock:
            return tuple(self._trail.events)

    @override
    def past(self, exam: ExamId, moment: Moment) -> ExamPast:
        with self._lock:
            version = moment.version
            if version is None:
                version = self._trail.version_at(exam, moment.at)
            found = next(iter(self.find((exam,))), None)
            sharing = self.read((exam,), ended=True)[exam]
            handovers = self._trail.handovers(exam)
        return ExamPast(exam=found, version=version, sharing=sharing, handovers=handovers)

    @override
    def happened(
        self, exam: ExamId | None, user: UserId | None, wanted: Stretch
    ) -> tuple[Happening, ...]:
        with self._lock:
            if exam is None:
                return self._trail.about([user] if user else [], None, wanted)
            past = self.read((exam,), ended=True)[exam]
            made = [*past.grants, *(each.grant for each in past.ended)]
            grants = [grant.id for grant in made]
            return self._trail.about([exam, Everything.ACCESSES, *grants], user, wanted)

    @override
    @checks_itself
    def holds(
        self, user: UserId, principals: Keys, permission: Permission, exam: ExamId, now: datetime
    ) -> bool:
        try:
            ready = self.ready_exams.get(exam.value)
            if ready is None:
                return False
            if ready.expires and (now >= ready.until or now < ready.since):
                ready = self._prepared(ready, now)
            holders = ready.view if permission is _VIEW else ready.download
            if holders.isdisjoint(principals):
                return False
            if user.key not in ready.group_grantors:
                return True
            return ready.given_by_others(user, principals, permission, now)
        except Exception as error:  # noqa: BLE001  distinguished below
            wrong = misfit(self.holds, user, principals, permission, exam, now) or error
        raise wrong

    @override
    def involved(
        self, user: UserId, principals: Keys, named: ExamId | GrantId, now: datetime
    ) -> Involvement | None:
        with self._lock:
            if isinstance(named, GrantId):
                grant = self._grants.get(named.value)
                if grant is None:
                    return None
                exam, granted, own = grant.exam, grant.grantor == user, grant.recipient == user
            else:
                exam, granted, own = named, user in self._grantors.get(named, ()), True
            ready = self.ready_exams.get(exam.value)
            if not principals or ready is None or ready.sharing.withdrawn:
                return None
            if not (granted or self.holds(user, principals, _VIEW, exam, now)):
                return None
            own = own or granted or ready.owner == user.key
            return Involvement(exam=exam, granted=granted, own=own)

    def _prepared(self, ready: ReadyExam, now: datetime) -> ReadyExam:
        """Return the exam for another time, and keep it if it has not changed since."""
        renewed = ReadyExam.of(ready.exam, ready.sharing, now)
        with self._lock:
            if self.ready_exams.get(ready.exam.id.value) is ready:
                self.ready_exams[ready.exam.id.value] = renewed
        return renewed

    @override
    def holding(
        self,
        user: UserId,
        principals: Keys,
        permission: Permission,
        exams: Iterable[ExamId],
        now: datetime,
    ) -> frozenset[ExamId]:
        holds = self.holds
        with self._lock:
            held = [exam for exam in exams if holds(user, principals, permission, exam, now)]
            return frozenset(held)

    @override
    def visible(
        self,
        user: UserId,
        principals: Keys,
        after: Place | None,
        limit: int,
        now: datetime,
        *,
        own: bool,
    ) -> tuple[VisibleExam, ...]:
        if not principals:
            return ()
        with self._lock:
            lists = [self._shared.get(key, []) for key in principals]
            if own:
                lists.append(self._owned.get(user.value, []))
            seen: list[VisibleExam] = []
            for _, exam in newest_first(lists, after, limit):
                ready = self.ready_exams[exam]
                if ready.owner == user.key:
                    permission = Permission.DOWNLOAD if own else None
                else:
                    if ready.expires and not ready.since <= now < ready.until:
                        ready = self._prepared(ready, now)
                    permission = ready.permission_of(user, principals, now)
                if permission is not None:
                    seen.append(ready.shown(permission))
                    if len(seen) == limit:
                        break
            return tuple(seen)


def _place(exam: Exam) -> Place:
    return exam.uploaded_at, exam.id.value
