-- Again, now that all is there: somebody with the right to create in the schema may have been faster with a table, a type
-- or a function of ours, and "create or replace" leaves it his.
for v_found in
    select 'table' as kind, c.oid::regclass::text as name, pg_get_userbyid(c.relowner) as owner
    from pg_class as c
    where c.relnamespace = v_schema
        and c.relname = any (v_tables)
        and pg_get_userbyid(c.relowner) <> v_owner
    union all
    select 'type', t.oid::regtype::text, pg_get_userbyid(t.typowner)
    from pg_type as t
    where t.typnamespace = v_schema
        and t.typname = any (v_types)
        and pg_get_userbyid(t.typowner) <> v_owner
    union all
    select 'function', p.oid::regprocedure::text, pg_get_userbyid(p.proowner)
    from pg_proc as p
    where p.oid in (select to_regprocedure(replace(f.signature, 'web.', v_prefix)) from unnest(v_signatures) as f (signature))
        and pg_get_userbyid(p.proowner) <> v_owner
loop
    raise exception using
        errcode = 'insufficient_privilege',
        message = format('%s %s belongs to %s, who made it at this moment', v_found.kind, v_found.name, v_found.owner),
        hint = 'Revoke his right to create in the schema, drop it, and run this again.';
end loop;

-- A foreign key to our rows would make pruning fail for ever, and creating a session now and then.
for v_found in
    select c.conname, c.conrelid::regclass as table_name, c.confrelid::regclass as referred
    from pg_constraint as c
    join pg_class as t on t.oid = c.confrelid
    where c.contype = 'f'
        and t.relnamespace = v_schema
        and t.relname = any (v_tables)
loop
    raise exception using
        errcode = 'dependent_objects_still_exist',
        message = format('the foreign key %s of table %s refers to %s, whose rows come and go', v_found.conname, v_found.table_name, v_found.referred),
        hint = 'Drop the foreign key. Keep the handle of a session without one.';
end loop;
