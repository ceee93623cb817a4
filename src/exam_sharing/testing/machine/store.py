"""A store under the machine: what its `Sharing` answers and writes, and the same by the model.

Grants are named by what they give, and those that are kept also by version and basis: a store and
the model have other ids.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import pairwise
from typing import Any, Final, TypeAlias

import attrs
from typing_extensions import override

import exam_sharing as es
from exam_sharing.events import Event
from exam_sharing.grants import EndedGrant
from exam_sharing.policy.requests import Asked
from exam_sharing.ports import AuditTrail, Changes, GrantWriter
from exam_sharing.testing import model
from exam_sharing.testing.cases.portals import PlainPortal, SharingPortal
from exam_sharing.testing.cases.schema import Data, Given
from exam_sharing.testing.machine.hospital import EXAMS, GROUPS, USERS
from exam_sharing.testing.machine.model_portal import Done, ModelPortal
from exam_sharing.testing.machine.recording import NO_RECORD, expected_record, recorded
from exam_sharing.testing.opening import StorePorts, Upload
from exam_sharing.testing.story import grant_in_words

AT_EVERY_DELIVERY: Final = es.Retries(at_once=1_000_000, limit=None)
"""Every delivery retries every notice that failed: other tests cover the waits."""
MOST_PAGES: Final = 2 * max(len(EXAMS), len(USERS) + len(GROUPS))
"""More pages than any list in a hospital has."""

Transfer: TypeAlias = Callable[[Any, es.ExamId, es.UserId, Any], None]
Sweep: TypeAlias = Callable[[Any, Any], object]
Hide: TypeAlias = Callable[[Any, es.ExamId, bool], object]


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a store can do beyond its ports; see `run_sharing_machine`."""

    upload: Upload | None = None
    transfer: Transfer | None = None
    sweep: Sweep | None = None
    hide: Hide | None = None


@attrs.define
class Recorder:
    """Stands in front of a store's writer and audit trail, and keeps what they are given."""

    writer: GrantWriter
    audit: AuditTrail
    _given: list[Changes | Event] = attrs.field(factory=list, init=False)

    def commit(self, changes: Changes) -> bool:
        written = self.writer.commit(changes)
        if written:
            self._given.append(changes)
        return written

    def step_aside(self, lost: int) -> None:
        self.writer.step_aside(lost)

    def locked(self, exams: tuple[es.ExamId, ...]) -> AbstractContextManager[None]:  # noqa: ARG002
        """Lock nothing: of acts one after another, none loses a race."""
        return nullcontext()

    def record(self, event: Event) -> None:
        self.audit.record(event)
        self._given.append(event)

    def take(self) -> tuple[Changes | Event, ...]:
        """Return what was given since the last call."""
        given, self._given = tuple(self._given), []
        return given


class InFull(PlainPortal):
    """Names grants in requests by their words as they are kept, so that all can be named."""

    shown_of_choices: tuple[str, ...] = ("principal", "name", "held")

    @override
    def _grant_id(self, *, exam: str, kept: str) -> es.GrantId:  # type: ignore[override]
        grants = self._kept(es.ExamId(exam))
        found = (f"{id_}" for id_, each in grants.items() if in_words(each, grants) == kept)
        return es.GrantId(next(found, "none"))

    @abstractmethod
    def _kept(self, exam: es.ExamId) -> Mapping[Any, Any]:
        """Return all grants on an exam, standing or ended, by their ids."""

    def _ask_can_each(self, user: es.UserId) -> Data:
        can = self._ask_can
        return {f"{each.name} {e}": can(user, each, e) for e in EXAMS for each in es.Permission}


