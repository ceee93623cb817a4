"""`exam-sharing add-user`, `add-group` and `people`: who is in the directory."""

from argparse import ArgumentParser, Namespace
from typing import Final

from exam_sharing import Group, User
from exam_sharing.cli import arguments as typed
from exam_sharing.cli.commands import Command
from exam_sharing.cli.portal import Portal
from exam_sharing.cli.replies import PeopleShown, PrincipalKept
from exam_sharing.cli.replying import over_portal
from exam_sharing.directories import Account

__all__ = ["ADD_GROUP", "ADD_USER", "PEOPLE"]

USER_EPILOG: Final = """\
The same id again says anew all that is known of the user: what is left out then is as usual again.
An inactive user holds nothing and may not act; what they shared stays.

examples:
  exam-sharing add-user anna --name "Anna Kovács" --email anna.kovacs@clinic.example
  exam-sharing add-user sam --name "Sam Okafor" --no-sharing
  exam-sharing add-user radu --name "Radu Ionescu" --inactive
"""

GROUP_EPILOG: Final = """\
The same id again says anew who is in the group. Members are users, typed ID or user:ID, and groups,
typed group:ID; they must be in the directory, and no group may come to hold itself.

examples:
  exam-sharing add-group night-shift --name "Night shift" --member chloe
  exam-sharing add-group radiology --name Radiology --member priya --member group:night-shift
"""

PEOPLE_EPILOG: Final = """\
Everybody is listed, inactive users too: it is for whoever runs the portal.

examples:
  exam-sharing people
  exam-sharing people --json
"""


def _add_user_arguments(parser: ArgumentParser) -> None:
    typed.add_database(parser)
    parser.add_argument("user", metavar="ID", type=typed.user, help="which user")
    parser.add_argument("--name", required=True, help="the name that colleagues know")
    parser.add_argument("--email", help="one address; without it, no mail reaches them")
    parser.add_argument(
        "--no-sharing",
        dest="sharing",
        action="store_false",
        help="their service plan does not include sharing",
    )
    parser.add_argument(
        "--no-notices", dest="notices", action="store_false", help="they want no notices of shares"
    )
    parser.add_argument(
        "--inactive", dest="active", action="store_false", help="they hold nothing and may not act"
    )


def _add_user(arguments: Namespace, portal: Portal) -> PrincipalKept:
    user = User(
        id=arguments.user, name=arguments.name, email=arguments.email, active=arguments.active
    )
    kept = Account(user=user, sharing_in_plan=arguments.sharing, notices=arguments.notices)
    replaced = user.id in portal.directory.names((user.id,))
    portal.directory.add(user, sharing_in_plan=kept.sharing_in_plan, notices=kept.notices)
    return PrincipalKept(kept=kept, replaced=replaced)


def _add_group_arguments(parser: ArgumentParser) -> None:
    typed.add_database(parser)
    parser.add_argument("group", metavar="ID", type=typed.group, help="which group")
    parser.add_argument("--name", required=True, help="the name that colleagues know")
    parser.add_argument(
        "--member",
        dest="members",
        metavar="MEMBER",
        type=typed.principal,
        nargs="+",
        action="extend",
        default=[],
        help="a user or a group; again for each",
    )


def _add_group(arguments: Namespace, portal: Portal) -> PrincipalKept:
    portal.require_known("--member", *arguments.members)
    group = Group(id=arguments.group, name=arguments.name, members=arguments.members)
    replaced = group.id in portal.directory.names((group.id,))
    portal.directory.add(group)
    return PrincipalKept(kept=group, replaced=replaced)


def _people(_arguments: Namespace, portal: Portal) -> PeopleShown:
    everybody = tuple(portal.everybody())
    return PeopleShown(
        users=tuple(each for each in everybody if isinstance(each, Account)),
        groups=tuple(each for each in everybody if isinstance(each, Group)),
    )


ADD_USER: Final = Command(
    name="add-user",
    help="add a user to the directory, or say anew what is known of one",
    epilog=USER_EPILOG,
    add_arguments=_add_user_arguments,
    run=over_portal(_add_user),
)

ADD_GROUP: Final = Command(
    name="add-group",
    help="add a group to the directory, or say anew who is in it",
    epilog=GROUP_EPILOG,
    add_arguments=_add_group_arguments,
    run=over_portal(_add_group),
)

PEOPLE: Final = Command(
    name="people",
    help="list the users and groups of the directory",
    epilog=PEOPLE_EPILOG,
    add_arguments=typed.add_database,
    run=over_portal(_people),
)
