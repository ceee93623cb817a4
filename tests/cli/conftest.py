"""A shell in an empty folder, and a small clinic to run from it."""

import io
import json
import shlex
import shutil
import sys

import attrs
import pytest

from exam_sharing.cli import main


@attrs.frozen
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def document(self):
        """The one JSON document that it wrote."""
        return json.loads(self.out)

    @property
    def text(self):
        """All that it printed, as if the terminal were wide enough for one line."""
        return " ".join(self.out.split())


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    """Runs a command line in an empty folder, and returns what it came to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("EXAM_SHARING_DB", raising=False)

    def run(line, *further, code=0, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        ended = main([*shlex.split(line), *map(str, further)])
        told = capsys.readouterr()
        assert code in {None, ended}, told
        return Ran(ended, told.out, told.err)

    return run


CLINIC = (
    "init",
    'add-user anna --name "Anna Kovács" --email anna@clinic.example',
    "add-user ben --name Ben --email ben@clinic.example",
    "add-user carla --name Carla --email carla@clinic.example",
    "add-user dan --name Dan --no-notices --email dan@clinic.example",
    "add-user sam --name Sam --no-sharing --email sam@clinic.example",
    "add-group nurses --name Nurses --member carla",
    "add-group ward --name Ward --member user:dan group:nurses",
)


@pytest.fixture(scope="session")
def clinic_file(tmp_path_factory):
    """The database of a clinic to which Anna brought the CD that pydicom ships."""
    pydicom = pytest.importorskip("exam_sharing.adapters.pydicom")
    pytest.importorskip("rich")
    pytest.importorskip("sqlalchemy")
    file = tmp_path_factory.mktemp("clinic") / "clinic.db"
    medium = shlex.quote(str(pydicom.shipped_media()))
    for line in (*CLINIC, f"add-media {medium} --owner anna --batch cd"):
        assert main([*shlex.split(line), "--db", str(file)]) == 0
    return file


@pytest.fixture
def clinic(shell, clinic_file, tmp_path):
    """A shell in the folder of that clinic."""
    shutil.copy(clinic_file, tmp_path / "exam-sharing.db")
    return shell
