"""The laws of the past: `SharingHistory`, and `PeopleHistory` beside it.

Random acts, changes of groups and ticks of the clock; what was answered then must be answered
again. Specification: `#who-could-see-it`, `#history`.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from enum import Enum
from functools import partial
from itertools import product
from typing import Any, Final, TypeAlias

import attrs
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.acts import history, showing
from exam_sharing.events import Event
from exam_sharing.history import Stretch, subjects_of
from exam_sharing.memory import MemoryDirectory, MemoryNotifier
from exam_sharing.policy.past import Moment
from exam_sharing.ports import Ports
from exam_sharing.testing.edges import START, TICK
from exam_sharing.testing.laws.bench import Bench, laws_of_port
from exam_sharing.testing.laws.law import in_pages, same

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


_Answers: TypeAlias = dict[str, object]


def _story(steps: list[_Step]) -> Iterator[str]:
    yield "User a owns an exam; nobody is in the groups g and h."
    for step in steps:
        yield f"{step.kind.value.format(step)}."


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
            self._take(step)

    def _take(self, step: _Step) -> None:  # noqa: C901  by kind
        until, directory = self.now + step.ticks * TICK, self.directory
        asked: dict[str, Any] = {"actor": step.user, "exam": _EXAM}
        match step.kind:
            case _Kind.SHARE:
                asked |= {"recipients": (step.principal,), "permission": step.permission}
                asked |= {"until": until if step.ticks > 1 else None, "attested": True}
                self.sharing.share(es.ShareRequest(**asked))
            case _Kind.UNSHARE:
                asked |= {"recipient": step.principal, "reshares": step.reshares}
                self.sharing.unshare(es.UnshareRequest(**asked))
            case _Kind.NARROW:
                asked |= {"recipient": step.principal, "permission": es.Permission.VIEW}
                self.sharing.narrow(es.NarrowRequest(**asked, until=until))
            case _Kind.TRANSFER:
                if self.bench.trial.transfer is not None:
                    self.bench.transfer(_EXAM, step.user, self.now)
            case _Kind.WITHDRAW:
                self.sharing.admin.withdraw(_EXAM, performed_by="host", why="a law is tried")
            case _Kind.JOIN:
                if group := directory.group(step.group):
                    directory.add(attrs.evolve(group, members=group.members ^ {step.principal}))
            case _Kind.SWITCH:
                if user := directory.user(step.user):
                    directory.add(attrs.evolve(user, active=not user.active))
            case _Kind.REMOVE:
                directory.remove(step.principal)
            case _Kind.TICK:
                self.now += TICK

    def answered(self) -> tuple[Moment, _Answers]:
        """Ask everything now."""
        version = self.ports.grants.read((_EXAM,), ended=False)[_EXAM].version
        moment = Moment(at=self.now, version=version, change=self.directory.last_change())
        return moment, _answers(self.ports, self.now)

    def answered_again(self, moment: Moment) -> _Answers:
        return _answers(history.Then(self.ports, _EXAM, moment).ports, moment.at)


def _answers(ports: Ports, now: datetime) -> _Answers:
    def who_can(permission: es.Permission) -> object:
        try:
            return showing.who_can(ports, permission, _EXAM, now)
        except es.Refused as refused:
            return refused.reasons

    explained = {
        f"explain {user} {permission.name}": showing.explain(ports, user, permission, _EXAM, now)
        for user, permission in product(_USERS, es.Permission)
    }
    return {**explained, **{f"who can {each.name}": who_can(each) for each in es.Permission}}


@law.of_examples(_STEPS, _story)
def every_answer_is_given_again(bench: Bench, steps: list[_Step]) -> None:
    """What was answered of an exam is answered again, of that version and of that time.

    A store that keeps no history has nothing to answer.
    """
    if bench.ports.history is None:
        return
    clinic = _Clinic(bench)
    past = [clinic.answered()]
    for step in steps:
        clinic.take(step)
        past.append(clinic.answered())
    for moment, answers in past:
        same(f"answered again of {moment!r}", clinic.answered_again(moment), answers)
    # By time, the last answer before the clock went on.
    last = {moment.at: answers for moment, answers in past}
    for at, answers in last.items():
        same(f"answered again of {at}", clinic.answered_again(Moment(at=at)), answers)


@law.of_examples(_STEPS, _story, "events")
def histories_hold_all_that_names_them(bench: Bench, steps: list[_Step]) -> None:
    """The history of an exam, of a user, and of both, is what names them, newest first."""
    clinic = _Clinic(bench)
    for step in steps:
        clinic.take(step)
    # The place in the trail orders events of one time.
    placed = sorted(enumerate(bench.events()), key=lambda each: (each[1].at, each[0]))
    newest_first = [event for _, event in reversed(placed)]
    for exam, user in ((_EXAM, None), (None, _USERS[1]), (_EXAM, _USERS[1])):
        _require_history(bench, newest_first, exam, user)


def _require_history(
    bench: Bench, events: list[Event], exam: es.ExamId | None, user: es.UserId | None
) -> None:
    if bench.ports.history is None:
        return
    happened = partial(bench.ports.history.happened, exam, user)
    named = {each for each in (exam, user) if each is not None}
    expected = [event for event in events if named <= subjects_of(event)]
    for limit in (1, 2, 99):
        entries = in_pages(
            "an entry",
            limit,
            lambda after, most: happened(Stretch(after=after, limit=most)),
            lambda entry: (entry.at, entry.number),
        )
        what = f"the history of {exam!r} and {user!r}, in pages of {limit}"
        same(what, [each.what for each in entries], expected)
    for since in (START, START + TICK):
        part = happened(Stretch(since=since, before=since + TICK, limit=99))
        inside = [each for each in expected if each.at == since]
        same(f"the history at {since}", [each.what for each in part], inside)
