//! Round trips of the client, counted by a proxy between it and the server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result};
use connect_pg::Store;

use crate::ids::id_of;
use crate::payload::Payload;
use crate::server::{OUR_ROLE, Relation, Server};

const CALLS: u32 = 200;

/// Round trips per load through the client's pool, check-out included, once its connection is open and has its statement.
pub fn per_load(server: &Server, relation: &Relation) -> Result<f64> {
    let proxy = Proxy::to(server.port())?;
    let store = Store::builder()
        .config(server.config_by_port(OUR_ROLE, &relation.database, proxy.port))
        .pool_size(1)
        .connect()?;
    let load = |n| -> Result<()> {
        store
            .load::<Payload>(&id_of(n).parse()?)?
            .context("no such session")?;
        Ok(())
    };
    load(0)?;
    let before = proxy.round_trips.load(Ordering::SeqCst);
    for n in 0..CALLS {
        load(n)?;
    }
    let round_trips = proxy.round_trips.load(Ordering::SeqCst) - before;
    Ok(f64::from(u32::try_from(round_trips)?) / f64::from(CALLS))
}

struct Proxy {
    port: u16,
    round_trips: Arc<AtomicUsize>,
}

impl Proxy {
    /// Its threads end when the connections do, or with the program.
    fn to(port: u16) -> Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let proxy = Proxy {
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
                thread::spawn(move || pump_up(client, server, &round_trips));
                thread::spawn(move || pump_down(from_server, to_client));
            }
        });
        Ok(proxy)
    }
}

/// From the client to the server, message by message: each Sync and each simple Query waits for an answer.
fn pump_up(mut client: TcpStream, mut server: TcpStream, round_trips: &AtomicUsize) {
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

/// A message with its head. The first of a connection has no type.
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

fn pump_down(mut server: TcpStream, mut client: TcpStream) {
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}
