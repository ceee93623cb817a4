"""What the directory in memory promises beyond the laws of directories."""

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor, wait
from unittest import mock

import pytest

from every_directory import ACTOR, NOBODY, group, suggested, user
from exam_sharing.errors import MembershipCycle
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.memory import MemoryDirectory
from exam_sharing.memory import directory as directory_module
from exam_sharing.names import Findable, Typed


def open_directory(*principals):
    directory = MemoryDirectory()
    for each in principals:
        directory.add(each)
    return directory


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


def test_a_renamed_user_leaves_the_others_of_that_name():
    directory = open_directory(user("Kim", as_id="ann"), user("Kim", as_id="bob"))
    assert suggested(directory, "kim") == ["Kim", "Kim"]
    directory.add(user("Cho", as_id="ann"))
    assert suggested(directory, "kim") == ["Kim"]
    assert suggested(directory, "cho") == ["Cho"]


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
    with ThreadPoolExecutor(2) as pool:
        pool.submit(directory.principals_of, UserId("ann"))
        assert looking.wait(10)
        monkeypatch.setattr(directory_module, "walk", walk)
        added = pool.submit(directory.add, group("new", UserId("ann")))
        wait([added], timeout=0.05)
        go_on.set()
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
    entry = directory_module.Entry.of(UserId("1"), "Anna Smith", "anna@b.example")
    assert repr(entry) == "Entry(UserId('1'))"


def while_names_are_indexed(do):
    """Call a function whenever a name is folded for the index."""

    def of(*args):
        do()
        return Findable.of(*args)

    return mock.patch.object(directory_module, "Findable", mock.Mock(of=of))


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

    with while_names_are_indexed(slowly), ThreadPoolExecutor(2) as pool:
        first = pool.submit(suggested, directory, "anna")
        assert indexing.wait(10)
        second = pool.submit(suggested, directory, "anna")
        directory.add(user("Anna 2"))
        assert directory.principals_of(UserId("Anna 2")) == {"u:Anna 2"}
        go_on.set()
        assert "Anna 1" in first.result()
        assert "Anna 1" in second.result()
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
