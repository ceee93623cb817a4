"""The law of random histories: a store must agree with a few sets of Python.

A history is some acts on a few exams. After each act, `read` must return what the sets hold. In the
end, every check and every list must agree with the sets: for everybody, at times at which grants
end, and in pages of several sizes.

Specification: `#list-and-check-agree`, `#sharing-again`.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, TypeAlias

import attrs
from hypothesis import strategies as st

from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import EndedGrant, Grant, HowEnded, Permission
from exam_sharing.identifiers import BatchId, ExamId, GroupId, PrincipalId, PrincipalKey, UserId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.ports import Changes
from exam_sharing.testing.edges import DAY, START, TICK
from exam_sharing.testing.laws.bench import Bench, StoreTrial, keys_of, laws_of_port
from exam_sharing.testing.laws.law import same, search

law: Final = laws_of_port()

_USERS: Final = tuple(map(UserId, "abc"))
_GROUPS: Final = tuple(map(GroupId, "ab"))
_PRINCIPALS: Final[tuple[PrincipalId, ...]] = (*_USERS, *_GROUPS)
_EXAMS: Final = tuple(map(ExamId, ("w", "x", "y", "z")))
_TIMES: Final = (START - TICK, START, START + TICK, START + DAY)


@attrs.frozen
class _Share:
    """A share of one exam with some principals."""

    exam: ExamId
    grantor: UserId
    recipients: tuple[PrincipalId, ...]
    permission: Permission
    until: int | None
    """An index of the times."""


@attrs.frozen
class _End:
    """An ending of some of the grants on an exam."""

    exam: ExamId
    which: frozenset[int]
    narrowed: bool


@attrs.frozen
class _Withdraw:
    exam: ExamId


@attrs.frozen
class _LoseRace:
    """A share of an exam whose version moves before its commit."""

    exam: ExamId


_Act: TypeAlias = _Share | _End | _Withdraw | _LoseRace

_exams = st.sampled_from(_EXAMS)
_acts: Final[st.SearchStrategy[_Act]] = st.one_of(
    st.builds(
        _Share,
        _exams,
        st.sampled_from(_USERS),
        st.lists(st.sampled_from(_PRINCIPALS), min_size=1, max_size=3, unique=True).map(tuple),
        st.sampled_from(Permission),
        st.none() | st.integers(0, len(_TIMES) - 1),
    ),
    st.builds(_End, _exams, st.frozensets(st.integers(0, 3), min_size=1), st.booleans()),
    st.builds(_Withdraw, _exams),
    st.builds(_LoseRace, _exams),
)


@attrs.frozen
class _History:
    """The owners and the days of the exams, the groups of the users, and the acts."""

    owners: tuple[UserId, ...]
    days: tuple[int, ...]
    groups: tuple[frozenset[GroupId], ...]
    acts: tuple[_Act, ...]


_HISTORIES: Final = st.builds(
    _History,
    st.tuples(*(st.sampled_from(_USERS) for _ in _EXAMS)),
    st.tuples(*(st.integers(0, 2) for _ in _EXAMS)),
    st.tuples(*(st.frozensets(st.sampled_from(_GROUPS)) for _ in _USERS)),
    st.lists(_acts, min_size=1, max_size=12).map(tuple),
)


class _Kept:
    """The sets: what a store must keep."""

    def __init__(self, history: _History) -> None:
        self.owners = dict(zip(_EXAMS, history.owners, strict=True))
        self.days = dict(zip(_EXAMS, history.days, strict=True))
        self.versions = dict.fromkeys(_EXAMS, 0)
        self.withdrawn: set[ExamId] = set()
        self.grants: set[Grant] = set()
        self.ended: set[EndedGrant] = set()

    def take(self, changes: Changes) -> None:
        """Keep what a commit writes."""
        self.grants |= set(changes.made)
        self.grants -= {past.grant for past in changes.ended}
        self.ended |= set(changes.ended)
        self.withdrawn |= {changes.withdrawn} if changes.withdrawn else set()
        for exam in changes.moved:
            self.versions[exam] += 1

    def on(self, exam: ExamId) -> tuple[Grant, ...]:
        """Return the standing grants on an exam, in the order of their ids."""
        return tuple(sorted((g for g in self.grants if g.exam == exam), key=lambda g: g.id))

    def held(self, user: UserId, keys: Iterable[PrincipalKey], exam: ExamId, now: datetime) -> int:
        """Return the highest permission that a user holds on an exam; 0 for none."""
        if exam in self.withdrawn:
            return 0
        if self.owners[exam] == user:
            return max(Permission)
        reaching = (g for g in self.on(exam) if g.recipient.key in keys and g.grantor != user)
        return max((g.permission for g in reaching if g.until is None or now < g.until), default=0)


@law.of_trial()
def checks_and_lists_agree_after_random_acts(trial: StoreTrial) -> None:
    """Checks and lists agree with each other and with the grants, after any acts."""

    def check(history: _History) -> None:
        with trial.bench() as bench:
            _live_through(bench, history)

    trial.require_usable()
    search(_HISTORIES, trial.examples, check, _story)


def _story(history: _History) -> Iterator[str]:
    for exam, owner, day in zip(_EXAMS, history.owners, history.days, strict=True):
        yield f"Exam {exam} arrives, uploaded on {START + day * DAY:%d %B} and owned by {owner}."
    for user, groups in zip(_USERS, history.groups, strict=True):
        if groups:
            yield f"User {user} is in {_named(sorted(groups))}."
    for act in history.acts:
        yield f"{_sentence(act)}."


def _named(principals: Iterable[PrincipalId]) -> str:
    kinds = {UserId: "user", GroupId: "group"}
    return " and ".join(f"{kinds[type(each)]} {each}" for each in principals)


def _sentence(act: _Act) -> str:
    """Return an act as a sentence without its full stop."""
    match act:
        case _Share():
            until = "" if act.until is None else f" until {_TIMES[act.until]}"
            given = f"{act.permission.name}{until}"
            return f"User {act.grantor} shares {act.exam} with {_named(act.recipients)}: {given}"
        case _End():
            which = " and ".join(str(place + 1) for place in sorted(act.which))
            done = f"are narrowed to end at {START}" if act.narrowed else "are ended"
            return f"Of the grants on {act.exam}, number {which} {done}, if there are so many"
        case _Withdraw():
            return f"The host withdraws {act.exam}"
        case _LoseRace():
            return f"A share of {act.exam} is written after a version that it read has moved"


def _live_through(bench: Bench, history: _History) -> None:
    kept = _Kept(history)
    for exam, owner in kept.owners.items():
        batch = BatchId(f"batch of {exam}")
        bench.add(
            UploadBatch(id=batch, uploader=owner, received_at=START),
            Exam(id=exam, owner=owner, batch=batch, uploaded_at=START + kept.days[exam] * DAY),
        )
    for act in history.acts:
        for changes, written in _written(bench, kept, act):
            same(f"whether this is written: {_sentence(act)}", bench.commit(changes), written)
            if written:
                kept.take(changes)
        _require_kept(bench, kept, act)
    _require_found_by_recipient(bench, kept)
    for user, groups in zip(_USERS, history.groups, strict=True):
        keys = keys_of(user, *groups)
        for now in (START, START + DAY):
            held = {exam: kept.held(user, keys, exam, now) for exam in _EXAMS}
            highest = {exam: Permission(each) for exam, each in held.items() if each}
            bench.require_held(user, (user, *groups), highest, now=now, limits=(1, 2, 9))


def _written(bench: Bench, kept: _Kept, act: _Act) -> Iterator[tuple[Changes, bool]]:
    """Yield the changes of an act, and whether each can be written; none if it changes nothing."""
    if act.exam in kept.withdrawn:
        return
    match act:
        case _Share():
            grants = _new_grants(bench, kept, act)
            if grants:
                yield bench.sharing(*grants), True
        case _End(exam=exam, which=which, narrowed=narrowed):
            standing = kept.on(exam)
            chosen = [standing[place] for place in sorted(which) if place < len(standing)]
            cut = {
                grant: bench.grant(exam, grant.recipient, grantor=grant.grantor, until=START)
                for grant in chosen
                if narrowed and grant.holding.view > START
            }
            if chosen:
                how = HowEnded.NARROWED if narrowed else HowEnded.UNSHARED
                yield bench.ending(*chosen, replacements=cut, how=how), True
        case _Withdraw(exam=exam):
            yield bench.withdrawal(exam, *kept.on(exam)), True
        case _LoseRace(exam=exam):
            late = bench.sharing(bench.grant(exam, UserId("late")))
            yield bench.sharing(bench.grant(exam, UserId(bench.new_id()))), True
            yield late, False


def _new_grants(bench: Bench, kept: _Kept, share: _Share) -> list[Grant]:
    """Return the grants that add to what the grantor gave."""
    until = None if share.until is None else _TIMES[share.until]
    wanted = [
        bench.grant(share.exam, to, share.permission, until=until, grantor=share.grantor)
        for to in share.recipients
        if to != share.grantor
    ]
    return [
        grant
        for grant in wanted
        if not any(
            given.holding.covers(grant.holding)
            for given in kept.on(grant.exam)
            if (given.grantor, given.recipient) == (grant.grantor, grant.recipient)
        )
    ]


def _require_kept(bench: Bench, kept: _Kept, act: _Act) -> None:
    read = bench.ports.grants.read(_EXAMS, ended=True)
    for exam in _EXAMS:
        expected = ExamGrants(
            version=kept.versions[exam],
            withdrawn=exam in kept.withdrawn,
            grants=kept.on(exam),
            ended=_in_order(past for past in kept.ended if past.grant.exam == exam),
        )
        found = attrs.evolve(
            read[exam],
            grants=tuple(sorted(read[exam].grants, key=lambda grant: grant.id)),
            ended=_in_order(read[exam].ended),
        )
        same(f"the sharing of {exam} after this: {_sentence(act)}", found, expected)


def _require_found_by_recipient(bench: Bench, kept: _Kept) -> None:
    for principal in _PRINCIPALS:
        granted = {grant.exam for grant in kept.grants if grant.recipient == principal}
        found = bench.ports.grants.exams_granted_to(principal)
        same(f"exams granted to {principal!r}", found, tuple(sorted(granted)))


def _in_order(ended: Iterable[EndedGrant]) -> tuple[EndedGrant, ...]:
    return tuple(sorted(ended, key=lambda past: past.grant.id))
