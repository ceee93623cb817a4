"""Texts: identifiers that are valid and hostile, names, addresses and personal messages."""

import unicodedata
from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

from exam_sharing.principals import MAX_ADDRESS_LENGTH
from exam_sharing.validation import BIDI_CONTROLS, MAX_IDENTIFIER_LENGTH

__all__ = ["addresses", "identifiers", "messages", "names"]

_PRINTABLE: Final = st.characters(
    exclude_categories=("Cc", "Cs"), exclude_characters="".join(sorted(BIDI_CONTROLS))
)

_WORDS: Final = st.sampled_from(("anna", "ben", "ct", "émile", "ward 3", "1", "straße"))

_DISGUISES: Final[tuple[Callable[[str], str], ...]] = (
    str.upper,
    str.title,
    str.casefold,
    lambda text: unicodedata.normalize("NFD", text),
    lambda text: unicodedata.normalize("NFC", text),
    lambda text: text.replace("a", "\N{CYRILLIC SMALL LETTER A}"),
    lambda text: f"{text[:1]}\N{ZERO WIDTH JOINER}{text[1:]}",
    lambda text: f"{text[:1]}  {text[1:]}x",
    lambda text: f"u:{text}",
    lambda text: f"g:{text}",
    lambda text: f"{text}'; --",
    lambda text: f"%{text}_",
    lambda text: f"{text}\\",
    lambda text: f"{{{text}}}",
    lambda text: f"<b>{text}</b>",
    lambda text: f"{text}/../{text}",
    lambda text: f"0{text}",
    lambda text: (text * MAX_IDENTIFIER_LENGTH)[: MAX_IDENTIFIER_LENGTH - 1] + "z",
)
"""What stores that fold, trim, normalise, quote or cut text take for another text, or for code."""

_GIVEN_NAMES: Final = ("Anna", "Ben", "Carla", "Émile", "José María", "O'Neil", "Łucja", "Bo")
_FAMILY_NAMES: Final = ("Lindqvist", "Okoye", "Reyes-Ortiz", "d'Arcy", "Ng", "Straße", "Ånes")


def identifiers() -> st.SearchStrategy[str]:
    """Draw strings that any identifier can be made of: plain, hostile, and arbitrary ones."""
    disguised = st.builds(lambda word, by: by(word), _WORDS, st.sampled_from(_DISGUISES))
    arbitrary = st.text(_PRINTABLE, min_size=1, max_size=MAX_IDENTIFIER_LENGTH)
    return _WORDS | disguised | arbitrary.map(str.strip).filter(bool)


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
