"""The chain of sharing as a value and as a flowchart. Specification: `#chain-of-sharing`.

That it holds the right grants, and marks the right ones, is held by `laws/test_chain.py`.
"""

import re
import time

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.graph import LONGEST_TEXT, MOST_LINKS
from exam_sharing.testing.edges import START
from mermaid_texts import HOSTILE, graph_of, read, shown_as, standing_grant
from test_privacy import KNEE, assert_silent, planted
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAN,
    DAY,
    EVA,
    NO_EXAM,
    NURSES,
    World,
    codes,
    refusal,
)

OWN_GRANTS = {"access_list": es.AccessListScope.OWN_GRANTS}


def unshare(actor, recipient, reshares=es.Reshares.CASCADE, **more):
    return es.UnshareRequest(actor=actor, exam=CT, recipient=recipient, reshares=reshares, **more)


def passed_on(**settings):
    """Return a world in which Anna gave to Ben, Ben to Carla, and Carla to Dan."""
    world = World(**settings)
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA, until=START + DAY)
    world.share(CARLA, CT, DAN)
    return world


def steps(graph):
    """Return who gave to whom, and by which of the grants in the graph."""
    to = {each.grant.id: str(each.grant.recipient) for each in graph.grants}
    return {
        (str(each.grant.grantor), to[each.grant.id]): "owner"
        if each.grant.basis is es.OWNER
        else sorted(to[source] for source in each.grant.basis)
        for each in graph.grants
    }


def test_a_chain_names_no_grant_that_the_access_list_leaves_out():
    world = passed_on()
    world.directory.remove(BEN)
    assert steps(world.sharing.graph(ANNA, CT)) == {
        ("ben", "carla"): [],
        ("carla", "dan"): ["carla"],
    }


def test_a_graph_shows_who_gave_to_whom_and_on_what_basis():
    graph = passed_on().sharing.graph(DAN, CT)

    assert graph.owner == ANNA
    assert steps(graph) == {
        ("anna", "ben"): "owner",
        ("ben", "carla"): ["ben"],
        ("carla", "dan"): ["carla"],
    }
    assert graph.name_of(CARLA) == "Carla"
    assert graph.name_of(EVA) == "eva"


def test_a_person_sees_that_a_grant_rests_on_what_replaced_its_source():
    """> … with those of them that it rests on, what replaced a narrowed grant included."""
    world = passed_on()
    world.narrow(ANNA, CT, BEN, until=START + DAY)

    graph = world.sharing.graph(ANNA, CT)

    assert steps(graph)["ben", "carla"] == ["ben"]
    assert {each.grant.id for each in graph.grants} == {grant.id for grant in world.grants(CT)}


def test_a_person_sees_no_grant_that_is_not_on_their_access_list():
    world = passed_on(**OWN_GRANTS)
    assert steps(world.sharing.graph(DAN, CT)) == {("carla", "dan"): []}
    assert steps(world.sharing.graph(CARLA, CT)) == {
        ("ben", "carla"): [],
        ("carla", "dan"): ["carla"],
    }
    assert codes(refusal(world.sharing.graph, EVA, CT)) == [es.ReasonCode.EXAM_NOT_FOUND]
    assert refusal(world.sharing.graph, EVA, CT) == refusal(world.sharing.access_list, EVA, CT)


def test_members_of_a_group_are_in_no_graph_of_a_person():
    world = World(members_visible=lambda *_: False)
    world.share(ANNA, CT, NURSES, BEN)
    graph = world.sharing.graph(BEN, CT)
    text = graph.mermaid(name=graph.name_of)
    assert "to group Nurses" in text
    for member in (DAN, EVA):
        assert member not in graph.names
        assert str(member) not in text.lower()


def test_operators_see_how_each_grant_ended():
    world = passed_on()
    world.narrow(ANNA, CT, BEN, until=START + 2 * DAY)
    world.unshare(ANNA, CT, DAN)
    world.wait(DAY)

    graph = world.sharing.admin.graph(CT)
    ends = {
        (str(each.grant.recipient), each.stands, each.ending and each.ending.how.name)
        for each in graph.grants
    }

    assert ends == {
        ("ben", False, "NARROWED"),
        ("ben", True, None),
        ("carla", False, None),
        ("dan", False, "UNSHARED"),
    }
    assert list(graph.names) == [ANNA, BEN, CARLA, DAN]
    day = START.strftime("%Y-%m-%d %H:%M UTC")
    next_day, later = ((START + n * DAY).strftime("%Y-%m-%d %H:%M UTC") for n in (1, 2))
    nodes, links = read(graph.mermaid())
    assert nodes == {
        "n0": ("owned", "exam ct\nowner anna"),
        "n1": ("over", f"from anna\nto user ben\nVIEW without end\nended NARROWED {day}\nby anna"),
        "n2": ("over", f"from ben\nto user carla\nVIEW until {next_day}\nexpired"),
        "n3": (
            "over",
            f"from carla\nto user dan\nVIEW until {next_day}\nended UNSHARED {day}\nby anna",
        ),
        "n4": ("given", f"from anna\nto user ben\nVIEW until {later}"),
    }
    assert links == [
        ("n0", "-->", "n1"),
        ("n1", "-->", "n2"),
        ("n2", "-->", "n3"),
        ("n0", "-->", "n4"),
        ("n1", "-. narrowed to .->", "n4"),
    ]


