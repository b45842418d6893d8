//! What the tests share that run programs of Node: npm's modules in a directory that goes away.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// After so long a program hangs.
const PATIENCE: Duration = Duration::from_mins(5);

/// The modules that a directory of `tests/` asks for, and its programs.
pub struct Modules(PathBuf);

impl Modules {
    /// Installs them as the lock file says; none, and why, where there is no Node of this version or no npm.
    pub fn install(source: &str, node: u32) -> Result<Modules, String> {
        let found = version("node").ok_or("there is no node on this machine")?;
        let major = found
            .trim_start_matches('v')
            .split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < node) {
            return Err(format!("node is {found}, and {node} is needed"));
        }
        version("npm").ok_or("there is no npm on this machine")?;

        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
            "{source}-{}-{:016x}",
            std::process::id(),
            getrandom::u64().unwrap()
        ));
        fs::create_dir_all(&place).unwrap();
        let modules = Modules(place);
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(source);
        for file in fs::read_dir(source).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                fs::copy(file.path(), modules.0.join(file.file_name())).unwrap();
            }
        }
        modules.run(Command::new("npm").arg("ci"), "");
        Ok(modules)
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs a program to its end, and returns what it printed. Fails the test, showing all, if the program fails or hangs.
    pub fn run(&self, command: &mut Command, input: &str) -> String {
        let [input_path, out_path, err_path] = ["input", "output", "errors"].map(|n| self.path(n));
        fs::write(&input_path, input).unwrap();
        let mut child = command
            .current_dir(&self.0)
            .stdin(File::open(&input_path).unwrap())
            .stdout(File::create(&out_path).unwrap())
            .stderr(File::create(&err_path).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let start = Instant::now();
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if start.elapsed() > PATIENCE {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            thread::sleep(Duration::from_millis(20));
        };
        let [out, err] = [out_path, err_path]
            .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
        match ended {
            Some(status) if status.success() => out,
            Some(status) => panic!("{command:?}: {status}\n{out}\n{err}"),
            None => panic!("{command:?} hangs\n{out}\n{err}"),
        }
    }
}

impl Drop for Modules {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn version(program: &str) -> Option<String> {
    let output = Command::new(program)
        .arg("--version")
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
