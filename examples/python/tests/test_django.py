"""The session backend for Django: the tests that Django has for each of its own, and what this one adds."""

import os
import sys
import threading
import unittest
from hashlib import sha256

import django
from asgiref.sync import async_to_sync
from django.conf import settings

from support import age_sessions, as_owner, clear_sessions, live_sessions

# Django's own tests, from its source distribution.
sys.path.insert(0, os.environ["DJANGO_TESTS"])

settings.configure(
    ALLOWED_HOSTS=["testserver"],
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        "sessions": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["PGDATABASE"],
            "USER": os.environ["PGUSER"],
            "PASSWORD": os.environ["PGPASSWORD"],
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "OPTIONS": {"server_side_binding": True},
        },
    },
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "sessions_tests"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="a key of the tests",
    SESSION_ENGINE="connect_pg_django",
    USE_TZ=True,
)
django.setup()

from django.contrib import auth  # noqa: E402
from django.contrib.sessions.backends.base import UpdateError  # noqa: E402
from django.contrib.sessions.exceptions import SessionInterrupted  # noqa: E402
from django.core import management  # noqa: E402
from django.core.exceptions import ImproperlyConfigured  # noqa: E402
from django.db import connections  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.test import Client, SimpleTestCase, override_settings  # noqa: E402
from django.urls import path  # noqa: E402
from sessions_tests.tests import SessionTestsMixin  # noqa: E402

from connect_pg_django import SessionStore, TooManySessions, end_session_of, end_sessions_of, sessions_of  # noqa: E402


class BackendCase(SimpleTestCase):
    databases = "__all__"

    def setUp(self):
        clear_sessions()
        super().setUp()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        connections.close_all()


class DjangoSessionTests(SessionTestsMixin, BackendCase):
    """Every test of Django's mixin, unchanged."""

    backend = SessionStore


# ── What a visitor sees ───────────────────────────────────────────────────────────────────────────

slow_request = threading.Event()
logged_out = threading.Event()


def view_count(request):
    request.session["views"] = request.session.get("views", 0) + 1
    return JsonResponse({"views": request.session["views"], "user": request.user.get_username()})


def view_read(request):
    return JsonResponse({"views": request.session.get("views")})


def view_slow(request):
    request.session["views"] = 100
    slow_request.set()
    assert logged_out.wait(30)
    return JsonResponse({})


def view_login(request):
    request.session.device = {"label": request.GET.get("label"), "user_agent": request.headers.get("user-agent")}
    user, _ = auth.get_user_model().objects.get_or_create(username=request.GET["user"])
    auth.login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return JsonResponse({"id": user.pk})


def view_logout(request):
    auth.logout(request)
    return JsonResponse({})


urlpatterns = [
    path("", view_count),
    path("read", view_read),
    path("slow", view_slow),
    path("login", view_login),
    path("logout", view_logout),
]


