"""SPEC 5: people choose recipients, from suggestions and from a list.

> Case, accents and Unicode form do not matter. Exact match first, then the start of the name, then
> the start of any word of it; addresses match exactly or from their start. Ties by name.
"""

import threading
import time
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
        for step in [*steps, last]:
            match step:
                case User() | Group():
                    directory.add(step)
                    there[step.id] = step
                case UserId() | GroupId():
                    if there.pop(step, None) is not None:
                        directory.remove(step)
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


def test_users_and_groups_are_suggested_together():
    directory = open_directory(user("Rada Novák"), group("Radiology"))
    assert suggested(directory, "rad") == ["Rada Novák", "Radiology"]


def test_exact_matches_come_first_then_the_start_of_the_name_then_of_any_word_of_it():
    directory = open_directory(
        user("Joanna"), user("Maria Anna"), user("Annabel"), user("Anna"), user("Anna Smith")
    )
    assert suggested(directory, "anna") == ["Anna", "Anna Smith", "Annabel", "Maria Anna"]


def test_an_exact_address_is_as_good_as_an_exact_name():
    directory = open_directory(
        user("kim@b.example"), user("Zoë", "kim@b.example"), user("Adam", "kim@b.example.org")
    )
    assert suggested(directory, "Kim@B.example") == ["kim@b.example", "Zoë", "Adam"]


def test_addresses_match_from_their_start_and_nowhere_else():
    directory = open_directory(user("Zoë", "anna.smith@b.example"))
    assert suggested(directory, "anna.sm") == ["Zoë"]
    assert suggested(directory, "smith") == []
    assert suggested(directory, "b.example") == []


@pytest.mark.parametrize("typed", ["anna sm", "ANNA  SM", "smith", " Smith ", "maria anna smith"])
def test_several_words_may_be_typed_from_the_start_of_any_word(typed):
    directory = open_directory(user("Maria Anna Smith"))
    assert suggested(directory, typed) == ["Maria Anna Smith"]


@pytest.mark.parametrize("typed", ["nna", "maria smith", "smith anna", "maria anna smith x", "*"])
def test_what_is_not_in_the_name_in_this_order_suggests_nothing(typed):
    assert suggested(open_directory(user("Maria Anna Smith")), typed) == []


@pytest.mark.parametrize("typed", ["", " ", "\t\n", "\u0301", "\u200f", "\xa0"])
def test_blank_text_suggests_nothing(typed):
    assert suggested(open_directory(user("Anna"), user("", as_id="unnamed")), typed) == []


def test_two_people_whose_names_fold_alike_both_appear_ordered_by_key():
    directory = open_directory(
        user("Zoe", as_id="2"), user("ZOË", as_id="1"), Group(id=GroupId("3"), name="zoé")
    )
    assert suggested(directory, "zoe") == ["zoé", "ZOË", "Zoe"]
    assert [name for _, name in directory.listed(ACTOR, None, 10, NOBODY)] == ["zoé", "ZOË", "Zoe"]


def test_a_user_and_a_group_of_the_same_string_are_two_principals():
    directory = open_directory(user("x"), group("x"))
    assert directory.suggest(ACTOR, "x", 10, NOBODY) == ((GroupId("x"), "x"), (UserId("x"), "x"))
    assert suggested(directory, "x", leave_out=frozenset({GroupId("x")})) == ["x"]


def test_no_principal_is_suggested_twice_however_often_it_matches():
    directory = open_directory(user("anna anna anna", "anna@b.example"))
    assert suggested(directory, "anna") == ["anna anna anna"]


def test_inactive_users_are_neither_suggested_nor_listed_until_they_are_active_again():
    directory = open_directory(user("Anna", active=False))
    assert suggested(directory, "anna") == []
    assert directory.listed(ACTOR, None, 10, NOBODY) == ()
    directory.add(user("Anna"))
    assert suggested(directory, "anna") == ["Anna"]
    directory.add(user("Anna", active=False))
    assert suggested(directory, "anna") == []


@pytest.mark.parametrize("answer", [False, None, 0, 1, "yes"])
def test_whoever_the_directory_does_not_plainly_say_the_actor_may_see_is_not_there(answer):
    directory = open_directory(user("Anna"), visible=lambda actor, principal: answer)
    assert suggested(directory, "anna") == []
    assert directory.listed(ACTOR, None, 10, NOBODY) == ()


def test_an_error_about_visibility_is_never_a_yes():
    def visible(actor, principal):
        raise LookupError

    directory = open_directory(user("Anna"), visible=visible)
    with pytest.raises(LookupError):
        suggested(directory, "anna")


def test_visibility_is_asked_of_each_once_and_only_until_enough_are_found():
    asked = []

    def visible(actor, principal):
        asked.append((actor, principal))
        return len(asked) > 1

    directory = open_directory(
        *(user(f"anna anna {i}", f"anna{i}@b.example") for i in range(9)), visible=visible
    )
    assert suggested(directory, "anna", limit=2) == ["anna anna 1", "anna anna 2"]
    assert asked == [(ACTOR, UserId(f"anna anna {i}")) for i in range(3)]


