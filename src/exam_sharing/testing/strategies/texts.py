"""Texts: identifiers that are valid and hostile, names, addresses and personal messages."""

from typing import Final

from hypothesis import strategies as st

from exam_sharing.principals import MAX_ADDRESS_LENGTH
from exam_sharing.testing.texts import HOSTILE
from exam_sharing.validation import BIDI_CONTROLS, MAX_IDENTIFIER_LENGTH

__all__ = ["addresses", "identifiers", "messages", "names"]

_PRINTABLE: Final = st.characters(
    exclude_categories=("Cc", "Cs"), exclude_characters="".join(sorted(BIDI_CONTROLS))
)

_WORDS: Final = ("anna", "ben", "ct", "ward 3", "1")

_GIVEN_NAMES: Final = ("Anna", "Ben", "Carla", "Émile", "José María", "O'Neil", "Łucja", "Bo")
_FAMILY_NAMES: Final = ("Lindqvist", "Okoye", "Reyes-Ortiz", "d'Arcy", "Ng", "Straße", "Ånes")


def identifiers() -> st.SearchStrategy[str]:
    """Draw strings that any identifier can be made of: plain, hostile, and arbitrary ones."""
    arbitrary = st.text(_PRINTABLE, min_size=1, max_size=MAX_IDENTIFIER_LENGTH)
    stripped = arbitrary.map(str.strip).filter(bool)
    return st.sampled_from(_WORDS) | st.sampled_from(HOSTILE) | stripped


def names() -> st.SearchStrategy[str]:
    """Draw names of users and groups: likely ones, and any one line of text."""
    likely = st.builds(
        "{} {}".format, st.sampled_from(_GIVEN_NAMES), st.sampled_from(_FAMILY_NAMES)
    )
    return likely | st.text(_PRINTABLE, max_size=40)


def addresses() -> st.SearchStrategy[str]:
    """Draw e-mail addresses, all at hosts that are reserved for examples."""
    local = st.from_regex(r"[a-z0-9][a-z0-9.+_'-]{0,20}", fullmatch=True)
    host = st.sampled_from(("example.org", "clinic.example", "xn--klinik-3ya.example"))
    return st.builds("{}@{}".format, local, host).filter(lambda a: len(a) <= MAX_ADDRESS_LENGTH)


def messages() -> st.SearchStrategy[str]:
    """Draw personal messages that no rule refuses by default, of several lines now and then."""
    return st.text(_PRINTABLE | st.sampled_from("\n\t"), min_size=1, max_size=200)
