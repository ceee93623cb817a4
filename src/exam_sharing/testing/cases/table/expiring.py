"""What is shared for a time, as everything shows it until then and from then on."""

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.table.phrases import (
    HOUR,
    access_list,
    answers,
    case,
    clock,
    entry,
    form,
    no,
    no_form,
    portal,
    share,
    yes,
)

__all__ = ["expiring"]


def expiring() -> list[Case]:
    """Return cases of everything that is shown just before a time, and at it."""
    downloads = share("anna", "ct", "user:ben", permission="DOWNLOAD", until=HOUR)
    views = share("anna", "ct", "user:ben")
    downloaded = [{"exam": "ct", "permission": "DOWNLOAD"}]
    viewed = [{"exam": "ct", "permission": "VIEW"}]
    return [
        case(
            "what is shared for a time is shown everywhere until just before it",
            "An exam is among the visible exactly when a check says yes.",
            portal(downloads, clock("2030-01-01T12:59:59.999999Z")),
            then=[
                yes("ben", "DOWNLOAD", "ct"),
                answers(["DOWNLOAD", "SHARE", "VIEW"], "tabs", user="ben", exam="ct"),
                form("ben", "ct", "ct", offers_download=True, latest_until=HOUR),
                answers(downloaded, "shared_with", user="ben"),
                answers(downloaded, "visible_to", user="ben"),
                access_list(
                    "anna",
                    "ct",
                    entry(
                        "user:ben",
                        ("anna", "DOWNLOAD", HOUR, True),
                        held={"VIEW": HOUR, "DOWNLOAD": HOUR},
                        can_unshare=True,
                    ),
                ),
            ],
        ),
        case(
            "what was shared for a time is shown nowhere at that time",
            "A grant has expired from the moment of its time on.",
            portal(downloads, clock(HOUR)),
            then=[
                no("ben", "DOWNLOAD", "ct"),
                no_form("ben", "ct"),
                answers([], "visible_to", user="ben"),
                access_list("anna", "ct"),
            ],
        ),
        case(
            "an entry says of each permission until when it is held",
            "An entry of the access list says for each permission held until when.",
            portal(downloads, views),
            then=[
                access_list(
                    "anna",
                    "ct",
                    entry(
                        "user:ben",
                        ("anna", "DOWNLOAD", HOUR, True),
                        ("anna", "VIEW", None, True),
                        held={"VIEW": None, "DOWNLOAD": HOUR},
                        can_unshare=True,
                    ),
                ),
                form("ben", "ct", "ct", offers_download=True),
            ],
        ),
        case(
            "at the time of download view is left that was shared for good",
            "Several grants add up, each for its time.",
            portal(downloads, views, clock(HOUR)),
            then=[
                yes("ben", "VIEW", "ct"),
                no("ben", "DOWNLOAD", "ct"),
                answers(["SHARE", "VIEW"], "tabs", user="ben", exam="ct"),
                form("ben", "ct", "ct", offers_download=False),
                answers(viewed, "shared_with", user="ben"),
                answers(viewed, "visible_to", user="ben"),
                access_list(
                    "anna",
                    "ct",
                    entry("user:ben", ("anna", "VIEW", None, True), can_unshare=True),
                ),
            ],
        ),
    ]
