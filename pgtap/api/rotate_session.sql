-- rotate_session: a new key for the same session; the old one loads for a minute at most.
begin;
\ir ../lib/store.sql
select plan(98);
set local role nodepg;

-- ---- What it returns and stores ----

select web.create_session(pg_temp.key('a'), '{"n":1}', 1200, 100000, 'alice', '192.0.2.1', 'curl', 'phone') \g /dev/null
select web.save_session(pg_temp.key('a'), '{"n":2}') \g /dev/null
select pg_temp.pass('100 s') \g /dev/null
create temporary table before as select * from pg_temp.stored('a');
select results_eq(
    $$ select outcome, version, expires_at, server_time from web.rotate_session(pg_temp.key('a'), pg_temp.key('b')) $$,
    $$ values ('rotated'::text, 2::bigint, statement_timestamp() + interval '1200 s', statement_timestamp()) $$,
    'rotated: the version of the data, and the expiry, for a rotation is a use'
);
select results_eq(
    $$
        select version, created_at, absolute_expires_at, prune_after, ended_at, ended_reason, successor, grace_until, idle_timeout_seconds, slide_interval_seconds,
            handle, user_id, client_address, user_agent, label, data
        from pg_temp.stored('b')
    $$,
    $$
        select version, created_at, absolute_expires_at, prune_after, ended_at, ended_reason, successor, grace_until, idle_timeout_seconds, slide_interval_seconds,
            handle, user_id, client_address, user_agent, label, data
        from before
    $$,
    'all else is kept: data, version, user, handle, what is known of the device, and the absolute timeout'
);
select results_eq(
    $$ select expires_at - last_used_at, slide_at - last_used_at, last_used_at > (select last_used_at from before) from pg_temp.stored('b') $$,
    $$ values (interval '1200 s', interval '60 s', true) $$,
    'the times of a use'
);
select results_eq(
    $$
        select expires_at, slide_at, version, ended_reason, successor, grace_until, prune_after - ended_at, user_id, client_address, user_agent, label, data,
            handle <> (select handle from before)
        from pg_temp.stored('a')
    $$,
    $$
        values (
            '-infinity'::timestamptz, '-infinity'::timestamptz, 1::bigint, 'rotated'::text, pg_temp.key('b'), null::timestamptz, interval '3600 s',
            null::text, null::inet, null::text, null::text, null::text, true
        )
    $$,
    'under the old key lies a tombstone, which points to the new key and holds nothing of the visitor'
);
select is(web.count_sessions(), 1, 'it is one session');
select is((select count(*) from web.user_sessions('alice')), 1::bigint, 'and one device of its user');
select results_eq(
    $$ select data, version, user_id from web.load_session(pg_temp.key('b')) $$,
    $$ values ('{"n":2}'::text, 2::bigint, 'alice'::text) $$,
    'which loads under the new key'
);
select results_eq(
    $$ select outcome, version from web.save_session(pg_temp.key('b'), '{"n":3}', 2) $$,
    $$ values ('saved'::text, 3::bigint) $$,
    'and saves with the version that was loaded before the rotation'
);

-- ---- The old key ----

select is_empty(format('select * from web.load_session(pg_temp.key(%L), %s)', 'a', s), format('the old key does not load, slide %s', s))
from unnest(array['true', 'false', 'null']) as s;
create temporary table old as select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s;
create temporary table new as select pg_temp.place('b') as place, s.* from pg_temp.stored('b') as s;
select is(pg_temp.make('a', '{"late":1}'), 'exists', 'nor can it be used for another session');
select results_eq(
    format($$ select outcome from web.save_session(pg_temp.key('a'), '{"late":1}', %s) $$, v),
    $$ values ('gone'::text) $$,
    format('a late save with version %s is gone', v)
)
from unnest(array['null', '1', '2', '3']) as v;
select is(web.touch_session(pg_temp.key('a')), null, 'a touch finds nothing');
select is_empty($$ select * from web.lock_session(pg_temp.key('a')) $$, 'nor does a lock');
select lives_ok(format($$ select web.set_session_data('a', '{"late":1}', %s) $$, e), format('a late set with expiry %s is no error', e))
from unnest(array['null', $$ now() + interval '1 day' $$, $$ 'infinity' $$, $$ '-infinity' $$]) as e;
select is_empty($$ select * from web.get_session_data('a') $$, 'and brings nothing up');
select results_eq(
    $$ select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s union all select pg_temp.place('b'), s.* from pg_temp.stored('b') as s $$,
    $$ select * from old union all select * from new $$,
    'none of all these wrote to the tombstone, or to the session'
);
select results_eq(
    $$ select outcome, version, expires_at, server_time from web.rotate_session(pg_temp.key('a'), pg_temp.key('mine')) $$,
    $$ values ('gone'::text, null::bigint, null::timestamptz, statement_timestamp()) $$,
    'gone: the old key cannot be rotated to another'
);
select is_empty($$ select * from pg_temp.stored('mine') $$, 'which leaves no row');

