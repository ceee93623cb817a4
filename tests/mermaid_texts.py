"""Graphs with hostile names, and a strict reader of the flowcharts that we write."""

import re
from datetime import UTC, datetime

import exam_sharing as es
from exam_sharing.graph import DrawnGrant
from exam_sharing.validation import BIDI_CONTROLS

JOINER = "\u2060"
"""A character that is not seen."""
AT = datetime(2030, 1, 1, tzinfo=UTC)
HOSTILE = [
    '"]; click n0 "javascript:alert(1)"',
    'x"]\n  click n0 call alert(1)\n  n9["',
    '%%{init: {"securityLevel": "loose"}}%%',
    "end",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "#quot;] #35; &lt;b&gt; &#60;b&#62;",
    "style a:#f; classDef b:#f;",
    "`**bold** _it_ [a](javascript:alert(1))`",
    "1. one",
    "- two",
    "---\ntitle: x\n---",
    "$$x^2$$ fa:fa-user \\n \\u003c",
    "ﬂ°°60¶ß b ﬂ°lt¶ß Straße",
    "ann@example.org www.example.org https://example.org",
    "\u202egnp.exe \u2066x \x00 \x1b[31m \ud800 \ufffe",
    "日本 שלום é e\u0301 👩\u200d⚕️",
    "a - b -- c --> d -.-> e ==> f ::: g @{ shape: x } & h",
    "subgraph s; direction LR",
    "direction  TB",
    "$$x^2$$",
    "x\\nto user ben",
    "fa:fa-user fab:fa-twitter",
    "accTitle: x accDescr: y title: z",
    "user ben<br/>VIEW",
]


def standing_grant(number, grantor, recipient, basis=es.OWNER):
    return DrawnGrant(
        grant=es.ShownGrant(
            id=es.GrantId(str(number)),
            exam=es.ExamId("ct"),
            grantor=grantor,
            recipient=recipient,
            permission=es.Permission.VIEW,
            until=None,
            basis=basis,
            share=es.ShareId("s"),
            made_at=AT,
        ),
        stands=True,
    )


def graph_of(names):
    """Return a graph in which the owner gave to users with these names, and ids from 0 on."""
    owner = es.UserId("owner")
    users = [es.UserId(str(number)) for number in range(len(names))]
    grants = [standing_grant(number, owner, user) for number, user in enumerate(users)]
    return es.SharingGraph(
        exam=es.ExamId("ct"),
        owner=owner,
        grants=tuple(grants),
        names={owner: "Owner"} | dict(zip(users, names, strict=True)),
    )


def shown_as(name):
    """Return how a name must look in a picture."""
    line = " ".join(name.replace(JOINER, "").split())
    line = line if len(line) <= 255 else f"{line[:255]}…"
    return "".join("\ufffd" if _is_unreadable(each) else each for each in line)


def _is_unreadable(character):
    number = ord(character)
    return (
        number < 32
        or 127 <= number < 160
        or 0xD800 <= number < 0xE000
        or character in BIDI_CONTROLS
    )


_NODE = re.compile(r'  (n\d+|more)\["([^"]*)"\]:::(owned|given|over|due)')
_LINK = re.compile(r"  (n\d+) (-->|-\. narrowed to \.->) (n\d+)")
_STYLE = re.compile(r"  classDef (owned|given|over|due) [a-z0-9 :,-]+")
_LABEL = re.compile(r"(?:[^\W_]|[ -]|#\d+;|<br/>)+")


def read(text):
    """Return the nodes and the links of a flowchart; fail at anything that we do not write."""
    first, *lines = text.removesuffix("\n").split("\n")
    assert first == "flowchart TD"
    nodes, links = {}, []
    for line in lines:
        if found := _NODE.fullmatch(line):
            node, label, style = found.groups()
            assert _LABEL.fullmatch(label)
            assert not re.search(r"[ﬂß]|--|(?<![0-9A-Za-z])-", label)
            assert node not in nodes
            parts = [decoded(part) for part in label.split("<br/>")]
            nodes[node] = style, "\n".join(parts)
        elif found := _LINK.fullmatch(line):
            links.append(found.groups())
            assert {links[-1][0], links[-1][2]} <= nodes.keys()
        else:
            assert _STYLE.fullmatch(line), line
    return nodes, links


def decoded(label):
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label).replace(JOINER, "")
