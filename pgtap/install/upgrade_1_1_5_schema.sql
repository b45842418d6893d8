-- Additions to a store of connect-pg 1.1.5: upgrade_1_1_5_schema.sql names and refuses them, or drops them on request.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
\ir ../lib/connect_pg_1_1_5.sql
select plan(17);

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

select * from finish();
rollback;
