"""The model as a portal in plain data, with which the machine compares another portal."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, cast

from typing_extensions import override

import exam_sharing as es
from exam_sharing.testing import model
from exam_sharing.testing.cases import portals
from exam_sharing.testing.cases.portals import in_order, plain
from exam_sharing.testing.cases.schema import Data, Given


class ModelPortal(portals.PlainPortal):
    """A portal over the model, whose facts are in `world`. It knows no rules of the host."""

    def __init__(self, given: Given) -> None:
        visible, members_visible = portals.sight(given)
        self.world: model.world.World = model.world.World(
            now=datetime.fromisoformat(given["now"]),
            policy=es.Policy(**portals.fields_of(given["policy"])),
            visible=visible,
            members_visible=members_visible,
        )
        self._sent: list[model.world.Notice] = []
        super().__init__(given)

    @override
    def _add(self, one: es.User | es.Group, **user: bool) -> None:
        if isinstance(one, es.User):
            account = model.world.Account(active=one.active, **user)
            self.world.add_user(one.id, account, name=one.name, address=one.email or "")
            return
        try:
            self.world.add_group(one.id, one.members, name=one.name)
        except ValueError:
            raise es.MembershipCycle(one.id.value) from None

    @override
    def _add_upload(self, upload: es.UploadBatch, exams: list[es.Exam]) -> None:
        if any(exam.id in self.world.exams for exam in exams):
            raise es.AlreadyExists("exam", "")
        if not self.world.add_upload(upload.id, tuple(exams), sealed=upload.sealed):
            raise es.BatchSealed(upload.id.value)

    def _do_clock(self, now: str) -> Data:
        self.world.now = datetime.fromisoformat(now)
        return {}

    def _do_look(self, **looked: Any) -> Data:
        self.world.look(**looked)
        return {}

    @override
    def _perform(self, act: str, **fields: Any) -> Data:
        return self._done(model.acts.perform, self._request(act, **fields))

    def _done(self, act: Callable[..., object], *about: object) -> Data:
        return self._receipt(self._answer(act, *about))

    @override
    def _view(self, name: str, *about: Any) -> Any:
        views: Mapping[str, Any] = {"can": model.world.World.holds, "preview": model.acts.preview}
        return self._answer(views.get(name) or getattr(model.views, name), *about)

    def _answer(self, ask: Callable[..., object], *about: object) -> object:
        """Return an answer of the model, or raise the error of the package."""
        try:
            answer = ask(self.world, *about)
        except model.world.RequestIdReused:
            raise es.RequestIdReused("") from None
        if isinstance(answer, model.world.Refused):
            raise es.Refused(cast("tuple[es.Reason, ...]", tuple(answer.reasons)))
        return answer

    @override
    def _grant(self, listed: model.world.Shown) -> model.world.Grant:
        return self.world.grants[listed.grant]

    @override
    def _standing(self, exam: es.ExamId) -> Sequence[model.world.Grant]:
        return sorted(self.world.standing(exam), key=lambda grant: grant.id)

    def _do_host_ends(self, **fields: Any) -> Data:
        return self._done(partial(model.acts.end_by_host, **fields))

    def _do_withdraw(self, exam: es.ExamId) -> Data:
        return self._done(model.acts.withdraw, exam)

    def _ask_notices(self) -> list[Data]:
        self._sent += model.sharing.deliver_notices(self.world)
        names = ("to", "actor", "permission", "until", "message")
        return in_order(
            {"to": sent["to"], "actor": sent["actor"], "exams": len(notice.exams), **sent}
            for notice in self._sent
            for sent in [plain(notice, *names)]
        )
