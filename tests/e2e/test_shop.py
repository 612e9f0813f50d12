"""A shop of many customers and three years of orders goes through its spring: segments, a sale that
tests two variants and reaches each at nine by their own clock, people and machines who act on it,
its report, and series: welcome, birthdays, win-back. Each figure that the daemon tells is held
against a count made by other means: of the generator's own data, of what the receivers took, and
of what the people were made to do (tests/lib/shop*.py).

The daemon's clock is set, so all of it happens in the spring of 2024. Times are printed.
POSTRIDER_SHOP_PEOPLE=60000 makes the shop smaller; with less the sale's test finds no winner."""
import collections
import datetime
import decimal
import gc
import hashlib
import json
import os
import random
import subprocess
import sys
import time
import unittest
import zoneinfo

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import postrider_test as pt  # noqa: E402
import shop  # noqa: E402
import shop_model  # noqa: E402
import shop_series  # noqa: E402
from shop_world import (CAP, FALLBACK_ZONE, HOUR, LINKS, MINUTE, PATIENCE,  # noqa: E402
                        euros)

PEOPLE = int(os.environ.get("POSTRIDER_SHOP_PEOPLE", "200000"))
SALE_DAY = datetime.date(2024, 4, 1)  # Europe's summer time is a day old, America's three weeks
AGAIN = shop.NOW + 11 * shop.DAY
SALE_COST, SALE_EACH = decimal.Decimal("1200"), decimal.Decimal("0.0008")
TESTED = 3  # so many times of day come before the test is decided
SUBJECTS = {"plain": {"en": "The spring sale", "de": "Der Frühling ist da", "ja": "春のセール"},
            "bold": {"en": "Only today: 30 % off", "de": "Nur heute: 30 % weniger",
                     "ja": "本日限り30％オフ"}}


