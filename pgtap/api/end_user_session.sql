-- end_user_session: "log out this device", for its user alone.
begin;
\ir ../lib/store.sql
\ir ../lib/plans.sql
select plan(23);
set local role nodepg;

select web.create_session(pg_temp.key(k), '{"n":1}', 1200, 100000, u, '192.0.2.1', 'curl', 'phone') from (values ('a1', 'alice'), ('a2', 'alice'), ('b', 'bob'), ('v', null)) as v (k, u) \g /dev/null
create temporary table handles as select k as id, s.handle, s.user_id, s.prune_after from unnest(array['a1', 'a2', 'b', 'v']) as k cross join lateral pg_temp.stored(k) as s;

select is(web.end_user_session('alice', (select handle from handles where id = 'b')), false, 'false: the session of another user');
select is(web.end_user_session('bob', (select handle from handles where id = 'a1')), false, 'either way');
select is(web.end_user_session(u, (select handle from handles where id = 'v')), false, format('session of a visitor, for user %s: false', coalesce(quote_literal(u), 'null')))
from unnest(array['alice', '', null]) as u;
select is(web.end_user_session('alice', h), false, format('false: the handle %s', coalesce(h::text, 'null')))
from unnest(array[null, '00000000-0000-0000-0000-000000000000'::uuid]) as h;
select is(web.count_sessions(), 4, 'nothing was ended');

create temporary table counted as select pg_temp.access('updated') as updated, pg_temp.access('hot') as hot;
select is(web.end_user_session(p_handle => (select handle from handles where id = 'a1'), p_user_id => 'alice'), true, 'true: a live session of the user was ended; by parameter names');
select results_eq(
    $$ select pg_temp.access('updated') - updated from counted $$,
    $$ values (1::bigint) $$,
    'by one update'
);
select results_eq(
    $$ select s.expires_at, s.version, s.ended_reason, s.data, s.client_address, s.user_agent, s.label, s.user_id, s.handle = h.handle, s.prune_after = h.prune_after from pg_temp.stored('a1') as s join handles as h on h.id = 'a1' $$,
    $$ values ('-infinity'::timestamptz, 2::bigint, 'revoked'::text, null::text, null::inet, null::text, null::text, 'alice'::text, true, true) $$,
    'the row is emptied and stays as a tombstone with the reason'
);
select is_empty($$ select * from web.load_session(pg_temp.key('a1')) $$, 'the session does not load');
select results_eq($$ select outcome from web.save_session(pg_temp.key('a1'), '{"late":1}') $$, $$ values ('gone'::text) $$, 'nor does a late save bring it back');
select is(web.end_user_session('alice', (select handle from handles where id = 'a1')), false, 'false: it had been ended already');
select is(web.count_sessions(), 3, 'the other sessions live');

-- A rotation keeps the handle; after a login of another user the handle is a new one.
select web.rotate_session(pg_temp.key('a2'), pg_temp.key('a3'), 60) \g /dev/null
select is(web.end_user_session('alice', (select handle from handles where id = 'a2')), true, 'a rotated session ends by its handle');
select is_empty($$ select * from web.load_session(pg_temp.key('a3')) union all select * from web.load_session(pg_temp.key('a2')) $$, 'under the new key and under the old one in its grace');
select pg_temp.pass('1200 s') \g /dev/null
select is(web.end_user_session('bob', (select handle from handles where id = 'b')), false, 'false: it has expired');
select is((select ended_at from pg_temp.stored('b')), null, 'and is no tombstone by that');

-- ---- The plan ----

reset role;
select pg_temp.fill(1000) \g /dev/null
select isnt(pg_temp.scans('web.end_user_session', 2), 'Seq Scan', 'with 1,000 sessions the one is found by an index');
select pg_temp.fill(20000) \g /dev/null
select pg_temp.fill_for('many devices', 2000) \g /dev/null
select is(pg_temp.scans('web.end_user_session', 2), 'session_handle', 'with 20,000, and a user of 2,000 among them, by that of the handles');
select handle as one from web.session where user_id = 'many devices' limit 1 \gset
select cmp_ok(pg_temp.rows_read(format($$ select web.end_user_session('many devices', %L) $$, :'one')), '=', 2::bigint, 'a call reads the row that it ends, once to find and once to end it, and no other');
-- (A rollback would take the test itself back, so its answer is kept for after it.)
savepoint without_index;
drop index web.session_handle;
select pg_temp.scans('web.end_user_session', 2) as without_index \gset
rollback to without_index;
select isnt(:'without_index'::text, 'session_handle', '(without the index this test fails)');

select * from finish();
rollback;
