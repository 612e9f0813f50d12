"""Conversions: what customers did, told by POST /e, by import and by shops, credited to the last click
of a person, counted once, and summed exactly. Sums are made here by decimals, and compared with the
daemon's, the report's and the ledger's."""
import base64
import collections
import contextlib
import datetime
import decimal
import hashlib
import hmac
import json
import os
import sqlite3
import subprocess
import threading
import time
import unittest
import urllib.parse

import test_track
from api_server import Receiver
from test_track import FORM, HUMAN, pt, tokens

KEY = "an events key of enough characters"
SHOPIFY = "a shopify secret of enough characters"
WOO = "a woocommerce secret of enough characters"
MACHINE = {"User-Agent": "curl/8.5.0"}
EVENT = 7  # message/token.h
SHOP = "https://shop.example/spring?a=1&b=2#top"


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(time.time() + seconds, datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%SZ")


def hmac_base64(secret, body):
    return base64.b64encode(hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest()).decode()


class ConversionCase(test_track.TrackCase):
    def begin(self, maildir=False, **config):
        names = {"events_key_file": KEY, "shopify_secret_file": SHOPIFY,
                 "woocommerce_secret_file": WOO}
        track = dict(self.track)
        for key, secret in names.items():
            path = os.path.join(self.folder, key)
            with open(path, "w", encoding="utf-8") as f:
                f.write(secret + "\n")
            os.chmod(path, 0o600)
            track[key] = path
        self.track = track
        self.serials = {}
        super().begin(maildir, **config)

    def send(self, name="spring", rows=10, **manifest):
        campaign = super().send(name, rows, **manifest)
        self.serials[name] = self.serial
        pt.wait_until(lambda: self.daemon.campaign(name).get("indexed"), "the index")
        return campaign

    def click(self, name, row, link=1, machine=False):
        token = self.token(tokens.CLICK, row=row, link=link, serial=self.serials[name])
        answer = self.ask("GET", "/c/" + token, headers=dict(
            MACHINE if machine else HUMAN, **{"X-Forwarded-For": "10.0.0.%d" % row}))
        self.assertEqual(answer.status, 302)
        return answer.headers["Location"]

    def tell(self, path="/e", headers=None, **event):
        """By our key, as JSON."""
        answer = self.ask("POST", path, json.dumps(event), dict(
            headers or {"Authorization": "Bearer " + KEY}, **{"Content-Type": "application/json"}))
        return answer

    def told(self, **event):
        answer = self.tell(**event)
        self.assertEqual(answer.status, 200, answer.text)
        return json.loads(answer.text)

    def earned(self, name):
        c = self.daemon.campaign(name)
        return (c["conversions"]["total"], c["conversions"]["unique"],
                {k: decimal.Decimal(v) for k, v in c["revenue"].items()})

    def wait_earned(self, name, total, unique, **revenue):
        expected = (total, unique, {k: decimal.Decimal(v) for k, v in revenue.items()})
        try:
            pt.wait_until(lambda: self.earned(name) == expected, "conversions", timeout=10)
        except AssertionError:
            self.fail("%s has %s, not %s" % (name, self.earned(name), expected))

    def ledger(self, campaign):
        path = "%s/done/%s/ledger.db" % (self.daemon.spool, campaign["id"])
        return contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=10))


