"""What a broken law reports, and which errors are not broken laws."""

from contextlib import nullcontext

import pytest

from exam_sharing import BatchSealed, CallerError, HostRule, StoreFailed
from exam_sharing.memory import MemoryNotifier, MemoryStore
from exam_sharing.testing import StoreNotUsable
from exam_sharing.testing.laws import (
    LawBroken,
    directory_laws,
    host_rule_laws,
    notifier_laws,
    store_laws,
)
from world import pickled


def law_named(name, open_store, **said):
    return next(law for law in store_laws(open_store, **said) if law.name == name)


class ForgetsUploads(MemoryStore):
    def find(self, exams):
        return ()


class Raises(MemoryStore):
    def find(self, exams):
        raise LookupError("it is gone")


class HidesDownloads(MemoryStore):
    def holds(self, user, principals, permission, exam, now):
        held = super().holds(user, principals, permission, exam, now)
        return held and permission == 1


def test_a_broken_law_reports_its_promise_and_the_difference():
    law = law_named("exams-are-read-back-unchanged", ForgetsUploads)
    with pytest.raises(LawBroken) as raised:
        law.check()
    error = raised.value
    assert (error.law, error.promise) == (law.name, law.promise)
    assert error.examples is None
    assert str(error).startswith(f"{law.name}: {law.promise}\n")
    assert "missing: [Exam(" in error.problem
    again = pickled(error)
    assert (str(again), again.problem) == (str(error), error.problem)


def test_an_error_of_the_store_is_the_cause_of_a_broken_law():
    with pytest.raises(LawBroken, match="raised LookupError: it is gone") as raised:
        law_named("exams-are-read-back-unchanged", Raises).check()
    assert isinstance(raised.value.__cause__, LookupError)


def shown_of(raised):
    """Return the names of the functions that pytest shows of an error."""
    return [entry.name for entry in raised.traceback.filter(raised)]


@pytest.mark.parametrize(
    ("store", "name"),
    [
        (ForgetsUploads, "exams-are-read-back-unchanged"),
        (HidesDownloads, "checks-and-lists-agree-after-random-acts"),
    ],
)
def test_a_traceback_hides_the_kit(store, name):
    with pytest.raises(LawBroken) as raised:
        law_named(name, store).check()
    assert shown_of(raised) == ["test_a_traceback_hides_the_kit"]
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_an_unexpected_error_stays_the_cause():
    class RaisesAnother(MemoryStore):
        def add(self, batch, exams):
            try:
                super().add(batch, exams)
            except BatchSealed as error:
                raise StoreFailed("the disk is full") from error

    with pytest.raises(LawBroken, match="raised StoreFailed, not BatchSealed") as raised:
        law_named("a-sealed-batch-takes-no-more-exams", RaisesAnother).check()
    assert isinstance(raised.value.__cause__, StoreFailed)


def test_an_error_stays_the_cause_in_a_law_with_examples():
    class Refuses(MemoryStore):
        def commit(self, changes):
            raise LookupError("no")

    with pytest.raises(LawBroken, match="raised LookupError: no") as raised:
        law_named("checks-and-lists-agree-after-random-acts", Refuses).check()
    assert isinstance(raised.value.__cause__, LookupError)


def test_a_traceback_of_a_store_that_cannot_be_opened_hides_the_kit():
    with pytest.raises(StoreNotUsable) as raised:
        law_named("exams-are-read-back-unchanged", open_badly).check()
    assert shown_of(raised) == ["test_a_traceback_of_a_store_that_cannot_be_opened_hides_the_kit"]
    assert isinstance(raised.value.__cause__, OSError)


def test_the_cause_of_an_error_is_reported():
    class Unreadable(MemoryStore):
        def find(self, exams):
            raise StoreFailed("the database raised OperationalError") from OSError("no such column")

    with pytest.raises(LawBroken) as raised:
        law_named("exams-are-read-back-unchanged", Unreadable).check()
    assert raised.value.problem == (
        "raised StoreFailed: the database raised OperationalError\n  from OSError: no such column"
    )


