"""`exam-sharing access`, `who-can`, `can` and `shared-with`: who has access to what, and why."""

from argparse import Namespace
from typing import TYPE_CHECKING, Final

import attrs
from typing_extensions import override

import exam_sharing as es
from exam_sharing.cli.commands import Command, Portal
from exam_sharing.cli.parsing import DATABASE, EXAM, PAGING, USER, argument, flag, permission, user
from exam_sharing.cli.printing import (
    Reply,
    Shown,
    answered,
    column,
    ids_table,
    no,
    over_portal,
    stacked,
    table,
    text,
    yes,
)
from exam_sharing.cli.words import Words, may

if TYPE_CHECKING:
    from rich.text import Text


@attrs.frozen(kw_only=True)
class ListSeen:
    """An access list as one viewer sees it."""

    viewer: es.UserId
    access_list: es.AccessList


@attrs.frozen(kw_only=True)
class Listed(Reply):
    """The access list of an exam, as some viewers see it."""

    kind = "access-list"
    exam: es.ExamId
    seen: tuple[ListSeen, ...]

    @override
    def show(self, words: Words) -> Shown:
        marks: dict[es.PrincipalId, list[Text]] = {}
        entries: dict[es.PrincipalId, es.AccessEntry] = {}
        for place, seen in enumerate(self.seen):
            for entry in seen.access_list.entries:
                entries.setdefault(entry.principal, entry)
                row = marks.setdefault(entry.principal, [text()] * len(self.seen))
                row[place] = text("X", style="bold red") if entry.can_unshare else text("·")
        heads = [
            column(words.first_name(seen.viewer), justify="center", no_wrap=True)
            for seen in self.seen
        ]
        rows = [
            (
                words.who(principal),
                words.held(entry.permission, entry.until),
                "\n".join(dict.fromkeys(words.who(each.grant.grantor) for each in entry.grants)),
                *marks[principal],
            )
            for principal, entry in entries.items()
        ]
        owner = words.who(self.seen[0].access_list.owner)
        return stacked(
            text(f"Owner of {words.exam(self.exam)}: ", (owner, "bold")),
            "",
            table(column("has access", no_wrap=True), "may", "given by", *heads, rows=rows)
            if rows
            else "Nobody else has access.",
            *self._legend(words),
        )

    def _legend(self, words: Words) -> list[str]:
        if len(self.seen) > 1:
            return []
        (seen,) = self.seen
        is_marked = any(entry.can_unshare for entry in seen.access_list.entries)
        return [f"X: {words.who(seen.viewer)} may unshare this."] if is_marked else []


def _access(arguments: Namespace, portal: Portal) -> Listed:
    portal.require_known("--as", arguments.viewer)
    seen = portal.sharing.access_list(arguments.viewer, arguments.exam)
    shown = ListSeen(viewer=arguments.viewer, access_list=seen)
    return Listed(exam=arguments.exam, seen=(shown,))


ACCESS: Final = Command(
    name="access",
    help="show the access list of an exam",
    epilog="""\
The access list is shown as the user sees it: the owner, then everybody whom the exam was shared
with. An X marks what this user may unshare.

examples:
  exam-sharing access cd-1 --as anna
""",
    arguments=(
        DATABASE,
        EXAM,
        argument("--as USER", "who looks", user, dest="viewer", required=True),
    ),
    run=over_portal(_access),
)


@attrs.frozen(kw_only=True)
class HoldersShown(Reply):
    """Everybody who holds a permission on an exam."""

    kind = "holders"
    exam: es.ExamId
    permission: es.Permission
    holders: tuple[es.Holder, ...]

    @override
    def show(self, words: Words) -> Shown:
        if not self.holders:
            return f"Nobody may {may(self.permission)} {words.exam(self.exam)}."
        rows = [(words.who(each.user), "\n".join(_grounds(each, words))) for each in self.holders]
        return ids_table(f"may {may(self.permission)}", "because", rows=rows)


def _grounds(holder: es.Holder, words: Words) -> list[str]:
    owns = ["owns it"] if holder.as_owner else []
    return [*owns, *(_ground(holder.user, grant, words) for grant in holder.grants)]