class CreditTest(ConversionCase):
    def test_seeds_win_nothing(self):
        self.begin()
        campaign = self.send("spring", seeds=["boss@acme.example"])
        seed = 4294960001  # include/postrider/journal/record.h
        self.click("spring", seed)
        self.click("spring", 1)
        token = self.keys.token(EVENT, self.serial, seed)
        self.told(event="order", token=token, amount="9.99", currency="EUR", id="s1")
        self.told(event="order", email="boss@acme.example", amount="9.99", currency="EUR", id="s2")
        self.told(event="order", email=pt.address(1, 1), amount="5.00", currency="EUR", id="r1")
        self.wait_earned("spring", 1, 1, EUR="5.00")
        self.assertEqual(self.daemon.campaign("spring")["clicks"]["total"], 1)
        events = [e for e in self.daemon.events() if e["type"] == "conversion"]
        self.assertEqual([e["row"] for e in events], [1])
        self.assertEqual(self.daemon.campaign(campaign["id"])["seeds"]["delivered"], 1)

    def test_the_last_click_of_a_person_within_the_window_gets_it(self):
        self.begin()
        window = {"conversions": {"window": "1h"}}
        self.send("spring", **window)
        self.send("summer", subject="other", **window)
        for name, row, machine in (("spring", 1, False), ("summer", 1, False), ("spring", 2, False),
                                   ("summer", 2, True), ("spring", 3, True), ("spring", 4, False),
                                   ("spring", 5, False), ("spring", 6, False)):
            self.click(name, row, machine=machine)
            time.sleep(0.01)  # times of clicks are in milliseconds
        orders = ((1, "10.10", 0, "summer"), (2, "20.20", 0, "spring"), (3, "30.30", 0, None),
                  (4, "40.40", -600, None),   # before the click
                  (5, "50.50", 7200, None),   # behind the window
                  (6, "60.60", 3000, "spring"), (7, "70.70", 0, None))
        sums = collections.defaultdict(decimal.Decimal)
        for row, amount, after, goes_to in orders:
            more = {"time": rfc3339(after)} if after else {}
            answer = self.told(event="order", email=pt.address(row, 1).upper(), amount=amount,
                               currency="eur", id="A%d" % row, **more)
            self.assertEqual(answer, {"ok": True, "new": True, "credited": goes_to is not None}, row)
            sums[goes_to] += decimal.Decimal(amount)
        self.wait_earned("spring", 2, 2, EUR=sums["spring"])
        self.wait_earned("summer", 1, 1, EUR=sums["summer"])
        self.told(event="visit", email=pt.address(1, 1))  # no conversion of these campaigns
        self.wait_earned("summer", 1, 1, EUR=sums["summer"])

    def test_openings_and_deliveries_count_where_the_manifest_says_so(self):
        self.begin()
        self.send("opens", conversions={"after": "open", "events": ["signup", "order"]})
        self.ask("GET", "/o/%s.gif" % self.token(tokens.OPEN, row=1))
        self.assertTrue(self.told(event="signup", email=pt.address(1, 1))["credited"])
        self.assertFalse(self.told(event="signup", email=pt.address(2, 1))["credited"])
        self.send("mails", subject="more", conversions={"after": "delivery"})
        self.assertTrue(self.told(event="order", email=pt.address(2, 1))["credited"])
        self.wait_earned("opens", 1, 1)
        self.wait_earned("mails", 1, 1)


