-- logout_session: the user is removed, the data stays, under a new key and a new handle.
begin;
\ir ../lib/store.sql
select plan(24);
set local role nodepg;

select web.create_session(pg_temp.key('a'), '{"basket":1}', 1200, 100000, 'alice', '192.0.2.1', 'curl', 'phone of alice') \g /dev/null
select pg_temp.pass('100 s') \g /dev/null
create temporary table before as select * from pg_temp.stored('a');
select results_eq(
    $$ select outcome, version, expires_at, server_time from web.logout_session(pg_temp.key('a'), pg_temp.key('b')) $$,
    $$ values ('rotated'::text, 1::bigint, statement_timestamp() + interval '1200 s', statement_timestamp()) $$,
    'rotated: version, expiry and server time'
);
select results_eq(
    $$ select version, created_at, absolute_expires_at, idle_timeout_seconds, slide_interval_seconds, client_address, user_agent, data, ended_at from pg_temp.stored('b') $$,
    $$ select version, created_at, absolute_expires_at, idle_timeout_seconds, slide_interval_seconds, client_address, user_agent, data, ended_at from before $$,
    'the data is kept, and so are the timeouts'
);
select results_eq(
    $$ select s.user_id, s.label, s.handle <> b.handle from pg_temp.stored('b') as s cross join before as b $$,
    $$ values (null::text, null::text, true) $$,
    'user and label are null, the handle is new'
);
select results_eq(
    $$ select ended_reason, successor, grace_until is null, data, user_id from pg_temp.stored('a') $$,
    $$ values ('rotated'::text, pg_temp.key('b'), true, null::text, null::text) $$,
    'the old key is a tombstone, without any grace'
);
select is_empty($$ select * from web.load_session(pg_temp.key('a')) $$, 'dead at once');
select pg_temp.pass('-1 s') \g /dev/null
select is_empty($$ select * from web.load_session(pg_temp.key('a')) $$, 'also after the clock was set back');
select pg_temp.pass('1 s') \g /dev/null
select is_empty($$ select * from web.user_sessions('alice') $$, 'the user has no device more');
select is(web.end_user_sessions('alice'), 0, 'former user ends the sessions: 0');
select is(web.end_user_session('alice', (select handle from before)), false, 'by its handle neither');
select results_eq(
    $$ select data, user_id from web.load_session(pg_temp.key('b')) $$,
    $$ values ('{"basket":1}'::text, null::text) $$,
    'which lives, with its data'
);

-- ---- Repeated, gone, exists ----

create temporary table b as select pg_temp.place('b') as place, s.* from pg_temp.stored('b') as s;
select results_eq(
    $$ select outcome, version, expires_at from web.logout_session(pg_temp.key('a'), pg_temp.key('b')) $$,
    $$ select 'rotated'::text, version, expires_at from b $$,
    'rotated: it was done before'
);
select results_eq($$ select pg_temp.place('b') as place, s.* from pg_temp.stored('b') as s $$, 'select * from b', 'and nothing is written');
select web.create_session(pg_temp.key('c'), '{}', p_user_id => 'alice') \g /dev/null
select web.rotate_session(pg_temp.key('c'), pg_temp.key('d')) \g /dev/null
select isnt(
    (select outcome from web.logout_session(pg_temp.key('c'), pg_temp.key('d'))),
    'rotated',
    'logout after a rotation with the same keys: gone, the user stays'
);
select results_eq(
    $$ select outcome, version, expires_at, server_time from web.logout_session(pg_temp.key('unknown'), pg_temp.key('never')) $$,
    $$ values ('gone'::text, null::bigint, null::timestamptz, statement_timestamp()) $$,
    'gone: an unknown key'
);
select web.end_session(pg_temp.key('ended')) \g /dev/null
select results_eq(
    $$ select outcome, version, expires_at, server_time from web.logout_session(pg_temp.key('ended'), pg_temp.key('never')) $$,
    $$ values ('gone'::text, null::bigint, null::timestamptz, statement_timestamp()) $$,
    'an ended one'
);
select web.create_session(pg_temp.key('e'), '{"secret":1}', p_user_id => 'alice', p_label => 'x') \g /dev/null
create temporary table e as select pg_temp.place('e') as place, s.* from pg_temp.stored('e') as s;
select results_eq(
    $$ select outcome, version, expires_at, server_time from web.logout_session(pg_temp.key('e'), pg_temp.key('b')) $$,
    $$ values ('exists'::text, null::bigint, null::timestamptz, statement_timestamp()) $$,
    'exists: the new key is in use'
);
select results_eq($$ select pg_temp.place('e') as place, s.* from pg_temp.stored('e') as s $$, 'select * from e', 'nothing was changed: the user is logged in still');
select is((select count(*) from pg_temp.stored('never')), 0::bigint, 'and no row is left');
select is((select outcome from web.logout_session(p_new_key => pg_temp.key('f'), p_old_key => pg_temp.key('b'))), 'rotated', 'a visitor may be logged out as well; by parameter names');

-- ---- Bad arguments ----

select throws_ok(
    format($$ select web.logout_session(%L, %L) $$, o, n),
    '22023',
    'a session key has 32 bytes',
    format('keys of %s and %s bytes are refused', coalesce(octet_length(o)::text, 'null'), coalesce(octet_length(n)::text, 'null'))
)
from (values (null::bytea, sha256('x')), (sha256('x'), null), (sha256('x'), ''::bytea), (decode(repeat('ab', 33), 'hex'), sha256('x'))) as k (o, n);
select throws_ok($$ select web.logout_session(pg_temp.key('e'), pg_temp.key('e')) $$, '22023', 'the new key equals the old key', 'the same key twice is refused');

select * from finish();
rollback;
