"""Every small history is tried: a portal or a store that breaks the rules in one is found."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import monotonic

import pytest
from broken import portals
from broken.engines import anybody_ends, cascades_unasked, passes_on_download
from broken.portals import OwnRules
from broken.stores import RollsBackOnRefusals

from exam_sharing import InvalidValue
from exam_sharing.memory import MemoryStore
from exam_sharing.testing import Histories, RulesBroken, StoreNotUsable, check_histories
from exam_sharing.testing.cases import in_memory, over_store
from exam_sharing.testing.laws import LawBroken, store_laws


def found_in(open_portal, acts=3):
    """Return how the portal breaks the rules, with the shortest history."""
    with pytest.raises(RulesBroken) as raised:
        check_histories(open_portal, acts=acts)
    return raised.value


def test_a_portal_with_rules_of_its_own_passes_every_history_of_three_acts():
    found = check_histories(OwnRules, acts=3)
    assert (found.acts, found.histories, found.ended) == (3, 4_531, 13_037)


def test_the_package_passes_every_history_of_two_acts():
    found = check_histories(over_store(MemoryStore), acts=2)
    assert (found.acts, found.histories, found.ended) == (2, 361, 1_319)


BROKEN = {
    portals.PassesDownloadToGroups: (2, "No one exceeds their source"),
    portals.PassesOnDownloadThroughGroups: (2, "No one exceeds their source"),
    portals.ListsByUserAlone: (1, "Checks and lists agree: `shared_with`"),
    portals.ListsWithoutDownload: (1, "Checks agree with the access list"),
    portals.ShowsItsListToEverybody: (1, "Checks agree with the access list"),
    portals.EndsBeforeItRefuses: (2, "A refused act changes nothing"),
    portals.NeverCascades: (3, "A cascade leaves nothing unsupported"),
    portals.OwnerEndsOwnAlone: (3, "The portal agrees with the model: the last act"),
    portals.FailsForStrangers: (1, "The portal raises no error: the last act"),
}


@pytest.mark.parametrize("variant", BROKEN, ids=lambda variant: variant.__name__)
def test_a_mistake_is_found_in_a_shortest_history(variant):
    broken = found_in(variant)
    acts, rule = BROKEN[variant]
    assert broken.question.startswith(rule)
    assert len(broken.story) == 2 + acts


def test_the_story_says_what_happened_in_words():
    assert str(found_in(portals.PassesDownloadToGroups)) == STORY


STORY = """\
the rules of sharing are broken

The users are anna, ben and carla; anna owns ct.
The members of the group nurses: nobody.
anna shares ct with ben for VIEW.
ben shares ct with the group nurses for DOWNLOAD.

No one exceeds their source, before the last act: `can` for ben and DOWNLOAD
  expected: true
  got:      false"""


@pytest.mark.parametrize("engine", [anybody_ends, cascades_unasked, passes_on_download])
def test_a_mistake_of_the_engine_is_found(engine):
    with engine():
        assert len(found_in(in_memory).story) <= 2 + 3


def test_a_mistake_that_only_several_refused_acts_show_is_told_with_all_of_them():
    class CountsRefusals(OwnRules):
        refusals = 0

        def do(self, act):
            answer = super().do(act)
            self.refusals += "refused" in answer
            return answer

        def holds(self, user, permission):
            return self.refusals > 20 or super().holds(user, permission)

    broken = found_in(CountsRefusals)
    assert broken.question == "A refused act changes nothing: `visible_to` for ben"
    assert len(broken.story) > 2 + 20


def test_an_error_of_the_portal_is_the_cause():
    assert isinstance(found_in(portals.FailsForStrangers).__cause__, LookupError)


def test_a_question_that_raises_is_reported_without_its_text():
    class FailsToAnswer(OwnRules):
        def shared_with(self, question):
            raise ConnectionError("10.0.0.7 refused")

    broken = found_in(FailsToAnswer)
    assert broken.question == "The portal raises no error: `shared_with` for anna"
    assert broken.got == '{"raised": "ConnectionError"}'


def test_a_refusal_that_changes_a_store_is_found():
    broken = found_in(over_store(RollsBackOnRefusals))
    assert broken.question == "A refused act changes nothing: `visible_to` for ben"
    assert len(broken.story) == 2 + 2


def test_a_law_of_stores_tries_every_act_after_a_share_with_a_group():
    name = "every-act-after-a-share-with-a-group-keeps-the-rules"
    (law,) = (law for law in store_laws(RollsBackOnRefusals) if law.name == name)
    with pytest.raises(LawBroken, match="A refused act changes nothing") as raised:
        law.check()
    assert "anna shares ct with the group nurses for DOWNLOAD." in raised.value.problem


def test_a_store_that_cannot_be_opened_is_no_broken_rule():
    with pytest.raises(StoreNotUsable):
        check_histories(over_store(lambda: None))


def test_the_search_ends_after_some_seconds():
    begun = monotonic()
    found = check_histories(OwnRules, seconds=0.2)
    assert monotonic() - begun < 5
    assert 1 <= found.acts < 48
    assert found.tried < found.begun


def test_the_progress_is_shown_after_each_history():
    shown = []
    found = check_histories(OwnRules, acts=1, show=shown.append)
    assert [each.tried for each in shown] == [1, 2, 3, 4, 5]
    assert shown[-1] == found == Histories(acts=1, histories=30, ended=210, begun=5, tried=5)
    assert [each.acts for each in shown] == [0, 0, 0, 0, 1]


def test_processes_share_the_work():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = check_histories(OwnRules, acts=2, over=pool.map)
    assert found == check_histories(OwnRules, acts=2)


@pytest.mark.parametrize("wrong", [{"open_portal": None}, {"open_portal": OwnRules, "acts": 0}])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(InvalidValue):
        check_histories(**wrong)