class WaysTest(ConversionCase):
    track = {"shop_hosts": ["shop.example"]}

    def shopify(self, body, secret=SHOPIFY, topic="orders/create"):
        return self.ask("POST", "/e/shopify", body, {
            "Content-Type": "application/json", "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": hmac_base64(secret, body)})

    def woocommerce(self, body, secret=WOO):
        return self.ask("POST", "/e/woocommerce", body, {
            "Content-Type": "application/json", "X-WC-Webhook-Topic": "order.created",
            "X-WC-Webhook-Signature": hmac_base64(secret, body)})

    def test_every_way_in_counts_each_order_once(self):
        self.begin()
        campaign = self.send("spring", cost="50.00 EUR", cost_per_message="0.10 EUR")
        locations = {row: self.click("spring", row) for row in range(1, 8)}
        parts = urllib.parse.urlsplit(locations[3])
        query = urllib.parse.parse_qs(parts.query)
        self.assertEqual((query["a"], query["b"], parts.fragment), (["1"], ["2"], "top"))
        token = query["pr_token"][0]
        self.assertEqual(token, self.keys.token(EVENT, self.serial, 3))
        csv = os.path.join(self.folder, "orders.csv")
        with open(csv, "w", encoding="utf-8") as f:
            f.write("email,event,time,amount,currency,item,order_id\n")
            for item, amount in (("shoes", "30.01"), ("socks", "3.99")):
                f.write("%s,order,%s,%s,EUR,%s,C-4\n" % (pt.address(4, 1), rfc3339(0), amount, item))
        shopify = json.dumps({
            "id": 820982911946154508, "email": pt.address(5, 1), "total_price": "199.00",
            "currency": "USD", "created_at": rfc3339(0), "landing_site": "/", "test": False,
            "line_items": [{"id": 1, "title": "IPod"}] * 200})
        woo = json.dumps({"id": 727, "status": "processing", "currency": "EUR", "total": "29.35",
                          "date_created_gmt": rfc3339(0)[:-1],
                          "billing": {"email": "unknown@nobody.example"},
                          "meta_data": [{"id": 1, "key": "pr_token",
                                         "value": self.keys.token(EVENT, self.serial, 6)}]})
        signed = "event=order&email=%s&amount=0.10&currency=EUR&id=B2" % pt.address(2, 1)
        now = str(int(time.time()))
        signature = "t=%s,v1=%s" % (now, hmac.new(KEY.encode(), (now + "." + signed).encode(),
                                                  hashlib.sha256).hexdigest())
        for again in range(2):
            self.told(event="order", email=pt.address(1, 1), amount=49.9, currency="EUR", id="A1")
            self.assertEqual(self.ask("POST", "/e", signed, {
                "Content-Type": FORM, "Postrider-Signature": signature}).status, 200)
            self.assertEqual(self.ask("POST", "/e", "event=order&token=%s&amount=7&id=T3" % token,
                                      dict(HUMAN, **{"Content-Type": FORM})).text, '{"ok":true}')
            out = self.daemon.cli("--json", "track", "import", csv).stdout
            self.assertEqual(json.loads(out)["credited"], 0 if again else 2, out)
            self.assertEqual(self.shopify(shopify).status, 200)
            self.assertEqual(self.woocommerce(woo).status, 200)
        self.assertTrue(self.told(event="refund", email=pt.address(4, 1), amount="3.99",
                                  currency="EUR", id="C-4")["credited"])
        self.assertFalse(self.told(event="refund", email=pt.address(4, 1), amount="3.99",
                                   currency="EUR", id="C-9")["credited"])
        eur = sum(map(decimal.Decimal, ("49.90", "0.10", "30.01", "3.99", "29.35", "-3.99")))
        self.wait_earned("spring", 6, 6, EUR=eur, USD="199.00", XXX="7.00")
        self.check_everywhere(campaign, eur)

    def check_everywhere(self, campaign, eur):
        c = self.daemon.campaign("spring")
        self.assertEqual(c["cost"], {"amount": "51.00", "currency": "EUR"})
        self.assertAlmostEqual(c["roi"], float((eur - 51) / 51), places=5)
        self.assertTrue(c["roi_leaves_out"])
        with self.ledger(campaign) as db:
            sums = dict(db.execute("SELECT currency, sum(micros) FROM conversions GROUP BY 1"))
            self.assertEqual(sums, {"EUR": int(eur * 10**6), "USD": 199 * 10**6, "XXX": 7 * 10**6})
        path = "%s/done/%s/report." % (self.daemon.spool, campaign["id"])

        def report():
            with open(path + "json", encoding="utf-8") as f:
                return json.load(f)
        pt.wait_until(lambda: report()["campaign"]["conversions"] == c["conversions"], "the report",
                      timeout=20)
        self.assertEqual(report()["campaign"]["revenue"], c["revenue"])
        links = report()["conversions_by_link"]
        self.assertEqual({part["link"] for part in links}, {1})
        self.assertEqual(sum(part["conversions"] for part in links), 6)
        self.assertEqual(sum(part["conversions"] for part in report()["conversions_by_hour"]), 6)
        with open(path + "html", encoding="utf-8") as f:
            self.assertIn("return on what it cost", f.read())
        out = subprocess.run([pt.program("postrider"), "--socket", self.daemon.socket_path, "campaign",
                              campaign["id"]], check=True, text=True, stdout=subprocess.PIPE).stdout
        self.assertRegex(out, r"revenue +%s EUR" % eur)
        self.assertRegex(out, r"return on it +%.1f %%" % ((eur - 51) / 51 * 100))
        events = [e for e in self.daemon.events() if e["type"] == "conversion"]
        self.assertEqual(len(events), 8)  # two items, and a refund
        told = sorted(e["order"] for e in events)
        self.assertEqual(told, sorted(["A1", "B2", "T3", "C-4", "C-4", "C-4", "820982911946154508",
                                       "727"]))

    def test_who_may_not_tell_changes_nothing(self):
        self.begin()
        self.send()
        self.click("spring", 1)
        token = self.keys.token(EVENT, self.serial, 1)
        mine = {"event": "order", "token": token, "amount": "5", "currency": "EUR", "id": "x"}
        anybody = dict(mine, email=pt.address(1, 1))
        order = json.dumps({"id": 1, "email": pt.address(1, 1), "total_price": "1.00"})
        nobody = {"Accept": "*/*"}
        for status, headers, event in (
                (401, {"Authorization": "Bearer " + KEY[:-1]}, mine),
                (401, {"Authorization": "Bearer"}, mine),
                (401, {"Postrider-Signature": "t=1,v1=00"}, mine),
                (403, nobody, anybody),
                (403, nobody, dict(mine, token=token[:-1] + ("A" if token[-1] != "A" else "B"))),
                (403, nobody, dict(mine, token=self.token(tokens.CLICK, row=1, link=1))),
                (403, nobody, dict(mine, amount="1000.01")),
                (403, nobody, dict(mine, amount="-1")),
                (403, nobody, dict(mine, event="refund")),
                (403, nobody, dict(mine, time=rfc3339(0))),
                (403, nobody, {k: v for k, v in mine.items() if k != "id"}),
                (400, nobody, dict(mine, amount="1e3")),
                (400, nobody, dict(mine, currency="EURO")),
                (400, nobody, dict(mine, ammount="1")),
                (400, nobody, dict(mine, event="no good")),
                (400, {"Authorization": "Bearer " + KEY}, {"event": "order"}),
                (400, {"Authorization": "Bearer " + KEY}, dict(anybody, time=rfc3339(2 * 86400)))):
            answer = self.tell(headers=headers, **event)
            self.assertEqual(answer.status, status, (headers, event, answer.text))
            self.assertTrue(json.loads(answer.text)["error"])
        self.assertEqual(self.shopify(order, secret=WOO).status, 401)
        self.assertEqual(self.woocommerce(order, secret=SHOPIFY).status, 401)
        self.assertEqual(self.ask("POST", "/e/shopify", order).status, 401)
        self.assertEqual(self.ask("POST", "/e/amazon", order).status, 404)
        self.assertEqual(self.ask("GET", "/e").status, 405)
        self.assertEqual(self.shopify(order, topic="orders/delete").status, 200)
        self.assertEqual(self.ask("POST", "/e/woocommerce", "webhook_id=7").status, 200)
        self.assertEqual(self.tell(event="order", email="x@y.example", item="x" * 300000).status, 413)
        answers = [self.tell(headers=nobody, **dict(mine, id="n%d" % i)).status for i in range(25)]
        self.assertEqual(answers, [200] * 20 + [429] * 5)
        self.wait_earned("spring", 20, 1, EUR="100.00")
        with contextlib.closing(sqlite3.connect(self.daemon.state + "/audience.db")) as db:
            self.assertEqual(db.execute("SELECT count(*), count(DISTINCT id) FROM events WHERE name ="
                                        " (SELECT id FROM event_names WHERE name = 'order')")
                             .fetchone(), (20, 20))


