-- login_session: a session is given to a user, under a new key; the old key reads nothing.
begin;
\ir ../lib/store.sql
select plan(68);
set local role nodepg;

-- Sessions of this user, oldest use first: a1 to an.
create function pg_temp.devices(user_id text, n integer)
returns void
language plpgsql
as $$
begin
    for i in 1..n loop
        perform pg_temp.pass('61 s');
        perform web.create_session(pg_temp.key(user_id || i), '{}', p_user_id => user_id);
    end loop;
end;
$$;
-- Which of them live.
create function pg_temp.living(user_id text, n integer)
returns text
language sql
as $$
    select string_agg(i::text, ' ' order by i) from generate_series(1, n) as i where exists (select from web.load_session(pg_temp.key(user_id || i), false));
$$;

-- ---- What it returns and stores ----

select web.create_session(pg_temp.key('v'), '{"basket":1}', 1200, 100000, null, '192.0.2.1', 'curl', 'guest') \g /dev/null
select pg_temp.pass('100 s') \g /dev/null
create temporary table before as select * from pg_temp.stored('v');
select results_eq(
    $$ select outcome, version, expires_at, server_time from web.login_session(pg_temp.key('v'), pg_temp.key('w'), 'alice') $$,
    $$ values ('rotated'::text, 1::bigint, statement_timestamp() + interval '1200 s', statement_timestamp()) $$,
    'rotated: version, expiry and server time'
);
select results_eq(
    $$ select version, created_at, absolute_expires_at, idle_timeout_seconds, slide_interval_seconds, handle, client_address, user_agent, label, data, user_id, ended_at from pg_temp.stored('w') $$,
    $$ select version, created_at, absolute_expires_at, idle_timeout_seconds, slide_interval_seconds, handle, client_address, user_agent, label, data, 'alice'::text, ended_at from before $$,
    'the session is the user''s, and keeps its data; what is not given stays as it was'
);
select results_eq(
    $$ select ended_reason, successor, grace_until is null from pg_temp.stored('v') $$,
    $$ values ('rotated'::text, pg_temp.key('w'), true) $$,
    'the old key is a tombstone, without any grace'
);
select is_empty($$ select * from web.load_session(pg_temp.key('v')) $$, 'planted id: no row after the login');
select results_eq($$ select outcome from web.save_session(pg_temp.key('v'), '{"planted":1}') $$, $$ values ('gone'::text) $$, 'and writes nothing into it');
select pg_temp.pass('-1 s') \g /dev/null
select is_empty($$ select * from web.load_session(pg_temp.key('v')) $$, 'nor after the clock was set back, or for a load that began before the login');
select pg_temp.pass('1 s') \g /dev/null
select is((select user_id from web.load_session(pg_temp.key('w'))), 'alice', 'the new one loads');
select results_eq(
    $$
        select l.outcome, l.expires_at, s.expires_at, s.absolute_expires_at, s.idle_timeout_seconds, s.slide_interval_seconds, s.slide_at, s.client_address, s.user_agent, s.label
        from web.login_session(pg_temp.key('w'), pg_temp.key('x'), 'alice', 7200, 70000, '2001:db8::1', repeat('ü', 600), repeat('ü', 600), 5) as l
        cross join lateral pg_temp.stored('x') as s
    $$,
    $$
        values (
            'rotated'::text,
            statement_timestamp() + interval '7200 s',
            statement_timestamp() + interval '7200 s',
            statement_timestamp() + interval '70000 s',
            7200,
            360,
            statement_timestamp() + interval '360 s',
            '2001:db8::1'::inet,
            repeat('ü', 512),
            repeat('ü', 256)
        )
    $$,
    'what is given is stored: new timeouts, the absolute one from now on; long texts are cut'
);
select pg_temp.make('late', '{}', 1000, 1500) \g /dev/null
select pg_temp.pass('900 s') \g /dev/null
select results_eq(
    $$ select l.outcome, l.expires_at = s.absolute_expires_at, s.absolute_expires_at - s.created_at from web.login_session(pg_temp.key('late'), pg_temp.key('later'), 'alice') as l cross join lateral pg_temp.stored('later') as s $$,
    $$ values ('rotated'::text, true, interval '1500 s') $$,
    'without one the absolute timeout is kept, and limits the expiry'
);
select results_eq(
    $$ select expires_at from web.login_session(pg_temp.key('later'), pg_temp.key('latest'), 'alice', p_absolute_timeout_seconds => 86400) $$,
    $$ values (statement_timestamp() + interval '1000 s') $$,
    'with one it begins anew'
);
select results_eq(
    $$ select expires_at from web.login_session(pg_temp.key('latest'), pg_temp.key('short'), 'alice', 100, 50) $$,
    $$ values (statement_timestamp() + interval '50 s') $$,
    'a login may also shorten: an absolute timeout below the idle one is the expiry'
);
select is((select slide_at <= expires_at from pg_temp.stored('short')), true, 'and no slide is due after it');
select is(
    (select outcome from web.login_session(p_user_id => 'alice', p_new_key => pg_temp.key('named'), p_old_key => pg_temp.key('short'), p_label => 'x')),
    'rotated',
    'it can be called by parameter names'
);

