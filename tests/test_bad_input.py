"""Bad input has defined answers: a caller's error, a refusal, or a plain no."""

from contextlib import suppress
from datetime import datetime, timedelta, timezone

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import (
    AlreadyExists,
    BatchId,
    BatchSealed,
    CallerError,
    Denied,
    Exam,
    ExamId,
    ExamSharingError,
    Grant,
    GrantId,
    Group,
    GroupId,
    HostRule,
    InvalidValue,
    MembershipCycle,
    NarrowRequest,
    NoticeId,
    Permission,
    Policy,
    Reason,
    ReasonCode,
    RevokeRequest,
    ShareForm,
    ShareId,
    ShareRequest,
    StoreFailed,
    Study,
    UnshareRequest,
    UploadBatch,
    User,
    UserId,
    WrongBatch,
    WrongKind,
)
from exam_sharing.memory import MemoryDirectory, open_sharing
from world import (
    ANNA,
    BEN,
    CARLA,
    CD,
    CT,
    DAY,
    MR,
    NO_EXAM,
    NOBODY,
    NURSES,
    START,
    VIEW,
    World,
    codes,
    refusal,
    share_request,
)

pytestmark = pytest.mark.every_store

KINDS = [UserId, GroupId, ExamId, BatchId, GrantId, ShareId, NoticeId]
NAIVE = datetime(2030, 1, 2, 12)


def invalid(make):
    with pytest.raises(InvalidValue) as caught:
        make()
    return caught.value


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("until", lambda: share_request(ANNA, CT, BEN, until=NAIVE)),
        ("until", lambda: NarrowRequest(actor=ANNA, exam=CT, recipient=BEN, until=NAIVE)),
        (
            "uploaded_at",
            lambda: Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=NAIVE),
        ),
        ("received_at", lambda: UploadBatch(id=CD, uploader=ANNA, received_at=NAIVE)),
        ("until", lambda: evolve(a_grant(), until=NAIVE)),
        ("made_at", lambda: evolve(a_grant(), made_at=NAIVE)),
        ("clock", lambda: open_sharing(clock=lambda: NAIVE)),
    ],
    ids=["share", "narrow", "exam", "batch", "grant until", "grant made", "clock"],
)
def test_a_naive_datetime_is_a_callers_error(field, make):
    assert invalid(make).field == field


def a_grant():
    world = World()
    world.share(ANNA, CT, BEN)
    return world.grant_to(BEN)


@pytest.mark.parametrize("value", ["2030-01-01", 1_900_000_000, START.date()])
def test_a_value_other_than_a_datetime_is_of_the_wrong_kind(value):
    with pytest.raises(WrongKind):
        share_request(ANNA, CT, BEN, until=value)


def test_an_aware_datetime_of_any_zone_is_kept_in_utc():
    tokyo = timezone(timedelta(hours=9))

    request = share_request(ANNA, CT, BEN, until=datetime(2030, 1, 2, 21, tzinfo=tokyo))

    assert request.until == START + DAY
    assert request.until.utcoffset() == timedelta(0)


def test_a_time_outside_of_utc_is_a_callers_error():
    far_west = timezone(timedelta(hours=-12))

    error = invalid(
        lambda: share_request(ANNA, CT, BEN, until=datetime.max.replace(tzinfo=far_west))
    )

    assert "9999" in str(error)


def test_a_clock_that_turns_naive_later_never_lets_an_act_through():
    world = World()
    before = world.state()
    world.clock.now = NAIVE

    assert invalid(lambda: world.share(ANNA, CT, BEN)).field == "clock"
    assert world.state() == before


def test_a_clock_that_turns_naive_later_is_never_a_yes():
    world = World()
    world.share(ANNA, CT, BEN, until=START + DAY)
    world.clock.now = NAIVE

    with pytest.raises((ExamSharingError, TypeError)):
        world.can_view(BEN, CT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " ben",
        "ben ",
        "\u00a0ben",
        "ben\u2003",
        "b\0n",
        "be\nn",
        "b\x7fn",
        "b\x85n",
        "b\ud800n",
        "b\u202en",
        "\u200fben",
        "ben\u2066",
        "x" * 256,
    ],
    ids=ascii,
)
def test_an_invalid_id_is_a_callers_error_without_the_id(kind, text):
    error = invalid(lambda: kind(text))

    assert error.field == kind.__name__
    assert not text.strip() or text not in str(error)


BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
FINE = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=BIDI)


