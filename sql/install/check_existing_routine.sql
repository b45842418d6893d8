-- Before anything is replaced, and again afterwards: somebody may have made his own meanwhile. "create or replace" keeps the owner of a function that is there: an attacker's
-- correct_web() would stay his own to rewrite, and a superuser would run it. And an older release must not replace a newer.
do $guard$
declare
    -- Types by their full names: this is resolved with the search path of the caller.
    v_path constant pg_catalog.text := pg_catalog.current_setting('search_path');
    v_found pg_catalog.record;
begin
    -- Nothing that somebody left in the schemas of the caller's search path may be taken for a function of PostgreSQL's.
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

    for v_found in
        select
            p.oid::regprocedure::text as signature,
            pg_get_userbyid(p.proowner) as owner,
            coalesce(substring(obj_description(p.oid, 'pg_proc') from 'Release (\d+)')::integer, 0) as release,
            p.proretset and p.prorettype = 'text'::regtype as is_original,
            r.rolsuper or r.rolname = current_user as is_trusted
        from pg_catalog.pg_proc as p
        join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        join pg_catalog.pg_roles as r on r.oid = p.proowner
        where n.nspname = 'public'
            and p.proname = 'correct_web'
    loop
        if not v_found.is_trusted then
            raise exception using
                errcode = 'insufficient_privilege',
                message = format('function %s belongs to %s, who could change what it does', v_found.signature, v_found.owner),
                hint = 'Find out who made it; drop it, or connect as its owner, and run this again.';
        end if;
        if v_found.release > --@ release
        then
            raise exception using
                errcode = 'object_not_in_prerequisite_state',
                message = format('this database has release %s of correct_web(), newer than this one', v_found.release),
                hint = 'Use the newer program, or the newer file.';
        end if;
        if v_found.is_original then
            -- connect-pg 1.1.5 returned setof text, which "create or replace" cannot turn into a table.
            execute format('drop function %s', v_found.signature);
        end if;
    end loop;

    perform pg_catalog.set_config('search_path', v_path, true);
end;
$guard$;
