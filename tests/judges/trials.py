"""Trials: a drawn world, one more act in it, and what the package did and answered.

The worlds are those of the testing kit. In some, somebody has passed on more than one of their two
sources gives. In some, the host has transferred or withdrawn an exam. The act ends or narrows the
grants to one principal, mostly grants that others rest on.
"""

from collections.abc import Mapping
from datetime import timedelta
from itertools import product

import attrs
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.acts import history
from exam_sharing.grants import EndedGrant
from exam_sharing.memory import MemoryNotifier
from exam_sharing.policy.past import Moment
from exam_sharing.testing import strategies as sharing
from exam_sharing.testing.opening import opened
from exam_sharing.testing.worlds import CT, perform


@attrs.frozen(kw_only=True)
class Facts:
    """Everything on which access and the ending of grants depend, at one time."""

    now: object
    users: Mapping[es.UserId, bool]
    groups: Mapping[es.GroupId, frozenset[es.PrincipalId]]
    exams: tuple[es.Exam, ...]
    withdrawn: frozenset[es.ExamId]
    versions: Mapping[es.ExamId, int]
    grants: tuple[es.Grant, ...]
    ended: tuple[EndedGrant, ...]

    def ever_granted(self):
        """Return all grants, ended or not."""
        return (*self.grants, *(past.grant for past in self.ended))


@attrs.frozen(kw_only=True)
class Trial:
    """What the package did and answered, which the judges must find as well.

    Attributes:
        explained: for each thing held before, the grants that give it; `None` for ownership.
        explained_again: the same of that moment, asked after the act and a change of a group.
        act: the act; `None` if it was refused or there was no grant to end.
        left: what was left of each grant that stood before the act.
    """

    story: tuple[str, ...]
    before: Facts = attrs.field(repr=False)
    held_before: frozenset = attrs.field(repr=False)
    explained: dict = attrs.field(repr=False)
    explained_again: dict = attrs.field(repr=False)
    act: object
    left: dict = attrs.field(repr=False)
    after: Facts = attrs.field(repr=False)
    held_after: frozenset = attrs.field(repr=False)


SEVERAL_EXAMS = sharing.worlds(min_acts=8, max_acts=20)
ONE_EXAM = sharing.worlds(exam_ids=st.just(CT), max_acts=4)


@st.composite
def trials(draw):
    tangled = draw(st.booleans())
    world = draw(ONE_EXAM if tangled else SEVERAL_EXAMS)
    story = [*world.story]
    exams, users = st.sampled_from(world.exams), st.sampled_from(world.users)
    rarely = st.sampled_from((False, False, False, False, True))
    shares = draw(second_sources(world)) if tangled else []
    story += [f"{share}" for share in shares if done(world, share)]
    if draw(rarely):
        exam, owner = draw(exams), draw(users)
        world.store.transfer(exam, owner, at=world.clock.now)
        story.append(f"{exam} is transferred to {owner}.")
    if draw(rarely):
        exam = draw(exams)
        world.sharing.admin.withdraw(exam, performed_by="ops", why="wrong disc")
        story.append(f"The host withdraws {exam}.")
    before, held_before = facts(world), held(world)
    explained = explanations(world, world.sharing.admin.explain)
    change = world.directory.last_change()
    named = shares[0].recipients if tangled else world.principals
    act = draw(endings(before, named))
    act = act if act is not None and done(world, act) else None
    after, held_after = facts(world), held(world)
    if world.groups:
        group = world.directory.group(draw(st.sampled_from(world.groups)))
        members = group.members - {draw(st.sampled_from(world.principals))}
        world.directory.add(attrs.evolve(group, members=members))
    return Trial(
        story=tuple(story),
        before=before,
        held_before=held_before,
        explained=explained,
        explained_again=explanations(world, explaining(world, before, change)),
        act=act,
        left=left(before, after),
        after=after,
        held_after=held_after,
    )


def done(world, request):
    try:
        perform(world.sharing, request)
    except es.Refused:
        return False
    return True


