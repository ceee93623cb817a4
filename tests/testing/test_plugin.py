"""The pytest plugin, in the tests of a portal."""

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def pytest_run(installed, tmp_path):
    """Run pytest over one file of tests; return what it prints, and how it ends."""

    def run(tests, *options):
        tmp_path.joinpath("test_portal.py").write_text(tests)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, "test_portal.py"],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=installed,
        )
        return done.stdout + done.stderr, done.returncode

    return run


def passes(came, tests):
    text, code = came
    assert code == 0, text
    assert f"{tests} passed" in text
    return text


WORLD = """
from datetime import timedelta

import pytest
from exam_sharing import ExamId, Permission, Policy, ShareRequest, UserId

ANNA, BEN, CT = UserId("anna"), UserId("ben"), ExamId("ct")

def test_access_ends(sharing_world, sharing_clock, sharing_notifier):
    sharing = sharing_world.sharing
    until = sharing_clock.now + timedelta(hours=1)
    sharing.share(ShareRequest(actor=ANNA, exam=CT, recipients=[BEN], until=until, attested=True))
    assert [notice.to for notice in sharing_notifier.sent] == [BEN]
    assert sharing.can(BEN, Permission.VIEW, CT)
    sharing_clock.advance(timedelta(hours=1))
    assert not sharing.can(BEN, Permission.VIEW, CT)

class TestOtherWording:
    @pytest.fixture
    def sharing_policy(self):
        return Policy(attestation_wording="Ich beachte HIPAA.")

    def test_wording(self, sharing_world):
        assert sharing_world.sharing.policy.attestation_wording == "Ich beachte HIPAA."
"""


def test_the_fixtures_give_a_world_a_clock_and_a_notifier_and_take_a_policy(pytest_run):
    passes(pytest_run(WORLD, "--strict-markers", "-W", "error"), 2)


MARKED = """
import pytest
from exam_sharing.testing.cases import cases, check

seen = []

@pytest.mark.sharing_cases
def test_portal(sharing_case):
    check(sharing_case)
    seen.append(sharing_case["name"])

def test_all():
    assert seen == [case["name"] for case in cases()]

@pytest.mark.sharing_cases(acts={"share"}, questions={"can"})
def test_some(sharing_case):
    assert all(each["question"]["question"] == "can" for each in sharing_case["then"])

@pytest.mark.sharing_cases(cases()[:3])
def test_three(sharing_case):
    check(sharing_case)

@pytest.mark.sharing_cases(acts={"share"}, details=False)
def test_codes(sharing_case):
    outcome = sharing_case["outcome"] or {}
    assert all(set(reason) == {"code"} for reason in outcome.get("refused", ()))
"""


def test_a_marked_test_runs_every_case_or_the_selected_ones(pytest_run):
    text, code = pytest_run(MARKED, "--strict-markers", "-v")
    assert code == 0, text
    for test in ("test_portal", "test_some", "test_codes"):
        assert f"{test}[a recipient who may only view cannot let others download]" in text
    assert text.count("test_three[") == 3


WRONG_MARKERS = """
import pytest

marked = pytest.mark.sharing_cases

class TestWithoutArgument:
    @marked
    def test_case(self): pass

class TestNothingLeft:
    @marked([])
    def test_case(self, sharing_case): pass

class TestUnknownOption:
    @marked(codes="NOPE")
    def test_case(self, sharing_case): pass

class TestBoth:
    @marked([{}], acts={"share"})
    def test_case(self, sharing_case): pass

class TestUnknownAct:
    @marked(acts={"shares"})
    def test_case(self, sharing_case): pass

class TestUnmarked:
    def test_case(self, sharing_case): pass
"""
"""A class each, since pytest reports the first error in each."""


def test_a_marker_that_selects_no_case_is_an_error(pytest_run):
    text, code = pytest_run(WRONG_MARKERS, "--continue-on-collection-errors")
    assert code != 0
    for told in (
        "must take sharing_case",
        "no case is left to run",
        "sharing_cases takes some cases, or what cases() takes",
        "sharing_cases takes cases or what to choose, not both",
        "test_case: acts has 'shares', which no case has; choose from 'clock', ",
        "sharing_case is for tests marked @pytest.mark.sharing_cases",
    ):
        assert told in text


FAILING = """
from datetime import timedelta

import pytest
from exam_sharing.testing.cases import check, in_memory
from exam_sharing import ExamId, GroupId, Permission, Refused, ShareRequest, UserId

ANNA, BEN, DAN = map(UserId, ("anna", "ben", "dan"))
CT, NURSES, VIEW, DOWNLOAD = ExamId("ct"), GroupId("nurses"), Permission.VIEW, Permission.DOWNLOAD

def share(world, to, **more):
    asked = {"actor": ANNA, "exam": CT, "recipients": [to], "attested": True}
    world.sharing.share(ShareRequest(**asked | more))

def test_only_view(sharing_world):
    share(sharing_world, BEN)
    assert sharing_world.explained(BEN, DOWNLOAD, CT)

def test_through_a_group(sharing_world):
    share(sharing_world, NURSES)
    assert not sharing_world.explained(DAN, VIEW, CT)

def test_expired(sharing_world, sharing_clock):
    share(sharing_world, BEN, until=sharing_clock.now + timedelta(hours=1))
    sharing_clock.advance(timedelta(hours=1))
    assert sharing_world.explained(BEN, VIEW, CT) is True

def test_refused(sharing_world):
    try:
        share(sharing_world, BEN, attested=False)
    except Refused as refused:
        assert refused.reasons == ()

def test_owner(sharing_world):
    assert sharing_world.sharing.admin.explain(ANNA, VIEW, CT) is None

def test_nothing_near(sharing_world):
    assert sharing_world.explained(DAN, VIEW, CT)

class LetsEverybodyDownload:
    def __init__(self, given):
        self.portal = in_memory(given)
    def do(self, act):
        return self.portal.do(act)
    def ask(self, question):
        return True if question.get("permission") == "DOWNLOAD" else self.portal.ask(question)

@pytest.mark.sharing_cases(acts={"share"}, questions={"can"})
def test_portal(sharing_case):
    check(sharing_case, LetsEverybodyDownload)
"""


