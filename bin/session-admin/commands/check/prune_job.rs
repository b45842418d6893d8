//! The job of `pg_cron` that prunes.

use postgres::Client;

use super::findings::{EnvironmentReport, Finding};
use crate::support::global_args::GlobalArgs;
use crate::support::pg_cron::{self, PgCron, Unusable};
use crate::support::prune_job::{self, PruneJob, StoredJob};
use crate::support::text::{one_line, timestamp};

const REPAIR: &str = "session-admin install repairs it; install --no-schedule removes it for good";

/// Checks the job if the store has recorded a schedule.
pub(super) fn check_prune_job(
    client: &mut Client,
    global: &GlobalArgs,
    report: &mut EnvironmentReport,
) {
    let Some(schedule) = prune_job::recorded_schedule(client, &global.schema) else {
        return;
    };
    let mut cron = match pg_cron::open(client, global) {
        Ok(cron) => cron,
        Err(unusable) => {
            let is_absent = matches!(unusable, Unusable::Absent(_));
            let (what, hint) = unusable.into_error().into_parts();
            let text = format!("pg_cron should prune this store ({schedule}): {what}");
            if is_absent {
                let finding = Finding::new("prune_job_unusable", text, hint);
                report.findings.push(finding);
            } else {
                let note = Finding::new("prune_job_not_visible", text, hint);
                report.notes.push(note);
            }
            return;
        }
    };
    if !cron.is_superuser {
        return report.notes.push(Finding::new(
            "prune_job_not_visible",
            format!("this user cannot see whether pg_cron prunes this store ({schedule})"),
            "run check as a superuser; check --max-expired-age finds what is not pruned",
        ));
    }
    let job = PruneJob::new(global, &cron.store_database, &schedule);
    if let Err(error) = check_jobs(&mut cron, global, &job, report) {
        report.findings.push(Finding::new(
            "prune_job_unusable",
            format!("the jobs of pg_cron cannot be read: {error}"),
            "run check again; if that fails too, create the extension pg_cron anew",
        ));
    }
}

fn check_jobs(
    cron: &mut PgCron,
    global: &GlobalArgs,
    job: &PruneJob,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let stored = prune_job::jobs(
        &mut cron.client,
        "j.jobname = $1::pg_catalog.text",
        &[&job.name],
    )?;
    if stored.is_empty() {
        report.findings.push(Finding::new(
            "prune_job_missing",
            format!(
                "pg_cron has no job {:?}, so it does not prune this store",
                job.name
            ),
            REPAIR,
        ));
    }
    for stored in &stored {
        for (attribute, is, should) in job.differences(stored) {
            report.findings.push(Finding::new(
                "prune_job_differs",
                format!(
                    "the job {:?} of pg_cron differs: {attribute} is {}, should be {}",
                    job.name,
                    one_line(&is),
                    one_line(&should)
                ),
                REPAIR,
            ));
        }
        check_last_run(cron, job, stored, report)?;
    }
    check_other_jobs(cron, global, report)
}

/// Checks that the last run succeeded.
fn check_last_run(
    cron: &mut PgCron,
    job: &PruneJob,
    stored: &StoredJob,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let run = cron.client.query_opt(
        "select r.status, coalesce(r.return_message, ''), coalesce(r.end_time, r.start_time)
        from cron.job_run_details as r
        where r.jobid = $1::pg_catalog.int8
            and r.status in ('succeeded', 'failed')
        order by r.runid desc
        limit 1",
        &[&stored.id],
    )?;
    let Some(run) = run else {
        report.notes.push(Finding::new(
            "prune_job_has_not_run",
            format!("pg_cron has recorded no run of the job {:?}", job.name),
            "wait for its first run, unless cron.log_run is off; check --max-expired-age finds what is not pruned",
        ));
        return Ok(());
    };
    let (status, message): (String, String) = (run.try_get(0)?, run.try_get(1)?);
    if status == "failed" {
        let at = run
            .try_get::<_, Option<std::time::SystemTime>>(2)?
            .and_then(timestamp)
            .map_or(String::new(), |at| format!(" at {at}"));
        report.findings.push(Finding::new(
            "prune_job_failed",
            format!(
                "the last run of the job {:?} failed{at}: {}",
                job.name,
                one_line(message.trim())
            ),
            format!(
                "if it could not connect: cron.use_background_workers = on and a restart, or let role {} in from cron.host in pg_hba.conf",
                one_line(&job.role)
            ),
        ));
    }
    Ok(())
}

/// A job outlives the password of its role, so an attacker could leave one behind.
fn check_other_jobs(
    cron: &mut PgCron,
    global: &GlobalArgs,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let owner = format!("{}_owner", global.role);
    let jobs = prune_job::jobs(
        &mut cron.client,
        "j.username in ($1::pg_catalog.text, $2::pg_catalog.text)",
        &[&global.role, &owner],
    )?;
    for other in jobs.iter().filter(|job| !prune_job::is_prune_job(job)) {
        report.findings.push(Finding::new(
            "foreign_job",
            format!(
                "pg_cron runs a job as role {} that install did not make: {} {}",
                one_line(&other.role),
                other.id,
                one_line(other.name.as_deref().unwrap_or("without a name"))
            ),
            format!(
                "in database {}: select cron.unschedule({})",
                one_line(&cron.database),
                other.id
            ),
        ));
    }
    let may_schedule: bool = cron
        .client
        .query_one(
            "select exists (
                select
                from pg_catalog.pg_roles as r
                where r.rolname = $1::pg_catalog.text
                    and pg_catalog.has_schema_privilege(r.oid, 'cron', 'USAGE')
            )",
            &[&global.role],
        )?
        .try_get(0)?;
    if may_schedule {
        report.findings.push(Finding::new(
            "runtime_role_may_schedule",
            format!(
                "role {} may make jobs of pg_cron, which go on after its password was changed",
                one_line(&global.role)
            ),
            format!(
                "in database {}: revoke usage on schema cron from {} (or from public)",
                one_line(&cron.database),
                connect_pg::quote_identifier(&global.role)
            ),
        ));
    }
    Ok(())
}
