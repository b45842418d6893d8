-- missing_rows: the tables that lack rows, for the owner role and an installer that is no superuser.
begin;
\ir ../lib/store.sql
select plan(7);

set local role nodepg_owner;
select is(web.missing_rows(), '{}', 'of a correct store: none');
delete from web.user_lock where bucket = 7;
select is(web.missing_rows(), '{user_lock}', 'one row of user_lock is missing');
delete from web.settings;
delete from web.prune_state;
select is(web.missing_rows(), '{settings,prune_state,user_lock}', 'rows of each table are missing');
reset role;
select web.missing_rows() \g /dev/null
select * from public.correct_web() \g /dev/null
select is(web.missing_rows(), '{}', 'an install creates them');

set local role nodepg;
select throws_ok('select web.missing_rows()', '42501', null, 'runtime role is refused');
reset role;

-- ---- An installer that is no superuser ----

create role pgtap_installer createrole;
do $x$ begin execute format('alter database %I owner to pgtap_installer', current_database()); end $x$;
select * from public.correct_web() \g /dev/null
set local role pgtap_installer;
select is(web.missing_rows(), '{}', 'it may call the function');
select throws_ok(s.statement, '42501', null, format('and nothing else: %s', s.statement))
from (values ('select from web.settings')) as s (statement);

select * from finish();
rollback;
