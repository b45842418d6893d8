-- The roles: nodepg can log in and call functions; nodepg_owner owns the store and cannot log in.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(17);

-- ---- Installed roles ----

select pg_temp.same_rows(
    $$
        select r.rolname, r.rolcanlogin, r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolreplication, r.rolbypassrls
        from pg_roles as r
        where r.rolname in ('nodepg', 'nodepg_owner')
        order by 1
    $$,
    $$ values ('nodepg', true, false, false, false, false, false), ('nodepg_owner', false, false, false, false, false, false) $$,
    'nodepg can log in, nodepg_owner cannot; neither has another attribute'
);
select is_empty(
    $$ select roleid::regrole, member::regrole from pg_auth_members where member in ('nodepg'::regrole, 'nodepg_owner'::regrole) $$,
    'neither role is a member of another'
);
select is_empty(
    $$ select member::regrole from pg_auth_members where roleid = 'nodepg'::regrole and member = 'nodepg_owner'::regrole or roleid = 'nodepg_owner'::regrole and member = 'nodepg'::regrole $$,
    'neither role is a member of the other'
);

-- ---- New roles ----

select isnt(pg_temp.correction('pgtap_shop', 'pgtap_clerk'), null, 'new roles are reported');
select pg_temp.same_rows(
    $$
        select a.rolname, a.rolcanlogin, a.rolpassword, a.rolvaliduntil, a.rolconnlimit
        from pg_authid as a
        where a.rolname in ('pgtap_clerk', 'pgtap_clerk_owner')
        order by 1
    $$,
    $$ values ('pgtap_clerk', true, null::text, null::timestamptz, -1), ('pgtap_clerk_owner', false, null, null, -1) $$,
    'new roles have no password, no expiry and no connection limit'
);

-- ---- Existing roles ----

-- A verifier that belongs to no password.
alter role pgtap_clerk password 'SCRAM-SHA-256$4096:AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
alter role pgtap_clerk connection limit 50 valid until '2100-01-01';
alter role pgtap_clerk set statement_timeout = '5s';
create temporary table authid as select * from pg_authid where rolname = 'pgtap_clerk';
select is(pg_temp.correction('pgtap_shop', 'pgtap_clerk'), null, 'password, limits and timeouts of a role are no drift');
select pg_temp.same_rows($$ select * from pg_authid where rolname = 'pgtap_clerk' $$, 'select * from authid', 'password, limits and timeouts of a role stay');
alter role pgtap_clerk nologin;
select is(pg_temp.correction('pgtap_shop', 'pgtap_clerk'), 'changed role pgtap_clerk login: false -> true', 'the login of the runtime role is corrected');
select pg_temp.same_rows($$ select * from pg_authid where rolname = 'pgtap_clerk' $$, 'select * from authid', 'a correction leaves password and limits unchanged');
alter role pgtap_clerk reset statement_timeout;

create role pgtap_ready login;
grant pgtap_clerk to pgtap_ready;
create role pgtap_ready_owner createdb login;
select throws_ok($$ select * from correct_web('pgtap_ready', 'pgtap_ready') $$, '42710', null, 'an owner role that can log in is refused');
alter role pgtap_ready_owner nologin;
grant pg_monitor to pgtap_ready_owner;
select matches(
    pg_temp.correction('pgtap_ready', 'pgtap_ready'),
    E'changed role pgtap_ready_owner createdb: true -> false\n(.*\n)*removed membership of pgtap_ready in pgtap_clerk\n(.*\n)*removed membership of pgtap_ready_owner in pg_monitor',
    'attributes and memberships of existing roles are corrected'
);

-- ---- Refused roles ----

select throws_ok(
    format($$ select * from correct_web('pgtap_x', %L) $$, session_user),
    '42501',
    null,
    'the role of the caller is refused'
);
create role pgtap_super superuser;
select throws_ok($$ select * from correct_web('pgtap_x', 'pgtap_super') $$, '42501', null, 'a superuser is refused');
create role pgtap_y;
create role pgtap_y_owner superuser;
select throws_ok($$ select * from correct_web('pgtap_x', 'pgtap_y') $$, '42501', null, 'a role whose owner role is a superuser is refused');
create role pgtap_dba;
do $$ begin execute format('alter database %I owner to pgtap_dba', current_database()); end $$;
select throws_ok($$ select * from correct_web('pgtap_x', 'pgtap_dba') $$, '42501', null, 'the owner of the database is refused');
select is_empty($$ select from pg_namespace where nspname = 'pgtap_x' $$, 'a refused role leaves no schema behind');
select is(
    (select rolsuper from pg_roles where rolname = 'pgtap_super'),
    true,
    'a refused superuser stays a superuser'
);

select * from finish();
rollback;