class CrashTest(ConversionCase):
    track = {"proxies": ["127.0.0.1"]}  # or one visitor clicks for everybody: a machine

    def test_what_was_answered_is_there_once_after_kills(self):
        self.begin()
        campaign = self.send(rows=50)
        for row in range(1, 51):
            self.click("spring", row)
        self.wait_count("spring", "clicks", total=50)
        answered, stop = [], threading.Event()

        def shop(number):
            n = 0
            while not stop.is_set():
                n += 1
                event = {"event": "order", "email": pt.address(1 + (number * 7 + n) % 50, 1),
                         "amount": "1.01", "currency": "EUR", "id": "%d-%d" % (number, n)}
                with contextlib.suppress(OSError, ValueError, Exception):
                    if self.tell(**event).status == 200:
                        answered.append(event)
        for _ in range(4):
            stop.clear()
            threads = [threading.Thread(target=shop, args=(time.time_ns() % 10**9 + i,))
                       for i in range(4)]
            for t in threads:
                t.start()
            before = len(answered)
            pt.wait_until(lambda: len(answered) > before + 30, "orders", timeout=30)
            self.daemon.kill()
            stop.set()
            for t in threads:
                t.join()
            self.daemon.start()
        self.assertGreater(len(answered), 120)
        self.assertIn("postrider_conversions_total", self.daemon.request("GET", "/metrics")[1])
        for event in answered[-40:]:  # a shop that saw the answer lost asks again
            self.assertFalse(self.told(**event)["new"])
        ids = {event["id"] for event in answered}

        def counted():
            with self.ledger(campaign) as db:
                return [i for i, in db.execute("SELECT order_id FROM conversions")]
        pt.wait_until(lambda: ids <= set(counted()), "the answered ones", timeout=20)
        self.assertEqual(len(counted()), len(set(counted())))
        with contextlib.closing(sqlite3.connect(self.daemon.state + "/audience.db")) as db:
            events = dict(db.execute("SELECT id, contact FROM events"))
        self.assertLessEqual(ids, set(events))
        self.assertLessEqual(set(counted()), set(events))
        n, people = len(counted()), len({events[i] for i in counted()})
        self.wait_earned("spring", n, people, EUR=decimal.Decimal("1.01") * n)


