"""What comes back: bounces, complaints and unsubscriptions by mail, through the bounce server. What
it answered 250 is durable, nothing without our token is believed, and every count adds up."""
import base64
import email.message
import hashlib
import json
import os
import re
import signal
import smtplib
import socket
import ssl
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import certificates  # noqa: E402
import mail_servers  # noqa: E402
import postrider_test as pt  # noqa: E402

BRAND = {"acme": {"from_domains": ["mail.acme.example"], "bounce_domain": "bounce.acme.example"}}
FBL = "fbl@bounce.acme.example"
SECRET = base64.b64encode(hashlib.sha256(b"one").digest())


def dsn(returned, to, status="5.1.1", diagnostic="smtp; 550 5.1.1 no such user here",
        action="failed", final=None):
    """A delivery report (RFC 3464) about the message whose octets are `returned`."""
    m = email.message.EmailMessage()
    m["From"] = "Mail Delivery System <MAILER-DAEMON@mx.example.com>"
    m["To"] = to
    m["Subject"] = "Undelivered Mail Returned to Sender"
    m["Message-ID"] = "<%s@mx.example.com>" % time.time_ns()
    m.set_content("The mail could not be delivered.\n")
    fields = ("Reporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; %s\nAction: %s\n"
              "Status: %s\n" % (final or "someone@example.com", action, status))
    if diagnostic:
        fields += "Diagnostic-Code: %s\n" % diagnostic
    return _report(m, "delivery-status", fields, returned)


def arf(returned, kind="abuse", extra=""):
    """A report of a feedback loop (RFC 5965), the recipient redacted."""
    m = email.message.EmailMessage()
    m["From"] = "fbl@receiver.example"
    m["To"] = FBL
    m["Subject"] = "complaint about message from 192.0.2.1"
    m.set_content("This is an abuse report.\n")
    return _report(m, "feedback-report", "Feedback-Type: %s\nUser-Agent: T/1\nVersion: 1\n%s"
                   % (kind, extra), returned)


def _report(m, kind, fields, returned):
    """By hand: the library writes no message/delivery-status of its own."""
    mark = "=_report"
    head = "".join("%s: %s\n" % (k, v) for k, v in m.items() if k.lower() not in (
        "content-type", "content-transfer-encoding", "mime-version"))
    header = returned.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"\n").decode()
    text = ("%sMIME-Version: 1.0\nContent-Type: multipart/report; report-type=%s;"
            " boundary=\"%s\"\n\n--%s\nContent-Type: text/plain\n\n%s\n--%s\n"
            "Content-Type: message/%s\n\n%s\n--%s\nContent-Type: text/rfc822-headers\n\n%s\n\n"
            "--%s--\n" % (head, kind, mark, mark, m.get_content(), mark, kind, fields, mark, header,
                          mark))
    return text.replace("\n", "\r\n").encode()


def list_unsubscribe(octets):
    """(address, subject) of the mailto URL in a message's List-Unsubscribe."""
    value = email.message_from_bytes(octets)["List-Unsubscribe"]
    address, subject = re.search(r"mailto:([^?>]+)\?subject=([^>]+)>", value).groups()
    return address, urllib.parse.unquote(subject)


