"""A store under test: how laws open it, write to it and read it back.

Everything that laws write could come from an act: each grant belongs to a recorded share, and each
commit has its event.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from itertools import count
from typing import Any, Final

import attrs

import exam_sharing as es
from exam_sharing.events import Event, ExamShared, GrantsEnded, WaitingNotice
from exam_sharing.grants import Basis, EndedGrant
from exam_sharing.identifiers import PrincipalKey
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.plans import Attestation, Share
from exam_sharing.policy.requests import Withdrawal
from exam_sharing.ports import Changes, StoredReceipt
from exam_sharing.testing import opening
from exam_sharing.testing.edges import START, TICK
from exam_sharing.testing.laws.facts import require_same_facts
from exam_sharing.testing.laws.law import Laws, capability, in_pages, insist, needed, raises, same
from exam_sharing.testing.worlds import ANNA, BEN, VIEW
from exam_sharing.validation import is_a, is_whole_from

ACTED: Final = START - TICK
"""The time of every act; a store that truncates or rounds times changes it."""

_ASKED: Final = ("actor", "performed_by", "exam", "recipients", "permission", "scope", "until")
"""What the record of a share keeps of its request."""


@attrs.frozen(kw_only=True)
class StoreTrial:
    """How to open an empty store, and its capabilities: the arguments of `store_laws`."""

    open_store: opening.OpenStore = attrs.field(validator=opening.is_open_store)
    threads: bool = attrs.field(default=True, validator=is_a(bool))
    upload: opening.Upload | None = capability()
    transfer: opening.Transfer | None = capability()
    events: Callable[[Any], Iterable[Event]] | None = capability()
    fail_at: Callable[[Any, int], AbstractContextManager[object]] | None = capability()
    share_record: Callable[[Any, es.ShareId], Share | None] | None = capability()
    keeps_text: Callable[[Any, str], bool] | None = capability()
    hide: opening.Hide | None = capability()
    examples: int = attrs.field(validator=is_whole_from(1))

    @property
    def uploads_by_port(self) -> bool:
        return self.upload is None

    @contextmanager
    def bench(self) -> Iterator["Bench"]:
        self.require_usable()
        with opening.opened(self.open_store) as ports:
            yield Bench(ports, self)

    def require_usable(self) -> None:
        """Raise `StoreNotUsable` if the stores cannot be tested; only the first call tries them."""
        if self._problem is not None:
            raise self._problem

    @cached_property
    def _problem(self) -> opening.StoreNotUsable | None:
        try:
            opening.require_isolated(self.open_store, dict(self._traces()), self.upload)
        except opening.StoreNotUsable as error:
            return error
        return None

    def _traces(self) -> Iterator[tuple[str, opening.Trace]]:
        """Yield, for what only a capability reads, whether an opened store holds it."""
        events, record = self.events, self.share_record
        if events is not None:
            yield "events", lambda ports: bool(tuple(events(ports.store)))
        if record is not None:
            yield "records of shares", lambda ports: bool(record(ports.store, opening.PROBE))


def laws_of_port() -> Laws[StoreTrial, "Bench"]:
    return Laws(StoreTrial.bench, lambda trial: opening.require_answers(trial.open_store))


def keys_of(*principals: es.PrincipalId) -> frozenset[PrincipalKey]:
    return frozenset(principal.key for principal in principals)


def a_receipt(
    name: str = "request", *, actor: es.UserId = ANNA, fingerprint: str = "digest"
) -> StoredReceipt:
    """Return the receipt of a request id, without content but its time."""
    receipt = es.UnshareReceipt(at=ACTED)
    return StoredReceipt(actor=actor, request_id=name, fingerprint=fingerprint, receipt=receipt)


def amended(act: Changes, *made: es.Grant, ended: tuple[EndedGrant, ...] = ()) -> Changes:
    """Return an act that makes and ends exactly these grants, also in its event."""
    event = act.event
    if isinstance(event, ExamShared):
        event = attrs.evolve(event, made=made)
    elif isinstance(event, GrantsEnded):
        event = attrs.evolve(event, made=made, ended=ended)
    return attrs.evolve(act, made=made, ended=ended, event=event)


class Bench:
    """An opened store, with shorthands for what laws do most."""

    def __init__(self, ports: opening.StorePorts, trial: StoreTrial) -> None:
        self.ports = ports
        self.trial = trial
        self._numbers = count(1)
        self._exams: dict[es.ExamId, es.Exam] = {}
        self._acts: list[Changes] = []

    def new_id(self) -> str:
        return f"id {next(self._numbers)}"

    def add(self, batch: es.UploadBatch, *exams: es.Exam) -> None:
        """Record an upload in the way that the store takes uploads."""
        self.look_for_exams(exams)
        if self.trial.upload is None:
            self.ports.uploads.add(batch, exams)
        else:
            self.trial.upload(self.ports.store, batch, exams)

    def upload(
        self,
        *names: str,
        owner: es.UserId = ANNA,
        at: datetime = START,
        step: timedelta = timedelta(0),
    ) -> tuple[es.ExamId, ...]:
        """Upload exams with these ids in a new batch, with a step of time between two of them."""
        batch = es.UploadBatch(id=es.BatchId(self.new_id()), uploader=owner, received_at=at)
        exams = [
            es.Exam(id=es.ExamId(name), owner=owner, batch=batch.id, uploaded_at=at + place * step)
            for place, name in enumerate(names)
        ]
        self.add(batch, *exams)
        return tuple(exam.id for exam in exams)

    def grant(
        self,
        exam: es.ExamId,
        recipient: es.PrincipalId,
        permission: es.Permission = VIEW,
        *,
        until: datetime | None = None,
        grantor: es.UserId = ANNA,
        basis: Basis = es.OWNER,
        named: str | None = None,
    ) -> es.Grant:
        """Return a grant that is not written yet; an act sets its version and its share."""
        return es.Grant(
            id=es.GrantId(named or self.new_id()),
            exam=exam,
            grantor=grantor,
            recipient=recipient,
            permission=permission,
            until=until,
            version=1,
            basis=basis,
            share=es.ShareId("not written yet"),
            made_at=ACTED,
        )

    def notice(
        self,
        *,
        to: es.UserId = BEN,
        exams: tuple[es.ExamId, ...],
        actor: es.UserId = ANNA,
        message: str | None = None,
        named: str | None = None,
    ) -> WaitingNotice:
        """Return a notice that is not written yet; an act sets its share."""
        return WaitingNotice(
            id=es.NoticeId(named or self.new_id()),
            share=es.ShareId("not written yet"),
            to=to,
            actor=actor,
            exam_ids=exams,
            message=message,
        )

    def sharing(
        self,
        *grants: es.Grant,
        beside: Iterable[es.ExamId] = (),
        share: str | None = None,
        record: Share | None = None,
        notices: tuple[WaitingNotice, ...] = (),
        receipt: StoredReceipt | None = None,
    ) -> Changes:
        """Return what a share that makes these grants would write now; it only reads `beside`.

        Its record is made from the first grant, unless another one is given.
        """
        versions = self.versions({grant.exam for grant in grants} | set(beside))
        record = record or _record_of(grants, share or self.new_id())
        made = tuple(
            attrs.evolve(each, share=record.id, version=versions[each.exam] + 1, made_at=record.at)
            for each in grants
        )
        asked = {name: getattr(record, name) for name in _ASKED}
        request = es.ShareRequest(attested=True, **asked)
        moved = {grant.exam: grant.version for grant in made}
        event = ExamShared(at=record.at, request=request, share=record, versions=moved, made=made)
        return Changes(
            versions=versions,
            made=made,
            share=record,
            receipt=receipt,
            notices=tuple(attrs.evolve(notice, share=record.id) for notice in notices),
            event=event,
        )

    def ending(
        self,
        *grants: es.Grant,
        replacements: Mapping[es.Grant, es.Grant] | None = None,
        how: es.HowEnded = es.HowEnded.UNSHARED,
        by: es.UserId | None = ANNA,
        acting_as: es.EndedAs = es.EndedAs.OWNER,
        withdrawn: es.ExamId | None = None,
    ) -> Changes:
        """Return what an act that ends grants, or withdraws an exam, would write now."""
        exams = {grant.exam for grant in grants} | ({withdrawn} if withdrawn else set())
        versions = self.versions(exams)
        moved = {exam: version + 1 for exam, version in versions.items()}
        replaced = replacements or {}
        ended = tuple(
            EndedGrant(
                grant=grant,
                ending=es.Ending(
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
            else es.UnshareRequest(actor=ANNA, exam=grants[0].exam, recipient=grants[0].recipient)
        )
        return Changes(
            versions=versions,
            made=made,
            ended=ended,
            withdrawn=withdrawn,
            event=GrantsEnded(at=ACTED, request=request, versions=moved, ended=ended, made=made),
        )

    def withdrawal(self, exam: es.ExamId, *grants: es.Grant) -> Changes:
        return self.ending(*grants, withdrawn=exam, how=es.HowEnded.WITHDRAWN)

    def narrowing(self, old: es.Grant, new: es.Grant) -> Changes:
        return self.ending(old, replacements={old: new}, how=es.HowEnded.NARROWED)

    def commit(self, changes: Changes) -> bool:
        self._acts.append(changes)
        return self.ports.writer.commit(changes)

    def write(self, changes: Changes) -> tuple[es.Grant, ...]:
        """Write changes without a conflict, and return the new grants."""
        answer = self.commit(changes)
        insist(answer is True, f"a commit without a conflict returned {answer!r}, not True")
        return changes.made

    def share(self, *grants: es.Grant) -> tuple[es.Grant, ...]:
        return self.write(self.sharing(*grants))

    def conflicts(self, act: str, changes: Changes) -> None:
        """Break the law unless `commit` returns `False` and writes nothing."""
        before = self.everything(changes)
        answer = self.commit(changes)
        insist(answer is False, f"{act}: commit returned {answer!r}, not False")
        same(f"{act}: the store afterwards", self.everything(), before)

    def fails(self, act: str, changes: Changes) -> None:
        """Break the law unless `commit` raises `StoreFailed` and writes nothing."""
        before = self.everything(changes)
        raises(es.StoreFailed, lambda: self.commit(changes))
        same(f"{act}: the store afterwards", self.everything(), before)

    def transfer(self, exam: es.ExamId, owner: es.UserId, at: datetime) -> None:
        needed(self.trial.transfer)(self.ports.store, exam, owner, at)
        self._exams[exam] = attrs.evolve(self._exams[exam], owner=owner)

    def events(self) -> tuple[Event, ...]:
        return tuple(needed(self.trial.events)(self.ports.store))

    def share_record(self, share: es.ShareId) -> Share | None:
        """Return the record of a share; `None` if it is unknown, or no record can be read."""
        read = self.trial.share_record
        return None if read is None else read(self.ports.store, share)

    def versions(self, exams: Iterable[es.ExamId]) -> dict[es.ExamId, int]:
        ids = tuple(sorted(exams))
        kept = self._read(ids, ended=False)
        return {exam: kept[exam].version for exam in ids}

    def read(self, exam: es.ExamId, *, ended: bool = True) -> ExamGrants:
        return self._read((exam,), ended=ended)[exam]

    def _read(self, exams: tuple[es.ExamId, ...], *, ended: bool) -> Mapping[es.ExamId, ExamGrants]:
        kept = self.ports.grants.read(exams, ended=ended)
        left_out = [exam for exam in exams if exam not in kept]
        insist(not left_out, f"`read` left out exams that it was asked for: {left_out!r}")
        return kept

    def pages(
        self,
        user: es.UserId,
        principals: Iterable[es.PrincipalId],
        limit: int,
        *,
        now: datetime = START,
        own: bool = True,
    ) -> list[es.VisibleExam]:
        """Return a whole list, read in pages of a size until one is empty."""
        visible, keys = self.ports.access.visible, keys_of(*principals)
        return in_pages(
            "an exam",
            limit,
            lambda after, most: visible(user, keys, after, most, now, own=own),
            lambda each: (each.uploaded_at, each.exam.value),
        )

    def require_held(
        self,
        user: es.UserId,
        principals: Iterable[es.PrincipalId],
        held: Mapping[es.ExamId, es.Permission],
        *,
        now: datetime = START,
        limits: Iterable[int] = (50,),
    ) -> None:
        """Break the law unless checks and lists agree on what a user holds of all the exams.

        `held` is the highest permission on each exam; lists are read in pages of each of `limits`.
        """
        access, keys = self.ports.access, keys_of(*principals)
        who = f"{user!r} as {sorted(keys)} at {now}"
        for permission in es.Permission:
            expected = {exam for exam, highest in held.items() if highest >= permission}
            checked = {e for e in self._exams if access.holds(user, keys, permission, e, now)}
            same(f"checks for {permission.name} of {who}", checked, expected)
            many = access.holding(user, keys, permission, tuple(self._exams), now)
            same(f"many checks at once for {permission.name} of {who}", many, expected)
        require_same_facts(self.ports, self._exams, held, user, keys, now)
        exams = [self._exams[exam] for exam in held]
        newest_first = sorted(exams, key=lambda exam: (exam.uploaded_at, exam.id), reverse=True)
        for own in (True, False):
            visible = [
                es.VisibleExam(exam=exam.id, permission=held[exam.id], uploaded_at=exam.uploaded_at)
                for exam in newest_first
                if own or exam.owner != user
            ]
            for limit in limits:
                listed = self.pages(user, principals, limit, now=now, own=own)
                same(f"the list of {who}, own={own}, in pages of {limit}", listed, visible)

    def look_for_exams(self, exams: Iterable[es.Exam]) -> None:
        """From now on let `everything` include the exams, also as their owners see them."""
        self._exams.update({exam.id: exam for exam in exams})

    def everything(self, *expected: Changes) -> dict[str, object]:
        """Return all that can be read of what was written, and from now on of `expected`."""
        self._acts += expected
        grants, access = self.ports.grants, self.ports.access
        made = [grant for act in self._acts for grant in act.made]
        people = {exam.owner for exam in self._exams.values()} | {each.recipient for each in made}
        exams = tuple(sorted(self._exams))
        seen: dict[str, object] = {"exams": frozenset(self.ports.exams.find(exams))}
        for exam, sharing in self._read(exams, ended=True).items():
            kept = frozenset(sharing.grants), frozenset(sharing.ended)
            seen[f"sharing of {exam}"] = (sharing.version, sharing.withdrawn, *kept)
            seen[f"batch of {exam}"] = self.ports.exams.batch_of(exam)
        for grant in made:
            seen[f"grant {grant.id}"] = grants.find_grants((grant.id,))
        for principal in sorted(people, key=lambda each: each.key):
            seen[f"exams granted to {principal.key}"] = grants.exams_granted_to(principal)
            if isinstance(principal, es.UserId):
                user, keys = principal, keys_of(principal)
                seen[f"list of {user}"] = access.visible(user, keys, None, 1_000, START, own=True)
                seen[f"held by {user}"] = access.holding(user, keys, VIEW, exams, START)
        for act in self._acts:
            if act.share is not None:
                seen[f"record of share {act.share.id}"] = self.share_record(act.share.id)
            if act.receipt is not None:
                actor, name = act.receipt.actor, act.receipt.request_id
                seen[f"receipt of {actor} under {name}"] = grants.receipt(actor, name)
        seen["notices"] = self.ports.outbox.listed(None, 1_000, given_up=None)
        if self.trial.events is not None:
            seen["events"] = self.events()
        return seen


def _record_of(grants: tuple[es.Grant, ...], share: str) -> Share:
    first = grants[0]
    return Share(
        id=es.ShareId(share),
        at=ACTED,
        actor=first.grantor,
        performed_by=None,
        exam=first.exam,
        exams=tuple(dict.fromkeys(grant.exam for grant in grants)),
        recipients=tuple(dict.fromkeys(grant.recipient for grant in grants)),
        permission=first.permission,
        scope=es.Scope.EXAM,
        until=first.until,
        attestation=Attestation(by=first.grantor, at=ACTED, wording="I abide by HIPAA."),
    )
