-- Callers in a repeatable read transaction: what they read is as old as their snapshot, what they write is never undone by it.
begin;
\ir ../lib/dblink.sql
\if :has_dblink
select pg_temp.make_due(k) from unnest(array['slid', 'saved', 'ended', 'set', 'to be ended']) as k \g /dev/null
\endif
rollback;

begin isolation level repeatable read;
\ir ../lib/dblink.sql
\if :has_dblink
select plan(15);
select throws_ok('select * from public.correct_web()', '25000', null, 'correct_web() refuses: it must see what others commit while it waits');
select count(*) from web.session \g /dev/null

-- From here on the snapshot is older than this.
select pg_temp.other_does(format($$ update web.session set slide_at = now(), last_used_at = now() where key = %L $$, pg_temp.key('slid'))) \g /dev/null
select pg_temp.other(format($$ select outcome from web.save_session(%L, '{"n":2}') $$, pg_temp.key(k))) from unnest(array['saved', 'set']) as k \g /dev/null
select pg_temp.other(format($$ select web.end_session(%L)::text $$, pg_temp.key('ended'))) \g /dev/null
select pg_temp.other(format($$ select outcome from web.create_session(%L, '{"n":1}') $$, pg_temp.key('created'))) \g /dev/null

set local role nodepg;
select results_eq(
    format('select data from web.load_session(%L)', pg_temp.key(k)),
    $$ values ('{"n":1}'::text) $$,
    format('load: a session that was %s since is as it was, though its slide is due', k)
)
from unnest(array['slid', 'saved', 'ended']) as k;
select isnt(web.touch_session(pg_temp.key('slid')), null, 'touch likewise');
select is_empty(format('select * from web.load_session(%L)', pg_temp.key('created')), 'a session that was created since does not load');
select throws_ok(
    format($$ select outcome, version, expires_at from web.save_session(%L, '{"late":1}') $$, pg_temp.key(k)),
    '40001',
    null,
    format('save: one that was %s since is an error, to be tried again', k)
)
from unnest(array['saved', 'ended']) as k;
select throws_ok(
    format($$ select web.end_session(%L) $$, pg_temp.key(k)),
    '40001',
    null,
    format('end: one that was %s since is an error', k)
)
from unnest(array['saved', 'created']) as k;
select throws_ok(
    format($$ select outcome, version, expires_at, handle from web.create_session(%L, '{}') $$, pg_temp.key('created')),
    '40001',
    null,
    'create: one that was created since is an error'
);
select lives_ok(
    format($$ select outcome, version, expires_at, handle from web.create_session(%L, '{}') $$, pg_temp.key('new')),
    'create: a new key works'
);
select lives_ok(
    format($$ select * from web.end_session(%L) $$, pg_temp.key('to be ended')),
    'end: what nobody has touched is ended'
);
reset role;
select is(
    pg_temp.other(format('select data from web.load_session(%L)', pg_temp.key('saved'))),
    '{"n":2}',
    'nothing of the others'' was undone'
);
select is(
    pg_temp.other(format('select count(*)::text from web.load_session(%L)', pg_temp.key('ended'))),
    '0',
    'and what was ended stays ended'
);
select * from finish();
rollback;

-- (The row that we ended is locked until then.)
begin;
\ir ../lib/dblink.sql
select pg_temp.clean_up(array['slid', 'saved', 'ended', 'set', 'to be ended', 'created']) \g /dev/null
\else
select plan(1);
select skip('dblink is not there, or may not connect back: repeatable read is not tested', 1);
select * from finish();
\endif
rollback;
