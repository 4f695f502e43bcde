"""What a calendar part asks of who reads it: its METHOD (RFC 5546 1.4)."""

import re

from mailbridge.read.mime import Entity

METHODS = {"PUBLISH", "REQUEST", "REPLY", "ADD", "CANCEL", "REFRESH", "COUNTER", "DECLINECOUNTER"}

_LINE = re.compile(rb"^METHOD(?:;[^:\r\n]{0,200})?:[ \t]*([A-Za-z]{3,20})[ \t]*\r?$", re.I | re.M)
_LOOKED_AT = 100_000


def method(mail: Entity) -> str:
    """Of the first text/calendar part that names one: as its Content-Type says, else as it says itself; else ""."""
    found = (_of(entity) for entity in mail.walk() if entity.media_type == "text/calendar")
    return next((each for each in found if each in METHODS), "")


def _of(entity: Entity) -> str:
    named = entity.parameters.get("method", "").strip().upper()
    if named in METHODS:
        return named
    if entity.disposition()[0] == "attachment":  # somebody else's, passed on as a file
        return ""
    line = _LINE.search(entity.data()[:_LOOKED_AT])
    return line[1].decode().upper() if line else ""
