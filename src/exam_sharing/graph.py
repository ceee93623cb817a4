"""The chain of sharing of an exam: its grants, and which grant rests on which.

A `SharingGraph` is a value. Its `mermaid` is a flowchart in the language of Mermaid, which code
hosts, wikis and editors draw. Specification: `#chain-of-sharing`.

INVARIANT: names and ids stand only inside of quoted labels, at the end of a line. There, whatever
is not a letter or a digit is written as the number of its character, so that neither Mermaid nor
Markdown nor HTML can read it as more than text. The names of nodes are made here.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, TypeAlias

import attrs

from exam_sharing.errors import InvalidInput
from exam_sharing.grants import OWNER, Ending, HowEnded, ShownGrant
from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalId, UserId
from exam_sharing.validation import (
    BIDI_CONTROLS,
    MAX_IDENTIFIER_LENGTH,
    exact_text,
    require_callable,
    require_instance,
    require_kind,
)

MOST_GRANTS: Final = 200
"""So many grants are drawn by default."""
MOST_LINKS: Final = 500
"""Mermaid draws no more by default (`maxEdges`)."""
LONGEST_TEXT: Final = 50_000
"""Mermaid draws no longer text by default (`maxTextSize`)."""
_REST: Final = 17_500
"""So much of the text is for the links and the styles."""

NameOf: TypeAlias = Callable[[PrincipalId], str]


@attrs.frozen(kw_only=True)
class DrawnGrant:
    """A grant in the chain of sharing of an exam.

    Attributes:
        grant: its `basis` are the grants that it rests on, as far as the reader may know them.
        stands: it is neither ended nor expired.
        ending: the record of its end, for operators alone; expiry has none.
        would_end: how it would end by the act that was previewed.
    """

    grant: ShownGrant
    stands: bool
    ending: Ending | None = None
    would_end: HowEnded | None = None


@attrs.frozen(kw_only=True)
class SharingGraph:
    """The chain of sharing of an exam: who gave what to whom, and on what basis.

    Attributes:
        owner: `None` where the host no longer has the exam.
        withdrawn: the host withdrew the exam.
        grants: in the order in which they were made.
        names: of everybody who is mentioned, as far as the directory knows them.
    """

    exam: ExamId
    owner: UserId | None
    withdrawn: bool = False
    grants: tuple[DrawnGrant, ...] = ()
    names: Mapping[PrincipalId, str] = attrs.field(factory=dict, repr=False, hash=False)

    def name_of(self, principal: PrincipalId) -> str:
        """Return the name of a principal, or the id where the directory knows no name."""
        require_kind("principal", principal, UserId, GroupId)
        return self.names.get(principal) or str(principal)

    def mermaid(self, *, name: NameOf | None = None, limit: int = MOST_GRANTS) -> str:
        """Return the graph as a Mermaid flowchart that is drawn under Mermaid's default settings.

        Principals are named by their ids, or by what `name` returns, as `name_of` does. Of many
        grants, those are drawn that the previewed act would end, then those that stand, and a last
        node reports how many are left out.

        Args:
            name: returns the name of a principal of the graph.
            limit: the most grants to draw, from 1 to 500. Fewer are drawn if names are long.
        """
        require_instance("limit", limit, int)
        if type(limit) is not int or not 1 <= limit <= MOST_LINKS:
            raise InvalidInput("limit", f"must be a whole number from 1 to {MOST_LINKS}")
        if name is not None:
            require_callable("name", name)
        return "\n".join(_Drawing(self, str if name is None else name, limit).lines())


def principals_in(graph: SharingGraph) -> frozenset[PrincipalId]:
    """Return everybody whom a graph mentions."""
    found: set[PrincipalId | None] = {graph.owner}
    for each in graph.grants:
        found |= {each.grant.grantor, each.grant.recipient}
        found.add(None if each.ending is None else each.ending.by)
    return frozenset(each for each in found if each is not None)


_STYLES: Final = (
    "classDef owned stroke-width:3px",
    "classDef given stroke-width:1px",
    "classDef over stroke-dasharray:4 3,stroke:gray,color:gray",
    "classDef due stroke-dasharray:8 3,stroke:crimson,stroke-width:3px",
)


_Link: TypeAlias = tuple[GrantId | None, GrantId, str]
"""From a grant or the exam, to a grant, by an arrow."""


class _Drawing:
    """What of a graph is drawn within the limits, and how."""

    def __init__(self, graph: SharingGraph, name: NameOf, limit: int) -> None:
        self._graph = graph
        self._name = name
        self._texts: dict[PrincipalId, str] = {}
        chosen = dict(self._chosen(limit))
        # In the order of the graph, so that a grant comes after those that it rests on.
        self._nodes = {id_: node for id_ in _ids(graph) if (node := chosen.get(id_))}
        self._numbers = {None: "n0"} | {id_: f"n{at}" for at, id_ in enumerate(self._nodes, 1)}

    def lines(self) -> Iterator[str]:
        """Yield the lines of the flowchart."""
        yield "flowchart TD"
        yield f"  n0{self._exam()}"
        for id_, node in self._nodes.items():
            yield f"  {self._numbers[id_]}{node}"
        links = list(_links(self._graph))
        drawn = self._drawn(links)
        for source, target, arrow in drawn:
            yield f"  {self._numbers[source]} {arrow} {self._numbers[target]}"
        left_out = len(self._graph.grants) - len(self._nodes), len(links) - len(drawn)
        if any(left_out):
            grants, between = left_out
            yield f"  more{_node(('Left out', f'{grants} grants', f'{between} links'), 'over')}"
        yield from (f"  {style}" for style in _STYLES)

    def _exam(self) -> str:
        owner, exam = self._graph.owner, _written(str(self._graph.exam))
        lines = [
            f"exam {exam}",
            "the host no longer has it" if owner is None else f"owner {self._text(owner)}",
        ]
        return _node([*lines, "withdrawn"] if self._graph.withdrawn else lines, "owned")

    def _chosen(self, limit: int) -> Iterator[tuple[GrantId, str]]:
        """Yield the grants that are drawn, with their nodes."""
        room = LONGEST_TEXT - _REST - len(self._exam())
        for each in sorted(self._graph.grants, key=_rank)[:limit]:
            node = self._grant(each)
            room -= len(f"  n999{node}\n")
            if room < 0:
                return
            yield each.grant.id, node

    def _grant(self, drawn: DrawnGrant) -> str:
        grant = drawn.grant
        kind = "group" if isinstance(grant.recipient, GroupId) else "user"
        lines = (
            f"from {self._text(grant.grantor)}",
            f"to {kind} {self._text(grant.recipient)}",
            f"{grant.permission.name} {_until(grant.until)}",
            *self._end(drawn),
        )
        return _node(lines, "due" if drawn.would_end else "given" if drawn.stands else "over")

    def _end(self, drawn: DrawnGrant) -> Iterator[str]:
        if drawn.would_end is not None:
            yield f"would end {drawn.would_end.name}"
        elif drawn.ending is not None:
            yield f"ended {drawn.ending.how.name} {_time(drawn.ending.at)}"
            if drawn.ending.by is not None:
                yield f"by {self._text(drawn.ending.by)}"
        elif not drawn.stands:
            yield HowEnded.EXPIRED.name.lower()

    def _text(self, principal: PrincipalId) -> str:
        """Return a principal as written in a label."""
        if principal not in self._texts:
            name = _written(exact_text("name", self._name(principal)))
            self._texts[principal] = name or _written(str(principal))
        return self._texts[principal]

    def _drawn(self, links: Iterable[_Link]) -> list[_Link]:
        """Return the links that are drawn; of each grant, the first goes before all others."""
        first: dict[GrantId, _Link] = {}
        further: list[_Link] = []
        for link in links:
            source, target, _ = link
            is_drawn = source in self._numbers and target in self._numbers
            if is_drawn and first.setdefault(target, link) is not link:
                further.append(link)
        return [*first.values(), *further[: MOST_LINKS - len(first)]]


def _ids(graph: SharingGraph) -> list[GrantId]:
    return [each.grant.id for each in graph.grants]


def _links(graph: SharingGraph) -> Iterator[_Link]:
    """Yield the links between what is in the graph, in its order."""
    places = {id_: place for place, id_ in enumerate(_ids(graph))}
    for each in graph.grants:
        grant = each.grant
        if grant.basis is OWNER:
            yield None, grant.id, "-->"
        else:
            for source in sorted(grant.basis & places.keys(), key=places.__getitem__):
                yield source, grant.id, "-->"
    for each in graph.grants:
        for new in () if each.ending is None else each.ending.replaced_by:
            yield each.grant.id, new, "-. narrowed to .->"


def _rank(drawn: DrawnGrant) -> int:
    return 0 if drawn.would_end else 1 if drawn.stands else 2


def _node(lines: Iterable[str], style: str) -> str:
    return f'["{"<br/>".join(lines)}"]:::{style}'


def _until(until: datetime | None) -> str:
    return "without end" if until is None else f"until {_time(until)}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H}#58;{at:%M} UTC"


_UNREAD: Final = re.compile(f"[\0-\x1f\x7f-\x9f\ud800-\udfff{''.join(sorted(BIDI_CONTROLS))}]")
"""What cannot be shown, or turns around what stands beside it."""
_JOINER: Final = "\u2060"
"""The word joiner: it is not seen, and keeps two characters apart."""
_PART_OF_MORE: Final = re.compile(r"[$:\\\ufb02\xb6]")
"""What begins something that Mermaid reads after the numbers: formulas, icons, line breaks, and
its own form of numbers."""
_NUMBERED: Final = re.compile(
    # Mermaid writes the numbers of characters with two letters of their own in between, and reads
    # some words with a space behind them wherever they stand.
    r"[^\w\-]|[_\ufb02\xdf]|[\U00010000-\U0010ffff]|-(?![0-9A-Za-z])|(?<![0-9A-Za-z])-"
)


def _written(text: str) -> str:
    """Return a text as Mermaid shows it and takes for nothing else, at most as long as an id."""
    line = " ".join(text.replace(_JOINER, "").split())
    line = line if len(line) <= MAX_IDENTIFIER_LENGTH else f"{line[:MAX_IDENTIFIER_LENGTH]}…"
    apart = _PART_OF_MORE.sub(rf"\g<0>{_JOINER}", _UNREAD.sub("\ufffd", line))
    return _NUMBERED.sub(lambda found: f"#{ord(found[0])};", apart)
