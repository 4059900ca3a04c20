//! Bearers of tokens: who may call which operation of the API.
//!
//! The document of the API is the only list of operations and their roles. An operation that
//! is not in it, or has no role there, is answered by nobody.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::{Role, Token};
use operations::access;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, PathItem};

use super::audit::{Action, is_unsafe, log};
use crate::app::App;
use crate::web::{Refused, RequestId, WebProblem};

/// The name of the scheme in the document of the API.
pub const SCHEME: &str = "token";

/// The route of whatever has no operation. It tells so to bearers only.
pub const UNKNOWN: &str = "/v1/{*rest}";

/// The bearer of a valid token, whose role fits the operation.
#[derive(Clone, Debug)]
pub struct Bearer(pub Token);

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let bearer = parts.extensions.get::<Self>().cloned();
        bearer.ok_or_else(unknown)
    }
}

/// The operations of the API, by path and method, with the role that each needs.
#[derive(Debug, Default)]
pub struct Roles(HashMap<String, HashMap<Method, Door>>);

/// An operation, from outside.
#[derive(Clone, Debug)]
struct Door {
    operation: String,
    /// None: nobody may.
    role: Option<Role>,
}

impl Roles {
    pub fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter();
        Self(
            paths
                .map(|(path, item)| (path.clone(), doors(item)))
                .collect(),
        )
    }

    /// Who may do this, and what it is called.
    fn door(&self, path: &str, method: &Method) -> Result<Door, Refused> {
        let closed = || Refused::new(WebProblem::Forbidden, "nobody may do this");
        let doors = self.0.get(path).ok_or_else(closed)?;
        // What can be read can be asked for its head alone.
        let method = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        doors.get(method).cloned().ok_or_else(|| {
            let mut names: Vec<_> = doors.keys().map(Method::as_str).collect();
            names.sort_unstable();
            let allowed = names.join(", ");
            let detail = format!("`{method}` cannot be done here, only {allowed}");
            Refused::new(WebProblem::MethodNotAllowed, detail)
        })
    }
}

fn doors(item: &PathItem) -> HashMap<Method, Door> {
    let operations = [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
        (Method::PATCH, &item.patch),
    ];
    let operations = operations.into_iter();
    let operations = operations.filter_map(|(method, it)| Some((method, it.as_ref()?)));
    operations
        .map(|(method, operation)| (method, door(operation)))
        .collect()
}

/// The role is the only one that the security requirement names.
fn door(operation: &Operation) -> Door {
    let requirements = serde_json::to_value(&operation.security).unwrap_or_default();
    let role = requirements[0][SCHEME][0].as_str();
    Door {
        operation: operation.operation_id.clone().unwrap_or_default(),
        role: role.and_then(|role| role.parse().ok()),
    }
}

/// What the layer below needs.
#[derive(Clone)]
pub struct Guard {
    pub app: App,
    pub roles: Arc<Roles>,
}

/// Lets a request through whose bearer may do what it asks.
pub async fn authenticate(
    State(guard): State<Guard>,
    path: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let Guard { app, roles } = guard;
    let token = match bearer(&app, request.headers()).await {
        Ok(token) => token,
        Err(refused) => return refused.into_response(),
    };
    let Some(path) = path.filter(|path| path.as_str() != UNKNOWN) else {
        return next.run(request).await;
    };
    let method = request.method().clone();
    let door = match roles.door(path.as_str(), &method) {
        Ok(door) => door,
        Err(refused) => return refused.into_response(),
    };
    let action = Action {
        who: token.name.to_string(),
        name: door.operation.clone(),
        // With the query, which may say what is deleted.
        target: match request.uri().path_and_query() {
            Some(target) => target.to_string(),
            None => request.uri().path().to_owned(),
        },
        request: request.extensions().get::<RequestId>().copied(),
    };
    let begin = Instant::now();
    let operation = door.operation.clone();
    let answer = async {
        let slot = check(&app, &token, &door)?;
        request.extensions_mut().insert(Bearer(token));
        let response = next.run(request).await;
        drop(slot);
        Ok::<_, Refused>(response)
    };
    let response = answer.await.unwrap_or_else(IntoResponse::into_response);
    let status = response.status().as_u16();
    app.metrics.answered(&operation, status, begin.elapsed());
    if is_unsafe(&method) {
        let entry = action.answered(app.now(), &response);
        log(&app, entry).await;
    }
    response
}

fn check(app: &App, token: &Token, door: &Door) -> Result<super::Slot, Refused> {
    match door.role {
        Some(needed) if token.role.allows(needed) => app.limits.request(token.id),
        Some(needed) => Err(forbidden(token, &format!("`{}`", door.operation), needed)),
        None => Err(Refused::new(WebProblem::Forbidden, "nobody may do this")),
    }
}

/// What the token's role does not allow.
pub fn forbidden(token: &Token, what: &str, needed: Role) -> Refused {
    let detail = format!("the token `{}` has the role {}", token.name, token.role);
    Refused::new(WebProblem::Forbidden, detail).hint(format!("{what} needs the role {needed}"))
}

/// The token that a request shows.
async fn bearer(app: &App, headers: &HeaderMap) -> Result<Token, Refused> {
    let shown = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
    let secret = shown.and_then(|shown| {
        let (scheme, secret) = shown.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(secret.trim())
    });
    let Some(secret) = secret else {
        return Err(unknown());
    };
    let token = access::bearer(&*app.store, secret, app.now()).await?;
    token.ok_or_else(|| {
        let detail = "the token is not known, was revoked, or has expired";
        asking(Refused::new(WebProblem::Unauthenticated, detail))
    })
}

fn unknown() -> Refused {
    let detail = "the request shows no token";
    asking(Refused::new(WebProblem::Unauthenticated, detail))
}

fn asking(refused: Refused) -> Refused {
    refused
        .hint(
            "send `Authorization: Bearer orch_..`; `orch-host token create NAME --role ROLE` makes one",
        )
        .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use super::*;

    fn roles() -> Roles {
        let document = json!({
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "1"},
            "paths": {
                "/v1/things": {
                    "get": {
                        "operationId": "list_things",
                        "responses": {},
                        "security": [{"token": ["viewer"]}]
                    },
                    "post": {"operationId": "create_thing", "responses": {}},
                    "delete": {
                        "operationId": "delete_thing",
                        "responses": {},
                        "security": [{"token": ["owner"]}]
                    }
                }
            }
        });
        Roles::of(&serde_json::from_value(document).unwrap())
    }

    #[test]
    fn an_operation_without_a_role_is_nobodys() {
        let roles = roles();
        let role = |method| roles.door("/v1/things", &method).unwrap().role;
        assert_eq!(role(Method::GET), Some(Role::Viewer));
        assert_eq!(role(Method::HEAD), Some(Role::Viewer));
        assert_eq!(role(Method::POST), None);
        // Nor is one with a role that there is not.
        assert_eq!(role(Method::DELETE), None);
    }

    #[test]
    fn what_is_not_in_the_document_is_closed() {
        let roles = roles();
        let refused = roles.door("/v1/hidden", &Method::GET).unwrap_err();
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        let refused = roles.door("/v1/things", &Method::PUT).unwrap_err();
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}
