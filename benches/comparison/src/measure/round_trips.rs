//! Counts round trips by a proxy between a client and its server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result};

/// A proxy for PostgreSQL's protocol that counts the messages a client waits for.
pub struct CountingProxy {
    port: u16,
    round_trips: Arc<AtomicUsize>,
}

impl CountingProxy {
    /// Starts a proxy to a port of this machine. Its threads end with the connections, or with the program.
    pub fn to_port(port: u16) -> Result<CountingProxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let proxy = CountingProxy {
            port: listener.local_addr()?.port(),
            round_trips: Arc::default(),
        };
        let round_trips = Arc::clone(&proxy.round_trips);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
                    continue;
                };
                let (Ok(from_server), Ok(to_client)) = (server.try_clone(), client.try_clone())
                else {
                    continue;
                };
                let round_trips = Arc::clone(&round_trips);
                thread::spawn(move || forward_requests(client, server, &round_trips));
                thread::spawn(move || forward_replies(from_server, to_client));
            }
        });
        Ok(proxy)
    }

    /// Returns the port that the client connects to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the round trips so far.
    pub fn round_trips(&self) -> usize {
        self.round_trips.load(Ordering::SeqCst)
    }
}

/// Forwards message by message: after each Sync and each simple Query the client waits for a reply.
fn forward_requests(mut client: TcpStream, mut server: TcpStream, round_trips: &AtomicUsize) {
    let mut is_first = true;
    while let Ok(message) = read_message(&mut client, is_first) {
        if !is_first && matches!(message.first(), Some(b'S' | b'Q')) {
            round_trips.fetch_add(1, Ordering::SeqCst);
        }
        is_first = false;
        if server.write_all(&message).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

/// Reads a message with its head. The first message of a connection has no type.
fn read_message(client: &mut TcpStream, is_first: bool) -> Result<Vec<u8>> {
    let type_length = usize::from(!is_first);
    let mut message = vec![0; type_length + 4];
    client.read_exact(&mut message)?;
    let length = message[type_length..]
        .first_chunk::<4>()
        .context("a short head")?;
    let length = usize::try_from(u32::from_be_bytes(*length))?;
    message.resize(type_length + length, 0);
    client.read_exact(&mut message[type_length + 4..])?;
    Ok(message)
}

fn forward_replies(mut server: TcpStream, mut client: TcpStream) {
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}
