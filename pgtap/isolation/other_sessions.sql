-- Concurrent sessions: a call waits only where it must, and none undoes the end of a session.
begin;
\ir ../lib/dblink.sql
\if :has_dblink
select plan(21);
-- A call that waits and must not ends the whole test after three seconds: load and touch answer a lock_timeout of their
-- own without an error, so the wait would not show. A call that must wait gets half a second.
set local statement_timeout = '3s';

-- ---- A table that is locked ----

-- First, since this transaction must not have written yet.
select pg_temp.make_due('locked') \g /dev/null
select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other_does('lock table web.session in exclusive mode') \g /dev/null
set local role nodepg;
select results_eq(
    $$ select data from web.load_session(pg_temp.key('locked')) $$,
    $$ values ('{"n":1}'::text) $$,
    'load does not wait for a locked table'
);
reset role;
select pg_temp.other_does('rollback') \g /dev/null
set local role nodepg;
select results_eq(
    $$ select expires_at from web.load_session(pg_temp.key('locked')) $$,
    $$ values (statement_timestamp() + interval '1200 s') $$,
    'the next load writes the slide'
);
reset role;

-- ---- A row that another session has locked ----

select pg_temp.make_due('held') \g /dev/null
select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select outcome from web.save_session(%L, %L)', pg_temp.key('held'), '{"n":2}')) \g /dev/null
set local role nodepg;
select results_eq(
    $$ select data from web.load_session(pg_temp.key('held')) $$,
    $$ values ('{"n":1}'::text) $$,
    'load does not wait for a save in progress, though its slide is due'
);
select isnt(web.touch_session(pg_temp.key('held')), null, 'touch does not wait for a save in progress');
set local lock_timeout = '500ms';
select throws_ok(
    $$ select outcome, version, expires_at from web.save_session(pg_temp.key('held'), '{"n":3}') $$,
    '55P03',
    null,
    'save waits for a save in progress'
);
set local lock_timeout = 0;
reset role;
select pg_temp.other_does('rollback') \g /dev/null

-- ---- Many sessions, one of them locked ----

select pg_temp.other(format('select outcome from web.create_session(%L, %L)', pg_temp.key(k), '{"n":1}')) from unnest(array['taken', 'free']) as k \g /dev/null
select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select outcome from web.save_session(%L, %L)', pg_temp.key('taken'), '{"n":2}')) \g /dev/null
set local role nodepg;
select set_eq(
    $$ select data from web.load_sessions(array[pg_temp.key('taken'), pg_temp.key('free'), pg_temp.key('taken')]) $$,
    $$ values ('{"n":1}'::text), ('{"n":1}') $$,
    'load_sessions does not wait for a save in progress'
);
select results_eq(
    $$ select ordinality, version from web.save_sessions(array[pg_temp.key('taken'), pg_temp.key('free')], array['{"n":3}', '{"n":4}']) $$,
    $$ values (2::bigint, 2::bigint) $$,
    'save_sessions skips the row of a save in progress, and saves the other one'
);
reset role;
select pg_temp.other_does('commit') \g /dev/null
set local role nodepg;
select is_empty(
    $$ select * from web.save_sessions(array[pg_temp.key('taken')], array['{"n":3}'], array[1]) $$,
    'a version that is no longer stored is not overwritten'
);
select results_eq(
    $$ select ordinality, version from web.save_sessions(array[pg_temp.key('taken')], array['{"n":3}'], array[2]) $$,
    $$ values (1::bigint, 3::bigint) $$,
    'after the commit, save_sessions saves on top of the version that was committed'
);
reset role;
select pg_temp.other(format('select outcome from web.create_session(%L, %L)', pg_temp.key('locked by lock'), '{"n":1}')) \g /dev/null
select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select data from web.lock_session(%L)', pg_temp.key('locked by lock'))) \g /dev/null
set local role nodepg;
select is_empty(
    $$ select * from web.save_sessions(array[pg_temp.key('locked by lock')], array['{"n":3}']) $$,
    'nor does save_sessions wait for lock_session'
);
reset role;
select pg_temp.other(format('select web.end_session(%L)::text', pg_temp.key('locked by lock'))) \g /dev/null
select pg_temp.other_does('commit') \g /dev/null
set local role nodepg;
select is_empty(
    $$
        select ordinality from web.save_sessions(array[pg_temp.key('locked by lock')], array['{"n":3}'])
        union all
        select null from web.load_sessions(array[pg_temp.key('locked by lock')])
    $$,
    'and what has ended meanwhile stays ended'
);
reset role;

