"""What segments say of a shop's customers, counted here by what `postrider segment --help` tells of
them and from the generator's own data, without the daemon.

    model = Model(shop, now)                 # seconds UTC
    sum(model.stage(p) == "lost" for p in shop.people)
"""
import bisect

import shop

YEAR = 365.25 * shop.DAY
STAGES = ((365, "lost"), (180, "at_risk"), (90, "occasional"))
POINTS = {"order": 10, "review": 5, "signup": 5, "open": 1}
OTHER_POINTS = 3
HALF_LIFE = 30 * shop.DAY


def newsletter(p):
    return p.newsletter


def agreed(p, now):
    """Whether the person's consent holds."""
    return p.consent is not None and (p.consent == 0 or p.consent > now)


def revenue(p):
    """Cents, all that was ever ordered."""
    return sum(o.cents for o in p.orders)


def days_since_order(p, now):
    """Whole days; None: never ordered."""
    return (now - p.orders[-1].at) // shop.DAY if p.orders else None


def order_lines(p, now, days=None):
    """The cents of each event `order`: an order has one for each line."""
    return [cents for o in p.orders if days is None or o.at > now - days * shop.DAY
            for _, cents in o.lines]


def events(p):
    """(event, time) of each."""
    yield "signup", p.signed_up
    for o in p.orders:
        for _ in o.lines:
            yield "order", o.at
    for at in p.visits:
        yield "visit", at
    for at, _ in p.reviews:
        yield "review", at


class Model:
    """Of a shop at a time. Orders that come later count when they are added to their person."""

    def __init__(self, people, now):
        self.people, self.now = people, now
        customers = [p for p in people if p.orders]
        self.values = {"recency": sorted(self.last(p) for p in customers),
                       "frequency": sorted(len(p.orders) for p in customers),
                       "monetary": sorted(revenue(p) for p in customers)}

    @staticmethod
    def last(p):
        return p.orders[-1].at

    def _score(self, name, p, value):
        """The fifth; those who are equal are all in the lowest of theirs."""
        values = self.values[name]
        if not p.orders:
            return None
        less = bisect.bisect_left(values, value(p))
        return 1 + sum(less >= len(values) * i // 5 for i in range(1, 5))

    def recency(self, p):
        return self._score("recency", p, self.last)

    def frequency(self, p):
        return self._score("frequency", p, lambda p: len(p.orders))

    def monetary(self, p):
        return self._score("monetary", p, revenue)

    def stage(self, p):
        if not p.orders:
            return None
        ago = self.now - self.last(p)
        for days, name in STAGES:
            if ago > days * shop.DAY:
                return name
        if len(p.orders) == 1:
            return "new"
        gap = self.last(p) - p.orders[-2].at
        return "won_back" if gap > 365 * shop.DAY else "active"

    def value(self, p):
        """Euros a year."""
        if not p.orders:
            return 0
        return revenue(p) / 100 / max(1, (self.now - p.orders[0].at) / YEAR)

    def engagement(self, p):
        points = sum(POINTS.get(name, OTHER_POINTS) * 0.5 ** ((self.now - at) / HALF_LIFE)
                     for name, at in events(p))
        return min(points, 100)

    def count(self, condition):
        return sum(map(bool, map(condition, self.people)))
