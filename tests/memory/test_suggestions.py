"""SPEC 5: people choose recipients, from suggestions and from a list.

> Case, accents and Unicode form do not matter. Exact match first, then the start of the name, then
> the start of any word of it; addresses match exactly or from their start. Ties by name.
"""

import threading
import tracemalloc
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.memory import names
from exam_sharing.memory.directory import MemoryDirectory
from exam_sharing.names import Findable, Typed
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


def plain_words(text):
    return text.replace("-", " ").replace("'", " ").split()


def plain_starts(name):
    breaks = " -'"
    return [
        name[i:].split(" ")[0].replace("-", "").replace("'", "")
        for i in range(len(name))
        if name[i] not in breaks and (i == 0 or name[i - 1] in breaks)
    ]


def plain_rank(principal, text):
    name = plainly_folded(principal.name)
    address = None
    if isinstance(principal, User) and principal.email is not None:
        address = plainly_folded(principal.email)
    words = plain_words(text)
    if text in (name, address) or (words and sorted(words) == sorted(plain_words(name))):
        return 0
    if name.startswith(text) or (address is not None and address.startswith(text)):
        return 1
    found = all(any(start.startswith(word) for start in plain_starts(name)) for word in words)
    return 2 if words and found else None


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
    few=st.sampled_from([0, 3, 100]),
)
def test_suggestions_and_list_are_those_of_a_naive_scan_whatever_was_added_and_removed(
    steps, hidden, leave_out, limit, last, few
):
    there = {}
    directory = MemoryDirectory(visible=lambda actor, principal: principal not in hidden)
    removed = set()
    with mock.patch.object(names, "_FEW", few):
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
    begins_words_of = Typed.begins_words_of

    def counting(typed, found):
        nonlocal read
        read += 1
        return begins_words_of(typed, found)

    with mock.patch.object(Typed, "begins_words_of", counting):
        for typed in ("anna", "smith", "0", "smith anna"):
            assert len(suggested(directory, typed)) == 10
    assert read < 100


def test_names_are_in_no_repr_of_what_is_kept():
    entry = names.Entry.of(UserId("1"), "Anna Smith", "anna@b.example")
    assert repr(entry) == "Entry(UserId('1'))"


def while_names_are_folded(do):
    """Lets something happen whenever a name is folded to be sorted."""

    def of(*args):
        do()
        return Findable.of(*args)

    return mock.patch.object(names, "Findable", mock.Mock(of=of))


def test_what_could_not_be_sorted_is_sorted_when_asked_again():
    directory = open_directory(user("Anna", as_id="1"), user("Bea", as_id="2"))
    assert suggested(directory, "anna") == ["Anna"]
    directory.add(user("Cid", as_id="1"))
    directory.remove(UserId("2"))

    def fail():
        directory.add(user("Dan", as_id="1"))
        raise MemoryError

    with while_names_are_folded(fail), pytest.raises(MemoryError):
        suggested(directory, "cid")
    assert [name for _, name in directory.listed(ACTOR, None, 9, NOBODY)] == ["Dan"]


def test_what_changes_while_names_are_sorted_is_in_the_next_answer():
    directory = open_directory(user("Anna 1"))

    with while_names_are_folded(lambda: directory.add(user("Anna 2"))):
        assert suggested(directory, "anna") == ["Anna 1"]
    assert suggested(directory, "anna") == ["Anna 1", "Anna 2"]


def test_settings_alone_sort_nothing_again():
    directory = open_directory(user("Anna"), group("Annals"))
    assert suggested(directory, "ann") == ["Anna", "Annals"]
    with while_names_are_folded(pytest.fail):
        directory.add(user("Anna"), sharing_in_plan=False)
        directory.add(Group(id=GroupId("Annals"), name="Annals", members={UserId("Anna")}))
        assert suggested(directory, "ann") == ["Anna", "Annals"]


def test_whoever_was_added_is_found_also_while_another_thread_sorts():
    directory = open_directory(user("Anna 1"))
    sorting, go_on = threading.Event(), threading.Event()

    def slowly():
        sorting.set()
        assert go_on.wait(10)

    answers = []
    askers = [
        threading.Thread(target=lambda: answers.append(suggested(directory, "anna")))
        for _ in range(2)
    ]
    with while_names_are_folded(slowly):
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


def test_hostile_names_take_little_memory():
    tracemalloc.start()
    try:
        names = (
            "\ufdfa" * 500,
            "\u6f22" * 500,
            "a-" * 250,
            "".join(map(chr, range(0x4E00, 0x4FF4))),
        )
        directory = open_directory(
            *(
                user(name, as_id=f"{i}{place}")
                for place, name in enumerate(names)
                for i in range(25)
            )
        )
        assert len(suggested(directory, "a", 99)) == 25
        assert len(suggested(directory, "\ufdfa", 99)) == 25
        assert len(suggested(directory, "\u6f22", 99)) == 25
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 10_000_000
