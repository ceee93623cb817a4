"""Sharing in a portal made with Django: in the transactions of Django."""

import re
import unittest
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest
import sqlalchemy
from django import test
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Concat

import exam_sharing as es
from django_databases import migrated
from django_portal.models import Group, Letter, Study, User
from django_portal.sharing import OUTBOX, STUDIES
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.django import (
    create_exam_indexes,
    drop_exam_indexes,
    open_sharing,
    owner_changed,
    settings,
    update_search,
)
from exam_sharing.adapters.django.opening import forget
from exam_sharing.adapters.django.transactions import DjangoTransactions
from exam_sharing.adapters.sqlalchemy.database import Database
from exam_sharing.adapters.sqlalchemy.engines import READS
from exam_sharing.adapters.sqlalchemy.host import store_over
from exam_sharing.testing.laws import store_laws

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
VIEW, DOWNLOAD = es.Permission
CT, BATCH = es.ExamId("ct"), es.BatchId("cd")
TABLES = sql.define_tables(sqlalchemy.MetaData())


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request):
    """An engine beside Django, for the same database."""
    found = request.getfixturevalue(request.param)
    with migrated(found.url):
        yield found


def empty():
    with connection.cursor() as cursor:
        for table in TABLES.all():
            if table is not TABLES.schema:
                cursor.execute(str(sqlalchemy.delete(table)))


@pytest.fixture
def portal(engine):
    """An empty portal with Anna, Ben, Carla and Dan, of whom Carla is in the ward."""
    empty()
    for model in (Letter, Study, User, Group):
        model.objects.all().delete()
    OUTBOX.sent.clear()
    forget(setting="EXAM_SHARING")
    return Portal()


class Portal:
    """The people of the portal, by their keys."""

    def __init__(self):
        self.anna, self.ben, self.carla, self.dan = map(self._user, ["anna", "ben", "carla", "dan"])
        ward = Group.objects.create(name="Ward")
        ward.user_set.add(int(str(self.carla)))
        self.ward = es.GroupId(str(ward.pk))

    def _user(self, name):
        made = User.objects.create(username=name, email=f"{name}@clinic.example")
        return es.UserId(str(made.pk))

    def upload(self):
        sharing = open_sharing()
        batch = es.UploadBatch(id=BATCH, uploader=self.anna, received_at=NOON)
        exam = es.Exam(id=CT, owner=self.anna, batch=BATCH, uploaded_at=NOON)
        sharing.add_upload(batch, [exam])
        return sharing

    def request(self, *recipients, actor=None, exam=CT, **more):
        by = self.anna if actor is None else actor
        return es.ShareRequest(actor=by, exam=exam, recipients=recipients, attested=True, **more)


@pytest.fixture
def sharing(portal):
    return portal.upload()


@pytest.fixture
def beside(engine, portal):
    """Returns whether somebody may view an exam, as another connection sees it."""

    def may_view(user, exam=CT):
        statement = sqlalchemy.select(TABLES.grants.c.id).where(
            TABLES.grants.c.recipient == user.key, TABLES.grants.c.closed_version.is_(None)
        )
        with engine.execution_options(**{READS: True}).connect() as other:
            return other.execute(statement).first() is not None

    return may_view


@contextmanager
def rolled_back():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_a_share_outside_of_atomic_is_committed(portal, sharing, beside):
    receipt = sharing.share(portal.request(portal.ben, portal.ward))
    assert [each.outcome for each in receipt.outcomes] == [es.Outcome.GRANTED] * 2
    assert beside(portal.ben)
    assert [sharing.can(each, VIEW, CT) for each in (portal.ben, portal.carla, portal.dan)] == [
        True,
        True,
        False,
    ]
    assert connection.get_autocommit()


