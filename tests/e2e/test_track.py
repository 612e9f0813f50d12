"""The tracking server: pixel, links, unsubscribing (RFC 8058), preferences, the message in the
browser. Tokens are made here, by the secret and the format's description alone."""
import base64
import contextlib
import email
import email.policy
import html
import http.client
import http.server
import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import browser  # noqa: E402
import postrider_test as pt  # noqa: E402
import tokens  # noqa: E402

SECRET = "a secret of thirty-two octets or so"
HUMAN = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0",
         "Accept-Language": "de,en;q=0.5"}
FORM = "application/x-www-form-urlencoded"
MULTIPART = ("multipart/form-data; boundary=--x",
             "----x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\n"
             "One-Click\r\n----x--\r\n")
LINKS = {1: "https://shop.example/spring?a=1&b=2#top", 2: "http://blocked.example/x",
         3: "https://sub.blocked.example/y"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.text = self.body.decode("utf-8", "replace")


class TrackCase(pt.TestCase):
    """A daemon that tracks; `self.keys` makes tokens."""

    track = {}
    rules = ()  # of the receiver
    brands = {"acme": {"language": "en"}}

    def begin(self, maildir=False, **config):
        self.port = free_port()
        self.keys = tokens.Keys(SECRET)
        path = os.path.join(self.folder, "token.key")
        with open(path, "w", encoding="utf-8") as f:
            f.write(SECRET + "\n")
        os.chmod(path, 0o600)
        self.sink = self.enter(pt.Sink(self.folder, maildir=maildir, rules=self.rules))
        config = {"secrets": [{"id": "a", "file": path}], "brands": self.brands,
                  "track": dict({"listen": "127.0.0.1:%d" % self.port, "rate": "100000/s"},
                                **self.track), **config}
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.sink, config=config))

    def send(self, name="spring", rows=10, **manifest):
        """The campaign, when it has finished; its links are in state.db."""
        files = manifest.pop("files", None)
        recipients = manifest.pop("recipients_csv", None)
        self.daemon.drop(pt.make_campaign(self.folder, name, rows=rows, manifest=manifest,
                                          files=files, recipients=recipients))
        campaign = self.daemon.wait_state(name, "finished")
        self.serial = tokens.serial_of(self.daemon, campaign["id"])
        self.put_links()
        return campaign

    def put_links(self):
        with contextlib.closing(sqlite3.connect(self.daemon.state + "/state.db", timeout=10)) as db:
            db.executemany("INSERT OR REPLACE INTO links VALUES (?, ?, ?)",
                           [(self.serial, n, url) for n, url in LINKS.items()])
            db.commit()

    def token(self, kind, row=1, list_="", **more):
        return self.keys.token(kind, more.pop("serial", self.serial), row, pt.address(row, 1),
                               list_, **more)

    def ask(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=pt.TIMEOUT)
        try:
            c.request(method, path, body=body, headers=HUMAN if headers is None else headers)
            return Answer(c.getresponse())
        finally:
            c.close()

    def one_click(self, token, encoding=FORM):
        if encoding == FORM:
            return self.ask("POST", "/u/" + token, "List-Unsubscribe=One-Click",
                            {"Content-Type": FORM})
        return self.ask("POST", "/u/" + token, MULTIPART[1], {"Content-Type": MULTIPART[0]})

    def counts(self, name, what):
        return self.daemon.campaign(name)[what]

    def wait_count(self, name, what, **expect):
        def there():
            counts = self.counts(name, what)
            return all(counts[k] == n for k, n in expect.items())
        try:
            pt.wait_until(there, what, timeout=10)
        except AssertionError:
            self.fail("%s are %s, not %s" % (what, self.counts(name, what), expect))

    def metric(self, name):
        text = self.daemon.request("GET", "/metrics")[1]
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    def suppressed(self):
        found = self.daemon.get("/v1/suppressions")["suppressions"]
        return {(s["address"], s["scope"], s["source"]) for s in found}


