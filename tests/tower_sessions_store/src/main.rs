//! Makes and loads sessions through tower-sessions-sqlx-store, unmodified.
//!
//! `set` reads a JSON array of [data, seconds to live] on standard input, and prints a JSON array of the ids that the
//! store's sessions have in their cookies. `get` reads such an array, and prints an array of the data that it found.

use std::io::read_to_string;
use std::str::FromStr;

use serde_json::{Map, Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use time::{Duration, OffsetDateTime};
use tower_sessions_core::SessionStore;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_sqlx_store::PostgresStore;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run())
}

async fn run() -> Result<()> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(PgConnectOptions::new())
        .await?;
    let store = PostgresStore::new(pool);
    store.migrate().await?;
    let input: Vec<Value> = serde_json::from_str(&read_to_string(std::io::stdin())?)?;
    let mut output = Vec::new();
    let is_set = std::env::args().nth(1).as_deref() == Some("set");
    for item in input {
        output.push(if is_set {
            set(&store, &item).await?
        } else {
            get(&store, &item).await?
        });
    }
    println!("{}", Value::Array(output));
    Ok(())
}

async fn set(store: &PostgresStore, item: &Value) -> Result<Value> {
    let data: Map<String, Value> = item[0].as_object().ok_or("no data")?.clone();
    let seconds = item[1].as_i64().ok_or("no seconds")?;
    let mut record = Record {
        id: Id::default(),
        data: data.into_iter().collect(),
        expiry_date: OffsetDateTime::now_utc() + Duration::seconds(seconds),
    };
    store.create(&mut record).await?;
    Ok(json!(record.id.to_string()))
}

async fn get(store: &PostgresStore, item: &Value) -> Result<Value> {
    let id = Id::from_str(item.as_str().ok_or("no id")?)?;
    Ok(match store.load(&id).await? {
        Some(record) => Value::Object(record.data.into_iter().collect()),
        None => Value::Null,
    })
}
