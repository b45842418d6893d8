create function web.missing_rows()
returns text[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The owner of the database may call it. So an installer that is no superuser learns that there is nothing to repair without
-- becoming a member of the owner role.
begin
    return array(
        select t.name
        from (
            values
            ((select count(*) from web.settings), 1, 'settings'),
            ((select count(*) from web.prune_state), 1, 'prune_state'),
            ((select count(*) from web.user_lock), 1024, 'user_lock')
        ) as t (existing, required, name)
        where t.existing < t.required
    );
end;
$function$;

comment on function web.missing_rows() is
'The tables that lack rows which the functions need. API: private';
