"""What people type for users, groups and times, and what it means."""

import time as clock
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import GroupId, InvalidValue, UserId
from exam_sharing.cli.parsing import principal, spelled, time
from exam_sharing.cli.words import local_time


@pytest.fixture
def berlin(monkeypatch):
    """The clock of this machine is one of Berlin."""
    if not hasattr(clock, "tzset"):
        pytest.skip("needs a time zone that can be set")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    clock.tzset()
    yield
    monkeypatch.undo()
    clock.tzset()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("anna", UserId("anna")),
        ("user:anna", UserId("anna")),
        ("group:ward", GroupId("ward")),
        ("user:group:ward", UserId("group:ward")),
    ],
)
def test_a_bare_id_is_a_user(text, meant):
    assert principal(text) == meant


IDS = st.text(min_size=1, max_size=20) | st.sampled_from(["user:", "group:a", "user:group:b"])


@given(text=IDS, kind=st.sampled_from([UserId, GroupId]))
def test_printed_principals_can_be_typed_again(text, kind):
    try:
        somebody = kind(text)
    except InvalidValue:
        return
    assert principal(spelled(somebody)) == somebody


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("4w", timedelta(weeks=4)),
    ],
)
def test_a_duration_counts_from_the_next_minute(text, length):
    before = datetime.now(UTC)
    until = time(text)
    assert before + length < until <= datetime.now(UTC) + length + timedelta(minutes=1)
    assert until.second == until.microsecond == 0


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("text", "month", "hour"),
    [
        ("2030-06-01T18:00+02:00", 6, 16),
        ("2030-06-01 18:00Z", 6, 18),
        ("2030-06-01T18:00", 6, 16),
        ("2030-01-01T18:00", 1, 17),
    ],
)
def test_a_time_without_an_offset_is_local(text, month, hour):
    assert time(text) == datetime(2030, month, 1, hour, tzinfo=UTC)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("text", ["2030-03-31T02:30", "2030-10-27T02:30"])
def test_a_local_time_that_is_skipped_or_repeated_needs_an_offset(text):
    with pytest.raises(ArgumentTypeError, match="add the offset"):
        time(text)
    assert time(f"{text}+01:00").astimezone(UTC).hour == 1


@pytest.mark.usefixtures("berlin")
def test_printed_times_can_be_typed_again():
    told = datetime(2030, 6, 1, 16, 0, tzinfo=UTC)
    assert local_time(told) == "2030-06-01 18:00+02:00"
    assert time(local_time(told)) == told
    assert local_time(told + timedelta(seconds=1)) == "2030-06-01 18:00:01+02:00"
    # The last moment of the calendar has no local time here.
    assert local_time(datetime.max.replace(tzinfo=UTC)) == "9999-12-31 23:59:59+00:00"


INVALID_TIMES = (
    *("2030-06-01", "20300601", "2030-W10-1", "tomorrow", "", "30", "30y", "-1d", "1.5h", "0m"),
    *("0h", "0d", "000w", "9999999d", "99999999999999999999w", "9" * 5_000 + "d"),
    *("0001-01-01T00:00", "9999-12-31T23:59-14:00", "0001-01-01T00:00+14:00"),
)


@pytest.mark.parametrize("text", INVALID_TIMES, ids=range(len(INVALID_TIMES)))
def test_an_invalid_time_is_refused(text):
    with pytest.raises(ArgumentTypeError):
        time(text)
