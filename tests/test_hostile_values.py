"""Whatever is given to a public callable, only errors of ours come out.

An exception of Python's own may quote the value, is of no family, and tells a portal nothing. The
arguments are drawn one by one, so that one wrong value meets right ones beside it.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import chain, count, islice, repeat
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exam_sharing as es
import exam_sharing.adapters.fhir
import exam_sharing.adapters.sqlalchemy
from exam_sharing.adapters.fhir import AuditEvents
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    SqlOutbox,
    SqlStore,
    Statements,
    create_all,
)
from exam_sharing.adapters.sqlalchemy.accesses import SqlAccesses
from exam_sharing.admin import Admin
from exam_sharing.memory import MemoryDirectory, MemoryOutbox, MemoryStore
from exam_sharing.memory.accesses import MemoryAccesses
from exam_sharing.validation import MAX_ITEMS
from world import ANNA, BEN, CLINIC, CT, DAY, NURSES, START, VIEW, World, share_request

URL = "https://portal.example"


class Text(str):
    __slots__ = ()


HOSTILE: list[Any] = [
    *(None, True, 0, -1, 1, 10**9, 10**30, 1.5, float("nan")),
    *(URL, "https://[", "https://a\uff03b", {"display": URL}, lambda *_: {"display": URL}),
    *("", "ben", "u:ben", "b\0n", "b\ud800n", "x" * 300, "\ufdfa" * 10_000, Text("ben"), b"ben"),
    *((), [], {}, frozenset(), (BEN,), [NURSES, BEN], [CT], [None], ("a", "b"), (START, "ct")),
    *({CT: 1}, object(), Mock(spec=BEN), es.Policy, print),
    *(ANNA, BEN, NURSES, CT, es.BatchId("cd"), es.GrantId("act1-1"), es.NoticeId("n1")),
    *(VIEW, es.Permission.DOWNLOAD, es.Reshares.CASCADE, es.Policy()),
    *(START, datetime(2030, 1, 1), datetime.max),
    *(datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)),
    *(timedelta(0), timedelta.max, timedelta.min, DAY),
    es.Reason(code=es.ReasonCode.NO_RECIPIENTS),
    share_request(ANNA, CT, BEN),
    es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN),
    es.RevokeRequest(actor=BEN, grant=es.GrantId("act1-1")),
    es.User(id=BEN, name="Ben"),
    es.Group(id=CLINIC, name="Clinic"),
    *(lambda: None, lambda: datetime(2030, 1, 1), lambda *_: True),
]


class ReadTooFarError(BaseException):
    """A list that never ends was read beyond every bound; no `except Exception` takes it away."""


def endless(each: Any) -> Iterator[Any]:
    """Yield the same for ever, or numbers where it is `None`, as far as may be read of it."""
    yield from islice(count() if each is None else repeat(each), MAX_ITEMS + 1)
    raise ReadTooFarError


FRESH: list[Callable[[], Any]] = [
    lambda: endless(None),
    lambda: endless(BEN),
    lambda: iter([BEN]),
    lambda: (each for each in [CT]),
]
"""Those that can be read only once."""

values = st.sampled_from(HOSTILE) | st.sampled_from(FRESH).map(lambda make: make())


def called(data: st.DataObject, target: Callable[..., Any]) -> None:
    """Call the target with drawn arguments; fail where another error than ours comes out."""
    args, kwargs = [], {}
    for parameter in inspect.signature(target).parameters.values():
        optional = parameter.default is not inspect.Parameter.empty
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            continue
        if optional and data.draw(st.booleans(), label=f"leave out {parameter.name}"):
            continue
        value = data.draw(values, label=parameter.name)
        if parameter.kind is parameter.KEYWORD_ONLY or kwargs or optional:
            kwargs[parameter.name] = value
        else:
            args.append(value)
    with suppress(es.ExamSharingError):
        target(*args, **kwargs)


def public(module: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in module.__all__:
        target = getattr(module, name)
        if callable(target) and not is_only_made_by_us(target):
            yield f"{module.__name__}.{name}", target


def is_only_made_by_us(target: Any) -> bool:
    """Say whether it is an enum, a type alias, a protocol, or an error, made of any facts."""
    return not inspect.isroutine(target) and (
        not inspect.isclass(target)
        or issubclass(target, Enum | BaseException)
        or getattr(target, "_is_protocol", False)
    )


MODULES = exam_sharing, es.memory, exam_sharing.adapters.fhir, exam_sharing.adapters.sqlalchemy
NAMES = dict(chain.from_iterable(map(public, MODULES)))
OF_OPERATORS = Admin, MemoryAccesses, AuditEvents
IN_MEMORY = es.Sharing, es.Viewer, MemoryDirectory, MemoryStore, MemoryOutbox, *OF_OPERATORS
IN_SQLITE = SqlStore, SqlOutbox, SqlAccesses, SqlDirectory, Statements


def methods(*kinds: type) -> list[str]:
    return [
        f"{kind.__name__}.{name}"
        for kind in kinds
        for name in sorted(dir(kind))
        if not name.startswith("_") and inspect.isroutine(getattr(kind, name))
    ]


# A profile that looks for new examples looks at more of them.
how_many = settings(max_examples=10 if settings.default.derandomize else 200)


@pytest.mark.parametrize("name", NAMES)
@how_many
@given(data=st.data())
def test_a_public_name_raises_only_errors_of_ours(name, data):
    called(data, NAMES[name])


@pytest.mark.parametrize("name", methods(*IN_MEMORY))
@how_many
@given(data=st.data())
def test_a_public_method_raises_only_errors_of_ours(name, data):
    world = World()
    world.share(ANNA, CT, BEN, until=START + DAY)
    viewer = world.sharing.viewer(BEN)
    store, admin = world.store, world.sharing.admin
    kept = (world.sharing, viewer, world.directory, store, store.outbox, admin, store.accesses)
    kept += (AuditEvents(system=URL, observer={"display": "portal"}, address=URL),)
    kind, _, method = name.partition(".")

    called(data, getattr({type(each).__name__: each for each in kept}[kind], method))


@pytest.mark.parametrize("limit", [-1, 10**30])
def test_a_limit_that_no_list_can_have_is_named(limit):
    with pytest.raises(es.InvalidValue, match="limit must be from 1 to 1000000"):
        MemoryStore().outbox.listed(None, limit, given_up=None)


@pytest.fixture(scope="module")
def kept_in_sqlite(sqlite):
    """What is kept in a database, by the names of its classes."""
    tables = create_all(sqlite)
    store = SqlStore.over(sqlite, tables=tables)
    statements = Statements(tables, dialect="postgresql", paramstyle="pyformat")
    directory = SqlDirectory(sqlite, tables.directory)
    kept = (store, store.outbox, store.accesses, directory, statements)
    return {type(each).__name__: each for each in kept}


@pytest.mark.parametrize("name", methods(*IN_SQLITE))
@how_many
@given(data=st.data())
def test_a_public_method_over_a_database_raises_only_errors_of_ours(name, kept_in_sqlite, data):
    kind, _, method = name.partition(".")

    called(data, getattr(kept_in_sqlite[kind], method))


@pytest.mark.parametrize(
    "call",
    [
        lambda never: share_request(ANNA, CT, recipients=never),
        lambda never: World().sharing.can_many(BEN, VIEW, never),
        lambda never: es.Group(id=NURSES, name="Nurses", members=never),
        lambda never: World().directory.suggest(ANNA, "ben", 1, never),
        lambda never: World().directory.listed(ANNA, None, 1, leave_out=never),
        World().store.find,
        World().store.outbox.requeue,
    ],
)
def test_a_list_that_never_ends_is_read_no_further_than_its_bound(call):
    with pytest.raises(es.InvalidInput, match="must not contain more than"):
        call(endless(None))
