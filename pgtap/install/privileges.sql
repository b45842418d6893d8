-- Privileges: the complete list, and what the runtime role cannot do.
begin;
\ir ../lib/store.sql
\ir ../lib/schema_snapshot.sql
-- PostgreSQL 14 has no MERGE, and its PUBLIC may create in the schema public.
select 124 + case when current_setting('server_version_num')::integer >= 150000 then 2 else 0 end + count(*) as tests
from pg_proc as p
where p.pronamespace = 'web'::regnamespace
    and obj_description(p.oid, 'pg_proc') ~ 'API: private$' \gset
select plan(:tests);

-- ---- The list ----

-- The folder of a function and the end of its comment are the same by bin/compose-sql; sql/schema.txt names them all.
create function pg_temp.the_list(description text)
returns text
language sql
as $list$
    select pg_temp.same_rows(
        $$
            select p.grantee, p.privilege, p.kind, p.object, p.grantor, p.is_grantable
            from pg_temp.privileges() as p
            order by p.kind collate "C", p.object collate "C", 1, 2
        $$,
        $$
            select *
            from (
                select 'nodepg'::text, 'EXECUTE'::text, 'function'::text, p.oid::regprocedure::text, 'nodepg_owner'::text, false
                from pg_proc as p
                where p.pronamespace = 'web'::regnamespace
                    and obj_description(p.oid, 'pg_proc') ~ 'API: public$'
                union all
                values
                ('nodepg', 'USAGE', 'schema', 'web', 'nodepg_owner', false),
                ('pg_monitor', 'USAGE', 'schema', 'web', 'nodepg_owner', false),
                ('pg_monitor', 'EXECUTE', 'function', 'web.missing_rows()', 'nodepg_owner', false),
                ('pg_monitor', 'EXECUTE', 'function', 'web.store_status()', 'nodepg_owner', false)
            ) as w (grantee, privilege, kind, object, grantor, is_grantable)
            order by w.kind collate "C", w.object collate "C", 1, 2
        $$,
        description
    );
$list$;
select pg_temp.the_list('nodepg may use the schema and call the public functions, pg_monitor only the two that count rows; no other role holds a privilege, PUBLIC neither');

-- ---- The owner ----

select is_empty(
    $$
        select o.object, d.privilege_type
        from (
            select 'schema' as object, n.nspacl as acl, 'n'::"char" as kind, n.nspowner as owner from pg_namespace as n where n.nspname = 'web'
            union all
            select c.relname, c.relacl, 'r', c.relowner from pg_class as c where c.relnamespace = 'web'::regnamespace and c.relkind = 'r'
            union all
            select p.proname, p.proacl, 'f', p.proowner from pg_proc as p where p.pronamespace = 'web'::regnamespace
        ) as o
        cross join aclexplode(acldefault(o.kind, o.owner)) as d
        where d.grantee = o.owner
            and not exists (
                select
                from aclexplode(coalesce(o.acl, acldefault(o.kind, o.owner))) as h
                where h.grantee = o.owner
                    and h.privilege_type = d.privilege_type
            )
    $$,
    'the owner role holds every privilege of an owner'
);
select pg_temp.same_rows(
    $$
        select 'schema'::text, pg_get_userbyid(n.nspowner)::text from pg_namespace as n where n.nspname = 'web'
        union
        select 'relation', pg_get_userbyid(c.relowner)::text from pg_class as c where c.relnamespace = 'web'::regnamespace
        union
        select 'function', pg_get_userbyid(p.proowner)::text from pg_proc as p where p.pronamespace = 'web'::regnamespace
        order by 1
    $$,
    $$ values ('function'::text, 'nodepg_owner'::text), ('relation', 'nodepg_owner'), ('schema', 'nodepg_owner') $$,
    'the owner role owns the schema and everything in it'
);
select is_empty(
    $$
        select d.objid::regclass, d.classid::regclass
        from pg_shdepend as d
        where d.refobjid = 'nodepg'::regrole
            and d.deptype = 'o'
            and d.dbid = (select b.oid from pg_database as b where b.datname = current_database())
    $$,
    'the runtime role owns nothing in this database'
);
select is_empty(
    $$
        select a.defaclobjtype
        from pg_default_acl as a
        where 'nodepg'::regrole in (select x.grantee from aclexplode(a.defaclacl) as x)
            or 'nodepg_owner'::regrole in (a.defaclrole)
    $$,
    'no default privileges grant to the runtime role or belong to the owner role'
);
select is_empty(
    $$
        select a.refobjid::regrole, a.classid::regclass, a.objid
        from pg_shdepend as a
        where a.refobjid = 'nodepg'::regrole
            and a.deptype = 'a'
            and a.dbid = (select b.oid from pg_database as b where b.datname = current_database())
            and not (a.classid = 'pg_namespace'::regclass and a.objid = 'web'::regnamespace)
            and not (a.classid = 'pg_proc'::regclass and (select p.pronamespace from pg_proc as p where p.oid = a.objid) = 'web'::regnamespace)
    $$,
    'the runtime role holds no privilege elsewhere in this database'
);

