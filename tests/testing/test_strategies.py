"""What the strategies draw: valid values, hostile ones among them, and worlds worth looking at."""

import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from itertools import pairwise

import attrs
import pytest
from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st

import exam_sharing
from exam_sharing import (
    BatchId,
    ExamId,
    ExamSharingError,
    Grant,
    GrantId,
    GroupId,
    NoticeId,
    Permission,
    Policy,
    ShareId,
    Sharing,
    UserId,
)
from exam_sharing.grants import OWNER
from exam_sharing.memory import MemoryDirectory
from exam_sharing.ports import Ports
from exam_sharing.testing import strategies as sharing
from exam_sharing.testing.registration import STRATEGIES

IDS = (UserId, GroupId, ExamId, BatchId, GrantId, ShareId, NoticeId)

judged = settings(derandomize=True, database=None, max_examples=250, phases=[Phase.generate])
"""The same examples each time, so that what is counted in them stays the same."""


@pytest.mark.parametrize("name", sorted(set(sharing.__all__)))
def test_every_strategy_draws_valid_values_by_default(name):
    @settings(max_examples=15)
    @given(getattr(sharing, name)())
    def draw(value):
        assert value is not None

    draw()


@given(sharing.identifiers())
def test_every_identifier_drawn_can_be_the_id_of_anything(text):
    assert {str(kind(text)) for kind in IDS} == {text}


@pytest.mark.parametrize(
    "hostile",
    [
        lambda text: not text.isascii(),
        lambda text: "'" in text,
        lambda text: "%" in text,
        lambda text: "\\" in text,
        lambda text: text.startswith(("u:", "g:")),
        lambda text: len(text) == 255,
        lambda text: "  " in text,
        lambda text: text != text.casefold(),
        lambda text: "\N{CYRILLIC SMALL LETTER A}" in text,
        lambda text: "\N{ZERO WIDTH JOINER}" in text,
    ],
)
def test_hostile_identifiers_are_drawn(hostile):
    find(sharing.identifiers(), hostile, settings=settings(judged, max_examples=2_000))


@given(sharing.studies())
def test_no_repr_shows_what_is_drawn_of_a_patient(study):
    for value in (study.patient_name, study.patient_id, study.accession_number, study.description):
        if value is not None:
            assert str(value) not in repr(study)


@given(sharing.nested_groups(ids=st.sampled_from([GroupId(str(n)) for n in range(4)])))
def test_groups_that_hold_each_other_are_taken_by_a_directory(groups):
    directory = MemoryDirectory()
    for group in groups:
        directory.add(group)
    assert {group.id for group in groups} == {each.id for each in directory.known()}


@given(sharing.uploads(owners=st.just(UserId("anna"))), st.data())
def test_uploads_are_taken_whole(upload, data):
    world = data.draw(sharing.worlds(max_acts=0))
    batch, exams = upload
    assume(batch.id not in {BatchId("cd"), BatchId("transfer")})
    assume({exam.id for exam in exams}.isdisjoint(world.exams))

    world.sharing.add_upload(batch, exams)

    assert set(world.store.find([exam.id for exam in exams])) == set(exams)


def supported(chain):
    """Return the grants of a chain that are supported: SPEC 3, by its own words."""
    found = set()
    while True:
        more = {
            each
            for each in chain
            if each.basis is OWNER
            or any(
                source.exam == each.exam
                and source.recipient == each.grantor
                and source.permission >= each.permission
                and source.horizon >= each.horizon
                for source in found
            )
        }
        if more == found:
            return found
        found = more


@given(sharing.reshare_chains(min_size=1, max_size=5))
def test_every_grant_of_a_legal_chain_is_supported(chain):
    assert supported(chain) == set(chain)
    assert [grant.version for grant in chain] == sorted({grant.version for grant in chain})


@given(sharing.illegal_reshare_chains(max_size=5))
def test_the_end_of_an_illegal_chain_is_not_supported(chain):
    assert chain[-1] not in supported(chain)


def test_chains_break_in_every_way():
    seen = Counter()

    @settings(judged)
    @given(sharing.illegal_reshare_chains())
    def look(chain):
        pairs = list(pairwise(chain))
        seen["permission"] += any(a.permission < b.permission for a, b in pairs)
        seen["time"] += any(a.horizon < b.horizon for a, b in pairs)
        seen["stranger"] += any(a.recipient != b.grantor for a, b in pairs)
        seen["exam"] += any(a.exam != b.exam for a, b in pairs)
        seen["circle"] += all(grant.basis is not OWNER for grant in chain)

    look()
    assert min(seen[each] for each in ("permission", "time", "stranger", "exam", "circle")) > 8


@given(sharing.worlds())
def test_a_world_answers_and_explains_alike(world):
    for user in world.users:
        for exam in world.exams:
            answer = world.explained(user, Permission.VIEW, exam)
            assert "disagree" not in repr(answer)
            assert bool(answer) == world.sharing.can(user, Permission.VIEW, exam)


@given(sharing.worlds(policies=sharing.policies(), user_ids=sharing.user_ids()))
def test_worlds_are_made_of_what_is_given(world):
    assert len(world.users) >= 3
    for exam in world.store.find(world.exams):
        assert exam.owner in world.users


