"""The history as AuditEvent resources of FHIR R4, by the profiles of IHE BALP 1.1.

It needs no library: a resource is a dictionary, as `json.dumps` takes it.

* No resource shows a name of a person, a message, or the host's words of why an act was done. A
  patient is named where the host's `patient` function names one.
* The same entry gives the same resources, with the same ids.
* A refused act claims no profile, since BALP has profiles of what succeeded. Of the reasons, only
  the codes are shown.

There is no Consent: that a colleague shares an exam is no consent of the patient.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Final, cast
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import attrs

from exam_sharing.adapters.fhir.accounts import Account, Details, Part, account_of, instant
from exam_sharing.adapters.fhir.codes import (
    ABSENT,
    DATA,
    ENTERER,
    GROUP,
    PATIENT,
    PROFILES,
    REFUSED,
    REST,
    SERVER_SOURCE,
    SUCCESS,
    USER,
    Json,
    coding,
)
from exam_sharing.errors import InvalidArgument
from exam_sharing.history import DirectoryChange, Everything, Happening, Subject, subject_key
from exam_sharing.identifiers import ExamId, GrantId, GroupId, PrincipalId, UserId
from exam_sharing.validation import exact_text, is_callable, require_kind

__all__ = ["AuditEvents", "Json"]

_FOLDERS: Final[Mapping[type, str]] = {
    UserId: "users",
    GroupId: "groups",
    ExamId: "exams",
    GrantId: "grants",
}
_REFERENCE_PARTS: Final = frozenset({"reference", "identifier", "display"})
_UNKNOWN: Final[Json] = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}


def _system(value: str) -> str:
    text = _without_space("system", value)
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidArgument("system", "must be a URL of yours, as https://portal.example/sharing")
    return text.rstrip("/")


def _without_space(field: str, value: str) -> str:
    text = exact_text(field, value)
    if not text or not text.isprintable() or " " in text:
        raise InvalidArgument(field, "must be printable text without white space")
    return text


def _address(value: str) -> str:
    return _without_space("address", value)


def _reference(field: str, value: object) -> Json:
    """Return a FHIR reference of the host's."""
    if not isinstance(value, Mapping) or not _REFERENCE_PARTS.intersection(value):
        raise InvalidArgument(field, "must be a FHIR reference: a reference, identifier or display")
    return dict(value)


def _observer(value: Mapping[str, object]) -> Json:
    return _reference("observer", value)


def _nothing(_named: PrincipalId | ExamId, /) -> None:
    return None


