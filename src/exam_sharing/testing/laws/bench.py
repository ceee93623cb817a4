"""A store on the bench: what a law writes into it, and what it reads back.

Everything that is written could have been written by an act: each grant belongs to a share that is
recorded with it, and an event tells of each commit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import wraps
from itertools import count
from typing import Any, Final, TypeAlias

import attrs

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
from exam_sharing.policy.plans import Attestation, Share
from exam_sharing.policy.requests import Scope, ShareRequest, UnshareRequest, Withdrawal
from exam_sharing.policy.views import VisibleExam
from exam_sharing.ports import Changes, StoredReceipt
from exam_sharing.testing.isolation import PROBE, Trace, require_isolated
from exam_sharing.testing.laws.law import how_many_examples, insist, is_capability
from exam_sharing.testing.moments import START, TICK
from exam_sharing.testing.opening import (
    OpenStore,
    StorePorts,
    Upload,
    opened,
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
    "amended",
    "benched",
]

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


ANNA: Final = UserId("anna")
"""Owns what is uploaded, unless somebody else is said to."""


BEN: Final = UserId("ben")


CARLA: Final = UserId("carla")


DAN: Final = UserId("dan")


VIEW: Final = Permission.VIEW


DOWNLOAD: Final = Permission.DOWNLOAD


ACTED: Final = START - TICK
"""When every act is done: whatever cuts or rounds its time makes it another one."""


_WORDING: Final = "I abide by HIPAA."


def _is_open_store(_instance: object, _attribute: "attrs.Attribute[Any]", value: object) -> None:
    require_open_store(value)


@attrs.frozen(kw_only=True)
class StoreTrial:
    """How to have an empty store, and what it is capable of.

    The fields are the arguments of `store_laws`.
    """

    open_store: OpenStore = attrs.field(validator=_is_open_store)
    threads: bool = attrs.field(validator=is_a(bool))
    upload: Upload | None = attrs.field(validator=is_capability)
    transfer: Callable[[Any, ExamId, UserId, datetime], None] | None = attrs.field(
        validator=is_capability
    )
    events: Events | None = attrs.field(validator=is_capability)
    fail_at: Callable[[Any, int], AbstractContextManager[object]] | None = attrs.field(
        validator=is_capability
    )
    share_record: ShareRecord | None = attrs.field(validator=is_capability)
    keeps_text: Callable[[Any, str], bool] | None = attrs.field(validator=is_capability)
    hide: Callable[[Any, ExamId, bool], object] | None = attrs.field(validator=is_capability)
    examples: int = how_many_examples()
    _found_isolated: list[bool] = attrs.field(factory=list, init=False)

    @contextmanager
    def bench(self) -> Iterator["Bench"]:
        """Have an empty store on the bench, until it is closed.

        Raises:
            StoreNotUsable: what `open_store` gives cannot be tried.
        """
        self.require_usable()
        with opened(self.open_store) as ports:
            yield Bench(ports, self)

    def require_usable(self) -> None:
        """Raise `StoreNotUsable` if what `open_store` gives cannot be tried; it is tried once."""
        if not self._found_isolated:
            require_isolated(self.open_store, dict(self._traces()), self.upload)
            self._found_isolated.append(True)

    def _traces(self) -> Iterator[tuple[str, Trace]]:
        """Yield, for what only a capability tells, whether a store that was opened holds it."""
        events, share_record = self.events, self.share_record
        if events is not None:
            yield "events", lambda ports: bool(tuple(events(ports.store)))
        if share_record is not None:
            yield (
                "records of shares",
                lambda ports: share_record(ports.store, PROBE) is not None,
            )


def benched(check: Callable[["Bench"], None]) -> Callable[[StoreTrial], None]:
    """Make a check of one store into one that takes a trial, and opens the store itself."""

    @wraps(check)
    def on_a_bench(trial: StoreTrial) -> None:
        __tracebackhide__ = True
        with trial.bench() as bench:
            check(bench)

    return on_a_bench


class Bench(Reading):
    """An opened store, with shorthands for what laws do most.

    Attributes:
        trial: what it is capable of.
    """

    def __init__(self, ports: StorePorts, trial: StoreTrial) -> None:
        super().__init__(ports, events=trial.events, share_record=trial.share_record)
        self.trial = trial
        self._numbers = count(1)

    def new_id(self) -> str:
        """Return an identifier that this store has not seen yet."""
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
        step: timedelta | None = None,
    ) -> tuple[ExamId, ...]:
        """Upload exams in a batch of their own.

        Args:
            names: the ids of the exams.
            owner: whose they are.
            batch: the id of the batch.
            at: when the first of them was uploaded.
            step: how much later each next one was; all at once where it is not given.
        """
        holder = BatchId(batch or self.new_id())
        exams = [
            Exam(
                id=ExamId(name),
                owner=owner,
                batch=holder,
                uploaded_at=at if step is None else at + place * step,
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
        """Return a grant that is still to be written; writing gives it its version and its share.

        Args:
            exam: on which exam.
            recipient: to whom.
            permission: what it gives.
            until: until when.
            grantor: by whom.
            basis: what it rests on.
            named: its id.
        """
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

    def sharing(
        self,
        *grants: Grant,
        beside: Iterable[ExamId] = (),
        share: str | None = None,
        notices: tuple[WaitingNotice, ...] = (),
        receipt: StoredReceipt | None = None,
    ) -> Changes:
        """Return what a share that makes these grants would write now.

        Args:
            grants: what it makes; at least one.
            beside: exams that it read and leaves alone.
            share: the id of the share.
            notices: whom it tells what; they become notices of this share.
            receipt: what it says of itself under a request id.
        """
        first = grants[0]
        versions = self.versions({grant.exam for grant in grants} | set(beside))
        share_id = ShareId(share or self.new_id())
        made = tuple(
            attrs.evolve(grant, share=share_id, version=versions[grant.exam] + 1)
            for grant in grants
        )
        moved = {grant.exam: grant.version for grant in made}
        recipients = tuple(dict.fromkeys(grant.recipient for grant in grants))
        record = Share(
            id=share_id,
            at=ACTED,
            actor=first.grantor,
            performed_by=None,
            exam=first.exam,
            exams=tuple(moved),
            recipients=recipients,
            permission=first.permission,
            scope=Scope.EXAM,
            until=first.until,
            attestation=Attestation(by=first.grantor, at=ACTED, wording=_WORDING),
        )
        request = ShareRequest(
            actor=first.grantor,
            exam=first.exam,
            recipients=recipients,
            permission=first.permission,
            until=first.until,
            attested=True,
        )
        event = ExamShared(at=ACTED, request=request, share=record, versions=moved, made=made)
        return Changes(
            versions=versions,
            made=made,
            share=record,
            receipt=receipt,
            notices=tuple(attrs.evolve(notice, share=share_id) for notice in notices),
            event=event,
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
            grants: what it ends.
            replacements: for some of them, the narrower grant in its place.
            how: in which way they end.
            by: who ends them.
            acting_as: in which capacity.
            withdrawn: an exam that the act withdraws.
            receipt: what it says of itself under a request id.
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

    def commit(self, changes: Changes) -> bool:
        """Write the changes, and return what the store says of it."""
        self.look_for(changes)
        return self.ports.writer.commit(changes)

    def write(self, changes: Changes) -> tuple[Grant, ...]:
        """Write changes that nothing stands in the way of, and return the grants made."""
        answer = self.commit(changes)
        insist(answer is True, f"a commit that raced with nobody returned {answer!r}, not True")
        return changes.made

    def share(self, *grants: Grant) -> tuple[Grant, ...]:
        """Write grants, and return them as they were written."""
        return self.write(self.sharing(*grants))

    def notice(
        self,
        *,
        to: UserId = BEN,
        exams: tuple[ExamId, ...],
        actor: UserId = ANNA,
        permission: Permission = VIEW,
        message: str | None = None,
        until: datetime | None = None,
        named: str | None = None,
    ) -> WaitingNotice:
        """Return a notice that is still to be written, with a share."""
        return WaitingNotice(
            id=NoticeId(named or self.new_id()),
            share=ShareId("not written yet"),
            to=to,
            actor=actor,
            exams=exams,
            permission=permission,
            until=until,
            message=message,
        )


def amended(
    act: Changes, *, made: tuple[Grant, ...], ended: tuple[EndedGrant, ...] = ()
) -> Changes:
    """Return an act that makes and ends just these grants, and whose event says so."""
    event = act.event
    if isinstance(event, ExamShared):
        event = attrs.evolve(event, made=made)
    elif isinstance(event, GrantsEnded):
        event = attrs.evolve(event, made=made, ended=ended)
    return attrs.evolve(act, made=made, ended=ended, event=event)
