"""Users, groups and who sees them, in every directory of ours, beyond the laws of directories.

Specification: `#principal`, `#ids`.
"""

from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest

from every_directory import asked_all_the_time
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


def test_of_many_shortest_paths_one_is_always_chosen(open_directory):
    sides = [f"{i}" for i in range(10, 50)]
    directory = open_directory(
        user("ann"),
        *(group(each, UserId("ann")) for each in reversed(sides)),
        group("top", *map(GroupId, sides)),
    )
    assert directory.path(UserId("ann"), GroupId("top"))[1] == GroupId("10")


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


@pytest.mark.parametrize("gone", [user("x"), group("x", UserId("ann"))])
def test_an_id_that_was_removed_is_never_used_again(open_directory, gone):
    """Specification: `#ids`."""
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
def test_a_cycle_is_an_error_and_changes_nothing(open_directory, groups):
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


def test_many_paths_through_many_groups_are_walked_once(open_directory):
    directory = open_directory(user("u"), group("0", UserId("u")))
    for i in range(1, 100):
        sides = [GroupId(f"{i} left"), GroupId(f"{i} right")]
        for side in sides:
            directory.add(group(side.value, GroupId(f"{i - 1}")))
        directory.add(group(f"{i}", *sides))
    assert len(directory.principals_of(UserId("u"))) == 299
    assert len(directory.path(UserId("u"), GroupId("99"))) == 200


@pytest.mark.parametrize(
    "principal", [None, "ann", UserId("ann"), GroupId("g"), object(), {"id": "ann"}]
)
def test_only_users_and_groups_can_be_added(new_directory, principal):
    with pytest.raises(WrongKind):
        new_directory().add(principal)


@pytest.mark.parametrize(
    ("principal", "error"),
    [(each, WrongKind) for each in (None, "ann", user("ann"), group("g"))]
    + [(each, InvalidValue) for each in (UserId("x"), GroupId("ann"))],
)
def test_only_known_ids_can_be_removed(open_directory, principal, error):
    with pytest.raises(error):
        open_directory(user("ann"), group("g")).remove(principal)


@pytest.mark.parametrize(
    ("principal", "settings", "error"),
    [
        (group("ann"), {"sharing_in_plan": True}, InvalidValue),
        (group("ann"), {"notices": False}, InvalidValue),
        *(
            (user("ann", active=False), {setting: value}, WrongKind)
            for setting in ("sharing_in_plan", "notices")
            for value in (None, 1, "no")
        ),
    ],
)
def test_a_wrong_setting_is_refused_and_changes_nothing(open_directory, principal, settings, error):
    directory = open_directory(user("ann"))
    with pytest.raises(error, match=next(iter(settings))):
        directory.add(principal, **settings)
    assert directory.known() == (Account(user=user("ann")),)


def test_a_group_is_never_found_as_a_user(open_directory):
    directory = open_directory(user("ann"), group("ct"), group("ann"))
    assert directory.user(GroupId("ct")) is None
    assert directory.group(UserId("ann")) is None
    with pytest.raises(WrongKind):
        directory.principals_of(GroupId("ct"))


def test_actors_see_themselves_only_if_the_rule_says_so(open_directory):
    directory = open_directory(user("ann"), visible=lambda actor, principal: actor != principal)
    assert directory.seen_by(UserId("ann"), [UserId("ann")]) == frozenset()
    assert open_directory(user("ann")).seen_by(UserId("ann"), [UserId("ann")]) == {UserId("ann")}


def test_the_rules_of_visibility_are_queried_once_for_each_candidate(open_directory):
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
def test_an_answer_about_visibility_other_than_true_is_no(open_directory, answer):
    ann, g = UserId("ann"), GroupId("g")
    unseen = open_directory(user("ann"), group("g", ann), visible=lambda actor, principal: answer)
    assert unseen.seen_by(ACTOR, [ann, g]) == frozenset()
    assert unseen.members_seen_by(ACTOR, [g]) == {g: frozenset()}
    assert unseen.suggest(ACTOR, "name", 9, frozenset()) == ()
    assert unseen.listed(ACTOR, None, 9, frozenset()) == ()
    closed = open_directory(user("ann"), group("g", ann), members_visible=lambda *_: answer)
    assert closed.members_seen_by(ACTOR, [g]) == {g: frozenset()}


def test_concurrent_readers_see_each_change_at_once(open_directory):
    people = [UserId(f"{i}") for i in range(20)]
    directory = open_directory(*(user(each.value) for each in people))

    def ask():
        for each in people:
            found = directory.principals_of(each)
            assert each.key in found
            assert found <= {each.key, "g:low", "g:top"}

    with asked_all_the_time(ask):
        directory.add(group("top", GroupId("low")))
        for i in range(100):
            members = frozenset(people[i % 20 :])
            directory.add(group("low", *members))
            for each in people:
                groups = {"g:low", "g:top"} if each in members else set()
                assert directory.principals_of(each) == {each.key} | groups, i


def test_groups_added_by_many_threads_are_all_kept(open_directory):
    ann = UserId("ann")
    directory = open_directory(user("ann"))

    def add(thread):
        for i in range(100):
            held = [GroupId(f"{thread}.{i - 1}")] if i else [ann]
            directory.add(group(f"{thread}.{i}", *held))
            assert f"g:{thread}.{i}" in directory.principals_of(ann)
            directory.suggest(ACTOR, "name", 3, frozenset())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    every = {f"g:{thread}.{i}" for thread in range(8) for i in range(100)}
    assert directory.principals_of(ann) == {"u:ann"} | every
    listed = directory.listed(ACTOR, None, 1_000, frozenset())
    assert {principal.key for principal, _ in listed} == {"u:ann"} | every


def test_all_principals_are_listed_in_pages_by_their_keys(open_directory):
    ward = group("ward", UserId("ann"), UserId("nobody yet"), GroupId("night"))
    bea, ann = user("bea", active=False), user("ann", email="ann@clinic.example")
    directory = open_directory(ward, bea, group("empty"))
    directory.add(ann, sharing_in_plan=False, notices=False)

    first, second = Account(user=ann, sharing_in_plan=False, notices=False), Account(user=bea)
    assert directory.known() == (group("empty"), ward, first, second)
    assert directory.known(limit=2) == (group("empty"), ward)
    assert directory.known(ward.id, 1) == (first,)
    assert directory.known(bea.id) == ()
