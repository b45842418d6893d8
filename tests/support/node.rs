//! Programs of Node, with their npm modules in a directory of the test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::temporary_directory::TemporaryDirectory;

/// A program that runs longer hangs.
const PATIENCE: Duration = Duration::from_mins(5);

/// The modules and the programs of a directory of `tests/fixtures/`.
pub struct Modules(TemporaryDirectory);

impl Modules {
    /// Installs the modules of the lock file. Returns the reason if there is no npm, or no Node of at least this version.
    pub fn install(source: &str, minimum: (u32, u32)) -> Result<Modules, String> {
        let found = version("node").ok_or("there is no node on this machine")?;
        let mut numbers = found
            .trim_start_matches('v')
            .split('.')
            .map(|number| number.parse::<u32>().unwrap_or(0));
        if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < minimum {
            let (major, minor) = minimum;
            return Err(format!("node is {found}, and {major}.{minor} is needed"));
        }
        version("npm").ok_or("there is no npm on this machine")?;

        let modules = Modules(TemporaryDirectory::in_target());
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(source);
        for file in fs::read_dir(source).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                fs::copy(file.path(), modules.0.path().join(file.file_name())).unwrap();
            }
        }
        modules.run(Command::new("npm").arg("ci"), "");
        Ok(modules)
    }

    /// Returns the path of a file in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a program and returns its standard output. Fails the test, and shows all output, if the program fails or hangs.
    pub fn run(&self, command: &mut Command, input: &str) -> String {
        let [input_path, out_path, err_path] = ["input", "output", "errors"].map(|n| self.path(n));
        fs::write(&input_path, input).unwrap();
        let mut child = command
            .current_dir(self.0.path())
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

fn version(program: &str) -> Option<String> {
    let output = Command::new(program)
        .arg("--version")
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
