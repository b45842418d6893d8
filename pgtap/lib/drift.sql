-- Included by tests of correct_web(): damage the store, let correct_web() repair it, compare its report, undo everything.

-- A session that every damage and repair must keep.
select web.set_session_data('survivor', '{"n":1}', null) \g /dev/null

create function pg_temp.report_as_text(report jsonb)
returns text
language sql
as $$
    -- Of bodies, comments and lists of privileges the name is enough.
    select string_agg(
        concat_ws(
            ' ',
            c.action,
            c.kind,
            replace(c.object, 'database ' || current_database() || ' ', 'database '),
            c.attribute || case
                when c.attribute not in ('body', 'comment', 'privileges of the owner')
                    then format(': %s -> %s', replace(coalesce(c.before, 'null'), session_user, 'SUPERUSER'), coalesce(c.after, 'null'))
                else ''
            end
        ),
        E'\n'
        order by concat_ws(' ', c.action, c.kind, c.object, c.attribute) collate "C"
    )
    from jsonb_to_recordset(report) as c (action text, kind text, object text, attribute text, before text, after text);
$$;

create function pg_temp.correction(p_schema text default 'web', p_role text default 'nodepg')
returns text
language sql
as $$
    select pg_temp.report_as_text((select jsonb_agg(c) from public.correct_web(p_schema, p_role) as c));
$$;

\ir comparison.sql

-- What an install with this setting reports. If the comparison foretold another report, or a second call reports anything, that
-- follows.
create function pg_temp.asked(p_setting text, p_value text)
returns text
language plpgsql
as $$
declare
    v_foretold jsonb;
    v_report jsonb;
begin
    perform set_config(p_setting, p_value, true);
    v_foretold := pg_temp.compared('web', 'nodepg', 'v_report');
    v_report := (select coalesce(jsonb_agg(c), '[]') from public.correct_web('web', 'nodepg') as c);
    return concat_ws(
        E'\n',
        coalesce(pg_temp.report_as_text(v_report), '(nothing)'),
        case when jsonb_strip_nulls(v_foretold) is distinct from jsonb_strip_nulls(v_report) then 'FORETOLD: ' || coalesce(pg_temp.report_as_text(v_foretold), '(nothing)') end,
        'AGAIN: ' || pg_temp.correction()
    );
end;
$$;

-- The report of the repair. If the comparison foretold another one, a second call reports anything or the session is lost,
-- that follows; an error replaces all.
create function pg_temp.repaired(damage text)
returns text
language plpgsql
as $$
declare
    v_foretold jsonb;
    v_report jsonb;
    v_said text;
    v_again text;
    v_data text;
begin
    -- A repair fails if autovacuum locks the table in the middle of it. session-admin repeats it, too.
    for v_attempt in 1..20 loop
        begin
            execute damage;
            v_foretold := pg_temp.compared('web', 'nodepg', 'v_report');
            v_report := (select coalesce(jsonb_agg(c), '[]') from public.correct_web('web', 'nodepg') as c);
            v_said := pg_temp.report_as_text(v_report);
            v_again := pg_temp.correction();
            set local role nodepg;
            v_data := (select g from web.get_session_data('survivor') as g);
            -- The store works.
            perform web.create_session(sha256(convert_to(damage, 'UTF8')), '{}', p_user_id => 'alice');
            perform web.load_session(sha256(convert_to(damage, 'UTF8')));
            perform web.save_session(sha256(convert_to(damage, 'UTF8')), '{"n":2}');
            perform web.end_session(sha256(convert_to(damage, 'UTF8')));
            perform web.prune_sessions();
            reset role;
            raise exception using errcode = 'UNDO0';
        exception
            when sqlstate 'UNDO0' then
                return concat_ws(
                    E'\n',
                    coalesce(v_said, '(nothing)'),
                    case when jsonb_strip_nulls(v_foretold) is distinct from jsonb_strip_nulls(v_report) then 'FORETOLD: ' || coalesce(pg_temp.report_as_text(v_foretold), '(nothing)') end,
                    'AGAIN: ' || v_again,
                    case when v_data is distinct from '{"n":1}' then 'THE SESSION IS LOST' end
                );
            when lock_not_available then
                v_said := format('%s: %s', sqlstate, sqlerrm);
            when others then
                return format('%s: %s', sqlstate, sqlerrm);
        end;
    end loop;
    return v_said;
end;
$$;

-- The damage is repaired: the report is this, a second call reports nothing, the store works, and sessions survive.
create function pg_temp.repairs(damage text, report text, description text)
returns text
language sql
as $$
    select is(pg_temp.repaired(damage), report, 'repaired and reported: ' || description);
$$;
