"""What the tests share: the database of bin/lib/test-clients, and time."""

import os

import psycopg


def owner_connection():
    """Connects as a member of the owner role, which may look at the table and move time."""
    return psycopg.connect(user=os.environ["OWNER_USER"], password=os.environ["OWNER_PASSWORD"], autocommit=True)


def as_owner(statement, *arguments):
    """Runs a statement as a member of the owner role."""
    with owner_connection() as owner:
        cursor = owner.execute(statement, arguments)
        return cursor.fetchall() if cursor.description else None


def age_sessions(seconds):
    """Makes each session as old as if so many seconds had gone by."""
    as_owner(
        """update web.session set expires_at = expires_at - make_interval(secs => %s),
        slide_at = slide_at - make_interval(secs => %s), absolute_expires_at = absolute_expires_at - make_interval(secs => %s)""",
        seconds, seconds, seconds,
    )  # fmt: skip


def live_sessions():
    return as_owner("select data, user_id, idle_timeout_seconds from web.session where ended_at is null")


def clear_sessions():
    as_owner("select web.clear_sessions()")
