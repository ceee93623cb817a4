"""No patient data and no message in output. Specification: `#no-patient-data`.

Secrets are planted wherever the package takes patient data or free text. Then everything that
comes out is searched: values, all that can be reached from them, what they print as, and errors.
"""

import copy
import logging
import pickle
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from enum import Enum
from typing import Any

import attrs
import pytest

from exam_sharing import (
    BatchId,
    CallerError,
    Exam,
    ExamId,
    ExamSharingError,
    HostRule,
    InvalidValue,
    NarrowRequest,
    Policy,
    RequestIdReused,
    Reshares,
    Scope,
    ShareRequest,
    Study,
    UnshareRequest,
    User,
    UserId,
    WrongKind,
)
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
    world.upload(BatchId("disc"), ANNA, ExamId("knee"), ExamId("hip"), subject=SUBJECT)
    world.share(ANNA, KNEE, BEN, NURSES, permission=DOWNLOAD, message=MESSAGE, scope=Scope.BATCH)
    return world


KNEE = ExamId("knee")


def test_the_search_finds_unhidden_text():
    with pytest.raises(AssertionError):
        assert_silent([{"to": ("SECRET",)}])
    with pytest.raises(AssertionError):
        assert_silent(User(id=BEN, name="SECRET"))


def test_an_exam_does_not_show_its_subject():
    assert_silent(Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=START, subject=SUBJECT))


def test_a_subject_is_compared():
    exam = Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=START, subject=SUBJECT)

    assert exam.subject == SUBJECT
    assert exam == attrs.evolve(exam, subject=SUBJECT)
    assert exam != attrs.evolve(exam, subject="another")


def test_a_study_shows_nothing_but_by_the_name_of_a_field():
    study = Study(**STUDY, study_date=date(1999, 12, 31))

    assert_silent(study)
    assert "1999" not in repr(study)
    assert study.patient_name == "SECRET-name"
    assert not attrs.has(Study)
    with pytest.raises(TypeError):
        vars(study)


def test_a_study_is_still_silent_after_pickling_and_copying():
    study = Study(**STUDY)

    for again in (pickled(study), copy.copy(study), copy.deepcopy(study)):
        assert again == study
        assert_silent(again)


@pytest.mark.parametrize("field", STUDY)
def test_a_study_with_a_field_of_another_kind_does_not_repeat_it(field):
    with pytest.raises(CallerError) as caught:
        Study(**{**STUDY, field: [f"SECRET-{field}"]})

    assert_silent(caught.value)


def test_changing_a_study_raises_without_its_data():
    study = Study(**STUDY)

    for change in (
        lambda: setattr(study, "patient_name", "SECRET-other"),
        lambda: delattr(study, "patient_name"),
    ):
        with pytest.raises(AttributeError) as caught:
            change()
        assert_silent(caught.value)
    assert study.patient_name == "SECRET-name"


def test_a_request_does_not_show_its_message():
    request = share_request(ANNA, CT, BEN, message=MESSAGE)

    assert request.message == MESSAGE
    assert_silent(request)
    assert_silent(attrs.evolve(request, permission=DOWNLOAD))
    assert_silent(pickled(request))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ShareRequest(actor="SECRET", exam=CT, recipients=(BEN,)),
        lambda: ShareRequest(actor=ANNA, exam="SECRET", recipients=(BEN,)),
        lambda: ShareRequest(actor=ANNA, exam=CT, recipients="SECRET"),
        lambda: ShareRequest(actor=ANNA, exam=CT, recipients=("SECRET",)),
        lambda: share_request(ANNA, CT, BEN, until="SECRET"),
        lambda: share_request(ANNA, CT, BEN, message=["SECRET"]),
        lambda: share_request(ANNA, CT, BEN, message=b"SECRET"),
        lambda: share_request(ANNA, CT, BEN, wording=["SECRET"]),
        lambda: share_request(ANNA, CT, BEN, expect=["SECRET"]),
        lambda: share_request(ANNA, CT, BEN, permission="SECRET"),
        lambda: share_request(ANNA, CT, BEN, scope="SECRET"),
        lambda: share_request(ANNA, CT, BEN, attested="SECRET"),
        lambda: share_request(ANNA, CT, BEN, request_id="SECRET\0"),
        lambda: share_request(ANNA, CT, BEN, performed_by="SECRET\0"),
        lambda: NarrowRequest(actor=ANNA, exam=CT, recipient=BEN, until="SECRET"),
        lambda: UnshareRequest(actor=ANNA, exam=CT, recipient=BEN, reshares="SECRET"),
        lambda: Exam(id=CT, owner=ANNA, batch=CD, uploaded_at="SECRET", subject=SUBJECT),
        lambda: Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=START, subject=["SECRET"]),
        lambda: User(id=BEN, name="SECRET\0"),
        lambda: User(id=BEN, name="Ben", email="SECRET"),
        lambda: UserId("SECRET\0"),
        lambda: UserId(["SECRET"]),
        lambda: Policy(attestation_wording=["SECRET"]),
        lambda: HostRule(code="NO", statement=["SECRET"], refuses=print),
        lambda: HostEnding(recipient=BEN, performed_by="admin", why="SECRET\n"),
        lambda: Withdrawal(exam=CT, performed_by="admin", why=["SECRET"]),
    ],
)
def test_validation_errors_do_not_repeat_the_value(make):
    with pytest.raises((InvalidValue, WrongKind)) as caught:
        make()

    assert_silent(caught.value)


