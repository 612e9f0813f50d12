"""postrider proof: finished messages to somebody who looks at them, without a daemon."""
import glob
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import dns_server  # noqa: E402
import postrider_test as pt  # noqa: E402


class Case(unittest.TestCase):
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


class Proof(Case):
    """A folder, to one server."""

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


class ByExchangers(Case):
    """Routes via mx: the exchangers are those of the proof's address."""

    def by_mx(self, sink, sources, **config):
        dns = self.enterContext(dns_server.Dns(
            self.folder, mx={"acme.example": [(10, "mx.acme.example")]},
            hosts={"mx.acme.example": sink.host}, options=["mx-host=none.example,.,0"]))
        daemon = pt.Daemon(self.folder, start=False, config=dict(
            config, dns={"servers": [dns.server]}))
        daemon.config["sources"] = {"away": {"address": "192.0.2.1"}, "here": {
            "address": "127.0.0.1", "hostname": "mta7.acme.example"}}
        daemon.config["routes"] = {"default": {"via": "mx", "port": sink.port, "sources": sources}}
        daemon.write_config()
        return daemon.config_path

    def test_all_rows_go_to_them_from_a_source_that_is_there(self):
        campaign = pt.make_campaign(self.folder, "one", rows=9)
        with pt.Sink(self.folder, maildir=True, commands=True) as sink:
            config = self.by_mx(sink, ["away", "here"])
            self.proof(campaign, "--to", "boss@acme.example", "--rows", "3,7", "--config", config)
            self.check_proofs(sink, 2)
            self.assertEqual([r["argument"] for r in sink.commands("EHLO")], ["mta7.acme.example"])
            for to, why in (("boss@none.example", "takes no mail"),
                            ("boss@nowhere.example", "does not exist")):
                done = self.proof(campaign, "--to", to, "--config", config, status=1)
                self.assertRegex(done.stdout, "^row 1: not accepted: .*" + why)
            self.assertEqual(len(sink.messages()), 2)

    def test_what_shaping_wants_of_tls_is_kept_to(self):
        campaign = pt.make_campaign(self.folder, "one", rows=1)
        with open(os.path.join(self.folder, "shaping.yaml"), "w", encoding="utf-8") as f:
            json.dump({"default": {}, "providers": {"acme": {
                "exchangers": ["acme.example"], "tls": "required"}}}, f)
        with pt.Sink(self.folder) as sink:
            done = self.proof(campaign, "--to", "boss@acme.example", "--config",
                              self.by_mx(sink, ["here"], shaping="shaping.yaml"), status=1)
            self.assertRegex(done.stdout, "row 1: not accepted: .*TLS")
            self.assertEqual(sink.messages(), [])

    def test_no_source_is_there(self):
        campaign = pt.make_campaign(self.folder, "one", rows=1)
        with pt.Sink(self.folder) as sink:
            done = self.proof(campaign, "--to", "boss@acme.example", "--config",
                              self.by_mx(sink, ["away"]), status=1)
            self.assertIn("row 1: not accepted: ", done.stdout)
            self.assertEqual(sink.messages(), [])


class OfACampaign(Case):
    """By the id of a campaign that the daemon has."""

    def daemon(self, sink):
        key = os.path.join(self.folder, "key.pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
        return pt.Daemon(self.folder, relay=sink, config={
            "dkim": [{"domain": "acme.example", "selector": "s1", "key_file": key}]})

    @staticmethod
    def field(mail, name):
        return mail.partition("\n%s: " % name)[2].partition("\r\n")[0]

    def test_rows_of_one_under_way_or_ended_in_the_version_in_force(self):
        with pt.Sink(self.folder, maildir=True) as sink, self.daemon(sink) as daemon:
            daemon.drop(pt.make_campaign(self.folder, "c", rows=5, manifest={"hold": True}))
            campaign = daemon.wait_state("c", "held")

            def proofs(*rows):
                before = set(self.mails(sink))
                daemon.cli("proof", campaign["id"], "--to", "boss@acme.example", *rows)
                return set(self.mails(sink)) - before
            mails = list(proofs("--rows", "2,4")) + list(proofs("--rows", "2"))
            self.check_proofs(sink, 3)
            self.assertEqual(len({self.field(mail, "Message-ID") for mail in mails}), 3)
            for mail in mails:
                self.assertIn("\nDKIM-Signature: ", "\n" + mail)
            self.assertEqual(daemon.campaign("c")["counts"], campaign["counts"])
            corrected = pt.make_campaign(self.folder, "d", rows=1, manifest={
                "name": "c", "hold": True, "subject": "Corrected"})
            daemon.cli("replace", campaign["id"], corrected)
            daemon.cli("approve", campaign["id"])
            daemon.wait_state("c", "finished")
            self.assertEqual(self.field(proofs().pop(), "Subject"), "[Proof] Corrected")
            self.assertEqual(daemon.campaign("c")["counts"]["delivered"], 5)
            ids = [self.field(mail, "Message-ID") for mail in self.mails(sink)]
            self.assertEqual(len(set(ids)), 3 + 5 + 1)

    def test_what_it_has_not_is_refused(self):
        with pt.Sink(self.folder) as sink, self.daemon(sink) as daemon:
            daemon.drop(pt.make_campaign(self.folder, "c", rows=1, manifest={"hold": True}))
            campaign = daemon.wait_state("c", "held")
            for words in (("nosuch", "--to", "a@b.example"),
                          (campaign["id"], "--to", "a@b.example", "--rows", "1,9")):
                self.assertEqual(daemon.cli("proof", *words, check=False).returncode, 1)
            with self.assertRaises(pt.HTTPError) as refused:
                daemon.get("/v1/campaigns/%s/preview?proof=nonsense" % campaign["id"])
            self.assertEqual(refused.exception.status, 400)
            self.assertEqual(sink.messages(), [])


if __name__ == "__main__":
    unittest.main()
