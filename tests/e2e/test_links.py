"""Links, pixel and pages in the messages that arrive: where they lead is read as the headers say."""
import base64
import email
import email.policy
import html.parser
import os
import re
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import postrider_test as pt  # noqa: E402

URL = "https://t.acme.example"
BODY = """<!DOCTYPE html><html><head><title>x</title></head><body>
<p><a href="https://shop.example/spring?a=1&amp;b=2#top">Spring</a>
<a href='https://shop.example/own/{{ row }}?q={{ first_name }}'>Yours</a>
<a href="mailto:me@shop.example">Mail</a> <a href="tel:+123">Call</a> <a href="#part">Part</a>
<a data-no-track href="https://shop.example/plain">Plain</a>
<a href="https://shop.example/utm?utm_source=mine">Kept</a></p>
{% render 'footer' %}
<!-- <a href="https://shop.example/comment">no</a> -->
</body></html>
"""
FOOTER = """<p><a href="https://shop.example/imprint">Imprint</a>
<a href="{{ unsubscribe_url }}">Leave</a> <a href="{{ view_url }}">View</a>
<a href="{{ preferences_url }}">Choose</a></p>
"""
UTM = "utm_source=news&utm_medium=email"


class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.images = {}, []
        self._href = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self._href = dict(attrs)["href"]
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data):
        if self._href is not None:
            self.links[data.strip()] = self._href
            self._href = None


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def numbers(octets, n):
    """LEB128 numbers behind version and key."""
    found, at = [], 2
    for _ in range(n):
        value = shift = 0
        while True:
            value |= (octets[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if octets[at - 1] < 128:
                break
        found.append(value)
    return found


def parse(octets):
    return email.message_from_bytes(octets, policy=email.policy.default)


class LinksTest(pt.TestCase):
    def config(self):
        key = os.path.join(self.folder, "token.key")
        with open(key, "w", encoding="ascii") as f:
            f.write("a secret of the tests, long enough\n")
        os.chmod(key, 0o600)
        return {"secrets": [{"id": "a", "file": key}], "track": {"url": URL + "/"},
                "brands": {"beta": {"track_url": "https://go.beta.example/m"}}}

    def campaign(self, name, rows=3, manifest=None, body=BODY):
        return pt.make_campaign(
            self.folder, name, rows=rows, files={"body.html": body, "partials/footer.liquid": FOOTER},
            manifest={"list": "news", "track": {"utm": {"source": "news", "medium": "email"}},
                      **(manifest or {})})

    def links(self, mail):
        return Links(parse(mail).get_body(("html",)).get_content())

    def table(self, daemon):
        db = sqlite3.connect("file:%s/state.db?mode=ro" % daemon.state, uri=True)
        with db:
            found = {n: url for n, url in db.execute("SELECT link, url FROM links")}
        db.close()
        return found

    def leads_to(self, url, table, base=URL):
        """(row, destination)."""
        self.assertTrue(url.startswith(base + "/c/"), url)
        token, _, destination = url[len(base + "/c/"):].partition(".")
        octets = unbase64(token)
        self.assertEqual(octets[0], 0x12)
        _, row, link = numbers(octets, 3)
        if link == 0:
            return row, unbase64(destination).decode()
        self.assertEqual(destination, "")
        return row, table[link]

    def test_a_message_has_what_can_be_answered_to(self):
        with pt.Sink(self.folder, maildir=True) as sink, \
                pt.Daemon(self.folder, relay=sink, config=self.config()) as daemon:
            daemon.drop(self.campaign("one"))
            daemon.wait_state("one", "finished")
            table = self.table(daemon)
            self.assertEqual(sorted(table.values()), [
                "https://shop.example/imprint?" + UTM,
                "https://shop.example/spring?a=1&b=2&%s#top" % UTM,
                "https://shop.example/utm?utm_source=mine&utm_medium=email"])
            mails = sink.mails()
            self.assertEqual(len(mails), 3)
            for mail in mails:
                found = self.links(mail)
                row, spring = self.leads_to(found.links["Spring"], table)
                self.assertEqual(spring, "https://shop.example/spring?a=1&b=2&%s#top" % UTM)
                own = self.leads_to(found.links["Yours"], table)
                self.assertEqual(own[0], row)
                self.assertRegex(own[1], r"^https://shop\.example/own/%d\?q=\w+&%s$" % (row, UTM))
                self.assertEqual(self.leads_to(found.links["Kept"], table)[1],
                                 "https://shop.example/utm?utm_source=mine&utm_medium=email")
                self.assertEqual(self.leads_to(found.links["Imprint"], table)[0], row)
                self.assertEqual(found.links["Mail"], "mailto:me@shop.example")
                self.assertEqual(found.links["Call"], "tel:+123")
                self.assertEqual(found.links["Part"], "#part")
                self.assertEqual(found.links["Plain"], "https://shop.example/plain")
                for text, path, kind in (("Leave", "/u/", 0x13), ("View", "/v/", 0x14),
                                         ("Choose", "/p/", 0x15)):
                    self.assertTrue(found.links[text].startswith(URL + path))
                    octets = unbase64(found.links[text][len(URL + path):])
                    self.assertEqual(octets[0], kind)
                    self.assertEqual(numbers(octets, 2)[1], row)
                self.assertEqual(len(found.images), 1)
                pixel = found.images[0]
                self.assertEqual((pixel["width"], pixel["height"], pixel["alt"]), ("1", "1", ""))
                self.assertRegex(pixel["src"], "^%s/o/[A-Za-z0-9_-]+\\.gif$" % re.escape(URL))
                self.check_header(parse(mail), found.links["Leave"])

    def check_header(self, mail, page):
        self.assertEqual(mail.get_all("List-Unsubscribe-Post"), ["List-Unsubscribe=One-Click"])
        self.assertEqual(len(mail.get_all("List-Unsubscribe")), 1)
        uris = re.findall("<([^>]*)>", mail["List-Unsubscribe"])
        self.assertEqual(len(uris), 2)
        self.assertEqual(uris[0], page)
        self.assertRegex(uris[1], r"^mailto:[^?]+\?subject=unsubscribe%20[a-z2-7]{30,70}$")

    def test_a_brand_has_its_own_url_and_consent_and_wishes_are_heeded(self):
        with pt.Sink(self.folder, maildir=True) as sink, \
                pt.Daemon(self.folder, relay=sink, config=self.config()) as daemon:
            path = self.campaign("two", rows=1, manifest={
                "brand": "beta", "track": {"clicks": True, "consent": "may", "opens": True}})
            with open(os.path.join(path, "recipients.csv"), "w", encoding="utf-8") as f:
                f.write("email,first_name,may\na@a.example,A,Yes\nb@a.example,B,no\n"
                        "c@a.example,C,\nd@a.example,D, TRUE \n")
            daemon.drop(path)
            daemon.drop(self.campaign("off", rows=1, manifest={
                "track": {"clicks": False, "opens": False}}))
            daemon.drop(self.campaign("receipt", rows=1, manifest={"class": "transactional"}))
            for name in ("two", "off", "receipt"):
                daemon.wait_state(name, "finished")
            table = self.table(daemon)
            pixels = {}
            for mail in sink.mails():
                found, to = self.links(mail), parse(mail)["To"].addresses[0].addr_spec
                if to.endswith("@a.example") and to[0] in "abcd" and len(to) == 11:
                    self.leads_to(found.links["Spring"], table, "https://go.beta.example/m")
                    pixels[to[0]] = len(found.images)
                else:
                    self.assertEqual(found.links["Spring"],
                                     "https://shop.example/spring?a=1&b=2#top")
                    self.assertEqual(found.images, [])
                    self.assertTrue(found.links["Leave"].startswith(URL + "/u/"))
            self.assertEqual(pixels, {"a": 1, "b": 0, "c": 0, "d": 1})
            self.assertEqual(sum("List-Unsubscribe" not in parse(m) for m in sink.mails()), 1)

    def test_numbers_mean_the_same_after_replace_and_restart(self):
        with pt.Sink(self.folder, maildir=True) as sink:
            daemon = pt.Daemon(self.folder, relay=sink, config=self.config())
            with daemon:
                daemon.drop(self.campaign("three", rows=2, manifest={"hold": True}))
                campaign = daemon.wait_state("three", "held")
                sent = self.campaign("three", rows=2, manifest={"hold": True})
                before = self.table(daemon)
                other = os.path.join(self.folder, "other")
                os.mkdir(other)
                for name in ("campaign.yaml", "body.txt", "partials"):
                    os.rename(os.path.join(sent, name), os.path.join(other, name))
                with open(os.path.join(other, "body.html"), "w", encoding="utf-8") as f:
                    f.write(BODY.replace("shop.example/spring", "shop.example/summer"))
                daemon.cli("replace", campaign["id"], other)
                after = self.table(daemon)
                self.assertEqual(len(after), len(before) + 1)
                self.assertEqual({n: after[n] for n in before}, before)
            daemon.start()
            with daemon:
                self.assertEqual(self.table(daemon), after)
                daemon.cli("approve", campaign["id"])
                daemon.wait_state("three", "finished")
                for mail in sink.mails():
                    found = self.links(mail)
                    self.assertIn("/summer?", self.leads_to(found.links["Spring"], after)[1])

    def test_what_cannot_be_is_told_before(self):
        path = self.campaign("check", manifest={"track": {"clicks": True}})
        config = os.path.join(self.folder, "check.yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write("routes: {default: {via: relay, host: 127.0.0.1, port: 25}}\n")
        done = subprocess.run([pt.program("postrider"), "check", path, "--config", config],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("no secret to sign links with", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
