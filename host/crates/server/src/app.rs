//! What every part of the server is given, and how the parts are put together.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use model::Timestamp;
use operations::client::Client;
use operations::stream::Hub;
use store::Store;
use tokio::sync::{Mutex, watch};

use crate::auth::{Limits, PageRouter, sign_in};
use crate::settings::Settings;
use crate::web::{Refused, WebProblem};
use crate::{api, pages, web};

/// Of a body that is not a component.
const BODY_MAX: usize = 8 << 20;

/// What every part of the server is given. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    /// Everything that is asked goes here.
    pub client: Arc<dyn Client>,
    /// For who is there, and for streams.
    pub store: Arc<dyn Store>,
    /// The events of the store, for streams.
    pub hub: Arc<Hub>,
    pub settings: Settings,
    pub limits: Limits,
    /// Held from looking at a version to changing it.
    pub edits: Mutex<()>,
    stopping: watch::Sender<bool>,
}

impl App {
    pub fn new(client: Arc<dyn Client>, store: Arc<dyn Store>, settings: Settings) -> Self {
        Self(Arc::new(Parts {
            client,
            hub: Hub::new(Arc::clone(&store)),
            store,
            settings,
            limits: Limits::default(),
            edits: Mutex::new(()),
            stopping: watch::Sender::new(false),
        }))
    }

    /// The time, by the clock of all that is stored.
    pub fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    /// Tells streams to end.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns once the server stops.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopping = self.stopping.subscribe();
        async move {
            // The sender lives as long as the server.
            let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
        }
    }
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// All that the server answers. From the outside in: id and log, host, then API or pages.
pub fn router(app: App) -> Router {
    let api = api::router(&app);
    let pages = PageRouter::protect(pages::router(), &app);
    Router::new()
        .merge(api)
        .merge(pages)
        .merge(sign_in::router())
        .merge(pages::assets())
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn(web::in_time))
        .layer(from_fn_with_state(app.clone(), web::cors))
        .layer(from_fn_with_state(app.clone(), web::check_host))
        .layer(from_fn_with_state(app.clone(), web::around))
        .with_state(app)
}

async fn nothing(uri: Uri) -> Refused {
    let detail = format!("there is nothing at `{}`", uri.path());
    Refused::new(WebProblem::NoRoute, detail)
}

async fn not_so(method: Method) -> Refused {
    let detail = format!("`{method}` cannot be done here");
    Refused::new(WebProblem::MethodNotAllowed, detail)
}
