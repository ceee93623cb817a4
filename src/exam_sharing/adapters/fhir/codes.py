"""The codes of the resources, as tables: code systems, patterns of BALP, and kinds of entries."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import attrs

from exam_sharing.events import ExamTransferred
from exam_sharing.history import GroupChanged, PrincipalRemoved, UserChanged
from exam_sharing.policy.requests import (
    AccessPurge,
    HostEnding,
    NarrowRequest,
    RevokeRequest,
    ShareRequest,
    UnshareRequest,
    Withdrawal,
)

Json: TypeAlias = dict[str, Any]
"""A resource, or a part of one, as `json.dumps` takes it."""

PROFILES: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

_DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_PROVENANCE: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_ENTITY: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_RESOURCE: Final = "http://hl7.org/fhir/resource-types"


def coding(system: str, code: str, display: str) -> Json:
    """Return a coding."""
    return {"system": system, "code": code, "display": display}


REST: Final = coding(
    "http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "Restful Operation"
)
SERVER_SOURCE: Final = coding(
    "http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server"
)
ENTERER: Final = coding(_PROVENANCE, "enterer", "Enterer")

PATIENT: Final = (coding(_ENTITY, "1", "Person"), coding(_ROLE, "1", "Patient"))
DATA: Final = (coding(_ENTITY, "2", "System Object"), coding(_ROLE, "4", "Domain Resource"))
USER: Final = (coding(_RESOURCE, "Person", "Person"), coding(_ROLE, "6", "User"))
GROUP: Final = (coding(_RESOURCE, "Group", "Group"), coding(_ROLE, "12", "Security User Group"))
"""The type and the role of an entity. Only a patient has the type of a person of DICOM."""

SUCCESS: Final = "0"
REFUSED: Final = "8"
"""The outcome of an act that was not done: a serious failure, since the act was stopped."""

_SOURCE: Final = coding(_DICOM, "110153", "Source Role ID")
_DESTINATION: Final = coding(_DICOM, "110152", "Destination Role ID")


@attrs.frozen
class Pattern:
    """One pattern of BALP: its name, the FHIR interaction and action, and the types of agents."""

    name: str
    interaction: Json
    action: str
    client: Json
    server: Json
    user: Json


UPDATE: Final = Pattern(
    name="Update",
    interaction=coding(_INTERACTION, "update", "update"),
    action="U",
    client=_SOURCE,
    server=_DESTINATION,
    user=coding(_PARTICIPATION, "AUT", "author (originator)"),
)
DELETE: Final = Pattern(
    name="Delete",
    interaction=coding(_INTERACTION, "delete", "delete"),
    action="D",
    client=coding(_DICOM, "110150", "Application"),
    server=coding(_PROVENANCE, "custodian", "Custodian"),
    user=UPDATE.user,
)

_OBJECT_SECURITY: Final = coding(_DICOM, "110135", "Object Security Attributes Changed")
_ROLES: Final = coding(_DICOM, "110136", "Security Roles Changed")
_USER_SECURITY: Final = coding(_DICOM, "110137", "User security Attributes Changed")


@attrs.frozen
class Kind:
    """How one kind of entry is coded: by BALP, by DICOM, and by a code of this package."""

    pattern: Pattern
    security: Json
    code: str
    display: str


KINDS: Final[Mapping[type, Kind]] = {
    ShareRequest: Kind(UPDATE, _OBJECT_SECURITY, "share", "Exam shared"),
    UnshareRequest: Kind(UPDATE, _OBJECT_SECURITY, "unshare", "Exam unshared"),
    NarrowRequest: Kind(UPDATE, _OBJECT_SECURITY, "narrow", "Access narrowed"),
    RevokeRequest: Kind(UPDATE, _OBJECT_SECURITY, "end-grant", "One grant ended"),
    HostEnding: Kind(UPDATE, _OBJECT_SECURITY, "end-by-host", "Access ended by the host"),
    Withdrawal: Kind(DELETE, _OBJECT_SECURITY, "withdraw", "Exam withdrawn"),
    AccessPurge: Kind(DELETE, _OBJECT_SECURITY, "purge", "Accesses purged"),
    ExamTransferred: Kind(UPDATE, _OBJECT_SECURITY, "transfer", "Owner of an exam changed"),
    UserChanged: Kind(UPDATE, _USER_SECURITY, "change-user", "User added or changed"),
    GroupChanged: Kind(UPDATE, _ROLES, "change-group", "Group added or changed"),
    PrincipalRemoved: Kind(DELETE, _ROLES, "remove", "User or group removed"),
}
"""By the type of a request, or of an entry that has none."""
