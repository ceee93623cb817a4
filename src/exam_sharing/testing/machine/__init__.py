"""A state machine: random stories over a store, with every answer compared with the model."""

from collections.abc import Callable, Collection
from types import NoneType
from typing import Final

from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

import exam_sharing as es
from exam_sharing.testing.cases.portals import ACTS, OF_OPERATORS, QUESTIONS
from exam_sharing.testing.cases.running import chosen
from exam_sharing.testing.cases.schema import Data, OpenPortal
from exam_sharing.testing.machine.hospital import Capabilities, Sweep
from exam_sharing.testing.machine.portal_machine import Form, PortalMachine
from exam_sharing.testing.machine.steps import HospitalMachine
from exam_sharing.testing.machine.store_machine import SharingMachine
from exam_sharing.testing.opening import (
    Hide,
    OpenStore,
    Transfer,
    Upload,
    require_answers,
    require_isolated,
)
from exam_sharing.testing.progress import Search
from exam_sharing.testing.story import RulesBroken
from exam_sharing.validation import require_callable, require_kind, tuple_of

__all__ = ["RulesBroken", "run_portal_machine", "run_sharing_machine"]


_SAME: Final = hypothesis_settings(derandomize=True, database=None)
"""Without settings, every run performs the same stories."""


def run_sharing_machine(
    open_store: OpenStore,
    *,
    settings: hypothesis_settings | None = None,
    upload: Upload | None = None,
    transfer: Transfer | None = None,
    sweep: Sweep | None = None,
    hide: Hide | None = None,
    policy: es.Policy | None = None,
) -> None:
    """Run random stories in small hospitals over a store, and compare it with the model.

    After every step, every answer to every user must be the one of the model. Hypothesis shrinks
    the first disagreement to a short story.

    Args:
        open_store: returns an empty store each time, which the next four functions take first.
        settings: the settings of Hypothesis: `max_examples` stories of `stateful_step_count` steps.
            Without them, every run performs the same stories; with them, `derandomize=True` does.
        upload: records a batch and its exams, for a host with its own tables of exams, in place of
            the port `uploads`. Batches are then never sealed.
        transfer: gives an exam to an owner at some time, if the store can.
        sweep: records as ended all that has expired at some time, if the store can.
        hide: lets the host of the store delete an exam, or restore it; true means deleted.
        policy: the policy of every story; by default each story has its own. Every delivery
            retries every notice, whatever the policy says of retries.

    Raises:
        WrongKind: settings or policy are of another type.
        InvalidValue: a capability cannot be called, or the policy has rules of the host, which the
            model does not know.
        StoreNotUsable: `open_store` returns nothing that can be tested.
        RulesBroken: the store, or the package over it, breaks the rules.
    """
    __tracebackhide__ = True
    require_kind("settings", settings, hypothesis_settings, NoneType)
    can = Capabilities(upload=upload, transfer=transfer, sweep=sweep, hide=hide)
    require_kind("policy", policy, es.Policy, NoneType)
    if policy is not None and policy.host_rules:
        raise es.InvalidArgument("policy", "must have no rules of the host: the model knows none")
    require_isolated(open_store, upload=upload)

    progress = Search("story")

    def new_machine() -> SharingMachine:
        return SharingMachine(open_store, capabilities=can, policy=policy, progress=progress)

    try:
        _run(new_machine, settings or _SAME)
    except RulesBroken:
        require_answers(open_store)
        raise


def run_portal_machine(
    open_portal: OpenPortal,
    *,
    acts: Collection[str] | None = None,
    questions: Collection[str] | None = None,
    details: bool = True,
    choices: bool = True,
    without: Collection[str] = (),
    policy: Data | None = None,
    settings: hypothesis_settings | None = None,
) -> None:
    """Run random stories in small hospitals on a portal in plain data, beside the model.

    The outcome of each act must be the one of the model, and so must all answers after each step.
    Acts, questions and answers are those of decision cases. Hypothesis shrinks the first
    disagreement to a short story.

    Args:
        open_portal: opens a portal as given, without acts, as for decision cases.
        acts: the acts that the portal can do, as `{"share", "unshare"}`. By default those of
            `cases`.
        questions: the questions that the portal can answer, as `{"can", "tabs"}`. By default those
            of `cases`. Questions of operators, such as `explain`, are not asked.
        details: whether reasons of refusals have their parameters, or else their codes alone.
        choices: whether answers to acts of the host, and what else the specification leaves open,
            are those of the package. With which refusal a portal conceals an exam is always free.
        without: fields that the portal does not have, as `{"until", "message"}`: of acts, of what
            is given, and of answers. They have their usual values, and are not compared.
        policy: the settings of every story; by default each story has its own.
        settings: as for `run_sharing_machine`; without them, 200 stories of 20 steps.

    Raises:
        WrongKind: settings are of another type, or a collection is not one of strings.
        InvalidValue: there is no such act or question, or the policy has rules of the host.
        RulesBroken: the portal breaks the rules.
    """
    require_kind("settings", settings, hypothesis_settings, NoneType)
    require_callable("open_portal", open_portal)
    form = Form(
        acts=chosen("acts", acts, ACTS),
        questions=chosen("questions", questions, QUESTIONS) - OF_OPERATORS,
        details=details,
        choices=choices,
        without=frozenset(tuple_of("without", without, str)),
    )
    if policy is not None and policy.get("host_rules"):
        raise es.InvalidArgument("policy", "must have no rules of the host: the model knows none")
    progress = Search("story")
    usual = hypothesis_settings(_SAME, max_examples=200, stateful_step_count=20)

    def new_machine() -> PortalMachine:
        return PortalMachine(open_portal, form=form, policy=policy, progress=progress)

    _run(new_machine, settings or usual)


def _run(new_machine: Callable[[], HospitalMachine], chosen: hypothesis_settings) -> None:
    __tracebackhide__ = True
    used = hypothesis_settings(
        chosen,
        deadline=None,
        report_multiple_bugs=False,
        phases=[phase for phase in chosen.phases if phase is not Phase.explain],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(new_machine, settings=used)  # type: ignore[arg-type]
    except RulesBroken as broken:
        # A new error, since Hypothesis adds its own account to the old one.
        story = RulesBroken(broken.story, broken.question, broken.expected, broken.got)
        raise story from broken.__cause__
    except FlakyFailure as flaky:
        # The same steps did not fail in the same way twice: the store depends on chance.
        raise next((e for e in flaky.exceptions if isinstance(e, RulesBroken)), flaky) from flaky
