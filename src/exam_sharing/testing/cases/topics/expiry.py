"""Expiry: until when a share lasts, and what happens at that time.

Specification: `#until-when`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import (
    DAY,
    HOUR,
    NOW,
    WEEK,
    access_list,
    can,
    cannot,
    case,
    clock,
    entry,
    exam,
    form,
    given_by,
    made,
    no_form,
    not_found,
    reason,
    refused,
    share,
    share_download,
    shared,
    shared_with,
    tabs,
    upload,
    visible_to,
)

__all__ = ["CASES"]


ASKED: Final = {
    "without a time, a share lasts for good if nothing limits it": case(
        "Without a time, a share lasts as long as allowed.",
        when=share("anna", "ben"),
        outcome=shared(made("ben")),
    ),
    "without a time, a share lasts as long as the actor's own hold": case(
        "Without a time, the earlier of the actor's own hold and the longest duration applies.",
        policy={"max_duration": 604800},
        given=share("anna", "ben", until=DAY),
        when=share("ben", "carla"),
        outcome=shared(made("carla", until=DAY, limited_by="OWN_HOLD")),
    ),
    "without a time, a share lasts as long as the policy allows": case(
        "Without a time, the earlier of the actor's own hold and the longest duration applies.",
        policy={"max_duration": 86400},
        when=share("anna", "ben"),
        outcome=shared(made("ben", until=DAY, limited_by="POLICY")),
    ),
    "without a time, each exam is shared for as long as the actor holds it": case(
        "Without a time, a share lasts as long as allowed for each exam.",
        policy={"max_duration": 86400},
        uploads=[upload("cd", exam("ct", owner="ben"), exam("mr"))],
        given=share("anna", "ben", exam="mr", until=HOUR),
        when=share("ben", "carla", scope="BATCH"),
        outcome=shared(
            made("carla", until=DAY, limited_by="POLICY"),
            made("carla", exam="mr", until=HOUR, limited_by="OWN_HOLD"),
        ),
    ),
    "a time asked for holds for every exam of a batch": case(
        "The time asked for applies to every exam covered.",
        when=share("anna", "ben", scope="BATCH", until=DAY),
        outcome=shared(
            made("ben", until=DAY, limited_by="ASKED"),
            made("ben", exam="mr", until=DAY, limited_by="ASKED"),
            made("ben", exam="xray", until=DAY, limited_by="ASKED"),
        ),
    ),
    "a time that has passed is refused": case(
        "EXPIRY_IN_PAST: the time asked for is not in the future.",
        when=share("anna", "ben", until=NOW),
        outcome=refused("EXPIRY_IN_PAST"),
    ),
    "a time one microsecond ahead is allowed": case(
        "EXPIRY_IN_PAST: the time asked for is not in the future.",
        when=share("anna", "ben", until="2030-01-01T12:00:00.000001Z"),
        outcome=shared(made("ben", until="2030-01-01T12:00:00.000001Z", limited_by="ASKED")),
        then=can("ben", "VIEW"),
    ),
    "a time up to the actor's own hold is allowed": case(
        "EXPIRY_BEYOND_OWN: the time asked for is later than the actor's own hold.",
        given=share("anna", "ben", until=DAY),
        when=share("ben", "carla", until=DAY),
        outcome=shared(made("carla", until=DAY, limited_by="ASKED")),
    ),
    "a time beyond the actor's own hold is refused": case(
        "EXPIRY_BEYOND_OWN: the time asked for is later than the actor's own hold.",
        given=share("anna", "ben", until=DAY),
        when=share("ben", "carla", until=WEEK),
        outcome=refused(reason("EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY)),
    ),
    "the refusal reports the earliest of several holds that are too short": case(
        "EXPIRY_BEYOND_OWN: the time asked for is later than the actor's own hold on some exam.",
        given=[share("anna", "ben", until=DAY), share("anna", "ben", exam="mr", until=HOUR)],
        when=share("ben", "carla", scope="BATCH", until=WEEK),
        outcome=refused(reason("EXPIRY_BEYOND_OWN", exams=["ct", "mr"], until=HOUR)),
    ),
    "the hold on download counts apart from the hold on view": case(
        "EXPIRY_BEYOND_OWN: the actor's own hold on that permission counts.",
        given=[share_download("anna", "ben", until=DAY), share("anna", "ben")],
        when=share_download("ben", "carla", until=WEEK),
        outcome=refused(reason("EXPIRY_BEYOND_OWN", exams=["ct"], until=DAY)),
    ),
    "a time up to the longest duration is allowed": case(
        "EXPIRY_BEYOND_POLICY: the time asked for is beyond the longest duration.",
        policy={"max_duration": 86400},
        when=share("anna", "ben", until=DAY),
        outcome=shared(made("ben", until=DAY, limited_by="ASKED")),
    ),
    "a time beyond the longest duration is refused": case(
        "EXPIRY_BEYOND_POLICY: the time asked for is beyond the longest duration.",
        policy={"max_duration": 86400},
        when=share("anna", "ben", until=WEEK),
        outcome=refused(reason("EXPIRY_BEYOND_POLICY", until=DAY)),
    ),
    "a time beyond the actor's hold and the longest duration is refused for both": case(
        "A refusal carries all the codes that apply.",
        policy={"max_duration": 86400},
        given=share("anna", "ben", until=HOUR),
        when=share("ben", "carla", until=WEEK),
        outcome=refused(
            reason("EXPIRY_BEYOND_OWN", exams=["ct"], until=HOUR),
            reason("EXPIRY_BEYOND_POLICY", until=DAY),
        ),
    ),
    "an actor can share for as long as the longest of their holds": case(
        "Several grants to the actor add up.",
        given=[
            share("anna", "ben", until=HOUR),
            share("anna", "carla", until=DAY),
            share("carla", "ben"),
        ],
        when=share("ben", "dan"),
        outcome=shared(made("dan", until=DAY, limited_by="OWN_HOLD")),
    ),
    "view held for good is shared for good although download ends sooner": case(
        "The actor's own hold on that permission counts.",
        given=[share_download("anna", "ben", until=DAY), share("anna", "ben")],
        when=share("ben", "carla"),
        outcome=shared(made("carla")),
    ),
    "expired download can no longer be shared": case(
        "DOWNLOAD_NOT_HELD: the actor no longer holds download.",
        given=[share_download("anna", "ben", until=HOUR), share("anna", "ben"), clock(HOUR)],
        when=share_download("ben", "carla"),
        outcome=refused(reason("DOWNLOAD_NOT_HELD", exams=["ct"])),
    ),
}

EXPIRING: Final = {
    "a share for a time gives access until just before that time": case(
        "A grant stands until it is ended or it expires.",
        given=[share("anna", "ben", until=HOUR), clock("2030-01-01T12:59:59.999999Z")],
        then=can("ben", "VIEW"),
    ),
    "a share for a time gives no access at that time": case(
        "A grant has expired once its time has come.",
        given=[share("anna", "ben", until=HOUR), clock(HOUR)],
        then=[cannot("ben", "VIEW"), tabs("ben"), shared_with("ben")],
    ),
    "a share for a time shows everywhere until just before that time": case(
        "An exam is visible exactly when a check answers yes.",
        given=[share_download("anna", "ben", until=HOUR), clock("2030-01-01T12:59:59.999999Z")],
        then=[
            can("ben", "DOWNLOAD"),
            tabs("ben", "DOWNLOAD", "SHARE", "VIEW"),
            form("ben", "ct", download=True, latest_until=HOUR),
            shared_with("ben", ("ct", "DOWNLOAD")),
            visible_to("ben", ("ct", "DOWNLOAD")),
            access_list(
                "anna",
                entry(
                    "ben",
                    given_by("anna", permission="DOWNLOAD", until=HOUR),
                    held={"VIEW": HOUR, "DOWNLOAD": HOUR},
                ),
            ),
        ],
    ),
    "a share for a time shows nowhere at that time": case(
        "A grant has expired once its time has come.",
        given=[share_download("anna", "ben", until=HOUR), clock(HOUR)],
        then=[cannot("ben", "DOWNLOAD"), no_form("ben"), visible_to("ben"), access_list("anna")],
    ),
    "an entry of the access list has a time for each permission": case(
        "An entry of the access list reports for each permission until when it is held.",
        given=[share_download("anna", "ben", until=HOUR), share("anna", "ben")],
        then=[
            access_list(
                "anna",
                entry(
                    "ben",
                    given_by("anna", permission="DOWNLOAD", until=HOUR),
                    given_by("anna"),
                    held={"VIEW": None, "DOWNLOAD": HOUR},
                ),
            ),
            form("ben", "ct", download=True),
        ],
    ),
    "view shared for good remains when download expires": case(
        "Several grants add up, each for its own time.",
        given=[share_download("anna", "ben", until=HOUR), share("anna", "ben"), clock(HOUR)],
        then=[
            can("ben", "VIEW"),
            cannot("ben", "DOWNLOAD"),
            tabs("ben", "SHARE", "VIEW"),
            form("ben", "ct"),
            shared_with("ben", ("ct", "VIEW")),
            visible_to("ben", ("ct", "VIEW")),
            access_list("anna", entry("ben", given_by("anna"))),
        ],
    ),
    "a re-share expires at its own time": case(
        "A new grant exceeds neither the permission nor the time that its grantor holds.",
        given=[share("anna", "ben", until=HOUR), share("ben", "carla"), clock(HOUR)],
        then=[cannot("ben", "VIEW"), cannot("carla", "VIEW")],
    ),
    "an actor whose access has expired finds no exam to share": case(
        "EXAM_NOT_FOUND: the actor has no access.",
        given=[share("anna", "ben", until=HOUR), clock(HOUR)],
        when=share("ben", "carla"),
        outcome=not_found(),
    ),
}

CASES: Final = {**ASKED, **EXPIRING}
