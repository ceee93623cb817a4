"""The state machine: everything that can happen in a small hospital, one step after another."""

import sys
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
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
from exam_sharing.testing.cases import portals
from exam_sharing.testing.cases.schema import Data
from exam_sharing.testing.machine import drawing
from exam_sharing.testing.machine.drawing import booleans, members, numbers, pick, seldom
from exam_sharing.testing.machine.hospital import (
    EXAMS,
    GROUPS,
    STRANGER,
    USERS,
    Hidden,
    Hospital,
)
from exam_sharing.testing.progress import Search
from exam_sharing.testing.story import RulesBroken, clock_time, differing

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
    page: int
    """The number of exams on a page of a list."""
    typed: str
    """What everybody types to find recipients."""
    turns: Iterator[int]
    """Which strangers and previews are asked about next."""
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
    def _open(self, policy: es.Policy, users: tuple[es.UserId, ...], hidden: Hidden) -> Hospital:
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
    def _look(self, act: Data) -> None: ...
    @abstractmethod
    def _ask_everything(self) -> None: ...

    def _in_words(self, answer: Any) -> str:  # noqa: ANN401  of what is tested or of the model
        return self.hospital.words.value(answer)

    def _broken(self, question: str, expected: object, got: object) -> RulesBroken:
        """Return the story, which ends with a question of which the answers differ."""
        asked = f"{clock_time(self.hospital.now)}  {question}"
        answers = map(self._in_words, differing(expected, got))
        return RulesBroken(tuple(self.hospital.story), asked, *answers)

    @initialize(data=st.data())
    def begin(self, *, data: st.DataObject) -> None:
        """Upload the first exams in a hospital with users and groups."""
        draw = data.draw
        policy, users = draw(drawing.policies), USERS[: draw(st.integers(2, len(USERS)))]
        members_of = dict(zip(GROUPS, draw(st.lists(members, max_size=len(GROUPS))), strict=False))
        everybody: tuple[es.PrincipalId, ...] = (*users, *members_of)
        pairs = st.tuples(st.sampled_from(users), st.sampled_from(everybody))
        hidden = draw(st.frozensets(pairs, max_size=2 if draw(seldom) else 0))
        self.page = draw(st.sampled_from((6, 2, 1)))
        self.typed = draw(st.sampled_from(drawing.TYPED))
        self.turns = count(draw(numbers))
        self.hospital = self._open(policy, users, hidden)
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

    @doing("look")
    @rule(who=numbers, which=numbers, again=booleans)
    def look(self, *, who: int, which: int, again: bool) -> None:
        """Let the host report that it served an exam, one that there is or not.

        Or that it did so again, at once or a minute later.
        """
        hospital, permission = self.hospital, pick(which, tuple(es.Permission))
        user, exam = pick(who, (*hospital.users, STRANGER)), pick(which, EXAMS)
        looked = user, exam, permission, pick(who, (None, "TREATMENT"))
        if again and hospital.world.accesses:
            (exam, _), row = pick(who, list(hospital.world.accesses.items()))
            looked = row.user, exam, row.permission, row.purpose
            if which % 2 and "clock" in self.acts:
                hospital.wait(hospital.now + timedelta(minutes=1))
        user, exam, permission, purpose = looked
        hospital.add_line(f"{user} looks at {exam}: {permission.name}, purpose {purpose}.")
        about = {"user": user.value, "exam": exam.value, "permission": permission.name}
        self._look({"act": "look", **about, "purpose": purpose})
        self._ask_everything()

    look_2: Final = look

    @doing("clock")
    @rule(how=numbers)
    def pass_time(self, *, how: int) -> None:
        """Let minutes pass, or the time until an expiry or just before one."""
        self.hospital.wait(self.choices.moment(how))
        self._ask_everything()

    pass_time_2: Final = pass_time
    pass_time_3: Final = pass_time

    @doing("notices")
    @rule(away=members)
    def deliver_notices(self, *, away: list[int]) -> None:
        """Deliver the waiting notices; some readers cannot be reached."""
        hospital = self.hospital
        unreachable = frozenset(pick(number, hospital.users) for number in away)
        failing = f"; {hospital.words.value(unreachable)} cannot be reached" if away else ""
        hospital.add_line(f"Notices are delivered{failing}.")
        self._deliver(unreachable)
