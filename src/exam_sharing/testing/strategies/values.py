"""Texts, times, ids, people, exams and settings of a host."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import exam_sharing as es
from exam_sharing.memory import MemoryDirectory
from exam_sharing.principals import MAX_ADDRESS_LENGTH
from exam_sharing.testing.edges import HOSTILE, START, TICK
from exam_sharing.validation import BIDI_CONTROLS, MAX_IDENTIFIER_LENGTH

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


def times_around(
    *,
    moments: SearchStrategy[datetime] = st.just(START),
    distances: SearchStrategy[timedelta] = durations(),
) -> SearchStrategy[datetime]:
    """Draw moments at which something changes, the microseconds beside them, and other times."""
    return st.builds(
        lambda moment, by, before: moment - by if before else moment + by,
        moments,
        st.just(timedelta(0)) | st.just(TICK) | distances,
        st.booleans(),
    )


def user_ids(*, texts: SearchStrategy[str] = identifiers()) -> SearchStrategy[es.UserId]:
    """Draw ids of users."""
    return st.builds(es.UserId, texts)


def group_ids(*, texts: SearchStrategy[str] = identifiers()) -> SearchStrategy[es.GroupId]:
    """Draw ids of groups, some with the text of a user's id."""
    return st.builds(es.GroupId, texts)


def principal_ids(
    *,
    users: SearchStrategy[es.UserId] = user_ids(),
    groups: SearchStrategy[es.GroupId] = group_ids(),
) -> SearchStrategy[es.PrincipalId]:
    """Draw ids of users and of groups."""
    return users | groups


def exam_ids(*, texts: SearchStrategy[str] = identifiers()) -> SearchStrategy[es.ExamId]:
    """Draw ids of exams."""
    return st.builds(es.ExamId, texts)


def batch_ids(*, texts: SearchStrategy[str] = identifiers()) -> SearchStrategy[es.BatchId]:
    """Draw ids of upload batches."""
    return st.builds(es.BatchId, texts)


def grant_ids(*, texts: SearchStrategy[str] = identifiers()) -> SearchStrategy[es.GrantId]:
    """Draw ids of grants."""
    return st.builds(es.GrantId, texts)


def share_ids(*, texts: SearchStrategy[str] = identifiers()) -> SearchStrategy[es.ShareId]:
    """Draw ids of shares."""
    return st.builds(es.ShareId, texts)


def notice_ids(*, texts: SearchStrategy[str] = identifiers()) -> SearchStrategy[es.NoticeId]:
    """Draw ids of notices."""
    return st.builds(es.NoticeId, texts)


def permissions() -> SearchStrategy[es.Permission]:
    """Draw permissions."""
    return st.sampled_from(es.Permission)


_DESCRIPTIONS: Final = ("Chest PA and lateral", "Brain w/o contrast", "Knee left", "Abdomen")
_PATIENTS: Final = ("Doe^Jane", "Doe^John", "Muster^Erika", "Example^Émile", "Test^山田")


def users(
    *,
    ids: SearchStrategy[es.UserId] = user_ids(),
    names: SearchStrategy[str] = names(),
    emails: SearchStrategy[str | None] = st.none() | addresses(),
    active: SearchStrategy[bool] = st.sampled_from((True, False)),
) -> SearchStrategy[es.User]:
    """Draw users, some inactive and some without an address."""
    return st.builds(es.User, id=ids, name=names, email=emails, active=active)


def groups(
    *,
    ids: SearchStrategy[es.GroupId] = group_ids(),
    names: SearchStrategy[str] = names(),
    members: SearchStrategy[frozenset[es.PrincipalId]] = st.frozensets(principal_ids(), max_size=4),
) -> SearchStrategy[es.Group]:
    """Draw groups that do not hold themselves; their members need not exist."""
    return st.builds(
        lambda group, name, held: es.Group(id=group, name=name, members=held - {group}),
        ids,
        names,
        members,
    )


@st.composite
def nested_groups(
    draw: st.DrawFn,
    *,
    ids: SearchStrategy[es.GroupId] = group_ids(),
    users: SearchStrategy[es.UserId] = user_ids(),
    names: SearchStrategy[str] = names(),
    min_size: int = 1,
    max_size: int = 4,
) -> tuple[es.Group, ...]:
    """Draw groups that hold users and each other, never in a cycle, in any order."""
    made: list[es.Group] = []
    for group in draw(st.lists(ids, min_size=min_size, max_size=max_size, unique=True)):
        members: set[es.PrincipalId] = set(draw(st.frozensets(users, max_size=3)))
        if made:
            held = st.frozensets(st.sampled_from([each.id for each in made]), max_size=2)
            members |= draw(held)
        made.append(es.Group(id=group, name=draw(names), members=frozenset(members)))
    return tuple(draw(st.permutations(made)))


@st.composite
def directories(
    draw: st.DrawFn,
    *,
    users: SearchStrategy[es.User] = users(),
    max_users: int = 6,
    max_groups: int = 4,
) -> MemoryDirectory:
    """Draw directories with users, groups of them, and any plans and notice settings."""
    people = draw(st.lists(users, max_size=max_users, unique_by=lambda each: each.id))
    directory = MemoryDirectory()
    for user in people:
        directory.add(user, sharing_in_plan=draw(st.booleans()), notices=draw(st.booleans()))
    members = st.sampled_from([each.id for each in people]) if people else user_ids()
    for group in draw(nested_groups(users=members, min_size=0, max_size=max_groups)):
        directory.add(group)
    return directory


