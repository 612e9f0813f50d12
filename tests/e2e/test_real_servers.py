"""Postfix and Exim as the next server: what they logged and delivered is held against what the
campaign says of each recipient. Refusals between good recipients in one pipeline, limits
of size and of connections, 421 after so many messages, a restart in the midst of it all. What was
delivered is compared octet for octet with what `postrider preview` shows."""
import collections
import email
import email.policy
import os
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import accounted
import mail_servers
import postrider_test as pt

SIZE_MAX = 40000
RETRY = {"first": "1s", "factor": 1, "jitter": 0.1, "max": "1s", "give_up": "3s"}
HTML = "<html><body><p>Hello {{ name }}</p><p>{{ note }}</p></body></html>\n"
TEXT = "Hello {{ name }},\n.begins with a dot\n..and with two\n.\nFrom here on:\n{{ note }}\n"
NOTES = ("plain", ".\r\nQUIT\r\n.", "..\n.\n\n.x", "long " * 700, "x" * 3000,
         "Grüße aus Köln — 你好, 世界", "trailing blanks  \t\n  and a last line \t", "=?utf-8?q?x?=",
         "a\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<evil@example.com>\r\nDATA\r\n")
SUBJECTS = ("News", "Größe und Maß — 你好 {{ name }}, " + "very long " * 30, "{{ note }}")


def address(row, campaign=0):
    """What a row's recipient tries the server with. Who is refused is written to no more: those are
    others in each campaign."""
    kind = row % 20
    if kind in (3, 4, 11):
        return "refused%d-%d@d%d.example" % (campaign, row, row % 3)
    if kind == 7:
        return "later%d@d%d.example" % (row, row % 3)
    if kind == 13:
        return "jörg.große%d@d%d.example" % (row, row % 3)
    if kind == 17:
        return "idn%d@bücher.example" % row
    if kind == 19:
        return "large%d@d%d.example" % (row, row % 3)
    return "good%d@d%d.example" % (row, row % 3)


def recipients(rows, campaign=0):
    lines = ["email,name,note"]
    for row in range(1, rows + 1):
        note = NOTES[row % len(NOTES)] if row % 20 != 19 else "L" * SIZE_MAX
        lines.append('%s,Näme %d,"%s"' % (address(row, campaign), row, note))
    return "\n".join(lines) + "\n"


class RealServer(accounted.TestCase):
    def campaigns(self, rows):
        """A campaign for each subject, each with a sender of its own."""
        made = []
        for i, subject in enumerate(SUBJECTS):
            path = pt.make_campaign(
                self.folder, "c%d" % i, recipients=recipients(rows, i),
                manifest={"from": "Sender %d <from%d@mail.acme.example>" % (i, i),
                          "subject": subject, "list": "news"},
                files={"body.html": HTML, "body.txt": TEXT, "attachments/größe.txt": ".\n" * 99})
            made.append(path)
        return made

    def daemon(self, server, connections):
        return self.enter(pt.Daemon(self.folder, relay="127.0.0.1:%d" % server.port,
                                    connections=connections, config={"retry": RETRY}))

    def expected(self, daemon, path, row, delivered):
        """The message of a row as a server stores it, with the Date and the ids it was sent with:
        these alone preview cannot know."""
        shown = subprocess.run([pt.program("postrider"), "--config", daemon.config_path,
                                "preview", path, "--row", str(row)],
                               check=True, capture_output=True).stdout.replace(b"\r\n", b"\n")
        token = re.compile(rb"^Message-ID: <\d+\.([a-z2-7]+)@", re.M)
        date = re.compile(rb"^Date: .*$", re.M)
        shown = shown.replace(token.search(shown).group(1), token.search(delivered).group(1))
        return date.sub(date.search(delivered).group(), shown, 1)

    def settle(self, daemon, names):
        return [daemon.wait_state(name, "finished", timeout=50) for name in names]

    def check(self, daemon, server, paths, kept, rows):
        """Each recipient's state is what the server did; returns all rows of results.csv."""
        by_sender = collections.defaultdict(dict)
        # A server that is stopped while it delivers may do that once more by itself: then both
        # copies have one number of its queue, and we gave the message once.
        numbers = collections.defaultdict(set)
        for mail in server.mails():
            by_sender[mail.sender][mail.to] = mail.octets
            numbers[mail.sender, mail.to].add(mail.number)
        everything = []
        for i, path in enumerate(paths):
            campaign = daemon.campaign(os.path.basename(path))
            self.assert_counts(campaign, rows)
            sender = "from%d@mail.acme.example" % i
            got = by_sender[sender]
            results = daemon.results(campaign)
            everything += results
            for r in results:
                if r["state"] == "delivered":
                    self.assertIn(r["email"], got, r)
                    extra = len(numbers[sender, r["email"]]) - 1
                    self.assertTrue(extra == 0 or 0 < extra <= int(r["doubted"]), r)
                else:
                    self.assertNotIn(r["email"], got, r)
                self.judge(server, r)
            for row in range(1, rows + 1, 11):
                to = results[row - 1]["email"]
                if to in got:
                    self.assertEqual(got[to], self.expected(daemon, kept[i], row, got[to]))
            self.parse(got)
        self.assertEqual(sum(len(got) for got in by_sender.values()),
                         sum(r["state"] == "delivered" for r in everything))
        return everything

    def judge(self, server, r):
        kind = re.match(r"[a-zöß.]+", r["email"]).group()
        if kind == "refused":
            self.assertEqual((r["state"], r["class"], r["code"]), ("bounced", "user_unknown", "550"))
            self.assertIn("no such user", r["reply"])
            self.assertRegex(server.log(), r"(?i)reject.*" + re.escape(r["email"]))
        elif kind == "later":
            self.assertEqual((r["state"], r["class"]), ("bounced", "expired"), r)
            self.assertGreaterEqual(int(r["attempts"]), 2, r)
        elif kind == "large":
            self.assertEqual((r["state"], r["class"]), ("bounced", "too_large"), r)
            self.assertNotIn(r["email"], server.log())
        else:
            self.assertEqual(r["state"], "delivered", r)

    def parse(self, got):
        """What Python's parser makes of them: the attachment and the values, nothing injected."""
        for octets in got.values():
            mail = email.message_from_bytes(octets, policy=email.policy.default)
            self.assertEqual([part.defects for part in mail.walk() if part.defects], [])
            self.assertNotIn("Bcc", mail)
            attachments = list(mail.iter_attachments())
            self.assertEqual([a.get_filename() for a in attachments], ["größe.txt"])
            self.assertEqual(attachments[0].get_payload(decode=True), b".\n" * 99)
            self.assertIn(".begins with a dot\n..and with two\n.\n",
                          mail.get_body(("plain",)).get_content().replace("\r\n", "\n"))

    def run_against(self, server, rows, connections, meanwhile=None):
        paths = self.campaigns(rows)
        kept = os.path.join(self.folder, "kept")
        subprocess.run(["cp", "-r", "--", *paths, kept] if not os.makedirs(kept) else [],
                       check=True)
        daemon = self.daemon(server, connections)
        names = [daemon.drop(path) for path in paths]
        if meanwhile:
            meanwhile(daemon)
        self.settle(daemon, names)
        return self.check(daemon, server, paths,
                          [os.path.join(kept, name) for name in names], rows)


