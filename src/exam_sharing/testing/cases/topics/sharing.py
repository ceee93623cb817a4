"""Sharing: what a share grants, sharing again, previews, limits and host rules.

Specification: `#sharing`, `#refusals`, `#previews`.
"""

from typing import Final

from exam_sharing.testing.cases.builders import (
    DAY,
    HOUR,
    PAST,
    WEEK,
    access_list,
    can,
    cannot,
    case,
    clock,
    entry,
    form,
    given_by,
    made,
    not_found,
    notice,
    notices,
    passed_on,
    preview,
    reason,
    refused,
    share,
    share_download,
    shared,
    suggestions,
    tabs,
    user,
)

__all__ = ["CASES"]

CASES: Final = {
    "A share gives its recipients access, up to what the actor holds.": {
        "a share gives another user access": case(
            when=share("anna", "ben"),
            outcome=shared(made("ben")),
            then=[can("ben", "VIEW"), cannot("ben", "VIEW", "mr"), cannot("carla", "VIEW")],
        ),
        "a share with a group gives every member access": case(
            when=share("anna", "group:nurses"),
            outcome=shared(made("group:nurses")),
            then=[can("dan", "VIEW"), can("eva", "VIEW"), cannot("carla", "VIEW")],
        ),
        "one share can name users and groups": case(
            when=share("anna", "ben", "group:nurses"),
            outcome=shared(made("ben"), made("group:nurses")),
            then=[can("ben", "VIEW"), can("dan", "VIEW"), can("eva", "VIEW")],
        ),
        "recipients with download have a Download tab": case(
            when=share_download("anna", "ben"),
            outcome=shared(made("ben")),
            then=[
                can("ben", "DOWNLOAD"),
                can("ben", "VIEW"),
                tabs("ben", "DOWNLOAD", "SHARE", "VIEW"),
            ],
        ),
        "recipients without download have no Download tab": case(
            when=share("anna", "ben"),
            outcome=shared(made("ben")),
            then=[cannot("ben", "DOWNLOAD"), tabs("ben", "SHARE", "VIEW")],
        ),
        "a recipient who may only view can let others view": case(
            given=share("anna", "ben"),
            when=share("ben", "carla"),
            outcome=shared(made("carla")),
            then=[can("carla", "VIEW"), cannot("carla", "DOWNLOAD")],
        ),
        "an actor can share what they hold through a group": case(
            given=share_download("anna", "group:clinic", until=DAY),
            when=share_download("dan", "ben"),
            outcome=shared(made("ben", until=DAY, limited_by="OWN_HOLD")),
            then=can("ben", "DOWNLOAD"),
        ),
    },
    "DOWNLOAD_NOT_HELD: the actor does not hold download on every exam covered.": {
        "a recipient who may only view cannot let others download": case(
            given=share("anna", "ben"),
            when=share_download("ben", "carla"),
            outcome=refused(reason("DOWNLOAD_NOT_HELD", exams=["ct"])),
            then=[form("ben", "ct"), cannot("carla", "VIEW")],
        ),
        "download held on one exam does not count on another": case(
            given=[share_download("anna", "ben"), share("anna", "ben", exam="mr")],
            when=share_download("ben", "carla", scope="BATCH"),
            outcome=refused(reason("DOWNLOAD_NOT_HELD", exams=["mr"])),
            then=cannot("carla", "VIEW"),
        ),
    },
    "A user holds the union of the standing grants that reach them.": {
        "grants of several people add up": case(
            given=[
                share_download("anna", "ben", until=HOUR),
                *passed_on("anna", "carla", "ben"),
                clock(HOUR),
            ],
            then=[can("ben", "VIEW"), cannot("ben", "DOWNLOAD")],
        ),
        "grants of different grantors stand side by side": case(
            given=share("anna", "ben", "carla"),
            when=share("ben", "carla"),
            outcome=shared(made("carla")),
            then=notices(notice("ben"), notice("carla")),
        ),
    },
    "ATTESTATION_MISSING: the actor did not confirm the current wording.": {
        "a share without the attestation is refused": case(
            when=share("anna", "ben", attested=False),
            outcome=refused("ATTESTATION_MISSING"),
            then=cannot("ben", "VIEW"),
        ),
        "an outdated wording of the attestation is refused": case(
            policy={"attestation_wording": "I abide by HIPAA, in its new wording."},
            when=share("anna", "ben", wording="I abide by HIPAA."),
            outcome=refused("ATTESTATION_MISSING"),
        ),
        "a request can repeat the current wording of the attestation": case(
            policy={"attestation_wording": "I abide by HIPAA."},
            when=share("anna", "ben", wording="I abide by HIPAA."),
            outcome=shared(made("ben")),
        ),
    },
    "SHARING_NOT_IN_PLAN: no code about a recipient is reported beside it.": {
        "without the plan, no refusal is about a recipient": case(
            users=[user("anna", sharing_in_plan=False)],
            when=share("anna", "nobody", "anna"),
            outcome=refused("SHARING_NOT_IN_PLAN"),
            then=suggestions("anna", "car"),
        ),
        "without the plan, all reasons but those about recipients are reported": case(
            users=[user("ben", sharing_in_plan=False)],
            given=share("anna", "ben"),
            when=share_download("ben", "nobody", attested=False, until=PAST),
            outcome=refused(
                "SHARING_NOT_IN_PLAN",
                "ATTESTATION_MISSING",
                reason("DOWNLOAD_NOT_HELD", exams=["ct"]),
                "EXPIRY_IN_PAST",
            ),
        ),
    },
    "An inactive user holds nothing and may not act.": {
        "an inactive user cannot share": case(
            users=[user("anna", active=False)], when=share("anna", "ben"), outcome=not_found()
        ),
    },
    "A refusal carries all the codes that apply and changes nothing.": {
        "a refusal reports every reason": case(
            policy={"message_limit": 10},
            when=share("anna", "ben", "anna", attested=False, until=PAST, message="xxxxxxxxxxx"),
            outcome=refused(
                "ATTESTATION_MISSING",
                reason("RECIPIENT_IS_SELF", principals=["anna"]),
                reason("RECIPIENT_IS_OWNER", principals=["anna"]),
                "EXPIRY_IN_PAST",
                reason("MESSAGE_NOT_ALLOWED", limit=10),
            ),
            then=[cannot("ben", "VIEW"), notices()],
        ),
        "a refusal reports every limit that is exceeded": case(
            policy={"max_recipients": 1, "max_exams": 2, "max_people": 1},
            when=share("anna", "ben", "carla", scope="BATCH"),
            outcome=refused(
                reason("TOO_MANY", limit=1, limited="recipients"),
                reason("TOO_MANY", limit=2, limited="exams"),
                reason("TOO_MANY", limit=1, limited="people"),
            ),
        ),
        "every host rule is checked, and each refusal is reported beside the other reasons": case(
            policy={
                "host_rules": [
                    {"code": "NO_STUDENTS", "refuses_shares_by": "ben"},
                    {"code": "NOT_ON_CALL", "refuses_shares_by": "anna"},
                    {"code": "NO_LOCUMS", "refuses_shares_by": "anna"},
                ]
            },
            when=share("anna", "ben", attested=False),
            outcome=refused(
                "ATTESTATION_MISSING",
                reason("HOST_RULE", host_code="NOT_ON_CALL"),
                reason("HOST_RULE", host_code="NO_LOCUMS"),
            ),
        ),
    },
    "A grant is made only where it adds permission or time; sharing never narrows.": {
        "sharing the same again changes nothing and sends no notice": case(
            given=share("anna", "ben"),
            when=share("anna", "ben"),
            outcome=shared(made("ben", "UNCHANGED")),
            then=notices(notice("ben")),
        ),
        "sharing view with a downloader narrows nothing": case(
            given=share_download("anna", "ben"),
            when=share("anna", "ben"),
            outcome=shared(made("ben", "UNCHANGED")),
            then=can("ben", "DOWNLOAD"),
        ),
        "sharing for a shorter time narrows nothing and reports the longer time": case(
            given=share("anna", "ben", until=WEEK),
            when=share("anna", "ben", until=DAY),
            outcome=shared(made("ben", "UNCHANGED", until=WEEK, limited_by="ASKED")),
            then=notices(notice("ben", until=WEEK)),
        ),
        "sharing the same again leaves one grant to unshare": case(
            given=[share("anna", "ben"), share("anna", "ben")],
            then=access_list("anna", entry("ben", given_by("anna"))),
        ),
    },
    "GRANTED: nothing was held from this grantor. WIDENED: more permission. EXTENDED: more time.": {
        "sharing download with a viewer widens": case(
            given=share("anna", "ben"),
            when=share_download("anna", "ben"),
            outcome=shared(made("ben", "WIDENED")),
            then=can("ben", "DOWNLOAD"),
        ),
        "sharing download for a time with a viewer for good widens": case(
            given=share("anna", "ben"),
            when=share_download("anna", "ben", until=DAY),
            outcome=shared(made("ben", "WIDENED", until=DAY, limited_by="ASKED")),
            then=can("ben", "DOWNLOAD"),
        ),
        "sharing for longer extends": case(
            given=share("anna", "ben", until=DAY),
            when=share("anna", "ben", until=WEEK),
            outcome=shared(made("ben", "EXTENDED", until=WEEK, limited_by="ASKED")),
        ),
        "sharing view for longer with a downloader extends view": case(
            given=share_download("anna", "ben", until=DAY),
            when=share("anna", "ben", until=WEEK),
            outcome=shared(made("ben", "EXTENDED", until=WEEK, limited_by="ASKED")),
            then=can("ben", "DOWNLOAD"),
        ),
        "sharing download for longer with a downloader extends download": case(
            given=share_download("anna", "ben", until=DAY),
            when=share_download("anna", "ben"),
            outcome=shared(made("ben", "EXTENDED")),
        ),
        "sharing again after expiry grants anew": case(
            given=[share("anna", "ben", until=HOUR), clock(HOUR)],
            when=share("anna", "ben"),
            outcome=shared(made("ben")),
            then=can("ben", "VIEW"),
        ),
        "sharing with a member of a recipient group grants to the member": case(
            given=share("anna", "group:nurses"),
            when=share("anna", "dan"),
            outcome=shared(made("dan")),
        ),
        "the receipt has an outcome for every exam and recipient": case(
            given=[
                share_download("anna", "ben"),
                share("anna", "carla"),
                share_download("anna", "ben", exam="mr", until=DAY),
            ],
            when=share_download("anna", "carla", "ben", scope="BATCH"),
            outcome=shared(
                made("carla", "WIDENED"),
                made("ben", "UNCHANGED"),
                made("carla", exam="mr"),
                made("ben", "EXTENDED", exam="mr"),
                made("carla", exam="xray"),
                made("ben", exam="xray"),
            ),
        ),
    },
    "A preview reports who would gain what, and changes nothing.": {
        "a preview of a share reports gains and changes nothing": case(
            then=[
                preview(
                    share("anna", "group:nurses"),
                    gains=[("group:nurses", "VIEW"), ("dan", "VIEW"), ("eva", "VIEW")],
                ),
                cannot("dan", "VIEW"),
            ]
        ),
        "a preview of a share that adds nothing has no effects": case(
            given=share("anna", "ben"), then=preview(share("anna", "ben"))
        ),
        "a preview of more permission reports the permission gained": case(
            given=share("anna", "ben"),
            then=[
                preview(share_download("anna", "ben"), gains=[("ben", "DOWNLOAD")]),
                cannot("ben", "DOWNLOAD"),
            ],
        ),
        "a preview of more time reports a gain": case(
            given=share("anna", "ben", until=DAY),
            then=preview(share("anna", "ben", until=WEEK), gains=[("ben", "VIEW")]),
        ),
        "a preview of a share that another grantor made already has no effects": case(
            given=share("anna", "ben", "carla"), then=preview(share("ben", "carla"))
        ),
    },
    "A preview returns the reasons, and effects only if the attestation alone is missing.": {
        "a preview of a refused share reports the reasons and no effects": case(
            then=preview(share("anna"), reasons=["NO_RECIPIENTS"])
        ),
        "a preview without the attestation still reports the effects": case(
            then=preview(
                share("anna", "ben", attested=False),
                reasons=["ATTESTATION_MISSING"],
                gains=[("ben", "VIEW")],
            )
        ),
        "a preview without the attestation and with another reason reports no effects": case(
            then=preview(
                share("anna", "ben", attested=False, until=PAST),
                reasons=["ATTESTATION_MISSING", "EXPIRY_IN_PAST"],
            )
        ),
    },
    "TOO_MANY: more recipients, exams or people than the policy allows.": {
        "more recipients than the limit are refused": case(
            policy={"max_recipients": 1},
            when=share("anna", "ben", "carla"),
            outcome=refused(reason("TOO_MANY", limit=1, limited="recipients")),
        ),
        "exactly as many recipients as the limit are allowed, and a repeated one counts once": case(
            policy={"max_recipients": 2},
            when=share("anna", "ben", "carla", "ben"),
            outcome=shared(made("ben"), made("carla")),
        ),
        "more exams than the limit are refused": case(
            policy={"max_exams": 2},
            when=share("anna", "ben", scope="BATCH"),
            outcome=refused(reason("TOO_MANY", limit=2, limited="exams")),
        ),
        "exams that the actor cannot see do not count towards the limit": case(
            policy={"max_exams": 2},
            given=[share("anna", "ben"), share("anna", "ben", exam="mr")],
            when=share("ben", "carla", scope="BATCH"),
            outcome=shared(made("carla"), made("carla", exam="mr")),
        ),
        "more people reached than the limit are refused": case(
            policy={"max_people": 2},
            when=share("anna", "group:clinic"),
            outcome=refused(reason("TOO_MANY", limit=2, limited="people")),
        ),
        "people reached in two ways count once, and the actor does not count": case(
            policy={"max_people": 2},
            given=share("anna", "dan"),
            when=share("dan", "group:clinic", "group:nurses", "carla"),
            outcome=shared(made("group:clinic"), made("group:nurses"), made("carla")),
            then=can("eva", "VIEW"),
        ),
    },
    "TOO_MANY: hidden members of a group count against the limit for that group alone.": {
        "visible members of a group count together with the other people": case(
            policy={"max_people": 2},
            when=share("anna", "group:nurses", "ben", "carla"),
            outcome=refused(reason("TOO_MANY", limit=2, limited="people")),
        ),
        "hidden members of a group are not added to the other people": case(
            policy={"max_people": 2},
            unseen_members=[("anna", "group:nurses")],
            when=share("anna", "group:nurses", "ben", "carla"),
            outcome=shared(made("group:nurses"), made("ben"), made("carla")),
            then=[can("dan", "VIEW"), can("eva", "VIEW")],
        ),
        "a named recipient may be a hidden member of a recipient group": case(
            policy={"max_people": 2},
            unseen_members=[("anna", "group:nurses")],
            when=share("anna", "group:nurses", "dan", "carla"),
            outcome=shared(made("group:nurses"), made("dan"), made("carla")),
        ),
        "a group with more hidden members than the limit is refused": case(
            policy={"max_people": 1},
            unseen_members=[("anna", "group:nurses")],
            when=share("anna", "group:nurses"),
            outcome=refused(reason("TOO_MANY", limit=1, limited="people")),
        ),
    },
    "HOST_RULE: a rule of the host refuses a share of an exam that the actor can see.": {
        "a host rule refuses with its own code": case(
            policy={"host_rules": [{"code": "NO_STUDENTS", "refuses_shares_by": "anna"}]},
            when=share("anna", "ben"),
            outcome=refused(reason("HOST_RULE", host_code="NO_STUDENTS")),
        ),
        "host rules are not checked for an exam that the actor cannot see": case(
            policy={"host_rules": [{"code": "NO_STUDENTS", "refuses_shares_by": "ben"}]},
            when=share("ben", "carla"),
            outcome=not_found(),
        ),
    },
}
