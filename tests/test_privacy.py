"""No patient data and no message in output. Specification: `#no-patient-data`.

Secrets are planted wherever the package takes patient data or free text. Then everything that
comes out is searched: values, all that can be reached from them, what they print as, and errors.
"""

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from enum import Enum
from functools import partial
from typing import Any

import attrs
import pytest

import exam_sharing as es
from exam_sharing.adapters.fhir import AuditEvents
from exam_sharing.memory import MemoryStore
from exam_sharing.policy.requests import HostEnding, Withdrawal
from where_kept import stored_rows
from world import (
    ANNA,
    BEN,
    CARLA,
    CD,
    CT,
    DAY,
    DOWNLOAD,
    NURSES,
    START,
    VIEW,
    FailingNotifier,
    World,
    pickled,
    share_request,
)

pytestmark = pytest.mark.every_store

SUBJECT = "SECRET-subject"
MESSAGE = "SECRET-message"
WHY = "SECRET-why"
STUDY = {
    "study_instance_uid": "SECRET-uid",
    "description": "SECRET-description",
    "modality": "SECRET-modality",
    "accession_number": "SECRET-accession",
    "patient_id": "SECRET-id",
    "patient_name": "SECRET-name",
}


def texts_of(value: object) -> Iterator[str]:
    """Yield what the value, and everything that can be reached from it, prints as."""
    seen: set[int] = set()
    kept: list[object] = []
    ahead: list[object] = [value]
    while ahead:
        each = ahead.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        kept.append(each)
        yield repr(each)
        if not isinstance(each, str):
            yield str(each)
            ahead.extend(parts_of(each))


def parts_of(value: object) -> Iterator[object]:
    if isinstance(value, Enum | type):
        return
    if attrs.has(type(value)):
        with suppress(TypeError):  # attrs cannot do it with values as keys of a mapping
            yield attrs.asdict(value)
        yield attrs.asdict(value, recurse=False)
        yield from (getattr(value, field.name) for field in attrs.fields(type(value)))
    if isinstance(value, Mapping):
        yield from (*value.keys(), *value.values())
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        yield from value
    if isinstance(value, BaseException):
        yield from (*value.args, vars(value), value.__cause__, value.__context__)
        yield "".join(traceback.format_exception(value, limit=0))
    yield from getattr(value, "__dict__", {}).values()


def assert_silent(value: object) -> None:
    for text in texts_of(value):
        assert "SECRET" not in text


def planted(**more: Any) -> World:
    """Return a world in which a share with a secret message on a secret subject was made."""
    world = World(**more)
    world.upload(es.BatchId("disc"), ANNA, es.ExamId("knee"), es.ExamId("hip"), subject=SUBJECT)
    world.share(ANNA, KNEE, BEN, NURSES, permission=DOWNLOAD, message=MESSAGE, scope=es.Scope.BATCH)
    return world


KNEE = es.ExamId("knee")


def test_the_search_finds_unhidden_text():
    with pytest.raises(AssertionError):
        assert_silent([{"to": ("SECRET",)}])
    with pytest.raises(AssertionError):
        assert_silent(es.User(id=BEN, name="SECRET"))


STUDIED = es.Study(**STUDY, study_date=date(1999, 12, 31))
ASKED = share_request(ANNA, CT, BEN, message=MESSAGE)


