"""`exam-sharing history` and `who-could`: what happened, and who could see an exam at a time."""

from argparse import Namespace
from typing import assert_never

import exam_sharing as es
from exam_sharing.cli import printing as out
from exam_sharing.cli.commands import Portal
from exam_sharing.cli.parsing import EXAM, PAGING, ago, argument, principal, read_as, user
from exam_sharing.cli.printing import Reply, Shown, portal_command
from exam_sharing.cli.words import MAY, Words, count
from exam_sharing.events import (
    AccessesPurged,
    ActRefused,
    ExamShared,
    ExamTransferred,
    GrantsEnded,
)
from exam_sharing.history import (
    DirectoryChange,
    GroupChanged,
    NameReplaced,
    PrincipalRemoved,
    UserChanged,
)
from exam_sharing.policy.requests import EndingRequest, HostEnding, Withdrawal


@portal_command(
    "who-could",
    "list everybody who could see an exam at a time of the past, and why",
    EXAM,
    argument("at TIME", "when: as 2030-03-01T12:00, or a duration ago as 30d", ago),
    epilog="""\
Everybody who could see the exam is listed with all that let them, as the grants and groups were at
that time. Nothing is held back: this is for whoever runs the portal.

examples:
  exam-sharing who-could cd-1 2030-03-01T12:00
  exam-sharing who-could cd-1 30d --json
""",
)
def who_could(arguments: Namespace, portal: Portal) -> Reply:
    access = portal.sharing.admin.access_at(arguments.exam, arguments.at)

    def show(words: Words) -> Shown:
        rows = [
            (words.who(each.user), MAY[each.permission], "\n".join(_grounds(each, words)))
            for each in access.holders
        ]
        why = "there is no history of that time and today's groups were asked, or no such exam now"
        unsure = "" if access.certain else f" (not certain: {why})"
        head = f"{words.exam(access.exam)} at {words.when(access.at)}, version {access.version}"
        return out.stacked(
            f"{head[0].upper()}{head[1:]}{unsure}",
            f"Owner: {words.who(access.owner)}",
            "",
            out.ids_table("could see it", "may", "because", rows=rows)
            if rows
            else "Nobody could see it.",
        )

    return Reply("access-at", {"access": access}, show)


def _grounds(holder: es.HolderAt, words: Words) -> list[str]:
    grounds = ["owned it"] if holder.as_owner else []
    return grounds + [
        f"{words.given(each.grant.grantor, each.path)}, {words.until(each.grant.until)}"
        for each in holder.grounds
    ]


@portal_command(
    "history",
    "list what happened to an exam, or by or to a user, newest first",
    argument("--exam EXAM", "of this exam", read_as(es.ExamId)),
    argument("--user USER", "of this user, or with --exam, what names them", user),
    argument("--since TIME", "from then on: as 2030-03-01T12:00, or a duration ago as 30d", ago),
    argument("--before TIME", "before then", ago),
    *PAGING,
    epilog="""\
Acts, refusals, changes of owner, and changes of users and groups that mattered. A page ends with
how to get the next. Nothing is held back: this is for whoever runs the portal.

examples:
  exam-sharing history --exam cd-1
  exam-sharing history --user ben --since 30d --json
""",
)
def history(arguments: Namespace, portal: Portal) -> Reply:
    exam, who = arguments.exam, arguments.user
    if exam is None and who is None:
        raise es.InvalidInput("--exam or --user", "must be given")
    page = portal.sharing.admin.history(
        exam=exam,
        user=who,
        since=arguments.since,
        before=arguments.before,
        after=arguments.after,
        limit=arguments.limit,
    )

    def show(words: Words) -> Shown:
        if not page.items:
            return "Nothing happened."
        rows = [(words.when(each.at), sentence(each, words)) for each in page.items]
        return out.paged(page, out.table("when", "what", rows=rows))

    return Reply("history", {"exam": exam, "of_user": who, "page": page}, show)


@portal_command(
    "replace-name",
    "replace every name that the history keeps of a user or group, for good",
    argument("principal PRINCIPAL", "whose name: ID, user:ID or group:ID", principal),
    argument("--name PSEUDONYM", "what replaces each former name", required=True),
    argument("--performed-by USER", "who does it; recorded", user, required=True),
    argument("--why TEXT", "why; kept for good, so no name in it", required=True),
    epilog="""\
First rename the user or group in the directory, or remove it there: a name of today is not
replaced. Former names are then in no answer, and `verify` finds nothing edited. Backups keep them.

examples:
  exam-sharing add-user radu --name "Closed account 17" --inactive
  exam-sharing replace-name radu --name "Closed account 17" --performed-by anna --why "request 17"
""",
)
def replace_name(arguments: Namespace, portal: Portal) -> Reply:
    who, name = arguments.principal, arguments.name
    number = portal.sharing.admin.replace_name(
        who, name, performed_by=arguments.performed_by, why=arguments.why
    )
    return Reply(
        "name-replaced",
        {"principal": who, "entries": number},
        lambda _words: out.yes(f"replaced in {count(number, 'name')} in the history"),
        done="the names were replaced",
    )


def sentence(entry: es.Happening, words: Words) -> str:
    """Return one entry in words."""
    match entry.what:
        case GrantsEnded(request=request, ended=ended):
            return f"{_ending(request, words)}: {len(ended)} ended"
        case UserChanged() | GroupChanged() | PrincipalRemoved() | NameReplaced():
            return _change(entry.what, words)
        case ExamShared(request=request):
            return words.asked(request)
        case ExamTransferred(exam=exam, before=before, after=after):
            return f"{words.exam(exam)} goes from {words.who(before)} to {words.who(after)}"
        case ActRefused(request=request, reasons=reasons):
            codes = ", ".join(each.code.value for each in reasons)
            by = None if isinstance(request, HostEnding | Withdrawal) else request.actor
            return f"refused to {'the host' if by is None else words.who(by)}: {codes}"
        case AccessesPurged(request=request, rows=rows):
            until = words.when(request.before)
            return f"the host deletes accesses from before {until}: {rows} rows"
        case other:
            assert_never(other)


def _ending(request: EndingRequest | HostEnding | Withdrawal, words: Words) -> str:
    match request:
        case HostEnding():
            return f"the host ends grants of {words.who(request.recipient)}"
        case Withdrawal():
            return f"the host withdraws {words.exam(request.exam)}"
        case es.RevokeRequest():
            return f"{words.who(request.actor)} ends one grant"
        case es.UnshareRequest() | es.NarrowRequest():
            return words.asked(request)
        case other:
            assert_never(other)


def _change(change: DirectoryChange, words: Words) -> str:
    match change:
        case UserChanged(user=who, active=active, sharing_in_plan=in_plan):
            plan = "with sharing in the plan" if in_plan else "without sharing in the plan"
            return f"{words.who(who)} is {'active' if active else 'inactive'}, {plan}"
        case GroupChanged(group=group, joined=joined, left=left):
            came = [f"{words.everyone(joined)} joined"] if joined else []
            went = [f"{words.everyone(left)} left"] if left else []
            return f"{words.who(group)}: {'; '.join([*came, *went]) or 'renamed, or new'}"
        case PrincipalRemoved(principal=principal):
            return f"{words.who(principal)} was removed"
        case NameReplaced(principal=principal, performed_by=operator):
            return f"{words.who(operator)} replaced the names kept of {words.who(principal)}"
        case other:
            assert_never(other)
