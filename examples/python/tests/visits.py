"""A browser, and the visits that each application of the examples must pass, as a process."""

import os
import re
import secrets
import subprocess
import threading
import time
from collections import deque
from hashlib import sha256
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from support import as_owner, clear_sessions, live_sessions, owner_connection


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
            self.set_cookie = response.headers.get("Set-Cookie")
            if self.set_cookie is not None:
                pair = self.set_cookie.partition(";")[0]
                self.cookie = None if pair == "id=" else pair
            return response.status, response.read().decode()

    def copy(self):
        return Browser(self.address, self.cookie)

    def set_cookie_of(self, path):
        """Returns the header Set-Cookie of the answer, or None."""
        self.request(path)
        return self.set_cookie

    @property
    def session_id(self):
        return self.cookie.removeprefix("id=").partition(".")[0]


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
        # A server waits when it prints into a full pipe.
        cls.reader = threading.Thread(target=deque, args=(cls.output, 0), daemon=True)
        cls.reader.start()

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait(30)
        cls.reader.join(30)
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

    def test_login_of_another_user_begins_with_empty_data(self):
        browser = self.browser
        browser.request("/")
        browser.request("/login", {"user": "ada"})
        browser.request("/login", {"user": "ada"})
        self.assertEqual(browser.request("/"), (200, "views: 2\nuser: ada\n"))
        of_ada = browser.copy()
        self.assertEqual(browser.request("/login", {"user": "bob"})[0], 303)
        self.assertNotEqual(browser.cookie, of_ada.cookie)
        self.assertEqual(browser.request("/"), (200, "views: 1\nuser: bob\n"))
        self.assertEqual([user for _, user, _ in live_sessions()], ["bob"])
        # A view of ada that arrives late does not log bob out.
        self.assertIsNone(of_ada.set_cookie_of("/"))

    def test_login_with_wrong_user_keeps_the_session(self):
        self.browser.request("/login", {"user": "ada"})
        for wrong in ("a\0b", "a" * 1025, "é" * 513):
            self.assertEqual(self.browser.request("/login", {"user": wrong})[0], 400)
        self.assertEqual(self.browser.request("/"), (200, "views: 1\nuser: ada\n"))
        self.assertEqual(self.browser.request("/login", {"user": "é" * 512})[0], 303)

    def test_view_that_saves_after_login_sets_no_cookie(self):
        self.browser.request("/")
        answers = []
        view = threading.Thread(target=lambda: answers.append(self.browser.copy().set_cookie_of("/")))
        old, new = sha256(self.browser.session_id.encode()).digest(), secrets.token_bytes(32)
        with owner_connection() as owner, owner.transaction():
            [(outcome,)] = owner.execute("select outcome from web.login_session(%s, %s, 'ada')", (old, new)).fetchall()
            self.assertEqual(outcome, "rotated")
            view.start()
            # The view has loaded the session, and its save waits for the login.
            deadline = time.monotonic() + 8
            waits = "select exists (select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid)))"
            while not owner.execute(waits).fetchall()[0][0]:
                self.assertLess(time.monotonic(), deadline, "no save waits for the login")
                time.sleep(0.01)
        view.join(30)
        self.assertEqual(answers, [None])
        self.assertEqual([user for _, user, _ in live_sessions()], ["ada"])

    def test_view_with_rotated_id_sets_no_cookie_and_creates_nothing(self):
        self.browser.request("/")
        old = self.browser.copy()
        self.browser.request("/login", {"user": "ada"})
        for path in ("/", "/devices"):
            self.assertIsNone(old.set_cookie_of(path))
        self.assertEqual([user for _, user, _ in live_sessions()], ["ada"])
        # A login is no view.
        self.assertEqual(old.copy().request("/login", {"user": "bob"})[0], 303)
        self.assertEqual(sorted(user for _, user, _ in live_sessions()), ["ada", "bob"])

    def test_logout_with_rotated_id_ends_the_session(self):
        self.browser.request("/")
        old = self.browser.copy()
        self.browser.request("/login", {"user": "ada"})
        old.request("/logout", {})
        self.assertIsNone(old.cookie)
        self.assertEqual(live_sessions(), [])

    def test_session_that_was_revoked_begins_anew(self):
        self.browser.request("/login", {"user": "ada"})
        old = self.browser.copy()
        as_owner("select web.end_user_sessions('ada')")
        self.assertEqual(self.browser.request("/"), (200, "views: 1\nuser: anonymous\n"))
        self.assertNotEqual(self.browser.cookie, old.cookie)
        self.assertEqual(len(live_sessions()), 1)

    def test_cookies_of_others_do_not_hide_the_session(self):
        self.browser.request("/")
        own = self.browser.cookie
        others = ('prefs={"a": 1}; %s', '%s; prefs={"a": 1}', "a b=c; %s", "novalue; %s", "=; ;%s;", 'q="a; %s', "[x]=é; %s")
        for views, cookies in enumerate(others, 2):
            # http.client sends a header in latin-1.
            browser = Browser(self.address, cookies % own)
            self.assertEqual(browser.request("/"), (200, f"views: {views}\nuser: anonymous\n"), cookies)
        self.assertEqual(len(live_sessions()), 1)

    def test_form_of_another_site_is_refused(self):
        host = self.address.removeprefix("http://")
        refused = (
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
            {"Sec_Fetch_Site": "cross-site", "Origin": self.address},
            {"Origin": "http://other.example"},
            {"Origin": "http://127.0.0.1:1"},
            {"Origin": f"http://{host}.other.example"},
            {"Origin": "null"},
        )
        for headers in refused:
            self.assertEqual(self.browser.request("/login", {"user": "ada"}, **headers)[0], 403, headers)
        self.assertEqual(live_sessions(), [])
        served = ({}, {"Origin": self.address}, {"Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none", "Origin": "null"})
        for headers in served:
            self.assertEqual(self.browser.request("/login", {"user": "ada"}, **headers)[0], 303, headers)

    def test_form_that_is_too_large_is_refused(self):
        for size in (20_000, 200_000):
            self.assertEqual(self.browser.request("/login", {"user": "ada", "more": "x" * size})[0], 413)
        self.assertEqual(live_sessions(), [])

    def test_unreadable_data_is_not_the_visitors_error(self):
        self.browser.request("/")
        as_owner("update web.session set data = 'no JSON'")
        self.assertEqual(self.browser.request("/")[0], 500)

    def test_fields_that_are_missing_or_wrong(self):
        self.assertEqual(self.browser.request("/login", {})[0], 400)
        self.assertEqual(self.browser.request("/none")[0], 404)
        self.assertEqual(self.browser.request("/devices/end-others", {})[0], 403)

    def test_table_contains_no_id(self):
        self.browser.request("/")
        session_id = self.browser.session_id
        contents = str(as_owner("select s::text, s.key::text from web.session as s"))
        self.assertNotIn(session_id, contents)
        self.assertNotIn(session_id.encode().hex(), contents)
