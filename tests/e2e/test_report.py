"""The report of a campaign. A shop's mail goes to four hundred people at several receivers; some
bounce, some are asked to be tried later, some may not be written to; people and machines open and
click, leave and complain. Each figure of report.json is held against a count made here, and the
page is looked at in Chromium: on a phone, on a screen, by night, on paper, by a screen reader.

POSTRIDER_SCREENSHOTS=FOLDER keeps what was seen."""
import collections
import contextlib
import http.client
import json
import os
import random
import re
import socket
import sqlite3
import struct
import sys
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import browser  # noqa: E402
import postrider_test as pt  # noqa: E402
import tokens  # noqa: E402

SECRET = "a secret of thirty-two octets or so"
ROWS = 400
DOMAINS = (["gmail.com"] * 12 + ["yahoo.com"] * 6 + ["outlook.com"] * 5 + ["icloud.com"] * 3 +
           ["acme-retail.example"] * 3 + ["university.example"] * 2 + ["yahoo.co.uk"])
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
         "like Gecko) Version/18.0 Mobile/15E148 Safari/604.1")
RULES = ["on=rcpt,match=gone*,reply=550 5.1.1 <gone@example.com>: no such user here",
         "on=rcpt,match=full*,reply=552 5.2.2 mailbox of gone@example.com is full",
         "on=rcpt,match=later*,reply=451 4.7.1 come back later"]
BODY = """<!DOCTYPE html><html lang="en"><head><title>Spring</title><style>
.button{background:#0a6b4f;color:#fff;padding:12px 22px;border-radius:4px;text-decoration:none}
</style></head><body style="margin:0;background:#f3f1ea;font-family:Georgia,serif">
<table width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:24px">
<table width="560" cellpadding="0" cellspacing="0" style="background:#fff;max-width:100%"><tr>
<td style="padding:24px"><img src="cid:logo.png" width="120" height="32" alt="Acme">
<h1 style="font-size:28px;margin:20px 0 8px">Spring is here, {{ first_name }}</h1>
<p>Three hundred new pieces, for {{ city }} and everywhere else.</p>
<p><a class="button" href="https://shop.example/spring?a=1&amp;b=2">See the collection</a></p>
<p><img src="https://cdn.shop.example/hero.jpg" width="510" height="220" alt="A green coat"></p>
<p>Or begin with the <a href="https://shop.example/coats">coats</a> and the
<a href="https://shop.example/shoes">shoes</a>. Yours is <a
href="https://shop.example/account/{{ code }}">your account</a>.</p>
<p style="font-size:12px;color:#666">Acme, 1 Main St, Lisbon.
<a href="https://shop.example/imprint">Imprint</a></p>
</td></tr></table></td></tr></table>
<script>document.title = "harm"</script>
<img src="https://tracker.example/pixel.gif" width="1" height="1"></body></html>
"""
SHOP, COATS, SHOES = ("https://shop.example/spring?a=1&b=2", "https://shop.example/coats",
                      "https://shop.example/shoes")


def png(width, height, colour):
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))
    row = b"\0" + bytes(colour) * width
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2,
                                                              0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b""))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def complaint(octets):
    """A report of a feedback loop (RFC 5965) with the message in question."""
    return ("From: fbl@receiver.example\nTo: fbl@acme.example\nSubject: complaint\n"
            "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; "
            "boundary=\"=r\"\n\n--=r\nContent-Type: text/plain\n\nAn abuse report.\n\n--=r\n"
            "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: R/1\n"
            "Version: 1\n\n--=r\nContent-Type: message/rfc822\n\n%s\n--=r--\n"
            % octets.decode().replace("\r\n", "\n"))