-- ---- What the runtime role may not do ----

select pg_temp.make('victim', '{"secret":1}') \g /dev/null
-- Not "set role", after which a superuser's session may take any other role.
set local session authorization nodepg;

select throws_ok(s.statement, '42501', null, format('refused: %s', s.statement))
from (
    select format(t.template, t.name)
    from (
        select f.template, n.name
        from unnest(array['session', 'settings', 'prune_state']) as n (name)
        cross join (
            values
            ('select * from web.%I'),
            ('select count(*) from web.%I'),
            ('select 1 from web.%I for update'),
            ('insert into web.%I default values'),
            ('delete from web.%I'),
            ('truncate web.%I'),
            ('lock table web.%I in access share mode'),
            ('alter table web.%I add column x integer'),
            ('drop table web.%I'),
            ('create trigger t before insert on web.%I for each row execute function suppress_redundant_updates_trigger()'),
            ('create rule r as on insert to web.%I do instead nothing'),
            ('create index on web.%I ((1))'),
            ('grant select on web.%I to public'),
            ('comment on table web.%I is null'),
            ('create temporary view peek as select * from web.%I; select * from peek')
        ) as f (template)
    ) as t
) as s (statement);
select throws_ok(s.statement, '42501', null, format('refused: %s', s.statement))
from (
    values
    ('select data from web.session'),
    ('select key from web.session'),
    ('select ctid from web.session'),
    ('select session from web.session'),
    ('update web.session set data = data'),
    ('update web.settings set max_data_bytes = 100000000'),
    ('update web.prune_state set resume_from = default'),
    ('create temporary table child () inherits (web.session)'),
    ('create statistics web.x on key, data from web.session'),
    ('cluster web.session using session_pkey'),
    ('reindex table web.session'),
    ('alter table web.session owner to nodepg'),
    ('alter table web.session disable row level security'),
    ('create policy p on web.session'),
    ('explain select * from web.session'),
    ('table web.session')
) as s (statement);

select throws_ok(s.statement, '42501', null, format('refused: %s', s.statement))
from (values ('merge into web.session as s using (values (1)) as v (x) on true when matched then delete')) as s (statement)
where current_setting('server_version_num')::integer >= 150000;

-- The private functions: with null for every argument, since the privilege is checked first.
select throws_ok(s.statement, '42501', null, format('refused: %s', s.statement))
from (
    select format(
        'select web.%I(%s)',
        p.proname,
        (select string_agg(format('null::%s', format_type(a.type, null)), ', ' order by a.position) from unnest(p.proargtypes) with ordinality as a (type, position))
    )
    from pg_proc as p
    where p.pronamespace = 'web'::regnamespace
        and obj_description(p.oid, 'pg_proc') ~ 'API: private$'
    union all
    values
    ('select public.correct_web()'),
    ($$ select public.correct_web('web', 'nodepg') $$),
    ($$ select public.correct_web('other', 'other') $$)
) as s (statement);

