"""Delivery to the mail exchangers of many domains, by a real dnsmasq."""
import contextlib
import os
import sqlite3
import struct
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import accounted  # noqa: E402
import dns_server  # noqa: E402
import postrider_test as pt  # noqa: E402


def recipients(domains, each=1):
    """each addresses in every domain, domains in turns."""
    lines = ["email,first_name,product"]
    for n in range(each):
        for domain in domains:
            lines.append("r%d@%s,Ann,Tea" % (n, domain))
    return "\n".join(lines) + "\n"


class Mx(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix="postrider-mx-")
        self.addCleanup(self._folder.cleanup)
        self.folder = self._folder.name

    def daemon(self, dns, port, env=None, **changes):
        route = dict({"via": "mx", "port": port}, **changes.pop("route", {}))
        config = {"dns": {"servers": [dns.server], "timeout": "1s"},
                  "retry": {"first": "1s", "max": "2s", "give_up": "60s"}}
        config.update(changes)
        daemon = pt.Daemon(self.folder, config=config, env=env, start=False)
        daemon.config["routes"] = {"default": route}
        daemon.shape()
        return daemon

    def send(self, daemon, text, name="mx", state="finished", **manifest):
        daemon.drop(pt.make_campaign(self.folder, name, recipients=text, manifest=manifest))
        return daemon.wait_state(name, state)

    @staticmethod
    def count(daemon, state):
        campaign = daemon.campaign("mx")
        return campaign["counts"][state] if campaign else 0

    def test_each_domain_goes_to_its_exchanger(self):
        domains = ["d%d.example" % n for n in range(40)]
        sub = os.path.join(self.folder, "two")
        os.makedirs(sub)
        with pt.Sink(self.folder) as one, \
                pt.Sink(sub, listen="127.0.0.2:%d" % one.port) as two, \
                dns_server.Dns(self.folder,
                               mx={d: [(10, "mx%d.example" % (n % 2 + 1))]
                                   for n, d in enumerate(domains)},
                               hosts={"mx1.example": "127.0.0.1", "mx2.example": "127.0.0.2"}) as dns, \
                self.daemon(dns, one.port) as daemon:
            daemon.start()
            campaign = self.send(daemon, recipients(domains, each=50))
            self.assertEqual(campaign["counts"]["delivered"], 2000)
            first, second = one.messages(), two.messages()
            self.assertEqual((len(first), len(second)), (1000, 1000))
            to = {line["to"][0].split("@")[1] for line in first}
            self.assertEqual(to, set(domains[0::2]))

    def test_exchangers_that_change_are_followed_while_a_campaign_runs(self):
        """Also those of a domain that always has rows under way."""
        path = os.path.join(self.folder, "clock_offset")
        with open(path, "wb") as f:
            f.write(struct.pack("<qq", 0, 0))
        sub = os.path.join(self.folder, "two")
        os.makedirs(sub)
        with pt.Sink(self.folder) as one, \
                pt.Sink(sub, listen="127.0.0.2:%d" % one.port) as two, \
                dns_server.Dns(self.folder, mx={"d.example": [(10, "mx1.example")]},
                               hosts={"mx1.example": "127.0.0.1", "mx2.example": "127.0.0.2"}) as dns, \
                self.daemon(dns, one.port, env=dict(accounted.shim(self.folder, "clock"),
                                                    CLOCK_OFFSET=path)) as daemon:
            daemon.start()
            self.send(daemon, recipients(["d.example"], each=400), state="sending", rate="100/s")
            pt.wait_until(lambda: len(one.messages()) > 20, "the first exchanger")
            dns.publish("mx-host=d.example,mx2.example,5")
            with open(path, "r+b") as f:
                f.write(struct.pack("<qq", 0, 400000))
            campaign = daemon.wait_state("mx", "finished")
            self.assertEqual(campaign["counts"]["delivered"], 400)
            self.assertGreater(len(two.messages()), 20)

    def test_what_dns_says_of_a_domain_is_the_outcome_of_its_rows(self):
        with pt.Sink(self.folder) as sink, \
                dns_server.Dns(self.folder,
                               mx={"good.example": [(10, "mx.example")],
                                   "noaddress.example": [(10, "gone.example")]},
                               hosts={"mx.example": "127.0.0.1", "implicit.example": "127.0.0.1"},
                               options=["mx-host=null.example,.,0"]) as dns, \
                self.daemon(dns, sink.port) as daemon:
            daemon.start()
            campaign = self.send(daemon, recipients(
                ["good.example", "implicit.example", "none.example", "null.example"]))
            self.assertEqual(campaign["counts"]["delivered"], 2)
            self.assertEqual(campaign["counts"]["bounced"], 2)
            found = {line["email"]: line for line in daemon.results(campaign)}
            self.assertEqual(found["r0@none.example"]["class"], "domain_unknown")
            self.assertEqual(found["r0@null.example"]["enhanced"], "5.1.10")
            self.assertEqual(found["r0@good.example"]["mx"], "mx.example[127.0.0.1]")

    def test_the_next_exchanger_is_tried_when_the_best_is_not_there(self):
        with pt.Sink(self.folder) as sink, \
                dns_server.Dns(self.folder,
                               mx={"a.example": [(10, "down.example"), (20, "up.example")]},
                               hosts={"down.example": "127.0.0.9", "up.example": "127.0.0.1"}) as dns, \
                self.daemon(dns, sink.port) as daemon:
            daemon.start()
            campaign = self.send(daemon, recipients(["a.example"], each=100))
            self.assertEqual(campaign["counts"]["delivered"], 100)

    def test_the_next_exchanger_is_tried_when_the_best_refuses_to_talk(self):
        sub = os.path.join(self.folder, "two")
        os.makedirs(sub)
        with pt.Sink(self.folder) as sink, \
                pt.Sink(sub, listen="127.0.0.2:%d" % sink.port,
                        rules=['on=connect,reply="421 4.3.2 closed"']) as _busy, \
                dns_server.Dns(self.folder,
                               mx={"a.example": [(10, "busy.example"), (20, "up.example")]},
                               hosts={"busy.example": "127.0.0.2", "up.example": "127.0.0.1"}) as dns, \
                self.daemon(dns, sink.port) as daemon:
            daemon.start()
            campaign = self.send(daemon, recipients(["a.example"], each=20))
            self.assertEqual(campaign["counts"]["delivered"], 20)

    def test_a_resolver_that_is_silent_defers(self):
        port = dns_server.free_port()

        class Silent:
            server = "127.0.0.1:%d" % port
        with pt.Sink(self.folder) as sink, self.daemon(Silent, sink.port) as daemon:
            daemon.start()
            daemon.drop(pt.make_campaign(self.folder, "mx", recipients=recipients(["a.example"])))
            pt.wait_until(lambda: self.count(daemon, "deferred") == 1, "a deferral")
            with dns_server.Dns(self.folder, mx={"a.example": [(10, "mx.example")]},
                                hosts={"mx.example": "127.0.0.1"}) as dns:
                daemon.write_config(dns={"servers": [dns.server]})
                daemon.post("/v1/reload")
                campaign = daemon.wait_state("mx", "finished")
                self.assertEqual(campaign["counts"]["delivered"], 1)

    def test_a_dead_site_holds_nobody_up_and_its_rows_wait(self):
        """Most rows, and the first, are for a receiver that is not there."""
        text = recipients(["dead.example"], each=3000) + \
            "\n".join(recipients(["a.example", "b.example"], each=1000).split("\n")[1:])
        with pt.Sink(self.folder) as sink, \
                dns_server.Dns(self.folder,
                               mx={"a.example": [(10, "mx1.example")],
                                   "b.example": [(10, "mx2.example")],
                                   "dead.example": [(10, "down.example")]},
                               hosts={"mx1.example": "127.0.0.1", "mx2.example": "127.0.0.1",
                                      "down.example": "127.0.0.9"}) as dns, \
                self.daemon(dns, sink.port) as daemon:
            daemon.start()
            daemon.drop(pt.make_campaign(self.folder, "mx", recipients=text))
            pt.wait_until(lambda: self.count(daemon, "delivered") == 2000,
                          "the living ones")
            with pt.Sink(os.path.join(self.folder), log=False,
                         listen="127.0.0.9:%d" % sink.port):
                campaign = daemon.wait_state("mx", "finished")
                self.assertEqual(campaign["counts"]["delivered"], 5000)

    def test_rows_of_a_site_that_is_never_there_expire_and_the_campaign_ends(self):
        with pt.Sink(self.folder) as sink, \
                dns_server.Dns(self.folder,
                               mx={"dead.example": [(10, "dead-mx.example")],
                                   "live.example": [(10, "mx.example")]},
                               hosts={"dead-mx.example": "127.0.0.9",
                                      "mx.example": "127.0.0.1"}) as dns, \
                self.daemon(dns, sink.port,
                            retry={"first": "1s", "max": "2s", "give_up": "4s"}) as daemon:
            daemon.start()
            campaign = self.send(daemon, recipients(["dead.example", "live.example"], each=300))
            self.assertEqual(campaign["counts"]["delivered"], 300)
            self.assertEqual(campaign["counts"]["bounced"], 300)
            for row in daemon.results(campaign):
                if row["email"].endswith("dead.example"):
                    self.assertEqual((row["state"], row["class"]), ("bounced", "expired"))
                    self.assertIn("refused", row["reply"])

    def reload(self, daemon, **route):
        daemon.config["routes"] = {"default": route}
        daemon.write_config()
        daemon.post("/v1/reload")

    def test_a_reload_changes_sources_under_way(self):
        with pt.Sink(self.folder, latency="20ms", commands=True) as sink, \
                dns_server.Dns(self.folder, mx={"a.example": [(10, "mx.example")]},
                               hosts={"mx.example": "127.0.0.1"}) as dns, \
                self.daemon(dns, sink.port, route={"sources": ["s31", "s32"]},
                            sources={"s%d" % n: {"address": "127.0.0.%d" % n,
                                                 "hostname": "s%d.example" % n}
                                     for n in (31, 32, 33)}) as daemon:
            daemon.start()
            daemon.drop(pt.make_campaign(self.folder, "mx",
                                         recipients=recipients(["a.example"], each=3000)))
            for sources in ([], ["s33"], ["s31", "s33"]):
                before = self.count(daemon, "delivered")
                pt.wait_until(lambda: self.count(daemon, "delivered") >= before + 300, "progress")
                self.reload(daemon, via="mx", port=sink.port, sources=sources)
            campaign = daemon.wait_state("mx", "finished")
            self.assertEqual(campaign["counts"]["delivered"], 3000)
            self.assertEqual(campaign["in_doubt_ever"], 0)
            names = {c["argument"] for c in sink.commands("EHLO")}
            self.assertLessEqual({"s31.example", "s32.example", "s33.example"}, names)

    def test_a_route_that_becomes_another_kind_waits_for_a_restart(self):
        with pt.Sink(self.folder, latency="20ms") as sink, \
                dns_server.Dns(self.folder, mx={"a.example": [(10, "mx.example")]},
                               hosts={"mx.example": "127.0.0.1"}) as dns, \
                self.daemon(dns, sink.port) as daemon:
            daemon.start()
            daemon.drop(pt.make_campaign(self.folder, "mx",
                                         recipients=recipients(["a.example"], each=3000)))
            pt.wait_until(lambda: self.count(daemon, "delivered") >= 300, "progress")
            self.reload(daemon, via="relay", host="127.0.0.1", port=sink.port)
            self.assertIn("restart postriderd", daemon.campaign("mx")["last_error"])
            self.assertEqual(self.send(daemon, recipients(["b.example"]), name="later")
                             ["counts"]["delivered"], 1)
            daemon.terminate()
            daemon.start()
            campaign = daemon.wait_state("mx", "finished")
            self.assertEqual(campaign["counts"]["delivered"], 3000)
            self.assertEqual(len(sink.messages()), 3001)

    def test_sources_share_and_one_that_is_gone_is_set_aside(self):
        """The third address is not of this host."""
        with pt.Sink(self.folder, commands=True, latency="2ms") as sink, \
                dns_server.Dns(self.folder, hosts={"a.example": "127.0.0.1"}) as dns, \
                self.daemon(dns, sink.port,
                            route={"sources": ["one", "two", "192.0.2.77"], "connections": 4},
                            sources={"one": {"address": "127.0.0.1", "hostname": "one.example"},
                                     "two": {"address": "127.0.0.2", "hostname": "two.example",
                                             "weight": 2}}) as daemon:
            daemon.start()
            campaign = self.send(daemon, recipients(["a.example"], each=1000))
            self.assertEqual(campaign["counts"]["delivered"], 1000)
            names = {c["argument"] for c in sink.commands("EHLO")}
            self.assertEqual(names, {"one.example", "two.example"})

    def test_a_policy_that_was_kept_holds_although_dns_is_silent_about_it(self):
        """RFC 8461, section 5: until its max_age is over."""
        with pt.Sink(self.folder) as sink, \
                dns_server.Dns(self.folder, mx={d: [(10, "mx.b.example")]
                                                for d in ("a.example", "b.example")},
                               hosts={"mx.b.example": "127.0.0.1"}) as dns, \
                self.daemon(dns, sink.port) as daemon:
            daemon.start()
            daemon.terminate()
            now = int(time.time())
            line = "%d 1 id1 enforce 86400 %d %d mx.a.example" % (now * 1000, now + 8000, now)
            with contextlib.closing(sqlite3.connect(os.path.join(daemon.state, "state.db"))) as db:
                db.execute("INSERT INTO facts VALUES ('sts/a.example', ?)", (line.encode(),))
                db.commit()
            for _ in range(2):
                daemon.start()
                if not daemon.campaign("mx"):
                    daemon.drop(pt.make_campaign(self.folder, "mx",
                                                 recipients=recipients(["a.example", "b.example"])))
                pt.wait_until(lambda: self.count(daemon, "delivered") == 1 and
                              self.count(daemon, "deferred") == 1, "one each")
                daemon.terminate()
            self.assertEqual(len(sink.messages()), 1)

    def test_many_domains_of_one_message(self):
        domains = ["d%d.example" % n for n in range(5000)]
        with pt.Sink(self.folder) as sink, \
                dns_server.Dns(self.folder, hosts={d: "127.0.0.1" for d in domains}) as dns, \
                self.daemon(dns, sink.port, max_connections=100) as daemon:
            daemon.start()
            campaign = self.send(daemon, recipients(domains))
            self.assertEqual(campaign["counts"]["delivered"], 5000)

    def test_paused_and_killed_on_the_way(self):
        domains = ["d%d.example" % n for n in range(200)]
        with pt.Sink(self.folder) as sink, \
                dns_server.Dns(self.folder, hosts={d: "127.0.0.1" for d in domains}) as dns, \
                self.daemon(dns, sink.port) as daemon:
            daemon.start()
            daemon.drop(pt.make_campaign(self.folder, "mx", recipients=recipients(domains, 40),
                                         manifest={"rate": "3000/s"}))
            pt.wait_until(lambda: self.count(daemon, "delivered") > 1000, "the first rows")
            campaign = daemon.campaign("mx")["id"]
            daemon.post("/v1/campaigns/%s/pause" % campaign)
            daemon.post("/v1/campaigns/%s/resume" % campaign)
            pt.wait_until(lambda: self.count(daemon, "delivered") > 3000, "more rows")
            daemon.kill()
            daemon.start()
            campaign = daemon.wait_state("mx", "finished")
            self.assertEqual(campaign["counts"]["delivered"], 8000)
            self.assertLessEqual(len(sink.messages()), 8000 + campaign["in_doubt_ever"])
            self.assertEqual(len({m["to"][0] for m in sink.messages()}), 8000)


if __name__ == "__main__":
    unittest.main()