def test_a_withdrawn_exam_and_one_that_the_host_deleted_have_a_graph_for_operators_alone(
    monkeypatch,
):
    world = passed_on()
    world.share(ANNA, CT, EVA, until=START + DAY)
    world.sharing.admin.withdraw(CT, performed_by="root", why="wrong patient")

    graph = world.sharing.admin.graph(CT)

    assert graph.withdrawn
    assert not any(each.stands for each in graph.grants)
    assert "exam ct<br/>owner anna<br/>withdrawn" in graph.mermaid()
    assert codes(refusal(world.sharing.graph, ANNA, CT)) == [es.ReasonCode.EXAM_NOT_FOUND]
    assert codes(refusal(world.sharing.admin.graph, NO_EXAM)) == [es.ReasonCode.EXAM_NOT_FOUND]
    monkeypatch.setattr(world.store, "find", lambda _: ())
    deleted = world.sharing.admin.graph(CT)
    assert deleted == attrs.evolve(graph, owner=None)
    assert "exam ct<br/>the host no longer has it" in deleted.mermaid()


def test_an_end_that_names_nobody_is_drawn_without_a_name():
    world = passed_on()
    world.unshare(ANNA, CT, DAN)
    graph = world.sharing.admin.graph(CT)
    *others, last = graph.grants
    swept = attrs.evolve(last.ending, how=es.HowEnded.EXPIRED, by=None)
    nodes, _ = read(
        attrs.evolve(graph, grants=(*others, attrs.evolve(last, ending=swept))).mermaid()
    )
    assert nodes["n3"][1].splitlines()[-1].startswith("ended EXPIRED")


def test_a_preview_marks_what_would_end_and_how():
    world = passed_on()

    def marks(graph):
        return {str(e.grant.recipient): e.would_end and e.would_end.name for e in graph.grants}

    would = world.sharing.graph(ANNA, CT, preview=unshare(ANNA, BEN))
    assert marks(would) == {"ben": "UNSHARED", "carla": "CASCADED", "dan": "CASCADED"}
    kept = world.sharing.admin.graph(CT, preview=unshare(ANNA, BEN, es.Reshares.KEEP))
    assert marks(kept) == {"ben": "UNSHARED", "carla": None, "dan": None}
    narrowed = world.sharing.graph(
        BEN,
        CT,
        preview=es.NarrowRequest(
            actor=BEN, exam=CT, recipient=CARLA, until=START + DAY / 2, reshares=es.Reshares.CASCADE
        ),
    )
    assert marks(narrowed) == {"ben": None, "carla": "NARROWED", "dan": "NARROWED"}
    nodes, _ = read(narrowed.mermaid())
    assert nodes["n2"][0] == "due"
    assert nodes["n2"][1].endswith("\nwould end NARROWED")
    assert world.grants(CT) == passed_on().grants(CT)


def test_a_preview_that_would_be_refused_or_repeated_marks_nothing():
    world = passed_on()
    cannot = unshare(DAN, BEN)
    for call in (
        lambda: world.sharing.graph(DAN, CT, preview=cannot),
        lambda: world.sharing.admin.graph(CT, preview=cannot),
    ):
        assert codes(refusal(call)) == [es.ReasonCode.NOT_GRANTOR_OR_OWNER]
    world.unshare(ANNA, CT, DAN, request_id="once", reshares=es.Reshares.CASCADE)
    again = world.sharing.graph(ANNA, CT, preview=unshare(ANNA, DAN, request_id="once"))
    assert not any(each.would_end for each in again.grants)


def test_a_preview_must_fit_the_graph():
    world = passed_on()
    world.share(ANNA, es.ExamId("mr"), BEN)
    elsewhere = attrs.evolve(unshare(ANNA, BEN), exam=es.ExamId("mr"))
    other = es.RevokeRequest(actor=ANNA, grant=world.grant_to(BEN, es.ExamId("mr")).id)
    for graph in (
        world.sharing.admin.graph,
        lambda exam, **m: world.sharing.graph(ANNA, exam, **m),
    ):
        with pytest.raises(es.InvalidArgument, match="preview must name the exam of the graph"):
            graph(CT, preview=elsewhere)
        with pytest.raises(es.WrongKind):
            graph(CT, preview=es.ShareRequest(actor=ANNA, exam=CT, recipients=[BEN]))
        assert codes(refusal(graph, CT, preview=other)) == [es.ReasonCode.NO_SUCH_GRANT]
    with pytest.raises(es.InvalidArgument, match="must be a request of the user"):
        world.sharing.graph(BEN, CT, preview=unshare(ANNA, BEN))


