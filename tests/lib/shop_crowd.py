"""The crowd of a shop: people and machines who open, click, leave and buy, by the links of the
messages that arrived for them; and a tally of what they did, by which reports are judged.

A Letter is what a receiver kept. A Crowd speaks HTTP over few connections, as many people behind
one proxy do; each of them has an address of their own (X-Forwarded-For). A Tally counts, for one
campaign, what the crowd did: it knows people from machines because it made them act.
"""
import collections
import concurrent.futures
import email.header
import http.client
import json
import re

DESKTOP = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0",
           "Accept-Language": "de,en;q=0.5"}
PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) "
                       "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 "
                       "Safari/604.1",
         "Accept-Language": "en"}
GMAIL = {"User-Agent": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via "
                       "ggpht.com GoogleImageProxy)"}
AGENTS = {"desktop": DESKTOP, "mobile": PHONE, "unknown": GMAIL}  # by what reports call them
SCANNER = {"User-Agent": "curl/8.5.0"}
APPLE = {"User-Agent": "Mozilla/5.0"}  # loads the pictures of all mail, read or not
CONNECTIONS = 4
FORM = "application/x-www-form-urlencoded"


class Letter:
    """What the receiver got: subject, coupon, and the paths of pixel, links and unsubscribing."""

    def __init__(self, octets):
        self.octets = octets
        text = octets.replace(b"=\r\n", b"")
        head = re.sub(rb"\r\n[ \t]", b" ", octets.partition(b"\r\n\r\n")[0]).decode()
        subject = re.search(r"^Subject: (.*?)\r?$", head, re.M).group(1)
        self.subject = str(email.header.make_header(email.header.decode_header(subject)))
        self.to = re.search(r"^To: .*?([^\s<]+@[^\s>]+)", head, re.M).group(1)
        leave = re.search(r"^List-Unsubscribe: .*?/u/([\w-]+)", head, re.M)
        self.leave = "/u/" + leave.group(1)
        pixel = re.search(rb"/o/([\w-]+)\.gif", text).group(1).decode()
        self.pixel = "/o/%s.gif" % pixel
        self.links = ["/c/" + t.decode() for t in dict.fromkeys(re.findall(rb"/c/([\w-]+)", text))]
        coupon = re.search(rb"code: ([\w-]+)", text)
        self.coupon = coupon.group(1).decode() if coupon else None


def in_parts(requests):
    """In the order in which Crowd.run answers them."""
    return [request for n in range(CONNECTIONS) for request in requests[n::CONNECTIONS]]


class Crowd:
    def __init__(self, port, key):
        self.port, self.key = port, key

    def run(self, requests):
        """requests: (method, path, headers, body, the status that is expected). Those of one
        person that must come one behind the other belong into two calls."""
        parts = [requests[n::CONNECTIONS] for n in range(CONNECTIONS)]
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            return [answer for part in pool.map(self._some, parts) for answer in part]

    def _some(self, requests):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        answers = []
        for method, path, headers, body, expected in requests:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != expected:
                raise AssertionError("%s %s: %d %r" % (method, path, answer.status, text[:200]))
            answers.append(text)
        connection.close()
        return answers

    def event(self, event, address, id_, **more):
        """The request by which a shop tells of what somebody did."""
        body = json.dumps(dict({"event": event, "email": address, "id": id_}, **more))
        headers = {"Authorization": "Bearer " + self.key, "Content-Type": "application/json"}
        return "POST", "/e", headers, body, 200

    def order(self, address, order_id, amount, currency, event="order"):
        """The same with an amount; its answer says whether it is credited."""
        return self.event(event, address, order_id, amount=amount, currency=currency)


def visitor(number, agent):
    return dict(agent, **{"X-Forwarded-For": "10.%d.%d.%d" % (number >> 16, number >> 8 & 255,
                                                              number & 255)})


def one_click(letter):
    return "POST", letter.leave, {"Content-Type": FORM}, "List-Unsubscribe=One-Click", 200


class Tally:
    """Of one campaign, by addresses."""

    def __init__(self):
        self.opened, self.clicked = {}, {}  # by people: the device of the first time
        self.machine_opened, self.machine_clicked = set(), set()
        self.opens = 0
        self.clicks = collections.Counter()                    # by link, from 1
        self.by_link = collections.defaultdict(set)            # addresses of people
        self.machines_by_link = collections.defaultdict(set)
        self.last_link = {}
        self.left, self.complained = set(), set()

    def read(self, number, address, letter, device):
        self.opens += 1
        self.opened.setdefault(address, device)
        return "GET", letter.pixel, visitor(number, AGENTS[device]), None, 200

    def click(self, number, address, letter, device, link):
        """Of a browser: behind Gmail's proxy there is one as well."""
        self.clicks[link] += 1
        device = "desktop" if device == "unknown" else device
        self.clicked.setdefault(address, device)
        self.by_link[link].add(address)
        self.last_link[address] = link
        return "GET", letter.links[link - 1], visitor(number, AGENTS[device]), None, 302

    def preload(self, number, address, letter):
        self.opens += 1
        self.machine_opened.add(address)
        return "GET", letter.pixel, visitor(number, APPLE), None, 200

    def scan(self, number, address, letter):
        """All links, as a gateway does it."""
        self.machine_clicked.add(address)
        for link, path in enumerate(letter.links, 1):
            self.clicks[link] += 1
            self.machines_by_link[link].add(address)
            yield "GET", path, visitor(number, SCANNER), None, 302

    def leave(self, address, letter):
        self.left.add(address)
        return one_click(letter)

    # ---- as reports have it ----

    @staticmethod
    def _figures(total, people, machines):
        return {"total": total, "unique": len(set(people) | machines),
                "machine": len(machines - set(people))}

    def open_figures(self):
        return self._figures(self.opens, self.opened, self.machine_opened)

    def click_figures(self):
        return self._figures(sum(self.clicks.values()), self.clicked, self.machine_clicked)

    def link_figures(self, link):
        return self._figures(self.clicks[link], self.by_link[link], self.machines_by_link[link])

    def devices(self, first):
        """first: opened or clicked."""
        found = collections.Counter(first.values())
        return {d: found[d] for d in ("desktop", "mobile", "unknown", "tablet")}
