"""`exam-sharing share`, `unshare` and `rules`: acts, previews, receipts and rules."""

import sys
from argparse import Namespace
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

import attrs
from typing_extensions import override

import exam_sharing as es
from exam_sharing.cli.commands import Command, ExitCode, Portal, need
from exam_sharing.cli.parsing import DATABASE, EXAM, argument, flag, one_of, principal, time, user
from exam_sharing.cli.printing import (
    Reply,
    Shown,
    answered,
    column,
    cut,
    document,
    grid,
    indented,
    note,
    open_console,
    over_portal,
    table,
    text,
    yes,
)
from exam_sharing.cli.words import Asked, Words, count, series
from exam_sharing.errors import InvalidInput
from exam_sharing.policy.decisions import REMEDIES, Rule
from exam_sharing.policy.ending import ENDING_RULES
from exam_sharing.policy.requests import without_message
from exam_sharing.policy.share import SHARE_RULES

if TYPE_CHECKING:
    from rich.text import Text


def show_reasons(reasons: tuple[es.Reason, ...], words: Words) -> Shown:
    """Return every reason against an act, with its code and what to do."""
    mark = text("✗", style="bold red")
    return grid(
        column(no_wrap=True),
        column(style="red"),
        column(),
        rows=[(mark, reason.code.value, words.remedy(reason)) for reason in reasons],
        gap=1,
    )


_Effects: TypeAlias = dict[tuple[str, str], list[es.Effect]]
"""The effects on one principal, by what happens to their hold, and until when."""

_STYLES: Final = {"loses": "red", "gains": "green", "keeps": "yellow"}


@attrs.frozen(kw_only=True)
class Previewed(Reply):
    """What an act would do."""

    kind = "preview"
    request: Asked
    preview: es.Preview

    @property
    @override
    def is_yes(self) -> bool:
        return not self.preview.reasons

    @override
    def show(self, words: Words) -> Shown:
        rows, more = cut(list(self._by_principal(words).items()))
        lines = [(words.who(principal), _effects(effects, words)) for principal, effects in rows]
        reasons = self.preview.reasons
        return answered(
            f"Preview: {words.asked(self.request)}",
            *([show_reasons(reasons, words)] if reasons else []),
            grid(column(no_wrap=True), column(), rows=lines, gap=2),
            *more,
            mark="?",
            style="bold yellow",
        )

    def _by_principal(self, words: Words) -> dict[es.PrincipalId, _Effects]:
        # Who loses time and keeps the rest is among both; once is enough.
        shortened = frozenset(self.preview.losses)
        found: dict[es.PrincipalId, _Effects] = {}
        for verb, effects in (
            ("loses", self.preview.losses),
            ("gains", self.preview.gains),
            ("keeps", [effect for effect in self.preview.keeps if effect not in shortened]),
        ):
            for effect in effects:
                when = ""
                if effect.until_after is not None:
                    preposition = "after" if verb == "loses" else "until"
                    when = f" {preposition} {words.when(effect.until_after)}"
                by_kind = found.setdefault(effect.principal, {})
                by_kind.setdefault((verb, when), []).append(effect)
        return found


def _effects(effects: _Effects, words: Words) -> "Text":
    parts: list[Text] = []
    before = ""
    for (verb, when), alike in effects.items():
        exams = dict.fromkeys(effect.exam for effect in alike)
        what = series(each.name.lower() for each in sorted({one.permission for one in alike}))
        on = words.exam(alike[0].exam) if len(exams) == 1 else count(len(exams), "exam")
        repeated = "" if verb == before else f"{verb} "
        parts.append(text((repeated, _STYLES[verb]), f"{what} on {on}{when}"))
        before = verb
    return text(", ").join(parts)


_OUTCOMES: Final = {
    es.Outcome.GRANTED: "granted",
    es.Outcome.WIDENED: "widened",
    es.Outcome.EXTENDED: "extended",
    es.Outcome.UNCHANGED: "unchanged",
    es.Outcome.OWNS_IT: "owns it",
}


