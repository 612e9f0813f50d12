"""Debian's Chromium, without a screen, driven through its chromedriver (W3C WebDriver; packages
chromium and chromium-driver). It reaches nothing but the loopback, and says of itself what a
person's browser says: as it is, it tells that nobody looks at it, and is taken for a machine.

    with browser.Browser(self.folder) as chromium:
        chromium.go("http://127.0.0.1:8025/u/TOKEN")
        chromium.click("button[type=submit]")
        chromium.url, chromium.text("main")
"""
import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

import postrider_test as pt

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element's id, by the standard
AGENT = ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/140.0.0.0 Safari/537.36")
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
           "--no-first-run", "--disable-background-networking", "--disable-component-update",
           "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


class Browser(pt.Process):
    """language: of the person, "de,en"."""

    def __init__(self, folder, language="en", agent=AGENT):
        driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
        if not driver or not chromium:
            raise unittest.SkipTest("chromium and chromium-driver are not installed")
        self.folder = tempfile.mkdtemp(prefix="chromium-", dir=folder)
        log = os.path.join(self.folder, "chromedriver.log")
        self._spawn([driver, "--port=0"], log, stdout=subprocess.PIPE, text=True,
                    env=dict(os.environ, HOME=self.folder))
        self.session = None
        try:
            self._begin(chromium, language, agent)
        except BaseException:
            self.__exit__()
            raise

    def _begin(self, chromium, language, agent):
        port = None
        while not port:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError("chromedriver ended")
            port = re.search(r"successfully on port (\d+)", line)
        self.base = "http://127.0.0.1:%s/session" % port.group(1)
        options = {"binary": chromium, "args": OPTIONS + [
            "--user-data-dir=" + os.path.join(self.folder, "profile"),
            "--accept-lang=" + language, "--user-agent=" + agent]}
        begun = self._ask("POST", "", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        self.session = "/" + begun["sessionId"]

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + path, method=method, headers={"Content-Type": "application/json"},
            data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=pt.TIMEOUT) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as refused:
            raise AssertionError("chromium: %s" % json.load(refused)["value"]["message"]) from None

    def _get(self, what):
        return self._ask("GET", self.session + what)

    def _post(self, what, **body):
        return self._ask("POST", self.session + what, body)

    def _find(self, css):
        return self._post("/element", using="css selector", value=css)[ELEMENT]

    def go(self, url):
        """Returns when the page is loaded, with its images."""
        self._post("/url", url=url)

    @property
    def url(self):
        return self._get("/url")

    @property
    def title(self):
        return self._get("/title")

    def text(self, css):
        """What one sees of the first such element."""
        return self._get("/element/%s/text" % self._find(css))

    def click(self, css):
        """As a person does, where the element can be seen; waits for the page that it leads to."""
        self._post("/element/%s/click" % self._find(css))

    def run(self, script, *arguments):
        """What a function of this JavaScript body returns."""
        return self._post("/execute/sync", script=script, args=list(arguments))

    def devtools(self, command, **parameters):
        """What a command of the DevTools protocol answers: "Page.printToPDF"."""
        return self._post("/goog/cdp/execute", cmd=command, params=parameters)

    def look(self, width, height=900, dark=False):
        """See the page as on a screen of this width, by day or by night."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=width < 600)
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def screenshot(self):
        """The whole page as PNG: seen at once, for what is not in sight is not painted."""
        size = self.run("return [innerWidth, document.documentElement.scrollHeight]")
        self.devtools("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1],
                      deviceScaleFactor=1, mobile=size[0] < 600)
        return base64.b64decode(self.devtools("Page.captureScreenshot", format="png",
                                              captureBeyondViewport=True)["data"])

    def pdf(self):
        """The page as it is printed on A4."""
        return base64.b64decode(self.devtools("Page.printToPDF", printBackground=True,
                                              preferCSSPageSize=True)["data"])

    def tree(self):
        """What a screen reader finds: [(role, name)] in its order."""
        nodes = self.devtools("Accessibility.getFullAXTree")["nodes"]
        return [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes
                if not n.get("ignored")]

    def complaints(self):
        """What the console said since this was asked last."""
        return [entry["message"] for entry in self._post("/se/log", type="browser")]

    def requests(self):
        """URLs of all requests since this was asked last."""
        events = [json.loads(entry["message"])["message"]
                  for entry in self._post("/se/log", type="performance")]
        return [event["params"]["request"]["url"] for event in events
                if event["method"] == "Network.requestWillBeSent"]

    def __exit__(self, *exception):
        if self.session and self.running:
            self._ask("DELETE", self.session)
        super().__exit__(*exception)
        self.process.stdout.close()
