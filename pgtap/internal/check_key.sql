-- check_key: every function refuses a key that has not 32 bytes, in each of its arguments.
begin;
\ir ../lib/store.sql
select plan(16);

set local role nodepg;
select is(pg_temp.sqlstate_of(c.call), '22023', format('refused: %s', c.call))
from (
    values
    ($$ select web.create_session('short', '{}') $$),
    ($$ select web.create_session('short', '{}', p_user_id => 'alice') $$),
    ($$ select web.load_session('short') $$),
    ($$ select web.save_session('short', '{}') $$),
    ($$ select web.touch_session('short') $$),
    ($$ select web.end_session('short') $$),
    ($$ select web.rotate_session('short', sha256('new')) $$),
    ($$ select web.rotate_session(sha256('old'), 'short') $$),
    ($$ select web.login_session('short', sha256('new'), 'alice') $$),
    ($$ select web.login_session(sha256('old'), 'short', 'alice') $$),
    ($$ select web.logout_session('short', sha256('new')) $$),
    ($$ select web.logout_session(sha256('old'), 'short') $$),
    ($$ select web.lock_session('short') $$),
    ($$ select web.session_info('short') $$),
    ($$ select web.end_user_sessions('alice', 'short') $$)
) as c (call);
select throws_ok(
    $$ select web.load_session('short') $$,
    '22023',
    'a session key has 32 bytes',
    'the message shows nothing of the key'
);

select * from finish();
rollback;
