"""Routes via sendgrid and mailgun, through the daemon, against scripted servers of these APIs."""
import base64
import collections
import json
import os
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import accounted  # noqa: E402
import api_server  # noqa: E402
import postrider_test as pt  # noqa: E402

try:
    import dkim
except ImportError:
    dkim = None

ACCEPTED = (202, {"X-Message-Id": "abc.123"}, "")
OPTIONAL = {"name"}


def check_send(j):
    """SendGrid's schema of POST /v3/mail/send, as far as we use it, strictly."""
    def keys(value, *needed, may=()):
        assert set(needed) <= set(value) <= set(needed) | set(may), sorted(value)

    def mailbox(value):
        keys(value, "email", may=OPTIONAL)
        assert "@" in value["email"] and all(isinstance(v, str) for v in value.values())

    keys(j, "personalizations", "from", "subject", "content", "headers", "tracking_settings",
         may={"reply_to", "reply_to_list", "attachments", "custom_args"})
    assert len(j["personalizations"]) == 1
    keys(j["personalizations"][0], "to")
    mailbox(j["personalizations"][0]["to"][0])
    mailbox(j["from"])
    assert j["subject"]
    order = [c["type"] for c in j["content"]]
    assert order == sorted(order, key=["text/plain", "text/html"].index) and order, order
    assert all(c["value"] for c in j["content"])
    forbidden = {"to", "from", "subject", "reply-to", "cc", "bcc", "received", "dkim-signature",
                 "content-type", "content-transfer-encoding", "x-sg-id", "x-sg-eid"}
    assert not forbidden & {name.lower() for name in j["headers"]}, j["headers"]
    assert all(isinstance(v, str) and "\n" not in v for v in j["headers"].values())
    assert j["tracking_settings"]["click_tracking"]["enable"] is False
    assert j["tracking_settings"]["open_tracking"]["enable"] is False


