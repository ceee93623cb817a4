"""The chain of sharing, over random stories. Specification: `#chain-of-sharing`."""

import exam_sharing as es
from exam_sharing.policy.requests import EndingRequest
from laws.stories import EXAMS, USERS, in_stories


def answer_of(call, *args, **more):
    try:
        return call(*args, **more)
    except es.Refused as refused:
        return refused.reasons


def marked(graph):
    return {each.grant.id for each in graph.grants if each.would_end}


@in_stories(steps=4)
def test_operators_see_every_grant_once_with_its_end(story, request):
    """> For operators, it holds every grant that was ever made, with its end."""
    story.do(request)
    for exam in EXAMS:
        kept, graph = story.facts(exam), story.sharing.admin.graph(exam)
        endings = {each.grant.id: each.ending for each in kept.ended}
        ever = {each.id: each for each in kept.grants} | {e.grant.id: e.grant for e in kept.ended}
        assert sorted(each.grant.id for each in graph.grants) == sorted(ever)
        for each in graph.grants:
            assert each.grant == es.ShownGrant.of(ever[each.grant.id], ever[each.grant.id].basis)
            assert each.ending == endings.get(each.grant.id)
        stands = {each.grant.id for each in graph.grants if each.stands}
        assert stands == {grant.id for grant in story.standing(exam)}
        holders = story.sharing.admin.who_can(es.Permission.VIEW, exam)
        assert stands >= {grant.id for holder in holders for grant in holder.grants}


@in_stories(steps=4)
def test_a_user_sees_the_grants_of_their_access_list(story, request):
    """> For a user with access, it holds the grants of their access list and no others."""
    story.do(request)
    for exam in EXAMS:
        for user in USERS:
            listed = answer_of(story.sharing.access_list, user, exam)
            graph = answer_of(story.sharing.graph, user, exam)
            if isinstance(listed, tuple):
                assert graph == listed
                continue
            shown = {each.grant.id: each.grant for e in listed.entries for each in e.grants}
            assert sorted(each.grant.id for each in graph.grants) == sorted(shown)
            assert (graph.owner, graph.names) == (listed.owner, listed.names)
            for each in graph.grants:
                assert each.stands
                assert each.ending is None
                basis = shown[each.grant.id].basis
                if basis is es.OWNER:
                    assert each.grant.basis is es.OWNER
                else:
                    assert basis <= each.grant.basis <= shown.keys()


@in_stories()
def test_what_is_marked_is_what_the_act_ends(story, request):
    """> These are the ended grants of the receipt of that act, by the same user."""
    if not isinstance(request, EndingRequest):
        story.do(request)
        return
    exam = request.exam if not isinstance(request, es.RevokeRequest) else exam_of(story, request)
    whole = answer_of(story.sharing.admin.graph, exam, preview=request)
    seen = answer_of(story.sharing.graph, request.actor, exam, preview=request)
    sees = story.sharing.can(request.actor, es.Permission.VIEW, exam)
    receipt = story.do(request)
    if isinstance(receipt, es.Refused):
        assert whole == receipt.reasons
        assert seen == receipt.reasons or not sees
        return
    ended = {each.grant.id: each.ending for each in story.facts(exam).ended}
    marks = {each.grant.id: each.would_end for each in whole.grants if each.would_end}
    assert marks == {
        id_: end.how for id_, end in ended.items() if end.version == version(story, exam)
    }
    if sees:
        assert marked(seen) == {each.id for each in receipt.ended}


def version(story, exam):
    return story.facts(exam).version


def exam_of(story, request):
    """Return the exam of the grant that a request names, or any if there is no such grant."""
    return next((e.exam for e in story.every_grant() if e.id == request.grant), EXAMS[0])
