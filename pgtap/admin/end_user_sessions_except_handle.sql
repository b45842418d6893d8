-- end_user_sessions_except_handle: "log out everywhere else", for support staff, who have no key.
begin;
\ir ../lib/store.sql
select plan(17);

create function pg_temp.living()
returns text
language sql
as $$
    select string_agg(k, ' ' order by k) from unnest(array['a1', 'a2', 'a3', 'b', 'r1', 'r2', 's']) as k where exists (select from web.load_session(pg_temp.key(k), false));
$$;
create function pg_temp.handle(id text)
returns uuid
language sql
as $$
    select s.handle from pg_temp.stored(id) as s;
$$;
select web.create_session(pg_temp.key(k), '{"n":1}', 1200, 100000, u) from (values ('a1', 'alice'), ('a2', 'alice'), ('a3', 'alice'), ('b', 'bob'), ('r1', 'rita'), ('s', 'rita')) as v (k, u) \g /dev/null
set local role nodepg_owner;

-- ---- A wrong handle ends nothing ----

select is(web.end_user_sessions_except_handle('alice', h), null, format('handle %s: null', coalesce(h::text, 'null'))) from unnest(array[null, '00000000-0000-0000-0000-000000000000'::uuid]) as h;
select is(web.end_user_sessions_except_handle('alice', pg_temp.handle('b')), null, 'handle of another user: null');
select is(web.end_user_sessions_except_handle(u, pg_temp.handle('a1')), null, format('user %s: null', coalesce(u, 'null'))) from unnest(array['Alice', '', null]) as u;
select is(pg_temp.living(), 'a1 a2 a3 b r1 s', 'no session ended');

-- ---- The sessions that end ----

select is(web.end_user_sessions_except_handle(p_handle => pg_temp.handle('a2'), p_user_id => 'alice'), 2, 'number of sessions that ended; parameter names');
select is(pg_temp.living(), 'a2 b r1 s', 'session with the handle and those of other users live');
select results_eq(
    $$ select expires_at, version, ended_reason, data, user_id from pg_temp.stored('a1') $$,
    $$ values ('-infinity'::timestamptz, 2::bigint, 'revoked'::text, null::text, 'alice'::text) $$,
    'ended session is a tombstone with its reason'
);
select is(web.end_user_sessions_except_handle('alice', pg_temp.handle('a2')), 0, 'second call: 0');
select web.rotate_session(pg_temp.key('r1'), pg_temp.key('r2'), 60) \g /dev/null
select is(web.end_user_sessions_except_handle('rita', pg_temp.handle('r1')), null, 'handle of the tombstone of a rotation: null');
select is(web.end_user_sessions_except_handle('rita', pg_temp.handle('r2')), 1, 'rotated session keeps its handle');
select is(pg_temp.living(), 'a2 b r1 r2', 'rotated session stays, and loads by its old key during the grace');
select web.end_session(pg_temp.key('a2')) \g /dev/null
select is(web.end_user_sessions_except_handle('alice', pg_temp.handle('a2')), null, 'handle of an ended session: null');

-- ---- Who may call, and at which isolation level ----

set local role nodepg;
select throws_ok($$ select web.end_user_sessions_except_handle('alice', gen_random_uuid()) $$, '42501', null, 'runtime role is refused');
commit;
begin isolation level repeatable read;
set local role nodepg_owner;
select throws_ok($$ select web.end_user_sessions_except_handle('alice', gen_random_uuid()) $$, '25000', null, 'repeatable read is refused');
reset role;
select * from finish();
rollback;
