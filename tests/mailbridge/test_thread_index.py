"""Outlook's Thread-Index: ours comes back, a foreign one is told apart, garbage is nothing."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from forum.tokens import Tokens
from mailbridge.thread_index import conversation, thread_index, thread_of

TOKENS = Tokens(["secret"])


def answered(index: str) -> str:
    """As Outlook does: five bytes more."""
    return base64.b64encode(base64.b64decode(index) + b"\x80\x01\x02\x03\x04").decode()


@given(st.integers(0, 2**40))
def test_an_answer_names_the_thread(thread_id: int) -> None:
    guid = conversation(answered(answered(thread_index(TOKENS, thread_id))))
    assert guid is not None
    assert thread_of(TOKENS, guid) == thread_id


def test_a_changed_secret_still_knows_the_old_ones() -> None:
    guid = conversation(thread_index(TOKENS, 5))
    assert guid is not None
    assert thread_of(Tokens(["new", "secret"]), guid) == 5
    assert thread_of(Tokens(["new"]), guid) is None


def test_it_is_22_bytes_and_the_same_for_every_mail_of_a_thread() -> None:
    assert len(base64.b64decode(thread_index(TOKENS, 7))) == 22
    assert thread_index(TOKENS, 7) == thread_index(TOKENS, 7) != thread_index(TOKENS, 8)


def test_anothers_conversation_is_not_ours() -> None:
    guid = conversation(base64.b64encode(b"\x01" + bytes(range(21))).decode())
    assert guid is not None
    assert thread_of(TOKENS, guid) is None


@given(st.text() | st.none())
def test_garbage_is_no_conversation(text: str | None) -> None:
    guid = conversation(text)
    assert guid is None or len(guid) == 16
