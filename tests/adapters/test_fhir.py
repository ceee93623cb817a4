"""AuditEvents of FHIR: valid by the models of fhir.resources, and by the tables of the profiles."""

import copy
import json
from typing import get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fhir.resources")
from fhir.resources.R4B.auditevent import AuditEvent

import exam_sharing as es
from balp import BASE, PROFILES, R4, violations
from exam_sharing.accesses import Access, Disclosure, disclosures_among
from exam_sharing.adapters.fhir import AuditEvents
from exam_sharing.adapters.fhir.codes import KINDS
from exam_sharing.events import AccessesPurged, ActRefused, Event, ExamTransferred
from exam_sharing.history import (
    DirectoryChange,
    GroupChanged,
    Happening,
    PrincipalRemoved,
    UserChanged,
)
from exam_sharing.policy.requests import AccessPurge, Asked, HostEnding
from exam_sharing.testing import strategies as sharing
from exam_sharing.testing.edges import TICK
from world import ANNA, BEN, CARLA, CT, DAY, MR, NURSES, START, World, share_request

DISCLOSURE = f"{BASE}PrivacyDisclosure.Source"
SYSTEM = "https://portal.example/sharing"
PORTAL = {"reference": "Device/portal"}
UNKNOWN = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
            "valueCode": "unknown",
        }
    ]
}


def maker(**more):
    return AuditEvents(**{"system": SYSTEM, "observer": PORTAL, "address": "192.0.2.1", **more})


def referring(named):
    return None if isinstance(named, es.GroupId) else {"reference": "Basic/1"}


MAKERS = st.builds(
    maker,
    patient=st.sampled_from([lambda _: None, lambda _: "Patient/7"]),
    reference=st.sampled_from([lambda _: None, referring]),
)


@given(make=MAKERS, entry=st.from_type(Happening))
def test_every_entry_has_valid_resources_and_only_refused_acts_claim_no_profile(make, entry):
    resources = make.of_entry(entry)

    assert resources
    refused = isinstance(entry.what, ActRefused) and bool(entry.what.reasons)
    for resource in resources:
        AuditEvent.model_validate(resource)
        assert violations(resource) == []
        assert json.loads(json.dumps(resource)) == resource
        assert (resource["outcome"] == "8") == refused
        assert ("meta" not in resource) == refused
        if refused:
            codes = {each.code.value for each in entry.what.reasons}
            assert set(resource["outcomeDesc"].split(", ")) == codes


@given(make=MAKERS, entry=st.from_type(Happening))
def test_an_entry_always_has_the_same_resources_with_ids_of_their_own(make, entry):
    resources = make.of_entry(entry)
    others = make.of_entry(attrs.evolve(entry, number=entry.number + 1))

    assert resources == make.of_entry(copy.deepcopy(entry))
    ids = [resource["id"] for resource in (*resources, *others)]
    assert len(set(ids)) == len(ids)


def test_an_act_and_a_change_of_one_number_have_two_ids():
    request = HostEnding(recipient=BEN, performed_by="host", why="Left.")
    whats = attrs.evolve(refused(), request=request), PrincipalRemoved(at=START, principal=BEN)

    (act,), (change,) = (maker().of_entry(Happening(number=1, what=what)) for what in whats)

    assert act["id"] != change["id"]


def test_ids_depend_on_the_system():
    entry = Happening(number=1, what=refused())

    (one,), (other,) = (maker(system=name).of_entry(entry) for name in (SYSTEM, f"{SYSTEM}/2"))

    assert one["id"] != other["id"]


def refused():
    return ActRefused(
        at=START,
        request=share_request(ANNA, CT, BEN, performed_by=CARLA),
        reasons=(
            es.Reason(code=es.ReasonCode.HOST_RULE, host_code="NO"),
            es.Reason(code=es.ReasonCode.TOO_MANY, limit=1),
            es.Reason(code=es.ReasonCode.HOST_RULE, host_code="NEVER"),
        ),
    )


def test_every_kind_of_entry_and_request_is_coded():
    entries = {*get_args(Event), *get_args(DirectoryChange)}
    with_requests = {each for each in entries if "request" in attrs.fields_dict(each)}
    requests = {*get_args(Asked), AccessPurge}

    assert set(KINDS) == {*(entries - with_requests), *requests, Access, Disclosure}
    assert len({kind.code for kind in KINDS.values()}) == len(KINDS)


CLAIMS = sorted(PROFILES)


ACCESS = Access(
    user=BEN,
    exam=CT,
    permission=es.Permission.VIEW,
    purpose="TREAT",
    origin="2001:db8::7",
    window=START,
    first=START + TICK,
    last=START + 2 * TICK,
    count=3,
)
(DISCLOSED,) = disclosures_among([ACCESS], lambda _: True)