def test_a_share_inside_of_atomic_commits_with_the_rows_of_the_portal(portal, sharing, beside):
    with transaction.atomic():
        Letter.objects.create(text="dear Ben")
        sharing.share(portal.request(portal.ben))
        assert sharing.can(portal.ben, VIEW, CT)
        assert not beside(portal.ben)
    assert beside(portal.ben)
    assert Letter.objects.count() == 1


def test_a_rollback_takes_the_share_and_the_rows_of_the_portal(portal, sharing):
    with rolled_back():
        Letter.objects.create(text="dear Ben")
        sharing.share(portal.request(portal.ben))
    assert not sharing.can(portal.ben, VIEW, CT)
    assert Letter.objects.count() == 0


def test_a_rollback_of_an_inner_block_takes_back_only_its_own_shares(portal, sharing):
    with transaction.atomic():
        sharing.share(portal.request(portal.ben))
        with rolled_back():
            sharing.share(portal.request(portal.carla))
        sharing.share(portal.request(portal.dan))
    people = portal.ben, portal.carla, portal.dan
    assert [sharing.can(each, VIEW, CT) for each in people] == [True, False, True]


def test_sharing_sees_people_who_are_not_committed(portal, sharing):
    with transaction.atomic():
        eva = portal._user("eva")
        sharing.share(portal.request(eva))
        assert sharing.can(eva, VIEW, CT)


def test_inactive_users_hold_nothing_and_cannot_be_chosen(portal, sharing):
    sharing.share(portal.request(portal.ben))
    User.objects.filter(pk=str(portal.ben)).update(is_active=False)
    assert not sharing.can(portal.ben, VIEW, CT)
    assert sharing.suggest(portal.anna, CT, "ben") == ()
    with pytest.raises(es.Refused) as refused:
        sharing.share(portal.request(portal.ben))
    assert [each.code for each in refused.value.reasons] == [es.ReasonCode.RECIPIENT_NOT_FOUND]


def test_users_are_called_by_both_names_or_else_by_the_name_of_their_account(portal, sharing):
    User.objects.filter(pk=str(portal.ben)).update(first_name="Ben", last_name="Okoye")
    names = sharing.names(portal.anna, [portal.ben, portal.carla, portal.ward])
    assert names == {portal.ben: "Ben Okoye", portal.carla: "carla", portal.ward: "Ward"}


def test_values_in_querysets_may_hold_the_signs_of_drivers(portal):
    odd = portal._user("50%:x?")
    name = Concat(Value("%s :name ?"), "username")
    users = {"name": name, "where": ~Q(username__contains="%:x?")}
    with test.override_settings(EXAM_SHARING={"USERS": users}):
        names = portal.upload().names(portal.anna, [portal.ben, odd])
    assert names == {portal.ben: "%s :name ?ben"}


def test_a_refusal_survives_a_rollback_where_the_database_has_several_writers(
    portal, sharing, engine
):
    with rolled_back():
        Letter.objects.create(text="dear Carla")
        with pytest.raises(es.Refused):
            sharing.share(portal.request(portal.carla, actor=portal.dan))
        assert Letter.objects.count() == 1
        sharing.share(portal.request(portal.ben))
    assert not sharing.can(portal.ben, VIEW, CT)
    # SQLite has one writer, so that a refusal is part of the transaction.
    assert events(engine) == (["ActRefused"] if engine.dialect.name == "postgresql" else [])


def test_an_access_survives_a_rollback_where_the_database_has_several_writers(
    portal, sharing, engine
):
    for _ in range(2):
        with rolled_back():
            sharing.record_access(portal.ben, CT, VIEW)
    found = sharing.admin.accesses(user=portal.ben).items
    assert [each.count for each in found] == ([2] if engine.dialect.name == "postgresql" else [])


def events(engine):
    with engine.connect() as other:
        return list(other.scalars(sqlalchemy.select(TABLES.events.c.kind)))


@contextmanager
def committing_itself():
    """A transaction of a host that has switched autocommit off; it is undone at its end."""
    transaction.set_autocommit(False)
    try:
        yield
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


