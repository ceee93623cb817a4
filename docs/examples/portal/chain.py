"""The chain of sharing on the Share tab: a list, indented by what each grant rests on.

A list needs no script, fits a phone, and is read aloud by screen readers. Mermaid's script is too
large to ship here, and is not loaded from elsewhere: the flowchart is shown as text, to be copied.
"""

from collections.abc import Iterator
from typing import Any

from exam_sharing import OWNER, DrawnGrant, GrantId, PrincipalId, SharingGraph

DEEPEST = 6
"""Steps further down are not indented more."""


def name_in(graph: SharingGraph, principal: PrincipalId) -> str:
    """Return the name of somebody, as the access list shows it."""
    return graph.names.get(principal, "somebody")


def steps(graph: SharingGraph) -> Iterator[dict[str, Any]]:
    """Yield the grants, each below the first of those that it rests on."""
    below: dict[GrantId | None, list[DrawnGrant]] = {}
    places = {each.grant.id: place for place, each in enumerate(graph.grants)}
    for each in graph.grants:
        basis = each.grant.basis
        sources = [] if basis is OWNER else sorted(basis, key=places.__getitem__)
        below.setdefault(sources[0] if sources else None, []).append(each)
    # By hand and not by calls: a chain may be longer than Python can call.
    ahead = [(1, each) for each in reversed(below.get(None, ()))]
    while ahead:
        depth, each = ahead.pop()
        yield {
            "depth": min(depth, DEEPEST),
            "by": name_in(graph, each.grant.grantor),
            "to": name_in(graph, each.grant.recipient),
            "permission": each.grant.permission.name,
            "until": each.grant.until,
        }
        ahead += [(depth + 1, next_) for next_ in reversed(below.get(each.grant.id, ()))]
