"""`exam-sharing share` and `unshare`: giving access, and taking it back."""

import sys
from argparse import ArgumentParser, Namespace
from typing import Final

from exam_sharing import (
    Permission,
    Policy,
    Refused,
    Reshares,
    Scope,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.cli import arguments as typed
from exam_sharing.cli.commands import Command
from exam_sharing.cli.portal import Portal
from exam_sharing.cli.replying import over_portal
from exam_sharing.cli.tour.facts import Asked, Ended, Previewed, Shared
from exam_sharing.errors import InvalidInput
from exam_sharing.policy.requests import without_message

__all__ = ["SHARE", "UNSHARE"]

SHARE_EPILOG: Final = f"""\
Users are typed ID or user:ID, groups group:ID. A time is typed as 2030-06-01T18:00, by the clock of
this machine unless an offset as +02:00 is given, or as a duration: 90m, 12h, 30d, 4w. Without one
the share lasts as long as allowed.

--confirm-hipaa says, in the name of the acting user:
  {Policy().attestation_wording}

A message may hold patient data, and arguments can be seen by others on this machine: --message -
reads it from standard input. Notices wait until: exam-sharing notices relay

examples:
  exam-sharing share cd-1 --as anna --with ben group:radiology --confirm-hipaa
  exam-sharing share cd-1 --as anna --with ben --batch --download --until 30d --preview
  exam-sharing share cd-1 --as anna --with ben --confirm-hipaa --message - < letter.txt
"""

UNSHARE_EPILOG: Final = """\
Whoever shared may take that back; the owner may take back everything; users may give up what was
given to themselves. What they passed on is kept, unless something else is asked for.

examples:
  exam-sharing unshare cd-1 --as anna --from ben
  exam-sharing unshare cd-1 --as anna --from group:radiology --cascade --preview
"""


def _add_act(parser: ArgumentParser) -> None:
    """Let a command take who acts on which exam."""
    typed.add_database(parser)
    parser.add_argument("exam", metavar="EXAM", type=typed.exam, help="which exam")
    parser.add_argument(
        "--as", dest="actor", metavar="USER", type=typed.user, required=True, help="who acts"
    )
    parser.add_argument(
        "--performed-by",
        metavar="USER",
        type=typed.user,
        help="who does it on their behalf; kept in the audit trail, and never a right",
    )
    parser.add_argument(
        "--preview",
        "--dry-run",
        dest="preview",
        action="store_true",
        help="say what it would do, and do nothing",
    )


def _add_share_arguments(parser: ArgumentParser) -> None:
    _add_act(parser)
    parser.add_argument(
        "--with",
        dest="recipients",
        metavar="PRINCIPAL",
        type=typed.principal,
        nargs="+",
        action="extend",
        required=True,
        help="users and groups to share with",
    )
    parser.add_argument("--download", action="store_true", help="let them download, not only view")
    parser.add_argument(
        "--batch", action="store_true", help="share all exams that came along and the user can see"
    )
    parser.add_argument("--until", metavar="TIME", type=typed.time, help="until when")
    parser.add_argument("--message", metavar="TEXT", help="a personal message; - reads it")
    parser.add_argument(
        "--confirm-hipaa", action="store_true", help="confirm what stands below, for this share"
    )


def _share(arguments: Namespace, portal: Portal) -> Shared | Previewed:
    portal.require_known("--as", arguments.actor)
    request = ShareRequest(
        actor=arguments.actor,
        exam=arguments.exam,
        recipients=arguments.recipients,
        permission=Permission.DOWNLOAD if arguments.download else Permission.VIEW,
        scope=Scope.BATCH if arguments.batch else Scope.EXAM,
        until=arguments.until,
        attested=arguments.confirm_hipaa,
        message=_message(arguments.message),
        performed_by=arguments.performed_by,
    )
    if arguments.preview:
        return _preview(request, portal)
    return Shared(request=without_message(request), receipt=portal.sharing.share(request))


def _preview(request: Asked, portal: Portal) -> Previewed:
    return Previewed(request=without_message(request), preview=portal.sharing.preview(request))


def _message(text: str | None) -> str | None:
    if text != "-":
        return text
    try:
        return sys.stdin.read().removesuffix("\n")
    except UnicodeDecodeError:
        # What cannot be read may be patient data: it is not quoted, nor is the error.
        unreadable = InvalidInput("--message", "cannot be read from standard input as text")
    raise unreadable


def _add_unshare_arguments(parser: ArgumentParser) -> None:
    _add_act(parser)
    parser.add_argument(
        "--from",
        dest="recipient",
        metavar="PRINCIPAL",
        type=typed.principal,
        required=True,
        help="the user or group to unshare from",
    )
    passed_on = parser.add_mutually_exclusive_group()
    for reshares, what in (
        (Reshares.CASCADE, "end what they passed on as well, as far as it rests on this"),
        (Reshares.RESTRICT, "do nothing if something they passed on would end as well"),
        (Reshares.KEEP, "keep what they passed on"),
    ):
        passed_on.add_argument(
            f"--{reshares.value.lower()}",
            dest="reshares",
            action="store_const",
            const=reshares,
            help=what,
        )


def _unshare(arguments: Namespace, portal: Portal) -> Ended | Previewed:
    portal.require_known("--as", arguments.actor)
    request = UnshareRequest(
        actor=arguments.actor,
        exam=arguments.exam,
        recipient=arguments.recipient,
        reshares=arguments.reshares,
        performed_by=arguments.performed_by,
    )
    if arguments.preview:
        return _preview(request, portal)
    try:
        return Ended(request=request, receipt=portal.sharing.unshare(request))
    except Refused:
        # Whoever is no longer in the directory can still be taken off; a slip of the pen cannot.
        portal.require_known("--from", request.recipient)
        raise


SHARE: Final = Command(
    name="share",
    help="share an exam, or all that came along with it",
    epilog=SHARE_EPILOG,
    add_arguments=_add_share_arguments,
    run=over_portal(_share),
)

UNSHARE: Final = Command(
    name="unshare",
    help="unshare an exam from a user or a group",
    epilog=UNSHARE_EPILOG,
    add_arguments=_add_unshare_arguments,
    run=over_portal(_unshare),
)
