"""What the portal answers to bad input, and to forms that are sent in unusual ways."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from docs_examples import require_portal
from exam_sharing import ExamId, Permission
from exam_sharing.web import ENGLISH
from portal_visits import application_of, errors_in, hidden_in, visitors_of

require_portal()

OTHER_SITES = [
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "same-site"},
]
EXAM_PAGES = ["", "/images/1.png", "/download", "/files.zip", "/share", "/suggestions?text=jos"]
EXAM_FORMS = ["/share", "/unshare"]
PAGES = ["/", "/shared", "/mail", *(f"/exams/4{page}" for page in EXAM_PAGES)]
FORMS = ["/sign-in", "/sign-out", *(f"/exams/4{form}" for form in EXAM_FORMS)]
JUNK_EXAMS = ["0", "-1", "017", "4 ", "4.0", "९", "x", "9" * 30, "4%00", "%ff", "a" * 3000, "u:1"]
JUNK_NUMBERS = ["0", "-1", "1.5", "x", "9" * 30, "%00"]
JUNK_CURSORS = ["x", "9" * 30, "%00", "a" * 3000, "eyJhIjoxfQ", "%F0%9F%92%A9"]
JOSE, MAELLE, RADIOLOGY, PRIYA, ANNA = "u:2", "u:3", "g:1", "u:7", "u:1"


def test_these_are_all_endpoints_of_the_portal(portal):
    there = {
        (method, path.format(exam=4, number=1))
        for path, methods in application_of(portal).openapi()["paths"].items()
        for method in methods
    }
    pages = {("get", page.partition("?")[0]) for page in ("/sign-in", *PAGES)}
    assert there == pages | {("post", form) for form in FORMS}


def test_whoever_is_not_signed_in_is_sent_to_the_sign_in_and_does_nothing(visitor):
    anna, nobody = visitor("Anna"), visitor()
    fields = anna.form(4, recipients=JOSE, step="share")
    answers = [nobody.get(page) for page in PAGES]
    answers += [nobody.post(f"/exams/4{form}", **fields) for form in EXAM_FORMS]
    for answer in answers:
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        assert answer.content == b""
    assert anna.with_access(4) == []


def test_every_exam_that_one_may_not_see_looks_as_if_it_were_not_there(visitor_of_either):
    jose = visitor_of_either("José")
    nowhere = jose.get("/no/such/page")
    assert nowhere.status_code == 404
    for exam in ["4", "999999", *JUNK_EXAMS]:
        asked = {"step": "share", "actor": "2", "recipients": MAELLE, "recipient": MAELLE}
        answers = [jose.get(f"/exams/{exam}{page}") for page in EXAM_PAGES]
        answers += [jose.post(f"/exams/{exam}{form}", **asked) for form in EXAM_FORMS]
        for answer in answers:
            assert (answer.status_code, answer.content) == (404, nowhere.content), exam
            assert dict(answer.headers) | {"vary": ""} == dict(nowhere.headers) | {"vary": ""}


def test_a_picture_that_is_not_there_is_not_found(visitor):
    anna = visitor("Anna")
    nowhere = anna.get("/no/such/page").content
    for number in JUNK_NUMBERS:
        answer = anna.get(f"/exams/4/images/{number}.png")
        assert (answer.status_code, answer.content) == (404, nowhere), number


def test_pictures_and_downloads_are_accesses(portal, visitor):
    anna = visitor("Anna")
    numbers = re.findall(r"/exams/4/images/(\d+)\.png", anna.get("/exams/4").text)
    for number in numbers:
        anna.get(f"/exams/4/images/{number}.png")
    anna.get("/exams/4/files.zip")
    found = portal.sharing.admin.accesses(exams=[ExamId("4")]).items
    counted = {each.permission: each.count for each in found}
    assert counted == {Permission.VIEW: len(numbers), Permission.DOWNLOAD: 1}
    assert len(numbers) > 0


def test_a_cursor_that_no_page_gave_cannot_be_used(visitor):
    anna = visitor("Anna")
    fields = anna.form(4)
    for cursor in JUNK_CURSORS:
        answers = [
            anna.get(f"/shared?after={cursor}"),
            anna.get(f"/?before={cursor}"),
            anna.post(f"/exams/4/share?after={cursor}", step="list", **fields),
        ]
        assert [answer.status_code for answer in answers] == [422] * 3, cursor
        assert all("This cannot be used." in answer.text for answer in answers)


@pytest.mark.parametrize("headers", OTHER_SITES, ids=str)
def test_a_form_on_another_site_does_nothing(visitor, headers):
    anna = visitor("Anna")
    anna.share(4, JOSE)
    fields = anna.form(4, recipients=MAELLE, recipient=JOSE, account="2")
    for form in FORMS:
        for step in ("share", "unshare"):
            assert anna.post(form, headers, step=step, **fields).status_code == 403
    assert anna.with_access(4) == ["José Núñez"]


def test_a_field_of_ten_megabytes_is_too_large(visitor):
    anna = visitor("Anna")
    fields = anna.form(4, recipients=JOSE, recipient=JOSE)
    for form in ("/sign-in", "/exams/4/share", "/exams/4/unshare"):
        for field in ("message", "request_id"):
            answer = anna.post(form, step="share", **fields | {field: "9" * 10_000_000})
            assert (answer.status_code, len(answer.content) < 2_000) == (413, True)
    assert anna.with_access(4) == []


NO_FORMS = [
    ("{}", "application/json", 415),
    ("--x--", "multipart/form-data; boundary=x", 415),
    (b"step=\xff", "application/x-www-form-urlencoded", 400),
    ("&".join("a=1" for _ in range(5_000)), "application/x-www-form-urlencoded", 400),
    ("", "application/x-www-form-urlencoded", 409),
    ("actor=1&step=destroy", "application/x-www-form-urlencoded", 422),
    ("actor=1", "application/x-www-form-urlencoded", 422),
]


def test_what_is_no_form_of_the_page_cannot_be_used(visitor):
    anna = visitor("Anna")
    for form in EXAM_FORMS:
        for content, kind, status in NO_FORMS:
            sent = {"content-type": kind, "sec-fetch-site": "same-origin"}
            answer = anna.client.post(f"/exams/4{form}", content=content, headers=sent)
            assert answer.status_code == status


def test_fields_that_cannot_be_used_are_reported_at_the_form_all_at_once(visitor):
    anna = visitor("Anna")
    fields = anna.form(4) | {"attested": "yes"}
    answer = anna.post(
        "/exams/4/share",
        step="share",
        **fields,
        recipients=["2", "u:\x00"],
        permission="ALL",
        scope="WORLD",
        message="x" * 400_000,
    )
    assert answer.status_code == 422
    assert set(errors_in(answer)) == {"recipients", "permission", "scope", "attested"}


def test_a_refused_share_says_every_reason_and_keeps_what_was_written(visitor):
    anna = visitor("Anna")
    fields = anna.form(4, recipients=[JOSE, ANNA, "u:99"], message="<b>" + "x" * 3_000)
    del fields["attested"]
    answer = anna.post("/exams/4/share", step="share", **fields)
    assert answer.status_code == 422
    assert set(errors_in(answer)) == {"attested", "recipients", "message"}
    codes = "ATTESTATION_MISSING", "RECIPIENT_IS_SELF"
    filled = {"count": 1, "limit": 2_000, "who": "Anna Kovács"}
    codes += "RECIPIENT_IS_OWNER", "RECIPIENT_NOT_FOUND", "MESSAGE_NOT_ALLOWED"
    for code in codes:
        assert ENGLISH[code].format(**filled) in answer.text
    assert 'value="u:2" checked> José Núñez' in answer.text
    assert "u:99" not in answer.text
    assert "&lt;b&gt;xxx" in answer.text
    assert "<b>" not in answer.text


def test_a_tick_stays_only_if_the_page_shows_what_was_ticked(visitor):
    anna = visitor("Anna")
    fields = anna.form(4, recipients=JOSE, scope="BATCH")
    ticked = 'name="{}" value="{}" checked'.format
    for changed, kept in [({}, True), ({"wording": "I may.", "expect": "4"}, False)]:
        again = anna.post("/exams/4/share", step="form", **fields | changed).text
        assert (ticked("attested", "on") in again) is kept
        assert (ticked("scope", "BATCH") in again) is kept
        assert ticked("recipients", JOSE) in again


@pytest.mark.parametrize("change", [{"wording": "I may."}, {"wording": ""}, {"expect": "4"}])
def test_a_share_of_something_else_than_was_shown_is_refused(visitor, change):
    anna = visitor("Anna")
    fields = anna.form(4, recipients=JOSE, scope="BATCH") | change
    assert anna.post("/exams/4/share", step="share", **fields).status_code in {409, 422}
    assert anna.with_access(4) == []


def test_a_form_that_is_sent_twice_shares_once(visitor_of_either):
    anna = visitor_of_either("Anna")
    fields = anna.form(4, recipients=[JOSE, RADIOLOGY])
    with ThreadPoolExecutor(2) as both:
        sent = [both.submit(anna.post, "/exams/4/share", step="share", **fields) for _ in range(2)]
    assert [each.result().status_code for each in sent] == [303, 303]
    assert anna.with_access(4) == ["José Núñez", "Radiology"]
    assert anna.unshare(4, JOSE).status_code == 303
    answer = anna.post("/exams/4/share", step="share", **fields)
    assert answer.status_code == 303
    assert "was not done again" in anna.get(answer.headers["location"]).text
    assert anna.with_access(4) == ["Radiology"]


def test_a_form_that_is_sent_again_after_an_edit_does_nothing_and_comes_back_to_be_sent(visitor):
    anna = visitor("Anna")
    fields = anna.form(4, recipients=JOSE)
    anna.post("/exams/4/share", step="share", **fields)
    edited = fields | {"recipients": [JOSE, MAELLE]}
    answer = anna.post("/exams/4/share", step="share", **edited)
    assert answer.status_code == 409
    assert "sent before with other content" in answer.text
    assert anna.with_access(4) == ["José Núñez"]
    again = edited | hidden_in(answer)
    assert anna.post("/exams/4/share", step="share", **again).status_code == 303
    assert anna.with_access(4) == ["José Núñez", "Maëlle Lefèvre"]


def test_an_unshare_that_is_sent_twice_is_done_once(visitor):
    anna = visitor("Anna")
    anna.share(4, JOSE)
    page = anna.post("/exams/4/unshare", step="preview", actor="1", recipient=JOSE)
    fields = hidden_in(page)
    assert anna.post("/exams/4/unshare", step="unshare", **fields).status_code == 303
    anna.share(4, JOSE)
    assert anna.post("/exams/4/unshare", step="unshare", **fields).status_code == 303
    assert anna.with_access(4) == ["José Núñez"]
    edited = fields | {"recipient": MAELLE}
    assert anna.post("/exams/4/unshare", step="unshare", **edited).status_code == 409


def test_a_form_of_another_persons_session_does_nothing(visitor):
    anna, jose = visitor("Anna"), visitor("José")
    anna.share(4, JOSE)
    share = anna.form(4, recipients=MAELLE)
    unshare = hidden_in(anna.post("/exams/4/unshare", step="preview", actor="1", recipient=JOSE))
    answers = [
        jose.post("/exams/4/share", step="share", **share),
        jose.post("/exams/4/unshare", step="unshare", **unshare),
    ]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert "Anna" not in answers[0].text
    assert anna.with_access(4) == ["José Núñez"]
    assert visitor("Maëlle").post("/exams/4/share", step="share", **share).status_code == 404


def test_who_may_not_unshare_is_refused(visitor):
    anna, jose = visitor("Anna"), visitor("José")
    anna.share(4, JOSE, MAELLE)
    assert jose.with_access(4) == ["José Núñez"]
    for step in ("preview", "unshare"):
        fields = {"actor": "2", "recipient": MAELLE, "request_id": "r1", "step": step}
        answer = jose.post("/exams/4/unshare", **fields)
        assert answer.status_code == 403
        assert ENGLISH["NOT_GRANTOR_OR_OWNER"] in answer.text
    for junk in ("", "3", "u:", "u:99", "x" * 3_000):
        answer = anna.post("/exams/4/unshare", step="unshare", actor="1", recipient=junk)
        assert answer.status_code in {404, 422}
    assert anna.with_access(4) == ["José Núñez", "Maëlle Lefèvre"]


def test_a_view_only_recipient_gets_no_files_and_can_pass_no_download_on(visitor):
    anna, jose = visitor("Anna"), visitor("José")
    anna.share(4, JOSE)
    assert [jose.get(f"/exams/4{page}").status_code for page in EXAM_PAGES] == [
        200, 200, 403, 403, 200, 200,
    ]  # fmt: skip
    assert 'name="permission"' not in jose.get("/exams/4/share").text
    answer = jose.share(4, MAELLE, permission="DOWNLOAD")
    assert answer.status_code == 403
    assert errors_in(answer) == {"permission": ENGLISH["DOWNLOAD_NOT_HELD"]}


def test_without_sharing_in_the_plan_there_is_no_share_tab(visitor):
    anna, samuel = visitor("Anna"), visitor("Samuel")
    anna.share(4, "u:8")
    assert "Upgrade your service" in samuel.get("/exams/4").text
    assert samuel.get("/exams/4/share").status_code == 403
    fields = {"actor": "8", "recipients": MAELLE, "attested": "on", "step": "share"}
    wording = anna.form(4)["wording"]
    answer = samuel.post("/exams/4/share", **fields, wording=wording)
    assert answer.status_code == 403
    assert ENGLISH["SHARING_NOT_IN_PLAN"] in answer.text


def test_any_text_gets_suggestions_or_none(visitor):
    anna = visitor("Anna")
    for text in ("", "%", "\x00", "<script>", "x" * 30_000, "\ud7ff", "J" * 64):
        answer = anna.get("/exams/4/suggestions", params={"text": text})
        assert (answer.status_code, answer.json()) == (200, [])
        assert answer.headers["content-type"] == "application/json"


def test_only_one_of_the_active_people_can_be_signed_in(visitor):
    somebody = visitor()
    for account in ("", "0", "9", "01", "x", "1 ", "9" * 30):
        assert somebody.post("/sign-in", account=account).status_code == 422
    assert somebody.get("/").headers["location"] == "/sign-in"


def test_a_cookie_that_the_portal_did_not_make_signs_nobody_in(visitor):
    anna = visitor("Anna")
    cookie = anna.client.cookies["session"]
    for forged in ("", "x", cookie[:-1], "A" + cookie, cookie.replace(".", ".A", 1)):
        answer = visitor().get("/", headers={"cookie": f"session={forged}"})
        assert answer.headers["location"] == "/sign-in"
    assert anna.post("/sign-out").status_code == 303
    assert anna.get("/").headers["location"] == "/sign-in"


def test_an_account_that_is_closed_is_signed_out_at_once(portal, visitor):
    anna = visitor("Anna")
    with portal.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE accounts SET active = false WHERE id = 1")
    assert anna.get("/").headers["location"] == "/sign-in"


@pytest.mark.parametrize("https", [False, True])
def test_no_script_and_no_other_site_gets_the_cookie(portal, https):
    somebody = visitors_of(portal, https=https)()
    made = somebody.post("/sign-in", account="1").headers["set-cookie"]
    flags = {each.strip().lower() for each in made.split(";")}
    assert {"httponly", "samesite=lax", "path=/"} <= flags
    assert ("secure" in flags) is https


def test_every_answer_forbids_what_pages_of_this_portal_need_not_do(visitor):
    anna = visitor("Anna")
    for page in ("/sign-in", "/", "/exams/4/share", "/exams/4/images/1.png", "/static/x", "/x"):
        headers = anna.get(page).headers
        rules = set(headers["content-security-policy"].split("; "))
        assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= rules
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_no_other_name_leads_to_the_portal(visitor):
    assert visitor("Anna").get("/", headers={"host": "evil.example"}).status_code == 400


def test_other_methods_are_not_allowed(visitor):
    anna = visitor("Anna")
    assert anna.client.put("/exams/4/share").status_code == 405
    assert anna.client.delete("/exams/4").status_code == 405


def test_names_and_messages_of_people_are_text_on_every_page(portal, visitor):
    evil = "<script>alert(1)</script>"
    with portal.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE accounts SET name = ? WHERE id = 2", (evil,))
        connection.exec_driver_sql("UPDATE studies SET description = ? WHERE id = 4", (evil,))
    anna = visitor("Anna")
    anna.share(4, JOSE)
    fields = anna.form(4, recipients=JOSE, message=evil)
    pages = [anna.get(page) for page in ("/sign-in", "/", "/exams/4", "/exams/4/share")]
    pages += [
        anna.post("/exams/4/share", step=each, **fields) for each in ("list", "form", "message")
    ]
    for page in pages:
        assert "&lt;script&gt;" in page.text
        assert "<script>" not in page.text
