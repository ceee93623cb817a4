"""SPEC 1: groups hold users and groups, to any depth; a cycle is an error when it would be made.

> A user who is unknown or inactive holds nothing.
"""

import threading

import attrs
import pytest

from exam_sharing.directories import Account
from exam_sharing.errors import AlreadyExists, InvalidValue, MembershipCycle, WrongKind
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.policy.facts import Profile
from exam_sharing.principals import Group, User

ACTOR = UserId("actor")


def user(name, *, active=True, email=None):
    return User(id=UserId(name), name=f"Name of {name}", email=email, active=active)


def group(name, *members):
    return Group(id=GroupId(name), name=f"Name of {name}", members=frozenset(members))


def test_a_user_is_in_the_groups_of_their_groups(open_directory):
    directory = open_directory(
        user("ann"), group("ct", UserId("ann")), group("radiology", GroupId("ct")), group("other")
    )
    assert directory.principals_of(UserId("ann")) == {"u:ann", "g:ct", "g:radiology"}
    assert directory.path(UserId("ann"), GroupId("radiology")) == (
        UserId("ann"),
        GroupId("ct"),
        GroupId("radiology"),
    )


def test_there_is_no_path_to_a_group_that_a_user_is_not_in(open_directory):
    directory = open_directory(user("ann"), group("ct", UserId("ann")), group("mr"))
    assert directory.path(UserId("ann"), GroupId("mr")) == ()
    assert directory.path(UserId("ann"), UserId("bob")) == ()
    assert directory.path(UserId("ann"), UserId("ann")) == (UserId("ann"),)


def test_of_many_shortest_paths_it_is_always_the_same(open_directory):
    sides = [f"{i}" for i in range(10, 50)]
    directory = open_directory(
        user("ann"),
        *(group(each, UserId("ann")) for each in reversed(sides)),
        group("top", *map(GroupId, sides)),
    )
    assert directory.path(UserId("ann"), GroupId("top"))[1] == GroupId("10")


def test_a_group_may_hold_members_that_become_known_later(open_directory):
    directory = open_directory(group("ct", UserId("ann"), GroupId("night")))
    assert directory.principals_of(UserId("ann")) == frozenset()
    directory.add(user("ann"))
    directory.add(user("bob"))
    directory.add(group("night", UserId("bob")))
    assert directory.principals_of(UserId("ann")) == {"u:ann", "g:ct"}
    assert directory.principals_of(UserId("bob")) == {"u:bob", "g:night", "g:ct"}


def test_a_user_and_a_group_of_one_string_are_two_principals(open_directory):
    directory = open_directory(user("x"), group("x"), group("y", GroupId("x")))
    assert directory.principals_of(UserId("x")) == {"u:x"}
    assert directory.people_behind([GroupId("y")]) == {GroupId("y"): frozenset()}
    assert directory.user(UserId("x")) == user("x")
    assert directory.group(GroupId("x")) == group("x")


def test_the_same_id_again_replaces_settings_included(new_directory):
    directory = new_directory()
    ann = UserId("ann")
    directory.add(user("ann"), sharing_in_plan=False, notices=False)
    profile = directory.profiles([ann])[ann]
    assert not profile.sharing_in_plan
    assert not profile.wants_notices
    directory.add(user("ann", email="ann@b.example"))
    assert directory.profiles([ann])[ann] == Profile(
        user=ann,
        active=True,
        principals=frozenset({"u:ann"}),
        sharing_in_plan=True,
        wants_notices=True,
        address="ann@b.example",
    )
    directory.add(group("g", ann))
    directory.add(group("g"))
    assert directory.principals_of(ann) == {"u:ann"}


def test_leaving_one_group_leaves_the_others_as_they_were(open_directory):
    ann, bob = UserId("ann"), UserId("bob")
    directory = open_directory(user("ann"), user("bob"), group("ct", ann, bob), group("mr", ann))
    directory.add(group("ct", bob))
    assert directory.principals_of(ann) == {"u:ann", "g:mr"}
    assert directory.principals_of(bob) == {"u:bob", "g:ct"}


def test_the_profile_of_an_inactive_user_tells_their_groups_all_the_same(open_directory):
    directory = open_directory(user("ann", active=False), group("ct", UserId("ann")))
    profile = directory.profiles([UserId("ann")])[UserId("ann")]
    assert not profile.active
    assert profile.principals == {"u:ann", "g:ct"}
    assert directory.principals_of(UserId("ann")) == frozenset()


