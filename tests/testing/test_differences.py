"""A law reports the differences of an answer, and only what a `repr` shows."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from exam_sharing import BatchId, Exam, ExamId, GrantId, Permission, ShareId, UserId
from exam_sharing.exams import UploadBatch
from exam_sharing.grants import OWNER, EndedAs, EndedGrant, Ending, Grant, HowEnded
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.testing.laws.law import difference
from world import ANNA, BEN, START

LONG = list(range(100, 200))
SECOND = timedelta(seconds=1)
CT = ExamId("ct")
GRANT = Grant(
    id=GrantId("g"),
    exam=CT,
    grantor=ANNA,
    recipient=BEN,
    permission=Permission.VIEW,
    until=datetime(2030, 6, 1, tzinfo=UTC),
    version=1,
    basis=OWNER,
    share=ShareId("s"),
    made_at=datetime(2030, 1, 1, 12, 0, 0, 7, tzinfo=UTC),
)
LATER = attrs.evolve(GRANT, until=datetime(2030, 6, 1, 0, 0, 1, tzinfo=UTC))
SHARING = ExamGrants(version=1, grants=(GRANT,))
UNTIL = "2030-06-01T00:00:01+00:00, expected 2030-06-01T00:00:00+00:00"
MINE = Exam(
    id=CT, owner=ANNA, batch=BatchId("cd"), uploaded_at=START, subject="Ms Kowalska, born 1950"
)


@pytest.mark.parametrize(
    ("got", "expected", "told"),
    [
        (ExamGrants(), ExamGrants(version=1), "  version: 0, expected 1"),
        (attrs.evolve(SHARING, grants=(LATER,)), SHARING, f"  grants[0].until: {UNTIL}"),
        ([LATER, GRANT], [GRANT, GRANT], f"  [0].until: {UNTIL}"),
        ({CT: LATER}, {CT: GRANT}, f"  ExamId('ct').until: {UNTIL}"),
        (
            {CT: attrs.evolve(SHARING, version=2, grants=[LATER])},
            {CT: SHARING},
            (
                "  ExamId('ct').version: 2, expected 1\n"
                "  ExamId('ct').grants: type list, expected tuple\n"
                f"  ExamId('ct').grants[0].until: {UNTIL}"
            ),
        ),
        (frozenset({LATER}), frozenset({GRANT}), f"  [GrantId('g')].until: {UNTIL}"),
        (
            frozenset({LATER}),
            frozenset(),
            f"  missing: none\n  not expected: [{LATER}]".replace(
                "datetime.datetime(2030, 6, 1, 0, 0, 1, tzinfo=datetime.timezone.utc)",
                "2030-06-01T00:00:01+00:00",
            ).replace(
                "datetime.datetime(2030, 1, 1, 12, 0, 0, 7, tzinfo=datetime.timezone.utc)",
                "2030-01-01T12:00:00.000007+00:00",
            ),
        ),
        (1, True, "  got: 1\n  expected: True"),
        (None, CT, "  got: None\n  expected: ExamId('ct')"),
        ([1, 2], [2, 1], "  got: [1, 2]\n  expected: [2, 1]"),
        ((1, 2), (1, 2, 3), "  got: (1, 2)\n  expected: (1, 2, 3)"),
        ({1: 2}, {1: 3, 4: 5}, "  1: 2, expected 3\n  4: nothing, expected 5"),
        ({1, 2}, {2, 3}, "  missing: [3]\n  not expected: [1]"),
        (LONG[1:], LONG, "  missing: [100]\n  not expected: none"),
        ([*LONG, 107], LONG, "  missing: none\n  not expected: [107]"),
        (
            {"a": set(LONG)},
            {"a": set()},
            ("  'a' missing: none\n  'a' not expected: [100, 101, 102, 103, 104] and 95 more"),
        ),
        (
            START.replace(tzinfo=None),
            START,
            f"  got: {START.replace(tzinfo=None).isoformat()}\n  expected: {START.isoformat()}",
        ),
    ],
)
def test_differences_are_reported_by_path(got, expected, told):
    assert difference(got, expected) == told


def test_members_of_sets_are_compared_by_id():
    ending = Ending(
        grant=GRANT.id, how=HowEnded.UNSHARED, by=ANNA, acting_as=EndedAs.OWNER, at=START, version=2
    )
    past = EndedGrant(grant=GRANT, ending=ending)
    other = attrs.evolve(past, ending=attrs.evolve(ending, by=None))
    assert difference({other}, {past}) == (
        "  [GrantId('g')].ending.by: None, expected UserId('anna')"
    )


def test_private_values_are_hidden():
    others = attrs.evolve(MINE, subject="Mr Nowak")
    assert difference(others, MINE) == "  subject: <withheld>, expected <withheld>"
    batch = UploadBatch(id=BatchId("cd"), uploader=ANNA, source="Ms Kowalska", received_at=START)
    again = attrs.evolve(batch, source="Mr Nowak")
    assert difference({"a": batch}, {"a": again}) == "  'a'.source: differs; its value is private"


def test_a_class_with_its_own_repr_is_compared_as_a_whole():
    @attrs.frozen
    class Hides:
        secret: str

        def __repr__(self):
            return "Hides()"

    assert difference(Hides("a"), Hides("b")) == "  got: Hides()\n  expected: Hides()"
    assert difference(UserId("a"), UserId("b")) == "  got: UserId('a')\n  expected: UserId('b')"


def test_at_most_five_differences_are_reported():
    got, expected = (dict.fromkeys(range(9), value) for value in (LATER, GRANT))
    told = difference(got, expected).split("\n")
    assert told[0] == f"  0.until: {UNTIL}"
    assert told[5:] == ["  and 4 more"]
