-- The roles: nodepg, which logs in and may call functions; nodepg_owner, which owns and never logs in.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(17);

-- ---- As they are ----

select pg_temp.same_rows(
    $$
        select r.rolname, r.rolcanlogin, r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolreplication, r.rolbypassrls
        from pg_roles as r
        where r.rolname in ('nodepg', 'nodepg_owner')
        order by 1
    $$,
    $$ values ('nodepg', true, false, false, false, false, false), ('nodepg_owner', false, false, false, false, false, false) $$,
    'one logs in, the other does not; neither has any attribute besides'
);
select is_empty(
    $$ select roleid::regrole, member::regrole from pg_auth_members where member in ('nodepg'::regrole, 'nodepg_owner'::regrole) $$,
    'neither is a member of anything'
);
select is_empty(
    $$ select member::regrole from pg_auth_members where roleid = 'nodepg'::regrole and member = 'nodepg_owner'::regrole or roleid = 'nodepg_owner'::regrole and member = 'nodepg'::regrole $$,
    'nor of each other'
);

-- ---- As they are made ----

select isnt(pg_temp.correction('pgtap_shop', 'pgtap_clerk'), null, 'new roles');
select pg_temp.same_rows(
    $$
        select a.rolname, a.rolcanlogin, a.rolpassword, a.rolvaliduntil, a.rolconnlimit
        from pg_authid as a
        where a.rolname in ('pgtap_clerk', 'pgtap_clerk_owner')
        order by 1
    $$,
    $$ values ('pgtap_clerk', true, null::text, null::timestamptz, -1), ('pgtap_clerk_owner', false, null, null, -1) $$,
    'have no password: nobody logs in until one is set'
);

-- ---- Roles that are there already ----

-- A verifier, made by nobody: no password belongs to it.
alter role pgtap_clerk password 'SCRAM-SHA-256$4096:AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
alter role pgtap_clerk connection limit 50 valid until '2100-01-01';
alter role pgtap_clerk set statement_timeout = '5s';
create temporary table authid as select * from pg_authid where rolname = 'pgtap_clerk';
select is(pg_temp.correction('pgtap_shop', 'pgtap_clerk'), null, 'the password, the limits and the timeouts of a role are the operator''s');
select pg_temp.same_rows($$ select * from pg_authid where rolname = 'pgtap_clerk' $$, 'select * from authid', 'and stay as they are');
alter role pgtap_clerk nologin;
select is(pg_temp.correction('pgtap_shop', 'pgtap_clerk'), 'changed role pgtap_clerk login: false -> true', 'what is ours is corrected');
select pg_temp.same_rows($$ select * from pg_authid where rolname = 'pgtap_clerk' $$, 'select * from authid', 'and nothing else');
alter role pgtap_clerk reset statement_timeout;

create role pgtap_ready login;
grant pgtap_clerk to pgtap_ready;
create role pgtap_ready_owner createdb login;
select throws_ok($$ select * from correct_web('pgtap_ready', 'pgtap_ready') $$, '42710', null, 'refused: an owner role that somebody logs in with');
alter role pgtap_ready_owner nologin;
grant pg_monitor to pgtap_ready_owner;
select matches(
    pg_temp.correction('pgtap_ready', 'pgtap_ready'),
    E'changed role pgtap_ready_owner createdb: true -> false\n(.*\n)*removed membership of pgtap_ready in pgtap_clerk\n(.*\n)*removed membership of pgtap_ready_owner in pg_monitor',
    'roles of these names that were there are brought into line'
);

-- ---- Roles that cannot be kept to the functions ----

select throws_ok(
    format($$ select * from correct_web('pgtap_x', %L) $$, session_user),
    '42501',
    null,
    'refused: the caller himself'
);
create role pgtap_super superuser;
select throws_ok($$ select * from correct_web('pgtap_x', 'pgtap_super') $$, '42501', null, 'refused: a superuser');
create role pgtap_y;
create role pgtap_y_owner superuser;
select throws_ok($$ select * from correct_web('pgtap_x', 'pgtap_y') $$, '42501', null, 'refused: a role whose owner role would be a superuser');
create role pgtap_dba;
do $$ begin execute format('alter database %I owner to pgtap_dba', current_database()); end $$;
select throws_ok($$ select * from correct_web('pgtap_x', 'pgtap_dba') $$, '42501', null, 'refused: the owner of the database');
select is_empty($$ select from pg_namespace where nspname = 'pgtap_x' $$, 'nothing is made for any of them');
select is(
    (select rolsuper from pg_roles where rolname = 'pgtap_super'),
    true,
    'and a superuser stays what he is'
);

select * from finish();
rollback;
