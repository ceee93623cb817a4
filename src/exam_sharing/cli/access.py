"""`exam-sharing access`, `who-can`, `can` and `shared-with`: who has access to what, and why."""

from argparse import ArgumentParser, Namespace
from typing import Final

from exam_sharing import Permission
from exam_sharing.cli import arguments as typed
from exam_sharing.cli.commands import Command
from exam_sharing.cli.portal import Portal
from exam_sharing.cli.replies import ExamsShown, HoldersShown
from exam_sharing.cli.replying import over_portal
from exam_sharing.cli.tour.facts import Explained, Listed, ListSeen

__all__ = ["ACCESS", "CAN", "SHARED_WITH", "WHO_CAN"]

ACCESS_EPILOG: Final = """\
The access list is shown as the user sees it: the owner, then everybody whom the exam was shared
with. An X stands where this user may unshare.

examples:
  exam-sharing access cd-1 --as anna
"""

WHO_CAN_EPILOG: Final = """\
Every user who holds the permission is listed with all that gives it to them, members of groups too,
and nothing is held back: it is for whoever runs the portal.

examples:
  exam-sharing who-can cd-1
  exam-sharing who-can cd-1 download --json
"""

CAN_EPILOG: Final = """\
The answer comes with its reasons, and with what comes nearest where it is no. The command then ends
with 1. It names grants and groups that the user may know nothing of: it is for whoever runs the
portal.

examples:
  exam-sharing can ben download cd-1
"""

SHARED_WITH_EPILOG: Final = """\
Newest uploads come first, a page at a time; where there are more, it says how to go on.

examples:
  exam-sharing shared-with ben
  exam-sharing shared-with anna --own --limit 200
"""


def _add_access_arguments(parser: ArgumentParser) -> None:
    typed.add_database(parser)
    parser.add_argument("exam", metavar="EXAM", type=typed.exam, help="which exam")
    parser.add_argument(
        "--as", dest="viewer", metavar="USER", type=typed.user, required=True, help="who looks"
    )


def _access(arguments: Namespace, portal: Portal) -> Listed:
    portal.require_known("--as", arguments.viewer)
    seen = portal.sharing.access_list(arguments.viewer, arguments.exam)
    shown = ListSeen(viewer=arguments.viewer, access_list=seen)
    return Listed(exam=arguments.exam, seen=(shown,))


def _add_who_can_arguments(parser: ArgumentParser) -> None:
    typed.add_database(parser)
    parser.add_argument("exam", metavar="EXAM", type=typed.exam, help="which exam")
    parser.add_argument(
        "permission",
        metavar="PERMISSION",
        type=typed.permission,
        nargs="?",
        default=Permission.VIEW,
        help="view or download; by default view",
    )


def _who_can(arguments: Namespace, portal: Portal) -> HoldersShown:
    holders = portal.sharing.admin.who_can(arguments.permission, arguments.exam)
    return HoldersShown(exam=arguments.exam, permission=arguments.permission, holders=holders)


def _add_can_arguments(parser: ArgumentParser) -> None:
    typed.add_database(parser)
    parser.add_argument("user", metavar="USER", type=typed.user, help="who")
    parser.add_argument(
        "permission", metavar="PERMISSION", type=typed.permission, help="view or download"
    )
    parser.add_argument("exam", metavar="EXAM", type=typed.exam, help="which exam")


def _can(arguments: Namespace, portal: Portal) -> Explained:
    portal.require_known("USER", arguments.user)
    answer = portal.sharing.admin.explain(arguments.user, arguments.permission, arguments.exam)
    return Explained(
        user=arguments.user, permission=arguments.permission, exam=arguments.exam, answer=answer
    )


def _add_shared_with_arguments(parser: ArgumentParser) -> None:
    typed.add_database(parser)
    parser.add_argument("user", metavar="USER", type=typed.user, help="who")
    parser.add_argument("--own", action="store_true", help="list the exams that they own as well")
    typed.add_paging(parser)


def _shared_with(arguments: Namespace, portal: Portal) -> ExamsShown:
    portal.require_known("USER", arguments.user)
    viewer = portal.sharing.viewer(arguments.user)
    ask = viewer.visible_to if arguments.own else viewer.shared_with
    page = ask(arguments.after, arguments.limit)
    return ExamsShown(user=arguments.user, own=arguments.own, page=page)


ACCESS: Final = Command(
    name="access",
    help="show the access list of an exam",
    epilog=ACCESS_EPILOG,
    add_arguments=_add_access_arguments,
    run=over_portal(_access),
)

WHO_CAN: Final = Command(
    name="who-can",
    help="list every user who may view or download an exam",
    epilog=WHO_CAN_EPILOG,
    add_arguments=_add_who_can_arguments,
    run=over_portal(_who_can),
)

CAN: Final = Command(
    name="can",
    help="say whether a user may view or download an exam, and why",
    epilog=CAN_EPILOG,
    add_arguments=_add_can_arguments,
    run=over_portal(_can),
)

SHARED_WITH: Final = Command(
    name="shared-with",
    help="list the exams that are shared with a user",
    epilog=SHARED_WITH_EPILOG,
    add_arguments=_add_shared_with_arguments,
    run=over_portal(_shared_with),
)
