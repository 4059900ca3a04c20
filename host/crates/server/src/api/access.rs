//! Tokens, and what their bearers did.
//!
//! A new token's answer is never kept for an idempotency key: it has the secret.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::{Role, TokenName};
use operations::client::{AuditQuery, CreateToken, Page, TokenQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::{AuditView, NewTokenView, TokenView};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Bearer;
use crate::web::{JsonBody, Query, Refused};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(whoami))
        .routes(routes!(tokens, create))
        .routes(routes!(revoke))
        .routes(routes!(audit))
}

/// Who shows the token of this request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WhoAmI {
    /// The name of the token.
    name: TokenName,
    role: Role,
    token: TokenView,
    /// The version of the server.
    version: &'static str,
}

/// Tell who is there
#[utoipa::path(
    get, path = "/v1/whoami", operation_id = "get_whoami", tag = "access",
    responses((status = 200, description = "The bearer of the token", body = WhoAmI)),
    security(("token" = ["viewer"]))
)]
async fn whoami(Bearer(token): Bearer) -> Json<WhoAmI> {
    Json(WhoAmI {
        name: token.name.clone(),
        role: token.role,
        token: token.into(),
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// List tokens
#[utoipa::path(
    get, path = "/v1/tokens", operation_id = "list_tokens", tag = "access",
    params(TokenQuery),
    responses((status = 200, description = "A part of the listing, without secrets", body = Page<TokenView>)),
    security(("token" = ["admin"]))
)]
async fn tokens(
    State(app): State<App>,
    Query(query): Query<TokenQuery>,
) -> Result<Json<Page<TokenView>>, Refused> {
    Ok(Json(app.client.list_tokens(query).await?))
}

/// Create a token
#[utoipa::path(
    post, path = "/v1/tokens", operation_id = "create_token", tag = "access",
    request_body = CreateToken,
    responses((status = 201, description = "The token, and its secret for the only time", body = NewTokenView)),
    security(("token" = ["admin"]))
)]
async fn create(
    State(app): State<App>,
    JsonBody(create): JsonBody<CreateToken>,
) -> Result<(StatusCode, Json<NewTokenView>), Refused> {
    let made = app.client.create_token(create).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Revoke a token: it ends at once, with its sessions
#[utoipa::path(
    delete, path = "/v1/tokens/{name}", operation_id = "revoke_token", tag = "access",
    params(("name" = TokenName, Path, description = "Its name")),
    responses((status = 200, description = "The token as it is now", body = TokenView)),
    security(("token" = ["admin"]))
)]
async fn revoke(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<TokenView>, Refused> {
    let name: TokenName = name
        .parse()
        .map_err(|err: model::NameError| Problem::new(ProblemKind::InvalidName, err.to_string()))?;
    Ok(Json(app.client.revoke_token(&name).await?))
}

/// Read the log of actions
#[utoipa::path(
    get, path = "/v1/audit", operation_id = "list_audit_entries", tag = "access",
    params(AuditQuery),
    responses((status = 200, description = "A part of the log, newest first", body = Page<AuditView>)),
    security(("token" = ["admin"]))
)]
async fn audit(
    State(app): State<App>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Page<AuditView>>, Refused> {
    Ok(Json(app.client.audit_log(query).await?))
}
