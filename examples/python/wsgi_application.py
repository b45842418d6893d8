"""A web application without a framework whose sessions are in PostgreSQL, by the stored functions of connect-pg.

    SECRET=… PGHOST=localhost PGDATABASE=shop PGUSER=nodepg PGPASSWORD=… python wsgi_application.py 8000

It counts views, logs a visitor in without a password, and lists the devices of the user. Needs psycopg 3 with its pool.
"""

import hmac
import html
import ipaddress
import json
import os
import secrets
import sys
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs
from uuid import UUID
from wsgiref.simple_server import make_server

from psycopg_pool import ConnectionPool

SECRET = os.environ["SECRET"].encode()
# A browser accepts a cookie with the prefix over TLS only: then no other host can set it.
SECURE = os.environ.get("SECURE") == "1"
COOKIE = "__Host-id" if SECURE else "id"
MAX_AGE = 14 * 86400

# No call waits without a bound: the pool for a connection, the server for a lock (lock_timeout of the role) and for a statement.
pool = ConnectionPool(
    kwargs={"autocommit": True, "options": "-c statement_timeout=30s", "connect_timeout": 10},
    min_size=0, max_size=8, timeout=10, check=ConnectionPool.check_connection, open=False,
)  # fmt: skip


# ── Sessions ──────────────────────────────────────────────────────────────────────────────────────


def call(function, *arguments):
    """Returns the rows of one function of the store."""
    with pool.connection() as connection:
        return connection.execute(f"select {function}", arguments).fetchall()


def new_id():
    return secrets.token_urlsafe(32)


def key_of(session_id):
    """Returns all that the database sees of an id."""
    return sha256(session_id.encode()).digest()


class Session:
    """The session of one request. A new visitor has none until something is stored."""

    def __init__(self, session_id):
        self.id, self.data, self.version, self.user = session_id, {}, None, None
        if session_id is not None:
            rows = call("data, version, user_id from web.load_session(%s)", key_of(session_id))
            if rows:
                data, self.version, self.user = rows[0]
                self.data = json.loads(data)
            else:
                self.id = None

    def update(self, change):
        """Changes the data, and loses no change of another request: after a conflict it loads and changes again."""
        while True:
            change(self.data)
            data = json.dumps(self.data)
            if self.id is None:
                self.id = new_id()
                [(outcome, self.version)] = call(
                    "outcome, version from web.create_session(%s, %s, %s)", key_of(self.id), data, MAX_AGE
                )
                if outcome == "created":
                    return
                self.id = None
                continue
            [(outcome, version)] = call(
                "outcome, version from web.save_session(%s, %s, %s)", key_of(self.id), data, self.version
            )
            if outcome == "saved":
                self.version = version
                return
            # "same" as well: another request stored equal data, and two that add 1 must come to 2 more.
            self.__init__(self.id)
            if self.id is None:
                return  # the session ended during this request, and stays ended

    def login(self, user, address, program):
        """Gives the session to a user under a new id: an attacker may have planted the old one."""
        while True:
            fresh = new_id()
            if self.id is not None:
                [(outcome,)] = call(
                    "outcome from web.login_session(%s, %s, %s, null, null, %s, %s)",
                    key_of(self.id), key_of(fresh), user, address, program,
                )  # fmt: skip
            else:
                [(outcome,)] = call(
                    "outcome from web.create_session(%s, '{}', %s, null, %s, %s, %s)",
                    key_of(fresh), MAX_AGE, user, address, program,
                )  # fmt: skip
            if outcome in ("rotated", "created"):
                self.id, self.user = fresh, user
                return
            if outcome == "limit_reached":
                raise PermissionError
            if outcome == "gone":
                self.id, self.data = None, {}  # ended meanwhile: a new one, without its data

    def end(self):
        if self.id is not None:
            call("web.end_session(%s)", key_of(self.id))
            self.id = self.user = None

    def handle(self):
        return call("handle from web.session_info(%s)", key_of(self.id))[0][0]


