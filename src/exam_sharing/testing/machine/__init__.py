"""Everything that can happen, beside the model: a state machine that tells what went wrong."""

from types import NoneType

from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

from exam_sharing.errors import InvalidArgument
from exam_sharing.policy.settings import Policy
from exam_sharing.testing.isolation import require_isolated
from exam_sharing.testing.machine.hospital import Hide, Sweep, Transfer
from exam_sharing.testing.machine.steps import SharingMachine
from exam_sharing.testing.machine.story import RulesBroken
from exam_sharing.testing.opening import OpenStore, Upload
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
    policy: Policy | None = None,
) -> None:
    """Let everything happen in small hospitals over a store, and compare it with the model.

    After every step, each user's every answer is the model's. The first disagreement is shrunk by
    Hypothesis to a short story, and told.

    Args:
        open_store: gives an empty store each time.
        settings: of Hypothesis; `max_examples` stories of `stateful_step_count` steps.
        upload: records an upload, where that is not what the port `uploads` does: for a host that
            has tables of its own for exams. It gets what `open_store` gave, the batch and the
            exams; batches are then never sealed.
        transfer: gives an exam to another owner at a time, if the store can. It gets what
            `open_store` gave, the exam, the owner and the time.
        sweep: records as ended all that has expired by a time, in a store that can. It gets what
            `open_store` gave, and the time.
        hide: lets the host of the store have an exam no longer, or again. It gets what
            `open_store` gave, the exam, and whether it is gone.
        policy: of every story; by default each has one of its own. Notices are tried again at
            every delivery, whatever it says of retries.

    Raises:
        WrongKind: settings or policy are of another type.
        InvalidValue: a capability cannot be called, or the policy has rules of the host, of which
            the model knows nothing.
        StoreNotUsable: `open_store` gives nothing that can be tested.
        RulesBroken: the store, or the package over it, breaks the rules.
    """
    require_kind("settings", settings, hypothesis_settings, NoneType)
    capabilities = {"upload": upload, "transfer": transfer, "sweep": sweep, "hide": hide}
    for name, capability in capabilities.items():
        if capability is not None:
            require_callable(name, capability)
    _require_known_to_the_model(policy)
    require_isolated(open_store, upload=upload)

    def new_machine() -> SharingMachine:
        return SharingMachine(
            open_store, upload=upload, transfer=transfer, sweep=sweep, hide=hide, policy=policy
        )

    given = settings or hypothesis_settings()
    chosen = hypothesis_settings(
        given,
        deadline=None,
        report_multiple_bugs=False,
        phases=[phase for phase in given.phases if phase is not Phase.explain],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(new_machine, settings=chosen)  # type: ignore[arg-type]
    except RulesBroken as broken:
        # Told anew: the story says it all, and Hypothesis adds how it drew it.
        story = RulesBroken(broken.story, broken.question, broken.expected, broken.came)
        raise story from broken.__cause__
    except FlakyFailure as flaky:
        # The same steps did not fail in the same way twice: what is tested is left to chance.
        raise next((e for e in flaky.exceptions if isinstance(e, RulesBroken)), flaky) from flaky


def _require_known_to_the_model(policy: Policy | None) -> None:
    require_kind("policy", policy, Policy, NoneType)
    if policy is not None and policy.host_rules:
        raise InvalidArgument("policy", "must have no rules of the host: the model knows none")
