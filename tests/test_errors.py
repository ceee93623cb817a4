"""Errors: one base, families that say who must act, facts as attributes, a sentence in `str`."""

import copy
import inspect
import re
from pathlib import Path

import attrs
import pytest

import exam_sharing as es
from exam_sharing.policy.decisions import REMEDIES, Denied
from world import BEN, CT, NURSES, START, pickled

REASONS = (
    es.Reason(code=es.ReasonCode.RECIPIENT_NOT_FOUND, principals=(BEN, NURSES)),
    es.Reason(code=es.ReasonCode.EXPIRY_BEYOND_OWN, exams=(CT,), until=START),
    es.Reason(code=es.ReasonCode.TOO_MANY, limit=3, limited="people"),
    es.Reason(code=es.ReasonCode.HAS_RESHARES, grants=(es.GrantId("g"),)),
    es.Reason(code=es.ReasonCode.HOST_RULE, host_code="CLOSED"),
    es.Reason(code=es.ReasonCode.MESSAGE_NOT_ALLOWED, limit=2_000),
)
SENTENCES = {
    es.InvalidArgument("until", "must be an aware datetime: give it a time zone"): (
        "until must be an aware datetime: give it a time zone"
    ),
    es.InvalidInput("request_id", "must not be empty"): "request_id must not be empty",
    es.WrongKind("actor", "UserId", "str"): "actor must be UserId, not str",
    es.AlreadyExists("exam", "ct"): "the id 'ct' is taken; give each exam an id never used before",
    es.BatchSealed("cd"): "upload batch 'cd' is sealed; add later exams to a new batch",
    es.WrongBatch("cd", "exam 'ct' names another batch"): (
        "upload batch 'cd': exam 'ct' names another batch"
    ),
    es.MembershipCycle("nurses"): "group 'nurses' would contain itself through its members",
    es.RequestIdReused("r1"): "request id 'r1' was used for another request; use a new one",
    es.Conflict(5): (
        "other acts kept the same exams busy (attempts: 5); nothing was done, try again"
    ),
    es.StoreFailed("the disk is full"): "the disk is full",
    es.StoreBusy("the file is locked"): "the file is locked",
    es.Unconfirmed("the change is done"): "the change is done",
    es.NotifierFailed("UNREACHABLE"): "the notice was not sent: UNREACHABLE",
    es.NotifierFailed("NO_ADDRESS", permanent=True): "the notice can never be sent: NO_ADDRESS",
    es.Refused(REASONS): "; ".join(map(str, REASONS)),
}
ERRORS = list(SENTENCES)
FAMILIES = (es.Refused, es.Conflict, es.StoreFailed, es.InputError, es.CallerError)
every_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


def public_errors():
    return {
        each
        for each in vars(es).values()
        if inspect.isclass(each) and issubclass(each, BaseException)
    }


def test_every_public_error_is_looked_at_here_and_has_one_base():
    assert all(issubclass(error, es.ExamSharingError) for error in public_errors())
    assert public_errors() == {*map(type, ERRORS), *FAMILIES, es.ExamSharingError, es.InvalidValue}


@every_error
def test_every_error_that_is_raised_is_of_exactly_one_family(error):
    assert len([family for family in FAMILIES if isinstance(error, family)]) == 1


def test_input_errors_are_no_errors_of_the_calling_code():
    of_input = {type(error) for error in ERRORS if isinstance(error, es.InputError)}

    assert of_input == {es.InvalidInput, es.RequestIdReused}


def test_no_invalid_value_is_raised_without_a_family():
    sources = Path(es.__file__).parent.rglob("*.py")

    raising = [
        path.name for path in sources if re.search(r"\bInvalidValue\(", path.read_text("utf-8"))
    ]

    assert raising == ["errors.py"], "raise InvalidInput or InvalidArgument instead"


def test_a_bad_value_is_a_value_error_and_a_wrong_kind_a_type_error():
    assert issubclass(es.InvalidValue, ValueError)
    assert issubclass(es.WrongKind, TypeError)


@every_error
@pytest.mark.parametrize("how", [pickled, copy.copy, copy.deepcopy])
def test_an_error_can_be_copied_and_pickled_with_its_notes(error, how):
    noted = copy.copy(error)
    noted.add_note("while sharing")
    for each in (error, noted):
        again = how(each)

        assert type(again) is type(each)
        assert (str(again), vars(again)) == (str(each), vars(each))


@every_error
def test_an_error_keeps_its_facts_as_attributes(error):
    given = inspect.signature(type(error)).parameters

    assert tuple(getattr(error, name) for name in given) == error.args


@every_error
def test_a_sentence_is_one_line_in_lower_case_without_a_full_stop(error):
    assert str(error) == SENTENCES[error]
    assert "\n" not in str(error)
    assert not str(error).endswith(".")
    assert str(error)[0].islower() or isinstance(error, es.Refused)


def test_a_refusal_prints_every_reason_with_its_parameters():
    assert [str(reason).partition(" (")[2] for reason in REASONS] == [
        "ben, nurses)",
        "ct, until 2030-01-01T12:00:00+00:00 at the latest)",
        "at most 3 people)",
        "g)",
        "CLOSED)",
        "at most 2000 code points)",
    ]
    assert repr(es.Refused(REASONS)) == f"Refused({REASONS!r})"


@pytest.mark.parametrize("problem", ["", "no address", "to ben@example.org", "É", "1ST", "X" * 65])
def test_a_problem_of_a_notifier_is_a_code_so_that_it_can_quote_nobody(problem):
    with pytest.raises(es.InvalidValue) as caught:
        es.NotifierFailed(problem)

    assert str(caught.value) == "problem must be a code of ASCII letters, digits and underscores"


def test_a_problem_of_a_notifier_is_a_text():
    with pytest.raises(es.WrongKind):
        es.NotifierFailed(OSError("to ben@example.org"))


def test_a_denial_has_a_reason():
    with pytest.raises(es.InvalidValue, match="reasons must hold at least one"):
        Denied(reasons=())


@pytest.mark.parametrize("code", es.ReasonCode)
def test_every_remedy_is_in_lower_case_without_a_full_stop(code):
    remedy = REMEDIES[code]

    assert remedy[0].islower()
    assert not remedy.endswith(".")
    assert str(es.Reason(code=code)) == f"{code.value}: {remedy}"


def test_a_reason_is_a_value():
    assert attrs.has(es.Reason)
    assert len({*REASONS, *map(pickled, REASONS)}) == len(REASONS)
