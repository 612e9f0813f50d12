"""Languages, Markdown and merge tags, from a dropped folder to what the receiver got."""
import email
import email.policy
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt  # noqa: E402

ROWS = """email,First Name,language,plan,total
ann@example.com,Ann,en,gold,12.5
uwe@example.com,Uwe,de-AT,basic,1234.5
ling@example.com,玲,zh_CN,gold,8
bob@example.com,[Bob](http://evil.example),fr,,0
"""
MARKDOWN = """# {{ texts }} {{ First_Name }}

{% if plan == 'gold' %}You are **gold**.{% endif %}
You paid {{ total | money: 'EUR', locale: language }}.
"""
MAILCHIMP = """<p>Dear *|FNAME|*,</p>*|IF:PLAN=gold|*<p>gold</p>*|ELSE:|*<p>plain</p>*|END:IF|*
*|IF:TOTAL>=100|*<p>a lot</p>*|END:IF|*<p>{{ not liquid }}</p>
"""


class EditionsTest(pt.TestCase):
    def send(self, manifest, files):
        """Submits the campaign; the mails by recipient."""
        sink = self.enter(pt.Sink(self.folder, maildir=True))
        daemon = self.enter(pt.Daemon(self.folder, relay=sink))
        keys = dict({"name": "c", "from": "Acme <news@mail.acme.example>"}, **manifest)
        path = pt.make_campaign(self.folder, "c", manifest=dict({"html": None, "text": None}, **keys),
                                files=files, recipients=ROWS)
        for name in ("body.html", "body.txt"):
            if name not in files:
                os.unlink(os.path.join(path, name))
        checked = json.loads(daemon.cli("check", path).stdout)
        self.assertEqual((checked["rows"], checked["good"], checked["errors"]), (4, 4, 0))
        daemon.cli("submit", path)
        daemon.wait_state("c", "finished")
        mails = [email.message_from_bytes(m, policy=email.policy.default) for m in sink.mails()]
        return {str(m["To"]): m for m in mails}

    def part(self, mail, kind):
        return mail.get_body((kind,)).get_content()

    def test_each_recipient_gets_the_edition_of_their_language(self):
        mails = self.send(
            {"language": {"column": "language", "fallback": "en"},
             "subject": {"en": "Hello {{ First_Name }}", "de": "Hallo", "zh": "你好"}},
            {"body.md": MARKDOWN.replace("{{ texts }}", "Hello"),
             "body.de.md": MARKDOWN.replace("{{ texts }}", "Servus"),
             "body.zh.html": "<p>{{ First_Name }}，{{ total | money: 'CNY', locale: language }}</p>"})
        self.assertEqual(len(mails), 4)
        ann, uwe = mails["ann@example.com"], mails["uwe@example.com"]
        self.assertEqual(str(ann["Subject"]), "Hello Ann")
        self.assertIn("<h1>Hello Ann</h1>", self.part(ann, "html"))
        self.assertIn("<strong>gold</strong>", self.part(ann, "html"))
        self.assertIn("You paid €12.50.", self.part(ann, "plain"))
        self.assertEqual(str(uwe["Subject"]), "Hallo")
        self.assertEqual(str(uwe["Content-Language"]), "de")
        self.assertIn("1.234,50\u00a0€", self.part(uwe, "html"))
        self.assertNotIn("gold", self.part(uwe, "html"))
        ling = mails["ling@example.com"]
        self.assertEqual(str(ling["Subject"]), "你好")
        self.assertIn("<p>玲，¥8.00</p>", self.part(ling, "html"))
        bob = mails["bob@example.com"]
        self.assertEqual(str(bob["Content-Language"]), "en")
        self.assertIn("<h1>Hello [Bob](http://evil.example)</h1>", self.part(bob, "html"))
        self.assertIn("Hello [Bob](http://evil.example)", self.part(bob, "plain"))

    def test_a_campaign_of_mailchimp_is_sent_as_it_is(self):
        mails = self.send({"syntax": "mailchimp", "subject": "For *|FNAME|*"},
                          {"body.html": MAILCHIMP})
        html = {name: self.part(mail, "html") for name, mail in mails.items()}
        self.assertEqual(str(mails["uwe@example.com"]["Subject"]), "For Uwe")
        self.assertIn("<p>Dear Ann,</p><p>gold</p>", html["ann@example.com"])
        self.assertIn("<p>Dear Uwe,</p><p>plain</p>", html["uwe@example.com"])
        self.assertIn("<p>a lot</p>", html["uwe@example.com"])
        self.assertNotIn("a lot", html["ann@example.com"])
        self.assertIn("{{ not liquid }}", html["ling@example.com"])


if __name__ == "__main__":
    unittest.main()