@pytest.fixture(scope="module")
def samples():
    """One resource for each profile."""
    world = World()
    world.share(ANNA, CT, BEN)
    world.sharing.admin.withdraw(CT, performed_by="host", why="Lost.")
    entries = world.sharing.admin.history(exam=CT).items
    made = [
        resource
        for patient in (lambda _: None, lambda _: "Patient/7")
        for make in [maker(patient=patient)]
        for resource in (
            *(each for entry in entries for each in make.of_entry(entry)),
            *(make.of_access(ACCESS), make.of_disclosure(DISCLOSED)),
        )
    ]
    return {each["meta"]["profile"][0]: each for each in made if "meta" in each}


def test_every_profile_of_the_table_is_claimed(samples):
    assert sorted(samples) == CLAIMS


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_table_notices_whatever_is_missing(samples, claim):
    """A test of the table: each element that it requires is taken away once."""
    for row in (*R4.rows, *PROFILES[claim].rows):
        if row.least and "[" not in row.path and "." not in row.path:
            resource = copy.deepcopy(samples[claim])
            del resource[row.path]
            assert violations(resource), row.path
    for name in ("agent", "entity"):
        for index, element in enumerate(samples[claim][name]):
            if name == "agent" and element["requestor"] and "network" not in element:
                continue  # a user need not be there
            resource = copy.deepcopy(samples[claim])
            del resource[name][index]
            required = name == "agent" or element["type"]["code"] in {"1", "2"}
            assert bool(violations(resource)) == required
            if claim == DISCLOSURE and element["type"].get("code") == "2":
                continue  # a disclosure needs data, of any type
            for part in ("who", "network", "what", "role", "requestor"):
                resource = copy.deepcopy(samples[claim])
                if resource[name][index].pop(part, None) is not None and required:
                    assert violations(resource), part


@pytest.mark.parametrize(
    ("part", "value"),
    [
        *(("action", "C"), ("outcome", "5"), ("outcome", ""), ("agent", [])),
        *(("type", {"system": "urn:x", "code": "rest"}), ("subtype", [])),
        ("source", {}),
    ],
)
def test_the_table_notices_other_values(samples, part, value):
    for resource in samples.values():
        assert violations(resource) == []
        assert violations({**resource, part: value})


def entities(resource):
    """Return who or what each entity is, and its details."""
    return [
        (
            each["what"]["identifier"]["value"],
            {detail["type"]: detail["valueString"] for detail in each.get("detail", ())},
        )
        for each in resource["entity"]
    ]


def told(world, **asked):
    """Return what the acts in a history are told as, the oldest first."""
    entries = reversed(world.sharing.admin.history(**asked).items)
    return [
        resource
        for entry in entries
        if not isinstance(entry.what, DirectoryChange)
        for resource in maker().of_entry(entry)
    ]


def test_a_share_changes_who_may_see_each_exam():
    world = World()
    world.share(ANNA, CT, BEN, NURSES, scope=es.Scope.BATCH, until=START + DAY, performed_by=CARLA)
    grants = {(each.exam, each.recipient): each for exam in (CT, MR) for each in world.grants(exam)}

    resources = told(world, exam=CT)

    assert [entities(each)[0][0] for each in resources] == ["ct", "mr", "xray"]
    resource = resources[0]
    assert resource["action"] == "U"
    assert [each["code"] for each in resource["subtype"]] == ["update", "110135", "share"]
    assert resource["recorded"] == "2030-01-01T12:00:00.000000+00:00"
    assert entities(resource) == [
        ("ct", {"entry": "events/1", "version": "1"}),
        *(
            (
                who.value,
                {
                    "grant-made": grants[CT, who].id.value,
                    "permission": "VIEW",
                    "until": "2030-01-02T12:00:00.000000+00:00",
                },
            )
            for who in (BEN, NURSES)
        ),
    ]
    assert [each["role"]["code"] for each in resource["entity"]] == ["4", "6", "12"]


def agents(resource):
    return [
        (each["type"]["coding"][0]["code"], each["who"], each["requestor"])
        for each in resource["agent"]
    ]


def user(name):
    return {"identifier": {"system": f"{SYSTEM}/users", "value": name}}


