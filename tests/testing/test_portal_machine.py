"""The portal machine: stories over portals in plain data, and the story of everything broken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from broken.clinics import GivesGroupsDownload
from clinic_portal import HAS, Refusal, Rules, for_clinic, over_functions, over_http
from hypothesis import Phase, settings

import exam_sharing as es
from exam_sharing.memory import open_sharing
from exam_sharing.testing import RulesBroken, run_portal_machine
from exam_sharing.testing.cases import ACTS, QUESTIONS, SharingPortal, cases, in_memory, run
from exam_sharing.testing.cases.portals import OF_OPERATORS
from exam_sharing.testing.machine.model_portal import ModelPortal

same = settings(derandomize=True, database=None, stateful_step_count=20)
few = settings(same, max_examples=15)
short = settings(same, max_examples=300, stateful_step_count=5, phases=[Phase.generate])


def test_the_model_passes_every_case():
    ours = [
        each
        for each in cases(acts=ACTS, questions=QUESTIONS)
        if "host_rules" not in each["given"]["policy"]
    ]
    for case in ours:
        case["then"] = [
            each for each in case["then"] if each["question"]["question"] not in OF_OPERATORS
        ]
    assert {case["name"]: found for case in ours if (found := run(case, ModelPortal))} == {}


def test_every_answer_of_a_portal_in_memory_is_the_one_of_the_model():
    run_portal_machine(in_memory, acts=ACTS, questions=QUESTIONS, settings=few)


def test_a_portal_with_rules_of_its_own_passes_over_functions():
    run_portal_machine(over_functions(), **HAS, settings=few)


def test_a_portal_with_rules_of_its_own_passes_over_http():
    with over_http() as open_portal:
        run_portal_machine(open_portal, **HAS, settings=settings(same, max_examples=3))


def story_of(open_portal, *, told=short, **has):
    with pytest.raises(RulesBroken) as caught:
        run_portal_machine(open_portal, settings=told, **(has or HAS))
    return caught.value


class AnswersTheHostInItsOwnWay(SharingPortal):
    def __init__(self, given):
        super().__init__(given, open_sharing)

    def do(self, act):
        done = super().do(act)
        return {"done": True} if act["act"] in {"host_ends", "withdraw"} else done


def test_what_the_specification_leaves_open_is_compared_only_if_asked():
    acts = {"share", "host_ends", "withdraw"}
    run_portal_machine(AnswersTheHostInItsOwnWay, acts=acts, choices=False, settings=few)
    assert "done" in story_of(AnswersTheHostInItsOwnWay, acts=acts).got


def test_users_of_a_portal_without_their_attributes_do_not_change():
    without = HAS["without"] | {"active", "notices", "sharing_in_plan"}
    run_portal_machine(over_functions(), **{**HAS, "without": without}, settings=few)


def test_a_portal_with_rules_of_its_own_passes_its_cases():
    ours = list(for_clinic())
    assert len(ours) > 50
    assert {case["name"]: found for case in ours if (found := run(case, over_functions()))} == {}


def test_the_error_of_a_broken_portal_is_a_story():
    broken = story_of(over_functions(GivesGroupsDownload))
    # With a group, or with nobody: which of them comes first depends on what else was imported.
    assert " for DOWNLOAD" in broken.story[-1]
    assert broken.question.endswith("What does this act return?")
    assert "DOWNLOAD_NOT_HELD" in broken.expected
    assert "DOWNLOAD_NOT_HELD" not in broken.got


class LosesTheCheckbox(SharingPortal):
    def __init__(self, given):
        super().__init__(given, open_sharing)

    def do(self, act):
        return super().do({**act, "permission": "DOWNLOAD"} if act["act"] == "share" else act)


def test_the_story_of_a_broken_portal_is_short():
    told = settings(same, max_examples=10, stateful_step_count=2)
    broken = story_of(LosesTheCheckbox, told=told, acts={"share"}, questions={"can"}, policy={})
    assert str(broken).splitlines() == [
        "the rules of sharing are broken",
        "",
        "12:00  The users are Alice and Bob.",
        "12:00  Uploaded in the batch CD: CT (owner Alice).",
        "12:00  Alice shares CT with Bob for VIEW.",
        "",
        "12:00  What does `can` answer for Bob, CT, DOWNLOAD?",
        "  expected: no",
        "  got:      yes",
    ]


class Fails(SharingPortal):
    def __init__(self, given):
        super().__init__(given, open_sharing)

    def ask(self, question):
        raise ConnectionError("10.0.0.7 refused")


def cannot_be_opened(given):
    raise ConnectionError("10.0.0.7 refused")


@pytest.mark.parametrize("open_portal", [Fails, cannot_be_opened])
def test_an_exception_of_a_portal_is_an_answer_without_its_text(open_portal):
    broken = story_of(open_portal, told=settings(same, stateful_step_count=1), questions={"can"})
    assert broken.got == "an error: ConnectionError"
    assert isinstance(broken.__cause__, ConnectionError)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": 10}, "settings must be settings or NoneType, not int"),
        ({"acts": {"dance"}}, "acts has 'dance', which no case has; choose from 'clock', "),
        ({"questions": {"explain", "cann"}}, "questions has 'cann', which no case has"),
        ({"without": "until"}, "without must be a collection, not str"),
        ({"policy": {"host_rules": [{}]}}, "policy must have no rules of the host"),
    ],
)
def test_wrong_options_are_rejected(options, message):
    with pytest.raises(es.CallerError) as caught:
        run_portal_machine(in_memory, **options)
    assert str(caught.value).startswith(message)


def test_every_run_performs_the_same_stories():
    def acts_of_a_run():
        acts = []

        class Recorded(SharingPortal):
            def __init__(self, given):
                super().__init__(given, open_sharing)

            def do(self, act):
                acts.append(act)
                return super().do(act)

        run_portal_machine(Recorded, questions={"can"}, settings=settings(same, max_examples=5))
        return acts

    assert acts_of_a_run() == acts_of_a_run()


def run_over_program(*program):
    """Run the machine from a shell over a program; return the status and what was printed."""
    here = str(Path(__file__).parent)
    names = {name: ",".join(sorted(HAS[name])) for name in ("acts", "questions", "without")}
    has = [each for name, value in names.items() for each in (f"--{name}", value)]
    machine = [sys.executable, "-m", "exam_sharing.testing.machine", "--stories", "3"]
    done = subprocess.run(
        [*machine, *has, "--codes-only", "--", sys.executable, *program],
        check=False,
        capture_output=True,
        text=True,
        cwd=here,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([here, *sys.path])},
    )
    return done.returncode, done.stdout


def test_the_machine_runs_over_a_program_that_reads_and_writes_lines_of_json():
    told = "3 stories of up to 20 steps: the rules hold\n"
    assert run_over_program("json_portal.py") == (0, told)


def test_a_program_that_ends_has_a_story():
    opens_and_ends = "input(); print('null', flush=True)"
    status, told = run_over_program("-c", opens_and_ends)
    assert (status, told.splitlines()[-1]) == (1, "  got:      an error: EOFError")


class ConcealsInItsOwnWords(Rules):
    def share(self, actor, exam, form):
        try:
            super().share(actor, exam, form)
        except Refusal as refusal:
            concealed = refusal.args == ("EXAM_NOT_FOUND",)
            raise Refusal("FORBIDDEN") if concealed else refusal from None


def test_with_which_refusal_an_exam_is_concealed_is_the_choice_of_the_portal():
    run_portal_machine(over_functions(ConcealsInItsOwnWords), **HAS, settings=few)
