"""Seals: hashes that show whether anybody has edited the records behind the package's back.

A *log* is a table of *records* that are only ever added: each has a number, a time, a kind and a
document. A record carries a *leaf*: the hash of its content and of a random salt. The salt keeps a
leaf from confirming a guess of the content. A *seal* closes the records that are new: it has their
leaves in order, and the digest of the seal before it. So one seal, kept where nobody who can write
the database can write, holds every record up to it. Specification: `#nothing-was-edited`.

Every hash is SHA-256 over netstrings (`5:hello,`), so that no two lists of parts are the same
bytes.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256
from itertools import chain
from struct import Struct
from typing import Any, Final, TypeAlias

import attrs

from exam_sharing.errors import InvalidInput
from exam_sharing.validation import Attribute, instant, is_a, is_whole_from, tuple_of

SEALS: Final = "seals"
"""What findings call the table of seals."""

SALT: Final = 16
"""The length of a salt in bytes."""

Entry: TypeAlias = tuple[int, bytes]
"""The number of a record and its leaf."""

_FORMAT: Final = 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ENTRY: Final = Struct(">q32s")
_HEX: Final = 64
_NO_SEAL: Final = "0" * _HEX
_UNREADABLE: Final = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
)


def _hashed(*parts: bytes) -> bytes:
    return sha256(b"".join([b"%d:%b," % (len(each), each) for each in parts])).digest()


def microseconds(at: datetime) -> int:
    """Return an aware time as whole microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def leaf_of(
    salt: bytes, log: str, at: int, kind: str, document: str, written: bytes = b""
) -> bytes:
    """Return the leaf of a record, 32 bytes; the time is in `microseconds`.

    `written` is the digest of what the document only names, as `written_digest` returns it. The
    number is no part of a leaf, since the database gives it later; the seal binds it to the leaf.
    """
    of, time, sort, content = log.encode(), b"%d" % at, kind.encode(), document.encode()
    return _hashed(b"exam_sharing record", salt, of, time, sort, content, written)


def written_digest(salt: bytes, rows: str) -> bytes:
    """Return the digest of the rows that the act of a record has written, as one text."""
    return _hashed(b"exam_sharing written", salt, rows.encode())


def packed(entries: Iterable[Entry]) -> bytes:
    """Return the entries of a seal as it keeps them: 40 bytes each."""
    return b"".join([_ENTRY.pack(*entry) for entry in entries])


def unpacked(entries: bytes) -> Iterator[Entry]:
    """Yield the entries that a seal keeps; bytes at the end that are no entry are left out."""
    whole = len(entries) - len(entries) % _ENTRY.size
    return iter(_ENTRY.iter_unpack(entries[:whole]))


def divided(seal: "Seal", entries: bytes) -> Iterator[tuple["SealedLog", bytes]]:
    """Yield each log of a seal, with its part of the packed entries of all."""
    start = 0
    for log in seal.logs:
        end = start + log.count * _ENTRY.size
        yield log, entries[start:end]
        start = end


def _is_digest(_instance: object, attribute: Attribute, value: Any) -> None:  # noqa: ANN401
    digits = frozenset("0123456789abcdef")
    if type(value) is not str or len(value) != _HEX or not digits.issuperset(value):
        raise InvalidInput(attribute.name, "must be a SHA-256 as 64 digits of base 16")


