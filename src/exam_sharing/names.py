"""How names are compared: without regard to case, accents and Unicode form.

Folding is for finding and sorting only. What is shown, and where mail is sent, is always what was
stored: two names that fold alike may belong to two people, and letters of two scripts that look
alike stay two letters.

It works character by character, so it takes time in proportion to the text, whatever the text.
(`unicodedata.normalize` over a whole text can take the square of it: it sorts combining marks.)
"""

import re
import string
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

__all__ = ["LONGEST_TYPED", "folded", "later_words"]

LONGEST_TYPED: Final = 2_000
"""No longer text can match: names have 500 code points, in any Unicode form fourfold."""

_TYPED_AS: Final = {
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    "ł": "l",
    "ø": "o",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "ŧ": "t",
    "ŋ": "n",
    **dict.fromkeys("\u02b9\u02bc\u02c8\u2018\u2019\u201b\u2032", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
}
"""What people type for characters that Unicode does not take apart, or not usefully."""

_BREAKS: Final = " " + string.punctuation
_LATER_WORD: Final = re.compile(
    rf"(?<=[{re.escape(_BREAKS)}])[^{re.escape(_BREAKS)}] | (?<=\ ).", re.VERBOSE | re.DOTALL
)


def folded(text: str) -> str:
    """Return the text as it is compared: case, accents and Unicode form taken away.

    Typographic apostrophes and dashes become the typed ones, invisible format characters vanish,
    runs of white space become one space, and none is left at either end. Folding what is folded
    changes nothing.
    """
    bare = text.lower() if text.isascii() else "".join(map(_bare, text))
    return " ".join(bare.split())


def later_words(name: str) -> Iterator[str]:
    """Yield a folded name from the start of each word but the first to its end.

    A word begins after white space, and after ASCII punctuation: "jones" begins a word of
    "anna smith-jones".
    """
    for match in _LATER_WORD.finditer(name):
        yield name[match.start() :]


@lru_cache(maxsize=4096)
def _bare(character: str) -> str:
    if character in _TYPED_AS:
        return _TYPED_AS[character]
    apart = unicodedata.normalize("NFKD", character).casefold()
    return "".join(
        _TYPED_AS.get(part, part)
        for part in unicodedata.normalize("NFKD", apart)
        if not unicodedata.combining(part) and unicodedata.category(part) not in {"Cf", "Me"}
    )
