"""A shop made up: its customers, and three years of what they did, by dice that fall the same way
for the same seed. Standard library only, domains that are reserved (RFC 2606).

    shop = Shop(200000, seed=1)
    shop.write_contacts(path)     # as `postrider contacts import` reads it
    shop.write_events(path)       # as `postrider track import` reads it

Shares are those of a real shop of middle size: a few large receivers and a long tail of domains;
most customers order once to three times, some never, a few all the time; amounts are log-normal;
many have not come back for more than a year. shop_model.py counts what segments count.
"""
import bisect
import datetime
import gc
import itertools
import math
import random

DAY = 86400
YEARS = 3
# The shop's now: when its files are imported. In the past: files that the daemon writes have the
# true time, and one that looks at them by a clock that is ahead takes them for old ones.
NOW = int(datetime.datetime(2024, 3, 29, 19, tzinfo=datetime.timezone.utc).timestamp())
# Nothing happened within so long of a whole day before NOW, so that whoever counts "within 30
# days" may do so a little later.
CLEAR = 7200

# zone, share, country, language, cities
PLACES = (
    ("Pacific/Auckland", 2, "NZ", "en", ("Auckland", "Wellington")),
    ("Australia/Sydney", 5, "AU", "en", ("Sydney", "Melbourne", "Canberra")),
    ("Asia/Tokyo", 6, "JP", "ja", ("Tokyo", "Osaka", "Yokohama")),
    ("Asia/Shanghai", 8, "CN", "zh", ("Shanghai", "Beijing", "Shenzhen")),
    ("Asia/Kolkata", 6, "IN", "en", ("Mumbai", "Delhi", "Pune")),
    ("Europe/Helsinki", 2, "FI", "fi", ("Helsinki", "Turku")),
    ("Europe/Berlin", 16, "DE", "de", ("Berlin", "Hamburg", "München", "Köln")),
    ("Europe/Paris", 9, "FR", "fr", ("Paris", "Lyon", "Nîmes")),
    ("Europe/Lisbon", 3, "PT", "pt", ("Lisboa", "Porto")),
    ("Europe/London", 11, "GB", "en", ("London", "Leeds", "Bristol")),
    ("America/Sao_Paulo", 5, "BR", "pt-BR", ("São Paulo", "Recife")),
    ("America/New_York", 13, "US", "en", ("New York", "Boston", "Atlanta")),
    ("America/Chicago", 6, "US", "en", ("Chicago", "Austin")),
    ("America/Los_Angeles", 6, "US", "en", ("Los Angeles", "Seattle", "Portland")),
    ("", 2, "DE", "de", ("Kiel", "Jena")),  # did not say
)
NAMES = {
    "en": ("Olivia", "Noah", "Amelia", "George", "Isla", "Arthur", "Mary Ann", "Jack"),
    "de": ("Emma", "Jürgen", "Mia", "Björn", "Hannah", "Paul", "Käthe", "Finn"),
    "fr": ("Louise", "Gaël", "Zoé", "Hugo", "Chloé", "Jules"),
    "pt": ("Maria", "João", "Inês", "Tiago"), "pt-BR": ("Ana", "José", "Conceição", "Luís"),
    "ja": ("結衣", "蓮", "陽葵", "湊"), "zh": ("王芳", "李伟", "张敏", "刘洋"),
    "fi": ("Aino", "Väinö", "Päivi", "Eero"),
}
# Receivers and their shares in percent; the rest lies with SMALL domains of HOSTERS hosters.
LARGE = (("bigmail.example", 30), ("webpost.example", 14), ("inbox.example", 10),
         ("letterbox.test", 6), ("provider.test", 5))
SMALL, HOSTERS = 3000, 6
ITEMS = ("coat", "shoes", "socks", "scarf", "hat", "jumper", "shirt", "jeans", "belt", "bag",
         "dress", "gloves")
VIP_SHARE = 0.01
NEWSLETTER_SHARE, CONSENT_SHARE, EXPIRED_SHARE = 0.64, 0.93, 0.03
NEVER_SHARE, FAITHFUL_SHARE = 0.28, 0.45
GONE_SHARE, FULL_SHARE = 0.012, 0.004  # what their receivers say is not known to the shop
ONCE, TWICE, THRICE = 0.46, 0.68, 0.81  # of those who order: at most so often
ORDERS_MAX = 80


