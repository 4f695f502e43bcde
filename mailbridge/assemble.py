"""Putting a mail together: headers and bodies -> bytes. Pure.

By hand where it is simple: the library parses anew each header that it is given, which takes longer than all else that
is done for a post. Files go through it, since their names are not simple.
"""

import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from email.header import Header
from email.message import MIMEPart
from email.policy import SMTP

from mailbridge.flowed import flow

POLICY = SMTP.clone(max_line_length=76)
_LINE, _LONGEST = 76, 900  # RFC 5322 2.1.1: 998 at the most
_BREAK = re.compile(r"\r\n?")  # a bare CR is passed on as it is, and some servers end a mail at a dot between two
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def header(name: str, value: str) -> bytes:
    """One header, folded where there is a space; what is not ASCII in encoded words (RFC 2047). Never a second header."""
    value = " ".join(_CONTROL.sub(" ", value).split())
    is_short = len(name) + len(value) + 2 <= _LINE or (" " not in value and len(value) < _LONGEST)
    if value.isascii() and is_short and "=?" not in value:
        return f"{name}: {value}\r\n".encode()
    charset = "us-ascii" if value.isascii() and "=?" not in value else "utf-8"
    folded = Header(value, charset, maxlinelen=_LINE, header_name=name).encode(linesep="\r\n")
    return f"{name}: {folded}\r\n".encode()


def bodies(text: str, html: str, files: Sequence[bytes] = ()) -> tuple[list[bytes], bytes]:
    """The text as both kinds (RFC 2046 5.1.4), and `files` (as `file_part` makes them) beside it: headers, and the body."""
    plain = _quoted_printable("text/plain", '; format="flowed"', flow(text))
    both = _multipart("alternative", [plain, _quoted_printable("text/html", "", html.strip() + "\n")])
    whole = _multipart("mixed", [both, *files]) if files else both
    content_type, _, body = whole.partition(b"\r\n\r\n")
    return [b"MIME-Version: 1.0\r\n", content_type + b"\r\n"], body


def file_part(data: bytes, media_type: str, name: str, content_id: str | None) -> bytes:
    part = MIMEPart(POLICY)
    main, _, sub = media_type.partition("/")
    if main in ("message", "multipart"):
        main, sub = "application", "octet-stream"
    part.set_content(
        data,
        maintype=main,
        subtype=sub or "octet-stream",
        filename=name,
        cid=content_id and f"<{content_id}>",
        disposition="inline" if content_id else "attachment",
    )
    return part.as_bytes()


def _quoted_printable(media_type: str, parameters: str, text: str) -> bytes:
    """RFC 2045 6.7. Some gateways cut a line of a single dot, and old stores mark lines that begin with “From ”."""
    encoded = binascii.b2a_qp(_BREAK.sub("\n", text).encode("utf-8", "replace"), istext=True)
    lines = (_disarmed(line) for line in encoded.split(b"\n"))
    head = f'Content-Type: {media_type}; charset="utf-8"{parameters}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    return head.encode() + b"\r\n".join(lines)


def _disarmed(line: bytes) -> bytes:
    return b"=46" + line[1:] if line.startswith(b"From ") else b"=2E" if line == b"." else line


def _multipart(kind: str, parts: Iterable[bytes]) -> bytes:
    """The boundary is of what it parts, so that it stands nowhere in it, and that a mail is the same when written again."""
    whole = list(parts)
    boundary = b"=_" + hashlib.sha256(b"\0".join(whole)).hexdigest()[:32].encode()
    head = b"Content-Type: multipart/" + kind.encode() + b';\r\n boundary="' + boundary + b'"\r\n\r\n'
    rows = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in whole)
    return head + rows + b"--" + boundary + b"--\r\n"
