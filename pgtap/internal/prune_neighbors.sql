-- prune_neighbors: the small share of pruning that every new row carries.
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
-- And at the very beginning: the keys of new sessions, which nobody finds there.
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
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'clears away the four dead ones that follow the digest of its key');
select web.create_session(pg_temp.low(3), '{}') \g /dev/null
select is(pg_temp.left_over(), '9 10', 'and the next one four more');
select web.create_session(pg_temp.low(4), '{}') \g /dev/null
select is(pg_temp.left_over(), null, 'dead ones go, be they fewer than four');
select isnt_empty($$ select * from web.load_session(pg_temp.low(3)) $$, 'and what is new is there');

select pg_temp.ten('live') \g /dev/null
select web.create_session(pg_temp.low(0), '{}') \g /dev/null
select is(pg_temp.left_over(), '1 2 3 4 5 6 7 8 9 10', 'the living stay');
select pg_temp.ten('ended') \g /dev/null
select web.create_session(pg_temp.low(0), '{}') \g /dev/null
select is(pg_temp.left_over(), '1 2 3 4 5 6 7 8 9 10', 'and so do tombstones for their hour');
select pg_temp.ten('ended long ago') \g /dev/null
select web.create_session(pg_temp.low(0), '{}') \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'after which they go');

-- ---- Who carries ----

select pg_temp.ten('expired') \g /dev/null
select web.end_session(pg_temp.low(0)) \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'a new tombstone carries');
select web.end_session(pg_temp.low(0)) \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'one that is there does not');
select web.end_session(pg_temp.nth(5)) \g /dev/null
select is(pg_temp.left_over(), '5 10', 'an expired session that becomes one does');
select pg_temp.ten('expired') \g /dev/null
select web.create_session(pg_temp.nth(1), '{}') \g /dev/null
select is(pg_temp.left_over(), '1 2 3 4 5 6 7 8 9 10', 'a key that exists does not');
select web.load_session(pg_temp.low(9)), web.save_session(pg_temp.low(9), '{}'), web.touch_session(pg_temp.low(9)), web.get_session_data('unknown') \g /dev/null
select is(pg_temp.left_over(), '1 2 3 4 5 6 7 8 9 10', 'nor what adds no row');
select web.set_session_data('new', '{}', null) \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'set_session_data carries for a new id');
select web.set_session_data('new', '{"n":2}', null) \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'not for one that it replaces');
select web.destroy_session('unknown') \g /dev/null
select is(pg_temp.left_over(), '9 10', 'destroy_session for a new tombstone');

-- ---- Where nobody runs a pruner ----

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
select is(pg_temp.access('seq') - seq, 0::bigint, 'the neighbours are found by the primary key') from scans;

-- ---- Arguments ----

set local role nodepg_owner;
select lives_ok('select web.prune_neighbors(null)', 'without a key nothing happens');

select * from finish();
rollback;