def test_a_law_with_examples_reports_a_small_one():
    law = law_named("checks-and-lists-agree-after-random-acts", HidesDownloads)
    with pytest.raises(LawBroken) as raised:
        law.check()
    assert raised.value.examples >= 1
    story = raised.value.problem.partition("This happens when:\n")[2].splitlines()
    assert story[0] == "  Exam w arrives, uploaded on 01 January and owned by a."
    assert 5 <= len(story) <= 7
    assert "_History" not in raised.value.problem
    assert "Explanation" not in raised.value.problem
    assert "checks for DOWNLOAD" in raised.value.problem
    with pytest.raises(LawBroken) as again:
        law.check()
    assert str(again.value) == str(raised.value)


def open_nothing():
    return object()


def open_badly():
    raise OSError


SAME = MemoryStore()


@pytest.mark.parametrize("open_store", [open_nothing, open_badly, lambda: SAME])
def test_a_store_that_cannot_be_tested_breaks_no_law(open_store):
    for law in store_laws(open_store):
        with pytest.raises(StoreNotUsable):
            law.check()


A_RULE = HostRule(code="MINE", statement="Never.", refuses=lambda *_: False)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: store_laws(5), "open_store must be callable, not int"),
        (lambda: store_laws(MemoryStore, threads="no"), "threads must be bool, not str"),
        *(
            (lambda what=what: store_laws(MemoryStore, **{what: 5}), f"{what} must be callable")
            for what in ("upload", "transfer", "events", "share_record", "fail_at", "keeps_text")
        ),
        (lambda: store_laws(MemoryStore, examples="9"), "examples must be int, not str"),
        (lambda: directory_laws(None), "open_directory must be callable"),
        (lambda: directory_laws(dict, visibility=None), "visibility must be bool, not NoneType"),
        (lambda: directory_laws(dict, change=True), "change must be callable"),
        (lambda: notifier_laws(None), "open_notifier must be callable"),
        (lambda: notifier_laws(MemoryNotifier, received=()), "received must be callable"),
        (lambda: notifier_laws(MemoryNotifier, open_broken=5), "open_broken must be callable"),
        (lambda: host_rule_laws(len), "rule must be HostRule, not builtin_function_or_method"),
        (lambda: host_rule_laws(A_RULE, host_facts={}), "host_facts must be HostFacts, not dict"),
    ],
)
def test_wrong_arguments_are_refused(make, said):
    with pytest.raises(CallerError) as raised:
        make()
    assert str(raised.value) == said


def test_a_store_that_never_fails_at_a_step_is_reported():
    law = law_named(
        "a-commit-that-fails-at-any-step-writes-nothing",
        MemoryStore,
        fail_at=lambda *_: nullcontext(),
    )
    with pytest.raises(LawBroken, match="no step failed"):
        law.check()


def answers_nothing(request, facts, mine):
    return None


def raises(request, facts, mine):
    return 1 / len(facts.people.seen - set(request.recipients)) > 1


class Moody:
    def __init__(self):
        self.asked = 0

    def __call__(self, request, facts, mine):
        self.asked += 1
        return self.asked % 2 == 0


def counts_unseen_exams(request, facts, mine):
    return len(facts.exams) > 3


@pytest.mark.parametrize(
    ("refuses", "law"),
    [
        (answers_nothing, "a-rule-answers-true-or-false"),
        (raises, "a-rule-answers-true-or-false"),
        (Moody(), "a-rule-answers-the-same-each-time"),
        (counts_unseen_exams, "a-rule-discloses-no-unseen-exams"),
    ],
)
def test_a_broken_rule_is_found(refuses, law):
    rule = HostRule(code="MINE", statement="Refused for a reason.", refuses=refuses)
    with pytest.raises(LawBroken):
        next(each for each in host_rule_laws(rule) if each.name == law).check()
