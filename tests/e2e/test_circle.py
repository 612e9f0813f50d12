"""The whole circle of a campaign, with real parts. It goes out through Postfix; a receiver behind
that refuses some, and Postfix's own bounces come back through it into bounce.listen, as do a
complaint, a wish to leave by mail and a holiday's autoreply. Somebody reads the message in Chromium
and clicks, a scanner does the same, somebody leaves by one click. The receiver of the webhook is
down meanwhile, and the daemon is killed once. In the end the status socket, report.json,
results.csv, the events and the webhook say exactly what was done, and a second campaign goes to
nobody who left."""
import collections
import email
import email.message
import email.policy
import html.parser
import http.server
import json
import os
import smtplib
import sys
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import browser  # noqa: E402
import mail_servers  # noqa: E402
import postrider_test as pt  # noqa: E402
from api_server import OK, Receiver  # noqa: E402

ROWS = 40
REFUSED, GONE, FULL = (5, 15, 25), (3, 13, 23, 33), (7, 17)
READER, LEAVER, COMPLAINER, WRITER, SCANNER, ON_HOLIDAY = 1, 2, 4, 6, 8, 9
BOUNCED = REFUSED + GONE + FULL
# A mailbox that is full may be emptied: it is no reason to give the address up.
LOST = REFUSED + GONE + (COMPLAINER, LEAVER, WRITER)
ACTS = ("opens", "clicks", "unsubscribes", "complaints")

BOUNCES = "bounce.acme.example"
COMPLAINTS, UNSUBSCRIBE = "fbl@" + BOUNCES, "unsubscribe@" + BOUNCES
BEYOND = ["on=rcpt,match=gone*,reply=550 5.1.1 no such user here",
          "on=rcpt,match=full*,reply=552 5.2.2 mailbox full"]
POSTFIX = mail_servers.DELIVERS + """
transport_maps = texthash:{folder}/etc/transport
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
smtpd_recipient_restrictions = check_recipient_access regexp:{folder}/etc/rcpt, permit_mynetworks
"""
BODY = """<html><head><title>Spring</title></head><body>
<p>Hello {{ first_name }}, <a id="shop" href="%s/spring?a=1&amp;b=2#top">spring is here</a>.</p>
<p><a href="https://shop.example/imprint">Imprint</a></p></body></html>
"""
UTM = {"source": "news", "medium": "email"}
LANDING = "/spring?a=1&b=2&utm_source=news&utm_medium=email"


def address(row):
    if row in REFUSED:
        return "refused%d@near.example" % row
    if row in GONE + FULL:
        return "%s%d@beyond.example" % ("gone" if row in GONE else "full", row)
    return "user%d@near.example" % row


def recipients():
    return "email,first_name\n" + "".join("%s,Number%d\n" % (address(row), row)
                                          for row in range(1, ROWS + 1))


class Shop(http.server.ThreadingHTTPServer):
    """Where the link leads. asked: paths."""

    def __init__(self):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_GET(self):
                asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<title>The shop</title>")

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server_port
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *exception):
        self.shutdown()
        self.server_close()


class Sights(html.parser.HTMLParser):
    """What a program finds in a message: links and images."""

    def __init__(self, text):
        super().__init__()
        self.links, self.images = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.links.append(dict(attrs)["href"])
        if tag == "img":
            self.images.append(dict(attrs)["src"])


def parse(octets):
    return email.message_from_bytes(octets, policy=email.policy.default)


def html_of(octets):
    return parse(octets).get_body(("html",)).get_content()


def unsubscribe_ways(octets):
    """(URL, address, subject) of List-Unsubscribe."""
    page, mailto = (x.strip(" <>") for x in parse(octets)["List-Unsubscribe"].split(","))
    to, _, subject = mailto.removeprefix("mailto:").partition("?subject=")
    return page, to, urllib.parse.unquote(subject)


