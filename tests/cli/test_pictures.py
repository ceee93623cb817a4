"""How facts look that are not in the tour, each from a run of the library."""

import io
from datetime import timedelta

import attrs
import pytest

pytest.importorskip("rich")

from rich.console import Console

import exam_sharing as es
from exam_sharing.cli.access import listed
from exam_sharing.cli.grants import previewed
from exam_sharing.cli.media import Medium
from exam_sharing.cli.printing import ROWS
from exam_sharing.cli.tour import story
from exam_sharing.cli.tour.story import (
    ANNA,
    BAO,
    BEGINNING,
    EMIL,
    INGRID,
    JOSE,
    MAELLE,
    TOMASZ,
    open_stage,
)
from exam_sharing.cli.words import Words, weekday

EXAM = es.ExamId("exam-1")
TOMORROW = BEGINNING + timedelta(days=1)


@pytest.fixture
def stage():
    """A stage with one exam, and nobody but Anna at it."""
    batch = es.UploadBatch(id=es.BatchId("cd"), uploader=ANNA, received_at=BEGINNING)
    exam = es.Exam(id=EXAM, owner=ANNA, batch=batch.id, uploaded_at=BEGINNING)
    opened = open_stage(Medium(batch=batch, exams=(exam,), shown=(), left_out=(), verbose=False))
    opened.sharing.add_upload(batch, (exam,))
    return opened


def share(stage, *people, **fields):
    return stage.act(stage.share_request(*people, **fields))


def unshare(stage, actor, recipient):
    return stage.act(stage.unshare_request(actor, recipient))


def preview(stage, request):
    return previewed(request, stage.sharing.preview(request))


def seen(fact, **names):
    words = Words(
        names=story.NAMES | {es.UserId(key): name for key, name in names.items()},
        numbers={EXAM: 1},
        when=weekday,
    )
    console = Console(file=io.StringIO(), width=100, highlight=False, emoji=False, markup=False)
    console.print(fact.show(words))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_no_suggestions_are_printed_as_nobody(stage):
    assert seen(stage.suggest(ANNA, "zzz")) == ["zzz▏        nobody"]


def test_an_empty_access_list_is_printed_as_nobody(stage):
    told = seen(stage.listed(ANNA))
    assert told == ["Owner of exam 1: Anna Kovács", "", "Nobody else has access."]


def test_a_viewer_who_sees_less_has_an_empty_cell(stage):
    share(stage, ANNA, JOSE)
    whole = stage.sharing.access_list(ANNA, EXAM)
    both = listed(EXAM, {ANNA: whole, JOSE: attrs.evolve(whole, entries=())})
    (row,) = (line for line in seen(both) if "view" in line)
    assert row.count("X") == 1


def test_an_unsupported_re_share_is_a_tree_of_its_own(stage):
    share(stage, ANNA, JOSE)
    share(stage, JOSE, BAO)
    unshare(stage, ANNA, JOSE)
    assert seen(stage.travelled()) == [
        "Anna Kovács owns exam 1",
        "no longer supported",
        "└── Bảo Trần: view, by José Núñez",
    ]


def test_an_unsupported_circle_of_re_shares_is_a_tree_of_its_own(stage):
    first = share(stage, ANNA, JOSE)
    share(stage, JOSE, BAO)
    share(stage, BAO, JOSE)
    (grant, _), *_ = stage.travelled().facts["steps"]
    assert grant.share == first.facts["receipt"].share
    stage.sharing.revoke(es.RevokeRequest(actor=ANNA, grant=grant.id))
    assert seen(stage.travelled()) == [
        "Anna Kovács owns exam 1",
        "no longer supported",
        "├── Bảo Trần: view, by José Núñez",
        "└── José Núñez: view, by Bảo Trần",
    ]


def test_a_re_share_is_under_the_grant_that_supports_it_now(stage):
    share(stage, ANNA, INGRID)
    share(stage, INGRID, EMIL)
    share(stage, ANNA, story.TUMOUR_BOARD)
    unshare(stage, ANNA, INGRID)
    assert seen(stage.travelled()) == [
        "Anna Kovács owns exam 1",
        "└── Tumour board: view",
        "    └── Emil Novák: view, by Ingrid Sørensen",
    ]


