-- Drift of columns: types, defaults, not null, collations, comments, missing and additional columns.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(14);

select pg_temp.repairs(
    $$ alter table web.settings alter column idle_timeout_seconds set default 60 $$,
    'changed column settings.idle_timeout_seconds default: 60 -> 86400',
    'the default of a column was changed'
);
select pg_temp.repairs(
    $$ alter table web.session alter column handle drop default $$,
    'changed column session.handle default: null -> gen_random_uuid()',
    'the default of a column is gone'
);
select pg_temp.repairs(
    $$ alter table web.session alter column user_id set default 'x' $$,
    'changed column session.user_id default: ''x''::text -> null',
    'a column got a default'
);
select pg_temp.repairs(
    $$ alter table web.session alter column expires_at drop not null $$,
    'changed column session.expires_at not null: false -> true',
    'a column may be null'
);
select pg_temp.repairs(
    $$ alter table web.session alter column data set not null $$,
    'changed column session.data not null: true -> false',
    'a column may not be null'
);
select pg_temp.repairs(
    $$ alter table web.session drop column label $$,
    'created column session.label',
    'a column was dropped'
);
select pg_temp.repairs(
    $$ alter table web.settings drop column slide_percent $$,
    $$created column settings.slide_percent
created constraint settings.settings_slide_percent$$,
    'a column of the settings was dropped'
);
select pg_temp.repairs(
    $$
        alter table web.session add column x integer;
        delete from web.session where false;
        alter table web.session alter column x set default 1;
        update web.session set x = 1;
        alter table web.session alter column x set not null, alter column x drop default;
    $$,
    'changed column session.x not null: true -> false',
    'a column that demands a value was added'
);
select is(
    pg_temp.repaired($$ alter table web.session add column x integer generated always as identity $$),
    '(nothing)',
    'an additional identity column is left alone'
);
select pg_temp.repairs(
    $$ alter table web.session alter column data type text collate "C" $$,
    'changed column session.data collation: C -> default',
    'a column has another collation'
);
select pg_temp.repairs(
    $$ comment on column web.session.key is null $$,
    'changed column session.key comment',
    'the comment of a column was changed'
);
select pg_temp.repairs(
    $$ alter table web.session rename column label to name $$,
    'created column session.label',
    'a column was renamed'
);

-- ---- Refused, not repaired ----

select is(
    pg_temp.repaired($$ alter table web.session alter column data type varchar $$),
    '42804: column web.session.data has type character varying and should have text',
    'a column of another type is refused: its rows are not rewritten'
);
select matches(
    pg_temp.repaired($$ alter table web.session drop column prune_after $$),
    '^23502: ',
    'a missing required column is refused while there are sessions'
);

select * from finish();
rollback;
