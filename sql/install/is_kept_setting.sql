-- Returns true for a setting of a role (c.setting, in the row d of pg_db_role_setting) that an install keeps: what it sets itself, and
-- what is an operator's. Any other may come from an attacker with the role's password: a role may change most of its settings.
case
    when lower(split_part(c.setting, '=', 1)) in ('application_name', 'timezone', 'work_mem', 'log_min_duration_statement') then true
    -- 100 ms at least, or off. A number without a unit is in milliseconds.
    when split_part(c.setting, '=', 1) in (
        'statement_timeout',
        'lock_timeout',
        'transaction_timeout',
        'idle_in_transaction_session_timeout',
        'idle_session_timeout'
    ) then case
        when c.setting ~ '= *[0.]+ *[a-z]*$' then true
        when c.setting ~ '= *[0-9]+(\.[0-9]+)? *(us|ms|s|min|h|d)?$' then
            substring(c.setting from '= *([0-9.]+)')::numeric * case
                when c.setting ~ 'us$' then 0.001
                when c.setting ~ '(ms|[0-9])$' then 1
                when c.setting ~ '[0-9 ]s$' then 1000
                else 60000
            end >= 100
        else false
    end
    -- An operator's, unless it takes from a change what the durability of the store promises.
    when split_part(c.setting, '=', 1) = 'synchronous_commit' then case
        when v_durability = 'relaxed' and d.setrole = (select y.oid from pg_roles as y where y.rolname = p_role) then
            d.setdatabase <> 0 and c.setting = 'synchronous_commit=off'
        else c.setting in ('synchronous_commit=on', 'synchronous_commit=local', 'synchronous_commit=remote_write', 'synchronous_commit=remote_apply')
    end
    else d.setdatabase <> 0 and c.setting in ('enable_seqscan=off', 'jit=off')
end
