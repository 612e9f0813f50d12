"""Return paths that name campaign and row (VERP), read as include/postrider/message/token.h says."""
import base64
import hashlib
import hmac
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import postrider_test as pt  # noqa: E402

BRAND = {"acme": {"from_domains": ["mail.acme.example"], "bounce_domain": "bounce.acme.example"}}
MANIFEST = {"brand": "acme", "list": "news"}


def hashed(secret, purpose, text):
    return hmac.new(secret, purpose + text.lower().encode(), hashlib.sha256).digest()[:8]


class ReturnPath(pt.TestCase):
    def secret(self, name):
        path = os.path.join(self.folder, name + ".key")
        text = base64.b64encode(hashlib.sha256(name.encode()).digest())
        with open(path, "wb") as f:
            f.write(text + b"\n")
        os.chmod(path, 0o600)
        return path, text

    def read(self, address, secret):
        """(key, campaign's serial, row, hash of the address, of the list)."""
        local, _, domain = address.partition("@")
        self.assertEqual(domain, "bounce.acme.example")
        self.assertLessEqual(len(local), 64)
        self.assertRegex(local, r"^bounce\+[a-z2-7]+$")
        text = local[len("bounce+"):].upper()
        octets = base64.b32decode(text + "=" * (-len(text) % 8))
        mac = hmac.new(secret, octets[:-12], hashlib.sha256).digest()[:12]
        self.assertEqual(octets[-12:], mac)
        self.assertEqual(octets[0], 0x16)
        numbers, at = [], 2
        for _ in range(2):
            n = shift = 0
            while True:
                n |= (octets[at] & 127) << shift
                shift, at = shift + 7, at + 1
                if octets[at - 1] < 128:
                    break
            numbers.append(n)
        return chr(octets[1]), *numbers, octets[at:at + 8], octets[at + 8:-12]

    def send(self, daemon, sink, name, rows):
        daemon.drop(pt.make_campaign(self.folder, name, rows=rows, manifest=MANIFEST))
        campaign = daemon.wait_state(name, "finished")
        self.assertEqual(campaign["counts"]["delivered"], rows)
        rows_of = {r["email"]: int(r["row"]) for r in daemon.results(campaign)}
        return rows_of, {m["to"][0]: m["from"] for m in sink.messages()}

    def test_each_message_has_its_own_and_a_new_key_signs_after_a_reload(self):
        (path, secret), (path2, secret2) = self.secret("one"), self.secret("two")
        with pt.Sink(self.folder) as sink, \
                pt.Daemon(self.folder, relay=sink, config={
                    "brands": BRAND, "secrets": [{"id": "a", "file": path}]}) as daemon:
            rows, froms = self.send(daemon, sink, "one", 300)
            serials = set()
            for email, row in rows.items():
                key, serial, seen, address, list_ = self.read(froms[email], secret)
                self.assertEqual((key, seen), ("a", row))
                self.assertEqual(address, hashed(secret, b"a", email))
                self.assertEqual(list_, hashed(secret, b"l", "news")[:4])
                serials.add(serial)
            self.assertEqual(len(serials), 1)
            daemon.write_config(secrets=[{"id": "b", "file": path2}, {"id": "a", "file": path}])
            daemon.post("/v1/reload")
            rows, froms = self.send(daemon, sink, "two", 3)
            for email, row in rows.items():
                key, serial, seen, _, _ = self.read(froms[email], secret2)
                self.assertEqual((key, seen), ("b", row))
                self.assertNotIn(serial, serials)

    def test_without_a_secret_and_for_proofs_there_is_one_for_all(self):
        path, _ = self.secret("one")
        with pt.Sink(self.folder) as sink, \
                pt.Daemon(self.folder, relay=sink, config={"brands": BRAND}) as daemon:
            _, froms = self.send(daemon, sink, "plain", 3)
            self.assertEqual(set(froms.values()), {"bounce@bounce.acme.example"})
            daemon.write_config(secrets=[{"id": "a", "file": path}])
            campaign = pt.make_campaign(self.folder, "proof", rows=2, manifest=MANIFEST)
            subprocess.run([pt.program("postrider"), "proof", campaign, "--to", "boss@x.example",
                            "--config", daemon.config_path], check=True, capture_output=True)
            self.assertEqual(sink.messages()[-1]["from"], "bounce@bounce.acme.example")

    def test_a_secret_that_can_be_guessed_is_refused(self):
        path, _ = self.secret("one")
        with open(path, "w", encoding="ascii") as f:
            f.write("short\n")
        daemon = pt.Daemon(self.folder, start=False, config={
            "secrets": [{"id": "a", "file": path}]})
        done = subprocess.run([pt.program("postriderd"), "--config", daemon.config_path, "--check"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("can be guessed", done.stderr)
        self.assertNotIn("short", done.stderr)


if __name__ == "__main__":
    unittest.main()
