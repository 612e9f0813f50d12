"""DANE (RFC 7672) through the daemon: a scripted resolver that has validated, exchangers whose
certificates nobody vouches for, and TLSA records that are right, wrong, unknown or unproven."""
import os
import random
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import accounted
import certificates
import mail_servers
import name_server
import postrider_test as pt

ROWS = 20  # of each domain


class Dane(accounted.TestCase):
    """Each domain NAME.example has an exchanger mx.NAME.example of its own, all on one port."""

    @classmethod
    def setUpClass(cls):
        keys = tempfile.TemporaryDirectory(prefix="postrider-dane-")
        cls.addClassCleanup(keys.cleanup)
        authority = certificates.Authority(keys.name)
        cls.tls = authority.issue("own", "another.example", by_itself=True)
        cls.other = authority.issue("other", "another.example", by_itself=True)

    def setUp(self):
        super().setUp()
        self.port = mail_servers.free_port()
        self.network = "127.%d.%d." % (random.randint(1, 254), random.randint(0, 255))
        self.zone, self.sinks = {}, {}

    def tlsa_name(self, name):
        return "_%d._tcp.mx.%s.example" % (self.port, name)

    def receiver(self, name, tlsa=None, tls=True):
        """One more domain; tlsa: the key its record is of."""
        folder = os.path.join(self.folder, name)
        os.makedirs(folder)
        address = self.network + str(len(self.sinks) + 1)
        self.sinks[name] = self.enter(pt.Sink(
            folder, listen="%s:%d" % (address, self.port), commands=True,
            tls=self.tls if tls else None))
        self.zone[name + ".example"] = {"MX": [(10, "mx.%s.example" % name)]}
        self.zone["mx.%s.example" % name] = {"A": [address]}
        if tlsa:
            self.zone[self.tlsa_name(name)] = {"TLSA": [certificates.tlsa(tlsa[1])]}

    def send(self, dns, tls="opportunistic", trusted=True):
        """One campaign to all domains; returns (campaign, {domain: its rows of results.csv})."""
        folder = tempfile.mkdtemp(dir=self.folder)
        daemon = pt.Daemon(folder, start=False, config={
            "dns": {"servers": [dns.server], "timeout": "1s", "trusted": trusted},
            "preflight": "off",
            "retry": {"first": "1s", "factor": 1, "max": "1s", "give_up": "3s"}})
        daemon.config["routes"] = {"default": {"via": "mx", "port": self.port, "tls": tls}}
        daemon.shape({"connections": 2})
        daemon.start()
        lines = ["r%d@%s.example,Ann,Tea" % (row, name) for row in range(ROWS)
                 for name in self.sinks]
        daemon.drop(pt.make_campaign(folder, "dane", recipients="\n".join(
            ["email,first_name,product", *lines, ""])))
        with daemon:
            campaign = daemon.wait_state("dane", "finished")
            results = daemon.results(campaign)
        return campaign, {name: [r for r in results if r["email"].endswith("@%s.example" % name)]
                          for name in self.sinks}

    def assert_sealed(self, name, campaigns=1):
        """All of a domain's messages arrived, by TLS."""
        messages = self.sinks[name].messages()
        self.assertEqual(len(messages), campaigns * ROWS)
        self.assertEqual([m for m in messages if "tls" not in m], [])

    def test_a_certificate_that_only_its_record_vouches_for_is_verified_by_it(self):
        """The route wants verified TLS; neither an authority nor its name speaks for it."""
        self.receiver("good", tlsa=self.tls)

        def run(truncated):
            with name_server.NameServer(self.zone, secure=True) as dns:
                dns.truncated = truncated
                return self.send(dns, tls="verified")[0]

        for campaign, _ in self.run_each([{"truncated": t} for t in (False, True)], run):
            self.assertEqual(campaign["counts"]["delivered"], ROWS)
        self.assert_sealed("good", campaigns=2)

    def test_what_a_record_does_not_vouch_for_is_never_sent(self):
        """Nor is it where the record cannot be known, nor where TLS is not offered any more."""
        self.receiver("good", tlsa=self.tls)
        self.receiver("wrong", tlsa=self.other)
        self.receiver("unknown", tlsa=self.tls)
        self.receiver("stripped", tlsa=self.tls, tls=False)
        with name_server.NameServer(self.zone, secure=True,
                                    broken=[(self.tlsa_name("unknown"), "TLSA")]) as dns:
            campaign, results = self.send(dns)
        self.assert_sealed("good")
        for name, why in (("wrong", "TLSA"), ("unknown", "TLSA records"),
                          ("stripped", "STARTTLS")):
            with self.subTest(name):
                self.assertEqual(self.sinks[name].commands("MAIL"), [])
                for row in results[name]:
                    self.assertEqual((row["state"], row["class"]), ("bounced", "expired"), row)
                    self.assertIn(why, row["reply"])
        self.assertEqual(campaign["counts"]["delivered"], ROWS)
        self.assertEqual(campaign["in_doubt_ever"], 0)

    def test_a_record_that_is_not_proven_is_as_if_there_were_none(self):
        """The resolver has not validated; or has, and is not declared trusted."""
        self.receiver("wrong", tlsa=self.other)

        def run(validated, trusted):
            with name_server.NameServer(self.zone, secure=validated) as dns:
                campaign, _ = self.send(dns, trusted=trusted)
                return campaign, dns.asked

        cases = [{"validated": v, "trusted": not v} for v in (False, True)]
        for (campaign, asked), _ in self.run_each(cases, run):
            self.assertEqual(campaign["counts"]["delivered"], ROWS)
            self.assertIn(("mx.wrong.example", "A"), asked)
            self.assertNotIn((self.tlsa_name("wrong"), "TLSA"), asked)


if __name__ == "__main__":
    unittest.main()
