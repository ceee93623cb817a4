"""The laws of histories: random ones beside a few sets of Python, and every act after a share.

After each random act, `read` must return what the sets hold; in the end, so must every check and
list.

Specification: `#list-and-check-agree`, `#sharing-again`.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from enum import Enum
from typing import Final

import attrs
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.grants import EndedGrant
from exam_sharing.ports import Changes
from exam_sharing.testing.cases.portals import over_store
from exam_sharing.testing.edges import DAY, START, TICK
from exam_sharing.testing.histories import SHARE_WITH_GROUP, continued
from exam_sharing.testing.laws.bench import Bench, StoreTrial, laws_of_port
from exam_sharing.testing.laws.law import insist, same, same_members
from exam_sharing.testing.story import WORDS, RulesBroken, clock_time

law: Final = laws_of_port()

_USERS: Final = tuple(map(es.UserId, "abc"))
_GROUPS: Final = tuple(map(es.GroupId, "ab"))
_PRINCIPALS: Final[tuple[es.PrincipalId, ...]] = (*_USERS, *_GROUPS)
_EXAMS: Final = tuple(map(es.ExamId, "wxyz"))


class _Kind(Enum):
    """The kinds of acts, as sentences without their full stops."""

    SHARE = "User {act.grantor} shares {act.exam} with {given}"
    END = "{some} are ended, if there are so many"
    NARROW = "{some} are narrowed to end at {start}, if there are so many"
    WITHDRAW = "The host withdraws {act.exam}"
    LOSE = "A share of {act.exam} is written after a version that it read has moved"


@attrs.frozen(kw_only=True)
class _Act:
    """An act on an exam; shares alone use `grantor` to `until`, and endings alone `which`."""

    kind: _Kind
    exam: es.ExamId
    grantor: es.UserId
    recipients: list[es.PrincipalId]
    permission: es.Permission
    until: datetime | None
    which: frozenset[int]


@attrs.frozen(kw_only=True)
class _History:
    """The owners and the days of the exams, the groups of the users, and the acts."""

    owners: tuple[es.UserId, ...]
    days: tuple[int, ...]
    groups: tuple[frozenset[es.GroupId], ...]
    acts: list[_Act]


_ACTS: Final = st.builds(
    _Act,
    kind=st.sampled_from(_Kind),
    exam=st.sampled_from(_EXAMS),
    grantor=st.sampled_from(_USERS),
    recipients=st.lists(st.sampled_from(_PRINCIPALS), min_size=1, max_size=3, unique=True),
    permission=st.sampled_from(es.Permission),
    until=st.sampled_from((None, START - TICK, START, START + TICK, START + DAY)),
    which=st.frozensets(st.integers(0, 3), min_size=1),
)
_HISTORIES: Final = st.builds(
    _History,
    owners=st.tuples(*(st.sampled_from(_USERS) for _ in _EXAMS)),
    days=st.tuples(*(st.integers(0, 2) for _ in _EXAMS)),
    groups=st.tuples(*(st.frozensets(st.sampled_from(_GROUPS)) for _ in _USERS)),
    acts=st.lists(_ACTS, min_size=1, max_size=12),
)


class _Kept:
    """The sets: what a store must keep."""

    def __init__(self, history: _History) -> None:
        self.owners = dict(zip(_EXAMS, history.owners, strict=True))
        self.versions = dict.fromkeys(_EXAMS, 0)
        self.withdrawn: set[es.ExamId] = set()
        self.grants: set[es.Grant] = set()
        self.ended: set[EndedGrant] = set()

    def take(self, changes: Changes) -> None:
        self.grants |= set(changes.made)
        self.grants -= {past.grant for past in changes.ended}
        self.ended |= set(changes.ended)
        self.withdrawn |= {changes.withdrawn} if changes.withdrawn else set()
        for exam in changes.moved:
            self.versions[exam] += 1

    def on(self, exam: es.ExamId) -> tuple[es.Grant, ...]:
        return tuple(sorted((g for g in self.grants if g.exam == exam), key=lambda g: g.id))

    def held(
        self, user: es.UserId, principals: Collection[es.PrincipalId], now: datetime
    ) -> dict[es.ExamId, es.Permission]:
        held: dict[es.ExamId, es.Permission] = {}
        for exam in _EXAMS:
            given = [
                grant.permission
                for grant in self.on(exam)
                if grant.recipient in principals and grant.grantor != user
                if grant.until is None or now < grant.until
            ]
            given += [max(es.Permission)] if self.owners[exam] == user else []
            if given and exam not in self.withdrawn:
                held[exam] = max(given)
        return held


def _story(history: _History) -> Iterator[str]:
    for exam, owner, day in zip(_EXAMS, history.owners, history.days, strict=True):
        yield f"Exam {exam} arrives, uploaded on {START + day * DAY:%d %B} and owned by {owner}."
    for user, groups in zip(_USERS, history.groups, strict=True):
        if groups:
            yield f"User {user} is in {WORDS.people(groups)}."
    for act in history.acts:
        yield f"{_sentence(act)}."


def _sentence(act: _Act) -> str:
    until = "" if act.until is None else f" until {clock_time(act.until)}"
    given = f"{WORDS.people(act.recipients)} for {act.permission.name}{until}"
    which = " and ".join(str(place + 1) for place in sorted(act.which))
    some = f"Of the grants on {act.exam}, number {which}"
    return act.kind.value.format(act=act, given=given, some=some, start=clock_time(START))


@law.of_examples(_HISTORIES, _story)
def checks_and_lists_agree_after_random_acts(bench: Bench, history: _History) -> None:
    """Checks and lists agree with each other and with the grants, after any acts."""
    kept = _Kept(history)
    for (exam, owner), day in zip(kept.owners.items(), history.days, strict=True):
        batch = es.BatchId(f"batch of {exam}")
        bench.add(
            es.UploadBatch(id=batch, uploader=owner, received_at=START),
            es.Exam(id=exam, owner=owner, batch=batch, uploaded_at=START + day * DAY),
        )
    for act in history.acts:
        for changes, written in _written(bench, kept, act):
            same(f"whether this is written: {_sentence(act)}", bench.commit(changes), written)
            if written:
                kept.take(changes)
        _require_kept(bench, kept, act)
    for principal in _PRINCIPALS:
        granted = {grant.exam for grant in kept.grants if grant.recipient == principal}
        found = bench.ports.grants.exams_granted_to(principal)
        same(f"exams granted to {principal!r}", found, tuple(sorted(granted)))
    for user, groups in zip(_USERS, history.groups, strict=True):
        for now in (START, START + DAY):
            held = kept.held(user, (user, *groups), now)
            bench.require_held(user, (user, *groups), held, now=now, limits=(1, 2, 9))


@law.of_trial("uploads_by_port")
def every_act_after_a_share_with_a_group_keeps_the_rules(trial: StoreTrial) -> None:
    """No one exceeds their source, lists agree with checks, and refused acts change nothing.

    That holds for each of 48 acts of three users, two of them in the group, on one exam.
    `check_histories` tries all histories.
    """
    trial.require_usable()
    try:
        continued(over_store(trial.open_store), (("ben", "carla"), (SHARE_WITH_GROUP,)))
    except RulesBroken as broken:
        insist(holds=False, problem=str(broken))


def _written(bench: Bench, kept: _Kept, act: _Act) -> Iterator[tuple[Changes, bool]]:
    """Yield the changes of an act, and whether each can be written."""
    exam, standing = act.exam, kept.on(act.exam)
    chosen = [standing[place] for place in sorted(act.which) if place < len(standing)]
    if exam in kept.withdrawn or (act.kind in {_Kind.END, _Kind.NARROW} and not chosen):
        return
    match act.kind:
        case _Kind.SHARE:
            if grants := _new_grants(bench, standing, act):
                yield bench.sharing(*grants), True
        case _Kind.END:
            yield bench.ending(*chosen), True
        case _Kind.NARROW:
            cut = {
                grant: bench.grant(exam, grant.recipient, grantor=grant.grantor, until=START)
                for grant in chosen
                if grant.holding.view > START
            }
            yield bench.ending(*chosen, replacements=cut, how=es.HowEnded.NARROWED), True
        case _Kind.WITHDRAW:
            yield bench.withdrawal(exam, *standing), True
        case _Kind.LOSE:
            late = bench.sharing(bench.grant(exam, es.UserId("late")))
            yield bench.sharing(bench.grant(exam, es.UserId(bench.new_id()))), True
            yield late, False


def _new_grants(bench: Bench, standing: tuple[es.Grant, ...], act: _Act) -> list[es.Grant]:
    new: list[es.Grant] = []
    for to in act.recipients:
        grant = bench.grant(act.exam, to, act.permission, until=act.until, grantor=act.grantor)
        given = [each for each in standing if (each.grantor, each.recipient) == (act.grantor, to)]
        covered = any(each.holding.covers(grant.holding) for each in given)
        if to != act.grantor and not covered:
            new.append(grant)
    return new


def _require_kept(bench: Bench, kept: _Kept, act: _Act) -> None:
    read = bench.ports.grants.read(_EXAMS, ended=True)
    for exam in _EXAMS:
        when, found = f"on {exam} after this: {_sentence(act)}", read[exam]
        same(f"the version {when}", found.version, kept.versions[exam])
        same(f"whether a withdrawal is {when}", found.withdrawn, exam in kept.withdrawn)
        same_members(f"the grants {when}", found.grants, kept.on(exam))
        ended = [past for past in kept.ended if past.grant.exam == exam]
        same_members(f"the ended grants {when}", found.ended, ended)