class HookTest(ConversionCase):
    track = {"proxies": ["127.0.0.1"]}  # or one visitor clicks for everybody: a machine

    def begin_with_hooks(self, **hooks):
        secret = os.path.join(self.folder, "hook")
        with open(secret, "w", encoding="utf-8") as f:
            f.write("hook-secret\n")
        os.chmod(secret, 0o600)
        receivers = {name: self.enter(Receiver()) for name in hooks}
        self.begin(webhooks=[dict({"url": receivers[name].url, "secret_file": secret}, **hook)
                             for name, hook in hooks.items()])
        return receivers

    def wait_taken(self, hooks):
        for n in range(hooks):
            pt.wait_until(lambda: self.daemon.get("/v1/status")["webhooks"][n]["backlog_bytes"] == 0,
                          "the backlog to go")

    def test_conversions_are_told_once_with_what_they_were_worth(self):
        told = self.begin_with_hooks(all={}, few={"events": ["conversion"]},
                                     other={"events": ["bounced"]}, theirs={"format": "sendgrid"})
        campaign = self.send("spring", conversions={"events": ["order", "signup"]})
        for row in (1, 2, 3):
            self.click("spring", row)
        orders = [{"event": "order", "email": pt.address(1, 1), "amount": "10.10",
                   "currency": "EUR", "id": "A-1"},
                  {"event": "order", "email": pt.address(1, 1), "amount": "10.10",
                   "currency": "EUR", "id": "A-1"},  # told twice
                  {"event": "signup", "email": pt.address(2, 1), "id": "S-1"},
                  {"event": "order", "email": pt.address(9, 1), "amount": "1.00",
                   "currency": "EUR", "id": "A-9"}]  # nobody's
        self.assertEqual([self.told(**o)["credited"] for o in orders], [True, True, True, False])
        self.wait_earned("spring", 2, 2, EUR="10.10")
        self.wait_taken(4)
        got = told["few"].events()
        self.assertEqual([(e["type"], e["event"], e["campaign"], e["row"], e["email"],
                           e.get("amount"), e.get("currency"), e["order"]) for e in got],
                         [("conversion", "order", campaign["id"], 1, pt.address(1, 1), "10.10",
                           "EUR", "A-1"),
                          ("conversion", "signup", campaign["id"], 2, pt.address(2, 1), None,
                           None, "S-1")])
        self.assertEqual([e for e in told["all"].events() if e["type"] == "conversion"], got)
        self.assertEqual(got, [e for e in self.daemon.events() if e["type"] == "conversion"])
        self.assertEqual(told["other"].events(), [])
        self.assertNotIn("conversion", {e["event"] for e in told["theirs"].events()})

    def test_a_kill_repeats_conversions_at_most_and_loses_none(self):
        told = self.begin_with_hooks(few={"events": ["conversion"]})
        self.send("spring", rows=40)
        for row in range(1, 41):
            self.click("spring", row)
            self.assertTrue(self.told(event="order", email=pt.address(row, 1), id="A%d" % row,
                                      amount="1.00", currency="EUR")["credited"])
            if row % 20 == 0:
                self.daemon.kill()
                self.daemon.start()
        self.wait_earned("spring", 40, 40, EUR="40.00")
        self.wait_taken(1)
        orders = collections.defaultdict(set)
        for e in told["few"].events():
            orders[e["order"]].add(e["id"])
        self.assertEqual(set(orders), {"A%d" % row for row in range(1, 41)})
        self.assertEqual({len(ids) for ids in orders.values()}, {1})