-- ---- Repeated after a lost answer ----

select results_eq(
    format($$ select outcome, version, expires_at from web.rotate_session(pg_temp.key('a'), pg_temp.key('b'), %s) $$, g),
    $$ select 'rotated'::text, version, expires_at from new $$,
    format('rotated: it was done before; grace %s', g)
)
from unnest(array[0, 60]) as g;
select results_eq(
    $$ select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s union all select pg_temp.place('b'), s.* from pg_temp.stored('b') as s $$,
    $$ select * from old union all select * from new $$,
    'and nothing is written: a repeat gives no grace that the first did not give'
);
select is(web.end_session(pg_temp.key('b')), true, 'the session ends');
select results_eq(
    $$ select outcome, version, expires_at, server_time from web.rotate_session(pg_temp.key('a'), pg_temp.key('b')) $$,
    $$ values ('gone'::text, null::bigint, null::timestamptz, statement_timestamp()) $$,
    'and is gone, for a repeat too'
);

-- ---- Grace ----

select web.create_session(pg_temp.key('g'), '{"n":1}', 1200, 100000, 'alice') \g /dev/null
select is((select outcome from web.rotate_session(p_grace_seconds => 60, p_new_key => pg_temp.key('h'), p_old_key => pg_temp.key('g'))), 'rotated', 'a grace of 60 seconds, by parameter names');
select results_eq(
    format('select data, version, expires_at, user_id from web.load_session(pg_temp.key(%L), %s)', 'g', s),
    $$ select '{"n":1}'::text, 1::bigint, s.expires_at, 'alice'::text from pg_temp.stored('h') as s $$,
    format('meanwhile the old key loads the session, slide %s', s)
)
from unnest(array['true', 'false']) as s;
select web.save_session(pg_temp.key('h'), '{"n":2}') \g /dev/null
select is((select data from web.load_session(pg_temp.key('g'))), '{"n":2}', 'as it is now');
create temporary table graced as select pg_temp.place('h') as place, s.* from pg_temp.stored('h') as s;
select results_eq($$ select outcome from web.save_session(pg_temp.key('g'), '{"late":1}', 2) $$, $$ values ('gone'::text) $$, 'it does not save');
select is(web.touch_session(pg_temp.key('g')), null, 'nor touch');
select is_empty($$ select * from web.lock_session(pg_temp.key('g')) $$, 'nor lock');
select is_empty($$ select web.get_session_data('g') $$, 'nor load by the connect-pg interface, which knows no rotation');
select web.set_session_data('g', '{"late":1}', now() + interval '1 day') \g /dev/null
select is((select data from web.load_session(pg_temp.key('g'))), '{"n":2}', 'nor set by it');
select results_eq($$ select pg_temp.place('h') as place, s.* from pg_temp.stored('h') as s $$, 'select * from graced', 'nothing of that wrote to the session');
select pg_temp.as_owner($$ update web.session set slide_at = '-infinity' where key = sha256('h') $$) \g /dev/null
select pg_temp.place('h') as due_place \gset
select isnt_empty($$ select * from web.load_session(pg_temp.key('g')) $$, 'with a slide due it loads');
select is(pg_temp.place('h'), :'due_place', 'and slides nothing');
select pg_temp.pass('59 s') \g /dev/null
select isnt_empty($$ select * from web.load_session(pg_temp.key('g')) $$, 'a second before the grace is over it loads');
select pg_temp.pass('1 s') \g /dev/null
select is_empty($$ select * from web.load_session(pg_temp.key('g')) $$, 'and then no more');
select isnt_empty($$ select * from web.load_session(pg_temp.key('h')) $$, 'while the session lives on');

