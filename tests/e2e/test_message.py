"""What `postrider preview` makes, read by Python's email package and by the shared judge of headers."""
import base64
import csv
import email
import email.policy
import io
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt

CORPORA = os.path.join(pt.ROOT, "..", "shared", "corpora")
JUDGE = os.path.join(pt.ROOT, "..", "shared", "tools", "check_header.py")
CHINESE = "亲爱的客户：春天来了，所有商品八折优惠，欢迎光临我们的网上商店。" * 40
ATTACKS = [
    "x\r\nBcc: victim@c.example\r\n\r\nbody", "x\nBcc: victim@c.example", "x\rBcc: v@c.example",
    "\r\n.\r\nMAIL FROM:<a@b>\r\n", "\r\n\r\n--=_a\r\nContent-Type: text/html\r\n\r\nmine",
    "=?utf-8?q?=0D=0ABcc:_v@c.example?=", "<script>alert(1)</script>", "{{ email }}{% raw %}",
    "\u2028Bcc: v@c.example", "x" * 3000, "é" * 3000, "a\x0bb\x0cc\x1fd", "From x\n.\n..\n",
]
HTML = """<!doctype html><html><head><title>t</title></head><body>
<p>Dear {{ name }},</p><p>{{ x }}</p>
<p><a href="https://a.example/?u={{ email }}">See</a></p></body></html>
"""


