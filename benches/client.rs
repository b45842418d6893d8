//! Measures the client without a server: session ids, keys, the JSON of the data. `cargo bench` runs it.
//!
//! Each of these should cost little beside the round trip of a call.

#![allow(missing_docs, clippy::unwrap_used)] // criterion's macros have no documentation; a bench fails by a panic

use std::hint::black_box;

use connect_pg::SessionId;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Data {
    user: String,
    csrf: String,
    views: u64,
    cart: Vec<Item>,
}

#[derive(Serialize, Deserialize)]
struct Item {
    sku: String,
    name: String,
    count: u32,
}

/// Creates session data whose JSON has about `bytes` bytes.
fn data(bytes: usize) -> Data {
    let mut data = Data {
        user: "user-00004711".to_owned(),
        csrf: "0123456789abcdef0123456789abcdef".to_owned(),
        views: 1000,
        cart: Vec::new(),
    };
    while serde_json::to_string(&data).unwrap().len() + 30 < bytes {
        data.cart.push(Item {
            sku: format!("{:08x}", data.cart.len()),
            name: format!("article number {:06}", data.cart.len()),
            count: 1,
        });
    }
    data
}

fn ids(criterion: &mut Criterion) {
    let id = SessionId::generate().unwrap();
    let cookie = id.as_cookie_value().to_owned();
    let slot = id.key().slot();
    let mut group = criterion.benchmark_group("session id");
    group.bench_function("generate", |b| b.iter(|| SessionId::generate().unwrap()));
    group.bench_function("parse a cookie value", |b| {
        b.iter(|| black_box(cookie.as_str()).parse::<SessionId>().unwrap());
    });
    group.bench_function("reject a cookie value", |b| {
        b.iter(|| {
            black_box("../../etc/passwd")
                .parse::<SessionId>()
                .unwrap_err()
        });
    });
    group.bench_function("key (SHA-256)", |b| b.iter(|| black_box(&id).key()));
    group.bench_function("generate for a slot", |b| {
        b.iter(|| SessionId::generate_for_slot(black_box(slot)).unwrap());
    });
    group.finish();
}

fn json(criterion: &mut Criterion) {
    for bytes in [300, 4096] {
        let data = data(bytes);
        let text = serde_json::to_string(&data).unwrap();
        let mut group = criterion.benchmark_group(format!("{bytes} bytes of data"));
        group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap()));
        group.bench_function("write JSON", |b| {
            b.iter(|| serde_json::to_string(black_box(&data)).unwrap());
        });
        group.bench_function("read JSON", |b| {
            b.iter(|| serde_json::from_str::<Data>(black_box(&text)).unwrap());
        });
        group.finish();
    }
}

criterion_group!(benches, ids, json);
criterion_main!(benches);
