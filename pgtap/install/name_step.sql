-- name_step: an unexpected error of correct_web() keeps SQLSTATE, message and detail, and its hint names the step.
begin;
\ir ../lib/store.sql
select plan(13);

create function pg_temp.refuse()
returns event_trigger
language plpgsql
as $function$
begin
    if tg_tag = current_setting('pgtap.refused', true) then
        raise exception using errcode = 'ZZ001', message = 'not today', detail = 'at all', hint = 'Ask again.';
    end if;
end;
$function$;
create event trigger refuse on ddl_command_start execute function pg_temp.refuse();

-- The fields of the error of an install after some damage. All is undone.
create function pg_temp.failure(
    p_damage text,
    p_schema text default 'web',
    p_role text default 'nodepg',
    p_refused text default ''
)
returns text[]
language plpgsql
as $function$
declare
    v_detail text;
    v_hint text;
begin
    execute p_damage;
    perform set_config('pgtap.refused', p_refused, true);
    perform public.correct_web(p_schema, p_role);
    return array['no error'];
exception
    when others then
        get stacked diagnostics
            v_detail = pg_exception_detail,
            v_hint = pg_exception_hint;
        return array[sqlstate, sqlerrm, v_detail, v_hint];
end;
$function$;

select ok(
    f.error[:3] = array['ZZ001', 'not today', 'at all']
    and f.error[4] like format('Ask again. The step sql/install/%s failed: PL/pgSQL function pg_temp%%.refuse() line %%', f.step),
    format('%s: %s', f.step, f.error)
)
from (
    select c.step, pg_temp.failure('select', 'another', 'another', c.refused) as error
    from (
        values
        ('CREATE SCHEMA', 'ownership.sql'),
        ('CREATE TABLE', 'tables.sql'),
        ('ALTER TABLE', 'columns.sql'),
        ('CREATE INDEX', 'indexes.sql'),
        ('CREATE TYPE', 'types.sql'),
        ('CREATE FUNCTION', 'functions.sql'),
        ('GRANT', 'privileges.sql')
    ) as c (refused, step)
) as f;

-- An error of PostgreSQL has its own detail and hint.
select is(
    f.error,
    array[
        '2BP01',
        'cannot drop type web.saved_session because other objects depend on it',
        'column x of table public.dependent depends on type web.saved_session',
        'Use DROP ... CASCADE to drop the dependent objects too. The step sql/install/types.sql failed: SQL statement "drop type web.saved_session"'
    ],
    'an error of PostgreSQL keeps its fields'
)
from (
    select pg_temp.failure($$
        create table public.dependent (x integer);
        alter table public.dependent alter column x type web.saved_session using null;
        update pg_attribute set attname = 'renamed' where attrelid = 'web.saved_session'::regclass and attname = 'outcome';
    $$) as error
) as f;
select is(
    f.error[4],
    'The step sql/install/columns.sql failed: SQL statement "alter table web.session alter column version set not null"',
    'an error without a hint gets one'
)
from (
    select pg_temp.failure($$
        alter table web.session alter column version drop not null;
        select web.set_session_data('a', '{}', null);
        update web.session set version = null;
    $$) as error
) as f;
select ok(
    length(f.error[4]) < 300 and f.error[4] !~ '\n',
    'a long statement is cut'
)
from (select pg_temp.failure('select', 'another', 'another', 'CREATE FUNCTION') as error) as f;

-- What a step refuses has a hint of its own.
select is(
    f.error,
    array[
        '42809',
        'web.session is not a plain table',
        '',
        'Partitions, inheritance and views are not supported. Choose another schema, or drop it and run this again.'
    ],
    'an error that a step raises stays as it is'
)
from (select pg_temp.failure($$ create table public.child () inherits (web.session) $$) as error) as f;
select is(
    f.error[1:2],
    array['42939', 'the name public is reserved by PostgreSQL'],
    'and so does that of a refused name'
)
from (select pg_temp.failure('select', 'public', 'nodepg') as error) as f;
select doesnt_match(
    f.error[4],
    'sql/install/',
    'whose hint names no step'
)
from (select pg_temp.failure('select', 'public', 'nodepg') as error) as f;

select * from finish();
rollback;
