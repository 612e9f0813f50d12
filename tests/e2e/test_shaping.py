"""What receivers are granted, and what their replies do: routes via mx with a shaping file."""
import contextlib
import datetime
import os
import sqlite3
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import accounted  # noqa: E402
import dns_server  # noqa: E402
import postrider_test as pt  # noqa: E402


def recipients(domains, each):
    lines = ["email,first_name,product"]
    for n in range(each):
        lines += ["r%d@%s,Ann,Tea" % (n, domain) for domain in domains]
    return "\n".join(lines) + "\n"


class Clock:
    """The wall clock of a daemon with `env`: noon of this day, and later days."""

    def __init__(self, folder):
        self._path = os.path.join(folder, "clock_offset")
        self.env = dict(accounted.shim(folder, "clock"), CLOCK_OFFSET=self._path)
        now = datetime.datetime.now(datetime.timezone.utc)
        self._off = (now.replace(hour=12, minute=0, second=0) - now).total_seconds()
        self.day = now.date().isoformat()
        self.next_days(0)

    def next_days(self, n):
        self._off += n * 86400
        with open(self._path, "r+b" if os.path.exists(self._path) else "w+b") as f:
            f.write(struct.pack("<qq", int(self._off * 1000), 0))


class ShapingTest(pt.TestCase):
    def world(self, domains=("a.example",), faults=(), latency=None, config=None, env=None,
              start=True, default=None, **sections):
        """A sink, domains d.example with exchangers mx.d.example, and a daemon that is shaped."""
        self.sink = self.enter(pt.Sink(self.folder, rules=faults, latency=latency,
                                       commands=True))
        dns = self.enter(dns_server.Dns(
            self.folder, mx={d: [(10, "mx." + d)] for d in domains},
            hosts={"mx." + d: "127.0.0.1" for d in domains}))
        daemon = self.enter(pt.Daemon(self.folder, start=False, env=env, config={
            "dns": {"servers": [dns.server]},
            "retry": {"first": "1s", "max": "2s", "give_up": "60s"}}))
        daemon.config["routes"] = {"default": {"via": "mx", "port": self.sink.port}}
        daemon.shape(default, **sections)
        daemon.write_config(**(config or {}))
        if start:
            daemon.start()
        return daemon

    def drop(self, daemon, domains, each, name="spring"):
        daemon.drop(pt.make_campaign(self.folder, name, recipients=recipients(domains, each)))

    @staticmethod
    def count(daemon, state, name="spring"):
        campaign = daemon.campaign(name)
        return campaign["counts"][state] if campaign else 0

    def times(self, domain):
        """When the sink took messages to it, in seconds."""
        self.sink.totals()
        return sorted(m["ms"] / 1000 for m in self.sink.messages()
                      if m["to"][0].endswith("@" + domain))

    @staticmethod
    def most_in(times, seconds):
        return max(sum(1 for t in times if begin <= t < begin + seconds) for begin in times)

    @staticmethod
    def limits(daemon, site):
        lane, = daemon.get("/v1/sites?site=" + site)["sites"]
        return {limit["what"]: limit for limit in lane["limits"]}

    def test_a_rate_holds_for_one_receiver_and_for_nobody_else(self):
        daemon = self.world(("a.example", "b.example"), providers={
            "slow": {"exchangers": ["mx.a.example"], "message_rate": "20/s", "burst": 1}})
        self.drop(daemon, ["a.example", "b.example"], 50)
        pt.wait_until(lambda: len(self.times("b.example")) == 50, "the other receiver")
        self.assertLess(len(self.times("a.example")), 40)
        limit = self.limits(daemon, "mx.a")["message_rate"]
        self.assertEqual(limit["value"], "20/s")
        self.assertRegex(limit["by"], r"^shaping.yaml:\d+ slow$")
        daemon.wait_state("spring", "finished")
        times = self.times("a.example")
        self.assertLessEqual(self.most_in(times, 1.0), 22)
        self.assertGreater(times[-1] - times[0], 49 / 20 - 0.2)
        metrics = daemon.get("/metrics")
        self.assertIn('postrider_messages_total{outcome="delivered",provider="slow"} 50', metrics)
        self.assertIn('postrider_messages_total{outcome="delivered",provider="other"} 50', metrics)

    def test_sites_of_a_provider_share_its_connections(self):
        domains = ["d%d.example" % n for n in range(4)]
        daemon = self.world(domains, latency="20ms", providers={
            "big": {"exchangers": ["mx." + d for d in domains], "provider_connections": 3}})
        self.drop(daemon, domains, 50)
        daemon.wait_state("spring", "finished")
        self.assertEqual(self.sink.totals()["messages"], 200)
        self.assertLessEqual(self.sink.totals()["max_open"], 4)  # one may still be closing

    def test_connections_and_messages_of_a_connection(self):
        daemon = self.world(latency="10ms", default={"connections": 2, "start": 2,
                                                     "messages_per_connection": 5})
        self.drop(daemon, ["a.example"], 60)
        daemon.wait_state("spring", "finished")
        self.sink.totals()
        conns = {}
        for m in self.sink.messages():
            conns[m["conn"]] = conns.get(m["conn"], 0) + 1
        self.assertLessEqual(max(conns.values()), 5)
        self.assertGreaterEqual(len(conns), 12)
        self.assertLessEqual(self.sink.totals()["max_open"], 3)  # one may still be closing

    RULES = [{"reply": "4\\.7\\.28", "action": "suspend", "count": 2, "within": "1h", "for": "1h"}]

    @staticmethod
    def suspended(daemon):
        def lane():
            found = daemon.get("/v1/sites?site=mx.a")["sites"]
            limits = {limit["what"]: limit for limit in found[0]["limits"]} if found else {}
            limit = limits.get("suspended")
            return limit if limit and limit["by"].startswith("shaping.yaml") else None
        return pt.wait_until(lane, "a suspension")

    def test_a_rule_suspends_a_receiver_until_its_time_also_after_a_kill(self):
        daemon = self.world(
            ("a.example", "b.example"), rules=self.RULES,
            faults=['on=rcpt,match=*@a.example,reply="421 4.7.28 unusual rate"'])
        self.drop(daemon, ["a.example", "b.example"], 40)
        limit = self.suspended(daemon)
        self.assertRegex(limit["by"], r"^shaping.yaml:\d+ ")
        self.assertGreater(limit["lifts_s"], 3500)
        pt.wait_until(lambda: self.count(daemon, "delivered") == 40, "the other receiver")
        pt.wait_until(lambda: self.kept(daemon), "what was learnt on the disk", timeout=15)
        daemon.kill()
        seen = len(self.sink.commands("RCPT"))
        daemon.start()
        limit = self.suspended(daemon)
        self.assertGreater(limit["lifts_s"], 3400)
        self.assertLess(limit["lifts_s"], 3600)
        self.assertRegex(self.table(daemon), r"suspended by shaping.yaml:\d+ .*, lifts in 5\d")
        self.assertEqual(self.count(daemon, "delivered"), 40)
        self.assertEqual(len(self.sink.commands("RCPT")), seen)

    def kept(self, daemon):
        """Whether state.db knows of a lane in trouble."""
        db = sqlite3.connect("file:%s?mode=ro" % os.path.join(daemon.state, "state.db"), uri=True)
        with contextlib.closing(db):
            return db.execute("SELECT count(*) FROM facts WHERE key >= 'shape/'"
                              " AND key < 'shape0'").fetchone()[0]

    @staticmethod
    def table(daemon):
        return subprocess.run([pt.program("postrider"), "--config", daemon.config_path, "sites",
                               "--site", "mx.a"], capture_output=True, text=True,
                              timeout=pt.TIMEOUT, check=True).stdout

    def test_a_rule_defers_what_a_5xx_means_to_pass(self):
        daemon = self.world(
            rules=[{"reply": "frequency limited", "action": "defer", "retry": "1s"}],
            faults=['on=rcpt,times=30,reply="550 5.7.0 frequency limited"'])
        self.drop(daemon, ["a.example"], 50)
        campaign = daemon.wait_state("spring", "finished")
        self.assertEqual(campaign["counts"]["delivered"], 50)
        self.assertGreaterEqual(campaign["attempts"], 80)

    def test_fewer_connections_and_slower_by_what_it_answers(self):
        daemon = self.world(
            latency="5ms",
            rules=[{"reply": "too many", "action": "fewer_connections", "to": 1, "for": "1h"},
                   {"reply": "too many", "action": "throttle", "rate": "30/s", "for": "1h"}],
            faults=['on=mail,first=20,times=1,reply="451 4.7.0 too many from you"'],
            default={"connections": 4, "start": 4})
        self.drop(daemon, ["a.example"], 100)
        limits = pt.wait_until(lambda: self.changed(daemon), "limits by the rules")
        self.assertEqual((limits["connections"]["value"], limits["message_rate"]["value"]),
                         (1, "30/s"))
        campaign = daemon.wait_state("spring", "finished")
        self.assertEqual(campaign["counts"]["delivered"], 100)
        self.assertLessEqual(self.most_in(self.times("a.example")[-60:], 1.0), 32)

    def changed(self, daemon):
        found = daemon.get("/v1/sites?site=mx.a")["sites"]
        limits = {limit["what"]: limit for limit in found[0]["limits"]} if found else {}
        return limits if limits.get("connections", {}).get("lifts_s") else None

    def test_what_a_day_allows_holds_across_kills_and_the_next_day_goes_on(self):
        """Two days and a warm-up: 30 on its first day, 50 on the second."""
        clock = Clock(self.folder)
        daemon = self.world(
            ("a.example", "b.example"), start=False, env=clock.env,
            warm_up={"plan": {"days": [30, 50]}},
            config={"sources": {"new": {"address": "127.0.0.1", "warm_up": "plan",
                                        "since": clock.day}},
                    "routes": {"default": {"sources": ["new"]}},
                    "retry": {"first": "1s", "max": "2s", "give_up": "5d"}})
        daemon.start()
        self.drop(daemon, ["a.example", "b.example"], 100)
        pt.wait_until(lambda: self.count(daemon, "delivered") >= 20, "most of the first day")
        daemon.kill()
        daemon.start()
        pt.wait_until(lambda: self.sink.totals()["messages"] >= 27, "what a kill left of the day")
        time.sleep(1)
        first = self.sink.totals()["messages"]
        self.assertLessEqual(first, 30)
        self.assertTrue(all(lane["limited_by"] == "daily"
                            for lane in daemon.get("/v1/sites")["sites"]))
        clock.next_days(1)
        pt.wait_until(lambda: self.sink.totals()["messages"] >= first + 45, "the second day")
        self.assertLessEqual(self.sink.totals()["messages"], first + 50)
        clock.next_days(1)
        self.assertEqual(daemon.wait_state("spring", "finished")["counts"]["delivered"], 200)

    def test_a_source_that_is_gone_takes_nothing_from_one_that_waits_for_its_turn(self):
        daemon = self.world(default={"message_rate": "20/m", "burst": 1}, config={
            "routes": {"default": {"sources": ["192.0.2.77", "127.0.0.1"]}}})
        self.drop(daemon, ["a.example"], 3)
        campaign = daemon.wait_state("spring", "finished")
        self.assertEqual((campaign["counts"]["delivered"], campaign["attempts"]), (3, 3))

    def test_a_reload_changes_figures_or_tells_what_is_wrong(self):
        daemon = self.world(default={"message_rate": "5/s"})
        self.drop(daemon, ["a.example"], 300)
        pt.wait_until(lambda: self.count(daemon, "delivered") > 3, "some")
        daemon.shape(rules=[{"reply": "(", "action": "suspend", "for": "1h"}])
        with self.assertRaises(pt.HTTPError) as failed:
            daemon.post("/v1/reload")
        self.assertIn("shaping.yaml", str(failed.exception.body))
        self.assertEqual(self.limits(daemon, "mx.a")["message_rate"]["value"], "5/s")
        daemon.shape()
        daemon.post("/v1/reload")
        daemon.wait_state("spring", "finished", timeout=20)

    def test_a_domain_that_is_named_has_lanes_of_its_own(self):
        daemon = self.world(default={"connections": 4}, providers={
            "shy": {"domains": ["shy.example"], "message_rate": "10/s", "burst": 1}}, start=False)
        dns = self.enter(dns_server.Dns(
            self.folder, mx={d: [(10, "mx.host.example")] for d in ("shy.example", "b.example")},
            hosts={"mx.host.example": "127.0.0.1"}))
        daemon.write_config(dns={"servers": [dns.server]})
        daemon.start()
        self.drop(daemon, ["shy.example", "b.example"], 20)
        daemon.wait_state("spring", "finished")
        self.assertGreater(self.times("shy.example")[-1] - self.times("shy.example")[0], 1.5)
        self.assertLess(self.times("b.example")[-1] - self.times("b.example")[0], 1.5)


if __name__ == "__main__":
    unittest.main()
