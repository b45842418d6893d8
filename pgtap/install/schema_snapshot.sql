-- The schema as a whole: whatever a change adds to it or takes from it shows in sql/schema.txt.
begin;
\ir ../lib/store.sql
\ir ../lib/schema_snapshot.sql
\ir ../lib/comparison.sql
\ir ../lib/expected_objects.sql
select plan(3);

-- One line a row, whatever is in it. bin/lib/run-pgtap runs psql in the root of the repository.
create temporary table written (
    position integer generated always as identity,
    line text
);
\copy written (line) from 'sql/schema.txt' with (format csv, delimiter E'\x01', quote E'\x02', null E'\x03')
create temporary table installed (
    position integer generated always as identity,
    line text
);
insert into installed (line)
select 'What an install of sql/released/ makes. Written by: bin/with-pg bin/lib/schema-snapshot'
union all
select s from pg_temp.schema_snapshot() as s;

-- Each line with its heading.
create function pg_temp.under_headings(relation regclass)
returns setof text
language plpgsql
as $$
begin
    return query execute format(
        $query$
            select concat_ws(
                ': ',
                (select h.line from %1$s as h where h.position <= l.position and h.line ~ '^[^ ]' order by h.position desc limit 1),
                l.line
            )
            from %1$s as l
            where l.line ~ '^ '
        $query$,
        relation
    );
end;
$$;

select is_empty(
    $$
        (select '- ' || w from pg_temp.under_headings('written') as w except all select '- ' || i from pg_temp.under_headings('installed') as i)
        union all
        (select '+ ' || i from pg_temp.under_headings('installed') as i except all select '+ ' || w from pg_temp.under_headings('written') as w)
    $$,
    'sql/schema.txt shows what an install makes; to write it anew: bin/with-pg bin/lib/schema-snapshot'
);
select results_eq(
    'select i.line from installed as i order by i.position',
    'select w.line from written as w order by w.position',
    'in the same order; to write it anew: bin/with-pg bin/lib/schema-snapshot'
);

create temporary table written_objects (
    line text
);
\copy written_objects (line) from 'sql/install/expected_objects.sql' with (format csv, delimiter E'\x01', quote E'\x02', null E'\x03')
select is_empty(
    $$
        (select '- ' || w.line from written_objects as w except all select '- ' || e from pg_temp.expected_objects() as e)
        union all
        (select '+ ' || e from pg_temp.expected_objects() as e except all select '+ ' || w.line from written_objects as w)
    $$,
    'sql/install/expected_objects.sql shows what an install makes; to write it anew: bin/with-pg bin/lib/schema-snapshot'
);

select * from finish();
rollback;
