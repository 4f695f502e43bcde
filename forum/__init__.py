"""The forum: what is true about networks, members, threads and posts."""

from pathlib import Path

VERSION = "0.1.0"

_here = Path(__file__).parent
TEMPLATES = next(
    folder for folder in (_here / "templates", _here.parent / "templates") if folder.is_dir() or folder.parent != _here
)
