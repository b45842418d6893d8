-- The upgrade in place of what connect-pg 1.1.5 for Node made: originals.sql moves its table away, original_sessions.sql its
-- sessions in. Here its table and functions are made by hand, in a schema of their own; tests/upgrade_connect_pg.rs has the
-- real module make them, helpers in public and all.
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

-- What an attempt answers; undone, whatever it was.
create function pg_temp.attempt(prepare text)
returns text
language plpgsql
as $$
declare
    v_said text;
begin
    begin
        execute prepare;
        v_said := (select coalesce(max(after), '(nothing)') from public.correct_web('pgtap_old', 'pgtap_old') where attribute = 'live sessions of connect-pg 1.1.5');
        raise exception using errcode = 'UNDO0';
    exception
        when sqlstate 'UNDO0' then
            return v_said;
        when others then
            return format('%s: %s', sqlstate, replace(sqlerrm, 'the table session of connect-pg 1.1.5 has additions that an upgrade would drop: ', ''));
    end;
end;
$$;

-- ---- What its users added ----

select is(pg_temp.attempt(''), '6', '(as it is, six live sessions move)');
select is(pg_temp.attempt(a.prepare), '2BP01: ' || a.named, format('named and refused: %s', a.named))
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
    'refused: a function in the schema itself'
);
select matches(pg_temp.attempt(a.prepare), '^2BP01: .*' || a.named, format('refused: a %s', a.named))
from (
    values
    ('create policy mine on pgtap_old.session', 'policy'),
    ('set local client_min_messages = error; create publication pgtap_mine for table pgtap_old.session', 'publication')
) as a (prepare, named);
select is(
    pg_temp.attempt($$ set local connect_pg.drop_additions = on; alter table pgtap_old.session add column "Mine" integer; create view public.pgtap_mine as select sess_id from pgtap_old.session $$),
    '6',
    'dropped, when that is asked for'
);
select is((select count(*) from pgtap_old.session), 8::bigint, 'and nothing was lost by all these attempts');

-- ---- The upgrade ----

create temporary table said as select * from public.correct_web('pgtap_old', 'pgtap_old');
select results_eq(
    $$ select attribute, before, after from said where object = 'session' and attribute like 'live%' $$,
    $$ values ('live sessions of connect-pg 1.1.5'::text, null::text, '6'::text) $$,
    'it says how many sessions have moved in'
);
select is(pg_temp.correction('pgtap_old', 'pgtap_old'), null, 'and a second call has nothing to say');
select results_eq(
    format('select pgtap_old.get_session_data(%L)', s.id),
    format('values (%L::text)', s.data),
    format('a live session loads by its id: %s', coalesce(nullif(s.id, ''), 'the empty one'))
)
from (values ('live', '{"n":1}'), ('odd '' " \ ü€ id', '{"n":2}'), ('for ever', '{"n":3}'), ('until the end of time', '{"n":4}'), ('null', null), ('', 'empty id')) as s (id, data);
select is_empty(format('select pgtap_old.get_session_data(%L)', id), format('an expired one does not: %s', id)) from unnest(array['expired', 'long expired', 'unknown']) as id;
select results_eq(
    $$ select data, version from pgtap_old.load_session(sha256('live')) $$,
    $$ values ('{"n":1}'::text, 1::bigint) $$,
    'they load by the native interface too'
);
select results_eq(
    $$ select extract(epoch from expires_at - last_used_at) between 7100 and 7200, round(extract(epoch from absolute_expires_at - created_at)), idle_timeout_seconds between 7100 and 7200, prune_after = expires_at, slide_at < expires_at from pgtap_old.session where key = sha256('live') $$,
    $$ values (true, 2592000::numeric, true, true, true) $$,
    'with the lifetime that each had left as its idle timeout'
);
select results_eq(
    $$ select k, round(extract(epoch from s.expires_at - s.last_used_at)) from (values ('for ever'), ('until the end of time'), ('odd '' " \ ü€ id')) as v (k) join pgtap_old.session as s on s.key = sha256(convert_to(k, 'UTF8')) order by 2, 1 $$,
    $$ values ('for ever'::text, 86400::numeric), ('odd '' " \ ü€ id', 2592000), ('until the end of time', 2592000) $$,
    'without an expiry the idle timeout of the store; longer ones end with the absolute timeout'
);
select is((select count(*) from pgtap_old.session), 6::bigint, 'no expired one is kept');

-- ---- What is left ----

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
select is(to_regclass('pgtap_old.session_of_connect_pg_1'), null, 'the old table is gone');
select is_empty(
    $$ select p.proname from pg_proc as p where p.pronamespace = 'pgtap_old'::regnamespace and p.proname in ('valid_sessions', 'remove_expired', 'all_session_ids') $$,
    'and so are its functions'
);
select pg_temp.same_rows(
    $$ select c.relname::text, c.relkind::text from pg_class as c where c.relnamespace = 'pgtap_old'::regnamespace order by 1 $$,
    $$ select c.relname::text, c.relkind::text from pg_class as c where c.relnamespace = 'web'::regnamespace order by 1 $$,
    'the schema is as a new one'
);
select is(to_regprocedure('public.pgtap_new_session_id()') is not null, true, 'a function in public that is not the original''s stays, whatever its name');
-- And it can be used.
set local session authorization pgtap_old;
select pgtap_old.set_session_data('live', '{"n":9}', null) \g /dev/null
select is((select pgtap_old.get_session_data('live')), '{"n":9}', 'as the runtime role a session that moved in can be set');
select pgtap_old.destroy_session('for ever') \g /dev/null
select is(pgtap_old.count_sessions(), 5, 'destroyed, and counted');
reset session authorization;

select * from finish();
rollback;
