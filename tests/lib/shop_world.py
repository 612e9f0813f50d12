"""The world of a shop under test: its receivers, its clock, its daemon, its campaigns, and the
people who act on what they get. Stories told with it: shop_series.py, tests/e2e/test_shop.py.
"""
import collections
import decimal
import json
import mmap
import os
import struct
import time

import accounted
import dns_server
import postrider_test as pt
import shop
import shop_crowd

PATIENCE = 120  # seconds
DAY, HOUR, MINUTE = shop.DAY, 3600, 60
KEEPER = {"inbox.example"}  # whose letters are kept, and those of the first hoster's domains
SOON = {"first": "1s", "factor": 1, "jitter": 0, "max": "1s", "give_up": "7d"}
CAP, CAP_DAYS = 3, 7
WINDOW = 7 * DAY  # of conversions
RULES = ["on=rcpt,match=gone.*,reply=550 5.1.1 no such user here",
         "on=rcpt,match=full.*,reply=552 5.2.2 the mailbox is full",
         "on=rcpt,match=*@letterbox.test,share=20%,tries=1,reply=451 4.7.1 come back later"]
EVENTS_KEY = "an events key of enough characters"
SECRET = "a secret of thirty-two octets or so"
FALLBACK_ZONE = "Europe/Berlin"
LINKS = ["https://shop.example/%s?c=spring&p=%d" % (page, n)
         for n, page in enumerate(("sale", "coats", "shoes"), 1)]
LINK_TEXT = tuple(link.replace("&", "&amp;") for link in LINKS)
BODY = """<html><body><h1>Hello {{ first_name }} in {{ city }}</h1><p>%s</p>
<p><a href="%s">To the sale</a> <a href="%s">Coats</a> <a href="%s">Shoes</a></p>
<p>Your code: {{ coupon }}</p><p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Leave</a></p>
</body></html>
"""


def address_of(message):
    return message if isinstance(message, str) else message[0]


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
        """What was taken since the last time: (sender's name, address, when in ms UTC, file or
        None)."""
        found = []
        for sink, log in zip((self.bulk, self.keeper), self._logs):
            sink.totals()  # now the log is complete
            for line in log:
                m = json.loads(line)
                if m["event"] == "message" and m["code"] == 250:
                    found.append((m["from"].partition("@")[0], m["to"][0], m["ms"],
                                  m.get("file")))
        return found

    def letter(self, file):
        with open(os.path.join(self.keeper.maildir, "new", file), "rb") as f:
            return shop_crowd.Letter(f.read())


class Campaign:
    """One campaign as this test saw it: who got it, when, the letters that were kept, the tally.
    Messages are known by (address, step); step is 0 where there are none."""

    def __init__(self, name, id_=None):
        self.name, self.id = name, id_
        self.arrived = {}   # message -> the shop's time, seconds UTC
        self.files = {}     # message -> file of the keeper
        self.letters = {}   # those read so far
        self.tally = shop_crowd.Tally()
        self.steps = False  # whether somebody may get several