class PixelTest(TrackCase):
    def test_the_image_comes_whatever_the_token_and_opens_are_counted(self):
        self.begin()
        self.send()
        first = self.ask("GET", "/o/%s.gif" % self.token(tokens.OPEN))
        self.assertEqual(first.status, 200)
        self.assertEqual(len(first.body), 43)
        self.assertEqual(first.body[:6], b"GIF89a")
        self.assertEqual(first.headers["Content-Type"], "image/gif")
        self.assertEqual(first.headers["Cache-Control"],
                         "private, no-store, no-cache, max-age=0, must-revalidate")
        self.assertEqual(first.headers["Pragma"], "no-cache")
        self.assertEqual(first.headers["Expires"], "0")
        self.assertIsNone(first.headers["Server"])
        for bad in ("", "x", self.token(tokens.CLICK, link=1), self.token(tokens.OPEN)[:-1],
                    "%00", "a" * 4000):
            answer = self.ask("GET", "/o/%s.gif" % bad)
            self.assertEqual((answer.status, answer.body), (200, first.body), bad)
        self.ask("GET", "/o/%s.gif" % self.token(tokens.OPEN))
        self.ask("GET", "/o/%s.gif" % self.token(tokens.OPEN, row=2))
        self.assertEqual(self.ask("HEAD", "/o/%s.gif" % self.token(tokens.OPEN, row=3)).status, 200)
        self.wait_count("spring", "opens", total=3, unique=2)

    def test_who_asked_not_to_be_followed_is_not(self):
        self.begin()
        self.send()
        self.daemon.cli("suppress", "add", pt.address(1, 1))  # mail is another matter
        page = self.ask("POST", "/p/" + self.token(tokens.PREFERENCES, row=2), "opens=1",
                        dict(HUMAN, **{"Content-Type": FORM}))
        self.assertEqual(page.status, 200)
        for row in (1, 2):
            self.ask("GET", "/o/%s.gif" % self.token(tokens.OPEN, row=row))
        self.wait_count("spring", "opens", total=1, unique=1)
        self.assertIn((pt.address(2, 1), "opens", "preferences"), self.suppressed())
        campaign = self.send("again", again=True)
        self.assertEqual(campaign["counts"]["suppressed"], 1)
        self.daemon.kill()
        self.daemon.start()
        for row in (2, 3):
            self.ask("GET", "/o/%s.gif" % self.token(tokens.OPEN, row=row))
        self.wait_count("again", "opens", total=1, unique=1)