-- ---- The session of another user ----

select web.create_session(pg_temp.key('o'), '{"of":"alice"}', p_user_id => 'alice', p_label => 'phone of alice', p_user_agent => 'curl') \g /dev/null
create temporary table others as select * from pg_temp.stored('o');
select results_eq(
    $$
        with l as materialized (
            select outcome from web.login_session(pg_temp.key('o'), pg_temp.key('p'), 'bob')
        )
        select l.outcome, s.user_id, s.data, s.handle <> o.handle, s.label, s.user_agent
        from l
        cross join lateral pg_temp.stored(case when l.outcome is not null then 'p' end) as s
        cross join others as o
    $$,
    $$ values ('rotated'::text, 'bob'::text, '{"of":"alice"}'::text, true, null::text, 'curl'::text) $$,
    'session of another user: user and handle are new, data stays, label goes'
);
select is(web.end_user_session('alice', (select handle from others)), false, 'former user, old handle: false');
select is((select outcome from web.login_session(pg_temp.key('p'), pg_temp.key('q'), 'bob')), 'rotated', 'the same user again:');
select is(
    (select array_agg(u.handle) from web.user_sessions('bob') as u),
    (select array_agg(s.handle) from pg_temp.stored('q') as s),
    'the handle stays'
);
select is((select count(*) from web.user_sessions('bob')), 1::bigint, 'and it is one device');

-- ---- Repeated after a lost answer ----

create temporary table q as select pg_temp.place('q') as place, s.* from pg_temp.stored('q') as s;
select results_eq(
    $$ select outcome, version, expires_at from web.login_session(pg_temp.key('p'), pg_temp.key('q'), 'bob', p_max_sessions => 1) $$,
    $$ select 'rotated'::text, version, expires_at from q $$,
    'repeated call: rotated, no session is evicted'
);
select results_eq($$ select pg_temp.place('q') as place, s.* from pg_temp.stored('q') as s $$, 'select * from q', 'nothing is written');
select isnt(
    (select outcome from web.login_session(pg_temp.key('p'), pg_temp.key('q'), 'carol')),
    'rotated',
    'repeated call with another user: gone'
);
select web.rotate_session(pg_temp.key('q'), pg_temp.key('r')) \g /dev/null
select isnt(
    (select outcome from web.login_session(pg_temp.key('q'), pg_temp.key('r'), 'carol')),
    'rotated',
    'login after a rotation with the same keys: gone'
);

-- ---- gone, exists ----

