"""Doing each step by the package and by the model, and comparing what comes of it."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from exam_sharing.errors import RequestIdReused
from exam_sharing.policy.decisions import Refused
from exam_sharing.policy.plans import ShareReceipt, UnshareReceipt
from exam_sharing.policy.requests import Asked, Request
from exam_sharing.testing import model
from exam_sharing.testing.machine import answers
from exam_sharing.testing.machine.comparing import Comparison, Disagreement
from exam_sharing.testing.machine.hospital import Hospital
from exam_sharing.testing.machine.recording import (
    NOTHING_RECORDED,
    Record,
    record,
    record_in_model,
)
from exam_sharing.testing.machine.story import RulesBroken
from exam_sharing.testing.machine.words import clock_time, differing
from exam_sharing.testing.performing import perform

__all__ = ["BothSides", "outcome"]


class BothSides:
    """One hospital, in which every step is compared; a disagreement is told as a story.

    Attributes:
        hospital: where it happens.
        comparison: what everybody was answered last.
        steps: how many steps were made by now, in all hospitals of this process.
    """

    steps: ClassVar[int] = 0

    def __init__(self, hospital: Hospital, comparison: Comparison) -> None:
        """Begin with nothing done."""
        self.hospital = hospital
        self.comparison = comparison

    def ask_for(self, request: Request) -> bool:
        """Preview and do what somebody asks for, and compare everything.

        Returns:
            False where the id of the request was another one's, so that nothing was done.

        Raises:
            RulesBroken: the package does something else than the model.
        """
        hospital = self.hospital
        in_model = hospital.as_in_model(request)
        hospital.tell(f"{hospital.words.request(in_model)}.")
        self._told(lambda: self.comparison.preview(request, in_model))
        answered = hospital.was_answered(request)
        came = outcome(lambda: perform(hospital.sharing, request))
        try:
            expected = model.perform(hospital.world, in_model, hospital.now)
        except model.RequestIdReused:
            refused = partial(_is_reused, came)
            self.same("Is the id of another request refused?", expected=True, ask=refused)
            self.compare()
            return False
        if answered:
            self.compare(came, expected)
        else:
            self.compare_act(request, came, expected)
        return True

    def compare_act(
        self, asked: Asked, came: object, expected: model.Receipt | model.Refused
    ) -> None:
        """Compare the answer to an act that was decided, everything, and the record of it.

        Args:
            asked: what was asked for.
            came: what the package answered, or raised.
            expected: what the model answered.

        Raises:
            RulesBroken: there is a disagreement.
        """
        world, now = self.hospital.world, self.hospital.now
        self.compare(came, expected, record_in_model(world, asked, expected, now))

    def compare(
        self,
        came: object = None,
        expected: model.Receipt | model.Refused | None = None,
        recorded: Record = NOTHING_RECORDED,
    ) -> None:
        """Compare the answer to a step, if it has one, and then everything.

        Args:
            came: what the package answered, or raised.
            expected: what the model answered.
            recorded: what has to be recorded of the step.

        Raises:
            RulesBroken: there is a disagreement.
        """
        BothSides.steps += 1
        told = self.hospital.recorder.take()

        def compared() -> None:
            changes = self.comparison.what_changed()
            if expected is not None:
                answer = partial(self._answer, came)
                self.comparison.same("What is the answer to that?", _in_model(expected), answer)
            self.comparison.everything(changes)
            kept = partial(record, told, self.hospital.kept)
            self.comparison.same("What is recorded of that?", recorded, kept)
            self.comparison.in_turn(changes)

        self._told(compared)

    def same(self, question: str, expected: object, ask: Callable[[], object]) -> None:
        """Ask the package, and insist on the answer of the model.

        Raises:
            RulesBroken: another one came, or an error.
        """
        self._told(lambda: self.comparison.same(question, expected, ask))

    def _answer(self, came: object) -> object:
        if isinstance(came, Exception):
            raise came
        if isinstance(came, ShareReceipt):
            return answers.shared(came)
        assert isinstance(came, UnshareReceipt)
        return answers.ended(came, self.hospital.kept.shown)

    def _told(self, compare: Callable[[], None]) -> None:
        """Turn a disagreement into the story that led to it."""
        try:
            compare()
        except Disagreement as found:
            words = self.hospital.words
            expected, came = differing(found.expected, found.came)
            raise RulesBroken(
                tuple(self.hospital.story),
                f"{clock_time(self.hospital.now)}  {found.question}",
                words.value(expected),
                words.value(came),
            ) from found.__cause__


def outcome(act: Callable[[], object]) -> object:
    """Return what an act answers, or whatever it raises."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001  it is an answer, and compared
        return error


def _in_model(expected: model.Receipt | model.Refused) -> object:
    match expected:
        case model.Refused():
            return answers.refusal_in_model(expected)
        case model.Shared():
            return answers.shared_in_model(expected)
        case model.Ended():
            return answers.ended_in_model(expected)


def _is_reused(came: object) -> bool:
    """Say whether a request id was refused as used before; raise any other error."""
    if isinstance(came, Exception) and not isinstance(came, RequestIdReused | Refused):
        raise came
    return isinstance(came, RequestIdReused)