def test_a_message_that_is_not_allowed_is_not_repeated():
    world = planted()

    reasons = world.reasons(share_request(ANNA, KNEE, CARLA, message=MESSAGE + "\0"))

    assert reasons
    assert_silent(reasons)


def test_a_request_under_a_used_id_is_refused_without_repeating_either():
    world = planted()
    world.share(ANNA, KNEE, CARLA, message=MESSAGE, request_id="r")

    with pytest.raises(RequestIdReused) as caught:
        world.share(ANNA, KNEE, BEN, message="SECRET-other", request_id="r")

    assert_silent(caught.value)


def test_receipts_previews_and_views_hide_private_text():
    world = planted()
    sharing = world.sharing

    assert_silent(world.share(BEN, KNEE, CARLA, message=MESSAGE, request_id="r"))
    assert_silent(sharing.preview(share_request(BEN, KNEE, CARLA, message=MESSAGE)))
    assert_silent(sharing.preview(share_request(BEN, KNEE, UserId("x"), message=MESSAGE)))
    assert_silent(sharing.share_form(ANNA, KNEE))
    assert_silent(sharing.access_list(ANNA, KNEE))
    assert_silent(sharing.visible_to(BEN))
    assert_silent(sharing.suggest(ANNA, KNEE, "ca"))
    assert_silent(sharing.recipients(ANNA, KNEE))
    assert_silent(world.narrow(ANNA, KNEE, BEN, permission=VIEW, reshares=Reshares.CASCADE))
    assert_silent(world.unshare(ANNA, KNEE, BEN, reshares=Reshares.CASCADE))


def test_explanations_hide_private_text():
    world = planted()
    world.share(BEN, KNEE, CARLA, until=START + DAY)
    world.unshare(ANNA, KNEE, BEN)

    for user in (ANNA, BEN, CARLA, UserId("dan"), UserId("nobody")):
        for permission in (VIEW, DOWNLOAD):
            assert_silent(world.sharing.admin.explain(user, permission, KNEE))


def test_a_notice_carries_the_message_and_does_not_show_it():
    world = planted()

    (notice, *_) = world.notifier.sent

    assert notice.message == MESSAGE
    assert_silent(notice)
    assert_silent(pickled(notice))


def test_a_notice_does_not_show_an_address():
    world = World()
    world.person(BEN, email="SECRET@example.org")
    world.share(ANNA, CT, BEN)

    assert "SECRET" not in repr(world.notifier.sent)


def test_a_notice_that_waits_does_not_show_its_message():
    world = planted(notifier=FailingNotifier())

    assert len(world.store.outbox.waiting()) == 3
    assert_silent(world.store.outbox.waiting())


def test_a_message_is_kept_nowhere_once_it_was_sent():
    world = planted()

    kept = pickle.dumps(everything_kept(world))

    assert b"SECRET-subject" in kept
    assert b"SECRET-message" not in kept


def test_a_message_that_is_not_to_be_sent_is_kept_nowhere():
    world = planted(sends_notices=False)

    assert b"SECRET-message" not in pickle.dumps(everything_kept(world))


