//! A proxy between client and server that counts round trips and can lose a reply.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use connect_pg::{Store, StoreBuilder};
use postgres::config::Host;
use tokio_postgres::Config;

use super::test_database::{TestDatabase, with_groups};

#[derive(Clone)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    round_trips: AtomicUsize,
    connections: AtomicUsize,
    /// How many replies to pass on before one is lost.
    lose_reply_after: AtomicUsize,
    refuse: AtomicBool,
    silent: AtomicBool,
}

impl Proxy {
    pub fn to(database: &TestDatabase) -> Proxy {
        Proxy::to_server(&database.config())
    }

    /// Makes a proxy to the first server that the settings name.
    pub fn to_server(config: &Config) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy {
            port: listener.local_addr().unwrap().port(),
            shared: Arc::new(Shared {
                round_trips: AtomicUsize::new(0),
                connections: AtomicUsize::new(0),
                lose_reply_after: AtomicUsize::new(usize::MAX),
                refuse: AtomicBool::new(false),
                silent: AtomicBool::new(false),
            }),
        };
        let (host, port) = (config.get_hosts()[0].clone(), config.get_ports()[0]);
        let shared = Arc::clone(&proxy.shared);
        // The threads end with their connection or with the process.
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.refuse.load(Ordering::SeqCst) {
                    continue; // drops, and so closes, the connection
                }
                let client = client.unwrap();
                client.set_nodelay(true).unwrap();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let server = Server::connect(&host, port);
                let (from_client, to_server) = (client.try_clone().unwrap(), server.clone());
                let (up, down) = (Arc::clone(&shared), Arc::clone(&shared));
                thread::spawn(move || up.pump_up(from_client, to_server));
                thread::spawn(move || down.pump_down(server, client));
            }
        });
        proxy
    }

    /// Returns how the runtime role connects through this proxy.
    pub fn config(&self, database: &TestDatabase) -> Config {
        self.login(&database.name, &database.role, &database.password)
    }

    /// Returns how a role connects through this proxy.
    pub fn login(&self, database: &str, role: &str, password: &str) -> Config {
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(self.port)
            .dbname(database)
            .user(role)
            .password(password);
        config
    }

    /// Returns a builder for a store behind this proxy.
    pub fn builder(&self, database: &TestDatabase) -> StoreBuilder {
        let builder = Store::builder().config(self.config(database));
        with_groups(builder.schema(&database.schema))
    }

    /// Returns the number of messages so far after which a client waits for the server: Sync, Query and Flush.
    pub fn round_trips(&self) -> usize {
        self.shared.round_trips.load(Ordering::SeqCst)
    }

    /// Returns the number of connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Breaks the connection of the next reply: the server has executed the call, and the client does not learn of it.
    pub fn lose_next_reply(&self) {
        self.lose_reply_after(0);
    }

    /// Breaks the connection of a later reply: passes on so many before. With `usize::MAX`, all of them.
    pub fn lose_reply_after(&self, replies: usize) {
        self.shared
            .lose_reply_after
            .store(replies, Ordering::SeqCst);
    }

    /// Drops what both sides send from now on, as a network does that drops packets, or passes it on again. What was dropped is
    /// lost, so a connection that was silent is of no more use.
    pub fn set_silent(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::SeqCst);
    }

    /// Refuses new connections from now on.
    pub fn refuse(&self) {
        self.shared.refuse.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn loses_reply(&self) -> bool {
        let count_down = |replies: usize| match replies {
            usize::MAX => None,
            replies => Some(replies.checked_sub(1).unwrap_or(usize::MAX)),
        };
        let before =
            self.lose_reply_after
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, count_down);
        before == Ok(0)
    }

    fn pump_up(&self, mut client: TcpStream, mut server: Server) {
        let mut started = false;
        loop {
            // The first message has no type: Int32 length, itself included. (Protocol, 55.7 "Message Formats")
            let mut head = vec![0; if started { 5 } else { 4 }];
            if client.read_exact(&mut head).is_err() {
                break;
            }
            let length = u32::from_be_bytes(head[head.len() - 4..].try_into().unwrap());
            let mut body = vec![0; length as usize - 4];
            if client.read_exact(&mut body).is_err() {
                break;
            }
            if started && matches!(head[0], b'S' | b'Q' | b'H') {
                self.round_trips.fetch_add(1, Ordering::SeqCst);
            }
            started = true;
            head.extend(body);
            if self.silent.load(Ordering::SeqCst) {
                continue;
            }
            if server.write_all(&head).is_err() {
                break;
            }
        }
        server.shutdown();
    }

    fn pump_down(&self, mut server: Server, mut client: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = server.read(&mut buffer) {
            // The server sends a small reply when it is ready for the next query, so after the commit.
            if self.silent.load(Ordering::SeqCst) {
                continue;
            }
            if self.loses_reply() || client.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        server.shutdown();
        let _ = client.shutdown(Shutdown::Both);
    }
}

enum Server {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Server {
    fn connect(host: &Host, port: u16) -> Server {
        match host {
            Host::Tcp(name) => {
                let stream = TcpStream::connect((name.as_str(), port)).unwrap();
                stream.set_nodelay(true).unwrap();
                Server::Tcp(stream)
            }
            Host::Unix(directory) => Server::Unix(
                UnixStream::connect(directory.join(format!(".s.PGSQL.{port}"))).unwrap(),
            ),
        }
    }

    fn clone(&self) -> Server {
        match self {
            Server::Tcp(stream) => Server::Tcp(stream.try_clone().unwrap()),
            Server::Unix(stream) => Server::Unix(stream.try_clone().unwrap()),
        }
    }

    fn shutdown(&self) {
        let _ = match self {
            Server::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Server::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Server::Tcp(stream) => stream.read(buffer),
            Server::Unix(stream) => stream.read(buffer),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Server::Tcp(stream) => stream.write_all(bytes),
            Server::Unix(stream) => stream.write_all(bytes),
        }
    }
}
