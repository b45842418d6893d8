-- Owners: what belongs to a stranger is refused, for it would act with the rights of whoever comes next. The attacks are built.
begin;
\ir ../lib/store.sql
select plan(22);

create role pgtap_eve;
create table public.stolen (by_whom text, what text);
grant insert on public.stolen to public;

-- What all her traps do: note as whom they ran.
create schema pgtap_eves authorization pgtap_eve;
grant usage on schema pgtap_eves to public;
set local role pgtap_eve;
create function pgtap_eves.steal(what text) returns boolean language plpgsql as
$$ begin insert into public.stolen values (current_user, what); return true; end $$;
create function pgtap_eves.steal_as_trigger() returns trigger language plpgsql as
$$ begin perform pgtap_eves.steal('trigger'); return new; end $$;
create function pgtap_eves.steal_immutably(anyelement) returns boolean language plpgsql immutable as
$$ begin perform pgtap_eves.steal('index or check'); return true; end $$;
reset role;

-- Prepare something in the schema pgtap_shop, install there, and tell how that went and what was stolen; undo it.
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
            -- And somebody uses it.
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

-- ---- That the traps work ----

select is(
    pg_temp.attack($$
        create schema pgtap_shop;
        create table pgtap_shop.trap (x integer);
        create trigger t before insert on pgtap_shop.trap for each row execute function pgtap_eves.steal_as_trigger();
    $$, 'insert into pgtap_shop.trap values (1)'),
    format('installed, STOLEN as %s by trigger', session_user),
    'the traps work, on a table that is none of ours'
);

-- ---- Hers ----

select is(pg_temp.attack(a.prepare), a.result, a.sentence)
from (
    values
    (
        'create schema pgtap_shop authorization pgtap_eve',
        '42501: schema pgtap_shop belongs to pgtap_eve',
        'refused: her schema'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create table pgtap_shop.session (key bytea, data text);
            create trigger t before insert on pgtap_shop.session for each row execute function pgtap_eves.steal_as_trigger();
        $$,
        '42501: table pgtap_shop.session belongs to pgtap_eve',
        'refused: her table, with a trigger'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create function pgtap_shop.get_session_data(sessid text) returns setof text language plpgsql as
            $f$ begin perform pgtap_eves.steal('function'); end $f$;
        $$,
        '42501: routine pgtap_shop.get_session_data(text) belongs to pgtap_eve',
        'refused: her function of one of our names, which she could rewrite later'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create function pgtap_shop.get_session_data(sessid varchar) returns setof text language plpgsql as
            $f$ begin perform pgtap_eves.steal('overload'); end $f$;
        $$,
        '42501: routine pgtap_shop.get_session_data(character varying) belongs to pgtap_eve',
        'refused: her overload'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create procedure pgtap_shop.count_sessions() language plpgsql as $f$ begin end $f$;
        $$,
        '42501: routine pgtap_shop.count_sessions() belongs to pgtap_eve',
        'refused: her procedure'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create aggregate pgtap_shop.get_session_data(varchar) (sfunc = textcat, stype = text);
        $$,
        '42501: routine pgtap_shop.get_session_data(character varying) belongs to pgtap_eve',
        'refused: her aggregate'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create function pgtap_shop.of_no_name_of_ours() returns integer language sql as 'select 1';
        $$,
        '42501: routine pgtap_shop.of_no_name_of_ours() belongs to pgtap_eve',
        'refused: any function of hers'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create view pgtap_shop.settings as select true as only_row where pgtap_eves.steal('view');
        $$,
        '42501: table pgtap_shop.settings belongs to pgtap_eve',
        'refused: her view'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create sequence pgtap_shop.session_prune_after;
        $$,
        '42501: table pgtap_shop.session_prune_after belongs to pgtap_eve',
        'refused: her sequence of the name of an index'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create type pgtap_shop.loaded_session as (data text, version bigint, expires_at timestamptz, user_id text);
        $$,
        '42501: type pgtap_shop.loaded_session belongs to pgtap_eve',
        'refused: her row type'
    ),
    (
        $$
            create schema pgtap_shop;
            grant create, usage on schema pgtap_shop to pgtap_eve;
            set local role pgtap_eve;
            create domain pgtap_shop.saved_session as text check (pgtap_eves.steal(value));
        $$,
        '42501: type pgtap_shop.saved_session belongs to pgtap_eve',
        'refused: her domain of the name of a row type'
    )
) as a (prepare, result, sentence);

