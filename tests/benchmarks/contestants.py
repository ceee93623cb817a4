"""Other ways to answer *may this user do that with this exam?*, each in its fastest form.

Each is told the same grants and answers for the same moment. Where a library cannot say a rule
cheaply, the rule was worked out for it beforehand: it is then given who holds what, group by group
resolved, and what a change would cost it is not counted.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any, Final, TypeAlias

import attrs
from tests.benchmarks.harness import Batch, asking
from tests.benchmarks.worlds import ASKED, Question, World

from exam_sharing import ExamId, Permission, UserId
from exam_sharing.grants import FOREVER, Grant

NO_ONE: Final = ""
ACTIONS: Final = {Permission.VIEW: "view", Permission.DOWNLOAD: "download"}

Held: TypeAlias = dict[tuple[str, str, Permission], datetime]
"""Until when each user holds each permission on each exam, groups resolved."""


@attrs.frozen
class Contestant:
    """Someone who answers questions.

    Attributes:
        name: for the table.
        answers: the answers to some questions, to be compared.
        batch: asks the same questions, to be timed; what can be prepared is prepared before.
    """

    name: str
    answers: Callable[[Sequence[Question]], list[bool]]
    batch: Callable[[Sequence[Question]], Batch]


def one_by_one(
    name: str, ask: Callable[[Any, Any, Any], bool], words: Callable[[Question], tuple[Any, ...]]
) -> Contestant:
    """Return the contestant that is asked with three words for each question."""
    return Contestant(
        name,
        lambda questions: [ask(*words(each)) for each in questions],
        lambda questions: asking(ask, map(words, questions)),
    )


def ours(ask: Callable[[Any, Any, Any], bool], name: str = "can") -> Contestant:
    """Return `can` of a `Sharing`, or something that is asked in the same way."""
    return one_by_one(name, ask, lambda each: (each.user, each.permission, each.exam))


def ours_by_page(
    ask: Callable[[UserId, Permission, Sequence[ExamId]], frozenset[ExamId]],
) -> Contestant:
    """Return `can_many` of a `Sharing`, asked once for all that a user asks in a row."""

    def pages(questions: Sequence[Question]) -> list[tuple[UserId, Permission, list[ExamId]]]:
        found = groupby(questions, key=lambda each: (each.user, each.permission))
        return [(*asker, [each.exam for each in page]) for asker, page in found]

    def answers(questions: Sequence[Question]) -> list[bool]:
        return [
            exam in held
            for user, permission, exams in pages(questions)
            for held in [ask(user, permission, exams)]
            for exam in exams
        ]

    return Contestant("can_many", answers, lambda questions: asking(ask, pages(questions)))


class PlainDicts:
    """The same answers from dicts and frozensets of plain strings, with nothing around them.

    For each exam: the owner, when the next grant expires, who holds what, and who has given to a
    group, since what they gave counts for nothing for themselves.
    """

    def __init__(self, world: World, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._principals = world.principals()
        self._grants: dict[str, list[Grant]] = {exam.id.value: [] for exam in world.exams}
        for grant in world.grants():
            self._grants[grant.exam.value].append(grant)
        self._owners = {exam.id.value: exam.owner.value for exam in world.exams}
        self._exams = {exam: self._made_ready(exam, clock()) for exam in self._owners}
        self._shelves = self._shelved(world)

    def _made_ready(self, exam: str, now: datetime) -> tuple[Any, ...]:
        stand = [grant for grant in self._grants[exam] if grant.until is None or grant.until > now]
        return (
            self._owners[exam],
            min((grant.horizon for grant in stand), default=FOREVER),
            frozenset(grant.recipient.key for grant in stand),
            frozenset(grant.recipient.key for grant in stand if grant.permission > 1),
            frozenset(grant.grantor.value for grant in stand if grant.recipient.key[0] == "g"),
        )

    def _shelved(self, world: World) -> dict[str, list[tuple[datetime, str]]]:
        uploaded = {exam.id.value: exam.uploaded_at for exam in world.exams}
        shelves: dict[str, set[tuple[datetime, str]]] = {}
        for exam, grants in self._grants.items():
            for grant in grants:
                shelves.setdefault(grant.recipient.key, set()).add((uploaded[exam], exam))
        return {key: sorted(places) for key, places in shelves.items()}

    def checker(self) -> Callable[[str, int, str], bool]:
        principals_of, exams, clock = self._principals.get, self._exams, self._clock
        found_under, by_others = exams.get, self._by_others

        def can(user: str, permission: int, exam: str) -> bool:
            principals = principals_of(user)
            found = found_under(exam)
            if principals is None or found is None:
                return False
            owner, until, view, download, gave_to_groups = found
            if owner == user:
                return True
            now = clock()
            if now >= until:
                found = exams[exam] = self._made_ready(exam, now)
                owner, until, view, download, gave_to_groups = found
            if user in gave_to_groups:
                return by_others(user, permission, exam, now)
            return not (download if permission > 1 else view).isdisjoint(principals)

        return can

    def _by_others(self, user: str, permission: int, exam: str, now: datetime) -> bool:
        return any(
            grant.permission >= permission
            and grant.grantor.value != user
            and grant.recipient.key in self._principals[user]
            and now < grant.horizon
            for grant in self._grants[exam]
        )

    def contestant(self) -> Contestant:
        """Return it to be asked with a user, a number and an exam."""
        return one_by_one(
            "plain dicts",
            self.checker(),
            lambda each: (each.user.value, int(each.permission), each.exam.value),
        )

    def first_page(
        self, user: str, _after: None = None, limit: int = 50
    ) -> tuple[list[tuple[str, int, datetime]], tuple[datetime, str] | None]:
        """Return the first exams of others that the user can see, and where the next page is."""
        principals = self._principals.get(user, frozenset())
        shelves = [self._shelves[key] for key in principals if key in self._shelves]
        near = {place for shelf in shelves for place in shelf[-2 * limit :]}
        page = self._of_others(user, sorted(near, reverse=True), limit + 1)
        if len(page) <= limit and any(len(shelf) > 2 * limit for shelf in shelves):
            places = sorted({place for shelf in shelves for place in shelf}, reverse=True)
            page = self._of_others(user, places, limit + 1)
        if len(page) <= limit:
            return page, None
        last, _, uploaded_at = page[limit - 1]
        return page[:limit], (uploaded_at, last)

    def _of_others(
        self, user: str, places: list[tuple[datetime, str]], most: int
    ) -> list[tuple[str, int, datetime]]:
        now, principals, page = self._clock(), self._principals[user], []
        for uploaded_at, exam in places:
            owner, until, view, download, gave_to_groups = self._exams[exam]
            if now >= until:
                self._exams[exam] = self._made_ready(exam, now)
                owner, until, view, download, gave_to_groups = self._exams[exam]
            if owner == user:
                continue
            if user in gave_to_groups:
                held = sum(self._by_others(user, each, exam, now) for each in (1, 2))
            elif not download.isdisjoint(principals):
                held = 2
            else:
                held = 0 if view.isdisjoint(principals) else 1
            if held:
                page.append((exam, held, uploaded_at))
                if len(page) == most:
                    break
        return page


def sqlite(world: World) -> Contestant:
    """Return one statement on one covering index; the owner is a row as any recipient."""
    forever = float("inf")
    rows = [(exam.id.value, exam.owner.key, 2, forever, NO_ONE) for exam in world.exams]
    rows += (
        (
            grant.exam.value,
            grant.recipient.key,
            int(grant.permission),
            forever if grant.until is None else grant.until.timestamp(),
            grant.grantor.value,
        )
        for grant in world.grants()
    )
    connection = sqlite3.connect(":memory:", isolation_level=None)
    execute, columns = connection.execute, "exam, principal, permission, until, grantor"
    execute(f"CREATE TABLE held ({columns})")
    execute("BEGIN")
    connection.executemany("INSERT INTO held VALUES (?, ?, ?, ?, ?)", rows)
    execute("COMMIT")
    execute(f"CREATE INDEX covering ON held ({columns})")
    execute("ANALYZE")
    all_principals, asked = world.principals(), ASKED.timestamp()

    def ask(statement: str, values: tuple[Any, ...], _: None) -> bool:
        return execute(statement, values).fetchone() is not None

    def words(each: Question) -> tuple[str, tuple[Any, ...], None]:
        user, exam = each.user.value, each.exam.value
        principals = all_principals.get(user, ())
        marks = ", ".join("?" * len(principals))
        statement = (
            "SELECT 1 FROM held"  # noqa: S608  only question marks are put in
            f" WHERE exam = ? AND principal IN ({marks})"
            " AND permission >= ? AND until > ? AND grantor <> ? LIMIT 1"
        )
        return statement, (exam, *principals, int(each.permission), asked, user), None

    return one_by_one("SQLite in memory", ask, words)


def held_by_user(world: World) -> Held:
    """Return until when each active user holds what, with every rule applied."""
    held: Held = {}
    reached = world.reached()

    def add(user: str, exam: ExamId, permission: Permission, until: datetime) -> None:
        for each in Permission:
            if each <= permission:
                key = (user, exam.value, each)
                held[key] = max(held.get(key, until), until)

    for grant in world.grants():
        for user in reached.get(grant.recipient.key, ()):
            if user != grant.grantor.value:
                add(user, grant.exam, grant.permission, grant.horizon)
    for exam in world.exams:
        if exam.owner.key in reached:
            add(exam.owner.value, exam.id, Permission.DOWNLOAD, FOREVER)
    return held


CASBIN_MODEL: Final = """
[request_definition]
r = now, sub, obj, act
[policy_definition]
p = until, sub, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.now < p.until
"""


def pycasbin(world: World) -> tuple[Contestant]:
    """Return pycasbin: a line for each user, exam and permission, found by its fast index."""
    from casbin import FastEnforcer
    from casbin.model import FastModel
    from casbin.persist.adapters.string_adapter import StringAdapter

    logging.getLogger("casbin").setLevel(logging.CRITICAL)
    lines = "\n".join(
        f"p, {until.isoformat()}, {user}, {exam}, {ACTIONS[permission]}"
        for (user, exam, permission), until in held_by_user(world).items()
    )
    key_order = (1, 2, 3)
    model = FastModel(key_order)
    model.load_model_from_text(CASBIN_MODEL)
    enforcer = FastEnforcer(model, StringAdapter(lines), cache_key_order=key_order)
    enforce = partial(enforcer.enforce, ASKED.isoformat())
    return (one_by_one("pycasbin", enforce, _in_words),)


def _in_words(each: Question) -> tuple[str, str, str]:
    return each.user.value, each.exam.value, ACTIONS[each.permission]


CEDAR_POLICIES: Final = """
permit(principal, action == Action::"view", resource)
when { resource.view.contains(principal) };
permit(principal, action == Action::"download", resource)
when { resource.download.contains(principal) };
"""


def _cedar_entities(world: World) -> Iterator[dict[str, Any]]:
    holders: dict[tuple[str, Permission], list[Any]] = {}
    for (user, exam, permission), until in held_by_user(world).items():
        if until > ASKED:
            entity = {"__entity": {"type": "User", "id": user}}
            holders.setdefault((exam, permission), []).append(entity)
    for user in world.users:
        yield {"uid": {"type": "User", "id": user.id.value}, "attrs": {}, "parents": []}
    for exam in world.exams:
        attributes = {
            action: holders.get((exam.id.value, permission), [])
            for permission, action in ACTIONS.items()
        }
        uid = {"type": "Exam", "id": exam.id.value}
        yield {"uid": uid, "attrs": attributes, "parents": []}


def cedarpy(world: World) -> tuple[Contestant, Contestant]:
    """Return cedarpy, asked one by one and in one batch, with all that it can parse parsed.

    Each exam has the set of the users who hold each permission at the moment that is asked about.
    """
    import cedarpy as cedar

    entities = cedar.Entities.from_json_str(json.dumps(list(_cedar_entities(world))))
    policies = cedar.PolicySet.from_str(CEDAR_POLICIES)

    def request(each: Question) -> dict[str, Any]:
        return {
            "principal": {"type": "User", "id": each.user.value},
            "action": {"type": "Action", "id": ACTIONS[each.permission]},
            "resource": {"type": "Exam", "id": each.exam.value},
        }

    def ask(request: dict[str, Any], _policies: None, _entities: None) -> bool:
        return cedar.is_authorized(request, policies, entities).allowed

    def batch(questions: Sequence[Question]) -> Callable[[], list[bool]]:
        requests = list(map(request, questions))
        return lambda: [
            each.allowed for each in cedar.is_authorized_batch(requests, policies, entities)
        ]

    singly = one_by_one("cedarpy", ask, lambda each: (request(each), None, None))
    in_one = Contestant("cedarpy, in one batch", lambda questions: batch(questions)(), batch)
    return singly, in_one


def oso(world: World) -> tuple[Contestant]:
    """Return oso: a fact for each user, permission and exam that are held at the moment."""
    from oso import Oso

    asked = Oso()
    asked.load_str(
        "\n".join(
            f'allow("{user}", "{ACTIONS[permission]}", "{exam}");'
            for (user, exam, permission), until in held_by_user(world).items()
            if until > ASKED
        )
    )
    return (
        one_by_one(
            "oso",
            asked.is_allowed,
            lambda each: (each.user.value, ACTIONS[each.permission], each.exam.value),
        ),
    )
