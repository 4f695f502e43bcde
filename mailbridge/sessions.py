"""Sessions at the mail door, and how they end: nobody is cut off in the midst of a mail while there is time."""

import asyncio
from collections.abc import Callable
from weakref import WeakSet

from aiosmtpd.smtp import SMTP

LOOK_S = 0.02
GOODBYE = b"421 4.3.2 This server is stopping; please come again in a moment\r\n"


class Sessions:
    """All of one process. `opening` is given to the loop in place of what makes a session."""

    def __init__(self) -> None:
        self._open: WeakSet[SMTP] = WeakSet()

    def opening(self, make: Callable[[], SMTP]) -> Callable[[], SMTP]:
        def opened() -> SMTP:
            session = make()
            self._open.add(session)
            return session

        return opened

    async def end(self, seconds: float) -> None:
        """Who is between two mails is told to come again; who is in one has so long to get its answer."""
        try:
            async with asyncio.timeout(seconds):
                while remaining := [session for session in self._open if _is_open(session)]:
                    for session in remaining:
                        if session.envelope is None or session.envelope.mail_from is None:
                            session.transport.write(GOODBYE)
                            session.transport.close()
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            pass


def _is_open(session: SMTP) -> bool:
    return session.transport is not None and not session.transport.is_closing()