def complaint(octets):
    """A report of a feedback loop (RFC 5965): the message comes along, its recipient blackened."""
    def part(kind, text):
        made = email.message.Message()
        made["Content-Type"] = kind
        made.set_payload(text)
        return made
    report = email.message.Message()
    report["Content-Type"] = 'multipart/report; report-type=feedback-report; boundary="=report"'
    report["From"], report["To"] = "fbl@near.example", COMPLAINTS
    report["Subject"], report["MIME-Version"] = "complaint", "1.0"
    returned = parse(octets)
    returned.replace_header("To", "redacted@near.example")
    returned.replace_header("From", str(returned["From"]))
    report.attach(part("text/plain", "This is an email abuse report.\n"))
    report.attach(part("message/feedback-report",
                       "Feedback-Type: abuse\nUser-Agent: NearFBL/1.0\nVersion: 1\n"))
    report.attach(part("message/rfc822", returned.as_string(policy=email.policy.SMTP)))
    return report.as_bytes(policy=email.policy.SMTP)


def note(sender, to, subject, **fields):
    made = email.message.EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, subject
    for name, value in fields.items():
        made[name.replace("_", "-")] = value
    made.set_content("I am away.\n")
    return made.as_bytes(policy=email.policy.SMTP)


def ask(url, method="GET", body=None):
    """(status, final URL); without a person's headers, as programs do it."""
    request = urllib.request.Request(url, method=method, data=body)
    try:
        with urllib.request.urlopen(request, timeout=pt.TIMEOUT) as answer:
            return answer.status, answer.url
    except urllib.error.HTTPError as refused:
        return refused.code, url


