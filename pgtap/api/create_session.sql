-- create_session: a plain insert; a key in use is reported and never overwritten.
begin;
\ir ../lib/store.sql
select plan(60);
set local role nodepg;

-- ---- What it returns and stores ----

select results_eq(
    $$ select outcome, version, expires_at, handle is not null, server_time from web.create_session(pg_temp.key('a'), '{"n":1}') $$,
    $$ values ('created'::text, 1::bigint, statement_timestamp() + interval '86400 s', true, statement_timestamp()) $$,
    'a new session: created, version 1, the default idle timeout, a handle, the server time'
);
select results_eq(
    $$
        select c.outcome, s.expires_at, s.slide_at, s.last_used_at, s.version, s.created_at, s.absolute_expires_at, s.prune_after, s.ended_at,
            s.idle_timeout_seconds, s.slide_interval_seconds, s.handle = c.handle, s.key, s.user_id, s.client_address, s.user_agent, s.label, s.data
        from web.create_session(
            pg_temp.key('b'), '{"n":2}', 7200, 70000, 'alice', '2001:db8::1', 'Mozilla/5.0', 'phone'
        ) as c
        cross join lateral pg_temp.stored('b') as s
    $$,
    $$
        values (
            'created'::text,
            statement_timestamp() + interval '7200 s',
            statement_timestamp() + interval '360 s',
            statement_timestamp(),
            1::bigint,
            statement_timestamp(),
            statement_timestamp() + interval '70000 s',
            statement_timestamp() + interval '7200 s',
            null::timestamptz,
            7200,
            360,
            true,
            pg_temp.key('b'),
            'alice'::text,
            '2001:db8::1'::inet,
            'Mozilla/5.0'::text,
            'phone'::text,
            '{"n":2}'::text
        )
    $$,
    'every column is stored as it was given, and the times follow from the timeouts'
);
select results_eq(
    $$ select idle_timeout_seconds, slide_interval_seconds, absolute_expires_at - created_at, user_id, client_address, user_agent, label from pg_temp.stored('a') $$,
    $$ values (86400, 600, interval '2592000 s', null::text, null::inet, null::text, null::text) $$,
    'what is not given is the default of the store, or null'
);
select isnt(
    (select handle from pg_temp.stored('a')),
    (select handle from pg_temp.stored('b')),
    'each session has a handle of its own'
);
select results_eq(
    $$ select outcome from web.create_session(p_data => '{}', p_key => pg_temp.key('named'), p_user_agent => 'x') $$,
    $$ values ('created'::text) $$,
    'it can be called by parameter names'
);
select results_eq(
    $$ select outcome from web.create_session(pg_temp.key('nulls'), '{}', null, null, null, null, null, null) $$,
    $$ values ('created'::text) $$,
    'null for everything that has a default'
);

-- ---- Timeouts ----

select results_eq(
    $$ select expires_at from web.create_session(pg_temp.key('short'), '{}', 1200, 50) $$,
    $$ values (statement_timestamp() + interval '50 s') $$,
    'an absolute timeout below the idle timeout is the expiry'
);
select results_eq(
    $$ select slide_at <= expires_at, absolute_expires_at = expires_at from pg_temp.stored('short') $$,
    $$ values (true, true) $$,
    'and no slide is due after it'
);
select results_eq(
    $$ select expires_at from web.create_session(pg_temp.key('one'), '{}', 1, 1) $$,
    $$ values (statement_timestamp() + interval '1 s') $$,
    'one second is a timeout'
);
select results_eq(
    $$ select expires_at from web.create_session(pg_temp.key('huge'), '{}', 34560000, 34560000) $$,
    $$ values (statement_timestamp() + make_interval(secs => 34560000)) $$,
    'max_timeout_seconds is a timeout'
);
select is(
    (select slide_interval_seconds from pg_temp.stored('huge')),
    600,
    'whose slides are due after ten minutes'
);
select pg_temp.as_owner($$ update web.settings set idle_timeout_seconds = 300, absolute_timeout_seconds = 200 $$) \g /dev/null
select results_eq(
    $$ select expires_at from web.create_session(pg_temp.key('settings'), '{}') $$,
    $$ values (statement_timestamp() + interval '200 s') $$,
    'the defaults are those of the settings'
);
select results_eq(
    $$ select expires_at from web.create_session(pg_temp.key('settings idle'), '{}', p_absolute_timeout_seconds => 1000) $$,
    $$ values (statement_timestamp() + interval '300 s') $$,
    'each of them by itself'
);
select pg_temp.as_owner($$ update web.settings set idle_timeout_seconds = default, absolute_timeout_seconds = default $$) \g /dev/null
select throws_ok(
    format($$ select web.create_session(pg_temp.key('no'), '{}', %s, %s) $$, t.idle, t.absolute),
    '22023',
    'a timeout is at least one second',
    format('timeouts of %s and %s are refused', t.idle, t.absolute)
)
from (
    values ('0', 'null'), ('-1', 'null'), ('null', '0'), ('null', '-1'), ('0', '0'), ('-2147483648', '10'), ('10', '-2147483648')
) as t (idle, absolute);

