"""SPEC 5: case, accents and Unicode form do not matter when names are compared."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing.names import folded, later_words

FORMS = ["NFC", "NFD", "NFKC", "NFKD"]
ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(text=st.text(), form=st.sampled_from(FORMS))
def test_unicode_form_does_not_matter(text, form):
    assert folded(unicodedata.normalize(form, text)) == folded(text)


@given(text=ANY_TEXT, change=st.sampled_from([str.upper, str.lower, str.title, str.casefold]))
def test_case_does_not_matter(text, change):
    assert folded("".join(map(change, text))) == folded(text)


@given(text=ANY_TEXT, accents=st.text("\u0300\u0301\u0308\u0327\u0338\u030a"), data=st.data())
def test_accents_do_not_matter(text, accents, data):
    place = data.draw(st.integers(0, len(text)))
    assert folded(text[:place] + accents + text[place:]) == folded(text)


@given(text=ANY_TEXT)
def test_folding_what_is_folded_changes_nothing(text):
    assert folded(folded(text)) == folded(text)


@given(
    words=st.lists(st.text("abcé", min_size=1)), space=st.sampled_from([" ", "  ", "\t", "\xa0"])
)
def test_white_space_only_parts_words(words, space):
    assert folded(space + space.join(words) + space) == " ".join(map(folded, words))


@given(text=st.text(st.characters(codec="ascii")))
def test_plain_text_folds_as_any_other(text):
    assert folded(text) == folded(text + "\u0301")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zoë", "ZOE"),
        ("Zsófia Horváth", "zsofia horvath"),
        ("François", "Franc\u0327ois"),
        ("Strauß", "STRAUSS"),
        ("Yıldız", "yildiz"),
        ("İpek", "ipek"),
        ("Łukasz", "lukasz"),
        ("Søren", "soren"),
        ("Guðmundur Þór", "gudmundur thor"),
        ("Đặng", "dang"),
        ("Æsa", "aesa"),
        ("O\u2019Brien", "o'brien"),
        ("Anne\u2011Marie", "anne-marie"),
        ("ＡＮＮＡ", "anna"),
        ("an\u00adna", "anna"),
        ("\u200fanna\u202c", "anna"),
        ("a\u20dd", "a"),
        ("Νίκος", "ΝΙΚΟΣ"),
        ("김", "\u1100\u1175\u11b7"),
    ],
)
def test_these_two_are_compared_as_one(one, other):
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("anna", "аnna"), ("paul", "раul"), ("anna", "anne"), ("ann a", "anna"), ("l", "1")],
)
def test_letters_that_only_look_alike_stay_apart(one, other):
    assert folded(one) != folded(other)


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u0301", "\u200b\u200f", "\xa0"])
def test_nothing_is_left_of_what_cannot_be_seen(text):
    assert folded(text) == ""


def test_a_lone_surrogate_is_a_character_like_any_other():
    assert folded("A\ud800") == "a\ud800"


@pytest.mark.parametrize(
    "text",
    [
        "\u0301" * 500_000 + "\u0327" * 500_000,
        "a\u0327\u0301" * 300_000,
        "é" * 1_000_000,
        " é" * 500_000,
        "\ufdfa" * 100_000,
    ],
    ids=["marks out of order", "marks", "letters", "words", "ligatures"],
)
def test_a_megabyte_takes_no_more_than_its_length(text):
    start = time.perf_counter()
    folded(text)
    assert time.perf_counter() - start < 5


@given(words=st.lists(st.text("abc'", min_size=1), min_size=1))
def test_every_word_but_the_first_is_a_later_word_with_what_follows_it(words):
    name = " ".join(words)
    later = set(later_words(name))
    assert {" ".join(words[i:]) for i in range(1, len(words))} <= later
    assert all(name.endswith(word) and word != name for word in later)


@pytest.mark.parametrize(
    ("name", "later"),
    [
        ("", []),
        ("anna", []),
        ("anna smith", ["smith"]),
        ("maria anna smith", ["anna smith", "smith"]),
        ("anna smith-jones", ["smith-jones", "jones"]),
        ("niamh o'brien", ["o'brien", "brien"]),
        ("(chest) ct/mr", ["chest) ct/mr", "ct/mr", "mr"]),
        ("ward (north)", ["(north)", "north)"]),
        ("dr.kim", ["kim"]),
        ("-- a", ["a"]),
        ("नमस्ते", []),
    ],
)
def test_words_begin_after_space_and_punctuation(name, later):
    assert list(later_words(name)) == later
