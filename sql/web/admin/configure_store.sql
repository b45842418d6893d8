create function web.configure_store(
    p_settings jsonb
)
returns table (
    name text,
    before text,
    after text
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Each value is checked alone, so that an error can name its setting; the update then sets all of them or none.
#variable_conflict use_column
declare
    v_before web.settings;
    v_after web.settings;
    v_setting record;
    v_constraint text;
begin
    if jsonb_typeof(p_settings) is distinct from 'object' then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'settings must be a JSON object',
            hint = 'Pass names and values, for example {"idle_timeout_seconds": 1800}.';
    end if;

    select s.* into v_before from web.settings as s for no key update;
    if not found then
        perform web.raise_missing_settings();
    end if;

    for v_setting in
        select g.key as name, g.value, n.name is not null as is_known, n.required, n.type, n.rules
        from jsonb_each(p_settings) as g
        left join web.store_settings() as n on n.name = g.key
        order by g.key
    loop
        if not v_setting.is_known then
            raise exception using
                errcode = 'invalid_parameter_value',
                message = format('there is no setting "%s"', v_setting.name),
                hint = (
                    select format('The settings are %s.', string_agg(n.name, ', '))
                    from web.store_settings() as n
                );
        end if;
        begin
            if jsonb_typeof(v_setting.value) in ('object', 'array')
                or v_setting.required and jsonb_typeof(v_setting.value) = 'null'
            then
                raise exception using errcode = 'invalid_text_representation';
            end if;
            v_after := jsonb_populate_record(v_before, jsonb_build_object(v_setting.name, v_setting.value));
        exception
            when data_exception then
                raise exception using
                    errcode = 'invalid_parameter_value',
                    message = format('setting %s cannot be %s', v_setting.name, v_setting.value),
                    hint = concat_ws(', ', format('Its type is %s', v_setting.type), 'its rule is ' || v_setting.rules) || '.';
        end;
    end loop;

    v_after := jsonb_populate_record(v_before, p_settings);
    begin
        update web.settings as s
        set
            idle_timeout_seconds = v_after.idle_timeout_seconds,
            absolute_timeout_seconds = v_after.absolute_timeout_seconds,
            max_timeout_seconds = v_after.max_timeout_seconds,
            max_data_bytes = v_after.max_data_bytes,
            tombstone_retention_seconds = v_after.tombstone_retention_seconds,
            slide_percent = v_after.slide_percent,
            slide_min_seconds = v_after.slide_min_seconds,
            slide_max_seconds = v_after.slide_max_seconds,
            max_sessions_per_user = v_after.max_sessions_per_user,
            reject_over_limit = v_after.reject_over_limit,
            notify_channel = v_after.notify_channel;
    exception
        when check_violation then
            -- The settings that were passed and that the constraint is about.
            get stacked diagnostics v_constraint = constraint_name;
            select
                string_agg(format('%s cannot be %s', a.attname, p_settings -> a.attname::text), ', ' order by a.attnum) as refused,
                min(pg_get_expr(c.conbin, c.conrelid, true)) as rule
            into v_setting
            from web.settings as s
            join pg_constraint as c on c.conrelid = s.tableoid and c.conname = v_constraint
            join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
            where p_settings ? a.attname::text;
            raise exception using
                errcode = 'invalid_parameter_value',
                message = format('setting %s', v_setting.refused),
                hint = format('The rule is %s.', v_setting.rule);
    end;

    return query
    select n.name, to_jsonb(v_before) ->> n.name, n.value
    from web.store_settings() as n
    where n.value is distinct from to_jsonb(v_before) ->> n.name;
end;
$function$;

comment on function web.configure_store(jsonb) is
'Set the given settings of the store, all or none. Returns the settings that changed. API: private';