class MessageTest(pt.TestCase):
    def campaign(self, rows, name="c", keys=None, files=None):
        """A folder with the columns email, name, x; the HTML above and no text."""
        text = io.StringIO()
        csv.writer(text).writerows([["email", "name", "x"]] + rows)
        manifest = {"from": "Acme <news@mail.acme.example>", "subject": "{{ x }}", "html": "body.html",
                    "text": None, "list": "news"}
        manifest.update(keys or {})
        path = pt.make_campaign(self.folder, name, manifest=manifest, recipients=text.getvalue(),
                                files=dict({"body.html": HTML}, **(files or {})))
        if not manifest["text"]:
            os.unlink(os.path.join(path, "body.txt"))
        return path

    def preview(self, path, row=1):
        """The octets of a row's message, checked for what holds of every message."""
        done = subprocess.run([pt.program("postrider"), "preview", path, "--row", str(row)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=pt.TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        raw = done.stdout
        self.assertTrue(raw.endswith(b"\r\n"))
        self.assertIsNone(re.search(rb"(?<!\r)\n|\r(?!\n)|\x00", raw))
        self.assertLessEqual(max(map(len, raw.split(b"\r\n"))), 998)
        return raw

    def read(self, path, row=1):
        raw = self.preview(path, row)
        message = email.message_from_bytes(raw, policy=email.policy.SMTP)
        for part in message.walk():
            self.assertEqual(part.defects, [])
        for field in ("Date", "From", "To", "Subject", "Message-ID", "MIME-Version"):
            self.assertEqual(len(message.get_all(field)), 1, field)
        return message

    @staticmethod
    def body(message, kind):
        part = message.get_body((kind,))
        return part.get_payload(decode=True).decode().replace("\r\n", "\n")

    def test_texts_come_back_as_they_were_written(self):
        names = ["Ann", "Zoë", "東京 太郎", "O'Neil & \"Sons\" <x>", ("👩‍👩‍👧 " * 30).strip()]
        path = self.campaign([["r%d@b.example" % i, n, "News for " + n] for i, n in enumerate(names)])
        for i, name in enumerate(names):
            message = self.read(path, i + 1)
            self.assertEqual(message["Subject"], "News for " + name)
            self.assertEqual(message["To"].addresses[0].addr_spec, "r%d@b.example" % i)
            self.assertIn("Dear %s,\n\nNews for %s\n\nSee (https://a.example/?u=r%d@b.example)"
                          % (name, name, i), self.body(message, "plain"))
            escaped = name
            for c, to in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
                escaped = escaped.replace(c, to)
            self.assertIn("<p>Dear %s,</p>" % escaped, self.body(message, "html"))

    def test_no_value_adds_a_header_or_a_part(self):
        keys = {"headers": {"X-Team": "{{ x }}"}, "preheader": "{{ x }}"}
        path = self.campaign([["r%d@b.example" % i, a, a] for i, a in enumerate(ATTACKS)], keys=keys)
        for i in range(len(ATTACKS)):
            message = self.read(path, i + 1)
            self.assertLessEqual(set(message.keys()), {
                "Date", "From", "To", "Subject", "Message-ID", "List-Id", "List-Unsubscribe",
                "MIME-Version", "X-Team", "Content-Type"})
            self.assertEqual([p.get_content_type() for p in message.walk()],
                             ["multipart/alternative", "text/plain", "text/html"])
            self.assertNotIn("<script>", self.body(message, "html"))

    def test_chinese_goes_in_base64_and_comes_back(self):
        message = self.read(self.campaign([["a@b.example", "李", CHINESE[:60]]],
                                          files={"body.html": "<p>%s</p>" % CHINESE}))
        self.assertEqual(message["Subject"], CHINESE[:60])
        for kind in ("plain", "html"):
            self.assertIn(CHINESE, self.body(message, kind))
            self.assertEqual(message.get_body((kind,))["Content-Transfer-Encoding"], "base64")

    def test_images_and_attachments_come_back_octet_for_octet(self):
        path = self.campaign([["a@b.example", "A", "s"]], files={
            "body.html": "<img src='cid:Foto%20gr%C3%BC%C3%9F.png'><p>x</p>"})
        octets = {"images/Foto grüß.png": bytes(range(256)) * 40, "images/unused.png": b"u",
                  "attachments/Preisliste für 日本.pdf": os.urandom(200000),
                  "attachments/%s.txt" % ("long" * 50): b"\r\n.\r\n"}
        for name, data in octets.items():
            os.makedirs(os.path.dirname(os.path.join(path, name)), exist_ok=True)
            with open(os.path.join(path, name), "wb") as f:
                f.write(data)
        message = self.read(path)
        self.assertEqual(message.get_content_type(), "multipart/mixed")
        parts = {"attachments/" + p.get_filename(): p.get_payload(decode=True)
                 for p in message.iter_attachments()}
        self.assertEqual(parts, {n: d for n, d in octets.items() if n.startswith("att")})
        related = [p for p in message.walk() if p.get_content_type() == "multipart/related"][0]
        html, image = related.iter_parts()
        cid = re.search("cid:([^']+)", html.get_content()).group(1)
        self.assertEqual(image["Content-ID"], "<%s>" % cid)
        self.assertEqual(image.get_payload(decode=True), octets["images/Foto grüß.png"])
        self.assertEqual(image.get_filename(), "Foto grüß.png")

    def test_display_names_and_reply_to_are_one_mailbox(self):
        for i, name in enumerate(["Acme, Inc.", "Müller & Söhne, Jürgen", "日本郵便" * 3]):
            quoted = '"%s" <news@acme.example>' % name
            message = self.read(self.campaign([["a@b.example", "A", "s"]], name="c%d" % i,
                                              keys={"from": quoted, "reply_to": quoted}))
            for field in ("From", "Reply-To"):
                self.assertEqual(len(message[field].addresses), 1)
                self.assertEqual(message[field].addresses[0].display_name, name)
                self.assertEqual(message[field].addresses[0].addr_spec, "news@acme.example")

    def test_long_lines_are_broken_for_transport_only(self):
        long = "<p>" + "word " * 5000 + "</p>"
        message = self.read(self.campaign([["a@b.example", "A", "s"]], files={"body.html": long}))
        self.assertEqual(self.body(message, "html").strip(), long)


class HeaderCorpusTest(unittest.TestCase):
    def test_encoded_words_pass_the_judge(self):
        corpus = os.path.join(CORPORA, "rfc2047.jsonl")
        encoder = os.path.join(pt.BUILD, "tests", "unit", "test_message_header")
        if not (os.path.exists(corpus) and os.path.exists(JUDGE) and os.access(encoder, os.X_OK)):
            self.skipTest("no corpus, or the encoder is not built")
        with open(corpus, encoding="utf-8") as f:
            cases = [c for c in map(json.loads, f) if c["kind"].startswith("encode")]
        texts = [c["in"].encode() for c in cases]
        out = subprocess.run([encoder, "filter"], stdout=subprocess.PIPE, check=True,
                             input=b"".join(b"%d\n%s\n" % (len(t), t) for t in texts)).stdout
        records, at = [], 0
        for case in cases:
            end = out.index(b"\n", at)
            raw, at = out[end + 1:end + 1 + int(out[at:end])], end + 2 + int(out[at:end])
            records.append(json.dumps({"id": case["id"], "in": case["in"],
                                       "raw_b64": base64.b64encode(raw).decode()}))
        judged = subprocess.run([sys.executable, JUDGE], input="\n".join(records).encode(),
                                stdout=subprocess.PIPE)
        self.assertEqual(judged.returncode, 0, judged.stdout.decode())


if __name__ == "__main__":
    unittest.main()
