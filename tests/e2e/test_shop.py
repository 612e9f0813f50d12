"""A shop of many customers and three years of orders goes through its spring: segments, a sale that
tests two variants and reaches each at nine by their own clock, people and machines who act on it, and
its report. Each figure that the daemon tells is held against a count
made by other means: of the generator's own data, of what the receivers took, and of what the people
were made to do (tests/lib/shop*.py).

The daemon's clock is set, so all of it happens in the spring of 2024. Times are printed.
POSTRIDER_SHOP_PEOPLE=200000 makes the shop larger; below 60,000 its test finds no winner in time."""
import collections
import datetime
import decimal
import gc
import json
import mmap
import os
import random
import struct
import sys
import time
import unittest
import zoneinfo

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import accounted  # noqa: E402
import dns_server  # noqa: E402
import postrider_test as pt  # noqa: E402
import shop  # noqa: E402
import shop_crowd  # noqa: E402
import shop_model  # noqa: E402

PEOPLE = int(os.environ.get("POSTRIDER_SHOP_PEOPLE", "60000"))
DAY, HOUR, MINUTE = shop.DAY, 3600, 60
PATIENCE = 120  # seconds
KEEPER = {"inbox.example"}  # whose letters are kept, and those of the first hoster's domains
SOON = {"first": "1s", "factor": 1, "jitter": 0, "max": "1s", "give_up": "7d"}
CAP = 3
RULES = ["on=rcpt,match=gone.*,reply=550 5.1.1 no such user here",
         "on=rcpt,match=full.*,reply=552 5.2.2 the mailbox is full",
         "on=rcpt,match=*@letterbox.test,share=20%,tries=1,reply=451 4.7.1 come back later"]
GONE, FULL, LATER = range(3)
SALE_DAY = datetime.date(2024, 4, 1)  # Europe has had summer time for a day, America for three weeks
SALE_COST, SALE_EACH = decimal.Decimal("1200"), decimal.Decimal("0.0008")
TESTED = 4  # so many times of day come before the test is decided
FALLBACK_ZONE = "Europe/Berlin"
SUBJECTS = {"plain": {"en": "The spring sale", "de": "Der Frühling ist da", "ja": "春のセール"},
            "bold": {"en": "Only today: 30 % off", "de": "Nur heute: 30 % weniger",
                     "ja": "本日限り30％オフ"}}
LINKS = ["https://shop.example/%s?c=spring&p=%d" % (page, n)
         for n, page in enumerate(("sale", "coats", "shoes"), 1)]
BODY = """<html><body><h1>Hello {{ first_name }} in {{ city }}</h1><p>%s</p>
<p><a href="%s">To the sale</a> <a href="%s">Coats</a> <a href="%s">Shoes</a></p>
<p>Your code: {{ coupon }}</p><p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Leave</a></p>
</body></html>
"""
LINK_TEXT = tuple(link.replace("&", "&amp;") for link in LINKS)
EVENTS_KEY = "an events key of enough characters"
SECRET = "a secret of thirty-two octets or so"


def euros(cents):
    return "%d.%02d" % divmod(cents, 100)


def complaint(octets):
    """A report of a feedback loop (RFC 5965) with the message in question."""
    return ("From: fbl@receiver.example\nTo: fbl@acme.example\nSubject: complaint\n"
            "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; "
            "boundary=\"=r\"\n\n--=r\nContent-Type: text/plain\n\nAn abuse report.\n\n--=r\n"
            "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: R/1\n"
            "Version: 1\n\n--=r\nContent-Type: message/rfc822\n\n%s\n--=r--\n"
            % octets.decode().replace("\r\n", "\n"))


class Receivers:
    """Two sinks by one port: one takes nearly all, the other keeps what it takes."""

    def __init__(self, test):
        self.bulk = test.enter(pt.Sink(test.folder, rules=RULES))
        kept = os.path.join(test.folder, "kept")
        os.makedirs(kept)
        self.keeper = test.enter(pt.Sink(kept, rules=RULES, maildir=True,
                                         listen="127.0.0.2:%d" % self.bulk.port))
        self.port = self.bulk.port
        self._logs = [test.enter(open(s.log_path, encoding="utf-8"))
                      for s in (self.bulk, self.keeper)]

    def take(self):
        """What was taken since the last time: (address, when in ms UTC, file or None)."""
        found = []
        for sink, log in zip((self.bulk, self.keeper), self._logs):
            sink.totals()  # now the log is complete
            for line in log:
                m = json.loads(line)
                if m["event"] == "message" and m["code"] == 250:
                    found.append((m["to"][0], m["ms"], m.get("file")))
        return found

    def letter(self, file):
        with open(os.path.join(self.keeper.maildir, "new", file), "rb") as f:
            return shop_crowd.Letter(f.read())

    def fired(self, rule):
        """How many recipients heard it so far."""
        return sum(s.totals()["rules"][rule] for s in (self.bulk, self.keeper))


