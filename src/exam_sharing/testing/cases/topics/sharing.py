"""Sharing: what a share grants, sharing again, previews, limits and host rules.

Specification: `#sharing`, `#refusals`, `#previews`.
"""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import case, clock, notices
from exam_sharing.testing.cases.people import DAY, HOUR, PAST, WEEK, nobody, passed_on, reason
from exam_sharing.testing.cases.topics import After, anna, ben, carla, clinic, dan, eva, nurses

two_people: Final = partial(case, policy={"max_people": 2})
CASES: Final = {
    "A share gives its recipients access, up to what the actor holds.": {
        "a share gives another user access": case(
            when=anna.share(ben).granted(),
            then=[ben.can_view(), ben.cannot_view("mr"), carla.cannot_view()],
        ),
        "a share with a group gives every member access": case(
            when=anna.share(nurses).granted(),
            then=[dan.can_view(), eva.can_view(), carla.cannot_view()],
        ),
        "one share can name users and groups": case(
            when=anna.share(ben, nurses).granted(),
            then=[ben.can_view(), dan.can_view(), eva.can_view()],
        ),
        "recipients with download have a Download tab": case(
            when=anna.share_download(ben).granted(),
            then=[ben.can_download(), ben.can_view(), ben.tabs("DOWNLOAD", "SHARE", "VIEW")],
        ),
        "recipients without download have no Download tab": case(
            when=anna.share(ben).granted(), then=[ben.cannot_download(), ben.tabs("SHARE", "VIEW")]
        ),
        "a recipient who may only view can let others view": After.share(
            when=ben.share(carla).granted(), then=[carla.can_view(), carla.cannot_download()]
        ),
        "an actor can share what they hold through a group": case(
            given=anna.share_download(clinic, until=DAY),
            when=dan.share_download(ben).granted(until=DAY, limited_by="OWN_HOLD"),
            then=ben.can_download(),
        ),
    },
    "DOWNLOAD_NOT_HELD: the actor does not hold download on every exam covered.": {
        "a recipient who may only view cannot let others download": After.share(
            when=ben.share_download(carla).refused("DOWNLOAD_NOT_HELD", exams=["ct"]),
            then=[ben.form("ct"), carla.cannot_view()],
        ),
        "download held on one exam does not count on another": case(
            given=[anna.share_download(ben), anna.share(ben, exam="mr")],
            when=ben.share_download(carla, scope="BATCH").refused(
                "DOWNLOAD_NOT_HELD", exams=["mr"]
            ),
            then=carla.cannot_view(),
        ),
    },
    "A user holds the union of the standing grants that reach them.": {
        "grants of several people add up": case(
            given=[anna.share_download(ben, until=HOUR), *passed_on(anna, carla, ben), clock(HOUR)],
            then=[ben.can_view(), ben.cannot_download()],
        ),
        "grants of different grantors stand side by side": case(
            given=anna.share(ben, carla),
            when=ben.share(carla).granted(),
            then=notices(ben.notice(), carla.notice()),
        ),
    },
    "ATTESTATION_MISSING: the actor did not confirm the current wording.": {
        "a share without the attestation is refused": case(
            when=anna.share(ben, attested=False).refused("ATTESTATION_MISSING"),
            then=ben.cannot_view(),
        ),
        "an outdated wording of the attestation is refused": case(
            policy={"attestation_wording": "I abide by HIPAA, in its new wording."},
            when=anna.share(ben, wording="I abide by HIPAA.").refused("ATTESTATION_MISSING"),
        ),
        "a request can repeat the current wording of the attestation": case(
            policy={"attestation_wording": "I abide by HIPAA."},
            when=anna.share(ben, wording="I abide by HIPAA.").granted(),
        ),
    },
    "SHARING_NOT_IN_PLAN: no code about a recipient is reported beside it.": {
        "without the plan, no refusal is about a recipient": case(
            users=[anna.fields(sharing_in_plan=False)],
            when=anna.share(nobody, anna).refused("SHARING_NOT_IN_PLAN"),
            then=anna.suggestions("car"),
        ),
        "without the plan, all reasons but those about recipients are reported": After.share(
            users=[ben.fields(sharing_in_plan=False)],
            when=ben.share_download(nobody, attested=False, until=PAST).refused(
                "SHARING_NOT_IN_PLAN",
                "ATTESTATION_MISSING",
                reason("DOWNLOAD_NOT_HELD", exams=["ct"]),
                "EXPIRY_IN_PAST",
            ),
        ),
    },
    "An inactive user holds nothing and may not act.": {
        "an inactive user cannot share": case(
            users=[anna.fields(active=False)], when=anna.share(ben).not_found()
        )
    },
    "A refusal carries all the codes that apply and changes nothing.": {
        "a refusal reports every reason": case(
            policy={"message_limit": 10},
            when=anna.share(ben, anna, attested=False, until=PAST, message="xxxxxxxxxxx").refused(
                "ATTESTATION_MISSING",
                reason("RECIPIENT_IS_SELF", principals=[anna]),
                reason("RECIPIENT_IS_OWNER", principals=[anna]),
                "EXPIRY_IN_PAST",
                reason("MESSAGE_NOT_ALLOWED", limit=10),
            ),
            then=[ben.cannot_view(), notices()],
        ),
        "a refusal reports every limit that is exceeded": case(
            policy={"max_recipients": 1, "max_exams": 2, "max_people": 1},
            when=anna.share_batch(ben, carla).refused(
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
            when=anna.share(ben, attested=False).refused(
                "ATTESTATION_MISSING",
                reason("HOST_RULE", host_code="NOT_ON_CALL"),
                reason("HOST_RULE", host_code="NO_LOCUMS"),
            ),
        ),
    },
    "A grant is made only where it adds permission or time; sharing never narrows.": {
        "sharing the same again changes nothing and sends no notice": After.share(
            when=anna.share(ben).shared(ben.unchanged()), then=notices(ben.notice())
        ),
        "sharing view with a downloader narrows nothing": After.download(
            when=anna.share(ben).shared(ben.unchanged()), then=ben.can_download()
        ),
        "sharing for a shorter time narrows nothing and reports the longer time": case(
            given=anna.share(ben, until=WEEK),
            when=anna.share(ben, until=DAY).shared(ben.unchanged(until=WEEK, limited_by="ASKED")),
            then=notices(ben.notice(until=WEEK)),
        ),
        "sharing the same again leaves one grant to unshare": case(
            given=[anna.share(ben), anna.share(ben)], then=anna.access_list(ben.entry(anna.gave()))
        ),
    },
    "GRANTED: nothing was held from this grantor. WIDENED: more permission. EXTENDED: more time.": {
        "sharing download with a viewer widens": After.share(
            when=anna.share_download(ben).shared(ben.widened()), then=ben.can_download()
        ),
        "sharing download for a time with a viewer for good widens": After.share(
            when=anna.share_download(ben, until=DAY).shared(
                ben.widened(until=DAY, limited_by="ASKED")
            ),
            then=ben.can_download(),
        ),
        "sharing for longer extends": case(
            given=anna.share(ben, until=DAY),
            when=anna.share(ben, until=WEEK).shared(ben.extended(until=WEEK, limited_by="ASKED")),
        ),
        "sharing view for longer with a downloader extends view": case(
            given=anna.share_download(ben, until=DAY),
            when=anna.share(ben, until=WEEK).shared(ben.extended(until=WEEK, limited_by="ASKED")),
            then=ben.can_download(),
        ),
        "sharing download for longer with a downloader extends download": case(
            given=anna.share_download(ben, until=DAY),
            when=anna.share_download(ben).shared(ben.extended()),
        ),
        "sharing again after expiry grants anew": case(
            given=[anna.share(ben, until=HOUR), clock(HOUR)],
            when=anna.share(ben).granted(),
            then=ben.can_view(),
        ),
        "sharing with a member of a recipient group grants to the member": After.group_share(
            when=anna.share(dan).granted()
        ),
        "the receipt has an outcome for every exam and recipient": case(
            given=[
                anna.share_download(ben),
                anna.share(carla),
                anna.share_download(ben, exam="mr", until=DAY),
            ],
            when=anna.share_download(carla, ben, scope="BATCH").shared(
                carla.widened(),
                ben.unchanged(),
                carla.granted(exam="mr"),
                ben.extended(exam="mr"),
                carla.granted(exam="xray"),
                ben.granted(exam="xray"),
            ),
        ),
    },
    "A preview reports who would gain what, and changes nothing.": {
        "a preview of a share reports gains and changes nothing": case(
            then=[anna.share(nurses).previewed(gains=[nurses, dan, eva]), dan.cannot_view()]
        ),
        "a preview of a share that adds nothing has no effects": After.share(
            then=anna.share(ben).previewed()
        ),
        "a preview of more permission reports the permission gained": After.share(
            then=[
                anna.share_download(ben).previewed(gains=[(ben, "DOWNLOAD")]),
                ben.cannot_download(),
            ]
        ),
        "a preview of more time reports a gain": case(
            given=anna.share(ben, until=DAY),
            then=anna.share(ben, until=WEEK).previewed(gains=[ben]),
        ),
        "a preview of a share that another grantor made already has no effects": case(
            given=anna.share(ben, carla), then=ben.share(carla).previewed()
        ),
    },
    "A preview returns the reasons, and effects only if the attestation alone is missing.": {
        "a preview of a refused share reports the reasons and no effects": case(
            then=anna.share().previewed("NO_RECIPIENTS")
        ),
        "a preview without the attestation still reports the effects": case(
            then=anna.share(ben, attested=False).previewed("ATTESTATION_MISSING", gains=[ben])
        ),
        "a preview without the attestation and with another reason reports no effects": case(
            then=anna.share(ben, attested=False, until=PAST).previewed(
                "ATTESTATION_MISSING", "EXPIRY_IN_PAST"
            )
        ),
    },
    "TOO_MANY: more recipients, exams or people than the policy allows.": {
        "more recipients than the limit are refused": case(
            policy={"max_recipients": 1},
            when=anna.share(ben, carla).refused("TOO_MANY", limit=1, limited="recipients"),
        ),
        "exactly as many recipients as the limit are allowed, and a repeated one counts once": case(
            policy={"max_recipients": 2},
            when=anna.share(ben, carla, ben).shared(ben.granted(), carla.granted()),
        ),
        "more exams than the limit are refused": case(
            policy={"max_exams": 2},
            when=anna.share_batch(ben).refused("TOO_MANY", limit=2, limited="exams"),
        ),
        "exams that the actor cannot see do not count towards the limit": case(
            policy={"max_exams": 2},
            given=[anna.share(ben), anna.share(ben, exam="mr")],
            when=ben.share_batch(carla).granted("ct", "mr"),
        ),
        "more people reached than the limit are refused": two_people(
            when=anna.share(clinic).refused("TOO_MANY", limit=2, limited="people")
        ),
        "people reached in two ways count once, and the actor does not count": two_people(
            given=anna.share(dan),
            when=dan.share(clinic, nurses, carla).granted(),
            then=eva.can_view(),
        ),
    },
    "TOO_MANY: hidden members of a group count against the limit for that group alone.": {
        "visible members of a group count together with the other people": two_people(
            when=anna.share(nurses, ben, carla).refused("TOO_MANY", limit=2, limited="people")
        ),
        "hidden members of a group are not added to the other people": two_people(
            unseen_members=[(anna, nurses)],
            when=anna.share(nurses, ben, carla).granted(),
            then=[dan.can_view(), eva.can_view()],
        ),
        "a named recipient may be a hidden member of a recipient group": two_people(
            unseen_members=[(anna, nurses)], when=anna.share(nurses, dan, carla).granted()
        ),
        "a group with more hidden members than the limit is refused": case(
            policy={"max_people": 1},
            unseen_members=[(anna, nurses)],
            when=anna.share(nurses).refused("TOO_MANY", limit=1, limited="people"),
        ),
    },
    "HOST_RULE: a rule of the host refuses a share of an exam that the actor can see.": {
        "a host rule refuses with its own code": case(
            policy={"host_rules": [{"code": "NO_STUDENTS", "refuses_shares_by": "anna"}]},
            when=anna.share(ben).refused("HOST_RULE", host_code="NO_STUDENTS"),
        ),
        "host rules are not checked for an exam that the actor cannot see": case(
            policy={"host_rules": [{"code": "NO_STUDENTS", "refuses_shares_by": "ben"}]},
            when=ben.share(carla).not_found(),
        ),
    },
}