-- Making or changing things.
select throws_ok(s.statement, '42501', null, format('refused: %s', s.statement))
from (
    values
    ('create table web.x ()'),
    ('create view web.x as select 1'),
    ('create function web.x() returns integer language sql as $f$ select 1 $f$'),
    ('create type web.x as enum ()'),
    ('create sequence web.x'),
    ('create temporary table x (x web.session)'),
    ('create temporary table x (x web.settings[])'),
    ('create function pg_temp.x(web.session) returns integer language sql as $f$ select 1 $f$'),
    ('create or replace function web.count_sessions() returns integer language sql as $f$ select 1 $f$'),
    ('alter function web.count_sessions() set search_path = public'),
    ('alter function web.count_sessions() security invoker'),
    ('alter function web.count_sessions() rename to x'),
    ('alter function web.count_sessions() owner to nodepg'),
    ('alter function web.count_sessions() set schema public'),
    ('drop function web.count_sessions()'),
    ('comment on function web.count_sessions() is null'),
    ('comment on schema web is null'),
    ('alter schema web rename to x'),
    ('alter schema web owner to nodepg'),
    ('drop schema web cascade'),
    ('create schema x'),
    ('create role x'),
    ('alter role nodepg createdb'),
    ('alter role nodepg superuser'),
    ('alter role nodepg_owner login'),
    ('grant nodepg_owner to nodepg'),
    ('set local role nodepg_owner'),
    ('alter database ' || quote_ident(current_database()) || ' set search_path = x'),
    ('create event trigger x on ddl_command_start execute function suppress_redundant_updates_trigger()'),
    ('create publication x for table web.session'),
    ('select pg_read_file($$/etc/passwd$$)'),
    ('copy (select 1) to program $$true$$'),
    ('select * from pg_authid'),
    ('select * from pg_statistic'),
    ('select lo_import($$/etc/passwd$$)')
) as s (statement);
select throws_ok(
    'alter default privileges for role nodepg_owner grant all on tables to nodepg',
    '42501',
    null,
    'refused: default privileges of the owner role'
);
select throws_ok(
    'create function pg_temp.as_the_owner() returns integer language sql security definer as $f$ select 1 $f$; alter function pg_temp.as_the_owner() owner to nodepg_owner',
    '42501',
    null,
    'refused: a function of the runtime role, given to the owner role'
);
select throws_ok(
    'create operator class web.x for type bytea using btree as operator 1 <',
    '42501',
    null,
    'refused: an operator class'
);

set local client_min_messages = error;
-- These only warn: the runtime role holds the privilege, but not the grant option.
select lives_ok(s.statement, format('without effect: %s', s.statement))
from (
    values
    ('grant usage on schema web to public'),
    ('grant execute on function web.count_sessions() to public'),
    ('revoke execute on function web.count_sessions() from nodepg'),
    ('analyze web.session')
) as s (statement);
select pg_temp.the_list('the list of privileges is unchanged after all these attempts');

-- Statistics.
select is_empty($$ select * from pg_stats where schemaname = 'web' $$, 'the runtime role does not see the statistics of the tables');
select is(
    has_any_column_privilege('web.session', 'select, insert, update, references'),
    false,
    'the runtime role holds no privilege on a column'
);

-- ---- Another role's data ----

reset session authorization;
create table public.private_to_another_role (secret text);
create schema elsewhere;
create table elsewhere.secret (secret text);
set local session authorization nodepg;
select throws_ok('select * from public.private_to_another_role', '42501', null, 'refused: the table of another role');
select throws_ok('select * from elsewhere.secret', '42501', null, 'refused: another schema');
select is(
    (select array_agg(n.nspname::text order by n.nspname) from pg_namespace as n
        where has_schema_privilege('nodepg', n.oid, 'USAGE') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
            and n.nspname not in (select m.nspname from pg_namespace as m cross join aclexplode(m.nspacl) as x where x.grantee = 0)),
    array['web'],
    'the runtime role may use the schema web and those that PUBLIC may use'
);

-- ---- Privileges of PUBLIC ----

