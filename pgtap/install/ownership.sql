-- Owners: objects of an untrusted role are refused, since they would act with the rights of the next caller. Each test
-- builds the attack.
begin;
\ir ../lib/store.sql
select plan(22);

create role pgtap_eve;
create table public.stolen (by_whom text, what text);
grant insert on public.stolen to public;

-- Each function of the attacker records the role that it ran as.
create schema pgtap_trap authorization pgtap_eve;
grant usage on schema pgtap_trap to public;
set local role pgtap_eve;
create function pgtap_trap.steal(what text) returns boolean language plpgsql as
$$ begin insert into public.stolen values (current_user, what); return true; end $$;
create function pgtap_trap.steal_as_trigger() returns trigger language plpgsql as
$$ begin perform pgtap_trap.steal('trigger'); return new; end $$;
create function pgtap_trap.steal_immutably(anyelement) returns boolean language plpgsql immutable as
$$ begin perform pgtap_trap.steal('index or check'); return true; end $$;
reset role;

-- Prepares the schema pgtap_shop, installs there, returns the result and what was stolen, and undoes everything.
create function pg_temp.attack(prepare text, also text default null)
returns text
language plpgsql
as $$
declare
    v_result text;
begin
    begin
        execute prepare;
        reset role;
        delete from public.stolen;
        begin
            perform from public.correct_web('pgtap_shop', 'pgtap_clerk');
            v_result := 'installed';
            -- And is used.
            perform pgtap_shop.set_session_data('x', '{}', null);
            perform pgtap_shop.get_session_data('x');
            perform pgtap_shop.count_sessions();
            perform pgtap_shop.destroy_session('x');
            if also is not null then
                execute also;
            end if;
        exception
            when others then
                v_result := format('%s: %s', sqlstate, sqlerrm);
        end;
        v_result := v_result || (select coalesce(string_agg(format(', STOLEN as %s by %s', s.by_whom, s.what), ''), '') from public.stolen as s);
        raise exception using errcode = 'UNDO0';
    exception
        when sqlstate 'UNDO0' then
            return v_result;
    end;
end;
$$;

-- ---- The attack succeeds where nothing prevents it ----

select is(
    pg_temp.attack($$
        create schema pgtap_shop;
        create table pgtap_shop.trap (x integer);
        create trigger t before insert on pgtap_shop.trap for each row execute function pgtap_trap.steal_as_trigger();
    $$, 'insert into pgtap_shop.trap values (1)'),
    format('installed, STOLEN as %s by trigger', session_user),
    'a trigger on another table of the schema runs'
);

-- ---- Objects of the attacker ----

select is(pg_temp.attack(a.prepare), a.result, a.description)
from (
    values
    (
        'create schema pgtap_shop authorization pgtap_eve',
        '42501: schema pgtap_shop belongs to pgtap_eve',
        'a schema of the attacker is refused'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create table pgtap_shop.session (key bytea, data text);
            create trigger t before insert on pgtap_shop.session for each row execute function pgtap_trap.steal_as_trigger();
        $$,
        '42501: table pgtap_shop.session belongs to pgtap_eve',
        'a table of the attacker with a trigger is refused'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create function pgtap_shop.get_session_data(sessid text) returns setof text language plpgsql as
            $f$ begin perform pgtap_trap.steal('function'); end $f$;
        $$,
        '42501: routine pgtap_shop.get_session_data(text) belongs to pgtap_eve',
        'a function of the attacker with a name of the store is refused'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create function pgtap_shop.get_session_data(sessid varchar) returns setof text language plpgsql as
            $f$ begin perform pgtap_trap.steal('overload'); end $f$;
        $$,
        '42501: routine pgtap_shop.get_session_data(character varying) belongs to pgtap_eve',
        'an overload of the attacker is refused'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create procedure pgtap_shop.count_sessions() language plpgsql as $f$ begin end $f$;
        $$,
        '42501: routine pgtap_shop.count_sessions() belongs to pgtap_eve',
        'a procedure of the attacker is refused'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create aggregate pgtap_shop.get_session_data(varchar) (sfunc = textcat, stype = text);
        $$,
        '42501: routine pgtap_shop.get_session_data(character varying) belongs to pgtap_eve',
        'an aggregate of the attacker is refused'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create function pgtap_shop.of_another_name() returns integer language sql as 'select 1';
        $$,
        '42501: routine pgtap_shop.of_another_name() belongs to pgtap_eve',
        'any other function of the attacker is refused'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create view pgtap_shop.settings as select true as only_row where pgtap_trap.steal('view');
        $$,
        '42501: table pgtap_shop.settings belongs to pgtap_eve',
        'a view of the attacker is refused'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create sequence pgtap_shop.session_prune_after;
        $$,
        '42501: table pgtap_shop.session_prune_after belongs to pgtap_eve',
        'a sequence of the attacker with the name of an index is refused'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create type pgtap_shop.loaded_session as (data text, version bigint, expires_at timestamptz, user_id text);
        $$,
        '42501: type pgtap_shop.loaded_session belongs to pgtap_eve',
        'a row type of the attacker is refused'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create domain pgtap_shop.saved_session as text check (pgtap_trap.steal(value));
        $$,
        '42501: type pgtap_shop.saved_session belongs to pgtap_eve',
        'a domain of the attacker with the name of a row type is refused'
    )
) as a (prepare, result, description);

