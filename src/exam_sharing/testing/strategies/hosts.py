"""The data of a host: users, groups, directories, exams, batches, and invented studies."""

from datetime import date, datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from exam_sharing.exams import Exam, Study, UploadBatch
from exam_sharing.identifiers import BatchId, ExamId, GroupId, PrincipalId, UserId
from exam_sharing.memory import MemoryDirectory
from exam_sharing.principals import Group, User
from exam_sharing.testing.edges import START
from exam_sharing.testing.strategies.values import (
    addresses,
    batch_ids,
    exam_ids,
    group_ids,
    names,
    principal_ids,
    times,
    user_ids,
)

_MODALITIES: Final = ("CT", "MR", "US", "DX", "MG", "PT", "NM")
_DESCRIPTIONS: Final = ("Chest PA and lateral", "Brain w/o contrast", "Knee left", "Abdomen")
_PATIENTS: Final = ("Doe^Jane", "Doe^John", "Muster^Erika", "Example^Émile", "Test^山田")


def users(
    *,
    ids: st.SearchStrategy[UserId] = user_ids(),
    names: st.SearchStrategy[str] = names(),
    emails: st.SearchStrategy[str | None] = st.none() | addresses(),
    active: st.SearchStrategy[bool] = st.sampled_from((True, False)),
) -> st.SearchStrategy[User]:
    """Draw users, some inactive and some without an address."""
    return st.builds(User, id=ids, name=names, email=emails, active=active)


def groups(
    *,
    ids: st.SearchStrategy[GroupId] = group_ids(),
    names: st.SearchStrategy[str] = names(),
    members: st.SearchStrategy[frozenset[PrincipalId]] = st.frozensets(principal_ids(), max_size=4),
) -> st.SearchStrategy[Group]:
    """Draw groups that do not hold themselves; their members need not exist."""
    return st.builds(
        lambda group, name, held: Group(id=group, name=name, members=held - {group}),
        ids,
        names,
        members,
    )


@st.composite
def nested_groups(
    draw: st.DrawFn,
    *,
    ids: st.SearchStrategy[GroupId] = group_ids(),
    users: st.SearchStrategy[UserId] = user_ids(),
    names: st.SearchStrategy[str] = names(),
    min_size: int = 1,
    max_size: int = 4,
) -> tuple[Group, ...]:
    """Draw groups that hold users and each other, never in a cycle, in any order.

    Args:
        draw: given by Hypothesis.
        ids: ids of the groups.
        users: the users that they hold.
        names: names of the groups.
        min_size: the least number of groups.
        max_size: the largest number of groups.
    """
    made: list[Group] = []
    for group in draw(st.lists(ids, min_size=min_size, max_size=max_size, unique=True)):
        members: set[PrincipalId] = set(draw(st.frozensets(users, max_size=3)))
        if made:
            held = st.frozensets(st.sampled_from([each.id for each in made]), max_size=2)
            members |= draw(held)
        made.append(Group(id=group, name=draw(names), members=frozenset(members)))
    return tuple(draw(st.permutations(made)))


@st.composite
def directories(
    draw: st.DrawFn,
    *,
    users: st.SearchStrategy[User] = users(),
    max_users: int = 6,
    max_groups: int = 4,
) -> MemoryDirectory:
    """Draw directories with users, groups of them, and any plans and notice settings.

    Args:
        draw: given by Hypothesis.
        users: the users.
        max_users: the largest number of users.
        max_groups: the largest number of groups.
    """
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
    ids: st.SearchStrategy[ExamId] = exam_ids(),
    owners: st.SearchStrategy[UserId] = user_ids(),
    batches: st.SearchStrategy[BatchId] = batch_ids(),
    uploaded_at: st.SearchStrategy[datetime] = times(),
    subjects: st.SearchStrategy[str | None] = st.sampled_from((None, "P-1", "P-2")),
) -> st.SearchStrategy[Exam]:
    """Draw exams, some without a subject."""
    return st.builds(
        Exam, id=ids, owner=owners, batch=batches, uploaded_at=uploaded_at, subject=subjects
    )


def upload_batches(
    *,
    ids: st.SearchStrategy[BatchId] = batch_ids(),
    uploaders: st.SearchStrategy[UserId] = user_ids(),
    received_at: st.SearchStrategy[datetime] = times(),
    sealed: st.SearchStrategy[bool] = st.booleans(),
) -> st.SearchStrategy[UploadBatch]:
    """Draw upload batches, some sealed."""
    return st.builds(
        UploadBatch,
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
    batches: st.SearchStrategy[UploadBatch] = upload_batches(),
    ids: st.SearchStrategy[ExamId] = exam_ids(),
    owners: st.SearchStrategy[UserId] | None = None,
    max_size: int = 4,
) -> tuple[UploadBatch, tuple[Exam, ...]]:
    """Draw a batch and the exams in it, as `add_upload` takes them.

    Several exams often have the same upload time, as on a CD.

    Args:
        draw: given by Hypothesis.
        batches: the batch.
        ids: ids of the exams.
        owners: owners of the exams; by default the uploader.
        max_size: the largest number of exams; the least is one.
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


def studies() -> st.SearchStrategy[Study]:
    """Draw study details of invented patients; no `repr` shows them."""
    return st.builds(
        Study,
        study_instance_uid=st.integers(1, 10**12).map("2.25.{}".format),
        description=st.none() | st.sampled_from(_DESCRIPTIONS),
        modality=st.none() | st.sampled_from(_MODALITIES),
        study_date=st.none() | st.dates(date(1990, 1, 1), date(2030, 1, 1)),
        accession_number=st.none() | st.integers(0, 10**8).map("A{}".format),
        patient_id=st.none() | st.integers(0, 10**6).map("TEST-{}".format),
        patient_name=st.none() | st.sampled_from(_PATIENTS),
    )
