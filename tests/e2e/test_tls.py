"""TLS and passwords on the way out: to relays and to mail exchangers, against the sink."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import certificates  # noqa: E402
import dns_server  # noqa: E402
import postrider_test as pt  # noqa: E402


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._keys = tempfile.TemporaryDirectory(prefix="postrider-tls-")
        cls.addClassCleanup(cls._keys.cleanup)
        authority = certificates.Authority(cls._keys.name)
        cls.ca = authority.path
        cls.tls = authority.issue("mx", "mx.example", "IP:127.0.0.1")
        cls.expired = authority.expired("old", "mx.example", "IP:127.0.0.1")

    @classmethod
    def path(cls, name):
        return os.path.join(cls._keys.name, name)

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix="postrider-tls-")
        self.addCleanup(self._folder.cleanup)
        self.folder = self._folder.name

    def sink(self, *options, **more):
        return pt.Sink(self.folder, *options, **dict({"tls": self.tls}, **more))

    def daemon(self, route, trust=True, **config):
        daemon = pt.Daemon(self.folder, start=False, config=dict(
            {"tls": {"ca_file": self.ca} if trust else {}, "retry": {"first": "1s", "max": "1s"}},
            **config))
        daemon.config["routes"] = {"default": route}
        daemon.write_config()
        return daemon

    def relay(self, sink, tls, **more):
        return dict({"via": "relay", "host": "127.0.0.1", "port": sink.port, "tls": tls}, **more)

    def send(self, daemon, name="c", rows=200, state="finished"):
        daemon.start()
        daemon.drop(pt.make_campaign(self.folder, name, rows=rows))
        return daemon.wait_state(name, state)

    def trouble(self, daemon, part, name="c"):
        """The campaign does not get out, and says why."""
        daemon.start()
        daemon.drop(pt.make_campaign(self.folder, name, rows=3))

        def told():
            campaign = daemon.campaign(name)
            return campaign and part in (campaign["last_error"] or "")
        pt.wait_until(told, "the reason: " + part)
        self.assertEqual(daemon.campaign(name)["counts"]["delivered"], 0)

    @staticmethod
    def tls_of(daemon, site):
        """What /v1/sites counted of TLS with a site."""
        only, = daemon.get("/v1/sites?site=" + site)["sites"]
        return only["tls"]

    def test_a_relay_in_each_mode_is_spoken_to_in_tls(self):
        for mode in ("opportunistic", "required", "verified"):
            with self.subTest(mode), self.sink("--tls", "required") as sink, \
                    self.daemon(self.relay(sink, mode)) as daemon:
                campaign = self.send(daemon, name=mode)
                self.assertEqual(campaign["counts"]["delivered"], 200)

    def test_implicit_tls(self):
        with self.sink("--tls", "implicit") as sink, \
                self.daemon(self.relay(sink, "implicit")) as daemon:
            self.assertEqual(self.send(daemon)["counts"]["delivered"], 200)

    def test_a_certificate_of_nobody_we_trust_is_told_and_nothing_sent(self):
        with self.sink() as sink, self.daemon(self.relay(sink, "verified"), trust=False) as daemon:
            self.trouble(daemon, "certificate")
            self.assertEqual(sink.messages(), [])

    def test_a_certificate_that_expired_is_waited_for_until_it_is_renewed(self):
        with self.sink(tls=self.expired) as sink, self.daemon(self.relay(sink, "verified")) as daemon:
            self.trouble(daemon, "the certificate expired on")
            sink.stop()
            with self.sink(listen=sink.address) as renewed:
                self.assertEqual(daemon.wait_state("c", "finished")["counts"]["delivered"], 3)
                self.assertEqual(len(renewed.messages()), 3)

    def test_required_tls_that_is_not_offered_is_told_and_nothing_sent(self):
        with pt.Sink(self.folder) as sink, self.daemon(self.relay(sink, "required")) as daemon:
            self.trouble(daemon, "STARTTLS")
            self.assertEqual(sink.messages(), [])

    def test_the_same_of_an_exchanger(self):
        mx = {"example.com": [(10, "mx.example")]}
        with pt.Sink(self.folder) as sink, \
                dns_server.Dns(self.folder, mx=mx, hosts={"mx.example": "127.0.0.1"}) as dns, \
                self.daemon({"via": "mx", "port": sink.port, "tls": "required"}, preflight="off",
                            dns={"servers": [dns.server]}) as daemon:
            self.trouble(daemon, "STARTTLS")
            counted = self.tls_of(daemon, "mx.example")
            self.assertEqual((counted["successes"], list(counted["failures"])),
                             (0, ["starttls-not-supported"]))
            self.assertRegex(daemon.get("/metrics"), r'result="starttls-not-supported"} [1-9]')
            self.assertEqual(sink.messages(), [])

    def test_opportunistic_tls_goes_on_in_clear_where_it_is_not_offered(self):
        with pt.Sink(self.folder) as sink, self.daemon(self.relay(sink, "opportunistic")) as daemon:
            self.assertEqual(self.send(daemon)["counts"]["delivered"], 200)

    def test_a_password_is_said_in_tls(self):
        secret = self.path("password")
        with open(secret, "w", encoding="ascii") as f:
            f.write("geheim\n")
        os.chmod(secret, 0o600)
        with self.sink("--auth", "post:geheim") as sink, \
                self.daemon(self.relay(sink, "verified", user="post",
                                       password_file=secret)) as daemon:
            self.assertEqual(self.send(daemon)["counts"]["delivered"], 200)
            self.assertNotIn("geheim", daemon.log())

    def test_a_wrong_password_is_told(self):
        secret = self.path("wrong")
        with open(secret, "w", encoding="ascii") as f:
            f.write("falsch\n")
        os.chmod(secret, 0o600)
        with self.sink("--auth", "post:geheim") as sink, \
                self.daemon(self.relay(sink, "verified", user="post",
                                       password_file=secret)) as daemon:
            self.trouble(daemon, "535")
            self.assertNotIn("falsch", daemon.log())

    def test_exchangers_are_spoken_to_in_tls_and_a_name_must_fit_where_it_is_verified(self):
        with self.sink() as sink, \
                dns_server.Dns(self.folder,
                               mx={"good.example": [(10, "mx.example")],
                                   "bad.example": [(10, "other.example")]},
                               hosts={"mx.example": "127.0.0.1", "other.example": "127.0.0.1"}) as dns, \
                self.daemon({"via": "mx", "port": sink.port, "tls": "verified"},
                            dns={"servers": [dns.server]}) as daemon:
            daemon.start()
            daemon.drop(pt.make_campaign(
                self.folder, "c", recipients="email,first_name,product\n"
                "a@good.example,A,T\nb@bad.example,B,T\n"))
            pt.wait_until(lambda: (daemon.campaign("c") or {"counts": {"delivered": 0}})
                          ["counts"]["delivered"] == 1, "the good one")
            pt.wait_until(lambda: "other.example" in (daemon.campaign("c")["last_error"] or ""),
                          "why the other one waits")
            self.assertEqual([m["to"] for m in sink.messages()], [["a@good.example"]])
            good = self.tls_of(daemon, "mx.example")
            self.assertEqual((good["successes"] > 0, good["failures"]), (True, {}))
            bad = self.tls_of(daemon, "other.example")
            self.assertEqual((bad["successes"], list(bad["failures"])),
                             (0, ["certificate-host-mismatch"]))


if __name__ == "__main__":
    unittest.main()
