"""The `Sharing` of a portal made with Django, from its settings."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, NamedTuple
from uuid import uuid4

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import connections, transaction
from sqlalchemy.engine import Connection

from exam_sharing.adapters.django import settings
from exam_sharing.adapters.django.transactions import DjangoTransactions
from exam_sharing.adapters.sqlalchemy import TableDirectory, Tables, sql_ports
from exam_sharing.adapters.sqlalchemy.database import Database, require_schema, schema_over
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.host import store_over
from exam_sharing.adapters.sqlalchemy.store import put_transfer
from exam_sharing.adapters.sqlalchemy.tables import given_tables
from exam_sharing.errors import CallerError, InvalidArgument
from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.sharing import Sharing
from exam_sharing.validation import require_kind


def open_sharing() -> Sharing:
    """Return the portal's `Sharing`, over the connections that Django has open.

    It is made once for each process. Inside of `atomic()`, its acts are part of that transaction.

    Raises:
        ImproperlyConfigured: the settings cannot be used; `manage.py check` says everything that
            is wrong.
        StoreFailed: the database does not answer, or its tables are missing: call
            `manage.py migrate`.
    """
    return _opened().sharing


def owner_changed(*, exam: ExamId, before: UserId, after: UserId) -> None:
    """Report that an exam of the portal has another owner, inside the same `atomic()`.

    Acts that read the former owner are decided again. Grants stay as they are.

    Raises:
        Conflict: an act was faster; begin the transaction again.
        InvalidArgument: there is no transaction.
        StoreFailed: the exam was withdrawn, or the database failed.
    """
    require_kind("exam", exam, ExamId)
    require_kind("before", before, UserId)
    require_kind("after", after, UserId)
    kept = _opened().database
    if not connections[settings.database()].in_atomic_block:
        raise InvalidArgument("owner_changed", "must be called where atomic() changes the owner")
    put_transfer(
        kept.transactions, kept.tables, exam=exam, before=before, after=after, at=datetime.now(UTC)
    )


def update_search(*principals: PrincipalId) -> None:
    """Update what finds some users and groups, inside of the `atomic()` that has changed them.

    With `EXAM_SHARING['SEARCH']`, a saved or deleted user or group is updated without this. Call it
    for what Django sends no signal of, as `QuerySet.update`, and for names that are elsewhere.

    Raises:
        InvalidArgument: the portal does not use our tables for its search.
        StoreFailed: the database does not answer.
    """
    opened = _opened()
    with _written(opened.database) as connection:
        opened.directory.update_search(connection, *principals)


def rebuild_search() -> None:
    """Update what finds all users and groups, as after a bulk load; errors as before."""
    opened = _opened()
    with _written(opened.database) as connection:
        opened.directory.rebuild_search(connection)


def record_changes(*principals: PrincipalId) -> None:
    """Record how some users and groups are now, inside of the `atomic()` that has changed them.

    With `EXAM_SHARING['HISTORY']`, a saved or deleted user, group or membership is recorded without
    this. Call it for what Django sends no signal of, as `QuerySet.update`, and for names and
    settings that are in other models. What has not changed is not recorded.

    Raises:
        InvalidArgument: there is no transaction, or the portal keeps no history.
        StoreFailed: the database does not answer.
    """
    if not connections[settings.database()].in_atomic_block:
        raise InvalidArgument("record_changes", "must be called where atomic() makes the changes")
    put_changes(lambda _: principals)


def record_everybody() -> None:
    """Record how all users and groups are now; errors as before.

    The first call begins the history. Call it again after a bulk load.
    """
    opened = _opened()
    with _written(opened.database) as connection:
        opened.directory.record_everybody(connection, at=datetime.now(UTC))


def put_changes(changed: Callable[[Connection], Iterable[PrincipalId]]) -> None:
    """Record how some users and groups are now; in a transaction of its own where there is none."""
    opened = _opened()
    with _written(opened.database) as connection:
        principals = changed(connection)
        opened.directory.record_changes(connection, *principals, at=datetime.now(UTC))


@contextmanager
def _written(database: Database) -> Iterator[Connection]:
    with database.transactions.writing() as connection:
        if not connection.in_transaction():
            connection.begin()  # Django has begun it: this only tells SQLAlchemy.
        yield connection


class _Opened(NamedTuple):
    sharing: Sharing
    database: Database
    directory: TableDirectory


@cache
def _opened() -> _Opened:
    using, exams = settings.database(), settings.exams()
    tables = given_tables(None)
    transactions = DjangoTransactions(using, tables.schema)
    _check(transactions, tables)
    notifier, kept = settings.notifier(), Database(transactions, tables)
    store = store_over(kept, exams)
    directory = directory_over(transactions)
    ports = sql_ports(
        store,
        directory=directory,
        notifier=notifier,
        host_facts=settings.host_facts(),
    )
    sharing = Sharing(
        policy=settings.policy(),
        ports=ports,
        clock=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid4()),
        sends_at_once=notifier is not None and settings.sends_at_once(),
        after_commit=partial(_after_commit, using),
    )
    return _Opened(sharing, kept, directory)


def _after_commit(using: str, send: Callable[[], None]) -> None:
    """Send once Django has committed; where a host commits by itself, the relay sends."""
    connection = connections[using]
    if connection.in_atomic_block or connection.get_autocommit():
        transaction.on_commit(send, using=using)


def directory_over(transactions: DjangoTransactions) -> TableDirectory:
    """Return the directory of the portal's users and groups."""
    people = settings.people()
    try:
        return TableDirectory(
            transactions,
            users=people.users,
            groups=people.groups,
            users_in_groups=people.users_in_groups,
            groups_in_groups=people.groups_in_groups,
            search=given_tables(None).directory if settings.searches() else None,
            history=given_tables(None).directory if settings.keeps_history() else None,
        )
    except CallerError as error:
        raise ImproperlyConfigured(f"{settings.NAME}: {error}") from error


@in_our_words
def _check(transactions: DjangoTransactions, tables: Tables) -> None:
    with transactions.reading() as connection:
        require_schema(schema_over(connection, tables))


def forget(*, setting: str, **_more: Any) -> None:
    """Open anew after a test has changed a setting."""
    if setting in {settings.NAME, "DATABASES", "AUTH_USER_MODEL"}:
        _opened.cache_clear()


setting_changed.connect(forget)
