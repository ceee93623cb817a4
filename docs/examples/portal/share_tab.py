"""What the Share tab shows: the form, the list of recipients, previews, the access list."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias
from uuid import uuid4

import attrs
from fastapi import HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates
from starlette.datastructures import FormData

from exam_sharing import (
    Conflict,
    ExamId,
    InputError,
    Permission,
    Preview,
    PrincipalId,
    Refused,
    Reshares,
    UserId,
    web,
)
from exam_sharing.identifiers import principal_of
from exam_sharing.policy.plans import Effect, Names
from portal.chain import name_in, steps
from portal.forms import carried, text_of
from portal.opening import Portal
from portal.pages import studies

LISTED: Final = 8
"""Recipients on one page of Select from list."""

Shown: TypeAlias = dict[str, Any]


@attrs.frozen
class ShareTab:
    """The Share tab of an exam, for the person who sent a request."""

    portal: Portal
    templates: Jinja2Templates
    request: Request
    user: UserId
    exam: ExamId

    def form(self, sent: FormData | None = None, answer: web.Answer | None = None) -> Response:
        """Show the form and the access list, again if something was sent."""
        found = self.portal.sharing.share_page(self.user, self.exam)
        if not found.form.has_share_tab:
            raise HTTPException(403, web.ENGLISH["SHARING_NOT_IN_PLAN"])
        hidden = web.hidden_fields(found.form, found.request_id) | {"actor": self.user.value}
        along = studies(self.portal, found.form.exams)
        graph = self.portal.sharing.graph(self.user, self.exam)
        return self._page(
            "share.html",
            200 if answer is None else answer.status,
            tab="SHARE",
            tabs={tab.value for tab in found.tabs},
            form=found.form,
            along=[along[each] for each in found.form.exams if each in along],
            access=found.access_list,
            chain=list(steps(graph)),
            flowchart=graph.mermaid(name=partial(name_in, graph)),
            hidden=list(hidden.items()),
            errors={} if answer is None else at_fields(answer),
            filled=self._filled(sent, hidden),
        )

    def share(self, sent: FormData) -> Response:
        """Share, and show who has access now; or show the form again with what is wrong."""
        try:
            receipt = self.portal.sharing.share(web.share_request(sent, **self._asking))
        except (Refused, InputError, Conflict) as error:
            return self.form(sent, self._answer_to(error))
        return self._done("repeated" if receipt.repeated else "shared")

    def preview(self, sent: FormData, *, with_message: bool) -> Response:
        """Show what a share would do, with a field for a message."""
        sharing = self.portal.sharing
        try:
            found = permitted(sharing.preview(web.share_request(sent, **self._asking)))
        except (Refused, InputError) as error:
            return self.form(sent, self._answer_to(error))
        if found.repeated:
            return self._done("repeated")
        return self._page(
            "confirm_share.html",
            gains=self._effects(found.gains, found.names),
            carried=carried(sent, "message"),
            message=text_of(sent, "message") if with_message or "message" in sent else None,
        )

    def select_from_list(self, sent: FormData, after: str | None) -> Response:
        """Show a page of all recipients to choose from."""
        found = self.portal.sharing.recipients(self.user, self.exam, after, LISTED)
        chosen = [str(key) for key in sent.getlist("recipients")]
        listed = {choice.principal.key for choice in found.items}
        elsewhere = [("recipients", key) for key in chosen if key not in listed]
        return self._page(
            "recipients.html",
            choices=found.items,
            chosen=chosen,
            after=found.next,
            carried=carried(sent, "recipients") + elsewhere,
        )

    def preview_unshare(self, sent: FormData) -> Response:
        """Show what an unshare would do, and what more if it ended re-shares too."""
        sharing = self.portal.sharing
        asked = web.unshare_request(sent, actor=self.user, exam=self.exam)
        kept, ended = (
            permitted(sharing.preview(attrs.evolve(asked, reshares=reshares, request_id=None)))
            for reshares in (Reshares.KEEP, Reshares.CASCADE)
        )
        more = [each for each in ended.losses if each not in kept.losses]
        names = sharing.access_list(self.user, self.exam).names
        hidden = {
            "actor": self.user.value,
            "recipient": asked.recipient.key,
            "request_id": str(uuid4()),
        }
        return self._page(
            "confirm_unshare.html",
            name=names.get(asked.recipient, "somebody"),
            losses=self._effects(kept.losses, kept.names),
            keeps=self._effects(kept.keeps, kept.names),
            more=self._effects(more, ended.names),
            hidden=list(hidden.items()),
        )

    def unshare(self, sent: FormData) -> Response:
        """Unshare, and show who has access now."""
        asked = web.unshare_request(sent, actor=self.user, exam=self.exam)
        receipt = self.portal.sharing.unshare(asked)
        return self._done("repeated" if receipt.repeated else "unshared")

    @property
    def _asking(self) -> Shown:
        return {"actor": self.user, "exam": self.exam, "policy": self.portal.sharing.policy}

    def _page(self, template: str, /, status: int = 200, **shown: object) -> Response:
        study = studies(self.portal, (self.exam,)).get(self.exam)
        if study is None:
            raise HTTPException(404)
        shown["study"] = study
        return self.templates.TemplateResponse(self.request, template, shown, status_code=status)

    def _done(self, what: str) -> Response:
        # In the address: an answer that comes late must not write the session of a later person.
        return RedirectResponse(f"/exams/{self.exam}/share?done={what}", 303)

    def _answer_to(self, error: Refused | InputError | Conflict) -> web.Answer:
        names = self.portal.sharing.names(self.user, web.named_in(error))
        answer = web.answer_to(error, names)
        if answer.status == 404:  # An exam without access has no form either.
            raise error
        return answer

    def _effects(self, effects: Iterable[Effect], names: Names) -> list[Shown]:
        """Return who gains or loses what, each with the exams on which they do."""
        effects = tuple(effects)
        rows = studies(self.portal, {each.exam for each in effects})
        merged: dict[tuple[PrincipalId, Permission], list[str]] = {}
        for each in effects:
            title = rows[each.exam].title if each.exam in rows else "an exam"
            merged.setdefault((each.principal, each.permission), []).append(title)
        return [
            {"who": names.get(who, "somebody"), "permission": permission.name, "exams": exams}
            for (who, permission), exams in merged.items()
        ]

    def _filled(self, sent: FormData | None, hidden: Mapping[str, str]) -> Shown:
        """Return what a form shows that is shown again.

        A tick stays only if the page still shows what was ticked: the same statement and exams.
        """
        if sent is None:
            return {"recipients": {}}
        same = {name: text_of(sent, name) == hidden[name] for name in ("wording", "expect")}
        names = self.portal.sharing.names(self.user, principals_in(sent))
        return {
            "recipients": {each.key: name for each, name in names.items()},
            "permission": sent.get("permission") == Permission.DOWNLOAD.name,
            "scope": sent.get("scope") == "BATCH" and same["expect"],
            "attested": sent.get("attested") == "on" and same["wording"],
            "message": text_of(sent, "message"),
        }


def permitted(preview: Preview) -> Preview:
    """Return a preview, or raise its reasons as those of the act itself."""
    if preview.reasons:
        raise Refused(preview.reasons)
    return preview


def at_fields(answer: web.Answer) -> dict[str, list[str]]:
    """Return the sentences of an answer at the fields that the page shows, others at `""`."""
    shown = {"recipients", "permission", "scope", "attested", "message"}
    found: dict[str, list[str]] = {}
    for field, sentences in answer.fields.items():
        found.setdefault(field if field in shown else "", []).extend(sentences)
    return found


def principals_in(sent: FormData) -> list[PrincipalId]:
    """Return the recipients of a form that are keys of principals."""
    found = []
    for key in sent.getlist("recipients"):
        try:
            found.append(principal_of(str(key)))
        except InputError:
            continue
    return found