class SpringTest(shop_series.Series):
    maxDiff = None

    def test_a_shop_goes_through_its_spring(self):
        self.shop = self.timed("%d customers made" % PEOPLE, shop.Shop, PEOPLE)
        gc.freeze()  # nothing of them is ever garbage
        self.people = {p.email: p for p in self.shop.people}
        self.dice = random.Random(5)
        self.start()
        self.timed("contacts and events imported", self.import_shop)
        self.timed("segments counted", self.check_segments)
        self.timed("previews to the best customers", self.send_previews)
        self.timed("the sale at nine of each", self.send_sale)
        self.timed("people open, click, leave and buy", self.people_act)
        self.timed("its report", self.check_sale)
        self.timed("its files", self.check_files)
        self.timed("again to those who did not look", self.send_again)
        self.timed("welcome, birthdays, win-back", self.run_series)

    # ---- what is known ----

    def import_shop(self):
        contacts, events = (os.path.join(self.folder, n) for n in ("contacts.csv", "events.csv"))
        self.shop.write_contacts(contacts)
        n = self.shop.write_events(events)
        with open(contacts, "a", encoding="utf-8") as f:
            f.write("nobody at all,Bad,en,,,,,,,,,\n")
        with open(events, encoding="utf-8") as f:
            again = [next(f) for _ in range(101)]
        told = self.timed("- contacts", self.cli, "contacts", "import", contacts)
        self.assertEqual((told["added"], told["updated"], told["bad_rows"]), (PEOPLE, 0, 1))
        told = self.timed("- %d events" % n, self.cli, "track", "import", events)
        self.assertEqual((told["added"], told["there"], told["contacts"], told["bad_rows"]),
                         (n, 0, 0, 0))
        with open(events, "w", encoding="utf-8") as f:
            f.writelines(again)
        told = self.cli("track", "import", events)
        self.assertEqual((told["added"], told["there"]), (0, 100))
        gone = [p.email for p in self.shop.people[::137]]
        self.closed.update(gone)
        path = os.path.join(self.folder, "gone.txt")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(["email"] + gone) + "\n")
        self.cli("suppress", "import", path)

    def check_segments(self):
        now = shop.NOW
        m = shop_model.Model(self.shop.people, now)
        lines = shop_model.order_lines
        for condition, holds in (
                ("lost", lambda p: m.stage(p) == "lost"),
                ("recent", lambda p: p.orders and shop_model.days_since_order(p, now) < 7),
                ("stage = 'won_back'", lambda p: m.stage(p) == "won_back"),
                ("stage IS NULL", lambda p: not p.orders),
                ("recency = 5 AND frequency >= 4",
                 lambda p: p.orders and m.recency(p) == 5 and m.frequency(p) >= 4),
                ("monetary = 5", lambda p: p.orders and m.monetary(p) == 5),
                ("value > 100.001 AND language LIKE 'pt%'",
                 lambda p: p.language.startswith("pt") and m.value(p) > 100.001),
                ("engagement >= 12.345", lambda p: m.engagement(p) >= 12.345),
                ("count('order', 365) >= 2 AND sum('order', 365) > 150.005",
                 lambda p: len(lines(p, now, 365)) >= 2 and sum(lines(p, now, 365)) > 15000),
                ("in_list('newsletter') AND NOT in_list('vip') AND timezone IS NULL",
                 lambda p: p.newsletter and not p.vip and not p.zone),
                ("substr(birthday, 6, 5) = '03-29'", lambda p: p.birthday[5:] == "03-29")):
            told = self.cli("segment", "count", condition)["count"]
            self.assertEqual(told, m.count(holds), condition)
            self.assertGreater(told, 0, condition)

    # ---- three mails that fill the cap of some ----

    def agreed(self, p):
        return shop_model.agreed(p, self.now())

    def send_previews(self):
        for n in range(CAP):
            self.set_clock(shop.NOW + 10 * MINUTE * (n + 1))
            vips = [p for p in self.shop.people if p.vip]
            asked = {p.email for p in vips if self.agreed(p)}
            good = asked - self.closed
            refused = {a for a in good if a.startswith(("gone.", "full."))}
            campaign = self.follow("preview-%d" % n)
            self.drop("preview-%d" % n, audience={"list": "vip", "consent": "marketing"},
                      coupons=len(vips), subject="Preview %d" % n)
            told = self.finish("preview-%d" % n)
            self.arrivals()
            self.assertEqual(set(campaign.arrived), good - refused)
            self.assert_states(told, total=len(vips), delivered=len(good - refused),
                               bounced=len(refused), suppressed=len(asked & self.closed),
                               skipped=len(vips) - len(asked))
            self.closed.update(a for a in refused if a.startswith("gone."))

    def assert_states(self, told, **expected):
        self.assertEqual({k: n for k, n in told["counts"].items() if n},
                         {k: n for k, n in expected.items() if n})

    # ---- the sale ----

    @staticmethod
    def nine(zone):
        """Nine in the morning of the day of the sale there: seconds UTC."""
        zone = zoneinfo.ZoneInfo(zone or FALLBACK_ZONE)
        at = datetime.datetime.combine(SALE_DAY, datetime.time(9), zone)
        return int(at.timestamp())

    def send_sale(self):
        self.nines = {p.zone: None for p in self.shop.people}
        self.nines = {zone: self.nine(zone) for zone in self.nines}
        times = sorted(set(self.nines.values()))
        self.drop_sale()
        self.daemon.wait_state("spring-sale", "scheduled", timeout=PATIENCE)
        chosen = self.nine("Pacific/Kiritimati") + 1
        self.set_clock(chosen)
        told = pt.wait_until(lambda: (self.daemon.campaign("spring-sale") or {}).get("indexed") and
                             self.daemon.campaign("spring-sale"), "the choice", PATIENCE)
        self.sale.id = told["id"]
        self.choose(chosen, told)
        for at in times[:TESTED]:
            self.set_clock(at + 1)
            self.quiet()
            self.arrivals()
        self.tested = set(self.sale.arrived)
        self.decide(times[TESTED])
        for at in times[TESTED:]:
            self.set_clock(at + 1)
            self.wait_left(at)
            self.arrivals()
        self.finish("spring-sale")
        self.arrivals()
        self.check_arrivals()

    def drop_sale(self):
        self.sale = self.follow("spring-sale")
        self.drop("spring-sale", "The spring sale begins.", coupons=len(self.shop.people),
                  language={"column": "language", "fallback": "en"}, subject=SUBJECTS["plain"],
                  audience={"list": "newsletter", "consent": "marketing",
                            "exclude": {"segment": "recent"}},
                  schedule={"start": SALE_DAY.isoformat() + "T09:00", "timezone": "recipient",
                            "fallback_timezone": FALLBACK_ZONE},
                  variants={v: {"subject": subjects} for v, subjects in SUBJECTS.items()},
                  test={"share": "30%", "wait": "8h", "metric": "clicks", "fallback": "plain",
                        "holdout": "5%"},
                  cost="%s EUR" % SALE_COST, cost_per_message="%s EUR" % SALE_EACH)

    def choose(self, now, told):
        """Who is to get the sale, and who is not, and why; as it was told at its start."""
        audience = {p.email: p for p in self.shop.people if p.newsletter and not (
            p.orders and shop_model.days_since_order(p, now) < 7)}
        asked = {a for a, p in audience.items() if shop_model.agreed(p, now)}
        self.held_out = self.skipped_for("hold-out group")
        self.assertLessEqual(self.held_out, asked - self.closed)
        good = len(asked - self.closed)
        self.assertLess(abs(len(self.held_out) - good * 0.05), 4 * (good * 0.05 * 0.95) ** 0.5)
        self.good = asked - self.closed - self.held_out
        self.over_cap = {a for a in self.good if self.capped(a)}
        self.unconsented = set(audience) - asked
        self.suppressed = asked & self.closed
        self.assert_states(told, total=len(audience), pending=len(self.good),
                           suppressed=len(self.suppressed),
                           skipped=len(self.unconsented) + len(self.held_out))

    def skipped_for(self, reason):
        found, after = set(), 0
        while True:
            page = self.daemon.get("/v1/campaigns/%s/recipients?state=skipped&limit=1000&after=%s"
                                   % (self.sale.id, after))
            found.update(r["email"] for r in page["recipients"] if r["reply"] == reason)
            after = page.get("next")
            if not after:
                return found

    def counts(self):
        return self.daemon.get("/v1/campaigns/" + self.sale.id)["counts"]

    def quiet(self, seconds=1.3):
        """Until nothing has changed for so long: the gates are looked at each second."""
        last, since = None, 0
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            counts = self.counts()
            if counts != last or counts["sending"] or counts["deferred"]:
                last, since = counts, time.monotonic()
            elif time.monotonic() - since > seconds:
                return counts
            time.sleep(0.1)
        return self.fail("it does not come to rest: %s" % last)

    def wait_left(self, now):
        """Until only those are left whose nine o'clock is still to come."""
        left = sum(self.nines[self.people[a].zone] > now for a in self.good)

        def there():
            counts = self.counts()
            return counts["pending"] + counts["sending"] == left and not counts["sending"]
        try:
            pt.wait_until(there, "a round", timeout=PATIENCE)
        except AssertionError:
            self.fail("%d should be left: %s" % (left, self.counts()))

    # ---- its test ----

    def decide(self, before):
        """People where it is day by now click, most in the bold one: it is to win."""
        began = sum(self.nines[self.people[a].zone] < before for a in self.good - self.over_cap)
        self.assertLess(abs(len(self.tested) / began - 0.3), 0.1, "the share of the test")
        self.set_clock(self.now() + 20 * MINUTE)
        self.read_and_click(self.sale, {"bold": 0.5, "plain": 0.1})
        self.wait_told(self.sale, clicks=self.sale.tally.click_figures())
        self.assertLess(self.now(), before)
        self.decided = self.now()
        self.set_clock(self.decided + MINUTE)

        def decision():
            return self.daemon.campaign("spring-sale").get("decision")
        told = pt.wait_until(decision, "the decision", timeout=30, every=0.2)
        self.assertEqual(told["variant"], "bold")
        self.assertIn("better", told["verdict"])
        self.wait_left(before - 1)
        self.arrivals()

    def variant_of(self, letter):
        return next(v for v, s in SUBJECTS.items() if letter.subject in s.values())

    def check_arrivals(self):
        """Each got it once, at nine by their own clock or, of the first zones, when it was decided;
        in their language, with a code of their own."""
        self.refused = {a for a in self.good - self.over_cap if a.startswith(("gone.", "full."))}
        sale, decides = self.sale, sorted(set(self.nines.values()))[TESTED]
        self.assertEqual(set(sale.arrived), self.good - self.over_cap - self.refused)
        for address, at in sale.arrived.items():
            p = self.people[address]
            nine = self.nines[p.zone]
            zone = zoneinfo.ZoneInfo(p.zone or FALLBACK_ZONE)
            local = datetime.datetime.fromtimestamp(at, zone)
            self.assertEqual(local.date(), SALE_DAY, address)
            self.assertGreaterEqual(local.time(), datetime.time(9), address)
            first = nine if nine >= decides or address in self.tested else self.decided
            # Who was told to come later is tried again when the clock has gone on.
            slack = 5 * HOUR if p.domain == "letterbox.test" else 10 * MINUTE
            self.assertTrue(first <= at < first + slack, (address, local))
        self.closed.update(a for a in self.refused if a.startswith("gone."))

    def check_letters(self, campaign):
        for address, letter in campaign.letters.items():
            self.assertEqual(letter.to, address)
            variant, language = self.variant_of(letter), self.people[address].language
            self.assertEqual(letter.subject, SUBJECTS[variant].get(language,
                                                                   SUBJECTS[variant]["en"]))
            if address not in self.tested and self.nines[self.people[address].zone] < self.decided:
                self.assertEqual(variant, "bold")
        coupons = {letter.coupon for letter in campaign.letters.values()}
        self.assertEqual(len(coupons), len(campaign.letters))
        self.assertNotIn(None, coupons)

    # ---- what people do then ----

    def people_act(self):
        self.set_clock(self.now() + 2 * HOUR)
        self.read_and_click(self.sale, {"bold": 0.3, "plain": 0.15})
        self.wait_told(self.sale, clicks=self.sale.tally.click_figures())
        self.check_letters(self.sale)
        tally = self.sale.tally
        letters = sorted(self.sale.letters)
        leaving = self.dice.sample(letters, len(letters) // 100 + 1)
        self.crowd.run([tally.leave(a, self.sale.letters[a]) for a in leaving])
        self.complain(self.sale, self.dice.sample(sorted(set(letters) - tally.left), 5))
        self.closed |= tally.left | tally.complained
        for address in tally.left | tally.complained:
            self.people[address].newsletter = False
        clicked = sorted(tally.clicked)
        buyers = self.dice.sample(clicked, len(clicked) // 4)
        others = [a for a in letters if a not in tally.clicked]
        buyers += self.dice.sample(others, len(others) // 50)
        buyers += sorted(tally.machine_clicked - set(tally.clicked))[:20]
        self.tell_orders(buyers, 0.03)
        self.import_orders(self.dice.sample(clicked, len(clicked) // 10))

    def import_orders(self, buyers):
        """As a file, twice."""
        path = os.path.join(self.folder, "orders.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write("email,event,time,amount,currency,item,id\n")
            for address in buyers:
                cents = 100 + int(self.dice.expovariate(1 / 6000))
                id_, _ = self.note_order(address, cents, "EUR")
                f.write("%s,order,%s,%s,EUR,hat,%s\n" % (
                    address, shop.rfc3339(int(self.now())), euros(cents), id_))
        told = self.cli("track", "import", path)
        self.assertEqual((told["added"], told["credited"]), (len(buyers), len(buyers)))
        told = self.cli("track", "import", path)
        self.assertEqual((told["added"], told["there"], told["credited"]), (0, len(buyers), 0))

    # ---- its report ----

    def check_sale(self):
        sale, tally = self.sale, self.sale.tally
        self.wait_told(sale, opens=tally.open_figures(), clicks=tally.click_figures(),
                       **self.earned(sale))
        report = pt.wait_until(lambda: self.fresh_report(sale), "the report", timeout=60, every=1)
        told = report["campaign"]
        self.assert_states(told, total=len(self.good | self.held_out | self.unconsented |
                                           self.suppressed),
                           delivered=len(sale.arrived), bounced=len(self.refused),
                           suppressed=len(self.suppressed),
                           skipped=len(self.unconsented | self.held_out | self.over_cap))
        cost = SALE_COST + SALE_EACH * len(sale.arrived)
        self.assertEqual((told["cost"]["currency"], decimal.Decimal(told["cost"]["amount"])),
                         ("EUR", cost))
        self.assertAlmostEqual(told["roi"], self.roi(sale, cost), places=4)
        self.assertTrue(told["roi_leaves_out"])  # what came in dollars
        for key, people in (("unsubscribes", tally.left), ("complaints", tally.complained)):
            self.assertEqual(told[key], {"total": len(people), "unique": len(people),
                                         "machine": 0})
        self.check_rates(report)
        self.check_course(report)
        self.check_reasons(report)
        self.check_domains(report)
        self.check_links(report)
        self.check_page(report, self.report(self.sale, "html"))

    def fresh_report(self, campaign):
        """The report, when it knows all that the campaign object knows: it is written at times."""
        report, earned = self.report(campaign), self.earned(campaign)
        told = {key: report["campaign"][key] for key in (*earned, "opens", "clicks")}
        return told == dict(earned, opens=campaign.tally.open_figures(),
                            clicks=campaign.tally.click_figures()) and report

    def check_rates(self, report):
        sale, tally = self.sale, self.sale.tally
        sent, accepted = len(self.good - self.over_cap), len(sale.arrived)
        self.assertEqual(report["sent"], sent)
        for key, part, whole in (("accepted", accepted, sent),
                                 ("bounced", len(self.refused), sent),
                                 ("opened", len(tally.opened), accepted),
                                 ("clicked", len(tally.clicked), accepted),
                                 ("unsubscribed", len(tally.left), accepted),
                                 ("complained", len(tally.complained), accepted)):
            share = report["rates"][key]
            self.assertEqual((share["part"], share["whole"]), (part, whole), key)
            self.assertAlmostEqual(share["share"], part / whole, places=5)
            self.assertTrue(share["low"] <= part / whole <= share["high"])

    def check_course(self, report):
        tally = self.sale.tally
        line = report["timeline"]
        for key, n in (("accepted", len(self.sale.arrived)), ("opened", len(tally.opened)),
                       ("clicked", len(tally.clicked))):
            self.assertEqual(sum(line[key]) + line[key + "_later"], n, key)
        self.assertEqual(report["devices"], {"opened": tally.devices(tally.opened),
                                             "clicked": tally.devices(tally.clicked)})

    def check_reasons(self, report):
        full = sum(a.startswith("full.") for a in self.refused)
        self.assertEqual(report["bounced_classes"], {"user_unknown": len(self.refused) - full,
                                                     "mailbox_full": full})
        self.assertEqual(report["late_bounces"], 0)
        left = collections.Counter()
        for reason in report["left_out"]:
            self.assertNotIn("@", reason["reason"])
            left[reason["state"], reason["class"], reason["reason"].split(" (")[0]] = reason["rows"]
        suppressed = sum(n for (state, _, _), n in left.items() if state == "suppressed")
        self.assertEqual(suppressed, len(self.suppressed))
        told = {reason: n for (state, _, reason), n in left.items() if state == "skipped"}
        ended = sum(bool(self.people[a].consent) for a in self.unconsented)
        self.assertEqual(told, {
            "has not consented": len(self.unconsented) - ended,
            "consent_expires has passed": ended,
            "hold-out group": len(self.held_out),
            "frequency cap: %d marketing messages in 7d" % CAP: len(self.over_cap)})

    def per_domain(self, addresses):
        return collections.Counter(self.people[a].domain for a in addresses)

    def check_domains(self, report):
        tally = self.sale.tally
        expected = {"delivered": self.sale.arrived, "bounced": self.refused,
                    "suppressed": self.suppressed, "opened": tally.opened,
                    "skipped": self.unconsented | self.held_out | self.over_cap,
                    "clicked": tally.clicked, "unsubscribed": tally.left,
                    "complained": tally.complained}
        counts = {key: self.per_domain(people) for key, people in expected.items()}
        self.assertGreater(len(report["domains"]), len(shop.LARGE))
        for d in report["domains"]:
            self.assertEqual({key: d[key] for key in counts},
                             {key: of[d["domain"]] for key, of in counts.items()}, d["domain"])
        everybody = report["receivers"][-1]
        self.assertEqual((everybody["complained"]["part"], everybody["unsubscribed"]),
                         (len(tally.complained), len(tally.left)))

    def check_links(self, report):
        tally = self.sale.tally
        numbers = {link["url"]: link["link"] for link in report["links"]}
        self.assertEqual(set(numbers), set(LINKS))
        for link in report["links"]:
            figures = {key: link[key] for key in ("total", "unique", "machine")}
            self.assertEqual(figures, tally.link_figures(LINKS.index(link["url"]) + 1), link)
        expected = collections.Counter()
        for address, cents, currency in self.books[self.sale].values():
            number = numbers[LINKS[tally.last_link[address] - 1]]
            expected[number, currency] += cents
        told = {(part["link"], part["currency"]): part["revenue"]
                for part in report["conversions_by_link"]}
        self.assertEqual(told, {key: euros(cents) for key, cents in expected.items()})
        self.assertEqual(sum(h["conversions"] for h in report["conversions_by_hour"]),
                         len(self.books[self.sale]))

    def check_page(self, report, page):
        shares = report["rates"]
        for text in ("<b>{:,}</b> people were written to".format(report["sent"]),
                     "{:,}".format(len(self.sale.arrived)),
                     "{:,}".format(len(self.sale.tally.opened)),
                     "{:,}".format(len(self.sale.tally.clicked)),
                     "%.1f\xa0%%" % (100 * shares["opened"]["share"]),
                     "%.1f\xa0%%" % (100 * shares["clicked"]["share"]),
                     "return on what it cost"):
            self.assertIn(text, page)
        self.assertNotIn("@inbox.example", page)

    # ---- its folder ----

    def check_files(self):
        folder = os.path.join(self.daemon.spool, "done", self.sale.id)
        with open(os.path.join(folder, "report.json"), encoding="utf-8") as f:
            report = json.load(f)
        answered = self.report(self.sale)
        self.assertTrue(report["final"])
        for key in set(answered) - {"written", "campaign"}:
            self.assertEqual(report[key], answered[key], key)
        for key in ("counts", "opens", "clicks", "conversions", "revenue", "cost", "roi"):
            self.assertEqual(report["campaign"][key], answered["campaign"][key], key)
        with open(os.path.join(folder, "report.html"), encoding="utf-8") as f:
            self.check_page(report, f.read())
        results = {r["email"]: r for r in self.daemon.results({"id": self.sale.id})}
        self.check_results(results)
        self.check_variants(report, {a: r["variant"] for a, r in results.items()})

    def check_results(self, results):
        """A line for each recipient, with what became of them."""
        states = collections.defaultdict(set)
        for address, r in results.items():
            states[r["state"]].add(address)
        self.assertEqual(states, {
            "delivered": set(self.sale.arrived), "bounced": self.refused,
            "suppressed": self.suppressed,
            "skipped": self.unconsented | self.held_out | self.over_cap})
        ids = {results[a]["message_id"] for a in self.sale.arrived}
        self.assertEqual(len(ids), len(self.sale.arrived))
        for address in self.refused:
            code = "552" if address.startswith("full.") else "550"
            self.assertEqual((results[address]["code"], results[address]["attempts"]), (code, "1"))

    def check_variants(self, report, variants):
        """By the letters that came: who got which, and what each brought."""
        seen = {a: self.variant_of(letter) for a, letter in self.sale.letters.items()}
        self.assertEqual({a: variants[a] for a in seen}, seen)
        late = set(self.sale.arrived) - self.tested
        self.assertEqual({variants[a] for a in late if self.nines[self.people[a].zone] <
                          self.decided}, {"bold"})
        arrived = collections.Counter(variants[a] for a in self.sale.arrived)
        buyers = {message for message, _, _ in self.books[self.sale].values()}
        expected = {key: collections.Counter(seen[a] for a in whom) for key, whom in (
            ("opens", self.sale.tally.opened), ("clicks", self.sale.tally.clicked),
            ("conversions", buyers))}
        names = {}
        for told in report["variants"]:
            name = names[told["variant"]] = told["name"]
            self.assertEqual(told["delivered"], arrived[name])
            for key, counts in expected.items():
                self.assertEqual((told[key]["part"], told[key]["whole"]),
                                 (counts[name], arrived[name]), (name, key))
        self.assertEqual(sorted(names.values()), sorted(SUBJECTS))
        earned = {names[told["variant"]]: {key: told[key] for key in ("conversions", "revenue")}
                  for told in report["conversions_by_variant"]}
        self.assertEqual(earned, {v: self.earned(self.sale, {a for a in seen if seen[a] == v})
                                  for v in SUBJECTS})

    # ---- a week later ----

    def send_again(self):
        """To those of one receiver whom only machines opened it for, or nobody; all of them try the
        variants. What those who had clicked order now is not the sale's any more."""
        self.let_pass(AGAIN - self.now())
        tally = self.sale.tally
        earned = self.earned(self.sale)
        self.tell_orders(self.dice.sample(sorted(tally.clicked), 20), 0)
        again = self.follow("again")
        self.drop("again", variants={v: {"subject": s["en"]} for v, s in SUBJECTS.items()},
                  test={"metric": "clicks", "fallback": "plain"}, recipients={
            "campaign": self.sale.id,
            "where": "delivered and not opened and not clicked and domain = 'inbox.example'"})
        told = self.finish("again")
        again.id = told["id"]
        self.arrivals()
        chosen = {a for a in self.sale.arrived if self.people[a].domain == "inbox.example" and
                  a not in tally.opened and a not in tally.clicked}
        self.assertEqual(set(again.arrived), chosen - self.closed)
        self.assert_states(told, total=len(chosen), delivered=len(chosen - self.closed),
                           suppressed=len(chosen & self.closed))
        self.assertGreater(len(chosen & tally.machine_opened), 0)
        self.assertEqual(self.report(again)["opened_by_machines_before"],
                         len(chosen & tally.machine_opened))
        self.assertEqual(self.earned(self.sale), earned)
        self.wait_told(self.sale, **earned)
        self.compare(again)

    def compare(self, again):
        """All letters are there, so each figure of a variant is known."""
        self.read_and_click(again, {"bold": 0.35, "plain": 0.15})
        self.assertEqual(set(again.letters), set(again.arrived))
        seen = {a: self.variant_of(letter) for a, letter in again.letters.items()}
        report = pt.wait_until(lambda: self.fresh_report(again), "the report", timeout=60, every=1)
        rates, numbers = {}, {}
        for told in report["variants"]:
            v = told["name"]
            numbers[v] = told["variant"]
            whole = sum(name == v for name in seen.values())
            for key, people in (("opens", again.tally.opened), ("clicks", again.tally.clicked)):
                part = sum(seen[a] == v for a in people)
                self.assertEqual((told[key]["part"], told[key]["whole"]), (part, whole), (v, key))
                rates[v] = part / whole
        bold = next(told for told in report["variants"] if told["name"] == "bold")
        difference = rates["bold"] - rates["plain"]
        self.assertTrue(0 < bold["difference"]["low"] < difference < bold["difference"]["high"])
        self.assertLess(bold["difference"]["p"], 0.05)
        self.assertEqual(report["test"], {"metric": "clicks", "verdict": "winner",
                                          "winner": numbers["bold"]})


class GeneratorTest(unittest.TestCase):
    def test_the_same_seed_makes_the_same_octets(self):
        script = ("import hashlib, sys; sys.path.insert(0, %r); import shop; s = shop.Shop(2000, "
                  "seed=int(sys.argv[1])); s.write_contacts('/dev/stdout'); "
                  "s.write_events('/dev/stdout')" % os.path.dirname(shop.__file__))

        def made(seed, hashes):
            return hashlib.sha256(subprocess.run(
                [sys.executable, "-c", script, seed], stdout=subprocess.PIPE, check=True,
                env=dict(os.environ, PYTHONHASHSEED=hashes)).stdout).hexdigest()
        self.assertEqual(made("1", "1"), made("1", "2"))
        self.assertNotEqual(made("1", "1"), made("2", "1"))


if __name__ == "__main__":
    unittest.main()
