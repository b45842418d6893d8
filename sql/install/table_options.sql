-- The storage parameters of the table c as ALTER TABLE names them, with those of its TOAST table, which keeps large values.
c.reloptions || array(
    select 'toast.' || o.option
    from pg_class as t
    cross join unnest(t.reloptions) as o (option)
    where t.oid = c.reltoastrelid
)
