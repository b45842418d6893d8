use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::{env, thread};

use crate::test_database::{TestDatabase, unique_name};
use crate::visitor::Visitor;
use crate::wait::PATIENCE;

/// A running example. Dropping it kills the process.
#[derive(Debug)]
pub struct Application {
    child: Child,
    /// Host and port.
    pub address: String,
    log: Receiver<String>,
    seen: Vec<String>,
    /// The password file. A test may change it.
    pub password_file: PathBuf,
}

impl Application {
    /// Starts a program on a free port, as the database's runtime role. Its first line is `listening on http://ADDRESS`.
    #[must_use]
    #[track_caller]
    pub fn start(
        program: &Path,
        database: &TestDatabase,
        variables: &[(&str, &str)],
    ) -> Application {
        let password_file = env::temp_dir().join(unique_name());
        fs::write(&password_file, format!("{}\n", database.password)).unwrap();
        let mut child = Application::command(program, database)
            .env("CONNECT_PG_PASSWORD_FILE", &password_file)
            .envs(variables.iter().copied())
            .spawn()
            .unwrap();
        let (sender, log) = mpsc::channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut first_line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut first_line).unwrap();
        let mut application = Application {
            child,
            address: String::new(),
            log,
            seen: Vec::new(),
            password_file,
        };
        application.address = match first_line.trim_end().strip_prefix("listening on http://") {
            Some(address) => address.to_owned(),
            None => panic!(
                "{first_line:?} instead of its address; {:?}",
                application.whole_log()
            ),
        };
        application
    }

    /// Returns the program with the environment of the runtime role, without the password.
    #[must_use]
    pub fn command(program: &Path, database: &TestDatabase) -> Command {
        let mut command = Command::new(program);
        database.set_login(&mut command);
        command
            .env("LISTEN", "127.0.0.1:0")
            .env_remove("CONNECT_PG_SCHEMA")
            .env_remove("COOKIE_KEY_FILE")
            .env_remove("SECURE_COOKIE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Returns a visitor without a cookie.
    #[must_use]
    pub fn visitor(&self) -> Visitor {
        Visitor::new(&self.address)
    }

    /// Waits for a line that contains this part, after the lines of earlier waits.
    #[track_caller]
    pub fn wait_for_log(&mut self, part: &str) {
        loop {
            let Ok(line) = self.log.recv_timeout(PATIENCE) else {
                panic!("{part:?} is not in the log: {:?}", self.seen);
            };
            let is_it = line.contains(part);
            self.seen.push(line);
            if is_it {
                return;
            }
        }
    }

    /// Returns all lines of standard error. Waits until the process ends.
    fn whole_log(&mut self) -> Vec<String> {
        self.seen.extend(self.log.iter());
        self.seen.clone()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
    }

    /// Waits for the end. Returns the exit status and the log.
    #[must_use]
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().unwrap();
        (status, self.whole_log())
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.password_file);
    }
}

/// Returns the program of another package of this workspace.
///
/// Cargo builds it only for that package's own tests. So it is built here if it is missing, or older than one of its sources in the
/// list that cargo keeps.
#[must_use]
#[track_caller]
pub fn program_of(package: &str) -> PathBuf {
    program(package, &["--package", package])
}

/// Returns session-admin, built in the same way.
#[must_use]
#[track_caller]
pub fn session_admin() -> PathBuf {
    let options = ["--package", "connect-pg", "--features", "admin"];
    program("session-admin", &options)
}

#[track_caller]
fn program(name: &str, options: &[&str]) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join(name);
    if !is_current(&program) {
        let mut build = cargo();
        build
            .args(["build", "--locked", "--quiet", "--bin", name])
            .args(options)
            .arg("--target-dir")
            .arg(profile.parent().unwrap())
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(build.status().unwrap().success(), "{build:?}");
    }
    program
}

/// Builds a package that is outside of this workspace, and returns its program, or why it cannot be built. Cargo keeps what it
/// builds in `target/tmp/NAME`.
///
/// # Errors
///
/// Returns what cargo says.
pub fn program_of_fixture(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let test = env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap().join("tmp");
    let target = target.join(folder.file_name().unwrap());
    let built = cargo()
        .args(["build", "--locked", "--quiet", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .output()
        .unwrap();
    if built.status.success() {
        Ok(target.join("debug").join(name))
    } else {
        Err(String::from_utf8_lossy(&built.stderr).into_owned())
    }
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn is_current(program: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let Some(built) = modified(program) else {
        return false;
    };
    fs::read_to_string(program.with_extension("d")).is_ok_and(|list| {
        list.split_whitespace()
            .skip(1) // the program itself
            .filter_map(|source| modified(Path::new(source)))
            .all(|changed| changed <= built)
    })
}
