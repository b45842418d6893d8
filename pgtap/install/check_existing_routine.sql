-- The guard at the head of the released file: nothing that somebody left in public is replaced blindly.
--
-- The file itself is run, as one statement, as psql -f or refinery would run it. bin/test and pg_prove start in the root of the repository.
\set routine `cat "$(git rev-parse --show-toplevel 2>/dev/null || pwd)/$(cd "$(git rev-parse --show-toplevel 2>/dev/null || pwd)" && ls sql/released/V*.sql | sort | tail -n 1)"`
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

select ok(length(text) > 50000, 'the released file is there') from routine;
create temporary table before as select p.oid, p.proname, p.proowner, p.proacl, md5(p.prosrc) as body from pg_proc as p where p.proname = 'correct_web';
select lives_ok('select pg_temp.install()', 'it can be run again');
select pg_temp.same_rows(
    $$ select p.oid, p.proname, p.proowner, p.proacl, md5(p.prosrc) from pg_proc as p where p.proname = 'correct_web' order by 1 $$,
    'select * from before order by 1',
    'which changes nothing: owner, privileges and body are what they were'
);
select is(pg_temp.correction(), null, 'nor is there anything to correct then');
select is(current_setting('search_path'), '"$user", public', 'the search_path is that of the caller again');

-- ---- A stranger's ----

create role pgtap_eve;
select throws_ok(
    a.prepare || '; select pg_temp.install()',
    '42501',
    a.message,
    a.sentence
)
from (
    values
    (
        'alter function public.correct_web() owner to pgtap_eve',
        'function public.correct_web() belongs to pgtap_eve, which could change what it does',
        'refused: correct_web() of a stranger'
    ),
    (
        'alter function public.correct_web(text, text) owner to pgtap_eve',
        'function public.correct_web(text,text) belongs to pgtap_eve, which could change what it does',
        'refused: correct_web(text, text) of a stranger'
    ),
    (
        $$ create function public.correct_web(p_schema text default 'web') returns void language sql as 'select'; alter function public.correct_web(text) owner to pgtap_eve $$,
        'function public.correct_web(text) belongs to pgtap_eve, which could change what it does',
        'refused: an overload of a stranger'
    )
) as a (prepare, message, sentence);

-- ---- A newer release ----

select throws_ok(
    $$ comment on function public.correct_web(text, text) is 'From the future. Release 999. API: public'; select pg_temp.install() $$,
    '55000',
    'this database has release 999 of correct_web(), newer than this one',
    'refused: a newer release is not replaced by an older'
);
select matches(
    obj_description('public.correct_web(text, text)'::regprocedure, 'pg_proc'),
    'Release \d+\. API: public$',
    'the comment tells the release'
);

-- ---- The original's ----

drop function public.correct_web();
create function public.correct_web() returns setof text language sql as $$ select 'the original''s'::text $$;
select lives_ok('select pg_temp.install()', 'the correct_web() of connect-pg 1.1.5, which returned setof text, is replaced');
select is(pg_temp.correction(), null, 'and ours works');
drop function public.correct_web();
create function public.correct_web() returns setof text language sql as $$ select 'x'::text $$;
alter function public.correct_web() owner to pgtap_eve;
select throws_ok('select pg_temp.install()', '42501', null, 'but not when it is a stranger''s');
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
select is(pg_temp.install_in('pgtap_trap, pg_catalog, public'), '00000', 'traps in the path of the caller catch neither the file nor the routine');

-- A type is found by the path as well, and a domain may have a check.
create function pgtap_trap.sprung() returns boolean language plpgsql as $$ begin raise exception 'trapped'; end $$;
create domain pgtap_trap.text as pg_catalog.text check (pgtap_trap.sprung());
select is(pg_temp.install_in('pgtap_trap, pg_catalog, public'), '00000', 'nor does a type in that path');

-- ---- Not for everybody ----

select is_empty(
    $$
        select p.oid::regprocedure, x.grantee::regrole
        from pg_proc as p
        cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as x
        where p.pronamespace = 'public'::regnamespace
            and p.proname = 'correct_web'
            and x.grantee <> p.proowner
    $$,
    'nobody but its owner may call the routine'
);
create role pgtap_anybody;
set local role pgtap_anybody;
select throws_ok('select * from public.correct_web()', '42501', null, 'which anybody else finds');
select throws_ok('select pg_temp.install()', '42501', null, 'nor can anybody replace it');
reset role;

select * from finish();
rollback;
