"""The state machine: everything that can happen in a small hospital, one step after another."""

import sys
from datetime import timedelta
from typing import Final

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from typing_extensions import override

from exam_sharing.errors import AlreadyExists, BatchSealed
from exam_sharing.grants import Permission
from exam_sharing.identifiers import BatchId, GroupId, PrincipalId
from exam_sharing.policy.requests import (
    HostEnding,
    NarrowRequest,
    Request,
    RevokeRequest,
    UnshareRequest,
    Withdrawal,
)
from exam_sharing.policy.settings import Policy
from exam_sharing.testing import model
from exam_sharing.testing.machine import answers
from exam_sharing.testing.machine.acting import BothSides, outcome
from exam_sharing.testing.machine.comparing import Comparison
from exam_sharing.testing.machine.drawing import (
    BATCHES,
    RESHARES,
    TYPED,
    Choices,
    SharingDrawn,
    booleans,
    members,
    numbers,
    pick,
    policies,
    request_id,
    seldom,
    sharing,
)
from exam_sharing.testing.machine.hospital import (
    EXAMS,
    GROUPS,
    USERS,
    Hide,
    Hospital,
    Sweep,
    Transfer,
)
from exam_sharing.testing.opening import OpenStore, Upload, opened

__all__ = ["SharingMachine"]

HOST: Final = "host"
WHY: Final = "It has to be."


