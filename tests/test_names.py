"""Names are compared without case, accents and Unicode form. Specification: `#suggestions`."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing.names import LONGEST_FOLDED, MOST_STARTS, Findable, Fit, Typed, folded
from exam_sharing.testing.model import views

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
def test_folding_is_idempotent(text):
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
def test_invisible_characters_are_folded_away_and_a_lone_surrogate_is_not(text):
    assert folded(text) == ""
    assert folded(text + "A\ud800" + text) == "a\ud800"


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


def test_only_a_bounded_part_of_a_folded_name_is_compared():
    longest = folded("\ufdfa" * 500)
    assert LONGEST_FOLDED - 1 <= len(longest) <= LONGEST_FOLDED
    assert folded(longest) == longest
    assert folded("\ufdfa" * 499 + "a") == longest


WORDS = st.lists(st.text("abé\u6f22", min_size=1), min_size=1)


@given(words=WORDS, data=st.data())
def test_words_are_found_in_any_order_by_their_starts(words, data):
    name = Findable.of(" ".join(words))
    shuffled = data.draw(st.permutations(words))
    assert Typed.of(", ".join(shuffled)).fit(name) is Fit.WHOLE
    starts = [each[: data.draw(st.integers(1, len(each)))] for each in shuffled]
    assert Typed.of(" ".join(starts)).fit(name) is not None
    assert Typed.of(" ".join([*starts, "c"])).fit(name) is None


SCRIPTS = st.lists(
    st.text(
        "aAéßb'-,.@\u674e\u660e\u306f\u30ca\uae40\ubbfc\u0e2a\u0e35\u1019\u1782",
        min_size=1,
        max_size=4,
    ),
    min_size=1,
    max_size=4,
).map(" ".join)


@given(name=SCRIPTS, address=st.none() | SCRIPTS, data=st.data())
def test_texts_fit_as_in_the_reference_model(name, address, data):
    place = data.draw(st.integers(0, len(name)))
    typed = data.draw(SCRIPTS | st.just(f"{name[place:]} {name[:place]}".strip() or "a"))
    typed = " ".join(typed.split())
    found = Typed.of(typed)
    fit = None if found is None else found.fit(Findable.of(name, address))
    rank = views.rank(views.folded(name), views.folded(address or ""), folded(typed))
    assert (0 if fit is None else fit + 1) == rank


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("", ()),
        ("anna", ("anna",)),
        ("maria anna smith anna", ("anna", "maria", "smith")),
        ("anna smith-jones", ("anna", "jones", "smithjones")),
        ("niamh o'brien", ("brien", "niamh", "obrien")),
        ("(chest) ct/mr", ("chest", "ctmr", "mr")),
        ("-- a", ("a",)),
        ("नमस्ते", ("नमसते",)),
        ("\u6f22\u5b57", ("\u5b57", "\u6f22\u5b57")),
        ("\U00020bb7\u7530", ("\u7530", "\U00020bb7\u7530")),
        ("***", ()),
    ],
)
def test_words_begin_after_spaces_and_punctuation(name, starts):
    assert Findable.of(name).starts == starts


def test_the_search_keys_of_a_name_are_bounded():
    for name in ("\ufdfa" * 500, "\u6f22" * 500, "a-" * 250, "\u3300" * 500, "".join(LETTERS)):
        found = Findable.of(name)
        assert len(found.starts) <= MOST_STARTS
        assert sum(map(len, found.starts)) <= 10_000


LETTERS = [chr(0x4E00 + place) for place in range(500)]


@pytest.mark.parametrize(
    ("text", "length"),
    [("a", 1), ("\u00e9v", 2), ("\u674e", 2), ("\uff66", 2), ("\uae40", 2), ("\uff41", 1)],
)
def test_han_kana_and_hangul_characters_count_as_two(text, length):
    assert Typed.of(text).length == length


def test_names_and_texts_do_not_show_in_a_repr():
    assert "anna" not in repr(Findable.of("Anna", "anna@b.example"))
    assert "anna" not in repr(Typed.of("Anna"))