@pytest.mark.parametrize(
    "value",
    [
        es.Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=START, subject=SUBJECT),
        *(STUDIED, pickled(STUDIED), copy.copy(STUDIED), copy.deepcopy(STUDIED)),
        *(ASKED, pickled(ASKED), attrs.evolve(ASKED, permission=DOWNLOAD)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_hide_private_text_and_keep_it(value):
    assert_silent(value)
    assert "1999" not in repr(value)
    if isinstance(value, es.ShareRequest):
        assert value.message == MESSAGE
    if isinstance(value, es.Study):
        assert value == STUDIED


def test_a_subject_is_compared():
    exam = es.Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=START, subject=SUBJECT)

    assert exam.subject == SUBJECT
    assert exam == attrs.evolve(exam, subject=SUBJECT)
    assert exam != attrs.evolve(exam, subject="another")


def test_a_study_shows_nothing_but_by_the_name_of_a_field():
    assert STUDIED.patient_name == "SECRET-name"
    assert not attrs.has(es.Study)
    with pytest.raises(TypeError):
        vars(STUDIED)


def test_changing_a_study_raises_without_its_data():
    study = es.Study(**STUDY)

    with pytest.raises(AttributeError) as changed:
        study.patient_name = "SECRET-other"
    with pytest.raises(AttributeError) as deleted:
        del study.patient_name
    assert_silent([changed.value, deleted.value])
    assert study.patient_name == "SECRET-name"


MISFITS = (
    *(
        ("until", "SECRET"),
        ("message", ["SECRET"]),
        ("message", b"SECRET"),
        ("wording", ["SECRET"]),
    ),
    *(("expect", ["SECRET"]), ("permission", "SECRET"), ("scope", "SECRET")),
    *(("attested", "SECRET"), ("request_id", "SECRET\0"), ("performed_by", "SECRET\0")),
)


@pytest.mark.parametrize(
    "make",
    [
        lambda: es.ShareRequest(actor="SECRET", exam=CT, recipients=(BEN,)),
        lambda: es.ShareRequest(actor=ANNA, exam="SECRET", recipients=(BEN,)),
        lambda: es.ShareRequest(actor=ANNA, exam=CT, recipients="SECRET"),
        lambda: es.ShareRequest(actor=ANNA, exam=CT, recipients=("SECRET",)),
        *(partial(share_request, ANNA, CT, BEN, **{field: bad}) for field, bad in MISFITS),
        lambda: es.NarrowRequest(actor=ANNA, exam=CT, recipient=BEN, until="SECRET"),
        lambda: es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN, reshares="SECRET"),
        lambda: es.Exam(id=CT, owner=ANNA, batch=CD, uploaded_at="SECRET", subject=SUBJECT),
        lambda: es.Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=START, subject=["SECRET"]),
        lambda: es.User(id=BEN, name="SECRET\0"),
        lambda: es.User(id=BEN, name="Ben", email="SECRET"),
        lambda: es.UserId("SECRET\0"),
        lambda: es.UserId(["SECRET"]),
        lambda: es.Policy(attestation_wording=["SECRET"]),
        lambda: es.HostRule(code="NO", statement=["SECRET"], refuses=print),
        lambda: HostEnding(recipient=BEN, performed_by="admin", why="SECRET\n"),
        lambda: Withdrawal(exam=CT, performed_by="admin", why=["SECRET"]),
        *(partial(es.Study, **{**STUDY, field: [f"SECRET-{field}"]}) for field in STUDY),
    ],
)
def test_validation_errors_do_not_repeat_the_value(make):
    with pytest.raises((es.InvalidValue, es.WrongKind)) as caught:
        make()

    assert_silent(caught.value)


def test_answers_hide_private_text():
    world = planted()
    sharing, admin = world.sharing, world.sharing.admin
    answers = [
        world.share(BEN, KNEE, CARLA, message=MESSAGE, request_id="r", until=START + DAY),
        world.reasons(share_request(ANNA, KNEE, CARLA, message=MESSAGE + "\0")),
        sharing.preview(share_request(BEN, KNEE, CARLA, message=MESSAGE)),
        sharing.preview(share_request(BEN, KNEE, es.UserId("x"), message=MESSAGE)),
        sharing.share_form(ANNA, KNEE),
        sharing.access_list(ANNA, KNEE),
        sharing.graph(ANNA, KNEE),
        admin.graph(KNEE),
        sharing.visible_to(BEN),
        sharing.suggest(ANNA, KNEE, "ca"),
        sharing.recipients(ANNA, KNEE),
        world.narrow(ANNA, KNEE, BEN, permission=VIEW, reshares=es.Reshares.CASCADE),
        world.unshare(ANNA, KNEE, BEN, reshares=es.Reshares.CASCADE),
        *(
            admin.explain(es.UserId(user), permission, KNEE)
            for user in ("anna", "ben", "carla", "dan", "nobody")
            for permission in (VIEW, DOWNLOAD)
        ),
        admin.end_by_host(recipient=NURSES, performed_by="admin", why=WHY),
        admin.withdraw(KNEE, performed_by="admin", why=WHY),
    ]
    assert all(answers)
    assert_silent(answers)


