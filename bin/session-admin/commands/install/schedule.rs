//! The options of the job that prunes, and what an install does about it.

use connect_pg::install::{Change, InstallOptions};
use postgres::Client;

use crate::support::cli_error::CliError;
use crate::support::global_args::GlobalArgs;
use crate::support::output;
use crate::support::pg_cron::{self, PgCron, Unusable};
use crate::support::prune_job::{
    DEFAULT_SCHEDULE, Mode, check_schedule, recorded_schedule, synchronize,
};

#[derive(clap::Args)]
pub(super) struct ScheduleArgs {
    #[arg(
        help = "Let pg_cron prune by this cron expression",
        long, value_name = "SCHEDULE", num_args = 0..=1, default_missing_value = DEFAULT_SCHEDULE
    )]
    schedule: Option<String>,
    #[arg(
        help = "Remove the job of pg_cron that prunes",
        long,
        conflicts_with = "schedule"
    )]
    no_schedule: bool,
}

/// What an install does about the job of `pg_cron`.
pub(super) enum Jobs {
    /// The store has none.
    None,
    /// It is made, or kept as it should be.
    Made {
        cron: PgCron,
        schedule: String,
        is_asked: bool,
    },
    Removed {
        cron: Option<PgCron>,
    },
}

impl Jobs {
    /// Finds out what to do, and fails if `pg_cron` cannot do it, before anything is changed.
    pub(super) fn prepare(
        client: &mut Client,
        global: &GlobalArgs,
        args: &ScheduleArgs,
    ) -> Result<Self, CliError> {
        let recorded = recorded_schedule(client, &global.schema);
        if args.no_schedule {
            return match pg_cron::open(client, global) {
                Ok(cron) => Ok(Self::Removed { cron: Some(cron) }),
                Err(Unusable::Absent(_)) => Ok(Self::Removed { cron: None }),
                Err(Unusable::Unreachable(_)) if recorded.is_none() => Ok(Self::None),
                Err(unusable) => Err(unusable.into_error()),
            };
        }
        let is_asked = args.schedule.is_some();
        let Some(schedule) = args.schedule.clone().or(recorded) else {
            return Ok(Self::None);
        };
        let mut cron = match pg_cron::open(client, global) {
            Ok(cron) => cron,
            Err(unusable) if is_asked => return Err(unusable.into_error()),
            // The store is more important than its pruner. Check reports the job.
            Err(unusable) => {
                let (what, hint) = unusable.into_error().into_parts();
                output::remark(&format!(
                    "The job of pg_cron that prunes was not looked at: {what} (hint: {hint})"
                ));
                return Ok(Self::None);
            }
        };
        if is_asked {
            check_schedule(&mut cron, &schedule)?;
        }
        Ok(Self::Made {
            cron,
            schedule,
            is_asked,
        })
    }

    /// Lets the install record the schedule.
    pub(super) fn record(&self, options: InstallOptions) -> Result<InstallOptions, CliError> {
        match self {
            Self::Made {
                schedule,
                is_asked: true,
                ..
            } => options.prune_schedule(Some(schedule)),
            Self::Removed { .. } => options.prune_schedule(None),
            _ => Ok(options),
        }
        .map_err(|error| {
            CliError::new(
                error.to_string(),
                "pass --schedule '*/5 * * * *', or --schedule alone for that default",
            )
        })
    }

    /// Removes the job before the record of it, so that no job is left without a record.
    pub(super) fn remove(
        &mut self,
        global: &GlobalArgs,
        mode: Mode,
    ) -> Result<Vec<Change>, CliError> {
        match self {
            Self::Removed { cron: Some(cron) } => synchronize(cron, global, None, mode),
            _ => Ok(Vec::new()),
        }
    }

    pub(super) fn make(
        &mut self,
        global: &GlobalArgs,
        mode: Mode,
    ) -> Result<Vec<Change>, CliError> {
        match self {
            Self::Made { cron, schedule, .. } => synchronize(cron, global, Some(schedule), mode),
            _ => Ok(Vec::new()),
        }
    }
}