def test_visibility_may_ask_the_directory_back():
    def visible(actor, principal):
        directory.add(user("Newcomer"))
        return directory.names([principal]) == {principal: "Anna"}

    directory = open_directory(user("Anna"), visible=visible)
    assert suggested(directory, "anna") == ["Anna"]
    assert directory.seen_by(ACTOR, [UserId("Anna")]) == {UserId("Anna")}


def test_a_renamed_principal_is_found_by_the_new_name_and_not_by_the_old():
    directory = open_directory(user("Anna Smith", "anna@b.example", as_id="1"))
    assert suggested(directory, "anna") == ["Anna Smith"]
    directory.add(user("Ann Jones", "ann@b.example", as_id="1"))
    assert suggested(directory, "anna") == []
    assert suggested(directory, "jones") == ["Ann Jones"]
    directory.remove(UserId("1"))
    assert suggested(directory, "jones") == []


def test_a_large_directory_that_changes_little_by_little_stays_right():
    there = {f"Anna {i:03}" for i in range(500)}
    directory = open_directory(*map(user, there))
    for i in range(0, 500, 7):
        gone, come = f"Anna {i:03}", f"Maria Anna {i:03}"
        directory.remove(UserId(gone))
        directory.add(user(come))
        there = there - {gone} | {come}
        if i % 2:
            found = suggested(directory, "anna", 600)
            assert found == sorted(there, key=lambda name: (name.startswith("Maria"), name))
    for name in there:
        directory.remove(UserId(name))
        assert name not in suggested(directory, name)
    assert suggested(directory, "anna") == []


def test_a_page_begins_behind_its_cursor_also_when_that_entry_is_gone_by_now():
    directory = open_directory(user("Åsa"), user("Bea"), user("Cid"))
    first = directory.listed(ACTOR, None, 2, NOBODY)
    assert first == ((UserId("Åsa"), "Åsa"), (UserId("Bea"), "Bea"))
    directory.remove(UserId("Bea"))
    directory.add(user("Abe"))
    rest = directory.listed(ACTOR, ("Bea", "u:Bea"), 2, NOBODY)
    assert rest == ((UserId("Cid"), "Cid"),)


def test_a_cursor_holds_the_name_as_it_was_shown():
    directory = open_directory(user("ÁB", as_id="1"), user("ab", as_id="2"), user("AC", as_id="3"))
    rest = directory.listed(ACTOR, ("ÁB", "u:1"), 9, NOBODY)
    assert [name for _, name in rest] == ["ab", "AC"]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_gives_nothing(limit):
    directory = open_directory(user("Anna"))
    assert suggested(directory, "anna", limit) == []
    assert directory.listed(ACTOR, None, limit, NOBODY) == ()


@pytest.mark.parametrize(
    "typed",
    [
        "a" * 1_000_000,
        "\u0301" * 500_000 + "\u0327" * 500_000,
        " " * 1_000_000 + "anna",
        "\ud800",
        "anna\ud800",
        "\x00",
        "a\x00",
        "\U0010ffff",
        "\u202e" * 1000,
        "(((((",
        "[a-z]*",
        "%_",
    ],
    ids=ascii,
)
def test_hostile_text_is_answered_at_once(typed):
    directory = open_directory(user("Anna", "anna@b.example"), group("Annals"))
    suggested(directory, "a")
    start = time.perf_counter()
    assert suggested(directory, typed) == []
    assert time.perf_counter() - start < 1


def test_a_hostile_cursor_is_answered_too():
    directory = open_directory(user("Anna"))
    assert directory.listed(ACTOR, ("\ud800" * 1_000_000, "\x00"), 9, NOBODY) == ()


def test_the_longest_name_is_found_in_every_unicode_form():
    name = "\u1f82" * 500
    directory = open_directory(user(name, as_id="1"))
    for typed in (name, "\u03b1\u0313\u0300\u0345" * 500):
        assert suggested(directory, typed) == [name]


def test_look_alike_names_are_two_names():
    directory = open_directory(user("Anna", as_id="latin"), user("\u0410nna", as_id="cyrillic"))
    assert directory.suggest(ACTOR, "anna", 10, NOBODY) == ((UserId("latin"), "Anna"),)


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


def test_what_changes_twice_between_two_questions_leaves_no_trace_of_what_it_was():
    directory = open_directory(user("Anna", as_id="1"))
    assert suggested(directory, "anna") == ["Anna"]
    directory.add(user("Bea", as_id="1"))
    directory.add(user("Cid", as_id="1"))
    assert [name for _, name in directory.listed(ACTOR, None, 9, NOBODY)] == ["Cid"]


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


def test_while_one_is_renamed_others_always_find_exactly_one():
    directory = open_directory(user("Anna 0", as_id="1"), user("Bea"))
    stop = threading.Event()
    wrong = []

    def ask():
        while not stop.is_set():
            names = suggested(directory, "anna")
            everybody = directory.listed(ACTOR, None, 9, NOBODY)
            if len(names) != 1 or len(everybody) != 2:
                wrong.append((names, everybody))

    readers = [threading.Thread(target=ask) for _ in range(4)]
    for each in readers:
        each.start()
    for i in range(1, 300):
        directory.add(user(f"Anna {i}", as_id="1"))
        if suggested(directory, "anna") != [f"Anna {i}"]:
            wrong.append(i)
    stop.set()
    for each in readers:
        each.join()
    assert wrong == []
