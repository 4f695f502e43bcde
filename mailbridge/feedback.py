"""What a complaint (ARF, RFC 5965) says about the mail of ours that it is about. Pure."""

import re

from mailbridge.read.encoding import decoded, words
from mailbridge.read.mime import Entity, Headers, fields_of, split

_COPIES = {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}
_NAME = re.compile(r"[^\s<>,;\"]{5,400}")
_TEXT = 100_000


def complained_of(mail: Entity) -> tuple[str, ...]:
    """Its envelope senders (RFC 5965 3.2) and links for stopping: the reader's address is often struck out."""
    said: list[str] = []
    for entity in mail.walk():
        if entity.media_type == "message/feedback-report":
            said += Headers(fields_of(decoded(entity.data()[:_TEXT], ""))).all("original-mail-from")
        elif entity.media_type in _COPIES:
            copy = split(entity.data()[:_TEXT]).headers
            said += copy.all("return-path")[:1] + copy.all("list-unsubscribe")[:1]
    return tuple(dict.fromkeys(name for value in said[:20] for name in _NAME.findall(words(value))[:5]))
