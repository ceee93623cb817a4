"""Decision cases: the engine passes all of them, and a broken engine or store fails."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from exam_sharing import InvalidValue, ReasonCode, Refused, ShareRequest, StoreFailed, WrongKind
from exam_sharing.memory import MemoryStore, open_sharing
from exam_sharing.testing import StoreNotUsable
from exam_sharing.testing.cases import (
    CaseFailed,
    as_json,
    cases,
    check,
    in_memory,
    over_sharing,
    over_store,
    run,
)
from exam_sharing.testing.cases.portals import in_order
from world import pickled

OURS = cases()


def named(name):
    return next(case for case in OURS if case["name"] == name)


@pytest.mark.parametrize("case", OURS, ids=lambda case: case["name"])
def test_the_engine_passes_the_case(case):
    check(case)


def test_every_store_passes_all_cases(new_store):
    failed = {case["name"]: run(case, over_store(new_store)) for case in OURS}
    assert {name: found for name, found in failed.items() if found} == {}


def test_every_code_has_a_case():
    assert {code for case in OURS for code in case["codes"]} == {code.value for code in ReasonCode}


def test_every_outcome_of_a_share_has_a_case():
    outcomes = {
        each["outcome"] for case in OURS for each in (case["outcome"] or {}).get("shared", ())
    }
    assert outcomes == {"GRANTED", "WIDENED", "EXTENDED", "UNCHANGED", "OWNS_IT"}


def test_names_and_contents_of_cases_are_unique():
    assert len({case["name"] for case in OURS}) == len(OURS)
    asked = [json.dumps({**case, "name": "", "rule": ""}) for case in OURS]
    assert len(set(asked)) == len(OURS)


def test_every_case_verifies_something():
    for case in OURS:
        assert case["outcome"] or case["then"], case["name"]
        assert (case["when"] is None) == (case["outcome"] is None), case["name"]


def parts_of(data):
    """Yield every mapping and list in data, and the data itself."""
    if isinstance(data, dict | list | tuple):
        yield data
        for each in data.values() if isinstance(data, dict) else data:
            yield from parts_of(each)


def test_a_change_of_a_case_changes_nothing_else():
    mine = cases()
    parts = list(parts_of(mine))
    assert len({id(part) for part in parts}) == len(parts)
    for part in parts[1:]:
        part.clear()
    assert cases() == OURS


EXPORT = [sys.executable, "-m", "exam_sharing.testing.cases"]


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_export_is_the_same_text_every_time(seed):
    exported = subprocess.run(
        EXPORT,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
    ).stdout.decode()
    assert exported == as_json()


def test_the_export_holds_every_case():
    document = json.loads(as_json())
    assert document["schema"] == 1
    assert document["cases"] == list(OURS)


def test_cases_need_neither_pytest_nor_hypothesis():
    program = (
        "import sys; sys.modules['pytest'] = sys.modules['hypothesis'] = None\n"
        "from exam_sharing.testing.cases import cases, check\n"
        "[check(case) for case in cases()]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_cases_can_be_chosen_by_acts_and_questions():
    few = cases(acts={"share", "clock"}, questions={"can"})
    acts = {act["act"] for case in few for act in case["given"]["acts"]}
    acts |= {case["when"]["act"] for case in few if case["when"]}
    questions = {each["question"]["question"] for case in few for each in case["then"]}
    assert 20 < len(few) < len(OURS)
    assert acts == {"share", "clock"}
    assert questions == {"can"}


def test_unknown_acts_are_an_error():
    with pytest.raises(InvalidValue) as caught:
        cases(acts={"shares", "share", "dance"})
    assert str(caught.value) == (
        "acts has 'dance', 'shares', which no case has; choose from 'clock', 'end_grant', 'group', "
        "'host_ends', 'narrow', 'share', 'unshare', 'upload', 'user', 'withdraw'"
    )


def test_unknown_questions_are_an_error():
    with pytest.raises(InvalidValue) as caught:
        cases(questions=["cann"])
    assert str(caught.value) == (
        "questions has 'cann', which no case has; choose from 'access_list', 'can', 'choices', "
        "'choices_held', 'explain', 'notices', 'preview', 'share_form', 'shared_with', "
        "'suggestions', 'suggestions_held', 'tabs', 'visible_to'"
    )


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"acts": "share"}, "acts must be a collection, not str"),
        ({"questions": "can"}, "questions must be a collection, not str"),
        ({"acts": [None]}, "acts must be str, not NoneType"),
    ],
)
def test_acts_and_questions_must_be_collections_of_strings(named, message):
    with pytest.raises(WrongKind) as caught:
        cases(**named)
    assert str(caught.value) == message


def test_without_acts_cases_only_have_questions():
    few = cases(acts=())
    assert few
    assert all(case["when"] is None and not case["given"]["acts"] for case in few)


def test_reasons_can_be_reduced_to_their_codes():
    plain = cases(details=False)
    assert [case["name"] for case in plain] == [case["name"] for case in OURS]
    reasons = [
        reason
        for case in plain
        for answer in (case["outcome"], *(each["answer"] for each in case["then"]))
        if isinstance(answer, dict)
        for reason in (*answer.get("refused", ()), *answer.get("reasons", ()))
    ]
    assert len(reasons) > 40
    assert all(set(reason) == {"code"} for reason in reasons)


class NeverExpires(MemoryStore):
    def holds(self, user, principals, permission, exam, now):
        grants = self.read((exam,), ended=False)[exam].grants
        then = min([now, *(grant.made_at for grant in grants)])
        return super().holds(user, principals, permission, exam, then)


def test_a_failed_case_reports_its_rule_and_differences():
    case = named("a share for a time gives no access at that time")
    with pytest.raises(CaseFailed) as caught:
        check(case, over_store(NeverExpires))
    assert str(caught.value).splitlines()[:5] == [
        "a share for a time gives no access at that time",
        "rule: A grant stands until it is ended or its time has come.",
        '{"question": "can", "user": "ben", "permission": "VIEW", "exam": "ct"}',
        "  expected: false",
        "  got:      true",
    ]


class CannotWrite(MemoryStore):
    def commit(self, changes):
        raise StoreFailed("no room for Jane Doe")


def test_an_exception_of_the_store_is_reported_by_its_type():
    case = named("a share gives another user access")
    with pytest.raises(CaseFailed) as caught:
        check(case, over_store(CannotWrite))
    error = caught.value
    lines = str(error).splitlines()
    assert lines[:2] == [
        "a share gives another user access",
        "rule: A share gives its recipients access, up to what the actor holds.",
    ]
    assert lines[2].startswith('{"act": "share", "actor": "anna"')
    assert lines[4] == '  got:      {"raised": "StoreFailed"}'
    assert "Jane Doe" not in f"{error} {error!r}"
    assert isinstance(error.__cause__, StoreFailed)
    assert run(case, over_store(CannotWrite)) == error.differences
    assert pickled(error).differences == error.differences


def test_an_exception_in_an_act_under_given_is_a_difference():
    (difference,) = run(named("a grantor can unshare"), over_store(CannotWrite))
    assert (difference.expected, difference.got) == ("done", {"raised": "StoreFailed"})


class CannotTakeUploads(MemoryStore):
    def add(self, batch, exams):
        raise StoreFailed("no room for Jane Doe")


def test_an_exception_while_the_portal_opens_is_reported_by_its_type():
    case = named("a share gives another user access")
    with pytest.raises(CaseFailed) as caught:
        check(case, over_store(CannotTakeUploads))
    lines = str(caught.value).splitlines()
    assert lines[0] == "a share gives another user access"
    assert lines[2:] == [
        (
            '{"given": {"users": ["anna", "ben", "carla", "dan", "eva"], '
            '"groups": ["nurses", "clinic"], "exams": ["ct", "mr", "xray"], "policy": {}}}'
        ),
        '  expected: "opened"',
        '  got:      {"raised": "StoreFailed"}',
    ]
    assert "Jane Doe" not in f"{caught.value} {caught.value!r}"
    assert isinstance(caught.value.__cause__, StoreFailed)


@pytest.mark.parametrize("fails", ["calling", "entering"])
def test_an_exception_of_the_portal_opener_is_a_difference(fails):
    @contextmanager
    def entering(given):
        raise OSError
        yield

    def calling(given):
        raise OSError

    (difference,) = run(OURS[0], {"calling": calling, "entering": entering}[fails])
    assert (difference.expected, difference.got) == ("opened", {"raised": "OSError"})


class CannotList(MemoryStore):
    def visible(self, user, principals, after, limit, now, *, own):
        raise OSError


def test_an_exception_in_a_question_is_a_difference_and_the_run_goes_on():
    case = named("a share with a group reaches a member whom the owner removed")
    assert len(case["then"]) == 2
    (difference,) = run(case, over_store(CannotList))
    assert difference.asked["question"] == "shared_with"
    assert difference.got == {"raised": "OSError"}


def test_a_store_that_cannot_be_tested_ends_the_run():
    with pytest.raises(StoreNotUsable):
        check(OURS[0], over_store(object))

    class Unusable:
        def __init__(self, given):
            pass

        def do(self, act):
            raise StoreNotUsable("gave up")

    def unopened(given):
        raise StoreNotUsable("gave up")

    for open_portal in (Unusable, unopened):
        with pytest.raises(StoreNotUsable):
            run(named("a share gives another user access"), open_portal)


def test_a_refused_act_under_given_is_a_difference():
    def refusing(**settings):
        sharing = open_sharing(**settings)

        class NoShares:
            def __getattr__(self, name):
                return getattr(sharing, name)

            def share(self, request: ShareRequest):
                raise Refused(())

        return NoShares()

    (difference,) = run(named("a grantor can unshare"), over_sharing(refusing))
    assert difference.asked["act"] == "share"
    assert difference.expected == "done"


def test_lists_are_sorted_by_their_parts_with_null_last():
    notices = [
        {"to": "ben", "exams": 9, "until": "2030-01-02T12:00:00Z"},
        {"to": "ben", "exams": 9, "until": None},
        {"to": "ben", "exams": 10, "until": "2030-01-01T12:00:00Z"},
        {"to": "\ufb01", "exams": 1, "until": None},
        {"to": "\U0001f600", "exams": 1, "until": None},
    ]
    assert in_order(reversed(notices)) == notices


def test_notices_wait_until_the_portal_is_asked_for_them():
    portal = over_sharing(open_sharing)(OURS[0]["given"])
    portal.do(named("a share sends a notice to its recipients")["when"])
    assert portal.sharing.admin.deliver_notices() == 0
    assert len(portal.ask({"question": "notices"})) == 3


def test_an_optional_setting_can_be_null():
    case = named("without a time, a share lasts for good if nothing limits it")
    check({**case, "given": {**case["given"], "policy": {"max_duration": None, "max_exams": None}}})


@pytest.mark.parametrize("asked", [("do", {"act": "dance"}), ("ask", {"question": "why"})])
def test_unknown_acts_and_questions_of_a_portal_are_an_error(asked):
    method, data = asked
    portal = in_memory(OURS[0]["given"])
    with pytest.raises(InvalidValue):
        getattr(portal, method)(data)