def test_a_notice_carries_the_message_and_shows_neither_it_nor_an_address():
    world = planted()

    world.person(BEN, email="SECRET@example.org")
    world.share(ANNA, CT, BEN)
    notice = world.notifier.sent[0]

    assert notice.message == MESSAGE
    assert "SECRET" not in repr(world.notifier.sent)
    assert_silent(notice)
    assert_silent(pickled(notice))


def test_a_notice_that_waits_does_not_show_its_message():
    world = planted(notifier=FailingNotifier())

    assert len(world.store.outbox.waiting()) == 3
    assert_silent(world.store.outbox.waiting())


def test_a_message_is_kept_nowhere_once_it_was_sent():
    kept = pickle.dumps(everything_kept(planted()))

    assert b"SECRET-subject" in kept
    assert b"SECRET-message" not in kept


@pytest.mark.parametrize(
    ("settings", "more"), [({"sends_notices": False}, {}), ({}, {"request_id": "r"})]
)
def test_a_message_that_is_not_to_be_sent_or_sent_under_an_id_is_kept_nowhere(settings, more):
    world = World(**settings)
    world.share(ANNA, CT, BEN, message=MESSAGE, **more)

    assert b"SECRET" not in pickle.dumps(everything_kept(world))


def test_a_message_that_was_given_up_is_kept_nowhere():
    world = planted(notifier=FailingNotifier())
    assert b"SECRET-message" in pickle.dumps(everything_kept(world))
    for recipient in (BEN, NURSES):
        for exam in (KNEE, es.ExamId("hip")):
            world.unshare(ANNA, exam, recipient)

    assert world.sharing.admin.deliver_notices() == 0

    assert b"SECRET-message" not in pickle.dumps(everything_kept(world))


def test_nothing_kept_after_sending_depends_on_the_message():
    """A message can be guessed from whatever differs with it, a digest too."""

    def kept(message: str | None) -> object:
        world = World()
        request = share_request(ANNA, CT, BEN, message=message, request_id="r")
        world.sharing.share(request)
        world.reasons(attrs.evolve(request, attested=False, request_id="s"))
        (sent,) = world.notifier.sent
        assert sent.message == message
        *others, _ = world.state()
        return world.store.receipt(ANNA, "r"), world.store.events(), others

    assert kept(None) == kept("MRN 048213")


def everything_kept(world: World) -> dict[str, object]:
    """Return all that the store and its outbox have, down to their private attributes."""
    if not isinstance(world.store, MemoryStore):
        return stored_rows(world.store)

    def state_of(thing: object) -> dict[str, object]:
        left_out = {"_lock", "_turn", "_record"}
        return {name: each for name, each in vars(thing).items() if name not in left_out}

    store = state_of(world.store)
    ready = store.pop("ready_exams")
    store["outbox"] = state_of(world.store.outbox)
    store["accesses"] = state_of(world.store.accesses)
    store["exams"] = {name: (each.exam, each.sharing) for name, each in ready.items()}
    return store


def test_no_event_shows_a_subject_a_message_or_a_why():
    world = planted()
    world.reasons(share_request(ANNA, KNEE, es.UserId("nobody"), message=MESSAGE))
    world.share(BEN, KNEE, CARLA, message=MESSAGE)
    world.narrow(ANNA, KNEE, CARLA, until=START + DAY)
    world.unshare(ANNA, KNEE, NURSES)
    world.sharing.admin.end_by_host(recipient=CARLA, performed_by="admin", why=WHY)
    world.sharing.admin.withdraw(KNEE, performed_by="admin", why=WHY)
    events = world.store.events()

    assert len(events) == 7
    assert_silent(events)
    assert events[-1].request.why == WHY