class People:
    """Who is in the campaign and what they do, by the same dice every time."""

    def __init__(self):
        dice = random.Random(8)
        self.address, self.kind = {}, {}
        for row in range(1, ROWS + 1):
            kind = dice.choices(("user", "gone", "full", "later", "left"),
                                (88, 4, 2, 3, 3))[0]
            self.kind[row] = kind
            self.address[row] = "%s%d@%s" % (kind, row, dice.choice(DOMAINS))
        self.good = [row for row in self.kind if self.kind[row] == "user"]
        self.readers = dice.sample(self.good, len(self.good) * 4 // 10)
        self.phones = set(dice.sample(self.readers, len(self.readers) * 6 // 10))
        self.clickers = {row: dice.choices((SHOP, COATS, SHOES), (6, 2, 1))[0]
                         for row in dice.sample(self.readers, len(self.readers) // 3)}
        others = [row for row in self.good if row not in self.readers]
        self.machines = others[:9]
        self.leavers, self.complainers = self.readers[:4], self.readers[4:6]

    def rows(self, kind):
        return [row for row in self.kind if self.kind[row] == kind]

    def csv(self):
        lines = ["email,first_name,city,code"]
        lines += ["%s,Ann%d,Lisbon,C-%d" % (self.address[row], row, row)
                  for row in sorted(self.address)]
        lines += ["%s,Twice,Oslo,X" % self.address[self.good[0]], "no address,Bad,Oslo,X"]
        return "\n".join(lines) + "\n"


class ReportCase(pt.TestCase):
    def begin(self):
        self.port = free_port()
        self.keys = tokens.Keys(SECRET)
        path = os.path.join(self.folder, "token.key")
        with open(path, "w", encoding="utf-8") as f:
            f.write(SECRET + "\n")
        os.chmod(path, 0o600)
        self.sink = self.enter(pt.Sink(self.folder, rules=RULES, maildir=True))
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.sink, config={
            "secrets": [{"id": "a", "file": path}], "timezone": "Europe/Lisbon",
            "retry": {"first": "1h", "give_up": "72h"},
            "track": {"listen": "127.0.0.1:%d" % self.port, "rate": "100000/s",
                      "proxies": ["127.0.0.1"], "url": "https://t.acme.example"}}))

    def ask(self, row, method, path, agent=DESKTOP, body=None, language=True):
        """As the person of a row, who has an address of their own."""
        headers = {"User-Agent": agent,
                   "X-Forwarded-For": "198.18.%d.%d" % (row >> 8, row & 255)}
        if language:
            headers["Accept-Language"] = "en"
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=pt.TIMEOUT)
        with contextlib.closing(c):
            c.request(method, path, body=body, headers=headers)
            answer = c.getresponse()
            answer.read()
            return answer.status

    def drop(self, folder, recipients, **manifest):
        path = pt.make_campaign(self.folder, folder, recipients=recipients,
                                files={"body.html": BODY, "body.txt": "Spring is here.\n"},
                                manifest=dict({"list": "newsletter", "subject": "Spring is here",
                                               "postal_address": "1 Main St, Lisbon",
                                               "max_rejects": None}, **manifest))
        os.makedirs(os.path.join(path, "images"))
        with open(os.path.join(path, "images", "logo.png"), "wb") as f:
            f.write(png(120, 32, (10, 107, 79)))
        self.daemon.drop(path)

    def link(self, serial, url):
        with contextlib.closing(sqlite3.connect(self.daemon.state + "/state.db",
                                                timeout=10)) as db:
            return db.execute("SELECT link FROM links WHERE serial = ? AND url = ?",
                              (serial, url)).fetchone()[0]

    def act(self, campaign, people):
        """All that people and machines do."""
        serial = tokens.serial_of(self.daemon, campaign["id"])

        def token(kind, row, **more):
            return self.keys.token(kind, serial, row, people.address[row], **more)
        for row in people.readers:
            self.assertEqual(self.ask(row, "GET", "/o/%s.gif" % token(tokens.OPEN, row),
                                      PHONE if row in people.phones else DESKTOP), 200)
        for row in people.machines:
            self.ask(row, "GET", "/o/%s.gif" % token(tokens.OPEN, row), "curl/8", language=False)
        for row, url in people.clickers.items():
            self.assertEqual(self.ask(row, "GET", "/c/" + token(
                tokens.CLICK, row, link=self.link(serial, url)),
                PHONE if row in people.phones else DESKTOP), 302)
        for row in people.leavers:
            self.assertEqual(self.ask(row, "POST", "/u/" + token(tokens.UNSUBSCRIBE, row,
                                                            list_="newsletter"),
                                      body="List-Unsubscribe=One-Click"), 200)
        for octets in self.mails_of(people.complainers, people):
            answer = self.daemon.cli("feedback", input=complaint(octets))
            self.assertEqual(json.loads(answer.stdout)["kind"], "arf", answer.stdout)

    def mails_of(self, rows, people):
        """What arrived for these rows."""
        wanted = {people.address[row] for row in rows}
        found = {}
        for octets in self.sink.mails():
            to = re.search(rb"^To: <?([^>\r\n]+)", octets, re.M).group(1).decode()
            if to in wanted:
                found[to] = octets
        self.assertEqual(set(found), wanted)
        return found.values()

    def send_all(self):
        """The campaign, waiting for its retries, with all that came back folded; and its people."""
        self.begin()
        people = People()
        for n in range(3):
            self.drop("winter-%d" % n, "email,first_name,city,code\n" + "".join(
                "old%d@gmail.com,A,B,C\n" % i for i in range(40)))
            earlier = self.daemon.wait_state("winter-%d" % n, "finished")
            serial = tokens.serial_of(self.daemon, earlier["id"])
            for row in range(1, 10 + n):
                self.ask(row, "GET", "/o/%s.gif" % self.keys.token(
                    tokens.OPEN, serial, row, "old%d@gmail.com" % (row - 1)))
            self.wait_written(earlier, 9 + n)
        for row in people.rows("left"):
            self.daemon.post("/v1/suppressions", {"address": people.address[row],
                                                  "class": "marketing", "reason": "manual"})
        self.drop("spring", people.csv())
        gone = len(people.rows("gone")) + len(people.rows("full"))

        def tried():
            c = self.daemon.campaign("spring")
            return c and c["counts"]["bounced"] == gone and \
                c["counts"]["deferred"] == len(people.rows("later")) and \
                c["counts"]["delivered"] == len(people.good) and c
        campaign = pt.wait_until(tried, "all to be tried", timeout=60)
        self.act(campaign, people)
        pt.wait_until(lambda: self.daemon.campaign("spring")["unsubscribes"]["unique"] ==
                      len(people.leavers) and self.daemon.campaign("spring")["clicks"]["unique"] ==
                      len(people.clickers) and self.daemon.campaign("spring")["complaints"]["unique"]
                      == len(people.complainers), "all to be folded")
        return campaign, people

    def wait_written(self, campaign, opened, where="done"):
        """Until the report in the campaign's folder has so many people who opened."""
        path = os.path.join(self.daemon.spool, where, campaign["id"], "report.json")

        def there():
            if not os.path.exists(path):
                return False
            with open(path, encoding="utf-8") as f:
                return json.load(f)["rates"]["opened"]["part"] == opened
        pt.wait_until(there, "the report to be written anew", timeout=30)

    def report(self, campaign, format_="json"):
        status, body = self.daemon.request("GET", "/v1/campaigns/%s/report?format=%s"
                                           % (campaign["id"], format_))
        self.assertEqual(status, 200, body)
        return body


class FiguresTest(ReportCase):
    def test_each_figure_is_what_was_done(self):
        campaign, people = self.send_all()
        report = self.report(campaign)
        good = len(people.good)
        sent = good + sum(len(people.rows(k)) for k in ("gone", "full", "later"))
        rates = report["rates"]
        self.assertEqual(report["sent"], sent)
        self.assertEqual((rates["accepted"]["part"], rates["accepted"]["whole"]), (good, sent))
        self.assertEqual((rates["opened"]["part"], rates["opened"]["whole"]),
                         (len(people.readers), good))
        self.assertEqual(rates["clicked"]["part"], len(people.clickers))
        self.assertEqual(rates["unsubscribed"]["part"], len(people.leavers))
        self.assertEqual(rates["complained"]["part"], len(people.complainers))
        for share in (v for v in rates.values() if isinstance(v, dict)):
            self.assertLessEqual(share["low"], share["share"])
            self.assertGreaterEqual(share["high"], share["share"])
        self.assertEqual(report["campaign"]["opens"]["machine"], len(people.machines))
        self.check_course(report, people)
        self.check_domains(report, people)
        self.check_rest(report, people)
        self.check_earlier(report)

    def check_course(self, report, people):
        line = report["timeline"]
        for key, n in (("accepted", len(people.good)), ("opened", len(people.readers)),
                       ("clicked", len(people.clickers))):
            self.assertEqual(sum(line[key]) + line[key + "_later"], n, key)

    def check_domains(self, report, people):
        def count(rows):
            return collections.Counter(people.address[row].split("@")[1] for row in rows)
        accepted, opened = count(people.good), count(people.readers)
        clicked, bounced = count(people.clickers), count(people.rows("gone") + people.rows("full"))
        told = {d["domain"]: d for d in report["domains"]}
        for domain in set(DOMAINS):
            self.assertEqual(told[domain]["delivered"], accepted[domain], domain)
            self.assertEqual(told[domain]["bounced"], bounced[domain], domain)
            self.assertEqual(told[domain]["opened"], opened[domain], domain)
            self.assertEqual(told[domain]["clicked"], clicked[domain], domain)
        yahoo = next(r for r in report["receivers"] if r["name"].startswith("Yahoo"))
        complained = count(people.complainers)
        self.assertEqual((yahoo["complained"]["part"], yahoo["complained"]["whole"]),
                         (complained["yahoo.com"] + complained["yahoo.co.uk"],
                          accepted["yahoo.com"] + accepted["yahoo.co.uk"]))
        self.assertEqual(report["receivers"][-1]["verdict"], "above_limit")  # 2 of 350

    def check_rest(self, report, people):
        self.assertEqual(report["bounced_classes"], {"user_unknown": len(people.rows("gone")),
                                                     "mailbox_full": len(people.rows("full"))})
        full = report["bounced_examples"]["mailbox_full"]
        self.assertEqual(full, "552 5.2.2 mailbox of …@example.com is full")
        self.assertNotIn("gone@", json.dumps(report, ensure_ascii=False))
        phones = len(people.phones)
        self.assertEqual(report["devices"]["opened"]["mobile"], phones)
        self.assertEqual(report["devices"]["opened"]["desktop"], len(people.readers) - phones)
        left = {(r["state"], r["reason"]): r["rows"] for r in report["left_out"]}
        self.assertEqual(sum(n for (state, _), n in left.items() if state == "suppressed"),
                         len(people.rows("left")))
        self.assertEqual(left["skipped", "duplicate of row …"], 1)
        clicks = collections.Counter(people.clickers.values())
        self.assertEqual({link["url"]: link["unique"] for link in report["links"]}, dict(clicks))
        self.assertEqual((report["list"], report["class"]), ("newsletter", "marketing"))

    def check_earlier(self, report):
        earlier = report["earlier"]
        self.assertEqual(earlier["campaigns"], 3)
        self.assertEqual(earlier["accepted"]["median"], 1)
        self.assertEqual(earlier["opened"],
                         {"median": 10 / 40, "low": 9.5 / 40, "high": 10.5 / 40})

    def test_the_page_is_live_while_sending_and_when_answers_come_after_the_end(self):
        campaign, people = self.send_all()
        self.wait_written(campaign, len(people.readers), "active")
        with open(os.path.join(self.daemon.spool, "active", campaign["id"], "report.html"),
                  encoding="utf-8") as f:
            live = f.read()
        self.assertIn('http-equiv="refresh"', live)
        self.assertIn("people were written to so far", live)
        self.daemon.cli("cancel", campaign["id"])
        campaign = self.daemon.wait_state(campaign["id"], "cancelled")
        folder = os.path.join(self.daemon.spool, "done", campaign["id"])
        pt.wait_until(lambda: os.path.exists(folder + "/report.json"), "the report")
        with open(folder + "/report.html", encoding="utf-8") as f:
            page = f.read()
        with open(folder + "/report.json", encoding="utf-8") as f:
            report = json.load(f)
        self.assertTrue(report["final"])
        self.assertNotIn('http-equiv="refresh"', page)
        for text in ("cancelled", "accepted by relay", "no such mailbox", "mailbox full",
                     "left out: cancelled", "duplicate of row …", "Beside earlier campaigns",
                     SHOP.replace("&", "&amp;")):
            self.assertIn(text, page)
        for word in ("in_doubt", "user_unknown", "<script", "deferred"):
            self.assertNotIn(word, page)
        share = "%.1f\xa0%%" % (100 * report["rates"]["opened"]["share"])
        self.assertIn(share, page)
        # what comes in now is in it, too
        serial = tokens.serial_of(self.daemon, campaign["id"])
        late = next(r for r in people.good if r not in people.readers + people.machines)
        self.ask(late, "GET", "/o/%s.gif" % self.keys.token(tokens.OPEN, serial, late,
                                                            people.address[late]))
        self.wait_written(campaign, len(people.readers) + 1)

    def test_the_source_of_the_page_is_safe_whatever_the_campaign_is_called(self):
        self.begin()
        name = "<script>alert(1)</script>\"&'"
        self.drop("evil", "email,first_name,city,code\na@b.example,A,B,C\n", name=name,
                  subject="</title><script>alert(2)</script>")
        campaign = self.daemon.wait_state(name, "finished")
        page = self.report(campaign, "html")
        self.assertNotIn("<script", page)
        self.assertIn("&lt;script&gt;alert(1)", page)


class LooksTest(ReportCase):
    """In Chromium, from the file, as somebody opens it who got it by mail."""

    def keep(self, name, octets):
        folder = os.environ.get("POSTRIDER_SCREENSHOTS")
        if folder:
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, name), "wb") as f:
                f.write(octets)

    def check_width(self, chromium, width):
        seen = chromium.run("return [document.documentElement.scrollWidth, innerWidth]")
        self.assertLessEqual(seen[0], width)
        self.assertEqual(seen[1], width)

    def test_it_reads_well_on_a_phone_a_screen_by_night_on_paper_and_aloud(self):
        campaign, people = self.send_all()
        path = os.path.join(self.folder, "report.html")
        self.daemon.cli("report", campaign["id"], "--out", path)
        with browser.Browser(self.folder) as chromium:
            chromium.devtools("Network.enable")
            chromium.complaints(), chromium.requests()
            chromium.go("file://" + path)
            for width, dark, name in ((320, False, "phone"), (1280, False, "screen"),
                                      (1280, True, "night"), (320, True, "phone-night")):
                chromium.look(width, 900, dark)
                self.check_width(chromium, width)
                self.keep(name + ".png", chromium.screenshot())
            chromium.look(680, 1009)  # A4 without its margins
            chromium.devtools("Emulation.setEmulatedMedia", media="print")
            self.check_width(chromium, 680)
            self.keep("print.png", chromium.screenshot())
            chromium.devtools("Emulation.setEmulatedMedia", media="")
            paper = chromium.pdf()
            self.keep("paper.pdf", paper)
            self.assertGreater(len(re.findall(rb"/Type\s*/Page\b", paper)), 1)
            self.check_aloud(chromium.tree())
            self.check_marks(chromium, people)
            asked = [url for url in chromium.requests() if not url.startswith(("data:", "about:"))]
            self.assertEqual(set(asked), {"file://" + path})
            self.assertEqual(chromium.complaints(), [])
            self.check_contrast(chromium)

    def check_aloud(self, tree):
        roles = collections.Counter(role for role, _ in tree)
        for role in ("main", "banner", "contentinfo", "table", "columnheader", "rowheader",
                     "Iframe"):
            self.assertTrue(roles[role], "%s in %s" % (role, roles))
        images = [name for role, name in tree if role in ("image", "img")]
        self.assertIn("What became of all recipients", images[0])
        self.assertTrue(any(name.startswith("Opened by") for name in images), images)
        self.assertTrue(all(images), "each has a name: %s" % images)
        self.assertTrue(all(name for role, name in tree if role in ("table", "region", "heading")))
        headings = [name for role, name in tree if role == "heading"]
        self.assertEqual(headings[:3], ["spring", "How far it came", "Beside earlier campaigns"])

    def check_marks(self, chromium, people):
        """Each link of the message carries its share, and can be seen."""
        clicks = collections.Counter(people.clickers.values())
        frame = chromium._find("iframe")  # its document is nobody's: no script reaches into it
        chromium._post("/frame", id={browser.ELEMENT: frame})
        marks = chromium.run(
            "return [...document.querySelectorAll('a')].map(a => { let m ="
            " a.querySelector('.pr-mark'), r = m.getBoundingClientRect(); return [a.innerText,"
            " m.innerText, r.width > 10 && r.height > 10, a.hasAttribute('href')]})")
        chromium._post("/frame", id=None)
        self.assertEqual(len(marks), 5)
        for text, mark, visible, leads in marks:
            self.assertTrue(visible, text)
            self.assertFalse(leads, text)
        share = clicks[SHOP] / len(people.good)
        self.assertIn("See the collection", marks[0][0])
        self.assertRegex(marks[0][1], r"^%.1f" % (100 * share))
        self.assertEqual(marks[4][1], "0\xa0%")

    def check_contrast(self, chromium):
        """WCAG 2.2, 1.4.3: of the page's own text, by day and by night."""
        script = """
          const probe = document.createElement('canvas').getContext('2d');
          const rgb = c => { probe.clearRect(0, 0, 1, 1); probe.fillStyle = c;
            probe.fillRect(0, 0, 1, 1); return probe.getImageData(0, 0, 1, 1).data };
          const light = c => { const v = [...rgb(c)].slice(0, 3).map(x => x / 255).map(
            x => x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
            return .2126 * v[0] + .7152 * v[1] + .0722 * v[2] };
          const ground = e => { for (; e; e = e.parentElement) {
            const c = getComputedStyle(e).backgroundColor;
            if (rgb(c)[3] > 0) return c } return 'white' };
          const bad = [];
          for (const e of document.querySelectorAll('body *')) {
            if (![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())) continue;
            if (e.closest('svg')) continue;
            const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
            const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            if (ratio < 4.5) bad.push([e.tagName, e.textContent.slice(0, 30), ratio]);
          } return bad"""
        for dark in (False, True):
            chromium.look(1280, 900, dark)
            self.assertEqual(chromium.run(script), [])


if __name__ == "__main__":
    unittest.main()