def test_somebody_unknown_has_the_profile_of_an_unknown_user(open_directory):
    directory = open_directory(group("ct", UserId("ann")), group("ann"))
    assert directory.profiles(iter([UserId("ann")])) == {
        UserId("ann"): Profile.unknown(UserId("ann"))
    }


def test_becoming_inactive_takes_effect_at_once(open_directory):
    directory = open_directory(user("ann"))
    assert directory.principals_of(UserId("ann")) == {"u:ann"}
    directory.add(user("ann", active=False))
    assert directory.principals_of(UserId("ann")) == frozenset()


def test_whoever_is_removed_is_unknown_from_then_on(open_directory):
    directory = open_directory(user("ann"), group("ct", UserId("ann")))
    assert directory.principals_of(UserId("ann")) == {"u:ann", "g:ct"}
    directory.remove(UserId("ann"))
    assert directory.principals_of(UserId("ann")) == frozenset()
    assert directory.user(UserId("ann")) is None
    directory.add(group("ct", UserId("ben")))
    directory.add(user("ben"))
    assert directory.principals_of(UserId("ben")) == {"u:ben", "g:ct"}
    directory.remove(GroupId("ct"))
    assert directory.principals_of(UserId("ben")) == {"u:ben"}
    assert directory.group(GroupId("ct")) is None


@pytest.mark.parametrize("gone", [user("x"), group("x", UserId("ann"))])
def test_an_id_that_was_removed_is_never_used_again(open_directory, gone):
    """SPEC 1: an id is never used again for another exam, user or group."""
    directory = open_directory(user("ann"), user("x"), group("x", UserId("ann")))
    directory.add(group("outer", UserId("x"), GroupId("x")))
    directory.remove(gone.id)
    known = directory.known()
    for again in (gone, attrs.evolve(gone, name="somebody else")):
        with pytest.raises(AlreadyExists) as raised:
            directory.add(again)
        assert (raised.value.kind, raised.value.identifier) == (type(gone).__name__.lower(), "x")
        assert directory.known() == known
        assert directory.names([gone.id]) == {}
        assert directory.suggest(UserId("ann"), "somebody", 9, frozenset()) == ()
    with pytest.raises(InvalidValue, match="is not in the directory"):
        directory.remove(gone.id)
    # A user and a group of one id are two.
    other = user("x") if isinstance(gone, Group) else group("x")
    directory.add(attrs.evolve(other, name="the other"))
    assert directory.names([other.id]) == {other.id: "the other"}


@pytest.mark.parametrize("principal", [UserId("x"), GroupId("ann")])
def test_removing_what_is_not_there_is_the_callers_error(open_directory, principal):
    directory = open_directory(user("ann"))
    with pytest.raises(InvalidValue, match="is not in the directory"):
        directory.remove(principal)


@pytest.mark.parametrize(
    "groups",
    [
        [group("a", GroupId("a"))],
        [group("a", GroupId("b")), group("b", GroupId("a"))],
        [group("b", GroupId("c")), group("a", GroupId("b")), group("c", GroupId("a"))],
        [group("a", GroupId("b"), UserId("u")), group("c", GroupId("a")), group("b", GroupId("c"))],
        [group("a"), group("b", GroupId("a")), group("c", GroupId("b")), group("a", GroupId("c"))],
        [
            group("m", GroupId("k")),
            *(group(f"other {i}", GroupId("k")) for i in range(50)),
            group("k", GroupId("m")),
        ],
    ],
    ids=["itself", "two", "closed in the middle", "closed at the end", "replaced", "aside"],
)
def test_a_cycle_is_an_error_and_leaves_everything_as_it_was(open_directory, groups):
    directory = open_directory(user("u"), *groups[:-1])
    kept = directory.group(groups[-1].id)
    ids = [each.id for each in groups]
    before = directory.people_behind(ids)
    with pytest.raises(MembershipCycle) as raised:
        directory.add(groups[-1])
    assert raised.value.group == groups[-1].id.value
    assert directory.group(groups[-1].id) == kept
    assert directory.people_behind(ids) == before
    assert [directory.path(UserId("u"), each) != () for each in ids] == [
        UserId("u") in before[each] for each in ids
    ]


def test_what_would_have_been_a_cycle_is_none_once_the_other_group_is_gone(open_directory):
    directory = open_directory(group("a", GroupId("b")), group("b"))
    with pytest.raises(MembershipCycle):
        directory.add(group("b", GroupId("a")))
    directory.remove(GroupId("a"))
    directory.add(group("b", GroupId("a")))


