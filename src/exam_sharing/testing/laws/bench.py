"""A store under test: how laws open it, write to it and read it back.

Everything that laws write could come from an act: each grant belongs to a recorded share, and each
commit has its event.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

import attrs

from exam_sharing.errors import StoreFailed
from exam_sharing.events import Event, ExamShared, GrantsEnded, WaitingNotice
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import (
    OWNER,
    Basis,
    EndedAs,
    EndedGrant,
    Ending,
    Grant,
    HowEnded,
    Permission,
)
from exam_sharing.identifiers import (
    BatchId,
    ExamId,
    GrantId,
    NoticeId,
    PrincipalId,
    PrincipalKey,
    ShareId,
    UserId,
)
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.plans import Attestation, Share, UnshareReceipt
from exam_sharing.policy.requests import Scope, ShareRequest, UnshareRequest, Withdrawal
from exam_sharing.policy.views import VisibleExam
from exam_sharing.ports import Changes, StoredReceipt
from exam_sharing.testing.edges import START, TICK
from exam_sharing.testing.laws.law import (
    Laws,
    how_many_examples,
    insist,
    is_capability,
    needed,
    raises,
    same,
)
from exam_sharing.testing.opening import (
    PROBE,
    OpenStore,
    StorePorts,
    Trace,
    Upload,
    opened,
    require_isolated,
    require_open_store,
)
from exam_sharing.validation import is_a

__all__ = [
    "ACTED",
    "ANNA",
    "BEN",
    "CARLA",
    "DAN",
    "DOWNLOAD",
    "VIEW",
    "Bench",
    "StoreTrial",
    "a_receipt",
    "amended",
    "keys_of",
    "laws_of_port",
    "requires_atomic_steps",
]

ANNA: Final = UserId("anna")
"""The owner of uploads, unless another one is given."""
BEN: Final = UserId("ben")
CARLA: Final = UserId("carla")
DAN: Final = UserId("dan")

VIEW: Final = Permission.VIEW
DOWNLOAD: Final = Permission.DOWNLOAD

ACTED: Final = START - TICK
"""The time of every act; a store that truncates or rounds times changes it."""

_WORDING: Final = "I abide by HIPAA."

_MOST_STEPS: Final = 500
"""More steps than any act of a law has."""


def _is_open_store(_instance: object, _attribute: "attrs.Attribute[Any]", value: object) -> None:
    require_open_store(value)


@attrs.frozen(kw_only=True)
class StoreTrial:
    """How to open an empty store, and its capabilities: the arguments of `store_laws`."""

    open_store: OpenStore = attrs.field(validator=_is_open_store)
    threads: bool = attrs.field(default=True, validator=is_a(bool))
    upload: Upload | None = attrs.field(default=None, validator=is_capability)
    transfer: Callable[[Any, ExamId, UserId, datetime], None] | None = attrs.field(
        default=None, validator=is_capability
    )
    events: Callable[[Any], Iterable[Event]] | None = attrs.field(
        default=None, validator=is_capability
    )
    fail_at: Callable[[Any, int], AbstractContextManager[object]] | None = attrs.field(
        default=None, validator=is_capability
    )
    share_record: Callable[[Any, ShareId], Share | None] | None = attrs.field(
        default=None, validator=is_capability
    )
    keeps_text: Callable[[Any, str], bool] | None = attrs.field(
        default=None, validator=is_capability
    )
    hide: Callable[[Any, ExamId, bool], object] | None = attrs.field(
        default=None, validator=is_capability
    )
    examples: int = how_many_examples()
    _found_isolated: list[bool] = attrs.field(factory=list, init=False)

    @property
    def uploads_by_port(self) -> bool:
        """Whether uploads are recorded by the port `uploads`."""
        return self.upload is None

    @contextmanager
    def bench(self) -> Iterator["Bench"]:
        """Open an empty store, and close it at the end.

        Raises:
            StoreNotUsable: `open_store` returns something that cannot be tested.
        """
        self.require_usable()
        with opened(self.open_store) as ports:
            yield Bench(ports, self)

    def require_usable(self) -> None:
        """Raise `StoreNotUsable` if the stores cannot be tested; only the first call tries them."""
        if not self._found_isolated:
            require_isolated(self.open_store, dict(self._traces()), self.upload)
            self._found_isolated.append(True)

    def _traces(self) -> Iterator[tuple[str, Trace]]:
        """Yield, for what only a capability reads, whether an opened store holds it."""
        events, share_record = self.events, self.share_record
        if events is not None:
            yield "events", lambda ports: bool(tuple(events(ports.store)))
        if share_record is not None:
            yield "records of shares", lambda ports: share_record(ports.store, PROBE) is not None


def laws_of_port() -> Laws[StoreTrial, "Bench"]:
    """Return a registry for the laws of one port of a store."""
    return Laws(StoreTrial.bench)


def keys_of(*principals: PrincipalId) -> frozenset[PrincipalKey]:
    """Return the keys of principals."""
    return frozenset(principal.key for principal in principals)


def a_receipt(
    request_id: str = "request",
    *,
    actor: UserId = ANNA,
    fingerprint: str = "digest",
    at: datetime = START,
) -> StoredReceipt:
    """Return a receipt that says nothing but its time."""
    return StoredReceipt(
        actor=actor,
        request_id=request_id,
        fingerprint=fingerprint,
        receipt=UnshareReceipt(at=at),
    )


def amended(
    act: Changes, *, made: tuple[Grant, ...], ended: tuple[EndedGrant, ...] = ()
) -> Changes:
    """Return an act that makes and ends exactly these grants, also in its event."""
    event = act.event
    if isinstance(event, ExamShared):
        event = attrs.evolve(event, made=made)
    elif isinstance(event, GrantsEnded):
        event = attrs.evolve(event, made=made, ended=ended)
    return attrs.evolve(act, made=made, ended=ended, event=event)


def requires_atomic_steps(trial: StoreTrial, fails_at: Callable[["Bench", int], bool]) -> None:
    """Let an act fail at each step, in a new store, until it is done before the step."""
    for step in range(1, _MOST_STEPS):
        with trial.bench() as bench:
            if not fails_at(bench, step):
                insist(step > 1, "no step failed: `fail_at` must let the store fail at its step")
                return
    insist(holds=False, problem=f"it still failed at step {_MOST_STEPS}")


class Bench:
    """An opened store, with shorthands for what laws do most.

    Attributes:
        ports: the ports of the store.
        trial: the capabilities of the store.
    """

    def __init__(self, ports: StorePorts, trial: StoreTrial) -> None:
        self.ports = ports
        self.trial = trial
        self._numbers = count(1)
        self._exams: set[ExamId] = set()
        self._people: set[PrincipalId] = set()
        self._grants: dict[GrantId, None] = {}
        self._receipts: set[tuple[UserId, str]] = set()
        self._shares: set[ShareId] = set()

    def new_id(self) -> str:
        """Return an identifier that is new to this store."""
        return f"id {next(self._numbers)}"

    def add(self, batch: UploadBatch, *exams: Exam) -> None:
        """Record an upload in the way that the store takes uploads."""
        self.look_for_exams(exams)
        if self.trial.upload is None:
            self.ports.uploads.add(batch, exams)
        else:
            self.trial.upload(self.ports.store, batch, exams)

    def upload(
        self,
        *names: str,
        owner: UserId = ANNA,
        batch: str | None = None,
        at: datetime = START,
        step: timedelta = timedelta(0),
    ) -> tuple[ExamId, ...]:
        """Upload exams with these ids in a new batch, with a step of time between two of them."""
        holder = BatchId(batch or self.new_id())
        exams = [
            Exam(
                id=ExamId(name),
                owner=owner,
                batch=holder,
                uploaded_at=at + place * step,
            )
            for place, name in enumerate(names)
        ]
        self.add(UploadBatch(id=holder, uploader=owner, received_at=at), *exams)
        return tuple(exam.id for exam in exams)

    def grant(
        self,
        exam: ExamId,
        recipient: PrincipalId,
        permission: Permission = VIEW,
        *,
        until: datetime | None = None,
        grantor: UserId = ANNA,
        basis: Basis = OWNER,
        named: str | None = None,
    ) -> Grant:
        """Return a grant that is not written yet; an act sets its version and its share."""
        return Grant(
            id=GrantId(named or self.new_id()),
            exam=exam,
            grantor=grantor,
            recipient=recipient,
            permission=permission,
            until=until,
            version=1,
            basis=basis,
            share=ShareId("not written yet"),
            made_at=ACTED,
        )

    def notice(
        self,
        *,
        to: UserId = BEN,
        exams: tuple[ExamId, ...],
        actor: UserId = ANNA,
        message: str | None = None,
        named: str | None = None,
    ) -> WaitingNotice:
        """Return a notice that is not written yet; an act sets its share."""
        return WaitingNotice(
            id=NoticeId(named or self.new_id()),
            share=ShareId("not written yet"),
            to=to,
            actor=actor,
            exam_ids=exams,
            message=message,
        )

    def sharing(
        self,
        *grants: Grant,
        beside: Iterable[ExamId] = (),
        share: str | None = None,
        record: Share | None = None,
        notices: tuple[WaitingNotice, ...] = (),
        receipt: StoredReceipt | None = None,
    ) -> Changes:
        """Return what a share that makes these grants, at least one, would write now.

        Args:
            grants: the new grants.
            beside: exams that the share reads and does not change.
            share: the id of the share.
            record: the record of the share, instead of one that fits the first grant.
            notices: the notices of the share.
            receipt: the receipt under its request id.
        """
        versions = self.versions({grant.exam for grant in grants} | set(beside))
        record = record or self._record_of(grants, share or self.new_id())
        made = tuple(
            attrs.evolve(
                grant, share=record.id, version=versions[grant.exam] + 1, made_at=record.at
            )
            for grant in grants
        )
        moved = {grant.exam: grant.version for grant in made}
        request = ShareRequest(
            actor=record.actor,
            exam=record.exam,
            recipients=record.recipients,
            permission=record.permission,
            scope=record.scope,
            until=record.until,
            attested=True,
            performed_by=record.performed_by,
        )
        event = ExamShared(at=record.at, request=request, share=record, versions=moved, made=made)
        return Changes(
            versions=versions,
            made=made,
            share=record,
            receipt=receipt,
            notices=tuple(attrs.evolve(notice, share=record.id) for notice in notices),
            event=event,
        )

    def _record_of(self, grants: tuple[Grant, ...], share: str) -> Share:
        first = grants[0]
        return Share(
            id=ShareId(share),
            at=ACTED,
            actor=first.grantor,
            performed_by=None,
            exam=first.exam,
            exams=tuple(dict.fromkeys(grant.exam for grant in grants)),
            recipients=tuple(dict.fromkeys(grant.recipient for grant in grants)),
            permission=first.permission,
            scope=Scope.EXAM,
            until=first.until,
            attestation=Attestation(by=first.grantor, at=ACTED, wording=_WORDING),
        )

    def ending(
        self,
        *grants: Grant,
        replacements: Mapping[Grant, Grant] | None = None,
        how: HowEnded = HowEnded.UNSHARED,
        by: UserId | None = ANNA,
        acting_as: EndedAs = EndedAs.OWNER,
        withdrawn: ExamId | None = None,
        receipt: StoredReceipt | None = None,
    ) -> Changes:
        """Return what an act that ends these grants would write now.

        Args:
            grants: the grants that end.
            replacements: for some of them, the narrower grant in its place.
            how: in which way they end.
            by: who ends them, acting in which role.
            acting_as: that role.
            withdrawn: the exam that the act withdraws.
            receipt: the receipt under its request id.
        """
        exams = {grant.exam for grant in grants} | ({withdrawn} if withdrawn else set())
        versions = self.versions(exams)
        moved = {exam: version + 1 for exam, version in versions.items()}
        replaced = replacements or {}
        ended = tuple(
            EndedGrant(
                grant=grant,
                ending=Ending(
                    grant=grant.id,
                    how=how,
                    by=by,
                    acting_as=acting_as,
                    at=ACTED,
                    version=moved[grant.exam],
                    replaced_by=(replaced[grant].id,) if grant in replaced else (),
                ),
            )
            for grant in grants
        )
        made = tuple(
            attrs.evolve(
                new, share=old.share, version=old.version, basis=old.basis, lines=old.in_lines
            )
            for old, new in replaced.items()
        )
        request = (
            Withdrawal(exam=withdrawn, performed_by=ANNA, why="a law is tried")
            if withdrawn
            else UnshareRequest(actor=ANNA, exam=grants[0].exam, recipient=grants[0].recipient)
        )
        event = GrantsEnded(at=ACTED, request=request, versions=moved, ended=ended, made=made)
        return Changes(
            versions=versions,
            made=made,
            ended=ended,
            withdrawn=withdrawn,
            receipt=receipt,
            event=event,
        )

    def withdrawal(
        self, exam: ExamId, *grants: Grant, receipt: StoredReceipt | None = None
    ) -> Changes:
        """Return what an act that withdraws an exam with these grants would write now."""
        return self.ending(*grants, withdrawn=exam, how=HowEnded.WITHDRAWN, receipt=receipt)

    def narrowing(self, old: Grant, new: Grant, *, receipt: StoredReceipt | None = None) -> Changes:
        """Return what an act that replaces a grant by a narrower one would write now."""
        return self.ending(old, replacements={old: new}, how=HowEnded.NARROWED, receipt=receipt)

    def commit(self, changes: Changes) -> bool:
        """Write the changes, and return the answer of the store."""
        self.look_for(changes)
        return self.ports.writer.commit(changes)

    def write(self, changes: Changes) -> tuple[Grant, ...]:
        """Write changes without a conflict, and return the new grants."""
        answer = self.commit(changes)
        insist(answer is True, f"a commit without a conflict returned {answer!r}, not True")
        return changes.made

    def share(self, *grants: Grant) -> tuple[Grant, ...]:
        """Write grants, and return them as they were written."""
        return self.write(self.sharing(*grants))

    def conflicts(self, act: str, changes: Changes) -> None:
        """Break the law unless `commit` returns `False` and writes nothing."""
        before = self.everything_with(changes)
        answer = self.commit(changes)
        insist(answer is False, f"{act}: commit returned {answer!r}, not False")
        same(f"{act}: the store afterwards", self.everything(), before)

    def fails(self, act: str, changes: Changes) -> None:
        """Break the law unless `commit` raises `StoreFailed` and writes nothing."""
        before = self.everything_with(changes)
        raises(StoreFailed, lambda: self.ports.writer.commit(changes))
        same(f"{act}: the store afterwards", self.everything(), before)

    def transfer(self, exam: ExamId, owner: UserId, at: datetime) -> None:
        """Give an exam to another owner."""
        needed(self.trial.transfer)(self.ports.store, exam, owner, at)

    def failing_at(self, step: int) -> AbstractContextManager[object]:
        """Return a context in which the store fails at a step."""
        return needed(self.trial.fail_at)(self.ports.store, step)

    def events(self) -> tuple[Event, ...]:
        """Return the audit trail."""
        return tuple(needed(self.trial.events)(self.ports.store))

    def versions(self, exams: Iterable[ExamId]) -> dict[ExamId, int]:
        """Return the version of each exam, in the order of their ids."""
        ids = tuple(sorted(exams))
        kept = self._read(ids, ended=False)
        return {exam: kept[exam].version for exam in ids}

    def read(self, exam: ExamId, *, ended: bool = True) -> ExamGrants:
        """Return what the store keeps of one exam's sharing."""
        return self._read((exam,), ended=ended)[exam]

    def _read(self, exams: tuple[ExamId, ...], *, ended: bool) -> Mapping[ExamId, ExamGrants]:
        kept = self.ports.grants.read(exams, ended=ended)
        left_out = [exam for exam in exams if exam not in kept]
        insist(not left_out, f"`read` left out exams that it was asked for: {left_out!r}")
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
        """Return a whole list, read in pages of a size until one is empty."""
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

    def listed(
        self,
        user: UserId,
        principals: Iterable[PrincipalKey],
        limit: int = 9,
        *,
        now: datetime = START,
        own: bool = True,
    ) -> list[ExamId]:
        """Return the exams of a whole list."""
        pages = self.pages(user, principals, limit, now=now, own=own)
        return [each.exam for each in pages]

    def holds(
        self,
        user: UserId,
        permission: Permission,
        exam: ExamId,
        now: datetime = START,
        *,
        groups: Iterable[PrincipalId] = (),
    ) -> bool:
        """Return whether a user in these groups holds the permission, by a single check."""
        return self.ports.access.holds(user, keys_of(user, *groups), permission, exam, now)

    def look_for_exams(self, exams: Iterable[Exam]) -> None:
        """From now on let `everything` include the exams, also as their owners see them."""
        for exam in exams:
            self._exams.add(exam.id)
            self._people.add(exam.owner)

    def look_for(self, changes: Changes) -> None:
        """From now on let `everything` include what the changes would write."""
        for grant in changes.made:
            self._grants[grant.id] = None
            self._people.add(grant.recipient)
        if changes.receipt is not None:
            self._receipts.add((changes.receipt.actor, changes.receipt.request_id))
        if changes.share is not None:
            self._shares.add(changes.share.id)

    def everything_with(self, changes: Changes) -> Mapping[str, object]:
        """Return everything, including what the changes would write."""
        self.look_for(changes)
        return self.everything()

    def share_record(self, share: ShareId) -> Share | None:
        """Return the record of a share; `None` if it is unknown, or no record can be read."""
        read = self.trial.share_record
        return None if read is None else read(self.ports.store, share)

    def everything(self) -> Mapping[str, object]:
        """Return all that can be read of what was written or looked for."""
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
            keys = keys_of(user)
            seen[f"list of {user}"] = access.visible(user, keys, None, 1_000, START, own=True)
            seen[f"held by {user}"] = access.holding(user, keys, VIEW, exams, START)
        for share in sorted(self._shares):
            seen[f"record of share {share}"] = self.share_record(share)
        for actor, request_id in sorted(self._receipts):
            seen[f"receipt of {actor} under {request_id}"] = grants.receipt(actor, request_id)
        seen["notices"] = self.ports.outbox.listed(None, 1_000, given_up=None)
        if self.trial.events is not None:
            seen["events"] = self.events()
        return seen
