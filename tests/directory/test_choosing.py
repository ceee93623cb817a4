"""Suggestions and the list in every directory of ours, beyond the laws of directories.

Specification: `#choosing-recipients`.
"""

import time

import pytest

from every_directory import ACTOR, NOBODY, asked_all_the_time, group, suggested, user
from exam_sharing.identifiers import UserId


def test_an_error_about_visibility_is_never_a_yes(open_directory):
    def visible(actor, principal):
        raise LookupError

    directory = open_directory(user("Anna"), visible=visible)
    with pytest.raises(LookupError):
        suggested(directory, "anna")


def test_visibility_is_queried_once_each_and_only_until_enough_are_found(open_directory):
    asked = []

    def visible(actor, principal):
        asked.append((actor, principal))
        return len(asked) > 1

    directory = open_directory(
        *(user(f"anna anna {i}", f"anna{i}@b.example") for i in range(9)), visible=visible
    )
    assert suggested(directory, "anna", limit=2) == ["anna anna 1", "anna anna 2"]
    assert asked == [(ACTOR, UserId(f"anna anna {i}")) for i in range(3)]


def test_a_rule_of_visibility_may_query_the_directory(open_directory):
    def visible(actor, principal):
        directory.add(user("Newcomer"))
        return directory.names([principal]) == {principal: "Anna"}

    directory = open_directory(user("Anna"), visible=visible)
    assert suggested(directory, "anna") == ["Anna"]
    assert directory.seen_by(ACTOR, [UserId("Anna")]) == {UserId("Anna")}


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_gives_nothing(open_directory, limit):
    directory = open_directory(user("Anna"))
    assert suggested(directory, "anna", limit) == []
    assert directory.listed(ACTOR, None, limit, NOBODY) == ()


@pytest.mark.parametrize(
    "typed",
    [
        "a" * 1_000_000,
        "\u0301" * 500_000 + "\u0327" * 500_000,
        " " * 1_000_000 + "anna",
        "\u202e" * 1000,
        *("\ud800", "anna\ud800", "\x00", "a\x00", "\U0010ffff", "(((((", "[a-z]*", "%_"),
    ],
    ids=ascii,
)
def test_hostile_text_is_answered_quickly(open_directory, typed):
    directory = open_directory(user("Anna", "anna@b.example"), group("Annals"))
    suggested(directory, "a")
    start = time.perf_counter()
    assert suggested(directory, typed) == []
    assert time.perf_counter() - start < 1


def test_a_hostile_cursor_is_answered_too(open_directory):
    directory = open_directory(user("Anna"))
    assert directory.listed(ACTOR, ("\ud800" * 1_000_000, "\x00"), 9, NOBODY) == ()


def test_the_longest_name_is_found_in_every_unicode_form(open_directory):
    name = "\u1f82" * 500
    directory = open_directory(user(name, as_id="1"))
    for typed in (name, "\u03b1\u0313\u0300\u0345" * 500):
        assert suggested(directory, typed) == [name]


def test_long_names_are_distinguished_by_their_ends(open_directory):
    start = "a" * 120
    directory = open_directory(
        user(start + "c", as_id="1"), user(start + "b", as_id="2"), user(start, as_id="3")
    )
    names = [start, start + "b", start + "c"]
    assert suggested(directory, "a") == names
    assert suggested(directory, start + "b") == [start + "b"]
    assert suggested(directory, start + "d") == []
    pages = [directory.listed(ACTOR, (name, "u:0"), 1, NOBODY) for name in names]
    assert [name for page in pages for _, name in page] == names


def test_long_words_and_addresses_are_found_by_their_starts_and_no_more(open_directory):
    word, address = "y" * 99 + "z" + "w" * 30, "m" * 99 + "n" + "o" * 30 + "@b.example"
    name = "Anna " + word
    directory = open_directory(user(name, address))
    for length in (1, 4, 5, 99, 100):
        assert suggested(directory, word[:length]) == [name]
        assert suggested(directory, word[: length - 1] + "x") == []
    for length in (1, 4, 5, 99, 100, 101, 130):
        assert suggested(directory, address[:length]) == [name]
        assert suggested(directory, address[: length - 1] + "x") == []
    # One word is found by its first hundred code points, and by what stands before it.
    assert suggested(directory, word[:101]) == []
    for text in (name, name[:-1], address, word + " anna"):
        assert suggested(directory, text) == [name]
        assert suggested(directory, text + "x") == []


