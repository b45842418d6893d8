-- store_status: one row about the whole store, for administrators.
begin;
\ir ../lib/store.sql
select plan(16);

-- ---- An empty store ----

set local role nodepg_owner;
select results_eq(
    'select live, expired, ended, last_pruned_at, oldest_prune_after, oldest_expired_at from web.store_status()',
    $$ values (0::bigint, 0::bigint, 0::bigint, null::timestamptz, null::timestamptz, null::timestamptz) $$,
    'one row for an empty store'
);

-- ---- Sessions by state ----

select pg_temp.make('live ' || i, '{}', 1000 * i) from generate_series(1, 3) as i \g /dev/null
select pg_temp.make('past ' || i, '{}', 10) from generate_series(1, 2) as i \g /dev/null
select web.end_session(pg_temp.key('live 3')) \g /dev/null
select web.end_session(pg_temp.key('unknown')) \g /dev/null
select pg_temp.pass('10 s') \g /dev/null
select results_eq(
    'select live, expired, ended from web.store_status()',
    $$ values (2::bigint, 2::bigint, 2::bigint) $$,
    'live, expired and ended sessions'
);
select is((select live from web.store_status()), web.count_sessions()::bigint, 'live is what count_sessions counts');
select pg_temp.pass('990 s') \g /dev/null
select results_eq(
    'select live, expired, ended from web.store_status()',
    $$ values (1::bigint, 3::bigint, 2::bigint) $$,
    'time goes by: one live, three expired, and the ended ones stay ended'
);
select is((select live + expired + ended from web.store_status()), pg_temp.rows(), 'each row is one of the three');
select is(
    (select t.oldest_expired_at from web.store_status() as t),
    (select min(s.expires_at) from web.session as s where s.ended_at is null),
    'the oldest expired session; a tombstone is none'
);
savepoint used_with_shorter_timeout;
reset role;
update web.session set prune_after = statement_timestamp() - interval '3 s' where ended_at is null and expires_at <= statement_timestamp();
set local role nodepg_owner;
select is(
    (select t.oldest_expired_at from web.store_status() as t),
    (select min(s.prune_after) from web.session as s where s.ended_at is null),
    'its age begins when pruning may delete it, not when it expired'
);
reset role;
update web.session set prune_after = statement_timestamp() + interval '1 h' where ended_at is null;
set local role nodepg_owner;
select results_eq(
    'select expired, oldest_expired_at from web.store_status()',
    $$ values (3::bigint, null::timestamptz) $$,
    'an expired session that pruning must leave is not overdue'
);
rollback to used_with_shorter_timeout;
set local role nodepg_owner;
select is((select t.server_time from web.store_status() as t), statement_timestamp(), 'the time of the server');

-- ---- Sizes ----

select results_eq(
    'select total_bytes, table_bytes, index_bytes from web.store_status()',
    $$ values (pg_total_relation_size('web.session'), pg_table_size('web.session'), pg_indexes_size('web.session')) $$,
    'sizes in bytes, of the table of this store'
);
select is((select total_bytes = table_bytes + index_bytes and table_bytes > 0 and index_bytes > 0 from web.store_status()), true, 'none of them zero');
select is((select dead_rows >= 0 and updates >= hot_updates and hot_updates >= 0 from web.store_status()), true, 'the counters of the server are there');

-- ---- Pruning ----

select is((select oldest_prune_after from web.store_status()), (select min(s.prune_after) from web.session as s), 'the oldest row due for pruning');
select web.prune_sessions() \g /dev/null
select results_eq(
    'select expired, last_pruned_at <= statement_timestamp() and last_pruned_at > statement_timestamp() - interval $$1 min$$ from web.store_status()',
    $$ values (0::bigint, true) $$,
    'and the last prune'
);

-- ---- Not for the runtime role ----

set local role nodepg;
select throws_ok('select * from web.store_status()', '42501', null, 'the runtime role may not call it');

-- ---- For monitoring ----

set local role pg_monitor;
select isnt_empty('select live from web.store_status()', 'pg_monitor may call it');

select * from finish();
rollback;
