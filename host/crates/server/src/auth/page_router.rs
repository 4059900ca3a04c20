//! The routes of the pages. None can be added without a role.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use model::Role;

use super::session::{PageDoor, admit};
use crate::app::App;

/// Pages and their roles.
#[derive(Default)]
pub struct PageRouter(Vec<(&'static str, Role, MethodRouter<App>)>);

impl PageRouter {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what is answered at a path to visitors of this role. The methods of one path may
    /// need different roles: then it is added once for each.
    #[must_use]
    pub fn page(mut self, path: &'static str, role: Role, methods: MethodRouter<App>) -> Self {
        self.0.push((path, role, methods));
        self
    }

    /// With the check before each page.
    pub(crate) fn protect(self, app: &App) -> Router<App> {
        self.0
            .into_iter()
            .fold(Router::new(), |router, (path, role, methods)| {
                let door = PageDoor {
                    app: app.clone(),
                    path,
                    role,
                };
                router.route(path, methods.route_layer(from_fn_with_state(door, admit)))
            })
    }
}
