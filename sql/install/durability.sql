-- How durable the store is to be: as the caller asks, or else as an earlier install has recorded it in the comment of the session
-- table. Every role that checks can read a comment, and a crash that empties the table leaves it.
declare
    v_table constant oid := (
        select c.oid
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = p_schema
            and c.relname = 'session'
    );
    v_asked constant text := nullif(current_setting('connect_pg.durability', true), '');
    v_found record;
begin
    v_durability := coalesce(
        v_asked,
        substring(obj_description(v_table, 'pg_class') from ' Durability: (relaxed|unlogged)\. API: private$'),
        'full'
    );
    if v_durability not in ('full', 'relaxed', 'unlogged') then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = format('connect_pg.durability is %s', quote_literal(v_durability)),
            hint = 'Set it to full, relaxed or unlogged, or leave it unset.';
    end if;

    -- A relaxed store is a setting of its runtime role in the database, and holds for every store of that role.
    select n.nspname as schema_name
    into v_found
    from pg_namespace as n
    join pg_class as c on c.relnamespace = n.oid and c.relname = 'session'
    where n.nspname <> p_schema
        and pg_get_userbyid(n.nspowner) = v_owner
        and (v_durability = 'relaxed' or obj_description(c.oid, 'pg_class') ~ ' Durability: relaxed\. API: private$')
    limit 1;
    if found then
        raise exception using
            errcode = 'feature_not_supported',
            message = format('the store in schema %s has the runtime role %s too, and a relaxed store needs a role of its own', v_found.schema_name, p_role),
            hint = 'Choose another name for the role. Or give both stores the durability full or unlogged, one after the other.';
    end if;

    select p.pubname as name
    into v_found
    from pg_publication_rel as r
    join pg_publication as p on p.oid = r.prpubid
    where v_durability = 'unlogged'
        and r.prrelid = v_table
    limit 1;
    if found then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = format('the publication %s contains the session table, and PostgreSQL does not publish an unlogged table', v_found.name),
            hint = format('alter publication %I drop table %I.session', v_found.name, p_schema);
    end if;
end;
