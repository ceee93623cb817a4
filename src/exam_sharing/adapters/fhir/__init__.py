"""The history and accesses as AuditEvent resources of FHIR R4, by the profiles of IHE BALP 1.1.

It needs no library: a resource is a dictionary, as `json.dumps` takes it.

* No resource shows a name of a person, a message, or the host's words of why an act was done. A
  patient is named where the host's `patient` function names one.
* The same entry or access gives the same resources, with the same ids.
* A refused act claims no profile, since BALP has profiles of what succeeded. Of the reasons, only
  the codes are shown.

There is no Consent: that a colleague shares an exam is no consent of the patient.
"""

import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import Final, cast
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import attrs

from exam_sharing.accesses import Access, Disclosure
from exam_sharing.adapters.fhir.accounts import (
    Account,
    Details,
    Part,
    account_of,
    account_of_access,
    instant,
)
from exam_sharing.adapters.fhir.codes import (
    ABSENT,
    DATA,
    ENTERER,
    GROUP,
    PATIENT,
    PROFILES,
    PURPOSES,
    REFUSED,
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
    Everything: "records",
}
_REFERENCE_PARTS: Final = frozenset({"reference", "identifier", "display"})
_MACHINE: Final = "1"
_UNKNOWN: Final[Json] = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}


def _system(value: str) -> str:
    text = _without_space("system", value)
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in {"http", "https"} and bool(parts.netloc)
    except ValueError:
        is_url = False
    if not is_url:
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
        raise InvalidArgument(field, "must be a dict with a reference, an identifier or a display")
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
        resources = []
        for part in account.parts:
            told = attrs.evolve(part, details={"entry": place, **part.details})
            resources.append(self._resource(account, told, f"{place}/{subject_key(part.subject)}"))
        return tuple(resources)

    def of_access(self, access: Access) -> Json:
        """Return the resource of the accesses that one row counts.

        A row grows while its window is open; its resource keeps the id.

        Raises:
            InvalidArgument: a function of the host returned no reference.
        """
        require_kind("access", access, Access)
        account = account_of_access(access)
        return self._resource(account, account.parts[0], f"accesses/{access.id}")

    def of_disclosure(self, disclosure: Disclosure) -> Json:
        """Return the resource of a disclosure; it claims a profile if `patient` names a patient.

        The id depends on the user, the exam, the purpose and the first time.

        Raises:
            InvalidArgument: a function of the host returned no reference.
        """
        require_kind("disclosure", disclosure, Disclosure)
        account = account_of_access(disclosure)
        own = disclosure.user.value, disclosure.exam.value, disclosure.purpose
        place = json.dumps([*own, instant(disclosure.first)])
        return self._resource(account, account.parts[0], f"disclosures/{place}")

    def _resource(self, account: Account, part: Part, place: str) -> Json:
        kind, pattern = account.kind, account.kind.pattern
        own = coding(f"{self.system}/acts", kind.code, kind.display)
        patient = self._patient(part.subject)
        profile = pattern.profile if patient is None else pattern.patient_profile
        resource: Json = {
            "resourceType": "AuditEvent",
            "id": str(uuid5(NAMESPACE_URL, f"{self.system}/{place}")),
            "type": pattern.type,
            "subtype": [each for each in (pattern.subtype, kind.security, own) if each is not None],
            "action": pattern.action,
            "recorded": instant(account.at),
            "outcome": REFUSED if account.refused else SUCCESS,
            "agent": self._agents(account),
            "source": {"observer": self.observer, "type": [SERVER_SOURCE]},
            "entity": self._entities(part, patient),
        }
        if account.refused:
            resource["outcomeDesc"] = ", ".join(account.refused)
        elif profile is not None:
            resource["meta"] = {"profile": [PROFILES + profile]}
        if account.period is not None:
            first, last = account.period
            resource["period"] = {"start": instant(first), "end": instant(last)}
        if account.purpose is not None:
            own_code = {"system": f"{self.system}/purposes", "code": account.purpose}
            purpose = PURPOSES.get(account.purpose, own_code)
            resource["purposeOfEvent"] = [{"coding": [purpose]}]
        return cast("Json", _copied(resource))

    def _agents(self, account: Account) -> list[Json]:
        pattern, actor, performer = account.kind.pattern, account.actor, account.performed_by
        origin = _origin(account.origin)
        agents = []
        if pattern.client is not None:
            client = _agent(pattern.client, self.observer, requestor=actor is None)
            agents.append({**client, **origin})
        server = _agent(pattern.server, self.observer)
        agents.append({**server, "network": _network(self.address)})
        if actor is not None:
            user = _agent(pattern.user, self._what(actor), requestor=True)
            agents.append(user if pattern.client is not None else {**user, **origin})
        if performer is not None and performer != actor:
            agents.append(_agent(ENTERER, self._what(performer)))
        return agents

    def _entities(self, part: Part, patient: str | None) -> list[Json]:
        entities = [_entity(self._what(part.subject), DATA, part.details)]
        if patient is not None:
            entities.append(_entity({"reference": patient, "type": "Patient"}, PATIENT, {}))
        for who, details in part.concerned:
            kind = USER if isinstance(who, UserId) else GROUP
            entities.append(_entity(self._what(who), kind, details))
        return entities

    def _patient(self, subject: Subject) -> str | None:
        if not isinstance(subject, ExamId):
            return None
        found = self.patient(subject)
        return None if found is None else _without_space("patient", found)

    def _what(self, named: Subject) -> Json:
        found = None if isinstance(named, GrantId | Everything) else self.reference(named)
        if found is not None:
            return _reference("reference", found)
        system = f"{self.system}/{_FOLDERS[type(named)]}"
        value = named.name.lower() if isinstance(named, Everything) else named.value
        return {"identifier": {"system": system, "value": value}}


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


def _origin(origin: str | None) -> Json:
    """Return where an agent is: the network of an address, or the name of an application."""
    if origin is None:
        return {"network": _UNKNOWN}
    network = _network(origin)
    known = network["type"] != _MACHINE
    return {"network": network} if known else {"name": origin, "network": _UNKNOWN}


def _network(address: str) -> Json:
    """Return an address of a network with its type: a URL, an IP address, or a machine name."""
    if "://" in address:
        return {"address": address, "type": "5"}
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return {"address": address, "type": _MACHINE}
    return {"address": address, "type": "2"}
