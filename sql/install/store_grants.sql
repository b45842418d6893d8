-- What roles other than the owner hold on the objects of the store (store_object, by store_objects.sql), on their columns and
-- on row types; of the runtime role alone, also on the database. grantee is quoted for SQL. is_declared is true if an install
-- grants it.
select
    o.kind,
    o.name,
    o.column_name,
    format('%s on %s to %s', x.privilege_type, o.label, coalesce(r.rolname, 'PUBLIC')) as label,
    o.is_of_store,
    o.owner,
    coalesce(quote_ident(r.rolname), 'public') as grantee,
    x.grantor,
    x.privilege_type,
    x.is_grantable,
    coalesce((x.privilege_type, r.rolname) in ((o.runtime_privilege, p_role), (o.installer_privilege, v_installer), (o.monitor_privilege, 'pg_monitor')), false)
        and not x.is_grantable
        and (x.grantor = o.owner or o.kind = 'database') as is_declared
from (
    select
        o.kind,
        o.name,
        o.column_name,
        case o.kind when 'routine' then 'function' else o.kind end || ' ' || o.label as label,
        o.owner,
        o.acl,
        o.is_of_store,
        o.runtime_privilege,
        o.installer_privilege,
        o.monitor_privilege
    from store_object as o
    union all
    select 'type', t.oid::regtype::text, null, 'type ' || c.relname, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), true, null, null, null
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    join pg_type as t on t.oid = c.reltype
    where n.nspname = p_schema
        and c.relname = any (v_tables)
    union all
    select 'database', quote_ident(d.datname), null, 'database ' || d.datname, d.datdba, d.datacl, true, 'CONNECT', null, null
    from pg_database as d
    where d.datname = current_database()
) as o
cross join aclexplode(o.acl) as x
left join pg_roles as r on r.oid = x.grantee
where x.grantee <> o.owner
    and (o.kind <> 'database' or r.rolname = p_role)