class PostfixTest(RealServer):
    MAIN = mail_servers.DELIVERS + """
message_size_limit = %d
smtpd_recipient_restrictions = check_recipient_access regexp:{folder}/etc/rcpt, permit_mynetworks
smtpd_client_event_limit_exceptions =
smtpd_client_connection_count_limit = 4
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 2000
""" % SIZE_MAX

    def setUp(self):
        super().setUp()
        mail_servers.install_postfix()
        self.server = mail_servers.Postfix(self.folder, self.MAIN, start=False)
        with open(self.server.folder + "/etc/rcpt", "w", encoding="utf-8") as f:
            f.write("/^refused/ 550 5.1.1 no such user\n/^later/ 450 4.2.1 come back later\n")
        self.server.start()
        self.addCleanup(self.server.__exit__, None, None, None)

    def test_states_are_what_the_server_did_and_content_is_exact(self):
        results = self.run_against(self.server, 100, 2)
        self.assertEqual(sum(int(r["doubted"]) for r in results), 0)
        self.assertNotIn("error: RCPT", self.server.log())

    def test_too_many_connections_and_a_restart_lose_and_change_nothing(self):
        def restart(daemon):
            pt.wait_until(lambda: len(self.server.delivered()) > 40, "the first deliveries")
            self.server.__exit__(None, None, None)
            time.sleep(0.3)  # connections are refused for a while
            self.server.start()
        self.run_against(self.server, 80, 8, restart)
        self.assertIn("Connection concurrency limit exceeded", self.server.log())


class EximTest(RealServer):
    MAIN = """
message_size_limit = %d
smtputf8_advertise_hosts = *
smtp_accept_max_per_host = 3
smtp_accept_max_per_connection = 25
smtp_accept_max_nonmail = 1000
""" % SIZE_MAX
    RCPT = """
  deny local_parts = ^refused
    message = 550 5.1.1 no such user
  defer local_parts = ^later
    message = 450 4.2.1 come back later
"""

    def test_states_are_what_the_server_did_and_content_is_exact(self):
        server = self.enter(mail_servers.Exim(self.folder, self.MAIN, self.RCPT))

        def restart(daemon):
            pt.wait_until(lambda: server.log().count(" <= ") > 30, "the first messages")
            server.__exit__(None, None, None)
            server.start()
        self.run_against(server, 34, 5, restart)
        self.assertRegex(server.log(), "too many connections|Too many")


if __name__ == "__main__":
    unittest.main()
