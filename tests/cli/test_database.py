"""Where the database of the commands is, and what is said where it is not as it should be."""

import os

import pytest

pytest.importorskip("rich")
sqlalchemy = pytest.importorskip("sqlalchemy")
pydicom = pytest.importorskip("exam_sharing.adapters.pydicom")

PASSWORD = "hunter2"  # noqa: S105  it opens nothing


def one_line(ran):
    assert ran.out == ""
    assert ran.err.startswith("exam-sharing: ")
    assert ran.err.count("\n") == 1
    return ran.err


def test_the_default_is_a_file_in_this_folder_that_only_its_owner_can_read(shell, tmp_path):
    file = tmp_path / "exam-sharing.db"
    assert str(file) in "".join(shell("init").out.split())
    assert os.name != "posix" or file.stat().st_mode & 0o777 == 0o600


def test_the_environment_names_a_database_and_the_option_overrides_it(shell, monkeypatch, tmp_path):
    monkeypatch.setenv("EXAM_SHARING_DB", "sqlite:///named.db")
    shell("init")
    shell("init --db", tmp_path / "given.db")
    assert sorted(each.name for each in tmp_path.glob("*.db")) == ["given.db", "named.db"]
    shell("add-user anna --name Anna")
    assert shell("people --json").document["users"]
    assert not shell("people --json --db given.db").document["users"]


def test_existing_tables_are_left_alone(shell):
    assert "created the tables" in shell("init").text
    shell("add-user anna --name Anna")
    assert "already exist" in shell("init").text
    assert not shell("init --json").document["created"]
    assert shell("people --json").document["users"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("people --db absent.db", "absent.db: there are no tables yet; create them with: exam-sh"),
        ("people --db empty.db", "empty.db: there are no tables yet; create them with: exam-sh"),
        ("people --db text.db", "is it a database of ours"),
        ("init --db text.db", "is it a database of ours"),
        ("init --db nowhere/clinic.db", "No such file or directory"),
        ("people --db .", ""),
    ],
)
def test_a_database_without_tables_of_ours_is_reported(shell, tmp_path, line, problem):
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("something else, and rather long" * 50)
    told = one_line(shell(line, code=3))
    assert problem in told
    assert str(tmp_path) in told
    assert not (tmp_path / "absent.db").exists()


@pytest.mark.parametrize(
    ("number", "told"), [(0, "older than the"), (99, "newer than the")], ids=["older", "newer"]
)
@pytest.mark.parametrize("line", ["init", "people"])
def test_tables_of_another_version_are_reported_with_what_to_do(shell, number, told, line):
    shell("init")
    with sqlalchemy.create_engine("sqlite:///exam-sharing.db").begin() as connection:
        connection.exec_driver_sql(f"UPDATE exam_sharing_schema SET number = {number}")  # noqa: S608
    said = one_line(shell(line, code=3))
    assert told in said
    assert ("`exam-sharing upgrade`" if number == 0 else "upgrade the package") in said


def test_tables_of_this_release_are_up_to_date(shell):
    shell("init")
    assert "the tables are up to date, of shape 1: " in shell("upgrade").text


def test_tables_of_an_earlier_release_are_upgraded_once(clinic, next_release):
    told = one_line(clinic("people", code=3))
    assert "upgrade them with `exam-sharing upgrade`" in told
    assert "upgraded the tables from shape 1 to 2: " in clinic("upgrade").text
    again = clinic("upgrade --json").document
    assert (again["found"], again["shape"]) == (2, 2)
    assert clinic("people --json").document["users"]


def test_an_upgrade_needs_tables_that_this_release_knows(shell):
    assert "create them with: exam-sharing init" in one_line(shell("upgrade", code=3))
    shell("init")
    with sqlalchemy.create_engine("sqlite:///exam-sharing.db").begin() as connection:
        connection.exec_driver_sql("UPDATE exam_sharing_schema SET number = 99")
    assert "upgrade the package exam-sharing" in one_line(shell("upgrade", code=3))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", ":memory:"])
