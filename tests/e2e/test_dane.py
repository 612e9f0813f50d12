"""DANE (RFC 7672) through the daemon: a scripted resolver that has validated, exchangers whose
certificates nobody vouches for, and TLSA records that are right, wrong, unknown or unproven."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import certificates
import exchangers
import name_server


class Dane(exchangers.TestCase):
    @classmethod
    def setUpClass(cls):
        keys = tempfile.TemporaryDirectory(prefix="postrider-dane-")
        cls.addClassCleanup(keys.cleanup)
        authority = certificates.Authority(keys.name)
        cls.own = authority.issue("own", "another.example", by_itself=True)
        cls.other = authority.issue("other", "another.example", by_itself=True)

    def tlsa_name(self, name, host="mx"):
        return "_%d._tcp.%s.%s.example" % (self.port, host, name)

    def publish(self, name, certificate, host="mx"):
        self.zone[self.tlsa_name(name, host)] = {"TLSA": [certificates.tlsa(certificate[1])]}

    def test_a_certificate_that_only_its_record_vouches_for_is_verified_by_it(self):
        """The route wants verified TLS; neither an authority nor its name speaks for it."""
        self.receiver("good", tls=self.own)
        self.publish("good", self.own)

        def run(truncated):
            with name_server.NameServer(self.zone, secure=True) as dns:
                dns.truncated = truncated
                return self.send(dns, route_tls="verified", dns={"trusted": True})[0]

        for campaign, _ in self.run_each([{"truncated": t} for t in (False, True)], run):
            self.assertEqual(campaign["counts"]["delivered"], self.rows)
        self.assert_sealed("good", campaigns=2)

    def test_of_an_alias_the_records_of_its_target_come_first(self):
        """RFC 7672, section 2.2.2; where that has none, the alias's own count."""
        for name in ("target", "alias"):
            self.receiver(name, tls=self.own)
            self.zone["host.%s.example" % name] = self.zone["mx.%s.example" % name]
            self.zone["mx.%s.example" % name] = {"CNAME": ["host.%s.example" % name]}
        self.publish("target", self.other)
        self.publish("target", self.own, "host")
        self.publish("alias", self.own)
        with name_server.NameServer(self.zone, secure=True) as dns:
            self.send(dns, dns={"trusted": True}, route_tls="verified")
        self.assert_sealed("target")
        self.assert_sealed("alias")

    def test_what_a_record_does_not_vouch_for_is_never_sent(self):
        """Nor is it where the record cannot be known, nor where TLS is not offered any more."""
        for name in ("good", "wrong", "unknown"):
            self.receiver(name, tls=self.own)
            self.publish(name, self.other if name == "wrong" else self.own)
        self.receiver("stripped")
        self.publish("stripped", self.own)
        with name_server.NameServer(self.zone, secure=True,
                                    broken=[(self.tlsa_name("unknown"), "TLSA")]) as dns:
            campaign, results = self.send(dns, dns={"trusted": True})
        self.assertEqual(campaign["counts"]["delivered"], self.rows)
        self.assertEqual(campaign["in_doubt_ever"], 0)
        self.assert_sealed("good")
        for name, why in (("wrong", "no TLSA record fits"), ("unknown", "TLSA records"),
                          ("stripped", "STARTTLS")):
            with self.subTest(name):
                self.assert_never_sent(name, results[name], why)

    def test_a_record_that_is_not_proven_is_as_if_there_were_none(self):
        """The resolver has not validated; or has, and is not declared trusted."""
        self.receiver("wrong", tls=self.own)
        self.publish("wrong", self.other)

        def run(validated, trusted):
            with name_server.NameServer(self.zone, secure=validated) as dns:
                campaign, _ = self.send(dns, dns={"trusted": trusted})
                return campaign, dns.asked

        cases = [{"validated": v, "trusted": not v} for v in (False, True)]
        for (campaign, asked), _ in self.run_each(cases, run):
            self.assertEqual(campaign["counts"]["delivered"], self.rows)
            self.assertIn(("mx.wrong.example", "A"), asked)
            self.assertNotIn((self.tlsa_name("wrong"), "TLSA"), asked)


if __name__ == "__main__":
    unittest.main()
