"""Preflight: a campaign by mail exchangers waits on the doctor, or is warned by it."""
import mmap
import os
import socket
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import accounted  # noqa: E402
import dns_server  # noqa: E402
import postrider_test as pt  # noqa: E402

SPF = "txt-record=mail.acme.example,v=spf1 ip4:127.0.0.1 -all"
# What makes news@mail.acme.example from 127.0.0.1 pass but for a warning: it is not signed.
RECORDS = [SPF, "txt-record=_dmarc.mail.acme.example,v=DMARC1; p=none",
           "mx-host=mail.acme.example,mta.postrider.example,10", "local=/in-addr.arpa/",
           "ptr-record=1.0.0.127.in-addr.arpa,mta.postrider.example"]
NO_SPF = [r for r in RECORDS if r != SPF]
REMEDY = 'publish: mail.acme.example. IN TXT "v=spf1 ip4:127.0.0.1 -all"'


class Case(pt.TestCase):
    def setUp(self):
        super().setUp()
        self.sink = self.enter(pt.Sink(self.folder))

    def dns(self, records, name="dns"):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder)
        return self.enter(dns_server.Dns(
            folder, mx={"a.example": [(10, "mx.example")]}, options=records,
            hosts={"mx.example": "127.0.0.1", "mta.postrider.example": "127.0.0.1"}))

    def silent(self):
        """A name server that is there and never answers."""
        s = self.enter(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        s.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % s.getsockname()[1]

    def start(self, server, preflight="refuse", env=None, **route):
        daemon = pt.Daemon(self.folder, start=False, env=env,
                           config={"dns": {"servers": [server]}, "preflight": preflight})
        daemon.config["routes"] = {"default": dict(
            {"via": "mx", "port": self.sink.port, "sources": ["127.0.0.1"]}, **route)}
        daemon.write_config()
        daemon.start()
        return self.enter(daemon)

    def drop(self, daemon, **manifest):
        daemon.drop(pt.make_campaign(self.folder, "c", manifest=manifest,
                                     recipients="email,first_name\nx@a.example,A\n"))

    def held(self, daemon, **manifest):
        self.drop(daemon, **manifest)
        campaign = daemon.wait_state("c", "held")
        self.assertEqual(campaign["reason"], "preflight")
        return campaign

    def serve(self, daemon, dns):
        daemon.write_config(dns={"servers": [dns.server]})
        daemon.post("/v1/reload")

    def finished(self, daemon):
        campaign = daemon.wait_state("c", "finished")
        self.assertEqual(campaign["counts"]["delivered"], 1)
        self.assertEqual(len(self.sink.messages()), 1)
        return campaign

    @staticmethod
    def verbs(campaign):
        return [(h["verb"], h["state"]) for h in campaign["history"]]

    def post(self, daemon, verb):
        return daemon.post("/v1/campaigns/%s/%s" % (daemon.campaign("c")["id"], verb))


class Preflight(Case):
    def test_who_fails_is_held_with_what_to_publish_until_somebody_approves(self):
        daemon = self.start(self.dns(NO_SPF).server, sources=["127.0.0.1", "127.0.0.2"])
        campaign = self.held(daemon)
        remedy = REMEDY.replace(" -all", " ip4:127.0.0.2 -all")
        self.assertIn("mail.acme.example has no SPF record. (%s)" % remedy,
                      campaign["last_error"])
        self.assertEqual(campaign["last_error"].count(remedy), 1)
        shown = subprocess.run([pt.program("postrider"), "--config", daemon.config_path,
                                "campaign", campaign["id"]], capture_output=True, text=True)
        self.assertIn(campaign["last_error"], shown.stdout)
        self.assertTrue(campaign["last_error"].endswith("See: postrider doctor mail.acme.example"))
        told = ("hold", "postriderd", campaign["last_error"])
        pt.wait_until(lambda: told in [(h["verb"], h["by"], h["detail"])
                                       for h in daemon.campaign("c")["history"]], "its history")
        self.assertIn("has no SPF record", daemon.log())
        daemon.kill()
        daemon.start()
        self.assertEqual(daemon.wait_state("c", "held")["reason"], "preflight")
        self.assertEqual(self.sink.messages(), [])
        self.post(daemon, "approve")
        daemon.kill()
        daemon.start()
        self.assertIn(("override", "scheduled"), self.verbs(self.finished(daemon)))

    def test_an_approval_from_before_is_none_of_what_was_found(self):
        daemon = self.start(self.dns(NO_SPF).server)
        self.drop(daemon, hold=True)
        self.assertEqual(daemon.wait_state("c", "held")["reason"], "approval")
        self.post(daemon, "approve")
        pt.wait_until(lambda: daemon.campaign("c")["reason"] == "preflight", "preflight")
        self.post(daemon, "resume")  # looks again, and finds the same
        pt.wait_until(lambda: self.verbs(daemon.campaign("c"))[-2:] == [
            ("resume", "scheduled"), ("hold", "held")], "the second look")
        self.assertEqual(self.sink.messages(), [])

    def test_a_reload_looks_again(self):
        daemon = self.start(self.dns(NO_SPF).server)
        self.held(daemon)
        self.serve(daemon, self.dns(RECORDS, "good"))
        campaign = self.finished(daemon)
        self.assertIn(("release", "scheduled"), self.verbs(campaign))
        self.assertIsNone(campaign["last_error"])

    def test_nobody_refuses_any_more_after_a_reload(self):
        daemon = self.start(self.dns(NO_SPF).server)
        self.held(daemon)
        daemon.write_config(preflight="off")
        daemon.post("/v1/reload")
        self.finished(daemon)

    def test_a_corrected_sender_is_looked_at(self):
        records = RECORDS + ["txt-record=bad.example,v=spf1 -all"]
        daemon = self.start(self.dns(records).server)
        self.drop(daemon, **{"from": "news@bad.example"})
        campaign = daemon.wait_state("c", "held")
        self.assertIn("is fail", campaign["last_error"])
        folder = pt.make_campaign(self.folder, "corrected", manifest={"name": "c"},
                                  recipients="email\nx@a.example\n")
        daemon.cli("replace", campaign["id"], folder)
        self.finished(daemon)

    def test_warn_sends_and_tells(self):
        daemon = self.start(self.dns(NO_SPF).server, preflight="warn")
        self.drop(daemon)
        campaign = self.finished(daemon)
        self.assertIn(REMEDY, campaign["last_error"])
        told = [h for h in campaign["history"] if h["verb"] == "preflight"]
        self.assertEqual([h["detail"] for h in told], [campaign["last_error"]])
        self.assertIn("has no SPF record", daemon.log())

    def test_off_and_relays_ask_nothing(self):
        dns = self.dns(NO_SPF)
        daemon = self.start(dns.server, preflight="off")
        self.drop(daemon)
        self.finished(daemon)
        daemon.write_config(preflight="refuse", routes={"relay": {
            "via": "relay", "host": "127.0.0.1", "port": self.sink.port}})
        daemon.post("/v1/reload")
        daemon.drop(pt.make_campaign(self.folder, "relayed", rows=1, manifest={"route": "relay"}))
        daemon.wait_state("relayed", "finished")
        with open(os.path.join(dns.folder, "dnsmasq.log"), encoding="utf-8") as f:
            self.assertNotIn("mail.acme.example", f.read())

    def test_verbs_and_the_end_of_the_daemon_do_not_wait_for_a_look(self):
        daemon = self.start(self.silent())
        self.drop(daemon)
        self.assertEqual(daemon.wait_state("c", "scheduled")["reason"], None)
        self.post(daemon, "pause")
        self.post(daemon, "resume")
        self.assertEqual(daemon.campaign("c")["state"], "scheduled")
        daemon.kill()
        daemon.start()
        daemon.wait_state("c", "scheduled")
        self.assertEqual(daemon.terminate(timeout=5), 0)
        daemon.start()
        daemon.wait_state("c", "scheduled")
        self.post(daemon, "cancel")
        pt.wait_until(lambda: (daemon.campaign("c") or {}).get("finished"), "its end", timeout=5)
        self.assertEqual(daemon.campaign("c")["state"], "cancelled")
        self.assertEqual(self.sink.messages(), [])

    def test_killed_while_it_looks_it_looks_anew(self):
        daemon = self.start(self.silent())
        self.drop(daemon)
        daemon.wait_state("c", "scheduled")
        daemon.kill()
        daemon.write_config(dns={"servers": [self.dns(NO_SPF).server]})
        daemon.start()
        self.assertIn("SPF", daemon.wait_state("c", "held")["last_error"])


class Later(Case):
    """With a clock that can be set forward."""

    def setUp(self):
        super().setUp()
        path = os.path.join(self.folder, "clock_offset")
        with open(path, "wb") as f:
            f.write(bytes(16))
        self.file = self.enter(open(path, "r+b"))
        self.offset = self.enter(mmap.mmap(self.file.fileno(), 16))
        self.env = dict(accounted.shim(self.folder, "clock"), CLOCK_OFFSET=path)
        self.ahead = 0

    def jump(self, seconds):
        self.ahead += seconds
        self.offset[:] = struct.pack("<qq", 0, self.ahead * 1000)

    def test_what_is_published_is_found_some_minutes_later(self):
        dns = self.dns(NO_SPF)
        daemon = self.start(dns.server, env=self.env)
        self.held(daemon)
        dns.publish(SPF)
        self.jump(5 * 60)
        self.finished(daemon)

    def test_who_cannot_be_looked_at_is_held_after_some_tries_and_not_for_ever(self):
        dns = self.dns(RECORDS)
        dns.terminate()
        daemon = self.start(dns.server, env=self.env)
        self.drop(daemon)
        daemon.wait_state("c", "scheduled")
        jumps = []

        def held():
            self.jump(10)
            jumps.append(10)
            return daemon.campaign("c")["state"] == "held"
        pt.wait_until(held, "it to be held", every=0.5)
        self.assertGreater(len(jumps), 1)
        self.assertIn("cannot be looked up now", daemon.campaign("c")["last_error"])
        dns.start()
        self.jump(5 * 60)
        self.finished(daemon)


if __name__ == "__main__":
    unittest.main()