def test_a_failed_assertion_explains_the_decision_and_a_failed_case_its_rule(pytest_run):
    text, code = pytest_run(FAILING)
    assert code == 1
    for told in (
        "ben may not DOWNLOAD ct; because DOWNLOAD_NOT_HELD; nearest: anna's grant of VIEW to ben ",
        "for good, which gives view alone",
        "dan may VIEW ct; by anna's grant of VIEW to the group nurses for good",
        "nearest: anna's grant of VIEW to ben until 2030-01-01 13:00:00, which has expired",
        "ATTESTATION_MISSING: confirm the current wording on abiding by HIPAA",
        "as the owner",
        "dan may not VIEW ct; because EXAM_NOT_FOUND; nothing comes near",
        "recipients without download have no Download tab",
        "rule: A share gives its recipients access, up to what the actor holds.",
        "expected: false",
    ):
        assert told in text, text


DOWN = """
import pytest
from exam_sharing.memory import MemoryStore
from exam_sharing.testing import run_sharing_machine
from exam_sharing.testing.laws import store_laws

def down(*asked, **options):
    raise ConnectionRefusedError("port 6379 of 10.0.0.7")

class Down(MemoryStore):
    find = add = read = commit = exams_granted_to = receipt = down

    def __init__(self):
        super().__init__()
        self.outbox.listed = down

@pytest.mark.parametrize("law", store_laws(Down), ids=lambda law: law.name)
def test_store(law):
    law.check()

def test_machine():
    run_sharing_machine(Down)
"""


def test_a_store_whose_server_is_down_fails_one_test_and_skips_the_others(pytest_run):
    text, code = pytest_run(DOWN, "-rs")
    assert code == 1
    told = (
        "open_store returned a store that answers nothing: "
        "it raised ConnectionRefusedError in test_portal.py, line 8"
    )
    assert re.search(r"\n=+ 1 failed, \d\d+ skipped in ", text)
    assert f"StoreNotUsable: {told}\n" in text
    assert f"a test before has failed since {told}\n" in text


SEARCHES = """
import time
from exam_sharing import Permission
from exam_sharing.memory import MemoryStore
from exam_sharing.testing.laws import store_laws

class LetsViewersDownload(MemoryStore):
    waits = None

    def __init__(self):
        super().__init__()
        time.sleep(self.waits.pop() if self.waits else 0)

    def holds(self, user, principals, permission, exam, now):
        viewed = super().holds(user, principals, Permission.VIEW, exam, now)
        if viewed != super().holds(user, principals, permission, exam, now) and self.waits is None:
            LetsViewersDownload.waits = [0.6, 0.6]
        return viewed

def test_random_acts():
    name = "checks-and-lists-agree-after-random-acts"
    next(law for law in store_laws(LetsViewersDownload) if law.name == name).check()
"""


def test_a_long_search_for_a_smaller_example_is_shown_at_once(pytest_run):
    text, code = pytest_run(SEARCHES)
    assert code == 1
    shown = text.partition("= FAILURES =")[0]
    told = r"test_portal.py::test_random_acts: example \d+ breaks the rules; now looking for the "
    assert re.search(rf"\n{told}smallest one\n", shown)


UNUSED = """
import sys
from pathlib import Path

def test_nothing_of_ours():
    assert [name for name in sys.modules if "exam_sharing" in name] == ["_exam_sharing_pytest"]

def test_comparing():
    try:
        assert 1 == 2
    except AssertionError:
        pass
    assert "exam_sharing" not in sys.modules
"""


def test_a_project_without_uses_imports_nothing_of_the_package(pytest_run):
    passes(pytest_run(UNUSED, "-W", "error"), 2)


def test_pytest_lists_the_fixtures_and_the_marker(pytest_run):
    text, _ = pytest_run("", "--fixtures")
    for name in ("sharing_world", "sharing_clock", "sharing_notifier", "sharing_policy"):
        assert name in text
    told = " ".join(pytest_run("", "--markers")[0].split())
    assert "sharing_cases(cases=None, /, **choose): run this test" in told


def test_the_plugin_can_be_disabled(pytest_run):
    text, code = pytest_run("def test(sharing_world): pass", "-p", "no:exam_sharing")
    assert code == 1
    assert "fixture 'sharing_world' not found" in text


def test_the_tests_of_the_page_on_endpoints_pass(pytest_run):
    page = Path(__file__).parent.parent.parent / "docs" / "how-to" / "test-your-endpoints.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    text, code = pytest_run("\n".join(each for each in blocks if ">>>" not in each), "-q")
    assert code == 0, text
    assert int(re.search(r"(\d+) passed", text)[1]) > 50