class LaterTest(ConversionCase):
    def test_a_crash_between_event_and_conversion_is_made_good(self):
        """What such a crash leaves: the event with its credit, nothing in the journal."""
        self.begin()
        campaign = self.send(cost="1.00 EUR")
        self.click("spring", 1)
        event = {"event": "order", "email": pt.address(1, 1), "amount": "5.00", "currency": "EUR",
                 "id": "A1"}
        self.told(**event)
        self.wait_earned("spring", 1, 1, EUR="5.00")
        self.daemon.kill()
        path = "%s/done/%s/ledger.db" % (self.daemon.spool, campaign["id"])
        for file, script in ((path, "DELETE FROM conversions; DELETE FROM converted"),
                             (self.daemon.state + "/audience.db", "UPDATE credits SET told = 0")):
            with contextlib.closing(sqlite3.connect(file)) as db:
                db.executescript(script)
        self.daemon.start()
        self.wait_earned("spring", 0, 0)
        for _ in range(3):
            self.assertEqual(self.told(**event), {"ok": True, "new": False, "credited": True})
        self.wait_earned("spring", 1, 1, EUR="5.00")
        self.assertEqual(self.daemon.campaign("spring")["roi"], 4)

    def test_of_a_forgotten_person_the_sums_stay_and_nothing_else(self):
        self.begin()
        self.send()
        self.click("spring", 1)
        event = {"event": "order", "email": pt.address(1, 1), "amount": "5.00", "currency": "EUR",
                 "id": "order-of-a-person"}
        self.told(**event)
        self.wait_earned("spring", 1, 1, EUR="5.00")
        story = self.daemon.cli("export", pt.address(1, 1)).stdout
        self.assertIn("order-of-a-person", story)
        self.daemon.cli("forget", pt.address(1, 1), "--yes")
        self.wait_earned("spring", 1, 1, EUR="5.00")
        for top in (self.daemon.state, self.daemon.spool):
            for folder, _, files in os.walk(top):
                for file in files:
                    with open(os.path.join(folder, file), "rb") as f:
                        self.assertNotIn(b"order-of-a-person", f.read(), file)
        self.assertEqual(self.told(**event), {"ok": True, "new": False, "credited": False})

    def test_unreadable_keys_stop_the_start_with_a_remedy(self):
        self.track = {}
        self.begin()
        path = os.path.join(self.folder, "short.key")
        with open(path, "w", encoding="utf-8") as f:
            f.write("short\n")
        os.chmod(path, 0o600)
        self.daemon.write_config(track={"events_key_file": path, "shop_parameter": "a b",
                                        "shop_hosts": ["no host"],
                                        "shopify_secret_file": path + ".none"},
                                 conversions={"events": ["a b"], "after": "clicks"})
        done = subprocess.run([pt.program("postriderd"), "--config", self.daemon.config_path,
                               "--check"], capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        for words in ("shop_parameter", "shop_hosts", "conversions.events", "did you mean click"):
            self.assertIn(words, done.stderr + done.stdout)


if __name__ == "__main__":
    unittest.main()
