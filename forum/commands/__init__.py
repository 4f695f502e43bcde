"""What the commands have in common: the world they work in, and how they speak."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from forum.schema import check_schema
from forum.settings import read_settings
from forum.world import World, open_world

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of words.")]


@contextmanager
def world() -> Iterator[World]:
    """With the settings of this environment, on a database of this version."""
    opened = open_world(read_settings())
    try:
        check_schema(opened.database)
        yield opened
    finally:
        opened.database.close()


def say(words: str, facts: dict[str, Any], as_json: bool) -> None:
    print(json.dumps(facts, ensure_ascii=False, default=str) if as_json else words)


def log_to_stderr(level: int = logging.INFO) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd tells of every command
