"""An access list that tells for each entry whether it may be unshared, by two policies.

Where re-shares are kept, that is a look at who made a grant. Where they restrict an ending, it is
asked for each entry what a cascade would take with it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Final

from tests.benchmarks.rows import Row, at_most, progress
from tests.benchmarks.timing import best_of

import exam_sharing as es
from exam_sharing.memory import MemoryDirectory, open_sharing
from exam_sharing.sharing import Sharing

NOON: Final = datetime(2030, 1, 1, 12, tzinfo=UTC)
OWNER: Final = es.UserId("owner")
EXAM: Final = es.ExamId("exam")


def access_lists(grants: int, rounds: int) -> Iterator[Row]:
    """Measure the list of an exam of which every second grant was passed on from another."""
    progress(f"an access list of {grants:,} grants")
    lists = {
        reshares.value: _shared(reshares, grants // 2).access_list
        for reshares in (es.Reshares.KEEP, es.Reshares.RESTRICT)
    }
    assert all(len(listed(OWNER, EXAM).entries) == grants for listed in lists.values())
    batches = {kind: [partial(listed, OWNER, EXAM)] for kind, listed in lists.items()}
    times = best_of(rounds, batches, 1)
    ratio = times["RESTRICT"] / times["KEEP"]
    yield at_most("an access list, re-shares restrict / are kept", grants, ratio, 4)


def _shared(reshares: es.Reshares, pairs: int) -> Sharing:
    directory = MemoryDirectory()
    sharing = open_sharing(
        policy=es.Policy(reshares=reshares), directory=directory, clock=lambda: NOON
    )
    first = tuple(es.UserId(f"first-{number:04}") for number in range(pairs))
    second = tuple(es.UserId(f"second-{number:04}") for number in range(pairs))
    for user in (OWNER, *first, *second):
        directory.add(es.User(id=user, name=user.value))
    batch = es.UploadBatch(id=es.BatchId("disc"), uploader=OWNER, received_at=NOON)
    sharing.add_upload(batch, [es.Exam(id=EXAM, owner=OWNER, batch=batch.id, uploaded_at=NOON)])
    for user in first:
        sharing.share(es.ShareRequest(actor=OWNER, exam=EXAM, recipients=(user,), attested=True))
    for giver, taker in zip(first, second, strict=True):
        sharing.share(es.ShareRequest(actor=giver, exam=EXAM, recipients=(taker,), attested=True))
    return sharing