class CircleTest(pt.TestCase):
    # ---- the parts ----

    def start_postfix(self, bounce_port):
        mail_servers.install_postfix()
        beyond = self.enter(pt.Sink(self.folder, rules=BEYOND))
        self.postfix = mail_servers.Postfix(self.folder, POSTFIX, start=False)
        ways = {"beyond.example": beyond.port, BOUNCES: bounce_port}
        tables = {"transport": "".join("%s smtp:[127.0.0.1]:%d\n" % way for way in ways.items()),
                  "rcpt": "/^refused/ 550 5.1.1 no such user\n"}
        for name, text in tables.items():
            with open(os.path.join(self.postfix.folder, "etc", name), "w", encoding="ascii") as f:
                f.write(text)
        self.postfix.start()
        self.addCleanup(self.postfix.__exit__, None, None, None)

    def start_daemon(self, bounce_port):
        key, track = os.path.join(self.folder, "token.key"), mail_servers.free_port()
        with open(key, "w", encoding="ascii") as f:
            f.write("a secret of the tests, long enough\n")
        os.chmod(key, 0o600)
        self.up = threading.Event()
        self.up.set()
        self.receiver = self.enter(Receiver(lambda request: OK if self.up.is_set() else "drop"))
        self.daemon = self.enter(pt.Daemon(
            self.folder, relay="127.0.0.1:%d" % self.postfix.port, config={
                "secrets": [{"id": "a", "file": key}],
                "track": {"listen": "127.0.0.1:%d" % track, "url": "http://127.0.0.1:%d" % track},
                "brands": {"acme": {"bounce_domain": BOUNCES, "unsubscribe_mailto": UNSUBSCRIBE}},
                "bounce": {"listen": "127.0.0.1:%d" % bounce_port, "complaints": COMPLAINTS},
                "webhooks": [{"url": self.receiver.url}]}))

    def send(self, name):
        """The campaign's object when all is sent."""
        self.daemon.drop(pt.make_campaign(
            self.folder, name, recipients=recipients(), files={"body.html": BODY % self.shop.url},
            manifest={"brand": "acme", "list": "news", "track": {"utm": UTM}}))
        return self.daemon.wait_state(name, "finished")

    def give(self, sender, to, octets):
        """Somebody's mail, by way of Postfix."""
        with smtplib.SMTP(self.postfix.address, self.postfix.port, timeout=pt.TIMEOUT) as smtp:
            smtp.sendmail(sender, [to], octets)

    def mail(self, row):
        """A row's message as Postfix has delivered it, which it does after it said 250."""
        return pt.wait_until(lambda: next((mail for mail in self.postfix.mails()
                                           if mail.to == address(row)), None), address(row))

    def suppressions(self):
        said = self.daemon.get("/v1/suppressions?limit=100")["suppressions"]
        found = {s["address"]: (s["scope"], s["reason"]) for s in said}
        self.assertEqual(len(found), len(said))  # nobody stands there twice
        return found

    # ---- what people do ----

    def read_and_click(self):
        page = os.path.join(self.folder, "mail.html")
        with open(page, "w", encoding="utf-8") as f:
            f.write(html_of(self.mail(READER).octets))
        with browser.Browser(self.folder) as chromium:
            chromium.go("file://" + page)
            chromium.click("#shop")
            self.assertEqual(chromium.url, self.shop.url + LANDING + "#top")
            self.assertEqual(chromium.title, "The shop")
        self.assertEqual([path for path in self.shop.asked if path != "/favicon.ico"], [LANDING])

    def scan(self):
        sights = Sights(html_of(self.mail(SCANNER).octets))
        for url in sights.images:
            self.assertEqual(ask(url)[0], 200)
        link = next(url for url in sights.links if "/c/" in url)
        self.assertEqual(ask(link, "HEAD")[0], 200)  # which is told, and counts as no click
        self.assertEqual(ask(link), (200, self.shop.url + LANDING + "#top"))

    def leave_by_one_click(self):
        page, _, _ = unsubscribe_ways(self.mail(LEAVER).octets)
        self.assertEqual(ask(page)[0], 200)
        self.assertNotIn(address(LEAVER), self.suppressions())
        self.assertEqual(ask(page, "POST", b"List-Unsubscribe=One-Click")[0], 200)

    def write_back(self):
        _, to, subject = unsubscribe_ways(self.mail(WRITER).octets)
        self.assertEqual(to, UNSUBSCRIBE)
        self.give(address(WRITER), to, note(address(WRITER), to, subject))
        self.give("fbl@near.example", COMPLAINTS, complaint(self.mail(COMPLAINER).octets))
        away = self.mail(ON_HOLIDAY)
        self.give("", away.sender, note(address(ON_HOLIDAY), away.sender, "Away: Spring",
                                        Auto_Submitted="auto-replied"))

    # ---- what is said of it ----

    def engaged(self, total, machine=0):
        return {"total": total, "unique": total, "machine": machine}

    def assert_object(self, said):
        counts = {key: n for key, n in said["counts"].items() if n}
        self.assertEqual(counts, {"total": ROWS, "delivered": ROWS - len(BOUNCED),
                                  "bounced": len(BOUNCED)})
        self.assertEqual({key: said[key] for key in ACTS},
                         {"opens": self.engaged(2, 1), "clicks": self.engaged(2, 1),
                          "unsubscribes": self.engaged(2), "complaints": self.engaged(1)})
        self.assertEqual((said["attempts"], said["in_doubt_ever"]), (ROWS, 0))

    def counts(self, name):
        return self.daemon.campaign(name)["counts"]

    def settled(self, ask):
        """The campaign's object, of ask(), when all that was done has come in, or time is over."""
        end = time.monotonic() + pt.TIMEOUT
        while True:
            said = ask()
            came = [said["counts"]["bounced"]] + [said[what]["total"] for what in ACTS]
            if came == [len(BOUNCED), 2, 2, 2, 1] or time.monotonic() > end:
                return said
            time.sleep(0.05)

    def report(self, campaign):
        path = os.path.join(self.daemon.spool, "done", campaign["id"], "report.json")
        with open(path, encoding="utf-8") as f:
            return json.load(f)

    def assert_report(self, campaign):
        self.assert_object(self.settled(lambda: self.report(campaign)["campaign"]))
        report = self.report(campaign)
        self.assertEqual(report["bounced_classes"], {"user_unknown": len(REFUSED + GONE),
                                                     "mailbox_full": len(FULL)})
        url = self.shop.url + LANDING + "#top"
        self.assertEqual([dict(link, link=0) for link in report["links"]],
                         [{"link": 0, "url": url, "total": 2, "unique": 2, "machine": 1}])

    def assert_results(self, campaign):
        results = self.daemon.results(campaign)
        self.assertEqual([(int(r["row"]), r["email"]) for r in results],
                         [(row, address(row)) for row in range(1, ROWS + 1)])
        for r in results:
            row = int(r["row"])
            expect = (("bounced", "user_unknown", "5.1.1") if row in REFUSED + GONE else
                      ("bounced", "mailbox_full", "5.2.2") if row in FULL else
                      ("delivered", "delivered", "2.0.0"))
            self.assertEqual((r["state"], r["class"], r["enhanced"]), expect, r)

    def assert_events(self, events):
        """What is told of the rows of the first campaign."""
        told = collections.Counter((e["type"], e["row"], e.get("late", e.get("machine", False)))
                                   for e in events if "row" in e)
        expect = [("delivered", row, False) for row in range(1, ROWS + 1) if row not in REFUSED]
        expect += [("bounced", row, False) for row in REFUSED]
        expect += [("bounced", row, True) for row in GONE + FULL]
        expect += [(kind, READER, False) for kind in ("open", "click")]
        expect += [(kind, SCANNER, True) for kind in ("open", "click")]
        expect += [("unsubscribe", LEAVER, False), ("unsubscribe", WRITER, False),
                   ("complaint", COMPLAINER, False)]
        self.assertEqual(told, collections.Counter(expect))

    def assert_webhook_is_down(self):
        pt.wait_until(lambda: self.webhook()["state"] == "waiting", "a try that failed")
        heard = {e["type"] for e in self.receiver.events()}
        self.assertIn("delivered", heard)
        self.assertFalse(heard & {"open", "click", "unsubscribe", "complaint"})

    def webhook(self):
        return self.daemon.get("/v1/status")["webhooks"][0]

    def assert_suppressed(self):
        reasons = {address(row): ("all", "bounced") for row in REFUSED + GONE}
        reasons.update({address(COMPLAINER): ("all", "complained"),
                        address(LEAVER): ("list news", "unsubscribed"),
                        address(WRITER): ("list news", "unsubscribed")})
        self.assertEqual(self.suppressions(), reasons)

    def assert_second(self):
        """Nobody who left gets it, whoever's mailbox is full does, and bounces again."""
        self.send("second")
        expect = {"total": ROWS, "suppressed": len(LOST), "bounced": len(FULL),
                  "delivered": ROWS - len(LOST) - len(FULL)}
        counts = pt.wait_until(lambda: self.counts("second")["bounced"] == len(FULL) and
                               self.counts("second"), "the bounces of the second")
        self.assertEqual({key: n for key, n in counts.items() if n}, expect)
        mails = {address(row): 1 if row in LOST else 2
                 for row in set(range(1, ROWS + 1)) - set(REFUSED + GONE + FULL)}
        pt.wait_until(lambda: len(self.postfix.delivered()) >= sum(mails.values()), "the mails")
        self.assertEqual(collections.Counter(mail.to for mail in self.postfix.mails()), mails)

    def test_what_comes_back_is_told_exactly_and_acted_on(self):
        bounce_port = mail_servers.free_port()
        self.shop = self.enter(Shop())
        self.start_postfix(bounce_port)
        self.start_daemon(bounce_port)
        campaign = self.send("first")
        pt.wait_until(lambda: "delivered" in {e["type"] for e in self.receiver.events()},
                      "the webhook's first events")
        self.up.clear()
        self.write_back()
        self.read_and_click()
        self.scan()
        self.leave_by_one_click()
        self.assert_object(self.settled(lambda: self.daemon.campaign("first")))
        self.assert_suppressed()
        self.assert_webhook_is_down()
        self.daemon.kill()  # what it has told of is durable
        self.daemon.start()
        self.assert_object(self.daemon.get("/v1/campaigns/" + campaign["id"]))
        self.assert_second()
        self.up.set()
        pt.wait_until(lambda: self.webhook()["backlog_bytes"] == 0, "the webhook to be told all")
        events = self.daemon.events()
        told = {e["id"]: e for e in self.receiver.events()}  # a killed daemon may repeat a batch
        self.assertEqual(list(told.values()), events)
        self.assert_events([e for e in events if e.get("campaign") == campaign["id"]])
        self.assert_report(campaign)
        self.assert_results(campaign)


if __name__ == "__main__":
    unittest.main()
