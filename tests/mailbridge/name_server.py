"""A name server on loopback: answers what it is told to, by UDP and TCP, and keeps what it was asked."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SOA = "ns.example.org. op.example.org. 1 3600 600 86400 60"


class NameServer:
    """`records` is (name, type) -> texts. A name in `deaf` gets no answer, one in `broken` SERVFAIL, in `garbled` bytes that are none."""

    def __init__(self, ttl: int = 300) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.deaf: set[str] = set()
        self.broken: set[str] = set()
        self.garbled: set[str] = set()
        self.is_down = False
        self.ttl = ttl
        self._udp, self._tcp = _sockets()
        self.address = f"127.0.0.1:{self._udp.getsockname()[1]}"

    def set(self, name: str, kind: str, *texts: str) -> None:
        self.records[name.lower(), kind] = list(texts)

    def text(self, name: str, *texts: str) -> None:
        """TXT, cut into strings of 255 as they travel."""
        self.set(name, "TXT", *(" ".join(f'"{text[n : n + 255]}"' for n in range(0, len(text), 255)) for text in texts))

    def answer(self, wire: bytes, *, by_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if self.is_down or name in self.deaf:
            return None
        if name in self.garbled:
            return wire[:2] + b"\xff" * 7
        response = dns.message.make_response(query, recursion_available=True)
        self._fill(response, name, kind, question)
        try:
            return response.to_wire(max_size=65535 if by_tcp else 1232)
        except dns.exception.TooBig:
            short = dns.message.make_response(query, recursion_available=True)
            short.flags |= dns.flags.TC
            return short.to_wire()

    def _fill(self, response: dns.message.Message, name: str, kind: str, question: dns.rrset.RRset) -> None:
        if name in self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif texts := self.records.get((name, kind)):
            response.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, *texts))
        else:
            if not any(known == name or known.endswith("." + name) for known, _ in self.records):
                response.set_rcode(dns.rcode.NXDOMAIN)
            response.authority.append(dns.rrset.from_text("example.org.", self.ttl, "IN", "SOA", SOA))

    def serve(self) -> None:
        threading.Thread(target=self._serve_udp, daemon=True).start()
        threading.Thread(target=self._serve_tcp, daemon=True).start()

    def close(self) -> None:
        for each in (self._udp, self._tcp):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve_udp(self) -> None:
        with suppress(OSError):
            while True:
                wire, peer = self._udp.recvfrom(65535)
                if not wire:  # it was closed
                    return
                if answer := self.answer(wire, by_tcp=False):
                    self._udp.sendto(answer, peer)

    def _serve_tcp(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._tcp.accept()
                with connection, connection.makefile("rb") as stream:
                    size = struct.unpack("!H", stream.read(2))[0]
                    if answer := self.answer(stream.read(size), by_tcp=True):
                        connection.sendall(struct.pack("!H", len(answer)) + answer)


def _sockets() -> tuple[socket.socket, socket.socket]:
    """Both at one port."""
    while True:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
            continue
        return udp, tcp


@contextmanager
def name_server(ttl: int = 300) -> Iterator[NameServer]:
    server = NameServer(ttl)
    server.serve()
    yield server
    server.close()