-- PostgreSQL grants TEMPORARY on a database to PUBLIC. Only the owner of the database should revoke that, since it may
-- serve other applications. The store must not grant it, and must be safe with it.
select is(
    has_database_privilege('nodepg', current_database(), 'TEMPORARY'),
    exists (
        select
        from pg_database as d
        cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as x
        where d.datname = current_database()
            and x.grantee = 0
            and x.privilege_type = 'TEMPORARY'
    ),
    'the runtime role creates temporary tables only if PUBLIC may'
);
select is_empty(
    $$
        select x.privilege_type
        from pg_database as d
        cross join aclexplode(d.datacl) as x
        where d.datname = current_database()
            and x.grantee in ('nodepg'::regrole, 'nodepg_owner'::regrole)
            and (x.privilege_type <> 'CONNECT' or x.is_grantable)
    $$,
    'the runtime role holds no privilege on the database but CONNECT'
);
select throws_ok('create table public.x ()', '42501', null, 'refused: a table in public')
from (select current_setting('server_version_num')::integer >= 150000) as v (is_since_15)
where v.is_since_15;

-- ---- Escaping through the search_path ----

-- Objects of the runtime role in pg_temp, which it can always write, named like those of the store and of PostgreSQL. The
-- search_path finds them first. A function that used one of them would fail or return something else.
create temporary table session (key bytea, data text, expires_at timestamptz, slide_at timestamptz, version bigint, user_id text);
create temporary table settings (idle_timeout_seconds integer, absolute_timeout_seconds integer, max_data_bytes integer, tombstone_retention_seconds integer);
create temporary table prune_state (resume_from timestamptz);
insert into pg_temp.session values (sha256('victim'), 'of the trap', 'infinity', 'infinity', 666, 'trap');
create type pg_temp.text as (trap integer);
create type pg_temp.bytea as (trap integer);
create domain pg_temp.timestamptz as pg_catalog.timestamptz check (value is null);
create domain pg_temp.int4 as pg_catalog.int4 check (value is null);
create domain pg_temp.bool as pg_catalog.bool check (value is null);
create function pg_temp.trap() returns void language plpgsql as $f$ begin raise exception using errcode = 'TRAP0', message = current_user; end $f$;
create function pg_temp.sha256(pg_catalog.bytea) returns pg_catalog.bytea language sql as $f$ select pg_temp.trap(); select $1 $f$;
create function pg_temp.statement_timestamp() returns pg_catalog.timestamptz language sql as $f$ select pg_temp.trap(); select null::pg_catalog.timestamptz $f$;
create function pg_temp.octet_length(pg_catalog.bytea) returns integer language sql as $f$ select pg_temp.trap(); select 32 $f$;
create function pg_temp.octet_length(pg_catalog.text) returns integer language sql as $f$ select pg_temp.trap(); select 32 $f$;
create function pg_temp.convert_to(pg_catalog.text, name) returns pg_catalog.bytea language sql as $f$ select pg_temp.trap(); select null::pg_catalog.bytea $f$;
create function pg_temp.make_interval(integer, integer, integer, integer, integer, integer, double precision) returns interval language sql as $f$ select pg_temp.trap(); select null::interval $f$;
create function pg_temp.current_setting(pg_catalog.text) returns pg_catalog.text language sql as $f$ select pg_temp.trap(); select null::pg_catalog.text $f$;
create function pg_temp.greater(pg_catalog.timestamptz, pg_catalog.timestamptz) returns boolean language sql as $f$ select pg_temp.trap(); select true $f$;
create operator pg_temp.> (leftarg = pg_catalog.timestamptz, rightarg = pg_catalog.timestamptz, function = pg_temp.greater);
create function pg_temp.equal(pg_catalog.bytea, pg_catalog.bytea) returns boolean language sql as $f$ select pg_temp.trap(); select true $f$;
create operator pg_temp.= (leftarg = pg_catalog.bytea, rightarg = pg_catalog.bytea, function = pg_temp.equal);
-- A path that keeps pgTAP itself from using them.
set local search_path = pg_catalog, public, pg_temp;
select throws_ok($$ select pg_temp.statement_timestamp() $$, 'TRAP0', null, 'a trap springs');

-- All calls in turn, their results in one text, with a search_path that has pg_temp and web before pg_catalog.
create function pg_temp.all_calls() returns pg_catalog.text
language plpgsql
set search_path = pg_temp, web, pg_catalog, public
as $f$
declare
    v_key constant pg_catalog.bytea := pg_catalog.sha256('new');
    v_out pg_catalog.text;
