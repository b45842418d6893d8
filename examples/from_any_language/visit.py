# python visit.py, as the runtime role: PGHOST, PGDATABASE, PGUSER, PGPASSWORD
import secrets
from hashlib import sha256

import psycopg


# An id is 32 random bytes, and goes into a cookie. Its SHA-256 is the key: all that the server sees.
def new_id():
    return secrets.token_urlsafe(32)


def key_of(session_id):
    return sha256(session_id.encode()).digest()


with psycopg.connect(autocommit=True) as connection:

    def one(text, *values):
        return connection.execute(text, values).fetchone()

    # A new visitor puts something into the basket.
    key = key_of(new_id())
    outcome, version = one("select outcome, version from web.create_session(%s, %s)", key, '{"cart":["tea"]}')
    print(f"{outcome}, version {version}")

    # The next request loads the session. An unknown or ended one has no row.
    data, version = one("select data, version from web.load_session(%s)", key)
    print(f"loaded {data}, version {version}")

    # A save names the version that was loaded, so it overwrites no other change.
    save = "select outcome, version from web.save_session(%s, %s, %s)"
    outcome, stored = one(save, key, '{"cart":["tea","milk"]}', version)
    print(f"{outcome}, version {stored}")

    # Another request loaded version 1 too. It loads again, and then changes and saves.
    outcome, stored = one(save, key, '{"cart":["tea","rice"]}', version)
    print(f"{outcome}, version {stored} is stored")

    # The login: a new id, the same data. The old id is invalid at once.
    new_key = key_of(new_id())
    (outcome,) = one("select outcome from web.login_session(%s, %s, %s, p_label => %s)", key, new_key, "ada", "phone")
    print(outcome)
    (count,) = one("select count(*) from web.load_session(%s)", key)
    print(f"sessions under the old id: {count}")
    key = new_key

    # The devices of the user. A handle names one in a form, and cannot be used to load it.
    handle, label = one("select handle, label from web.user_sessions(%s)", "ada")
    print(f"ada is logged in with: {label}")

    # The logout.
    (ended,) = one("select web.end_session(%s)", key)
    print(f"ended: {'t' if ended else 'f'}")

    # A request that was under way during the logout saves. The session stays ended.
    (outcome,) = one("select outcome from web.save_session(%s, %s)", key, '{"cart":[]}')
    print(outcome)
