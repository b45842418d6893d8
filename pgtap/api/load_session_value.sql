-- load_session_value: what load_session returns, as one composite value. load_session calls it, so load_session.sql has its cases.
begin;
\ir ../lib/store.sql
select plan(9);
set local role nodepg;

select web.create_session(pg_temp.key('a'), '{"n":1}', p_user_id => 'alice') \g /dev/null
select web.create_session(pg_temp.key('anonymous'), '{"n":2}') \g /dev/null
select pg_temp.make('ended', '{}') \g /dev/null
select web.end_session(pg_temp.key('ended')) \g /dev/null
select pg_temp.make('due', '{}', 1200, 100000) \g /dev/null
select pg_temp.make('gone', '{}', 60) \g /dev/null
select pg_temp.pass('65 s') \g /dev/null

select results_eq(
    format($$ select * from web.load_session_value(%L) $$, pg_temp.key(k)),
    format($$ select * from web.load_session(%L) $$, pg_temp.key(k)),
    format('session %s: the same as load_session', k)
)
from unnest(array['a', 'anonymous']) as k;
select ok(web.load_session_value(pg_temp.key(k)) is null, format('session %s: null', k))
from unnest(array['unknown', 'ended', 'gone']) as k;

select is(
    (select v.expires_at from web.load_session_value(pg_temp.key('due'), false) as v),
    (select expires_at from pg_temp.stored('due')),
    'without a slide the expiry stays'
);
select is(
    (select v.expires_at from web.load_session_value(p_key => pg_temp.key('due')) as v),
    statement_timestamp() + interval '1200 s',
    'a due slide moves the expiry'
);

-- Clients decode the value as the server sends it: the number of attributes, then type, length and bytes of each.
select is(
    substr(record_send(web.load_session_value(pg_temp.key('a'))), 1, 19),
    int4send(5) || int4send('text'::regtype::oid::int) || int4send(7) || '{"n":1}',
    'as bytes: five attributes, the data first'
);
select is(record_send(web.load_session_value(pg_temp.key('unknown'))), null, 'as bytes: null without a live session');

select * from finish();
rollback;
