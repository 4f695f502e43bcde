"""The roof: `parvi ...` commands. Only the ones that are asked for are imported, so that each starts fast."""

import importlib
import logging
import sys
from collections.abc import Callable

import typer

from forum.errors import Refusal
from forum.schema import SchemaWrong
from forum.settings import SettingsWrong

NOUNS = {  # command -> the module of forum.commands in which it is
    "demo": "demo",
    "serve": "serve",
    "web": "serve",
    "bridge": "serve",
    "work": "serve",
    "migrate": "migrate",
    "network": "network",
    "member": "member",
    "token": "member",
    "mail": "mail",
    "export": "export",
    "check": "check",
}


def main() -> None:
    """Exit status: 0 done, 1 refused or something wrong, 2 wrong usage."""
    status = 1
    try:
        command_line(sys.argv[1:2])()  # ends with SystemExit, 2 for wrong usage
    except (Refusal, SettingsWrong, SchemaWrong) as refusal:
        print(refusal, file=sys.stderr)
    except Exception as error:
        logging.getLogger("parvi").debug("a command failed", exc_info=True)
        print(f"That should not have happened ({type(error).__name__}: {error}). Nothing was changed.", file=sys.stderr)
    sys.exit(status)


def command_line(words: list[str]) -> Callable[[], object]:
    """All commands for the help, or just the module that holds the one asked for."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(help="A discussion forum for networks of professionals, bridged to e-mail.")(lambda: None)
    wanted = [NOUNS[words[0]]] if words and words[0] in NOUNS else sorted(set(NOUNS.values()))
    for noun in wanted:
        importlib.import_module(f"forum.commands.{noun}").register(app)
    return typer.main.get_command(app)


if __name__ == "__main__":
    main()