@contextmanager
def upgraded(engine):
    """Another process has brought the tables to a later shape."""
    for number in (sql.SCHEMA + 1, sql.SCHEMA):
        with engine.begin() as other:
            other.execute(sqlalchemy.update(TABLES.schema).values(number=number))
        if number != sql.SCHEMA:
            yield


@pytest.mark.parametrize("inside", [nullcontext, transaction.atomic, committing_itself])
def test_a_process_of_an_earlier_release_writes_nothing(portal, sharing, engine, inside, caplog):
    searches = test.override_settings(EXAM_SHARING={"SEARCH": True})
    with upgraded(engine):
        with pytest.raises(es.StoreFailed, match="upgrade the package"), inside():
            sharing.share(portal.request(portal.ben))
        with pytest.raises(es.StoreFailed, match="upgrade the package"), inside():
            sharing.admin.requeue_notices()
        with inside(), pytest.raises(es.Refused):
            sharing.share(portal.request(portal.carla, actor=portal.dan))
        assert "a refusal could not be recorded: StoreFailed" in caplog.text
    with searches:
        open_sharing()
        with upgraded(engine), pytest.raises(es.StoreFailed, match="upgrade the package"):
            update_search(portal.ben)
    assert events(engine) == []
    assert not sharing.can(portal.ben, VIEW, CT)


def test_a_broken_transaction_takes_no_act_and_says_what_to_do(portal, sharing):
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(es.StoreFailed, match="let the exception leave the block"):
            sharing.share(portal.request(portal.ben))
    assert not sharing.can(portal.ben, VIEW, CT)


def test_two_acts_at_once_are_both_done(portal, sharing):
    both, failures = Barrier(2), []

    def share_with(user):
        try:
            both.wait()
            for _ in range(3):
                open_sharing().share(portal.request(user, until=None))
        except Exception as error:  # noqa: BLE001  shown by the main thread
            failures.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=share_with, args=(each,)) for each in (portal.ben, portal.dan)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    assert all(sharing.can(each, VIEW, CT) for each in (portal.ben, portal.dan))


def test_in_a_test_case_of_django_sharing_is_as_its_users_see_it(portal, sharing, engine):
    class InTests(test.TestCase):
        def runTest(self):  # noqa: N802  as unittest calls it
            with self.captureOnCommitCallbacks(execute=True):
                sharing.share(portal.request(portal.ben))
                with pytest.raises(es.Refused):
                    sharing.share(portal.request(portal.carla, actor=portal.dan))
            assert sharing.can(portal.ben, VIEW, CT)

    result = unittest.TestSuite([InTests()]).run(unittest.TestResult())
    assert result.wasSuccessful(), result.errors + result.failures
    assert not sharing.can(portal.ben, VIEW, CT)
    assert "ActRefused" not in events(engine)


@pytest.fixture
def told(portal):
    """A portal that sends notices."""
    with test.override_settings(EXAM_SHARING={"NOTIFIER": "django_portal.sharing.outbox"}):
        portal.upload()
        yield portal


def sent_to():
    return [notice.address for notice in OUTBOX.sent]


def test_notices_are_sent_once_the_share_has_committed(told):
    with transaction.atomic():
        open_sharing().share(told.request(told.ben, message="hello"))
        assert sent_to() == []
    assert sent_to() == ["ben@clinic.example"]
    open_sharing().share(told.request(told.dan))
    assert sent_to() == ["ben@clinic.example", "dan@clinic.example"]


def test_where_the_host_commits_by_itself_a_notice_waits_for_the_relay(told):
    transaction.set_autocommit(False)
    try:
        open_sharing().share(told.request(told.ben))
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    assert open_sharing().can(told.ben, VIEW, CT)
    assert sent_to() == []
    assert open_sharing().admin.deliver_notices() == 1