def test_a_message_that_was_given_up_is_kept_nowhere():
    world = planted(notifier=FailingNotifier())
    assert b"SECRET-message" in pickle.dumps(everything_kept(world))
    for recipient in (BEN, NURSES):
        for exam in (KNEE, ExamId("hip")):
            world.unshare(ANNA, exam, recipient)

    assert world.sharing.admin.deliver_notices() == 0

    assert b"SECRET-message" not in pickle.dumps(everything_kept(world))


def test_a_message_under_a_request_id_is_kept_nowhere():
    world = World()
    world.share(ANNA, CT, BEN, message=MESSAGE, request_id="r")

    assert b"SECRET" not in pickle.dumps(everything_kept(world))


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
        locks = {"_lock", "_turn"}
        return {name: each for name, each in vars(thing).items() if name not in locks}

    store = state_of(world.store)
    ready = store.pop("_ready")
    store["outbox"] = state_of(world.store.outbox)
    store["exams"] = {name: (each.exam, each.sharing) for name, each in ready.items()}
    return store


def test_no_event_shows_a_subject_a_message_or_a_why():
    world = planted()
    world.reasons(share_request(ANNA, KNEE, UserId("nobody"), message=MESSAGE))
    world.share(BEN, KNEE, CARLA, message=MESSAGE)
    world.narrow(ANNA, KNEE, CARLA, until=START + DAY)
    world.unshare(ANNA, KNEE, NURSES)
    world.sharing.admin.end_by_host(recipient=CARLA, performed_by="admin", why=WHY)
    world.sharing.admin.withdraw(KNEE, performed_by="admin", why=WHY)
    events = world.store.events()

    assert len(events) == 7
    assert_silent(events)
    assert events[-1].request.why == WHY


def test_the_receipts_of_the_host_do_not_show_a_why():
    world = planted()

    assert_silent(world.sharing.admin.end_by_host(recipient=BEN, performed_by="admin", why=WHY))
    assert_silent(world.sharing.admin.withdraw(KNEE, performed_by="admin", why=WHY))


def test_facts_of_the_hosts_own_are_not_shown():
    class Facts:
        def about(self, request, exams):
            return "SECRET-fact"

    shown = []

    def look(request, facts, host):
        shown.append(repr(facts))
        return False

    rule = HostRule(code="LOOK", statement="Looks.", refuses=look)
    world = planted(host_rules=[rule], host_facts=Facts())

    assert world.can_view(BEN, KNEE)
    assert shown
    assert "SECRET" not in "".join(shown)


def test_nothing_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    world = planted(notifier=FailingNotifier())
    world.reasons(share_request(ANNA, KNEE, UserId("nobody"), message=MESSAGE))
    world.sharing.admin.deliver_notices()

    assert "SECRET" not in caplog.text


def test_a_notifier_error_with_the_message_does_not_reach_the_actor():
    class Leaking(FailingNotifier):
        def send(self, notice):
            raise OSError(str(notice.message))

    world = World(notifier=Leaking())

    assert_silent(world.share(ANNA, CT, BEN, message=MESSAGE))
    assert world.sharing.admin.deliver_notices() == 0


def test_pickling_errors_hide_private_text():
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as caught:
        pickle.dumps((share_request(ANNA, CT, BEN, message=MESSAGE), lambda: None))

    assert "SECRET" not in str(caught.value)


def test_printing_the_parts_of_a_world_shows_nothing_private():
    world = planted(notifier=FailingNotifier())

    for part in (world.sharing, world.sharing.viewer(BEN), world.store, world.directory):
        assert "SECRET" not in repr(part)
        assert "SECRET" not in str(part)


def test_no_error_of_ours_repeats_private_text():
    world = planted()
    errors = []
    for act in (
        lambda: world.share(ANNA, KNEE, UserId("nobody"), message=MESSAGE),
        lambda: world.upload(BatchId("disc"), ANNA, KNEE, subject=SUBJECT),
        lambda: world.upload(BatchId("disc"), BEN, ExamId("new"), subject=SUBJECT),
        lambda: world.sharing.admin.withdraw(ExamId("none"), performed_by="admin", why=WHY),
    ):
        with pytest.raises(ExamSharingError) as caught:
            act()
        errors.append(caught.value)

    assert len(errors) == 4
    assert_silent(errors)
