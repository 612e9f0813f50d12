"""postrider proof: finished messages to somebody who looks at them, without a daemon."""
import glob
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import postrider_test as pt  # noqa: E402


class Proof(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix="postrider-proof-")
        self.addCleanup(self._folder.cleanup)
        self.folder = self._folder.name

    def config(self, **route):
        daemon = pt.Daemon(self.folder, start=False)
        daemon.config["routes"] = {"default": route}
        daemon.write_config()
        return daemon.config_path

    def proof(self, *arguments, status=0):
        done = subprocess.run([pt.program("postrider"), "proof", *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=pt.TIMEOUT)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def relay(self, sink, via="relay", **more):
        return self.config(via=via, host=sink.host, port=sink.port, **dict({"tls": "none"}, **more))

    def mails(self, sink):
        texts = []
        for path in glob.glob(os.path.join(sink.maildir, "new", "*")):
            with open(path, "rb") as f:
                texts.append(f.read().decode())
        return texts

    def check_proofs(self, sink, rows):
        lines = sink.messages()
        self.assertEqual([line["to"] for line in lines], [["boss@acme.example"]] * rows)
        mails = self.mails(sink)
        self.assertEqual(len(mails), rows)
        for mail in mails:
            self.assertIn("\nTo: boss@acme.example\r\n", mail.replace("<", "").replace(">", ""))
            self.assertIn("\nSubject: [Proof] ", mail)
        return mails

    def test_rows_go_by_the_campaigns_route(self):
        campaign = pt.make_campaign(self.folder, "one", rows=9)
        for via in ("relay", "esmtp"):
            sub = os.path.join(self.folder, via)
            os.makedirs(sub)
            with self.subTest(via=via), pt.Sink(sub, maildir=True) as sink:
                done = self.proof(campaign, "--to", "boss@acme.example", "--rows", "3,7",
                                  "--config", self.relay(sink, via))
                self.assertEqual([line.split(": ")[:2] for line in done.stdout.splitlines()],
                                 [["row 3", "accepted"], ["row 7", "accepted"]])
                self.check_proofs(sink, 2)

    def test_a_server_may_be_named_and_the_first_good_row_is_taken(self):
        campaign = pt.make_campaign(self.folder, "one", recipients="email,first_name,product\n"
                                    "nonsense,A,B\nreal@b.example,Ann,Tea\n")
        with pt.Sink(self.folder, "--tls", "starttls", maildir=True) as sink:
            done = self.proof(campaign, "--to", "boss@acme.example", "--via", sink.address,
                              "--json")
            answer = json.loads(done.stdout)
            self.assertEqual((answer["row"], answer["accepted"]), (2, True))
            self.assertIn("Ann", self.check_proofs(sink, 1)[0])
            self.assertTrue(sink.messages()[0]["tls"])

    def test_a_refusal_is_shown_and_the_exit_status_tells(self):
        campaign = pt.make_campaign(self.folder, "one", rows=2)
        with pt.Sink(self.folder, rules=['on=rcpt,reply="550 5.1.1 nobody here"']) as sink:
            done = self.proof(campaign, "--to", "boss@acme.example", "--via", sink.address,
                              status=1)
            self.assertIn("row 1: not accepted: 550 5.1.1 nobody here", done.stdout)

    def test_nobody_there_is_shown(self):
        campaign = pt.make_campaign(self.folder, "one", rows=2)
        with pt.Sink(self.folder) as sink:
            address = sink.address
        done = self.proof(campaign, "--to", "boss@acme.example", "--via", address, status=1)
        self.assertIn("row 1: not accepted: ", done.stdout)

    def test_what_cannot_be_is_refused(self):
        campaign = pt.make_campaign(self.folder, "one", rows=2)
        self.proof(campaign, status=2)
        self.proof(campaign, "--to", "nonsense", status=2)
        self.proof(campaign, "--to", "a@b.example", "--rows", "1,x", status=2)
        self.proof(campaign, "--to", "a@b.example", "--via", "127.0.0.1:0", status=2)
        done = self.proof(campaign, "--to", "a@b.example", "--rows", "5", "--via", "127.0.0.1:9",
                          status=1)
        self.assertIn("there is no row 5", done.stderr)


    def certificate(self):
        path = os.path.join(self.folder, "cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", path + ".key", "-out", path], check=True,
                       stderr=subprocess.DEVNULL)
        return path

    def test_the_certificate_is_held_against_the_name_and_then_the_password_is_told(self):
        campaign = pt.make_campaign(self.folder, "one", rows=2)
        secret = os.path.join(self.folder, "password")
        with open(secret, "w", encoding="utf-8") as f:
            f.write("sesame\n")
        os.chmod(secret, 0o600)
        cert = self.certificate()
        with pt.Sink(self.folder, "--tls-cert", cert, "--tls-key", cert + ".key",
                     "--auth", "ann:sesame") as sink:
            for host, trusted, good in (("localhost", cert, True), ("127.0.0.1", cert, False),
                                        ("localhost", None, False)):
                with self.subTest(host=host, trusted=trusted):
                    daemon = pt.Daemon(self.folder, start=False)
                    if trusted:
                        daemon.config["tls"] = {"ca_file": trusted}
                    daemon.config["routes"] = {"default": {
                        "via": "esmtp", "host": host, "port": sink.port, "tls": "verified",
                        "user": "ann", "password_file": secret}}
                    daemon.write_config()
                    done = self.proof(campaign, "--to", "boss@acme.example", "--config",
                                      daemon.config_path, status=0 if good else 1)
                    if not good:
                        self.assertIn("the certificate is ", done.stdout)
            with open(secret, "w", encoding="utf-8") as f:
                f.write("wrong\n")
            daemon.config["tls"] = {"ca_file": cert}
            daemon.config["routes"]["default"]["host"] = "localhost"
            daemon.write_config()
            done = self.proof(campaign, "--to", "boss@acme.example", "--config",
                              daemon.config_path, status=1)
            self.assertIn("not accepted: 5", done.stdout)
            self.assertEqual(len(sink.messages()), 1)


if __name__ == "__main__":
    unittest.main()