@st.composite
def second_sources(draw, world):
    """Draw shares after which somebody has passed on more than one of their two sources gives."""
    exam = draw(st.sampled_from(world.store.find(world.exams)))
    others = [user for user in world.users if user != exam.owner]
    first, second = draw(st.permutations(others))[:2]
    recipient = draw(st.sampled_from([each for each in world.principals if each != first]))
    return [
        es.ShareRequest(
            actor=actor, exam=exam.id, recipients=[to], permission=permission, attested=True
        )
        for actor, to, permission in (
            (exam.owner, second, es.Permission.DOWNLOAD),
            (second, first, es.Permission.DOWNLOAD),
            (first, recipient, es.Permission.DOWNLOAD),
            (exam.owner, first, es.Permission.VIEW),
        )
    ]


@st.composite
def endings(draw, before, named):
    """Draw an act on the grants to one of the named principals; `None` if there are none."""
    grants = [grant for grant in before.grants if grant.recipient in named]
    if not grants:
        return None
    rested_on = {each for g in before.grants if g.basis is not es.OWNER for each in g.basis}
    sources = [grant for grant in grants if grant.id in rested_on]
    grant = draw(st.sampled_from((*grants, *sources, *sources, *sources)))
    (exam,) = (exam for exam in before.exams if exam.id == grant.exam)
    actors = {grant.grantor, exam.owner} | ({grant.recipient} & before.users.keys())
    common = {
        "actor": draw(st.sampled_from(sorted(actors))),
        "exam": grant.exam,
        "recipient": grant.recipient,
        "reshares": draw(
            st.sampled_from((es.Reshares.CASCADE, es.Reshares.CASCADE, es.Reshares.KEEP))
        ),
    }
    until = before.now + timedelta(minutes=draw(st.integers(1, 4)))
    view = {"permission": es.Permission.VIEW}
    bounds = (None, None, *3 * ({"until": until},), view, {"until": until, **view})
    bound = draw(st.sampled_from(bounds))
    return es.UnshareRequest(**common) if bound is None else es.NarrowRequest(**common, **bound)


def facts(world):
    kept = world.store.read(world.exams, ended=True)
    return Facts(
        now=world.clock.now,
        users={user: world.directory.user(user).active for user in world.users},
        groups={group: world.directory.group(group).members for group in world.groups},
        exams=world.store.find(world.exams),
        withdrawn=frozenset(exam for exam in world.exams if kept[exam].withdrawn),
        versions={exam: kept[exam].version for exam in world.exams},
        grants=tuple(grant for each in kept.values() for grant in each.grants),
        ended=tuple(past for each in kept.values() for past in each.ended),
    )


def held(world):
    asked = product(world.users, world.exams, es.Permission)
    return frozenset(each for each in asked if world.sharing.can(each[0], each[2], each[1]))


def explaining(world, before, change):
    """Return what explains the moment before the act."""
    with opened(lambda: world.store) as store:
        ports = store.with_people(world.directory, notifier=MemoryNotifier())

    def explain(user, permission, exam):
        moment = Moment(at=before.now, version=before.versions[exam], change=change)
        return history.explain_at(ports, user, permission, exam, moment)

    return explain


def explanations(world, explain):
    found = {}
    for user, exam, permission in product(world.users, world.exams, es.Permission):
        why = explain(user, permission, exam)
        if isinstance(why, es.Denied):
            continue
        grants = {ground.grant.id for ground in why.grounds}
        found[user, exam, permission] = frozenset(grants | ({None} if why.as_owner else set()))
    return found


def left(before, after):
    """Return, for each grant that stood, the pieces that it or its replacements still give."""
    known = {grant.id: grant for grant in after.ever_granted()}
    endings = {past.grant.id: past.ending for past in after.ended}
    pieces = {}
    for grant in before.grants:
        if grant.expired(before.now):
            continue
        ending = endings.get(grant.id)
        kept = (grant.id,) if ending is None else ending.replaced_by
        pieces[grant.id] = frozenset((known[each].permission, known[each].horizon) for each in kept)
    return pieces
