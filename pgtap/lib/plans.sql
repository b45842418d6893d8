-- Included by tests of plans: a store of any size, and how the planner executes the statements inside a function.

-- Fills the store with so many sessions, ten a user, and current statistics.
create function pg_temp.fill(sessions integer)
returns void
language plpgsql
as $$
begin
    delete from web.session;
    insert into web.session (expires_at, slide_at, last_used_at, version, created_at, absolute_expires_at, prune_after, idle_timeout_seconds, slide_interval_seconds, key, user_id, data)
    select now() + interval '1 day', now() + interval '1 hour', now(), 1, now(), now() + interval '30 days', now() + interval '1 day', 86400, 600,
        sha256(convert_to('filled ' || i, 'UTF8')), 'user ' || i / 10, '{"some":"data of a usual session, some hundred bytes of it perhaps, since a row is not small"}'
    from generate_series(1, sessions) as i;
    analyze web.session;
end;
$$;

create function pg_temp.fill_for(p_user_id text, sessions integer)
returns void
language plpgsql
as $$
begin
    insert into web.session (expires_at, slide_at, last_used_at, version, created_at, absolute_expires_at, prune_after, idle_timeout_seconds, slide_interval_seconds, key, user_id, data)
    select now() + interval '1 day', now() + interval '1 hour', now(), 1, now(), now() + interval '30 days', now() + interval '1 day', 86400, 600,
        sha256(convert_to(p_user_id || i, 'UTF8')), p_user_id, '{}'
    from generate_series(1, sessions) as i;
    analyze web.session;
end;
$$;

-- How the one statement of a function that reads web.session finds its rows, by EXPLAIN of its generic plan: the names of
-- the indexes, or "Seq Scan". The statement comes from the function's body.
create function pg_temp.scans(function regproc, parameters integer)
returns text
language plpgsql
as $$
declare
    v_statement text;
    v_plan json;
    v_found text;
begin
    -- From the last "select s.…" to the end of the statement, or of the subquery that it is.
    select substring(p.prosrc from '.*(select\s+s\..*)$')
    into v_statement
    from pg_proc as p
    where p.oid = function;
    v_statement := split_part(regexp_replace(split_part(replace(v_statement, 'into v_key', ''), ';', 1), '\n\s+\)(,|\n).*$', ''), ') as v', 1);
    for i in 1..parameters loop
        v_statement := regexp_replace(
            v_statement,
            format('\m[pv]%s\M', (select substr(p.proargnames[i], 2) from pg_proc as p where p.oid = function)),
            format('$%s', i),
            'g'
        );
    end loop;
    set local plan_cache_mode = force_generic_plan;
    execute format(
        'prepare of_function (%s) as %s',
        (select string_agg(format_type(t, null), ', ' order by i) from pg_proc as p cross join unnest(p.proargtypes) with ordinality as a (t, i) where p.oid = function and i <= parameters),
        v_statement
    );
    execute format('explain (format json) execute of_function (%s)', (select string_agg('null', ', ') from generate_series(1, parameters))) into v_plan;
    deallocate of_function;
    set local plan_cache_mode = auto;
    select string_agg(distinct n.found, ' ' order by n.found)
    into v_found
    from (
        select (regexp_matches(v_plan::text, '"Index Name": "(\w+)"', 'g'))[1]
        union all
        select (regexp_matches(v_plan::text, '"Node Type": "(Seq Scan)"', 'g'))[1]
    ) as n (found);
    return v_found;
end;
$$;

-- Rows of web.session read so far in this transaction by an index (an index scan counts them there, a bitmap scan here).
create function pg_temp.rows_read()
returns bigint
language sql
as $$
    select sum(pg_stat_get_xact_tuples_fetched(r.oid))::bigint
    from (
        select 'web.session'::regclass::oid as oid
        union all
        select i.indexrelid from pg_index as i where i.indrelid = 'web.session'::regclass
    ) as r;
$$;

-- How many rows of web.session a statement reads by an index; -1 when it reads the table as a whole.
create function pg_temp.rows_read(statement text)
returns bigint
language plpgsql
as $$
declare
    v_scans constant bigint := pg_stat_get_xact_numscans('web.session'::regclass);
    v_rows constant bigint := pg_temp.rows_read();
begin
    execute statement;
    if pg_stat_get_xact_numscans('web.session'::regclass) > v_scans then
        return -1;
    end if;
    return pg_temp.rows_read() - v_rows;
end;
$$;