class ClickTest(TrackCase):
    track = {"blocked": ["blocked.example"], "honeypot": True}

    def test_a_link_leads_where_the_campaign_says(self):
        self.begin()
        self.send()
        answer = self.ask("GET", "/c/" + self.token(tokens.CLICK, link=1))
        self.assertEqual(answer.status, 302)
        self.assertEqual(answer.headers["Location"], LINKS[1])
        self.assertEqual(answer.headers["Cache-Control"], "no-store, private")
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer-when-downgrade")
        self.assertEqual(answer.headers["X-Robots-Tag"], "noindex")
        self.assertEqual(answer.body, b"")
        head = self.ask("HEAD", "/c/" + self.token(tokens.CLICK, row=2, link=1))
        self.assertEqual((head.status, head.headers["Location"]), (302, LINKS[1]))
        self.wait_count("spring", "clicks", total=1, unique=1)

    def test_what_was_switched_off_is_gone_and_the_honeypot_leads_nowhere(self):
        self.begin()
        self.send()
        for link in (2, 3):
            answer = self.ask("GET", "/c/" + self.token(tokens.CLICK, link=link))
            self.assertEqual(answer.status, 410)
            self.assertIn("abgeschaltet", answer.text)
            self.assertIsNone(answer.headers["Location"])
        self.assertEqual(self.ask("GET", "/c/" + self.token(tokens.CLICK,
                                                            link=0xffffffff)).status, 404)
        self.daemon.config["track"]["blocked"] = ["shop.example"]
        self.daemon.write_config()
        self.daemon.post("/v1/reload")
        self.assertEqual(self.ask("GET", "/c/" + self.token(tokens.CLICK, link=1)).status, 410)
        self.assertEqual(self.ask("GET", "/c/" + self.token(tokens.CLICK, link=2)).status, 302)

    def test_nothing_leads_elsewhere(self):
        self.begin()
        self.send()
        good = self.token(tokens.CLICK, link=1)
        evil = base64.urlsafe_b64encode(b"https://evil.example/").decode().rstrip("=")
        for path in ("/c/", "/c/x", "/c/" + good[:-1], "/c/%s.%s" % (good, evil),
                     "/c/%s.%s" % (self.token(tokens.CLICK, link=0), evil),
                     "/c/" + self.token(tokens.OPEN), "/c/" + self.token(tokens.CLICK, link=99),
                     "/c/" + self.token(tokens.CLICK, link=1, serial=999),
                     "/c/https://evil.example/", "/c//evil.example", "//evil.example/", "/",
                     "/c/%0d%0aLocation:%20https://evil.example/", "/x/" + good):
            answer = self.ask("GET", path)
            self.assertEqual(answer.status, 404, path)
            self.assertIsNone(answer.headers["Location"], path)
        answer = self.ask("GET", "/c/%s?url=https://evil.example/" % good,
                          headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
        self.assertEqual(answer.headers["Location"], LINKS[1])

    def test_100000_forged_tokens_are_refused(self):
        """Each one octet away from a good one, or of another kind, or cut: over a few
        connections, pipelined."""
        self.begin()
        self.send()
        pick = random.Random(7)
        good = [self.token(tokens.CLICK, row=row, link=1) for row in range(1, 11)]
        kinds = [self.token(k, row=1) for k in (tokens.OPEN, tokens.VIEW, tokens.UNSUBSCRIBE)]

        def forge():
            octets = bytearray(base64.urlsafe_b64decode(pick.choice(good) + "=="))
            how = pick.randrange(4)
            if how == 0:
                octets[pick.randrange(len(octets))] ^= 1 << pick.randrange(8)
            elif how == 1:
                octets = octets[:pick.randrange(1, len(octets))]
            elif how == 2:
                octets += pick.randbytes(1)
            else:
                return pick.choice(kinds)
            return base64.urlsafe_b64encode(bytes(octets)).decode().rstrip("=")

        refused = 0
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", self.port)) as s:
                wanted = 2000
                text = "".join("GET /c/%s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (
                    forge(), "Connection: close\r\n" if i == wanted - 1 else "")
                    for i in range(wanted))
                sender = threading.Thread(target=s.sendall, args=(text.encode(),))
                sender.start()
                with s.makefile("rb") as f:
                    got = f.read()
                sender.join()
                refused += got.count(b"HTTP/1.1 404 ")
                self.assertNotIn(b"Location", got)
        self.assertEqual(refused, 100000)
        self.assertEqual(self.daemon.get("/v1/status")["track"]["recorded"], 0)