NAME_OF_LIGATURES = "\ufdfa" * 500
"""The longest that folding makes of a name: each of these becomes 18 code points in 4 words."""


@pytest.mark.parametrize("typed", [NAME_OF_LIGATURES, "\ufdfa", "صلى الله", "وسلم"])
def test_a_name_that_folding_makes_long_is_found(open_directory, typed):
    directory = open_directory(user(NAME_OF_LIGATURES, as_id="1"), user("Anna"))
    assert suggested(directory, typed) == [NAME_OF_LIGATURES]


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Niamh O\u2019Brien", ["obrien", "o'brien", "o\u2018brien", "brien n", "BRIEN,N"]),
        ("Ka\u02bbahumanu", ["kaahumanu", "ka'ahumanu"]),
        ("Anne\u2011Marie", ["annemarie", "anne-marie", "Marie, Anne"]),
        ("ʿAlī al-Rashīd", ["ali", "al rashid", "alrashid", "rashid ali"]),
        ("الرشيد", ["الر", "\u0627\u0644\u0640\u0640\u0631"]),
        ("Yıldız Işık", ["yildiz", "ISIK", "işik y"]),
        ("Groß-Gerau", ["gross", "GROSS gerau", "groẞ"]),
        ("Prof. Dr. med. Ruth Weiß", ["ruth", "weiss ruth", "prof weiss", "dr.med."]),
        ("ﬁnch", ["fin", "ﬁ"]),
        ("צ׳רלי", ["צ'רלי", "צרלי"]),
        ("สมชาย ใจดี", ["ใจดี", "ดี", "ชาย ใจ", "ใจ สม"]),
        ("ສົມຊາຍ", ["ຊາຍ"]),
        ("សុខា", ["ខា"]),
        ("အောင်ဆန်း", ["ဆန်း"]),
        ("김민수", ["민수", "수", "기", "김 민"]),
        ("ジョン・スミス", ["スミス", "ｽﾐｽ", "スミス ジョン", "ミス"]),
        ("佐々木花子", ["花", "木花", "々"]),
        ("山田 はなこ", ["はなこ", "なこ 田", "はなこ 山"]),
    ],
)
def test_names_are_found_as_people_type_them(open_directory, name, typed):
    directory = open_directory(user(name, as_id="1"), user("Somebody Else"))
    for text in typed:
        assert suggested(directory, text) == [name], text


def test_hangul_is_found_from_the_start_of_a_syllable_only(open_directory):
    assert suggested(open_directory(user("김민수")), "\u11b7") == []


def test_many_words_are_answered_quickly(open_directory):
    letters = "abcdefghijklmnopqrstuvwxyz"
    pairs = [one + other for one in letters for other in letters]
    directory = open_directory(
        *(user(" ".join(pairs[:100]), as_id=f"{i}") for i in range(20)),
        user("漢" * 500, as_id="han"),
    )
    suggested(directory, "aa")
    for typed, count in (
        (" ".join(pairs)[:2_000], 0),
        (" ".join(reversed(pairs[:100])), 20),
        (" ".join(f"{one} {one}" for one in pairs[50:100]), 20),
        ("漢" * 500, 1),
        ("漢 " * 900, 1),
        ("a" * 10_000, 0),
        ("a " * 10_000, 0),
    ):
        start = time.perf_counter()
        assert len(suggested(directory, typed, 99)) == count
        assert time.perf_counter() - start < 1


def test_while_one_is_renamed_others_always_find_exactly_one(open_directory):
    directory = open_directory(user("Anna 0", as_id="1"), user("Bea"))

    def ask():
        assert len(suggested(directory, "anna")) == 1
        assert len(directory.listed(ACTOR, None, 9, NOBODY)) == 2

    with asked_all_the_time(ask):
        for i in range(1, 300):
            directory.add(user(f"Anna {i}", as_id="1"))
            assert suggested(directory, "anna") == [f"Anna {i}"]