select web.create_session(pg_temp.key('u'), '{"secret":1}') \g /dev/null
select web.create_session(pg_temp.key('visitor'), '{"n":1}') \g /dev/null
select pg_temp.devices('dave', 3) \g /dev/null
select web.create_session(pg_temp.key('past'), '{}', 1) \g /dev/null
select web.end_session(pg_temp.key('ended')) \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
create temporary table untouched as select pg_temp.place(k) as place, s.* from unnest(array['u', 'visitor', 'past', 'ended']) as k cross join lateral pg_temp.stored(k) as s;
select results_eq(
    format($$ select outcome, version, expires_at, server_time from web.login_session(pg_temp.key(%L), pg_temp.key('never'), 'dave', p_max_sessions => 3) $$, k),
    $$ values ('gone'::text, null::bigint, null::timestamptz, statement_timestamp()) $$,
    format('gone: %s', what)
)
from (values ('past', 'an expired session'), ('ended', 'an ended one'), ('unknown', 'an unknown key')) as v (k, what);
select results_eq(
    format($$ select outcome, version, expires_at, server_time from web.login_session(pg_temp.key('visitor'), pg_temp.key(%L), 'dave', p_max_sessions => 3) $$, k),
    $$ values ('exists'::text, null::bigint, null::timestamptz, statement_timestamp()) $$,
    format('exists: the new key is that of %s', what)
)
from (values ('u', 'another session'), ('past', 'an expired one'), ('ended', 'a tombstone'), ('dave1', 'a session of the user')) as v (k, what);
select results_eq(
    $$ select pg_temp.place(k) as place, s.* from unnest(array['u', 'visitor', 'past', 'ended']) as k cross join lateral pg_temp.stored(k) as s $$,
    'select * from untouched',
    'nothing was changed'
);
select is(pg_temp.living('dave', 3), '1 2 3', 'a login without a session evicts none');
select is_empty($$ select * from pg_temp.stored('never') union all select * from pg_temp.stored('unknown') $$, 'no row is left');

-- ---- Limits ----

select results_eq(
    $$ select outcome from web.login_session(pg_temp.key('visitor'), pg_temp.key('dave4'), 'dave', p_max_sessions => 3) $$,
    $$ values ('rotated'::text) $$,
    'a login over the limit of the call'
);
select is(pg_temp.living('dave', 4), '2 3 4', 'ends the least recently used session of the user');
select results_eq(
    $$ select ended_reason, data from pg_temp.stored('dave1') $$,
    $$ values ('evicted'::text, null::text) $$,
    'which is a tombstone and says why'
);
select is(
    (select outcome from web.login_session(pg_temp.key('dave2'), pg_temp.key('dave5'), 'dave', p_max_sessions => 3)),
    'rotated',
    'a session that is the user''s already'
);
select is(pg_temp.living('dave', 5), '3 4 5', 'takes up no more room');
select pg_temp.as_owner('update web.settings set max_sessions_per_user = 3, reject_over_limit = true') \g /dev/null
select web.create_session(pg_temp.key('visitor 2'), '{"n":1}') \g /dev/null
create temporary table refused as select pg_temp.place('visitor 2') as place, s.* from pg_temp.stored('visitor 2') as s;
select results_eq(
    $$ select outcome, version, expires_at, server_time from web.login_session(pg_temp.key('visitor 2'), pg_temp.key('dave6'), 'dave') $$,
    $$ values ('limit_reached'::text, null::bigint, null::timestamptz, statement_timestamp()) $$,
    'refused: where the settings say so'
);
select results_eq($$ select pg_temp.place('visitor 2') as place, s.* from pg_temp.stored('visitor 2') as s $$, 'select * from refused', 'the session is as it was');
select is(pg_temp.living('dave', 6), '3 4 5', 'so are those of the user');
select is(
    (select outcome from web.login_session(pg_temp.key('dave3'), pg_temp.key('dave6'), 'dave')),
    'rotated',
    'a session that is the user''s already is not refused'
);
select is(
    (select outcome from web.login_session(pg_temp.key('visitor 2'), pg_temp.key('dave7'), 'dave', p_max_sessions => 0)),
    'rotated',
    '0: a call without any limit'
);
select is(pg_temp.living('dave', 7), '4 5 6 7', 'ends none');
select pg_temp.as_owner('update web.settings set max_sessions_per_user = default, reject_over_limit = default') \g /dev/null
select web.create_session(pg_temp.key('visitor 3'), '{}') \g /dev/null
select is(
    (select outcome from web.login_session(pg_temp.key('visitor 3'), pg_temp.key('dave8'), 'dave', p_max_sessions => 1)),
    'rotated',
    'a limit of one'
);
select is(pg_temp.living('dave', 8), '8', 'ends all others');

-- ---- Bad arguments ----

