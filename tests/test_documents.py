"""Values as plain data, for the command and for decision cases."""

import pytest

from exam_sharing import GroupId, Permission, UserId
from exam_sharing.documents import plain, with_kind
from exam_sharing.validation import PrivateText
from world import ANNA, CT, NURSES, START


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (ANNA, "anna"),
        (Permission.VIEW, "VIEW"),
        (START, "2030-01-01T12:00:00+00:00"),
        ((1, "text"), [1, "text"]),
        (frozenset({NURSES, ANNA}), ["anna", "nurses"]),
        ({Permission.VIEW: 1}, {"VIEW": 1}),
        ({UserId("x"): 1, GroupId("x"): 2, CT: 3}, {"u:x": 1, "g:x": 2, "ct": 3}),
    ],
    ids=repr,
)
def test_a_value_is_written_as_plain_data(value, written):
    assert plain(value, {}) == written


def test_a_writer_gives_the_form_of_a_type():
    assert plain([ANNA, NURSES], {UserId: with_kind, GroupId: with_kind}) == [
        "user:anna",
        "group:nurses",
    ]


@pytest.mark.parametrize("value", [PrivateText("MRN 048213"), object()], ids=type)
def test_what_has_no_form_is_an_error_without_the_value(value):
    with pytest.raises(TypeError) as caught:
        plain(value, {})

    assert "048213" not in str(caught.value)