def test_a_database_in_memory_is_refused(shell, url):
    assert "gone when the command ends" in one_line(shell("init --db", url, code=2))


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://portal:{PASSWORD}@127.0.0.1:1/sharing",
        f"postgresql+psycopg://portal:{PASSWORD}@127.0.0.1:1/sharing",
        f"postgresql://127.0.0.1:1/sharing?user=portal&password={PASSWORD}&connect_timeout=3",
    ],
)
@pytest.mark.parametrize("line", ["init", "people"])
def test_a_missing_server_is_reported_without_the_password(shell, url, line):
    pytest.importorskip("psycopg")
    told = one_line(shell(f"{line} --db", url, code=3))
    assert "the database 'sharing' on 127.0.0.1:1" in told
    assert PASSWORD not in told


def test_a_database_that_fails_is_reported_in_one_line(clinic):
    with sqlalchemy.create_engine("sqlite:///exam-sharing.db").begin() as connection:
        connection.exec_driver_sql("DROP TABLE exam_sharing_grants")
    told = one_line(clinic("share cd-1 --as anna --with ben --confirm-hipaa", code=3))
    assert "the database failed" in told
    assert "SELECT" not in told


def test_a_clinic_runs_on_postgresql(shell, postgresql_url, monkeypatch):
    monkeypatch.setenv("EXAM_SHARING_DB", postgresql_url)
    assert "created the tables" in shell("init").text
    assert "already exist" in shell("init").text
    for line in (
        "add-user anna --name Anna",
        "add-user ben --name Ben --email ben@clinic.example",
        "add-user carla --name Carla --no-notices",
        "add-group ward --name Ward --member carla",
    ):
        shell(line)
    shell("add-media --owner anna --batch cd", pydicom.shipped_media())
    shell("share cd-1 --as anna --with ben group:ward --batch --confirm-hipaa --message Hello")
    found = shell("who-can cd-6 --json").document["holders"]
    assert [each["user"]["user"] for each in found] == ["anna", "ben", "carla"]
    shell("unshare cd-6 --as anna --from ben")
    assert "ben" not in shell("access cd-6 --as anna").out
    assert len(shell("people --json").document["users"]) == 3
    assert "5 exams" in shell("notices relay --print").text
    assert "Hello" not in shell("notices").out
    assert "a tour needs a database of its own" in one_line(
        shell("tour --db", postgresql_url, code=1)
    )


def sorted_through(value):
    """Return a document without the order of its lists, as stores give grants in none."""
    if isinstance(value, dict):
        return {key: sorted_through(each) for key, each in value.items()}
    return sorted(map(sorted_through, value), key=repr) if isinstance(value, list) else value


def test_a_tour_stays_in_its_database(shell):
    in_memory = shell("tour --json").document
    assert sorted_through(shell("tour --json --db tour.db").document) == sorted_through(in_memory)
    told = shell("access exam-1 --as anna --db tour.db")
    assert "Samuel Okafor (samuel) view" in told.text
    assert "Jose" not in told.out
    assert len(shell("shared-with maelle --json --db tour.db").document["page"]["items"]) == 5
    assert shell("notices --json --db tour.db").document["notices"] == []
    again = one_line(shell("tour --db tour.db", code=1))
    assert "perhaps of an earlier tour" in again
    assert len(shell("people --json --db tour.db").document["users"]) == 12


def test_a_tour_prints_where_it_stays(shell, tmp_path):
    told = "".join(shell("tour --db tour.db").out.split())
    assert f"Itstaysin{tmp_path / 'tour.db'}." in told
    assert "accessexam-1--asanna" in told


def test_a_tour_never_uses_the_database_of_a_clinic(clinic, monkeypatch):
    monkeypatch.setenv("EXAM_SHARING_DB", "exam-sharing.db")
    clinic("tour --db exam-sharing.db", code=1)
    before = clinic("people").out
    clinic("tour")
    assert clinic("people").out == before
