"""`postrider doctor` with a name server of its own: Debian's dnsmasq on a free port."""
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt

DNSMASQ = "/usr/sbin/dnsmasq"
CONFIG = """hostname: mta.acme.test
socket: {path: %(folder)s/socket}
spool: %(folder)s/spool
state: %(folder)s/state
dns: {servers: ["127.0.0.1:%(port)d"], timeout: 5s}
routes:
  default: {via: mx, sources: [first]}
sources:
  first: {address: %(source)s, hostname: mta.acme.test}
dkim:
  - {domain: acme.test, selector: s1, key_file: s1.pem}
  - {domain: acme.test, selector: e1, key_file: e1.pem}
brands:
  acme: {from_domains: [news.acme.test], bounce_domain: bounce.acme.test}
"""
# What makes all of it pass; a test takes one out or puts another in its place.
RECORDS = {
    "spf": "--txt-record=bounce.acme.test,v=spf1 include:_spf.acme.test -all",
    "spf-included": "--txt-record=_spf.acme.test,v=spf1 a:mta.acme.test -all",
    "dmarc": "--txt-record=_dmarc.acme.test,v=DMARC1; p=reject; rua=mailto:d@acme.test",
    "mx": "--mx-host=bounce.acme.test,mta.acme.test,10",
    "host": "--host-record=mta.acme.test,192.0.2.10",
    "ptr": "--ptr-record=10.2.0.192.in-addr.arpa,mta.acme.test",
}


