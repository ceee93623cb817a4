"""SPEC 5: people choose recipients, from suggestions and from a list.

> Case, accents and Unicode form do not matter. Exact match first, then the start of the name, then
> the start of any word of it; addresses match exactly or from their start. Ties by name.
"""

import threading
from contextlib import ExitStack
from itertools import pairwise
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.memory import suggestions
from exam_sharing.memory.directory import MemoryDirectory
from exam_sharing.principals import Group, User

ACTOR = UserId("actor")
NOBODY = frozenset()

ALIKE = {
    **dict.fromkeys("aAáÁàÀåÅ", "a"),
    **dict.fromkeys("bB", "b"),
    **dict.fromkeys("iIıİ", "i"),
    **dict.fromkeys("lLłŁ", "l"),
    **dict.fromkeys("ßẞ", "ss"),
    **dict.fromkeys("'’", "'"),
    "\u0301": "",
}
TEXTS = st.text([*ALIKE, " ", "-"], max_size=6)


def plainly_folded(text):
    return " ".join("".join(ALIKE.get(c, c) for c in text).split())


def plain_later_words(name):
    breaks = " -'"
    return [
        name[i:]
        for i in range(1, len(name))
        if name[i - 1] == " " or (name[i - 1] in breaks and name[i] not in breaks)
    ]


def plain_rank(principal, text):
    name = plainly_folded(principal.name)
    address = None
    if isinstance(principal, User) and principal.email is not None:
        address = plainly_folded(principal.email)
    if text in (name, address):
        return 0
    if name.startswith(text) or (address is not None and address.startswith(text)):
        return 1
    return 2 if any(word.startswith(text) for word in plain_later_words(name)) else None


def plain_list(there, hidden):
    shown = [
        each
        for each in there.values()
        if each.id not in hidden and (isinstance(each, Group) or each.active)
    ]
    return sorted(shown, key=lambda each: (plainly_folded(each.name), each.id.key))


def plain_scan(there, text, hidden):
    text = plainly_folded(text)
    if not text:
        return []
    ranked = [(plain_rank(each, text), each) for each in plain_list(there, hidden)]
    return [each for wanted in range(3) for rank, each in ranked if rank == wanted]


def pairs(principals):
    return tuple((each.id, each.name) for each in principals)


IDS = st.sampled_from("123456789")
USERS = st.builds(
    User,
    id=st.builds(UserId, IDS),
    name=TEXTS,
    email=st.none() | st.builds("{}@b.l".format, st.text("aAáblŁ.", min_size=1, max_size=3)),
    active=st.sampled_from([True, True, True, False]),
)
GROUPS = st.builds(Group, id=st.builds(GroupId, IDS), name=TEXTS)
ENDS = st.integers(0, 200)
PRINCIPAL_IDS = st.builds(UserId, IDS) | st.builds(GroupId, IDS)
STEPS = st.lists(USERS | GROUPS | PRINCIPAL_IDS | TEXTS, max_size=40)
SOME = st.frozensets(PRINCIPAL_IDS, max_size=4)


@given(
    steps=STEPS,
    hidden=SOME,
    leave_out=SOME,
    limit=st.integers(0, 20),
    last=TEXTS,
    short=st.sampled_from([0, 3, 64]),
    sizes=st.sampled_from([(2, 4, 8), (256,)]),
)
def test_suggestions_and_list_are_those_of_a_naive_scan_whatever_was_added_and_removed(
    steps, hidden, leave_out, limit, last, short, sizes
):
    there = {}
    directory = MemoryDirectory(visible=lambda actor, principal: principal not in hidden)
    with ExitStack() as small:
        small.enter_context(mock.patch.object(suggestions, "_SHORT", short))
        small.enter_context(mock.patch.object(suggestions._Row, "_SIZES", sizes))
        removed = set()
        for step in [*steps, last]:
            match step:
                case User() | Group() if step.id in removed:
                    pass
                case User() | Group():
                    directory.add(step)
                    there[step.id] = step
                case UserId() | GroupId():
                    if there.pop(step, None) is not None:
                        directory.remove(step)
                        removed.add(step)
                case text:
                    out = hidden | leave_out
                    suggested = directory.suggest(ACTOR, text, limit, leave_out)
                    assert suggested == pairs(plain_scan(there, text, out)[:limit])
                    listed = directory.listed(ACTOR, None, limit, leave_out)
                    assert listed == pairs(plain_list(there, out)[:limit])


@given(
    principals=st.lists(USERS | GROUPS),
    hidden=SOME,
    leave_out=SOME,
    limit=st.integers(1, 5),
)
def test_the_pages_of_the_list_joined_are_the_whole_sorted_list(
    principals, hidden, leave_out, limit
):
    there = {}
    directory = MemoryDirectory(visible=lambda actor, principal: principal not in hidden)
    for each in principals:
        directory.add(each)
        there[each.id] = each
    joined = []
    after = None
    while page := directory.listed(ACTOR, after, limit, leave_out):
        assert len(page) <= limit
        joined += page
        principal, name = page[-1]
        after = (name, principal.key)
    assert tuple(joined) == pairs(plain_list(there, hidden | leave_out))


@given(numbers=st.lists(st.integers(0, 99), max_size=200), ends=st.tuples(ENDS, ENDS))
@example(numbers=list(range(99, 50, -1)), ends=(1, 49))
@example(numbers=list(range(99, 50, -1)), ends=(0, 48))
@example(numbers=[], ends=(0, 0))
def test_any_stretch_of_a_row_is_read_in_ascending_order(numbers, ends):
    start, stop = sorted(min(end, len(numbers)) for end in ends)
    with mock.patch.object(suggestions._Row, "_SIZES", (2, 6, 24)):
        row = suggestions._Row(suggestions.array("I", numbers))
    assert list(row.ascending(start, stop)) == sorted(numbers[start:stop])


