"""The laws of the past: `SharingHistory`, and `PeopleHistory` beside it.

Random acts, changes of groups and ticks of the clock; what was answered then must be answered
again. Specification: `#who-could-see-it`, `#history`.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from enum import Enum
from typing import Final

import attrs
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.acts import history, showing
from exam_sharing.history import Place, Stretch, subjects_of
from exam_sharing.memory import MemoryDirectory, MemoryNotifier
from exam_sharing.policy.past import Moment
from exam_sharing.ports import Ports
from exam_sharing.testing.edges import START, TICK
from exam_sharing.testing.laws.bench import Bench, StoreTrial, laws_of_port
from exam_sharing.testing.laws.law import in_pages, needed, same, search

law: Final = laws_of_port()

_EXAM: Final = es.ExamId("exam")
_USERS: Final = tuple(map(es.UserId, "abc"))
_GROUPS: Final = tuple(map(es.GroupId, "gh"))
_PRINCIPALS: Final[tuple[es.PrincipalId, ...]] = (*_USERS, *_GROUPS)


class _Kind(Enum):
    """The kinds of steps, as sentences without their full stops."""

    SHARE = "User {0.user} shares {0.permission.name} with {0.principal!r}, for {0.ticks} ticks"
    UNSHARE = "User {0.user} unshares from {0.principal!r}, with {0.reshares.name}"
    NARROW = "User {0.user} narrows {0.principal!r} to VIEW, for {0.ticks} ticks"
    TRANSFER = "The exam goes to user {0.user}"
    WITHDRAW = "The host withdraws the exam"
    JOIN = "{0.principal!r} joins {0.group!r}, or leaves it"
    SWITCH = "User {0.user} becomes inactive, or active again"
    REMOVE = "{0.principal!r} is removed from the directory"
    TICK = "The clock goes on"


@attrs.frozen(kw_only=True)
class _Step:
    kind: _Kind
    user: es.UserId
    principal: es.PrincipalId
    group: es.GroupId
    permission: es.Permission
    reshares: es.Reshares
    ticks: int


_STEPS: Final = st.lists(
    st.builds(
        _Step,
        # Most stories need shares of the owner that end; withdrawals and removals are for good.
        kind=st.sampled_from([*[*_Kind][:3] * 2, *_Kind]).filter(
            lambda kind: kind not in {_Kind.WITHDRAW, _Kind.REMOVE}
        )
        | st.sampled_from(_Kind),
        user=st.sampled_from((*_USERS[:1] * 4, *_USERS)),
        principal=st.sampled_from((*_GROUPS[:1] * 4, *_USERS[1:2] * 4, *_PRINCIPALS)),
        group=st.sampled_from(_GROUPS),
        permission=st.sampled_from(es.Permission),
        reshares=st.sampled_from((es.Reshares.KEEP, es.Reshares.CASCADE)),
        ticks=st.integers(1, 3),
    ),
    min_size=6,
    max_size=14,
)


@attrs.frozen(kw_only=True)
class _Answered:
    """What was answered at a moment."""

    moment: Moment
    answers: dict[str, object]


class _Clinic:
    """A portal over the store under test and a directory in memory, with one clock."""

    def __init__(self, bench: Bench) -> None:
        self.now = START
        self.bench = bench
        self.directory = MemoryDirectory(clock=lambda: self.now)
        for user in _USERS:
            self.directory.add(es.User(id=user, name=f"{user}"))
        for group in _GROUPS:
            self.directory.add(es.Group(id=group, name=f"{group}"))
        bench.upload(_EXAM.value, owner=_USERS[0])
        self.ports: Ports = bench.ports.with_people(self.directory, notifier=MemoryNotifier())
        self.sharing = es.Sharing(
            policy=es.Policy(),
            ports=self.ports,
            clock=lambda: self.now,
            new_id=bench.new_id,
            sends_at_once=False,
        )

    def take(self, step: _Step) -> None:
        # What is refused, or no longer possible, leaves nothing but the record of a refusal.
        with suppress(es.ExamSharingError):
            getattr(self, f"_{step.kind.name.lower()}")(step)

    def _share(self, step: _Step) -> None:
        request = es.ShareRequest(
            actor=step.user,
            exam=_EXAM,
            recipients=(step.principal,),
            permission=step.permission,
            until=self.now + step.ticks * TICK if step.ticks > 1 else None,
            attested=True,
        )
        self.sharing.share(request)

    def _unshare(self, step: _Step) -> None:
        request = es.UnshareRequest(
            actor=step.user, exam=_EXAM, recipient=step.principal, reshares=step.reshares
        )
        self.sharing.unshare(request)

    def _narrow(self, step: _Step) -> None:
        request = es.NarrowRequest(
            actor=step.user,
            exam=_EXAM,
            recipient=step.principal,
            permission=es.Permission.VIEW,
            until=self.now + step.ticks * TICK,
        )
        self.sharing.narrow(request)

    def _transfer(self, step: _Step) -> None:
        if self.bench.trial.transfer is not None:
            self.bench.transfer(_EXAM, step.user, self.now)

    def _withdraw(self, _step: _Step) -> None:
        self.sharing.admin.withdraw(_EXAM, performed_by="host", why="a law is tried")

    def _join(self, step: _Step) -> None:
        group = self.directory.group(step.group)
        if group is not None:
            self.directory.add(attrs.evolve(group, members=group.members ^ {step.principal}))

    def _switch(self, step: _Step) -> None:
        user = self.directory.user(step.user)
        if user is not None:
            self.directory.add(attrs.evolve(user, active=not user.active))

    def _remove(self, step: _Step) -> None:
        self.directory.remove(step.principal)

    def _tick(self, _step: _Step) -> None:
        self.now += TICK

    def answered(self) -> _Answered:
        """Ask everything now."""
        version = self.ports.grants.read((_EXAM,), ended=False)[_EXAM].version
        change = self.directory.last_change()
        moment = Moment(at=self.now, version=version, change=change)
        return _Answered(moment=moment, answers=_answers(self.ports, self.now))

    def answered_again(self, moment: Moment) -> dict[str, object]:
        return _answers(history.Then(self.ports, _EXAM, moment).ports, moment.at)


def _answers(ports: Ports, now: datetime) -> dict[str, object]:
    def who_can(permission: es.Permission) -> object:
        try:
            return showing.who_can(ports, permission, _EXAM, now)
        except es.Refused as refused:
            return refused.reasons

    asked = ((user, permission) for user in _USERS for permission in es.Permission)
    explained = {
        f"explain {user} {permission.name}": showing.explain(ports, user, permission, _EXAM, now)
        for user, permission in asked
    }
    return {**explained, **{f"who can {each.name}": who_can(each) for each in es.Permission}}


@law.of_trial()
def every_answer_is_given_again(trial: StoreTrial) -> None:
    """What was answered of an exam is answered again, of that version and of that time.

    A store that keeps no history has nothing to answer.
    """

    def check(steps: list[_Step]) -> None:
        with trial.bench() as bench:
            if bench.ports.history is None:
                return
            clinic = _Clinic(bench)
            past = [clinic.answered()]
            for step in steps:
                clinic.take(step)
                past.append(clinic.answered())
            _require_again(clinic, past)

    search(_STEPS, trial.examples, check, _story)


def _require_again(clinic: _Clinic, past: list[_Answered]) -> None:
    for each in past:
        found = clinic.answered_again(each.moment)
        same(f"answered again of {each.moment!r}", found, each.answers)
    # By time, the last answer before the clock went on.
    last = {each.moment.at: each.answers for each in past}
    for at, answers in last.items():
        same(f"answered again of {at}", clinic.answered_again(Moment(at=at)), answers)


@law.of_trial("events")
def histories_hold_all_that_names_them(trial: StoreTrial) -> None:
    """The history of an exam, of a user, and of both, is what names them, newest first."""

    def check(steps: list[_Step]) -> None:
        with trial.bench() as bench:
            clinic = _Clinic(bench)
            for step in steps:
                clinic.take(step)
            _require_history(bench)

    search(_STEPS, trial.examples, check, _story)


def _require_history(bench: Bench) -> None:
    kept = bench.ports.history
    if kept is None:
        return
    events = tuple(needed(bench.trial.events)(bench.ports.store))
    # The place in the trail orders events of one time.
    placed = sorted(enumerate(events), key=lambda each: (each[1].at, each[0]), reverse=True)
    for exam, user in ((_EXAM, None), (None, _USERS[1]), (_EXAM, _USERS[1])):
        named = {each for each in (exam, user) if each is not None}
        expected = [event for _, event in placed if named <= subjects_of(event)]
        for limit in (1, 2, 99):

            def page(
                after: Place | None,
                exam: es.ExamId | None = exam,
                user: es.UserId | None = user,
                limit: int = limit,
            ) -> tuple[es.Happening, ...]:
                return kept.happened(exam, user, Stretch(after=after, limit=limit))

            entries = in_pages("an entry", limit, page, lambda entry: (entry.at, entry.number))
            what = f"the history of {exam!r} and {user!r}, in pages of {limit}"
            same(what, [each.what for each in entries], expected)
        for since in (START, START + TICK):
            part = kept.happened(exam, user, Stretch(since=since, before=since + TICK, limit=99))
            inside = [each for each in expected if each.at == since]
            same(f"the history at {since}", [each.what for each in part], inside)


def _story(steps: list[_Step]) -> Iterator[str]:
    yield "User a owns an exam; nobody is in the groups g and h."
    for step in steps:
        yield f"{step.kind.value.format(step)}."
