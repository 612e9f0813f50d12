"""The series of a shop: a welcome for those who sign up, birthdays at nine of each, and a win-back
of the lost with what it brings. A Course says what is to become of each of them, by the rules that
README.md ("Series") and conf/campaign.yaml tell, and from the generator's own data.
"""
import collections
import datetime
import decimal
import zoneinfo

import postrider_test as pt
import shop_model
from shop_world import DAY, FALLBACK_ZONE, HOUR, MINUTE, ShopCase

FIRST_DAY = datetime.date(2024, 4, 11)  # of the birthdays; what is before, is on the eve
EVE = int(datetime.datetime(2024, 4, 10, 19, tzinfo=datetime.timezone.utc).timestamp())
WELCOME = ("Welcome", "Three things to try", "Your first order")
WELCOME_AFTER = (HOUR, 2 * DAY, 3 * DAY)
BACK = ("We miss you", "Still there?")
BACK_AFTER = (0, 3 * DAY)
BACK_COST, BACK_EACH = decimal.Decimal("300"), decimal.Decimal("0.0008")
NEWCOMERS = 0.01  # of all customers


def span(seconds):
    return "%dh" % (seconds // HOUR)


def refuses(address):
    return address.startswith(("gone.", "full."))


class Course:
    """Of one series: who is at which step, what became of their last row, how the others ended."""

    def __init__(self, world, campaign, after, stays=None, exits=False):
        self.world, self.campaign, self.after = world, campaign, after
        self.stays = stays or (lambda p, now: True)
        self.exits = exits      # who has ordered since is through with it
        self.under_way = {}     # address -> (steps made, their last row's state, since, entered)
        self.ends = collections.Counter()
        self.rows = collections.Counter()           # by state
        self.by_step = collections.defaultdict(collections.Counter)
        self.entered = 0

    def enter(self, address, since):
        """They are not under way already."""
        assert address not in self.under_way, address
        self.entered += 1
        self.under_way[address] = 0, None, since, since

    def end_of(self, address, state, entered, now):
        """How it ends for somebody whose step has come; None: it goes on."""
        p = self.world.people[address]
        if state in ("bounced", "suppressed"):
            return state
        if address in self.world.deleted:
            return "gone"
        if not p.newsletter or not shop_model.agreed(p, now):
            return "left"
        if self.exits and any(o.at > entered for o in p.orders):
            return "did"
        return None if self.stays(p, now) else "left"

    def state_of(self, address):
        if address in self.world.closed:
            return "suppressed"
        if self.world.capped(address):
            return "skipped"
        return "bounced" if refuses(address) else "delivered"

    def step(self, now):
        """Steps that have come by now; the messages that are to arrive."""
        messages = set()
        for address, (made, state, since, entered) in list(self.under_way.items()):
            if since + self.after[made] > now:
                continue
            end = self.end_of(address, state, entered, now)
            if not end:
                state = self.state_of(address)
                self.rows[state] += 1
                self.by_step[made][state] += 1
                if state == "delivered":
                    messages.add(address)
                end = "through" if made + 1 == len(self.after) else None
            if end:
                del self.under_way[address]
                self.ends[end] += 1
            else:
                self.under_way[address] = made + 1, state, now, entered
        return messages

    def figures(self):
        """As the campaign object has them, without zeros."""
        series = dict(self.ends, under_way=len(self.under_way), entered=self.entered)
        counts = dict(self.rows, total=sum(self.rows.values()))
        return tuple({k: n for k, n in f.items() if n} for f in (series, counts))


class Series(ShopCase):
    # ---- all of them ----

    def run_series(self):
        self.deleted = set()
        self.let_pass(EVE - self.now())
        self.timed("- the lost are written to", self.begin_win_back)
        self.begin_birthdays()
        self.timed("- people sign up", self.begin_welcome)
        self.timed("- a first day of birthdays", self.first_day)
        self.timed("- people act on it", self.act_on_series)
        self.timed("- the days behind it", self.later_days)
        self.timed("- their reports", self.check_series)

    def begin(self, name, after, course=None, **manifest):
        campaign = self.follow(name, steps=True)
        self.drop(name, audience=dict({"list": "newsletter", "consent": "marketing"},
                                      **manifest.pop("audience", {})), **manifest)
        told = self.daemon.wait_state(name, "sending")
        campaign.id = told["id"]
        made = Course(self, campaign, after, **(course or {}))
        self.courses.append(made)
        return made

    def told(self, course):
        c = self.daemon.get("/v1/campaigns/" + course.campaign.id)
        return tuple({k: n for k, n in c[f].items() if n} for f in ("series", "counts"))

    def stop_at(self, at, enter=lambda now: None):
        """The clock is set; those enter whom it happens to by then; what is due arrives."""
        self.set_clock(at)
        enter(at)
        self.look_at_lost(at)
        expected = {c: c.step(at) for c in self.courses}
        try:
            pt.wait_until(lambda: all(self.told(c) == c.figures() for c in self.courses),
                          "the steps", timeout=45, every=0.1)
        except AssertionError:
            for c in self.courses:
                self.assertEqual(self.told(c), c.figures(), c.campaign.name)
        before = {c: set(c.campaign.arrived) for c in self.courses}
        self.arrivals()
        for c, addresses in expected.items():
            new = set(c.campaign.arrived) - before[c]
            self.assertEqual({address for address, _ in new}, addresses, c.campaign.name)
            for message in new:
                self.assertTrue(at <= c.campaign.arrived[message] < at + 10 * MINUTE, message)
        for c in self.courses:
            self.closed.update(a for a, (_, state, _, _) in c.under_way.items()
                               if state == "bounced" and a.startswith("gone."))

    # ---- the lost ----

    @staticmethod
    def is_lost(p, now):
        return bool(p.orders) and now - p.orders[-1].at > 365 * DAY

    def begin_win_back(self):
        self.courses = []
        self.inside = set()
        # Who may become lost within the days that are told here.
        self.long_ago = [p for p in self.shop.people if p.newsletter and
                         self.is_lost(p, EVE + 7 * DAY)]
        self.back = self.begin(
            "win-back", BACK_AFTER, {"stays": self.is_lost}, subject=BACK[0],
            trigger={"segment": "lost", "existing": True},
            audience={"segment": "count('order') >= 2"}, body="Come back.",
            steps={"first": {"subject": BACK[0]},
                   "second": {"subject": BACK[1], "after": span(BACK_AFTER[1])}},
            cost="%s EUR" % BACK_COST, cost_per_message="%s EUR" % BACK_EACH)
        self.stop_at(EVE + 1)

    def look_at_lost(self, now):
        """Those who have become so, on the list and twice customers, enter."""
        there = {p.email for p in self.long_ago if p.newsletter and self.is_lost(p, now) and
                 p.email not in self.deleted and len(shop_model.order_lines(p, now)) >= 2}
        for address in there - self.inside - set(self.back.under_way):
            self.back.enter(address, now)
        self.inside = there

    # ---- birthdays ----

    def nine_of(self, day, zone):
        at = datetime.datetime.combine(day, datetime.time(9),
                                       zoneinfo.ZoneInfo(zone or FALLBACK_ZONE))
        return int(at.timestamp())

    def begin_birthdays(self):
        self.birthday = self.begin("birthday", (0,), subject="Happy birthday, {{ first_name }}",
                                   trigger={"date": "birthday", "hour": "09:00"},
                                   schedule={"timezone": "recipient",
                                             "fallback_timezone": FALLBACK_ZONE})
        self.met = set()

    def celebrate(self, now):
        """Those whose day it is enter when it is nine there."""
        for day in (FIRST_DAY, FIRST_DAY + datetime.timedelta(1)):
            text = day.isoformat()[5:]
            for p in self.born[text]:
                if (p.email, day) in self.met or not p.newsletter:
                    continue
                due = self.nine_of(day, p.zone)
                if due <= now and p.email not in self.deleted:
                    self.met.add((p.email, day))
                    self.birthday.enter(p.email, now)

    def first_day(self):
        """The world around, at nine of each zone."""
        self.born = collections.defaultdict(list)
        for p in self.shop.people:
            self.born[p.birthday[5:]].append(p)
        for at in sorted({self.nine_of(FIRST_DAY, p.zone) for p in self.shop.people}):
            self.stop_at(at + 2, self.celebrate)
        birthdays = {a for a, day in self.met}
        self.assertEqual(birthdays, {
            p.email for p in self.shop.people
            if p.birthday[5:] == FIRST_DAY.isoformat()[5:] and p.newsletter})
        for (address, _), at in self.birthday.campaign.arrived.items():
            zone = zoneinfo.ZoneInfo(self.people[address].zone or FALLBACK_ZONE)
            local = datetime.datetime.fromtimestamp(at, zone)
            self.assertEqual((local.date(), local.hour), (FIRST_DAY, 9), address)
        self.assertGreater(len(self.birthday.campaign.arrived), 0)

    # ---- those who are new ----

    def begin_welcome(self):
        self.welcome = self.begin(
            "welcome", WELCOME_AFTER, {"exits": True}, subject=WELCOME[0], body="Welcome.",
            trigger={"event": "signup", "after": span(WELCOME_AFTER[0]),
                     "exit": {"event": "order"}},
            steps={"hello": {"subject": WELCOME[0]},
                   "tips": {"subject": WELCOME[1], "after": span(WELCOME_AFTER[1])},
                   "offer": {"subject": WELCOME[2], "after": span(WELCOME_AFTER[2])}})
        signed_up = int(self.now())
        self.newcomers = self.shop.newcomers(int(len(self.shop.people) * NEWCOMERS), signed_up)
        self.people.update((p.email, p) for p in self.newcomers)
        contacts, events = self.file("new.csv"), self.file("signups.csv")
        self.shop.write_contacts(contacts, self.newcomers)
        self.assertEqual(self.cli("contacts", "import", contacts)["added"], len(self.newcomers))
        told = self.newcomers[::3]  # by the shop itself, as it happens; the others come by a file
        self.shop.write_events(events, [p for p in self.newcomers if p not in told])
        self.cli("track", "import", events)
        self.crowd.run([self.crowd.event("signup", p.email, "s%d" % p.number) for p in told])
        self.crowd.run([self.crowd.event("signup", p.email, "s%d" % p.number) for p in told])

        def enter(now):
            for p in self.newcomers:
                if p.newsletter:
                    self.welcome.enter(p.email, signed_up)
        self.stop_at(signed_up + HOUR + MINUTE, enter)
        self.assertGreater(self.welcome.rows["bounced"], 0)

    def act_on_series(self):
        """Some newcomers leave, are closed, taken off the list or out of the contacts, or order;
        some of the lost come back, by a link of the letter or without one."""
        self.set_clock(self.now() + 10 * MINUTE)
        for course, rate in ((self.welcome, 0.3), (self.back, 0.25), (self.birthday, 0.2)):
            self.read_and_click(course.campaign, {None: rate}, lambda letter: None)
        leaving = sorted(a for a, _ in self.welcome.campaign.letters)[::6]
        self.leave_by_link(leaving)
        clicked = sorted(a for a, _ in self.welcome.campaign.tally.clicked)[::2]
        fresh = [p.email for p in self.newcomers if p.newsletter and not refuses(p.email) and
                 p.email not in leaving and p.email not in clicked]
        self.dice.shuffle(fresh)
        part = max(2, len(fresh) // 30)
        self.close(fresh[:part])
        for address in fresh[part:][:5]:
            self.cli("contacts", "set", address, "lists=vip")
            self.people[address].newsletter = False
        for address in fresh[2 * part:][:5]:
            self.cli("contacts", "delete", address)
            self.deleted.add(address)
        self.tell_orders(fresh[3 * part:][:part] + clicked, 0)
        back = sorted(a for a, _ in self.back.campaign.tally.clicked)
        others = sorted(a for a in self.back.under_way if a not in back)
        self.tell_orders(self.dice.sample(back, len(back) // 3) +
                         self.dice.sample(others, len(others) // 50), 0.05)

    def leave_by_link(self, addresses):
        campaign = self.welcome.campaign
        self.crowd.run([campaign.tally.leave((a, 1), campaign.letters[a, 1]) for a in addresses])
        for address in addresses:
            self.people[address].newsletter = False
        self.closed.update(addresses)

    def close(self, addresses):
        path = self.file("closed.txt")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(["email"] + addresses) + "\n")
        self.cli("suppress", "import", path)
        self.closed.update(addresses)

    # ---- what is left ----

    def later_days(self):
        """Birthdays of a second day in three rounds; the further messages of the others."""
        for hours in (23, 32, 40.5):
            at = EVE + int((hours + 5) * HOUR)  # from midnight of the first day
            self.stop_at(at, self.celebrate)
        self.cli("cancel", self.birthday.campaign.id)
        self.daemon.wait_state("birthday", "cancelled")
        self.courses.remove(self.birthday)
        hello = max(at for (_, n), at in self.welcome.campaign.arrived.items() if n == 1)
        self.stop_at(int(hello) + WELCOME_AFTER[1] + MINUTE)
        self.assertGreater(len(self.welcome.under_way), 0)
        self.stop_at(EVE + BACK_AFTER[1] + 30 * MINUTE)
        tips = max(at for (_, n), at in self.welcome.campaign.arrived.items() if n == 2)
        self.stop_at(int(tips) + WELCOME_AFTER[2] + MINUTE)
        self.assertEqual(len(self.welcome.under_way), 0)
        for end in ("through", "did", "left", "bounced", "suppressed", "gone"):
            self.assertGreater(self.welcome.ends[end], 0, end)

    # ---- their reports ----

    def check_series(self):
        for course, subjects in ((self.welcome, WELCOME), (self.back, BACK),
                                 (self.birthday, None)):
            self.check_subjects(course.campaign, subjects)
            self.wait_series(course)
        cost = BACK_COST + BACK_EACH * len(self.back.campaign.arrived)
        told = self.report(self.back.campaign)["campaign"]
        self.assertEqual(decimal.Decimal(told["cost"]["amount"]), cost)
        self.assertAlmostEqual(told["roi"], self.roi(self.back.campaign, cost), places=4)
        self.assertGreater(told["conversions"]["total"], 0)
        for course in (self.welcome, self.back):
            self.cli("cancel", course.campaign.id)
            self.daemon.wait_state(course.campaign.name, "cancelled")

    def check_subjects(self, campaign, subjects):
        self.read_letters(campaign)
        self.assertGreater(len(campaign.letters), 0)
        for (address, step), letter in campaign.letters.items():
            name = self.people[address].name
            self.assertEqual((letter.to, letter.subject), (
                address, subjects[step - 1] if subjects else "Happy birthday, " + name))

    def wait_series(self, course):
        """Until the report tells the same as all that was seen."""
        def differs():
            told = self.report(course.campaign)
            return [(k, n, v) for k, n, v in self.told_and_seen(course, told) if n != v]
        try:
            pt.wait_until(lambda: not differs(), "the report", timeout=60, every=0.5)
        except AssertionError:
            self.assertEqual(differs(), [], course.campaign.name)

    def told_and_seen(self, course, report):
        told, tally = report["campaign"], course.campaign.tally
        series, counts = course.figures()
        left = {"total": len(tally.left), "unique": len(tally.left), "machine": 0}
        expected = dict(self.earned(course.campaign), opens=tally.open_figures(),
                        clicks=tally.click_figures(), unsubscribes=left)
        for key, value in expected.items():
            yield key, told[key], value
        for key, value in (("series", series), ("counts", counts)):
            yield key, {k: n for k, n in told[key].items() if n}, value
        if len(course.after) > 1:
            yield "steps", len(report.get("steps", ())), len(course.after)
        for n, step in enumerate(report.get("steps", ())):
            for state in ("delivered", "bounced", "suppressed", "skipped"):
                yield (n, state), step[state], course.by_step[n][state]