@given(
    text=st.text(FINE, min_size=1, max_size=9).filter(
        lambda text: not (text[0].isspace() or text[-1].isspace())
    )
)
def test_any_other_text_is_an_id_and_stays_unchanged(text):
    assert str(UserId(text)) == text


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_of_255_code_points_is_one(kind):
    assert str(kind("\U0001f600" * 255)) == "\U0001f600" * 255


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [None, 7, b"ben", BEN, ["ben"]], ids=repr)
def test_an_id_of_anything_but_text_is_of_the_wrong_kind(kind, value):
    with pytest.raises(WrongKind):
        kind(value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: share_request(NURSES, CT, BEN),
        lambda: share_request("anna", CT, BEN),
        lambda: share_request(ANNA, "ct", BEN),
        lambda: share_request(ANNA, BEN, BEN),
        lambda: share_request(ANNA, CT, "ben"),
        lambda: share_request(ANNA, CT, CT),
        lambda: ShareRequest(actor=ANNA, exam=CT, recipients="ben"),
        lambda: ShareRequest(actor=ANNA, exam=CT, recipients=BEN),
        lambda: ShareRequest(actor=ANNA, exam=CT, recipients=None),
        lambda: share_request(ANNA, CT, BEN, permission=1),
        lambda: share_request(ANNA, CT, BEN, permission="VIEW"),
        lambda: share_request(ANNA, CT, BEN, scope="BATCH"),
        lambda: share_request(ANNA, CT, BEN, attested=1),
        lambda: share_request(ANNA, CT, BEN, wording=7),
        lambda: share_request(ANNA, CT, BEN, message=b"bytes"),
        lambda: share_request(ANNA, CT, BEN, expect="ct"),
        lambda: share_request(ANNA, CT, BEN, expect=["ct"]),
        lambda: share_request(ANNA, CT, BEN, performed_by=NURSES),
        lambda: share_request(ANNA, CT, BEN, request_id=7),
        lambda: UnshareRequest(actor=NURSES, exam=CT, recipient=BEN),
        lambda: UnshareRequest(actor=ANNA, exam="ct", recipient=BEN),
        lambda: UnshareRequest(actor=ANNA, exam=CT, recipient="ben"),
        lambda: UnshareRequest(actor=ANNA, exam=CT, recipient=BEN, reshares="CASCADE"),
        lambda: NarrowRequest(actor=NURSES, exam=CT, recipient=BEN, permission=VIEW),
        lambda: NarrowRequest(actor=ANNA, exam=CT, recipient=BEN, permission=1),
        lambda: RevokeRequest(actor=NURSES, grant=GrantId("g")),
        lambda: RevokeRequest(actor=ANNA, grant="g"),
        lambda: RevokeRequest(actor=ANNA, grant=GrantId("g"), performed_by=NURSES),
        lambda: RevokeRequest(actor=ANNA, grant=GrantId("g"), request_id=7),
        lambda: User(id=NURSES, name="Ben"),
        lambda: User(id=BEN, name=None),
        lambda: User(id=BEN, name="Ben", active=None),
        lambda: Group(id=BEN, name="Nurses"),
        lambda: Group(id=NURSES, name="Nurses", members=["ben"]),
        lambda: Exam(id=CT, owner=NURSES, batch=CD, uploaded_at=START),
        lambda: Exam(id=CT, owner=ANNA, batch=CT, uploaded_at=START),
        lambda: Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=START, subject=7),
        lambda: UploadBatch(id=CT, uploader=ANNA, received_at=START),
        lambda: Study(study_instance_uid="1.2", study_date="2030-01-01"),
    ],
)
def test_a_value_of_another_kind_shows_when_the_value_is_made(make):
    with pytest.raises(WrongKind):
        make()


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: s.can("ben", VIEW, CT),
        lambda s: s.can(NURSES, VIEW, CT),
        lambda s: s.can(BEN, VIEW, "ct"),
        lambda s: s.can(BEN, VIEW, BEN),
        lambda s: s.can(BEN, 1, CT),
        lambda s: s.can(BEN, "VIEW", CT),
        lambda s: s.can_many(BEN, VIEW, "ct"),
        lambda s: s.can_many(BEN, VIEW, ["ct"]),
        lambda s: s.can_many(BEN, VIEW, CT),
        lambda s: s.can_many(BEN, 1, [CT]),
        lambda s: s.admin.explain(NURSES, VIEW, CT),
        lambda s: s.admin.explain(BEN, VIEW, BEN),
        lambda s: s.admin.who_can("VIEW", CT),
        lambda s: s.admin.who_can(VIEW, BEN),
        lambda s: s.viewer("ben"),
        lambda s: s.viewer(NURSES),
        lambda s: s.share_form(NURSES, CT),
        lambda s: s.share_form(ANNA, BEN),
        lambda s: s.tabs(NURSES, CT),
        lambda s: s.tabs(BEN, "ct"),
        lambda s: s.access_list(NURSES, CT),
        lambda s: s.access_list(BEN, None),
        lambda s: s.suggest(NURSES, CT, "ca"),
        lambda s: s.suggest(ANNA, "ct", "ca"),
        lambda s: s.suggest(ANNA, CT, None),
        lambda s: s.suggest(ANNA, CT, "ca", limit="10"),
        lambda s: s.recipients(NURSES, CT),
        lambda s: s.recipients(ANNA, "ct"),
        lambda s: s.recipients(ANNA, CT, after=7),
        lambda s: s.recipients(ANNA, CT, limit=None),
        lambda s: s.shared_with(NURSES),
        lambda s: s.shared_with(BEN, after=7),
        lambda s: s.visible_to("ben"),
        lambda s: s.visible_to(BEN, limit=1.5),
        lambda s: s.share(UnshareRequest(actor=ANNA, exam=CT, recipient=BEN)),
        lambda s: s.share(None),
        lambda s: s.unshare(share_request(ANNA, CT, BEN)),
        lambda s: s.narrow(share_request(ANNA, CT, BEN)),
        lambda s: s.preview("share"),
        lambda s: s.revoke(UnshareRequest(actor=ANNA, exam=CT, recipient=BEN)),
        lambda s: s.revoke(GrantId("g")),
        lambda s: s.admin.end_by_host(recipient="ben", performed_by="admin", why="left"),
        lambda s: s.admin.end_by_host(recipient=BEN, exam="ct", performed_by="admin", why="left"),
        lambda s: s.admin.end_by_host(recipient=BEN, performed_by=None, why="left"),
        lambda s: s.admin.end_by_host(recipient=BEN, performed_by=NURSES, why="left"),
        lambda s: s.admin.end_by_host(recipient=BEN, performed_by="admin", why=None),
        lambda s: s.admin.withdraw("ct", performed_by="admin", why="wrong"),
        lambda s: s.admin.withdraw(CT, performed_by=None, why="wrong"),
        lambda s: s.add_upload(CD, []),
        lambda s: s.add_upload(UploadBatch(id=CD, uploader=ANNA, received_at=START), [CT]),
        lambda s: s.add_upload(UploadBatch(id=CD, uploader=ANNA, received_at=START), None),
    ],
)
def test_a_question_with_a_value_of_another_kind_is_a_callers_error(ask):
    with pytest.raises(WrongKind):
        ask(World().sharing)


