"""A state machine: random stories over a store, with every answer compared with the model."""

from types import NoneType
from typing import Any

from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

import exam_sharing as es
from exam_sharing.testing.machine.hospital import Capabilities, Hide, Sweep, Transfer
from exam_sharing.testing.machine.steps import SharingMachine
from exam_sharing.testing.opening import OpenStore, Upload, require_answers, require_isolated
from exam_sharing.testing.progress import Search
from exam_sharing.testing.story import RulesBroken
from exam_sharing.validation import require_callable, require_kind

__all__ = ["RulesBroken", "run_sharing_machine"]


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
    given: dict[str, Any] = {"upload": upload, "transfer": transfer, "sweep": sweep, "hide": hide}
    for name, capability in given.items():
        if capability is not None:
            require_callable(name, capability)
    require_kind("policy", policy, es.Policy, NoneType)
    if policy is not None and policy.host_rules:
        raise es.InvalidArgument("policy", "must have no rules of the host: the model knows none")
    require_isolated(open_store, upload=upload)

    chosen = settings or hypothesis_settings(derandomize=True, database=None)
    progress = Search("story")

    def new_machine() -> SharingMachine:
        can = Capabilities(**given)
        return SharingMachine(open_store, capabilities=can, policy=policy, progress=progress)

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
        require_answers(open_store)
        # A new error, since Hypothesis adds its own account to the old one.
        story = RulesBroken(broken.story, broken.question, broken.expected, broken.got)
        raise story from broken.__cause__
    except FlakyFailure as flaky:
        # The same steps did not fail in the same way twice: the store depends on chance.
        raise next((e for e in flaky.exceptions if isinstance(e, RulesBroken)), flaky) from flaky
