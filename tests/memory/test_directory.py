"""SPEC 1: groups hold users and groups, to any depth; a cycle is an error when it would be made.

> A user who is unknown or inactive holds nothing.
"""

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing.errors import CallerError, InvalidValue, MembershipCycle, WrongKind
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.memory.directory import MemoryDirectory
from exam_sharing.policy.facts import Profile
from exam_sharing.principals import Group, User

ACTOR = UserId("actor")


def user(name, *, active=True, email=None):
    return User(id=UserId(name), name=f"Name of {name}", email=email, active=active)


def group(name, *members):
    return Group(id=GroupId(name), name=f"Name of {name}", members=frozenset(members))


def open_directory(*principals, **settings):
    directory = MemoryDirectory(**settings)
    for each in principals:
        directory.add(each)
    return directory


IDS = st.sampled_from("1234")
USER_IDS = st.builds(UserId, IDS)
GROUP_IDS = st.builds(GroupId, IDS)
STEPS = st.lists(
    st.builds(User, id=USER_IDS, name=st.just("n"), active=st.booleans())
    | st.builds(
        Group,
        id=GROUP_IDS,
        name=st.just("n"),
        members=st.frozensets(USER_IDS | GROUP_IDS, max_size=3),
    )
    | USER_IDS
    | GROUP_IDS,
    max_size=25,
)
USER_ID_LIST = [UserId(each) for each in "12345"]
EVERY_ID = [kind(each) for kind in (UserId, GroupId) for each in "12345"]


class NaiveDirectory:
    """Answers by following every membership, each time anew."""

    def __init__(self):
        self.there = {}

    def members(self, principal):
        return getattr(self.there.get(principal), "members", frozenset())

    def reached(self, principal):
        found = {principal}
        while new := {m for each in found for m in self.members(each)} - found:
            found |= new
        return found

    def memberships(self, principal):
        holders = {each for each in self.there if principal in self.reached(each)}
        return {each.key for each in holders | {principal}}

    def active(self, principal):
        return isinstance(principal, UserId) and getattr(self.there.get(principal), "active", False)

    def take(self, step):
        """Return whether the step can be taken, having taken it."""
        if isinstance(step, (UserId, GroupId)):
            return self.there.pop(step, None) is not None
        before = dict(self.there)
        self.there[step.id] = step
        if any(step.id in self.reached(each) for each in self.members(step.id)):
            self.there = before
            return False
        return True


def attempt(directory, step):
    try:
        if isinstance(step, (UserId, GroupId)):
            directory.remove(step)
        else:
            directory.add(step)
    except CallerError:
        return False
    return True


@given(steps=STEPS, ask_between=st.booleans())
def test_who_is_in_what_agrees_with_following_every_membership(steps, ask_between):
    naive = NaiveDirectory()
    directory = MemoryDirectory()
    for step in [*steps, None]:
        if step is not None:
            assert attempt(directory, step) == naive.take(step)
            if not ask_between:
                continue
        profiles = directory.profiles(USER_ID_LIST)
        for each in USER_ID_LIST:
            groups = naive.memberships(each)
            assert directory.principals_of(each) == (groups if naive.active(each) else frozenset())
            assert profiles[each].principals == (groups if each in naive.there else {each.key})
            assert profiles[each].active == naive.active(each)
        behind = directory.people_behind(EVERY_ID)
        assert behind == {
            each: frozenset(filter(naive.active, naive.reached(each))) for each in EVERY_ID
        }


@given(steps=STEPS)
def test_a_path_is_a_shortest_chain_of_memberships(steps):
    naive = NaiveDirectory()
    directory = MemoryDirectory()
    for step in steps:
        attempt(directory, step)
        naive.take(step)
    for start in USER_ID_LIST:
        ring, distance = {start}, {start: 1}
        while ring:
            ring = {
                holder
                for holder in naive.there
                if holder not in distance and naive.members(holder) & ring
            }
            distance |= dict.fromkeys(ring, max(distance.values()) + 1)
        for end in EVERY_ID:
            path = directory.path(start, end)
            assert len(path) == distance.get(end, 0)
            assert all(low in naive.members(high) for low, high in pairwise(path))
            assert not path or (path[0], path[-1]) == (start, end)


def test_a_user_is_in_the_groups_of_their_groups():
    directory = open_directory(
        user("ann"), group("ct", UserId("ann")), group("radiology", GroupId("ct")), group("other")
    )
    assert directory.principals_of(UserId("ann")) == {"u:ann", "g:ct", "g:radiology"}
    assert directory.path(UserId("ann"), GroupId("radiology")) == (
        UserId("ann"),
        GroupId("ct"),
        GroupId("radiology"),
    )


def test_there_is_no_path_to_a_group_that_a_user_is_not_in():
    directory = open_directory(user("ann"), group("ct", UserId("ann")), group("mr"))
    assert directory.path(UserId("ann"), GroupId("mr")) == ()
    assert directory.path(UserId("ann"), UserId("bob")) == ()
    assert directory.path(UserId("ann"), UserId("ann")) == (UserId("ann"),)