-- ---- An end between two calls ----

select pg_temp.make_due('ended') \g /dev/null
set local role nodepg;
select isnt_empty($$ select * from web.load_session(pg_temp.key('ended'), false) $$, 'a live session loads');
reset role;
select is(
    pg_temp.other(format('select web.end_session(%L)::text', pg_temp.key('ended'))),
    'true',
    'another session ends it'
);
set local role nodepg;
select is_empty($$ select * from web.load_session(pg_temp.key('ended')) $$, 'an ended session does not load in the same transaction');
select results_eq(
    $$ select outcome from web.save_session(pg_temp.key('ended'), '{"late":1}', 1) $$,
    $$ values ('gone'::text) $$,
    'save after end returns gone'
);
reset role;

-- ---- A session that another has not committed yet ----

select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select outcome from web.create_session(%L, %L)', pg_temp.key('uncommitted'), '{}')) \g /dev/null
set local role nodepg;
select is_empty($$ select * from web.load_session(pg_temp.key('uncommitted')) $$, 'an uncommitted session does not load');
set local lock_timeout = '500ms';
select throws_ok(
    $$ select web.end_session(pg_temp.key('uncommitted')) $$,
    '55P03',
    null,
    'end waits for an uncommitted session'
);
select throws_ok(
    $$ select outcome, version, expires_at, handle from web.create_session(pg_temp.key('uncommitted'), '{}') $$,
    '55P03',
    null,
    'create waits for an uncommitted session with the same key'
);
set local lock_timeout = 0;
reset role;
select pg_temp.other_does('rollback') \g /dev/null

-- ---- Pruning ----

select pg_temp.other(format('select outcome from web.create_session(%L, %L)', pg_temp.key(k), '{}')) from (values ('expired'), ('expired and locked')) as v (k) \g /dev/null
select pg_temp.other_does(format($$ update web.session set expires_at = '-infinity', slide_at = '-infinity', prune_after = '-infinity' where key in (%L, %L) $$, pg_temp.key('expired'), pg_temp.key('expired and locked'))) \g /dev/null
select pg_temp.other_does(format($$ update web.session set prune_after = 'epoch' where key = %L $$, pg_temp.key('expired'))) \g /dev/null
select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select key::text from web.session where key = %L for update', pg_temp.key('expired and locked'))) \g /dev/null
set local role nodepg;
select results_eq(
    'select * from web.prune_sessions(1)',
    $$ values ('pruned'::text, 1, 0) $$,
    'prune skips a row that another session has locked and deletes the next'
);
reset role;
select pg_temp.other_does('rollback') \g /dev/null
select is(
    pg_temp.other('select outcome from web.prune_sessions(1)'),
    'busy',
    'prune returns busy while another session prunes'
);
select ok(
    exists (select from web.session where key = pg_temp.key('expired and locked')) and not exists (select from web.session where key = pg_temp.key('expired')),
    'a row that was locked stays for the next batch'
);
select * from finish();
rollback;

-- Now, since the rows that were written were locked until here.
begin;
\ir ../lib/dblink.sql
select pg_temp.clean_up(array['locked', 'held', 'taken', 'free', 'locked by lock', 'ended', 'uncommitted', 'expired', 'expired and locked']) \g /dev/null
\else
select plan(1);
select skip('dblink is not installed or cannot connect: concurrent sessions are not tested', 1);
select * from finish();
\endif
rollback;
