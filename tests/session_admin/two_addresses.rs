//! A name with two addresses, one of which leads to a false server. The drivers try one address after the other, in one attempt to
//! connect. What was seen of the one must not count for the other.
//!
//! The library `libnss_wrapper.so` gives the name its addresses, in processes of these tests alone.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use connect_pg::ConnectionSettings;

use crate::support::case::case;
use crate::support::certificates::{Authority, Signed};
use crate::support::false_server::{FalseServer, Login};
use crate::support::session_admin::{bare_command, run};
use crate::support::skip::skip;
use crate::support::temporary_directory::TemporaryDirectory;
use crate::support::tls_server::{PASSWORD, TlsServer};

const NAME: &str = "two.example";
const TRUE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const FALSE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const URL: &str = "CONNECT_PG_TEST_URL";
/// No login takes so many reads of what the server says.
const NEVER: usize = usize::MAX;

/// Returns the library, or the reason why it cannot be used.
fn library() -> Result<PathBuf, String> {
    let library = fs::read_dir("/usr/lib")
        .map_err(|error| error.to_string())?
        .flatten()
        .map(|entry| entry.path().join("libnss_wrapper.so"))
        .chain(["/usr/lib64/libnss_wrapper.so".into()])
        .find(|path| path.exists());
    library.ok_or_else(|| "there is no libnss_wrapper (Debian and Ubuntu: libnss-wrapper)".into())
}

/// Connects by both clients as another test says, and executes a statement.
#[test]
#[ignore = "other tests start it"]
fn program() {
    let settings = ConnectionSettings::parse(&env::var(URL).unwrap()).unwrap();
    let outcome = |result: Result<(), String>| match result {
        Ok(()) => println!("connected"),
        Err(error) => println!("refused: {error}"),
    };
    outcome(
        settings
            .connect()
            .map_err(|error| error.to_string())
            .and_then(|mut client| client.batch_execute("select 1").map_err(|e| e.to_string())),
    );
    #[cfg(feature = "tokio")]
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let store = connect_pg::tokio::Store::builder().settings(settings.clone());
        let connected = runtime.block_on(store.connect());
        outcome(connected.map(drop).map_err(|error| error.to_string()));
    }
}

/// Passes on what a server and its clients say, and cuts a connection instead of what it reads from the server for the n-th time.
struct CuttingProxy {
    port: u16,
    cut_at: Arc<AtomicUsize>,
}