def test_agents_are_the_portal_the_actor_and_who_did_it_for_them():
    (resource,) = maker().of_entry(Happening(number=1, what=refused()))

    assert agents(resource) == [
        ("110153", PORTAL, False),
        ("110152", PORTAL, False),
        ("AUT", user("anna"), True),
        ("enterer", user("carla"), False),
    ]
    assert [each.get("network") for each in resource["agent"]] == [
        UNKNOWN,
        {"address": "192.0.2.1", "type": "2"},
        None,
        None,
    ]
    assert resource["source"]["observer"] == PORTAL


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        *(("portal.example", "1"), ("192.0.2.1", "2"), ("2001:db8::1", "2")),
        *(("https://portal.example", "5"), ("localhost", "1")),
    ],
)
def test_the_address_has_its_type(address, kind):
    (resource,) = maker(address=address).of_entry(Happening(number=1, what=refused()))

    assert resource["agent"][1]["network"] == {"address": address, "type": kind}


def test_a_refusal_shows_the_codes_of_reasons_and_who_was_asked_for():
    (resource,) = maker().of_entry(Happening(number=7, what=refused()))

    assert resource["outcome"] == "8"
    assert resource["outcomeDesc"] == "HOST_RULE, TOO_MANY"
    assert entities(resource) == [("ct", {"entry": "events/7"}), ("ben", {})]


def test_a_cascade_shows_each_grant_that_ended_and_how():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)
    world.unshare(ANNA, CT, BEN, reshares=es.Reshares.CASCADE)

    resource = told(world, exam=CT)[-1]

    assert resource["subtype"][2]["code"] == "unshare"
    assert [(who, details["how"]) for who, details in entities(resource)[1:]] == [
        ("ben", "UNSHARED"),
        ("carla", "CASCADED"),
    ]


def test_a_recipient_who_gained_nothing_is_shown():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(ANNA, CT, BEN)

    assert entities(told(world, exam=CT)[-1])[1:] == [("ben", {})]


def test_what_the_host_ends_everywhere_is_shown_by_exam():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(ANNA, MR, BEN)
    world.sharing.admin.end_by_host(recipient=BEN, performed_by="host", why="Left.")

    ended = [each for each in told(world, user=BEN) if each["subtype"][2]["code"] == "end-by-host"]

    assert [entities(each)[0][0] for each in ended] == ["ct", "mr"]
    assert agents(ended[0])[2:] == [("AUT", user("host"), True)]


def test_an_ending_of_nothing_is_about_the_recipient():
    request = HostEnding(recipient=NURSES, performed_by="host", why="Closed.")
    (resource,) = maker().of_entry(
        Happening(number=1, what=attrs.evolve(refused(), request=request))
    )

    assert entities(resource) == [("nurses", {"entry": "events/1"})]
    assert resource["entity"][0]["what"]["identifier"]["system"] == f"{SYSTEM}/groups"


def test_a_grant_that_was_not_to_be_ended_is_named():
    request = es.RevokeRequest(actor=BEN, grant=es.GrantId("g"))
    (resource,) = maker(reference=lambda _: {"display": "x"}).of_entry(
        Happening(number=1, what=attrs.evolve(refused(), request=request))
    )

    assert resource["entity"][0]["what"] == {
        "identifier": {"system": f"{SYSTEM}/grants", "value": "g"}
    }


def test_a_withdrawal_is_a_deletion():
    world = World()
    world.share(ANNA, CT, BEN)
    world.sharing.admin.withdraw(CT, performed_by="host", why="Lost.")

    resource = told(world, exam=CT)[-1]

    assert resource["action"] == "D"
    assert resource["meta"]["profile"] == [f"{BASE}Delete"]
    assert entities(resource)[1][1]["how"] == "WITHDRAWN"


def test_a_change_of_owner_names_both_and_nobody_who_did_it():
    what = ExamTransferred(at=START, exam=CT, before=ANNA, after=BEN, versions={CT: 3})
    (resource,) = maker().of_entry(Happening(number=2, what=what))

    assert entities(resource) == [
        ("ct", {"entry": "events/2", "version": "3"}),
        ("anna", {"owner": "before"}),
        ("ben", {"owner": "after"}),
    ]
    assert agents(resource) == [("110153", PORTAL, True), ("110152", PORTAL, False)]


def test_changes_of_people_have_numbers_of_their_own():
    world = World()
    ids = set()
    for entry in world.sharing.admin.history(user=CARLA).items:
        (resource,) = maker().of_entry(entry)
        ids.add(entities(resource)[0][1]["entry"])

    assert ids
    assert all(each.startswith("changes/") for each in ids)


def test_members_who_joined_and_left_are_shown():
    what = GroupChanged(at=START, group=NURSES, joined=(BEN,), left=(CARLA,), name="Nurses")
    (resource,) = maker().of_entry(Happening(number=3, what=what))

    assert entities(resource) == [
        ("nurses", {"entry": "changes/3"}),
        ("ben", {"member": "joined"}),
        ("carla", {"member": "left"}),
    ]
    assert resource["subtype"][1]["code"] == "110136"