def test_of_many_shortest_paths_it_is_always_the_same():
    sides = [f"{i}" for i in range(10, 50)]
    directory = open_directory(
        user("ann"),
        *(group(each, UserId("ann")) for each in reversed(sides)),
        group("top", *map(GroupId, sides)),
    )
    assert directory.path(UserId("ann"), GroupId("top"))[1] == GroupId("10")


def test_a_group_may_hold_members_that_become_known_later():
    directory = open_directory(group("ct", UserId("ann"), GroupId("night")))
    assert directory.principals_of(UserId("ann")) == frozenset()
    directory.add(user("ann"))
    directory.add(user("bob"))
    directory.add(group("night", UserId("bob")))
    assert directory.principals_of(UserId("ann")) == {"u:ann", "g:ct"}
    assert directory.principals_of(UserId("bob")) == {"u:bob", "g:night", "g:ct"}


def test_a_user_and_a_group_of_one_string_are_two_principals():
    directory = open_directory(user("x"), group("x"), group("y", GroupId("x")))
    assert directory.principals_of(UserId("x")) == {"u:x"}
    assert directory.people_behind([GroupId("y")]) == {GroupId("y"): frozenset()}
    assert directory.user(UserId("x")) == user("x")
    assert directory.group(GroupId("x")) == group("x")


def test_the_same_id_again_replaces_settings_included():
    directory = MemoryDirectory()
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


def test_the_profile_of_an_inactive_user_tells_their_groups_all_the_same():
    directory = open_directory(user("ann", active=False), group("ct", UserId("ann")))
    profile = directory.profiles([UserId("ann")])[UserId("ann")]
    assert not profile.active
    assert profile.principals == {"u:ann", "g:ct"}
    assert directory.principals_of(UserId("ann")) == frozenset()


def test_somebody_unknown_has_the_profile_of_an_unknown_user():
    directory = open_directory(group("ct", UserId("ann")), group("ann"))
    assert directory.profiles(iter([UserId("ann")])) == {
        UserId("ann"): Profile.unknown(UserId("ann"))
    }


def test_becoming_inactive_takes_effect_at_once():
    directory = open_directory(user("ann"))
    assert directory.principals_of(UserId("ann")) == {"u:ann"}
    directory.add(user("ann", active=False))
    assert directory.principals_of(UserId("ann")) == frozenset()


def test_whoever_is_removed_is_unknown_and_stays_a_member_for_when_they_come_again():
    directory = open_directory(user("ann"), group("ct", UserId("ann")))
    assert directory.principals_of(UserId("ann")) == {"u:ann", "g:ct"}
    directory.remove(UserId("ann"))
    assert directory.principals_of(UserId("ann")) == frozenset()
    assert directory.user(UserId("ann")) is None
    directory.add(user("ann"))
    assert directory.principals_of(UserId("ann")) == {"u:ann", "g:ct"}
    directory.remove(GroupId("ct"))
    assert directory.principals_of(UserId("ann")) == {"u:ann"}
    assert directory.group(GroupId("ct")) is None


@pytest.mark.parametrize("principal", [UserId("x"), GroupId("ann")])
def test_removing_what_is_not_there_is_the_callers_error(principal):
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
def test_a_cycle_is_an_error_when_it_would_be_made_and_leaves_everything_as_it_was(groups):
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


def test_what_would_have_been_a_cycle_is_none_once_the_other_group_is_gone():
    directory = open_directory(group("a", GroupId("b")), group("b"))
    directory.remove(GroupId("a"))
    directory.add(group("b", GroupId("a")))
    with pytest.raises(MembershipCycle):
        directory.add(group("a", GroupId("b")))


def test_two_ways_to_the_same_group_are_no_cycle():
    directory = open_directory(
        user("u"),
        group("low", UserId("u")),
        group("left", GroupId("low")),
        group("right", GroupId("low")),
        group("top", GroupId("left"), GroupId("right"), GroupId("low")),
    )
    assert directory.principals_of(UserId("u")) == {"u:u", "g:low", "g:left", "g:right", "g:top"}


def test_many_ways_through_many_groups_are_walked_once():
    directory = open_directory(user("u"), group("0", UserId("u")))
    for i in range(1, 100):
        sides = [GroupId(f"{i} left"), GroupId(f"{i} right")]
        for side in sides:
            directory.add(group(side.value, GroupId(f"{i - 1}")))
        directory.add(group(f"{i}", *sides))
    assert len(directory.principals_of(UserId("u"))) == 299
    assert len(directory.path(UserId("u"), GroupId("99"))) == 200


@pytest.mark.parametrize("order", ["upward", "downward"])
def test_groups_may_be_nested_ten_thousand_deep(order):
    depth = 10_000
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
def test_only_users_and_groups_can_be_added(principal):
    with pytest.raises(WrongKind):
        MemoryDirectory().add(principal)


@pytest.mark.parametrize("principal", [None, "ann", user("ann"), group("g")])
def test_only_ids_can_be_removed(principal):
    with pytest.raises(WrongKind):
        open_directory(user("ann"), group("g")).remove(principal)