class UnsubscribeTest(TrackCase):
    def test_both_encodings_of_a_one_click_are_durable_when_answered(self):
        self.begin()
        self.send(list="news")
        for row, encoding in ((1, FORM), (2, "multipart")):
            answer = self.one_click(self.token(tokens.UNSUBSCRIBE, row=row, list_="news"), encoding)
            self.assertEqual((answer.status, answer.body), (200, b""), encoding)
            self.assertIsNone(answer.headers["Location"])
            self.assertIsNone(answer.headers["Set-Cookie"])
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(self.suppressed(), {(pt.address(row, 1), "list news", "one-click")
                                             for row in (1, 2)})
        self.wait_count("spring", "unsubscribes", total=2, unique=2)
        campaign = self.send("next", list="news")
        self.assertEqual(campaign["counts"]["suppressed"], 2)
        self.assertEqual(self.send("other", list="other")["counts"]["suppressed"], 0)

    def test_a_get_changes_nothing_and_its_button_does(self):
        self.begin()
        self.send(language="en")
        path = "/u/" + self.token(tokens.UNSUBSCRIBE)
        for method in ("GET", "HEAD"):
            page = self.ask(method, path)
            self.assertEqual(page.status, 200)
        page = self.ask("GET", path)
        self.assertIn('<html lang="en">', page.text)
        self.assertIn("Acme", page.text)
        self.assertIn('<form method="post">', page.text)
        self.assertIn("default-src 'none'", page.headers["Content-Security-Policy"])
        self.assertEqual(page.headers["Referrer-Policy"], "no-referrer")
        self.assertEqual(self.suppressed(), set())
        for body in ("", "leave=0", "x=1", "List-Unsubscribe=Two-Clicks", "List-Unsubscribe",
                     "{}", "leave=1" + "1" * 100):
            answer = self.ask("POST", path, body, {"Content-Type": FORM})
            self.assertEqual(answer.status, 400, body)
        self.assertEqual(self.ask("POST", path, "leave=1", {"Content-Type": "text/plain"}).status,
                         400)
        self.assertEqual(self.ask("POST", path, "leave=" + "1" * 9000,
                                  {"Content-Type": FORM}).status, 413)
        self.assertEqual(self.suppressed(), set())
        page = self.ask("POST", path, "leave=1", {"Content-Type": FORM})
        self.assertEqual(page.status, 200)
        self.assertIn("You are unsubscribed", page.text)
        self.assertEqual(self.suppressed(), {(pt.address(1, 1), "marketing", "page")})
        self.assertEqual(self.ask("PUT", path, "x").status, 405)
        self.assertEqual(self.ask("POST", "/c/" + self.token(tokens.CLICK, link=1), "x").status, 405)

    def test_the_pages_of_a_proof_change_nothing(self):
        self.begin()
        path = self.keys.token(tokens.UNSUBSCRIBE, 0, 0, pt.address(1, 1))
        self.assertEqual(self.ask("GET", "/u/" + path).status, 200)
        self.assertEqual(self.one_click(path).status, 200)
        self.ask("GET", "/o/%s.gif" % self.keys.token(tokens.OPEN, 0, 0, pt.address(1, 1)))
        self.assertEqual(self.suppressed(), set())
        self.assertEqual(self.daemon.get("/v1/status")["track"]["recorded"], 0)

    def test_it_works_when_the_folder_is_gone(self):
        self.begin()
        campaign = self.send(list="news")
        left = [self.token(tokens.UNSUBSCRIBE, row=1, list_="news"),
                self.token(tokens.UNSUBSCRIBE, row=2)]
        shutil.rmtree(os.path.join(self.daemon.spool, "done", campaign["id"]))
        page = self.ask("GET", "/u/" + left[0])
        self.assertEqual(page.status, 200)
        self.assertIn('<html lang="de">', page.text)
        self.assertEqual(self.ask("GET", "/v/" + self.token(tokens.VIEW)).status, 404)
        for token in left:
            self.assertEqual(self.one_click(token).status, 200)
        self.assertFalse([s for s in self.suppressed() if "@" in s[0]])
        self.assertEqual(self.send("listed", list="news")["counts"]["suppressed"], 2)
        self.assertEqual(self.send("plain")["counts"]["suppressed"], 1)

    def test_the_rest_of_a_running_campaign_stops(self):
        """At 20 messages a second the last rows leave the list meanwhile."""
        self.begin()
        self.daemon.drop(pt.make_campaign(self.folder, "slow", rows=100,
                                          manifest={"rate": "20/s"}))
        pt.wait_until(lambda: self.sink.messages(), "the first message")
        self.serial = tokens.serial_of(self.daemon, self.daemon.campaign("slow")["id"])
        left = range(61, 101)
        for row in left:
            token = self.token(tokens.UNSUBSCRIBE, row=row)
            self.assertEqual(self.one_click(token).status, 200)
        campaign = self.daemon.wait_state("slow", "finished")
        self.assertEqual(campaign["counts"]["suppressed"], len(left))
        told = {to for m in self.sink.messages() for to in m["to"]}
        self.assertFalse(told & {pt.address(row, 1) for row in left})

    def test_what_cannot_be_stored_is_answered_503_and_works_later(self):
        self.begin()
        self.send()
        token = self.token(tokens.UNSUBSCRIBE)
        audience = os.path.join(self.daemon.state, "audience.db")
        with contextlib.closing(sqlite3.connect(audience)) as db:
            db.execute("BEGIN IMMEDIATE")  # nobody else can write
            answer = self.one_click(token)
            self.assertEqual(answer.status, 503)
            self.assertEqual(answer.body, b"")
            self.assertTrue(int(answer.headers["Retry-After"]) > 0)
            page = self.ask("POST", "/u/" + token, "leave=1",
                            dict(HUMAN, **{"Content-Type": FORM}))
            self.assertEqual(page.status, 503)
            self.assertIn("in einigen Minuten", page.text)
            db.rollback()
        self.assertEqual(self.one_click(token).status, 200)


