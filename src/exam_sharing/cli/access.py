"""`exam-sharing access`, `who-can`, `can` and `shared-with`: who has access to what, and why."""

from argparse import Namespace
from collections.abc import Mapping

import exam_sharing as es
from exam_sharing.cli import printing as out
from exam_sharing.cli.commands import Portal
from exam_sharing.cli.parsing import EXAM, PAGING, USER, argument, flag, permission, user
from exam_sharing.cli.printing import Reply, Shown, portal_command
from exam_sharing.cli.words import MAY, Words


def listed(exam: es.ExamId, seen: Mapping[es.UserId, es.AccessList]) -> Reply:
    lists = [{"viewer": viewer, "access_list": each} for viewer, each in seen.items()]
    facts = {"exam": exam, "seen": lists}
    return Reply("access-list", facts, lambda words: _lists(exam, seen, words))


def _lists(exam: es.ExamId, seen: Mapping[es.UserId, es.AccessList], words: Words) -> Shown:
    marks: dict[es.PrincipalId, list[Shown]] = {}
    entries: dict[es.PrincipalId, es.AccessEntry] = {}
    for place, access_list in enumerate(seen.values()):
        for entry in access_list.entries:
            entries.setdefault(entry.principal, entry)
            row = marks.setdefault(entry.principal, [out.text()] * len(seen))
            row[place] = out.text("X", style="bold red") if entry.can_unshare else out.text("·")
    heads = [out.column(words.first_name(each), justify="center", no_wrap=True) for each in seen]
    rows = [
        (
            words.who(principal),
            words.held(entry.permission, entry.until),
            "\n".join(dict.fromkeys(words.who(each.grant.grantor) for each in entry.grants)),
            *marks[principal],
        )
        for principal, entry in entries.items()
    ]
    viewer, access_list = next(iter(seen.items()))
    is_marked = len(seen) == 1 and any(each.can_unshare for each in entries.values())
    return out.stacked(
        out.text(f"Owner of {words.exam(exam)}: ", (words.who(access_list.owner), "bold")),
        "",
        out.table(out.column("has access", no_wrap=True), "may", "given by", *heads, rows=rows)
        if rows
        else "Nobody else has access.",
        *([f"X: {words.who(viewer)} may unshare this."] if is_marked else []),
    )


@portal_command(
    "access",
    "show the access list of an exam",
    EXAM,
    argument("--as USER", "who looks", user, dest="viewer", required=True),
    epilog="""\
The access list is shown as the user sees it: the owner, then everybody whom the exam was shared
with. An X marks what this user may unshare.

examples:
  exam-sharing access cd-1 --as anna
""",
)
def access(arguments: Namespace, portal: Portal) -> Reply:
    portal.require_known("--as", arguments.viewer)
    seen = portal.sharing.access_list(arguments.viewer, arguments.exam)
    return listed(arguments.exam, {arguments.viewer: seen})


@portal_command(
    "who-can",
    "list every user who may view or download an exam",
    EXAM,
    argument(
        "permission PERMISSION",
        "view or download; by default view",
        permission,
        nargs="?",
        default=es.Permission.VIEW,
    ),
    epilog="""\
Every user who holds the permission is listed with all that gives it to them, also as a member of a
group. Nothing is held back: this is for whoever runs the portal.

examples:
  exam-sharing who-can cd-1
  exam-sharing who-can cd-1 download --json
""",
)
def who_can(arguments: Namespace, portal: Portal) -> Reply:
    exam, held = arguments.exam, arguments.permission
    holders = portal.sharing.admin.who_can(held, exam)

    def show(words: Words) -> Shown:
        if not holders:
            return f"Nobody may {MAY[held]} {words.exam(exam)}."
        rows = [(words.who(each.user), "\n".join(_grounds(each, words))) for each in holders]
        return out.ids_table(f"may {MAY[held]}", "because", rows=rows)

    return Reply("holders", {"exam": exam, "permission": held, "holders": holders}, show)


def _grounds(holder: es.Holder, words: Words) -> list[str]:
    grounds = ["owns it"] if holder.as_owner else []
    for grant in holder.grants:
        path = (holder.user,) if grant.recipient == holder.user else (holder.user, grant.recipient)
        grounds.append(f"{words.given(grant.grantor, path)}, {words.until(grant.until)}")
    return grounds


def explained(sharing: es.Sharing, user: es.UserId, held: es.Permission, exam: es.ExamId) -> Reply:
    answer = sharing.admin.explain(user, held, exam)
    is_yes = isinstance(answer, es.Permitted)

    def show(words: Words) -> Shown:
        why = words.why(answer)
        return out.answered(
            f"May {words.who(user)} {held.name.lower()} {words.exam(exam)}?",
            out.yes(f"yes: {why}") if is_yes else out.no(f"no: {why}"),
        )

    facts = {"user": user, "permission": held, "exam": exam, "answer": answer}
    return Reply("explanation", facts, show, is_yes=is_yes)


@portal_command(
    "can",
    "report whether a user may view or download an exam, and why",
    USER,
    argument("permission PERMISSION", "view or download", permission),
    EXAM,
    epilog="""\
The answer comes with its reasons; if it is no, also with the nearest misses, and the command ends
with 1. It names grants and groups that the user may not know of: this is for whoever runs the
portal.

examples:
  exam-sharing can ben download cd-1
""",
)
def can(arguments: Namespace, portal: Portal) -> Reply:
    portal.require_known("USER", arguments.user)
    return explained(portal.sharing, arguments.user, arguments.permission, arguments.exam)


@portal_command(
    "shared-with",
    "list the exams that are shared with a user",
    USER,
    flag("--own", "list the exams that they own as well"),
    *PAGING,
    epilog="""\
The newest uploads come first, a page at a time; each page ends with how to get the next.

examples:
  exam-sharing shared-with ben
  exam-sharing shared-with anna --own --limit 200
""",
)
def shared_with(arguments: Namespace, portal: Portal) -> Reply:
    user, own = arguments.user, arguments.own
    portal.require_known("USER", user)
    viewer = portal.sharing.viewer(user)
    page = (viewer.visible_to if own else viewer.shared_with)(arguments.after, arguments.limit)

    def show(words: Words) -> Shown:
        if not page.items:
            return f"{words.who(user)} can see no exam{'' if own else ' of others'}."
        rows = [
            (str(each.exam), MAY[each.permission], words.when(each.uploaded_at))
            for each in page.items
        ]
        return out.paged(page, out.ids_table("exam", "may", "uploaded", rows=rows))

    return Reply("exams", {"user": user, "own": own, "page": page}, show)
