-- The one list of the objects of the store, with owner and privileges. Other routines and tables of the schema are in it,
-- because their owners are checked.
select
    -- The word of ALTER, GRANT and REVOKE; "column" for a column with privileges of its own.
    o.kind,
    -- Quoted for SQL. Of a column, it is the table's.
    o.name,
    o.column_name,
    -- As in the report.
    o.label,
    o.oid,
    o.owner,
    a.acl,
    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(a.acl) as x where x.grantee = o.owner) as owner_privileges,
    (select string_agg(distinct x.privilege_type, ', ') from aclexplode(acldefault(o.acl_type, o.owner)) as x where x.grantee = o.owner) as all_owner_privileges,
    -- True if an install makes an object of this name.
    o.is_of_store,
    o.runtime_privilege,
    o.installer_privilege,
    o.monitor_privilege
from (
    select
        'schema' as kind,
        quote_ident(n.nspname) as name,
        null::text as column_name,
        n.nspname::text as label,
        n.oid,
        n.nspowner as owner,
        n.nspacl as acl,
        'n'::"char" as acl_type,
        true as is_of_store,
        'USAGE' as runtime_privilege,
        'USAGE' as installer_privilege,
        'USAGE' as monitor_privilege
    from pg_namespace as n
    where n.nspname = p_schema
    union all
    select
        'table',
        c.oid::regclass::text,
        null,
        c.relname,
        c.oid,
        c.relowner,
        c.relacl,
        'r',
        c.relname = any (v_tables),
        null,
        null,
        null
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = p_schema
        and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select
        'column',
        c.oid::regclass::text,
        quote_ident(a.attname),
        c.relname || '.' || a.attname,
        c.oid,
        c.relowner,
        a.attacl,
        'c',
        true,
        null,
        null,
        null
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    join pg_attribute as a on a.attrelid = c.oid
    where n.nspname = p_schema
        and c.relname = any (v_tables)
        and a.attacl is not null
    union all
    select
        'type',
        t.oid::regtype::text,
        null,
        t.typname,
        t.oid,
        t.typowner,
        t.typacl,
        'T',
        true,
        null,
        null,
        null
    from pg_type as t
    join pg_namespace as n on n.oid = t.typnamespace
    where n.nspname = p_schema
        and t.typname = any (v_types)
        -- ALTER TABLE changes the owner of the row type too.
        and (t.typrelid = 0 or (select c.relkind from pg_class as c where c.oid = t.typrelid) = 'c')
    union all
    select
        'routine',
        p.oid::regprocedure::text,
        null,
        format('%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
        p.oid,
        p.proowner,
        p.proacl,
        'f',
        p.proname = any (v_function_names),
        case when p.proname = any (v_runtime_functions) then 'EXECUTE' end,
        case when p.proname = 'missing_rows' then 'EXECUTE' end,
        case when p.proname in ('missing_rows', 'store_status') then 'EXECUTE' end
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = p_schema
) as o
cross join lateral (select coalesce(o.acl, acldefault(o.acl_type, o.owner)) as acl) as a
