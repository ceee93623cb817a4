"""What one may not see does not exist. Specification: `#disclosure`.

> Same code, same parameters, same suggestions, same number and kind of questions to the store.

Two worlds are made from one history. They differ in one secret, which an actor may not know. Then
the actor does and asks the same in both, and must get the same: every answer, every refusal, every
preview, and the same questions put to the ports, counted by kind.

Some of what an actor sees depends on secrets by the rules themselves, and is left out:

* `RESTRICT` refuses for re-shares whoever may see them, so the secret grants that the actor could
  end by a cascade are kept out of its way;
* by a cascade a grant stays where a secret grant still supports it, so nobody cascades where secret
  grants are made to people who share;
* what other people do may follow from a secret that *they* know, so their acts must come to the
  same in both worlds.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import attrs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exam_sharing import (
    AccessListScope,
    Exam,
    ExamId,
    Grant,
    GrantId,
    Group,
    GroupId,
    NarrowRequest,
    Permission,
    Policy,
    PrincipalId,
    Refused,
    Reshares,
    RevokeRequest,
    Scope,
    ShareRequest,
    Sharing,
    UnshareRequest,
    UploadBatch,
    User,
    UserId,
)
from exam_sharing.memory import MemoryDirectory, memory_ports
from exam_sharing.policy.requests import Request
from exam_sharing.testing.worlds import perform
from watching import Counting, watched
from where_kept import empty_store
from world import CD, DAY, START, FrozenClock

pytestmark = pytest.mark.every_store

ACTOR: Final = UserId("actor")
PEOPLE: Final = tuple(map(UserId, ("actor", "anna", "ben")))
"""Those who share; `mole` and `keeper` only ever hold."""
MOLE: Final = UserId("mole")
KEEPER: Final = UserId("keeper")
"""Owns the exam that is the secret."""
GROUPS: Final = tuple(map(GroupId, ("ward", "clinic")))
CELL: Final = GroupId("cell")
"""Holds the mole alone."""
PATIENTS: Final = tuple(map(UserId, ("dora", "egon", "fred")))
"""In groups, and do nothing."""
EXAMS: Final = tuple(map(ExamId, ("ct", "mr")))
SECRET_EXAM: Final = ExamId("secret")
STRANGER: Final = UserId("stranger")
MINUTE: Final = timedelta(minutes=1)
UPLOADED: Final = (START - 2 * MINUTE, START - MINUTE, START)


@attrs.frozen(kw_only=True)
class Facts:
    """What a world is made of, before anybody acts."""

    scope: AccessListScope
    readmits: bool
    owners: dict[ExamId, UserId]
    uploaded: dict[ExamId, datetime]
    members: dict[GroupId, frozenset[PrincipalId]]
    unseen: frozenset[PrincipalId]
    closed: frozenset[GroupId]
    known: frozenset[UserId] = frozenset({*PEOPLE, MOLE, KEEPER, *PATIENTS})
    max_people: int = 10_000
    inactive: frozenset[UserId] = frozenset()


class Portal:
    """A world in memory, of which every question to a port is counted."""

    def __init__(self, facts: Facts) -> None:
        self.clock = FrozenClock()
        self.act = ""
        self.store = empty_store()
        self.directory = MemoryDirectory(
            visible=lambda actor, who: actor != ACTOR or who not in facts.unseen,
            members_visible=lambda actor, group: actor != ACTOR or group not in facts.closed,
        )
        self.counting = Counting()
        self.sharing = Sharing(
            policy=Policy(
                access_list=facts.scope,
                only_owner_readmits=facts.readmits,
                suggestion_min_length=1,
                max_people=facts.max_people,
            ),
            ports=watched(memory_ports(store=self.store, directory=self.directory), self.counting),
            clock=self.clock,
            new_id=lambda: self.act,
            sends_at_once=False,
        )
        for user in facts.known:
            active = user not in facts.inactive
            self.directory.add(User(id=user, name=f"The {user}", active=active))
        for group, members in facts.members.items():
            self.directory.add(Group(id=group, name=f"The {group}", members=members))
        self.exams = tuple(facts.owners)
        self.sharing.add_upload(
            UploadBatch(id=CD, uploader=KEEPER, received_at=START),
            [
                Exam(id=exam, owner=owner, batch=CD, uploaded_at=facts.uploaded[exam])
                for exam, owner in facts.owners.items()
            ],
        )

    def ask(self, call: Callable[[Sharing], Any]) -> tuple[Any, Counter[str]]:
        """Return what a call comes to, and the questions that it took."""
        self.counting.asked.clear()
        try:
            answer = call(self.sharing)
        except Refused as refused:
            answer = refused.reasons
        return answer, Counter(self.counting.asked)

    def do(self, act: str, request: Request) -> Any:
        """Return what an act comes to."""
        self.act = act
        return self.ask(lambda sharing: perform(sharing, request))[0]

    def ever_granted(self) -> tuple[Grant, ...]:
        """Return every grant ever made, in the order in which they were."""
        kept = self.store.read(self.exams, ended=True).values()
        grants = {grant for each in kept for grant in each.grants}
        grants |= {past.grant for each in kept for past in each.ended}
        return tuple(sorted(grants, key=lambda grant: (grant.exam, grant.version, grant.id)))

    def standing(self) -> frozenset[Grant]:
        """Return the grants that have not been ended."""
        kept = self.store.read(self.exams, ended=False).values()
        return frozenset(grant for each in kept for grant in each.grants)

    def knows(self, exam: ExamId) -> bool:
        """Say whether the actor can see the exam, or once made a grant on it."""
        return self.sharing.can(ACTOR, Permission.VIEW, exam) or any(
            grant.exam == exam and grant.grantor == ACTOR for grant in self.ever_granted()
        )


def content(grant: Grant) -> tuple[Any, ...]:
    """Return what a grant says of itself alone."""
    return (
        grant.exam,
        grant.grantor,
        grant.recipient,
        grant.permission,
        grant.until,
        grant.made_at,
        grant.share,
    )


# What everybody may do.

RECIPIENTS: Final = (*PEOPLE, MOLE, *GROUPS, CELL)
UNTILS: Final = st.sampled_from((None, None, START + DAY, START + 2 * DAY))
RESHARES: Final = st.sampled_from(Reshares)
PERMISSIONS: Final = st.sampled_from(Permission)


def shares(actors, exams, recipients=RECIPIENTS, **more):
    return st.builds(
        ShareRequest,
        actor=st.sampled_from(actors),
        exam=st.sampled_from(exams),
        recipients=st.lists(st.sampled_from(recipients), min_size=1, max_size=3),
        permission=PERMISSIONS,
        scope=st.sampled_from(Scope),
        until=UNTILS,
        **more,
    )


def endings(actors, exams, recipients=RECIPIENTS):
    whom = {
        "actor": st.sampled_from(actors),
        "exam": st.sampled_from(exams),
        "recipient": st.sampled_from(recipients),
        "reshares": RESHARES,
    }
    return (
        st.builds(UnshareRequest, **whom)
        | st.builds(NarrowRequest, permission=PERMISSIONS, **whom)
        | st.builds(NarrowRequest, until=st.just(START + DAY), **whom)
    )


@attrs.frozen
class OnGrant:
    """An ending of which a grant says the rest, chosen by its place among all ever made.

    By itself chance seldom names somebody to whom there is a grant.
    """

    request: UnshareRequest | NarrowRequest | RevokeRequest
    place: int

    def on(self, grants: tuple[Grant, ...]) -> UnshareRequest | NarrowRequest | RevokeRequest:
        if not grants:
            return self.request
        grant = grants[self.place % len(grants)]
        if isinstance(self.request, RevokeRequest):
            return attrs.evolve(self.request, grant=grant.id)
        return attrs.evolve(self.request, exam=grant.exam, recipient=grant.recipient)


def endings_of_grants(actors):
    revocations = st.builds(
        RevokeRequest,
        actor=st.sampled_from(actors),
        grant=st.just(GrantId("unknown")),
        reshares=RESHARES,
    )
    return st.builds(OnGrant, endings(actors, EXAMS) | revocations, st.integers(0, 12))


@st.composite
def facts(draw, **fixed):
    users = st.sampled_from((*PEOPLE, MOLE))
    members = {
        group: frozenset(draw(st.sets(users | st.sampled_from((*GROUPS, CELL)[place + 1 :]))))
        for place, group in enumerate(GROUPS)
    }
    owners = {exam: draw(st.sampled_from((*PEOPLE, PEOPLE[1]))) for exam in EXAMS}
    values = {
        "scope": draw(st.sampled_from(AccessListScope)),
        "readmits": draw(st.booleans()),
        "owners": owners,
        "uploaded": {exam: draw(st.sampled_from(UPLOADED)) for exam in (*EXAMS, SECRET_EXAM)},
        "members": members | {CELL: frozenset({MOLE})},
        "unseen": draw(st.frozensets(st.sampled_from((*PEOPLE[1:], MOLE, *GROUPS, CELL)))),
        "closed": draw(st.frozensets(st.sampled_from((*GROUPS, CELL)))),
    }
    return Facts(**(values | fixed))


@st.composite
def histories(draw, world, recipients=RECIPIENTS):
    """Owners share first; then anybody does anything."""
    share = shares(PEOPLE, EXAMS, recipients, attested=st.just(True))
    first = [
        attrs.evolve(each, actor=world.owners[each.exam])
        for each in draw(st.lists(share, min_size=2, max_size=4))
    ]
    more = share | share | endings_of_grants(PEOPLE)
    return [fitting(world, each) for each in first + draw(st.lists(more, max_size=6))]


def fitting(world, request):
    """Return a share without those whom it would be refused for."""
    if isinstance(request, ShareRequest):
        refused_for = (request.actor, world.owners.get(request.exam))
        others = [each for each in request.recipients if each not in refused_for]
        return attrs.evolve(request, recipients=others or [CELL])
    return request


ANY_EXAM: Final = (*EXAMS, *EXAMS, SECRET_EXAM)


@attrs.frozen
class Look:
    """A call that shows something to the actor, by name and arguments."""

    name: str
    args: tuple[Any, ...]
    limit: dict[str, int] = attrs.field(factory=dict)

    def __call__(self, sharing: Sharing) -> Any:
        return getattr(sharing, self.name)(ACTOR, *self.args, **self.limit)


def looks():
    """Return everything that shows something to its user, with the user being the actor."""
    exams = st.sampled_from(ANY_EXAM)
    texts = st.sampled_from(("t", "the m", "ward", "mole", "c"))
    every = st.just((*EXAMS, SECRET_EXAM))
    pages = st.sampled_from(("visible_to", "shared_with"))
    of_exams = st.sampled_from(("access_list", "graph", "share_form", "share_page", "tabs"))
    return st.one_of(
        st.builds(Look, of_exams, st.tuples(exams)),
        st.builds(Look, st.just("suggest"), st.tuples(exams, texts)),
        st.builds(Look, st.just("recipients"), st.tuples(exams), st.just({"limit": 4})),
        st.builds(Look, st.just("can"), st.tuples(PERMISSIONS, exams)),
        st.builds(Look, st.just("can_many"), st.tuples(PERMISSIONS, every)),
        st.builds(Look, pages, st.just(()), st.just({"limit": 2})),
    )


def deeds(world, recipients=RECIPIENTS):
    """Return everything that the actor may ask for, to be done or to be previewed."""
    likely = shares((ACTOR,), EXAMS, recipients, attested=st.just(True))
    likely = likely.map(partial(fitting, world))
    anything = shares(
        (ACTOR,),
        ANY_EXAM,
        (*recipients, STRANGER),
        attested=st.booleans(),
        expect=st.none() | st.frozensets(st.sampled_from(ANY_EXAM)),
    )
    return st.one_of(
        likely,
        anything,
        endings((ACTOR,), ANY_EXAM, (*recipients, STRANGER)),
        endings_of_grants((ACTOR,)),
        endings_of_grants((ACTOR,)),
    )


def batteries(world, recipients=RECIPIENTS):
    asked = st.tuples(deeds(world, recipients), st.booleans())
    looked = st.tuples(looks(), st.just(False))
    return st.lists(asked | asked | looked, min_size=1, max_size=8)


# Telling two worlds apart.


class Pair:
    """Two worlds of one history, one with the secret."""

    def __init__(
        self,
        without: Facts,
        with_it: Facts,
        history: Iterable[Request],
        secrets: dict[int, list[Request]],
        beside: dict[int, PrincipalId] | None = None,
    ) -> None:
        """Do what the history says.

        Args:
            without: the world without the secret.
            with_it: the world with the secret.
            history: what is done in both.
            secrets: before which of it, by number, something else is done in secret.
            beside: for shares of others, by number, whom they are also made with in secret.
        """
        self.without, self.with_it = Portal(without), Portal(with_it)
        self.beside = beside or {}
        self.both = (self.without, self.with_it)
        for number, request in enumerate(history):
            for place, secret in enumerate(secrets.get(number, ())):
                self.with_it.do(f"secret{number}{chr(97 + place)}", secret)
            self._do_in_both(number, request)
        assume(self._known(self.without) == self._known(self.with_it))

    def _do_in_both(self, number: int, request: Request | OnGrant) -> None:
        """Let somebody do something, which must be refused in both worlds or in neither."""
        asked = request
        if isinstance(request, OnGrant):
            asked = request.on(self.without.ever_granted())
        asked_with_it = asked
        if isinstance(asked, ShareRequest) and asked.actor != ACTOR and number in self.beside:
            recipients = (self.beside[number], *asked.recipients)
            asked_with_it = attrs.evolve(asked, recipients=recipients)
        act = f"act{number}"
        done = self.without.do(act, asked), self.with_it.do(act, asked_with_it)
        assume(len({isinstance(each, tuple) for each in done}) == 1)
        for each in self.both:
            each.clock.now += MINUTE

    def _known(self, portal: Portal) -> frozenset[Any]:
        return frozenset(
            content(grant) for grant in portal.standing() if not self._is_secret(grant)
        )

    def _is_secret(self, grant: Grant) -> bool:
        by_secret_act = grant.exam == SECRET_EXAM or str(grant.share).startswith("secret")
        beside = {(f"act{number}", each) for number, each in self.beside.items()}
        return by_secret_act or (str(grant.share), grant.recipient) in beside

    def secret_grants(self) -> list[Grant]:
        return [each for each in self.with_it.ever_granted() if self._is_secret(each)]

    def must_agree(self, number: int, step: Any) -> None:
        """Let the actor do one thing in both worlds, and compare."""
        request, preview = step
        if isinstance(request, OnGrant):
            request = request.on(self.with_it.ever_granted())
        answers = []
        for portal in self.both:
            portal.act = f"now{number}"
            call = partial(Sharing.preview if preview else perform, request=request)
            answers.append(portal.ask(request if isinstance(request, Look) else call))
            if preview and hasattr(request, "recipient"):
                drawn = partial(Sharing.graph, user=ACTOR, exam=request.exam, preview=request)
                answers[-1] = (answers[-1], portal.ask(drawn))
        assert answers[0] == answers[1]


MANY: Final = settings(max_examples=3 * settings().max_examples)
"""A secret shows only where several things meet, and a look at one costs little."""


@MANY
@given(facts(), st.data())
def test_an_exam_that_the_actor_cannot_see_changes_no_answer(world, data):
    history = data.draw(histories(world))
    with_it = attrs.evolve(world, owners=world.owners | {SECRET_EXAM: KEEPER})
    others = [each for each in RECIPIENTS if each not in (ACTOR, *GROUPS)]
    secret = shares((KEEPER,), (SECRET_EXAM,), others, attested=st.just(True))
    secrets = {0: data.draw(st.lists(secret, max_size=2))}
    pair = Pair(world, with_it, history, secrets)
    for number, step in enumerate(data.draw(batteries(world))):
        assume(not pair.with_it.knows(SECRET_EXAM))
        pair.must_agree(number, step)


@MANY
@given(facts(), st.sampled_from(GROUPS), st.data())
def test_an_unseen_member_of_a_group_changes_no_answer(world, group, data):
    world = attrs.evolve(world, closed=world.closed | {group})
    mole = data.draw(st.sampled_from((MOLE, CELL)))
    members = world.members[group]
    with_it = attrs.evolve(world, members=world.members | {group: members | {mole}})
    without = attrs.evolve(world, members=world.members | {group: members - {mole}})
    pair = Pair(without, with_it, data.draw(histories(world)), {})
    for number, step in enumerate(data.draw(batteries(world))):
        pair.must_agree(number, step)


OPEN_TO_NOBODY: Final = facts(
    owners=dict.fromkeys(EXAMS, ACTOR),
    closed=frozenset({*GROUPS, CELL}),
    unseen=frozenset(),
)


@MANY
@given(OPEN_TO_NOBODY, st.integers(1, 3), st.data())
def test_unseen_memberships_change_no_answer(world, most, data):
    """The limit of people counts each group apart. Specification: `#too_many`.

    "neither their number nor whom two groups share may show beyond that."
    """
    world = attrs.evolve(world, max_people=most)
    sizes = {group: data.draw(st.integers(1, len(PATIENTS) - 1)) for group in GROUPS}
    teams = {group: teams_of(size) for group, size in sizes.items()}
    both = [
        attrs.evolve(world, members=world.members | data.draw(st.fixed_dictionaries(teams)))
        for _ in range(2)
    ]
    pair = Pair(*both, data.draw(histories(world, (*PEOPLE, *PATIENTS))), {})
    for number, step in enumerate(data.draw(batteries(world, (*GROUPS, *PATIENTS)))):
        pair.must_agree(number, step)


def teams_of(size: int) -> st.SearchStrategy[frozenset[UserId]]:
    return st.frozensets(st.sampled_from(PATIENTS), min_size=size, max_size=size)


NOT_THE_MOLE: Final = [each for each in RECIPIENTS if each != MOLE]


@MANY
@given(facts(), st.booleans(), st.data())
def test_an_unseen_user_changes_no_answer(world, inactive, data):
    with_it = attrs.evolve(world, unseen=world.unseen | {MOLE})
    without = (
        attrs.evolve(with_it, inactive=frozenset({MOLE}))
        if inactive
        else attrs.evolve(
            with_it,
            known=world.known - {MOLE},
            members={group: members - {MOLE} for group, members in world.members.items()},
        )
    )
    history = data.draw(histories(world, NOT_THE_MOLE))
    pair = Pair(without, with_it, history, {})
    for number, step in enumerate(data.draw(batteries(world))):
        pair.must_agree(number, step)


@MANY
@given(facts(readmits=False), st.data())
def test_a_grant_that_the_actor_may_not_see_changes_no_answer(world, data):
    others = PEOPLE[1:]
    whom = data.draw(st.sampled_from(((MOLE, CELL), others)))
    if whom == others:  # With access, an actor would see those grants under any other scope.
        world = attrs.evolve(world, scope=AccessListScope.OWN_GRANTS)
    known = [each for each in RECIPIENTS if each not in (MOLE, CELL)]
    history = data.draw(histories(world, known))
    exams = [exam for exam, owner in world.owners.items() if owner != ACTOR]
    assume(exams)
    acts = shares(others, exams, whom, attested=st.just(True)) | endings(others, exams, whom)
    places = st.sampled_from(range(len(history)))
    secrets = data.draw(st.dictionaries(places, st.lists(acts, max_size=2), max_size=3))
    beside = data.draw(st.dictionaries(places, st.sampled_from(whom), max_size=3))
    pair = Pair(world, world, history, secrets, beside)
    for number, step in enumerate(data.draw(batteries(world))):
        secret = pair.secret_grants()
        assume(all(hidden(pair.with_it, grant, world) for grant in secret))
        fitting_step = step
        if whom == others:
            fitting_step = with_reshares(step, {*Reshares}, Reshares.KEEP)
        elif any(isinstance(grant.basis, frozenset) for grant in secret):
            fitting_step = with_reshares(step, {Reshares.RESTRICT}, Reshares.CASCADE)
        pair.must_agree(number, fitting_step)


def hidden(portal: Portal, grant: Grant, world: Facts) -> bool:
    """Say whether the actor may not know of a grant that is neither theirs nor to them."""
    if world.owners[grant.exam] == ACTOR:
        return False
    limited = world.scope is AccessListScope.OWN_GRANTS
    return limited or not portal.sharing.can(ACTOR, Permission.VIEW, grant.exam)


def with_reshares(step: Any, instead_of: set[Reshares], reshares: Reshares) -> Any:
    match step:
        case (OnGrant() as on_grant, preview):
            request, _ = with_reshares((on_grant.request, preview), instead_of, reshares)
            return attrs.evolve(on_grant, request=request), preview
        case (request, preview) if getattr(request, "reshares", None) in instead_of:
            return attrs.evolve(request, reshares=reshares), preview
    return step
