"""What belongs to a batch, of how many subjects it is, and whom the owner removed."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    PAST,
    answers,
    case,
    end_grant,
    exam,
    form,
    host_ends,
    made,
    no,
    portal,
    reason,
    refused,
    share,
    shared,
    unshare,
    upload,
    withdraw,
    yes,
)

__all__ = ["batching"]


def batching() -> list[Case]:
    """Return further cases of batches, of their subjects, and of readmission."""
    return [*_batches(), *_subjects(), *_readmitted()]


def _batches() -> list[Case]:
    shown = "expect was given and is not the set of exams that the share would now cover."
    return [
        case(
            "another upload is no part of the batch",
            "BATCH covers the exams of the named exam's batch.",
            portal(uploads=[upload("cd", exam("ct")), upload("dvd", exam("us"))]),
            when=share("anna", "ct", "user:ben", scope="BATCH"),
            outcome=shared(made("ct", "user:ben")),
            then=[no("ben", "VIEW", "us")],
        ),
        case(
            "a sealed batch is shared as any other",
            "It may grow while the upload runs; it is then sealed.",
            portal(
                uploads=[
                    {**upload("cd", exam("ct"), exam("mr", uploaded_at=PAST)), "sealed": True}
                ],
            ),
            when=share("anna", "ct", "user:ben", scope="BATCH"),
            outcome=shared(made("ct", "user:ben"), made("mr", "user:ben")),
        ),
        case(
            "an exam that was shown and has been withdrawn since changes what is covered",
            shown,
            portal(withdraw("xray")),
            when=share("anna", "ct", "user:ben", scope="BATCH", expect=["ct", "mr", "xray"]),
            outcome=refused("CHANGED_SINCE_SHOWN"),
        ),
        case(
            "what was shown of the batch does not bind a share of one exam",
            shown,
            when=share("anna", "ct", "user:ben", expect=["ct", "mr"]),
            outcome=shared(made("ct", "user:ben")),
        ),
        case(
            "what the actor cannot see is no part of what was shown",
            shown,
            portal(share("anna", "ct", "user:ben"), share("anna", "mr", "user:ben")),
            when=share("ben", "ct", "user:carla", scope="BATCH", expect=["ct", "mr"]),
            outcome=shared(made("ct", "user:carla"), made("mr", "user:carla")),
        ),
    ]


def _subjects() -> list[Case]:
    compared = "The host's opaque reference to the patient: compared, never shown."
    subjects = ("P-1", "p-1", "Ren\u00e9", "Rene\u0301")
    names = ("ct", "mr", "us", "xray")
    alike = [
        exam(name, subject=subject, uploaded_at=f"2030-01-01T11:{minute}:00Z")
        for name, subject, minute in zip(names, subjects, (40, 30, 20, 10), strict=True)
    ]
    of_two = upload("cd", exam("ct"), exam("mr", subject="P-2", uploaded_at=PAST))
    return [
        case(
            "subjects that look alike are subjects of their own",
            compared,
            portal(uploads=[upload("cd", *alike)]),
            then=[
                form("anna", "ct", "ct", "mr", "us", "xray", offers_download=True, subjects=4),
            ],
        ),
        *(
            case(
                f"subjects that differ in {what} alone are not shared in one act where forbidden",
                compared,
                portal(uploads=[upload("cd", *pair)], batches_across_subjects=False),
                when=share("anna", pair[0]["id"], "user:ben", scope="BATCH"),
                outcome=refused("BATCH_SPANS_SUBJECTS"),
                then=[no("ben", "VIEW", pair[0]["id"])],
            )
            for what, pair in (("case", alike[:2]), ("their Unicode form", alike[2:]))
        ),
        case(
            "one exam of a batch of several subjects is shared where that is forbidden",
            "BATCH_SPANS_SUBJECTS: and this would.",
            portal(uploads=[upload("cd", *alike)], batches_across_subjects=False),
            when=share("anna", "ct", "user:ben", scope="EXAM"),
            outcome=shared(made("ct", "user:ben")),
        ),
        case(
            "exams of another subject that the actor cannot see do not count",
            "Those that they cannot see are left out, and their existence is not told.",
            portal(
                share("anna", "ct", "user:ben"), uploads=[of_two], batches_across_subjects=False
            ),
            when=share("ben", "ct", "user:carla", scope="BATCH"),
            outcome=shared(made("ct", "user:carla")),
            then=[form("ben", "ct", "ct", offers_download=False, subjects=1)],
        ),
        case(
            "exams of several subjects are shared in one act where nothing forbids it",
            "The policy forbids sharing exams of several subjects in one act. Off by default.",
            portal(uploads=[of_two]),
            when=share("anna", "ct", "user:ben", scope="BATCH"),
            outcome=shared(made("ct", "user:ben"), made("mr", "user:ben")),
            then=[form("anna", "ct", "ct", "mr", offers_download=True, subjects=2)],
        ),
        case(
            "exams without a subject count one by one",
            "An exam without a subject counts as a subject of its own.",
            portal(
                uploads=[
                    upload(
                        "cd", exam("ct", subject=None), exam("mr", subject=None, uploaded_at=PAST)
                    )
                ]
            ),
            then=[form("anna", "ct", "ct", "mr", offers_download=True, subjects=2)],
        ),
    ]


def _readmitted() -> list[Case]:
    rule = "A grant to that principal was ended by the owner's unsharing."
    both = share("anna", "ct", "user:ben", "user:carla")
    again = share("ben", "ct", "user:carla")
    removed = refused(reason("REMOVED_BY_OWNER", principals=["user:carla"]))
    readmitted = shared(made("ct", "user:carla"))
    return [
        case(
            "whom the owner removed others readmit where the policy says nothing",
            "REMOVED_BY_OWNER. Off by default.",
            portal(both, unshare("anna", "ct", "user:carla")),
            when=again,
            outcome=readmitted,
            then=[yes("carla", "VIEW", "ct")],
        ),
        *(
            case(
                f"whom {who} is {'' if outcome is removed else 'not '}removed by the owner",
                rule,
                portal(both, *before, only_owner_readmits=True),
                when=again,
                outcome=outcome,
            )
            for who, outcome, before in (
                (
                    "the owner unshared by ending one grant",
                    removed,
                    (end_grant("anna", "ct", "anna", "user:carla"),),
                ),
                ("the host unshared", readmitted, (host_ends("user:carla", "ct"),)),
            )
        ),
        case(
            "whom the owner unshared from what others gave is removed by the owner",
            rule,
            portal(
                share("anna", "ct", "user:ben"),
                again,
                unshare("anna", "ct", "user:carla"),
                only_owner_readmits=True,
            ),
            when=again,
            outcome=removed,
        ),
        case(
            "whom somebody else unshared is not removed by the owner",
            rule,
            portal(
                share("anna", "ct", "user:ben"),
                again,
                unshare("ben", "ct", "user:carla"),
                only_owner_readmits=True,
            ),
            when=again,
            outcome=readmitted,
        ),
        case(
            "whom the owner removed a share with their group reaches",
            "A grant to that principal.",
            portal(
                share("anna", "ct", "user:ben", "user:dan"),
                unshare("anna", "ct", "user:dan"),
                only_owner_readmits=True,
            ),
            when=share("ben", "ct", "group:nurses"),
            outcome=shared(made("ct", "group:nurses")),
            then=[yes("dan", "VIEW", "ct"), answers([], "shared_with", user="carla")],
        ),
    ]
