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

FOUND = "exams-are-read-back-unchanged"
RANDOM = "checks-and-lists-agree-after-random-acts"


def law_named(name, open_store, **said):
    return next(law for law in store_laws(open_store, **said) if law.name == name)


def broken(name, open_store, *, match=None, error=LawBroken, **said):
    """Return what pytest keeps of the error of a broken law."""
    with pytest.raises(error, match=match) as raised:
        law_named(name, open_store, **said).check()
    return raised


def raising_on(method, make, *, caught=()):
    """Return a store that raises an error in a method, before or instead of another one."""

    def raises(self, *asked):
        try:
            getattr(MemoryStore, method)(self, *asked)
        except caught as error:
            raise make() from error
        if not caught:
            raise make()

    return type("Raises", (MemoryStore,), {method: raises})


class ForgetsUploads(MemoryStore):
    def find(self, exams):
        return ()


class HidesDownloads(MemoryStore):
    def holds(self, user, principals, permission, exam, now):
        held = super().holds(user, principals, permission, exam, now)
        return held and permission == 1


class Unreadable(MemoryStore):
    def find(self, exams):
        raise StoreFailed("it raised OperationalError") from OSError("no such column")


def test_a_broken_law_reports_its_promise_and_the_difference():
    law = law_named(FOUND, ForgetsUploads)
    error = broken(FOUND, ForgetsUploads).value
    assert (error.law, error.promise) == (law.name, law.promise)
    assert error.examples is None
    assert str(error).startswith(f"{law.name}: {law.promise}\n")
    assert "missing: [Exam(" in error.problem
    again = pickled(error)
    assert (str(again), again.problem) == (str(error), error.problem)


@pytest.mark.parametrize(
    ("name", "open_store", "problem", "cause"),
    [
        (
            FOUND,
            raising_on("find", lambda: LookupError("it is gone")),
            "raised LookupError: it is gone",
            LookupError,
        ),
        (
            FOUND,
            Unreadable,
            "raised StoreFailed: it raised OperationalError\n  from OSError: no such column",
            StoreFailed,
        ),
        (
            "a-sealed-batch-takes-no-more-exams",
            raising_on("add", lambda: StoreFailed("the disk is full"), caught=BatchSealed),
            "raised StoreFailed, not BatchSealed",
            StoreFailed,
        ),
        (
            RANDOM,
            raising_on("commit", lambda: LookupError("no")),
            "raised LookupError: no\nThis happens when:",
            LookupError,
        ),
    ],
)
def test_an_error_of_the_store_is_the_cause_of_a_broken_law(name, open_store, problem, cause):
    error = broken(name, open_store).value
    assert error.problem.startswith(problem)
    assert isinstance(error.__cause__, cause)
    assert not getattr(error.__cause__, "__notes__", ())


def open_badly():
    raise OSError


@pytest.mark.parametrize(
    ("name", "open_store", "error", "cause"),
    [
        (FOUND, ForgetsUploads, LawBroken, None),
        (RANDOM, HidesDownloads, LawBroken, None),
        (FOUND, open_badly, StoreNotUsable, OSError),
    ],
)
def test_a_traceback_hides_the_kit(name, open_store, error, cause):
    raised = broken(name, open_store, error=error)
    shown = [entry.name for entry in raised.traceback.filter(raised)]
    assert shown == ["broken"]
    assert raised.value.__suppress_context__
    assert type(raised.value.__cause__) is (cause or type(None))


def test_a_law_with_examples_reports_a_small_one():
    error = broken(RANDOM, HidesDownloads).value
    assert error.examples >= 1
    story = error.problem.partition("This happens when:\n")[2].splitlines()
    assert story[0] == "  Exam w arrives, uploaded on 01 January and owned by a."
    assert 5 <= len(story) <= 7
    assert "_History" not in error.problem
    assert "Explanation" not in error.problem
    assert "checks for DOWNLOAD" in error.problem
    assert str(broken(RANDOM, HidesDownloads).value) == str(error)


def test_a_long_search_for_a_smaller_example_is_logged_once(monkeypatch, caplog):
    broken(RANDOM, HidesDownloads)
    assert not caplog.records
    monkeypatch.setattr("exam_sharing.testing.progress._SHORT", 0)
    found = broken(RANDOM, HidesDownloads).value.examples
    (record,) = caplog.records
    assert record.getMessage() == (
        f"example {found} breaks the rules; now looking for the smallest one"
    )


def open_nothing():
    return object()


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
        (lambda: directory_laws(dict, nested=None), "nested must be bool, not NoneType"),
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
    law = "a-commit-that-fails-at-any-step-writes-nothing"
    broken(law, MemoryStore, match="no step failed", fail_at=lambda *_: nullcontext())


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
