"""The product page that started the project: decision cases hold each of its sentences.

Every store passes these cases, by `tests/testing/test_cases.py`.
Specification: `#the-product-page`.
"""

from exam_sharing.testing.cases import cases
from product_page import sentences

HELD_BY = {
    "sharing gives other users access without sending to PACS": [
        "a share gives another user access"
    ],
    "no Share tab: upgrade the service": [
        "without sharing in the plan there is no Share tab",
        "with sharing in the plan there is a Share tab",
    ],
    "share with another user or a group": [
        "a share gives another user access",
        "a share with a group gives every member access",
    ],
    "type a name, address or group name and choose a suggestion": [
        "the start of a name, an address or a group name finds recipients"
    ],
    "Select from list": ["the list offers users and groups by name"],
    "several recipients, a mix of users and groups": ["one share can name users and groups"],
    "allow download; else no Download tab for the recipients": [
        "recipients with download have a Download tab",
        "recipients without download have no Download tab",
    ],
    "shared without download: no such checkbox when sharing on": [
        "a recipient who may only view cannot let others download",
        "the share form of a view-only recipient has no download box and has a latest time",
    ],
    "confirm abiding by HIPAA": [
        "a share without the attestation is refused",
        "the share form has the wording of the policy",
    ],
    "only this exam, or all uploaded along with it (a CD with 2 others: 3 shared)": [
        "a share of one exam covers that exam alone",
        "a share of a batch covers all exams of a CD",
        "a share of a batch does not cover exams that arrive later",
    ],
    "Share, or Share with a personal message, included in the e-mail": [
        "a share sends a notice to its recipients",
        "a personal message is part of the notice",
    ],
    "notifications off: no personal message either": [
        "without notices in the deployment, no message is sent",
        "a user who turned notices off gets no message",
        "the share form reports that messages are not sent",
    ],
    "the access list, and the owner under its own heading": [
        "the access list has users and groups, and the owner apart"
    ],
    "unshare from anyone you shared with (X)": [
        "a grantor can unshare",
        "an entry has an X exactly where unsharing is allowed",
        "a re-share stands after its source is unshared",
    ],
    "the owner can unshare anyone": ["the owner can unshare what others shared"],
}


def test_every_sentence_of_the_product_page_has_decision_cases():
    assert list(HELD_BY) == sentences()


def test_the_decision_cases_of_the_product_page_exist():
    names = {case["name"] for case in cases()}
    assert [name for held_by in HELD_BY.values() for name in held_by if name not in names] == []