def open_directory(*principals, **settings):
    directory = MemoryDirectory(**settings)
    for each in principals:
        directory.add(each)
    return directory


def user(name, email=None, *, as_id=None, active=True):
    return User(id=UserId(as_id or name), name=name, email=email, active=active)


def group(name):
    return Group(id=GroupId(name), name=name)


def suggested(directory, text, limit=10, leave_out=NOBODY):
    return [name for _, name in directory.suggest(ACTOR, text, limit, leave_out)]


def test_a_keystroke_looks_at_what_it_suggests_and_not_at_everybody():
    directory = open_directory(
        *(User(id=UserId(f"{i}"), name=f"anna smith {i:05}") for i in range(20_000))
    )
    assert suggested(directory, "smith", 1) == ["anna smith 00000"]
    read = 0
    entry_at = suggestions._Segment._at

    def counting(segment, places):
        nonlocal read
        for entry in entry_at(segment, places):
            read += 1
            yield entry

    with mock.patch.object(suggestions._Segment, "_at", counting):
        suggested(directory, "anna")
        suggested(directory, "smith")
        suggested(directory, "0")
        directory.listed(ACTOR, ("anna smith 10000", "u:"), 10, NOBODY)
    assert read < 100


def test_names_are_in_no_repr_of_what_is_kept():
    entry = suggestions.Entry.of(UserId("1"), "Anna Smith", "anna@b.example")
    assert repr(entry) == "Entry(UserId('1'))"


def test_what_could_not_be_sorted_is_sorted_when_asked_again():
    directory = open_directory(user("Anna", as_id="1"), user("Bea", as_id="2"))
    assert suggested(directory, "anna") == ["Anna"]
    directory.add(user("Cid", as_id="1"))
    directory.remove(UserId("2"))

    def fail(name):
        directory.add(user("Dan", as_id="1"))
        raise MemoryError

    with mock.patch.object(suggestions, "later_words", fail), pytest.raises(MemoryError):
        suggested(directory, "cid")
    assert [name for _, name in directory.listed(ACTOR, None, 9, NOBODY)] == ["Dan"]


def test_what_changes_while_names_are_sorted_is_in_the_next_answer():
    directory = open_directory(user("Anna 1"))

    def interrupted(name):
        directory.add(user("Anna 2"))
        return iter(())

    with mock.patch.object(suggestions, "later_words", interrupted):
        assert suggested(directory, "anna") == ["Anna 1"]
    assert suggested(directory, "anna") == ["Anna 1", "Anna 2"]


def test_settings_alone_sort_nothing_again():
    directory = open_directory(user("Anna"), group("Annals"))
    assert suggested(directory, "ann") == ["Anna", "Annals"]
    with mock.patch.object(suggestions, "later_words", side_effect=AssertionError):
        directory.add(user("Anna"), sharing_in_plan=False)
        directory.add(Group(id=GroupId("Annals"), name="Annals", members={UserId("Anna")}))
        assert suggested(directory, "ann") == ["Anna", "Annals"]


def test_whoever_was_added_is_found_also_while_another_thread_sorts():
    directory = open_directory(user("Anna 1"))
    sorting, go_on = threading.Event(), threading.Event()

    def slowly(name):
        sorting.set()
        assert go_on.wait(10)
        return iter(())

    answers = []
    askers = [
        threading.Thread(target=lambda: answers.append(suggested(directory, "anna")))
        for _ in range(2)
    ]
    with mock.patch.object(suggestions, "later_words", slowly):
        askers[0].start()
        assert sorting.wait(10)
        askers[1].start()
        askers[1].join(0.05)
        directory.add(user("Anna 2"))
        assert directory.principals_of(UserId("Anna 2")) == {"u:Anna 2"}
        go_on.set()
        for each in askers:
            each.join()
    assert all("Anna 1" in answer for answer in answers)
    assert suggested(directory, "anna") == ["Anna 1", "Anna 2"]


ENTRIES = st.builds(
    suggestions.Entry.of, st.builds(UserId, st.integers(0, 60).map(str)), st.just("n")
)


@given(changes=st.lists(st.tuples(st.sets(ENTRIES), st.sets(ENTRIES)), max_size=15))
def test_every_segment_is_twice_as_long_as_the_next_and_mostly_alive(changes):
    index, there = suggestions.NameIndex(), set()
    with mock.patch.object(suggestions, "_SHORT", 0):
        for gone, come in changes:
            index = index.changed(gone=gone & there, come=come - (there - gone))
            there = (there - gone) | come
            lengths = [len(each) for each in index._segments]
            assert all(longer > 2 * shorter for longer, shorter in pairwise(lengths))
            alive = [len(list(each.entries())) for each in index._segments]
            assert all(2 * living > length for living, length in zip(alive, lengths, strict=True))
            assert list(index.behind("", "")) == sorted(there)


def test_short_segments_are_one():
    directory = open_directory(*(user(f"Anna {i:04}") for i in range(1_000)))
    for i in range(60):
        directory.add(user(f"Bea {i}"))
        assert suggested(directory, "bea", 99) == [
            f"Bea {j}" for j in sorted(range(i + 1), key=str)
        ]
    assert len(directory._sorted.index._segments) == 2