class Campaign:
    """One campaign as this test saw it: who got it, when, the letters that were kept, the tally."""

    def __init__(self, id_):
        self.id = id_
        self.arrived = {}   # address -> the shop's time, seconds UTC
        self.files = {}     # address -> file of the keeper
        self.letters = {}   # those read so far
        self.tally = shop_crowd.Tally()


class ShopCase(pt.TestCase):
    # ---- the shop's clock ----

    def set_clock(self, seconds):
        """The daemon's wall clock, UTC."""
        self.off = seconds - time.time()
        self.offset[:8] = struct.pack("<q", int(self.off * 1000))

    def now(self):
        return time.time() + self.off

    def start_clock(self):
        path = os.path.join(self.folder, "clock_offset")
        with open(path, "wb") as f:
            f.write(bytes(16))
        self.offset = self.enter(mmap.mmap(self.enter(open(path, "r+b")).fileno(), 16))
        self.env = dict(accounted.shim(self.folder, "clock"), CLOCK_OFFSET=path)
        self.set_clock(shop.NOW)

    # ---- programs ----

    def key_file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text + "\n")
        os.chmod(path, 0o600)
        return path

    def start(self):
        self.start_clock()
        self.receivers = Receivers(self)
        mx = {d: ["mx." + d if d in KEEPER else host] for d, host in shop.exchangers().items()}
        hosts = {h: "127.0.0.1" for (h,) in mx.values()}
        hosts.update({h: "127.0.0.2" for h in ["mx." + d for d in KEEPER] + [shop.hoster_of(0)]})
        names = self.enter(dns_server.Dns(self.folder, hosts=hosts, mx={
            d: [(10, h)] for d, (h,) in mx.items()}))
        self.port = dns_server.free_port()
        self.crowd = shop_crowd.Crowd(self.port, EVENTS_KEY)
        self.daemon = pt.Daemon(self.folder, start=False, env=self.env, config={
            "dns": {"servers": [names.server]}, "preflight": "off", "retry": SOON,
            "secrets": [{"id": "a", "file": self.key_file("token.key", SECRET)}],
            "segments": {"lost": "stage = 'lost'", "recent": "days_since('order') < 7"},
            "caps": [{"class": "marketing", "messages": CAP, "per": "7d"}],
            "track": {"listen": "127.0.0.1:%d" % self.port, "url": "https://t.acme.example",
                      "rate": "100000/s", "proxies": ["127.0.0.1"],
                      "events_key_file": self.key_file("events.key", EVENTS_KEY)}})
        self.daemon.config["routes"] = {"default": {"via": "mx", "port": self.receivers.port}}
        self.daemon.shape()
        self.daemon.start()
        self.enter(self.daemon)

    def cli(self, *words, **run):
        """What a command answers; it goes by the shop's clock as well."""
        done = self.daemon.cli(*words, env=dict(os.environ, **self.env), **run)
        return json.loads(done.stdout)

    def timed(self, what, call, *arguments):
        began = time.monotonic()
        answer = call(*arguments)
        print("  %-38s %6.1f s" % (what, time.monotonic() - began), flush=True)
        return answer

    # ---- campaigns ----

    def drop(self, name, body="News", coupons=0, **manifest):
        keys = dict({"subject": "Hello {{ first_name }}", "list": "newsletter", "text": None,
                     "recipients": None, "postal_address": "1 Main St, Lisbon"}, **manifest)
        files = {"body.html": BODY % ((body,) + LINK_TEXT)}
        if coupons:
            files["codes.csv"] = "code\n" + "".join("%s-%06d\n" % (name, n)
                                                    for n in range(coupons))
            keys["coupons"] = "codes.csv"
        path = pt.make_campaign(self.folder, name, rows=1, manifest=keys, files=files)
        os.remove(os.path.join(path, "recipients.csv"))
        os.remove(os.path.join(path, "body.txt"))
        self.daemon.drop(path)

    def arrivals(self, campaign):
        """Note what has come of it. Before the clock is set anew, for times to be right."""
        for address, ms, file in self.receivers.take():
            self.assertNotIn(address, campaign.arrived, "twice")
            campaign.arrived[address] = ms / 1000 + self.off
            self.got[address] += 1
            if file:
                campaign.files[address] = file

    def read_letters(self, campaign):
        """address -> letter, of those that were kept since the last time."""
        fresh = {a: self.receivers.letter(f) for a, f in sorted(campaign.files.items())
                 if a not in campaign.letters}
        campaign.letters.update(fresh)
        return fresh

    def finish(self, name):
        return self.daemon.wait_state(name, "finished", timeout=PATIENCE)

    def report(self, campaign, format_="json"):
        status, body = self.daemon.request("GET", "/v1/campaigns/%s/report?format=%s"
                                           % (campaign.id, format_))
        self.assertEqual(status, 200, body)
        return body

    def wait_told(self, campaign, **expected):
        """Until the campaign object says so; what people did is folded a little later."""
        def told():
            c = self.daemon.get("/v1/campaigns/" + campaign.id)
            return {k: c[k] for k in expected}
        try:
            pt.wait_until(lambda: told() == expected, "figures", timeout=30, every=0.2)
        except AssertionError:
            self.assertEqual(told(), expected)


