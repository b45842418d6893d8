-- enforce_session_limit, by way of create_session: at most so many live sessions of a user. (login_session.sql has the same for logins.)
begin;
\ir ../lib/store.sql
select plan(43);
set local role nodepg;

-- One session more of this user; its outcome.
create function pg_temp.one(id text, user_id text, max integer default null)
returns text
language sql
as $$
    select c.outcome from web.create_session(pg_temp.key(id), '{}', p_user_id => user_id, p_max_sessions => max) as c;
$$;
create function pg_temp.living(p text, n integer)
returns text
language sql
as $$
    select string_agg(i::text, ' ' order by i) from generate_series(1, n) as i where exists (select from web.load_session(pg_temp.key(p || i), false));
$$;
create function pg_temp.devices(p text, n integer)
returns void
language plpgsql
as $$
begin
    for i in 1..n loop
        perform pg_temp.pass('61 s');
        perform pg_temp.one(p || i, p);
    end loop;
end;
$$;

-- ---- Without a limit ----

select pg_temp.devices('a', 5) \g /dev/null
select is(pg_temp.living('a', 5), '1 2 3 4 5', 'without a limit, which is the default, any number');

-- ---- The limit of the call ----

select is(pg_temp.one('a6', 'a', 6), 'created', 'one that is just allowed');
select is(pg_temp.living('a', 6), '1 2 3 4 5 6', 'ends none');
select pg_temp.pass('601 s') \g /dev/null
select web.load_session(pg_temp.key('a1')) \g /dev/null
select is(pg_temp.one('a7', 'a', 6), 'created', 'one over the limit');
select is(pg_temp.living('a', 7), '1 3 4 5 6 7', 'ends the least recently used, which need not be the oldest');
select results_eq(
    $$ select ended_reason, data from pg_temp.stored('a2') $$,
    $$ values ('evicted'::text, null::text) $$,
    'it is a tombstone with the reason'
);
select is(pg_temp.one('a8', 'a', 3), 'created', 'a lower limit');
select is(pg_temp.living('a', 8), '1 7 8', 'ends as many as it takes, the new one not among them');
select is(pg_temp.one('a9', 'a', 1), 'created', 'a limit of one');
select is(pg_temp.living('a', 9), '9', 'leaves the new one');
select is(pg_temp.one('a10', 'a', 2147483647), 'created', 'the largest limit');
select is(pg_temp.living('a', 10), '9 10', 'ends none');

-- ---- The limit of the store ----

select pg_temp.devices('b', 3) \g /dev/null
select pg_temp.as_owner('update web.settings set max_sessions_per_user = 2') \g /dev/null
select is(pg_temp.one('b4', 'b'), 'created', 'the limit of the store');
select is(pg_temp.living('b', 4), '3 4', 'null: the limit of the store');
select is(pg_temp.one('b5', 'b', 3), 'created', 'that of the call');
select is(pg_temp.living('b', 5), '3 4 5', 'goes before it');
select is(pg_temp.one('b6', 'b', 0), 'created', '0');
select is(pg_temp.living('b', 6), '3 4 5 6', 'is no limit');
select is(pg_temp.living('a', 10), '9 10', 'sessions of other users: unchanged');
select pg_temp.make('visitor ' || i) from generate_series(1, 4) as i \g /dev/null
select is((select count(*) from generate_series(1, 4) as i cross join lateral web.load_session(pg_temp.key('visitor ' || i))), 4::bigint, 'visitors have no limit');
select web.create_session(pg_temp.key('visitor 5'), '{}', p_max_sessions => 1) \g /dev/null
select is((select count(*) from generate_series(1, 5) as i cross join lateral web.load_session(pg_temp.key('visitor ' || i))), 5::bigint, 'not by the call either');

-- ---- A call that creates nothing ends nothing ----

select is(pg_temp.one('b5', 'b', 1), 'exists', 'a call repeated after a lost answer');
select is(pg_temp.living('b', 6), '3 4 5 6', 'repeated call: no session ends');
select is(pg_temp.one('visitor 1', 'b', 1), 'exists', 'key of another session: exists');
select is(pg_temp.living('b', 6), '3 4 5 6', 'no session ends');

-- ---- Refused ----

select pg_temp.as_owner('update web.settings set max_sessions_per_user = 2, reject_over_limit = true') \g /dev/null
select pg_temp.rows() as rows_before \gset
select results_eq(
    $$ select outcome, version, expires_at, handle from web.create_session(pg_temp.key('b7'), '{}', p_user_id => 'b') $$,
    $$ values ('limit_reached'::text, null::bigint, null::timestamptz, null::uuid) $$,
    'refused: where the settings say so; the other columns are null'
);
select is(pg_temp.rows(), :rows_before::bigint, 'no row is left');
select is(pg_temp.living('b', 7), '3 4 5 6', 'no session ends');
select is(pg_temp.one('b5', 'b'), 'exists', 'a key in use is reported as before');
select is(pg_temp.one('b7', 'b', 5), 'created', 'a call with room is not refused');
select is(pg_temp.one('b8', 'b', 5), 'limit_reached', 'and at its limit it is');
select web.end_session(pg_temp.key(k)) from unnest(array['b3', 'b4', 'b5', 'b6']) as k \g /dev/null
select is(pg_temp.one('b8', 'b'), 'created', 'an ended session makes room');
select pg_temp.make('expiring', '{}') \g /dev/null
select pg_temp.as_owner($$ update web.session set expires_at = now() - interval '1 s', slide_at = '-infinity' where key = sha256('b8') $$) \g /dev/null
select is(pg_temp.one('b9', 'b'), 'created', 'and so does an expired one, pruned or not');

-- ---- Arguments ----

select throws_ok(
    format($$ select web.create_session(pg_temp.key('no'), '{}', p_user_id => %s, p_max_sessions => %s) $$, u, m),
    '22023',
    'a limit of sessions is at least 0',
    format('a limit of %s is refused, user %s', m, u)
)
from (values ($$'a'$$, -1), ($$'a'$$, -2147483648), ('null', -1)) as v (u, m);

-- ---- The private function ----

select pg_temp.as_owner('update web.settings set max_sessions_per_user = default, reject_over_limit = default') \g /dev/null
reset role;
set local role nodepg_owner;
select is(web.enforce_session_limit('a', 3), true, 'room for one more: nothing is done');
select is(pg_temp.living('a', 10), '9 10', '(nothing)');
select is(web.enforce_session_limit('a', 2), true, 'no room: the least recently used one ends');
select is(pg_temp.living('a', 10), '10', 'and one more has room');
select is(web.enforce_session_limit('unknown', 1), true, 'a user without sessions has room');

-- ---- The plan ----

set local enable_seqscan = off;
discard plans;
create temporary table scans as select pg_temp.access('seq') as seq;
select pg_temp.one('plan ' || i, 'plan', 5) from generate_series(1, 14) as i \g /dev/null
select is(pg_temp.access('seq') - seq, 0::bigint, 'the sessions of the user are found by an index, with custom plans and the generic one') from scans;
select is((select count(*) from web.user_sessions('plan')), 5::bigint, 'fourteen, limited to five, leave five');

select * from finish();
rollback;
