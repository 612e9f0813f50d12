"""Stop-loss: a receiver that refuses too much is paused for a campaign, alone."""
import datetime
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dns_server  # noqa: E402
import postrider_test as pt  # noqa: E402

BAD = "bad.example"
GOOD = ["one.example", "two.example", "three.example"]
UNKNOWN = "on=rcpt,match=*@%s,share=20%%,reply=550 5.1.1 no such user" % BAD
LIMITS = {"bounces": "5%", "least": 200}


def recipients(each):
    """The bad one first in each turn."""
    lines = ["email,first_name,product"]
    for n in range(each):
        for domain in [BAD] + GOOD:
            lines.append("r%d@%s,Ann,Tea" % (n, domain))
    return "\n".join(lines) + "\n"


class StopLoss(pt.TestCase):
    def relay(self, rules, port=0):
        sink = self.enter(pt.Sink(self.folder, rules=rules, listen="127.0.0.1:%d" % port))
        return sink

    def begin(self, daemon, each=600, **manifest):
        manifest.setdefault("stop_loss", LIMITS)
        daemon.drop(pt.make_campaign(self.folder, "loss", recipients=recipients(each),
                                     manifest=manifest))

    def wait_paused(self, daemon, name=BAD):
        """What there is, when the campaign has nothing left but what is paused."""
        campaign = daemon.wait_state("loss", "paused")
        self.assertEqual(campaign["reason"], "stop_loss")
        self.assertEqual([s["name"] for s in campaign["slices"]], [name])
        return campaign

    def check_others(self, sink, campaign, each=600):
        """Everybody else has got theirs, once; of the bad one nothing is lost or sent twice."""
        to = [m["to"][0] for m in sink.messages()]
        self.assertEqual(len(to), len(set(to)))
        for domain in GOOD:
            self.assertEqual(sum(t.endswith("@" + domain) for t in to), each)
        counts = campaign["counts"]
        self.assertEqual(counts["delivered"], len(to))
        self.assertEqual(counts["pending"] + counts["bounced"] + counts["delivered"], 4 * each)
        self.assertEqual(counts["total"], 4 * each)
        self.assertGreater(counts["pending"], 0)

    def test_a_relay_s_bad_domain_is_paused_while_the_others_get_their_mail(self):
        sink = self.relay([UNKNOWN])
        with pt.Daemon(self.folder, relay=sink, connections=4) as daemon:
            self.begin(daemon)
            campaign = self.wait_paused(daemon)
            self.check_others(sink, campaign)
            slice_ = campaign["slices"][0]
            self.assertEqual((slice_["reason"], slice_["by"]), ("bounces", "postriderd"))
            self.assertGreaterEqual(slice_["tried"], 200)
            self.assertGreater(slice_["bounced"], 0.05 * slice_["tried"])
            self.assertLessEqual(slice_["bounced"], campaign["counts"]["bounced"])
            verbs = [h["verb"] for h in campaign["history"]]
            self.assertIn("stop_loss", verbs)
            self.assertIn("bad.example: bounces above 5%", daemon.log())
            self.assertEqual(daemon.get("/v1/status")["paused_slices"], 1)
            self.assertIn("paused, 1 paused", self.said(daemon, "campaigns"))
            self.assertIn("1 of them paused alone", self.said(daemon, "status"))
            self.assertIn("stop_loss", self.said(daemon, "wait", campaign["id"], "--timeout",
                                                 "1s", check=False))
            at = [h["id"] for h in campaign["history"] if h["verb"] == "stop_loss"][0]
            event = daemon.get("/v1/events?after=%d" % (at - 1))["events"][0]
            self.assertEqual((event["type"], event["by"]), ("stop_loss", "postriderd"))
            self.assertTrue(event["detail"].startswith("bad.example: bounces above 5%: of "))
            self.assertIn('postrider_campaigns{state="paused",reason="stop_loss"} 1',
                          daemon.get("/metrics"))

    def test_it_stays_paused_over_a_kill_and_goes_on_when_it_is_resumed(self):
        sink = self.relay([UNKNOWN])
        with pt.Daemon(self.folder, relay=sink, connections=4) as daemon:
            self.begin(daemon)
            before = self.wait_paused(daemon)
            daemon.kill()
            daemon.start()
            campaign = self.wait_paused(daemon)
            self.assertEqual(campaign["slices"], before["slices"])
            self.assertEqual(campaign["counts"], before["counts"])
            self.check_others(sink, campaign)
            # still as bad: it is paused again, by what came since
            daemon.post("/v1/campaigns/%s/resume" % campaign["id"], {"domain": BAD})
            again = pt.wait_until(lambda: self.paused_again(daemon, before), "the next pause")
            self.assertGreaterEqual(again["slices"][0]["tried"], 200)
            self.assertGreater(again["counts"]["delivered"], before["counts"]["delivered"])
            port = sink.port
            delivered = len(sink.messages())
            sink.stop()
            os.rename(sink.log_path, sink.log_path + ".1")
            sink = self.relay([], port)
            daemon.cli("resume", again["id"], "--domain", BAD)
            done = daemon.wait_state("loss", "finished")
            counts = done["counts"]
            self.assertEqual(delivered + len(sink.messages()), counts["delivered"])
            self.assertEqual(counts["delivered"] + counts["bounced"], 2400)
            self.assertEqual(counts["bounced"], again["counts"]["bounced"])

    @staticmethod
    def paused_again(daemon, before):
        campaign = daemon.campaign("loss")
        slices = campaign["slices"]
        return campaign if campaign["state"] == "paused" and slices and \
            slices[0]["paused"] != before["slices"][0]["paused"] else None

    def test_a_whole_resume_goes_on_with_all_where_nothing_else_is_left(self):
        sink = self.relay([UNKNOWN])
        with pt.Daemon(self.folder, relay=sink) as daemon:
            self.begin(daemon, each=300, stop_loss={"bounces": "5%", "least": 250})
            campaign = self.wait_paused(daemon)
            daemon.cli("resume", campaign["id"])
            done = daemon.wait_state("loss", "finished")
            self.assertEqual(done["slices"], [])
            self.assertEqual(done["counts"]["delivered"] + done["counts"]["bounced"], 1200)
            self.assertEqual(len(sink.messages()), done["counts"]["delivered"])

    def test_what_is_deferred_there_is_parked_and_sent_after_the_resume(self):
        sink = self.relay(["on=rcpt,match=*@%s,tries=1,reply=451 4.3.0 later" % BAD])
        with pt.Daemon(self.folder, relay=sink, config={"retry": {"first": "1s"}}) as daemon:
            self.begin(daemon, each=400, stop_loss={"deferrals": "50%", "least": 100})
            campaign = self.wait_paused(daemon)
            slice_ = campaign["slices"][0]
            self.assertEqual(slice_["reason"], "deferrals")
            self.assertGreaterEqual(slice_["attempts"], 100)
            self.assertEqual(slice_["attempts"], slice_["deferred"])
            self.assertGreater(campaign["counts"]["deferred"], 0)
            self.assertEqual(campaign["counts"]["delivered"], 1200)
            daemon.kill()
            daemon.start()
            self.wait_paused(daemon)
            for _ in range(8):  # the rest is deferred once, too
                daemon.post("/v1/campaigns/%s/resume" % campaign["id"])
                if daemon.wait_state("loss", "paused", "finished")["state"] == "finished":
                    break
            done = daemon.wait_state("loss", "finished")
            self.assertEqual(done["counts"]["delivered"], 1600)
            self.assertEqual(len(sink.messages()), 1600)

    def test_an_operator_pauses_one_domain_and_the_campaign_ends_without_it_when_cancelled(self):
        sink = self.relay([])
        with pt.Daemon(self.folder, relay=sink) as daemon:
            self.begin(daemon, each=100, hold=True)
            campaign = daemon.wait_state("loss", "held")
            done = daemon.cli("pause", campaign["id"], "--domain", "ONE.example")
            self.assertIn("true", done.stdout)
            daemon.cli("approve", campaign["id"])
            campaign = self.wait_paused(daemon, "one.example")
            self.assertEqual(campaign["slices"][0]["reason"], "operator")
            self.assertEqual(campaign["counts"]["pending"], 100)
            self.assertEqual(campaign["counts"]["delivered"], 300)
            self.assertNotEqual(daemon.cli("pause", campaign["id"], "--domain", "one.example",
                                           check=False).returncode, 0)
            daemon.cli("cancel", campaign["id"])
            done = daemon.wait_state("loss", "cancelled")
            self.assertEqual(done["counts"]["cancelled"], 100)
            self.assertEqual(len(sink.messages()), 300)

    def test_a_whole_pause_and_resume_leaves_paused_what_is_paused_alone(self):
        sink = self.relay([])
        with pt.Daemon(self.folder, relay=sink) as daemon:
            self.begin(daemon, each=100, rate="100/s")
            campaign = daemon.wait_state("loss", "sending")
            path = "/v1/campaigns/%s/" % campaign["id"]
            daemon.post(path + "pause", {"domain": BAD})
            campaign = daemon.campaign("loss")
            self.assertEqual((campaign["state"], campaign["reason"]), ("sending", "stop_loss"))
            self.assertEqual(daemon.request("POST", path + "resume")[0], 409)
            daemon.post(path + "pause")
            self.assertEqual(daemon.post(path + "resume")["still_paused"], 1)
            self.wait_paused(daemon)
            daemon.post(path + "resume", {"domain": BAD})
            done = daemon.wait_state("loss", "finished")
            self.assertEqual(done["counts"]["delivered"], 400)
            self.assertEqual(len(sink.messages()), 400)

    def test_a_deadline_ends_a_campaign_of_which_only_what_is_paused_is_left(self):
        sink = self.relay([])
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)
        with pt.Daemon(self.folder, relay=sink) as daemon:
            self.begin(daemon, each=50, hold=True,
                       schedule={"deadline": end.strftime("%Y-%m-%dT%H:%M:%SZ")})
            campaign = daemon.wait_state("loss", "held")
            daemon.cli("pause", campaign["id"], "--domain", BAD)
            daemon.cli("approve", campaign["id"])
            done = daemon.wait_state("loss", "finished")
            self.assertEqual(done["counts"]["skipped"], 50)
            self.assertEqual(done["counts"]["delivered"], 150)

    def test_the_report_of_what_ended_names_what_stayed_paused(self):
        sink = self.relay([UNKNOWN])
        with pt.Daemon(self.folder, relay=sink) as daemon:
            self.begin(daemon, each=400)
            campaign = self.wait_paused(daemon)
            text = self.said(daemon, "campaign", campaign["id"])
            self.assertIn(BAD, text)
            self.assertIn("resume %s --domain" % campaign["id"], text)
            daemon.cli("cancel", campaign["id"])
            done = daemon.wait_state("loss", "cancelled")
            folder = os.path.join(daemon.spool, "done", done["id"])
            pt.wait_until(lambda: os.path.exists(os.path.join(folder, "report.html")), "report")
            with open(os.path.join(folder, "report.html"), encoding="utf-8") as f:
                self.assertIn("<td class=\"url\">%s</td><td>bounces</td>" % BAD, f.read())
            daemon.terminate()
            daemon.start()
            again = daemon.get("/v1/campaigns/" + done["id"])
            self.assertEqual(again["slices"], campaign["slices"])

    @staticmethod
    def said(daemon, *arguments, check=True):
        done = subprocess.run([pt.program("postrider"), "--config", daemon.config_path,
                               *arguments], capture_output=True, text=True, check=check)
        return done.stdout + done.stderr


