-- The settings of the caller change neither what correct_web() does nor what it reports.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(7);

set local quote_all_identifiers = on;
select is(pg_temp.correction(), null, 'quote_all_identifiers of the caller changes no report');
set local quote_all_identifiers = off;
set local standard_conforming_strings = off;
set local escape_string_warning = off;
select is(pg_temp.correction(), null, 'standard_conforming_strings off changes no report');
set local standard_conforming_strings = on;
set local timezone = 'Asia/Tokyo';
set local datestyle = 'German';
set local intervalstyle = 'sql_standard';
select is(pg_temp.correction(), null, 'another time zone and other formats change no report');
set local timezone = 'UTC';
set local search_path = web, pg_catalog, public, pg_temp;
select is(pg_temp.correction(), null, 'the schema on the search_path changes no report');
set local search_path = pg_temp, public;
set local check_function_bodies = off;
set local plpgsql.extra_errors = 'all';
select is(pg_temp.correction(), null, 'pg_temp first on the search_path and every plpgsql.extra_errors change no report');
set local search_path = public;
set local role = none;
select is(current_setting('role'), 'none', 'the role of the session is the one before the call');
create function pg_temp.role_of_a_caller() returns text language plpgsql as $f$
begin
    execute format('set local role %I', session_user);
    perform public.correct_web();
    return current_setting('role');
end
$f$;
select is(pg_temp.role_of_a_caller(), session_user::text, 'a role that the caller has set is set after the call');

select * from finish();
rollback;
