"""Every small history: all acts of three users on one exam, in every order, up to some length.

There are 48 acts: each user shares for view or download, or unshares with or without a cascade, and
names a user or the group. A history ends with an act that the rules refuse, or that does nothing.
Memberships of the group that differ from another one only in Ben and Carla are left out.

Specification: `#invariants`, `#re-shares`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from itertools import product
from time import monotonic
from typing import Any, Final, TypeAlias

import attrs

import exam_sharing as es
from exam_sharing.documents import with_kind
from exam_sharing.policy.requests import Request
from exam_sharing.testing import model
from exam_sharing.testing.cases.builders import case, exam, upload
from exam_sharing.testing.cases.people import OWNER, Group, User
from exam_sharing.testing.cases.portals import request_of
from exam_sharing.testing.cases.running import NOT_DONE, tried
from exam_sharing.testing.cases.schema import Data, OpenPortal, Portal
from exam_sharing.testing.edges import START
from exam_sharing.testing.opening import entered
from exam_sharing.testing.story import RulesBroken, Words
from exam_sharing.validation import require_callable

__all__ = ["Histories", "check_histories"]

_CT: Final = es.ExamId("ct")
_USERS: Final = (OWNER, User("ben"), User("carla"))
_NURSES: Final = Group("nurses")

_MODEL: Final = "The portal agrees with the model"

History: TypeAlias = tuple[tuple[str, ...], tuple[int, ...]]
"""The ids of the members of the group, and the places of acts among all acts."""
_Terms: TypeAlias = tuple[str, str, str]
"""The grantor, the recipient and the permission of a grant."""
_Asked: TypeAlias = tuple[str, ...]
"""The name of a question, the id of the user, and for `can` the permission."""
_Answers: TypeAlias = Mapping[_Asked, Any]

SHARE_WITH_GROUP: Final = 13
"""The place of the act by which the owner shares download with the group."""

_IDS: Final = tuple(user.id for user in _USERS)
_MEMBERSHIPS: Final = ((), _IDS[1:2], _IDS[1:], _IDS[:2], _IDS)
_CHECKS: Final = tuple(product(("can",), _IDS, (each.name for each in es.Permission)))
_HELD: Final = tuple(product(("visible_to",), _IDS))
_ALL: Final = (*_CHECKS, *_HELD, *product(("shared_with", "access_list"), _IDS))
_OWNERS_LIST: Final = ("access_list", OWNER.id)


@attrs.frozen(kw_only=True)
class Histories:
    """What was checked: every history of up to so many `acts`.

    In each of the `histories`, every act changed something. The acts that `ended` a history were
    refused, or without effect. To `begun` histories one more act is being added; `tried` are done.
    """

    acts: int = 0
    histories: int = 0
    ended: int = 0
    begun: int = 0
    tried: int = 0


def check_histories(
    open_portal: OpenPortal,
    *,
    acts: int | None = None,
    seconds: float | None = None,
    show: Callable[[Histories], object] = lambda _found: None,
    over: Callable[..., Iterable[Any]] = map,
) -> Histories:
    """Check a portal in every small history, the shortest first; a store by `over_store`.

    After each act, no one exceeds their source, and checks, lists and access lists agree. A refused
    act changes no answer. A cascade leaves nothing unsupported of what it touched. Who holds what,
    and by which grants, is as in the model.

    Args:
        open_portal: opens a portal as for decision cases. It can `share` and `unshare`, and answer
            `can`, `visible_to`, `shared_with` and `access_list`. Of an outcome, only whether the
            act was done counts.
        acts: the longest histories; by default 3 acts, or as many as fit into `seconds`.
        seconds: ends the search after this time.
        show: takes the progress.
        over: `map`, or that of an executor; other processes need an `open_portal` to be pickled.

    Raises:
        RulesBroken: the portal breaks the rules; the story is one of the shortest that show it.
        StoreNotUsable: the store under the portal cannot be tested.
        InvalidValue: `open_portal` is not callable, or `acts` is less than 1.
    """
    require_callable("open_portal", open_portal)
    longest = acts if acts is not None else 3 if seconds is None else len(_acts())
    if longest < 1:
        raise es.InvalidArgument("acts", "must be a whole number from 1")
    end = None if seconds is None else monotonic() + seconds
    begun: list[History] = [(members, ()) for members in _MEMBERSHIPS]
    found = Histories()
    for length in range(1, longest + 1):
        longer: list[History] = []
        for place, more in enumerate(over(partial(continued, open_portal), begun), start=1):
            longer += more
            found = Histories(
                acts=length if place == len(begun) else length - 1,
                histories=found.histories + len(more),
                ended=found.ended + len(_acts()) - len(more),
                begun=len(begun),
                tried=place,
            )
            show(found)
            if end is not None and monotonic() > end:
                return found
        begun = longer
    return found


@cache
def _acts() -> tuple[tuple[Data, Request], ...]:
    found = [
        act
        for by, to in product(_USERS, (*_USERS, _NURSES))
        for act in (by.share(to), by.share_download(to), by.unshare(to), by.unshare(to).cascading())
    ]
    return tuple((act, request_of(act)) for act in found)


def continued(open_portal: OpenPortal, history: History) -> list[History]:
    """Check every act after a history, and return the histories that go on."""
    trial, (members, acts) = _Trial(open_portal, *history), history
    answers = trial.require_unchanged(trial.idle)
    for place in trial.changing:
        trial.require_changed(place, answers)
    return [(members, (*acts, place)) for place in trial.changing]


class _Trial:
    """What can be done after a history, in the model and in portals."""

    def __init__(
        self, open_portal: OpenPortal, members: tuple[str, ...], acts: tuple[int, ...]
    ) -> None:
        self._open_portal = open_portal
        self._members = members
        self._acts = acts
        self._done: list[int] = []
        self._worlds: dict[int, model.world.World] = {}
        self._outcomes: list[object] = []
        before = self._in_model()
        facts, after = (before.grants, before.endings), before.copy()
        for place, (_, request) in enumerate(_acts()):
            self._outcomes.append(model.acts.perform(after, request))
            if (after.grants, after.endings) != facts:
                self._worlds[place], after = after, before.copy()
        self.changing: list[int] = list(self._worlds)
        self.idle: list[int] = [n for n in range(len(_acts())) if n not in self._worlds]

    def require_unchanged(self, places: list[int]) -> _Answers:
        """Do idle acts, and return all answers before them."""
        rule = "A refused act changes nothing"
        try:
            with self._portal() as portal:
                before = self._answers(portal)
                self._require_agreement(before)
                for place in places:
                    self._do(portal, place, before)
                    self._require(rule, self._answers(portal, _HELD), before)
                self._require(rule, self._answers(portal), before)
                return before
        except RulesBroken:
            for place in places if len(places) > 1 else ():
                self.require_unchanged([place])
            raise  # Only several of them together show it.

    def require_changed(self, place: int, before: _Answers) -> None:
        with self._portal() as portal:
            self._do(portal, place, before)
            after = self._answers(portal)
        self._require_agreement(after)
        had, has = _grants_in(before, OWNER.id), _grants_in(after, OWNER.id)
        if "reshares" in _acts()[place][0]:
            left = has & (self._supported(had) - self._supported(has))
            rule = "A cascade leaves nothing unsupported of what it touched"
            self._require(rule, {_OWNERS_LIST: sorted(left)}, {_OWNERS_LIST: []})
        world = self._worlds[place]
        expected: dict[_Asked, Any] = {
            (can, who, what): world.holds(es.UserId(who), es.Permission[what], _CT)
            for can, who, what in _CHECKS
        }
        expected[_OWNERS_LIST] = sorted(map(_terms, world.standing(_CT)))
        self._require(_MODEL, {**after, _OWNERS_LIST: sorted(has)}, expected)

    def _do(self, portal: Portal, place: int, before: _Answers) -> None:
        """Do an act, which must be done or refused as in the model."""
        (act, _), expected = _acts()[place], self._outcomes[place]
        done = self._perform(portal, place)
        if done and act["act"] == "share":
            source: _Asked = ("can", act["actor"], act.get("permission", "VIEW"))
            self._require(
                "No one exceeds their source, before the last act", before, {source: True}
            )
        refused = isinstance(expected, model.world.Refused)
        if done is refused:
            right = Words(self._in_model()).value(expected) if refused else "done"
            raise self._broken(f"{_MODEL}: the last act", right, "done" if done else "refused")

    @contextmanager
    def _portal(self) -> Iterator[Portal]:
        given = case(uploads=[upload("cd", exam(f"{_CT}"))])["given"]
        given["users"] = [user.fields() for user in _USERS]
        given["groups"] = [_NURSES.fields(*map(User, self._members))]
        with entered(self._open_portal(given)) as portal:
            self._done.clear()
            for place in self._acts:
                self._perform(portal, place)
            yield portal

    def _perform(self, portal: Portal, place: int) -> bool:
        """Return whether the act was done."""
        self._done.append(place)
        return NOT_DONE.isdisjoint(self._call("the last act", portal.do, _acts()[place][0]))

    def _answers(self, portal: Portal, asked: Iterable[_Asked] = _ALL) -> _Answers:
        return {each: self._call(_words(each), portal.ask, _question(*each)) for each in asked}

    def _call(self, what: str, call: Callable[[Data], Any], asked: Data) -> Any:  # noqa: ANN401
        got, error = tried(partial(call, {**asked}))
        if error is not None:
            raise self._broken(f"The portal raises no error: {what}", "an answer", got) from error
        return got

    def _require_agreement(self, answers: _Answers) -> None:
        for user in _IDS:
            held = [what for _, who, what in _CHECKS if who == user and answers["can", who, what]]
            visible = [{"exam": f"{_CT}", "permission": each} for each in held[-1:]]
            expected: dict[_Asked, Any] = {("visible_to", user): visible}
            expected["shared_with", user] = [] if user == OWNER.id else visible
            self._require("Checks and lists agree", answers, expected)
            listed = _grants_in(answers, user)
            rule = f"Checks agree with the access list for {user}"
            if held:
                given: _Answers = {each: self._given(listed, *each[1:]) for each in _CHECKS}
                self._require(rule, answers, given)
            elif listed:
                raise self._broken(rule, "refused", answers["access_list", user])

    def _given(self, grants: Iterable[_Terms], user: str, permission: str) -> bool:
        """Return whether a user owns the exam, or is given a permission by grants of others."""
        to = {User(user), *(_NURSES for each in self._members if each == user)}
        return user == OWNER.id or any(
            by != user and recipient in to and es.Permission[what] >= es.Permission[permission]
            for by, recipient, what in grants
        )

    def _supported(self, grants: frozenset[_Terms]) -> frozenset[_Terms]:
        """Return the smallest set that holds all that the owner and its members support."""
        found: frozenset[_Terms] = frozenset()
        while more := {each for each in grants - found if self._given(found, each[0], each[2])}:
            found |= more
        return found

    def _require(self, rule: str, got: _Answers, expected: _Answers) -> None:
        for asked in (each for each in got if each in expected):
            mine, right = got[asked], expected[asked]
            if mine != right or isinstance(mine, bool) != isinstance(right, bool):
                raise self._broken(f"{rule}: {_words(asked)}", right, mine)

    def _broken(self, question: str, expected: object, got: object) -> RulesBroken:
        world = self._in_model()
        words, members = Words(world), world.groups[es.GroupId(_NURSES.id)]
        story = [
            f"The users are {words.people(tuple(map(es.UserId, _IDS)))}; {OWNER.id} owns {_CT}."
        ]
        story += [f"The members of the group {_NURSES.id}: {words.people(members)}."]
        story += [f"{words.request(_acts()[place][1])}." for place in self._done]
        return RulesBroken(tuple(story), question, _line(expected), _line(got))

    def _in_model(self) -> model.world.World:
        world, owner, batch = model.world.World(now=START), es.UserId(OWNER.id), es.BatchId("cd")
        for user in _IDS:
            world.add_user(es.UserId(user))
        world.add_group(es.GroupId(_NURSES.id), map(es.UserId, self._members))
        world.add_exams(es.Exam(id=_CT, owner=owner, batch=batch, uploaded_at=START))
        for place in self._acts:
            model.acts.perform(world, _acts()[place][1])
        return world


def _terms(grant: model.world.Grant) -> _Terms:
    return str(grant.grantor), with_kind(grant.recipient), grant.permission.name


def _grants_in(answers: _Answers, user: str) -> frozenset[_Terms]:
    """Return the grants on an access list; none if it was refused."""
    return frozenset(
        (grant["grantor"], entry["principal"], grant["permission"])
        for entry in answers["access_list", user].get("entries", ())
        for grant in entry["grants"]
    )


def _question(name: str, user: str, *permission: str) -> Data:
    exam = {"exam": f"{_CT}"} if name in {"can", "access_list"} else {}
    of = dict(zip(("permission",), permission, strict=False))
    return {"question": name, "user": user, **exam, **of}


def _words(asked: _Asked) -> str:
    return f"`{asked[0]}` for {' and '.join(asked[1:])}"


def _line(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=repr)