@pytest.mark.parametrize("actor", [NOBODY, CARLA], ids=["unknown", "inactive"])
def test_an_actor_who_is_unknown_or_inactive_sees_and_does_nothing(actor):
    world = World()
    world.share(ANNA, CT, CARLA)
    world.person(CARLA, active=False)
    sharing = world.sharing

    assert not sharing.can(actor, VIEW, CT)
    assert sharing.can_many(actor, VIEW, [CT, MR]) == frozenset()
    assert sharing.tabs(actor, CT) == frozenset()
    assert sharing.share_form(actor, CT) == ShareForm()
    assert sharing.suggest(actor, CT, "ben") == ()
    assert sharing.recipients(actor, CT).items == ()
    assert sharing.visible_to(actor).items == ()
    assert sharing.shared_with(actor).items == ()
    assert isinstance(sharing.admin.explain(actor, VIEW, CT), Denied)
    for reasons in (
        refusal(sharing.access_list, actor, CT),
        refusal(world.share, actor, CT, BEN),
        refusal(world.unshare, actor, CT, BEN),
        refusal(world.narrow, actor, CT, BEN, permission=VIEW),
    ):
        assert codes(reasons) == [ReasonCode.EXAM_NOT_FOUND]


@pytest.mark.parametrize(
    ("user", "exam"), [(NOBODY, CT), (BEN, NO_EXAM), (NOBODY, NO_EXAM)], ids=str
)
def test_whatever_is_unknown_is_a_plain_no(user, exam):
    sharing = World().sharing

    assert not sharing.can(user, VIEW, exam)
    assert sharing.can_many(user, VIEW, [exam]) == frozenset()
    assert sharing.tabs(user, exam) == frozenset()


