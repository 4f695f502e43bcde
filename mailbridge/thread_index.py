"""Outlook's Thread-Index ([MS-OXOMSG] 2.2.1.3): what keeps a conversation together where References are lost. Pure.

Base64 of 22 bytes, a time and a GUID that stands for the conversation, and five more for each answer. In our own mails the
GUID names the thread and proves that we made it: an answer written in Outlook carries it back.
"""

import base64
import binascii

from forum.tokens import Tokens

PURPOSE = "thread-index"
HEAD, GUID = 22, slice(6, 22)


def thread_index(tokens: Tokens, thread_id: int) -> str:
    """The same for every mail of a thread: what Outlook appends to it tells its answers apart."""
    return base64.b64encode(b"\x01" + bytes(5) + tokens.seal(PURPOSE, thread_id)).decode()


def conversation(index: str | None) -> bytes | None:
    """The GUID of a Thread-Index; None for what is none."""
    try:
        found = base64.b64decode((index or "")[:4000], validate=True)
    except (binascii.Error, ValueError):
        return None
    return found[GUID] if len(found) >= HEAD else None


def thread_of(tokens: Tokens, guid: bytes) -> int | None:
    """The thread, when the conversation is one of ours."""
    return tokens.unseal(PURPOSE, guid)