def depths(grants):
    """Return how long the chain is that ends with each grant."""
    found = {}
    for grant in grants:
        sources = () if grant.basis is OWNER else grant.basis
        found[grant.id] = 1 + max((found.get(each, 0) for each in sources), default=0)
    return found


def interesting(world):
    """Name the places that a world has reached where rules are hard."""
    now = world.clock.now
    ends = [
        each.until for e in world.exams for each in world.store.read((e,), ended=False)[e].grants
    ]
    if any(until == now for until in ends):
        yield "a grant expires now"
    if any(until is not None and 0 < (until - now).total_seconds() < 0.001 for until in ends):
        yield "a grant expires next"
    for exam in world.exams:
        kept = world.store.read((exam,), ended=True)[exam]
        standing = world.standing(exam)
        grantors = {(each.recipient, each.grantor) for each in standing}
        if max(Counter(recipient for recipient, _ in grantors).values(), default=0) > 1:
            yield "several grantors give one principal an exam"
        if max(depths(standing).values(), default=0) >= 3:
            yield "chains three deep"
        for grant in standing:
            group = (
                world.directory.group(grant.recipient)
                if isinstance(grant.recipient, GroupId)
                else None
            )
            if group and any(isinstance(each, GroupId) for each in group.members):
                yield "a group within a group has access"
        for past in kept.ended:
            yield f"a grant was {past.ending.how.value}"


# Each about half of what was counted, so that another drawing of the same strategies passes.
OFTEN = {
    "several grantors give one principal an exam": 0.2,
    "a group within a group has access": 0.15,
    "chains three deep": 0.12,
    "a grant expires now": 0.14,
    "a grant expires next": 0.08,
    "a grant was UNSHARED": 0.3,
    "a grant was NARROWED": 0.1,
    "a grant was CASCADED": 0.03,
}


ACT = re.compile(r"\S+  \w+ (shares|unshares|narrows|ends) ")


@given(sharing.worlds())
def test_a_world_tells_all_that_happened_in_it(world):
    acts = [line for line in world.story if ACT.match(line)]
    assert len(acts) == len(world.acts)
    assert world.story[0].startswith("12:00  In ")
    assert all(line in repr(world) for line in acts)
    assert "object at" not in repr(world)


def plainest(strategy):
    """Return what is drawn when nothing is asked of it; the same each time."""
    return find(strategy, lambda _: True, settings=settings(derandomize=True, database=None))


def test_what_is_drawn_shrinks_to_something_plain():
    grant = plainest(st.from_type(Grant))
    assert grant.recipient != grant.grantor
    assert plainest(sharing.users()).active
    plain = attrs.evolve(Policy(), attestation_wording="I abide by HIPAA.")
    assert plainest(sharing.policies()) == plain


@given(sharing.grants())
def test_nobody_is_drawn_to_grant_something_to_themselves(grant):
    assert grant.recipient != grant.grantor


def test_worlds_reach_the_interesting_places_often():
    reached, drawn = Counter(), Counter()

    @settings(judged, max_examples=1_000)
    @given(sharing.worlds(min_acts=8))
    def look(world):
        drawn["worlds"] += 1
        reached.update(set(interesting(world)))

    look()
    fractions = {place: reached[place] / drawn["worlds"] for place in OFTEN}
    assert {place: share for place, share in fractions.items() if share < OFTEN[place]} == {}


ELSEWHERE = (
    "exam_sharing.__main__",
    "exam_sharing.adapters",
    "exam_sharing.cli",
    "exam_sharing.memory.",
    "exam_sharing.testing",
)
"""Where types are for one use, and have no strategies; those of the kit are drawn by name."""


def public_types():
    """Return every public type of the core of which there are values."""
    found = {exam_sharing: None}
    for module in pkgutil.walk_packages(exam_sharing.__path__, "exam_sharing."):
        if not module.name.startswith(ELSEWHERE):
            found[importlib.import_module(module.name)] = None
    named = (getattr(module, name) for module in found for name in getattr(module, "__all__", ()))
    return list(dict.fromkeys(each for each in named if isinstance(each, type) and is_value(each)))


def is_value(kind):
    """Say whether a host has values of a type; what it supplies itself, `Ports`, is none."""
    others = Enum | ExamSharingError | Sharing | MemoryDirectory
    return kind is not Ports and (attrs.has(kind) or issubclass(kind, others))


def held(value, kind):
    """Yield everything of a kind that a value holds, however deep."""
    if isinstance(value, kind):
        yield value
    if attrs.has(type(value)):
        value = [getattr(value, field.name) for field in attrs.fields(type(value))]
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | frozenset):
        for each in value:
            yield from held(each, kind)


@pytest.mark.parametrize("kind", public_types(), ids=lambda kind: kind.__name__)
def test_every_public_type_can_be_drawn_by_its_name(kind):
    @settings(max_examples=8, derandomize=True)
    @given(st.from_type(kind))
    def draw(value):
        assert isinstance(value, kind)
        assert all(time.tzinfo for time in held(value, datetime))
        assert all(count >= 0 for count in held(value, int))

    draw()


def test_every_type_that_is_registered_has_a_strategy():
    assert set(STRATEGIES.values()) <= set(sharing.__all__)