class ApiTest(accounted.TestCase):
    def setUp(self):
        super().setUp()
        self.key_file = os.path.join(self.folder, "key")
        with open(self.key_file, "w") as f:
            f.write("SG.secret-key\n")
        os.chmod(self.key_file, 0o600)

    def route(self, endpoint, via="sendgrid", connections=5):
        route = {"via": via, "key_file": self.key_file, "endpoint": endpoint,
                 "connections": connections}
        return dict(route, domain="mg.acme.example") if via == "mailgun" else route

    def daemon(self, endpoint, retry=None, config=None, **route):
        daemon = pt.Daemon(self.folder, start=False, config=dict(
            {"retry": retry or accounted.SOON}, **(config or {})))
        daemon.config["routes"] = {"default": self.route(endpoint, **route)}
        daemon.write_config()
        daemon.start()
        return self.enter(daemon)

    def send(self, daemon, rows, **more):
        daemon.drop(pt.make_campaign(self.folder, "api", rows=rows, **more))

    def told(self, daemon):
        """What the campaign says is wrong, when it does."""
        return pt.wait_until(lambda: (daemon.campaign("api") or {}).get("last_error"), "the error")

    def open_rows(self, daemon):
        counts = daemon.campaign("api")["counts"]
        return counts["pending"] + counts["sending"]

    def finish(self, daemon, rows):
        campaign = daemon.wait_state("api", "finished", timeout=30)
        self.assert_counts(campaign, rows)
        return campaign, daemon.results(campaign)

    def test_sendgrid_gets_each_message_once(self):
        api = self.enter(api_server.Api(lambda request: ACCEPTED))
        daemon = self.daemon(api.endpoint + "/")
        self.send(daemon, 40)
        campaign, results = self.finish(daemon, 40)
        self.assertEqual(campaign["counts"]["delivered"], 40)
        self.assertEqual(sorted(r.recipient for r in api.requests),
                         sorted(r["email"] for r in results))
        for request in api.requests:
            self.assertEqual(request.path, "/v3/mail/send")
            self.assertEqual(request.headers["authorization"], "Bearer SG.secret-key")
            check_send(request.json())
            self.assertIn("List-Unsubscribe", request.json()["headers"])
        ids = {r.json()["custom_args"]["message_id"] for r in api.requests}
        self.assertEqual(ids, {r["message_id"].strip("<>") for r in results})
        self.assertEqual({(r["code"], r["reply"]) for r in results},
                         {("250", "HTTP 202 abc.123")})
        self.assertTrue(all(r["mx"].startswith("127.0.0.1:") for r in results))
        self.assertNotIn("secret-key", daemon.log())

    def test_mailgun_gets_the_octets_and_their_signature_holds(self):
        if dkim is None:
            self.skipTest("python3-dkim is not installed")
        key = os.path.join(self.folder, "s1.pem")
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        os.chmod(key, 0o600)
        public = subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-outform", "DER"],
                                check=True, capture_output=True).stdout
        record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
        queued = (200, {}, json.dumps({"id": "<1@mg>", "message": "Queued. Thank you."}))
        api = self.enter(api_server.Api(lambda request: queued))
        daemon = self.daemon(api.endpoint, via="mailgun", config={
            "dkim": [{"domain": "acme.example", "selector": "s1", "key_file": key}]})
        self.send(daemon, 5)
        campaign, results = self.finish(daemon, 5)
        self.assertEqual(campaign["counts"]["delivered"], 5)
        self.assertEqual({r["reply"] for r in results}, {"HTTP 200: Queued. Thank you. <1@mg>"})
        for request in api.requests:
            fields = request.form()
            self.assertEqual(request.path, "/v3/mg.acme.example/messages.mime")
            self.assertEqual(set(fields), {"to", "message", "o:tracking"})
            self.assertEqual(fields["o:tracking"], b"no")
            self.assertTrue(dkim.verify(fields["message"], dnsfunc=lambda *a, **k: record))

    def test_each_kind_of_answer(self):
        """By recipient: what its row comes to, and how often it was posted."""
        seen, lock = collections.Counter(), threading.Lock()
        firsts = {"user2": (400, {}, json.dumps({"errors": [{
                      "message": "Does not contain a valid address.",
                      "field": "personalizations.0.to.0.email"}]})),
                  "user3": (500, {}, "oops"), "user4": (504, {}, ""), "user5": "drop",
                  "user6": (413, {}, ""), "user7": (403, {}, '{"errors": [{"message": "no"}]}')}

        def answer(request):
            name = request.recipient.partition("@")[0]
            with lock:
                seen[name] += 1
                first = seen[name] == 1
            return firsts.get(name, ACCEPTED) if first else ACCEPTED

        api = self.enter(api_server.Api(answer))
        daemon = self.daemon(api.endpoint, connections=1)
        self.send(daemon, 9, recipients="email,first_name,product\n" + "".join(
            "user%d@b.example,A,B\n" % i for i in range(1, 10)))
        campaign, results = self.finish(daemon, 9)
        came = {r["email"].partition("@")[0]: (r["state"], r["doubted"]) for r in results}
        sent = ("delivered", "0")
        self.assertEqual(came, {
            "user1": sent, "user2": ("bounced", "0"), "user3": sent, "user4": ("delivered", "1"),
            "user5": ("delivered", "1"), "user6": ("bounced", "0"), "user7": sent,
            "user8": sent, "user9": sent})
        classes = {r["email"].partition("@")[0]: r["class"] for r in results}
        self.assertEqual((classes["user2"], classes["user6"]), ("user_unknown", "too_large"))
        self.assertEqual(dict(seen), {"user%d" % i: 2 if i in (3, 4, 5, 7) else 1
                                      for i in range(1, 10)})
        self.assertEqual(campaign["in_doubt_ever"], 2)

    def test_a_bad_key_holds_the_route_and_blames_no_row(self):
        """Until the file has the right one, and the daemon reloads."""
        api = self.enter(api_server.Api(
            lambda request: ACCEPTED if request.headers["authorization"] == "Bearer SG.new"
            else (401, {}, '{"errors": [{"message": "authorization grant is invalid"}]}')))
        daemon = self.daemon(api.endpoint)
        self.send(daemon, 20)
        told = self.told(daemon)
        self.assertIn("HTTP 401: authorization grant is invalid; see key_file of the route", told)
        self.assertEqual(self.open_rows(daemon), 20)
        with open(self.key_file, "w") as f:
            f.write("SG.new\n")
        daemon.post("/v1/reload")
        campaign, results = self.finish(daemon, 20)
        self.assertEqual(campaign["counts"]["delivered"], 20)
        self.assertEqual({r["attempts"] for r in results}, {"1"})
        self.assertEqual(campaign["in_doubt_ever"], 0)

    def test_retry_after_is_kept(self):
        """10 are taken, then nothing for 3 s, also by a daemon that was restarted meanwhile: no
        request comes, and no row is blamed."""
        lock, state = threading.Lock(), {"taken": 0, "refused": []}

        def answer(request):
            with lock:
                if state["taken"] == 10 and len(state["refused"]) < 1 or (
                        state["refused"] and time.monotonic() < state["refused"][0] + 2.9):
                    state["refused"].append(time.monotonic())
                    return 429, {"Retry-After": "3"}, '{"errors": [{"message": "too many"}]}'
                state["taken"] += 1
            return ACCEPTED

        api = self.enter(api_server.Api(answer))
        daemon = self.daemon(api.endpoint, connections=4)
        self.send(daemon, 30)

        def suspended():
            return [limit for site in daemon.get("/v1/sites")["sites"]
                    for limit in site["limits"] if limit["what"] == "suspended"]
        limit, = pt.wait_until(suspended, "the wait to be told")
        self.assertEqual(limit["by"], "Retry-After")
        daemon.terminate()
        daemon.start()
        campaign, results = self.finish(daemon, 30)
        self.assertEqual(campaign["counts"]["delivered"], 30)
        self.assertEqual({r["attempts"] for r in results}, {"1"})
        self.assertLessEqual(len(state["refused"]), 8)  # under way, and handed to a connection
        self.assertLess(state["refused"][-1] - state["refused"][0], 0.5)
        self.assertEqual(len(api.requests), 30 + len(state["refused"]))
        self.assertEqual(suspended(), [])
        self.assertEqual(daemon.get("/v1/sites")["sites"][0]["limited_by"], "")

    def test_a_server_that_is_not_there_yet_is_waited_for(self):
        with api_server.Api(lambda request: ACCEPTED) as api:
            port = api.port
        daemon = self.daemon("http://127.0.0.1:%d" % port)
        self.send(daemon, 10)
        self.told(daemon)
        self.enter(api_server.Api(lambda request: ACCEPTED, port))
        campaign, _ = self.finish(daemon, 10)
        self.assertEqual(campaign["counts"]["delivered"], 10)
        self.assertEqual(campaign["in_doubt_ever"], 0)

    def test_killed_with_requests_under_way_doubts_those_only(self):
        hold, held, lock = threading.Event(), [], threading.Lock()

        def answer(request):
            with lock:
                wait = len(held) < 3 and len(api.requests) > 10
                if wait:
                    held.append(request.recipient)
            if wait:
                hold.wait(20)
            return ACCEPTED

        api = api_server.Api(answer)
        self.enter(api)
        daemon = self.daemon(api.endpoint, connections=3)
        self.send(daemon, 30)
        pt.wait_until(lambda: len(held) == 3, "three requests without an answer")
        daemon.kill()
        hold.set()
        daemon.start()
        campaign, results = self.finish(daemon, 30)
        self.assertEqual(campaign["counts"]["delivered"], 30)
        self.assertLessEqual(campaign["in_doubt_ever"], 3)
        times = collections.Counter(r.recipient for r in api.requests)
        doubted = {r["email"] for r in results if r["doubted"] == "1"}
        self.assertEqual({email for email, n in times.items() if n > 1} - doubted, set())

    def test_requests_share_a_connection_by_http2(self):
        if not api_server.h2:
            self.skipTest("python3-h2 is not installed")
        cert, key = api_server.certify(self.folder)
        api = self.enter(api_server.Api2(cert, key))
        daemon = self.daemon(api.endpoint, connections=20, config={"tls": {"ca_file": cert}})
        self.send(daemon, 100)
        campaign, _ = self.finish(daemon, 100)
        self.assertEqual(campaign["counts"]["delivered"], 100)
        for body in api.bodies:
            check_send(json.loads(body))
        self.assertEqual(api.connections, 1)
        self.assertGreater(api.streams, 5)

    def test_a_certificate_that_nobody_vouches_for_gets_nothing(self):
        cert, key = api_server.certify(self.folder)
        api = self.enter(api_server.Api2(cert, key))  # never comes as far as HTTP/2
        daemon = self.daemon(api.endpoint)
        self.send(daemon, 5)
        told = self.told(daemon)
        self.assertIn("certificate", told)
        self.assertEqual(api.bodies, [])
        self.assertEqual(self.open_rows(daemon), 5)

    def test_a_proof_goes_by_the_campaigns_route(self):
        api = self.enter(api_server.Api(lambda request: ACCEPTED))
        daemon = pt.Daemon(self.folder, start=False)
        daemon.config["routes"] = {"default": self.route(api.endpoint)}
        daemon.write_config()
        campaign = pt.make_campaign(self.folder, "one", rows=3)
        done = subprocess.run([pt.program("postrider"), "proof", campaign, "--to",
                               "boss@acme.example", "--config", daemon.config_path],
                              capture_output=True, text=True, timeout=pt.TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual([r.recipient for r in api.requests], ["boss@acme.example"])
        self.assertTrue(api.requests[0].json()["subject"].startswith("[Proof] "))


if __name__ == "__main__":
    unittest.main()
