"""Settings: policies of deployments, rules of hosts, schedules of retries and what they retry."""

from datetime import timedelta

from hypothesis import strategies as st

from exam_sharing.errors import NotifierFailed
from exam_sharing.policy.requests import Reshares
from exam_sharing.policy.retries import Retries
from exam_sharing.policy.settings import AccessListScope, HostRule, Policy
from exam_sharing.testing.strategies.texts import identifiers
from exam_sharing.testing.strategies.times import durations

__all__ = ["host_rules", "notifier_failures", "policies", "retries"]


def retries() -> st.SearchStrategy[Retries]:
    """Draw schedules of retries, the default one among them."""
    return st.just(Retries()) | st.builds(
        Retries, at_once=st.integers(0, 3), limit=st.none() | st.integers(1, 10)
    )


def notifier_failures(
    *,
    problems: st.SearchStrategy[str] = st.sampled_from(("NO_ADDRESS", "REFUSED", "TimeoutError")),
) -> st.SearchStrategy[NotifierFailed]:
    """Draw errors of notifiers, for now and for good."""
    return st.builds(NotifierFailed, problems, permanent=st.booleans())


def host_rules(
    *,
    codes: st.SearchStrategy[str] | None = None,
    refuses: st.SearchStrategy[bool] | None = None,
) -> st.SearchStrategy[HostRule]:
    """Draw rules that refuse every share, or none."""
    return st.builds(
        lambda code, no: HostRule(
            code=code,
            statement="Every share is refused." if no else "No share is refused.",
            refuses=lambda _request, _facts, _host: no,
        ),
        identifiers() if codes is None else codes,
        st.booleans() if refuses is None else refuses,
    )


def policies(
    *,
    reshares: st.SearchStrategy[Reshares] | None = None,
    access_lists: st.SearchStrategy[AccessListScope] | None = None,
    max_durations: st.SearchStrategy[timedelta | None] | None = None,
    rules: st.SearchStrategy[HostRule] | None = None,
) -> st.SearchStrategy[Policy]:
    """Draw policies: every setting that changes an answer, and no rule of a host by default."""
    return st.builds(
        Policy,
        attestation_wording=st.sampled_from(("I abide by HIPAA.", "Ich beachte HIPAA.")),
        max_recipients=st.sampled_from((100, None, 2)),
        max_exams=st.sampled_from((1_000, None, 2)),
        max_people=st.sampled_from((10_000, None, 3)),
        max_duration=st.none() | durations() if max_durations is None else max_durations,
        message_limit=st.sampled_from((2_000, 10)),
        sends_notices=st.sampled_from((True, False)),
        retries=retries(),
        reshares=st.sampled_from(Reshares) if reshares is None else reshares,
        only_owner_readmits=st.booleans(),
        batches_across_subjects=st.sampled_from((True, False)),
        access_list=st.sampled_from(AccessListScope) if access_lists is None else access_lists,
        whole_names_only=st.sampled_from((False, True)),
        host_rules=st.just(()) if rules is None else st.lists(rules, max_size=2),
    )