def test_a_user_is_shown_as_active_and_in_the_plan():
    what = UserChanged(at=START, user=BEN, active=False, sharing_in_plan=True, name="Ben")
    (resource,) = maker().of_entry(Happening(number=3, what=what))

    states = {"active": "no", "sharing-in-plan": "yes"}
    assert entities(resource) == [("ben", {"entry": "changes/3", **states})]


def test_a_patient_is_named_where_the_host_names_one():
    world = World()
    world.share(ANNA, CT, BEN, scope=es.Scope.BATCH)
    make = maker(patient={CT: "Patient/7"}.get)

    (entry,) = (
        each
        for each in world.sharing.admin.history(exam=CT).items
        if not isinstance(each.what, DirectoryChange)
    )
    with_patient, *without = make.of_entry(entry)

    assert with_patient["meta"]["profile"] == [f"{BASE}PatientUpdate"]
    assert with_patient["entity"][1]["what"] == {"reference": "Patient/7", "type": "Patient"}
    assert {each["meta"]["profile"][0] for each in without} == {f"{BASE}Update"}
    assert "Patient/7" not in json.dumps(without)


def test_the_hosts_references_replace_identifiers():
    references = {
        ANNA: {"reference": "Practitioner/1"},
        BEN: {"reference": "Practitioner/2", "display": "Ben"},
        CT: {"identifier": {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}},
    }
    make = maker(reference=references.get)
    (resource,) = make.of_entry(Happening(number=1, what=refused()))

    assert agents(resource)[2][1] == references[ANNA]
    assert [each["what"] for each in resource["entity"]] == [references[CT], references[BEN]]
    AuditEvent.model_validate(resource)


def test_changing_a_resource_changes_no_other():
    make = maker()
    entry = Happening(number=1, what=refused())
    (first,), (second,) = make.of_entry(entry), make.of_entry(entry)

    for agent in first["agent"]:
        agent["type"]["coding"][0]["code"] = "changed"
    first["source"]["observer"]["reference"] = "changed"
    first["type"].clear()

    assert make.of_entry(entry) == (second,)
    assert "changed" not in json.dumps(second)


PURPOSES = st.from_regex("[A-Za-z0-9_.:-]{1,64}", fullmatch=True)
ACCESSES = st.builds(
    Access,
    purpose=st.none()
    | st.sampled_from(["TREAT", "OURS"])
    | st.from_regex("[A-Za-z0-9_.:-]{1,64}", fullmatch=True),
    origin=st.none() | sharing.identifiers() | st.ip_addresses().map(str),
    window=sharing.times(),
    first=sharing.times(),
    last=sharing.times(),
    count=st.integers(1, 10**6),
)
LOOKS = ACCESSES | ACCESSES.map(lambda each: disclosures_among([each], lambda _: True)[0])


def of_looks(make, looks):
    return make.of_access(looks) if isinstance(looks, Access) else make.of_disclosure(looks)


@given(make=MAKERS, looks=LOOKS)
def test_accesses_and_disclosures_have_one_valid_resource_that_is_always_the_same(make, looks):
    resource = of_looks(make, looks)

    AuditEvent.model_validate(resource)
    assert violations(resource) == []
    assert resource == of_looks(make, copy.deepcopy(looks))
    is_claimed = isinstance(looks, Access) or make.patient(looks.exam) is not None
    assert ("meta" in resource) == is_claimed


def test_a_row_of_accesses_is_one_read():
    resource = maker().of_access(ACCESS)

    assert resource["meta"]["profile"] == [f"{BASE}Read"]
    assert resource["recorded"] == "2030-01-01T12:00:00.000002+00:00"
    assert resource["period"] == {
        "start": "2030-01-01T12:00:00.000001+00:00",
        "end": "2030-01-01T12:00:00.000002+00:00",
    }
    assert resource["purposeOfEvent"][0]["coding"] == [
        {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
            "code": "TREAT",
            "display": "treatment",
        }
    ]
    assert entities(resource) == [("ct", {"permission": "VIEW", "count": "3"})]
    assert agents(resource) == [
        ("110152", PORTAL, False),
        ("110153", PORTAL, False),
        ("IRCP", user("ben"), True),
    ]
    assert resource["agent"][0]["network"] == {"address": "2001:db8::7", "type": "2"}


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, {"network": UNKNOWN}),
        ("viewer 2", {"name": "viewer 2", "network": UNKNOWN}),
        ("192.0.2.9", {"network": {"address": "192.0.2.9", "type": "2"}}),
    ],
)
def test_an_origin_is_an_address_or_the_name_of_an_application(origin, expected):
    client = maker().of_access(attrs.evolve(ACCESS, origin=origin))["agent"][0]

    assert {name: client[name] for name in ("name", "network") if name in client} == expected