def test_two_ways_to_the_same_group_are_no_cycle(open_directory):
    directory = open_directory(
        user("u"),
        group("low", UserId("u")),
        group("left", GroupId("low")),
        group("right", GroupId("low")),
        group("top", GroupId("left"), GroupId("right"), GroupId("low")),
    )
    assert directory.principals_of(UserId("u")) == {"u:u", "g:low", "g:left", "g:right", "g:top"}


def test_many_ways_through_many_groups_are_walked_once(open_directory):
    directory = open_directory(user("u"), group("0", UserId("u")))
    for i in range(1, 100):
        sides = [GroupId(f"{i} left"), GroupId(f"{i} right")]
        for side in sides:
            directory.add(group(side.value, GroupId(f"{i - 1}")))
        directory.add(group(f"{i}", *sides))
    assert len(directory.principals_of(UserId("u"))) == 299
    assert len(directory.path(UserId("u"), GroupId("99"))) == 200


@pytest.mark.parametrize("order", ["upward", "downward"])
def test_groups_may_be_nested_deeply(open_directory, order):
    depth = 500
    chain = [group(f"{i}", UserId("u") if i == 0 else GroupId(f"{i - 1}")) for i in range(depth)]
    directory = open_directory(user("u"), *(chain if order == "upward" else reversed(chain)))
    top = GroupId(f"{depth - 1}")
    assert len(directory.principals_of(UserId("u"))) == depth + 1
    assert directory.people_behind([top]) == {top: {UserId("u")}}
    assert len(directory.path(UserId("u"), top)) == depth + 1
    with pytest.raises(MembershipCycle):
        directory.add(group("0", top))


@pytest.mark.parametrize(
    "principal", [None, "ann", UserId("ann"), GroupId("g"), object(), {"id": "ann"}]
)
def test_only_users_and_groups_can_be_added(new_directory, principal):
    with pytest.raises(WrongKind):
        new_directory().add(principal)


@pytest.mark.parametrize("principal", [None, "ann", user("ann"), group("g")])
def test_only_ids_can_be_removed(open_directory, principal):
    with pytest.raises(WrongKind):
        open_directory(user("ann"), group("g")).remove(principal)


@pytest.mark.parametrize("settings", [{"sharing_in_plan": True}, {"notices": False}])
def test_settings_for_a_group_are_the_callers_error(new_directory, settings):
    directory = new_directory()
    with pytest.raises(InvalidValue, match=f"{next(iter(settings))} can be set for a user"):
        directory.add(group("g"), **settings)
    assert directory.group(GroupId("g")) is None


@pytest.mark.parametrize("setting", ["sharing_in_plan", "notices"])
@pytest.mark.parametrize("value", [None, 1, "no"])
def test_a_setting_that_is_no_truth_value_is_refused_and_changes_nothing(
    open_directory, setting, value
):
    directory = open_directory(user("ann"))
    with pytest.raises(WrongKind):
        directory.add(user("ann", active=False), **{setting: value})
    assert directory.user(UserId("ann")) == user("ann")


def test_a_group_is_no_user_whatever_it_is_asked_as(open_directory):
    directory = open_directory(user("ann"), group("ct"), group("ann"))
    assert directory.user(GroupId("ct")) is None
    assert directory.group(UserId("ann")) is None
    with pytest.raises(WrongKind):
        directory.principals_of(GroupId("ct"))


def test_seen_are_those_that_exist_are_active_and_that_the_actor_may_see(open_directory):
    asked = []

    def visible(actor, principal):
        asked.append((actor, principal))
        return principal != UserId("hidden")

    directory = open_directory(
        user("ann"), user("off", active=False), user("hidden"), group("g"), visible=visible
    )
    everybody = [UserId(each) for each in ("ann", "off", "hidden", "nobody")] + [GroupId("g")]
    assert directory.seen_by(ACTOR, iter(everybody)) == {UserId("ann"), GroupId("g")}
    assert set(asked) == {(ACTOR, UserId(e)) for e in ("ann", "hidden")} | {(ACTOR, GroupId("g"))}


def test_actors_see_themselves_only_as_the_directory_says(open_directory):
    directory = open_directory(user("ann"), visible=lambda actor, principal: actor != principal)
    assert directory.seen_by(UserId("ann"), [UserId("ann")]) == frozenset()
    assert open_directory(user("ann")).seen_by(UserId("ann"), [UserId("ann")]) == {UserId("ann")}