impl CuttingProxy {
    fn to(server: u16) -> CuttingProxy {
        let listener = TcpListener::bind((TRUE, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut_at = Arc::new(AtomicUsize::new(NEVER));
        let shared = Arc::clone(&cut_at);
        // The threads end with their connection or with the process.
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect((TRUE, server)).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || pass(from, to, NEVER));
                let cut_at = shared.load(Ordering::SeqCst);
                thread::spawn(move || pass(server, client, cut_at));
            }
        });
        CuttingProxy { port, cut_at }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, cut_at: usize) {
    let mut buffer = [0; 4096];
    for _ in 0..cut_at {
        match from.read(&mut buffer) {
            Ok(length @ 1..) if to.write_all(&buffer[..length]).is_ok() => {}
            _ => break,
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

/// The false server and what must protect the client from it.
struct Attack {
    name: &'static str,
    settings: &'static str,
    login: Login,
    has_tls: bool,
    /// The client says who it is before it finds out.
    says_user: bool,
}

const ATTACKS: [Attack; 6] = [
    Attack {
        name: "no authentication, require_auth",
        settings: "sslmode=disable require_auth=scram-sha-256",
        login: Login::LetsIn,
        has_tls: false,
        says_user: true,
    },
    Attack {
        name: "password in clear, require_auth",
        settings: "sslmode=disable require_auth=scram-sha-256",
        login: Login::AsksForPassword,
        has_tls: false,
        says_user: true,
    },
    Attack {
        name: "no authentication with TLS, require_auth",
        settings: "sslmode=require require_auth=scram-sha-256",
        login: Login::LetsIn,
        has_tls: true,
        says_user: true,
    },
    Attack {
        name: "no authentication with TLS, channel_binding",
        settings: "sslmode=require channel_binding=require",
        login: Login::LetsIn,
        has_tls: true,
        says_user: true,
    },
    Attack {
        name: "no TLS, verify-full",
        settings: "sslmode=verify-full",
        login: Login::LetsIn,
        has_tls: false,
        says_user: false,
    },
    Attack {
        name: "certificate of another authority, verify-full",
        settings: "sslmode=verify-full",
        login: Login::LetsIn,
        has_tls: true,
        says_user: false,
    },
];

struct Bench {
    library: PathBuf,
    directory: TemporaryDirectory,
    server: TlsServer,
    root: String,
    of_others: Signed,
}

impl Bench {
    fn start() -> Option<Bench> {
        let library = library().map_err(|reason| skip(&reason)).ok()?;
        let server = TlsServer::start().map_err(|reason| skip(&reason)).ok()?;
        let own = Authority::new("own");
        server.set_certificate(&own.sign("server", &[NAME]));
        server.set_rules("host all all all scram-sha-256");
        let directory = TemporaryDirectory::new();
        let root = directory.file("own.pem");
        fs::write(&root, &own.pem).unwrap();
        Some(Bench {
            library,
            root,
            directory,
            server,
            of_others: Authority::new("another").sign("server", &[NAME]),
        })
    }

    /// Makes a proxy to the true server, and a false server at the other address with the same port.
    fn servers(&self, attack: &Attack) -> (CuttingProxy, FalseServer) {
        let proxy = CuttingProxy::to(self.server.port);
        let own = attack.has_tls.then_some(&self.of_others);
        let address = SocketAddr::from((FALSE, proxy.port));
        (proxy, FalseServer::start(address, attack.login, own))
    }

    /// Runs both clients, and session-admin. Returns what they print.
    fn connect(&self, attack: &Attack, port: u16, addresses: [Ipv4Addr; 2]) -> String {
        let hosts = self.directory.path().join("hosts");
        fs::write(
            &hosts,
            addresses.map(|it| format!("{it} {NAME}\n")).concat(),
        )
        .unwrap();
        let root = match attack.settings {
            "sslmode=verify-full" => format!("sslrootcert={}", self.root),
            _ => String::new(),
        };
        let url = format!(
            "host={NAME} port={port} user=postgres dbname=postgres password={PASSWORD} {root} {}",
            attack.settings
        );
        let mut program = Command::new(env::current_exe().unwrap());
        program
            .args(["session_admin::two_addresses::program", "--exact"])
            .args(["--ignored", "--nocapture"])
            .env(URL, &url);
        let program = self.wrap(&mut program, &hosts).output().unwrap();
        assert!(program.status.success(), "{program:?}");
        let mut command = bare_command(&["check", "--database-url", &url]);
        self.wrap(&mut command, &hosts);
        format!(
            "{}{}",
            String::from_utf8_lossy(&program.stdout),
            run(command)
        )
    }

    fn wrap<'a>(&self, command: &'a mut Command, hosts: &Path) -> &'a mut Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("NSS_WRAPPER_HOSTS", hosts)
    }
}

#[test]
fn false_server_at_second_address_inherits_nothing_from_first() {
    let Some(bench) = Bench::start() else {
        return;
    };
    for attack in ATTACKS {
        case(attack.name, || {
            let (proxy, false_server) = bench.servers(&attack);
            // The true server is cut off at each point of the login.
            let reads = if attack.settings.contains("disable") {
                4
            } else {
                8
            };
            for cut_at in 0..reads {
                proxy.cut_at.store(cut_at, Ordering::SeqCst);
                let said = bench.connect(&attack, proxy.port, [TRUE, FALSE]);
                assert_eq!(false_server.believed(), 0, "{cut_at}: {said}");
            }
            assert_ne!(false_server.connections(), 0, "no client tried the address");
            assert_eq!(false_server.passwords(), 0);
            assert_eq!(false_server.logins() > 0, attack.says_user);
        });
    }
}

#[test]
fn false_server_at_first_address_is_refused() {
    let Some(bench) = Bench::start() else {
        return;
    };
    for attack in ATTACKS {
        case(attack.name, || {
            let (proxy, false_server) = bench.servers(&attack);
            let said = bench.connect(&attack, proxy.port, [FALSE, TRUE]);
            assert_ne!(false_server.connections(), 0, "no client tried the address");
            assert_eq!(false_server.believed(), 0, "{said}");
            assert_eq!(false_server.passwords(), 0);
            assert_eq!(false_server.logins() > 0, attack.says_user);
            // The clients go on to the next address.
            let connected = said.lines().filter(|line| *line == "connected").count();
            assert_eq!(
                connected,
                1 + usize::from(cfg!(feature = "tokio")),
                "{said}"
            );
            assert!(said.contains("there is no store"), "{said}");
        });
    }
}