class ApplicationTests(BackendCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        management.call_command("migrate", verbosity=0, database="default")

    def key(self, client):
        return client.cookies["sessionid"].value

    def copy(self, client):
        other = Client()
        other.cookies["sessionid"] = self.key(client)
        return other

    def test_visitor_keeps_session_and_reading_writes_nothing(self):
        client = Client()
        self.assertEqual(client.get("/read").cookies, {})
        self.assertEqual(live_sessions(), [])
        self.assertEqual(client.get("/").json()["views"], 1)
        before = as_owner("select s::text from web.session as s")
        self.assertEqual(client.get("/read").json()["views"], 1)
        self.assertEqual(as_owner("select s::text from web.session as s"), before)
        self.assertEqual(client.get("/").json()["views"], 2)

    def test_unknown_key_is_not_adopted(self):
        client = Client()
        client.cookies["sessionid"] = "anattackerplantedthiskeyinthebrowser"
        client.get("/")
        self.assertNotEqual(self.key(client), "anattackerplantedthiskeyinthebrowser")

    def test_login_gives_session_to_user_under_new_key_and_keeps_data(self):
        client = Client()
        client.get("/")
        planted = self.copy(client)
        user = client.get("/login?user=ada").json()["id"]
        self.assertNotEqual(self.key(client), self.key(planted))
        self.assertEqual(client.get("/").json(), {"views": 2, "user": "ada"})
        self.assertEqual(planted.get("/").json(), {"views": 1, "user": ""})
        self.assertEqual(len(sessions_of(user)), 1)

    def test_login_of_new_visitor_creates_one_session_of_user(self):
        client = Client()
        user = client.get("/login?user=ada&label=phone", headers={"user-agent": "Phone/1"}).json()["id"]
        (device,) = sessions_of(user)
        self.assertEqual((device.label, device.user_agent), ("phone", "Phone/1"))
        self.assertEqual(client.get("/").json(), {"views": 1, "user": "ada"})

    def test_login_as_another_user_carries_no_data_over(self):
        client = Client()
        client.get("/login?user=ada")
        client.get("/")
        bob = client.get("/login?user=bob").json()["id"]
        self.assertEqual(client.get("/").json(), {"views": 1, "user": "bob"})
        self.assertEqual(len(sessions_of(bob)), 1)

    def test_logout_ends_session(self):
        client = Client()
        user = client.get("/login?user=ada").json()["id"]
        stolen = self.copy(client)
        client.get("/logout")
        self.assertEqual(sessions_of(user), [])
        self.assertEqual(stolen.get("/").json(), {"views": 1, "user": ""})

    def test_save_of_request_during_logout_brings_nothing_back(self):
        client = Client()
        client.get("/login?user=ada")
        slow = self.copy(client)
        slow_request.clear()
        logged_out.clear()
        answers = []

        def request():
            answers.append(slow.get("/slow").status_code)
            connections.close_all()

        thread = threading.Thread(target=request)
        thread.start()
        self.assertTrue(slow_request.wait(30))
        client.get("/logout")
        logged_out.set()
        thread.join()
        # Django's own answer: SessionInterrupted.
        self.assertEqual(answers, [400])
        self.assertEqual(live_sessions(), [])

    def test_devices_are_ended_by_handle_and_by_user(self):
        phone, laptop = Client(), Client()
        user = phone.get("/login?user=ada&label=phone").json()["id"]
        laptop.get("/login?user=ada&label=laptop")
        handle = next(device.handle for device in sessions_of(user) if device.label == "laptop")
        own = SessionStore(self.key(phone))
        self.assertIn(own.handle, [device.handle for device in sessions_of(user) if device.label == "phone"])
        self.assertFalse(end_session_of("another user", handle))
        self.assertFalse(end_session_of(user, "no handle"))
        self.assertTrue(end_session_of(user, str(handle)))
        self.assertEqual(laptop.get("/").json()["user"], "")
        laptop.get("/login?user=ada")
        self.assertEqual(end_sessions_of(user, except_session=own), 1)
        self.assertEqual(phone.get("/").json()["user"], "ada")
        self.assertEqual(end_sessions_of(user), 1)
        self.assertEqual(phone.get("/").json()["user"], "")

    def test_expired_session_is_gone(self):
        client = Client()
        client.get("/")
        age_sessions(settings.SESSION_COOKIE_AGE - 60)
        self.assertEqual(client.get("/read").json()["views"], 1)
        age_sessions(120)
        self.assertEqual(client.get("/read").json()["views"], None)


class BackendTests(BackendCase):
    def saved(self, **data):
        session = SessionStore()
        session.update(data)
        session.save()
        return session

    def test_row_has_lifetime_of_session(self):
        self.saved(a=1)
        self.assertEqual(live_sessions(), [('{"a":1}', None, settings.SESSION_COOKIE_AGE)])

    def test_changed_lifetime_is_that_of_row(self):
        session = self.saved(a=1)
        session.set_expiry(300)
        session.save()
        self.assertEqual(live_sessions()[0][2], 300)
        session.set_expiry(20 * 86400)
        session.save()
        self.assertEqual(live_sessions()[0][2], 20 * 86400)

    def test_absolute_age_limits_lifetime_and_setting_raises_it(self):
        def days():
            return as_owner("select round(extract(epoch from max(expires_at) - statement_timestamp()) / 86400)::integer from web.session")

        session = self.saved(a=1)
        session.set_expiry(60 * 86400)
        session.save()
        self.assertEqual(days(), [(30,)])
        with override_settings(SESSION_ABSOLUTE_AGE=90 * 86400):
            # It counts from the creation: no save moves it.
            session.save()
            self.assertEqual(days(), [(30,)])
            longer = SessionStore()
            longer.set_expiry(60 * 86400)
            longer.create()
        self.assertEqual(days(), [(60,)])

    def test_save_of_ended_session_raises_update_error_also_after_tombstone_is_deleted(self):
        session = self.saved(a=1)
        loaded = SessionStore(session.session_key)
        loaded["a"] = 2
        session.delete()
        clear_sessions()
        with self.assertRaises(UpdateError):
            loaded.save()
        self.assertEqual(live_sessions(), [])

    def test_cycle_key_keeps_handle_and_unsaved_data(self):
        session = self.saved(a=1)
        handle, old_key = session.handle, session.session_key
        session["b"] = 2
        session.cycle_key()
        session.save()
        again = SessionStore(session.session_key)
        self.assertEqual(dict(again.items()), {"a": 1, "b": 2})
        self.assertEqual(again.handle, handle)
        self.assertFalse(session.exists(old_key))

    def test_cycle_key_of_ended_session_creates_new_one(self):
        session = self.saved(a=1)
        SessionStore(session.session_key).delete()
        session.cycle_key()
        self.assertEqual(len(live_sessions()), 1)

    def test_cycle_key_of_ended_session_of_a_user_does_not_bring_it_back(self):
        session = self.saved(_auth_user_id="7")
        slow = SessionStore(session.session_key)
        slow["late"] = True
        end_sessions_of("7")
        with self.assertRaises(SessionInterrupted):
            slow.cycle_key()
        self.assertEqual(live_sessions(), [])

    def test_acycle_key_rotates(self):
        session = self.saved(a=1)
        handle = session.handle
        async_to_sync(session.acycle_key)()
        self.assertEqual(SessionStore(session.session_key).handle, handle)

    def test_two_saves_at_once_of_one_new_key_create_one_session(self):
        first, second = SessionStore("a" * 40), SessionStore("a" * 40)
        first.save(must_create=True)
        with self.assertRaises(Exception) as raised:
            second.save(must_create=True)
        self.assertEqual(type(raised.exception).__name__, "CreateError")

    def test_login_above_limit_is_error_where_store_rejects(self):
        as_owner("update web.settings set max_sessions_per_user = 1, reject_over_limit = true")
        self.addCleanup(as_owner, "update web.settings set max_sessions_per_user = 0, reject_over_limit = false")
        self.saved(_auth_user_id="7")
        anonymous = self.saved(a=1)
        anonymous["_auth_user_id"] = "7"
        with self.assertRaises(TooManySessions):
            anonymous.save()
        with self.assertRaises(TooManySessions):
            self.saved(_auth_user_id="7")
        self.assertEqual(len(sessions_of("7")), 1)

    def test_data_that_is_no_json_object_is_empty_session(self):
        for text in ("{", "null", "[1]", "5"):
            clear_sessions()
            as_owner("select web.create_session(%s, %s)", sha256(b"a" * 40).digest(), text)
            with self.assertLogs("django.security.SuspiciousSession", "WARNING"):
                self.assertEqual(SessionStore("a" * 40).get("a"), None)

    def test_pickle_is_refused(self):
        with override_settings(SESSION_SERIALIZER="django.contrib.sessions.serializers.PickleSerializer"):
            with self.assertRaises((ImproperlyConfigured, ImportError)):
                SessionStore()
        with override_settings(SESSION_SERIALIZER="django.core.signing.TimestampSigner"):
            with self.assertRaises(ImproperlyConfigured):
                SessionStore()

    def test_table_contains_no_key_of_cookie(self):
        session = self.saved(a=1)
        contents = str(as_owner("select s::text, s.key::text from web.session as s"))
        self.assertNotIn(session.session_key, contents)
        self.assertNotIn(session.session_key.encode().hex(), contents)
        self.assertIn(sha256(session.session_key.encode()).hexdigest(), contents)

    def test_clearsessions_deletes_expired_sessions(self):
        self.saved(a=1)
        session = self.saved(b=1)
        session.set_expiry(300)
        session.save()
        age_sessions(400)
        as_owner("update web.session set prune_after = least(prune_after, expires_at)")
        management.call_command("clearsessions")
        self.assertEqual([data for data, _, _ in live_sessions()], ['{"a":1}'])

    def test_runtime_role_cannot_read_table(self):
        with self.assertRaisesRegex(Exception, "permission denied"), connections["sessions"].cursor() as cursor:
            cursor.execute("select * from web.session")


if __name__ == "__main__":
    unittest.main()
