"""Texts, times, ids and permissions."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from hypothesis import strategies as st

from exam_sharing.grants import Permission
from exam_sharing.identifiers import (
    BatchId,
    ExamId,
    GrantId,
    GroupId,
    NoticeId,
    PrincipalId,
    ShareId,
    UserId,
)
from exam_sharing.principals import MAX_ADDRESS_LENGTH
from exam_sharing.testing.edges import HOSTILE, START, TICK
from exam_sharing.validation import BIDI_CONTROLS, MAX_IDENTIFIER_LENGTH

_PRINTABLE: Final = st.characters(
    exclude_categories=("Cc", "Cs"), exclude_characters="".join(sorted(BIDI_CONTROLS))
)
_GIVEN_NAMES: Final = ("Anna", "Ben", "Carla", "Émile", "José María", "O'Neil", "Łucja", "Bo")
_FAMILY_NAMES: Final = ("Lindqvist", "Okoye", "Reyes-Ortiz", "d'Arcy", "Ng", "Straße", "Ånes")

# A time within a day of the first or the last datetime may not exist in UTC.
_EARLIEST: Final = datetime(1, 1, 3)  # noqa: DTZ001  zones are drawn separately
_LATEST: Final = datetime(9999, 12, 29)  # noqa: DTZ001
_ZONES: Final = st.just(UTC) | st.builds(
    lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-14 * 60, 14 * 60)
)


def identifiers() -> st.SearchStrategy[str]:
    """Draw strings that are valid in every identifier: plain, hostile, and arbitrary ones."""
    arbitrary = st.text(_PRINTABLE, min_size=1, max_size=MAX_IDENTIFIER_LENGTH)
    stripped = arbitrary.map(str.strip).filter(bool)
    plain = st.sampled_from(("anna", "ben", "ct", "ward 3", "1"))
    return plain | st.sampled_from(HOSTILE) | stripped


def names() -> st.SearchStrategy[str]:
    """Draw names of users and groups: likely ones, and arbitrary lines of text."""
    likely = st.builds(
        "{} {}".format, st.sampled_from(_GIVEN_NAMES), st.sampled_from(_FAMILY_NAMES)
    )
    return likely | st.text(_PRINTABLE, max_size=40)


def addresses() -> st.SearchStrategy[str]:
    """Draw e-mail addresses at hosts that are reserved for examples."""
    local = st.from_regex(r"[a-z0-9][a-z0-9.+_'-]{0,20}", fullmatch=True)
    host = st.sampled_from(("example.org", "clinic.example", "xn--klinik-3ya.example"))
    return st.builds("{}@{}".format, local, host).filter(lambda a: len(a) <= MAX_ADDRESS_LENGTH)


def messages() -> st.SearchStrategy[str]:
    """Draw personal messages that the default policy allows, some of several lines."""
    return st.text(_PRINTABLE | st.sampled_from("\n\t"), min_size=1, max_size=200)


def times() -> st.SearchStrategy[datetime]:
    """Draw aware times in any century and zone that exist in UTC too."""
    return st.datetimes(_EARLIEST, _LATEST, timezones=_ZONES)


def durations() -> st.SearchStrategy[timedelta]:
    """Draw positive durations: a microsecond, some minutes, days, or a year."""
    return (
        st.integers(1, 60).map(lambda n: timedelta(minutes=n))
        | st.integers(1, 366).map(lambda n: timedelta(days=n))
        | st.just(TICK)
    )


def times_around(
    *,
    moments: st.SearchStrategy[datetime] = st.just(START),
    distances: st.SearchStrategy[timedelta] = durations(),
) -> st.SearchStrategy[datetime]:
    """Draw moments, the microseconds beside them, and times further away.

    Args:
        moments: times at which something changes, for example grants expire.
        distances: how far away.
    """
    return st.builds(
        lambda moment, by, before: moment - by if before else moment + by,
        moments,
        st.just(timedelta(0)) | st.just(TICK) | distances,
        st.booleans(),
    )


def user_ids(*, texts: st.SearchStrategy[str] = identifiers()) -> st.SearchStrategy[UserId]:
    """Draw ids of users."""
    return st.builds(UserId, texts)


def group_ids(*, texts: st.SearchStrategy[str] = identifiers()) -> st.SearchStrategy[GroupId]:
    """Draw ids of groups, some with the text of a user's id."""
    return st.builds(GroupId, texts)


def principal_ids(
    *,
    users: st.SearchStrategy[UserId] = user_ids(),
    groups: st.SearchStrategy[GroupId] = group_ids(),
) -> st.SearchStrategy[PrincipalId]:
    """Draw ids of users and of groups."""
    return users | groups


def exam_ids(*, texts: st.SearchStrategy[str] = identifiers()) -> st.SearchStrategy[ExamId]:
    """Draw ids of exams."""
    return st.builds(ExamId, texts)


def batch_ids(*, texts: st.SearchStrategy[str] = identifiers()) -> st.SearchStrategy[BatchId]:
    """Draw ids of upload batches."""
    return st.builds(BatchId, texts)


def grant_ids(*, texts: st.SearchStrategy[str] = identifiers()) -> st.SearchStrategy[GrantId]:
    """Draw ids of grants."""
    return st.builds(GrantId, texts)


def share_ids(*, texts: st.SearchStrategy[str] = identifiers()) -> st.SearchStrategy[ShareId]:
    """Draw ids of shares."""
    return st.builds(ShareId, texts)


def notice_ids(*, texts: st.SearchStrategy[str] = identifiers()) -> st.SearchStrategy[NoticeId]:
    """Draw ids of notices."""
    return st.builds(NoticeId, texts)


def permissions() -> st.SearchStrategy[Permission]:
    """Draw permissions."""
    return st.sampled_from(Permission)
