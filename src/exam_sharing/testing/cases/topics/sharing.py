"""Sharing: what a share grants, sharing again, previews, limits and host rules.

Specification: `#sharing`, `#refusals`, `#previews`.
"""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import MAY_NOT_ACT, case, clock, left_open, notices
from exam_sharing.testing.cases.people import DAY, HOUR, PAST, WEEK, nobody, passed_on, reason
from exam_sharing.testing.cases.topics import After, anna, ben, carla, clinic, dan, eva, nurses

two_people: Final = partial(case, max_people=2)
CASES: Final = {
    "A share gives its recipients access, up to what the actor holds.": {
        "a share gives another user access": case(
            anna.share(ben).granted(), ben.can_view(), ben.cannot_view("mr"), carla.cannot_view()
        ),
        "a share with a group gives every member access": case(
            anna.share(nurses).granted(), dan.can_view(), eva.can_view(), carla.cannot_view()
        ),
        "one share can name users and groups": case(
            anna.share(ben, nurses).granted(), ben.can_view(), dan.can_view(), eva.can_view()
        ),
        "recipients with download have a Download tab": case(
            anna.share_download(ben).granted(),
            [ben.can_download(), ben.can_view(), ben.tabs("DOWNLOAD", "SHARE", "VIEW")],
        ),
        "recipients without download have no Download tab": case(
            anna.share(ben).granted(), ben.cannot_download(), ben.tabs("SHARE", "VIEW")
        ),
        "a recipient who may only view can let others view": After.share(
            ben.share(carla).granted(), carla.can_only_view()
        ),
        "an actor can share what they hold through a group": case(
            anna.share_download(clinic, until=DAY),
            dan.share_download(ben).granted(until=DAY, limited_by="OWN_HOLD"),
            ben.can_download(),
        ),
    },
    "DOWNLOAD_NOT_HELD: the actor does not hold download on every exam covered.": {
        "a recipient who may only view cannot let others download": After.share(
            ben.share_download(carla).download_not_held("ct"), ben.form("ct"), carla.cannot_view()
        ),
        "download held on one exam does not count on another": case(
            [anna.share_download(ben), anna.share(ben, exam="mr")],
            ben.share_download(carla, scope="BATCH").download_not_held("mr"),
            carla.cannot_view(),
        ),
    },
    "A user holds the union of the standing grants that reach them.": {
        "grants of several people add up": case(
            [anna.share_download(ben, until=HOUR), *passed_on(anna, carla, ben), clock(HOUR)],
            ben.can_only_view(),
        ),
        "grants of different grantors stand side by side": case(
            anna.share(ben, carla),
            ben.share(carla).granted(),
            notices(ben.notice(), carla.notice()),
        ),
    },
    "ATTESTATION_MISSING: the actor did not confirm the current wording.": {
        "a share without the attestation is refused": case(
            anna.share(ben, attested=False).refused("ATTESTATION_MISSING"), ben.cannot_view()
        ),
        "an outdated wording of the attestation is refused": case(
            anna.share(ben, wording="I abide by HIPAA.").refused("ATTESTATION_MISSING"),
            attestation_wording="I abide by HIPAA, in its new wording.",
        ),
        "a request can repeat the current wording of the attestation": case(
            anna.share(ben, wording="I abide by HIPAA.").granted(),
            attestation_wording="I abide by HIPAA.",
        ),
    },
    "SHARING_NOT_IN_PLAN: no code about a recipient is reported beside it.": {
        "without the plan, no refusal is about a recipient": case(
            anna.share(nobody, anna).refused("SHARING_NOT_IN_PLAN"),
            anna.suggestions("car"),
            users=[anna.without_plan()],
        ),
        "without the plan, all reasons but those about recipients are reported": After.share(
            ben.share_download(nobody, attested=False, until=PAST).refused(
                "SHARING_NOT_IN_PLAN",
                "ATTESTATION_MISSING",
                reason("DOWNLOAD_NOT_HELD", exams=["ct"]),
                "EXPIRY_IN_PAST",
            ),
            users=[ben.without_plan()],
        ),
    },
    "An inactive user holds nothing and may not act.": {
        "an inactive user cannot share": case(
            anna.share(ben).not_found(),
            ben.cannot_view(),
            users=[anna.fields(active=False)],
            choice=MAY_NOT_ACT,
        )
    },
    "A refusal carries all the codes that apply and changes nothing.": {
        "a refusal reports every reason": case(
            anna.share(ben, anna, attested=False, until=PAST, message="xxxxxxxxxxx").refused(
                "ATTESTATION_MISSING",
                reason("RECIPIENT_IS_SELF", principals=[anna]),
                reason("RECIPIENT_IS_OWNER", principals=[anna]),
                "EXPIRY_IN_PAST",
                reason("MESSAGE_NOT_ALLOWED", limit=10),
            ),
            [ben.cannot_view(), notices()],
            message_limit=10,
        ),
        "a refusal reports every limit that is exceeded": case(
            anna.share_batch(ben, carla).refused(
                reason("TOO_MANY", limit=1, limited="recipients"),
                reason("TOO_MANY", limit=2, limited="exams"),
                reason("TOO_MANY", limit=1, limited="people"),
            ),
            ben.cannot_view(),
            choice="whether each exceeded limit is a reason of its own",
            max_recipients=1,
            max_exams=2,
            max_people=1,
        ),
        "every host rule is checked, and each refusal is reported beside the other reasons": case(
            anna.share(ben, attested=False).refused(
                "ATTESTATION_MISSING",
                reason("HOST_RULE", host_code="NOT_ON_CALL"),
                reason("HOST_RULE", host_code="NO_LOCUMS"),
            ),
            host_rules=[
                {"code": "NO_STUDENTS", "refuses_shares_by": "ben"},
                {"code": "NOT_ON_CALL", "refuses_shares_by": "anna"},
                {"code": "NO_LOCUMS", "refuses_shares_by": "anna"},
            ],
        ),
    },
    "A grant is made only where it adds permission or time; sharing never narrows.": {
        "sharing the same again changes nothing and sends no notice": After.share(
            anna.share(ben).shared(ben.unchanged()), notices(ben.notice())
        ),
        "sharing view with a downloader narrows nothing": After.download(
            anna.share(ben).shared(ben.unchanged()), ben.can_download()
        ),
        "sharing for a shorter time narrows nothing and reports the longer time": case(
            anna.share(ben, until=WEEK),
            anna.share(ben, until=DAY).shared(ben.unchanged(until=WEEK)),
            notices(ben.notice(until=WEEK)),
            choice="which time a receipt reports of a recipient who holds more",
        ),
        "sharing the same again leaves one grant to unshare": case(
            anna.share(ben), anna.share(ben), anna.access_list(ben.entry(anna.gave()))
        ),
    },
    "GRANTED: nothing was held from this grantor. WIDENED: more permission. EXTENDED: more time.": {
        "sharing download for a time with a viewer for good widens": After.share(
            anna.share_download(ben, until=DAY).shared(ben.widened(until=DAY)), ben.can_download()
        ),
        "sharing view for longer with a downloader extends view": case(
            anna.share_download(ben, until=DAY),
            anna.share(ben, until=WEEK).shared(ben.extended(until=WEEK)),
            ben.can_download(),
        ),
        "sharing download for longer with a downloader extends download": case(
            anna.share_download(ben, until=DAY), anna.share_download(ben).shared(ben.extended())
        ),
        "sharing again after expiry grants anew": case(
            anna.share(ben, until=HOUR), clock(HOUR), anna.share(ben).granted(), ben.can_view()
        ),
        "sharing with a member of a recipient group grants to the member": After.group_share(
            anna.share(dan).granted(),
            dan.can_view(),
            choice="whether a grant to a group counts as held by its members",
        ),
        "the receipt has an outcome for every exam and recipient": After.download(
            anna.share(carla),
            anna.share_download(ben, exam="mr", until=DAY),
            anna.share_download(carla, ben, scope="BATCH").shared(
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
            anna.share(nurses).previewed(gains=[nurses, dan, eva]), dan.cannot_view()
        ),
        "a preview of a share that adds nothing has no effects": After.share(
            anna.share(ben).previewed()
        ),
        "a preview of more permission reports the permission gained": After.share(
            anna.share_download(ben).previewed(gains=[(ben, "DOWNLOAD")]), ben.cannot_download()
        ),
        "a preview of more time reports a gain": case(
            anna.share(ben, until=DAY),
            left_open(
                "how a preview reports more time",
                anna.share(ben, until=WEEK).previewed(gains=[ben]),
            ),
        ),
        "a preview of a share that another grantor made already has no effects": case(
            anna.share(ben, carla), ben.share(carla).previewed()
        ),
    },
    "A preview returns the reasons, and effects only if the attestation alone is missing.": {
        "a preview of a refused share reports the reasons and no effects": case(
            anna.share().previewed("NO_RECIPIENTS")
        ),
        "a preview without the attestation still reports the effects": case(
            anna.share(ben, attested=False).previewed("ATTESTATION_MISSING", gains=[ben])
        ),
        "a preview without the attestation and with another reason reports no effects": case(
            anna.share(ben, attested=False, until=PAST).previewed(
                "ATTESTATION_MISSING", "EXPIRY_IN_PAST"
            )
        ),
    },
    "TOO_MANY: more recipients, exams or people than the policy allows.": {
        "more recipients than the limit are refused": case(
            anna.share(ben, carla).refused("TOO_MANY", limit=1, limited="recipients"),
            max_recipients=1,
        ),
        "exactly as many recipients as the limit are allowed, and a repeated one counts once": case(
            anna.share(ben, carla, ben).shared(ben.granted(), carla.granted()), max_recipients=2
        ),
        "more exams than the limit are refused": case(
            anna.share_batch(ben).refused("TOO_MANY", limit=2, limited="exams"), max_exams=2
        ),
        "exams that the actor cannot see do not count towards the limit": After.share(
            anna.share(ben, exam="mr"), ben.share_batch(carla).granted("ct", "mr"), max_exams=2
        ),
        "more people reached than the limit are refused": two_people(
            anna.share(clinic).refused("TOO_MANY", limit=2, limited="people")
        ),
        "people reached in two ways count once, and the actor does not count": two_people(
            anna.share(dan), dan.share(clinic, nurses, carla).granted(), eva.can_view()
        ),
    },
    "TOO_MANY: hidden members of a group count against the limit for that group alone.": {
        "visible members of a group count together with the other people": two_people(
            anna.share(nurses, ben, carla).refused("TOO_MANY", limit=2, limited="people")
        ),
        "hidden members of a group are not added to the other people": two_people(
            anna.share(nurses, ben, carla).granted(),
            [dan.can_view(), eva.can_view()],
            unseen_members=[(anna, nurses)],
        ),
        "a named recipient may be a hidden member of a recipient group": two_people(
            anna.share(nurses, dan, carla).granted(), unseen_members=[(anna, nurses)]
        ),
        "a group with more hidden members than the limit is refused": case(
            anna.share(nurses).refused("TOO_MANY", limit=1, limited="people"),
            max_people=1,
            unseen_members=[(anna, nurses)],
        ),
    },
    "HOST_RULE: a rule of the host refuses a share of an exam that the actor can see.": {
        "a host rule refuses with its own code": case(
            anna.share(ben).refused("HOST_RULE", host_code="NO_STUDENTS"),
            host_rules=[{"code": "NO_STUDENTS", "refuses_shares_by": "anna"}],
        ),
        "host rules are not checked for an exam that the actor cannot see": case(
            ben.share(carla).not_found(),
            host_rules=[{"code": "NO_STUDENTS", "refuses_shares_by": "ben"}],
        ),
    },
}
