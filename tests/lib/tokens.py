"""Tokens of links and pages, made as message/token.h says and without the daemon's own code."""
import base64
import hashlib
import hmac
import sqlite3

OPEN, CLICK, UNSUBSCRIBE, VIEW, PREFERENCES, BOUNCE = 1, 2, 3, 4, 5, 6


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


class Keys:
    """One key of `secrets`: its id and the secret."""

    def __init__(self, secret, key="a"):
        self.secret, self.id = secret.encode(), key.encode()

    def _hmac(self, data):
        return hmac.new(self.secret, data, hashlib.sha256).digest()

    def address(self, address):
        return self._hmac(b"a" + address.lower().encode())[:8]

    def list(self, name):
        return self._hmac(b"l" + name.lower().encode())[:4] if name else bytes(4)

    def token(self, kind, campaign, row, address="", list_="", link=0):
        octets = bytes([0x10 | kind]) + self.id + varint(campaign) + varint(row)
        if kind == CLICK:
            octets += varint(link)
        if kind in (OPEN, UNSUBSCRIBE, PREFERENCES, BOUNCE):
            octets += self.address(address)
        if kind in (UNSUBSCRIBE, PREFERENCES, BOUNCE):
            octets += self.list(list_)
        return base64.urlsafe_b64encode(octets + self._hmac(octets)[:12]).decode().rstrip("=")


def serial_of(daemon, campaign_id):
    """The number by which tokens know a campaign."""
    db = sqlite3.connect("file:%s/state.db?mode=ro" % daemon.state, uri=True)
    try:
        return db.execute("SELECT serial FROM campaigns WHERE id = ?", (campaign_id,)).fetchone()[0]
    finally:
        db.close()
