"""Values: frozen, keyword-only, compared by what they hold; a user is never a group."""

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.documents import plain, with_kind
from exam_sharing.policy.facts import Profile
from exam_sharing.validation import PrivateText
from sample_values import ENOUGH, IDENTIFIERS, made
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    NURSES,
    START,
    VIEW,
    World,
    pickled,
    refusal,
    share_request,
)

POSITIONAL = {"Denied", *(kind.__name__ for kind in IDENTIFIERS)}


def public_values() -> Iterator[type]:
    for name in es.__all__:
        value = getattr(es, name)
        if isinstance(value, type) and attrs.has(value) and not issubclass(value, Exception):
            yield value


each_value = pytest.mark.parametrize("kind", [*public_values()], ids=lambda kind: kind.__name__)


@each_value
def test_every_public_value_is_frozen_and_has_slots_alone(kind):
    blank = kind.__new__(kind)
    name = attrs.fields(kind)[0].name

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(blank, name, None)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        delattr(blank, name)
    assert not hasattr(blank, "__dict__")


@each_value
def test_every_public_value_but_ids_and_denials_takes_keywords_only(kind):
    by_keyword = all(field.kw_only for field in attrs.fields(kind))

    assert by_keyword == (kind.__name__ not in POSITIONAL)


def test_an_unknown_profile_is_inactive_and_in_no_group():
    assert Profile.unknown(BEN) == Profile(user=BEN, active=False, principals=frozenset({BEN.key}))


def test_the_owner_as_a_basis_is_written_by_its_public_name():
    assert repr(es.OWNER) == "OWNER"


@pytest.mark.parametrize("kind", IDENTIFIERS)
def test_an_id_is_its_text_with_a_kind(kind):
    assert str(kind("x")) == "x"
    assert repr(kind("x")) == f"{kind.__name__}('x')"
    assert kind("x") == kind("x")
    assert hash(kind("x")) == hash(kind("x"))
    assert kind("x") != kind("y")
    assert kind("x") != "x"
    assert pickled(kind("x")) == kind("x")


@pytest.mark.parametrize(("one", "other"), [*permutations(IDENTIFIERS, 2)])
def test_ids_of_two_kinds_are_never_equal(one, other):
    assert one("x") != other("x")
    assert len({one("x"): 1, other("x"): 2}) == 2


@given(texts=st.lists(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)))
def test_ids_of_one_kind_sort_as_their_texts_do(texts):
    assert [str(each) for each in sorted(map(es.ExamId, texts))] == sorted(texts)


def test_identifiers_of_two_kinds_have_no_order():
    with pytest.raises(TypeError):
        sorted([es.UserId("alice"), es.GroupId("bob")])


A_GRANT = made(es.Grant)
HASHABLE = [made(kind) for kind in ENOUGH if kind is not es.HostRule]


@pytest.mark.parametrize("value", HASHABLE, ids=lambda value: type(value).__name__)
def test_pickled_values_are_equal_and_hash_alike(value):
    again = pickled(value)

    assert again == value
    assert hash(again) == hash(value)
    assert value != object()
    assert value != "value"


def test_lists_are_kept_as_immutable_values():
    members, recipients, rules = [BEN], [BEN], [made(es.HostRule)]
    policy = es.Policy(host_rules=rules)
    rules.clear()
    group = es.Group(id=es.GroupId("g"), name="G", members=members)
    request = attrs.evolve(share_request(ANNA, CT, CARLA), recipients=recipients, expect=[CT])
    members.append(CARLA)
    recipients.append(CARLA)

    assert group.members == frozenset({BEN})
    assert request.recipients == (BEN,)
    assert request.expect == frozenset({CT})
    assert len(policy.host_rules) == 1


def test_a_grant_stands_until_just_before_its_time():
    until = attrs.evolve(A_GRANT, until=START + DAY)

    assert not until.expired(START)
    assert until.expired(START + DAY)
    assert not A_GRANT.expired(START + 10_000 * DAY)


def test_the_public_names_are_those_of_the_package():
    assert dir(es) == sorted(es.__all__)
    assert all(hasattr(es, name) for name in es.__all__)


SAME_USER, SAME_GROUP = es.UserId("same"), es.GroupId("same")


def with_namesakes(**more: Any) -> World:
    """Return a world where a user and a group have the same string; Ben is in the group."""
    world = World(**more)
    world.person(SAME_USER, name="A Person")
    world.group(SAME_GROUP, BEN, name="Their Namesake")
    return world


def test_a_user_and_a_group_of_one_string_are_two_entries():
    world = with_namesakes()
    world.share(ANNA, CT, SAME_USER, permission=DOWNLOAD)
    world.share(ANNA, CT, SAME_GROUP)

    entries = world.entries(ANNA)

    assert entries[SAME_USER].permission == DOWNLOAD
    assert entries[SAME_GROUP].permission == VIEW


def test_a_member_of_a_group_of_ones_own_string_may_not_give_up_its_grant():
    world = with_namesakes()
    world.share(ANNA, CT, SAME_USER, SAME_GROUP)

    reasons = refusal(world.unshare, SAME_USER, CT, SAME_GROUP)

    assert [each.code for each in reasons] == [es.ReasonCode.NOT_GRANTOR_OR_OWNER]


def test_a_cascade_distinguishes_a_user_and_a_group_of_one_string():
    world = with_namesakes()
    world.share(ANNA, CT, SAME_USER, SAME_GROUP)
    world.share(SAME_USER, CT, CARLA)
    world.share(BEN, CT, DAN)

    world.unshare(ANNA, CT, SAME_GROUP, reshares=es.Reshares.CASCADE)

    assert world.can_view(CARLA, CT)
    assert not world.can_view(DAN, CT)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (ANNA, "anna"),
        (es.Permission.VIEW, "VIEW"),
        (START, "2030-01-01T12:00:00+00:00"),
        ((1, "text"), [1, "text"]),
        (frozenset({NURSES, ANNA}), ["anna", "nurses"]),
        ({es.Permission.VIEW: 1}, {"VIEW": 1}),
        ({es.UserId("x"): 1, es.GroupId("x"): 2, CT: 3}, {"u:x": 1, "g:x": 2, "ct": 3}),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_value_is_written_as_plain_data(value, written):
    assert plain(value, {}) == written


def test_a_writer_gives_the_form_of_a_type():
    assert plain([ANNA, NURSES], {es.UserId: with_kind, es.GroupId: with_kind}) == [
        "user:anna",
        "group:nurses",
    ]


@pytest.mark.parametrize("value", [PrivateText("MRN 048213"), object()], ids=type)
def test_what_has_no_form_is_an_error_without_the_value(value):
    with pytest.raises(TypeError) as caught:
        plain(value, {})

    assert "048213" not in str(caught.value)
