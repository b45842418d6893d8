-- end_user_sessions: "log out everywhere", or everywhere else.
begin;
\ir ../lib/store.sql
select plan(23);
set local role nodepg;

create function pg_temp.living()
returns text
language sql
as $$
    select string_agg(k, ' ' order by k) from unnest(array['a1', 'a2', 'a3', 'a4', 'b', 'v']) as k where exists (select from web.load_session(pg_temp.key(k), false));
$$;
select web.create_session(pg_temp.key(k), '{"n":1}', 1200, 100000, u, '192.0.2.1', 'curl', 'phone')
from (values ('a1', 'alice'), ('a2', 'alice'), ('a3', 'alice'), ('b', 'bob'), ('v', null)) as v (k, u) \g /dev/null

select is(web.end_user_sessions(u), 0, format('user %s: 0', coalesce(quote_literal(u), 'null'))) from unnest(array['carol', 'Alice', '', null]) as u;
select is(web.end_user_sessions(null, pg_temp.key('a1')), 0, 'nor all but one');
select is(pg_temp.living(), 'a1 a2 a3 b v', 'nothing was ended');
select is(web.end_user_sessions(p_except_key => pg_temp.key('a2'), p_user_id => 'alice'), 2, 'as many as were ended, without the one that is excepted; by parameter names');
select is(pg_temp.living(), 'a2 b v', 'which stays live, as do those of others');
select results_eq(
    $$ select s.expires_at, s.version, s.ended_reason, s.data, s.client_address, s.user_agent, s.label, s.user_id from pg_temp.stored('a1') as s $$,
    $$ values ('-infinity'::timestamptz, 2::bigint, 'revoked'::text, null::text, null::inet, null::text, null::text, 'alice'::text) $$,
    'an ended session is a tombstone with the reason'
);
select is(web.end_user_sessions('alice', pg_temp.key('a2')), 0, '0: they had been ended already');
select is(web.end_user_sessions('alice', pg_temp.key('b')), 1, 'the key of another user''s session excepts none');
select is(pg_temp.living(), 'b v', 'and ends none of that user');
select web.set_session_data('a1', '{"late":1}', null), web.save_session(pg_temp.key('a2'), '{"late":1}') \g /dev/null
select is(pg_temp.living(), 'b v', 'late saves bring none back');
select is(web.end_user_sessions('bob', null), 1, 'null excepts none');

-- Expired ones do not count.
select web.create_session(pg_temp.key('a4'), '{}', 10, p_user_id => 'alice') \g /dev/null
select pg_temp.pass('10 s') \g /dev/null
select is(web.end_user_sessions('alice'), 0, '0: an expired session is not ended');

-- After a rotation.
select web.create_session(pg_temp.key('r1'), '{}', p_user_id => 'rita') \g /dev/null
select web.rotate_session(pg_temp.key('r1'), pg_temp.key('r2'), 60) \g /dev/null
select is(web.end_user_sessions('rita', pg_temp.key('r2')), 0, 'the new key of a rotated session excepts it');
select is(web.end_user_sessions('rita', pg_temp.key('r1')), 0, 'and so does the old one');
select web.create_session(pg_temp.key('s1'), '{}', p_user_id => 'sam') \g /dev/null
select web.rotate_session(pg_temp.key('s1'), pg_temp.key('s2'), 60) \g /dev/null
select is(web.end_user_sessions('sam'), 1, 'a rotated session counts once');
select is_empty($$ select * from web.load_session(pg_temp.key('s1')) $$, 'and does not load by its old key either, in its grace');

-- Many, in batches of nothing: one call.
select web.create_session(pg_temp.key('m' || i), '{}', p_user_id => 'many') from generate_series(1, 200) as i \g /dev/null
select is(web.end_user_sessions('many', pg_temp.key('m77')), 199, 'of two hundred all but one');

-- ---- Bad arguments ----

select throws_ok(
    format($$ select web.end_user_sessions('alice', %L) $$, k),
    '22023',
    'a session key has 32 bytes',
    format('key of %s bytes: refused', octet_length(k))
)
from unnest(array[''::bytea, decode(repeat('ab', 31), 'hex'), decode(repeat('ab', 33), 'hex')]) as k;

select * from finish();
rollback;
