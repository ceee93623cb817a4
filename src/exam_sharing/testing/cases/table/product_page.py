"""The product page, sentence by sentence."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    access_list,
    answers,
    case,
    ended,
    entry,
    form,
    grant,
    made,
    no,
    no_form,
    notice,
    portal,
    refused,
    share,
    shared,
    unshare,
    user,
    yes,
)

__all__ = ["product_page"]

VIEWER = ["SHARE", "VIEW"]
ALL_TABS = ["DOWNLOAD", "SHARE", "VIEW"]


def product_page() -> list[Case]:
    """Return a case or more for each sentence."""
    return [
        case(
            "sharing gives another user access",
            "A share gives a user access to an exam; nothing is sent to a PACS.",
            when=share("anna", "ct", "user:ben"),
            outcome=shared(made("ct", "user:ben")),
            then=[yes("ben", "VIEW", "ct"), no("ben", "VIEW", "mr"), no("carla", "VIEW", "ct")],
        ),
        case(
            "without sharing in the plan there is no Share tab",
            "Without sharing in the service plan there is no Share tab, and no share.",
            portal(users=[user("anna", sharing_in_plan=False)]),
            when=share("anna", "ct", "user:ben"),
            outcome=refused("SHARING_NOT_IN_PLAN"),
            then=[
                answers(["DOWNLOAD", "VIEW"], "tabs", user="anna", exam="ct"),
                no_form("anna", "ct"),
                no("ben", "VIEW", "ct"),
            ],
        ),
        case(
            "with sharing in the plan there is a Share tab",
            "With sharing in the service plan, the Share tab opens the share form.",
            then=[
                answers(ALL_TABS, "tabs", user="anna", exam="ct"),
                form("anna", "ct", "ct", "mr", "xray", offers_download=True),
            ],
        ),
        case(
            "sharing with a group gives access to everybody in it",
            "A recipient is a user or a group.",
            when=share("anna", "ct", "group:nurses"),
            outcome=shared(made("ct", "group:nurses")),
            then=[
                yes("dan", "VIEW", "ct"),
                yes("eva", "VIEW", "ct"),
                no("carla", "VIEW", "ct"),
            ],
        ),
        case(
            "the start of a name, an address or a group name suggests recipients",
            "A typed name, e-mail address or name of a group suggests recipients.",
            then=[
                answers(["user:carla"], "suggestions", user="anna", exam="ct", text="car"),
                answers(["user:carla"], "suggestions", user="anna", exam="ct", text="reyes"),
                answers(["user:eva"], "suggestions", user="anna", exam="ct", text="EVA"),
                answers(["user:ben"], "suggestions", user="anna", exam="ct", text="ben@exam"),
                answers(["group:nurses"], "suggestions", user="anna", exam="ct", text="night"),
                answers([], "suggestions", user="anna", exam="ct", text="anna"),
            ],
        ),
        case(
            "the list to select from holds people and groups by name",
            "Select from list offers users and groups together.",
            then=[
                answers(
                    [
                        "user:ben",
                        "user:carla",
                        "group:clinic",
                        "user:dan",
                        "user:eva",
                        "group:nurses",
                    ],
                    "choices",
                    user="anna",
                    exam="ct",
                ),
            ],
        ),
        case(
            "an exam is shared with users and groups at once",
            "One share may have several recipients, users and groups alike.",
            when=share("anna", "ct", "user:ben", "group:nurses"),
            outcome=shared(made("ct", "user:ben"), made("ct", "group:nurses")),
            then=[yes("ben", "VIEW", "ct"), yes("dan", "VIEW", "ct"), yes("eva", "VIEW", "ct")],
        ),
        case(
            "with the download box checked recipients have a Download tab",
            "A share may allow download.",
            when=share("anna", "ct", "user:ben", permission="DOWNLOAD"),
            outcome=shared(made("ct", "user:ben")),
            then=[
                yes("ben", "DOWNLOAD", "ct"),
                yes("ben", "VIEW", "ct"),
                answers(ALL_TABS, "tabs", user="ben", exam="ct"),
            ],
        ),
        case(
            "with the download box unchecked recipients have no Download tab",
            "A share that does not allow download gives no Download tab.",
            when=share("anna", "ct", "user:ben"),
            outcome=shared(made("ct", "user:ben")),
            then=[
                no("ben", "DOWNLOAD", "ct"),
                answers(VIEWER, "tabs", user="ben", exam="ct"),
            ],
        ),
        case(
            "who may only view cannot let others download",
            "Who was given no download is not offered it for others.",
            portal(share("anna", "ct", "user:ben")),
            when=share("ben", "ct", "user:carla", permission="DOWNLOAD"),
            outcome=refused({"code": "DOWNLOAD_NOT_HELD", "exams": ["ct"]}),
            then=[
                form("ben", "ct", "ct", offers_download=False),
                no("carla", "VIEW", "ct"),
            ],
        ),
        case(
            "who may only view can let others view",
            "Who was given no download may still pass viewing on.",
            portal(share("anna", "ct", "user:ben")),
            when=share("ben", "ct", "user:carla"),
            outcome=shared(made("ct", "user:carla", limited_by="NOTHING")),
            then=[yes("carla", "VIEW", "ct"), no("carla", "DOWNLOAD", "ct")],
        ),
        case(
            "without the confirmation nothing is shared",
            "The actor confirms that the sharing abides by HIPAA.",
            when=share("anna", "ct", "user:ben", attested=False),
            outcome=refused("ATTESTATION_MISSING"),
            then=[no("ben", "VIEW", "ct")],
        ),
        case(
            "only the one exam is shared",
            "A share covers the one exam, where nothing else is chosen.",
            when=share("anna", "ct", "user:ben", scope="EXAM"),
            outcome=shared(made("ct", "user:ben")),
            then=[answers([{"exam": "ct", "permission": "VIEW"}], "shared_with", user="ben")],
        ),
        case(
            "all exams of a CD are shared",
            "A share may cover all that was uploaded with the exam: three exams of a CD of three.",
            when=share("anna", "ct", "user:ben", scope="BATCH"),
            outcome=shared(
                made("ct", "user:ben"), made("mr", "user:ben"), made("xray", "user:ben")
            ),
            then=[
                answers(
                    [
                        {"exam": "ct", "permission": "VIEW"},
                        {"exam": "mr", "permission": "VIEW"},
                        {"exam": "xray", "permission": "VIEW"},
                    ],
                    "shared_with",
                    user="ben",
                ),
            ],
        ),
        case(
            "a share tells its recipients",
            "Sharing sends a notice to whoever gains access.",
            when=share("anna", "ct", "user:ben", "group:nurses"),
            outcome=shared(made("ct", "user:ben"), made("ct", "group:nurses")),
            then=[
                answers(
                    [notice("ben", "anna"), notice("dan", "anna"), notice("eva", "anna")],
                    "notices",
                ),
            ],
        ),
        case(
            "a personal message is in the notice",
            "Sharing with a personal message puts it into the notice.",
            when=share("anna", "ct", "user:ben", message="Please have a look."),
            outcome=shared(made("ct", "user:ben")),
            then=[answers([notice("ben", "anna", message="Please have a look.")], "notices")],
        ),
        case(
            "with notifications off for sharing no personal message is sent",
            "With notices off for the deployment, no message is sent.",
            portal(sends_notices=False),
            when=share("anna", "ct", "user:ben", message="Please have a look."),
            outcome=shared(made("ct", "user:ben")),
            then=[yes("ben", "VIEW", "ct"), answers([], "notices")],
        ),
        case(
            "a recipient who turned notifications off is not sent the message",
            "With notices off for one user, no message is sent to them.",
            portal(users=[user("ben", notices=False)]),
            when=share("anna", "ct", "user:ben", "user:carla", message="Please have a look."),
            outcome=shared(made("ct", "user:ben"), made("ct", "user:carla")),
            then=[answers([notice("carla", "anna", message="Please have a look.")], "notices")],
        ),
        case(
            "the access list names people and groups, and the owner apart",
            "The access list shows users and groups with access, and apart from them the owner.",
            portal(share("anna", "ct", "user:ben", "group:nurses")),
            then=[
                access_list(
                    "anna",
                    "ct",
                    entry("user:ben", ("anna", "VIEW", None, True), can_unshare=True),
                    entry("group:nurses", ("anna", "VIEW", None, True), can_unshare=True),
                ),
            ],
        ),
        case(
            "whoever shared can unshare",
            "A grantor may end what they granted.",
            portal(share("anna", "ct", "user:ben"), share("ben", "ct", "user:carla")),
            when=unshare("ben", "ct", "user:carla"),
            outcome=ended(grant("ct", "ben", "user:carla")),
            then=[no("carla", "VIEW", "ct"), yes("ben", "VIEW", "ct")],
        ),
        case(
            "the owner can unshare whatever others shared",
            "The owner may end what anybody granted.",
            portal(share("anna", "ct", "user:ben"), share("ben", "ct", "group:nurses")),
            when=unshare("anna", "ct", "group:nurses"),
            outcome=ended(grant("ct", "ben", "group:nurses")),
            then=[no("dan", "VIEW", "ct"), no("eva", "VIEW", "ct"), yes("ben", "VIEW", "ct")],
        ),
    ]
