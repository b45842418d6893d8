//! Keeps secrets out of the server's log.
//!
//! Only a superuser may change what is logged. For other users it stays as the server has it.

use postgres::{Client, Transaction};

/// Turns off the logging of statements for the rest of the transaction: a weak password can be guessed from its verifier.
pub(crate) fn disable_statement_logging(
    transaction: &mut Transaction<'_>,
) -> Result<(), postgres::Error> {
    // pg_settings leaves out what this server does not have; the last one belongs to an extension.
    transaction.execute(
        "select pg_catalog.set_config(s.name, v.value, true)
        from (
            values
                ('log_statement', 'none'),
                ('log_min_duration_statement', '-1'),
                ('log_min_duration_sample', '-1'),
                ('log_transaction_sample_rate', '0'),
                ('log_min_error_statement', 'panic'),
                ('log_parser_stats', 'off'),
                ('track_activities', 'off'),
                ('pg_stat_statements.track', 'none')
        ) as v (name, value)
        join pg_catalog.pg_settings as s on s.name = v.name
        where (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user)",
        &[],
    )?;
    Ok(())
}

/// Turns off the logging of parameters on this connection: they are session ids and data. A server before PostgreSQL 13
/// can only turn off the logging of statements.
pub(crate) fn disable_parameter_logging(client: &mut Client) -> Result<(), postgres::Error> {
    client.execute(
        "select pg_catalog.set_config(v.name, v.value, false)
        from (
            values
                ('log_parameter_max_length', '0', true),
                ('log_statement', 'none', false),
                ('log_min_duration_statement', '-1', false)
        ) as v (name, value, is_enough)
        where (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user)
            and v.is_enough = exists (
                select from pg_catalog.pg_settings as s where s.name = 'log_parameter_max_length'
            )",
        &[],
    )?;
    Ok(())
}

/// Returns true if the server may log the parameters of this connection's statements.
pub(crate) fn logs_parameters(client: &mut Client) -> Result<bool, postgres::Error> {
    client
        .query_one(
            "select pg_catalog.current_setting('log_parameter_max_length', true) is distinct from '0'
                and exists (
                    select
                    from pg_catalog.pg_settings as s
                    where (s.name = 'log_statement' and s.setting = 'all')
                        or (s.name in ('log_min_duration_statement', 'log_min_duration_sample') and s.setting <> '-1')
                        or (s.name = 'log_transaction_sample_rate' and s.setting <> '0')
                )",
            &[],
        )?
        .try_get(0)
}