class StorePortal(InFull, SharingPortal):
    """A portal over a store, with all that a store can do beyond decision cases.

    Lists are read in pages of `page` exams, and of three times as many recipients.
    """

    def __init__(self, given: Given, ports: StorePorts, can: Capabilities, page: int) -> None:
        self._ports = ports
        self._can = can
        self._page = page
        self._recorder = Recorder(ports.writer, ports.audit)
        self._groups: dict[es.GroupId, frozenset[es.PrincipalId]] = {}
        super().__init__(given, self._opened)

    def _opened(self, **parts: Any) -> es.Sharing:
        self._parts = parts
        people = {name: parts[name] for name in ("directory", "notifier")}
        ports = attrs.evolve(self._ports, writer=self._recorder, audit=self._recorder)
        return es.Sharing(
            policy=attrs.evolve(parts["policy"], retries=AT_EVERY_DELIVERY),
            ports=ports.with_people(**people),
            clock=parts["clock"],
            new_id=parts["new_id"],
            sends_at_once=False,
        )

    @override
    def _add(self, one: es.User | es.Group, **user: bool) -> None:
        super()._add(one, **user)
        if isinstance(one, es.Group):
            self._groups[one.id] = one.members

    @override
    def _add_upload(self, upload: es.UploadBatch, exams: list[es.Exam]) -> None:
        if self._can.upload is None:
            super()._add_upload(upload, exams)
        else:
            self._can.upload(self._ports.store, upload, tuple(exams))

    def _do_hide(self, exam: es.ExamId, *, hidden: bool) -> Data:
        assert self._can.hide is not None
        self._can.hide(self._ports.store, exam, hidden)
        return {}

    def _do_transfer(self, exam: es.ExamId, owner: es.UserId) -> Data:
        assert self._can.transfer is not None
        self._can.transfer(self._ports.store, exam, owner, self._clock.now)
        return {}

    def _do_sweep(self) -> Data:
        assert self._can.sweep is not None
        self._can.sweep(self._ports.store, self._clock.now)
        return {}

    def _do_turn_notices(self, *, on: bool) -> Data:
        policy = attrs.evolve(self._parts["policy"], sends_notices=on)
        self.sharing: es.Sharing = self._opened(**{**self._parts, "policy": policy})
        return {}

    @override
    def _more(self, answer: Any) -> Data:
        more: Data = {"names": dict(answer.names)}
        match answer:
            case es.UnshareReceipt():
                shown = (*answer.ended, *answer.replacements, *answer.left_standing)
                more["bases"] = self._bases(*shown)
            case es.AccessList(entries=entries):
                more["entries named"] = {each.principal: each.name for each in entries}
                more["bases"] = self._bases(*(one.grant for each in entries for one in each.grants))
            case es.Preview():
                more["times"] = {
                    (each.principal, each.exam, each.permission): (
                        (each.until_before or model.world.FOREVER) if each.held_before else None,
                        (each.until_after or model.world.FOREVER) if each.held_after else None,
                    )
                    for each in (*answer.gains, *answer.losses, *answer.keeps)
                }
            case _:
                pass
        return more

    def _bases(self, *shown: es.ShownGrant) -> list[str]:
        ids = [id_ for each in shown if each.basis is not es.OWNER for id_ in each.basis]
        grants = {each.id: each for each in self._ports.grants.find_grants(tuple(ids))}
        return sorted(with_basis(each, grants) for each in shown)

    @override
    def _items(self, page: "partial[es.Page[Any]]") -> Iterable[Any]:
        limit = self._page if "user" in page.keywords else 3 * self._page
        after = None
        for _ in range(MOST_PAGES):
            found = page(after=after, limit=limit)
            yield from found.items
            after = found.next
            if after is None:
                return

    @override
    def _standing(self, exam: es.ExamId) -> list[Any]:
        found = self._ports.grants.read((exam,), ended=False)[exam].grants
        return [grant for grant in found if not grant.expired(self._clock.now)]

    @override
    def _kept(self, exam: es.ExamId) -> Mapping[es.GrantId, es.Grant]:
        sharing = self._ports.grants.read((exam,), ended=True)[exam]
        ended = (past.grant for past in sharing.ended)
        return {grant.id: grant for grant in (*sharing.grants, *ended)}

    def _ask_stored(self, *, exam: es.ExamId) -> Data:
        """A sweep of expired grants changes nothing."""
        sharing, grants = self._ports.grants.read((exam,), ended=True)[exam], self._kept(exam)
        found = [] if sharing.withdrawn else [*self._ports.exams.find((exam,))]
        swept = {past.grant.id for past in sharing.ended if _is_swept(past)}
        ended = {
            past.grant.id: {
                "how": past.ending.how.value,
                "by": None if past.ending.acting_as is es.EndedAs.HOST else past.ending.by,
                "as owner": past.ending.acting_as is es.EndedAs.OWNER,
                "version": f"{past.ending.version}",
                "replaced by": past.ending.replaced_by,
            }
            for past in sharing.ended
            if past.grant.id not in swept
        }
        return _stored(found, sharing.version, grants, ended)

    def _ask_recorded(self) -> Data:
        return recorded(self._recorder.take(), self._reasons)

    def _ask_can_many(self, *, user: es.UserId) -> Data:
        return {each.name: self.sharing.can_many(user, each, EXAMS) for each in es.Permission}

    def _ask_who_can(self, *, permission: es.Permission, exam: es.ExamId) -> Data:
        return {
            f"{each.user}": _as(each.as_owner, each.grants)
            for each in self.sharing.admin.who_can(permission, exam)
        }

    @override
    def _ask_explain(self, user: es.UserId, **asked: Any) -> Data:
        why = self.sharing.admin.explain(user, **asked)
        if isinstance(why, es.Permitted):
            reached = (self._reached(user, each.grant, each.path) for each in why.grounds)
            return {"as owner": why.as_owner, "grants": frozenset(reached)}
        nearest = [
            (self._reached(user, each.grant, each.path), each.why_not.value) for each in why.nearest
        ]
        return {"codes": frozenset(code.value for code in why.codes), "nearest": sorted(nearest)}

    def _reached(
        self, user: es.UserId, grant: es.Grant | None, way: tuple[es.PrincipalId, ...]
    ) -> str:
        """Return a grant in words, with the length of the way to its recipient, if it is one."""
        if grant is None:
            return model.views.OWNERSHIP
        is_way = (way[:1], way[-1:]) == ((user,), (grant.recipient,)) and all(
            isinstance(holder, es.GroupId) and held in self._groups[holder]
            for held, holder in pairwise(way)
        )
        return f"{grant_in_words(grant)} by {len(way) if is_way else list(map(str, way))}"