class SpringTest(ShopCase):
    maxDiff = None

    def test_a_shop_goes_through_its_spring(self):
        self.shop = self.timed("%d customers made" % PEOPLE, shop.Shop, PEOPLE)
        gc.freeze()  # nothing of them is ever garbage
        self.people = {p.email: p for p in self.shop.people}
        self.dice = random.Random(5)
        self.got = collections.Counter()  # marketing mails by address
        self.closed = set()               # whom no marketing mail may go to
        self.start()
        self.timed("contacts and events imported", self.import_shop)
        self.timed("segments counted", self.check_segments)
        self.timed("previews to the best customers", self.send_previews)
        self.timed("the sale at nine of each", self.send_sale)
        self.timed("people open, click, leave and buy", self.people_act)
        self.timed("its report", self.check_sale)

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
            self.drop("preview-%d" % n, audience={"list": "vip", "consent": "marketing"},
                      coupons=len(vips), subject="Preview %d" % n)
            told = self.finish("preview-%d" % n)
            campaign = Campaign(told["id"])
            self.arrivals(campaign)
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
        self.sale = Campaign(told["id"])
        self.choose(chosen, told)
        for at in times[:TESTED]:
            self.set_clock(at + 1)
            self.quiet()
            self.arrivals(self.sale)
        self.tested = set(self.sale.arrived)
        self.decide(times[TESTED])
        for at in times[TESTED:]:
            self.set_clock(at + 1)
            self.wait_left(at)
            self.arrivals(self.sale)
        self.finish("spring-sale")
        self.arrivals(self.sale)
        self.check_arrivals()

    def drop_sale(self):
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
        self.capped = {a for a in self.good if self.got[a] >= CAP}
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
        began = sum(self.nines[self.people[a].zone] < before for a in self.good - self.capped)
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
        self.arrivals(self.sale)

    def variant_of(self, letter):
        return next(v for v, s in SUBJECTS.items() if letter.subject in s.values())

    def read_and_click(self, campaign, rates, variant_of=None):
        """What the receivers kept and nobody has looked at: gateways scan some of it, proxies load
        pictures, then people read, and so many of each variant click."""
        tally, machines, reads, clicks = campaign.tally, [], [], []
        for address, letter in self.read_letters(campaign).items():
            number, roll = self.people[address].number, self.dice.random
            if roll() < 0.04:
                machines += tally.scan(number, address, letter)
            if roll() < 0.06:
                machines.append(tally.preload(number, address, letter))
            device = self.dice.choice(("desktop", "desktop", "mobile", "mobile", "unknown"))
            will = roll()
            if will < 0.5 and roll() < 0.9:  # some load no pictures
                reads.append(tally.read(number, address, letter, device))
            if will < rates[(variant_of or self.variant_of)(letter)]:
                # One: of two at the same time nobody could say which was the last.
                link = self.dice.choice((1, 1, 2, 3))
                clicks.append(tally.click(number, address, letter, device, link))
        self.crowd.run(machines)
        self.set_clock(self.now() + 5 * MINUTE)
        self.crowd.run(reads)
        self.crowd.run(clicks)

    def check_arrivals(self):
        """Each got it once, at nine by their own clock or, of the first zones, when it was decided;
        in their language, with a code of their own."""
        self.refused = {a for a in self.good - self.capped if a.startswith(("gone.", "full."))}
        sale, decides = self.sale, sorted(set(self.nines.values()))[TESTED]
        self.assertEqual(set(sale.arrived), self.good - self.capped - self.refused)
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
        self.books = {}   # campaign -> {order id: (address, cents, currency)}
        self.serial = 0
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
        clicked = sorted(tally.clicked)
        buyers = self.dice.sample(clicked, len(clicked) // 4)
        others = [a for a in letters if a not in tally.clicked]
        buyers += self.dice.sample(others, len(others) // 50)
        buyers += sorted(tally.machine_clicked - set(tally.clicked))[:20]
        self.tell_orders(buyers, 0.03)
        self.import_orders(self.dice.sample(clicked, len(clicked) // 10))

    def complain(self, campaign, addresses):
        for address in addresses:
            campaign.tally.complained.add(address)
            told = self.cli("feedback", input=complaint(campaign.letters[address].octets))
            self.assertEqual(told["kind"], "arf", told)

    def credited_to(self, address):
        """The campaign in which the person clicked last, if any."""
        return self.sale if address in self.sale.tally.clicked else None

    def note_order(self, address, cents, currency):
        """As the shop has it in its books; returns its id and who is to be credited."""
        self.serial += 1
        order = shop.Order(int(self.now()), "N%d" % self.serial, [("hat", cents)])
        self.people[address].orders.append(order)
        campaign = self.credited_to(address)
        if campaign:
            self.books.setdefault(campaign, {})[order.id] = (address, cents, currency)
        return order.id, campaign

    def tell_orders(self, buyers, abroad):
        """By POST /e; each is asked whether it was credited. Then some take a part back."""
        requests, expected, back = [], [], []
        for n, address in enumerate(buyers):
            cents = 100 + int(self.dice.expovariate(1 / 6000))
            currency = "USD" if self.dice.random() < abroad else "EUR"
            id_, campaign = self.note_order(address, cents, currency)
            requests.append(self.crowd.order(address, id_, euros(cents), currency))
            expected.append((id_, campaign is not None))
            if campaign and n % 40 == 0:
                self.books[campaign][id_] = (address, cents - 50, currency)
                back.append(self.crowd.order(address, id_, "0.50", currency, "refund"))
        answers = self.crowd.run(requests)
        for request, answer in zip(shop_crowd.in_parts(requests), answers):
            told, asked = json.loads(answer), json.loads(request[3])
            self.assertEqual((told["new"], told["credited"]),
                             (True, dict(expected)[asked["id"]]), asked)
        self.assertGreater(len(back), 0)
        self.crowd.run(back)

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

    def earned(self, campaign, of=None):
        """conversions and revenue, of all or of some addresses."""
        orders = [o for o in self.books.get(campaign, {}).values() if of is None or o[0] in of]
        sums = collections.Counter()
        for _, cents, currency in orders:
            sums[currency] += cents
        return {"conversions": {"total": len(orders), "unique": len({a for a, _, _ in orders})},
                "revenue": {c: euros(n) for c, n in sorted(sums.items())}}

    def roi(self, campaign, cost):
        revenue = decimal.Decimal(self.earned(campaign)["revenue"].get("EUR", "0"))
        return float((revenue - cost) / cost)

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
                           skipped=len(self.unconsented | self.held_out | self.capped))
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
        self.check_page(report)

    def fresh_report(self, campaign):
        """The report, when it knows all that the campaign object knows; it is written now and then."""
        report, earned = self.report(campaign), self.earned(campaign)
        told = {key: report["campaign"][key] for key in (*earned, "opens", "clicks")}
        return told == dict(earned, opens=campaign.tally.open_figures(),
                            clicks=campaign.tally.click_figures()) and report

    def check_rates(self, report):
        sale, tally = self.sale, self.sale.tally
        sent, accepted = len(self.good - self.capped), len(sale.arrived)
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
        self.assertEqual(told, {
            "has not consented": len(self.unconsented),
            "hold-out group": len(self.held_out),
            "frequency cap: %d marketing messages in 7d" % CAP: len(self.capped)})

    def per_domain(self, addresses):
        return collections.Counter(self.people[a].domain for a in addresses)

    def check_domains(self, report):
        tally = self.sale.tally
        expected = {"delivered": self.sale.arrived, "bounced": self.refused,
                    "suppressed": self.suppressed, "opened": tally.opened,
                    "skipped": self.unconsented | self.held_out | self.capped,
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

    def check_page(self, report):
        page = self.report(self.sale, "html")
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


if __name__ == "__main__":
    unittest.main()