class BounceCase(pt.TestCase):
    def configure(self, **more):
        path = os.path.join(self.folder, "token.key")
        with open(path, "wb") as f:
            f.write(SECRET + b"\n")
        os.chmod(path, 0o600)
        self.port = mail_servers.free_port()
        config = {"brands": BRAND, "secrets": [{"id": "a", "file": path}],
                  "bounce": {"listen": "127.0.0.1:%d" % self.port, "complaints": FBL}}
        config["bounce"].update(more)
        return config

    def begin(self, name="one", rows=10, config=None, rules=(), recipients=None, **manifest):
        """A sink, a daemon with the bounce server, and a campaign that has been sent."""
        self.sink = self.enter(pt.Sink(self.folder, maildir=True, rules=rules))
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.sink,
                                           config=config or self.configure()))
        return self.send(name, rows, recipients=recipients, **manifest)

    def send(self, name, rows, state="finished", recipients=None, **manifest):
        keys = {"brand": "acme", **manifest}
        self.daemon.drop(pt.make_campaign(self.folder, name, rows=rows, manifest=keys,
                                          recipients=recipients))
        return self.daemon.wait_state(name, state)

    def sent(self):
        """{address: (return path, octets)} of all that the sink has taken."""
        return {r["to"][0]: (r["from"], octets)
                for r, octets in zip(self.sink.messages(), self.sink.mails())}

    def client(self):
        return smtplib.SMTP("127.0.0.1", self.port, timeout=pt.TIMEOUT)

    def deliver(self, mail, *to, sender=""):
        with self.client() as c:
            c.sendmail(sender, list(to), mail)

    def counts(self, campaign):
        campaign = self.daemon.get("/v1/campaigns/" + campaign["id"])
        counts = dict(campaign["counts"])
        self.assertEqual(counts["total"], sum(n for k, n in counts.items() if k != "total"))
        return counts

    def wait_counts(self, campaign, **expect):
        def there():
            counts = self.counts(campaign)
            return all(counts[k] == n for k, n in expect.items())
        pt.wait_until(there, "%s, is %s" % (expect, self.counts(campaign)))

    def suppressed(self):
        page = self.daemon.get("/v1/suppressions?limit=1000")["suppressions"]
        return {(s["address"], s["scope"], s["reason"]) for s in page}

    def kept(self):
        new = os.path.join(self.daemon.state, "feedback", "new")
        return len(os.listdir(new)) if os.path.isdir(new) else 0


