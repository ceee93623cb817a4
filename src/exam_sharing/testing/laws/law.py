"""What a law is: a name, a promise in words, and a check that raises when the promise is broken.

A law is written as a function. Its name is the name of the law, and the first paragraph of its
docstring is the promise. A marker registers it: `@law`, or `@law.needing("transfer")`.

No check uses `assert`, so that laws also hold under `python -O`. Functions between a test and a law
hide from pytest, so that the report of a broken law is short.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial, wraps
from typing import Any, Final, Generic, TypeAlias, TypeVar

import attrs
from hypothesis import HealthCheck, Phase, Verbosity, given, reject, settings
from hypothesis.strategies import SearchStrategy

from exam_sharing.testing.opening import StoreNotUsable
from exam_sharing.testing.progress import Search
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

_LONGEST_SHOWN: Final = 1_000
_MOST_SHOWN: Final = 5
_IN_A_LINE: Final = 80
"""Shorter sequences are shown whole, so that a reader sees their order."""

_TIME: Final = re.compile(r"datetime\.datetime\((\d+(?:, \d+){2,6})(, tzinfo=[\w.]+\.utc)?\)")

_Lines: TypeAlias = Iterator[tuple[str, str]]
"""The path of each difference, and the difference."""


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
        return f"{self.law}: {self.promise}\n{self.problem}"


@attrs.define(slots=False)
class _NotKept(AssertionError):
    """A problem that one comparison found; the law around it adds its name and its promise."""

    problem: str
    examples: int | None = None


class Laws(Generic[TrialT, SubjectT]):
    """The laws of one port, in their order; most check what `open_subject` opens for a trial.

    After a failure, `require_answers` raises `StoreNotUsable` if the trial can no longer be used.
    """

    def __init__(
        self,
        open_subject: Callable[[TrialT], AbstractContextManager[SubjectT]],
        require_answers: Callable[[TrialT], None] = lambda _: None,
    ) -> None:
        self._open_subject = open_subject
        self._require_answers = require_answers
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

    def of_examples(
        self,
        strategy: SearchStrategy[ExampleT],
        story: Callable[[ExampleT], Iterable[str]],
        *capabilities: str,
    ) -> Callable[[Callable[[SubjectT, ExampleT], None]], object]:
        """Mark a check as a law of `examples` random ones, each with a subject of its own."""

        def mark(check: Callable[[SubjectT, ExampleT], None]) -> object:
            @wraps(check)
            def of_trial(trial: Any) -> None:  # noqa: ANN401  a trial with `examples`
                __tracebackhide__ = True

                def try_one(example: ExampleT) -> None:
                    __tracebackhide__ = True
                    with self._open_subject(trial) as subject:
                        check(subject, example)

                with self._open_subject(trial):
                    pass  # What cannot be opened is no matter of examples.
                search(strategy, trial.examples, try_one, story)

            return self.of_trial(*capabilities)(of_trial)

        return mark

    def of(self, trial: TrialT) -> Iterator[Law]:
        """Yield the laws whose capabilities the trial declares."""
        for check, capabilities in self._checks:
            declared = [getattr(trial, each) for each in capabilities]
            if not any(each is None or each is False for each in declared):
                name = _name_of(check)
                text = inspect.getdoc(check) or name  # Optimised code has no docstrings.
                promise = " ".join(text.partition("\n\n")[0].split())
                checked = partial(self._check, name, promise, check, trial)
                yield Law(name=name, promise=promise, check=checked)

    def needs(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the name of each law and the capabilities that it needs."""
        for check, capabilities in self._checks:
            yield _name_of(check), capabilities

    def _check(
        self, name: str, promise: str, check: Callable[[TrialT], None], trial: TrialT
    ) -> None:
        __tracebackhide__ = True
        try:
            self._unless_down(check, trial)
        except StoreNotUsable as error:
            raise error.with_traceback(None) from error.__cause__
        except _NotKept as found:
            raise LawBroken(name, promise, found.problem, found.examples) from found.__cause__
        except Exception as error:
            raise LawBroken(name, promise, f"raised {_named(error)}") from error

    def _unless_down(self, check: Callable[[TrialT], None], trial: TrialT) -> None:
        __tracebackhide__ = True
        try:
            check(trial)
        except StoreNotUsable:
            raise
        except Exception:
            self._require_answers(trial)
            raise


def _name_of(check: Callable[..., None]) -> str:
    return check.__name__.replace("_", "-")


def _named(error: BaseException) -> str:
    text = _shortened(str(error))
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
    read: Callable[[PlaceT | None, int], Sequence[ItemT]],
    place_of: Callable[[ItemT], PlaceT],
) -> list[ItemT]:
    """Return a whole list of items that `what` names, read in pages until one is empty.

    `read` takes the place behind which a page begins, and the limit.
    """
    listed: list[ItemT] = []
    places: list[PlaceT] = []
    while page := read(places[-1] if places else None, limit):
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
    progress, failed = Search("example"), list[ExampleT]()

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        phases=[phase for phase in Phase if phase is not Phase.explain],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(example: ExampleT) -> None:
        __tracebackhide__ = True
        progress.next_example()
        late = failed and progress.tried > progress.failed_first + _SMALLER_TRIED
        if late and example not in failed:
            reject()
        try:
            check(example)
        except Exception:
            progress.failed()
            failed.append(example)
            raise

    def with_story(problem: str) -> _NotKept:
        sentences = [f"  {each}" for example in failed[-1:] for each in story(example)]
        return _NotKept(
            "\n".join([problem, "This happens when:", *sentences]), progress.failed_first
        )

    try:
        run()
    except StoreNotUsable:
        raise
    except _NotKept as found:
        raise with_story(found.problem) from found.__cause__
    except Exception as error:
        raise with_story(f"raised {_named(error)}") from error


