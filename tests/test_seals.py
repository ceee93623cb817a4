"""Seals without a database: what a leaf and a seal hold, and where records differ from them."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.seals import (
    SALT,
    SEALS,
    Edit,
    Finding,
    Seal,
    SealedLog,
    Verification,
    divided,
    first_difference,
    leaf_of,
    packed,
    unpacked,
    written_digest,
)

AT = datetime(2030, 1, 1, tzinfo=UTC)
THOUSAND = [(2 * place, place.to_bytes(32)) for place in range(1, 1001)]
LAST = THOUSAND[-1][0]
OTHER = bytes([255]) * 32


def sealed(*entries, log="events", last=None, at=AT):
    through = entries[-1][0] if entries else 0
    return Seal.after(last, at, [SealedLog.over(log, through, packed(entries))])


def test_records_that_are_as_they_were_sealed_do_not_differ():
    assert first_difference(THOUSAND, THOUSAND, LAST) is None


def test_records_after_the_last_seal_do_not_differ_from_it():
    assert first_difference(THOUSAND[:400], THOUSAND, THOUSAND[399][0]) is None


def test_a_record_behind_the_last_sealed_one_was_inserted_if_the_seal_reaches_as_far():
    assert first_difference(THOUSAND[:-1], THOUSAND, LAST) == (LAST, None, THOUSAND[-1][1])
    assert first_difference(THOUSAND[:-1], THOUSAND, LAST - 1) is None


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        ({"number": 3}, "record of events 3 was changed"),
        ({"log": SEALS, "number": 3}, "seal 3 was changed"),
        ({"number": 3, "row": "grant 'G1'"}, "record of events 3: grant 'G1' was changed"),
        ({"number": None, "row": "grant 'G1'"}, "grant 'G1' was changed"),
        ({"number": 3, "moved": 4}, "record of events 3 was changed; the other number is 4"),
    ],
)
def test_a_finding_names_the_record_and_the_row(finding, words):
    assert str(Finding(**{"log": "events", "edit": Edit.CHANGED} | finding)) == words


def test_records_behind_the_last_seal_are_counted():
    compared = {"rows": 0, "last": None, "trusted": None, "first": None}
    verification = Verification(records=9, sealed=7, **compared)
    assert (verification.whole, verification.unsealed) == (True, 2)


@pytest.mark.parametrize("edit", ["change", "remove", "insert", "swap", "truncate"])
def test_the_first_difference_is_found_at_each_of_a_thousand_positions(edit):
    for place, (number, leaf) in enumerate(THOUSAND):
        found = [*THOUSAND]
        expected = number, leaf, None
        match edit:
            case "change":
                found[place] = number, OTHER
                expected = number, leaf, OTHER
            case "remove":
                del found[place]
            case "insert":
                found.insert(place, (number - 1, OTHER))
                expected = number - 1, None, OTHER
            case "truncate":
                del found[place:]
            case "swap" if number == LAST:
                continue
            case "swap":
                further = found[place + 1 :: 300][-1]
                found[found.index(further)] = further[0], leaf
                found[place] = number, further[1]
                expected = number, leaf, further[1]
        assert first_difference(THOUSAND, found, LAST) == expected


texts = st.text(st.characters(codec="utf-8"), max_size=9)
contents = st.tuples(
    st.binary(min_size=SALT, max_size=SALT),
    texts,
    st.integers(-9, 9),
    texts,
    texts,
    st.binary(max_size=9),
)


@given(contents, contents)
def test_two_records_have_one_leaf_only_if_their_content_is_the_same(one, other):
    assert (leaf_of(*one) == leaf_of(*other)) == (one == other)


@given(st.lists(texts, min_size=2, max_size=2), st.integers(0, 9))
def test_moving_a_character_from_one_part_to_the_next_changes_the_leaf(parts, length):
    text = "".join(parts)
    first = leaf_of(b"", "events", 1, parts[0], parts[1])
    second = leaf_of(b"", "events", 1, text[:length], text[length:])
    assert (first == second) == (parts == [text[:length], text[length:]])


def test_the_same_content_with_another_salt_has_another_leaf():
    assert leaf_of(b"1" * SALT, "events", 1, "k", "d") != leaf_of(
        b"2" * SALT, "events", 1, "k", "d"
    )
    assert written_digest(b"1" * SALT, "rows") != written_digest(b"2" * SALT, "rows")


def test_a_seal_names_the_seal_before_it():
    first = sealed(*THOUSAND[:9])
    second = sealed(*THOUSAND[9:12], last=first)
    assert (first.number, second.number) == (1, 2)
    assert second.previous == first.digest
    assert first.follows(None)
    assert second.follows(first)
    assert not second.follows(attrs.evolve(first, at=AT + timedelta(seconds=1)))


@pytest.mark.parametrize(
    "edited",
    [
        {"number": 2},
        {"at": AT + timedelta(microseconds=1)},
        {"previous": "1" * 64},
        {"logs": ()},
        {"logs": (SealedLog.over("events", 4, packed(THOUSAND[:1])),)},
        {"logs": (SealedLog.over("others", 2, packed(THOUSAND[:1])),)},
        {"logs": (SealedLog.over("events", 2, packed(THOUSAND[1:2])),)},
    ],
)
def test_a_seal_with_any_other_content_has_another_digest(edited):
    seal = sealed(THOUSAND[0])
    assert attrs.evolve(seal, **edited).digest != seal.digest


def test_an_exported_seal_is_read_back():
    seal = sealed(*THOUSAND[:3], last=sealed())
    assert Seal.from_json(seal.as_json()) == seal


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace('"number": 2', '"number": 3'),
        lambda text: text.replace('"count": 3', '"count": 2'),
        lambda text: text.replace('"format": 1', '"format": 2'),
        lambda text: text.replace('"previous"', '"before"'),
        lambda text: text.replace('"previous": "', '"previous": "g'),
        lambda text: text[:-1],
        lambda text: text.replace('"events"', r'"\ud800"'),
        lambda _: "[" * 100_000,
        lambda _: "[]",
        lambda _: '{"format": 1, "digest": "", "logs": [3], "at": "now"}',
    ],
)
def test_an_exported_seal_that_was_edited_is_refused(edit):
    text = sealed(*THOUSAND[:3], last=sealed()).as_json()
    with pytest.raises(es.InvalidInput, match=r"^seal "):
        Seal.from_json(edit(text))


def test_the_entries_of_a_seal_are_divided_between_its_logs():
    parts = packed(THOUSAND[:2]), packed(THOUSAND[2:5])
    logs = [SealedLog.over(name, 9, part) for name, part in zip("ab", parts, strict=True)]
    seal = Seal.after(None, AT, logs)
    assert [(log.log, part) for log, part in divided(seal, b"".join(parts))] == [
        ("a", parts[0]),
        ("b", parts[1]),
    ]
    assert [*unpacked(parts[1])] == THOUSAND[2:5]
    assert all(log.covers(part) for log, part in zip(logs, parts, strict=True))
    assert not logs[0].covers(parts[1])
    assert (seal.through("a"), seal.through("c")) == (9, 0)
