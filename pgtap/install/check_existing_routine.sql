-- The check at the head of the released file: a correct_web() of another role or of a newer release is not replaced.
--
-- The file is run as one statement, as refinery runs it. bin/lib/run-pgtap runs psql in the root of the repository.
\set routine `cat "$(ls sql/released/V*.sql | sort | tail -n 1)"`
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(18);

create temporary table routine as select :'routine'::text as text;
create function pg_temp.install()
returns void
language plpgsql
as $$
begin
    execute (select r.text from pg_temp.routine as r);
end;
$$;

-- ---- Again ----

select ok(length(text) > 50000, 'the released file is read') from routine;
create temporary table before as select p.oid, p.proname, p.proowner, p.proacl, md5(p.prosrc) as body from pg_proc as p where p.proname = 'correct_web';
select lives_ok('select pg_temp.install()', 'the released file can be run again');
select pg_temp.same_rows(
    $$ select p.oid, p.proname, p.proowner, p.proacl, md5(p.prosrc) from pg_proc as p where p.proname = 'correct_web' order by 1 $$,
    'select * from before order by 1',
    'a second run leaves owner, privileges and body unchanged'
);
select is(pg_temp.correction(), null, 'a second run leaves nothing to correct');
select is(current_setting('search_path'), '"$user", public', 'the search_path of the caller is set again');

-- ---- Of another role ----

create role pgtap_eve;
select throws_ok(
    a.prepare || '; select pg_temp.install()',
    '42501',
    a.message,
    a.description
)
from (
    values
    (
        'alter function public.correct_web() owner to pgtap_eve',
        'function public.correct_web() belongs to pgtap_eve, which could change what it does',
        'correct_web() of another role is refused'
    ),
    (
        'alter function public.correct_web(text, text) owner to pgtap_eve',
        'function public.correct_web(text,text) belongs to pgtap_eve, which could change what it does',
        'correct_web(text, text) of another role is refused'
    ),
    (
        $$ create function public.correct_web(p_schema text default 'web') returns void language sql as 'select'; alter function public.correct_web(text) owner to pgtap_eve $$,
        'function public.correct_web(text) belongs to pgtap_eve, which could change what it does',
        'an overload of another role is refused'
    )
) as a (prepare, message, description);

-- ---- A newer release ----

select throws_ok(
    $$ comment on function public.correct_web(text, text) is 'From the future. Release 999. API: public'; select pg_temp.install() $$,
    '55000',
    'this database has release 999 of correct_web(), newer than this one',
    'a newer release is not replaced'
);
select matches(
    obj_description('public.correct_web(text, text)'::regprocedure, 'pg_proc'),
    'Release \d+\. API: public$',
    'the comment ends with the release'
);

-- ---- Of connect-pg 1.1.5 ----

drop function public.correct_web();
create function public.correct_web() returns setof text language sql as $$ select 'the original''s'::text $$;
select lives_ok('select pg_temp.install()', 'correct_web() of connect-pg 1.1.5, which returns setof text, is replaced');
select is(pg_temp.correction(), null, 'correct_web() works in its place');
drop function public.correct_web();
create function public.correct_web() returns setof text language sql as $$ select 'x'::text $$;
alter function public.correct_web() owner to pgtap_eve;
select throws_ok('select pg_temp.install()', '42501', null, 'correct_web() of connect-pg 1.1.5 that belongs to another role is refused');
drop function public.correct_web();
select pg_temp.install() \g /dev/null

-- ---- Traps in the path of the caller ----

create schema pgtap_trap;
create function pgtap_trap.pg_get_userbyid(oid) returns name language plpgsql as $$ begin raise exception 'trapped'; end $$;
create function pgtap_trap.obj_description(oid, name) returns text language plpgsql as $$ begin raise exception 'trapped'; end $$;
create function pgtap_trap.format(text, text) returns text language plpgsql as $$ begin raise exception 'trapped'; end $$;
create function pgtap_trap.current_setting(text) returns text language plpgsql as $$ begin raise exception 'trapped'; end $$;
create function pgtap_trap.set_config(text, text, boolean) returns text language plpgsql as $$ begin raise exception 'trapped'; end $$;
create function pgtap_trap.equal(name, text) returns boolean language plpgsql as $$ begin raise exception 'trapped'; end $$;
create operator pgtap_trap.= (leftarg = name, rightarg = text, function = pgtap_trap.equal);
create function pgtap_trap.equal(name, name) returns boolean language plpgsql as $$ begin raise exception 'trapped'; end $$;
create operator pgtap_trap.= (leftarg = name, rightarg = name, function = pgtap_trap.equal);
create function pgtap_trap.equal(oid, oid) returns boolean language plpgsql as $$ begin raise exception 'trapped'; end $$;
create operator pgtap_trap.= (leftarg = oid, rightarg = oid, function = pgtap_trap.equal);
create table pgtap_trap.pg_proc (oid oid);
create function pg_temp.install_in(path pg_catalog.text)
returns pg_catalog.text
language plpgsql
as $$
declare
    v_routine constant pg_catalog.text := (select r.text from pg_temp.routine as r);
    v_was constant pg_catalog.text := pg_catalog.current_setting('search_path');
begin
    perform pg_catalog.set_config('search_path', path, true);
    execute v_routine;
    perform from public.correct_web();
    perform pg_catalog.set_config('search_path', v_was, true);
    return '00000';
exception
    when others then
        return sqlstate;
end;
$$;
select is(pg_temp.install_in('pgtap_trap, pg_catalog, public'), '00000', 'functions and operators on the search_path of the caller are not used');

-- A type is found by the path as well, and a domain may have a check.
create function pgtap_trap.sprung() returns boolean language plpgsql as $$ begin raise exception 'trapped'; end $$;
create domain pgtap_trap.text as pg_catalog.text check (pgtap_trap.sprung());
select is(pg_temp.install_in('pgtap_trap, pg_catalog, public'), '00000', 'types on the search_path of the caller are not used');

-- ---- Callers ----

select is_empty(
    $$
        select p.oid::regprocedure, x.grantee::regrole
        from pg_proc as p
        cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as x
        where p.pronamespace = 'public'::regnamespace
            and p.proname = 'correct_web'
            and x.grantee <> p.proowner
    $$,
    'no role but the owner may call correct_web'
);
create role pgtap_other;
set local role pgtap_other;
select throws_ok('select * from public.correct_web()', '42501', null, 'a call by another role fails with 42501');
select throws_ok('select pg_temp.install()', '42501', null, 'a replacement by another role fails with 42501');
reset role;

select * from finish();
rollback;
