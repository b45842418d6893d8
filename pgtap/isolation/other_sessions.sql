-- What happens while somebody else is at work: nobody waits who need not, and nobody undoes an end.
begin;
\ir ../lib/dblink.sql
\if :has_dblink
select plan(15);
-- A call that must not wait, and does, ends the whole test after three seconds: load and touch take a lock_timeout of
-- their own for "somebody is at work", so that it would not show. What must wait is given half a second.
set local statement_timeout = '3s';

-- ---- A table that is locked ----

-- First of all: our own transaction must not have written yet.
select pg_temp.make_due('locked') \g /dev/null
select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other_does('lock table web.session in share row exclusive mode') \g /dev/null
set local role nodepg;
select results_eq(
    $$ select data from web.load_session(pg_temp.key('locked')) $$,
    $$ values ('{"n":1}'::text) $$,
    'load does not wait for clear_sessions either'
);
reset role;
select pg_temp.other_does('rollback') \g /dev/null
set local role nodepg;
select results_eq(
    $$ select expires_at from web.load_session(pg_temp.key('locked')) $$,
    $$ values (statement_timestamp() + interval '1200 s') $$,
    'and the slide is written by the next request'
);
reset role;

-- ---- A row that somebody holds ----

select pg_temp.make_due('held') \g /dev/null
select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select outcome from web.save_session(%L, %L)', pg_temp.key('held'), '{"n":2}')) \g /dev/null
set local role nodepg;
select results_eq(
    $$ select data from web.load_session(pg_temp.key('held')) $$,
    $$ values ('{"n":1}'::text) $$,
    'load does not wait for a save under way, though its slide is due'
);
select isnt(web.touch_session(pg_temp.key('held')), null, 'nor does touch');
set local lock_timeout = '500ms';
select throws_ok(
    $$ select outcome, version, expires_at from web.save_session(pg_temp.key('held'), '{"n":3}') $$,
    '55P03',
    null,
    '(a save does wait: it would overwrite what it has not seen)'
);
set local lock_timeout = 0;
reset role;
select pg_temp.other_does('rollback') \g /dev/null

-- ---- An end while we are at work ----

select pg_temp.make_due('ended') \g /dev/null
set local role nodepg;
select isnt_empty($$ select * from web.load_session(pg_temp.key('ended'), false) $$, 'a session that we have loaded');
reset role;
select is(
    pg_temp.other(format('select web.end_session(%L)::text', pg_temp.key('ended'))),
    'true',
    'is ended by somebody else'
);
set local role nodepg;
select is_empty($$ select * from web.load_session(pg_temp.key('ended')) $$, 'it does not load any more, in the same transaction');
select results_eq(
    $$ select outcome from web.save_session(pg_temp.key('ended'), '{"late":1}', 1) $$,
    $$ values ('gone'::text) $$,
    'and what we save late is gone'
);
reset role;

-- ---- A session of the other's that is not committed yet ----

select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select outcome from web.create_session(%L, %L)', pg_temp.key('uncommitted'), '{}')) \g /dev/null
set local role nodepg;
select is_empty($$ select * from web.load_session(pg_temp.key('uncommitted')) $$, 'it does not load');
set local lock_timeout = '500ms';
select throws_ok(
    $$ select web.end_session(pg_temp.key('uncommitted')) $$,
    '55P03',
    null,
    'an end waits for it, so that it does not live on'
);
select throws_ok(
    $$ select outcome, version, expires_at, handle from web.create_session(pg_temp.key('uncommitted'), '{}') $$,
    '55P03',
    null,
    'and so does a create with the same key, to tell whether it exists'
);
set local lock_timeout = 0;
reset role;
select pg_temp.other_does('rollback') \g /dev/null

-- ---- Pruning ----

select pg_temp.other(format('select outcome from web.create_session(%L, %L)', pg_temp.key(k), '{}')) from (values ('dead'), ('dead and held')) as v (k) \g /dev/null
select pg_temp.other_does(format($$ update web.session set expires_at = '-infinity', slide_at = '-infinity', prune_after = '-infinity' where key in (%L, %L) $$, pg_temp.key('dead'), pg_temp.key('dead and held'))) \g /dev/null
select pg_temp.other_does(format($$ update web.session set prune_after = 'epoch' where key = %L $$, pg_temp.key('dead'))) \g /dev/null
select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select key::text from web.session where key = %L for update', pg_temp.key('dead and held'))) \g /dev/null
set local role nodepg;
select results_eq(
    'select * from web.prune_sessions(1)',
    $$ values ('pruned'::text, 1, 0) $$,
    'a row that somebody holds is skipped, though it is the first, and the next one taken'
);
reset role;
select pg_temp.other_does('rollback') \g /dev/null
select is(
    pg_temp.other('select outcome from web.prune_sessions(1)'),
    'busy',
    'one pruner at a time: the other is told that somebody is at work'
);
select ok(
    exists (select from web.session where key = pg_temp.key('dead and held')) and not exists (select from web.session where key = pg_temp.key('dead')),
    'what was held is there for the next batch'
);
select * from finish();
rollback;

-- (Rows that we have written are locked until then.)
begin;
\ir ../lib/dblink.sql
select pg_temp.clean_up(array['locked', 'held', 'ended', 'uncommitted', 'dead', 'dead and held']) \g /dev/null
\else
select plan(1);
select skip('dblink is not there, or may not connect back: what happens while somebody else is at work is not tested', 1);
select * from finish();
\endif
rollback;