class PageTest(TrackCase):
    def test_preferences_say_what_they_do(self):
        self.begin()
        self.send(list="news")
        path = "/p/" + self.token(tokens.PREFERENCES, list_="news")
        page = self.ask("GET", path)
        for name in ("list", "all", "opens"):
            self.assertIn('name="%s"' % name, page.text)
        self.assertNotIn('name="list"',
                         self.ask("GET", "/p/" + self.token(tokens.PREFERENCES)).text)
        self.assertEqual(self.ask("POST", path, "", {"Content-Type": FORM}).status, 200)
        self.assertEqual(self.suppressed(), set())
        answer = self.ask("POST", path, "list=1&all=1", {"Content-Type": FORM})
        self.assertEqual(answer.status, 200)
        self.assertEqual({scope for _, scope, _ in self.suppressed()}, {"list news", "marketing"})

    def test_the_language_is_the_campaigns_else_the_visitors(self):
        self.brands = {"none": {}}
        self.begin()
        self.send("of-rows", language={"column": "lang", "fallback": "fr"},
                  recipients_csv="email,first_name,product,lang\n"
                                 "user1@example.com,A,B,zh\nuser2@example.com,A,B,xx\n",
                  files={"body.zh.html": "<p>hello</p>", "body.html": "<p>hello</p>",
                         "body.txt": "hello"})
        for row, expect in ((1, "zh"), (2, "fr")):
            page = self.ask("GET", "/u/" + self.token(tokens.UNSUBSCRIBE, row=row))
            self.assertIn('<html lang="%s">' % expect, page.text)
        self.send("plain")
        for asked, expect in (("es-MX,es;q=0.9", "es"), ("it", "en"), ("", "en"),
                              ("en;q=0.3, zh-CN;q=0.8", "zh")):
            page = self.ask("GET", "/u/" + self.token(tokens.UNSUBSCRIBE),
                            headers={"Accept-Language": asked})
            self.assertIn('<html lang="%s">' % expect, page.text)

    def test_a_senders_name_is_text(self):
        self.begin()
        self.send(**{"from": "'Fish' & Chips <news@mail.acme.example>"})
        page = self.ask("GET", "/u/" + self.token(tokens.UNSUBSCRIBE)).text
        self.assertIn("<bdi>&#39;Fish&#39; &amp; Chips</bdi>", page)

    def test_the_message_is_shown_without_scripts_or_a_pixel(self):
        self.begin()
        pixel = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
        folder = pt.make_campaign(self.folder, "shown", rows=3, files={
            "body.html": "<html><body><h1>Dear {{ first_name }}</h1><script>evil()</script>"
                         "<img src=\"cid:dot.gif\" alt=\"dot\"></body></html>"})
        os.mkdir(os.path.join(folder, "images"))
        with open(os.path.join(folder, "images", "dot.gif"), "wb") as f:
            f.write(pixel)
        self.daemon.drop(folder)
        campaign = self.daemon.wait_state("shown", "finished")
        self.serial = tokens.serial_of(self.daemon, campaign["id"])
        page = self.ask("GET", "/v/" + self.token(tokens.VIEW, row=2))
        self.assertEqual(page.status, 200)
        self.assertIn("Dear Linus", page.text)
        self.assertIn("data:image/gif;base64," + base64.b64encode(pixel).decode(), page.text)
        policy = page.headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("script", policy)
        self.assertEqual(page.headers["X-Robots-Tag"], "noindex")
        self.assertEqual(page.headers["Referrer-Policy"], "no-referrer")
        self.assertEqual(self.ask("GET", "/v/" + self.token(tokens.VIEW, row=77)).status, 404)
        self.assertEqual(self.ask("GET", "/v/" + self.token(tokens.OPEN)).status, 404)


