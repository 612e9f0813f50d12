"""A scripted resolver, for what dnsmasq cannot be made to do: it says that it has validated (the
AD bit), refuses single questions, loses some and can be dead for a while.

    zone = {"a.example": {"MX": [(10, "mx.example")]}, "mx.example": {"A": ["127.0.0.2"]}}
    with NameServer(zone, secure=True) as dns:
        ...

All it takes is in `zone` and may change at any time; a name that is not there does not exist.
UDP and TCP on one free port, answers without compression and with a short TTL."""
import ipaddress
import socketserver
import struct
import threading

import dns_server

TYPES = {"A": 1, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "TLSA": 52}
NAMES = {number: name for name, number in TYPES.items()}
SERVFAIL, NXDOMAIN, TTL_S = 2, 3, 30
QR, TC, RD, RA, AD = 0x8000, 0x0200, 0x0100, 0x0080, 0x0020
DO = 0x8000  # in the TTL of an OPT record
OPT = 41


def _name(text):
    labels = [label for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in labels) + b"\0"


def _rdata(kind, value):
    if kind == "MX":
        return struct.pack(">H", value[0]) + _name(value[1])
    if kind == "CNAME":
        return _name(value)
    if kind == "TLSA":
        return bytes(value[:3]) + value[3]
    if kind == "TXT":
        return bytes([len(value)]) + value.encode("ascii")
    if kind == "SOA":
        return _name(value) + _name(value) + struct.pack(">5I", 1, 60, 60, 60, TTL_S)
    return ipaddress.ip_address(value).packed


def _record(owner, kind, value):
    data = _rdata(kind, value)
    return _name(owner) + struct.pack(">HHIH", TYPES[kind], 1, TTL_S, len(data)) + data


class Question:
    """The first of a message, and whether its sender knows the AD bit (RFC 6840, 5.7 and 5.8)."""

    def __init__(self, octets):
        self.id, flags, _, _, _, more = struct.unpack(">6H", octets[:12])
        labels, at = [], 12
        while octets[at]:
            labels.append(octets[at + 1:at + 1 + octets[at]].decode("ascii").lower())
            at += 1 + octets[at]
        self.name, at = ".".join(labels), at + 5
        self.octets = octets[12:at]
        self.kind = NAMES.get(struct.unpack(">H", octets[at - 4:at - 2])[0])
        options = octets[at:at + 11]
        self.wants_ad = bool(flags & AD)
        if more and struct.unpack(">H", options[1:3])[0] == OPT:
            self.wants_ad |= bool(struct.unpack(">H", options[7:9])[0] & DO)


class NameServer:
    """secure: it has validated all it says. broken: (name, type) that get SERVFAIL. lost: whether
    a datagram is never answered, by how often its question was asked before. truncated: over UDP it only says that
    TCP has the answer. asked: (name, type) of each question so far."""

    def __init__(self, zone, secure=False, broken=()):
        self.zone, self.secure, self.broken = zone, secure, set(broken)
        self.lost = lambda times: False
        self.truncated = False
        self.asked = []
        self.port = dns_server.free_port()
        self.server = "127.0.0.1:%d" % self.port
        self._servers = []

    def answer(self, octets, datagram):
        """The message that answers; None: lost."""
        question = Question(octets)
        asked = question.name, question.kind
        times = self.asked.count(asked)
        self.asked.append(asked)
        if datagram and self.lost(times):
            return None
        code, found, authority = self._look_up(question)
        flags = QR | RD | RA | (AD if self.secure and question.wants_ad else 0) | code
        if datagram and self.truncated:
            flags, found, authority = flags | TC, [], []
        return struct.pack(">6H", question.id, flags, 1, len(found), len(authority), 0) + \
            question.octets + b"".join(found + authority)

    def _look_up(self, question):
        if (question.name, question.kind) in self.broken:
            return SERVFAIL, [], []
        name, found = question.name, []
        records = self.zone.get(name)
        while records and "CNAME" in records:
            found += [_record(name, "CNAME", value) for value in records["CNAME"]]
            name, = records["CNAME"]
            records = self.zone.get(name)
        found += [_record(name, question.kind, value)
                  for value in (records or {}).get(question.kind, ())]
        authority = [] if found else [_record("example", "SOA", "ns.example")]
        return NXDOMAIN if records is None else 0, found, authority

    # ---- being there ----

    def start(self):
        for kind, handler in ((socketserver.ThreadingUDPServer, _Datagram),
                              (socketserver.ThreadingTCPServer, _Stream)):
            kind = type(kind.__name__, (kind,), {"allow_reuse_address": True,
                                                 "daemon_threads": True})
            server = kind(("127.0.0.1", self.port), handler)
            server.names = self
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self._servers.append(server)

    def stop(self):
        """Nobody is there any more, until start()."""
        while self._servers:
            server = self._servers.pop()
            server.shutdown()
            server.server_close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.stop()


class _Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        octets, socket = self.request
        answer = self.server.names.answer(octets, datagram=True)
        if answer:
            socket.sendto(answer, self.client_address)


class _Stream(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            size = self.rfile.read(2)
            if len(size) < 2:
                return
            octets = self.rfile.read(struct.unpack(">H", size)[0])
            answer = self.server.names.answer(octets, datagram=False)
            self.wfile.write(struct.pack(">H", len(answer)) + answer)
