"""What a law is: a name, a promise in words, and a check that raises when the promise is broken.

A law is written as a function. Its name is the name of the law, and the first paragraph of its
docstring is the promise. A marker registers it: `@law`, or `@law.needing("transfer")`.

No check uses `assert`, so that laws also hold under `python -O`. Functions between a test and a law
hide from pytest, so that the report of a broken law is short.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial, wraps
from typing import Any, Final, Generic, TypeAlias, TypeVar

import attrs
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis.strategies import SearchStrategy

from exam_sharing.testing.laws.differences import difference, shortened
from exam_sharing.testing.opening import StoreNotUsable
from exam_sharing.validation import is_callable

CapabilityT = TypeVar("CapabilityT")
ExampleT = TypeVar("ExampleT")
ItemT = TypeVar("ItemT")
OpenedT = TypeVar("OpenedT")
PlaceT = TypeVar("PlaceT")
SubjectT = TypeVar("SubjectT")
TrialT = TypeVar("TrialT")

Marker: TypeAlias = Callable[[Callable[[OpenedT], None]], Callable[[OpenedT], None]]
"""A decorator that registers a check and returns it unchanged."""

_SMALLER_TRIED: Final = 200
"""How many smaller examples are tried after the first failure."""


@attrs.frozen(kw_only=True)
class Law:
    """One promise that can be checked.

    Attributes:
        name: a short name that never changes between runs; use it to select laws and to name tests.
        promise: what the port promises, in words.
        check: takes no argument, and raises `LawBroken` when the promise is broken.
    """

    name: str
    promise: str
    check: Callable[[], None] = attrs.field(repr=False)


@attrs.define(slots=False, repr=False)
class LawBroken(AssertionError):
    """A promise was broken.

    Attributes:
        law: the name of the law.
        promise: what was promised.
        problem: what happened instead.
        examples: how many examples were tried, if the law tries examples.
    """

    law: str
    promise: str
    problem: str
    examples: int | None = None

    def __str__(self) -> str:
        """Return the name, the promise and the problem."""
        return f"{self.law}: {self.promise}\n{self.problem}"


@attrs.define(slots=False)
class _NotKept(AssertionError):
    """A problem that one comparison found; the law around it adds its name and its promise."""

    problem: str
    examples: int | None = None


class Laws(Generic[TrialT, SubjectT]):
    """The laws of one port, in their order; most check what `open_subject` opens for a trial."""

    def __init__(self, open_subject: Callable[[TrialT], AbstractContextManager[SubjectT]]) -> None:
        self._open_subject = open_subject
        self._checks: list[tuple[Callable[[TrialT], None], tuple[str, ...]]] = []

    def __call__(self, check: Callable[[SubjectT], None]) -> Callable[[SubjectT], None]:
        """Mark a check as a law."""
        return self.needing()(check)

    def needing(self, *capabilities: str) -> Marker[SubjectT]:
        """Mark a check as a law of trials with these capabilities, which are fields of a trial."""
        return self.opening(self._open_subject, *capabilities)

    def of_trial(self, *capabilities: str) -> Marker[TrialT]:
        """Mark a check that opens its subjects itself as a law."""
        return self.opening(nullcontext, *capabilities)

    def opening(
        self, open_subject: Callable[[TrialT], AbstractContextManager[OpenedT]], *capabilities: str
    ) -> Marker[OpenedT]:
        """Mark a check of another subject as a law."""

        def mark(check: Callable[[OpenedT], None]) -> Callable[[OpenedT], None]:
            @wraps(check)
            def of_trial(trial: TrialT) -> None:
                __tracebackhide__ = True
                with open_subject(trial) as subject:
                    check(subject)

            self._checks.append((of_trial, capabilities))
            return check

        return mark

    def of(self, trial: TrialT) -> Iterator[Law]:
        """Yield the laws whose capabilities the trial declares."""
        for check, capabilities in self._checks:
            declared = [getattr(trial, each) for each in capabilities]
            if not any(each is None or each is False for each in declared):
                name = check.__name__.replace("_", "-")
                text = inspect.getdoc(check) or name  # Optimised code has no docstrings.
                promise = " ".join(text.partition("\n\n")[0].split())
                checked = partial(_check, name, promise, check, trial)
                yield Law(name=name, promise=promise, check=checked)


def _check(name: str, promise: str, check: Callable[[TrialT], None], trial: TrialT) -> None:
    __tracebackhide__ = True
    try:
        check(trial)
    except StoreNotUsable as error:
        raise error.with_traceback(None) from error.__cause__
    except _NotKept as found:
        raise LawBroken(name, promise, found.problem, found.examples) from found.__cause__
    except Exception as error:
        raise LawBroken(name, promise, _raised(error)) from error


def _raised(error: BaseException) -> str:
    return f"raised {_named(error)}"


def _named(error: BaseException) -> str:
    text = shortened(str(error))
    named = type(error).__name__ + (f": {text}" if text else "")
    return named if error.__cause__ is None else f"{named}\n  from {_named(error.__cause__)}"


def insist(holds: object, problem: str) -> None:
    """Break the law with a problem unless something holds."""
    __tracebackhide__ = True
    if not holds:
        raise _NotKept(problem)


def raises(error: type[Exception], act: Callable[[], object]) -> None:
    """Break the law unless an act raises an error of this type."""
    __tracebackhide__ = True
    name = error.__name__
    try:
        answer = act()
    except error:
        return
    except Exception as other:
        raise _NotKept(f"raised {type(other).__name__}, not {name}") from other
    raise _NotKept(f"{name} was not raised; the answer was {answer!r}")


def same(what: str, found: object, expected: object) -> None:
    """Break the law unless an answer is the expected one; a `bool` never equals a number."""
    __tracebackhide__ = True
    if found == expected and isinstance(found, bool) == isinstance(expected, bool):
        return
    raise _NotKept(f"{what}:\n{difference(found, expected)}")


def same_members(what: str, found: Iterable[object], expected: Iterable[object]) -> None:
    """Break the law unless an answer has the expected members, each once, in any order."""
    __tracebackhide__ = True
    found, expected = tuple(found), frozenset(expected)
    same(what, frozenset(found), expected)
    same(f"the number of {what}", len(found), len(expected))


def in_pages(
    what: str,
    limit: int,
    read: Callable[[PlaceT | None], Sequence[ItemT]],
    place_of: Callable[[ItemT], PlaceT],
) -> list[ItemT]:
    """Return a whole list of items that `what` names, read in pages until one is empty."""
    listed: list[ItemT] = []
    places: list[PlaceT] = []
    while page := read(places[-1] if places else None):
        insist(len(page) <= limit, f"a page of at most {limit} held {len(page)} items")
        new = [place_of(each) for each in page]
        twice = f"{what} was listed twice, in pages of {limit}: {new!r} after {len(places)} others"
        insist(len({*places, *new}) == len(places) + len(new), twice)
        listed += page
        places += new
    return listed


def needed(declared: CapabilityT | None) -> CapabilityT:
    """Return a capability of a trial, without which the law is left out."""
    if declared is None:
        raise LookupError("mark the law with the capability that it needs")
    return declared


def capability() -> Any:  # noqa: ANN401  as attrs has it
    """Return the field of a trial for a callable that may be missing."""
    return attrs.field(default=None, validator=attrs.validators.optional(is_callable))


def search(
    strategy: SearchStrategy[ExampleT],
    examples: int,
    check: Callable[[ExampleT], None],
    story: Callable[[ExampleT], Iterable[str]],
) -> None:
    """Break the law when the check fails for an example; report the story of the smallest one.

    Every run tries the same examples, so that only a change of the code changes the result.
    """
    __tracebackhide__ = True
    tried = failed_first = 0
    failed: list[ExampleT] = []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        print_blob=False,
        phases=[phase for phase in Phase if phase is not Phase.explain],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(example: ExampleT) -> None:
        __tracebackhide__ = True
        nonlocal tried, failed_first
        tried += 1
        if failed and tried > failed_first + _SMALLER_TRIED and example not in failed:
            reject()
        try:
            check(example)
        except Exception:
            failed_first = failed_first or tried
            failed.append(example)
            raise

    def with_story(problem: str) -> _NotKept:
        sentences = [f"  {each}" for example in failed[-1:] for each in story(example)]
        return _NotKept("\n".join([problem, "This happens when:", *sentences]), failed_first)

    try:
        run()
    except StoreNotUsable:
        raise
    except _NotKept as found:
        raise with_story(found.problem) from found.__cause__
    except Exception as error:
        raise with_story(_raised(error)) from error
