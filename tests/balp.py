"""What FHIR R4 and the profiles of IHE BALP 1.1.4 require of an AuditEvent, as tables.

Written down from the profiles, not from the package. `agent[client]` stands for the agents whose
type is that of the slice. The rows of a slice hold for each of its elements.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

BASE: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."

REST: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
PROVENANCE: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
LIFECYCLE: Final = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
ENTITY: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"

ANY: Final = 10**9


def codes(system: str, *of: str) -> frozenset[tuple[str, str]]:
    return frozenset((system, code) for code in of)


@attrs.frozen
class Row:
    """How often an element must and may be there, and which values it may have."""

    path: str
    least: int
    most: int
    values: frozenset[object] | None = None


@attrs.frozen
class Profile:
    """The types of the slices, and the rows."""

    slices: Mapping[str, frozenset[tuple[str, str]]]
    rows: tuple[Row, ...]


R4: Final = Profile(
    slices={},
    rows=(
        Row("resourceType", 1, 1, frozenset({"AuditEvent"})),
        Row("type", 1, 1),
        Row("action", 0, 1, frozenset("CRUDE")),
        Row("recorded", 1, 1),
        Row("outcome", 0, 1, frozenset({"0", "4", "8", "12"})),
        Row("agent", 1, ANY),
        Row("agent.requestor", 1, 1, frozenset({True, False})),
        Row("agent.network.type", 0, 1, frozenset("12345")),
        Row("source", 1, 1),
        Row("source.observer", 1, 1),
        Row("entity.detail.type", 1, 1),
        Row("entity.detail.valueString", 1, 1),
    ),
)


def machine(slice_: str) -> tuple[Row, ...]:
    parts = (Row(f"{slice_}.{part}", 1, 1) for part in ("type", "who", "network"))
    return Row(slice_, 1, 1), *parts


def rest(
    interactions: frozenset[tuple[str, str]],
    action: str,
    client: frozenset[tuple[str, str]],
    server: frozenset[tuple[str, str]],
    user: frozenset[tuple[str, str]],
) -> Profile:
    return Profile(
        slices={
            "subtype[interaction]": interactions,
            "agent[client]": client,
            "agent[server]": server,
            "agent[user]": user,
            "entity[data]": codes(ENTITY, "2"),
        },
        rows=(
            Row("type", 1, 1, codes(REST, "rest")),
            Row("subtype", 1, ANY),
            Row("subtype[interaction]", 1, 1),
            Row("action", 1, 1, frozenset({action})),
            Row("outcome", 1, 1, frozenset({"0"})),
            Row("agent", 2, ANY),
            *machine("agent[client]"),
            *machine("agent[server]"),
            *(Row(f"agent[{each}].media", 0, 0) for each in ("client", "server")),
            Row("agent[user]", 0, 1),
            Row("agent[user].who", 1, 1),
            Row("agent[user].requestor", 1, 1, frozenset({True})),
            Row("agent[user].media", 0, 0),
            Row("agent[user].network", 0, 0),
            Row("entity", 1, ANY),
            Row("entity[data]", 1, 1),
            Row("entity[data].what", 1, 1),
            Row("entity[data].role", 1, 1, codes(ROLE, "3", "4", "20")),
        ),
    )


def with_patient(profile: Profile) -> Profile:
    return Profile(
        slices={**profile.slices, "entity[patient]": codes(ENTITY, "1")},
        rows=(
            *profile.rows,
            Row("entity", 2, ANY),
            Row("entity[patient]", 1, 1),
            Row("entity[patient].what", 1, 1),
            Row("entity[patient].role", 1, 1, codes(ROLE, "1")),
        ),
    )


SOURCE: Final = codes(DICOM, "110153")
DESTINATION: Final = codes(DICOM, "110152")
AUTHORS: Final = codes(PARTICIPATION, "AUT", "INF", "CST")
UPDATE: Final = rest(
    codes(INTERACTION, "update", "patch"), "U", client=SOURCE, server=DESTINATION, user=AUTHORS
)
DELETE: Final = rest(
    codes(INTERACTION, "delete"),
    "D",
    client=codes(DICOM, "110150"),
    server=codes(PROVENANCE, "custodian"),
    user=AUTHORS,
)
READ: Final = rest(
    codes(INTERACTION, "read", "vread"),
    "R",
    client=DESTINATION,
    server=SOURCE,
    user=codes(PARTICIPATION, "IRCP"),
)
DISCLOSURE: Final = with_patient(
    Profile(
        slices={
            "subtype[disclosure]": codes(LIFECYCLE, "disclose"),
            "agent[source]": SOURCE,
            "agent[recipient]": DESTINATION,
        },
        rows=(
            Row("modifierExtension", 0, 0),
            Row("type", 1, 1, codes(DICOM, "110106")),
            Row("subtype", 1, ANY),
            Row("subtype[disclosure]", 1, 1),
            Row("action", 1, 1, frozenset("R")),
            Row("outcome", 1, 1),
            Row("agent", 2, ANY),
            *machine("agent[source]"),
            *machine("agent[recipient]"),
        ),
    )
)
PROFILES: Final[Mapping[str, Profile]] = {
    f"{BASE}Update": UPDATE,
    f"{BASE}PatientUpdate": with_patient(UPDATE),
    f"{BASE}Delete": DELETE,
    f"{BASE}PatientDelete": with_patient(DELETE),
    f"{BASE}Read": READ,
    f"{BASE}PatientRead": with_patient(READ),
    f"{BASE}PrivacyDisclosure.Source": DISCLOSURE,
}


def violations(resource: Mapping[str, Any]) -> list[str]:
    """Return what a resource breaks of R4 and of the profiles that it claims."""
    claimed = resource.get("meta", {}).get("profile", ())
    profiles = [R4, *(PROFILES[name] for name in claimed)]
    broken = [
        each
        for profile in profiles
        for row in profile.rows
        for each in misses(resource, profile, row)
    ]
    if f"{BASE}PrivacyDisclosure.Source" in claimed:  # the invariant val-audit-source
        observer = resource.get("source", {}).get("observer")
        sources = found([resource], "agent[source]", DISCLOSURE)
        broken += ["the source is no agent" for each in sources if each.get("who") != observer]
    return [*broken, *(f"{path} is empty" for path in empty_parts(resource))]


def misses(resource: Mapping[str, Any], profile: Profile, row: Row) -> Iterator[str]:
    above, _, name = row.path.rpartition(".")
    for parent in found([resource], above, profile):
        values = list(found([parent], name, profile, within=above))
        if not row.least <= len(values) <= row.most:
            yield f"{row.path} is there {len(values)} times"
        for value in values:
            if row.values is not None and not row.values & {*codings(value)}:
                yield f"{row.path} is {value}"


def found(parents: list[Any], path: str, profile: Profile, within: str = "") -> Iterator[Any]:
    """Yield the elements at a path."""
    name, _, rest_of_path = path.partition(".")
    if not name:
        yield from parents
        return
    key, sliced, _ = name.partition("[")
    for parent in parents:
        each = parent.get(key, [])
        several = each if isinstance(each, list) else [each]
        if sliced:
            assert not within
            kinds = profile.slices[name]
            several = [
                one
                for one in several
                if kinds & {*codings(one if key == "subtype" else one["type"])}
            ]
        yield from found(several, rest_of_path, profile)


def codings(value: Any) -> Iterator[object]:
    """Yield a value that is no coding, or each coding of it as its system and code."""
    if not isinstance(value, Mapping):
        yield value
        return
    for each in value.get("coding", [value]):
        yield each.get("system"), each.get("code")


def empty_parts(part: Any, path: str = "") -> Iterator[str]:
    if part in ("", None) or (isinstance(part, dict | list) and not part):
        yield path
    if isinstance(part, dict):
        for name, each in part.items():
            yield from empty_parts(each, f"{path}.{name}")
    if isinstance(part, list):
        for each in part:
            yield from empty_parts(each, path)
