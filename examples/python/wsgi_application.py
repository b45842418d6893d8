"""A web application without a framework whose sessions are in PostgreSQL, by the stored functions of connect-pg.

    pip install 'psycopg[binary,pool]'
    export SECRET=… PGHOST=localhost PGDATABASE=shop PGUSER=nodepg PGPASSWORD=…
    python wsgi_application.py 8000

It counts views, logs a visitor in without a password, and lists the devices of the user.
"""

import hmac
import html
import ipaddress
import json
import logging
import os
import secrets
import sys
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import parse_qs
from uuid import UUID
from wsgiref.simple_server import make_server

import psycopg
from psycopg_pool import ConnectionPool

SECRET = os.environ["SECRET"].encode()
# A browser accepts a cookie with the prefix over TLS only: then no other host can set it.
SECURE = os.environ.get("SECURE") == "1"
COOKIE = "__Host-id" if SECURE else "id"
MAX_AGE = 14 * 86400
MAX_FORM = 10_000
# So much of a larger form is read and discarded: a connection that is closed before may lose the answer.
MAX_READ = 1_000_000


class Refused(Exception):
    """A request that is not served. Its arguments are the status and the text."""

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
        self.given, self.late, self.ended = session_id, False, False
        if session_id is not None:
            rows = call("data, version, user_id from web.load_session(%s)", key_of(session_id))
            if rows:
                data, self.version, self.user = rows[0]
                self.data = json.loads(data)
            else:
                [(reason,)] = call("reason from web.session_info(%s)", key_of(session_id))
                # A login was faster: this answer must not replace the cookie that the login set. A login of another user
                # ends the session, as a logout does.
                self.late = reason in ("rotated", "logout")
                self.id = None

    def update(self, change):
        """Changes the data, and loses no change of another request: after a conflict it loads and changes again."""
        while True:
            change(self.data)
            data = json.dumps(self.data)
            if self.id is None:
                if self.late:
                    return  # nothing is stored
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
                self.late = True  # the session ended during this request, and stays ended
                return

    def login(self, user, address, program):
        """Gives the session to a user under a new id: an attacker may have planted the old one."""
        # login_session keeps the data, and the data of another user is private.
        if self.user not in (None, user):
            self.end()
            self.data = {}
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
        # The old id of a concurrent login ends the session as well.
        session_id = self.id or self.given
        if session_id is not None:
            call("web.end_session(%s)", key_of(session_id))
        self.id = self.user = None
        self.ended = True

    def handle(self):
        return call("handle from web.session_info(%s)", key_of(self.id))[0][0]


# ── The cookie ────────────────────────────────────────────────────────────────────────────────────


def signature(session_id):
    return hmac.new(SECRET, session_id.encode(), sha256).hexdigest()


def id_of(environ):
    """Returns the id of the cookie, or None: a forged one never reaches the database."""
    # SimpleCookie would lose all cookies because of one that it cannot parse.
    pairs = (cookie.partition("=") for cookie in environ.get("HTTP_COOKIE", "").split(";"))
    cookies = {name.strip(): value.strip() for name, _, value in pairs}
    session_id, _, signed = cookies.get(COOKIE, "").rpartition(".")
    return session_id if hmac.compare_digest(signed.encode(), signature(session_id).encode()) else None


def set_cookie(session_id):
    value, age = ("", 0) if session_id is None else (f"{session_id}.{signature(session_id)}", MAX_AGE)
    return f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}" + ("; Secure" if SECURE else "")


def cookie_headers(session, given):
    """Returns the header for a new id, and after a logout the one that removes the cookie."""
    if session.id is not None:
        return [] if session.id == given else [("Set-Cookie", set_cookie(session.id))]
    return [("Set-Cookie", set_cookie(None))] if session.ended else []


def from_another_site(site, origin, host):
    """Returns true if a form comes from another site. A browser sends no Sec-Fetch-Site to an origin of plain http."""
    if site is not None:
        return site not in ("same-origin", "none")
    return origin is not None and (not host or origin.partition("://")[2].lower() != host.lower())


# ── The pages ─────────────────────────────────────────────────────────────────────────────────────


def field(form, name):
    if name not in form:
        raise Refused(400, f"the field {name} is missing\n")
    return form[name]


def user_of(form):
    user = field(form, "user")
    # What the store accepts. PostgreSQL stores no NUL in a text.
    if "\0" in user or len(user.encode()) > 1024:
        raise Refused(400, "the user has a NUL, or more than 1024 bytes\n")
    return user


def handle_of(form):
    try:
        return UUID(field(form, "handle"))
    except ValueError:
        raise Refused(400, "the handle is not a UUID\n") from None


def parse_form(body):
    try:
        return {name: values[0] for name, values in parse_qs(body.decode()).items()}
    except ValueError:
        raise Refused(400, "the form is not UTF-8\n") from None


def home(session, form, environ):
    session.update(lambda data: data.update(views=data.get("views", 0) + 1))
    views = session.data.get("views", 0)
    return f"views: {views}\nuser: {html.escape(session.user or 'anonymous')}\n"


def login(session, form, environ):
    try:
        address = str(ipaddress.ip_address(environ.get("REMOTE_ADDR", "")))
    except ValueError:
        address = None
    session.login(user_of(form), address, environ.get("HTTP_USER_AGENT"))


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
    call("web.end_user_session(%s, %s)", session.user, handle_of(form))


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
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = -1
    if length < 0:
        raise Refused(400, "the length of the form is wrong\n")
    body = environ["wsgi.input"].read(min(length, MAX_READ))
    if length > MAX_FORM:
        raise Refused(413, "the form is too large\n")
    if len(body) < length:
        raise Refused(400, "the form is not complete\n")
    return parse_form(body)


def application(environ, start_response):
    def answer(status, text, *headers):
        start_response(f"{status} {HTTPStatus(status).phrase}", [("Content-Type", "text/plain; charset=utf-8"), *headers])
        return [text.encode()]

    method = environ["REQUEST_METHOD"]
    page = PAGES.get((method, environ.get("PATH_INFO", "")))
    if page is None:
        return answer(404, "no such page\n")
    if method == "POST" and from_another_site(*map(environ.get, ("HTTP_SEC_FETCH_SITE", "HTTP_ORIGIN", "HTTP_HOST"))):
        return answer(403, "from another site\n")
    given = id_of(environ)
    try:
        form = form_of(environ) if method == "POST" else {}
        session = Session(given)
        text = page(session, form, environ)
    except Refused as refused:
        return answer(*refused.args)
    except PermissionError:
        return answer(403, "log in first, or end another session of yours\n", *cookie_headers(session, given))
    except psycopg.OperationalError as error:  # PoolTimeout as well
        logging.getLogger(__name__).warning("the session store is unavailable: %s", error)
        return answer(503, "the session store is unavailable; please try again\n", ("Retry-After", "1"))
    # The session is saved before the head of the response is sent.
    headers = cookie_headers(session, given)
    if text is None:
        return answer(303, "", ("Location", "/"), *headers)
    return answer(200, text, *headers)


if __name__ == "__main__":
    with pool, make_server("127.0.0.1", int(sys.argv[1]), application) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
