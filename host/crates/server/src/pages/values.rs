//! Values as files: whole, where a page shows only their beginning.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use model::Json;
use operations::client::InspectRun;
use operations::problem::{Problem, ProblemKind};

use super::cx::Cx;
use super::task_run;
use crate::web::download;

/// `/flow-runs/{id}/values/{parameters.json|result.json}`
pub async fn of_run(cx: Cx, run: String, which: String) -> Response {
    cx.answer(async |cx| {
        let run = cx
            .client
            .inspect_run(&run, InspectRun::default())
            .await?
            .run;
        match which.as_str() {
            "parameters.json" => Ok(file(&run.parameters)),
            "result.json" => run.result.as_ref().map(file).ok_or_else(|| none(&which)),
            _ => Err(none(&which)),
        }
    })
    .await
}

/// `/task-runs/{id}/result.json`
pub async fn result_of_task(cx: Cx, id: String) -> Response {
    cx.answer(async |cx| {
        let result = task_run::result_of(cx, task_run::id(&id)?).await?;
        result.as_ref().map(file).ok_or_else(|| none("result.json"))
    })
    .await
}

/// `/task-runs/{id}/arguments/{name}`
pub async fn argument_of_task(cx: Cx, id: String, name: String) -> Response {
    cx.answer(async |cx| {
        let argument = task_run::argument_of(cx, task_run::id(&id)?, &name).await?;
        argument.as_ref().map(file).ok_or_else(|| none(&name))
    })
    .await
}

/// `/artifacts/{id}/data.json`
pub async fn of_artifact(cx: Cx, id: String) -> Response {
    cx.answer(async |cx| {
        let artifact = cx.client.inspect_artifact(&id).await?;
        let data = artifact.data.as_ref();
        data.map(file).ok_or_else(|| none("data.json"))
    })
    .await
}

/// `/cache/{id}/value.json`
pub async fn of_cached(cx: Cx, id: String) -> Response {
    cx.answer(async |cx| {
        let result = cx.client.inspect_cached(&id).await?;
        let value = result.value.as_ref();
        value.map(file).ok_or_else(|| none("value.json"))
    })
    .await
}

/// `/blobs/{digest}`
pub async fn blob(cx: Cx, digest: String) -> Response {
    let slot = match cx.app.limits.stream(cx.visitor.session.token.id) {
        Ok(slot) => slot,
        Err(refused) => return refused.into_response(),
    };
    cx.answer(async |cx| {
        let blob = cx.client.read_blob(&digest).await?;
        Ok(download(&digest, blob, slot))
    })
    .await
}

/// `/deployments/{flow}/{name}/values/{parameters.json|schema.json}`
pub async fn of_deployment(cx: Cx, name: String, which: String) -> Response {
    cx.answer(async |cx| {
        let details = cx.client.inspect_deployment(&name).await?;
        match which.as_str() {
            "parameters.json" => Ok(file(&details.deployment.parameters)),
            "schema.json" => Ok(file(&details.flow.schema.parameters)),
            _ => Err(none(&which)),
        }
    })
    .await
}

/// `/components/{digest}/schema/{flow}.json`
pub async fn schema_of_flow(cx: Cx, digest: String, flow: String) -> Response {
    cx.answer(async |cx| {
        let component = cx.client.inspect_component(&digest).await?;
        let flow = flow.trim_end_matches(".json");
        let found = component
            .manifest
            .flows
            .iter()
            .find(|it| it.name.as_str() == flow);
        let found = found.ok_or_else(|| none(flow))?;
        Ok(file(&found.schema.parameters))
    })
    .await
}

fn none(what: &str) -> Problem {
    Problem::new(ProblemKind::NotFound, format!("there is no `{what}` here"))
}

/// A download, so that no browser takes it for a page.
fn file(json: &Json) -> Response {
    let mut response = Response::new(Body::from(json.as_str().to_owned()));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let attachment = HeaderValue::from_static("attachment");
    headers.insert(header::CONTENT_DISPOSITION, attachment);
    response
}
