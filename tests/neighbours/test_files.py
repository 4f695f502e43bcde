"""The files of docs/deploy: what no neighbour has read for us."""

import shutil
import subprocess
from pathlib import Path

import pytest

from forum.settings import Settings, read_settings
from tests.conftest import MUST_RUN
from tests.neighbours.place import DEPLOY

UNITS = sorted(DEPLOY.glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_the_units_and_finds_little_exposed(unit: Path, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        assert not MUST_RUN
        pytest.skip("no systemd-analyze")
    program = tmp_path / "parvi"
    program.touch(0o755)
    file = tmp_path / unit.name.replace("@", "@web")
    file.write_text(unit.read_text().replace("/opt/parvi/bin/parvi", str(program)))
    for check in (["verify", "--man=no"], ["security", "--offline=true", "--threshold=20"]):
        said = subprocess.run(["systemd-analyze", *check, str(file)], capture_output=True, text=True, check=False)
        assert (said.returncode, said.stderr) == (0, ""), said.stdout


def test_the_environment_is_one_that_parvi_takes() -> None:
    lines = [line for line in (DEPLOY / "environment").read_text().splitlines() if line and not line.startswith("#")]
    settings = read_settings(dict(line.split("=", 1) for line in lines), Path("no such file"))
    known = {f"PARVI_{name.upper()}" for name in Settings.__dataclass_fields__}
    assert {line.partition("=")[0] for line in lines} <= known
    assert settings.https


@pytest.mark.parametrize("file", sorted(DEPLOY.iterdir()), ids=lambda file: file.name)
def test_every_file_is_named_where_it_is_explained(file: Path) -> None:
    assert f"(deploy/{file.name})" in (DEPLOY.parent / "operating.md").read_text(encoding="utf-8")
