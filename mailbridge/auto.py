"""Mails no person wrote: why, or "" when one did."""

from mailbridge.read.mime import Headers


def reason(headers: Headers, subject: str) -> str:
    return ""
