//! A browser with a profile of its own, and chromedriver, which drives it.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::{env, fs, thread};

use connect_pg_test_database::{skip, unique_name, wait_until};
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// No network but that of the test, and no window.
const OPTIONS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A running chromedriver. Dropping it ends it.
pub struct Driver {
    process: Child,
    url: String,
    chromium: PathBuf,
    runtime: Arc<Runtime>,
}

impl Driver {
    /// Starts chromedriver on a free port. Returns None and reports a skip if it is not installed, or chromium is not.
    pub fn start() -> Option<Driver> {
        let (Some(driver), Some(chromium)) = (program("chromedriver"), program("chromium")) else {
            skip("chromium and chromedriver are not installed (Debian: chromium chromium-driver)");
            return None;
        };
        let mut process = Command::new(driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // "ChromeDriver was started successfully on port 12345."
        let port = lines.by_ref().find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        // Its further output is read, so that it never waits for that.
        thread::spawn(move || lines.for_each(drop));
        Some(Driver {
            url: format!(
                "http://127.0.0.1:{}",
                port.expect("the port of chromedriver")
            ),
            process,
            chromium,
            runtime: Arc::new(Runtime::new().unwrap()),
        })
    }

    /// Starts a browser with a new profile.
    pub fn browser(&self, address: &str) -> Browser {
        let profile = env::temp_dir().join(unique_name());
        Browser {
            site: format!("http://{address}"),
            client: Some(self.open(&profile)),
            runtime: Arc::clone(&self.runtime),
            profile,
        }
    }

    /// Closes a browser and opens it again with the same profile.
    pub fn reopen(&self, browser: &mut Browser) {
        browser.close();
        browser.client = Some(self.open(&browser.profile));
    }

    fn open(&self, profile: &std::path::Path) -> Client {
        let mut arguments = OPTIONS.map(ToOwned::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let options = json!({ "binary": self.chromium, "args": arguments });
        let capabilities = [("goog:chromeOptions".to_owned(), options)];
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.into_iter().collect());
        self.runtime.block_on(builder.connect(&self.url)).unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the path of a program on PATH.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// A browser. Dropping it closes it and removes its profile.
pub struct Browser {
    site: String,
    client: Option<Client>,
    runtime: Arc<Runtime>,
    profile: PathBuf,
}

impl Browser {
    /// Waits for what the browser does.
    pub fn wait<T>(&self, work: impl Future<Output = Result<T, CmdError>>) -> T {
        self.runtime.block_on(work).unwrap()
    }

    pub fn client(&self) -> &Client {
        self.client.as_ref().unwrap()
    }

    /// Opens a page of the site.
    pub fn open(&self, path: &str) {
        let url = format!("{}{path}", self.site);
        self.wait(self.client().goto(&url));
    }

    /// Runs a script in the page. Its result is what it returns.
    pub fn script(&self, script: &str) -> Value {
        self.wait(self.client().execute(script, Vec::new()))
    }

    /// Clicks the first element that this selector finds, and waits for it if it is not there yet.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.wait_for(selector);
        let element = self.wait(self.client().find(Locator::Css(selector)));
        self.wait(element.click());
    }

    /// Waits until an element is there.
    #[track_caller]
    pub fn wait_for(&self, selector: &str) {
        wait_until(&format!("{selector} is in the page"), || {
            self.count(selector) > 0
        });
    }

    /// Waits until the page is that of this path.
    #[track_caller]
    pub fn wait_for_path(&self, path: &str) {
        wait_until(&format!("the page is {path}"), || {
            self.script("return location.pathname") == path
        });
    }

    pub fn count(&self, selector: &str) -> usize {
        let found = self.client().find_all(Locator::Css(selector));
        self.wait(found).len()
    }

    /// Returns the user of the page, or null.
    pub fn user(&self) -> Value {
        self.script("return document.body.dataset.user ?? null")
    }

    /// Logs in by the form, and waits for the page after it.
    #[track_caller]
    pub fn log_in(&self, user: &str, remember: bool) {
        self.open("/");
        let name = self.wait(self.client().find(Locator::Css("input[name=user]")));
        self.wait(name.send_keys(user));
        if remember {
            self.click("input[name=remember]");
        }
        self.click("#log-in");
        self.wait_for(&format!("body[data-user={user}]"));
    }

    pub fn close(&mut self) {
        if let Some(client) = self.client.take() {
            let _ = self.runtime.block_on(client.close());
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.close();
        let _ = fs::remove_dir_all(&self.profile);
    }
}
