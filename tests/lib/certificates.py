"""Certificates for tests, made by the command openssl: an authority and what it vouches for."""
import hashlib
import os
import subprocess

CURVE = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("rsa:2048",)


def _openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


def tlsa(key):
    """The TLSA record of a certificate by its key: DANE-EE, public key, SHA-256 (RFC 6698)."""
    public = _openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
    return 3, 1, 1, hashlib.sha256(public).digest()


class Authority:
    """In a folder of the test's; `path` is its own certificate: whom to trust. What it makes are
    the paths of a certificate and of its key, good for two days."""

    def __init__(self, folder):
        self.folder = folder
        self.path, self._key = self._make("ca", CURVE, "basicConstraints=critical,CA:TRUE")
        self._by = ("-CA", self.path, "-CAkey", self._key)

    def _make(self, name, kind, extension, *by):
        path, key = (os.path.join(self.folder, name + end) for end in (".pem", ".key"))
        _openssl("req", "-x509", "-days", "2", "-newkey", *kind, "-nodes", "-subj", "/CN=" + name,
                 "-addext", extension, *by, "-keyout", key, "-out", path)
        return path, key

    def issue(self, name, *hosts, kind=CURVE, by_itself=False):
        """For these hosts (IP: before an address). by_itself: nobody vouches for it."""
        names = ",".join(host if ":" in host else "DNS:" + host for host in hosts)
        return self._make(name, kind, "subjectAltName=" + names, *(() if by_itself else self._by))

    def expired(self, name, *hosts):
        """The same, but its time was over yesterday."""
        path, key = self.issue(name, *hosts)
        copy = ("-copy_extensions", "copyall", "-out")
        _openssl("x509", "-x509toreq", "-in", path, "-signkey", key, *copy, path + ".request")
        _openssl("x509", "-req", "-in", path + ".request", "-days", "-1", *self._by, *copy, path)
        return path, key