def test_no_audit_event_of_fhir_shows_a_subject_a_message_a_why_or_a_name():
    world = planted()
    admin = world.sharing.admin
    world.person(BEN, name="SECRET-name", email="SECRET@example.org")
    world.reasons(share_request(ANNA, KNEE, es.UserId("nobody"), message=MESSAGE))
    world.sharing.record_access(BEN, KNEE, VIEW)
    world.narrow(ANNA, KNEE, BEN, permission=VIEW)
    admin.end_by_host(recipient=NURSES, performed_by="admin", why=WHY)
    admin.withdraw(KNEE, performed_by="admin", why=WHY)
    make = AuditEvents(
        system="https://portal.example", observer={"display": "Portal"}, address="portal.example"
    )

    entries = [*admin.history(exam=KNEE).items, *admin.history(user=BEN).items]
    accesses = admin.accesses(exams=[KNEE]).items
    resources = [each for entry in entries for each in make.of_entry(entry)]
    resources += map(make.of_access, accesses)

    assert {each["subtype"][-1]["code"] for each in resources} == {
        *("share", "narrow", "end-by-host", "withdraw", "change-user", "access")
    }
    assert "SECRET" not in json.dumps(resources, ensure_ascii=False)


def test_facts_of_the_hosts_own_are_not_shown():
    class Facts:
        def about(self, request, exams):
            return "SECRET-fact"

    shown = []

    def look(request, facts, host):
        shown.append(repr(facts))
        return False

    rule = es.HostRule(code="LOOK", statement="Looks.", refuses=look)
    world = planted(host_rules=[rule], host_facts=Facts())

    assert world.can_view(BEN, KNEE)
    assert shown
    assert "SECRET" not in "".join(shown)


def test_nothing_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    world = planted(notifier=FailingNotifier())
    world.reasons(share_request(ANNA, KNEE, es.UserId("nobody"), message=MESSAGE))
    world.sharing.admin.deliver_notices()

    assert "SECRET" not in caplog.text


def test_a_notifier_error_with_the_message_does_not_reach_the_actor():
    class Leaking(FailingNotifier):
        def send(self, notice):
            raise OSError(str(notice.message))

    world = World(notifier=Leaking())

    assert_silent(world.share(ANNA, CT, BEN, message=MESSAGE))
    assert world.sharing.admin.deliver_notices() == 0


def test_printing_the_parts_of_a_world_shows_nothing_private():
    world = planted(notifier=FailingNotifier())

    for part in (world.sharing, world.sharing.viewer(BEN), world.store, world.directory):
        assert "SECRET" not in repr(part)
        assert "SECRET" not in str(part)


def test_no_error_of_ours_repeats_private_text():
    world = planted()
    world.share(ANNA, KNEE, CARLA, message=MESSAGE, request_id="r")
    errors = []
    for act in (
        lambda: world.share(ANNA, KNEE, es.UserId("nobody"), message=MESSAGE),
        lambda: world.upload(es.BatchId("disc"), ANNA, KNEE, subject=SUBJECT),
        lambda: world.upload(es.BatchId("disc"), BEN, es.ExamId("new"), subject=SUBJECT),
        lambda: world.sharing.admin.withdraw(es.ExamId("none"), performed_by="admin", why=WHY),
        lambda: world.share(ANNA, KNEE, BEN, message="SECRET-other", request_id="r"),
        lambda: pickle.dumps((ASKED, lambda: None)),
    ):
        with pytest.raises(
            (es.ExamSharingError, TypeError, AttributeError, pickle.PicklingError)
        ) as caught:
            act()
        errors.append(caught.value)

    assert [type(each) for each in errors[:-1]] == [
        *(es.Refused, es.AlreadyExists, es.WrongBatch, es.Refused, es.RequestIdReused)
    ]
    assert_silent(errors)
