"""The app of Django: its migration, its models, and what its checks report."""

import re

import pytest
import sqlalchemy
from django import test
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection

from django_databases import connected
from django_portal.sharing import OF_PROFILES, OF_TEAMS, STUDIES
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.django.models import Grant, Notice, Share
from exam_sharing.errors import StoreFailed
from shapes import found_shape

TABLES = sql.define_tables(sqlalchemy.MetaData())


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request):
    found = request.getfixturevalue(request.param)
    with connected(found.url):
        yield found


def created_beside(engine, tmp_path):
    """Return the shape of tables that `create_all` creates elsewhere."""
    if engine.dialect.name == "sqlite":
        other = sql.sqlite_engine(tmp_path / "other.db")
        sql.create_all(other)
        found = found_shape(other)
        other.dispose()
        return found
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA beside")
    sql.create_all(engine, sql.define_tables(sqlalchemy.MetaData(), schema="beside"))
    return found_shape(engine, schema="beside")


def migrate(*arguments):
    call_command("migrate", "exam_sharing", *arguments, verbosity=0)


def test_the_migration_creates_exactly_our_tables_and_drops_them(engine, tmp_path):
    migrate()
    created = found_shape(engine)
    assert len(created) > len(TABLES.all())
    assert created == created_beside(engine, tmp_path)
    sql.open_sharing(engine)
    migrate("zero")
    assert found_shape(engine) == set()


NEXT = {"exam_sharing": "next_migrations"}


def test_a_later_migration_upgrades_the_tables(engine, request):
    migrate()
    request.getfixturevalue("next_release")
    with pytest.raises(StoreFailed, match="older than the 2"):
        sql.open_sharing(engine)
    with test.override_settings(MIGRATION_MODULES=NEXT):
        migrate()
        sql.open_sharing(engine)
        created = found_shape(engine)
        migrate("zero")
        assert found_shape(engine) == set()
        migrate()
    assert found_shape(engine) == created
    sql.open_sharing(engine)


def test_makemigrations_finds_nothing_to_add(engine):
    call_command("makemigrations", "exam_sharing", check=True, dry_run=True, verbosity=0)


def test_models_have_columns_of_our_tables_without_messages_and_exams():
    for model, table in ((Grant, "grants"), (Share, "shares"), (Notice, "notices")):
        columns = getattr(TABLES, table).c
        assert model._meta.db_table == getattr(TABLES, table).name
        for field in model._meta.fields:
            assert field.null == columns[field.column].nullable
    left_out = {column.name for column in TABLES.notices.c} - {
        field.column for field in Notice._meta.fields
    }
    assert left_out == {"exams", "message", "claimed_by"}


def reported(**given):
    """Return the ids and the texts of everything that is wrong with these settings."""
    with test.override_settings(**given):
        found = [each for each in run_checks() if each.id.startswith("exam_sharing.")]
    assert all(each.hint for each in found)
    return {each.id.removeprefix("exam_sharing."): f"{each.msg} {each.hint}" for each in found}


def test_good_settings_have_nothing_to_report(engine):
    given = {"USERS": OF_PROFILES, "GROUPS": OF_TEAMS, "EXAMS": STUDIES}
    given |= {"NOTIFIER": "django_portal.sharing.outbox", "SENTENCES": {"AND": "{front} & {last}"}}
    assert reported(EXAM_SHARING=given) == {}
    assert reported() == {}
    assert reported(EXAM_SHARING={"GROUPS": None}) == {}


WRONG = {
    "DATABASE": ("elsewhere", "E001", "names no database"),
    "POLICY": ("django_portal.sharing.OUTBOX", "E002", "must name a Policy"),
    "NOTIFIER": ("django_portal.sharing.nothing", "E003", "nothing"),
    "HOST_FACTS": ("no_such_module.facts", "E004", "no_such_module"),
    "USERS": ({"name": "nickname"}, "E005", "nickname"),
    "GROUPS": ({"model": "django_portal.Nobody"}, "E005", "Nobody"),
    "EXAMS": ({"model": "django_portal.Study"}, "E006", "needs batch, owner, uploaded_at"),
    "SENTENCES": ({"NO_SUCH": "x"}, "E007", "NO_SUCH"),
    "SENDS_AT_ONCE": ("yes", "E008", "True or False"),
    "SEARCH": (1, "E010", "True or False"),
    "HISTORY": (1, "E011", "True or False"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_part_that_is_wrong_is_reported(name, engine):
    given, number, words = WRONG[name]
    found = reported(EXAM_SHARING={name: given})
    assert words in found[number]


def test_everything_that_is_wrong_is_reported_at_once(engine):
    given = {name: wrong for name, (wrong, _, _) in WRONG.items() if name != "DATABASE"}
    found = {f"E00{number}" for number in range(2, 9)} | {"E010", "E011"}
    assert set(reported(EXAM_SHARING=given)) == found


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"OWNERS": {}}, "has no OWNERS"),
        ({"USERS": {"nmae": "username"}}, "has no nmae"),
        ({"USERS": {"active": "username"}}, "must be a condition"),
        ({"USERS": {"visible": OF_TEAMS["visible"]}}, "must return a queryset of auth.User"),
        ({"EXAMS": STUDIES | {"uploaded_at": "disc"}}, "must hold times"),
        ({"EXAMS": STUDIES | {"owner": "ward"}}, "'ward' leads to auth.Group, not auth.User"),
        ({"EXAMS": STUDIES | {"owner": "doctor__profile"}}, "leads to django_portal.Profile"),
        ({"EXAMS": STUDIES | {"owner": "referrer"}}, "else than their primary keys"),
        ({"GROUPS": OF_TEAMS | {"members": "inner"}}, "leads to django_portal.Team"),
        ({"GROUPS": OF_TEAMS | {"subgroups": "accounts"}}, "leads to auth.User"),
        ({"EXAMS": STUDIES | {"owner": "arrived"}}, "must hold text, whole numbers or UUIDs"),
    ],
)
def test_a_mistake_is_named(given, words, engine):
    assert any(words in text for text in reported(EXAM_SHARING=given).values())


def test_sqlite_that_does_not_begin_with_immediate_is_a_warning(sqlite):
    with connected(sqlite.url):
        del connection.settings_dict["OPTIONS"]["transaction_mode"]
        assert "IMMEDIATE" in reported()["W001"]


def test_middleware_before_authentication_is_an_error(engine):
    middleware = ["exam_sharing.adapters.django.middleware.SharingErrors"]
    found = reported(MIDDLEWARE=middleware)
    assert re.search("put .*SharingErrors after .*AuthenticationMiddleware", found["E009"])
