"""The rules of the house: which way imports run, who commits, what is pure, what is documented."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from forum import errors
from forum.__main__ import NOUNS, command_line
from forum.settings import PREFIX, Settings
from mailbridge import commands

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path for top in ("forum", "mailbridge") for path in (ROOT / top).rglob("*.py") if "versions" not in path.parts
)
FOUNDATION = {"forum.errors", "forum.settings", "forum.text", "forum.tokens", "forum.files", "forum.language"}
PURE = {
    "forum.text",
    "forum.tokens",
    "forum.errors",
    "forum.language",
    "forum.doctor",
    "mailbridge.doctor",
    "mailbridge.letter",
    "mailbridge.quotes",
    "mailbridge.read",
    "mailbridge.bounces",
    "mailbridge.feedback",
    "mailbridge.auto",
    "mailbridge.alignment",
    "mailbridge.arrival",
    "mailbridge.decide",
    "mailbridge.commands",
    "mailbridge.absence_words",
    "mailbridge.head",
    "mailbridge.thread_index",
    "mailbridge.proof",
    "mailbridge.addresses",
    "mailbridge.flowed",
    "mailbridge.dkim",
    "mailbridge.write",
    "mailbridge.envelope",
    "mailbridge.spread",
    "mailbridge.assemble",
}
LONGEST_FILE, LONGEST_FUNCTION = 400, 45


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in FILES}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Modules of ours and others', as precisely as can be told: `from forum import posts` is forum.posts."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found


def pure(name: str) -> bool:
    return any(name == pure or name.startswith(pure + ".") for pure in PURE)


def is_noun(name: str) -> bool:
    return name.startswith("forum.") and not name.startswith(
        ("forum.web", "forum.commands", "forum.__main__", "forum.town", "forum.migrations")
    )


def uses(path: Path, *packages: str) -> set[str]:
    return {name for name in imported(path) if name.split(".")[0] in packages}


@pytest.mark.parametrize("path", FILES, ids=module)
def test_imports_run_one_way(path: Path) -> None:
    name, names = module(path), imported(path)
    roof = name.startswith(("forum.commands", "forum.__main__"))
    if not roof:
        assert not {n for n in names if n.startswith(("forum.commands", "forum.__main__"))} or name.startswith(
            "forum.commands"
        )
    if name.startswith("forum") and not roof:
        assert not {n for n in names if n.startswith("mailbridge")}, "the forum does not know the bridge"
    if name.startswith("mailbridge"):
        assert not {n for n in names if n.startswith("forum.web")}, "web and bridge never meet"
    if is_noun(name):
        assert not {n for n in names if n.startswith("forum.web")}, "nouns do not know their pages"
        assert not uses(path, "starlette", "aiosmtpd", "email", "jinja2", "uvicorn"), "nouns know no protocol"
    if name in FOUNDATION:
        assert not {n for n in names if n.startswith("forum.")} - FOUNDATION, "the foundation stands on nothing"


@pytest.mark.parametrize("path", [p for p in FILES if pure(module(p))], ids=module)
def test_pure_files_touch_no_database_no_network_no_clock(path: Path) -> None:
    assert not uses(
        path, "sqlalchemy", "aiosmtpd", "socket", "asyncio", "smtplib", "starlette", "time", "random", "secrets"
    )
    assert not {"forum.tables", "forum.db", "forum.world"} & imported(path)


def test_there_are_no_import_cycles() -> None:
    graph = {name: {n for n in imported(path) if n in MODULES} for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above[above.index(name) :], name])
        if name not in done:
            for other in graph[name]:
                visit(other, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=module)
def test_nothing_is_imported_inside_a_function(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not inner, f"{node.name} imports"


@pytest.mark.parametrize("path", [p for p in FILES if module(p) != "forum.db"], ids=module)
def test_only_db_commits(path: Path) -> None:
    calls = [n for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute) and n.attr in ("commit", "rollback")]
    assert not calls, f"line {calls[0].lineno}"


@pytest.mark.parametrize("path", FILES, ids=module)
def test_every_file_says_what_lives_in_it(path: Path) -> None:
    if path.stat().st_size:
        assert ast.get_docstring(tree(path))


@pytest.mark.parametrize("path", FILES, ids=module)
def test_a_file_fits_a_head_and_a_function_a_screen(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, node.name


@pytest.mark.parametrize("path", FILES, ids=module)
def test_names_say_what_things_are(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            assert not re.search(r"(Service|Manager|Helper|Handler|Base|Util)$", node.name), node.name
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert not node.name.startswith("get_"), node.name
    assert path.stem not in ("utils", "common", "helpers", "base")


def refusals(kind: type[errors.Refusal] = errors.Refusal) -> Iterator[type[errors.Refusal]]:
    for child in kind.__subclasses__():
        yield child
        yield from refusals(child)


KINDS = {errors.NotFound, errors.NotAllowed, errors.Invalid, errors.TooMany}


@pytest.mark.parametrize("refusal", [r for r in refusals() if r not in KINDS], ids=lambda r: r.__name__)
def test_every_refusal_says_why_and_what_instead(refusal: type[errors.Refusal]) -> None:
    assert refusal.sentence.endswith(".")
    assert refusal.instead.endswith(".")
    assert refusal.__name__ in (errors.__doc__ or ""), "the tree in the docstring is the map"


@pytest.mark.parametrize("refusal", [r for r in refusals() if r not in KINDS], ids=lambda r: r.__name__)
def test_every_refusal_is_tested(refusal: type[errors.Refusal]) -> None:
    tests = "\n".join(
        p.read_text(encoding="utf-8") for p in (ROOT / "tests").rglob("test_*.py") if p.name != "test_house.py"
    )
    assert re.search(rf"\b{refusal.__name__}\b", tests) or refusal.sentence.split("%")[0].strip(" “") in tests


def documents() -> str:
    return "\n".join(p.read_text(encoding="utf-8") for p in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("name", [f.name for f in fields(Settings)])
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in documents()
    assert next(f for f in fields(Settings) if f.name == name).metadata["help"].endswith(".")


@pytest.mark.parametrize("command", sorted(NOUNS))
def test_every_command_is_documented_and_helps(command: str) -> None:
    found = command_line([command])
    assert f"`parvi {command}" in documents()
    assert getattr(found, "commands")[command].help  # noqa: B009


def test_every_subcommand_is_documented() -> None:
    every = getattr(command_line([]), "commands")  # noqa: B009
    for name, command in every.items():
        for sub in getattr(command, "commands", {}):
            assert f"`parvi {name} {sub}" in documents(), f"{name} {sub}"


BACK = {"takaisin", "tillbaka", "back"}


def test_every_word_of_command_is_documented() -> None:
    told = (ROOT / "docs" / "by-mail.md").read_text(encoding="utf-8")
    cells = {
        word.strip()
        for line in told.splitlines()
        if line.startswith("|")
        for cell in line.split("|")
        for word in cell.split(",")
    }
    assert {word for words in commands.WORDS.values() for word in words} | BACK <= cells