-- In an installed store.
select throws_ok(
    $$
        do $do$
        begin
            grant create, usage on schema web to pgtap_eve;
            set local role pgtap_eve;
            create function web.planted() returns integer language sql as 'select 1';
            reset role;
            perform from public.correct_web();
        end
        $do$
    $$,
    '42501',
    'routine web.planted() belongs to pgtap_eve',
    'a function of the attacker in an installed store is refused'
);

-- ---- Functions of the attacker behind objects of a superuser ----

select is(pg_temp.attack(a.prepare), 'installed', a.description)
from (
    values
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text);
            create table pgtap_shop.settings (only_row boolean);
            create table pgtap_shop.prune_state (only_row boolean);
            create trigger t before insert or update or delete on pgtap_shop.session for each row execute function pgtap_trap.steal_as_trigger();
            create trigger t before insert on pgtap_shop.settings for each row execute function pgtap_trap.steal_as_trigger();
            create constraint trigger c after insert on pgtap_shop.prune_state deferrable initially deferred for each row execute function pgtap_trap.steal_as_trigger();
        $$,
        'triggers are dropped before a row is written'
    ),
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text check (pgtap_trap.steal_immutably(data)));
            create table pgtap_shop.settings (only_row boolean check (pgtap_trap.steal_immutably(only_row)));
        $$,
        'checks are dropped before a row is written'
    ),
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text);
            create index i on pgtap_shop.session (pgtap_trap.steal_immutably(data));
            create table pgtap_shop.settings (only_row boolean);
            create unique index j on pgtap_shop.settings (pgtap_trap.steal_immutably(only_row)) where pgtap_trap.steal_immutably(only_row);
        $$,
        'indexes of expressions are dropped before a row is written'
    ),
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text);
            create table pgtap_shop.settings (only_row boolean default pgtap_trap.steal('default'), idle_timeout_seconds integer default pgtap_trap.steal('default')::integer);
        $$,
        'defaults are dropped before a row is written'
    ),
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text);
            create table pgtap_shop.settings (only_row boolean);
            create rule r as on insert to pgtap_shop.settings do also select pgtap_trap.steal('rule');
            create rule r as on insert to pgtap_shop.session do also select pgtap_trap.steal('rule');
        $$,
        'rules are dropped before a row is written'
    ),
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text);
            alter table pgtap_shop.session enable row level security;
            alter table pgtap_shop.session force row level security;
            create policy p on pgtap_shop.session using (pgtap_trap.steal('policy')) with check (pgtap_trap.steal('policy'));
        $$,
        'policies are dropped before a row is written'
    )
) as a (prepare, description);

-- Additional columns, in a table that belonged to the attacker before a superuser.
select is(pg_temp.attack(a.prepare), 'installed', a.description)
from (
    values
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text, additional boolean default pgtap_trap.steal('default'));
        $$,
        'the default of an additional column does not run'
    ),
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text, additional boolean generated always as (pgtap_trap.steal_immutably(data)) stored);
        $$,
        'the expression of an additional generated column does not run'
    )
) as a (prepare, description);

-- ---- What is adopted ----

select is(
    pg_temp.attack(
        'create schema pgtap_shop; create table pgtap_shop.session (key bytea, data text); create table pgtap_shop.additional (x integer)',
        $$
            do $do$
            begin
                if exists (select from pg_class where relnamespace = 'pgtap_shop'::regnamespace and relname = 'additional' and pg_get_userbyid(relowner) <> session_user)
                    or (select pg_get_userbyid(relowner) from pg_class where oid = 'pgtap_shop.session'::regclass) <> 'pgtap_clerk_owner'
                    or (select pg_get_userbyid(nspowner) from pg_namespace where nspname = 'pgtap_shop') <> 'pgtap_clerk_owner'
                then
                    raise exception 'wrong owners';
                end if;
            end
            $do$
        $$
    ),
    'installed',
    'objects of a superuser go to the owner role if the store has their name, and stay otherwise'
);

select * from finish();
rollback;
