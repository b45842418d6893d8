-- check_session_attributes: the limits of what a caller passes for a new session or a login.
begin;
\ir ../lib/store.sql
select plan(20);
set local role nodepg_owner;

select lives_ok(format('select web.check_session_attributes(%s)', a.passed), format('accepted: %s', a.passed))
from (
    values
    ('null, null, null, null'),
    ($$ 1, 1, 'a', 0 $$),
    ($$ 34560000, 34560000, repeat('x', 1024), 2147483647 $$),
    ($$ 1, 1, repeat('ü', 512), 1 $$)
) as a (passed);
select throws_ok(format('select web.check_session_attributes(%s)', a.passed), '22023', a.message, format('refused: %s', a.passed))
from (
    values
    ('0, null, null, null', 'a timeout is at least one second'),
    ('-1, null, null, null', 'a timeout is at least one second'),
    ('null, 0, null, null', 'a timeout is at least one second'),
    ('60, -2147483648, null, null', 'a timeout is at least one second'),
    ('34560001, null, null, null', 'a timeout of this store is at most 34560000 seconds'),
    ('60, 2147483647, null, null', 'a timeout of this store is at most 34560000 seconds'),
    ($$ null, null, '', null $$, 'a user id has 1 to 1024 bytes'),
    ($$ null, null, repeat('x', 1025), null $$, 'a user id has 1 to 1024 bytes'),
    ($$ null, null, repeat('ü', 513), null $$, 'a user id has 1 to 1024 bytes'),
    ('null, null, null, -1', 'a limit of sessions is at least 0')
) as a (passed, message);

-- ---- The functions that check ----

set local role nodepg;
select pg_temp.make('n') \g /dev/null
select throws_ok(w.call, '22023', 'a timeout of this store is at most 34560000 seconds', format('%s refuses a timeout over max_timeout_seconds', w.name))
from (
    values
    ('create_session', $$ select web.create_session(pg_temp.key('a'), '{}', p_absolute_timeout_seconds => 34560001) $$),
    ('login_session', $$ select web.login_session(pg_temp.key('n'), pg_temp.key('m'), 'alice', 34560001) $$)
) as w (name, call);
select throws_ok(w.call, '22023', 'a timeout is at least one second', format('%s refuses a timeout of 0', w.name))
from (
    values
    ('create_session', $$ select web.create_session(pg_temp.key('a'), '{}', 0) $$),
    ('login_session', $$ select web.login_session(pg_temp.key('n'), pg_temp.key('m'), 'alice', 0) $$)
) as w (name, call);
select throws_ok(w.call, '22023', 'a user id has 1 to 1024 bytes', format('%s refuses an empty user id', w.name))
from (
    values
    ('create_session', $$ select web.create_session(pg_temp.key('a'), '{}', p_user_id => '') $$),
    ('login_session', $$ select web.login_session(pg_temp.key('n'), pg_temp.key('m'), '') $$)
) as w (name, call);

select * from finish();
rollback;