class StopLossMx(pt.TestCase):
    def daemon(self, dns, port):
        daemon = pt.Daemon(self.folder, start=False,
                           config={"dns": {"servers": [dns.server], "timeout": "1s"},
                                   "stop_loss": LIMITS,
                                   "retry": {"first": "1s", "max": "2s", "give_up": "60s"}})
        daemon.config["routes"] = {"default": {"via": "mx", "port": port}}
        daemon.shape()
        return daemon

    def test_an_exchanger_that_refuses_too_much_is_paused_with_all_of_its_domains(self):
        """By the limits of postrider.yaml; its name is its exchanger's."""
        same = "same.example"
        mx = {d: [(10, "mx.good.example")] for d in GOOD}
        mx.update({d: [(10, "mx.bad.example")] for d in (BAD, same)})
        lines = ["email,first_name,product"]
        lines += ["r%d@%s,Ann,Tea" % (n, d) for n in range(400) for d in [BAD, same] + GOOD]
        with pt.Sink(self.folder, rules=[UNKNOWN]) as sink, \
                dns_server.Dns(self.folder, mx=mx, hosts={"mx.good.example": "127.0.0.1",
                                                          "mx.bad.example": "127.0.0.1"}) as dns, \
                self.daemon(dns, sink.port) as daemon:
            daemon.start()
            daemon.drop(pt.make_campaign(self.folder, "loss", recipients="\n".join(lines) + "\n"))
            campaign = daemon.wait_state("loss", "paused")
            self.assertEqual([s["name"] for s in campaign["slices"]], ["mx.bad.example"])
            to = [m["to"][0].split("@")[1] for m in sink.messages()]
            for domain in GOOD:
                self.assertEqual(to.count(domain), 400)
            self.assertLess(to.count(same), 400)
            self.assertEqual(campaign["counts"]["delivered"], len(to))
            daemon.kill()
            daemon.start()
            campaign = daemon.wait_state("loss", "paused")
            self.assertEqual(campaign["counts"]["delivered"], len(sink.messages()))
            # each time it is resumed 200 more are tried
            for _ in range(10):
                daemon.post("/v1/campaigns/%s/resume" % campaign["id"],
                            {"domain": "mx.bad.example"})
                campaign = pt.wait_until(lambda: self.settled(daemon, campaign), "the next")
                if campaign["state"] == "finished":
                    break
            self.assertEqual(campaign["state"], "finished")
            counts = campaign["counts"]
            self.assertEqual(counts["delivered"] + counts["bounced"], 2000)
            to = [m["to"][0] for m in sink.messages()]
            self.assertEqual(len(to), len(set(to)))
            self.assertEqual(len(to), counts["delivered"])

    @staticmethod
    def settled(daemon, before):
        now = daemon.campaign("loss")
        if now["state"] == "finished":
            return now
        slices = now["slices"]
        fresh = slices and slices[0]["paused"] != before["slices"][0]["paused"]
        return now if now["state"] == "paused" and fresh else None


if __name__ == "__main__":
    unittest.main()
