"""The way to the world: one campaign to domains whose mail exchangers are Debian's Postfix, Exim
and OpenSMTPD, found by dnsmasq, spoken to in TLS. What they stored is held against what was sent:
each message once, by TLS, its signature good."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import accounted
import certificates
import dns_server
import exchangers
import mail_servers
import postrider_test as pt
import signatures

ROWS = 40  # of each domain
TEXT = "Hello {{ first_name }},\n.begins with a dot\n..and with two\n.\nGrüße  \n\n"


class Postfix(mail_servers.Postfix):
    def __init__(self, *arguments, **more):
        mail_servers.install_postfix()
        super().__init__(*arguments, **more)


class Receivers(accounted.TestCase):
    def setUp(self):
        super().setUp()
        signatures.needed()
        # All exchangers have one port, so each has an address.
        self.port = mail_servers.free_port()
        self.network = exchangers.network()
        self.authority = certificates.Authority(self.folder)

    def at(self, host):
        """Address, port and certificate of an exchanger mxN.example."""
        return {"address": self.network + re.sub(r"\D", "", host), "port": self.port,
                "tls": self.authority.issue(host, host, kind=certificates.RSA)}

    def have(self, *kinds):
        """({domain: (exchanger, server)} of those that can be had here, why not the others)."""
        servers, missing = {}, []
        for number, kind in enumerate(kinds, 1):
            host = "mx%d.example" % number
            try:
                server = self.enter(kind(self.folder, **self.at(host)))
                servers["d%d.example" % number] = host, server
            except unittest.SkipTest as reason:
                missing.append(str(reason))
        if not servers:
            self.skipTest("; ".join(missing))
        return servers, missing

    def daemon(self, servers, tls):
        """A daemon, and the name server by which {domain: (exchanger, server)} is found."""
        dns = self.enter(dns_server.Dns(
            self.folder, mx={domain: [(10, host)] for domain, (host, _) in servers.items()},
            hosts={host: server.address for host, server in servers.values()}))
        key = os.path.join(self.folder, "dkim.pem")
        self.records = {"s1._domainkey.acme.example": signatures.make_key(key)}
        daemon = pt.Daemon(self.folder, start=False, config={
            "dns": {"servers": [dns.server]}, "tls": {"ca_file": self.authority.path},
            "retry": accounted.SOON, "preflight": "off",
            "dkim": [{"domain": "acme.example", "selector": "s1", "key_file": key}]})
        daemon.config["routes"] = {"default": {"via": "mx", "port": self.port, "tls": tls}}
        daemon.shape({"connections": 4})
        daemon.start()
        return self.enter(daemon)

    def send(self, daemon, domains):
        lines = ["r%d@%s,Ann" % (row, domain) for row in range(ROWS) for domain in domains]
        daemon.drop(pt.make_campaign(
            self.folder, "world", files={"body.txt": TEXT, "body.html": "<p>%s</p>" % TEXT},
            recipients="\n".join(["email,first_name", *lines, ""]),
            manifest={"subject": "Größe und Maß für {{ first_name }}"}))
        return daemon.wait_state("world", "finished")

    def check(self, server, domain, in_tls):
        """What a server stored: each recipient once, signed."""
        pt.wait_until(lambda: len(server.mails()) >= ROWS, "what it was given", every=0.2)
        mails = server.mails()
        self.assertEqual(sorted(mail.to for mail in mails),
                         sorted("r%d@%s" % (row, domain) for row in range(ROWS)))
        for mail in mails:
            self.assertRegex(mail.received, in_tls)
            self.assertTrue(signatures.verify(mail.octets, self.records))
            self.assertIn(mail.to.encode(), re.search(rb"(?m)^To: .*", mail.octets).group())

    def test_each_is_found_and_verified_and_has_each_message_once_and_signed(self):
        servers, missing = self.have(Postfix, mail_servers.Exim, mail_servers.OpenSmtpd)
        daemon = self.daemon(servers, "verified")
        campaign = self.send(daemon, servers)
        rows = len(servers) * ROWS
        self.assert_counts(campaign, rows)
        self.assertEqual(campaign["counts"]["delivered"], rows)
        self.assertEqual(campaign["in_doubt_ever"], 0)
        for row in daemon.results(campaign):
            host, server = servers[row["email"].split("@")[1]]
            self.assertEqual(row["mx"], "%s[%s]" % (host, server.address))
        for domain, (_, server) in servers.items():
            self.check(server, domain, r"(?is)with esmtps\b.*TLS|TLSv1.*with esmtps\b")
        if missing:
            self.skipTest("the others passed; " + "; ".join(missing))

    def test_a_receiver_that_offers_tls_and_cannot_do_it_is_spoken_to_in_clear(self):
        """As Debian 12 ships OpenSMTPD: STARTTLS is offered, and each handshake fails."""
        server = self.enter(mail_servers.OpenSmtpd(self.folder, as_built=True,
                                                   **self.at("mx1.example")))
        daemon = self.daemon({"d1.example": ("mx1.example", server)}, "opportunistic")
        campaign = self.send(daemon, ["d1.example"])
        self.assertEqual(campaign["counts"]["delivered"], ROWS)
        self.assertIn("SSL routines", server.log())
        self.check(server, "d1.example", r"(?s)\A(?!.*TLS).*with ESMTP id")


if __name__ == "__main__":
    unittest.main()
