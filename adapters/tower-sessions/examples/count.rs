//! The first example of the README of connect-pg, as it stands there: an axum application that counts views.

use axum::{Router, http::StatusCode, routing::get};
use connect_pg::tokio::Store;
use connect_pg_tower_sessions::ConnectPgStore;
use tower_sessions::{Session, SessionManagerLayer, session::Error};

async fn count(session: Session) -> Result<String, StatusCode> {
    let failed = |_: Error| StatusCode::INTERNAL_SERVER_ERROR; // 503 if the database is down
    let views: Option<u64> = session.get("views").await.map_err(failed)?;
    let views = views.unwrap_or(0) + 1;
    session.insert("views", views).await.map_err(failed)?;
    Ok(format!("{views} views"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::builder()
        .database_url("postgresql://nodepg@localhost/shop")
        .password_file("/etc/shop/nodepg.password") // or PGPASSWORD, or ~/.pgpass
        .connect()
        .await?;
    let store = ConnectPgStore::new(store);
    let sessions = store.layer(SessionManagerLayer::new(store.clone()));
    let app = Router::new().route("/", get(count)).layer(sessions);
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, app).await?)
}
