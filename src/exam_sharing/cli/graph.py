"""`exam-sharing graph`: the chain of sharing of an exam, as a Mermaid flowchart."""

from argparse import Namespace

import attrs

import exam_sharing as es
from exam_sharing.cli.commands import Portal, names_in
from exam_sharing.cli.grants import RESHARES
from exam_sharing.cli.parsing import EXAM, argument, flag, principal, user, whole_number
from exam_sharing.cli.printing import Reply, portal_command
from exam_sharing.graph import MOST_GRANTS


@portal_command(
    "graph",
    "draw who gave an exam to whom, what stands and what ended, in the language of Mermaid",
    EXAM,
    argument("--as USER", "with --from, mark what would end if they unshared", user, dest="actor"),
    argument("--from PRINCIPAL", "the user or group to unshare from", principal, dest="recipient"),
    RESHARES,
    flag("--ids", "name nobody: show ids alone"),
    argument(
        "--limit N",
        f"at most so many grants; by default {MOST_GRANTS}",
        whole_number,
        default=MOST_GRANTS,
    ),
    epilog="""\
The output is the text of a flowchart, for a file, a wiki or an editor that draws Mermaid. Every
grant ever made is in it, and nothing is held back: this is for whoever runs the portal.

examples:
  exam-sharing graph cd-1 > cd-1.mmd
  exam-sharing graph cd-1 --ids --json
  exam-sharing graph cd-1 --as anna --from ben --cascade
""",
)
def graph(arguments: Namespace, portal: Portal) -> Reply:
    preview = _preview(arguments, portal)
    chain = portal.sharing.admin.graph(arguments.exam, preview=preview)
    if arguments.ids:
        chain = attrs.evolve(chain, names={})
    name = None if arguments.ids else names_in(portal.directory).who
    drawn = chain.mermaid(name=name, limit=arguments.limit)
    facts = {"graph": chain, "mermaid": drawn}
    return Reply("graph", facts, lambda _: drawn, verbatim=True)


def _preview(arguments: Namespace, portal: Portal) -> es.UnshareRequest | None:
    actor, recipient = arguments.actor, arguments.recipient
    if actor is None and recipient is None and arguments.reshares is None:
        return None
    if actor is None or recipient is None:
        raise es.InvalidInput("--as and --from", "must be given together")
    portal.require_known("--as", actor)
    return es.UnshareRequest(
        actor=actor, exam=arguments.exam, recipient=recipient, reshares=arguments.reshares
    )