def test_a_cycle_through_later_members_is_found_when_it_closes():
    directory = MemoryDirectory()
    a, b, c = map(GroupId, "abc")
    directory.add(Group(id=a, name="A", members={b}))
    directory.add(Group(id=b, name="B", members={c}))

    with pytest.raises(MembershipCycle):
        directory.add(Group(id=c, name="C", members={a}))


def test_a_group_and_a_user_of_the_same_string_make_no_cycle():
    world = World()
    group = GroupId("ben")

    world.group(group, BEN)
    world.share(ANNA, CT, group)

    assert world.can_view(BEN, CT)


def test_settings_of_a_user_cannot_be_given_for_a_group():
    with pytest.raises(InvalidValue):
        MemoryDirectory().add(Group(id=NURSES, name="Nurses"), notices=False)


DISC = UploadBatch(id=BatchId("disc"), uploader=ANNA, received_at=START)


def exam_of(batch, name, owner=ANNA):
    return Exam(id=ExamId(name), owner=owner, batch=batch, uploaded_at=START)


def test_a_batch_whose_exams_name_another_batch_is_refused_whole():
    world = World()

    with pytest.raises(WrongBatch) as caught:
        world.sharing.add_upload(DISC, [exam_of(DISC.id, "a"), exam_of(CD, "b")])

    assert caught.value.batch == "disc"
    assert world.store.batch(DISC.id) is None
    assert world.store.find((ExamId("a"), ExamId("b"))) == ()


def test_the_same_exam_twice_in_one_upload_is_refused_whole():
    world = World()

    with pytest.raises(AlreadyExists) as caught:
        world.sharing.add_upload(DISC, [exam_of(DISC.id, "a"), exam_of(DISC.id, "a")])

    assert (caught.value.kind, caught.value.identifier) == ("exam", "a")
    assert world.store.find((ExamId("a"),)) == ()


def test_a_withdrawn_exam_cannot_be_added_again():
    world = World()
    world.sharing.admin.withdraw(CT, performed_by="admin", why="wrong patient")

    with pytest.raises(AlreadyExists):
        world.sharing.add_upload(DISC, [exam_of(DISC.id, "ct")])


def test_a_sealed_batch_cannot_be_opened_again():
    world = World()
    world.sharing.add_upload(evolve(DISC, sealed=True), [])

    with pytest.raises(BatchSealed):
        world.sharing.add_upload(DISC, [])


def test_sealing_a_sealed_batch_is_nothing():
    world = World()
    world.sharing.add_upload(evolve(DISC, sealed=True), [])

    world.sharing.add_upload(evolve(DISC, sealed=True), [])


def test_a_known_batch_with_other_details_is_refused():
    world = World()
    world.sharing.add_upload(DISC, [])

    with pytest.raises(WrongBatch):
        world.sharing.add_upload(evolve(DISC, uploader=BEN), [])


def test_an_upload_without_exams_is_one():
    world = World()

    world.sharing.add_upload(DISC, [])

    assert world.store.batch(DISC.id) == DISC


def test_recipients_in_the_thousands_are_too_many():
    crowd = [UserId(f"user{n}") for n in range(5_000)]
    world = World()

    reasons = world.reasons(share_request(ANNA, CT, *crowd))

    assert Reason(code=ReasonCode.TOO_MANY, limited="recipients", limit=100) in reasons
    assert Reason(code=ReasonCode.RECIPIENT_NOT_FOUND, principals=tuple(crowd)) in reasons


@pytest.mark.memory_only("a thousand notices, each sent by itself, take long in a database")
def test_recipients_in_the_thousands_are_fine_where_the_policy_allows_them():
    crowd = [UserId(f"user{n}") for n in range(1_000)]
    world = World(max_recipients=None)
    for user in crowd:
        world.person(user)

    receipt = world.share(ANNA, CT, *crowd)

    assert len(receipt.outcomes) == len(world.told()) == 1_000


def test_a_message_of_a_megabyte_is_refused_and_kept_nowhere():
    world = World()

    reasons = world.reasons(share_request(ANNA, CT, BEN, message="x" * 1_000_000))

    assert reasons == (Reason(code=ReasonCode.MESSAGE_NOT_ALLOWED, limit=2_000),)
    assert "xxx" not in "".join(map(str, world.store.events()))


