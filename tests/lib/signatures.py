"""Keys of DKIM and a verifier of another hand: Debian's dkimpy."""
import base64
import os
import subprocess
import sys
import unittest

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, whatever python3 is
try:
    import dkim
except ImportError:
    dkim = None

ALGORITHMS = {"rsa": ("RSA", "-pkeyopt", "rsa_keygen_bits:2048"), "ed25519": ("ED25519",)}


def make_key(path, kind="rsa"):
    """Write a private key; returns the TXT record to publish for it."""
    subprocess.run(["openssl", "genpkey", "-out", path, "-algorithm", *ALGORITHMS[kind]],
                   check=True, capture_output=True)
    os.chmod(path, 0o600)
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"],
                         check=True, capture_output=True).stdout
    octets = der[-32:] if kind == "ed25519" else der
    return "v=DKIM1; k=%s; p=%s" % (kind, base64.b64encode(octets).decode())


def needed():
    if dkim is None:
        raise unittest.SkipTest("python3-dkim is not installed")


def verify(mail, records, index=0):
    """Whether a message's signature holds, by the TXT records of {name: text}."""
    def look_up(name, timeout=5):
        name = name.decode() if isinstance(name, bytes) else name
        return records.get(name.rstrip("."), "").encode()
    return dkim.DKIM(mail).verify(idx=index, dnsfunc=look_up)