def test_a_graph_without_grants_is_the_exam_and_its_owner():
    assert read(World().sharing.graph(ANNA, CT).mermaid()) == (
        {"n0": ("owned", "exam ct\nowner anna")},
        [],
    )


def test_a_graph_has_no_private_text():
    world = planted()
    world.unshare(ANNA, KNEE, BEN)
    graphs = world.sharing.graph(ANNA, KNEE), world.sharing.admin.graph(KNEE)
    assert_silent([*graphs, *(graph.mermaid(name=graph.name_of) for graph in graphs)])
    assert "Nurses" not in repr(graphs)


# The text.


def test_names_come_from_the_host_if_it_has_a_function_for_them():
    graph = passed_on().sharing.graph(ANNA, CT)
    assert "from anna<br/>to user ben<br/>" in graph.mermaid()
    assert "from Anna<br/>to user Ben<br/>" in graph.mermaid(name=graph.name_of)
    shouted = graph.mermaid(name=lambda principal: str(principal).upper())
    assert "from ANNA<br/>to user BEN<br/>" in shouted
    assert "from anna<br/>" in graph.mermaid(name=lambda _: " ")
    with pytest.raises(es.WrongKind):
        graph.mermaid(name=lambda _: None)
    with pytest.raises(es.InvalidArgument):
        graph.mermaid(name="anna")
    with pytest.raises(es.WrongKind):
        graph.name_of("anna")


@pytest.mark.parametrize("limit", [0, 501, True])
def test_a_limit_must_be_one(limit):
    with pytest.raises(es.InvalidInput):
        graph_of([]).mermaid(limit=limit)
    with pytest.raises(es.WrongKind):
        graph_of([]).mermaid(limit="10")


@given(st.lists(st.text(), max_size=4))
@example(HOSTILE)
@example(["x" * 5_000])
def test_no_name_is_read_as_more_than_text(names):
    """Every line is one that we write, and every label shows the names and nothing else."""
    graph = graph_of(names)
    nodes, links = read(graph.mermaid(name=graph.names.__getitem__))
    assert len(nodes) == len(names) + 1
    assert len(links) == len(names)
    for number, name in enumerate(names):
        _, label = nodes[f"n{number + 1}"]
        assert label.split("\n")[1] == f"to user {shown_as(name) or number}"


def test_what_is_marked_and_what_stands_is_drawn_first_and_the_rest_is_counted():
    world = World()
    for recipient in (BEN, CARLA, DAN, EVA):
        world.share(ANNA, CT, recipient)
    world.share(DAN, CT, NURSES)
    world.unshare(ANNA, CT, BEN)

    graph = world.sharing.admin.graph(CT, preview=unshare(ANNA, EVA))
    nodes, links = read(graph.mermaid(limit=2))

    assert [label.split("\n")[1] for _, label in nodes.values()] == [
        "owner anna",
        "to user carla",
        "to user eva",
        "3 grants",
    ]
    assert nodes["more"] == ("over", "Left out\n3 grants\n3 links")
    assert links == [("n0", "-->", "n1"), ("n0", "-->", "n2")]
    assert graph.mermaid(limit=2) == graph.mermaid(limit=2)


def test_every_drawn_grant_keeps_a_link_when_there_are_too_many():
    sources = [standing_grant(f"s{n}", ANNA, es.UserId(f"u{n}")) for n in range(60)]
    basis = frozenset(each.grant.id for each in sources)
    targets = [standing_grant(f"t{n}", BEN, es.UserId(f"v{n}"), basis=basis) for n in range(20)]
    graph = es.SharingGraph(exam=CT, owner=ANNA, grants=(*sources, *targets))

    nodes, links = read(graph.mermaid())

    assert len(links) == MOST_LINKS
    assert {target for _, _, target in links} == {node for node in nodes if node[1:].isdigit()} - {
        "n0"
    }
    assert nodes["more"] == ("over", "Left out\n0 grants\n760 links")


def test_long_names_leave_out_more_grants():
    graph = graph_of(["😀" * 255] * 200)
    text = graph.mermaid(name=graph.names.__getitem__)
    assert len(text) <= LONGEST_TEXT
    _, label = read(text)[0]["more"]
    assert re.fullmatch(r"Left out\n1\d\d grants\n1\d\d links", label)


def test_a_graph_of_many_grants_is_bounded_and_quick():
    def seconds(count):
        grants = [standing_grant(str(n), ANNA, es.UserId(f"u{n}")) for n in range(count)]
        graph = es.SharingGraph(exam=CT, owner=ANNA, grants=tuple(grants))
        took = []
        for _ in range(3):
            begin = time.process_time()
            text = graph.mermaid()
            took.append(time.process_time() - begin)
        assert len(text) <= LONGEST_TEXT
        assert f"{count - 200} grants" in text
        return min(took)

    assert seconds(12_000) < 5 * 4 * seconds(3_000)
