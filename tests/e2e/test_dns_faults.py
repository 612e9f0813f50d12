"""A resolver that loses questions, or is dead for a while: no recipient pays for it."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import exchangers
import name_server
import postrider_test as pt


class DnsFaults(exchangers.TestCase):
    large = 200  # recipients of one domain: more than wait for its look-up

    def setUp(self):
        super().setUp()
        self.receiver("all")
        for number in range(60):
            self.zone["d%d.example" % number] = {"MX": [(10, "mx.all.example")]}

    def addresses(self):
        many = ["r%d@d0.example" % row for row in range(self.large)]
        return sorted(many + ["r@%s" % name for name in self.zone if name.startswith("d")])

    def drop(self, daemon, name="world"):
        daemon.drop(pt.make_campaign(daemon.folder, name, recipients="\n".join(
            ["email,first_name,product", *(a + ",Ann,Tea" for a in self.addresses()), ""])))

    def assert_all_there(self, campaign):
        self.assertEqual(campaign["counts"]["delivered"], len(self.addresses()))
        self.assertEqual(sorted(m["to"][0] for m in self.sinks["all"].messages()),
                         self.addresses())

    def test_questions_that_are_lost_are_asked_again(self):
        with name_server.NameServer(self.zone) as dns:
            dns.lost = lambda times: times % 2 == 0
            campaign, _ = self.send(dns)
            self.assert_all_there(campaign)
            self.assertEqual(campaign["attempts"], len(self.addresses()))
            self.assertEqual(dns.asked.count(("d7.example", "MX")), 2)

    def test_a_resolver_that_was_dead_for_a_while_is_asked_again(self):
        """Without a reload, and although what it did not answer is kept for some seconds."""
        dns = name_server.NameServer(self.zone)
        daemon = self.enter(self.daemon(dns, retry={"give_up": "60s"}))
        daemon.start()
        self.drop(daemon)

        def waiting():
            campaign = daemon.campaign("world")
            return campaign and campaign["counts"]["deferred"] == len(self.addresses())
        pt.wait_until(waiting, "all to be deferred")
        self.assertRegex(daemon.campaign("world")["last_error"],
                         r"^the exchangers of d\d+.example are not known now: .* servers")
        with dns:
            self.assert_all_there(daemon.wait_state("world", "finished"))


if __name__ == "__main__":
    unittest.main()