def test_a_latin_name_and_its_cyrillic_look_alike_are_two_principals():
    world = World()
    look_alike = UserId("bеn")
    world.person(look_alike, name="Bеn")
    world.share(ANNA, CT, BEN)

    assert not world.can_view(look_alike, CT)
    assert [each.principal for each in world.sharing.suggest(ANNA, CT, "Ben")] == [BEN]
    assert [each.principal for each in world.sharing.suggest(ANNA, CT, "Bеn")] == [look_alike]


@pytest.mark.parametrize(
    ("one", "other"), [("é", "e\u0301"), ("a", "A"), ("Å", "\u212b")], ids=ascii
)
def test_ids_are_compared_code_point_by_code_point(one, other):
    world = World()
    world.person(UserId(one))
    world.person(UserId(other))
    world.share(ANNA, CT, UserId(one))

    assert world.can_view(UserId(one), CT)
    assert not world.can_view(UserId(other), CT)


@pytest.mark.parametrize("name", ["b\0n", "b\u202en", "b\ud800n", "x" * 501], ids=ascii)
def test_a_misleading_name_is_a_callers_error(name):
    assert invalid(lambda: User(id=BEN, name=name)).field == "name"
    assert invalid(lambda: Group(id=NURSES, name=name)).field == "name"


@pytest.mark.parametrize(
    "email",
    ["", "ben", "@host", "ben@", "b@x, c@y", "b@x;c@y", "ben@x\n", "<b@x>", "b @x", "x" * 255],
    ids=ascii,
)
def test_an_invalid_address_is_a_callers_error(email):
    assert invalid(lambda: User(id=BEN, name="Ben", email=email)).field == "email"


@pytest.mark.parametrize("request_id", ["", " x", "a\0b", "x" * 256], ids=ascii)
def test_an_invalid_request_id_is_a_callers_error(request_id):
    assert invalid(lambda: share_request(ANNA, CT, BEN, request_id=request_id)).field == (
        "request_id"
    )


CURSORS = [
    "",
    "nonsense",
    "!!!",
    "é",
    "\ud800",
    "bnVsbA==",
    "W10=",
    "WzEsMl0=",
    "WyJhIl0=",
    "[" * 9_000,
]


@pytest.mark.parametrize("cursor", CURSORS, ids=lambda cursor: ascii(cursor[:9]))
@pytest.mark.parametrize("page", ["recipients", "shared_with", "visible_to"])
def test_an_invalid_cursor_is_a_callers_error(page, cursor):
    sharing = World().sharing
    ask = {
        "recipients": lambda: sharing.recipients(ANNA, CT, after=cursor),
        "shared_with": lambda: sharing.shared_with(BEN, after=cursor),
        "visible_to": lambda: sharing.visible_to(BEN, after=cursor),
    }

    assert invalid(ask[page]).field == "after"


def test_a_cursor_of_another_list_is_a_callers_error():
    world = World()
    cursor = world.sharing.recipients(ANNA, CT, limit=1).next

    assert invalid(lambda: world.sharing.visible_to(ANNA, after=cursor)).field == "after"


@given(cursor=st.text() | st.from_regex(r"[A-Za-z0-9_-]*={0,2}", fullmatch=True))
def test_no_cursor_breaks_a_list(cursor):
    sharing = World().sharing
    for page in (
        lambda: sharing.recipients(ANNA, CT, after=cursor),
        lambda: sharing.visible_to(ANNA, after=cursor),
    ):
        with suppress(InvalidValue):
            page()


