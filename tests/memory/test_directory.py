"""What the directory in memory promises beyond the laws of directories."""

import threading
import tracemalloc
from contextlib import nullcontext
from unittest import mock

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing.errors import AlreadyExists, InvalidArgument, MembershipCycle
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.memory import MemoryDirectory, names
from exam_sharing.memory import directory as directory_module
from exam_sharing.names import Findable, Typed
from exam_sharing.principals import Group, User
from exam_sharing.testing.laws.directory import require_described
from exam_sharing.testing.laws.population import Population

ACTOR = UserId("actor")
NOBODY = frozenset()
IDS = "12345"
USERS = tuple(map(UserId, IDS))
GROUPS = tuple(map(GroupId, IDS))
# One id of each kind stays unknown.
PRINCIPAL_IDS = st.sampled_from((*USERS[:4], *GROUPS[:4]))
NAMES = st.text(st.sampled_from("aAáÁåbBiİılŁß'’\u0301 -"), max_size=6)
STEPS = st.lists(
    st.builds(
        User,
        id=st.sampled_from(USERS[:4]),
        name=NAMES,
        email=st.none() | st.builds("{}@b.l".format, st.text("aAáblŁ.", min_size=1, max_size=3)),
        active=st.sampled_from([True, True, True, False]),
    )
    | st.builds(
        Group,
        id=st.sampled_from(GROUPS[:4]),
        name=NAMES,
        members=st.frozensets(PRINCIPAL_IDS, max_size=3),
    )
    | PRINCIPAL_IDS
    | NAMES,
    max_size=40,
)
SOME = st.frozensets(PRINCIPAL_IDS, max_size=4)


def holds_itself(group, there):
    reached = set(group.members)
    while new := {m for g in reached for m in getattr(there.get(g), "members", ())} - reached:
        reached |= new
    return group.id in reached


class History:
    """A directory, and the same users and groups in a dict."""

    def __init__(self, hidden, closed):
        self.there, self.removed = {}, set()
        self.rules = Population(
            visible=lambda _actor, principal: principal not in hidden,
            members_visible=lambda _actor, group: group not in closed,
        )
        self.directory = MemoryDirectory(
            visible=self.rules.visible, members_visible=self.rules.members_visible
        )

    def change(self, step):
        error, there = None, dict(self.there)
        if isinstance(step, (UserId, GroupId)):
            error = None if there.pop(step, None) else InvalidArgument
        else:
            there[step.id] = step
            if step.id in self.removed:
                error = AlreadyExists
            elif isinstance(step, Group) and holds_itself(step, there):
                error = MembershipCycle
        with nullcontext() if error is None else pytest.raises(error):
            (self.directory.remove if step in PRINCIPALS else self.directory.add)(step)
        if error is None:
            self.removed |= self.there.keys() - there.keys()
            self.there = there

    def population(self):
        kinds = {User: [], Group: []}
        for each in self.there.values():
            kinds[type(each)].append(each)
        return attrs.evolve(self.rules, users=tuple(kinds[User]), groups=tuple(kinds[Group]))


PRINCIPALS = {*USERS, *GROUPS}


@given(
    steps=STEPS,
    last=NAMES,
    hidden=SOME,
    closed=SOME,
    leave_out=SOME,
    limit=st.integers(1, 5),
    few=st.sampled_from([0, 3, 100]),
)
def test_after_any_changes_every_answer_is_that_of_a_naive_directory(
    steps, last, hidden, closed, leave_out, limit, few
):
    history = History(hidden, closed)
    directory = history.directory
    with mock.patch.object(names, "_FEW", few):
        for step in [*steps, last]:
            if not isinstance(step, str):
                history.change(step)
                continue
            population = history.population()
            require_described(directory, population, USERS, GROUPS, [step])
            found = [each for each in population.suggested(ACTOR, step) if each[0] not in leave_out]
            assert list(directory.suggest(ACTOR, step, limit, leave_out)) == found[:limit]
    listed, after = [], None
    while page := directory.listed(ACTOR, after, limit, leave_out):
        assert len(page) <= limit
        listed += page
        after = page[-1][1], page[-1][0].key
    assert listed == [each[:2] for each in history.population().choices(ACTOR, leave_out)]


def user(name, *, as_id=None, **details):
    return User(id=UserId(as_id or name), name=name, **details)


def group(name, *members):
    return Group(id=GroupId(name), name=name, members=frozenset(members))


def open_directory(*principals):
    directory = MemoryDirectory()
    for each in principals:
        directory.add(each)
    return directory