class LimitTest(TrackCase):
    track = {"rate": "5/s", "proxies": ["127.0.0.1"]}

    def test_a_visitor_who_is_too_fast_is_told_and_others_are_not(self):
        self.begin()
        self.send()
        path = "/c/" + self.token(tokens.CLICK, link=1)

        def burst(address, n=15):
            return [self.ask("GET", path, headers={"X-Forwarded-For": address}).status
                    for _ in range(n)]
        first = burst("192.0.2.1")
        self.assertEqual(first[:10], [302] * 10)
        self.assertIn(429, first)
        self.assertEqual(burst("192.0.2.2", 5), [302] * 5)
        self.assertIn(429, burst("6.6.6.6, 192.0.2.1", 2))  # what stands left anybody writes
        pixel = self.ask("GET", "/o/%s.gif" % self.token(tokens.OPEN),
                         headers={"X-Forwarded-For": "192.0.2.1"})
        self.assertEqual(pixel.status, 200)

    def test_headers_and_bodies_are_bounded(self):
        self.begin()
        self.send()
        answer = self.ask("GET", "/c/" + "a" * 40000)
        self.assertIn(answer.status, (404, 414, 431))
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.settimeout(pt.TIMEOUT)
            s.sendall(b"POST /u/x HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n" % FORM.encode())
            with self.assertRaises((BrokenPipeError, ConnectionError)):
                for _ in range(10000):
                    s.sendall(b"1000\r\n" + b"a" * 4096 + b"\r\n")
        self.assertEqual(self.ask("GET", "/o/x.gif").status, 200)


URL = "https://t.acme.example"
BODY = """<html><head><title>Spring</title></head><body><h1>Dear {{ first_name }}</h1>
<script>document.title = "evil"</script>
<p><a id="shop" href="%s/landing?row={{ row }}">To the shop</a>
<a id="about" href="%s/about">About</a> <a href="{{ unsubscribe_url }}">Leave</a></p>
</body></html>
"""


