"""Ready pieces of pages: a post looks the same to everyone who reads it in one language and time zone."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock


class Fragments:
    """The ones used last are kept, up to `room` characters of HTML."""

    def __init__(self, room: int = 20_000_000) -> None:
        self._kept: OrderedDict[Hashable, str] = OrderedDict()
        self._lock, self._room, self._size = Lock(), room, 0

    def find(self, key: Hashable) -> str | None:
        with self._lock:
            if (html := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
            return html

    def keep(self, key: Hashable, html: str) -> str:
        with self._lock:
            self._size += len(html) - len(self._kept.pop(key, ""))
            self._kept[key] = html
            while self._size > self._room and self._kept:
                self._size -= len(self._kept.popitem(last=False)[1])
        return html

    def made(self, key: Hashable, make: Callable[[], str]) -> str:
        found = self.find(key)
        return found if found is not None else self.keep(key, make())