def suggested(directory, text, limit=10):
    return [name for _, name in directory.suggest(ACTOR, text, limit, NOBODY)]


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


def test_queries_for_strangers_fill_nothing():
    directory = open_directory(user("ann", active=False))
    for each in ("ann", "bob", "cid"):
        assert directory.principals_of(UserId(each)) == frozenset()
    assert directory.kept_principals == {}


def test_a_lookup_during_a_change_leaves_nothing_stale(monkeypatch):
    directory = open_directory(user("ann"), group("old", UserId("ann")))
    looking, go_on = threading.Event(), threading.Event()
    walk = directory_module.walk

    def slow_walk(*args):
        found = list(walk(*args))
        looking.set()
        go_on.wait(10)
        return found

    monkeypatch.setattr(directory_module, "walk", slow_walk)
    reader = threading.Thread(target=directory.principals_of, args=(UserId("ann"),))
    reader.start()
    assert looking.wait(10)
    monkeypatch.setattr(directory_module, "walk", walk)
    writer = threading.Thread(target=directory.add, args=(group("new", UserId("ann")),))
    writer.start()
    writer.join(0.05)
    go_on.set()
    reader.join()
    writer.join()
    assert directory.principals_of(UserId("ann")) == {"u:ann", "g:old", "g:new"}


def test_a_keystroke_reads_only_what_it_suggests():
    directory = open_directory(*(user(f"anna smith {i:05}") for i in range(20_000)))
    assert suggested(directory, "smith", 1) == ["anna smith 00000"]
    with mock.patch.object(
        Typed, "begins_words_of", autospec=True, side_effect=Typed.begins_words_of
    ) as reads:
        for typed in ("anna", "smith", "0", "smith anna"):
            assert len(suggested(directory, typed)) == 10
    assert reads.call_count < 100


def test_no_repr_of_an_entry_shows_names():
    entry = names.Entry.of(UserId("1"), "Anna Smith", "anna@b.example")
    assert repr(entry) == "Entry(UserId('1'))"


def while_names_are_indexed(do):
    """Call a function whenever a name is folded for the index."""

    def of(*args):
        do()
        return Findable.of(*args)

    return mock.patch.object(names, "Findable", mock.Mock(of=of))


def test_changes_that_could_not_be_indexed_are_indexed_by_the_next_query():
    directory = open_directory(user("Anna", as_id="1"), user("Bea", as_id="2"))
    assert suggested(directory, "anna") == ["Anna"]
    directory.add(user("Cid", as_id="1"))
    directory.remove(UserId("2"))

    def fail():
        directory.add(user("Dan", as_id="1"))
        raise MemoryError

    with while_names_are_indexed(fail), pytest.raises(MemoryError):
        suggested(directory, "cid")
    assert [name for _, name in directory.listed(ACTOR, None, 9, NOBODY)] == ["Dan"]


def test_settings_and_members_change_no_index():
    directory = open_directory(user("Anna"), group("Annals"))
    assert suggested(directory, "ann") == ["Anna", "Annals"]
    with while_names_are_indexed(pytest.fail):
        directory.add(user("Anna"), sharing_in_plan=False)
        directory.add(group("Annals", UserId("Anna")))
        assert suggested(directory, "ann") == ["Anna", "Annals"]


def test_changes_are_not_held_up_by_indexing_and_are_in_the_next_answer():
    directory = open_directory(user("Anna 1"))
    indexing, go_on = threading.Event(), threading.Event()

    def slowly():
        indexing.set()
        assert go_on.wait(10)

    answers = []
    readers = [
        threading.Thread(target=lambda: answers.append(suggested(directory, "anna")))
        for _ in range(2)
    ]
    with while_names_are_indexed(slowly):
        readers[0].start()
        assert indexing.wait(10)
        readers[1].start()
        readers[1].join(0.05)
        directory.add(user("Anna 2"))
        assert directory.principals_of(UserId("Anna 2")) == {"u:Anna 2"}
        go_on.set()
        for each in readers:
            each.join()
    assert all("Anna 1" in answer for answer in answers)
    assert suggested(directory, "anna") == ["Anna 1", "Anna 2"]


def test_hostile_names_take_little_memory():
    hostile = ("\ufdfa" * 500, "\u6f22" * 500, "a-" * 250, "".join(map(chr, range(0x4E00, 0x4FF4))))
    tracemalloc.start()
    try:
        directory = open_directory(
            *(user(name, as_id=f"{i}{at}") for at, name in enumerate(hostile) for i in range(25))
        )
        for typed in ("a", "\ufdfa", "\u6f22"):
            assert len(suggested(directory, typed, 99)) == 25
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 10_000_000
