"""Arguments of the wrong kind are told by their names, once a method has failed on them."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from exam_sharing import InvalidValue, UserId, WrongKind
from exam_sharing.identifiers import PrincipalKey
from exam_sharing.validation import checks_arguments

START = datetime(2030, 1, 1, tzinfo=UTC)


@checks_arguments
class Fails:
    """Fails at whatever it is asked."""

    def ask(
        self,
        anything: object = None,
        place: tuple[datetime, str] | None = None,
        keys: Iterable[PrincipalKey] = (),
        at: datetime = START,
        limit: int = 1,
    ) -> None:
        raise OSError


@pytest.mark.parametrize(
    "wrong",
    [
        {"place": (START,)},
        {"place": ("later", START)},
        {"keys": "u:anna"},
        {"keys": [UserId("anna")]},
        {"at": "now"},
        {"limit": True},
    ],
    ids=str,
)
def test_the_argument_of_the_wrong_kind_is_named(wrong):
    with pytest.raises(WrongKind) as caught:
        Fails().ask(**wrong)

    assert caught.value.field in wrong


def test_a_time_without_a_zone_is_named():
    with pytest.raises(InvalidValue) as caught:
        Fails().ask(at=START.replace(tzinfo=None))

    assert caught.value.field == "at"


@pytest.mark.parametrize("right", [{}, {"anything": 1, "place": (START, "e"), "keys": ["u:anna"]}])
def test_errors_of_fitting_arguments_are_raised_unchanged(right):
    with pytest.raises(OSError, match=r"^$"):
        Fails().ask(**right)


def test_too_many_arguments_are_a_type_error():
    with pytest.raises(TypeError, match="unexpected keyword"):
        Fails().ask(more=1)
