"""The WSGI application, as a process with a browser before it."""

import os
import sys
import threading
import unittest
from io import BytesIO
from pathlib import Path
from unittest import mock

import psycopg
import psycopg_pool
from support import clear_sessions, live_sessions
from visits import Visits

APPLICATION = Path(__file__).parent.parent / "wsgi_application.py"


class WsgiTests(Visits, unittest.TestCase):
    command = [sys.executable, APPLICATION, "0"]
    prints_to = "stdout"


class SessionTests(unittest.TestCase):
    """The class of the application by itself, with requests at once."""

    @classmethod
    def setUpClass(cls):
        os.environ["SECRET"] = "of the tests"
        sys.path.insert(0, str(APPLICATION.parent))
        import wsgi_application

        cls.application = wsgi_application
        wsgi_application.pool.open()

    @classmethod
    def tearDownClass(cls):
        cls.application.pool.close()

    def setUp(self):
        clear_sessions()

    def test_requests_at_once_lose_no_change(self):
        session = self.application.Session(None)
        add = lambda data: data.update(views=data.get("views", 0) + 1)  # noqa: E731
        session.update(add)

        def request():
            self.application.Session(session.id).update(add)

        threads = [threading.Thread(target=request) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.application.Session(session.id).data, {"views": 17})

    def test_save_after_end_brings_nothing_back(self):
        session = self.application.Session(None)
        session.update(lambda data: data.update(n=1))
        late = self.application.Session(session.id)
        session.end()
        late.update(lambda data: data.update(n=2))
        self.assertIsNone(late.id)
        self.assertEqual(live_sessions(), [])

    def test_store_that_is_unavailable_is_503(self):
        for error in (psycopg.OperationalError("no server"), psycopg_pool.PoolTimeout("no connection")):
            heads = []
            environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
            with mock.patch.object(self.application, "call", side_effect=error), self.assertLogs("wsgi_application"):
                body = b"".join(self.application.application(environ, lambda *head: heads.append(head)))
            [(status, headers)] = heads
            self.assertEqual(status, "503 Service Unavailable")
            self.assertEqual(dict(headers)["Retry-After"], "1")
            self.assertEqual(body, b"the session store is unavailable; please try again\n")

    def test_form_that_is_cut_is_refused(self):
        for length in ("20", "-1", "x"):
            heads = []
            environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/login"}
            environ |= {"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"user=ada")}
            self.application.application(environ, lambda *head: heads.append(head))
            self.assertEqual(heads[0][0], "400 Bad Request")
        self.assertEqual(live_sessions(), [])


if __name__ == "__main__":
    unittest.main()
