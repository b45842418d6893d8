//! The example `web_application` as a process, and its visitors.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::environment::set_tcp_login;
use super::temporary_directory::TemporaryDirectory;
use super::test_database::TestDatabase;
use super::wait::PATIENCE;

/// A running example. Dropping it kills the process.
pub struct Application {
    child: Child,
    pub address: String,
    log: Receiver<String>,
    seen: Vec<String>,
    /// The password file. A test may change it.
    pub password_file: PathBuf,
    _directory: TemporaryDirectory,
}

impl Application {
    /// Starts it on a free port, as the database's runtime role.
    pub fn start(database: &TestDatabase, variables: &[(&str, &str)]) -> Application {
        let directory = TemporaryDirectory::new();
        let password_file = directory.path().join("password");
        fs::write(&password_file, format!("{}\n", database.password)).unwrap();
        let mut child = command(database)
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
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut first_line)
            .unwrap();
        let mut application = Application {
            child,
            address: String::new(),
            log,
            seen: Vec::new(),
            password_file,
            _directory: directory,
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

    pub fn visitor(&self) -> Visitor {
        Visitor {
            address: self.address.clone(),
            cookie: None,
        }
    }

    /// Waits for a line that contains this part, after the lines of earlier waits.
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
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().unwrap();
        (status, self.whole_log())
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the program with the environment of the runtime role, without the password.
pub fn command(database: &TestDatabase) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| example("web_application", &[])));
    set_tcp_login(&mut command, &database.name, &database.role);
    command
        .env("LISTEN", "127.0.0.1:0")
        .env("CONNECT_PG_SCHEMA", &database.schema)
        .env_remove("COOKIE_KEY_FILE")
        .env_remove("SECURE_COOKIE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Returns the program that `cargo test` or `cargo nextest run` built of an example. With `--test …` they do not build it. So it is
/// built here if it is missing, or older than one of its sources in the list that cargo keeps. `options` name its features.
pub fn example(name: &str, options: &[&str]) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join("examples").join(name);
    if !is_current(&program) {
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--quiet", "--example", name, "--target-dir"])
            .arg(profile.parent().unwrap())
            .args(options)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "{build:?}");
    }
    program
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

/// A browser that keeps one cookie.
#[derive(Clone)]
pub struct Visitor {
    address: String,
    /// `name=value`
    pub cookie: Option<String>,
}

impl Visitor {
    pub fn get(&mut self, path: &str) -> Response {
        self.send("GET", path, "", "")
    }

    /// Posts a form. `headers` are whole lines, each with `\r\n`.
    pub fn post_with(&mut self, path: &str, headers: &str, form: &str) -> Response {
        let headers = format!("{headers}content-type: application/x-www-form-urlencoded\r\n");
        self.send("POST", path, &headers, form)
    }

    pub fn post(&mut self, path: &str, form: &str) -> Response {
        self.post_with(path, "", form)
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Response {
        let cookie = match &self.cookie {
            Some(cookie) => format!("cookie: other=1; {cookie}\r\n"),
            None => String::new(),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n{cookie}{headers}\r\n{body}",
            self.address,
            body.len(),
        );
        let response = send(&self.address, request.as_bytes());
        if let Some(set) = response.header("set-cookie") {
            let (cookie, attributes) = set.split_once("; ").unwrap();
            self.cookie = (!attributes.contains("Max-Age=0;")).then(|| cookie.to_owned());
        }
        response
    }
}

/// The response to one request.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice: {self:?}");
        value
    }
}

/// Sends these bytes and reads until the server closes the connection. The server must respond.
pub fn send(address: &str, request: &[u8]) -> Response {
    try_send(address, request)
        .unwrap_or_else(|| panic!("no response to {:?}", String::from_utf8_lossy(request)))
}

/// Sends as `send` does. Returns None if the server closes the connection without a response.
pub fn try_send(address: &str, request: &[u8]) -> Option<Response> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    // A server that has not read all of a refused body resets the connection after its response.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()?
        .strip_prefix("HTTP/1.1 ")?
        .get(..3)?
        .parse()
        .ok()?;
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Some(Response {
        status,
        headers,
        body: body.to_owned(),
    })
}
