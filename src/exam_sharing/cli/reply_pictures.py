"""How the replies of commands over a database look on a terminal; this module needs rich."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from rich.console import Group as Stacked
from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from exam_sharing import Grant, Group, UserId
from exam_sharing.cli.answers import (
    picture_ending,
    picture_explanation,
    picture_preview,
    picture_share,
)
from exam_sharing.cli.arguments import spelled
from exam_sharing.cli.layout import PLAIN, no, yes
from exam_sharing.cli.replies import (
    ExamsShown,
    HoldersShown,
    NoticeShown,
    NoticesRelayed,
    NoticesRequeued,
    NoticesShown,
    NoticeState,
    PeopleShown,
    PrincipalKept,
    Reply,
    TablesReady,
)
from exam_sharing.cli.tour.facts import Ended, Explained, Listed, Previewed, Shared, Uploaded
from exam_sharing.cli.tour.pictures import PICTURES, exams_table
from exam_sharing.cli.words import Words, count, may
from exam_sharing.directories import Account

__all__ = ["REPLIES", "picture_reply"]

LONG: Final = 45
"""An id of more than so many letters may be broken, so that the rest has room."""


def picture_reply(reply: Reply, words: Words) -> RenderableType:
    """Return what a reply looks like."""
    return REPLIES[type(reply)](reply, words)


def _tables(reply: TablesReady, _words: Words) -> RenderableType:
    done = "created the tables" if reply.created else "the tables are there already, as needed"
    return yes(f"{done}: {reply.place}")


def _kept(reply: PrincipalKept, words: Words) -> RenderableType:
    verb = "now known as" if reply.replaced else "added:"
    if isinstance(reply.kept, Group):
        members = ", ".join(sorted(map(spelled, reply.kept.members))) or "nobody"
        return yes(f"{verb} {words.who(reply.kept.id)}, a group of {members}")
    notes = ", ".join([reply.kept.user.email or "no e-mail", *_notes(reply.kept)])
    return yes(f"{verb} {words.who(reply.kept.user.id)}, {notes}")


def _notes(account: Account) -> list[str]:
    """Say what is not as usual."""
    said = (
        (account.user.active, "inactive"),
        (account.sharing_in_plan, "no sharing in the plan"),
        (account.notices, "no notices"),
    )
    return [note for usual, note in said if not usual]


def _people(reply: PeopleShown, _words: Words) -> RenderableType:
    users = _table("user", (spelled(each.user.id) for each in reply.users), "name", "e-mail", "")
    for account in reply.users:
        user, notes = account.user, ", ".join(_notes(account))
        users.add_row(spelled(user.id), user.name, user.email or "", notes)
    groups = _table("group", (spelled(each.id) for each in reply.groups), "name", "members")
    for group in reply.groups:
        members = ", ".join(sorted(map(spelled, group.members)))
        groups.add_row(spelled(group.id), group.name, members)
    if not (reply.users or reply.groups):
        return Text("Nobody yet: exam-sharing add-user")
    return Stacked(users, Text(), groups) if reply.groups else users


def _table(first: str, ids: Iterable[str], *further: str) -> Table:
    """Return an empty table with a first column for ids, which are broken only if they are long."""
    short = max(map(len, ids), default=0) <= LONG
    return Table(Column(first, overflow="fold", no_wrap=short), *further, **PLAIN)


def _uploaded(reply: Uploaded, words: Words) -> RenderableType:
    under = [
        f"Batch {reply.batch}: {count(len(reply.exams), 'exam')}, owned by {words.who(reply.by)}.",
        *(f"{count(number, 'file')} left out: {why}." for why, number in reply.left_out.items()),
    ]
    return Stacked(exams_table(reply.exams, words), *map(Text, under))


def _access_list(reply: Listed, words: Words) -> RenderableType:
    marked = [
        f"X: {words.who(seen.viewer)} may unshare them."
        for seen in reply.seen
        if any(entry.can_unshare for entry in seen.access_list.entries)
    ]
    return Stacked(PICTURES[Listed](reply, words), *map(Text, marked))


def _holders(reply: HoldersShown, words: Words) -> RenderableType:
    if not reply.holders:
        return Text(f"Nobody may {may(reply.permission)} {words.exam(reply.exam)}.")
    table = _table(
        f"may {may(reply.permission)}", (words.who(each.user) for each in reply.holders), "since"
    )
    for holder in reply.holders:
        owns = ["owns it"] if holder.as_owner else []
        why = "\n".join([*owns, *(_why(holder.user, grant, words) for grant in holder.grants)])
        table.add_row(words.who(holder.user), why)
    return table


def _why(user: UserId, grant: Grant, words: Words) -> str:
    path = (user,) if grant.recipient == user else (user, grant.recipient)
    return f"{words.given(grant.grantor, path)}, {words.until(grant.until)}"


def _exams(reply: ExamsShown, words: Words) -> RenderableType:
    if not reply.page.items:
        return Text(f"{words.who(reply.user)} can see none{'' if reply.own else ' of others'}.")
    table = _table("exam", (str(each.exam) for each in reply.page.items), "may", "uploaded")
    for each in reply.page.items:
        table.add_row(str(each.exam), may(each.permission), words.when(each.uploaded_at))
    more = [Text(f"There are more: --after {reply.page.next}")] if reply.page.next else []
    return Stacked(table, *more)


def _notices(reply: NoticesShown, words: Words) -> RenderableType:
    if not reply.notices:
        return Text("No notices wait, and none were given up.")
    table = _table("notice", (str(each.id) for each in reply.notices), "to", "", "tries", "problem")
    for each in reply.notices:
        state = _state(each, words)
        table.add_row(
            str(each.id), words.who(each.to), state, str(each.attempts), each.problem or ""
        )
    more = [Text(f"There are more: --after {reply.next}")] if reply.next else []
    return Stacked(table, *more)


def _state(notice: NoticeShown, words: Words) -> str:
    if notice.given_up_at is not None:
        return f"given up {words.when(notice.given_up_at)}"
    if notice.next_attempt is not None:
        return f"waits until {words.when(notice.next_attempt)}"
    return "is being sent" if notice.state is NoticeState.SENDING else "waits"


def _requeued(reply: NoticesRequeued, _words: Words) -> RenderableType:
    done = yes(f"{count(reply.requeued, 'notice')} to be sent again")
    left = 0 if reply.named is None else reply.named - reply.requeued
    if not left:
        return done
    return Stacked(done, no(f"{count(left, 'notice')} not given up, or not there"))


def _relayed(reply: NoticesRelayed, _words: Words) -> RenderableType:
    lines = [yes(f"{count(reply.sent, 'notice')} sent")]
    for what, problems in (("to be tried again", reply.failing), ("given up", reply.given_up)):
        lines += [no(f"{count(each, 'notice')} {what}: {why}") for why, each in problems.items()]
    return Stacked(*lines)


REPLIES: Final[Mapping[type[Any], Callable[[Any, Words], RenderableType]]] = {
    TablesReady: _tables,
    PrincipalKept: _kept,
    PeopleShown: _people,
    Uploaded: _uploaded,
    Previewed: picture_preview,
    Shared: picture_share,
    Ended: picture_ending,
    Listed: _access_list,
    HoldersShown: _holders,
    ExamsShown: _exams,
    Explained: picture_explanation,
    NoticesShown: _notices,
    NoticesRequeued: _requeued,
    NoticesRelayed: _relayed,
}
"""How to picture each kind of reply."""
