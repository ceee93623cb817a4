"""`exam-sharing share`, `unshare` and `rules`: acts, previews, receipts and rules."""

import sys
from argparse import Namespace
from collections import Counter
from contextlib import suppress
from typing import Any, Final, TypeAlias

import exam_sharing as es
from exam_sharing.cli import parsing
from exam_sharing.cli import printing as out
from exam_sharing.cli.commands import ExitCode, Portal, command, need
from exam_sharing.cli.parsing import argument, flag, principal
from exam_sharing.cli.printing import Reply, Shown, portal_command
from exam_sharing.cli.words import Asked, Words, count, series
from exam_sharing.policy.decisions import REMEDIES, Rule
from exam_sharing.policy.ending import ENDING_RULES
from exam_sharing.policy.requests import without_message
from exam_sharing.policy.share import SHARE_RULES


def reasons_grid(reasons: tuple[es.Reason, ...], words: Words) -> Shown:
    mark = out.text("✗", style="bold red")
    columns = (out.column(no_wrap=True), out.column(style="red"), out.column())
    rows = [(mark, reason.code.value, words.remedy(reason)) for reason in reasons]
    return out.grid(*columns, rows=rows, gap=1)


_Effects: TypeAlias = dict[tuple[str, str], list[es.Effect]]
"""The effects on one principal, by what happens to their hold, and until when."""

_STYLES: Final = {"loses": "red", "gains": "green", "keeps": "yellow"}


def previewed(request: Asked, preview: es.Preview) -> Reply:
    def show(words: Words) -> Shown:
        rows, more = out.cut(list(_by_principal(preview, words).items()))
        lines = [(words.who(principal), _effects(effects, words)) for principal, effects in rows]
        return out.answered(
            f"Preview: {words.asked(request)}",
            *([reasons_grid(preview.reasons, words)] if preview.reasons else []),
            out.grid(out.column(no_wrap=True), out.column(), rows=lines, gap=2),
            *more,
            mark="?",
            style="bold yellow",
        )

    facts = {"request": request, "preview": preview}
    return Reply("preview", facts, show, is_yes=not preview.reasons)


def _by_principal(preview: es.Preview, words: Words) -> dict[es.PrincipalId, _Effects]:
    # Who loses time and keeps the rest is among both; once is enough.
    kept = [effect for effect in preview.keeps if effect not in frozenset(preview.losses)]
    found: dict[es.PrincipalId, _Effects] = {}
    for verb, effects in (("loses", preview.losses), ("gains", preview.gains), ("keeps", kept)):
        for effect in effects:
            when = ""
            if effect.until_after is not None:
                preposition = "after" if verb == "loses" else "until"
                when = f" {preposition} {words.when(effect.until_after)}"
            by_kind = found.setdefault(effect.principal, {})
            by_kind.setdefault((verb, when), []).append(effect)
    return found


def _effects(effects: _Effects, words: Words) -> out.Styled:
    parts: list[out.Styled] = []
    before = ""
    for (verb, when), alike in effects.items():
        exams = dict.fromkeys(effect.exam for effect in alike)
        what = series(each.name.lower() for each in sorted({one.permission for one in alike}))
        on = words.exam(alike[0].exam) if len(exams) == 1 else count(len(exams), "exam")
        repeated = "" if verb == before else f"{verb} "
        parts.append(out.text((repeated, _STYLES[verb]), f"{what} on {on}{when}"))
        before = verb
    return out.text(", ").join(parts)


def shared(request: es.ShareRequest, receipt: es.ShareReceipt) -> Reply:
    def show(words: Words) -> Shown:
        exams = Counter(
            (each.recipient, each.outcome, each.until, each.limited_by) for each in receipt.outcomes
        )
        lines = []
        for (recipient, outcome, until, limited_by), number in exams.items():
            did = outcome.name.lower().replace("_", " ")
            is_limited = until is not None and limited_by is es.UntilLimit.OWN_HOLD
            limit = f", as long as {words.first_name(request.actor)} holds it"
            on = f"on {count(number, 'exam')}, {words.until(until)}{limit if is_limited else ''}"
            lines.append(out.yes(f"{words.who(recipient)}: {did} {on}"))
        return out.answered(words.asked(request), *lines)

    facts = {"request": request, "receipt": receipt}
    return Reply("shared", facts, show, done="the share was done")


def ended(request: es.UnshareRequest | es.NarrowRequest, receipt: es.UnshareReceipt) -> Reply:
    def show(words: Words) -> Shown:
        became: dict[tuple[object, ...], list[str]] = {}
        for new in receipt.replacements:
            became.setdefault(_origin(new), []).append(words.held(new.permission, new.until))
        lines = []
        for grant in receipt.ended:
            now = became.get(_origin(grant))
            what = f"now {series(now)}" if now else "ended"
            lines.append(out.yes(f"{_grant(grant, words)}; {what}"))
        lines += [out.note(f"{_grant(grant, words)}; remains") for grant in receipt.left_standing]
        if receipt.still_have_access:
            holds = "with access" if isinstance(request, es.UnshareRequest) else "holding more"
            lines.append(out.note(f"still {holds}: {words.everyone(receipt.still_have_access)}"))
        return out.answered(words.asked(request), *lines)

    facts = {"request": request, "receipt": receipt}
    return Reply("ended", facts, show, done="the unsharing was done")