-- ---- A key in use ----

create temporary table before as select * from pg_temp.stored('b');
select results_eq(
    $$ select outcome, version, expires_at, handle from web.create_session(pg_temp.key('b'), '{"n":3}', 60, 60, 'mallory', '192.0.2.1', 'curl', 'x') $$,
    $$ values ('exists'::text, null::bigint, null::timestamptz, null::uuid) $$,
    'a key that exists is reported: no version, no expiry, no handle'
);
select results_eq(
    $$ select * from pg_temp.stored('b') $$,
    $$ select * from before $$,
    'and nothing of the session that has it is changed'
);
select pg_temp.make('expired', '{}', 10) \g /dev/null
select pg_temp.as_owner($$ update web.session set expires_at = '-infinity', slide_at = '-infinity' where key = sha256('expired') $$) \g /dev/null
select is(pg_temp.make('expired', '{"mine":1}'), 'exists', 'the key of an expired session that was not pruned yet is in use');
select is((select data from pg_temp.stored('expired')), '{}', 'and stays as it was');
select web.end_session(pg_temp.key('never seen')) \g /dev/null
select is(pg_temp.make('never seen', '{"mine":1}'), 'exists', 'the key of an ended session is in use: it cannot come back');
select is_empty($$ select * from web.load_session(pg_temp.key('never seen')) $$, 'and does not');

-- ---- Bad arguments ----

select throws_ok(
    format($$ select web.create_session(%L, '{}') $$, k.key),
    '22023',
    'a session key has 32 bytes',
    format('a key of %s bytes is refused', coalesce(octet_length(k.key)::text, 'null'))
)
from (
    values (null::bytea), (''::bytea), (decode(repeat('ab', 31), 'hex')), (decode(repeat('ab', 33), 'hex')), ('0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'::bytea)
) as k (key);
select throws_ok(
    $$ select web.create_session(pg_temp.key('no'), null) $$,
    '22004',
    'session data must not be null',
    'null data is refused'
);
select throws_ok(
    format($$ select web.create_session(pg_temp.key('no'), '{}', p_user_id => %L) $$, u.id),
    '22023',
    'a user id has 1 to 1024 bytes',
    format('a user id of %s bytes is refused', octet_length(u.id))
)
from (values (''), (repeat('x', 1025)), (repeat('é', 513))) as u (id);
select results_eq(
    format($$ select outcome from web.create_session(pg_temp.key(%L), '{}', p_user_id => %1$L) $$, u.id),
    $$ values ('created'::text) $$,
    format('a user id of %s bytes is stored', octet_length(u.id))
)
from (values ('1'), (repeat('x', 1024)), (repeat('é', 512))) as u (id);
select is(
    (select count(*) from pg_temp.stored('no')),
    0::bigint,
    'a refused call leaves no row'
);

-- ---- What is about the visitor ----

