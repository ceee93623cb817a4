"""Comparing the answer to an act."""

from collections.abc import Callable

from exam_sharing.errors import RequestIdReused
from exam_sharing.policy.decisions import Refused
from exam_sharing.policy.plans import ShareReceipt, UnshareReceipt
from exam_sharing.testing import model
from exam_sharing.testing.machine import answers
from exam_sharing.testing.machine.comparing import Comparison

__all__ = ["compare_receipt", "is_reused", "outcome"]


def compare_receipt(
    comparison: Comparison, came: object, expected: model.Receipt | model.Refused
) -> None:
    """Compare what an act answered.

    Args:
        comparison: in which hospital.
        came: what the package answered, or raised.
        expected: what the model answered.

    Raises:
        Disagreement: the model answers something else.
    """

    def told() -> object:
        if isinstance(came, Exception):
            raise came
        if isinstance(came, ShareReceipt):
            return answers.shared(came)
        assert isinstance(came, UnshareReceipt)
        return answers.ended(came, comparison.hospital.kept.number)

    comparison.same("What is the answer to that?", _in_model(expected), told)


def _in_model(expected: model.Receipt | model.Refused) -> object:
    match expected:
        case model.Refused():
            return answers.refusal_in_model(expected)
        case model.Shared():
            return answers.shared_in_model(expected)
        case model.Ended():
            return answers.ended_in_model(expected)


def outcome(act: Callable[[], object]) -> object:
    """Return what an act answers, or whatever it raises."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001  it is an answer, and compared
        return error


def is_reused(came: object) -> bool:
    """Say whether a request id was refused as used before; raise any other error."""
    if isinstance(came, Exception) and not isinstance(came, RequestIdReused | Refused):
        raise came
    return isinstance(came, RequestIdReused)
