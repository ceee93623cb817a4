"""Arguments of the wrong kind are told by their names, once a method has failed on them."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from exam_sharing import InvalidArgument, UserId, WrongKind
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
        {"at": START.replace(tzinfo=None)},
    ],
    ids=str,
)
def test_the_wrong_argument_is_named(wrong):
    naive = isinstance(wrong.get("at"), datetime)
    with pytest.raises(InvalidArgument if naive else WrongKind) as caught:
        Fails().ask(**wrong)

    assert caught.value.field in wrong


@pytest.mark.parametrize("right", [{}, {"anything": 1, "place": (START, "e"), "keys": ["u:anna"]}])
def test_errors_of_fitting_arguments_are_raised_unchanged(right):
    with pytest.raises(OSError, match=r"^$"):
        Fails().ask(**right)


def test_too_many_arguments_are_a_type_error():
    with pytest.raises(TypeError, match="unexpected keyword"):
        Fails().ask(more=1)