@pytest.mark.parametrize("settings", [{"sharing_in_plan": True}, {"notices": False}])
def test_settings_for_a_group_are_the_callers_error(settings):
    directory = MemoryDirectory()
    with pytest.raises(InvalidValue, match=f"{next(iter(settings))} can be said of a user"):
        directory.add(group("g"), **settings)
    assert directory.group(GroupId("g")) is None


@pytest.mark.parametrize("setting", ["sharing_in_plan", "notices"])
@pytest.mark.parametrize("value", [None, 1, "no"])
def test_a_setting_that_is_neither_true_nor_false_is_refused_and_changes_nothing(setting, value):
    directory = open_directory(user("ann"))
    with pytest.raises(WrongKind):
        directory.add(user("ann", active=False), **{setting: value})
    assert directory.user(UserId("ann")) == user("ann")


def test_a_group_is_no_user_whatever_it_is_asked_as():
    directory = open_directory(user("ann"), group("ct"), group("ann"))
    assert directory.user(GroupId("ct")) is None
    assert directory.group(UserId("ann")) is None
    with pytest.raises(WrongKind):
        directory.principals_of(GroupId("ct"))


def test_asking_for_strangers_fills_nothing():
    directory = open_directory(user("ann", active=False))
    for each in ("ann", "bob", "cid"):
        assert directory.principals_of(UserId(each)) == frozenset()
    assert directory._principals == {}


def test_a_hit_takes_no_lock():
    directory = open_directory(user("ann"))
    found = directory.principals_of(UserId("ann"))
    with directory._lock:
        assert directory.principals_of(UserId("ann")) is found


def test_seen_are_those_that_exist_are_active_and_that_the_actor_may_see():
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


def test_actors_see_themselves_only_as_the_directory_says():
    directory = open_directory(user("ann"), visible=lambda actor, principal: actor != principal)
    assert directory.seen_by(UserId("ann"), [UserId("ann")]) == frozenset()
    assert open_directory(user("ann")).seen_by(UserId("ann"), [UserId("ann")]) == {UserId("ann")}


@given(steps=STEPS, hidden=st.frozensets(USER_IDS | GROUP_IDS), closed=st.frozensets(GROUP_IDS))
def test_members_are_known_by_chains_of_groups_whose_members_the_actor_may_see(
    steps, hidden, closed
):
    naive = NaiveDirectory()
    directory = MemoryDirectory(
        visible=lambda actor, principal: principal not in hidden,
        members_visible=lambda actor, group: group not in closed,
    )
    for step in steps:
        attempt(directory, step)
        naive.take(step)
    for group in closed:
        if group in naive.there:
            naive.there[group] = Group(id=group, name="n")
    there = {
        each
        for each in naive.there
        if each not in hidden and (isinstance(each, GroupId) or naive.active(each))
    }
    groups = EVERY_ID[5:]
    assert directory.members_seen_by(ACTOR, iter(groups)) == {
        group: (naive.reached(group) - {group}) & there for group in groups
    }


def test_who_may_be_seen_is_asked_once_of_each_principal_that_comes_into_question():
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
def test_anything_but_true_is_no(answer):
    directory = open_directory(user("ann"), group("g"), visible=lambda actor, principal: answer)
    assert directory.seen_by(ACTOR, [UserId("ann"), GroupId("g")]) == frozenset()


@pytest.mark.parametrize("answer", [False, None, 0, 1, "yes"])
def test_members_are_shown_to_nobody_who_is_not_plainly_said_to_see_them(answer):
    ann, g = UserId("ann"), GroupId("g")
    no = {"visible": lambda actor, principal: answer}
    nor = {"members_visible": lambda actor, group: answer}
    for settings in (no, nor):
        directory = open_directory(user("ann"), group("g", ann), **settings)
        assert directory.members_seen_by(ACTOR, [g]) == {g: frozenset()}
    assert open_directory(user("ann"), group("g", ann)).members_seen_by(ACTOR, [g]) == {g: {ann}}


def test_names_are_those_of_everybody_known():
    directory = open_directory(user("ann", active=False), group("ann"))
    assert directory.names(iter([UserId("ann"), GroupId("ann"), UserId("nobody")])) == {
        UserId("ann"): "Name of ann",
        GroupId("ann"): "Name of ann",
    }


def test_a_reader_that_computes_while_a_writer_changes_leaves_nothing_stale():
    directory = open_directory(user("ann"), group("old", UserId("ann")))
    computing, go_on = threading.Event(), threading.Event()
    above = directory._above

    def slowly(key):
        found = above(key)
        computing.set()
        go_on.wait(10)
        return found

    directory._above = slowly
    reader = threading.Thread(target=directory.principals_of, args=(UserId("ann"),))
    writer = threading.Thread(target=directory.add, args=(group("new", UserId("ann")),))
    reader.start()
    assert computing.wait(10)
    writer.start()
    writer.join(0.05)
    go_on.set()
    reader.join()
    writer.join()
    assert directory.principals_of(UserId("ann")) == {"u:ann", "g:old", "g:new"}


def test_while_others_ask_each_change_is_seen_as_soon_as_it_is_made():
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


def test_many_threads_add_groups_and_the_final_answers_are_right():
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
