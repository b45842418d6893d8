-- Included by every test after "begin": time that can pass, and views of the private tables while the test runs as the
-- runtime role. All of it is in pg_temp, and gone with the rollback.
--
-- Within one statement statement_timestamp() is constant, in the functions under test as well: times are compared exactly.

-- Notices, as of "drop … cascade", are no output of a test.
set local client_min_messages = warning;
-- A test that needs another zone sets it.
set local timezone = 'UTC';

-- The key of a session id, as every client computes it.
create function pg_temp.key(id text)
returns bytea
language sql
immutable
as $$
    select sha256(convert_to(id, 'UTF8'));
$$;

-- Lets time pass: everything in the store becomes so much older.
create function pg_temp.pass(span interval)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    update web.session
    set
        expires_at = expires_at - span,
        slide_at = slide_at - span,
        last_used_at = last_used_at - span,
        created_at = created_at - span,
        absolute_expires_at = absolute_expires_at - span,
        prune_after = prune_after - span,
        ended_at = ended_at - span,
        grace_until = grace_until - span;
    update web.prune_state
    set
        resume_from = resume_from - span,
        last_pruned_at = last_pruned_at - span;
$$;

-- The row of a session, for any caller.
create function pg_temp.stored(id text)
returns setof web.session
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.* from web.session as s where s.key = sha256(convert_to(id, 'UTF8'));
$$;

-- The place of the row: another one means that it was written.
create function pg_temp.place(id text)
returns text
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.ctid::text from web.session as s where s.key = sha256(convert_to(id, 'UTF8'));
$$;

-- How many rows the table has, expired sessions and tombstones included.
create function pg_temp.rows()
returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(*) from web.session;
$$;

-- Runs a statement as a superuser.
create function pg_temp.as_owner(statement text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    execute statement;
end;
$$;

-- Runs a statement so many times as the caller and returns the number of rows of all runs. (A lateral join is no loop: the
-- planner may call a function once, or in another order.)
create function pg_temp.repeat(times integer, statement text)
returns bigint
language plpgsql
as $$
declare
    v_rows bigint;
    v_all bigint := 0;
begin
    for i in 1..times loop
        execute statement;
        get diagnostics v_rows = row_count;
        v_all := v_all + v_rows;
    end loop;
    return v_all;
end;
$$;

-- The SQLSTATE of a statement, 00000 without an error. It catches a statement_timeout too.
create function pg_temp.sqlstate_of(statement text)
returns text
language plpgsql
as $$
begin
    execute statement;
    return '00000';
exception
    when query_canceled or others then
        return sqlstate;
end;
$$;

-- results_eq for queries on the catalog, whose names have another collation than the texts they are compared with.
create function pg_temp.same_rows(have text, want text, description text)
returns text
language sql
as $$
    select results_eq(
        format('select t::text from (%s) as t', have),
        format('select t::text from (%s) as t', want),
        description
    );
$$;

-- Lets time pass and loads a session, in turn, so many times. Returns how often it was live.
create function pg_temp.use(id text, span interval, times integer)
returns bigint
language plpgsql
as $$
declare
    v_found bigint := 0;
begin
    for i in 1..times loop
        perform pg_temp.pass(span);
        perform from web.load_session(pg_temp.key(id));
        if found then
            v_found := v_found + 1;
        end if;
    end loop;
    return v_found;
end;
$$;

-- Creates a session with this id by the native interface and returns the outcome.
create function pg_temp.make(id text, data text default '{}', idle integer default null, absolute integer default null)
returns text
language sql
as $$
    select c.outcome from web.create_session(pg_temp.key(id), data, idle, absolute) as c;
$$;

-- What this transaction did to the table: reads of the whole, uses of an index, updates, heap-only updates.
create function pg_temp.access(what text)
returns bigint
language sql
as $$
    select case what
        when 'seq' then pg_stat_get_xact_numscans(c.oid)
        when 'key' then (select pg_stat_get_xact_numscans(i.oid) from pg_class as i where i.relname = 'session_pkey' and i.relnamespace = c.relnamespace)
        when 'user_id' then (select pg_stat_get_xact_numscans(i.oid) from pg_class as i where i.relname = 'session_user_id' and i.relnamespace = c.relnamespace)
        when 'handle' then (select pg_stat_get_xact_numscans(i.oid) from pg_class as i where i.relname = 'session_handle' and i.relnamespace = c.relnamespace)
        when 'prune_after' then (select pg_stat_get_xact_numscans(i.oid) from pg_class as i where i.relname = 'session_prune_after' and i.relnamespace = c.relnamespace)
        when 'updated' then pg_stat_get_xact_tuples_updated(c.oid)
        when 'hot' then pg_stat_get_xact_tuples_hot_updated(c.oid)
    end
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = 'web'
        and c.relname = 'session';
$$;

-- An empty store with default settings, until the rollback.
delete from web.session;
update web.prune_state set resume_from = default, last_pruned_at = null;
update web.settings
set
    idle_timeout_seconds = default,
    absolute_timeout_seconds = default,
    max_data_bytes = default,
    tombstone_retention_seconds = default,
    slide_percent = default,
    slide_min_seconds = default,
    slide_max_seconds = default,
    max_sessions_per_user = default,
    reject_over_limit = default,
    notify_channel = default;