-- A chain of rotations: the old keys load as long as each of the graces between lasts.
select pg_temp.make('c1', '{"n":1}', 1200) \g /dev/null
select is(
    (select array_agg((select r.outcome from web.rotate_session(pg_temp.key('c' || i), pg_temp.key('c' || i + 1), 60) as r) order by i) from generate_series(1, 4) as i),
    array['rotated', 'rotated', 'rotated', 'rotated'],
    'a session that is rotated four times'
);
select results_eq(
    format('select data from web.load_session(pg_temp.key(%L))', 'c' || i),
    $$ values ('{"n":1}'::text) $$,
    format('loads under its key number %s', i)
)
from generate_series(1, 5) as i;
select pg_temp.as_owner($$ update web.session set grace_until = '-infinity' where key = sha256('c3') $$) \g /dev/null
select is(
    (select array_agg(exists (select from web.load_session(pg_temp.key('c' || i))) order by i) from generate_series(1, 5) as i),
    array[false, false, false, true, true],
    'and where one grace is over, no key before it loads'
);
select is(web.end_session(pg_temp.key('c1')), true, 'end_session with the first key, grace over: true');
select is(
    (select array_agg(exists (select from web.load_session(pg_temp.key('c' || i))) order by i) from generate_series(1, 5) as i),
    array[false, false, false, false, false],
    'after which none of them loads'
);
select results_eq($$ select ended_reason, data from pg_temp.stored('c5') $$, $$ values ('logout'::text, null::text) $$, 'row of the session: tombstone with reason logout');
select is(web.end_session(pg_temp.key('c1')), false, 'false: it had been ended already');

-- A key within its grace after the session ended, expired, or changed its user.
select pg_temp.make(k, '{"n":1}', 1200) from unnest(array['e1', 'x1', 'l1', 'o1', 'd1']) as k \g /dev/null
select web.rotate_session(pg_temp.key(k || '1'), pg_temp.key(k || '2'), 60) from unnest(array['e', 'x', 'l', 'o', 'd']) as k \g /dev/null
select web.end_session(pg_temp.key('e2')) \g /dev/null
select pg_temp.as_owner($$ update web.session set expires_at = now() - interval '1 s', slide_at = '-infinity' where key = sha256('x2') $$) \g /dev/null
select web.login_session(pg_temp.key('l2'), pg_temp.key('l3'), 'alice') \g /dev/null
select web.logout_session(pg_temp.key('o2'), pg_temp.key('o3')) \g /dev/null
select web.destroy_session('d1') \g /dev/null
select is_empty(format('select * from web.load_session(pg_temp.key(%L))', k || '1'), format('within its grace an old key does not load a session that %s', what))
from (
    values
    ('e', 'was ended'), ('x', 'has expired'), ('l', 'was given to a user since: it may have been planted'), ('o', 'was taken from a user since'),
    ('d', 'was destroyed by the old id')
) as v (k, what);
select is_empty($$ select * from web.load_session(pg_temp.key('d2')) $$, '(it has ended under its new key)');
select is(web.end_session(pg_temp.key('l1')), true, 'end_session with the key of before a login: true');
select is_empty($$ select * from web.load_session(pg_temp.key('l3')) $$, 'of the user');
select is(web.end_session(pg_temp.key('x1')), false, 'that of an expired session ends none');
select is(pg_temp.make('x2'), 'exists', 'but makes sure that it stays so');

-- A successor that is no longer there.
select pg_temp.make('p1') \g /dev/null
select web.rotate_session(pg_temp.key('p1'), pg_temp.key('p2'), 60) \g /dev/null
select pg_temp.as_owner($$ delete from web.session where key = sha256('p2') $$) \g /dev/null
select is_empty($$ select * from web.load_session(pg_temp.key('p1')) $$, 'an old key whose session is not there does not load');
select is(web.end_session(pg_temp.key('p1')), false, 'nor end one');
select is(pg_temp.make('p2'), 'exists', 'and leaves a tombstone for it');

-- ---- The absolute timeout, and what is not live ----

select pg_temp.make('abs', '{}', 1000, 1500) \g /dev/null
select pg_temp.pass('900 s') \g /dev/null
select results_eq(
    $$ select r.outcome, r.expires_at = s.absolute_expires_at, s.absolute_expires_at - s.created_at from web.rotate_session(pg_temp.key('abs'), pg_temp.key('abs 2')) as r cross join lateral pg_temp.stored('abs 2') as s $$,
    $$ values ('rotated'::text, true, interval '1500 s') $$,
    'a rotation takes the expiry no further than the absolute timeout, which it keeps'
);
select pg_temp.pass('600 s') \g /dev/null
select results_eq(
    format('select outcome, version, expires_at, server_time from web.rotate_session(pg_temp.key(%L), pg_temp.key(%L))', k, 'never'),
    $$ values ('gone'::text, null::bigint, null::timestamptz, statement_timestamp()) $$,
    format('gone: %s', what)
)
from (values ('abs 2', 'an expired session'), ('e2', 'an ended one'), ('unknown', 'an unknown key')) as v (k, what);
select is_empty($$ select * from pg_temp.stored('never') union all select * from pg_temp.stored('unknown') $$, 'which leaves no row');

