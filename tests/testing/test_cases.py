"""Decision cases: the engine passes all of them, and a broken engine or store fails."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from functools import partial

import pytest

from exam_sharing import InvalidValue, ReasonCode, StoreFailed, WrongKind
from exam_sharing.memory import MemoryStore, open_sharing
from exam_sharing.testing import StoreNotUsable
from exam_sharing.testing.cases import (
    ACTS,
    QUESTIONS,
    CaseFailed,
    SharingPortal,
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

EVERYTHING = {"acts": ACTS, "questions": QUESTIONS}
OURS = cases(**EVERYTHING)


def named(name):
    return next(case for case in OURS if case["name"] == name)


@pytest.mark.parametrize("case", OURS, ids=lambda case: case["name"])
def test_the_engine_passes_the_case(case):
    check(case)


def test_every_store_passes_all_cases(new_store):
    failed = {case["name"]: run(case, over_store(new_store)) for case in OURS}
    assert {name: found for name, found in failed.items() if found} == {}


def test_every_code_and_every_outcome_of_a_share_has_a_case():
    assert {code for case in OURS for code in case["codes"]} == {code.value for code in ReasonCode}
    receipts = [(case["outcome"] or {}).get("shared", ()) for case in OURS]
    outcomes = {each["outcome"] for receipt in receipts for each in receipt}
    assert outcomes == {"GRANTED", "WIDENED", "EXTENDED", "UNCHANGED", "OWNS_IT"}


def refusals_with_groups():
    """Yield the codes of each outcome, whether groups are named, and if the actor was in one."""
    for case in OURS:
        when, outcome = case["when"] or {}, case["outcome"] or {}
        codes = {reason["code"] for reason in outcome.get("refused", ())}
        groups = {f"group:{each['id']}": each["members"] for each in case["given"]["groups"]}
        given = {to for act in case["given"]["acts"] for to in act.get("recipients", ())}
        members = [member for to in given for member in groups.get(to, ())]
        actor = f"user:{when.get('actor')}"
        named = [*when.get("recipients", ()), when.get("recipient", "user:")]
        yield codes, "group:" in "".join(named), actor in members


def test_every_code_has_cases_with_groups_as_recipients_and_as_sources():
    every = {code.value for code in ReasonCode}
    named, through = set(), set()
    for codes, names_groups, by_member in refusals_with_groups():
        named |= codes if names_groups else set()
        through |= codes if by_member else set()
    assert every - named == {"NO_RECIPIENTS", "RECIPIENT_IS_SELF", "RECIPIENT_IS_OWNER"}
    assert every - through == {"NO_RECIPIENTS"}


def test_cases_are_unique_and_verify_something():
    assert len({case["name"] for case in OURS}) == len(OURS)
    assert len({json.dumps({**case, "name": "", "rule": ""}) for case in OURS}) == len(OURS)
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
    mine = cases(**EVERYTHING)
    parts = list(parts_of(mine))
    assert len({id(part) for part in parts}) == len(parts)
    for part in parts[1:]:
        part.clear()
    assert cases(**EVERYTHING) == OURS


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_export_is_the_same_text_every_time_and_holds_every_case(seed):
    exported = subprocess.run(
        [sys.executable, "-m", "exam_sharing.testing.cases"],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
    ).stdout.decode()
    assert exported == as_json()
    document = json.loads(exported)
    assert (document["schema"], document["cases"]) == (1, list(OURS))


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
    without = cases(acts=())
    assert without
    assert all(case["when"] is None and not case["given"]["acts"] for case in without)


@pytest.mark.parametrize(
    ("chosen", "error", "message"),
    [
        (
            {"acts": {"shares", "share", "dance"}},
            InvalidValue,
            (
                "acts has 'dance', 'shares', which no case has; choose from 'clock', 'end_grant', "
                "'group', 'host_ends', 'look', 'narrow', 'share', 'unshare', 'upload', 'user', "
                "'withdraw'"
            ),
        ),
        (
            {"questions": ["cann"]},
            InvalidValue,
            (
                "questions has 'cann', which no case has; choose from 'access_at', "
                "'access_list', 'accesses', 'can', 'choices', 'choices_held', 'explain', "
                "'explain_at', 'graph', 'notices', 'preview', 'share_form', 'shared_with', "
                "'suggestions', 'suggestions_held', 'tabs', 'visible_to'"
            ),
        ),
        ({"acts": "share"}, WrongKind, "acts must be a collection, not str"),
        ({"questions": "can"}, WrongKind, "questions must be a collection, not str"),
        ({"acts": [None]}, WrongKind, "acts must be str, not NoneType"),
    ],
)
def test_unknown_acts_and_questions_are_an_error(chosen, error, message):
    with pytest.raises(error) as caught:
        cases(**chosen)
    assert str(caught.value) == message


def test_reasons_can_be_reduced_to_their_codes():
    plain = cases(details=False, **EVERYTHING)
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


def test_without_details_a_refusal_has_each_code_once():
    refused = named("a refusal reports every limit that is exceeded")["outcome"]["refused"]
    assert len(refused) == 3
    plain = {case["name"]: case["outcome"] for case in cases(details=False)}
    assert plain["a refusal reports every limit that is exceeded"] == {
        "refused": [{"code": "TOO_MANY"}]
    }


def test_choices_of_the_package_can_be_left_out():
    strict = {case["name"]: case for case in cases(choices=False, **EVERYTHING)}
    for case in OURS:
        kept = [each for each in case["then"] if "choice" not in each]
        found = strict.get(case["name"], {"outcome": None, "then": []})
        assert found["then"] == kept
        assert found["outcome"] == (None if "choice" in case else case["outcome"])
        if case["name"] in strict:
            assert run(found) == ()
    assert 10 < len({case["name"] for case in OURS if "choice" in case}) < 40
    assert len(strict) > len(OURS) - 20


class AsksForALogin(SharingPortal):
    """Refuses whoever may not act with a code of its own, and may refuse them nothing."""

    def __init__(self, given, *, refuses):
        super().__init__(given, open_sharing)
        self.users = {user["id"]: user for user in given["users"]}
        self.refuses = refuses

    def do(self, act):
        if "actor" in act and not self.users.get(act["actor"], {}).get("active"):
            if self.refuses:
                return {"refused": [{"code": "LOG_IN"}]}
            act = {**act, "actor": "anna"}
            super().do({"act": "user", **self.users["anna"], "active": True})
        return super().do(act)


@pytest.mark.parametrize("name", ["an inactive user cannot share", "an unknown user cannot share"])
def test_an_outcome_that_is_a_choice_may_be_any_but_not_what_the_act_did(name):
    (strict,) = [case for case in cases(choices=False) if case["name"] == name]
    assert run(named(name), partial(AsksForALogin, refuses=True))
    assert run(strict, partial(AsksForALogin, refuses=True)) == ()
    (difference,) = run(strict, partial(AsksForALogin, refuses=False))
    assert (difference.asked["question"], difference.got) == ("can", True)


def test_an_exception_is_a_difference_also_where_any_outcome_is_right():
    (case,) = [
        each
        for each in cases(choices=False)
        if each["name"] == "a sealed batch takes no more exams"
    ]
    (difference,) = run(case, over_store(CannotTakeMoreUploads))
    assert (difference.expected, difference.got) == (None, {"raised": "StoreFailed"})


class CannotWrite(MemoryStore):
    def commit(self, changes):
        raise StoreFailed("no room for Jane Doe")


class CannotTakeUploads(MemoryStore):
    def add(self, batch, exams):
        raise StoreFailed("no room for Jane Doe")


class CannotTakeMoreUploads(MemoryStore):
    def add(self, batch, exams):
        if self.batch(batch.id) is not None:
            raise StoreFailed("no room for Jane Doe")
        super().add(batch, exams)


@pytest.mark.parametrize(
    ("store", "asked", "expected"),
    [
        (CannotWrite, '{"act": "share", "actor": "anna"', '{"shared": '),
        (
            CannotTakeUploads,
            (
                '{"given": {"users": ["anna", "ben", "carla", "dan", "eva"], '
                '"groups": ["nurses", "clinic"], "exams": ["ct", "mr", "xray"], "policy": {}}}'
            ),
            '"opened"',
        ),
    ],
)
def test_an_exception_of_the_store_is_reported_by_its_type(store, asked, expected):
    case = named("a share gives another user access")
    with pytest.raises(CaseFailed) as caught:
        check(case, over_store(store))
    error = caught.value
    name, rule, *lines = str(error).splitlines()[:5]
    assert name == "a share gives another user access"
    assert rule == "rule: A share gives its recipients access, up to what the actor holds."
    assert lines[0].startswith(asked)
    assert lines[1].startswith(f"  expected: {expected}")
    assert lines[2] == '  got:      {"raised": "StoreFailed"}'
    assert "Jane Doe" not in f"{error} {error!r}"
    assert isinstance(error.__cause__, StoreFailed)
    assert run(case, over_store(store)) == error.differences == pickled(error).differences


def test_an_exception_in_an_act_under_given_is_a_difference():
    (difference,) = run(named("a grantor can unshare"), over_store(CannotWrite))
    assert (difference.expected, difference.got) == ("done", {"raised": "StoreFailed"})


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
    case = named("a share for a time gives no access at that time")
    (difference,) = run(case, over_store(CannotList))
    assert str(difference).splitlines() == [
        '{"question": "shared_with", "user": "ben"}',
        "  expected: []",
        '  got:      {"raised": "OSError"}',
    ]


def test_a_store_that_cannot_be_tested_ends_the_run():
    class Unusable:
        def do(self, act):
            raise StoreNotUsable("gave up")

    def unopened(given):
        raise StoreNotUsable("gave up")

    for open_portal in (over_store(object), lambda given: Unusable(), unopened):
        with pytest.raises(StoreNotUsable):
            check(named("a share gives another user access"), open_portal)


def test_a_refused_act_under_given_is_a_difference():
    case = named("a grantor can unshare")
    acts = [{**act, "attested": False} for act in case["given"]["acts"]]
    (difference,) = run({**case, "given": {**case["given"], "acts": acts}})
    assert (difference.asked, difference.expected) == (acts[0], "done")
    assert difference.got == {"refused": [{"code": "ATTESTATION_MISSING"}]}


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


@pytest.mark.parametrize("asked", [("do", {"act": "dance"}), ("ask", {"question": "why"})])
def test_unknown_acts_and_questions_of_a_portal_are_an_error(asked):
    method, data = asked
    portal = in_memory(OURS[0]["given"])
    with pytest.raises(InvalidValue):
        getattr(portal, method)(data)


def test_what_a_portal_need_not_have_is_chosen_by_name():
    usual = cases()
    asked = {each["question"]["question"] for case in usual for each in case["then"]}
    done = {act["act"] for case in usual for act in (*case["given"]["acts"], case["when"]) if act}
    assert (ACTS - done, QUESTIONS - asked) == (
        {"look"},
        {"access_at", "accesses", "explain_at", "graph"},
    )
