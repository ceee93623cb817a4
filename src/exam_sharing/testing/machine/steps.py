"""The state machine: everything that can happen in a small hospital, one step after another."""

import sys
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from typing import Any, Final, TypeVar, cast

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from typing_extensions import override

import exam_sharing as es
from exam_sharing.policy.requests import HostEnding, Request, Withdrawal
from exam_sharing.testing import model
from exam_sharing.testing.cases import portals
from exam_sharing.testing.machine import drawing
from exam_sharing.testing.machine.answers import notices
from exam_sharing.testing.machine.comparing import Comparison, outcome
from exam_sharing.testing.machine.drawing import booleans, members, numbers, pick, seldom
from exam_sharing.testing.machine.hospital import (
    EXAMS,
    GROUPS,
    USERS,
    Capabilities,
    Hospital,
    StoreHospital,
)
from exam_sharing.testing.opening import OpenStore, opened
from exam_sharing.testing.progress import Search
from exam_sharing.testing.story import RulesBroken

ACTS: Final = frozenset({*portals.ACTS, "seal", "notices"})
"""What can happen: acts by their names in decision cases, sealing, and the delivery of notices."""
HOST: Final = "host"
WHY: Final = "for a reason"

RuleT = TypeVar("RuleT")


def doing(act: str) -> Callable[[RuleT], RuleT]:
    """Let a rule be used only where this act can be done."""
    return cast("Callable[[RuleT], RuleT]", precondition(lambda machine: act in machine.acts))


