"""postrider-sink as a program: sockets, latency, faults, Maildir, log, totals, options."""
import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import postrider_test as pt  # noqa: E402

ENVELOPE = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
BODY = b"Subject: x\r\nMessage-ID: <1@b.example>\r\n\r\n..dot\r\n...\r\n\r\nlast\r\n"  # as sent
KEPT = BODY.replace(b"\r\n.", b"\r\n")


class Client:
    """A raw connection: says octets, reads whole replies."""

    def __init__(self, sink, greet=True):
        self.socket = socket.create_connection((sink.host, sink.port), pt.TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        if greet:
            self.reply()
            self.ask(b"EHLO c.example\r\n")

    def send(self, octets):
        self.socket.sendall(octets)

    def reply(self):
        """The code of the next reply; None when the connection was closed."""
        while True:
            line = self.file.readline()
            if len(line) < 4:
                return None
            if line[3:4] != b"-":
                return int(line[:3])

    def ask(self, octets, replies=1):
        self.send(octets)
        return [self.reply() for _ in range(replies)]

    def message(self, body=BODY):
        return self.ask(ENVELOPE + b"DATA\r\n", 3) + self.ask(body + b".\r\n")

    def close(self):
        self.file.close()
        self.socket.close()


class SinkTest(pt.TestCase):
    def sink(self, *options, **keywords):
        sink = pt.Sink(self.folder, *options, **keywords)
        self.addCleanup(sink.__exit__)
        return sink

    def client(self, sink, greet=True):
        client = Client(sink, greet)
        self.addCleanup(client.close)
        return client

    # ---- taking mail ----

    def test_library_client_is_served_and_recorded(self):
        sink = self.sink(maildir=True, commands=True)
        with smtplib.SMTP(sink.host, sink.port) as smtp:
            smtp.sendmail("a@b.example", ["c@d.example", "e@f.example"],
                          "Message-ID:\r\n <2@b>\r\n\r\n.x\r\n")
        message, = sink.messages()
        self.assertEqual((message["from"], message["to"], message["message_id"],
                          message["octets"], message["answered"]),
                         ("a@b.example", ["c@d.example", "e@f.example"], "<2@b>", 27, True))
        self.assertEqual(sink.mails(), [b"Message-ID:\r\n <2@b>\r\n\r\n.x\r\n"])
        self.assertEqual([c["argument"] for c in sink.commands("RCPT")],
                         ["c@d.example", "e@f.example"])
        self.assertEqual([r["event"] for r in sink.records()][-1], "close")

    def test_mail_is_kept_to_the_octet_wherever_it_is_cut(self):
        sink = self.sink(maildir=True)
        client = self.client(sink)
        for cut in range(len(BODY) + 4):
            client.ask(ENVELOPE + b"DATA\r\n", 3)
            client.send((BODY + b".\r\n")[:cut])
            self.assertEqual(client.ask((BODY + b".\r\n")[cut:]), [250])
        self.assertEqual(set(sink.mails()), {KEPT})
        self.assertEqual(sink.totals()["messages"], len(BODY) + 4)

    def test_large_mail_is_kept_whole(self):
        sink = self.sink("--size", "0", maildir=True)
        line = b"..%d" + b"x" * 70 + b"\r\n"
        body = b"".join(line.replace(b"%d", b"%d" % n) for n in range(100000))
        self.client(sink).message(body)
        self.assertEqual(sink.mails(), [body.replace(b"\r\n..", b"\r\n.")[1:]])
        self.assertEqual(os.listdir(os.path.join(sink.maildir, "tmp")), [])

    def test_chunks_make_one_message_of_their_octets(self):
        sink = self.sink(maildir=True)
        client = self.client(sink)
        self.assertEqual(client.ask(ENVELOPE + b"BDAT 10\r\n0123456\r\n."
                                    b"BDAT 3\r\n\n.\nBDAT 2 LAST\r\nab", 5), [250] * 5)
        self.assertEqual(client.ask(ENVELOPE + b"BDAT 0 LAST\r\n", 3), [250] * 3)
        self.assertEqual(sink.mails(), [b"0123456\r\n.\n.\nab", b""])

    def test_message_cut_off_leaves_only_a_count(self):
        sink = self.sink(maildir=True)
        client = self.client(sink)
        client.ask(ENVELOPE + b"DATA\r\n", 3)
        client.send(BODY * 5000)
        client.close()
        totals = pt.wait_until(lambda: (t := sink.totals())["open"] == 0 and t, "the close")
        self.assertEqual((totals["messages"], totals["cut_messages"]), (0, 1))
        for folder in ("tmp", "new"):
            self.assertEqual(os.listdir(os.path.join(sink.maildir, folder)), [])

    def test_half_closed_client_gets_all_its_replies(self):
        sink = self.sink(latency="50ms")
        client = self.client(sink, greet=False)
        client.send(b"EHLO c.example\r\n" + ENVELOPE + b"NOOP\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual([client.reply() for _ in range(6)], [220, 250, 250, 250, 250, None])

    # ---- latency ----

    def test_latency_is_paid_once_a_flight(self):
        sink = self.sink(latency="100ms")
        client = self.client(sink)
        begin = time.monotonic()
        self.assertEqual(client.ask(b"NOOP\r\n" * 20, 20), [250] * 20)
        flight = time.monotonic() - begin
        for _ in range(3):
            client.ask(b"NOOP\r\n")
        single = time.monotonic() - begin - flight
        self.assertGreaterEqual(flight, 0.1)
        self.assertGreaterEqual(single, 0.3)
        self.assertLess(flight, 0.2)

    def test_pipelining_sender_pays_one_latency_a_message(self):
        sink = self.sink(latency="50ms")
        client = self.client(sink)
        client.ask(ENVELOPE + b"DATA\r\n", 3)
        begin = time.monotonic()
        for _ in range(10):
            self.assertEqual(client.ask(BODY + b".\r\n" + ENVELOPE + b"DATA\r\n", 4),
                             [250, 250, 250, 354])
        self.assertLess(time.monotonic() - begin, 0.75)
        self.assertEqual(sink.totals()["pipelining_errors"], 0)

    # ---- faults ----

    def test_retry_succeeds_where_a_rule_is_about_first_tries(self):
        sink = self.sink(rules=["on=rcpt,tries=1,reply=451 4.7.1 later"])
        client = self.client(sink)
        self.assertEqual(client.ask(ENVELOPE + b"RSET\r\n", 3), [250, 451, 250])
        self.assertEqual(client.message(), [250, 250, 354, 250])
        self.assertEqual(sink.totals()["rules"], [1])

    def test_connection_dropped_in_place_of_the_reply_took_the_message(self):
        sink = self.sink(rules=["on=dot,drop=before,first=1"])
        self.assertEqual(self.client(sink).message()[-1], None)
        self.assertEqual(self.client(sink).message()[-1], 250)
        self.assertEqual([m["answered"] for m in sink.messages()], [False, True])

    def test_connection_dropped_behind_the_reply_delivers_it(self):
        sink = self.sink(rules=["on=rcpt,drop=after"])
        client = self.client(sink)
        self.assertEqual(client.ask(ENVELOPE + b"DATA\r\n" * 1000, 3), [250, 250, None])

    def test_connection_dropped_within_the_message_takes_nothing(self):
        sink = self.sink(rules=["on=body,drop=before"])
        client = self.client(sink)
        client.ask(ENVELOPE + b"DATA\r\n", 3)
        client.send(BODY)
        self.assertIsNone(client.reply())
        self.assertEqual(sink.messages(accepted=False), [])

    def test_greeting_can_refuse_stall_and_talk_nonsense(self):
        refusing = self.client(self.sink(rules=["on=connect,reply=554 no"]), greet=False)
        self.assertEqual(refusing.reply(), 554)
        self.assertEqual(refusing.ask(b"EHLO x\r\nQUIT\r\n", 2), [503, 221])
        silent = self.client(self.sink(rules=["on=connect,stall"]), greet=False)
        silent.socket.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            silent.reply()
        nonsense = self.client(self.sink(rules=["on=connect,garbage=5000"]), greet=False)
        octets = nonsense.file.read(5000)
        self.assertEqual(len(octets), 5000)
        self.assertNotIn(b"\n", octets)

    def test_stalled_and_slow_replies_take_their_time(self):
        sink = self.sink(rules=["on=noop,stall=300ms", "on=rset,slow=20,reply=250 ok"])
        client = self.client(sink)
        begin = time.monotonic()
        self.assertEqual(client.ask(b"NOOP\r\n"), [250])
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)
        begin = time.monotonic()
        self.assertEqual(client.ask(b"RSET\r\n"), [250])
        self.assertGreaterEqual(time.monotonic() - begin, 0.35)  # 8 octets, the first at once

    def test_share_of_recipients_is_the_same_in_every_run(self):
        refused = []
        for _ in range(2):
            sink = self.sink("--seed", "7", rules=["on=rcpt,share=20%,reply=550 5.1.1 gone"])
            client = self.client(sink)
            client.ask(b"MAIL FROM:<>\r\n")
            refused.append([client.ask(b"RCPT TO:<u%d@x.example>\r\n" % n)[0]
                            for n in range(200)])
        self.assertEqual(refused[0], refused[1])
        self.assertTrue(20 < refused[0].count(550) < 60)

    # ---- counts, limits, options ----

    def test_features_are_offered_and_taken_away(self):
        def features(*options):
            with smtplib.SMTP(*(lambda s: (s.host, s.port))(self.sink(*options))) as smtp:
                smtp.ehlo("c.example")
                return set(smtp.esmtp_features)
        every = features()
        self.assertEqual(every, {"pipelining", "size", "8bitmime", "smtputf8", "help",
                                 "enhancedstatuscodes", "chunking", "dsn"})
        self.assertEqual(features("--no-pipelining", "--no-chunking", "--no-dsn"),
                         every - {"pipelining", "chunking", "dsn"})
        with smtplib.SMTP(*(lambda s: (s.host, s.port))(self.sink("--no-ehlo"))) as smtp:
            smtp.ehlo_or_helo_if_needed()
            self.assertFalse(smtp.does_esmtp)

    def test_count_ends_it_after_the_last_reply(self):
        sink = self.sink("--count", "3", latency="50ms")
        client = self.client(sink)
        for _ in range(3):
            self.assertEqual(client.message()[-1], 250)
        self.assertEqual(sink.wait()["messages"], 3)

    def test_many_connections_at_once_beyond_the_limit_are_refused(self):
        sink = self.sink("--max-connections", "50")
        clients = [self.client(sink, greet=False) for _ in range(60)]
        codes = [client.reply() for client in clients]
        self.assertEqual((codes.count(220), codes.count(421)), (50, 10))
        self.assertEqual(sink.totals()["max_open"], 50)
        clients[0].close()
        pt.wait_until(lambda: sink.totals()["open"] == 49, "the close")
        self.assertEqual(self.client(sink, greet=False).reply(), 220)

    def test_silent_connection_is_closed_in_time(self):
        sink = self.sink("--timeout", "200ms")
        self.assertIsNone(self.client(sink).reply())

    def test_log_is_complete_for_each_accepted_message_when_told_to_sync(self):
        sink = self.sink("--log-sync")
        client = self.client(sink)
        for n in range(1, 4):
            client.message()
            with open(sink.log_path, "rb") as log:
                self.assertEqual(len(log.readlines()), n)

    def test_both_address_families_and_several_listeners(self):
        try:
            with socket.socket(socket.AF_INET6) as trial:
                trial.bind(("::1", 0))
        except OSError as none:
            self.skipTest("no IPv6: %s" % none)
        sink = pt.Sink(self.folder, "--listen", "[::1]:0", log=False)
        self.addCleanup(sink.__exit__)
        second = sink._line()
        self.assertRegex(second, r"^listening \[::1\]:[1-9][0-9]*$")
        other = socket.create_connection(("::1", int(second.rpartition(":")[2])), pt.TIMEOUT)
        self.assertEqual(other.recv(4), b"220 ")
        other.close()

    def test_signals_print_totals_and_end_it(self):
        sink = self.sink()
        self.client(sink).message()
        self.assertEqual(sink.totals()["messages"], 1)
        sink.process.send_signal(signal.SIGINT)
        self.assertEqual(sink.wait()["recipients"], 1)
        self.assertEqual(sink.process.returncode, 0)

    # ---- TLS and AUTH ----

    @staticmethod
    def context(version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def mail_by_starttls(self, sink, context):
        with smtplib.SMTP(sink.host, sink.port) as smtp:
            smtp.ehlo()
            self.assertTrue(smtp.has_extn("starttls"))
            self.assertEqual(smtp.starttls(context=context)[0], 220)
            smtp.ehlo()
            self.assertFalse(smtp.has_extn("starttls"))
            smtp.sendmail("a@b.example", ["c@d.example"], "Message-ID: <3@b>\r\n\r\nx\r\n" * 9999)
            return smtp.sock.version(), smtp.sock.getpeercert(True)

    def test_starttls_is_offered_and_its_mail_recorded_as_such(self):
        sink = self.sink("--tls", "required", "--tls-name", "mx.example", maildir=True)
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                              (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            used, certificate = self.mail_by_starttls(sink, self.context(version))
            self.assertEqual(used, name)
            self.assertIn(b"mx.example", certificate)
            record = sink.messages()[-1]
            self.assertEqual((record["tls"], record["resumed"]), (name, False))
            self.assertIn("AES", record["cipher"])
        with smtplib.SMTP(sink.host, sink.port) as smtp:
            with self.assertRaises(smtplib.SMTPSenderRefused) as refused:
                smtp.sendmail("a@b.example", ["c@d.example"], "x")
            self.assertEqual(refused.exception.smtp_code, 530)
        totals = sink.totals()
        self.assertEqual((totals["tls_sessions"], totals["tls_resumed"], totals["tls_failed"]),
                         (2, 0, 0))
        self.assertEqual({len(m) for m in sink.mails()}, {9999 * 24})

    def test_certificate_of_a_file_is_shown_and_trusted(self):
        pem = os.path.join(self.folder, "both.pem")
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                               "ec_paramgen_curve:P-256", "-nodes", "-keyout", pem, "-out",
                               pem + ".crt", "-subj", "/CN=x", "-addext",
                               "subjectAltName=IP:127.0.0.1"], capture_output=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        sink = self.sink("--tls-cert", pem + ".crt", "--tls-key", pem, "--tls-min", "1.3")
        used, _ = self.mail_by_starttls(sink, ssl.create_default_context(cafile=pem + ".crt"))
        self.assertEqual(used, "TLSv1.3")
        with self.assertRaises(ssl.SSLError):
            self.mail_by_starttls(sink, self.context(ssl.TLSVersion.TLSv1_2))
        pt.wait_until(lambda: sink.totals()["tls_failed"] == 1, "the count")

    def test_implicit_tls_greets_inside_and_sessions_resume(self):
        sink = self.sink("--tls", "implicit", latency="20ms")
        for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
            context, session = self.context(version), None
            for _ in range(2):
                raw = socket.create_connection((sink.host, sink.port), pt.TIMEOUT)
                with context.wrap_socket(raw, session=session) as client:
                    self.assertTrue(client.recv(100).startswith(b"220 "))
                    client.sendall(b"QUIT\r\n")
                    self.assertTrue(client.recv(100).startswith(b"221 "))
                    self.assertEqual(client.session_reused, session is not None)
                    session = client.session
                    self.assertEqual(client.recv(100), b"")  # a polite end
        self.assertEqual(sink.totals()["tls_resumed"], 2)
        raw = socket.create_connection((sink.host, sink.port), pt.TIMEOUT)
        raw.settimeout(0.1)
        self.assertRaises(socket.timeout, raw.recv, 1)  # it waits for the client
        raw.close()
        pt.wait_until(lambda: sink.totals()["open"] == 0, "the close")

    def test_octets_that_are_no_handshake_end_the_connection(self):
        sink = self.sink("--tls", "starttls")
        client = self.client(sink)
        self.assertEqual(client.ask(b"STARTTLS\r\n"), [220])
        client.send(b"MAIL FROM:<a@b.example>\r\n" * 10)
        client.socket.settimeout(pt.TIMEOUT)
        self.assertNotIn(b"250", client.file.read())
        self.assertEqual(sink.totals()["tls_failed"], 1)

    def test_passwords_are_asked_for_within_tls(self):
        sink = self.sink("--tls", "starttls", "--auth", "user:pa:ss")
        for method in "auth_plain", "auth_login", "auth_cram_md5":
            for password, code in ("pa:ss", 235), ("pass", 535):
                with smtplib.SMTP(sink.host, sink.port) as smtp:
                    smtp.ehlo()
                    self.assertFalse(smtp.has_extn("auth"))
                    self.assertEqual(smtp.docmd("AUTH PLAIN")[0], 538)
                    smtp.starttls(context=self.context())
                    smtp.ehlo()
                    self.assertEqual(smtp.mail("a@b.example")[0], 530)
                    smtp.user, smtp.password = "user", password
                    name = method[5:].replace("_", "-").upper()
                    try:
                        got = smtp.auth(name, getattr(smtp, method))[0]
                    except smtplib.SMTPAuthenticationError as refused:
                        got = refused.smtp_code
                    self.assertEqual(got, code)
                    self.assertEqual(smtp.mail("a@b.example")[0], 250 if code == 235 else 530)
        self.assertEqual([sink.totals()[n] for n in ("auths", "auths_failed")], [3, 3])

    def test_rules_break_starttls_and_handshakes(self):
        for rule, error in (("on=starttls,reply=454 4.7.0 no,first=1", None),
                            ("on=starttls,drop=before", smtplib.SMTPServerDisconnected),
                            ("on=handshake,drop=before", OSError),
                            ("on=handshake,garbage=100", ssl.SSLError),
                            ("on=handshake,stall", socket.timeout)):
            sink = pt.Sink(self.folder, "--tls", "starttls", rules=[rule], log=False)
            with sink, smtplib.SMTP(sink.host, sink.port) as smtp:
                smtp.ehlo()
                if error is None:
                    self.assertEqual(smtp.docmd("STARTTLS")[0], 454)
                    self.assertEqual(smtp.starttls(context=self.context())[0], 220)
                else:
                    smtp.sock.settimeout(0.3)
                    self.assertRaises(error, smtp.starttls, context=self.context())
                    smtp.close()
                self.assertEqual(sink.totals()["faults"], 1, rule)

    def test_wrong_usage_is_told_and_exits_2(self):
        for arguments, problem in ((["--lisen", "x"], "did you mean --listen"),
                                   (["--rule", "on=rcp,drop=after"], "no value of `on`"),
                                   (["--latency", "soon"], "write TIME"),
                                   (["--log-sync"], "need --log"),
                                   (["--tls", "maybe"], "write starttls|required|implicit"),
                                   (["--tls-min", "1.3"], "need --tls"),
                                   (["--tls-key", "x"], "needs --tls-cert"),
                                   (["--auth", "a:b"], "needs --tls"),
                                   (["--auth", "ab"], "write USER:PASSWORD")):
            done = subprocess.run([pt.program("postrider-sink"), *arguments],
                                  capture_output=True, text=True, timeout=pt.TIMEOUT)
            self.assertEqual(done.returncode, 2)
            self.assertIn(problem, done.stderr)
        sink = self.sink()
        done = subprocess.run([pt.program("postrider-sink"), "--listen", sink.address],
                              capture_output=True, text=True, timeout=pt.TIMEOUT)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Address already in use", done.stderr)


if __name__ == "__main__":
    unittest.main()