select results_eq(
    $$
        select s.user_agent, s.label
        from web.create_session(pg_temp.key('long'), '{}', p_user_agent => repeat('ü', 600), p_label => repeat('ü', 600)) as c
        cross join lateral pg_temp.stored('long') as s
    $$,
    $$ values (repeat('ü', 512), repeat('ü', 256)) $$,
    'a long user agent is cut at 512 characters, a label at 256'
);
select results_eq(
    $$
        select s.client_address, s.user_agent, s.label
        from web.create_session(pg_temp.key('odd'), '{}', p_client_address => '10.0.0.0/8', p_user_agent => '', p_label => '''"; drop table x; --') as c
        cross join lateral pg_temp.stored('odd') as s
    $$,
    $$ values ('10.0.0.0/8'::inet, ''::text, '''"; drop table x; --'::text) $$,
    'whatever is in them is kept as it is'
);

-- ---- The data ----

select is(pg_temp.make(d.data, d.data), 'created', format('data of %s is stored', d.what))
from (
    values
    ('', 'the empty text: the database does not look into it'),
    ('{}', 'an empty object'),
    (E'{"a":"\\u0000"}', 'an escaped NUL'),
    (U&'{"a":"\+01F600"}', 'an emoji'),
    (E'\'";\\\n--', 'quotes, backslashes and newlines')
) as d (data, what);
select is(
    (select count(*) from (values (''), ('{}'), (E'{"a":"\\u0000"}'), (U&'{"a":"\+01F600"}'), (E'\'";\\\n--')) as d (data)
        cross join lateral web.load_session(pg_temp.key(d.data)) as l
        where l.data = d.data),
    5::bigint,
    'and each comes back as it went in'
);
select is(pg_temp.make('1 MiB', repeat('x', 1048576)), 'created', '1 MiB of data is stored');
select throws_ok(
    $$ select pg_temp.make('1 MiB + 1', repeat('x', 1048577)) $$,
    '54000',
    'session data has 1048577 bytes; the limit of this store is 1048576',
    'one byte more is refused, and the message shows none of it'
);
select throws_ok(
    $$ select pg_temp.make('1 MiB + 1', repeat('é', 524289)) $$,
    '54000',
    null,
    'bytes count, not characters'
);

-- ---- An expiry at a point in time ----

select results_eq(
    $$ select outcome, expires_at from web.create_session(pg_temp.key('until'), '{}', p_expires_at => statement_timestamp() + interval '40 days 0.5 s') $$,
    $$ values ('created'::text, statement_timestamp() + interval '40 days 0.5 s') $$,
    'the session expires then, even after the absolute timeout of the store'
);
select results_eq(
    $$ select absolute_expires_at = expires_at, prune_after = expires_at, idle_timeout_seconds, slide_interval_seconds from pg_temp.stored('until') $$,
    $$ values (true, true, 3456001, 600) $$,
    'whatever its use'
);
select results_eq(
    $$ select outcome, expires_at from web.create_session(pg_temp.key('past'), '{}', p_expires_at => statement_timestamp() - interval '1 day') $$,
    $$ values ('created'::text, statement_timestamp() - interval '1 day') $$,
    'a time in the past'
);
select results_eq(
    $$ select (select count(*) from web.load_session(pg_temp.key('past'))), state from web.session_info(pg_temp.key('past')) $$,
    $$ values (0::bigint, 'expired'::text) $$,
    'makes an expired session'
);
select is((select outcome from web.save_session(pg_temp.key('past'), '{"n":1}', p_idle_timeout_seconds => 60)), 'gone', 'which no save brings back');
select throws_ok(
    format($$ select web.create_session(pg_temp.key('no'), '{}', %s) $$, a.arguments),
    '22023',
    a.message,
    'refused: ' || a.arguments
)
from (
    values
    ('60, p_expires_at => statement_timestamp()', 'a session has timeouts or an expiry at a point in time, not both'),
    ('null, 60, p_expires_at => statement_timestamp()', 'a session has timeouts or an expiry at a point in time, not both'),
    ($$ p_expires_at => statement_timestamp() + interval '34560000.1 s' $$, 'the expiry of a session of this store is at most 34560000 seconds from now'),
    ($$ p_expires_at => 'infinity' $$, 'the expiry of a session of this store is at most 34560000 seconds from now'),
    ($$ p_expires_at => '-infinity' $$, 'the expiry of a session of this store is at most 34560000 seconds from now')
) as a (arguments, message);

select * from finish();
rollback;