class Shop(http.server.BaseHTTPRequestHandler):
    """Where links lead."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<title>Shop</title><h1>Welcome to " + self.path.encode() + b"</h1>")

    def log_message(self, *_):
        pass


class CircleTest(TrackCase):
    """What the mails that arrive carry, followed."""

    def begin_circle(self):
        server = self.enter(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.shop = "http://127.0.0.1:%d" % server.server_port
        self.track = {"url": URL}
        self.begin(maildir=True)
        self.daemon.drop(pt.make_campaign(self.folder, "circle", rows=3,
                                          files={"body.html": BODY % (self.shop, self.shop)},
                                          manifest={"list": "news", "language": "en"}))
        self.daemon.wait_state("circle", "finished")
        mails = [email.message_from_bytes(m, policy=email.policy.default)
                 for m in self.sink.mails()]
        return {m["To"].addresses[0].addr_spec: m for m in mails}

    def here(self, url):
        """Where the server in front would hand it on to."""
        self.assertTrue(url.startswith(URL + "/"), url)
        return "http://127.0.0.1:%d%s" % (self.port, url[len(URL):])

    def wait_title(self, chromium, title):
        """Of the page that a form leads to: it comes when what it says is durable."""
        pt.wait_until(lambda: chromium.title == title, "the page " + title)

    def found(self, mail, pattern):
        html_ = mail.get_body(("html",)).get_content()
        return [html.unescape(url) for url in re.findall(pattern, html_)]

    def test_everything_in_a_mail_leads_where_it_should(self):
        mails = self.begin_circle()
        mail = mails[pt.address(1, 1)]
        links = self.found(mail, r'href="(https://t[^"]+/c/[^"]+)"')
        self.assertEqual(len(links), 2)
        led = [self.ask("GET", url[len(URL):]).headers["Location"] for url in links]
        self.assertEqual(led, [self.shop + "/landing?row=1", self.shop + "/about"])
        pixel, = self.found(mail, r'src="([^"]+/o/[^"]+)"')
        self.assertEqual(self.ask("GET", pixel[len(URL):]).status, 200)
        self.wait_count("circle", "clicks", total=2, unique=1)
        self.wait_count("circle", "opens", total=1, unique=1)
        leave = re.search(r"<(https://[^>]+)>", mail["List-Unsubscribe"]).group(1)
        self.assertEqual(mail["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click")
        answer = self.ask("POST", leave[len(URL):], "List-Unsubscribe=One-Click",
                          {"Content-Type": FORM})
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(self.suppressed(), {(pt.address(1, 1), "list news", "one-click")})
        cut = links[0][len(URL):]
        for other in (cut[:-4] + "AAAA", cut.replace("/c/", "/o/"), cut + "A"):
            self.assertIsNone(self.ask("GET", other).headers["Location"])

    def test_a_message_in_the_browser_has_no_pixel_and_the_same_links(self):
        self.begin_circle()
        campaign = self.daemon.campaign("circle")
        self.serial = tokens.serial_of(self.daemon, campaign["id"])
        page = self.ask("GET", "/v/" + self.token(tokens.VIEW, row=2))
        self.assertIn("Dear Linus", page.text)
        self.assertNotIn("/o/", page.text)
        self.assertEqual(page.text.count(URL + "/c/"), 2)

    def test_a_person_clicks_and_leaves_in_chromium(self):
        mails = self.begin_circle()
        mail = mails[pt.address(2, 1)]
        link = self.found(mail, r'href="(https://t[^"]+/c/[^"]+)"')[0]
        leave, = self.found(mail, r'href="([^"]+/u/[^"]+)"')
        view = "/v/" + self.keys.token(tokens.VIEW, tokens.serial_of(
            self.daemon, self.daemon.campaign("circle")["id"]), 2)
        with browser.Browser(self.folder) as chromium:
            chromium.go(self.here(link))
            self.assertEqual(chromium.url, self.shop + "/landing?row=2")
            self.assertEqual(chromium.text("h1"), "Welcome to /landing?row=2")
            chromium.go(self.here(URL + view))
            self.assertEqual(chromium.title, "Spring")  # its script did not run
            self.assertEqual(chromium.text("h1"), "Dear Linus")
            chromium.go(self.here(leave))
            self.assertEqual(chromium.text("h1"), "Unsubscribe")
            self.assertIn("Acme", chromium.text("main"))
            self.assertEqual(self.suppressed(), set())
            chromium.click("button")
            self.wait_title(chromium, "You are unsubscribed")
        self.assertEqual(self.suppressed(), {(pt.address(2, 1), "list news", "page")})
        self.wait_count("circle", "clicks", total=1, unique=1)
        self.wait_count("circle", "unsubscribes", total=1, unique=1)

    def test_preferences_in_chromium_are_boxes_with_labels(self):
        self.begin_circle()
        self.serial = tokens.serial_of(self.daemon, self.daemon.campaign("circle")["id"])
        path = "/p/" + self.token(tokens.PREFERENCES, row=3, list_="news")
        with browser.Browser(self.folder, language="de") as chromium:
            chromium.go("http://127.0.0.1:%d%s" % (self.port, path))
            chromium.click("label:nth-of-type(3)")
            chromium.click("button")
            self.wait_title(chromium, "Saved")
        self.assertEqual(self.suppressed(), {(pt.address(3, 1), "opens", "preferences")})


class ConfigTest(TrackCase):
    def test_mistakes_are_told_with_their_lines(self):
        config = os.path.join(self.folder, "postrider.yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write("routes: {default: {via: relay, host: 127.0.0.1}}\n"
                    "track: {listen: \"127.0.0.1:8025\", proxies: [here], blocked: [\"a b\"]}\n")
        ran = subprocess.run([pt.program("postriderd"), "--config", config, "--check"],
                             capture_output=True, text=True, timeout=pt.TIMEOUT, check=False)
        self.assertEqual(ran.returncode, 1)
        for part in ("track.listen needs `secrets`", "\"here\" is not an IP address",
                     "\"a b\" is not a host name"):
            self.assertIn(part, ran.stderr)

    def test_status_and_metrics_tell_of_it(self):
        self.begin()
        self.send()
        self.ask("GET", "/o/%s.gif" % self.token(tokens.OPEN))
        pt.wait_until(lambda: self.daemon.get("/v1/status")["track"]["recorded"] == 1, "a record")
        self.assertTrue(self.daemon.get("/v1/status")["track"]["listening"])
        shown = subprocess.run([pt.program("postrider"), "--config", self.daemon.config_path,
                                "status"], capture_output=True, text=True, timeout=pt.TIMEOUT,
                               check=True).stdout
        self.assertRegex(shown, r"tracking +1 events recorded, 0 dropped")
        self.assertEqual(self.metric('postrider_track_requests_total{path="o",code="200"}'), 1)
        self.assertEqual(self.metric("postrider_track_recorded_total"), 1)
        self.assertEqual(self.metric("postrider_track_dropped_total"), 0)


if __name__ == "__main__":
    unittest.main()