def difference(found: object, expected: object) -> str:
    """Return the differences between an answer and the expected one, in indented lines.

    Values of one class are compared field by field, also within mappings and sequences. A field
    that its `repr` hides stays hidden, as it may hold patient data.
    """
    differences = _lines("", found, expected)
    lines = [f"  {path}: {how}" if path else f"  {how}" for path, how in differences]
    if len(lines) > _MOST_SHOWN:
        lines[_MOST_SHOWN:] = [f"  and {len(lines) - _MOST_SHOWN} more"]
    return "\n".join(lines)


def _shortened(text: str) -> str:
    """Return a text, cut where it is too long to show."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _lines(path: str, found: Any, expected: Any) -> _Lines:  # noqa: ANN401  an answer of any type
    if _is_record(found) and type(found) is type(expected):
        for field in attrs.fields(type(found)):
            mine, theirs = getattr(found, field.name), getattr(expected, field.name)
            within = f"{path}.{field.name}" if path else field.name
            if field.eq and mine != theirs and field.repr is True:
                yield from _lines(within, mine, theirs)
            elif field.eq and mine != theirs:
                yield within, "differs; its value is private"
    elif isinstance(found, Mapping) and isinstance(expected, Mapping):
        for key in {**expected, **found}:
            within = f"{path}[{_shown(key)}]" if path else _shown(key)
            mine, theirs = found.get(key, attrs.NOTHING), expected.get(key, attrs.NOTHING)
            if mine != theirs:
                yield from _lines(within, mine, theirs)
    elif isinstance(found, AbstractSet) and isinstance(expected, AbstractSet):
        yield from _of_sets(path, found, expected)
    elif _is_sequence(found) and _is_sequence(expected):
        yield from _of_sequences(path, found, expected)
    else:
        yield from _apart(path, found, expected)


def _of_sets(path: str, found: AbstractSet[Any], expected: AbstractSet[Any]) -> _Lines:
    """Compare members with the same id; without ids, yield the missing and unexpected members."""
    missing = {_id_of(each): each for each in expected - found}
    surplus = {_id_of(each): each for each in found - expected}
    if None in missing or missing.keys() != surplus.keys():
        yield from _apart(path, found, expected)
        return
    for name in sorted(missing, key=repr):
        yield from _lines(f"{path}[{_shown(name)}]", surplus[name], missing[name])


def _id_of(value: object) -> object | None:
    return getattr(getattr(value, "grant", value), "id", None) if _is_record(value) else None


def _of_sequences(path: str, found: Sequence[Any], expected: Sequence[Any]) -> _Lines:
    both = enumerate(zip(found, expected, strict=False))
    pairs = [(place, mine, theirs) for place, (mine, theirs) in both if mine != theirs]
    long = max(len(_shown(found)), len(_shown(expected))) > _IN_A_LINE
    within = long or any(_is_record(mine) for _, mine, _ in pairs)
    if len(found) != len(expected) or (pairs and not within):
        yield from _apart(path, found, expected)
        return
    if type(found) is not type(expected):
        yield path, f"type {type(found).__name__}, expected {type(expected).__name__}"
    for place, mine, theirs in pairs:
        yield from _lines(f"{path}[{place}]", mine, theirs)


def _apart(path: str, found: Any, expected: Any) -> _Lines:  # noqa: ANN401  of any type
    sets = isinstance(found, AbstractSet) and isinstance(expected, AbstractSet)
    listed = sets or (_is_sequence(found) and _is_sequence(expected))
    long = max(len(repr(found)), len(repr(expected))) > _IN_A_LINE
    if listed and (long or (sets and not path)):
        yield f"{path} missing".lstrip(), _some(_without(expected, found))
        yield f"{path} not expected".lstrip(), _some(_without(found, expected))
    elif path:
        yield path, f"{_shown(found)}, expected {_shown(expected)}"
    else:
        yield "got", _shown(found)
        yield "expected", _shown(expected)


def _is_record(value: object) -> bool:
    """Return whether the class of a value uses the `repr` of attrs."""
    kind = type(value)
    if not attrs.has(kind):
        return False
    first_shown = next((field.name for field in attrs.fields(kind) if field.repr), "")
    return repr(value).startswith(f"{kind.__name__}({first_shown}=")


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _without(values: Iterable[object], others: Iterable[object]) -> list[object]:
    """Return the values without the others, each of which takes one away."""
    left, kept = list(others), list[object]()
    for each in values:
        if each in left:
            left.remove(each)
        else:
            kept.append(each)
    return kept


def _some(values: list[object]) -> str:
    first, more = sorted(values, key=repr)[:_MOST_SHOWN], len(values) - _MOST_SHOWN
    return f"{_shown(first)}{f' and {more} more' if more > 0 else ''}" if values else "none"


def _shown(value: object) -> str:
    return "nothing" if value is attrs.NOTHING else _shortened(_TIME.sub(_as_iso, repr(value)))


def _as_iso(found: re.Match[str]) -> str:
    parts = [*map(int, found[1].split(", ")), 0, 0, 0, 0]
    year, month, day, hour, minute, second, microsecond = parts[:7]
    zone = UTC if found[2] else None
    return datetime(year, month, day, hour, minute, second, microsecond, zone).isoformat()
