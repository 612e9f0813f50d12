"""Debian's dnsmasq on a free port of the loopback, with the records a test wants."""
import os
import shutil
import socket
import subprocess
import unittest

import postrider_test as pt


def missing():
    """Why there is no dnsmasq, or None."""
    return None if shutil.which("dnsmasq", path="/usr/sbin:/usr/bin") else "dnsmasq is not installed"


def free_port():
    """A port that is free for UDP and TCP now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    udp.bind(("127.0.0.1", port))
                except OSError:
                    continue
            return port


class Dns(pt.Process):
    """mx: {domain: [(preference, host)]}; hosts: {host: address}; options: further ones.

    Names below `example` that are not told do not exist."""

    def __init__(self, folder, mx=None, hosts=None, options=()):
        if missing():
            raise unittest.SkipTest(missing())
        self.port = free_port()
        self.server = "127.0.0.1:%d" % self.port
        lines = ["port=%d" % self.port, "listen-address=127.0.0.1", "bind-interfaces", "no-resolv",
                 "no-hosts", "keep-in-foreground", "user=root", "local=/example/", "log-queries",
                 "log-facility=-", "pid-file=", "cache-size=0", *options]
        for host, address in (hosts or {}).items():
            lines.append("host-record=%s,%s" % (host, address))
        for domain, exchangers in (mx or {}).items():
            for preference, host in exchangers:
                lines.append("mx-host=%s,%s,%d" % (domain, host, preference))
        path = self.conf = os.path.join(folder, "dnsmasq.conf")
        self.folder = folder
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        self.start()

    def start(self):
        self._spawn(["/usr/sbin/dnsmasq", "--conf-file=" + self.conf],
                    os.path.join(self.folder, "dnsmasq.log"), stdout=subprocess.DEVNULL)
        pt.wait_until(self._answers, "dnsmasq")

    def publish(self, *options):
        """The same on the same port, with further options."""
        self.terminate()
        with open(self.conf, "a", encoding="utf-8") as f:
            f.write("\n".join(options) + "\n")
        self.start()

    def _answers(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            try:
                s.sendto(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04none\x07example\x00"
                         b"\x00\x01\x00\x01", ("127.0.0.1", self.port))
                return s.recv(512)
            except OSError:
                return False
