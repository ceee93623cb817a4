"""Texts, times, people and uploads; and what is drawn by its type."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import exam_sharing as es
from exam_sharing.grants import Holding
from exam_sharing.history import NameReplaced
from exam_sharing.memory import MemoryDirectory
from exam_sharing.policy.requests import AccessPurge, HostEnding, Withdrawal
from exam_sharing.principals import MAX_ADDRESS_LENGTH
from exam_sharing.testing.edges import HOSTILE, START, TICK
from exam_sharing.validation import BIDI_CONTROLS, MAX_IDENTIFIER_LENGTH

T = TypeVar("T")

_PRINTABLE: Final = st.characters(
    exclude_categories=("Cc", "Cs"), exclude_characters="".join(sorted(BIDI_CONTROLS))
)
_GIVEN_NAMES: Final = ("Anna", "Ben", "Carla", "Émile", "José María", "O'Neil", "Łucja", "Bo")
_FAMILY_NAMES: Final = ("Lindqvist", "Okoye", "Reyes-Ortiz", "d'Arcy", "Ng", "Straße", "Ånes")

# A time within a day of the first or the last datetime may not exist in UTC.
_EARLIEST: Final = datetime(1, 1, 3)  # noqa: DTZ001  zones are drawn separately
_LATEST: Final = datetime(9999, 12, 29)  # noqa: DTZ001
_ZONES: Final = st.just(UTC) | st.builds(
    lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-14 * 60, 14 * 60)
)


def identifiers() -> SearchStrategy[str]:
    """Draw strings that are valid in every identifier: plain, hostile, and arbitrary ones."""
    arbitrary = st.text(_PRINTABLE, min_size=1, max_size=MAX_IDENTIFIER_LENGTH)
    stripped = arbitrary.map(str.strip).filter(bool)
    plain = st.sampled_from(("anna", "ben", "ct", "ward 3", "1"))
    return plain | st.sampled_from(HOSTILE) | stripped


def names() -> SearchStrategy[str]:
    """Draw names of users and groups: likely ones, and arbitrary lines of text."""
    usual = st.builds("{} {}".format, st.sampled_from(_GIVEN_NAMES), st.sampled_from(_FAMILY_NAMES))
    return usual | st.text(_PRINTABLE, max_size=40)


def addresses() -> SearchStrategy[str]:
    """Draw e-mail addresses at hosts that are reserved for examples."""
    local = st.from_regex(r"[a-z0-9][a-z0-9.+_'-]{0,20}", fullmatch=True)
    host = st.sampled_from(("example.org", "clinic.example", "xn--klinik-3ya.example"))
    return st.builds("{}@{}".format, local, host).filter(lambda a: len(a) <= MAX_ADDRESS_LENGTH)


def messages() -> SearchStrategy[str]:
    """Draw personal messages that the default policy allows, some of several lines."""
    return st.text(_PRINTABLE | st.sampled_from("\n\t"), min_size=1, max_size=200)


def times() -> SearchStrategy[datetime]:
    """Draw aware times in any century and zone that exist in UTC too."""
    return st.datetimes(_EARLIEST, _LATEST, timezones=_ZONES)


def durations() -> SearchStrategy[timedelta]:
    """Draw positive durations: a microsecond, some minutes, days, or a year."""
    return (
        st.integers(1, 60).map(lambda n: timedelta(minutes=n))
        | st.integers(1, 366).map(lambda n: timedelta(days=n))
        | st.just(TICK)
    )


def times_around() -> SearchStrategy[datetime]:
    """Draw the time at which worlds start, the microseconds beside it, and other times."""
    return st.builds(
        lambda by, before: START - by if before else START + by,
        st.just(timedelta(0)) | st.just(TICK) | durations(),
        st.booleans(),
    )


_IDS: Final[Mapping[Any, SearchStrategy[Any]]] = {
    kind: st.builds(kind, identifiers())
    for kind in (es.UserId, es.GroupId, es.ExamId, es.BatchId, es.GrantId, es.ShareId, es.NoticeId)
}
_USERS: Final[SearchStrategy[es.UserId]] = _IDS[es.UserId]
_GROUPS: Final[SearchStrategy[es.GroupId]] = _IDS[es.GroupId]
_EXAMS: Final[SearchStrategy[es.ExamId]] = _IDS[es.ExamId]
_GRANTS: Final[SearchStrategy[es.GrantId]] = _IDS[es.GrantId]
_PRINCIPALS: Final[SearchStrategy[es.PrincipalId]] = _USERS | _GROUPS
_PERMISSIONS: Final = st.sampled_from(es.Permission)


@st.composite
def nested_groups(
    draw: st.DrawFn,
    *,
    ids: SearchStrategy[es.GroupId] | None = None,
    users: SearchStrategy[es.UserId] | None = None,
) -> tuple[es.Group, ...]:
    """Draw groups that hold users and each other, never in a cycle, in any order."""
    made: list[es.Group] = []
    held_users = st.frozensets(_USERS if users is None else users, max_size=3)
    for group in draw(st.lists(_GROUPS if ids is None else ids, max_size=4, unique=True)):
        members: set[es.PrincipalId] = set(draw(held_users))
        if made:
            held = st.frozensets(st.sampled_from([each.id for each in made]), max_size=2)
            members |= draw(held)
        made.append(es.Group(id=group, name=draw(names()), members=frozenset(members)))
    return tuple(draw(st.permutations(made)))


@st.composite
def directories(draw: st.DrawFn) -> MemoryDirectory:
    """Draw directories with users, groups of them, and any plans and notice settings."""
    people = draw(st.lists(BY_TYPE[es.User], max_size=6, unique_by=lambda each: each.id))
    directory = MemoryDirectory()
    for user in people:
        directory.add(user, sharing_in_plan=draw(st.booleans()), notices=draw(st.booleans()))
    members = st.sampled_from([each.id for each in people]) if people else _USERS
    for group in draw(nested_groups(users=members)):
        directory.add(group)
    return directory


@st.composite
def uploads(
    draw: st.DrawFn, *, owners: SearchStrategy[es.UserId] | None = None
) -> tuple[es.UploadBatch, tuple[es.Exam, ...]]:
    """Draw a batch and one or more exams in it, as `add_upload` takes them.

    By default the uploader owns them. Several often have the same upload time, as on a CD.
    """
    batch = draw(BY_TYPE[es.UploadBatch])
    arriving = st.builds(
        es.Exam,
        owner=st.just(batch.uploader) if owners is None else owners,
        batch=st.just(batch.id),
        uploaded_at=st.sampled_from((START, START - timedelta(minutes=1))),
    )
    found = st.lists(arriving, min_size=1, max_size=4, unique_by=lambda exam: exam.id)
    return batch, tuple(draw(found))


@st.composite
def _grants(draw: st.DrawFn) -> es.Grant:
    """Draw grants to anybody but their grantors, that expire after they were made, or never."""
    grantor, made = draw(_USERS), draw(times_around())
    grant = st.builds(
        es.Grant,
        grantor=st.just(grantor),
        recipient=_PRINCIPALS.filter(lambda each: each != grantor),
        until=st.none() | durations().map(lambda by: made + by),
        version=st.integers(1, 100),
        basis=st.just(es.OWNER) | st.frozensets(_GRANTS, min_size=1, max_size=2),
        made_at=st.just(made),
    )
    return draw(grant)


def _host_rule(code: str, *, refuses: bool) -> es.HostRule:
    statement = "Every share is refused." if refuses else "No share is refused."
    return es.HostRule(code=code, statement=statement, refuses=lambda *_: refuses)


def _some(items: SearchStrategy[T]) -> SearchStrategy[tuple[T, ...]]:
    return st.lists(items, max_size=2).map(tuple)


_BY: Final[Any] = {"performed_by": st.none() | _USERS, "request_id": st.none() | identifiers()}
_HOW: Final[Any] = {"reshares": st.none() | st.sampled_from(es.Reshares), **_BY}
_BOUNDS: Final[tuple[Any, ...]] = (
    {"permission": _PERMISSIONS},
    {"until": times_around()},
    {"permission": _PERMISSIONS, "until": times_around()},
)
_DESCRIPTIONS: Final = ("Chest PA and lateral", "Brain w/o contrast", "Knee left", "Abdomen")
_PATIENTS: Final = ("Doe^Jane", "Doe^John", "Muster^Erika", "Example^Émile", "Test^山田")
_RETRIES: Final = st.just(es.Retries()) | st.builds(
    es.Retries, at_once=st.integers(0, 3), limit=st.none() | st.integers(1, 10)
)

_REASONS: Final = st.builds(
    es.Reason,
    code=st.sampled_from(es.ReasonCode),
    principals=_some(_PRINCIPALS),
    exams=_some(_EXAMS),
    grants=_some(_GRANTS),
    until=st.none() | times_around(),
    limit=st.none() | st.integers(1, 1_000),
    limited=st.sampled_from((None, "recipients", "exams", "people")),
    host_code=st.none() | identifiers(),
)

BY_TYPE: Final[Mapping[Any, SearchStrategy[Any]]] = {
    **_IDS,
    es.User: st.builds(
        es.User,
        name=names(),
        email=st.none() | addresses(),
        active=st.sampled_from((True, False)),
    ),
    # No group holds itself. Members need not exist.
    es.Group: st.builds(
        lambda group, name, held: es.Group(id=group, name=name, members=held - {group}),
        _GROUPS,
        names(),
        st.frozensets(_PRINCIPALS, max_size=4),
    ),
    es.Exam: st.builds(es.Exam, uploaded_at=times(), subject=st.sampled_from((None, "P-1", "P-2"))),
    es.UploadBatch: st.builds(
        es.UploadBatch,
        source=st.sampled_from(("", "CD", "transfer from another hospital")),
        received_at=times(),
        sealed=st.booleans(),
    ),
    # Study details of invented patients; no `repr` shows them.
    es.Study: st.builds(
        es.Study,
        study_instance_uid=st.integers(1, 10**12).map("2.25.{}".format),
        description=st.none() | st.sampled_from(_DESCRIPTIONS),
        modality=st.none() | st.sampled_from(("CT", "MR", "US", "DX", "MG", "PT", "NM")),
        study_date=st.none() | st.dates(date(1990, 1, 1), date(2030, 1, 1)),
        accession_number=st.none() | st.integers(0, 10**8).map("A{}".format),
        patient_id=st.none() | st.integers(0, 10**6).map("TEST-{}".format),
        patient_name=st.none() | st.sampled_from(_PATIENTS),
    ),
    es.Grant: _grants(),
    Holding: st.builds(Holding.of, _PERMISSIONS, times()),
    # One to three recipients, and the current attestation.
    es.ShareRequest: st.builds(
        es.ShareRequest,
        recipients=st.lists(_PRINCIPALS, min_size=1, max_size=3),
        permission=_PERMISSIONS,
        scope=st.sampled_from(es.Scope),
        until=st.none() | times_around(),
        attested=st.just(True),
        message=st.none() | messages(),
        **_BY,
    ),
    es.UnshareRequest: st.builds(es.UnshareRequest, **_HOW),
    es.NarrowRequest: st.one_of(*(st.builds(es.NarrowRequest, **_HOW, **b) for b in _BOUNDS)),
    es.RevokeRequest: st.builds(es.RevokeRequest, **_HOW),
    HostEnding: st.builds(HostEnding, performed_by=_USERS, why=names()),
    NameReplaced: st.builds(
        NameReplaced, at=times(), performed_by=_USERS, why=names(), name=names()
    ),
    Withdrawal: st.builds(Withdrawal, performed_by=_USERS, why=names()),
    AccessPurge: st.builds(AccessPurge, before=times(), performed_by=_USERS, why=names()),
    # Some accesses at one time.
    es.Access: st.builds(
        lambda at, **of: es.Access(window=at, first=at, last=at, **of),
        times(),
        user=_USERS,
        exam=_EXAMS,
        permission=_PERMISSIONS,
        purpose=st.sampled_from((None, "TREATMENT")),
        origin=st.none() | identifiers(),
        count=st.integers(1, 100),
    ),
    es.Denied: st.builds(es.Denied, st.lists(_REASONS, min_size=1, max_size=3).map(tuple)),
    es.NotifierFailed: st.builds(es.NotifierFailed, st.just("REFUSED"), permanent=st.booleans()),
    es.Reason: _REASONS,
    es.Retries: _RETRIES,
    es.HostRule: st.builds(_host_rule, identifiers(), refuses=st.booleans()),
    # Any settings, without rules of the host.
    es.Policy: st.builds(
        es.Policy,
        attestation_wording=st.sampled_from(("I abide by HIPAA.", "Ich beachte HIPAA.")),
        max_recipients=st.sampled_from((100, None, 2)),
        max_exams=st.sampled_from((1_000, None, 2)),
        max_people=st.sampled_from((10_000, None, 3)),
        max_duration=st.none() | durations(),
        message_limit=st.sampled_from((2_000, 10)),
        sends_notices=st.sampled_from((True, False)),
        retries=_RETRIES,
        reshares=st.sampled_from(es.Reshares),
        only_owner_readmits=st.booleans(),
        batches_across_subjects=st.sampled_from((True, False)),
        access_list=st.sampled_from(es.AccessListScope),
        whole_names_only=st.sampled_from((False, True)),
    ),
}
"""The strategy of each type that has one of its own."""
