//! Server processes that do not answer.

use std::process::Command;

use super::test_database::TestDatabase;

/// The server processes of a database's runtime role, stopped by SIGSTOP. Dropping it lets them go on.
pub struct Frozen {
    processes: Vec<String>,
}

impl Frozen {
    /// Stops those that are connected. Returns the reason if their signals are not this user's to send.
    pub fn connections_of(database: &TestDatabase) -> Result<Frozen, String> {
        let rows = database.superuser().query(
            "select pid::text from pg_stat_activity where usename = $1 and state = 'idle'",
            &[&database.role],
        );
        let processes: Vec<String> = rows.unwrap().iter().map(|row| row.get(0)).collect();
        assert!(!processes.is_empty(), "nothing is connected");
        let frozen = Frozen { processes };
        if frozen.signal("-STOP") {
            Ok(frozen)
        } else {
            Err("the server's processes are not on this machine, or another user's".to_owned())
        }
    }

    fn signal(&self, signal: &str) -> bool {
        Command::new("kill")
            .arg(signal)
            .args(&self.processes)
            .status()
            .is_ok_and(|status| status.success())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}
