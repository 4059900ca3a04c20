//! Operations of the description, ready for a template.

use std::collections::BTreeMap;

use serde_json::Value;

use super::schemas::{Kind, kind_of};

/// Operations that belong together.
pub(super) struct Group {
    pub name: String,
    pub operations: Vec<Operation>,
}

pub(super) struct Operation {
    /// `cancel_flow_run`, also the anchor.
    pub id: String,
    pub method: String,
    pub path: String,
    pub summary: String,
    pub description: String,
    pub role: String,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    pub answers: Vec<Answer>,
    /// Statuses of problems.
    pub problems: String,
    /// What to type.
    pub example: String,
}

pub(super) struct Parameter {
    pub name: String,
    pub place: String,
    pub kind: Kind,
    pub is_required: bool,
    pub description: String,
}

pub(super) struct Body {
    pub media: String,
    pub kind: Kind,
    pub description: String,
}

pub(super) struct Answer {
    pub status: String,
    pub description: String,
    pub kind: Option<Kind>,
}

/// All operations, by what they are about.
pub(super) fn groups(document: &Value) -> Vec<Group> {
    let mut groups: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, item) in paths {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let tag = text(&operation["tags"][0]);
            let operation = read(path, method, operation);
            groups.entry(tag).or_default().push(operation);
        }
    }
    let groups = groups.into_iter();
    groups
        .map(|(name, operations)| Group { name, operations })
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn read(path: &str, method: &str, operation: &Value) -> Operation {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters: Vec<Parameter> = parameters.map(parameter).collect();
    let (method, body) = (method.to_uppercase(), body(&operation["requestBody"]));
    let responses = operation["responses"].as_object().into_iter().flatten();
    let (good, bad): (Vec<_>, Vec<_>) = responses.partition(|(status, _)| status.starts_with('2'));
    let problems: Vec<&str> = bad.iter().map(|(status, _)| status.as_str()).collect();
    Operation {
        id: text(&operation["operationId"]),
        example: example(&method, path, operation, body.as_ref()),
        path: path.to_owned(),
        method,
        summary: text(&operation["summary"]),
        description: text(&operation["description"]),
        role: text(&operation["security"][0]["token"][0]),
        parameters,
        body,
        answers: good.into_iter().map(answer).collect(),
        problems: problems.join(", "),
    }
}

fn parameter(parameter: &Value) -> Parameter {
    Parameter {
        name: text(&parameter["name"]),
        place: text(&parameter["in"]),
        kind: kind_of(&parameter["schema"]),
        is_required: parameter["required"] == true,
        description: text(&parameter["description"]),
    }
}

/// The first of the forms in which something is sent.
fn content(value: &Value) -> Option<(&String, &Value)> {
    value["content"].as_object()?.iter().next()
}

fn body(body: &Value) -> Option<Body> {
    let (media, content) = content(body)?;
    Some(Body {
        media: media.clone(),
        kind: kind_of(&content["schema"]),
        description: text(&body["description"]),
    })
}

fn answer((status, response): (&String, &Value)) -> Answer {
    Answer {
        status: status.clone(),
        description: text(&response["description"]),
        kind: content(response).map(|(_, content)| kind_of(&content["schema"])),
    }
}

/// A command that can be typed, once the token is set.
fn example(method: &str, path: &str, operation: &Value, body: Option<&Body>) -> String {
    let mut path = path.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = text(&parameter["name"]);
        if let Some(example) = parameter["example"].as_str() {
            path = path.replace(&format!("{{{name}}}"), example);
        }
    }
    let mut command = "curl -H \"Authorization: Bearer $ORCH_API_TOKEN\"".to_owned();
    if method != "GET" {
        command += &format!(" -X {method}");
    }
    let needs_version = operation["responses"].get("428").is_some();
    if needs_version {
        command += " -H 'If-Match: *'";
    }
    match body.map(|body| body.media.as_str()) {
        Some("application/json") => {
            command += " -H 'Content-Type: application/json' -d '{}'";
        }
        Some(media) => {
            command += &format!(" -H 'Content-Type: {media}' --data-binary @FILE");
        }
        None => {}
    }
    format!("{command} \"$ORCH_API_URL{path}\"")
}