@attrs.frozen(kw_only=True)
class Shared(Reply):
    """A share was made."""

    kind = "shared"
    done: ClassVar[str | None] = "the share was done"
    request: es.ShareRequest
    receipt: es.ShareReceipt

    @override
    def show(self, words: Words) -> Shown:
        exams = Counter(
            (each.recipient, each.outcome, each.until, each.limited_by)
            for each in self.receipt.outcomes
        )
        lines = [
            yes(
                f"{words.who(recipient)}: {_OUTCOMES[outcome]} on {count(number, 'exam')}, "
                f"{words.until(until)}{self._limit(until, limited_by, words)}"
            )
            for (recipient, outcome, until, limited_by), number in exams.items()
        ]
        return answered(words.asked(self.request), *lines)

    def _limit(self, until: datetime | None, limited_by: es.UntilLimit, words: Words) -> str:
        is_limited = until is not None and limited_by is es.UntilLimit.OWN_HOLD
        return f", as long as {words.first_name(self.request.actor)} holds it" if is_limited else ""


@attrs.frozen(kw_only=True)
class Ended(Reply):
    """Grants were unshared or narrowed."""

    kind = "ended"
    done: ClassVar[str | None] = "the unsharing was done"
    request: es.UnshareRequest | es.NarrowRequest
    receipt: es.UnshareReceipt

    @override
    def show(self, words: Words) -> Shown:
        receipt = self.receipt
        became: dict[tuple[object, ...], list[str]] = {}
        for new in receipt.replacements:
            became.setdefault(_origin(new), []).append(words.held(new.permission, new.until))
        lines = [
            yes(
                f"{_grant(grant, words)}; now {series(became[_origin(grant)])}"
                if _origin(grant) in became
                else f"{_grant(grant, words)}; ended"
            )
            for grant in receipt.ended
        ]
        lines += [note(f"{_grant(grant, words)}; remains") for grant in receipt.left_standing]
        if receipt.still_have_access:
            holds = "with access" if isinstance(self.request, es.UnshareRequest) else "holding more"
            lines.append(note(f"still {holds}: {words.everyone(receipt.still_have_access)}"))
        return answered(words.asked(self.request), *lines)


def _grant(grant: es.ShownGrant, words: Words) -> str:
    by = words.who(grant.grantor)
    return f"{words.who(grant.recipient)}: {words.held(grant.permission, grant.until)}, by {by}"


def _origin(grant: es.ShownGrant) -> tuple[object, ...]:
    """Return what a narrowed grant takes over from the one that it replaces."""
    return grant.exam, grant.grantor, grant.recipient, grant.share


_ACT: Final = (
    DATABASE,
    EXAM,
    argument("--as USER", "who acts", user, dest="actor", required=True),
    argument(
        "--performed-by USER",
        "who does it on their behalf; kept in the audit trail, and never a right",
        user,
    ),
    flag("--preview|--dry-run", "report what the act would do, and do nothing"),
)


def _previewed(request: Asked, portal: Portal) -> Previewed:
    return Previewed(request=without_message(request), preview=portal.sharing.preview(request))


def _share(arguments: Namespace, portal: Portal) -> Shared | Previewed:
    portal.require_known("--as", arguments.actor)
    request = es.ShareRequest(
        actor=arguments.actor,
        exam=arguments.exam,
        recipients=arguments.recipients,
        permission=es.Permission.DOWNLOAD if arguments.download else es.Permission.VIEW,
        scope=es.Scope.BATCH if arguments.batch else es.Scope.EXAM,
        until=arguments.until,
        attested=arguments.confirm_hipaa,
        message=_message(arguments.message),
        performed_by=arguments.performed_by,
    )
    if arguments.preview:
        return _previewed(request, portal)
    return Shared(request=without_message(request), receipt=portal.sharing.share(request))


def _message(typed: str | None) -> str | None:
    if typed != "-":
        return typed
    try:
        return sys.stdin.read().removesuffix("\n")
    except UnicodeDecodeError:
        # What cannot be read may be patient data, so neither it nor the error is quoted.
        unreadable = InvalidInput("--message", "cannot be read from standard input as text")
    raise unreadable