class HospitalMachine(RuleBasedStateMachine):
    """A hospital in which anything happens, compared with the model after every step.

    Only what is among `acts` happens, by the names of decision cases. What is tested is closed by
    `closing`.
    """

    hospital: Hospital
    choices: drawing.Choices
    acts: frozenset[str]
    switches: tuple[str, ...] = ("active", "sharing_in_plan", "notices")
    """The attributes of users that change."""

    def __init__(self, progress: Search) -> None:
        super().__init__()
        progress.next_example()
        self._progress = progress
        self._made: list[Request] = []
        self.closing: ExitStack = ExitStack()

    @override
    def teardown(self) -> None:
        error = sys.exc_info()
        if isinstance(error[1], RulesBroken):
            self._progress.failed()
        self.closing.__exit__(*error)

    @abstractmethod
    def _open(
        self,
        policy: es.Policy,
        users: tuple[es.UserId, ...],
        hidden: frozenset[tuple[es.UserId, es.PrincipalId]],
        draw: Callable[[st.SearchStrategy[Any]], Any],
    ) -> Hospital:
        """Open the hospital of a story."""

    @abstractmethod
    def _perform(self, request: Request) -> bool:
        """Perform a request, and return whether its id was new."""

    @abstractmethod
    def _act_of_host(self, act: HostEnding | Withdrawal) -> None: ...
    @abstractmethod
    def _record(self, batch: es.BatchId, exams: tuple[es.Exam, ...], *, sealed: bool) -> None: ...
    @abstractmethod
    def _deliver(self, unreachable: frozenset[es.UserId]) -> None: ...
    @abstractmethod
    def _ask_everything(self) -> None: ...

    @initialize(data=st.data())
    def begin(self, *, data: st.DataObject) -> None:
        """Upload the first exams in a hospital with users and groups."""
        draw = data.draw
        policy, users = draw(drawing.policies), USERS[: draw(st.integers(2, len(USERS)))]
        members_of = dict(zip(GROUPS, draw(st.lists(members, max_size=len(GROUPS))), strict=False))
        everybody: tuple[es.PrincipalId, ...] = (*users, *members_of)
        pairs = st.tuples(st.sampled_from(users), st.sampled_from(everybody))
        hidden = draw(st.frozensets(pairs, max_size=2 if draw(seldom) else 0))
        self.hospital = self._open(policy, users, hidden, draw)
        self.choices = drawing.Choices(self.hospital)
        for group, within in members_of.items():
            self.hospital.put_group(group, self.choices.principals(within))
        arriving = draw(st.lists(numbers, min_size=1, max_size=3))
        self._upload(drawing.BATCHES[0], arriving, sealed=False)

    @doing("upload")
    @rule(batch=numbers, arriving=members, sealed=seldom)
    def upload(self, *, batch: int, arriving: list[int], sealed: bool) -> None:
        """Upload more exams, in a new batch or in one that grows, or seal it."""
        self._upload(pick(batch, drawing.BATCHES), arriving, sealed=sealed and "seal" in self.acts)

    def _upload(self, batch: es.BatchId, arriving: list[int], *, sealed: bool) -> None:
        exams = self.choices.arriving(batch, arriving)
        what = ", ".join(f"{each.id} (owner {each.owner})" for each in exams) or "nothing"
        seal = "; the batch is sealed" if sealed else ""
        self.hospital.add_line(f"Uploaded in the batch {batch}: {what}{seal}.")
        self._record(batch, exams, sealed=sealed)

    @doing("share")
    @rule(drawn=drawing.shares)
    def share(self, *, drawn: dict[str, Any]) -> None:
        """Share, mostly by somebody who has access."""
        self._request(self.choices.share_request(self.hospital.held(), drawn))

    @doing("share")
    @rule(drawn=drawing.shares)
    def pass_on(self, *, drawn: dict[str, Any]) -> None:
        """Share an exam of somebody else, if anybody has access to one."""
        exams, held = self.hospital.world.exams, self.hospital.held()
        others = [(user, exam) for user, exam in held if exams[exam].owner != user]
        self._request(self.choices.share_request(others or held, drawn))

    @doing("unshare")
    @rule(which=numbers, by=numbers, reshares=numbers, named=seldom, for_another=seldom)
    def unshare(self, *, which: int, by: int, **drawn: int) -> None:
        """Unshare: by the grantor, the owner, the recipient, or anybody."""
        exam, recipient, actor = self.choices.ending(which, by)
        common = self._common(which, by, **drawn)
        self._request(es.UnshareRequest(actor=actor, exam=exam, recipient=recipient, **common))

    @doing("narrow")
    @rule(
        which=numbers, by=numbers, bound=numbers, reshares=numbers, named=seldom, for_another=seldom
    )
    def narrow(self, *, which: int, by: int, bound: int, **drawn: int) -> None:
        """Narrow to a permission, a time, or both."""
        exam, recipient, actor = self.choices.ending(which, by)
        until = self.choices.until(bound // 4) or self.hospital.now + timedelta(minutes=2)
        view, download = es.Permission.VIEW, es.Permission.DOWNLOAD
        request = es.NarrowRequest(
            actor=actor,
            exam=exam,
            recipient=recipient,
            permission=pick(bound, (view, None, view, download)),
            until=pick(bound, (None, until, until, until)),
            **self._common(which, by, **drawn),
        )
        self._request(request)

    # A rule with several names happens more often.
    share_2: Final = share
    share_3: Final = share
    pass_on_2: Final = pass_on
    pass_on_3: Final = pass_on
    pass_on_4: Final = pass_on
    unshare_2: Final = unshare
    unshare_3: Final = unshare
    narrow_2: Final = narrow

    @doing("end_grant")
    @rule(which=numbers, by=numbers, reshares=numbers, named=seldom, for_another=seldom)
    def revoke(self, *, which: int, by: int, **drawn: int) -> None:
        """End one grant by its id."""
        grant, actor = self.choices.one_grant(which, by)
        common = self._common(which, by, **drawn)
        self._request(es.RevokeRequest(actor=actor, grant=grant, **common))

    def _common(
        self, which: int, by: int, *, reshares: int, named: int, for_another: int
    ) -> dict[str, Any]:
        return {
            "reshares": pick(reshares, drawing.RESHARES),
            "performed_by": pick(which, self.hospital.users) if for_another else None,
            "request_id": drawing.request_id(by) if named else None,
        }

    @precondition(lambda self: self._made)
    @rule(which=numbers, changed=booleans)
    def repeat(self, *, which: int, changed: bool) -> None:
        """Make a request again under its request id, or another one under it."""
        request = pick(which, self._made)
        self._request(self.choices.otherwise(request, which) if changed else request)

    def _request(self, request: Request) -> None:
        if self._perform(request) and request.request_id is not None:
            self._made.append(request)

    @doing("host_ends")
    @rule(which=numbers, reshares=numbers, everywhere=booleans)
    def end_by_host(self, *, which: int, reshares: int, everywhere: bool) -> None:
        """Let the host end the grants to a principal, on an exam or everywhere."""
        hospital = self.hospital
        named, recipient, _ = self.choices.ending(which, which)
        exam, kind = None if everywhere else named, pick(reshares, drawing.RESHARES)
        where = "everywhere" if everywhere else f"on {exam}"
        how = f", re-shares: {kind.value}" if kind else ""
        whom = hospital.words.value(recipient)
        hospital.add_line(f"The host ends the grants to {whom} {where}{how}.")
        self._act_of_host(
            HostEnding(recipient=recipient, exam=exam, reshares=kind, performed_by=HOST, why=WHY)
        )

    @doing("withdraw")
    @rule(which=numbers)
    def withdraw(self, *, which: int) -> None:
        """Let the host withdraw an exam: once in a story one that is there, if others are left.

        Otherwise, and before any grant has ended, one that was withdrawn or has not arrived.
        """
        hospital, world = self.hospital, self.hospital.world
        gone = [each for each in EXAMS if each not in world.exams or each in world.withdrawn]
        may_withdraw = world.endings and not world.withdrawn and len(world.exams) > 1
        # Exams with a past come first: what a withdrawal adds to it must not replace it.
        ended = Counter(world.grants[number].exam for number in world.endings)
        there = sorted(hospital.exams if may_withdraw else (), key=lambda each: -ended[each])
        exam = pick(which, (*there, *gone) or hospital.exams)
        hospital.add_line(f"The host withdraws {exam}.")
        self._act_of_host(Withdrawal(exam=exam, performed_by=HOST, why=WHY))

    @doing("user")
    @rule(who=numbers, what=numbers)
    def change_user(self, *, who: int, what: int) -> None:
        """Change an attribute of a user, first of those for whom a notice waits."""
        hospital = self.hospital
        user = pick(who, (*(notice.to for notice in hospital.world.waiting), *hospital.users))
        account = hospital.world.users[user]
        field = pick(what, self.switches)
        hospital.put_user(user, attrs.evolve(account, **{field: not getattr(account, field)}))
        self._ask_everything()

    @doing("group")
    @rule(which=numbers, within=members)
    def change_group(self, *, which: int, within: list[int]) -> None:
        """Change the members of a group, or add a group."""
        self.hospital.put_group(pick(which, GROUPS), self.choices.principals(within))
        self._ask_everything()

    @doing("clock")
    @rule(how=numbers)
    def pass_time(self, *, how: int) -> None:
        """Let minutes pass, or the time until an expiry or just before one."""
        self.hospital.wait(self.choices.moment(how))
        self._ask_everything()

    @doing("notices")
    @rule(away=members)
    def deliver_notices(self, *, away: list[int]) -> None:
        """Deliver the waiting notices; some readers cannot be reached."""
        hospital = self.hospital
        unreachable = frozenset(pick(number, hospital.users) for number in away)
        failing = f"; {hospital.words.value(unreachable)} cannot be reached" if away else ""
        hospital.add_line(f"Notices are delivered{failing}.")
        self._deliver(unreachable)


class SharingMachine(HospitalMachine):
    """A hospital with a `Sharing` over a store."""

    hospital: StoreHospital

    def __init__(
        self,
        open_store: OpenStore,
        *,
        capabilities: Capabilities,
        policy: es.Policy | None,
        progress: Search,
    ) -> None:
        super().__init__(progress)
        self._can = capabilities
        self._policy = policy
        # A host that records uploads itself decides itself whether it seals them.
        self.acts: frozenset[str] = ACTS if capabilities.upload is None else ACTS - {"seal"}
        self._ports = self.closing.enter_context(opened(open_store))

    @override
    def _open(
        self,
        policy: es.Policy,
        users: tuple[es.UserId, ...],
        hidden: frozenset[tuple[es.UserId, es.PrincipalId]],
        draw: Callable[[st.SearchStrategy[Any]], Any],
    ) -> StoreHospital:
        hospital = StoreHospital(self._ports, self._policy or policy, users=users, hidden=hidden)
        self.compare: Comparison = Comparison(
            hospital,
            page=draw(st.sampled_from((6, 2, 1))),
            typed=draw(st.sampled_from(drawing.TYPED)),
            turns=count(draw(numbers)),
        )
        return hospital

    @override
    def _perform(self, request: Request) -> bool:
        return self.compare.request(request)

    @override
    def _act_of_host(self, act: HostEnding | Withdrawal) -> None:
        world, admin = self.hospital.world, self.hospital.sharing.admin
        fields = attrs.asdict(act, recurse=False)
        if isinstance(act, HostEnding):
            result = outcome(lambda: admin.end_by_host(**fields))
            done = model.acts.end_by_host(world, act.recipient, act.exam, act.reshares)
            self.compare.everything(act, result, done)
        else:
            recorded = None if act.exam in world.withdrawn else act
            result = outcome(lambda: admin.withdraw(**fields))
            self.compare.everything(recorded, result, model.acts.withdraw(world, act.exam))

    @override
    def _record(self, batch: es.BatchId, exams: tuple[es.Exam, ...], *, sealed: bool) -> None:
        hospital = self.hospital

        def accepted() -> bool:
            try:
                hospital.upload(batch, exams, sealed=sealed, upload=self._can.upload)
            except (es.AlreadyExists, es.BatchSealed):
                return False
            return True

        expected = hospital.world.add_upload(batch, exams, sealed=sealed)
        self.compare.same("Is this upload accepted?", expected, accepted)
        self.compare.everything()

    @override
    def _deliver(self, unreachable: frozenset[es.UserId]) -> None:
        hospital = self.hospital
        expected = model.sharing.deliver_notices(hospital.world, unreachable)
        self.compare.same(
            "Which notices are sent?",
            notices(expected),
            lambda: notices(hospital.deliver(unreachable)),
        )
        self.compare.everything()

    @override
    def _ask_everything(self) -> None:
        self.compare.everything()

    @precondition(lambda self: self._can.hide is not None)
    @rule(which=numbers, back=booleans)
    def hide(self, *, which: int, back: bool) -> None:
        """Let the host delete an exam, or restore it with its grants."""
        hospital, hide = self.hospital, self._can.hide
        assert hide is not None
        hidden = [exam for exam in hospital.exams if exam in hospital.world.hidden]
        exam = pick(which, (back and hidden) or hospital.exams)
        gone = exam not in hospital.world.hidden
        hospital.add_line(f"The host {'deletes' if gone else 'restores'} {exam}.")
        self.compare.done("Can the host do that?", lambda: hide(self._ports.store, exam, gone))
        hospital.world.hide(exam, hidden=gone)
        self.compare.everything()

    @precondition(lambda self: self._can.transfer is not None)
    @rule(which=numbers, to=numbers)
    def transfer(self, *, which: int, to: int) -> None:
        """Give an exam to another owner."""
        hospital, transfer = self.hospital, self._can.transfer
        found = [exam for exam in hospital.exams if hospital.world.is_found(exam)]
        if transfer is None or not found:
            return
        exam, owner = pick(which, found), pick(to, hospital.users)
        hospital.add_line(f"{exam} is transferred to {owner}.")
        store, now = self._ports.store, hospital.now
        self.compare.done("Can the exam be transferred?", lambda: transfer(store, exam, owner, now))
        hospital.world.add_exams(attrs.evolve(hospital.world.exams[exam], owner=owner))
        hospital.world.next_version(exam)
        self.compare.everything()

    @rule(on=booleans)
    def turn_notices(self, *, on: bool) -> None:
        """Turn notices of shares on or off for the deployment."""
        self.hospital.turn_notices(on=on)
        self.compare.everything()

    @precondition(lambda self: self._can.sweep is not None)
    @rule(minutes=st.integers(0, 4))
    def sweep(self, *, minutes: int) -> None:
        """Let some time pass, and let the store record what has expired by then."""
        hospital, sweep = self.hospital, self._can.sweep
        assert sweep is not None
        hospital.wait(hospital.now + timedelta(minutes=minutes))
        hospital.add_line("A sweep records expired grants as ended.")
        self.compare.done("Can the sweep run?", lambda: sweep(self._ports.store, hospital.now))
        self.compare.everything()