def test_a_rollback_sends_nothing(told):
    with rolled_back():
        open_sharing().share(told.request(told.ben))
    assert sent_to() == []
    assert open_sharing().admin.deliver_notices() == 0


def test_a_notifier_that_fails_fails_no_share(told):
    OUTBOX.failing = True
    try:
        with transaction.atomic():
            open_sharing().share(told.request(told.ben))
    finally:
        OUTBOX.failing = False
    assert open_sharing().can(told.ben, VIEW, CT)
    assert sent_to() == []


def test_notices_wait_for_a_relay_where_the_portal_says_so(portal):
    settings = {"NOTIFIER": "django_portal.sharing.outbox", "SENDS_AT_ONCE": False}
    with test.override_settings(EXAM_SHARING=settings):
        portal.upload().share(portal.request(portal.ben))
        assert sent_to() == []
        assert open_sharing().admin.deliver_notices() == 1
    assert sent_to() == ["ben@clinic.example"]


def test_inside_of_atomic_no_notice_is_sent_that_could_be_taken_back(told):
    with rolled_back():
        open_sharing().share(told.request(told.ben))
        assert open_sharing().admin.deliver_notices() == 0
    assert sent_to() == []


@pytest.fixture
def studies(portal):
    """A portal with an exam in a model of its own."""
    with test.override_settings(EXAM_SHARING={"EXAMS": STUDIES}):
        study = Study.objects.create(doctor_id=int(str(portal.anna)), disc=4, arrived=NOON)
        yield portal, study


def test_exams_of_the_portal_are_there_while_their_rows_are(studies):
    portal, study = studies
    sharing, exam = open_sharing(), es.ExamId(str(study.pk))
    sharing.share(portal.request(portal.ben, exam=exam))
    assert [each.exam for each in sharing.visible_to(portal.ben).items] == [exam]
    assert [each.uploaded_at for each in sharing.visible_to(portal.anna).items] == [NOON]
    assert not sharing.can(portal.ben, VIEW, es.ExamId(f"0{study.pk}"))
    Study.objects.update(deleted=True)
    assert not sharing.can(portal.ben, VIEW, exam)
    assert sharing.visible_to(portal.anna).items == ()


def test_a_condition_that_several_rows_meet_shows_a_grant_once(studies):
    portal, study = studies
    exam, doctor = es.ExamId(str(study.pk)), User.objects.get(pk=str(portal.anna))
    for name in ("Wing A", "Wing B"):
        doctor.groups.add(Group.objects.create(name=name))
    where = {"doctor__groups__name__startswith": "Wing"}
    with test.override_settings(EXAM_SHARING={"EXAMS": {**STUDIES, "where": where}}):
        sharing = open_sharing()
        sharing.share(portal.request(portal.ben, exam=exam))
        (entry,) = sharing.access_list(portal.anna, exam).entries
        assert len(entry.grants) == 1
        unshare = es.UnshareRequest(actor=portal.anna, exam=exam, recipient=portal.ben)
        assert len(sharing.unshare(unshare).ended) == 1


def test_an_expression_for_an_owner_must_not_lead_to_another_model(studies):
    with (
        test.override_settings(EXAM_SHARING={"EXAMS": {**STUDIES, "owner": F("pk")}}),
        pytest.raises(ImproperlyConfigured),
    ):
        open_sharing()


def test_exams_that_are_not_committed_can_be_shared(studies):
    portal, _ = studies
    with transaction.atomic():
        study = Study.objects.create(doctor_id=int(str(portal.ben)), disc=5, arrived=NOON)
        exam = es.ExamId(str(study.pk))
        open_sharing().share(portal.request(portal.dan, actor=portal.ben, exam=exam))
    assert open_sharing().can(portal.dan, VIEW, exam)


@pytest.fixture
def searched(portal):
    """A portal whose people are found by our tables."""
    with test.override_settings(EXAM_SHARING={"SEARCH": True}):
        portal.upload()
        yield portal