-- On a store that is installed: a table of hers, put there while she could.
select throws_ok(
    $$
        do $do$
        begin
            grant create, usage on schema web to pgtap_eve;
            set local role pgtap_eve;
            create function web.hers() returns integer language sql as 'select 1';
            reset role;
            perform from public.correct_web();
        end
        $do$
    $$,
    '42501',
    'routine web.hers() belongs to pgtap_eve',
    'refused: a function of hers in a store that is there'
);

-- ---- Her functions behind what a superuser made ----

select is(pg_temp.attack(a.prepare), 'installed', a.sentence)
from (
    values
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text);
            create table pgtap_shop.settings (only_row boolean);
            create table pgtap_shop.prune_state (only_row boolean);
            create trigger t before insert or update or delete on pgtap_shop.session for each row execute function pgtap_eves.steal_as_trigger();
            create trigger t before insert on pgtap_shop.settings for each row execute function pgtap_eves.steal_as_trigger();
            create constraint trigger c after insert on pgtap_shop.prune_state deferrable initially deferred for each row execute function pgtap_eves.steal_as_trigger();
        $$,
        'triggers are dropped before a row is written'
    ),
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text check (pgtap_eves.steal_immutably(data)));
            create table pgtap_shop.settings (only_row boolean check (pgtap_eves.steal_immutably(only_row)));
        $$,
        'so are checks'
    ),
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text);
            create index i on pgtap_shop.session (pgtap_eves.steal_immutably(data));
            create table pgtap_shop.settings (only_row boolean);
            create unique index j on pgtap_shop.settings (pgtap_eves.steal_immutably(only_row)) where pgtap_eves.steal_immutably(only_row);
        $$,
        'and indexes of expressions'
    ),
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text);
            create table pgtap_shop.settings (only_row boolean default pgtap_eves.steal('default'), idle_timeout_seconds integer default pgtap_eves.steal('default')::integer);
        $$,
        'and defaults'
    ),
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text);
            create table pgtap_shop.settings (only_row boolean);
            create rule r as on insert to pgtap_shop.settings do also select pgtap_eves.steal('rule');
            create rule r as on insert to pgtap_shop.session do also select pgtap_eves.steal('rule');
        $$,
        'and rules'
    ),
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text);
            alter table pgtap_shop.session enable row level security;
            alter table pgtap_shop.session force row level security;
            create policy p on pgtap_shop.session using (pgtap_eves.steal('policy')) with check (pgtap_eves.steal('policy'));
        $$,
        'and policies'
    )
) as a (prepare, sentence);

-- Columns that are not ours, in a table that was hers before somebody gave it to a superuser.
select is(pg_temp.attack(a.prepare), 'installed', a.sentence)
from (
    values
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text, theirs boolean default pgtap_eves.steal('default'));
        $$,
        'nor does the default of a column that is not ours run'
    ),
    (
        $$
            create schema pgtap_shop;
            create table pgtap_shop.session (key bytea, data text, theirs boolean generated always as (pgtap_eves.steal_immutably(data)) stored);
        $$,
        'nor an expression that such a column is generated by'
    )
) as a (prepare, sentence);

-- ---- What is adopted ----

select is(
    pg_temp.attack(
        'create schema pgtap_shop; create table pgtap_shop.session (key bytea, data text); create table pgtap_shop.theirs (x integer)',
        $$
            do $do$
            begin
                if exists (select from pg_class where relnamespace = 'pgtap_shop'::regnamespace and relname = 'theirs' and pg_get_userbyid(relowner) <> session_user)
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
    'what a superuser made, of our names, goes to the owner role; what he keeps there beside it stays his'
);

select * from finish();
rollback;
