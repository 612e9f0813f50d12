"""Where messages leave to and why one is slow: GET /v1/sites and `postrider sites`."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dns_server  # noqa: E402
import postrider_test as pt  # noqa: E402

KEYS = {"route", "site", "source", "provider", "connections", "connections_max", "busy", "ready",
        "waiting", "queued", "rate", "waits_s", "failures", "last_reply", "limited_by", "offers",
        "tls", "limits"}


def recipients(*domains):
    return "email,first_name,product\n" + "".join(
        "r%d@%s,Ann,Tea\n" % (n, domain) for domain in domains for n in range(50))


class SitesTest(pt.TestCase):
    def table(self, daemon, *options):
        return subprocess.run([pt.program("postrider"), "--config", daemon.config_path, "sites",
                               *options], capture_output=True, text=True, timeout=pt.TIMEOUT,
                              check=True).stdout.splitlines()

    def receivers(self, sink):
        """A daemon that sends to mx.example, which is there, and down.example, which is not."""
        dns = self.enter(dns_server.Dns(
            self.folder,
            mx={"a.example": [(10, "mx.example")], "dead.example": [(10, "down.example")]},
            hosts={"mx.example": "127.0.0.1", "down.example": "127.0.0.9"}))
        daemon = self.enter(pt.Daemon(self.folder, start=False,
                                      config={"dns": {"servers": [dns.server]}}))
        daemon.config["routes"] = {"default": {"via": "mx", "port": sink.port,
                                               "connections": 7}}
        daemon.write_config()
        daemon.start()
        daemon.drop(pt.make_campaign(self.folder, "spring",
                                     recipients=recipients("a.example", "dead.example")))
        return daemon

    @staticmethod
    def failed(daemon, times):
        """The dead site once it has failed so often and waits; None before."""
        for site in daemon.get("/v1/sites")["sites"]:
            if site["failures"] >= times and site["waits_s"] > 0:
                return site
        return None

    @staticmethod
    def delivered(daemon, n):
        def enough():
            campaign = daemon.campaign("spring")
            return campaign and campaign["counts"]["delivered"] >= n
        pt.wait_until(enough, "%d deliveries" % n)

    def test_a_dead_site_says_why_and_when_it_is_tried_again(self):
        daemon = self.receivers(self.enter(pt.Sink(self.folder)))
        self.delivered(daemon, 50)
        dead = pt.wait_until(lambda: self.failed(daemon, 3), "failures")
        answer = daemon.get("/v1/sites")
        self.assertFalse(answer["more"])
        self.assertEqual(len(answer["sites"]), 2)
        self.assertTrue(all(set(site) == KEYS for site in answer["sites"]))
        first, well = answer["sites"]
        self.assertEqual(first["site"], dead["site"])
        self.assertIn("down.example", dead["site"])
        self.assertIn("refused", dead["last_reply"])
        self.assertEqual((dead["limited_by"], dead["offers"]), ("back-off", []))
        limits = {limit["what"]: limit for limit in dead["limits"]}
        self.assertEqual(limits["connections"],  # 5 to begin with, and halved: it was refused
                         {"what": "connections", "value": 2, "by": "adaptive"})
        self.assertEqual(limits["message_rate"]["value"], "100/s")
        self.assertRegex(limits["message_rate"]["by"], r"^shaping\.yaml:\d+ default$")
        suspended = limits["suspended"]
        self.assertEqual(suspended["by"], "back-off after %d failures" % dead["failures"])
        self.assertEqual(suspended["lifts_s"], dead["waits_s"])
        self.assertIn("mx.example", well["site"])
        self.assertEqual((well["failures"], well["last_reply"], well["waits_s"]), (0, "", 0))
        self.assertIn("PIPELINING", well["offers"])
        self.assertEqual(well["tls"], {"successes": 0, "failures": {}})
        self.assertGreater(well["rate"], 0)

    def test_a_back_off_goes_on_after_a_restart(self):
        daemon = self.receivers(self.enter(pt.Sink(self.folder)))
        before = pt.wait_until(lambda: self.failed(daemon, 3), "failures")
        daemon.terminate()
        daemon.start()
        dead = pt.wait_until(lambda: self.failed(daemon, 1), "the dead site again")
        self.assertGreaterEqual(dead["failures"], before["failures"])
        self.assertGreater(dead["waits_s"], 0)

    def test_the_table_shows_them(self):
        daemon = self.receivers(self.enter(pt.Sink(self.folder)))
        self.delivered(daemon, 50)
        pt.wait_until(lambda: self.failed(daemon, 4), "failures")
        heads, dead, well = self.table(daemon)
        self.assertEqual(heads.split(),
                         ["ROUTE", "SITE", "SOURCE", "CONNS", "READY", "QUEUED", "RATE", "STATE"])
        self.assertRegex(dead, r"^default +\S*down\.example\S* .*refused.*; tries again in \d+s$")
        self.assertRegex(well, r"^default +\S*mx\.example\S* +- +\d+/7 .*/s +well$")
        self.assertEqual(len(self.table(daemon, "--site", "down")), 2)
        self.assertIn("more", self.table(daemon, "--limit", "1")[-1])
        self.assertIn("No site", self.table(daemon, "--site", "elsewhere")[0])

    def test_what_is_asked_for_is_what_comes(self):
        daemon = self.receivers(self.enter(pt.Sink(self.folder)))
        pt.wait_until(lambda: len(daemon.get("/v1/sites")["sites"]) == 2, "two sites")
        answer = daemon.get("/v1/sites?site=mx.exam")
        self.assertEqual(len(answer["sites"]), 1)
        answer = daemon.get("/v1/sites?limit=1")
        self.assertEqual((len(answer["sites"]), answer["more"]), (1, True))
        for limit in ("0", "1001", "many"):
            with self.assertRaises(pt.HTTPError) as failed:
                daemon.get("/v1/sites?limit=" + limit)
            self.assertEqual(failed.exception.status, 400)

    def test_a_relay_is_one_lane_without_a_site(self):
        sink = self.enter(pt.Sink(self.folder))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink, connections=3))
        daemon.drop(pt.make_campaign(self.folder, "spring", rows=100, manifest={"rate": "5/s"}))
        self.delivered(daemon, 1)
        lane, = daemon.get("/v1/sites")["sites"]
        self.assertEqual((lane["route"], lane["site"], lane["source"], lane["connections_max"]),
                         ("default", "", "", 3))
        self.assertGreater(lane["queued"], 0)
        self.assertEqual(lane["limits"],
                         [{"what": "connections", "value": 3, "by": "route default"}])
        daemon.post("/v1/pause")
        self.assertRegex(self.table(daemon)[1], r"^default +- +- .* pause of all sending$")

    def test_a_refused_greeting_is_the_last_reply(self):
        sink = self.enter(pt.Sink(self.folder, rules=['on=connect,reply="421 4.3.2 closed"']))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink))
        daemon.drop(pt.make_campaign(self.folder, "spring", rows=10))
        lane = pt.wait_until(lambda: self.failed(daemon, 1), "a failure")
        self.assertRegex(lane["last_reply"], r"^421 .*closed")


if __name__ == "__main__":
    unittest.main()
