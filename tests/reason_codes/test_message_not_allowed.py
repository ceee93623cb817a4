"""`MESSAGE_NOT_ALLOWED`: the message is too long or holds control characters."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import Reason, ReasonCode
from world import ANNA, BEN, CT, World, share_request

pytestmark = pytest.mark.every_store

CHARACTERS = st.sampled_from("aé\n\r\t\0\x1b\x7f\x85 ") | st.characters(exclude_categories=["Cs"])


@pytest.mark.reason_code(ReasonCode.MESSAGE_NOT_ALLOWED)
@given(message=st.none() | st.text(CHARACTERS, max_size=8), limit=st.integers(1, 8))
def test_a_share_is_refused_exactly_when_its_message_is_too_long_or_holds_controls(message, limit):
    """Hold the rule of SPEC 2.

    "the message is longer than the policy's limit or holds control characters other
    than newline and tab. Line ends are normalised first."
    """
    world = World(message_limit=limit)

    reasons = world.reasons(share_request(ANNA, CT, BEN, message=message))

    text = (message or "").replace("\r\n", "\n").replace("\r", "\n")
    controls = {c for c in text if unicodedata.category(c) == "Cc"} - {"\n", "\t"}
    refused = len(text) > limit or bool(controls)
    expected = Reason(code=ReasonCode.MESSAGE_NOT_ALLOWED, limit=limit)
    assert reasons == ((expected,) if refused else ())


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        ("x" * 2_000, False),
        ("x" * 2_001, True),
        ("\r\n" * 2_000, False),
        ("one\r\ntwo\rthree\tfour\n", False),
        ("x" * 1_000_000, True),
        ("a bell \a", True),
        ("a lone surrogate \ud800", True),
        ("\N{RIGHT-TO-LEFT MARK} שלום", False),
        ("<b>markup is text</b>", False),
    ],
    ids=["limit", "beyond", "line ends", "lines", "a megabyte", "bell", "surrogate", "rtl", "tags"],
)
def test_by_default_two_thousand_characters_of_plain_text_are_allowed(message, refused):
    reasons = World().reasons(share_request(ANNA, CT, BEN, message=message))

    expected = Reason(code=ReasonCode.MESSAGE_NOT_ALLOWED, limit=2_000)
    assert reasons == ((expected,) if refused else ())


def test_an_empty_message_is_none():
    world = World()
    world.share(ANNA, CT, BEN, message="")

    assert world.told()[BEN].message is None


def test_the_message_is_looked_at_even_where_none_would_be_sent():
    world = World(sends_notices=False)

    reasons = world.reasons(share_request(ANNA, CT, BEN, message="\0"))

    assert reasons == (Reason(code=ReasonCode.MESSAGE_NOT_ALLOWED, limit=2_000),)