@attrs.frozen(kw_only=True)
class SealedLog:
    """The records of one log that one seal covers.

    Attributes:
        log: the log, as `"events"`.
        through: the highest number that the log had: every later record has a higher one.
        count: how many records are new since the seal before.
        digest: of their numbers and leaves, in order.
    """

    log: str = attrs.field(validator=is_a(str))
    through: int = attrs.field(validator=is_whole_from(0))
    count: int = attrs.field(validator=is_whole_from(0))
    digest: str = attrs.field(validator=_is_digest)

    @classmethod
    def over(cls, log: str, through: int, entries: bytes) -> "SealedLog":
        """Return what a seal holds of a log, for its packed entries."""
        digest = _hashed(b"exam_sharing entries", log.encode(), entries).hex()
        return cls(log=log, through=through, count=len(entries) // _ENTRY.size, digest=digest)

    def covers(self, entries: bytes) -> bool:
        """Return whether these are the packed entries that were sealed."""
        return SealedLog.over(self.log, self.through, entries) == self


def _at(value: object) -> datetime:
    return instant("at", value)


def _logs(value: object) -> tuple[SealedLog, ...]:
    return tuple_of("logs", value, SealedLog)


@attrs.frozen(kw_only=True)
class Seal:
    """What closes the records up to a moment; it names the seal before it.

    Attributes:
        number: counts seals from 1.
        at: when it was made, aware, in UTC.
        previous: the digest of the seal before; 64 zeros for the first.
        logs: one entry for each log that had records.
    """

    number: int = attrs.field(validator=is_whole_from(1))
    at: datetime = attrs.field(converter=_at)
    previous: str = attrs.field(validator=_is_digest)
    logs: tuple[SealedLog, ...] = attrs.field(converter=_logs)

    @classmethod
    def after(cls, last: "Seal | None", at: datetime, logs: Iterable[SealedLog]) -> "Seal":
        """Return the seal that follows another, or the first."""
        if last is None:
            return cls(number=1, at=at, previous=_NO_SEAL, logs=tuple(logs))
        return cls(number=last.number + 1, at=at, previous=last.digest, logs=tuple(logs))

    def follows(self, last: "Seal | None") -> bool:
        """Return whether this is a seal right after another, or a first one."""
        number, digest = (0, _NO_SEAL) if last is None else (last.number, last.digest)
        return (self.number, self.previous) == (number + 1, digest)

    @property
    def digest(self) -> str:
        """The SHA-256 of everything in it, as 64 digits of base 16, for a signature."""
        head = b"%d" % self.number, b"%d" % microseconds(self.at), self.previous.encode()
        logs = chain.from_iterable(_parts(each) for each in self.logs)
        return _hashed(b"exam_sharing seal", *head, *logs).hex()

    def through(self, log: str) -> int:
        """Return up to which number it covers a log; 0 where it covers nothing of it."""
        return next((each.through for each in self.logs if each.log == log), 0)

    def as_json(self) -> str:
        """Return the seal as JSON, as it is exported and kept."""
        return json.dumps(
            {
                "format": _FORMAT,
                "number": self.number,
                "at": self.at.isoformat(),
                "previous": self.previous,
                "logs": [attrs.asdict(each) for each in self.logs],
                "digest": self.digest,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Seal":
        """Return the seal that was exported.

        Raises:
            InvalidInput: the text is no seal of this format, or was edited.
        """
        try:
            content = json.loads(text)
            known, digest = content.pop("format"), content.pop("digest")
            logs = [SealedLog(**each) for each in content.pop("logs")]
            seal = cls(at=datetime.fromisoformat(content.pop("at")), logs=tuple(logs), **content)
            whole = seal.digest == digest
        except (*_UNREADABLE, InvalidInput):
            raise InvalidInput("seal", "cannot be read as an exported seal") from None
        if known != _FORMAT:
            raise InvalidInput("seal", "is of a format that this version does not know")
        if not whole:
            raise InvalidInput("seal", "was edited: its digest does not fit its content")
        return seal


def _parts(sealed: SealedLog) -> tuple[bytes, ...]:
    counts = b"%d" % sealed.through, b"%d" % sealed.count
    return sealed.log.encode(), *counts, sealed.digest.encode()


class Edit(Enum):
    """What was done to a record behind the package's back."""

    CHANGED = "CHANGED"
    REMOVED = "REMOVED"
    INSERTED = "INSERTED"
    REORDERED = "REORDERED"


@attrs.frozen(kw_only=True)
class Finding:
    """The first record that is not as it was written.

    Attributes:
        log: the log of the record, or `"seals"` for a seal.
        number: of the record; `None` for a row that no record has written.
        edit: what was done to it, or to the `row` where there is one.
        moved: of a reordered record: the number under which it was sealed, or which it has now.
        row: the row that the record has written, as `"grant 'G1'"`; at most three where it is one
            of several.
    """

    log: str
    number: int | None
    edit: Edit
    moved: int | None = None
    row: str | None = None

    def __str__(self) -> str:
        what = "seal" if self.log == SEALS else f"record of {self.log}"
        record = None if self.number is None else f"{what} {self.number}"
        named = ": ".join(filter(None, (record, self.row)))
        moved = "" if self.moved is None else f"; the other number is {self.moved}"
        return f"{named} was {self.edit.value.lower()}{moved}"


@attrs.frozen(kw_only=True)
class Verification:
    """What a comparison of the records with their seals found.

    Attributes:
        records: how many records were compared, up to the first that was edited.
        rows: how many grants and shares that they name were compared.
        sealed: how many of the records are covered by a seal.
        last: the last seal in the database, if any.
        trusted: the seal that was compared with, if any was given.
        first: the first record that was edited; `None` if none was.
    """

    records: int
    rows: int
    sealed: int
    last: Seal | None
    trusted: Seal | None
    first: Finding | None

    @property
    def whole(self) -> bool:
        """Whether no edit was found."""
        return self.first is None

    @property
    def unsealed(self) -> int:
        """How many records no seal covers yet; the removal of one of these cannot show."""
        return self.records - self.sealed


def first_difference(
    sealed: Iterable[Entry], found: Iterable[Entry], through: int
) -> tuple[int, bytes | None, bytes | None] | None:
    """Return the first number at which what was sealed and what is found differ, with both leaves.

    Both are in the order of numbers. The first leaf is the sealed one; a leaf is `None` where there
    is no entry of that number. A found record that does not fit its own leaf has an empty one.
    Records after the number `through` are new, and cannot differ from a seal.
    """
    rest = iter(found)
    for number, leaf in sealed:
        there, now = next(rest, (None, None))
        if there == number and now == leaf:
            continue
        if there is not None and there < number:
            return there, None, now
        return number, leaf, now if there == number else None
    for number, now in rest:
        if number <= through or not now:
            return number, None, now
    return None