class SharingMachine(RuleBasedStateMachine):
    """A hospital in which anything happens, compared with the model after every step.

    Args:
        open_store: gives the store.
        upload: how exams arrive in that store, where the port does not do it.
        transfer: how an exam changes hands in that store, if it can.
        sweep: how that store records what has expired, if it can.
        hide: how the host of that store has an exam no longer, or again, if it can.
        policy: of every story; by default each story has one of its own.
    """

    def __init__(
        self,
        open_store: OpenStore,
        *,
        upload: Upload | None,
        transfer: Transfer | None,
        sweep: Sweep | None,
        hide: Hide | None,
        policy: Policy | None,
    ) -> None:
        """Open the store."""
        super().__init__()
        self._upload = upload
        self._transfer = transfer
        self._sweep = sweep
        self._hide = hide
        self._policy = policy
        self._asked: list[Request] = []
        self._opened = opened(open_store)
        self._ports = self._opened.__enter__()

    @override
    def teardown(self) -> None:
        self._opened.__exit__(*sys.exc_info())

    @initialize(
        policy=policies,
        users=st.integers(2, len(USERS)),
        groups=st.lists(members, max_size=len(GROUPS)),
        hidden=seldom.flatmap(
            lambda some: st.lists(st.tuples(numbers, numbers), max_size=2 if some else 0)
        ),
        arriving=st.lists(numbers, min_size=1, max_size=3),
        page=st.sampled_from((6, 2, 1)),
        typed=st.sampled_from(TYPED),
        turn=numbers,
    )
    def begin(
        self,
        *,
        policy: Policy,
        users: int,
        groups: list[list[int]],
        hidden: list[tuple[int, int]],
        arriving: list[int],
        page: int,
        typed: str,
        turn: int,
    ) -> None:
        """Let the first exams arrive in a hospital with users and groups."""
        known = GROUPS[: len(groups)]
        everybody: tuple[PrincipalId, ...] = (*USERS[:users], *known)
        unseen = {(pick(one, USERS[:users]), pick(other, everybody)) for one, other in hidden}
        self.hospital: Hospital = Hospital(
            self._ports,
            self._policy or policy,
            users=users,
            hidden=frozenset(unseen),
            hidden_members=frozenset(
                (actor, group) for actor, group in unseen if isinstance(group, GroupId)
            ),
        )
        self.choices: Choices = Choices(self.hospital)
        comparison = Comparison(self.hospital, page=page, typed=typed, turn=turn)
        self.both: BothSides = BothSides(self.hospital, comparison)
        for group, within in zip(known, groups, strict=True):
            self.hospital.say_of_group(group, self.choices.principals(within))
        self._let_arrive(BATCHES[0], arriving, sealed=False)

    @rule(batch=numbers, arriving=members, sealed=seldom)
    def upload(self, *, batch: int, arriving: list[int], sealed: bool) -> None:
        """Let more exams arrive, in a new batch or in one that grows, or seal it."""
        # Where a host keeps uploads itself, whether it seals them is its own affair.
        sealed = sealed and self._upload is None
        self._let_arrive(pick(batch, BATCHES), arriving, sealed=sealed)

    def _let_arrive(self, batch: BatchId, arriving: list[int], *, sealed: bool) -> None:
        hospital = self.hospital
        exams = self.choices.arriving(batch, arriving)
        what = ", ".join(f"{each.id} owned by {each.owner}" for each in exams) or "nothing more"
        hospital.tell(f"Of the {batch} there arrives {what}{'; it is sealed' if sealed else ''}.")

        def arrive() -> bool:
            try:
                hospital.upload(batch, exams, sealed=sealed, upload=self._upload)
            except (AlreadyExists, BatchSealed):
                return False
            return True

        accepted = hospital.world.add_upload(batch, exams, sealed=sealed)
        self.both.same("Is that upload taken?", accepted, arrive)
        self.both.compare()

    @rule(drawn=sharing)
    def share(self, *, drawn: SharingDrawn) -> None:
        """Share, mostly by somebody who has access."""
        held = self.both.comparison.held()
        self._ask_for(self.choices.share_request(drawn, held))

    @rule(drawn=sharing)
    def pass_on(self, *, drawn: SharingDrawn) -> None:
        """Share what somebody else owns, where there is such access."""
        exams, held = self.hospital.world.exams, self.both.comparison.held()
        others = [(user, exam) for user, exam in held if exams[exam].owner != user]
        self._ask_for(self.choices.share_request(drawn, others or held))

    @rule(which=numbers, by=numbers, reshares=numbers, named=seldom, for_another=seldom)
    def unshare(
        self, *, which: int, by: int, reshares: int, named: bool, for_another: bool
    ) -> None:
        """Unshare: by the grantor, the owner, the recipient themselves, or anybody."""
        exam, recipient, actor = self.choices.ending(which, by)
        request = UnshareRequest(
            actor=actor,
            exam=exam,
            recipient=recipient,
            reshares=pick(reshares, RESHARES),
            performed_by=pick(which, self.hospital.users) if for_another else None,
            request_id=request_id(by) if named else None,
        )
        self._ask_for(request)

    @rule(
        which=numbers,
        by=numbers,
        reshares=numbers,
        bound=numbers,
        named=seldom,
        for_another=seldom,
    )
    def narrow(
        self, *, which: int, by: int, reshares: int, bound: int, named: bool, for_another: bool
    ) -> None:
        """Narrow, to a permission, a time, or both."""
        exam, recipient, actor = self.choices.ending(which, by)
        until = self.choices.until(bound // 4) or self.hospital.now + timedelta(minutes=2)
        request = NarrowRequest(
            actor=actor,
            exam=exam,
            recipient=recipient,
            permission=pick(bound, (Permission.VIEW, None, Permission.VIEW, Permission.DOWNLOAD)),
            until=pick(bound, (None, until, until, until)),
            reshares=pick(reshares, RESHARES),
            performed_by=pick(which, self.hospital.users) if for_another else None,
            request_id=request_id(by) if named else None,
        )
        self._ask_for(request)

    # Under several names, that much more often than what happens around.
    share_more: Final = share
    share_much_more: Final = share
    pass_on_more: Final = pass_on
    pass_on_much_more: Final = pass_on
    pass_on_most: Final = pass_on
    unshare_more: Final = unshare
    unshare_much_more: Final = unshare
    narrow_more: Final = narrow

    @rule(which=numbers, by=numbers, reshares=numbers, named=seldom, for_another=seldom)
    def end_one_grant(
        self, *, which: int, by: int, reshares: int, named: bool, for_another: bool
    ) -> None:
        """End one grant by its id."""
        grant, actor = self.choices.one_grant(which, by)
        request = RevokeRequest(
            actor=actor,
            grant=grant,
            reshares=pick(reshares, RESHARES),
            performed_by=pick(which, self.hospital.users) if for_another else None,
            request_id=request_id(by) if named else None,
        )
        self._ask_for(request)

    @precondition(lambda self: self._asked)
    @rule(which=numbers, changed=booleans)
    def ask_again(self, *, which: int, changed: bool) -> None:
        """Ask for the same again under its request id, or for something else."""
        request = pick(which, self._asked)
        if changed:
            request = self.choices.otherwise(request, which)
        self._ask_for(request)

    @rule(which=numbers, reshares=numbers, everywhere=booleans)
    def end_by_host(self, *, which: int, reshares: int, everywhere: bool) -> None:
        """Let the host end what a principal has, on an exam or everywhere."""
        hospital = self.hospital
        named, recipient, _ = self.choices.ending(which, which)
        exam, kind = None if everywhere else named, pick(reshares, RESHARES)
        where = "everywhere" if everywhere else f"on {exam}"
        told = f", re-shares: {kind.value}" if kind else ""
        hospital.tell(f"The host ends what {hospital.words.value(recipient)} has {where}{told}.")
        came = outcome(
            lambda: hospital.sharing.admin.end_by_host(
                recipient=recipient, exam=exam, reshares=kind, performed_by=HOST, why=WHY
            )
        )
        expected = model.end_by_host(hospital.world, recipient, exam, kind, hospital.now)
        asked = HostEnding(
            recipient=recipient, exam=exam, reshares=kind, performed_by=HOST, why=WHY
        )
        self.both.compare_act(asked, came, expected)

    @rule(which=numbers)
    def withdraw(self, *, which: int) -> None:
        """Let the host withdraw an exam: one that is there once in a story, where others are left.

        Else it is asked to withdraw one that is there no longer, or not yet.
        """
        hospital = self.hospital
        world = hospital.world
        gone = [each for each in EXAMS if each not in world.exams or each in world.withdrawn]
        may_withdraw = not world.withdrawn and len(world.exams) > 1
        exam = pick(which, (*(hospital.exams if may_withdraw else ()), *gone) or hospital.exams)
        hospital.tell(f"The host withdraws {exam}.")
        was_withdrawn = exam in world.withdrawn
        came = outcome(lambda: hospital.sharing.admin.withdraw(exam, performed_by=HOST, why=WHY))
        expected = model.withdraw(world, exam, hospital.now)
        if was_withdrawn:
            self.both.compare(came, expected)
            return
        self.both.compare_act(Withdrawal(exam=exam, performed_by=HOST, why=WHY), came, expected)

    @precondition(lambda self: self._hide is not None)
    @rule(which=numbers, back=booleans)
    def hide(self, *, which: int, back: bool) -> None:
        """Let the host have an exam no longer, or again: its grants count when it is back."""
        hospital, hide = self.hospital, self._hide
        if hide is None:
            return
        hidden = [exam for exam in hospital.exams if exam in hospital.world.hidden]
        exam = pick(which, (back and hidden) or hospital.exams)
        gone = exam not in hospital.world.hidden
        hospital.tell(f"The host has {exam} {'no longer' if gone else 'again'}.")

        def hide_it() -> bool:
            hide(self._ports.store, exam, gone)
            return True

        self.both.same("Can the host do that?", expected=True, ask=hide_it)
        hospital.world.hide(exam, hidden=gone)
        self.both.compare()

    @precondition(lambda self: self._transfer is not None)
    @rule(which=numbers, to=numbers)
    def change_hands(self, *, which: int, to: int) -> None:
        """Give an exam to another owner."""
        hospital, transfer = self.hospital, self._transfer
        there = [exam for exam in hospital.exams if model.is_found(hospital.world, exam)]
        if transfer is None or not there:
            return
        exam, owner = pick(which, there), pick(to, hospital.users)
        hospital.tell(f"{exam} is now {owner}'s.")

        def change() -> bool:
            transfer(self._ports.store, exam, owner, hospital.now)
            return True

        self.both.same("Can it change hands?", expected=True, ask=change)
        hospital.world.change_hands(exam, owner)
        hospital.world.next_version(exam)
        self.both.compare()

    @rule(who=numbers, what=numbers)
    def change_user(self, *, who: int, what: int) -> None:
        """Deactivate a user or let them return, change their plan, turn notices off or on.

        First of all, those for whom a notice waits.
        """
        hospital = self.hospital
        user = pick(who, (*(notice.to for notice in hospital.world.waiting), *hospital.users))
        account = hospital.world.users[user]
        changes: tuple[dict[str, bool], ...] = (
            {"active": not account.active},
            {"sharing_in_plan": not account.sharing_in_plan},
            {"notices": not account.notices},
        )
        hospital.say_of_user(user, attrs.evolve(account, **pick(what, changes)))
        self.both.compare()

    @rule(on=booleans)
    def turn_notices(self, *, on: bool) -> None:
        """Let the deployment send no notices of shares from now on, or send them."""
        self.hospital.turn_notices(on=on)
        self.both.compare()

    @rule(which=numbers, within=members)
    def change_group(self, *, which: int, within: list[int]) -> None:
        """Say anew who is in a group, or found one."""
        hospital = self.hospital
        group = pick(which, GROUPS)
        hospital.say_of_group(group, self.choices.principals(within))
        self.both.compare()

    @rule(how=numbers)
    def pass_time(self, *, how: int) -> None:
        """Let minutes pass, or all the time until something expires, or nearly."""
        self.hospital.wait(self.choices.moment(how))
        self.both.compare()

    @precondition(lambda self: self._sweep is not None)
    @rule(minutes=st.integers(0, 4))
    def sweep(self, *, minutes: int) -> None:
        """Let some time pass, and the store record what has expired by then."""
        hospital, sweep = self.hospital, self._sweep
        if sweep is None:
            return
        hospital.wait(hospital.now + timedelta(minutes=minutes))
        hospital.tell("What has expired is recorded as ended.")

        def swept() -> bool:
            sweep(self._ports.store, hospital.now)
            return True

        self.both.same("Can it be recorded?", expected=True, ask=swept)
        self.both.compare()

    @rule(away=members)
    def deliver_notices(self, *, away: list[int]) -> None:
        """Send the notices that wait; some readers cannot be reached."""
        hospital = self.hospital
        unreachable = frozenset(pick(number, hospital.users) for number in away)
        failing = f"; {hospital.words.value(unreachable)} cannot be reached" if away else ""
        hospital.tell(f"Notices are sent{failing}.")
        expected = model.deliver_notices(hospital.world, hospital.now, unreachable)
        self.both.same(
            "Which notices are sent?",
            answers.notices_in_model(expected),
            lambda: answers.notices(hospital.deliver(unreachable)),
        )
        self.both.compare()

    def _ask_for(self, request: Request) -> None:
        taken = self.both.ask_for(request)
        if taken and request.request_id is not None:
            self._asked.append(request)