class ShopCase(pt.TestCase):
    # ---- the shop's clock ----

    def set_clock(self, seconds):
        """The daemon's wall clock, UTC."""
        self.off = seconds - time.time()
        self.offset[:8] = struct.pack("<q", int(self.off * 1000))

    def let_pass(self, seconds):
        """The clock, and by as much the monotonic one, by which caps count days. Only while nothing
        is at work: what takes long is left alone for long."""
        passed, = struct.unpack("<q", self.offset[8:])
        self.offset[8:] = struct.pack("<q", passed + int(seconds * 1000))
        self.set_clock(self.now() + seconds)

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
        self.campaigns = {}
        self.got = collections.defaultdict(list)  # address -> when marketing mails came
        self.last_clicks = {}                     # address -> (when, campaign, message)
        # campaign -> {order: (message, cents, currency)}
        self.books = collections.defaultdict(dict)
        self.serial = 0
        self.closed = set()                       # whom no marketing mail may go to
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
            "caps": [{"class": "marketing", "messages": CAP, "per": "%dd" % CAP_DAYS}],
            "track": {"listen": "127.0.0.1:%d" % self.port, "url": "https://t.acme.example",
                      "rate": "100000/s", "proxies": ["127.0.0.1"],
                      "events_key_file": self.key_file("events.key", EVENTS_KEY)}})
        self.daemon.config["routes"] = {"default": {"via": "mx", "port": self.receivers.port}}
        self.daemon.shape()
        self.daemon.start()
        self.enter(self.daemon)

    def file(self, name):
        return os.path.join(self.folder, name)

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
        keys = dict({"from": "Acme <%s@mail.acme.example>" % name,
                     "subject": "Hello {{ first_name }}", "list": "newsletter", "text": None,
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

    def follow(self, name, id_=None, steps=False):
        """What arrives of a campaign is noted from now on."""
        campaign = self.campaigns[name] = Campaign(name, id_)
        campaign.steps = steps
        return campaign

    def arrivals(self):
        """Note what has come, of all campaigns. Before the clock is set anew: times are by it."""
        for name, address, ms, file in self.receivers.take():
            campaign, at = self.campaigns[name], ms / 1000 + self.off
            message = address
            if campaign.steps:
                steps = sum((address, n) in campaign.arrived for n in range(1, 17))
                message = address, steps + 1
            self.assertNotIn(message, campaign.arrived, "twice")
            campaign.arrived[message] = at
            self.got[address].append(at)
            if file:
                campaign.files[message] = file

    def capped(self, address):
        """Whether the person has had enough of late."""
        since = self.now() - CAP_DAYS * DAY
        return sum(at > since for at in self.got.get(address, ())) >= CAP

    def read_letters(self, campaign):
        """message -> letter, of those that were kept since the last time."""
        fresh = {m: self.receivers.letter(f) for m, f in sorted(campaign.files.items())
                 if m not in campaign.letters}
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

    # ---- people act ----

    def read_and_click(self, campaign, rates, variant_of=None):
        """What the receivers kept and nobody has looked at: gateways scan some of it, proxies load
        pictures, then people read, and so many of each variant click."""
        tally, machines, reads, clicks = campaign.tally, [], [], []
        for message, letter in self.read_letters(campaign).items():
            number, roll = self.people[address_of(message)].number, self.dice.random
            if roll() < 0.04:
                machines += tally.scan(number, message, letter)
            if roll() < 0.06:
                machines.append(tally.preload(number, message, letter))
            device = self.dice.choice(("desktop", "desktop", "mobile", "mobile", "unknown"))
            will = roll()
            if will < 0.5 and roll() < 0.9:  # some load no pictures
                reads.append(tally.read(number, message, letter, device))
            if will < rates[(variant_of or self.variant_of)(letter)]:
                # One: of two at the same time nobody could say which was the last.
                link = self.dice.choice((1, 1, 2, 3))
                clicks.append(tally.click(number, message, letter, device, link))
                self.last_clicks[address_of(message)] = self.now(), campaign, message
        self.crowd.run(machines)
        self.set_clock(self.now() + 5 * MINUTE)
        self.crowd.run(reads)
        self.crowd.run(clicks)

    def complain(self, campaign, addresses):
        for address in addresses:
            campaign.tally.complained.add(address)
            told = self.cli("feedback", input=complaint(campaign.letters[address].octets))
            self.assertEqual(told["kind"], "arf", told)

    def credited_to(self, address):
        """(campaign, message) in which the person clicked last, if that is not too long ago."""
        at, campaign, message = self.last_clicks.get(address, (0, None, None))
        return (campaign, message) if self.now() - at < WINDOW else (None, None)

    def note_order(self, address, cents, currency):
        """As the shop has it in its books; returns its id and who is to be credited."""
        self.serial += 1
        order = shop.Order(int(self.now()), "N%d" % self.serial, [("hat", cents)])
        self.people[address].orders.append(order)
        campaign, message = self.credited_to(address)
        if campaign:
            self.books[campaign][order.id] = message, cents, currency
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
                self.books[campaign][id_] = (self.books[campaign][id_][0], cents - 50,
                                             currency)
                back.append(self.crowd.order(address, id_, "0.50", currency, "refund"))
        answers = self.crowd.run(requests)
        for request, answer in zip(shop_crowd.in_parts(requests), answers):
            told, asked = json.loads(answer), json.loads(request[3])
            self.assertEqual((told["new"], told["credited"]),
                             (True, dict(expected)[asked["id"]]), asked)
        self.crowd.run(back)

    # ---- what it brings ----

    def earned(self, campaign, of=None):
        """conversions and revenue, of all or of some addresses."""
        orders = [o for o in self.books[campaign].values() if of is None or o[0] in of]
        sums = collections.Counter()
        for _, cents, currency in orders:
            sums[currency] += cents
        return {"conversions": {"total": len(orders), "unique": len({a for a, _, _ in orders})},
                "revenue": {c: euros(n) for c, n in sorted(sums.items())}}

    def roi(self, campaign, cost):
        revenue = decimal.Decimal(self.earned(campaign)["revenue"].get("EUR", "0"))
        return float((revenue - cost) / cost)