def found(portal, text):
    return [choice.principal for choice in open_sharing().suggest(portal.anna, CT, text)]


def test_our_tables_find_people_as_they_are_saved_and_deleted(searched):
    assert found(searched, "eva") == []
    eva = User.objects.create(username="eva")
    team = Group.objects.create(name="Evaluation")
    both = [es.UserId(str(eva.pk)), es.GroupId(str(team.pk))]
    assert found(searched, "eva") == both
    eva.username = "zoe"
    eva.save()
    team.delete()
    assert found(searched, "eva") == []
    with rolled_back():
        eva.delete()
        assert found(searched, "zoe") == []
    assert found(searched, "zoe") == both[:1]


def test_a_bulk_load_is_found_once_it_is_indexed(searched):
    eva, zoe = User.objects.bulk_create([User(username="eva"), User(username="zoe")])
    assert found(searched, "eva") == []
    update_search(es.UserId(str(eva.pk)))
    assert (found(searched, "eva"), found(searched, "zoe")) == ([es.UserId(str(eva.pk))], [])
    call_command("exam_sharing_search")
    assert found(searched, "zoe") == [es.UserId(str(zoe.pk))]


def test_a_change_of_owner_is_counted_where_it_is_committed(studies, engine):
    portal, study = studies
    exam = es.ExamId(str(study.pk))
    with pytest.raises(es.InvalidArgument, match="atomic"):
        owner_changed(exam=exam, before=portal.anna, after=portal.ben)
    with transaction.atomic():
        Study.objects.update(doctor_id=int(str(portal.ben)))
        owner_changed(exam=exam, before=portal.anna, after=portal.ben)
    assert open_sharing().can(portal.ben, DOWNLOAD, exam)
    assert not open_sharing().can(portal.anna, VIEW, exam)
    assert events(engine) == ["ExamTransferred"]


def test_exams_of_the_portal_are_found_by_the_indexes_of_the_helper(studies, engine):
    portal, study = studies
    doctor = int(str(portal.anna))
    Study.objects.bulk_create(
        Study(doctor_id=doctor + number % 4, disc=number, arrived=NOON) for number in range(500)
    )
    with connection.schema_editor() as editor:
        create_exam_indexes(None, editor)
    connection.cursor().execute("ANALYZE")
    rows = settings.exams().rows
    found = sqlalchemy.select(rows.c.owner).where(rows.c.id == str(study.pk))
    newest = sqlalchemy.select(rows.c.id).where(rows.c.owner == "1")
    newest = newest.order_by(rows.c.uploaded_at.desc(), rows.c.id.desc())
    is_sqlite = engine.dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
    with transaction.atomic(), DjangoTransactions("default").reading() as lent:
        if not is_sqlite:
            lent.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, name in ((found, "shared_id"), (newest, "shared_owner")):
            text = str(statement.compile(lent, compile_kwargs={"literal_binds": True}))
            lines = lent.exec_driver_sql(f"{explain} {text}").all()
            assert f"ix_django_portal_study_{name}" in str(lines)
            assert "TEMP B-TREE" not in str(lines)
    with connection.schema_editor() as editor:
        drop_exam_indexes(None, editor)


def laws(open_store):
    return {law.name: law for law in store_laws(open_store, threads=False, examples=1)}


# The statements are those of every store over SQL. What is new is where they are executed.
OF_TRANSACTIONS = [
    name
    for name in laws(lambda: None)
    if re.search("moved|taken|refused-upload|next-question|used-once|lost-claim|refusal", name)
]


@pytest.mark.parametrize("name", OF_TRANSACTIONS)
def test_the_store_over_connections_of_django_keeps_the_law(name, portal):
    def open_store():
        empty()
        return store_over(Database(DjangoTransactions("default"), TABLES), None)

    laws(open_store)[name].check()
