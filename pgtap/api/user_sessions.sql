-- user_sessions: the page "your devices".
begin;
\ir ../lib/store.sql
\ir ../lib/plans.sql
select plan(22);
set local role nodepg;

select web.create_session(pg_temp.key('old'), '{"secret":1}', 1200, 100000, 'alice', '192.0.2.1', 'curl', 'phone') \g /dev/null
select pg_temp.pass('100 s') \g /dev/null
select web.create_session(pg_temp.key('new'), '{"secret":2}', 1200, 100000, 'alice', '2001:db8::1', 'Mozilla/5.0', null) \g /dev/null
select web.create_session(pg_temp.key('of bob'), '{}', p_user_id => 'bob') \g /dev/null
select web.create_session(pg_temp.key('of nobody'), '{}') \g /dev/null
select results_eq(
    $$ select * from web.user_sessions('alice') $$,
    $$ select s.handle, s.created_at, s.last_used_at, s.expires_at, s.client_address, s.user_agent, s.label from unnest(array['new', 'old']) with ordinality as k (id, i) cross join lateral pg_temp.stored(k.id) as s order by k.i $$,
    'the live sessions of a user and what is known of each; the one used last first'
);
select pg_temp.pass('100 s') \g /dev/null
select web.load_session(pg_temp.key('old')) \g /dev/null
select is((select array_agg(label) from web.user_sessions(p_user_id => 'alice')), array['phone', null], 'a use brings a session to the top; by parameter name');
select is_empty(format('select * from web.user_sessions(%L)', u), format('nothing for %s', coalesce(quote_literal(u), 'null')))
from unnest(array['carol', 'Alice', 'alice ', '', null]) as u;
select is(
    (select count(*) from web.user_sessions('alice') as u join pg_proc as p on p.oid = 'web.user_sessions(text)'::regprocedure where p.proargnames && array['key', 'data']),
    0::bigint,
    'neither key nor data is in the list'
);

-- ---- What is not live ----

select web.end_session(pg_temp.key('old')) \g /dev/null
select is((select array_agg(user_agent) from web.user_sessions('alice')), array['Mozilla/5.0'], 'an ended session is not in the list');
select web.rotate_session(pg_temp.key('new'), pg_temp.key('newer'), 60) \g /dev/null
select is((select array_agg(user_agent) from web.user_sessions('alice')), array['Mozilla/5.0'], 'a rotated one is there once');
select is((select handle from web.user_sessions('alice')), (select handle from pg_temp.stored('newer')), 'under its handle');
select pg_temp.pass('1200 s') \g /dev/null
select is_empty($$ select * from web.user_sessions('alice') $$, 'an expired one is not, pruned or not');

-- ---- The collation of the caller ----

-- The runtime role can make one in which two user ids are equal.
set local role nodepg;
create collation pg_temp.weak (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
select web.create_session(sha256('weak'), '{}', p_user_id => 'weak') \g /dev/null
select is_empty($$ select * from web.user_sessions('WEAK' collate pg_temp.weak) $$, 'user_sessions: a collation of the caller finds no other user');
select is(web.end_user_sessions('WEAK' collate pg_temp.weak), 0, 'end_user_sessions likewise');
select is(
    (select web.end_user_session('WEAK' collate pg_temp.weak, u.handle) from web.user_sessions('weak') as u),
    false,
    'end_user_session likewise'
);
select is(
    (select outcome from web.create_session(sha256('weak 2'), '{}', p_user_id => 'WEAK' collate pg_temp.weak, p_max_sessions => 1)),
    'created',
    'create_session likewise'
);
select isnt_empty($$ select * from web.load_session(sha256('weak')) $$, 'and evicts no session of the other user');

-- ---- The plan ----

-- Whatever the size: from a thousand rows to twenty thousand, and for a plan that is made for any user.
reset role;
select pg_temp.fill(1000) \g /dev/null
select is(pg_temp.scans('web.user_sessions', 1), 'session_user_id', 'with 1,000 sessions the user''s are found by their index');
select pg_temp.fill(20000) \g /dev/null
select is(pg_temp.scans('web.user_sessions', 1), 'session_user_id', 'with 20,000 likewise');
select pg_temp.fill_for('many devices', 2000) \g /dev/null
select is(pg_temp.scans('web.user_sessions', 1), 'session_user_id', 'and with a user of 2,000 sessions among them');
select is(pg_temp.rows_read($$ select * from web.user_sessions('user 7') $$), 10::bigint, 'a call reads the rows of its user, and no other');
-- (A rollback would take the test itself back, so its answer is kept for after it.)
savepoint without_index;
drop index web.session_user_id;
select pg_temp.scans('web.user_sessions', 1) as without_index \gset
rollback to without_index;
select is(:'without_index'::text, 'Seq Scan', '(without the index this test fails)');

select * from finish();
rollback;