def exams(
    *,
    ids: SearchStrategy[es.ExamId] = exam_ids(),
    owners: SearchStrategy[es.UserId] = user_ids(),
    batches: SearchStrategy[es.BatchId] = batch_ids(),
    uploaded_at: SearchStrategy[datetime] = times(),
    subjects: SearchStrategy[str | None] = st.sampled_from((None, "P-1", "P-2")),
) -> SearchStrategy[es.Exam]:
    """Draw exams, some without a subject."""
    return st.builds(
        es.Exam, id=ids, owner=owners, batch=batches, uploaded_at=uploaded_at, subject=subjects
    )


def upload_batches(
    *,
    ids: SearchStrategy[es.BatchId] = batch_ids(),
    uploaders: SearchStrategy[es.UserId] = user_ids(),
    received_at: SearchStrategy[datetime] = times(),
    sealed: SearchStrategy[bool] = st.booleans(),
) -> SearchStrategy[es.UploadBatch]:
    """Draw upload batches, some sealed."""
    return st.builds(
        es.UploadBatch,
        id=ids,
        uploader=uploaders,
        source=st.sampled_from(("", "CD", "transfer from another hospital")),
        received_at=received_at,
        sealed=sealed,
    )


@st.composite
def uploads(
    draw: st.DrawFn,
    *,
    batches: SearchStrategy[es.UploadBatch] = upload_batches(),
    ids: SearchStrategy[es.ExamId] = exam_ids(),
    owners: SearchStrategy[es.UserId] | None = None,
    max_size: int = 4,
) -> tuple[es.UploadBatch, tuple[es.Exam, ...]]:
    """Draw a batch and one or more exams in it, as `add_upload` takes them.

    By default the uploader owns them. Several often have the same upload time, as on a CD.
    """
    batch = draw(batches)
    arriving = exams(
        ids=ids,
        owners=st.just(batch.uploader) if owners is None else owners,
        batches=st.just(batch.id),
        uploaded_at=st.sampled_from((START, START - timedelta(minutes=1))),
    )
    found = st.lists(arriving, min_size=1, max_size=max_size, unique_by=lambda exam: exam.id)
    return batch, tuple(draw(found))


def studies() -> SearchStrategy[es.Study]:
    """Draw study details of invented patients; no `repr` shows them."""
    return st.builds(
        es.Study,
        study_instance_uid=st.integers(1, 10**12).map("2.25.{}".format),
        description=st.none() | st.sampled_from(_DESCRIPTIONS),
        modality=st.none() | st.sampled_from(("CT", "MR", "US", "DX", "MG", "PT", "NM")),
        study_date=st.none() | st.dates(date(1990, 1, 1), date(2030, 1, 1)),
        accession_number=st.none() | st.integers(0, 10**8).map("A{}".format),
        patient_id=st.none() | st.integers(0, 10**6).map("TEST-{}".format),
        patient_name=st.none() | st.sampled_from(_PATIENTS),
    )


def retries() -> SearchStrategy[es.Retries]:
    """Draw schedules of retries, including the default one."""
    return st.just(es.Retries()) | st.builds(
        es.Retries, at_once=st.integers(0, 3), limit=st.none() | st.integers(1, 10)
    )


def host_rules() -> SearchStrategy[es.HostRule]:
    """Draw rules that refuse every share, or none."""
    return st.builds(
        lambda code, no: es.HostRule(
            code=code,
            statement="Every share is refused." if no else "No share is refused.",
            refuses=lambda _request, _facts, _host: no,
        ),
        identifiers(),
        st.booleans(),
    )


def policies(
    *,
    reshares: SearchStrategy[es.Reshares] = st.sampled_from(es.Reshares),
    access_lists: SearchStrategy[es.AccessListScope] = st.sampled_from(es.AccessListScope),
    max_durations: SearchStrategy[timedelta | None] = st.none() | durations(),
    rules: SearchStrategy[es.HostRule] | None = None,
) -> SearchStrategy[es.Policy]:
    """Draw policies with any settings, by default without rules of the host."""
    return st.builds(
        es.Policy,
        attestation_wording=st.sampled_from(("I abide by HIPAA.", "Ich beachte HIPAA.")),
        max_recipients=st.sampled_from((100, None, 2)),
        max_exams=st.sampled_from((1_000, None, 2)),
        max_people=st.sampled_from((10_000, None, 3)),
        max_duration=max_durations,
        message_limit=st.sampled_from((2_000, 10)),
        sends_notices=st.sampled_from((True, False)),
        retries=retries(),
        reshares=reshares,
        only_owner_readmits=st.booleans(),
        batches_across_subjects=st.sampled_from((True, False)),
        access_list=access_lists,
        whole_names_only=st.sampled_from((False, True)),
        host_rules=st.just(()) if rules is None else st.lists(rules, max_size=2),
    )
