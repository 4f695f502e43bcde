"""The commands as an operator types them: what they print, what they refuse in one sentence, and with which status."""

import json
import mailbox
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from forum.__main__ import main
from forum.schema import HEAD

MAIL = """\
From: Anna Virtanen <anna@example.org>
To: viestijat@lists.example.org
Subject: Hiljainen tieto
Message-ID: <one@example.org>
Content-Type: text/plain; charset=utf-8

Miten te sen teette?
"""


class Parvi:
    """`parvi` in a folder of its own; in this process, since starting one for each command takes most of the time."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, caught: pytest.CaptureFixture[str], **settings: str
    ) -> None:
        self.folder, self._patch, self._caught = folder, patch, caught
        patch.chdir(folder)
        mine = {
            "PARVI_DATA": str(folder / "data"),
            "PARVI_MAIL_DOMAIN": "lists.example.org",
            "PARVI_TRUSTED_MTA": "mx.example.org",
        }
        for name, value in {**mine, **settings}.items():
            patch.setenv(name, value)

    def __call__(self, *words: str, status: int = 0) -> str:
        """What it printed. A refusal is a sentence or two on stderr, never a traceback."""
        self._patch.setattr(sys, "argv", ["parvi", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._caught.readouterr()
        assert ended.value.code == status, said
        assert "Traceback" not in said.err
        return said.out if status == 0 else said.out + said.err

    def facts(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self(*words, "--json").splitlines()[-1])
        return found

    def write(self, name: str, text: str, encoding: str = "utf-8") -> str:
        (self.folder / name).write_bytes(text.encode(encoding))
        return name


@pytest.fixture(params=["sqlite", "postgresql"])
def parvi(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Parvi:
    url = ""
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
        with psycopg.connect(url, autocommit=True) as server:
            server.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    made = Parvi(tmp_path, monkeypatch, capsys, PARVI_DATABASE_URL=url)
    made("migrate")
    return made


@pytest.fixture
def settled(parvi: Parvi) -> Parvi:
    parvi("network", "add", "viestijat", "--name", "Järjestöviestijät")
    parvi("member", "add", "anna@example.org", "--name", "Anna Virtanen", "--network", "viestijat")
    parvi("member", "add", "ville@example.org", "--name", "Ville", "--network", "viestijat", "--language", "sv")
    return parvi


def test_what_needs_the_schema_says_so(tmp_path: Path) -> None:
    """As a process of its own, as it is started in earnest."""
    settings = {**os.environ, "PARVI_DATA": str(tmp_path / "data")}
    words = [sys.executable, "-m", "forum", "network", "list"]
    done = subprocess.run(words, env=settings, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "The database is empty. Run “parvi migrate” to set it up.\n"


def test_migrating_twice_changes_nothing(parvi: Parvi) -> None:
    assert parvi.facts("migrate") == {"before": HEAD, "after": HEAD}


def test_networks_are_founded_once(parvi: Parvi) -> None:
    assert parvi.facts("network", "add", "talous", "--name", "Talous")["address"] == "talous@lists.example.org"
    assert "There is already a network “talous”." in parvi(
        "network", "add", "talous", "--name", "Toinen", status=1
    )  # SlugTaken
    assert "cannot be a network's short name" in parvi("network", "add", "Talous!", "--name", "T", status=1)  # BadSlug
    assert "The name is missing." in parvi("network", "add", "hr", "--name", " ", status=1)  # NameMissing
    assert "is not one of theme, region" in parvi(
        "network", "add", "hr", "--name", "HR", "--kind", "club", status=1
    )  # BadChoice
    assert parvi("network", "list").split() == ["talous", "0", "Talous"]


def test_wrong_usage_is_status_2(parvi: Parvi) -> None:
    assert "Missing argument" in parvi("network", "add", status=2)
    assert "No such command" in parvi("nonsense", status=2)


def test_the_same_member_again_adds_networks(settled: Parvi) -> None:
    settled("network", "add", "talous", "--name", "Talous")
    first = settled.facts(
        "member", "add", "ANNA@example.org", "--name", "Someone Else", "--network", "talous", "--role", "contact"
    )
    assert (first["id"], first["name"]) == (1, "Anna Virtanen")
    assert "no network “nope”" in settled(
        "member", "add", "x@example.org", "--name", "X", "--network", "nope", status=1
    )
    assert "is not an e-mail address" in settled("member", "add", "nobody", "--name", "X", status=1)  # BadAddress


def test_tokens_are_for_members(settled: Parvi) -> None:
    assert len(settled.facts("token", "anna@example.org")["token"]) == 48
    assert "x@example.org" in settled("token", "x@example.org", status=1)  # MemberNotFound


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", ","), ("utf-8-sig", ";"), ("cp1252", "\t")])
def test_members_come_from_whatever_a_spreadsheet_writes(settled: Parvi, encoding: str, mark: str) -> None:
    table = f"Address{mark}Name{mark}Network{mark}Mode\nasa@example.org{mark}Åsa Öhman{mark}viestijat{mark}daily\n"
    assert "1 members would be added" in settled(
        "member", "import", settled.write("m.csv", table, encoding), "--dry-run"
    )
    assert "  2 " in settled("network", "list").replace("      2", "  2 ")
    settled("member", "import", "m.csv")
    settled("member", "import", "m.csv")
    assert settled.facts("network", "list")["members"] == 3


def test_an_import_is_all_or_nothing_and_tells_every_wrong_row(settled: Parvi) -> None:
    wrong = "broken,Broken,viestijat\nx@example.org,,viestijat\ny@example.org,Y,nope\n"
    table = "address,name,network\nfine@example.org,Fine,viestijat\n" + wrong
    said = settled("member", "import", settled.write("m.csv", table), status=1)
    assert ["Row 3:" in said, "Row 4:" in said, "Row 5:" in said, "3 of 4 rows are wrong" in said] == [True] * 4
    assert settled.facts("network", "list")["members"] == 2
    for name, text in (("a.csv", "name\nX\n"), ("b.csv", "address,name,shoe size\n")):
        assert "cannot be used" in settled("member", "import", settled.write(name, text), status=1)
    assert "No such file" in settled("member", "import", "missing.csv", status=1)


def test_a_mail_is_taken_and_told_about(settled: Parvi) -> None:
    settled.write("m.eml", MAIL)
    rehearsed = settled.facts("mail", "explain", "m.eml", "--trusted")
    assert {name: rehearsed[name] for name in ("fate", "network", "landed_by", "proof", "would_mail", "language")} == {
        "fate": "posted", "network": "viestijat", "landed_by": "new", "proof": "dmarc", "would_mail": 1, "language": "fi"}  # fmt: skip
    assert rehearsed["parts"] == [{"kind": "own", "text": "Miten te sen teette?\n"}]
    taken = settled.facts("mail", "inject", "m.eml", "--trusted")
    assert (taken["fate"], taken["landed_by"], taken["parent"]) == ("posted", "new", None)
    assert taken["post"]
    assert taken["thread"]
    assert settled.facts("mail", "inject", "m.eml", "--trusted")["fate"] == "ignored"
    assert settled.facts("mail", "log", "--fate", "posted")["from"] == ""
    assert settled("mail", "log", "--since", "2100-01-01") == ""
    assert settled.facts("mail", "retry")["tried"] == 0


def test_a_rehearsal_tells_what_happens_at_each_address(settled: Parvi) -> None:
    settled("network", "add", "talous", "--name", "Talous")
    settled.write("m.eml", MAIL.replace("To: ", "To: talous@lists.example.org, "))
    said = settled("mail", "explain", "m.eml", "--trusted")
    assert "at talous@lists.example.org: refused: You are not a member of Talous." in said
    assert "at viestijat@lists.example.org: posted: it answers nothing that is here" in said


def test_a_mail_to_nobody_is_refused(settled: Parvi) -> None:
    settled.write("m.eml", MAIL)
    assert "Nobody gets mail at nope@lists.example.org." in settled(
        "mail", "inject", "m.eml", "--to", "nope@lists.example.org", status=1
    )
    assert "cannot be used" in settled("mail", "inject", "missing.eml", status=1)
    assert "is not one of" in settled("mail", "log", "--fate", "eaten", status=1)


def test_everything_comes_out_again(settled: Parvi) -> None:
    settled.write("m.eml", MAIL)
    settled("mail", "inject", "m.eml", "--trusted")
    settled("export", "--network", "viestijat", "--to", "out.jsonl")
    [post] = [json.loads(line) for line in (settled.folder / "out.jsonl").read_text().splitlines()]
    assert (post["message_id"], post["author"]["name"], post["came_by"]) == (
        "<one@example.org>",
        "Anna Virtanen",
        "mail",
    )
    for _ in range(2):  # a second time replaces the first
        settled("export", "--network", "viestijat", "--to", "out.mbox")
    [message] = mailbox.mbox(settled.folder / "out.mbox")
    assert message["Subject"] == "Hiljainen tieto"
    settled("export", "--all", "--to", "all")
    assert sorted(path.name for path in (settled.folder / "all").iterdir()) == ["viestijat.jsonl", "viestijat.mbox"]
    assert "is not one of" in settled("export", "--network", "viestijat", "--to", "out.pdf", status=1)
    assert "There is no network" in settled("export", "--network", "nope", "--to", "out.mbox", status=1)


def test_serving_where_nobody_can_listen_says_so(parvi: Parvi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARVI_HTTP", "256.0.0.1:80")
    assert "PARVI_HTTP: cannot listen at 256.0.0.1:80" in parvi("serve", status=1)
