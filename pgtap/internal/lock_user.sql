-- lock_user: calls that add or end sessions of a user wait for each other.
begin;
\ir ../lib/dblink.sql
\if :has_dblink
select plan(11);
set local statement_timeout = '5s';

-- A user who does not share a row of user_lock with pgtap alice: one in 1024 does.
select format('pgtap bob %s', min(n)) as bob
from generate_series(1, 20) as n
cross join web.settings as s
where (hashtextextended(format('pgtap bob %s', n), s.lock_seed) & 1023) <> (hashtextextended('pgtap alice', s.lock_seed) & 1023) \gset

select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select outcome from web.create_session(%L, %L, p_user_id => %L)', pg_temp.key('login'), '{}', 'pgtap alice')) \g /dev/null
set local role nodepg;
set local lock_timeout = '100ms';
select throws_ok(s.statement, '55P03', null, format('waits for a login under way: %s', s.statement))
from (
    values
    ($$ select web.end_user_sessions('pgtap alice') $$),
    ($$ select web.create_session(pg_temp.key('second'), '{}', p_user_id => 'pgtap alice') $$),
    ($$ select web.login_session(pg_temp.key('visitor'), pg_temp.key('second'), 'pgtap alice') $$)
) as s (statement);
select lives_ok(s.statement, format('does not wait: %s', s.statement))
from (
    values
    (format('select web.end_user_sessions(%L)', :'bob')),
    ($$ select web.end_user_sessions(null) $$),
    (format('select web.create_session(pg_temp.key(%L), %L, p_user_id => %L)', 'of bob', '{}', :'bob')),
    ($$ select web.create_session(pg_temp.key('of nobody'), '{}') $$),
    ($$ select web.user_sessions('pgtap alice') $$),
    ($$ select web.end_user_session('pgtap alice', gen_random_uuid()) $$)
) as s (statement);
set local lock_timeout = 0;
reset role;
select pg_temp.other_does('commit') \g /dev/null
set local role nodepg;
select is(web.end_user_sessions('pgtap alice'), 1, 'session of that login ends too: 1');
reset role;

-- The other way round; and a store of its own has locks of its own.
select throws_ok(
    $$ select pg_temp.other_does('set lock_timeout = 100'), pg_temp.other(format('select outcome from web.create_session(%L, %L, p_user_id => %L)', pg_temp.key('second'), '{}', 'pgtap alice')) $$,
    '55P03',
    null,
    'login waits for end_user_sessions'
);
select * from finish();
rollback;

begin;
\ir ../lib/dblink.sql
select pg_temp.clean_up(array['login', 'second', 'of bob', 'of nobody', 'visitor']) \g /dev/null
\else
select plan(1);
select skip('dblink is not there, or may not connect back: that logins of a user wait for each other is not tested', 1);
select * from finish();
\endif
rollback;
