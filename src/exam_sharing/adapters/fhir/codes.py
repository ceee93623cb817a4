"""The codes of the resources, as tables: patterns of BALP, kinds of entries, and purposes."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import attrs

from exam_sharing.accesses import Access, Disclosure
from exam_sharing.events import ExamTransferred
from exam_sharing.history import GroupChanged, NameReplaced, PrincipalRemoved, UserChanged
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
_LIFECYCLE: Final = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_ENTITY: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_RESOURCE: Final = "http://hl7.org/fhir/resource-types"


def coding(system: str, code: str, display: str) -> Json:
    """Return a coding."""
    return {"system": system, "code": code, "display": display}


_REST: Final = coding(
    "http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "Restful Operation"
)
_EXPORT: Final = coding(_DICOM, "110106", "Export")
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


@attrs.frozen(kw_only=True)
class Pattern:
    """One pattern of BALP.

    Attributes:
        profile: the name of the profile without a patient, if there is one.
        patient_profile: the name of the profile with a patient.
        type: the type of the event.
        subtype: the first subtype of the event.
        client: the type of the agent that is the client; `None` if the user is the client.
        server: the type of the agent that is the server.
        user: the type of the agent that is the user.
    """

    profile: str | None
    patient_profile: str
    type: Json = _REST
    subtype: Json
    action: str
    client: Json | None
    server: Json
    user: Json


UPDATE: Final = Pattern(
    profile="Update",
    patient_profile="PatientUpdate",
    subtype=coding(_INTERACTION, "update", "update"),
    action="U",
    client=_SOURCE,
    server=_DESTINATION,
    user=coding(_PARTICIPATION, "AUT", "author (originator)"),
)
DELETE: Final = Pattern(
    profile="Delete",
    patient_profile="PatientDelete",
    subtype=coding(_INTERACTION, "delete", "delete"),
    action="D",
    client=coding(_DICOM, "110150", "Application"),
    server=coding(_PROVENANCE, "custodian", "Custodian"),
    user=UPDATE.user,
)
READ: Final = Pattern(
    profile="Read",
    patient_profile="PatientRead",
    subtype=coding(_INTERACTION, "read", "read"),
    action="R",
    client=_DESTINATION,
    server=_SOURCE,
    user=coding(_PARTICIPATION, "IRCP", "information recipient"),
)
DISCLOSURE: Final = Pattern(
    profile=None,
    patient_profile="PrivacyDisclosure.Source",
    type=_EXPORT,
    subtype=coding(_LIFECYCLE, "disclose", "Disclose Record Lifecycle Event"),
    action="R",
    client=None,
    server=_SOURCE,
    user=_DESTINATION,
)

_OBJECT_SECURITY: Final = coding(_DICOM, "110135", "Object Security Attributes Changed")
_ROLES: Final = coding(_DICOM, "110136", "Security Roles Changed")
_USER_SECURITY: Final = coding(_DICOM, "110137", "User security Attributes Changed")


@attrs.frozen
class Kind:
    """How one kind of entry is coded: by BALP, by a code of this package, and by DICOM."""

    pattern: Pattern
    code: str
    display: str
    security: Json | None = None


KINDS: Final[Mapping[type, Kind]] = {
    ShareRequest: Kind(UPDATE, "share", "Exam shared", _OBJECT_SECURITY),
    UnshareRequest: Kind(UPDATE, "unshare", "Exam unshared", _OBJECT_SECURITY),
    NarrowRequest: Kind(UPDATE, "narrow", "Access narrowed", _OBJECT_SECURITY),
    RevokeRequest: Kind(UPDATE, "end-grant", "One grant ended", _OBJECT_SECURITY),
    HostEnding: Kind(UPDATE, "end-by-host", "Access ended by the host", _OBJECT_SECURITY),
    Withdrawal: Kind(DELETE, "withdraw", "Exam withdrawn", _OBJECT_SECURITY),
    ExamTransferred: Kind(UPDATE, "transfer", "Owner of an exam changed", _OBJECT_SECURITY),
    UserChanged: Kind(UPDATE, "change-user", "User added or changed", _USER_SECURITY),
    GroupChanged: Kind(UPDATE, "change-group", "Group added or changed", _ROLES),
    PrincipalRemoved: Kind(DELETE, "remove", "User or group removed", _ROLES),
    NameReplaced: Kind(UPDATE, "replace-name", "Former names replaced", _USER_SECURITY),
    AccessPurge: Kind(DELETE, "purge", "Accesses purged"),
    Access: Kind(READ, "access", "Exam viewed or downloaded"),
    Disclosure: Kind(DISCLOSURE, "disclose", "Exam disclosed"),
}
"""By the type of a request, or of what has none."""

_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PURPOSES: Final[Mapping[str, Json]] = {
    code: coding(_REASON, code, display)
    for code, display in (
        ("BTG", "break the glass"),
        ("ETREAT", "Emergency Treatment"),
        ("HLEGAL", "legal"),
        ("HMARKT", "healthcare marketing"),
        ("HOPERAT", "healthcare operations"),
        ("HPAYMT", "healthcare payment"),
        ("HRESCH", "healthcare research"),
        ("PATRQT", "patient requested"),
        ("PUBHLTH", "public health"),
        ("TREAT", "treatment"),
    )
}
"""Purposes that HL7 has a code for; any other is a code of the host's."""
