-- The upgrade of a store of connect-pg 1.1.5 for Node: upgrade_1_1_5_schema.sql renames its table, and
-- upgrade_1_1_5_sessions.sql moves its sessions. Here table and functions are made by hand;
-- tests/session_admin/upgrade_connect_pg.rs lets the real module make them.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(39);

-- As the statements of its session_install.sql leave it.
create schema pgtap_old;
create table pgtap_old.session ();
alter table pgtap_old.session add column sess_id text;
alter table pgtap_old.session add primary key (sess_id);
alter table pgtap_old.session add column sess_data text;
alter table pgtap_old.session add column expiration timestamp with time zone;
alter table pgtap_old.session alter column expiration set default now() + interval '1 day';
create index expire_idx on pgtap_old.session (expiration);
create function pgtap_old.valid_sessions() returns setof pgtap_old.session language plpgsql security definer set search_path = pgtap_old, pg_temp as
$$ begin return query select * from session where expiration > now() or expiration is null; end $$;
create function pgtap_old.set_session_data(sessid text, sessdata text, expire timestamp with time zone) returns void language plpgsql security definer set search_path = pgtap_old, pg_temp as
$$ begin insert into session values (sessid, sessdata, expire); end $$;
create function pgtap_old.get_session_data(sessid text) returns setof text language plpgsql security definer set search_path = pgtap_old, pg_temp as
$$ begin return query select sess_data from valid_sessions() where sess_id = sessid; end $$;
create function pgtap_old.destroy_session(sessid text) returns void language plpgsql security definer as $$ begin delete from pgtap_old.session where sess_id = sessid; end $$;
create function pgtap_old.clear_sessions() returns void language plpgsql security definer as $$ begin delete from pgtap_old.session; end $$;
create function pgtap_old.count_sessions() returns int language plpgsql security definer as $$ begin return (select count(*) from pgtap_old.valid_sessions()); end $$;
create function pgtap_old.remove_expired() returns trigger language plpgsql security definer as $$ begin delete from pgtap_old.session where expiration < now(); return null; end $$;
create function public.pgtap_new_session_id() returns text language plpgsql as $$ begin return md5(random()::text); end $$;
insert into pgtap_old.session (sess_id, sess_data, expiration)
values
('live', '{"n":1}', now() + interval '2 hours'),
('odd '' " \ ü€ id', '{"n":2}', now() + interval '90 days'),
('for ever', '{"n":3}', null),
('until the end of time', '{"n":4}', 'infinity'),
('null', null, now() + interval '1 hour'),
('', 'empty id', now() + interval '1 hour'),
('expired', '{"secret":1}', now()),
('long expired', '{"secret":2}', '-infinity');
create trigger delete_expired_trig after insert or update on pgtap_old.session for each statement execute function pgtap_old.remove_expired();

-- The result of an upgrade after this preparation, undone.
create function pg_temp.attempt(prepare text)
returns text
language plpgsql
as $$
declare
    v_moved text;
begin
    begin
        execute prepare;
        v_moved := (select coalesce(max(after), '(nothing)') from public.correct_web('pgtap_old', 'pgtap_old') where attribute = 'live sessions of connect-pg 1.1.5');
        raise exception using errcode = 'UNDO0';
    exception
        when sqlstate 'UNDO0' then
            return v_moved;
        when others then
            return format('%s: %s', sqlstate, replace(sqlerrm, 'the table session of connect-pg 1.1.5 has additions that an upgrade would drop: ', ''));
    end;
end;
$$;

-- ---- Additions of its users ----

select is(pg_temp.attempt(''), '6', 'six live sessions move without additions');
select is(pg_temp.attempt(a.prepare), '2BP01: ' || a.named, format('an addition is named and refused: %s', a.named))
from (
    values
    ('create rule mine as on insert to pgtap_old.session do also select 1', 'rule mine on table pgtap_old.session'),
    ('alter table pgtap_old.session add column "Mine" integer', 'column "Mine"'),
    ('create index mine on pgtap_old.session (sess_data)', 'index mine'),
    ('alter table pgtap_old.session add constraint mine check (sess_id <> $$x$$)', 'constraint mine'),
    ('alter table pgtap_old.session add constraint mine unique (sess_data)', 'constraint mine; index mine'),
    ('create view public.pgtap_mine as select sess_id from pgtap_old.session', 'rule _RETURN on view public.pgtap_mine'),
    ('create table public.pgtap_mine (id text references pgtap_old.session)', 'constraint pgtap_mine_id_fkey on table public.pgtap_mine'),
    ('create function public.pgtap_mine(s pgtap_old.session) returns integer language sql as $f$ select 1 $f$', 'function public.pgtap_mine(pgtap_old.session)'),
    ('create function public.pgtap_mine() returns setof pgtap_old.session language sql as $f$ select * from pgtap_old.session $f$', 'function public.pgtap_mine()'),
    ('create table public.pgtap_mine (s pgtap_old.session)', 'table public.pgtap_mine'),
    ('create function public.pgtap_trigger() returns trigger language plpgsql as $f$ begin return new; end $f$; create trigger mine before insert on pgtap_old.session for each row execute function public.pgtap_trigger()', 'trigger mine')
) as a (prepare, named);
select matches(
    pg_temp.attempt('create function pgtap_old.mine() returns setof pgtap_old.session language sql as $f$ select * from pgtap_old.session $f$'),
    '^2BP01: ',
    'an additional function in the schema is refused'
);
select matches(pg_temp.attempt(a.prepare), '^2BP01: .*' || a.named, format('an additional %s is refused', a.named))
from (
    values
    ('create policy mine on pgtap_old.session', 'policy'),
    ('set local client_min_messages = error; create publication pgtap_mine for table pgtap_old.session', 'publication')
) as a (prepare, named);
select is(
    pg_temp.attempt($$ set local connect_pg.drop_additions = on; alter table pgtap_old.session add column "Mine" integer; create view public.pgtap_mine as select sess_id from pgtap_old.session $$),
    '6',
    'additions are dropped with connect_pg.drop_additions'
);
select is((select count(*) from pgtap_old.session), 8::bigint, 'refused upgrades lose no session');