def dns_answers(port):
    """Whether the server answers at all: a question for the root, by hand."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        try:
            s.connect(("127.0.0.1", port))
            s.send(b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04test\x00\x00\x01\x00\x01")
            return bool(s.recv(512))
        except OSError:
            return False


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


@unittest.skipUnless(os.access(DNSMASQ, os.X_OK), "dnsmasq is not installed")
class DoctorTest(pt.TestCase):
    def setUp(self):
        super().setUp()
        self.key("s1", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        self.key("e1", "genpkey", "-algorithm", "ED25519")

    def path(self, name):
        return os.path.join(self.folder, name)

    def key(self, name, *how):
        openssl(*how, "-out", self.path(name + ".pem"))

    def public(self, name):
        """The key as it is published: of Ed25519 the last 32 octets alone (RFC 8463)."""
        der = openssl("pkey", "-in", self.path(name + ".pem"), "-pubout", "-outform", "DER")
        return base64.b64encode(der[-32:] if name[0] == "e" else der).decode()

    def dkim(self, name, text):
        """--txt-record with strings of at most 255 octets."""
        parts = [text[i:i + 200] for i in range(0, len(text), 200)]
        return "--txt-record=%s._domainkey.acme.test,%s" % (name, ",".join(parts))

    def serve(self, **changed):
        records = dict(RECORDS)
        records["s1"] = self.dkim("s1", "v=DKIM1; k=rsa; p=" + self.public("s1"))
        records["e1"] = self.dkim("e1", "v=DKIM1; k=ed25519; p=" + self.public("e1"))
        records.update({k.replace("_", "-"): v for k, v in changed.items()})
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        server = subprocess.Popen(
            [DNSMASQ, "--keep-in-foreground", "--conf-file=/dev/null", "--port=%d" % self.port,
             "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts",
             "--pid-file", "--log-facility=/dev/null", "--local=/test/",
             "--local=/arpa/", *[r for r in records.values() if r]])
        self.addCleanup(self.end, server)
        pt.wait_until(lambda: dns_answers(self.port), "dnsmasq")

    def end(self, server):
        server.send_signal(signal.SIGTERM)
        server.wait()

    def configure(self, source="192.0.2.10", text=CONFIG):
        with open(self.path("postrider.yaml"), "w", encoding="utf-8") as f:
            f.write(text % {"folder": self.folder, "port": self.port, "source": source})

    def doctor(self, status, *arguments):
        done = subprocess.run(
            [pt.program("postrider"), "doctor", "--config", self.path("postrider.yaml"),
             *arguments], capture_output=True, text=True, timeout=pt.TIMEOUT)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def findings(self, status, domain="news.acme.test"):
        """By check, those that are not ok: [(result, text, remedy)]."""
        all_of_them = json.loads(self.doctor(status, domain, "--json"))
        for f in all_of_them:
            self.assertEqual(sorted(f), ["check", "domain", "remedy", "result", "source", "text"])
        return {f["check"]: (f["result"], f["text"], f["remedy"])
                for f in all_of_them if f["result"] != "ok"}

    def test_a_sender_with_all_records_passes(self):
        self.serve()
        self.configure()
        text = self.doctor(0, "news.acme.test")
        for line in ("SPF passes for bounce.acme.test from 192.0.2.10",
                     "The DKIM key s1._domainkey.acme.test is published (RSA).",
                     "The DKIM key e1._domainkey.acme.test is published (Ed25519).",
                     "DMARC of news.acme.test is found at _dmarc.acme.test: reject.",
                     "SPF and DKIM are aligned with news.acme.test.",
                     "The return path bounce.acme.test takes mail (MX).",
                     "192.0.2.10 is mta.acme.test, both ways.",
                     "The EHLO name mta.acme.test leads to 192.0.2.10.",
                     "0 problems, 0 warnings"):
            self.assertIn(line, text)
        self.assertEqual(self.findings(0), {})

    def test_without_a_domain_brands_and_keys_are_looked_at(self):
        self.serve()
        self.configure()
        found = json.loads(self.doctor(1, "--json"))
        self.assertEqual({f["domain"] for f in found}, {"news.acme.test", "acme.test", ""})
        bad = {(f["domain"], f["check"]) for f in found if f["result"] == "problem"}
        self.assertEqual(bad, {("acme.test", "spf"), ("acme.test", "return-path")})

    def test_each_missing_record_is_told_with_what_to_publish(self):
        self.serve(spf=None, dmarc=None, mx=None, ptr=None, host=None, s1=None, e1=None)
        self.configure()
        found = self.findings(1)
        self.assertEqual({k: v[0] for k, v in found.items()},
                         {k: "problem" for k in ("spf", "dkim", "dmarc", "return-path", "ptr",
                                                 "ehlo")})
        self.assertIn('bounce.acme.test. IN TXT "v=spf1 ip4:192.0.2.10 -all"', found["spf"][2])
        self.assertIn('e1._domainkey.acme.test. IN TXT "v=DKIM1; k=ed25519; p=%s"'
                      % self.public("e1"), found["dkim"][2])
        self.assertIn("10.2.0.192.in-addr.arpa. IN PTR mta.acme.test.", found["ptr"][2])
        self.assertIn("mta.acme.test. IN A 192.0.2.10", found["ehlo"][2])
        self.assertIn("bounce.acme.test. IN MX", found["return-path"][2])

    def test_a_long_key_is_told_in_strings_that_fit(self):
        self.serve(s1=None)
        self.configure()
        remedy = self.findings(1)["dkim"][2]
        strings = remedy.split('"')[1::2]
        self.assertEqual("".join(strings), "v=DKIM1; k=rsa; p=" + self.public("s1"))
        self.assertLessEqual(max(map(len, strings)), 255)

    def test_another_key_than_the_published_one_is_a_problem(self):
        self.serve()
        self.configure()
        self.key("e1", "genpkey", "-algorithm", "ED25519")
        result, text, remedy = self.findings(1)["dkim"]
        self.assertEqual((result, text), ("problem", "The DKIM record e1._domainkey.acme.test has "
                                                     "another key than key_file."))
        self.assertIn(self.public("e1"), remedy)

    def test_a_revoked_key_is_a_problem(self):
        self.serve(e1=self.dkim("e1", "v=DKIM1; k=ed25519; p="))
        self.configure()
        self.assertIn("revokes", self.findings(1)["dkim"][1])

    def test_a_short_key_is_a_warning(self):
        self.key("s1", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")
        self.serve()
        self.configure()
        result, text, _ = self.findings(0)["dkim"]
        self.assertEqual(result, "warning")
        self.assertIn("1024 bits", text)

    def test_spf_that_leaves_the_source_out_is_a_problem(self):
        self.serve(spf="--txt-record=bounce.acme.test,v=spf1 ip4:192.0.2.0/29 ~all")
        self.configure()
        result, text, remedy = self.findings(1)["spf"]
        self.assertEqual(result, "problem")
        self.assertIn("is softfail", text)
        self.assertIn("add ip4:192.0.2.10", remedy)

    def test_another_name_both_ways_is_a_warning(self):
        self.serve(ptr="--ptr-record=10.2.0.192.in-addr.arpa,other.acme.test",
                   other="--host-record=other.acme.test,192.0.2.10")
        self.configure()
        found = self.findings(0)
        self.assertEqual(list(found), ["ptr"])
        self.assertIn("greets as mta.acme.test", found["ptr"][1])

    def test_a_name_server_that_is_gone_is_a_problem_not_a_crash(self):
        self.serve()
        self.configure(text=CONFIG.replace("timeout: 5s", "timeout: 1s"))
        with open(self.path("postrider.yaml"), encoding="utf-8") as f:
            text = f.read()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
            closed.bind(("127.0.0.1", 0))
            free = closed.getsockname()[1]
        with open(self.path("postrider.yaml"), "w", encoding="utf-8") as f:
            f.write(text.replace(str(self.port), str(free)))
        found = self.findings(1)
        self.assertTrue(all("cannot be looked up" in v[1] or "Neither" in v[1] or
                            "temperror" in v[1] for v in found.values()), found)

    def test_without_sources_it_is_said_that_the_address_is_unknown(self):
        self.serve()
        text = CONFIG.replace("sources: [first]", "tls: none")
        text = text.replace("sources:\n  first: {address: %(source)s, hostname: mta.acme.test}\n",
                            "")
        self.configure(text=text)
        found = self.findings(0)
        self.assertEqual(list(found), ["sources"])
        self.assertIn("not known", found["sources"][1])

    def test_wrong_usage_is_told(self):
        self.serve()
        self.configure()
        self.doctor(2, "not a domain")
        self.doctor(2, "a.test", "b.test")


if __name__ == "__main__":
    unittest.main()