def test_an_inactive_owner_may_not_view(stage):
    stage.directory.add(es.User(id=ANNA, name="Anna Kovács", active=False))
    assert seen(stage.explain(ANNA, es.Permission.VIEW)) == [
        "▸ May Anna Kovács view exam 1?",
        "  ✗ no: EXAM_NOT_FOUND; owns it, but the user is inactive",
    ]


def test_of_many_near_misses_the_first_are_printed_and_the_others_counted(stage):
    for user in (MAELLE, BAO, TOMASZ, JOSE, INGRID):
        share(stage, ANNA, user)
        share(stage, user, EMIL)
        unshare(stage, user, EMIL)
    assert seen(stage.explain(EMIL, es.Permission.VIEW))[-1].endswith("; and 2 more")


def test_a_grant_to_a_group_gives_its_own_grantor_nothing(stage):
    share(stage, ANNA, TOMASZ)
    share(stage, TOMASZ, story.RADIOLOGY)
    unshare(stage, ANNA, TOMASZ)
    told = " ".join(" ".join(seen(stage.explain(TOMASZ, es.Permission.VIEW))).split())
    assert "given to Radiology by Tomasz Łukasik, but a grant gives its own grantor nothing" in told


def test_sharing_again_reports_the_change(stage):
    for fields, told in (
        ({"until": TOMORROW}, "granted on 1 exam, until Tuesday 08:30"),
        ({}, "extended on 1 exam, with no end date"),
        ({}, "unchanged on 1 exam, with no end date"),
        ({"permission": es.Permission.DOWNLOAD}, "widened on 1 exam, with no end date"),
    ):
        assert seen(share(stage, ANNA, JOSE, **fields))[-1] == f"  ✓ José Núñez: {told}"


def test_a_preview_has_the_time_of_what_changes_and_of_what_is_kept(stage):
    def effects(request):
        return seen(preview(stage, request))[1:]

    share(stage, ANNA, story.TUMOUR_BOARD, until=TOMORROW)
    gain = stage.share_request(ANNA, BAO, until=TOMORROW)
    assert effects(gain) == ["  Bảo Trần  gains view on exam 1 until Tuesday 08:30"]
    loss = stage.unshare_request(ANNA, INGRID)
    share(stage, ANNA, INGRID, until=TOMORROW)
    assert effects(loss) == ["  Ingrid Sørensen  keeps view on exam 1 until Tuesday 08:30"]
    share(stage, ANNA, INGRID)
    assert effects(loss) == ["  Ingrid Sørensen  loses view on exam 1 after Tuesday 08:30"]


def test_narrowing_reports_who_still_holds_more(stage):
    share(stage, ANNA, story.TUMOUR_BOARD, permission=es.Permission.DOWNLOAD)
    share(stage, ANNA, INGRID, permission=es.Permission.DOWNLOAD)
    narrow = es.NarrowRequest(
        actor=ANNA, exam=EXAM, recipient=INGRID, permission=es.Permission.VIEW
    )
    assert seen(stage.act(narrow))[1:] == [
        "  ✓ Ingrid Sørensen: view and download, by Anna Kovács; now view",
        "  · still holding more: Ingrid Sørensen",
    ]


def test_a_preview_and_notices_for_many_people_are_cut(stage):
    names = {f"nurse-{number:02}": f"Nurse {number}" for number in range(30)}
    for key, name in names.items():
        stage.directory.add(es.User(id=es.UserId(key), name=name, email=f"{key}@clinic.example"))
    request = stage.share_request(ANNA, *map(es.UserId, names))
    previewed = preview(stage, request)
    assert f"… and {30 - ROWS} more" in seen(previewed, **names)[-1]
    stage.act(request)
    letters = seen(stage.notices(previewed.facts["preview"]), **names)
    assert "30 notices sent" in letters[0]
    assert sum(f"… and {30 - ROWS} more" in line for line in letters) == 1
