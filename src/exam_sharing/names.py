"""How names are compared and found: without regard to case, accents and Unicode form.

Folding serves only to find and to sort. Portals show, and mail goes to, what was stored: two people
may have names with the same folded form. Letters of two scripts that look alike stay different.

Folding works character by character, so its time grows with the length of the text only. (The time
of `unicodedata.normalize` over a whole text can grow with its square, by sorting combining marks.)

A name is found by the starts of its words. A word begins after white space and after punctuation,
which is not compared: "O'Brien" is found by "o'b", "brien" and "obrien". In scripts without spaces
a word may begin at any character, and in Hangul at any syllable, since Korean names have no spaces.

Specification: `#suggestions`.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from itertools import islice
from typing import Final, TypeAlias

import attrs

LONGEST_TYPED: Final = 2_000
"""No longer text can match: a name has 500 code points, or four times as many in another form."""
LONGEST_FOLDED: Final = 2_000
"""Folding makes up to 18 code points of one; the rest beyond this length is not compared."""
LONGEST_WORD: Final = 100
"""The longest start of a word by which a name is found; the whole name has no such limit."""
MOST_STARTS: Final = 100
"""By how many different starts of words a name is found: by the first ones."""
SHORT: Final = 6
"""A database has each start of a word or an address up to this length as a search key."""

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
    "\N{ARABIC TATWEEL}": "",
    "\N{HEBREW PUNCTUATION GERSHAYIM}": '"',
    **dict.fromkeys("\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u05f3", "'"),
    **dict.fromkeys("\u2018\u2019\u201b\u2032", "'"),
    **dict.fromkeys("\u05be\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
}
"""What people type for characters that Unicode does not decompose, or not usefully."""

_WITHOUT_SPACES: Final = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf"  # Tai Le, New Tai Lue, Tai Tham, Tai Viet
    "\u1100-\u115f\ua960-\ua97c"  # Hangul consonants that begin a syllable
    "\u3041-\u30ff\u31f0-\u31ff\U0001aff0-\U0001b16f"  # kana
    "\u3105-\u312f\u31a0-\u31bf"  # Bopomofo
    "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "]"
)
"""The scripts without spaces according to Unicode (UAX 29), and Hangul."""


class Fit(IntEnum):
    """How well a typed text fits a name or an address, best first."""

    WHOLE = 0
    START = 1
    WORDS = 2


class KeyKind(IntEnum):
    """What a search key is: a whole name, or the start of an address or of a word."""

    WHOLE = 0
    ADDRESS = 1
    WORD = 2


SearchKey: TypeAlias = tuple[KeyKind, str]


def folded(text: str) -> str:
    """Return the text without case, accents and Unicode form, as it is compared.

    Typographic apostrophes and dashes become the typed ones, and runs of white space one space.
    Invisible format characters and outer white space are removed. Folding twice changes nothing.
    """
    bare = text.lower() if text.isascii() else "".join(map(_bare, text))
    return " ".join(bare.split())[:LONGEST_FOLDED].rstrip(" ")


@attrs.frozen
class Findable:
    """A folded name and address, and the name's words and their starts in alphabetical order."""

    name: str = attrs.field(repr=False)
    whole: str = attrs.field(repr=False)
    starts: tuple[str, ...] = attrs.field(repr=False)
    address: str | None = attrs.field(repr=False)

    @classmethod
    def of(cls, name: str, address: str | None = None) -> "Findable":
        """Return the folded forms of a stored name and address."""
        text = folded(name)
        starts = islice(dict.fromkeys(_starts(text)), MOST_STARTS)
        address = None if address is None else folded(address)
        return cls(text, _in_any_order(text, _words(text)), tuple(sorted(starts)), address)

    def search_keys(self, *lengths: int) -> Iterator[SearchKey]:
        """Yield each search key once; `lengths` are more lengths of starts than up to `SHORT`."""
        texts = [(KeyKind.WORD, start) for start in self.starts]
        if self.address is not None:
            texts.append((KeyKind.ADDRESS, self.address))
        every_length = (*range(1, SHORT + 1), *lengths)
        starts = ((kind, text[:length]) for kind, text in texts for length in every_length)
        yield from dict.fromkeys(((KeyKind.WHOLE, self.whole), *starts))


@attrs.frozen
class Typed:
    """A typed and folded text, its words in alphabetical order, and its different words.

    The longest of the different words come first.
    """

    text: str = attrs.field(repr=False)
    whole: str = attrs.field(repr=False)
    words: tuple[str, ...] = attrs.field(repr=False)

    @classmethod
    def of(cls, text: str) -> "Typed | None":
        """Return the text to find; `None` if it can find nothing."""
        text = folded(text) if len(text) <= LONGEST_TYPED else ""
        if not text:
            return None
        words = _words(text)
        longest_first = sorted(dict.fromkeys(words), key=len, reverse=True)
        return cls(text, _in_any_order(text, words), tuple(longest_first))

    @property
    def length(self) -> int:
        """The number of code points; each Han, kana or Hangul character counts as two.

        Such a character, which Unicode calls wide, is a syllable or a word.
        """
        composed = unicodedata.normalize("NFC", self.text)
        return sum(2 if unicodedata.east_asian_width(each) == "W" else 1 for each in composed)

    def fit(self, found: Findable) -> Fit | None:
        """Return how well the text fits; `None` if it does not."""
        address = found.address
        if self.whole == found.whole or self.text == address:
            return Fit.WHOLE
        if found.name.startswith(self.text) or (address and address.startswith(self.text)):
            return Fit.START
        return Fit.WORDS if self.words and self.begins_words_of(found) else None

    def begins_words_of(self, found: Findable) -> bool:
        """Return whether each typed word is the start of a word of the name."""
        starts = found.starts
        for word in self.words:
            place = bisect_left(starts, word)
            if place == len(starts) or not starts[place].startswith(word):
                return False
        return True


def _in_any_order(text: str, words: list[str]) -> str:
    """Return the words in alphabetical order, or the text if it has none."""
    return " ".join(sorted(words)) or text


def _words(text: str) -> list[str]:
    return "".join(" " if _parts_words(each) else each for each in text).split()


def _starts(text: str) -> Iterator[str]:
    """Yield the folded text from each start of a word to the next space, without punctuation."""
    for chunk in text.split(" "):
        letters = [each for each in chunk if not _parts_words(each)]
        run = "".join(letters)
        place, after_punctuation = 0, True
        for each in chunk:
            if _parts_words(each):
                after_punctuation = True
                continue
            if after_punctuation or _may_begin_anywhere(each):
                yield run[place : place + LONGEST_WORD]
            place, after_punctuation = place + 1, False


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


@lru_cache(maxsize=4096)
def _parts_words(character: str) -> bool:
    return unicodedata.category(character)[0] in "PSZ"


@lru_cache(maxsize=4096)
def _may_begin_anywhere(character: str) -> bool:
    is_mark = unicodedata.category(character)[0] == "M"
    return not is_mark and _WITHOUT_SPACES.match(character) is not None