class ServerTest(BounceCase):
    def test_a_hard_bounce_of_a_finished_campaign_is_late_once_and_suppresses(self):
        campaign = self.begin()
        path, octets = self.sent()["user3@example.com"]
        for _ in range(3):
            self.deliver(dsn(octets, path, final="user3@example.com"), path)
        self.wait_counts(campaign, delivered=9, bounced=1)
        self.assertEqual(self.suppressed(), {("user3@example.com", "all", "bounced")})

        def reported():
            rows = {r["email"]: r for r in self.daemon.results(campaign)}
            return rows["user3@example.com"] if (
                rows["user3@example.com"]["state"] == "bounced") else None
        row = pt.wait_until(reported, "results.csv written anew")
        self.assertEqual((row["class"], row["code"], row["enhanced"], row["mx"]),
                         ("user_unknown", "550", "5.1.1", "mx.example.com"))
        self.assertEqual(row["attempts"], "1")
        self.assertEqual(self.kept(), 0)
        late = [e for e in self.daemon.get("/v1/events?limit=1000")["events"] if e.get("late")]
        self.assertEqual([(e["type"], e["email"]) for e in late],
                         [("bounced", "user3@example.com")])

    def test_an_active_campaign_counts_on_and_leaves_out_who_bounced(self):
        """user1 is delivered, user2 waits: the campaign is under way when user1 comes back."""
        self.begin("first", 1, config=dict(self.configure(), retry={"first": "1h"}),
                   rules=['on=rcpt,match=user2@*,reply="450 4.2.1 later"'])
        campaign = self.send("second", 3, state="sending")
        self.wait_counts(campaign, delivered=2, deferred=1)
        path, octets = [(r["from"], o) for r, o in zip(self.sink.messages(), self.sink.mails())
                        if r["to"] == ["user3@example.com"]][0]
        self.deliver(dsn(octets, path), path)
        self.wait_counts(campaign, delivered=1, deferred=1, bounced=1)
        third = self.send("third", 3, state="sending")
        self.wait_counts(third, suppressed=1)

    def test_soft_and_delayed_reports_suppress_nobody(self):
        campaign = self.begin(rows=4)
        sent = self.sent()
        path, octets = sent["user1@example.com"]
        self.deliver(dsn(octets, path, "5.7.1", "smtp; 550 5.7.1 blocked using a blocklist"), path)
        path, octets = sent["user2@example.com"]
        self.deliver(dsn(octets, path, "4.4.1", "connection timed out", action="delayed"), path)
        path, octets = sent["user3@example.com"]
        self.deliver(dsn(octets, path, "5.2.2", "smtp; 552 5.2.2 mailbox full"), path)
        self.wait_counts(campaign, delivered=2, bounced=2)
        self.assertEqual(self.suppressed(), set())

    def test_complaints_suppress_and_are_counted_and_not_spam_is_not(self):
        campaign = self.begin(rows=4)
        sent = self.sent()
        for who, kind in ((1, "abuse"), (2, "not-spam")):
            path, octets = sent["user%d@example.com" % who]
            self.deliver(arf(octets, kind, "Original-Mail-From: <%s>\n" % path), FBL)
        pt.wait_until(lambda: self.daemon.get("/v1/campaigns/" + campaign["id"])
                      ["complaints"]["total"] == 1, "the complaint to be counted")
        self.assertEqual(self.suppressed(), {("user1@example.com", "all", "complained")})
        self.assertEqual(self.counts(campaign)["delivered"], 4)

    def test_mail_to_the_unsubscribe_address_needs_a_token(self):
        campaign = self.begin(rows=4, list="news")
        to, subject = list_unsubscribe(self.sent()["user2@example.com"][1])
        self.assertEqual(to, "unsubscribe@mail.acme.example")
        letter = "From: user2@example.com\r\nTo: %s\r\nSubject: %%s\r\n\r\n\r\n" % to
        self.deliver(letter % "unsubscribe 2.0000", to, sender="user2@example.com")
        self.assertEqual((self.suppressed(), self.kept()), (set(), 1))
        self.deliver(letter % subject, to, sender="user2@example.com")
        self.assertEqual(self.suppressed(), {("user2@example.com", "list news", "unsubscribed")})
        pt.wait_until(lambda: self.daemon.get("/v1/campaigns/" + campaign["id"])
                      ["unsubscribes"]["total"] == 1, "the unsubscription to be counted")

    def test_forged_and_foreign_tokens_and_relaying_are_refused(self):
        campaign = self.begin(rows=2, config=self.configure(peer_rate="1000/s", rate="1000/s"))
        path, octets = self.sent()["user1@example.com"]
        local, _, domain = path.partition("@")
        token = local[len("bounce+"):]
        bad = ["bounce+%s@%s" % (token[:i] + ("b" if token[i] == "a" else "a") + token[i + 1:],
                                 domain) for i in range(len(token))]
        bad += ["bounce+%s@%s" % (token[:n], domain) for n in range(len(token))]
        bad += ["%s@elsewhere.example" % local, "bounce@" + domain, "user1@example.com",
                "bounce+%s%%elsewhere.example@%s" % (token, domain), '"a@b.example"@' + domain,
                "elsewhere.example!user@" + domain, "postmaster@elsewhere.example"]
        refused = 0
        for to in bad:
            with self.client() as c:
                c.ehlo("t")
                c.mail("")
                code, _ = c.rcpt(to)
                refused += code == 550
        self.assertEqual(refused, len(bad))
        # The return path forged in the mail itself, sent to an address that anybody may write to.
        self.deliver(dsn(octets.replace(token.encode(), bad[0][7:].partition("@")[0].encode()),
                         bad[0]), "postmaster@" + domain)
        self.assertEqual((self.suppressed(), self.counts(campaign)["delivered"]), (set(), 2))
        self.assertEqual(self.kept(), 1)

    def test_what_was_answered_outlives_a_kill(self):
        campaign = self.begin(rows=20)
        for row in range(1, 6):
            path, octets = self.sent()["user%d@example.com" % row]
            self.deliver(dsn(octets, path), path)
            self.daemon.process.send_signal(signal.SIGKILL)
            self.daemon.process.wait(pt.TIMEOUT)
            self.daemon.start()
            self.assertIn(("user%d@example.com" % row, "all", "bounced"), self.suppressed())
        self.daemon.get("/v1/status")
        pt.wait_until(lambda: sum(r["state"] == "bounced" for r in self.daemon.results(campaign))
                      == 5, "all of them in results.csv")
        self.wait_counts(campaign, delivered=15, bounced=5)

    def test_sessions_are_bounded_and_smuggling_ends_nothing(self):
        campaign = self.begin(rows=1, config=self.configure(size="64K"))
        path, octets = self.sent()["user1@example.com"]
        mail = dsn(octets, path)
        with self.client() as c:
            self.assertEqual(c.ehlo("t")[0], 250)
            self.assertEqual(c.esmtp_features["size"], "65536")
            for command in ("VRFY postmaster", "EXPN x", "AUTH PLAIN", "STARTTLS", "NONSENSE"):
                self.assertGreaterEqual(c.docmd(command)[0], 500)
            self.assertEqual(c.docmd("MAIL FROM:<> SIZE=65537")[0], 552)
        with self.client() as c:
            c.ehlo("t")
            for end in (b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r"):
                c.mail("")
                c.rcpt(path)
                self.assertEqual(c.docmd("DATA")[0], 354)
                c.sock.sendall(b"Subject: x\r\n\r\nx" + end + b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\n"
                               b"DATA\r\n" % path.encode() + mail + b"\r\n.\r\n")
                self.assertEqual(c.getreply()[0], 550)
                c.rset()
        with self.client() as c:
            c.sock.sendall(b"EHLO t\nMAIL FROM:<>\r\n")
            self.assertEqual(c.getreply()[0], 554)
        with self.client() as c:
            c.ehlo("t")
            c.mail("")
            c.rcpt(path)
            self.assertEqual(c.data(mail + b"a line\r\n" * 9000)[0], 552)
        self.assertEqual((self.suppressed(), self.counts(campaign)["delivered"]), (set(), 1))

    def test_starttls_is_offered_and_octets_before_the_handshake_are_none(self):
        cert, key = certificates.Authority(self.folder).issue("mx", "localhost")
        self.begin(rows=1, config=self.configure(tls={"cert_file": cert, "key_file": key}))
        path, octets = self.sent()["user1@example.com"]
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with self.client() as c:
            c.starttls(context=context)
            c.ehlo("t")
            self.assertNotIn("starttls", c.esmtp_features)
            c.sendmail("", [path], dsn(octets, path))
        self.assertEqual(len(self.suppressed()), 1)
        with socket.create_connection(("127.0.0.1", self.port), pt.TIMEOUT) as s:
            s.recv(500)
            s.sendall(b"EHLO t\r\nSTARTTLS\r\nNOOP\r\n")
            heard = b""
            while b"554" not in heard:
                more = s.recv(1000)
                self.assertTrue(more, heard)
                heard += more

    def test_the_pace_of_a_peer_is_held(self):
        self.begin(rows=1, config=self.configure(peer_rate="1/m"))
        path, _ = self.sent()["user1@example.com"]
        codes = []
        with self.client() as c:
            c.ehlo("t")
            for _ in range(40):
                codes.append(c.docmd("MAIL FROM:<>")[0])
                c.rset()
        self.assertEqual(codes[0], 250)
        self.assertEqual(codes[-1], 451)


class ReplyTest(BounceCase):
    def test_an_address_refused_for_good_is_suppressed_also_after_a_kill(self):
        campaign = self.begin(rows=5, rules=[
            'on=rcpt,match=user2@*,reply="550 5.1.1 no such user"',
            'on=rcpt,match=user3@*,reply="550 5.7.1 your address is on a blocklist"',
            'on=rcpt,match=user4@*,reply="552 5.2.2 mailbox full"'])
        self.kill()
        self.assertEqual(self.counts(campaign)["bounced"], 3)
        pt.wait_until(lambda: self.suppressed() == {("user2@example.com", "all", "bounced")},
                      "the one suppression")

    def test_a_receiver_that_knows_nobody_all_at_once_is_not_believed(self):
        campaign = self.begin(rows=150, rules=['on=rcpt,reply="550 5.1.1 no such user"'])
        self.assertEqual(campaign["counts"]["bounced"], 150)
        storms = self.daemon.get("/v1/status")["unknown_user_storms"]
        self.assertEqual([s["receiver"] for s in storms], ["example.com"])
        pt.wait_until(lambda: len(self.suppressed()) >= 19, "those before it was noticed")
        self.kill()
        self.assertLessEqual(len(self.suppressed()), 25)

    def test_who_bounces_again_and_again_is_given_up_unless_mail_arrives_between(self):
        """user2 is always full, user3 every second time."""
        config = dict(self.configure(), policy={"soft": 3, "campaigns": 3, "span": "0s"})
        self.begin("c1", 3, config=config, rules=[
            'on=rcpt,match=user2@*,reply="552 5.2.2 mailbox full"',
            'on=rcpt,match=user3@*,every=2,reply="552 5.2.2 mailbox full"'])
        self.send("c2", 3)
        self.kill()
        self.assertEqual(self.suppressed(), set())
        self.send("c3", 3)
        pt.wait_until(lambda: self.suppressed() == {("user2@example.com", "all", "bounced")},
                      "user2 to be given up")
        for name in ("c4", "c5", "c6"):
            self.assertEqual(self.counts(self.send(name, 3))["suppressed"], 1)
        self.assertEqual(len(self.suppressed()), 1)

    def kill(self):
        self.daemon.process.send_signal(signal.SIGKILL)
        self.daemon.process.wait(pt.TIMEOUT)
        self.daemon.start()


class CommandTest(BounceCase):
    def feed(self, mail, check=True):
        done = self.daemon.cli("feedback", check=check, input=mail.decode("latin-1"))
        return json.loads(done.stdout) if done.returncode == 0 else done

    def test_the_command_says_what_it_made_of_a_mail(self):
        campaign = self.begin(rows=4)
        sent = self.sent()
        path, octets = sent["user1@example.com"]
        said = self.feed(dsn(octets, path))
        self.assertEqual((said["means"], said["kind"], said["row"], said["class"]),
                         ("bounced", "dsn", 1, "user_unknown"))
        self.assertEqual((said["changed"], said["suppressed"]), (True, True))
        said = self.feed(dsn(octets, path))
        self.assertEqual((said["changed"], said["suppressed"]), (False, True))
        path, octets = sent["user2@example.com"]
        said = self.feed(arf(octets, "abuse", "Original-Mail-From: <%s>\n" % path))
        self.assertEqual((said["means"], said["row"]), ("complained", 2))
        path, octets = sent["user3@example.com"]
        forged = dsn(octets, "bounce@bounce.acme.example", final="user3@example.com")
        said = self.feed(forged)  # the right address and Message-ID, and no token
        self.assertEqual((said["means"], said["kept"], said["suppressed"]),
                         ("unknown", True, False))
        both = dsn(octets, path) + dsn(octets, sent["user4@example.com"][0])
        self.assertEqual(self.feed(both)["means"], "unknown")
        self.wait_counts(campaign, delivered=3, bounced=1)
        status = self.daemon.get("/v1/status")["feedback"]
        self.assertEqual((status["bounced"], status["complained"], status["unknown"]), (2, 1, 2))
        self.assertIn('postrider_feedback_mails_total{means="bounced"} 2',
                      self.daemon.get("/metrics"))
        self.assertNotEqual(self.daemon.cli("feedback", check=False, input="").returncode, 0)


    def test_a_complaint_reaches_the_contact_who_leaves_all_lists(self):
        self.sink = self.enter(pt.Sink(self.folder, maildir=True))
        self.daemon = self.enter(pt.Daemon(self.folder, relay=self.sink, config=self.configure()))
        path = os.path.join(self.folder, "people.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write('email,lists\nuser1@example.com,"news,vip"\nuser2@example.com,news\n')
        self.daemon.cli("contacts", "import", path)
        campaign = self.send("one", 3, list="news")
        path, octets = self.sent()["user1@example.com"]
        self.feed(arf(octets, "abuse", "Original-Mail-From: <%s>\n" % path))
        self.assertEqual(self.daemon.get("/v1/contact?address=user1@example.com")["lists"], [])
        self.assertEqual(self.daemon.get("/v1/contact?address=user2@example.com")["lists"],
                         ["news"])

        def told():
            events = self.daemon.get("/v1/contact?address=user1@example.com")["events"]
            return ("complaint", campaign["id"]) in [(e["name"], e["item"]) for e in events]
        pt.wait_until(told, "the complaint", timeout=15)


class MaildirTest(BounceCase):
    def test_mails_of_a_maildir_are_taken_and_moved(self):
        maildir = os.path.join(self.folder, "bounces")
        for name in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(maildir, name))
        campaign = self.begin(rows=4, config=self.configure(maildir=maildir))
        for row in (1, 2):
            path, octets = self.sent()["user%d@example.com" % row]
            with open(os.path.join(maildir, "new", "%d.mail" % row), "wb") as f:
                f.write(dsn(octets, path).replace(b"\r\n", b"\n"))
        with open(os.path.join(maildir, "new", "3.mail"), "wb") as f:
            f.write(b"Subject: hello\n\nnot ours\n")
        pt.wait_until(lambda: not os.listdir(os.path.join(maildir, "new")), "new/ to be empty")
        self.assertEqual(sorted(os.listdir(os.path.join(maildir, "cur"))),
                         ["1.mail:2,S", "2.mail:2,S", "3.mail:2,S"])
        self.assertEqual({s[0] for s in self.suppressed()},
                         {"user1@example.com", "user2@example.com"})
        self.wait_counts(campaign, delivered=2, bounced=2)
        self.assertEqual(self.kept(), 1)


class PostfixTest(BounceCase):
    """Postfix takes the campaign, is refused by the receiver, and reports it by itself."""

    MAIN = """
relayhost = [127.0.0.1]:%d
transport_maps = inline:{{ bounce.acme.example=smtp:[127.0.0.1]:%d }}
smtp_tls_security_level = none
"""

    def test_reports_of_postfix_find_their_rows(self):
        mail_servers.install_postfix()
        config = self.configure()
        receiver = self.enter(pt.Sink(self.folder, rules=[
            'on=rcpt,match=user3@*,reply="550 5.1.1 no such user"',
            'on=rcpt,match=user5@*,reply="550 5.7.1 blocked, see our policy"']))
        postfix = self.enter(mail_servers.Postfix(self.folder, self.MAIN % (receiver.port,
                                                                            self.port)))
        self.daemon = self.enter(pt.Daemon(self.folder, relay="127.0.0.1:%d" % postfix.port,
                                           config=config))
        campaign = self.send("one", 20)
        self.wait_counts(campaign, delivered=18, bounced=2)
        self.assertEqual(self.suppressed(), {("user3@example.com", "all", "bounced")})
        pt.wait_until(lambda: {r["email"]: r["mx"] for r in self.daemon.results(campaign)
                               if r["state"] == "bounced"} ==
                      {"user3@example.com": "postfix.test.example",
                       "user5@example.com": "postfix.test.example"}, "both in results.csv")
        self.assertEqual(self.kept(), 0)


if __name__ == "__main__":
    unittest.main()