@pytest.mark.parametrize("limit", [0, -1, 1_001, True, 10**30], ids=repr)
@pytest.mark.parametrize("user", [ANNA, BEN, NOBODY], ids=str)
def test_an_invalid_limit_is_a_callers_error(user, limit):
    sharing = World().sharing
    for page in (
        lambda: sharing.recipients(user, CT, limit=limit),
        lambda: sharing.suggest(user, CT, "ben", limit=limit),
        lambda: sharing.shared_with(user, limit=limit),
        lambda: sharing.visible_to(user, limit=limit),
    ):
        assert invalid(page).field == "limit"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("attestation_wording", None),
        ("max_recipients", 0),
        ("max_recipients", "many"),
        ("max_recipients", True),
        ("max_exams", -1),
        ("max_people", 1.5),
        ("max_duration", timedelta(0)),
        ("max_duration", -DAY),
        ("max_duration", 30),
        ("message_limit", 0),
        ("message_limit", None),
        ("sends_notices", 1),
        ("reshares", "KEEP"),
        ("only_owner_readmits", None),
        ("batches_across_subjects", "no"),
        ("access_list", "EVERYONE"),
        ("suggestion_min_length", 0),
        ("suggestion_limit", None),
        ("whole_names_only", None),
        ("host_rules", [print]),
        ("host_rules", None),
    ],
)
def test_an_invalid_policy_is_a_callers_error(setting, value):
    with pytest.raises(CallerError) as caught:
        Policy(**{setting: value})

    assert setting in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [{"code": ""}, {"code": None}, {"statement": None}, {"refuses": None}], ids=repr
)
def test_an_invalid_host_rule_is_a_callers_error(wrong):
    with pytest.raises(CallerError):
        HostRule(**{"code": "NO", "statement": "No.", "refuses": lambda *_: True, **wrong})


def test_a_policy_of_another_kind_is_a_callers_error():
    with pytest.raises(WrongKind):
        open_sharing(policy={"max_people": 1})


@pytest.mark.parametrize("version", [0, -1, True, "1"])
def test_an_invalid_version_is_a_callers_error(version):
    with pytest.raises(CallerError):
        evolve(a_grant(), version=version)


def test_a_grant_without_a_basis_is_a_callers_error():
    assert invalid(lambda: evolve(a_grant(), basis=[])).field == "basis"


@pytest.mark.parametrize("field", ["basis", "lines"])
def test_a_grant_that_names_others_by_strings_is_a_callers_error(field):
    with pytest.raises(WrongKind) as caught:
        evolve(a_grant(), **{field: ["g1"]})

    assert caught.value.field == field


def repeating(*ids):
    """Return a world where `new_id` repeats itself."""
    world = World()
    remaining = list(ids)
    world.sharing._new_id = lambda: remaining.pop(0)
    return world


def test_a_repeated_id_of_new_id_is_a_store_failure_and_changes_nothing():
    world = repeating("same", "same")
    world.share(ANNA, CT, BEN)
    before = world.state()

    with pytest.raises(StoreFailed):
        world.share(ANNA, CT, CARLA)

    assert world.state() == before


def test_a_narrowing_under_a_repeated_id_makes_grants_with_new_ids():
    world = repeating("same", "same")
    world.share(ANNA, CT, BEN, permission=Permission.DOWNLOAD)

    receipt = world.narrow(ANNA, CT, BEN, permission=VIEW)

    assert {each.id for each in receipt.replacements}.isdisjoint(each.id for each in receipt.ended)
    assert world.can_view(BEN, CT)
    assert not world.can_download(BEN, CT)


@pytest.mark.parametrize("bad", ["", "x\0", " ", "x" * 235, 7, None], ids=lambda it: repr(it)[:9])
def test_an_invalid_id_of_new_id_is_a_callers_error_and_changes_nothing(bad):
    world = repeating(bad)
    before = world.state()

    with pytest.raises(CallerError):
        world.share(ANNA, CT, BEN)

    assert world.state() == before


def test_the_longest_id_of_new_id_fits_into_every_derived_id():
    world = repeating("x" * 234)
    world.share(ANNA, CT, BEN)
    assert world.can_view(BEN, CT)


@pytest.mark.parametrize("why", ["a\nb", "x" * 2_001, "\u202e"], ids=["lines", "long", "bidi"])
def test_a_why_of_several_lines_is_a_callers_error(why):
    world = World()

    assert invalid(
        lambda: world.sharing.admin.withdraw(CT, performed_by="admin", why=why)
    ).field == ("why")
    assert world.can_view(ANNA, CT)


def test_a_typed_text_of_a_megabyte_suggests_nobody():
    assert World().sharing.suggest(ANNA, CT, "x" * 1_000_000) == ()


@given(text=st.text(st.characters(exclude_categories=()), max_size=5))
def test_any_typed_text_has_an_answer(text):
    assert isinstance(World().sharing.suggest(ANNA, CT, text), tuple)


def test_a_grant_of_another_kind_of_recipient_is_a_callers_error():
    with pytest.raises(WrongKind):
        Grant(
            id=GrantId("g"),
            exam=CT,
            grantor=ANNA,
            recipient=CT,
            permission=VIEW,
            version=1,
            basis=[GrantId("h")],
            share=ShareId("s"),
            made_at=START,
        )