def test_who_may_be_seen_is_asked_once_of_each_principal_that_comes_into_question(open_directory):
    asked = []

    def visible(actor, principal):
        asked.append(principal.key)
        return principal != GroupId("a")

    def members_visible(actor, group):
        asked.append("members of " + group.key)
        return group != GroupId("c")

    directory = open_directory(
        user("ann"),
        user("bob"),
        user("off", active=False),
        group("c", UserId("bob"), GroupId("gone")),
        group("a", UserId("ann"), UserId("off"), GroupId("c")),
        group("b", UserId("ann"), GroupId("a")),
        visible=visible,
        members_visible=members_visible,
    )
    groups = [GroupId("a"), GroupId("b"), GroupId("c"), GroupId("unknown")]
    assert directory.members_seen_by(ACTOR, groups) == {
        GroupId("a"): {UserId("ann"), GroupId("c")},
        GroupId("b"): {UserId("ann"), GroupId("c")},
        GroupId("c"): frozenset(),
        GroupId("unknown"): frozenset(),
    }
    assert sorted(asked) == [
        "g:a",
        "g:c",
        "members of g:a",
        "members of g:b",
        "members of g:c",
        "u:ann",
    ]


@pytest.mark.parametrize("answer", [False, None, 0, 1, "yes"])
def test_anything_but_true_is_no(open_directory, answer):
    directory = open_directory(user("ann"), group("g"), visible=lambda actor, principal: answer)
    assert directory.seen_by(ACTOR, [UserId("ann"), GroupId("g")]) == frozenset()


@pytest.mark.parametrize("answer", [False, None, 0, 1, "yes"])
def test_members_are_shown_to_nobody_who_is_not_plainly_said_to_see_them(open_directory, answer):
    ann, g = UserId("ann"), GroupId("g")
    no = {"visible": lambda actor, principal: answer}
    nor = {"members_visible": lambda actor, group: answer}
    for settings in (no, nor):
        directory = open_directory(user("ann"), group("g", ann), **settings)
        assert directory.members_seen_by(ACTOR, [g]) == {g: frozenset()}
    assert open_directory(user("ann"), group("g", ann)).members_seen_by(ACTOR, [g]) == {g: {ann}}


def test_names_are_those_of_everybody_known(open_directory):
    directory = open_directory(user("ann", active=False), group("ann"))
    assert directory.names(iter([UserId("ann"), GroupId("ann"), UserId("nobody")])) == {
        UserId("ann"): "Name of ann",
        GroupId("ann"): "Name of ann",
    }


def test_while_others_ask_each_change_is_seen_as_soon_as_it_is_made(open_directory):
    people = [UserId(f"{i}") for i in range(20)]
    directory = open_directory(*(user(each.value) for each in people))
    stop = threading.Event()
    wrong = []

    def ask():
        while not stop.is_set():
            for each in people:
                found = directory.principals_of(each)
                if each.key not in found or found - {each.key, "g:low", "g:top"}:
                    wrong.append(found)

    readers = [threading.Thread(target=ask) for _ in range(4)]
    for each in readers:
        each.start()
    directory.add(group("top", GroupId("low")))
    for i in range(100):
        members = frozenset(people[i % 20 :])
        directory.add(group("low", *members))
        for each in people:
            groups = {"g:low", "g:top"} if each in members else set()
            if directory.principals_of(each) != {each.key} | groups:
                wrong.append((i, each))
    stop.set()
    for each in readers:
        each.join()
    assert wrong == []


def test_many_threads_add_groups_and_the_final_answers_are_right(open_directory):
    ann = UserId("ann")
    directory = open_directory(user("ann"))

    def add(thread):
        for i in range(100):
            held = [GroupId(f"{thread}.{i - 1}")] if i else [ann]
            directory.add(group(f"{thread}.{i}", *held))
            assert f"g:{thread}.{i}" in directory.principals_of(ann)
            directory.suggest(ACTOR, "name", 3, frozenset())

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    every = {f"g:{thread}.{i}" for thread in range(8) for i in range(100)}
    assert directory.principals_of(ann) == {"u:ann"} | every
    listed = directory.listed(ACTOR, None, 1_000, frozenset())
    assert {principal.key for principal, _ in listed} == {"u:ann"} | every


def test_all_who_are_kept_can_be_listed_a_page_at_a_time_by_their_keys(open_directory):
    ward = group("ward", UserId("ann"), UserId("nobody yet"), GroupId("night"))
    bea, ann = user("bea", active=False), user("ann", email="ann@clinic.example")
    directory = open_directory(ward, bea, group("empty"))
    directory.add(ann, sharing_in_plan=False, notices=False)

    first, second = Account(user=ann, sharing_in_plan=False, notices=False), Account(user=bea)
    assert directory.known() == (group("empty"), ward, first, second)
    assert directory.known(limit=2) == (group("empty"), ward)
    assert directory.known(ward.id, 1) == (first,)
    assert directory.known(bea.id) == ()
