"""Settings: the environment over the file over the defaults; what cannot be used is told in a sentence."""

from dataclasses import fields
from pathlib import Path

import pytest

from forum.settings import Settings, SettingsWrong, host_port, read_settings

NOWHERE = Path("/nowhere/parvi.toml")
USABLE = {
    "base_url": "https://x.org",
    "http": "[::1]:80",
    "smtp": "127.0.0.1:25",
    "dns": "127.0.0.1:53",
    "relay": "lmtp://x",
    "database_url": "sqlite:///x",
    "check_senders": "no",
    "files": "s3://bucket/a/b",
    "raw_days": "30",
    "relay_rate": "500/1h",
}


def toml(folder: Path, text: str) -> Path:
    (folder / "parvi.toml").write_text(text, encoding="utf-8")
    return folder / "parvi.toml"


def test_nothing_given_is_the_defaults() -> None:
    assert read_settings({}, NOWHERE) == Settings()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = toml(tmp_path, 'mail_domain = "file.example.org"\nworkers = 3\n')
    settings = read_settings({"PARVI_MAIL_DOMAIN": "env.example.org", "PATH": "/bin", "PARVI_UNKNOWN": "x"}, file)
    assert (settings.mail_domain, settings.workers) == ("env.example.org", 3)


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_every_setting_can_be_given_in_the_environment(name: str) -> None:
    default = getattr(Settings(), name)
    value = USABLE.get(name) or ("7" if type(default) is int else "yes" if type(default) is bool else "other")
    given = getattr(read_settings({f"PARVI_{name.upper()}": value}, NOWHERE), name)
    assert given != default


@pytest.mark.parametrize(
    ("said", "means"), [("yes", True), ("TRUE", True), ("1", True), ("no", False), ("false", False), ("0", False)]
)
def test_yes_and_no(said: str, means: bool) -> None:
    assert read_settings({"PARVI_DEMO": said}, NOWHERE).demo is means


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKERS", "many"),
        ("WORKERS", "yes"),
        ("WORKERS", "0"),
        ("WORKERS", "65"),
        ("DOMAIN_CONNECTIONS", "0"),
        ("DAILY_CAP", "-1"),
        ("RELAY_RATE", "fast"),
        ("RELAY_RATE", "0/1h"),
        ("WORKERS", ""),
        ("DEMO", "perhaps"),
        ("HTTP", ""),
        ("HTTP", "localhost"),
        ("HTTP", ":80"),
        ("HTTP", "localhost:eighty"),
        ("HTTP", "localhost:99999"),
        ("SMTP", "25"),
        ("BASE_URL", "forum.example.org"),
        ("BASE_URL", "https://forum.example.org/"),
        ("RELAY", "mail.example.org:25"),
        ("DATABASE_URL", "mysql://x"),
        ("MAX_MAIL_MB", "1.5"),
    ],
)
def test_what_cannot_be_used_is_told_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsWrong, match=f"PARVI_{name} "):
        read_settings({f"PARVI_{name}": value}, NOWHERE)


@pytest.mark.parametrize(
    ("text", "why"),
    [("nonsense", "cannot be read"), ("colour = 1", "do not exist: colour"), ("workers = true", "WORKERS")],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SettingsWrong, match=why):
        read_settings({}, toml(tmp_path, text))


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "parvi.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsWrong, match="cannot be read"):
        read_settings({}, tmp_path / "parvi.toml")


def test_what_follows_from_them() -> None:
    assert Settings(data=Path("/d")).sqlalchemy_url == "sqlite:////d/parvi.sqlite3"
    assert Settings(database_url="postgresql://u:p@h/n").sqlalchemy_url == "postgresql+psycopg://u:p@h/n"
    assert Settings(max_mail_mb=25).max_mail_bytes == 25_000_000
    assert [Settings(base_url=url).https for url in ("https://x.org", "http://x.org")] == [True, False]


@pytest.mark.parametrize(("value", "parts"), [("127.0.0.1:25", ("127.0.0.1", 25)), ("[::1]:2525", ("::1", 2525))])
def test_host_and_port(value: str, parts: tuple[str, int]) -> None:
    assert host_port(value) == parts
