"""The strategies: they draw valid values, also hostile ones, and worlds in difficult states."""

import importlib
import pkgutil
import pydoc
import re
import textwrap
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum

import attrs
import pytest
from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st

import exam_sharing
import exam_sharing as es
from exam_sharing.asynchronous import AsyncAdmin, AsyncViewer
from exam_sharing.memory import MemoryDirectory
from exam_sharing.ports import Ports
from exam_sharing.testing import strategies as sharing
from exam_sharing.web import Answer, Finding

judged = settings(derandomize=True, database=None, max_examples=250, phases=[Phase.generate])
"""The same examples each time, so that counts stay the same."""


@pytest.mark.parametrize("name", sorted(set(sharing.__all__)))
def test_every_strategy_draws_valid_values_by_default(name):
    @settings(max_examples=15)
    @given(getattr(sharing, name)())
    def draw(value):
        assert value is not None

    draw()


@pytest.mark.parametrize(
    "hostile",
    ["'", "%", "\\", "  ", "u:", "g:", "x" * 254, "\N{CYRILLIC SMALL LETTER A}", "\u200d", "A"],
)
def test_hostile_identifiers_are_drawn(hostile):
    often = settings(judged, max_examples=2_000)
    find(sharing.identifiers(), lambda text: hostile in text, settings=often)


@given(sharing.nested_groups(ids=st.sampled_from([es.GroupId(str(n)) for n in range(4)])))
def test_a_directory_accepts_nested_groups(groups):
    directory = MemoryDirectory()
    for group in groups:
        directory.add(group)
    assert {group.id for group in groups} == {each.id for each in directory.known()}


@given(sharing.uploads(owners=st.just(es.UserId("anna"))), st.data())
def test_add_upload_accepts_uploads(upload, data):
    world = data.draw(sharing.worlds(max_acts=0))
    batch, exams = upload
    assume(batch.id not in {es.BatchId("cd"), es.BatchId("transfer")})
    assume({exam.id for exam in exams}.isdisjoint(world.exams))

    world.sharing.add_upload(batch, exams)

    assert set(world.store.find([exam.id for exam in exams])) == set(exams)


@given(sharing.worlds(policies=st.from_type(es.Policy), user_ids=st.from_type(es.UserId)))
def test_worlds_use_the_given_strategies(world):
    assert len(world.users) >= 3
    for user in world.users:
        assert "disagree" not in repr(world.explained(user, es.Permission.VIEW, world.exams[0]))
    for exam in world.store.find(world.exams):
        assert exam.owner in world.users


def depths(grants):
    """Return the length of the chain that ends with each grant."""
    found = {}
    for grant in grants:
        sources = () if grant.basis is es.OWNER else grant.basis
        found[grant.id] = 1 + max((found.get(each, 0) for each in sources), default=0)
    return found


def interesting(world):
    """Yield the difficult states that a world has reached."""
    for exam in world.exams:
        kept = world.store.read((exam,), ended=True)[exam]
        yield from (f"a grant was {past.ending.how.value}" for past in kept.ended)
        left = [each.until - world.clock.now for each in kept.grants if each.until]
        if timedelta() in left:
            yield "a grant expires now"
        if any(timedelta() < each < timedelta(milliseconds=1) for each in left):
            yield "a grant expires next"
        standing = world.standing(exam)
        pairs = {(each.recipient, each.grantor) for each in standing}
        if len({recipient for recipient, _ in pairs}) < len(pairs):
            yield "several grantors give one principal an exam"
        if max(depths(standing).values(), default=0) >= 3:
            yield "chains three deep"
        groups = [world.directory.group(each) for each, _ in pairs if isinstance(each, es.GroupId)]
        members = [each for group in groups if group for each in group.members]
        if any(isinstance(each, es.GroupId) for each in members):
            yield "a group within a group has access"


OFTEN = {
    "several grantors give one principal an exam": 0.2,
    "a group within a group has access": 0.13,
    "chains three deep": 0.07,
    "a grant expires now": 0.07,
    "a grant expires next": 0.06,
    "a grant was UNSHARED": 0.25,
    "a grant was NARROWED": 0.1,
    "a grant was CASCADED": 0.01,
}
"""Half of the least share with five seeds; draws depend on the modules that are imported."""


ACT = re.compile(r"\S+  \w+ (shares|unshares|narrows|revokes) ")


@given(sharing.worlds())
def test_the_story_of_a_world_lists_all_its_acts(world):
    acts = [line for line in world.story if ACT.match(line)]
    assert len(acts) == len(world.acts)
    assert world.story[0].startswith("12:00  The members of ")
    assert all(line in repr(world) for line in acts)
    assert repr(world).startswith(f"World(story={world.story!r}, ")
    assert "object at" not in repr(world)


@pytest.mark.parametrize("name", sharing.__all__)
def test_the_help_of_a_strategy_fits_on_a_screen(name):
    text = pydoc.plain(pydoc.render_doc(getattr(sharing, name)))
    rows = sum(len(textwrap.wrap(line, 80)) or 1 for line in text.splitlines())
    assert rows <= 24


def plainest(strategy):
    """Return the simplest value of a strategy."""
    return find(strategy, lambda _: True, settings=settings(derandomize=True, database=None))


def test_values_shrink_to_plain_ones():
    grant = plainest(st.from_type(es.Grant))
    assert grant.recipient != grant.grantor
    assert plainest(st.from_type(es.User)).active
    plain = attrs.evolve(es.Policy(), attestation_wording="I abide by HIPAA.")
    assert plainest(st.from_type(es.Policy)) == plain


def test_worlds_often_reach_difficult_states():
    reached = Counter()

    @settings(judged, max_examples=400)
    @given(sharing.worlds(min_acts=8))
    def look(world):
        reached.update({"any", *interesting(world)})

    look()
    shares = {state: reached[state] / reached["any"] for state in OFTEN}
    assert {state: share for state, share in shares.items() if share < OFTEN[state]} == {}


ELSEWHERE = (
    "exam_sharing.__main__",
    "exam_sharing.adapters",
    "exam_sharing.cli",
    "exam_sharing.memory.",
    "exam_sharing.testing",
)
"""Modules whose types need no strategies."""


def public_types():
    """Return every public type of values in the core."""
    found = {exam_sharing: None}
    for module in pkgutil.walk_packages(exam_sharing.__path__, "exam_sharing."):
        if not module.name.startswith(ELSEWHERE):
            found[importlib.import_module(module.name)] = None
    named = (getattr(module, name) for module in found for name in getattr(module, "__all__", ()))
    return list(dict.fromkeys(each for each in named if isinstance(each, type) and is_value(each)))


def is_value(kind):
    """Return whether values of a type can be drawn alone: without ports and what uses them."""
    others = Enum | es.ExamSharingError | MemoryDirectory
    needs_ports = kind in {Ports, es.Sharing, es.Admin, es.Viewer, AsyncAdmin, AsyncViewer}
    return (
        not needs_ports
        and kind not in {Answer, Finding}
        and (attrs.has(kind) or issubclass(kind, others))
    )


def held(value, kind):
    """Yield all values of a kind in a value, to any depth."""
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