class Order:
    """At a time (seconds UTC), of lines (item, cents). All lines have its id."""
    __slots__ = ("at", "id", "lines")

    def __init__(self, at, id_, lines):
        self.at, self.id, self.lines = at, id_, lines

    @property
    def cents(self):
        return sum(cents for _, cents in self.lines)


class Person:
    __slots__ = ("number", "email", "name", "language", "zone", "country", "city", "birthday",
                 "signed_up", "newsletter", "vip", "consent", "orders", "visits", "reviews")

    @property
    def domain(self):
        return self.email.partition("@")[2]

    @property
    def local(self):
        return self.email.partition("@")[0]


def spread(shares):
    """Upper bounds for bisect, of shares that are made to come to 1."""
    total = sum(shares)
    return [upto / total for upto in itertools.accumulate(shares)]


def small_domain(n):
    return "firm%d.%s" % (n, "test" if n % 3 == 0 else "example")


def hoster_of(n):
    return "mx.hoster%d.example" % (n % HOSTERS)


def exchangers():
    """domain -> its mail exchanger, of all receivers there are."""
    mx = {domain: "mx." + domain for domain, _ in LARGE}
    mx.update((small_domain(n), hoster_of(n)) for n in range(SMALL))
    return mx


class _Dice:
    """What is drawn again and again, quickly."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.place = spread([p[1] for p in PLACES])
        large = [share for _, share in LARGE]
        rest = 100 - sum(large)
        # The n-th of the small ones has a share like 1/n, the first ones less, for they are firms.
        tail = [1 / (n + 20) for n in range(SMALL)]
        self.domain = spread(large + [rest * t / sum(tail) for t in tail])
        self.domains = [d for d, _ in LARGE] + [small_domain(n) for n in range(SMALL)]

    def of(self, values):
        return values[int(self.random.random() * len(values))]

    def by(self, bounds):
        return bisect.bisect(bounds, self.random.random())

    def ago(self, days):
        """Seconds UTC at some time of the day that began so many days before NOW."""
        within = CLEAR + int(self.random.random() * (DAY - 2 * CLEAR))
        return NOW - int(days) * DAY - within


class Shop:
    """people: all of them; people[n].number is n."""

    def __init__(self, n, seed=1):
        self.seed = seed
        dice = _Dice(seed)
        self._orders = itertools.count(100001)
        gc.disable()  # nothing of a million new objects is garbage: looking takes most of the time
        try:
            self.people = [self._person(number, dice) for number in range(n)]
        finally:
            gc.enable()

    def newcomers(self, n, at):
        """So many more, who sign up at that time (seconds UTC) and have done nothing else."""
        dice, first = _Dice(self.seed + 1), len(self.people)
        people = [self._person(number, dice) for number in range(first, first + n)]
        for p in people:
            p.signed_up, p.orders, p.visits, p.reviews = at, [], [], []
        self.people += people
        return people

    # ---- who they are ----

    def _person(self, number, dice):
        p = Person()
        roll = dice.random.random
        p.number = number
        p.zone, _, p.country, p.language, cities = PLACES[dice.by(dice.place)]
        p.name, p.city = dice.of(NAMES[p.language]), dice.of(cities)
        kind = roll()
        prefix = "gone" if kind < GONE_SHARE else \
            "full" if kind < GONE_SHARE + FULL_SHARE else dice.of(("ann", "b.b", "c-c", "dan"))
        p.email = "%s.%d@%s" % (prefix, number, dice.domains[dice.by(dice.domain)])
        born = datetime.date(1945, 1, 1) + datetime.timedelta(int(roll() * 62 * 365))
        p.birthday = born.isoformat() if roll() < 0.7 else ""
        p.newsletter, p.vip = roll() < NEWSLETTER_SHARE, roll() < VIP_SHARE
        days = (1 - math.sqrt(roll())) * YEARS * 365  # it grew: more have come of late
        p.signed_up = dice.ago(days)
        p.consent = self._consent(p, roll())
        p.orders, p.visits, p.reviews = [], [], []
        self._history(p, int(days), dice)
        return p

    @staticmethod
    def _consent(p, roll):
        """None, or until when: 0, or seconds UTC."""
        if roll >= CONSENT_SHARE:
            return None
        return NOW - 30 * DAY if roll < EXPIRED_SHARE else 0

    # ---- what they did ----

    @staticmethod
    def _how_often(dice):
        roll = dice.random.random()
        if roll < THRICE:
            return 1 + (roll >= ONCE) + (roll >= TWICE)
        return min(ORDERS_MAX, 3 + int(dice.random.paretovariate(1.3)))

    def _history(self, p, days, dice):
        roll = dice.random.random
        if roll() < 0.3:
            p.visits = sorted(dice.ago(roll() * (days + 1)) for _ in range(1 + int(roll() * 3)))
        if roll() < NEVER_SHARE:
            return
        # Who is not faithful has left at some time since.
        last = 0 if roll() < FAITHFUL_SHARE else roll() * days
        times = {dice.ago(last + roll() * (days - last + 1)) for _ in range(self._how_often(dice))}
        p.orders = [self._order(at, dice) for at in sorted(max(t, p.signed_up) for t in times)]
        # At the moment of signing up there is one order at most.
        p.orders = [o for n, o in enumerate(p.orders) if n == 0 or o.at != p.orders[n - 1].at]
        p.reviews = [(o.at + 3600, o.lines[0][0]) for o in p.orders if roll() < 0.08]

    def _order(self, at, dice):
        first = int(dice.random.random() * len(ITEMS))
        lines = [(ITEMS[first], self._cents(dice))]
        if dice.random.random() < 0.15:
            lines.append((ITEMS[(first + 1) % len(ITEMS)], self._cents(dice)))
        return Order(at, "S%d" % next(self._orders), lines)

    @staticmethod
    def _cents(dice):
        return max(100, int(100 * math.exp(dice.random.gauss(3.6, 0.7))))

    # ---- files ----

    @staticmethod
    def contact_line(p):
        lists = ",".join(name for name, on in (("newsletter", p.newsletter), ("vip", p.vip)) if on)
        agreed = rfc3339(p.signed_up) if p.consent is not None else ""
        until = rfc3339(p.consent) if p.consent else ""
        return "%s,%s,%s,%s,%s,%s,%s,%s,\"%s\",%s,%s,%s\n" % (
            p.email, p.name, p.language, p.zone, p.country, p.city, p.birthday,
            rfc3339(p.signed_up), lists, "marketing" if agreed else "", agreed, until)

    def write_contacts(self, path, people=None):
        with open(path, "w", encoding="utf-8", buffering=1 << 20) as f:
            f.write("email,first_name,language,timezone,country,city,birthday,joined,lists,"
                    "consent_purpose,consent_at,consent_until\n")
            f.writelines(map(self.contact_line, people or self.people))

    @staticmethod
    def event_lines(p):
        yield "%s,signup,%s,,,,\n" % (p.email, rfc3339(p.signed_up))
        for o in p.orders:
            for item, cents in o.lines:
                yield "%s,order,%s,%d.%02d,EUR,%s,%s\n" % (p.email, rfc3339(o.at), cents // 100,
                                                          cents % 100, item, o.id)
        for at in p.visits:
            yield "%s,visit,%s,,,,\n" % (p.email, rfc3339(at))
        for at, item in p.reviews:
            yield "%s,review,%s,,,%s,\n" % (p.email, rfc3339(at), item)

    def write_events(self, path, people=None):
        """Returns how many."""
        n = 0
        with open(path, "w", encoding="utf-8", buffering=1 << 20) as f:
            f.write("email,event,time,amount,currency,item,id\n")
            for p in people or self.people:
                lines = list(self.event_lines(p))
                n += len(lines)
                f.writelines(lines)
        return n


_days = {}


def rfc3339(seconds):
    day, within = divmod(seconds, DAY)
    text = _days.get(day)
    if text is None:
        text = _days[day] = datetime.date.fromordinal(719163 + day).isoformat()
    return "%sT%02d:%02d:%02dZ" % (text, within // 3600, within // 60 % 60, within % 60)
