"""MTA-STS (RFC 8461) through the daemon: policies that it fetches over HTTPS by itself, and
exchangers that keep to them or do not."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import certificates
import exchangers
import name_server
from policy_server import PolicyServer, policy

# The mode of each domain's policy, and the certificate of its exchanger.
DOMAINS = {"kept": ("enforce", "good"), "wild": ("enforce", "good"),
           "unlisted": ("enforce", "good"), "untrusted": ("enforce", "own"),
           "expired": ("enforce", "expired"), "misnamed": ("enforce", "other"),
           "stripped": ("enforce", None), "testing": ("testing", "own"),
           "none": ("none", "own"), "unread": ("enforce", "own")}


class MtaSts(exchangers.TestCase):
    @classmethod
    def setUpClass(cls):
        keys = tempfile.TemporaryDirectory(prefix="postrider-sts-")
        cls.addClassCleanup(keys.cleanup)
        authority = certificates.Authority(keys.name)
        cls.ca = authority.path
        names = ["mx.%s.example" % name for name in DOMAINS]
        cls.certificates = {None: None, "good": authority.issue("good", *names),
                            "own": authority.issue("own", *names, by_itself=True),
                            "other": authority.issue("other", "mx.other.example"),
                            "expired": authority.expired("expired", *names)}
        # "unread" is not among them: its policy cannot be had
        cls.web = authority.issue("web", *("mta-sts.%s.example" % name for name in DOMAINS
                                           if name != "unread"))

    def setUp(self):
        super().setUp()
        address = self.network + "250"
        lists = {"wild": "*.wild.example", "unlisted": "mx.other.example"}
        policies = {}
        for name, (mode, certificate) in DOMAINS.items():
            self.receiver(name, tls=self.certificates[certificate])
            self.zone["_mta-sts.%s.example" % name] = {"TXT": ["v=STSv1; id=1"]}
            self.zone["mta-sts.%s.example" % name] = {"A": [address]}
            policies[name + ".example"] = policy(
                mode, lists.get(name, "mx.%s.example" % name))
        self.policies = self.enter(PolicyServer(address, self.web, policies))

    def test_what_an_enforced_policy_does_not_allow_is_never_sent(self):
        with name_server.NameServer(self.zone) as dns:
            campaign, results = self.send(dns, tls={"ca_file": self.ca})
        for name in ("kept", "wild", "testing", "none", "unread"):
            with self.subTest(name):
                self.assertEqual({r["state"] for r in results[name]}, {"delivered"})
                self.assert_sealed(name)
        for name, why in (("unlisted", "policy"), ("untrusted", "certificate"),
                          ("expired", "expired"), ("misnamed", "mx.other.example"),
                          ("stripped", "STARTTLS")):
            with self.subTest(name):
                self.assert_never_sent(name, results[name], why)
        self.assertEqual(campaign["counts"]["delivered"], 5 * self.rows)
        self.assertEqual(sorted(self.policies.asked),
                         sorted(name + ".example" for name in DOMAINS if name != "unread"))


if __name__ == "__main__":
    unittest.main()