SHARE: Final = Command(
    name="share",
    help="share an exam, or its whole batch",
    epilog=f"""\
Users are typed ID or user:ID, groups group:ID. A time is typed as 2030-06-01T18:00, by the clock of
this machine unless it has an offset as +02:00, or as a duration: 90m, 12h, 30d, 4w. Without one,
the share lasts as long as allowed.

--confirm-hipaa confirms, on behalf of the acting user:
  {es.Policy().attestation_wording}

A message may hold patient data, and others on this machine can see arguments: --message - reads it
from standard input. Notices wait until this command sends them: exam-sharing notices relay

examples:
  exam-sharing share cd-1 --as anna --with ben group:radiology --confirm-hipaa
  exam-sharing share cd-1 --as anna --with ben --batch --download --until 30d --preview
  exam-sharing share cd-1 --as anna --with ben --confirm-hipaa --message - < letter.txt
""",
    arguments=(
        *_ACT,
        argument(
            "--with PRINCIPAL",
            "users and groups to share with",
            principal,
            dest="recipients",
            nargs="+",
            action="extend",
            required=True,
        ),
        flag("--download", "let them download, not only view"),
        flag("--batch", "share every exam of the same upload that the user can see"),
        argument("--until TIME", "until when", time),
        argument("--message TEXT", "a personal message; - reads standard input"),
        flag("--confirm-hipaa", "confirm the attestation below, for this share"),
    ),
    run=over_portal(_share),
)


def _unshare(arguments: Namespace, portal: Portal) -> Ended | Previewed:
    portal.require_known("--as", arguments.actor)
    request = es.UnshareRequest(
        actor=arguments.actor,
        exam=arguments.exam,
        recipient=arguments.recipient,
        reshares=arguments.reshares,
        performed_by=arguments.performed_by,
    )
    if arguments.preview:
        return _previewed(request, portal)
    try:
        return Ended(request=request, receipt=portal.sharing.unshare(request))
    except es.Refused:
        # Somebody who has left the directory can be unshared from; a typing error is reported.
        portal.require_known("--from", request.recipient)
        raise


UNSHARE: Final = Command(
    name="unshare",
    help="unshare an exam from a user or a group",
    epilog="""\
Who shared may take that back; the owner may take back everything; users may give up what was given
to themselves. Re-shares by the recipient are kept unless an option decides otherwise.

examples:
  exam-sharing unshare cd-1 --as anna --from ben
  exam-sharing unshare cd-1 --as anna --from group:radiology --cascade --preview
""",
    arguments=(
        *_ACT,
        argument(
            "--from PRINCIPAL",
            "the user or group to unshare from",
            principal,
            dest="recipient",
            required=True,
        ),
        one_of(
            *(
                flag(
                    f"--{each.value.lower()}",
                    help_,
                    dest="reshares",
                    action="store_const",
                    const=each,
                )
                for each, help_ in (
                    (es.Reshares.CASCADE, "end their re-shares too, as far as they rest on this"),
                    (es.Reshares.RESTRICT, "do nothing if that would end one of their re-shares"),
                    (es.Reshares.KEEP, "keep their re-shares"),
                )
            )
        ),
    ),
    run=over_portal(_unshare),
)


_TABLES: Final[dict[str, tuple[str, tuple[Rule[Any], ...]]]] = {
    "share": ("Sharing is refused when", SHARE_RULES),
    "unshare": ("Unsharing and narrowing are refused when", ENDING_RULES),
}


def _rules(arguments: Namespace, version: str) -> ExitCode:
    rules = [
        {
            "act": act,
            "code": rule.code.value,
            "statement": rule.statement,
            "remedy": REMEDIES[rule.code],
            "conceals": rule.conceals,
        }
        for act, (_, table_of_act) in _TABLES.items()
        for rule in table_of_act
    ]
    if arguments.json:
        print(document(version, rules=rules))
        return ExitCode.DONE
    need(["rich"])
    console = open_console()
    for act, (title, _) in _TABLES.items():
        columns = (column("code", no_wrap=True, style="bold"), "the rule", "what to do")
        rows = [
            [str(rule[key]) for key in ("code", "statement", "remedy")]
            for rule in rules
            if rule["act"] == act
        ]
        for part in (text(title, style="bold cyan"), "", indented(table(*columns, rows=rows)), ""):
            console.print(part)
    return ExitCode.DONE


RULES: Final = Command(
    name="rules",
    help="print every rule by which an act is refused",
    epilog="""\
A refused act reports the codes of all rules that forbid it, and changes nothing.

examples:
  exam-sharing rules
  exam-sharing rules --json
""",
    arguments=(),
    run=_rules,
)
