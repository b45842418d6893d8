-- notify_session_end: off by default; never an error, whatever the channel is called. What listeners receive: notify_channel.sql.
begin;
\ir ../lib/store.sql
select plan(11);
set local role nodepg_owner;

select lives_ok($$ select web.notify_session_end(gen_random_uuid(), 'logout') $$, 'off: nothing happens');
select lives_ok(
    format($$ update web.settings set notify_channel = %L; select web.notify_session_end(gen_random_uuid(), 'logout'), web.notify_session_end(null, 'revoked') $$, c),
    format('a channel of %s bytes: %s', octet_length(c), left(c, 30))
)
from unnest(array['x', 'session_ended', 'Ends of "sessions"', ''';--', E'tab\tline\n', repeat('x', 63), repeat('é', 31)]) as c;
set local role nodepg;
select web.create_session(sha256('a'), '{}') \g /dev/null
select lives_ok($$ select web.end_session(sha256('a')) $$, 'the runtime role, which may not call it, has it called');
select throws_ok($$ select web.notify_session_end(gen_random_uuid(), 'logout') $$, '42501', null, '(may not)');

-- Without the row of settings, the end of a session does not fail.
set local role nodepg_owner;
delete from web.settings;
select lives_ok($$ select web.notify_session_end(gen_random_uuid(), 'logout') $$, 'without settings nothing happens either');

select * from finish();
rollback;
