-- Callers in a repeatable read transaction: reads are as old as the snapshot, and writes undo nothing that is newer.
begin;
\ir ../lib/dblink.sql
\if :has_dblink
select pg_temp.make_due(k) from unnest(array['slid', 'saved', 'ended', 'set', 'to be ended']) as k \g /dev/null
select pg_temp.other(format('select outcome from web.create_session(%L, %L)', pg_temp.key(k), '{"n":1}')) from unnest(array['many 1', 'many 2']) as k \g /dev/null
\endif
rollback;

begin isolation level repeatable read;
\ir ../lib/dblink.sql
\if :has_dblink
select plan(20);
select throws_ok('select * from public.correct_web()', '25000', null, 'correct_web() fails with 25000');
select count(*) from web.session \g /dev/null

-- From here on the snapshot is older than this.
select pg_temp.other_does(format($$ update web.session set slide_at = now(), last_used_at = now() where key = %L $$, pg_temp.key('slid'))) \g /dev/null
select pg_temp.other(format($$ select outcome from web.save_session(%L, '{"n":2}') $$, pg_temp.key(k))) from unnest(array['saved', 'set', 'many 1']) as k \g /dev/null
select pg_temp.other(format($$ select web.end_session(%L)::text $$, pg_temp.key('ended'))) \g /dev/null
select pg_temp.other(format($$ select outcome from web.create_session(%L, '{"n":1}') $$, pg_temp.key('created'))) \g /dev/null

set local role nodepg;
select results_eq(
    format('select data from web.load_session(%L)', pg_temp.key(k)),
    $$ values ('{"n":1}'::text) $$,
    format('load returns a session that was %s since as it was, though its slide is due', k)
)
from unnest(array['slid', 'saved', 'ended']) as k;
select isnt(web.touch_session(pg_temp.key('slid')), null, 'touch returns the expiry of a session that was slid since');
select is_empty(format('select * from web.load_session(%L)', pg_temp.key('created')), 'load returns no session that was created since');
select throws_ok(
    format($$ select outcome, version, expires_at from web.save_session(%L, '{"late":1}') $$, pg_temp.key(k)),
    '40001',
    null,
    format('save of a session that was %s since fails with 40001', k)
)
from unnest(array['saved', 'ended']) as k;
select throws_ok(
    format($$ select web.end_session(%L) $$, pg_temp.key(k)),
    '40001',
    null,
    format('end of a session that was %s since fails with 40001', k)
)
from unnest(array['saved', 'created']) as k;
select throws_ok(
    format($$ select outcome, version, expires_at, handle from web.create_session(%L, '{}') $$, pg_temp.key('created')),
    '40001',
    null,
    'create of a session that was created since fails with 40001'
);
select results_eq(
    format('select data from web.load_sessions(array[%L]::bytea[], false)', pg_temp.key(k)),
    $$ values ('{"n":1}'::text) $$,
    format('load_sessions returns a session that was %s since as it was', k)
)
from unnest(array['saved', 'ended']) as k;
select is_empty(format('select * from web.load_sessions(array[%L]::bytea[])', pg_temp.key('created')), 'load_sessions returns no session that was created since');
select throws_ok(
    format($$ select * from web.save_sessions(array[%L, %L]::bytea[], array['{"late":1}', '{"late":1}']) $$, pg_temp.key('many 2'), pg_temp.key('many 1')),
    '40001',
    null,
    'save_sessions of a session that was saved since fails with 40001'
);
select results_eq(
    format($$ select ordinality, version from web.save_sessions(array[%L]::bytea[], array['{"n":2}']) $$, pg_temp.key('many 2')),
    $$ values (1::bigint, 2::bigint) $$,
    'save_sessions of an unchanged session saves it'
);
select lives_ok(
    format($$ select outcome, version, expires_at, handle from web.create_session(%L, '{}') $$, pg_temp.key('new')),
    'create with a new key works'
);
select lives_ok(
    format($$ select * from web.end_session(%L) $$, pg_temp.key('to be ended')),
    'end of an unchanged session works'
);
reset role;
select is(
    pg_temp.other(format('select data from web.load_session(%L)', pg_temp.key('saved'))),
    '{"n":2}',
    'a save of another session is not undone'
);
select is(
    pg_temp.other(format('select count(*)::text from web.load_session(%L)', pg_temp.key('ended'))),
    '0',
    'an end by another session is not undone'
);
select * from finish();
rollback;

-- Now, since the row that was ended was locked until here.
begin;
\ir ../lib/dblink.sql
select pg_temp.clean_up(array['slid', 'saved', 'ended', 'set', 'to be ended', 'created', 'many 1', 'many 2']) \g /dev/null
\else
select plan(1);
select skip('dblink is not installed or cannot connect: repeatable read is not tested', 1);
select * from finish();
\endif
rollback;