@attrs.frozen(kw_only=True)
class AuditEvents:
    """Makes AuditEvent resources.

    Attributes:
        system: a URL of yours, under which the ids of users, groups, exams and grants are named,
            and the codes of this package. The id of each resource depends on it.
        observer: a FHIR reference to the portal, as `{"reference": "Device/portal"}`, or with an
            `identifier` or a `display`.
        address: the host name, IP address or URL of the portal's server.
        reference: returns a FHIR reference to a user, group or exam; `None` for the id itself, as
            an identifier in a system of its kind under `system`.
        patient: returns the reference to the patient of an exam, as `"Patient/7"`; `None` if no
            patient is to be named.
    """

    system: str = attrs.field(converter=_system)
    observer: Mapping[str, object] = attrs.field(converter=_observer)
    address: str = attrs.field(converter=_address)
    reference: Callable[[PrincipalId | ExamId], Mapping[str, object] | None] = attrs.field(
        default=_nothing, validator=is_callable, repr=False
    )
    patient: Callable[[ExamId], str | None] = attrs.field(
        default=_nothing, validator=is_callable, repr=False
    )

    def of_entry(self, entry: Happening) -> tuple[Json, ...]:
        """Return the resources of an entry of the history, one for each exam that it concerns.

        An entry that concerns no exam has one resource.

        Raises:
            InvalidArgument: a function of the host returned no reference.
        """
        require_kind("entry", entry, Happening)
        account = account_of(entry.what)
        log = "changes" if isinstance(entry.what, DirectoryChange) else "events"
        place = f"{log}/{entry.number}"
        return tuple(self._resource(account, part, place) for part in account.parts)

    def _resource(self, account: Account, part: Part, place: str) -> Json:
        pattern = account.kind.pattern
        entities = [self._entity(part.subject, DATA, {"entry": place, **part.details})]
        patient = self._patient(part.subject)
        if patient is not None:
            entities.append(_entity({"reference": patient, "type": "Patient"}, PATIENT, {}))
        entities += (
            self._entity(who, USER if isinstance(who, UserId) else GROUP, details)
            for who, details in part.concerned
        )
        resource: Json = {
            "resourceType": "AuditEvent",
            "id": str(uuid5(NAMESPACE_URL, f"{self.system}/{place}/{subject_key(part.subject)}")),
            "type": REST,
            "subtype": [
                pattern.interaction,
                account.kind.security,
                coding(f"{self.system}/acts", account.kind.code, account.kind.display),
            ],
            "action": pattern.action,
            "recorded": instant(account.at),
            "outcome": REFUSED if account.refused else SUCCESS,
            "agent": self._agents(account),
            "source": {"observer": self.observer, "type": [SERVER_SOURCE]},
            "entity": entities,
        }
        if account.refused:
            resource["outcomeDesc"] = ", ".join(account.refused)
        else:
            name = pattern.name if patient is None else f"Patient{pattern.name}"
            resource["meta"] = {"profile": [PROFILES + name]}
        return cast("Json", _copied(resource))

    def _agents(self, account: Account) -> list[Json]:
        pattern, actor, performer = account.kind.pattern, account.actor, account.performed_by
        client = _agent(pattern.client, self.observer, requestor=actor is None)
        server = _agent(pattern.server, self.observer)
        agents = [{**client, "network": _UNKNOWN}, {**server, "network": _network(self.address)}]
        if actor is not None:
            agents.append(_agent(pattern.user, self._what(actor), requestor=True))
        if performer is not None and performer != actor:
            agents.append(_agent(ENTERER, self._what(performer)))
        return agents

    def _patient(self, subject: Subject) -> str | None:
        if not isinstance(subject, ExamId):
            return None
        found = self.patient(subject)
        return None if found is None else _without_space("patient", found)

    def _entity(self, named: Subject, kind: tuple[Json, Json], details: Details) -> Json:
        return _entity(self._what(named), kind, details)

    def _what(self, named: Subject) -> Json:
        if isinstance(named, Everything):
            system = f"{self.system}/records"
            return {"identifier": {"system": system, "value": named.name.lower()}}
        found = None if isinstance(named, GrantId) else self.reference(named)
        if found is not None:
            return _reference("reference", found)
        system = f"{self.system}/{_FOLDERS[type(named)]}"
        return {"identifier": {"system": system, "value": named.value}}


def _copied(part: object) -> object:
    """Return a part of a resource that shares no dictionary or list with another."""
    if isinstance(part, Mapping):
        return {name: _copied(each) for name, each in part.items()}
    return [_copied(each) for each in part] if isinstance(part, list) else part


def _entity(what: Json, kind: tuple[Json, Json], details: Details) -> Json:
    of_type, role = kind
    entity: Json = {"what": what, "type": of_type, "role": role}
    told = [{"type": name, "valueString": text} for name, text in details.items()]
    return {**entity, "detail": told} if told else entity


def _agent(of_type: Json, who: Mapping[str, object], *, requestor: bool = False) -> Json:
    return {"type": {"coding": [of_type]}, "who": who, "requestor": requestor}


def _network(address: str) -> Json:
    """Return an address of a network with its type: a URL, an IP address, or a machine name."""
    if "://" in address:
        return {"address": address, "type": "5"}
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return {"address": address, "type": "1"}
    return {"address": address, "type": "2"}