def _grant(grant: es.ShownGrant, words: Words) -> str:
    by = words.who(grant.grantor)
    return f"{words.who(grant.recipient)}: {words.held(grant.permission, grant.until)}, by {by}"


def _origin(grant: es.ShownGrant) -> tuple[object, ...]:
    """Return what a narrowed grant takes over from the one that it replaces."""
    return grant.exam, grant.grantor, grant.recipient, grant.share


_ACT: Final = (
    parsing.EXAM,
    argument("--as USER", "who acts", parsing.user, dest="actor", required=True),
    argument(
        "--performed-by USER",
        "who does it on their behalf; kept in the audit trail, and never a right",
        parsing.user,
    ),
    flag("--preview|--dry-run", "report what the act would do, and do nothing"),
)


@portal_command(
    "share",
    "share an exam, or its whole batch",
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
    argument("--until TIME", "until when", parsing.time),
    argument("--message TEXT", "a personal message; - reads standard input"),
    flag("--confirm-hipaa", "confirm the attestation below, for this share"),
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
)
def share(arguments: Namespace, portal: Portal) -> Reply:
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
    told = without_message(request)
    if arguments.preview:
        return previewed(told, portal.sharing.preview(request))
    return shared(told, portal.sharing.share(request))


def _message(typed: str | None) -> str | None:
    if typed != "-":
        return typed
    # What cannot be read may be patient data, so neither it nor the error is quoted.
    with suppress(UnicodeDecodeError):
        return sys.stdin.read().removesuffix("\n")
    raise es.InvalidInput("--message", "cannot be read from standard input as text")


def _reshares(each: es.Reshares, meaning: str) -> parsing.Argument:
    option = f"--{each.value.lower()}"
    return flag(option, meaning, dest="reshares", action="store_const", const=each)


RESHARES: Final = parsing.one_of(
    _reshares(es.Reshares.CASCADE, "end their re-shares too, as far as they rest on this"),
    _reshares(es.Reshares.RESTRICT, "do nothing if that would end one of their re-shares"),
    _reshares(es.Reshares.KEEP, "keep their re-shares"),
)


@portal_command(
    "unshare",
    "unshare an exam from a user or a group",
    *_ACT,
    argument(
        "--from PRINCIPAL",
        "the user or group to unshare from",
        principal,
        dest="recipient",
        required=True,
    ),
    RESHARES,
    epilog="""\
Who shared may take that back; the owner may take back everything; users may give up what was given
to themselves. Re-shares by the recipient are kept unless an option decides otherwise.

examples:
  exam-sharing unshare cd-1 --as anna --from ben
  exam-sharing unshare cd-1 --as anna --from group:radiology --cascade --preview
""",
)
def unshare(arguments: Namespace, portal: Portal) -> Reply:
    portal.require_known("--as", arguments.actor)
    request = es.UnshareRequest(
        actor=arguments.actor,
        exam=arguments.exam,
        recipient=arguments.recipient,
        reshares=arguments.reshares,
        performed_by=arguments.performed_by,
    )
    if arguments.preview:
        return previewed(request, portal.sharing.preview(request))
    try:
        return ended(request, portal.sharing.unshare(request))
    except es.Refused:
        # Somebody who has left the directory can be unshared from; a typing error is reported.
        portal.require_known("--from", request.recipient)
        raise


_RULES: Final[tuple[tuple[str, str, tuple[Rule[Any], ...]], ...]] = (
    ("share", "Sharing is", SHARE_RULES),
    ("unshare", "Unsharing and narrowing are", ENDING_RULES),
)


@command(
    "rules",
    "print every rule by which an act is refused",
    epilog="""\
A refused act reports the codes of all rules that forbid it, and changes nothing.

examples:
  exam-sharing rules
  exam-sharing rules --json
""",
)
def rules(arguments: Namespace) -> ExitCode:
    if arguments.json:
        documents = [
            {
                "act": act,
                "code": rule.code.value,
                "statement": rule.statement,
                "remedy": REMEDIES[rule.code],
                "conceals": rule.conceals,
            }
            for act, _, rules in _RULES
            for rule in rules
        ]
        print(out.document(rules=documents))
        return ExitCode.DONE
    need(["rich"])
    console = out.open_console()
    for _, acts, rules in _RULES:
        columns = (out.column("code", no_wrap=True, style="bold"), "the rule", "what to do")
        rows = [(rule.code.value, rule.statement, REMEDIES[rule.code]) for rule in rules]
        title = out.text(f"{acts} refused when", style="bold cyan")
        console.print(out.stacked(title, "", out.indented(out.table(*columns, rows=rows)), ""))
    return ExitCode.DONE
