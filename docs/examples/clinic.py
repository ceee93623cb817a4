"""A small clinic to try things in, as the pages of these docs do.

Anna owns the three exams of a CD: a CT, an MR and an X-ray. Ben, Carla and Dan are colleagues;
Carla and Dan are the ward. The clock stands still until it is moved.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

from exam_sharing import (
    BatchId,
    Exam,
    ExamId,
    Group,
    GroupId,
    Permission,
    Policy,
    PrincipalId,
    ShareReceipt,
    ShareRequest,
    Sharing,
    UploadBatch,
    User,
    UserId,
)
from exam_sharing.memory import MemoryDirectory, open_sharing
from exam_sharing.ports import Directory, HostFacts, Notifier

ANNA, BEN, CARLA, DAN = map(UserId, ("anna", "ben", "carla", "dan"))
WARD = GroupId("ward")
CT, MR, XRAY = map(ExamId, ("ct", "mr", "xray"))
VIEW, DOWNLOAD = Permission

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    """Tells the time that it was set to."""

    def __init__(self) -> None:
        """Begin at noon on the first of January 2030."""
        self.now = NOON

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


def people(clock: Callable[[], datetime] | None = None) -> MemoryDirectory:
    """Return the directory of the clinic; the clock gives the times of its history."""
    known = MemoryDirectory() if clock is None else MemoryDirectory(clock=clock)
    for user in (ANNA, BEN, CARLA, DAN):
        known.add(User(id=user, name=str(user).title(), email=f"{user}@clinic.example"))
    known.add(Group(id=WARD, name="Ward", members=frozenset({CARLA, DAN})))
    return known


def open_clinic(
    policy: Policy | None = None,
    *,
    directory: Directory | None = None,
    notifier: Notifier | None = None,
    host_facts: HostFacts | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Sharing:
    """Open the clinic, with the arguments of `exam_sharing.memory.open_sharing`."""
    numbers = count(1)
    clinic = open_sharing(
        policy=policy,
        directory=people() if directory is None else directory,
        notifier=notifier,
        host_facts=host_facts,
        clock=Clock() if clock is None else clock,
        new_id=lambda: f"act{next(numbers)}",
    )
    batch = BatchId("cd")
    clinic.add_upload(
        UploadBatch(id=batch, uploader=ANNA, source="CD", received_at=NOON, sealed=True),
        [
            Exam(id=exam, owner=ANNA, batch=batch, uploaded_at=NOON, subject="P-1")
            for exam in (CT, MR, XRAY)
        ],
    )
    return clinic


def share(
    clinic: Sharing,
    actor: UserId,
    exam: ExamId,
    recipient: PrincipalId,
    permission: Permission = VIEW,
    until: datetime | None = None,
) -> ShareReceipt:
    """Share with one recipient, the attestation given."""
    return clinic.share(
        ShareRequest(
            actor=actor,
            exam=exam,
            recipients=(recipient,),
            permission=permission,
            until=until,
            attested=True,
        )
    )


if __name__ == "__main__":
    opened = open_clinic()
    share(opened, ANNA, CT, WARD)
    for someone in (ANNA, BEN, CARLA, DAN):
        tabs = sorted(tab.value for tab in opened.tabs(someone, CT))
        print(f"{someone} has the tabs: {', '.join(tabs) or 'none'}")