-- ---- The upgrade ----

create temporary table report as select * from public.correct_web('pgtap_old', 'pgtap_old');
select results_eq(
    $$ select attribute, before, after from report where object = 'session' and attribute like 'live%' $$,
    $$ values ('live sessions of connect-pg 1.1.5'::text, null::text, '6'::text) $$,
    'the report counts the sessions that moved'
);
select is(pg_temp.correction('pgtap_old', 'pgtap_old'), null, 'a second call reports nothing');
select results_eq(
    format('select pgtap_old.get_session_data(%L)', s.id),
    format('values (%L::text)', s.data),
    format('a live session loads by its id %L', s.id)
)
from (values ('live', '{"n":1}'), ('odd '' " \ ü€ id', '{"n":2}'), ('for ever', '{"n":3}'), ('until the end of time', '{"n":4}'), ('null', null), ('', 'empty id')) as s (id, data);
select is_empty(format('select pgtap_old.get_session_data(%L)', id), format('an expired session does not load by its id %L', id)) from unnest(array['expired', 'long expired', 'unknown']) as id;
select results_eq(
    $$ select data, version from pgtap_old.load_session(sha256('live')) $$,
    $$ values ('{"n":1}'::text, 1::bigint) $$,
    'a live session loads by its key'
);
select results_eq(
    $$ select extract(epoch from expires_at - last_used_at) between 7100 and 7200, round(extract(epoch from absolute_expires_at - created_at)), idle_timeout_seconds between 7100 and 7200, prune_after = expires_at, slide_at < expires_at from pgtap_old.session where key = sha256('live') $$,
    $$ values (true, 2592000::numeric, true, true, true) $$,
    'the lifetime that a session had left is its idle timeout'
);
select results_eq(
    $$ select k, round(extract(epoch from s.expires_at - s.last_used_at)) from (values ('for ever'), ('until the end of time'), ('odd '' " \ ü€ id')) as v (k) join pgtap_old.session as s on s.key = sha256(convert_to(k, 'UTF8')) order by 2, 1 $$,
    $$ values ('for ever'::text, 86400::numeric), ('odd '' " \ ü€ id', 2592000), ('until the end of time', 2592000) $$,
    'a session without an expiry gets the idle timeout of the store, a longer one ends with the absolute timeout'
);
select is((select count(*) from pgtap_old.session), 6::bigint, 'no expired session moves');

-- ---- After the upgrade ----

select is_empty(
    $$
        select a.attrelid::regclass, a.attname
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid
        cross join lateral (select (xpath('/row/c/text()', query_to_xml(format('select count(*) as c from %s as t where t.%I::text like any (array[''live'', ''for ever'', ''%%odd ''''%%'', ''%%expired%%''])', c.oid::regclass, a.attname), false, true, '')))[1]::text::bigint as found) as f
        where c.relnamespace = 'pgtap_old'::regnamespace
            and c.relkind = 'r'
            and a.attnum > 0
            and not a.attisdropped
            and f.found > 0
    $$,
    'no column of any table holds an id'
);
select is(to_regclass('pgtap_old.session_of_connect_pg_1'), null, 'the old table is dropped');
select is_empty(
    $$ select p.proname from pg_proc as p where p.pronamespace = 'pgtap_old'::regnamespace and p.proname in ('valid_sessions', 'remove_expired', 'all_session_ids') $$,
    'the old functions are dropped'
);
select pg_temp.same_rows(
    $$ select c.relname::text, c.relkind::text from pg_class as c where c.relnamespace = 'pgtap_old'::regnamespace order by 1 $$,
    $$ select c.relname::text, c.relkind::text from pg_class as c where c.relnamespace = 'web'::regnamespace order by 1 $$,
    'the relations are those of a new store'
);
select is(to_regprocedure('public.pgtap_new_session_id()') is not null, true, 'a function in public with another text stays');
set local session authorization pgtap_old;
select pgtap_old.set_session_data('live', '{"n":9}', null) \g /dev/null
select is((select pgtap_old.get_session_data('live')), '{"n":9}', 'the runtime role sets a session that moved');
select pgtap_old.destroy_session('for ever') \g /dev/null
select is(pgtap_old.count_sessions(), 5, 'the runtime role destroys and counts sessions that moved');
reset session authorization;

select * from finish();
rollback;
