-- Slides and saves stay in their page (heap-only tuples), and vacuum runs before the table has grown by much. Other storage
-- parameters are an operator's, but vacuum stays on. A TOAST table exists once the columns do.
declare
    v_statement text;
begin
    for v_statement in
        with existing as (
            select
                c.oid::regclass as table_name,
                c.relname,
                --@ include table_options.sql
                as options
            from pg_class as c
            where c.relnamespace = v_schema
                and c.relname = any (v_tables)
        )
        select format('alter table %s reset (%s)', e.table_name, split_part(o.option, '=', 1))
        from existing as e
        cross join unnest(e.options) as o (option)
        where o.option ~ '^(toast\.)?autovacuum_enabled='
        union all
        select format('alter table %s set (%s)', e.table_name, d.option)
        from (
            values
            ('session', 'fillfactor=90'),
            ('session', 'autovacuum_vacuum_scale_factor=0.05'),
            ('session', 'autovacuum_analyze_scale_factor=0.1'),
            ('session', 'toast.autovacuum_vacuum_scale_factor=0.05')
        ) as d (table_name, option)
        join existing as e on e.relname = d.table_name
        where d.option <> all (e.options)
    loop
        execute v_statement;
    end loop;
end;