# ── The cookie ────────────────────────────────────────────────────────────────────────────────────


def signature(session_id):
    return hmac.new(SECRET, session_id.encode(), sha256).hexdigest()


def id_of(environ):
    """Returns the id of the cookie, or None: a forged one never reaches the database."""
    try:
        cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(COOKIE)
    except CookieError:
        return None
    session_id, _, signed = cookie.value.rpartition(".") if cookie else ("", "", "")
    return session_id if hmac.compare_digest(signed.encode(), signature(session_id).encode()) else None


def set_cookie(session_id):
    value, age = ("", 0) if session_id is None else (f"{session_id}.{signature(session_id)}", MAX_AGE)
    return f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}" + ("; Secure" if SECURE else "")


# ── The pages ─────────────────────────────────────────────────────────────────────────────────────


def home(session, form, environ):
    session.update(lambda data: data.update(views=data.get("views", 0) + 1))
    views = session.data.get("views", 0)
    return f"views: {views}\nuser: {html.escape(session.user or 'anonymous')}\n"


def login(session, form, environ):
    try:
        address = str(ipaddress.ip_address(environ.get("REMOTE_ADDR", "")))
    except ValueError:
        address = None
    session.login(form["user"], address, environ.get("HTTP_USER_AGENT"))


def logout(session, form, environ):
    session.end()


def devices(session, form, environ):
    if session.user is None:
        return "no user is logged in\n"
    own = session.handle()
    rows = call("handle, user_agent from web.user_sessions(%s)", session.user)
    return "".join(f"{handle} {html.escape(program or '')}{' (this one)' if handle == own else ''}\n" for handle, program in rows)


def end_device(session, form, environ):
    # The user of the session, never one from the form.
    if session.user is None:
        raise PermissionError
    call("web.end_user_session(%s, %s)", session.user, UUID(form["handle"]))


def end_others(session, form, environ):
    if session.user is None:
        raise PermissionError
    call("web.end_user_sessions(%s, %s)", session.user, key_of(session.id))


PAGES = {
    ("GET", "/"): home,
    ("GET", "/devices"): devices,
    ("POST", "/login"): login,
    ("POST", "/logout"): logout,
    ("POST", "/devices/end"): end_device,
    ("POST", "/devices/end-others"): end_others,
}


def form_of(environ):
    body = environ["wsgi.input"].read(min(int(environ.get("CONTENT_LENGTH") or 0), 10_000))
    return {name: values[0] for name, values in parse_qs(body.decode()).items()}


def application(environ, start_response):
    def answer(status, text, *headers):
        start_response(status, [("Content-Type", "text/plain; charset=utf-8"), *headers])
        return [text.encode()]

    method = environ["REQUEST_METHOD"]
    page = PAGES.get((method, environ.get("PATH_INFO", "")))
    if page is None:
        return answer("404 Not Found", "no such page\n")
    # A form of another site is refused: every current browser sends the header.
    if method == "POST" and environ.get("HTTP_SEC_FETCH_SITE", "same-origin") not in ("same-origin", "none"):
        return answer("403 Forbidden", "from another site\n")
    given = id_of(environ)
    session = Session(given)
    try:
        text = page(session, form_of(environ) if method == "POST" else {}, environ)
    except (KeyError, ValueError):
        return answer("400 Bad Request", "a field is missing or wrong\n")
    except PermissionError:
        return answer("403 Forbidden", "log in first, or end another session of yours\n")
    # The session is saved before the head of the response is sent.
    headers = [] if session.id == given else [("Set-Cookie", set_cookie(session.id))]
    if text is None:
        return answer("303 See Other", "", ("Location", "/"), *headers)
    return answer("200 OK", text, *headers)


if __name__ == "__main__":
    with pool, make_server("127.0.0.1", int(sys.argv[1]), application) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
