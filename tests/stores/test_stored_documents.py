"""A golden file pins the documents that a database keeps: receipts and events.

It fails for a version that writes other documents than those already stored. If the change is
intended, run `python -m stores.test_stored_documents` with `tests` on the path: it writes the file.
"""

import json
import tempfile
from pathlib import Path

import sqlalchemy

from databases import quick_sqlite_engine
from exam_sharing import Reshares, RevokeRequest, Scope
from exam_sharing.adapters.sqlalchemy import SqlStore, create_all, define_tables
from world import (
    ANNA,
    BEN,
    CARLA,
    CLINIC,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    EVA,
    MR,
    NURSES,
    START,
    VIEW,
    XRAY,
    World,
    grant_id,
    share_request,
)

GOLDEN = Path(__file__).with_name("stored_documents.jsonl")


def stored(folder):
    """Return the documents of a database in which every kind of act was done."""
    engine = quick_sqlite_engine(Path(folder, "golden.db"))
    tables = create_all(engine, define_tables(sqlalchemy.MetaData()))
    world = World(store=SqlStore.over(engine, tables=tables))
    until = START + DAY
    whole = {"scope": Scope.BATCH, "expect": [CT, MR, XRAY], "message": "never in a document"}
    world.share(ANNA, CT, BEN, NURSES, until=until, permission=DOWNLOAD, request_id="1", **whole)
    world.share(BEN, CT, CARLA, performed_by=ANNA, request_id="2")
    world.share(BEN, MR, CARLA, permission=DOWNLOAD, request_id="3")
    world.share(ANNA, XRAY, CLINIC, DAN, request_id="4")
    refused = share_request(CARLA, CT, CARLA, ANNA, permission=DOWNLOAD, until=START + 2 * DAY)
    world.reasons(refused)
    world.narrow(ANNA, MR, BEN, permission=VIEW, reshares=Reshares.CASCADE, request_id="5")
    world.unshare(ANNA, CT, BEN, request_id="6")
    world.sharing.revoke(RevokeRequest(actor=ANNA, grant=grant_id("act4", XRAY, DAN)))
    world.sharing.admin.end_by_host(recipient=NURSES, performed_by="ops", why="left")
    world.sharing.admin.withdraw(XRAY, performed_by="ops", why="wrong patient")
    world.transfer(CT, EVA)
    receipts, events = tables.receipts.c, tables.events.c
    in_order = (
        sqlalchemy.select(receipts.receipt).order_by(receipts.request_id),
        sqlalchemy.select(events.event).order_by(events.number),
    )
    with engine.connect() as connection:
        return [text for each in in_order for text in connection.scalars(each)]


def test_stored_documents_keep_their_form(tmp_path):
    assert stored(tmp_path) == GOLDEN.read_text(encoding="utf-8").splitlines()


def test_the_golden_file_has_every_kind_of_document():
    documents = map(json.loads, GOLDEN.read_text(encoding="utf-8").splitlines())
    assert {kind for document in documents for kind in document} == {
        "ActRefused",
        "ExamShared",
        "ExamTransferred",
        "GrantsEnded",
        "ShareReceipt",
        "UnshareReceipt",
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_text("\n".join(stored(folder)) + "\n", encoding="utf-8")
