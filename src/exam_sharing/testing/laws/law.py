"""What a law is: a name, a promise in words, and a check that raises when the promise is broken.

A check is a function whose docstring begins with the promise and whose name is the law's. It gets
a trial: what is tried, and what it is said to be capable of.

Nothing here is an `assert`: laws hold under `python -O` too. What is between a test and a law hides
itself from pytest, so that a broken law is told once, with the error of the store behind it.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import attrs
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis.strategies import SearchStrategy

from exam_sharing.testing.laws.differences import difference, shortened
from exam_sharing.testing.opening import StoreNotUsable
from exam_sharing.validation import is_an_instance_of, is_callable, is_whole_from

__all__ = [
    "Law",
    "LawBroken",
    "as_many",
    "how_many_examples",
    "insist",
    "is_capability",
    "laws_of",
    "same",
    "search",
]

ExampleT = TypeVar("ExampleT")
ThingT = TypeVar("ThingT")
TrialT = TypeVar("TrialT")

_SMALLER_TRIED: Final = 200
"""So many smaller examples are tried, once one has failed, before the smallest is told."""


@attrs.frozen(kw_only=True)
class Law:
    """One promise that can be checked.

    Attributes:
        name: short, the same in every run; to choose laws by, and to name tests after.
        promise: what is promised, in words.
        check: takes nothing, and raises `LawBroken` when the promise is not kept.
    """

    name: str
    promise: str
    check: Callable[[], None] = attrs.field(repr=False)


class LawBroken(AssertionError):
    """A promise was not kept.

    Args:
        law: the name of the law.
        promise: what was promised.
        problem: what came instead.
        examples: how many examples were tried until then, where the law looks for examples.
    """

    def __init__(self, law: str, promise: str, problem: str, examples: int | None = None) -> None:
        super().__init__(law, promise, problem, examples)
        self.law = law
        self.promise = promise
        self.problem = problem
        self.examples = examples

    def __str__(self) -> str:
        """Say what was promised, and what came."""
        return f"{self.law}: {self.promise}\n{self.problem}"


class _NotKept(AssertionError):
    """What one comparison found; the law around it knows its name and its promise."""

    def __init__(self, problem: str, examples: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.examples = examples


def laws_of(trial: TrialT, checks: Iterable[Callable[[TrialT], None]]) -> tuple[Law, ...]:
    """Return the laws that these checks make, for one trial."""
    return tuple(_law(check, trial) for check in checks)


def _law(check: Callable[[TrialT], None], trial: TrialT) -> Law:
    name = check.__name__.replace("_", "-")
    said = inspect.getdoc(check) or name  # Optimised code has no docstrings.
    promise = " ".join(said.partition("\n\n")[0].split())
    return Law(name=name, promise=promise, check=partial(_check, name, promise, check, trial))


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
    said = shortened(str(error))
    named = type(error).__name__ + (f": {said}" if said else "")
    return named if error.__cause__ is None else f"{named}\n  from {_named(error.__cause__)}"


def insist(holds: object, problem: str, cause: Exception | None = None) -> None:
    """Break the law unless something holds.

    Args:
        holds: whatever is true or not.
        problem: what came instead.
        cause: what the store raised, if that is the problem.
    """
    __tracebackhide__ = True
    if not holds:
        raise _NotKept(problem) from cause


def as_many(number: int, what: str, came: Sequence[ThingT]) -> Sequence[ThingT]:
    """Return what came; break the law unless it is so many.

    Args:
        number: how many there must be.
        what: what they are and what they were, as `notices were due`.
        came: the answer.
    """
    insist(
        len(came) == number,
        f"{len(came)} {what}, where {number} {'was' if number == 1 else 'were'}",
    )
    return came


def same(what: str, came: object, expected: object) -> None:
    """Break the law unless what came is what was expected, of the same type where it matters.

    Args:
        what: what was asked for, in words.
        came: the answer.
        expected: what the answer must be equal to.
    """
    __tracebackhide__ = True
    if came == expected and isinstance(came, bool) == isinstance(expected, bool):
        return
    raise _NotKept(f"{what}:\n{difference(came, expected)}")


def is_capability(instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Accept what can be called, and `None` where what is tried is not capable of it."""
    if value is not None:
        is_callable(instance, attribute, value)


def how_many_examples() -> Any:  # noqa: ANN401  as attrs has it
    """Return the field of a trial that says how many examples its laws look at."""
    return attrs.field(validator=[is_an_instance_of(int), is_whole_from(1)])


def search(
    strategy: SearchStrategy[ExampleT],
    examples: int,
    check: Callable[[ExampleT], None],
    told: Callable[[ExampleT], Iterable[str]],
) -> None:
    """Break the law when the check fails for an example; the smallest that is found is told.

    The same examples are tried each time, so that a change is judged by itself alone; more examples
    reach further.

    Args:
        strategy: where examples come from.
        examples: how many to try.
        check: raises when its example shows the promise broken.
        told: says in sentences what an example is.
    """
    __tracebackhide__ = True
    tried = 0
    failed: list[ExampleT] = []
    failed_first = 0

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

    try:
        run()
    except StoreNotUsable:
        raise
    except _NotKept as found:
        problem = _with_story(found.problem, failed, told)
        raise _NotKept(problem, failed_first) from found.__cause__
    except Exception as error:
        raise _NotKept(_with_story(_raised(error), failed, told), failed_first) from error


def _with_story(
    problem: str, failed: Sequence[ExampleT], told: Callable[[ExampleT], Iterable[str]]
) -> str:
    """Return a problem with the example at which it was found last."""
    story = [f"  {sentence}" for example in failed[-1:] for sentence in told(example)]
    return "\n".join([problem, "It is so when:", *story])
