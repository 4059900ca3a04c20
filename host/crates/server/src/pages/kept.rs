//! Variables and secrets.

use askama::Template;
use axum::response::Response;
use model::{Json, NameError, SecretName, VariableName};
use operations::client::{Answered, SecretQuery, SecretText, VariableQuery};
use operations::problem::{Problem, ProblemKind};

use super::cx::{Cx, rendered, see_other, unprocessable};
use super::flow_runs::deployment_link;
use super::parts::Link;
use super::query::Query;
use super::shell::Shell;
use super::show::{When, first_chars};

/// How much of a value is shown, in characters.
const SHOWN_MAX: usize = 200;

#[derive(Template)]
#[template(path = "kept.html")]
struct Page {
    shell: Shell,
    heading: &'static str,
    about: &'static str,
    path: &'static str,
    /// What is shown of each beside its name.
    column: &'static str,
    empty: &'static str,
    command: &'static str,
    verb: &'static str,
    is_secret: bool,
    rows: Vec<Row>,
    can_administer: bool,
    /// What was posted and is wrong.
    problem: Option<Problem>,
    name: String,
    value: String,
}

struct Row {
    id: String,
    name: String,
    /// Of a variable, its beginning.
    value: String,
    /// Of a secret.
    version: Option<u64>,
    /// The deployments whose tasks may read a secret.
    users: Vec<Link>,
    updated: When,
}

async fn variables_page(cx: &Cx) -> Answered<Page> {
    let query = VariableQuery {
        limit: Some(1000),
        ..VariableQuery::default()
    };
    let variables = cx.client.list_variables(query).await?;
    let rows = variables.items.iter().enumerate().map(|(at, it)| Row {
        id: format!("variable-{at}"),
        name: it.name.to_string(),
        value: first_chars(it.value.as_str(), SHOWN_MAX),
        version: None,
        users: Vec::new(),
        updated: cx.now.when(it.updated),
    });
    Ok(Page {
        shell: Shell {
            command: Some("orch-host variable ls".to_owned()),
            json: Some("/v1/variables".to_owned()),
            ..cx.shell("Variables")
        },
        heading: "Variables",
        about: "Values that tasks and flows read by name.",
        path: "/variables",
        column: "Value",
        empty: "There are no variables.",
        command: "orch-host variable set NAME VALUE",
        verb: "Set variable",
        is_secret: false,
        rows: rows.collect(),
        can_administer: cx.can_administer(),
        problem: None,
        name: String::new(),
        value: String::new(),
    })
}

async fn secrets_page(cx: &Cx) -> Answered<Page> {
    let query = SecretQuery {
        limit: Some(1000),
        ..SecretQuery::default()
    };
    let secrets = cx.client.list_secrets(query).await?;
    let rows = secrets.items.iter().enumerate().map(|(at, it)| Row {
        id: format!("secret-{at}"),
        name: it.name.to_string(),
        value: String::new(),
        version: Some(it.version),
        users: it.deployments.iter().map(deployment_link).collect(),
        updated: cx.now.when(it.updated),
    });
    Ok(Page {
        shell: Shell {
            command: Some("orch-host secret ls".to_owned()),
            json: Some("/v1/secrets".to_owned()),
            ..cx.shell("Secrets")
        },
        heading: "Secrets",
        about: "Values that a task reads by name if its deployment was granted them. They are \
                kept encrypted.",
        path: "/secrets",
        column: "Granted to",
        empty: "There are no secrets.",
        command: "orch-host secret set NAME",
        verb: "Set secret",
        is_secret: true,
        rows: rows.collect(),
        can_administer: cx.can_administer(),
        problem: None,
        name: String::new(),
        value: String::new(),
    })
}

fn named<N: std::str::FromStr<Err = NameError>>(posted: &Query) -> Answered<N> {
    let name = posted.get("name").unwrap_or_default().parse::<N>();
    name.map_err(|err| Problem::new(ProblemKind::InvalidName, err.to_string()))
}

/// `GET /variables`
pub async fn variables(cx: Cx) -> Response {
    cx.answer(async |cx| Ok(rendered(&variables_page(cx).await?)))
        .await
}

/// `POST /variables`
pub async fn set_variable(cx: Cx, posted: Query) -> Response {
    cx.answer(async |cx| {
        let text = posted.get("value").unwrap_or_default();
        let set = async {
            let name: VariableName = named(&posted)?;
            let value = Json::tidy(text).map_err(|err| {
                let detail = format!("the value is {err}");
                Problem::new(ProblemKind::InvalidRequest, detail)
                    .hint("a text stands between quotation marks")
            })?;
            cx.client.set_variable(&name, value).await
        };
        match set.await {
            Ok(set) => Ok(see_other("/variables", &format!("Set {}", set.name))),
            Err(problem) if problem.kind.is_mistake_of_user() => {
                let mut page = variables_page(cx).await?;
                page.problem = Some(problem);
                page.name = posted.get("name").unwrap_or_default().to_owned();
                page.value = text.to_owned();
                Ok(unprocessable(&page))
            }
            Err(problem) => Err(problem),
        }
    })
    .await
}

/// `POST /variables/delete`
pub async fn delete_variable(cx: Cx, posted: Query) -> Response {
    cx.answer(async |cx| {
        let name: VariableName = named(&posted)?;
        cx.client.delete_variable(&name).await?;
        Ok(see_other("/variables", &format!("Deleted {name}")))
    })
    .await
}

/// `GET /secrets`
pub async fn secrets(cx: Cx) -> Response {
    cx.answer(async |cx| Ok(rendered(&secrets_page(cx).await?)))
        .await
}

/// `POST /secrets`. What was typed never comes back.
pub async fn set_secret(cx: Cx, posted: Query) -> Response {
    cx.answer(async |cx| {
        let set = async {
            let name: SecretName = named(&posted)?;
            let value = SecretText::new(posted.get("value").unwrap_or_default().to_owned());
            cx.client.set_secret(&name, value).await
        };
        match set.await {
            Ok(set) => Ok(see_other(
                "/secrets",
                &format!("Set {}, version {}", set.name, set.version),
            )),
            Err(problem) if problem.kind.is_mistake_of_user() => {
                let mut page = secrets_page(cx).await?;
                page.problem = Some(problem);
                page.name = posted.get("name").unwrap_or_default().to_owned();
                Ok(unprocessable(&page))
            }
            Err(problem) => Err(problem),
        }
    })
    .await
}

/// `POST /secrets/delete`
pub async fn delete_secret(cx: Cx, posted: Query) -> Response {
    cx.answer(async |cx| {
        let name: SecretName = named(&posted)?;
        cx.client.delete_secret(&name).await?;
        Ok(see_other("/secrets", &format!("Deleted {name}")))
    })
    .await
}