def test_a_purpose_of_the_hosts_is_a_code_of_its_own():
    resource = maker().of_access(attrs.evolve(ACCESS, purpose="TEACHING"))

    assert resource["purposeOfEvent"][0]["coding"] == [
        {"system": f"{SYSTEM}/purposes", "code": "TEACHING"}
    ]
    assert "purposeOfEvent" not in maker().of_access(attrs.evolve(ACCESS, purpose=None))


def test_a_row_that_grows_keeps_its_id_and_another_has_another():
    grown = attrs.evolve(ACCESS, last=START + DAY, count=4)
    other = attrs.evolve(ACCESS, purpose=None)

    ids = [maker().of_access(each)["id"] for each in (ACCESS, grown, other)]

    assert ids[0] == ids[1] != ids[2]
    grown, other = (
        attrs.evolve(DISCLOSED, **each) for each in ({"last": START + DAY}, {"exam": MR})
    )
    ids = [maker().of_disclosure(each)["id"] for each in (DISCLOSED, grown, other)]
    assert ids[0] == ids[1] != ids[2]


def test_a_disclosure_is_from_the_portal_to_the_user():
    resource = maker(patient=lambda _: "Patient/7").of_disclosure(DISCLOSED)

    assert resource["meta"]["profile"] == [DISCLOSURE]
    assert agents(resource) == [("110153", PORTAL, False), ("110152", user("ben"), True)]
    assert [each["what"] for each in resource["entity"]] == [
        {"identifier": {"system": f"{SYSTEM}/exams", "value": "ct"}},
        {"reference": "Patient/7", "type": "Patient"},
    ]


def test_a_purge_of_accesses_is_a_deletion_in_their_log():
    request = AccessPurge(before=START, performed_by="host", why="Old.")
    what = AccessesPurged(at=START, request=request, rows=7)
    (resource,) = maker(reference=referring).of_entry(Happening(number=1, what=what))

    assert resource["meta"]["profile"] == [f"{BASE}Delete"]
    assert resource["entity"][0]["what"] == {
        "identifier": {"system": f"{SYSTEM}/records", "value": "accesses"}
    }
    (details,) = (
        {detail["type"]: detail["valueString"] for detail in each["detail"]}
        for each in resource["entity"]
    )
    before = "2030-01-01T12:00:00.000000+00:00"
    assert details == {"entry": "events/1", "rows": "7", "before": before}


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        *(({"system": bad}, "system") for bad in ("", "portal", "urn:oid:1.2", "https://", "a b")),
        *(({"system": f"https://x/{bad}"}, "system") for bad in (" ", "\n", "\u3000")),
        *(({"system": f"https://{bad}"}, "system") for bad in ("[", "[::1", "a\uff03b")),
        *(({"address": bad}, "address") for bad in ("", "a b", "\0")),
        *(({"observer": bad}, "observer") for bad in ({}, {"type": "Device"}, "Device/1", None)),
        *(({name: None}, name) for name in ("reference", "patient")),
    ],
)
def test_bad_settings_are_refused(settings, field):
    with pytest.raises(es.InvalidArgument) as caught:
        maker(**settings)

    assert caught.value.field == field


def test_settings_of_another_type_are_refused():
    with pytest.raises(es.WrongKind):
        maker(system=1)
    with pytest.raises(es.WrongKind):
        maker(address=None)
    for make in (maker().of_entry, maker().of_access, maker().of_disclosure):
        with pytest.raises(es.WrongKind):
            make(refused())


@pytest.mark.parametrize(
    "functions",
    [
        *({"patient": lambda _, bad=bad: bad} for bad in ("", " ", "Patient/ 7")),
        *({"reference": lambda _, bad=bad: bad} for bad in ({}, "SECRET", {"SECRET": 1})),
    ],
)
def test_a_host_function_that_returns_no_reference_is_an_error_that_shows_nothing(functions):
    with pytest.raises(es.InvalidArgument) as caught:
        maker(**functions).of_entry(Happening(number=1, what=refused()))

    assert caught.value.field in functions
    assert "SECRET" not in str(caught.value)


def test_a_slash_at_the_end_of_the_system_makes_no_difference():
    assert maker(system=f"{SYSTEM}/") == maker()
