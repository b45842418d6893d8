//! axum-login 0.18, which is built on tower-sessions 0.14: a login there makes the session the user's.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, UserId};
use connect_pg_tower_sessions::session_id;
use std::convert::Infallible;
use tower_sessions_0_14::SessionManagerLayer;
use tower_sessions_0_14::session::Id;

use crate::browser::Browser;
use crate::database::Database;

#[derive(Debug, Clone)]
struct User {
    id: i64,
    password_hash: Vec<u8>,
}

impl AuthUser for User {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.password_hash
    }
}

#[derive(Debug, Clone)]
struct Users;

impl AuthnBackend for Users {
    type User = User;
    type Credentials = i64;
    type Error = Infallible;

    async fn authenticate(&self, id: i64) -> Result<Option<User>, Infallible> {
        self.get_user(&id).await
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<User>, Infallible> {
        Ok(Some(User {
            id: *id,
            password_hash: vec![1, 2, 3],
        }))
    }
}

async fn login(mut auth: AuthSession<Users>, Path(id): Path<i64>) {
    let user = auth.authenticate(id).await.unwrap().unwrap();
    auth.login(&user).await.unwrap();
}

async fn logout(mut auth: AuthSession<Users>) {
    auth.logout().await.unwrap();
}

async fn name(auth: AuthSession<Users>) -> String {
    auth.user
        .map_or("nobody".to_owned(), |user| user.id.to_string())
}

#[tokio::test]
async fn login_and_logout_of_axum_login_are_those_of_the_session() {
    let database = Database::new();
    let store = database.store().await.with_axum_login("axum-login.data");
    let manager = SessionManagerLayer::new(store.clone());
    let auth = AuthManagerLayerBuilder::new(Users, manager).build();
    let app: Router = Router::new()
        .route("/login/{id}", get(login))
        .route("/logout", get(logout))
        .route("/", get(name))
        .layer(store.layer(auth));
    let (mut phone, mut laptop) = (Browser::new(&app), Browser::new(&app));
    for browser in [&mut phone, &mut laptop] {
        assert_eq!(browser.text("/").await, "nobody");
        browser.text("/login/42").await;
        assert_eq!(browser.text("/").await, "42");
    }
    let devices = store.store().user_sessions("42").await.unwrap();
    assert_eq!(devices.len(), 2);

    // "Log out everywhere else", on the laptop.
    let id: Id = laptop.cookie.as_deref().unwrap().parse().unwrap();
    let id = session_id(&id).unwrap();
    let ended = store.store().end_user_sessions("42", Some(&id)).await;
    assert_eq!(ended.unwrap(), 1);
    assert_eq!(phone.text("/").await, "nobody");
    assert_eq!(laptop.text("/").await, "42");

    laptop.text("/logout").await;
    assert_eq!(laptop.text("/").await, "nobody");
    assert_eq!(database.live_sessions(), 0);
}
