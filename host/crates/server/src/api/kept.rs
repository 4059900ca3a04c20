//! Variables and secrets.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::{NameError, SecretName, VariableName};
use operations::client::{Page, SecretQuery, SetSecret, SetVariable, VariableQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::{SecretView, VariableView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::web::{JsonBody, Query, Refused};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list_variables))
        .routes(routes!(get_variable, set_variable, delete_variable))
        .routes(routes!(list_secrets))
        .routes(routes!(set_secret, delete_secret))
}

fn named<N: std::str::FromStr<Err = NameError>>(text: &str) -> Result<N, Refused> {
    let name = text.parse::<N>();
    name.map_err(|err| Problem::new(ProblemKind::InvalidName, err.to_string()).into())
}

/// List variables
#[utoipa::path(
    get, path = "/v1/variables", operation_id = "list_variables", tag = "variables and secrets",
    params(VariableQuery),
    responses((status = 200, description = "A part of the listing", body = Page<VariableView>)),
    security(("token" = ["viewer"]))
)]
async fn list_variables(
    State(app): State<App>,
    Query(query): Query<VariableQuery>,
) -> Result<Json<Page<VariableView>>, Refused> {
    Ok(Json(app.client.list_variables(query).await?))
}

/// Show a variable
#[utoipa::path(
    get, path = "/v1/variables/{name}", operation_id = "get_variable", tag = "variables and secrets",
    params(("name" = VariableName, Path, description = "Its name")),
    responses((status = 200, description = "The variable", body = VariableView)),
    security(("token" = ["viewer"]))
)]
async fn get_variable(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<VariableView>, Refused> {
    Ok(Json(app.client.get_variable(&named(&name)?).await?))
}

/// Set a variable, whatever it was
#[utoipa::path(
    put, path = "/v1/variables/{name}", operation_id = "set_variable", tag = "variables and secrets",
    params(("name" = VariableName, Path, description = "Its name")),
    request_body = SetVariable,
    responses((status = 200, description = "The variable as it is now", body = VariableView)),
    security(("token" = ["admin"]))
)]
async fn set_variable(
    State(app): State<App>,
    Path(name): Path<String>,
    JsonBody(set): JsonBody<SetVariable>,
) -> Result<Json<VariableView>, Refused> {
    let name = named(&name)?;
    Ok(Json(app.client.set_variable(&name, set.value).await?))
}

/// Delete a variable
#[utoipa::path(
    delete, path = "/v1/variables/{name}", operation_id = "delete_variable", tag = "variables and secrets",
    params(("name" = VariableName, Path, description = "Its name")),
    responses((status = 204, description = "It is deleted")),
    security(("token" = ["admin"]))
)]
async fn delete_variable(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refused> {
    app.client.delete_variable(&named(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List secrets, without their values
#[utoipa::path(
    get, path = "/v1/secrets", operation_id = "list_secrets", tag = "variables and secrets",
    params(SecretQuery),
    responses((status = 200, description = "A part of the listing", body = Page<SecretView>)),
    security(("token" = ["viewer"]))
)]
async fn list_secrets(
    State(app): State<App>,
    Query(query): Query<SecretQuery>,
) -> Result<Json<Page<SecretView>>, Refused> {
    Ok(Json(app.client.list_secrets(query).await?))
}

/// Set a secret, whatever it was. Nothing ever gives its value back
#[utoipa::path(
    put, path = "/v1/secrets/{name}", operation_id = "set_secret", tag = "variables and secrets",
    params(("name" = SecretName, Path, description = "Its name")),
    request_body = SetSecret,
    responses((status = 200, description = "The secret, without its value", body = SecretView)),
    security(("token" = ["admin"]))
)]
async fn set_secret(
    State(app): State<App>,
    Path(name): Path<String>,
    JsonBody(set): JsonBody<SetSecret>,
) -> Result<Json<SecretView>, Refused> {
    let name = named(&name)?;
    Ok(Json(app.client.set_secret(&name, set.value).await?))
}

/// Delete a secret
#[utoipa::path(
    delete, path = "/v1/secrets/{name}", operation_id = "delete_secret", tag = "variables and secrets",
    params(("name" = SecretName, Path, description = "Its name")),
    responses((status = 204, description = "It is deleted")),
    security(("token" = ["admin"]))
)]
async fn delete_secret(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refused> {
    app.client.delete_secret(&named(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
