"""SPEC 1: groups hold users and groups, to any depth; a cycle is an error when it would be made.

> A user who is unknown or inactive holds nothing.
"""

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing.errors import CallerError, InputError, MembershipCycle
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.memory.directory import MemoryDirectory
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
        self.removed = set()

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
            known = self.there.pop(step, None) is not None
            self.removed |= {step} if known else set()
            return known
        if step.id in self.removed:
            return False
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
    except (CallerError, InputError):
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


def test_asking_for_strangers_fills_nothing():
    directory = open_directory(user("ann", active=False))
    for each in ("ann", "bob", "cid"):
        assert directory.principals_of(UserId(each)) == frozenset()
    assert directory.kept_principals == {}


def test_a_hit_takes_no_lock():
    directory = open_directory(user("ann"))
    found = directory.principals_of(UserId("ann"))
    with directory._lock:
        assert directory.principals_of(UserId("ann")) is found


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
