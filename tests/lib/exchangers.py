"""Domains NAME.example, each with an exchanger mx.NAME.example that is a sink of its own, known to
a scripted name server; and a daemon that delivers there by MX."""
import os
import random
import tempfile

import accounted
import mail_servers
import postrider_test as pt


def network():
    """Three numbers of addresses of the loopback that nobody else uses, most likely."""
    return "127.%d.%d." % (random.randint(1, 254), random.randint(0, 255))


class TestCase(accounted.TestCase):
    """zone: for a NameServer. All exchangers have one port, each an address."""

    rows = 20  # of each domain

    def setUp(self):
        super().setUp()
        self.port = mail_servers.free_port()
        self.network = network()
        self.zone, self.sinks = {}, {}

    def receiver(self, name, *options, **sink):
        """One more domain; options and sink are pt.Sink's."""
        folder = os.path.join(self.folder, name)
        os.makedirs(folder)
        address = self.network + str(len(self.sinks) + 1)
        self.sinks[name] = self.enter(pt.Sink(
            folder, *options, listen="%s:%d" % (address, self.port), commands=True, **sink))
        self.zone[name + ".example"] = {"MX": [(10, "mx.%s.example" % name)]}
        self.zone["mx.%s.example" % name] = {"A": [address]}

    def daemon(self, resolver, route_tls="opportunistic", **config):
        """A daemon in a folder of its own, not started."""
        given = {"dns": {"servers": [resolver.server], "timeout": "1s"}, "preflight": "off",
                 "retry": {"first": "1s", "factor": 1, "max": "1s", "give_up": "3s"}}
        for key, value in config.items():
            given[key] = dict(given.get(key, {}), **value)
        daemon = pt.Daemon(tempfile.mkdtemp(dir=self.folder), start=False, config=given)
        daemon.config["routes"] = {"default": {"via": "mx", "port": self.port,
                                              "tls": route_tls}}
        daemon.shape({"connections": 2})
        return daemon

    def drop(self, daemon, name="world"):
        """A campaign to all domains."""
        lines = ["r%d@%s.example,Ann,Tea" % (row, domain) for row in range(self.rows)
                 for domain in self.sinks]
        daemon.drop(pt.make_campaign(daemon.folder, name, recipients="\n".join(
            ["email,first_name,product", *lines, ""])))

    def send(self, resolver, **options):
        """It, from its drop to its end: (campaign, {domain: its rows of results.csv})."""
        daemon = self.daemon(resolver, **options)
        daemon.start()
        with daemon:
            self.drop(daemon)
            campaign = daemon.wait_state("world", "finished")
            results = daemon.results(campaign)
        return campaign, {name: [r for r in results if r["email"].endswith("@%s.example" % name)]
                          for name in self.sinks}

    def assert_sealed(self, name, campaigns=1):
        """All of a domain's messages arrived, by TLS."""
        messages = self.sinks[name].messages()
        self.assertEqual(len(messages), campaigns * self.rows)
        self.assertEqual([m for m in messages if "tls" not in m], [])

    def assert_never_sent(self, name, rows, why):
        """The domain's exchanger heard of no message, and each row knows why."""
        self.assertEqual(self.sinks[name].commands("MAIL"), [])
        self.assertEqual(len(rows), self.rows)
        for row in rows:
            self.assertEqual((row["state"], row["class"]), ("bounced", "expired"), row)
            self.assertIn(why, row["reply"])