class StoreModel(InFull, ModelPortal):
    """The model of a store."""

    def __init__(self, given: Given) -> None:
        self._record: Data = NO_RECORD
        super().__init__(given)

    def _do_hide(self, exam: es.ExamId, *, hidden: bool) -> Data:
        self.world.hide(exam, hidden=hidden)
        return {}

    def _do_transfer(self, exam: es.ExamId, owner: es.UserId) -> Data:
        self.world.add_exams(attrs.evolve(self.world.exams[exam], owner=owner))
        self.world.next_version(exam)
        return {}

    def _do_sweep(self) -> Data:
        return {}

    def _do_turn_notices(self, *, on: bool) -> Data:
        self.world.policy = attrs.evolve(self.world.policy, sends_notices=on)
        return {}

    @override
    def _do_withdraw(self, exam: es.ExamId) -> Data:
        again, done = exam in self.world.withdrawn, super()._do_withdraw(exam)
        self._record = NO_RECORD if again else self._record
        return done

    @override
    def _done(self, done: Done, asked: Asked) -> Data:
        if isinstance(done, model.world.Refused):
            why = self._reasons(es.Refused(self._why(done, asked)))
            self._record = expected_record(self.world, asked, done, why)
        else:
            self._record = expected_record(self.world, asked, done)
        return super()._done(done, asked)

    @override
    def _more(self, answer: Any) -> Data:
        more: Data = {"names": dict(answer.names)}
        match answer:
            case model.world.Ended():
                more["bases"] = self._bases(answer.bases)
            case model.views.AccessList(entries=entries):
                more["entries named"] = {each: entry.name for each, entry in entries.items()}
                bases = {id_: on for each in entries.values() for id_, on in each.bases.items()}
                more["bases"] = self._bases(bases)
            case model.acts.Preview():
                effects = {**answer.gains, **answer.losses, **answer.keeps}
                none = {model.world.NEVER: None}
                more["times"] = {
                    key: (none.get(each.before, each.before), none.get(each.after, each.after))
                    for key, each in effects.items()
                }
            case _:
                pass
        return more

    def _bases(self, bases: Mapping[model.world.GrantNumber, model.world.Basis]) -> list[str]:
        grants = self.world.grants
        return sorted(
            with_basis(attrs.evolve(grants[number], basis=basis), grants)
            for number, basis in bases.items()
        )

    @override
    def _kept(self, exam: es.ExamId) -> Mapping[model.world.GrantNumber, model.world.Grant]:
        return {id_: each for id_, each in self.world.grants.items() if each.exam == exam}

    def _ask_stored(self, *, exam: es.ExamId) -> Data:
        world, grants = self.world, self._kept(exam)
        found = [world.exams[exam]] if world.is_found(exam) else []
        ended = {
            id_: {
                "how": ending.how,
                "by": None if ending.by == model.world.HOST else ending.by,
                "as owner": ending.as_owner,
                "version": f"{ending.version}",
                "replaced by": ending.replaced_by,
            }
            for id_ in grants
            if (ending := world.endings.get(id_)) is not None
        }
        return _stored(found, world.versions.get(exam, 0), grants, ended)

    def _ask_recorded(self) -> Data:
        record, self._record = self._record, NO_RECORD
        return record

    def _ask_can_many(self, *, user: es.UserId) -> Data:
        holds = self.world.holds
        return {
            each.name: frozenset(exam for exam in EXAMS if holds(user, each, exam))
            for each in es.Permission
        }

    def _ask_who_can(self, *, permission: es.Permission, exam: es.ExamId) -> Data:
        found = model.views.who_can(self.world, permission, exam)
        if isinstance(found, model.world.Refused):
            raise es.Refused((es.Reason(code=es.ReasonCode.EXAM_NOT_FOUND, exams=(exam,)),))
        return {
            f"{user}": _as(why.as_owner, self._grants(why.grants)) for user, why in found.items()
        }

    def _ask_explain(self, *, user: es.UserId, permission: es.Permission, exam: es.ExamId) -> Data:
        why = model.views.explain(self.world, user, permission, exam)
        if not why.codes:
            reached = (self._reached(user, each) for each in why.grants)
            return {"as owner": why.as_owner, "grants": frozenset(reached)}
        nearest = [(self._reached(user, each), lacks) for each, lacks in why.nearest.items()]
        return {"codes": why.codes, "nearest": sorted(nearest)}

    def _reached(self, user: es.UserId, number: model.world.GrantNumber | str) -> str:
        if isinstance(number, str):
            return number
        grant = self.world.grants[number]
        ways = model.views.shortest_ways(self.world, user, grant.recipient)
        return f"{grant_in_words(grant)} by {len(next(iter(ways)))}"