select web.create_session(pg_temp.key('n'), '{}') \g /dev/null
select throws_ok(
    format($$ select web.login_session(pg_temp.key('n'), pg_temp.key('m'), %L) $$, u),
    '22023',
    'a user id has 1 to 1024 bytes',
    format('a user id of %s bytes is refused', coalesce(octet_length(u)::text, 'null'))
)
from unnest(array[null, '', repeat('x', 1025), repeat('é', 513)]) as u;
select throws_ok(
    format($$ select web.login_session(pg_temp.key('n'), pg_temp.key('m'), 'alice', %s, %s) $$, i, a),
    '22023',
    'a timeout is at least one second',
    format('timeouts of %s and %s are refused', i, a)
)
from (values ('0', 'null'), ('-1', '5'), ('null', '0'), ('5', '-2147483648')) as t (i, a);
select throws_ok($$ select web.login_session(pg_temp.key('n'), pg_temp.key('m'), 'alice', p_max_sessions => -1) $$, '22023', 'a limit of sessions is at least 0', 'so is a negative limit');
select throws_ok(
    format($$ select web.login_session(%L, %L, 'alice') $$, o, n),
    '22023',
    'a session key has 32 bytes',
    format('keys of %s and %s bytes are refused', coalesce(octet_length(o)::text, 'null'), coalesce(octet_length(n)::text, 'null'))
)
from (values (null::bytea, sha256('x')), (sha256('x'), null), (sha256('x'), ''::bytea), (decode(repeat('ab', 33), 'hex'), sha256('x'))) as k (o, n);
select throws_ok($$ select web.login_session(pg_temp.key('n'), pg_temp.key('n'), 'alice') $$, '22023', 'the new key equals the old key', 'and the same key twice');
select is((select user_id from web.load_session(pg_temp.key('n'))), null, 'a refused call changes nothing');

-- ---- The plan ----

select pg_temp.make('many ' || i) from generate_series(1, 12) as i \g /dev/null
set local enable_seqscan = off;
discard plans;
create temporary table scans as select pg_temp.access('seq') as seq;
select web.login_session(pg_temp.key('many ' || i), pg_temp.key('more ' || i), 'erin', p_max_sessions => 5) from generate_series(1, 12) as i \g /dev/null
select is(pg_temp.access('seq') - seq, 0::bigint, 'no table is read as a whole, with custom plans and the generic one') from scans;
select is((select count(*) from web.user_sessions('erin')), 5::bigint, 'twelve logins, limited to five, leave five');

-- ---- Rows of user_lock are missing ----

select pg_temp.devices('lockless', 3) \g /dev/null
select web.create_session(pg_temp.key('lockless visitor'), '{}') \g /dev/null
select pg_temp.as_owner('delete from web.user_lock') \g /dev/null
select is((web.login_session(pg_temp.key('lockless visitor'), pg_temp.key('lockless4'), 'lockless')).outcome, 'rotated', 'without its row of user_lock: rotated');
select is(pg_temp.living('lockless', 4), '1 2 3 4', 'and without a limit it evicts no session');
select web.create_session(pg_temp.key('lockless5'), '{}', p_user_id => 'lockless') \g /dev/null
select is(pg_temp.living('lockless', 5), '1 2 3 4 5', 'nor does create_session');

-- ---- An expiry at a point in time ----

select pg_temp.make('until', '{}', 1200) \g /dev/null
select results_eq(
    $$ select outcome, expires_at from web.login_session(pg_temp.key('until'), pg_temp.key('until 2'), 'ada', p_expires_at => statement_timestamp() + interval '40 days 0.5 s') $$,
    $$ values ('rotated'::text, statement_timestamp() + interval '40 days 0.5 s') $$,
    'the session expires then'
);
select results_eq(
    $$ select absolute_expires_at = expires_at, idle_timeout_seconds, slide_interval_seconds from pg_temp.stored('until 2') $$,
    $$ values (true, 3456001, 600) $$,
    'whatever its use'
);
select throws_ok(
    $$ select web.login_session(pg_temp.key('until 2'), pg_temp.key('until 3'), 'ada', 60, p_expires_at => statement_timestamp()) $$,
    '22023',
    'a session has timeouts or an expiry at a point in time, not both',
    'timeouts beside it are refused'
);

select * from finish();
rollback;
