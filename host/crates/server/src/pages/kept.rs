//! Variables and secrets.

use std::str::FromStr;

use askama::Template;
use axum::response::Response;
use model::{Json, NameError, SecretName, VariableName};
use operations::client::{Answered, SecretQuery, SecretText, VariableQuery};

use super::cx::{Cx, rendered, see_other, unprocessable};
use super::fields::{Fields, Input, refusal};
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
    is_secret: bool,
    rows: Vec<Row>,
    /// What sets one, for whoever may.
    form: Option<Fields>,
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

impl Page {
    fn with(self, form: Fields) -> Self {
        Self {
            form: Some(form),
            ..self
        }
    }
}

fn variable_fields() -> Fields {
    let inputs = vec![
        Input::line("Name", "name").required(),
        Input::lines("Value", "value", 3)
            .required()
            .hint("JSON, such as `1.5`, `\"text\"` or `{\"eur\": 1}`."),
    ];
    Fields::new("/variables", "Set variable", inputs)
}

/// What was typed as a value never comes back.
fn secret_fields() -> Fields {
    let inputs = vec![
        Input::line("Name", "name").required(),
        Input::secret("Value", "value")
            .required()
            .hint("Nobody is shown it again. Tasks of deployments that were granted it read it."),
    ];
    Fields::new("/secrets", "Set secret", inputs)
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
        is_secret: false,
        rows: rows.collect(),
        form: cx.can_administer().then(variable_fields),
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
        is_secret: true,
        rows: rows.collect(),
        form: cx.can_administer().then(secret_fields),
    })
}

fn named<N: FromStr<Err = NameError>>(posted: &Query) -> Answered<N> {
    posted.need("name", "The name")
}

/// `GET /variables`
pub async fn variables(cx: Cx) -> Response {
    cx.answer(async |cx| Ok(rendered(&variables_page(cx).await?)))
        .await
}

/// `POST /variables`
pub async fn set_variable(cx: Cx, posted: Query) -> Response {
    cx.answer(async |cx| {
        let set = async {
            let name: VariableName = named(&posted)?;
            let text = posted.get("value").unwrap_or_default();
            let value = Json::tidy(text).map_err(|err| {
                refusal("value", &format!("the value is {err}"))
                    .hint("a text stands between quotation marks")
            })?;
            cx.client.set_variable(&name, value).await
        };
        match set.await {
            Ok(set) => Ok(see_other("/variables", &format!("Set {}", set.name))),
            Err(problem) => {
                let form = variable_fields().refused(&posted, problem)?;
                Ok(unprocessable(&variables_page(cx).await?.with(form)))
            }
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
            Err(problem) => {
                let form = secret_fields().refused(&posted, problem)?;
                Ok(unprocessable(&secrets_page(cx).await?.with(form)))
            }
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