def _ground(user: es.UserId, grant: es.Grant, words: Words) -> str:
    path = (user,) if grant.recipient == user else (user, grant.recipient)
    return f"{words.given(grant.grantor, path)}, {words.until(grant.until)}"


def _who_can(arguments: Namespace, portal: Portal) -> HoldersShown:
    holders = portal.sharing.admin.who_can(arguments.permission, arguments.exam)
    return HoldersShown(exam=arguments.exam, permission=arguments.permission, holders=holders)


WHO_CAN: Final = Command(
    name="who-can",
    help="list every user who may view or download an exam",
    epilog="""\
Every user who holds the permission is listed with all that gives it to them, also as a member of a
group. Nothing is held back: this is for whoever runs the portal.

examples:
  exam-sharing who-can cd-1
  exam-sharing who-can cd-1 download --json
""",
    arguments=(
        DATABASE,
        EXAM,
        argument(
            "permission PERMISSION",
            "view or download; by default view",
            permission,
            nargs="?",
            default=es.Permission.VIEW,
        ),
    ),
    run=over_portal(_who_can),
)


@attrs.frozen(kw_only=True)
class Explained(Reply):
    """Why a user holds a permission, or why not."""

    kind = "explanation"
    user: es.UserId
    permission: es.Permission
    exam: es.ExamId
    answer: es.Permitted | es.Denied

    @property
    @override
    def is_yes(self) -> bool:
        return isinstance(self.answer, es.Permitted)

    @override
    def show(self, words: Words) -> Shown:
        what = self.permission.name.lower()
        why = words.why(self.answer)
        return answered(
            f"May {words.who(self.user)} {what} {words.exam(self.exam)}?",
            yes(f"yes: {why}") if self.is_yes else no(f"no: {why}"),
        )


def _can(arguments: Namespace, portal: Portal) -> Explained:
    portal.require_known("USER", arguments.user)
    answer = portal.sharing.admin.explain(arguments.user, arguments.permission, arguments.exam)
    return Explained(
        user=arguments.user, permission=arguments.permission, exam=arguments.exam, answer=answer
    )


CAN: Final = Command(
    name="can",
    help="report whether a user may view or download an exam, and why",
    epilog="""\
The answer comes with its reasons; if it is no, also with the nearest misses, and the command ends
with 1. It names grants and groups that the user may not know of: this is for whoever runs the
portal.

examples:
  exam-sharing can ben download cd-1
""",
    arguments=(
        DATABASE,
        USER,
        argument("permission PERMISSION", "view or download", permission),
        EXAM,
    ),
    run=over_portal(_can),
)


@attrs.frozen(kw_only=True)
class ExamsShown(Reply):
    """A page of the exams that a user can see, perhaps with their own; the newest upload first."""

    kind = "exams"
    user: es.UserId
    own: bool
    page: es.Page[es.VisibleExam]

    @override
    def show(self, words: Words) -> Shown:
        if not self.page.items:
            what = "can see no exam" if self.own else "can see no exam of others"
            return f"{words.who(self.user)} {what}."
        rows = [
            (str(each.exam), may(each.permission), words.when(each.uploaded_at))
            for each in self.page.items
        ]
        more = [f"There are more: --after {self.page.next}"] if self.page.next else []
        return stacked(ids_table("exam", "may", "uploaded", rows=rows), *more)


def _shared_with(arguments: Namespace, portal: Portal) -> ExamsShown:
    portal.require_known("USER", arguments.user)
    viewer = portal.sharing.viewer(arguments.user)
    query = viewer.visible_to if arguments.own else viewer.shared_with
    page = query(arguments.after, arguments.limit)
    return ExamsShown(user=arguments.user, own=arguments.own, page=page)


SHARED_WITH: Final = Command(
    name="shared-with",
    help="list the exams that are shared with a user",
    epilog="""\
The newest uploads come first, a page at a time; each page ends with how to get the next.

examples:
  exam-sharing shared-with ben
  exam-sharing shared-with anna --own --limit 200
""",
    arguments=(
        DATABASE,
        USER,
        flag("--own", "list the exams that they own as well"),
        *PAGING,
    ),
    run=over_portal(_shared_with),
)
