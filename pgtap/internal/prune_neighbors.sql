-- prune_neighbors: each insert deletes the dead rows among four.
begin;
\ir ../lib/store.sql
select plan(19);

-- Keys in a known order: no digests, but 32 bytes. At the very end, so that every place to look from lies before them.
create function pg_temp.nth(n integer)
returns bytea
language sql
as $$
    select decode('ffffffff' || lpad(to_hex(n), 56, '0'), 'hex');
$$;
-- And at the very beginning: the keys of new sessions, which no hash precedes.
create function pg_temp.low(n integer)
returns bytea
language sql
as $$
    select decode(lpad(to_hex(n), 64, '0'), 'hex');
$$;

-- Sessions 1 to 10 of this kind, and none beside them.
create function pg_temp.ten(kind text)
returns void
language plpgsql
security definer
as $$
begin
    delete from web.session;
    insert into web.session (expires_at, slide_at, last_used_at, version, created_at, absolute_expires_at, prune_after, idle_timeout_seconds, slide_interval_seconds, key, ended_at, data)
    select
        case kind when 'live' then now() + interval '1 day' when 'expired' then now() - interval '1 second' else '-infinity' end,
        '-infinity', now(), 1, now(), '2100-01-01', now() + interval '1 hour', 60, 30, pg_temp.nth(n),
        case kind when 'ended' then now() - interval '3000 s' when 'ended long ago' then now() - interval '3700 s' end,
        '{}'
    from generate_series(1, 10) as n;
end;
$$;

-- Which of the ten are left.
create function pg_temp.left_over()
returns text
language sql
security definer
as $$
    select string_agg(n::text, ' ' order by n)
    from generate_series(1, 10) as n
    where exists (select from web.session as s where s.key = pg_temp.nth(n));
$$;

-- ---- How many, and which ----

set local role nodepg;
select pg_temp.ten('expired') \g /dev/null
select is((select outcome from web.create_session(pg_temp.low(0), '{}')), 'created', 'a new session');
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'insert: the four dead rows after the hash of its key are deleted');
select web.create_session(pg_temp.low(3), '{}') \g /dev/null
select is(pg_temp.left_over(), '9 10', 'next insert: four more');
select web.create_session(pg_temp.low(4), '{}') \g /dev/null
select is(pg_temp.left_over(), null, 'fewer than four dead rows: all are deleted');
select isnt_empty($$ select * from web.load_session(pg_temp.low(3)) $$, 'new session: live');

select pg_temp.ten('live') \g /dev/null
select web.create_session(pg_temp.low(0), '{}') \g /dev/null
select is(pg_temp.left_over(), '1 2 3 4 5 6 7 8 9 10', 'live sessions: kept');
select pg_temp.ten('ended') \g /dev/null
select web.create_session(pg_temp.low(0), '{}') \g /dev/null
select is(pg_temp.left_over(), '1 2 3 4 5 6 7 8 9 10', 'tombstones within retention: kept');
select pg_temp.ten('ended long ago') \g /dev/null
select web.create_session(pg_temp.low(0), '{}') \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'tombstones after retention: deleted');

-- ---- The functions that prune ----

select pg_temp.ten('expired') \g /dev/null
select web.end_session(pg_temp.low(0)) \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'end_session of an unknown key: prunes');
select web.end_session(pg_temp.low(0)) \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'end_session of a tombstone: does not prune');
select web.end_session(pg_temp.nth(5)) \g /dev/null
select is(pg_temp.left_over(), '5 10', 'end_session of an expired session: prunes');
select pg_temp.ten('expired') \g /dev/null
select web.create_session(pg_temp.nth(1), '{}') \g /dev/null
select is(pg_temp.left_over(), '1 2 3 4 5 6 7 8 9 10', 'create_session of a key in use: does not prune');
select web.load_session(pg_temp.low(9)), web.save_session(pg_temp.low(9), '{}'), web.touch_session(pg_temp.low(9)), web.get_session_data('unknown') \g /dev/null
select is(pg_temp.left_over(), '1 2 3 4 5 6 7 8 9 10', 'calls that add no row: do not prune');
select web.set_session_data('new', '{}', null) \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'set_session_data, new id: prunes');
select web.set_session_data('new', '{"n":2}', null) \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'set_session_data, known id: does not prune');
select web.destroy_session('unknown') \g /dev/null
select is(pg_temp.left_over(), '9 10', 'destroy_session, unknown id: prunes');

-- ---- Without a pruner ----

-- Rows of one second's life, 1000 of them, all at random places: dead is what is not pruned in passing.
select web.clear_sessions() \g /dev/null
create function pg_temp.traffic(count integer)
returns void
language plpgsql
as $$
begin
    for i in 1..count loop
        perform web.set_session_data(gen_random_uuid()::text, '{}', '-infinity');
    end loop;
end;
$$;
select pg_temp.traffic(1000) \g /dev/null
select ok(pg_temp.rows() < 400, format('1000 sessions that all expire at once leave %s rows: the table does not grow for ever', pg_temp.rows()));

-- ---- The plan ----

set local enable_seqscan = off;
discard plans;
create temporary table scans as select pg_temp.access('seq') as seq;
select pg_temp.traffic(12) \g /dev/null
select is(pg_temp.access('seq') - seq, 0::bigint, 'neighbors are found by the primary key') from scans;

-- ---- Arguments ----

set local role nodepg_owner;
select lives_ok('select web.prune_neighbors(null)', 'key null: no effect');

select * from finish();
rollback;