-- ---- The new key is in use ----

select pg_temp.make('mine', '{"n":1}') \g /dev/null
select pg_temp.make('yours', '{"secret":1}') \g /dev/null
select web.end_session(pg_temp.key('buried')) \g /dev/null
select pg_temp.make('past', '{}') \g /dev/null
select pg_temp.as_owner($$ update web.session set expires_at = '-infinity', slide_at = '-infinity' where key = sha256('past') $$) \g /dev/null
create temporary table untouched as select pg_temp.place(k) as place, s.* from unnest(array['mine', 'yours', 'buried', 'past']) as k cross join lateral pg_temp.stored(k) as s;
select results_eq(
    format('select outcome, version, expires_at, server_time from web.rotate_session(pg_temp.key(%L), pg_temp.key(%L), 60)', 'mine', k),
    $$ values ('exists'::text, null::bigint, null::timestamptz, statement_timestamp()) $$,
    format('exists: the new key is that of %s', what)
)
from (values ('yours', 'another session'), ('buried', 'a tombstone'), ('past', 'an expired session')) as v (k, what);
select results_eq(
    $$ select pg_temp.place(k) as place, s.* from unnest(array['mine', 'yours', 'buried', 'past']) as k cross join lateral pg_temp.stored(k) as s $$,
    'select * from untouched',
    'and nothing was changed'
);
select results_eq(
    $$ select outcome from web.rotate_session(pg_temp.key('gone too'), pg_temp.key('yours')) $$,
    $$ values ('gone'::text) $$,
    'no session and a new key in use: gone, which tells nothing about that key'
);

-- ---- Bad arguments ----

select throws_ok(
    format($$ select web.rotate_session(%L, %L) $$, o, n),
    '22023',
    'a session key has 32 bytes',
    format('keys of %s and %s bytes are refused', coalesce(octet_length(o)::text, 'null'), coalesce(octet_length(n)::text, 'null'))
)
from (
    values
    (null::bytea, sha256('x')), (sha256('x'), null), (null, null), ('', sha256('x')), (sha256('x'), ''),
    (sha256('x'), decode(repeat('ab', 31), 'hex')), (decode(repeat('ab', 33), 'hex'), sha256('x'))
) as k (o, n);
select throws_ok(
    format($$ select web.rotate_session(pg_temp.key(%L), pg_temp.key(%1$L)) $$, k),
    '22023',
    'the new key equals the old key',
    format('the same key twice is refused: %s', k)
)
from unnest(array['mine', 'unknown']) as k;
select throws_ok(
    format($$ select web.rotate_session(pg_temp.key('mine'), pg_temp.key('other'), %s) $$, g),
    '22023',
    'the grace of a rotation is 0 to 60 seconds',
    format('a grace of %s is refused', g)
)
from unnest(array['-1', '61', '2147483647', 'null']) as g;
select results_eq(
    $$ select pg_temp.place('mine') as place, s.* from pg_temp.stored('mine') as s $$,
    $$ select * from untouched where key = pg_temp.key('mine') $$,
    'a refused call changes nothing'
);

-- ---- Pruning ----

select web.clear_sessions() \g /dev/null
select pg_temp.make('r1', '{}', 86400) \g /dev/null
select web.rotate_session(pg_temp.key('r1'), pg_temp.key('r2'), 60) \g /dev/null
select pg_temp.pass('3599 s') \g /dev/null
select results_eq('select * from web.prune_sessions()', $$ values ('pruned'::text, 0, 0) $$, 'the tombstone of the old key is kept for an hour');
select pg_temp.pass('1 s') \g /dev/null
select results_eq('select * from web.prune_sessions()', $$ values ('pruned'::text, 1, 0) $$, 'and removed then');
select isnt_empty($$ select * from web.load_session(pg_temp.key('r2')) $$, 'which does the session no harm');

-- ---- The plan ----

select pg_temp.make('many ' || i) from generate_series(1, 12) as i \g /dev/null
set local enable_seqscan = off;
discard plans;
create temporary table scans as select pg_temp.access('seq') as seq;
select web.rotate_session(pg_temp.key('many ' || i), pg_temp.key('more ' || i), 60) from generate_series(1, 12) as i \g /dev/null
select web.load_session(pg_temp.key('many ' || i)) from generate_series(1, 12) as i \g /dev/null
select is(pg_temp.access('seq') - seq, 0::bigint, 'both keys are looked up in the primary key, with custom plans and the generic one') from scans;

select * from finish();
rollback;
