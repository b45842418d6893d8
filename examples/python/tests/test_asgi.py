"""The ASGI application on a real server, with a browser before it."""

import asyncio
import os
import sys
import unittest
from pathlib import Path
from unittest import mock

import psycopg
import psycopg_pool
from support import clear_sessions, live_sessions
from visits import Visits

FOLDER = Path(__file__).parent.parent


class AsgiTests(Visits, unittest.TestCase):
    command = [
        *(sys.executable, "-m", "uvicorn", "--app-dir", FOLDER, "--port", "0"),
        *("--no-access-log", "--no-proxy-headers", "asgi_application:application"),
    ]
    prints_to = "stderr"


class SessionTests(unittest.IsolatedAsyncioTestCase):
    """The class of the application by itself, with requests at once."""

    @classmethod
    def setUpClass(cls):
        os.environ["SECRET"] = "of the tests"
        sys.path.insert(0, str(FOLDER))
        import asgi_application

        cls.application = asgi_application

    def setUp(self):
        clear_sessions()

    async def asyncSetUp(self):
        # Each test has its loop, and a pool that was closed cannot be opened again.
        self.application.pool = self.application.new_pool()
        await self.application.pool.open()
        self.addAsyncCleanup(self.application.pool.close)

    async def test_requests_at_once_lose_no_change(self):
        session = self.application.Session()
        add = lambda data: data.update(views=data.get("views", 0) + 1)  # noqa: E731
        await session.update(add)

        async def request():
            await (await self.application.Session(session.id).load()).update(add)

        await asyncio.gather(*(request() for _ in range(16)))
        self.assertEqual((await self.application.Session(session.id).load()).data, {"views": 17})

    async def test_save_after_end_brings_nothing_back(self):
        session = self.application.Session()
        await session.update(lambda data: data.update(n=1))
        late = await self.application.Session(session.id).load()
        await session.end()
        await late.update(lambda data: data.update(n=2))
        self.assertIsNone(late.id)
        self.assertEqual(live_sessions(), [])

    async def test_client_that_goes_away_gets_no_session(self):
        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            self.fail("there is no client")

        scope = {"type": "http", "method": "POST", "path": "/login", "headers": [], "client": None}
        await self.application.application(scope, receive, send)
        self.assertEqual(live_sessions(), [])

    async def test_store_that_is_unavailable_is_503(self):
        for error in (psycopg.OperationalError("no server"), psycopg_pool.PoolTimeout("no connection")):
            sent = []

            async def send(message):
                sent.append(message)

            scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": None}
            with mock.patch.object(self.application, "call", side_effect=error), self.assertLogs("asgi_application"):
                await self.application.application(scope, None, send)
            head, body = sent
            self.assertEqual(head["status"], 503)
            self.assertEqual(dict(head["headers"])[b"retry-after"], b"1")
            self.assertEqual(body["body"], b"the session store is unavailable; please try again\n")


if __name__ == "__main__":
    unittest.main()
