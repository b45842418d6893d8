"""A browser, and the visits that each application of the examples must pass, as a process."""

import os
import re
import secrets
import subprocess
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from support import as_owner, clear_sessions, live_sessions


class NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


class Browser:
    def __init__(self, address, cookie=None):
        self.address, self.cookie = address, cookie
        self.opener = build_opener(NoRedirect)

    def request(self, path, form=None, **headers):
        data = None if form is None else urlencode(form).encode()
        request = Request(self.address + path, data, {name.replace("_", "-"): value for name, value in headers.items()})
        if self.cookie is not None:
            request.add_header("Cookie", self.cookie)
        try:
            response = self.opener.open(request, timeout=30)
        except HTTPError as error:
            response = error
        with response:
            set_cookie = response.headers.get("Set-Cookie")
            if set_cookie is not None:
                pair = set_cookie.partition(";")[0]
                self.cookie = None if pair == "id=" else pair
            return response.status, response.read().decode()

    def copy(self):
        return Browser(self.address, self.cookie)


class Visits:
    """Tests of an application. A subclass has its command, and the stream on which it prints its address."""

    @classmethod
    def setUpClass(cls):
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, cls.prints_to: subprocess.PIPE}
        cls.process = subprocess.Popen(cls.command, env={**os.environ, "SECRET": secrets.token_hex()}, text=True, **streams)
        cls.output = getattr(cls.process, cls.prints_to)
        # A server that fails ends its output.
        line = next(line for line in cls.output if "http://" in line)
        cls.address = re.search(r"http://[0-9.:]+", line).group()

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait(30)
        cls.output.close()

    def setUp(self):
        clear_sessions()
        self.browser = Browser(self.address)

    def test_visit(self):
        browser = self.browser
        self.assertEqual(browser.request("/"), (200, "views: 1\nuser: anonymous\n"))
        self.assertEqual(browser.request("/"), (200, "views: 2\nuser: anonymous\n"))
        planted = browser.copy()
        self.assertEqual(browser.request("/login", {"user": "ada"})[0], 303)
        self.assertNotEqual(browser.cookie, planted.cookie)
        self.assertEqual(browser.request("/"), (200, "views: 3\nuser: ada\n"))
        self.assertEqual(planted.request("/"), (200, "views: 1\nuser: anonymous\n"))
        old = browser.copy()
        self.assertEqual(browser.request("/logout", {})[0], 303)
        self.assertIsNone(browser.cookie)
        self.assertEqual(old.request("/"), (200, "views: 1\nuser: anonymous\n"))

    def test_forged_cookie_never_reaches_database(self):
        for forged in ("id=x", "id=x.", 'id="x.\\351"', f"id={secrets.token_urlsafe(32)}.{'0' * 64}", "id==;;", "="):
            browser = Browser(self.address, forged)
            self.assertEqual(browser.request("/devices"), (200, "no user is logged in\n"))
        self.assertEqual(live_sessions(), [])

    def test_devices(self):
        phone, laptop = self.browser, self.browser.copy()
        phone.request("/login", {"user": "ada"}, User_Agent="Phone/1")
        laptop.request("/login", {"user": "ada"}, User_Agent="Laptop/<1>")
        _, text = phone.request("/devices")
        devices = dict(re.findall(r"^(\S+) (\S+)", text, re.M))
        self.assertEqual(sorted(devices.values()), ["Laptop/&lt;1&gt;", "Phone/1"])
        self.assertIn("Phone/1 (this one)", text)
        handle = next(handle for handle, program in devices.items() if program.startswith("Laptop"))
        stranger = self.browser.copy()
        stranger.cookie = None
        self.assertEqual(stranger.request("/devices/end", {"handle": handle})[0], 403)
        stranger.request("/login", {"user": "bob"})
        stranger.request("/devices/end", {"handle": handle})
        self.assertIn("ada", laptop.request("/")[1])
        self.assertEqual(phone.request("/devices/end", {"handle": "x"})[0], 400)
        self.assertEqual(phone.request("/devices/end", {"handle": handle})[0], 303)
        self.assertIn("anonymous", laptop.request("/")[1])
        laptop.request("/login", {"user": "ada"})
        phone.request("/devices/end-others", {})
        self.assertIn("anonymous", laptop.request("/")[1])
        self.assertIn("ada", phone.request("/")[1])

    def test_form_of_another_site_is_refused(self):
        self.assertEqual(self.browser.request("/login", {"user": "ada"}, Sec_Fetch_Site="cross-site")[0], 403)
        self.assertEqual(live_sessions(), [])

    def test_fields_that_are_missing_or_wrong(self):
        self.assertEqual(self.browser.request("/login", {})[0], 400)
        self.assertEqual(self.browser.request("/none")[0], 404)
        self.assertEqual(self.browser.request("/devices/end-others", {})[0], 403)

    def test_table_contains_no_id(self):
        self.browser.request("/")
        session_id = self.browser.cookie.removeprefix("id=").partition(".")[0]
        contents = str(as_owner("select s::text, s.key::text from web.session as s"))
        self.assertNotIn(session_id, contents)
        self.assertNotIn(session_id.encode().hex(), contents)