begin
    v_out := (select pg_catalog.concat_ws(',', c.outcome, c.version) from web.create_session(v_key, '{"n":1}') as c);
    v_out := pg_catalog.concat_ws(' ', v_out, (select pg_catalog.concat_ws(',', l.data, l.version) from web.load_session(v_key) as l));
    v_out := pg_catalog.concat_ws(' ', v_out, (select pg_catalog.concat_ws(',', s.outcome, s.version) from web.save_session(v_key, '{"n":2}') as s));
    v_out := pg_catalog.concat_ws(' ', v_out, web.touch_session(v_key) is not null);
    v_out := pg_catalog.concat_ws(' ', v_out, (select l.data from web.load_session(pg_catalog.sha256('victim')) as l));
    perform web.set_session_data('old', '{"n":3}', null);
    v_out := pg_catalog.concat_ws(' ', v_out, web.get_session_data('old'), web.count_sessions());
    perform web.destroy_session('old');
    v_out := pg_catalog.concat_ws(' ', v_out, web.end_session(v_key));
    v_out := pg_catalog.concat_ws(' ', v_out, (select c.outcome from web.create_session(pg_catalog.sha256('one'), '{}') as c));
    v_out := pg_catalog.concat_ws(' ', v_out, (select r.outcome from web.rotate_session(pg_catalog.sha256('one'), pg_catalog.sha256('two'), 60) as r));
    v_out := pg_catalog.concat_ws(' ', v_out, (select l.data from web.load_session(pg_catalog.sha256('one')) as l));
    v_out := pg_catalog.concat_ws(' ', v_out, (select l.outcome from web.login_session(pg_catalog.sha256('two'), pg_catalog.sha256('three'), 'alice', p_max_sessions => 1) as l));
    v_out := pg_catalog.concat_ws(' ', v_out, (select l.data from web.lock_session(pg_catalog.sha256('three')) as l));
    v_out := pg_catalog.concat_ws(' ', v_out, (select i.state || ',' || i.user_id from web.session_info(pg_catalog.sha256('three')) as i));
    v_out := pg_catalog.concat_ws(' ', v_out, (select pg_catalog.count(*) from web.user_sessions('alice')));
    v_out := pg_catalog.concat_ws(' ', v_out, web.end_user_session('alice', (select u.handle from web.user_sessions('alice') as u)), web.end_user_sessions('alice'));
    v_out := pg_catalog.concat_ws(' ', v_out, (select c.outcome from web.create_session(pg_catalog.sha256('four'), '{}', p_user_id => 'alice') as c));
    v_out := pg_catalog.concat_ws(' ', v_out, (select l.outcome from web.logout_session(pg_catalog.sha256('four'), pg_catalog.sha256('five')) as l), web.notify_channel());
    v_out := pg_catalog.concat_ws(' ', v_out, (select pg_catalog.concat_ws(',', p.outcome, p.deleted) from web.prune_sessions() as p));
    perform web.clear_sessions();
    return pg_catalog.concat_ws(' ', v_out, web.count_sessions());
end
$f$;
discard plans;
select is(
    pg_temp.all_calls()::pg_catalog.text,
    'created,1 {"n":1},1 saved,2 t {"secret":1} {"n":3} 3 t created rotated {} rotated {} live,alice 1 t 0 created rotated pruned,0 0'::pg_catalog.text,
    'no function uses what the caller has in pg_temp'
);
select is((select count(*) from pg_temp.session), 1::bigint, 'no function writes to a table in pg_temp');

-- Settings of the caller that change what SQL means.
set local plpgsql.extra_errors = 'all';
set local transform_null_equals = on;
set local datestyle = 'German';
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';
set local escape_string_warning = on;
set local standard_conforming_strings = off;
set local row_security = off;
set local check_function_bodies = off;
discard plans;
select is(
    pg_temp.all_calls()::pg_catalog.text,
    'created,1 {"n":1},1 saved,2 t {"n":3} 2 t created rotated {} rotated {} live,alice 1 t 0 created rotated pruned,0 0'::pg_catalog.text,
    'no setting of the caller changes what a function does'
);

select * from finish();
rollback;
