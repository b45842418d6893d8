-- carry_pruning: the small share of pruning that every new row carries.
begin;
\ir lib/store.sql
select plan(22);

-- Keys in a known order: no digests, but 32 bytes.
create function pg_temp.nth(n integer)
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
    insert into web.session (expires_at, slide_at, last_used_at, version, created_at, absolute_at, prune_after, idle_seconds, slide_seconds, key, ended_at, data)
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
select is((select outcome from web.create_session(pg_temp.nth(0), '{}')), 'created', 'a new session');
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'clears away the four dead ones that follow it in the order of the keys');
select web.create_session(pg_temp.nth(3), '{}') \g /dev/null
select is(pg_temp.left_over(), '3 9 10', 'and the next one four more');
select web.create_session(decode(repeat('ff', 32), 'hex'), '{}') \g /dev/null
select is(pg_temp.left_over(), '3 9 10', 'the last of all finds none');
select web.create_session(pg_temp.nth(4), '{}') \g /dev/null
select is(pg_temp.left_over(), '3 4', 'dead neighbours go, be they fewer than four');
select isnt_empty($$ select * from web.load_session(pg_temp.nth(3)) $$, 'and what is new is there');

select pg_temp.ten('live') \g /dev/null
select web.create_session(pg_temp.nth(0), '{}') \g /dev/null
select is(pg_temp.left_over(), '1 2 3 4 5 6 7 8 9 10', 'the living stay');
select pg_temp.ten('ended') \g /dev/null
select web.create_session(pg_temp.nth(0), '{}') \g /dev/null
select is(pg_temp.left_over(), '1 2 3 4 5 6 7 8 9 10', 'and so do tombstones for their hour');
select pg_temp.ten('ended long ago') \g /dev/null
select web.create_session(pg_temp.nth(0), '{}') \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'after which they go');

-- ---- Who carries ----

select pg_temp.ten('expired') \g /dev/null
select web.end_session(pg_temp.nth(0)) \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'a new tombstone carries');
select web.end_session(pg_temp.nth(0)) \g /dev/null
select is(pg_temp.left_over(), '5 6 7 8 9 10', 'one that is there does not');
select web.end_session(pg_temp.nth(5)) \g /dev/null
select is(pg_temp.left_over(), '5 10', 'an expired session that becomes one does');
select pg_temp.ten('expired') \g /dev/null
select web.create_session(pg_temp.nth(1), '{}') \g /dev/null
select is(pg_temp.left_over(), '1 2 3 4 5 6 7 8 9 10', 'a key that exists does not');
select web.load_session(pg_temp.nth(0)), web.save_session(pg_temp.nth(0), '{}'), web.touch_session(pg_temp.nth(0)), web.get_session_data('unknown') \g /dev/null
select is(pg_temp.left_over(), '1 2 3 4 5 6 7 8 9 10', 'nor what adds no row');
select web.set_session_data('new', '{}', null) \g /dev/null
select is(
    pg_temp.left_over(),
    '1 2 3 4 5 6 7 8 9 10',
    'a new id whose key (1154…) lies behind them finds none'
);
select is((select get_byte(pg_temp.key('new'), 0) > 0), true, '(it does)');
select pg_temp.as_owner($$
    update web.session set key = decode('ff' || right(encode(key, 'hex'), 62), 'hex') where expires_at < now()
$$) \g /dev/null
select web.set_session_data('newer', '{}', null) \g /dev/null
select is(pg_temp.rows(), 8::bigint, 'before them: set_session_data carries for a new id');
select web.set_session_data('newer', '{"n":2}', null) \g /dev/null
select is(pg_temp.rows(), 8::bigint, 'not for one that it replaces');
select web.destroy_session('unknown') \g /dev/null
select is(pg_temp.rows(), 5::bigint, 'destroy_session for a new tombstone');

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
select lives_ok('select web.carry_pruning(null)', 'without a key nothing happens');

select * from finish();
rollback;
