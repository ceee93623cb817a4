"""Sharing inside Django's `atomic()`: it commits with the portal's own models, or not at all."""

from contextlib import contextmanager

import pytest
import sqlalchemy
from django.db import connections, transaction

import exam_sharing as es
from databases import engine_at
from django_databases import as_django_says
from django_portal.models import Letter
from exam_sharing.adapters import sqlalchemy as sql
from world import ANNA, BEN, CARLA, CT, DAN, VIEW, share_request


@pytest.fixture(scope="module")
def portal(engine, tables):
    """The connection by which Django reaches the database that the engine is for."""
    connections.settings = connections.configure_settings({"default": as_django_says(engine.url)})
    connection = connections["default"] = connections.create_connection("default")
    with connection.schema_editor() as editor:
        editor.create_model(Letter)
    yield connection
    with connection.schema_editor() as editor:
        editor.delete_model(Letter)
    connections.close_all()
    del connections["default"]


@pytest.fixture(autouse=True)
def nothing_written_yet(portal):
    Letter.objects.all().delete()


@pytest.fixture
def inside(portal, engine, tables, world):
    """A function that joins the transaction that Django has open."""

    def join(**more):
        connection = sql.over_driver_connection(portal.connection, engine)
        return sql.joined(connection, tables=tables, **more, **world.people)

    return join


@contextmanager
def rolled_back():
    """A block of Django's that is undone at its end."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def letters():
    return sorted(letter.text for letter in Letter.objects.all())


def test_a_commit_of_django_keeps_the_letter_and_the_share(world, inside):
    with transaction.atomic():
        Letter.objects.create(text="dear Ben")
        sharing = inside()
        sharing.share(share_request(ANNA, CT, BEN, message="hello"))
        assert sharing.can(BEN, VIEW, CT)
        assert [seen.exam for seen in sharing.shared_with(BEN).items] == [CT]
        assert not world.can_view(BEN, CT)
    assert letters() == ["dear Ben"]
    assert world.can_view(BEN, CT)
    assert world.sharing.admin.deliver_notices() == 1


def test_a_rollback_of_an_inner_block_takes_back_only_its_own_shares(world, inside):
    with transaction.atomic():
        inside().share(share_request(ANNA, CT, BEN))
        with rolled_back():
            Letter.objects.create(text="dear Carla")
            inside().share(share_request(ANNA, CT, CARLA))
        inside().share(share_request(ANNA, CT, DAN))
        Letter.objects.create(text="dear Dan")
    assert letters() == ["dear Dan"]
    assert [world.can_view(user, CT) for user in (BEN, CARLA, DAN)] == [True, False, True]
    assert [grant.version for grant in world.grants(CT)] == [1, 2]


def test_a_sharing_of_the_outer_block_sees_the_rollback_of_an_inner_one(world, inside):
    with transaction.atomic():
        sharing = inside()
        with rolled_back():
            sharing.share(share_request(ANNA, CT, CARLA))
        assert not sharing.can(CARLA, VIEW, CT)
        sharing.share(share_request(ANNA, CT, BEN))
    assert world.can_view(BEN, CT)


def test_outside_of_atomic_joining_is_an_error(portal, engine):
    portal.ensure_connection()
    with pytest.raises(es.InvalidValue, match="atomic"):
        sql.over_driver_connection(portal.connection, engine)


def test_anything_but_a_connection_of_the_engines_driver_is_rejected(portal, engine, tmp_path):
    portal.close()
    with pytest.raises(es.WrongKind, match="driver_connection"):
        sql.over_driver_connection(portal.connection, engine)
    postgresql = engine.dialect.name == "postgresql"
    other = engine_at(f"sqlite:///{tmp_path}/other.db" if postgresql else "postgresql+psycopg://")
    with transaction.atomic():
        for connection, wrong in ((portal, engine), (portal.connection, other)):
            with pytest.raises(es.WrongKind, match="driver_connection"):
                sql.over_driver_connection(connection, wrong)


def test_a_sharing_of_an_ended_transaction_does_nothing(world, inside):
    with transaction.atomic():
        sharing = inside()
        sharing.share(share_request(ANNA, CT, BEN))
    for _ in range(2):
        with pytest.raises(es.StoreFailed, match="transaction has ended"):
            sharing.share(share_request(ANNA, CT, CARLA))
    with pytest.raises(es.StoreFailed, match="transaction has ended"):
        sharing.can(BEN, VIEW, CT)
    assert not world.can_view(CARLA, CT)


def test_djangos_connection_does_not_change(portal, inside, engine):
    with transaction.atomic():
        Letter.objects.create(text="before")
        before = portal.connection
        inside().share(share_request(ANNA, CT, BEN))
        Letter.objects.create(text="after")
        assert portal.connection is before
        assert portal.in_atomic_block
    assert portal.get_autocommit()
    assert letters() == ["after", "before"]
    if engine.dialect.name == "postgresql":
        assert not before._notice_handlers


def test_ending_or_closing_our_connection_does_not_affect_djangos(portal, engine, world):
    for end in ("commit", "rollback", "close", "invalidate"):
        with rolled_back():
            Letter.objects.create(text="dear Ben")
            getattr(sql.over_driver_connection(portal.connection, engine), end)()
            assert letters() == ["dear Ben"]
        assert letters() == []


def test_a_django_migration_can_create_the_tables(portal, engine):
    migrated = sql.define_tables(sqlalchemy.MetaData(), prefix="migrated_")
    with rolled_back():
        connection = sql.over_driver_connection(portal.connection, engine)
        migrated.metadata.create_all(connection)
    assert not sqlalchemy.inspect(engine).has_table("migrated_grants")
    with transaction.atomic():
        connection = sql.over_driver_connection(portal.connection, engine)
        migrated.metadata.create_all(connection)
        sql.record_schema(connection, migrated)
    assert sql.create_all(engine, migrated) is migrated
    migrated.metadata.drop_all(engine)