def _is_swept(past: EndedGrant) -> bool:
    """Return whether a sweep has recorded that a grant expired: at its own time, by nobody."""
    ending = past.ending
    expired = ending.how is es.HowEnded.EXPIRED and ending.by is None
    return expired and ending.at == past.grant.until


def with_basis(grant: Any, grants: Mapping[Any, Any]) -> str:
    """Return a grant in words with its basis, of which the grants are given by id."""
    if not isinstance(grant.basis, frozenset):
        return f"{grant_in_words(grant)}, on ownership"
    on = [grant_in_words(grants[each]) if each in grants else "unknown" for each in grant.basis]
    return f"{grant_in_words(grant)}, on {sorted(on)}"


def in_words(grant: Any, grants: Mapping[Any, Any]) -> str:
    return f"{with_basis(grant, grants)}, of version {grant.version}"


def _as(owner: object, grants: Iterable[Any]) -> Data:
    return {"as owner": owner, "grants": frozenset(map(grant_in_words, grants))}


def _stored(
    found: list[es.Exam], version: int, grants: Mapping[Any, Any], ended: Mapping[Any, Data]
) -> Data:
    """Return what is kept of an exam: of each grant that ended, how it ended."""
    words = {id_: in_words(grant, grants) for id_, grant in grants.items()}
    return {
        "owner": [exam.owner for exam in found],
        "uploaded": [(exam.batch, exam.uploaded_at) for exam in found],
        "version": f"{version}",
        "standing or expired": frozenset(words[each] for each in grants if each not in ended),
        "ended": {
            words[id_]: {
                **ending,
                "replaced by": frozenset(
                    words.get(each, "unknown") for each in ending["replaced by"]
                ),
            }
            for id_, ending in ended.items()
        },
    }
