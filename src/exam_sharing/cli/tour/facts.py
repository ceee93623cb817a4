"""What a tour consists of: chapters of facts, before anybody prints them.

A fact holds what the library was asked and what it answered, as it answered it. Only `Said` is
narration.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import TypeAlias

import attrs

from exam_sharing import (
    AccessList,
    BatchId,
    Choice,
    Denied,
    Exam,
    ExamId,
    Grant,
    NarrowRequest,
    Page,
    Permission,
    Permitted,
    Preview,
    Reason,
    ShareForm,
    ShareNotice,
    ShareReceipt,
    ShareRequest,
    Tab,
    UnshareReceipt,
    UnshareRequest,
    UploadBatch,
    UserId,
    VisibleExam,
)

__all__ = [
    "Asked",
    "Chapter",
    "Ended",
    "ExamShown",
    "Explained",
    "Fact",
    "FormShown",
    "ListSeen",
    "Listed",
    "Medium",
    "Noticed",
    "Offered",
    "Previewed",
    "Said",
    "Shared",
    "Shelf",
    "Shelves",
    "Story",
    "Suggested",
    "TabsOf",
    "TabsShown",
    "Travelled",
    "TurnedDown",
    "Uploaded",
]

Asked: TypeAlias = ShareRequest | UnshareRequest | NarrowRequest
"""What people ask for in the tour."""


@attrs.frozen(kw_only=True)
class ExamShown:
    """An exam as it is shown to the person at the screen; no patient has a name here.

    Attributes:
        id: which exam.
        number: its place on the medium, from 1.
        patient: which of the patients on the medium, from 1.
        modality: as the medium says, or `None`, also where it was asked to be left out.
        date: of the study, likewise.
        description: of the study, likewise.
        files: how many files of the medium are behind it.
    """

    id: ExamId
    number: int
    patient: int
    modality: str | None
    date: date | None
    description: str | None
    files: int


@attrs.frozen(kw_only=True)
class Medium:
    """A medium that was read: the upload, and how to show it.

    Attributes:
        batch: the upload batch.
        exams: to be uploaded.
        shown: the same, for a person.
        left_out: how many files are behind no exam, by reason in words.
    """

    batch: UploadBatch
    exams: tuple[Exam, ...] = attrs.field(repr=False)
    shown: tuple[ExamShown, ...] = attrs.field(repr=False)
    left_out: Mapping[str, int]


@attrs.frozen(kw_only=True)
class Said:
    """Narration."""

    text: str


@attrs.frozen(kw_only=True)
class Uploaded:
    """A batch of exams arrived."""

    batch: BatchId
    by: UserId
    exams: tuple[ExamShown, ...]
    left_out: Mapping[str, int]


@attrs.frozen(kw_only=True)
class FormShown:
    """The share form that an actor gets."""

    actor: UserId
    exam: ExamId
    form: ShareForm


@attrs.frozen(kw_only=True)
class Suggested:
    """What a typed text suggests."""

    actor: UserId
    exam: ExamId
    typed: str
    choices: tuple[Choice, ...]


@attrs.frozen(kw_only=True)
class Offered:
    """The first page of the list to select from."""

    actor: UserId
    exam: ExamId
    page: Page[Choice]


@attrs.frozen(kw_only=True)
class Previewed:
    """What an act would do."""

    request: Asked
    preview: Preview


@attrs.frozen(kw_only=True)
class Shared:
    """A share was made."""

    request: ShareRequest
    receipt: ShareReceipt


@attrs.frozen(kw_only=True)
class Ended:
    """Grants were unshared or narrowed."""

    request: UnshareRequest | NarrowRequest
    receipt: UnshareReceipt


@attrs.frozen(kw_only=True)
class TurnedDown:
    """An act was refused."""

    request: Asked
    reasons: tuple[Reason, ...]


@attrs.frozen(kw_only=True)
class Noticed:
    """The notices that left after a share.

    Attributes:
        notices: as they were sent.
        untold: who gained by the share, and was sent none.
    """

    notices: tuple[ShareNotice, ...]
    untold: tuple[UserId, ...]


@attrs.frozen(kw_only=True)
class TabsOf:
    """The tabs that an exam has for a user, and why."""

    user: UserId
    tabs: frozenset[Tab]
    why: Permitted | Denied


@attrs.frozen(kw_only=True)
class TabsShown:
    """The tabs that an exam has for some users."""

    exam: ExamId
    people: tuple[TabsOf, ...]


@attrs.frozen(kw_only=True)
class Explained:
    """Why a user holds a permission, or why not."""

    user: UserId
    permission: Permission
    exam: ExamId
    answer: Permitted | Denied


@attrs.frozen(kw_only=True)
class ListSeen:
    """An access list as one viewer sees it."""

    viewer: UserId
    access_list: AccessList


@attrs.frozen(kw_only=True)
class Listed:
    """The access list of an exam, as some viewers see it."""

    exam: ExamId
    seen: tuple[ListSeen, ...]


@attrs.frozen(kw_only=True)
class Travelled:
    """How access to an exam went from hand to hand.

    Attributes:
        exam: which exam.
        owner: where it began.
        steps: the standing grants that reach somebody, each with how its grantor holds what it
            passes on.
    """

    exam: ExamId
    owner: UserId
    steps: tuple[tuple[Grant, Permitted | Denied], ...]


@attrs.frozen(kw_only=True)
class Shelf:
    """The exams that a user can see, and how many of them are others'."""

    user: UserId
    visible: tuple[VisibleExam, ...]
    shared: int


@attrs.frozen(kw_only=True)
class Shelves:
    """The exams that some users can see."""

    shelves: tuple[Shelf, ...]


Fact: TypeAlias = (
    Said
    | Uploaded
    | FormShown
    | Suggested
    | Offered
    | Previewed
    | Shared
    | Ended
    | TurnedDown
    | Noticed
    | TabsShown
    | Explained
    | Listed
    | Travelled
    | Shelves
)


@attrs.frozen(kw_only=True)
class Chapter:
    """One step of the story.

    Attributes:
        id: a word to find it by, which stays.
        title: for people.
        at: when it plays, by the clock of the tour.
        facts: what happened, in order.
    """

    id: str
    title: str
    at: datetime
    facts: tuple[Fact, ...]


@attrs.frozen(kw_only=True)
class Story:
    """The whole tour of one medium."""

    medium: Medium
    chapters: tuple[Chapter, ...]
