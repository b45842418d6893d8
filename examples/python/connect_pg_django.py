"""Django sessions in PostgreSQL, by the stored functions of connect-pg.

Put this file beside your settings, with psycopg 3, and write into them:

    SESSION_ENGINE = "connect_pg_django"
    DATABASES["sessions"] = {                     # the runtime role: it executes functions and reads no table
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop", "USER": "nodepg", "PASSWORD": ..., "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"server_side_binding": True}, # otherwise the text of each statement contains the data of the session
    }

Optional: SESSION_DATABASE and SESSION_SCHEMA (another alias and schema), and SESSION_ABSOLUTE_AGE: the seconds after which a session
ends although it is used, 30 days by default. It also limits SESSION_COOKIE_AGE and set_expiry().

A save after the end of the session raises UpdateError, as with Django's own backends: the middleware answers 400. A login by
django.contrib.auth gives the session to the user, under a new key; sessions_of() lists the user's devices.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address
from math import ceil
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.serializers import JSONSerializer
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils.crypto import get_random_string

# As in django.contrib.auth, which need not be installed.
USER_KEY = "_auth_user_id"

KEY_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
KEY_LENGTH = 50  # 258 random bits

PRUNE_BATCH = 1000


def _key(session_key):
    # All that the database sees of the key in the cookie.
    return sha256(session_key.encode()).digest()


def _call(function, *arguments):
    """Returns the rows of one function of the store, each as a tuple."""
    connection = connections[getattr(settings, "SESSION_DATABASE", "sessions")]
    schema = connection.ops.quote_name(getattr(settings, "SESSION_SCHEMA", "web"))
    with connection.cursor() as cursor:
        cursor.execute(f"select {function.format(schema=schema)}", arguments)
        return cursor.fetchall()


@dataclass(frozen=True)
class Device:
    """A live session of a user. The handle names it in a form; it cannot be used to load it."""

    handle: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    client_address: IPv4Address | IPv6Address | None
    user_agent: str | None
    label: str | None


def sessions_of(user_id):
    """Returns the live sessions of a user, the last used one first."""
    rows = _call(
        "handle, created_at, last_used_at, expires_at, client_address, user_agent, label from {schema}.user_sessions(%s)",
        str(user_id),
    )
    return [Device(*row) for row in rows]


def end_session_of(user_id, handle):
    """Ends one session of a user. Returns False if the user has no live session with that handle."""
    try:
        handle = UUID(str(handle))
    except ValueError:
        return False
    return _call("{schema}.end_user_session(%s, %s)", str(user_id), handle)[0][0]


def end_sessions_of(user_id, except_session=None):
    """Ends the sessions of a user, except one, and returns their number."""
    except_key = None if except_session is None else _key(except_session.session_key)
    return _call("{schema}.end_user_sessions(%s, %s)", str(user_id), except_key)[0][0]


class TooManySessions(Exception):
    """The user has the maximum number of sessions, and the store rejects more (reject_over_limit)."""


class SessionStore(SessionBase):
    # For the list of devices: a view sets request.session.device = {"label": "phone", "user_agent": …, "client_address": …}.
    device = {}

    # The user of the stored session.
    _user_id = None
    _handle = None

    def __init__(self, session_key=None):
        super().__init__(session_key)
        if not issubclass(self.serializer, JSONSerializer):
            raise ImproperlyConfigured("This session backend stores JSON: set SESSION_SERIALIZER to a JSONSerializer.")

    @property
    def handle(self):
        """The handle of the stored session, or None: tells which row of sessions_of() is this one."""
        if self._handle is None and self.session_key is not None:
            self._handle = _call("handle from {schema}.session_info(%s)", _key(self.session_key))[0][0]
        return self._handle

    def load(self):
        # Django's expiry counts from the last save, so a load does not slide it. See SESSION_SAVE_EVERY_REQUEST.
        key = self.session_key
        rows = [] if key is None else _call("data, user_id from {schema}.load_session(%s, false)", _key(key))
        if not rows:
            self._session_key = self._user_id = None
            return {}
        data, self._user_id = rows[0]
        try:
            loaded = self.serializer().loads(data.encode())
        except ValueError:
            loaded = None
        if not isinstance(loaded, dict):
            logging.getLogger("django.security.SuspiciousSession").warning("Session data corrupted")
            return {}
        return loaded

    def exists(self, session_key):
        return bool(session_key) and _call("state from {schema}.session_info(%s)", _key(session_key))[0][0] == "live"

    def create(self):
        while True:
            self._session_key = self._new_key()
            try:
                self.save(must_create=True)
            except CreateError:
                continue  # the key is in use
            self.modified = True
            return

    def save(self, must_create=False):
        if self.session_key is None:
            return self.create()
        session = self._get_session(no_load=must_create)
        data = self.serializer().dumps(session).decode()
        seconds = ceil(self.get_expiry_age())
        user_id = session.get(USER_KEY)
        if seconds <= 0:
            self.delete()
        elif must_create:
            self._create(data, seconds, user_id)
        else:
            if user_id is not None and user_id != self._user_id:
                self._login(user_id)
            self._update(data, seconds)

    def _create(self, data, seconds, user_id):
        # Counts from the creation. None: the default of the store.
        absolute_age = getattr(settings, "SESSION_ABSOLUTE_AGE", None)
        rows = _call(
            "outcome, handle from {schema}.create_session(%s, %s, %s, %s, %s, %s, %s, %s)",
            _key(self.session_key), data, seconds, absolute_age, user_id, *self._attributes(),
        )  # fmt: skip
        outcome, handle = rows[0]
        if outcome == "exists":
            raise CreateError
        if outcome == "limit_reached":
            raise TooManySessions
        self._user_id, self._handle = user_id, handle

    def _update(self, data, seconds):
        # Only updates: a session that was ended meanwhile stays ended.
        rows = _call("outcome from {schema}.save_session(%s, %s, null, %s)", _key(self.session_key), data, seconds)
        if rows[0][0] == "gone":
            raise UpdateError

    def _login(self, user_id):
        self._change_key("login_session(%s, %s, %s, null, null, %s, %s, %s)", user_id, *self._attributes())
        # The session of another user has a new handle.
        self._user_id, self._handle = user_id, None

    def _change_key(self, function, *arguments):
        """Gives the stored session a new key in one call. The old one is invalid at once."""
        while True:
            new_key = self._new_key()
            rows = _call(f"outcome from {{schema}}.{function}", _key(self.session_key), _key(new_key), *arguments)
            outcome = rows[0][0]
            if outcome == "gone":
                raise UpdateError
            if outcome == "limit_reached":
                raise TooManySessions
            if outcome == "rotated":
                self._session_key = new_key
                return

    def cycle_key(self):
        self._get_session()  # the data stays, saved or not
        try:
            if self.session_key is None:
                raise UpdateError
            self._change_key("rotate_session(%s, %s)")
        except UpdateError:
            # The session of a user was ended meanwhile, and stays so.
            if self._user_id is not None:
                raise SessionInterrupted("The session was ended before the request completed.") from None
            data = self._session_cache
            self.create()
            self._session_cache = data
        self.modified = True

    async def acycle_key(self):
        await sync_to_async(self.cycle_key)()

    def delete(self, session_key=None):
        session_key = session_key or self.session_key
        if session_key is not None:
            _call("{schema}.end_session(%s)", _key(session_key))

    @classmethod
    def clear_expired(cls):
        while True:
            outcome, deleted, rescheduled = _call("* from {schema}.prune_sessions(%s)", PRUNE_BATCH)[0]
            if outcome == "busy" or deleted + rescheduled < PRUNE_BATCH:
                return

    def _attributes(self):
        device = self.device
        return device.get("client_address"), device.get("user_agent"), device.get("label")

    @staticmethod
    def _new_key():
        return get_random_string(KEY_LENGTH, KEY_CHARACTERS)
