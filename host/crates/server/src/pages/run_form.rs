//! The forms for values: parameters of a run, and inputs that a run waits for.
//!
//! Buttons that change the form (add an item, the other tab) come back here with all that was
//! typed. A form that is sent twice starts one run, since it carries an idempotency key.

use askama::Template;
use axum::response::Response;
use jiff::civil::DateTime;
use model::{Ids as _, Json, RunName, Timestamp};
use operations::FreshIds;
use operations::client::{Answered, InspectRun, StartRun};
use operations::problem::{Problem, ProblemKind};
use operations::view::{DeploymentDetailsView, InputView};

use super::cx::{Cx, rendered, see_other, unprocessable};
use super::flow_runs::deployment_path;
use super::form::{Asked, Form, Unreadable};
use super::parts::Link;
use super::query::Query;
use super::shell::Shell;
use super::show::first_chars;

#[derive(Template)]
#[template(path = "run_form.html")]
struct Page {
    shell: Shell,
    crumbs: Vec<Link>,
    heading: String,
    about: String,
    action: String,
    problem: Option<Problem>,
    form: String,
    start: Option<Start>,
    verb: &'static str,
    back: String,
}

/// What is said of a run besides its parameters.
#[derive(Default)]
struct Start {
    key: String,
    is_later: bool,
    at: String,
    name: String,
    tags: String,
    error: Option<String>,
}

/// `GET /deployments/{flow}/{name}/run`, with `?copy=RUN` for the values of that run.
pub async fn run_form(cx: Cx, deployment: String) -> Response {
    cx.answer(async |cx| {
        let details = cx.client.inspect_deployment(&deployment).await?;
        let mut start = Start {
            key: format!("page-{}", FreshIds.uuid()),
            ..Start::default()
        };
        let values = match cx.query.get("copy") {
            Some(run) => {
                let run = cx.client.inspect_run(run, InspectRun::default()).await?.run;
                start.tags = run.tags.join(", ");
                run.parameters
            }
            None => details.deployment.parameters.clone(),
        };
        let form = Form::of(&details.flow.schema.parameters, &values);
        let form = form.in_zone(&cx.now.zone.label);
        Ok(rendered(&run_page(cx, &details, &form, start, None)))
    })
    .await
}

/// `POST /deployments/{flow}/{name}/run`
pub async fn start(cx: Cx, deployment: String, posted: Vec<(String, String)>) -> Response {
    cx.answer(async |cx| {
        let details = cx.client.inspect_deployment(&deployment).await?;
        let schema = &details.flow.schema.parameters;
        let read = Form::read(schema, &posted).map_err(unreadable)?;
        let posted = Query(posted);
        let mut said = started(&posted);
        if read.asked != Asked::Submit {
            return Ok(rendered(&run_page(cx, &details, &read.form, said, None)));
        }
        let scheduled = match moment(cx, &said) {
            Ok(scheduled) => scheduled,
            Err(error) => {
                said.error = Some(error);
                return Ok(unprocessable(&run_page(
                    cx, &details, &read.form, said, None,
                )));
            }
        };
        let Some(parameters) = read.json else {
            return Ok(unprocessable(&run_page(
                cx, &details, &read.form, said, None,
            )));
        };
        match cx
            .client
            .start_run(&deployment, wish(&said, parameters, scheduled)?)
            .await
        {
            Ok(started) => {
                let run = started.run;
                let text = format!("{} is on its way", run.name);
                Ok(see_other(&format!("/flow-runs/{}", run.id), &text))
            }
            Err(problem) if problem.kind.is_mistake_of_user() => {
                let (form, problem) = at_fields(read.form, problem, "/parameters");
                Ok(unprocessable(&run_page(cx, &details, &form, said, problem)))
            }
            Err(problem) => Err(problem),
        }
    })
    .await
}

fn run_page(
    cx: &Cx,
    details: &DeploymentDetailsView,
    form: &Form,
    start: Start,
    problem: Option<Problem>,
) -> Page {
    let name = &details.deployment.name;
    let path = deployment_path(name);
    let about = details
        .deployment
        .description
        .as_deref()
        .unwrap_or_default();
    Page {
        shell: cx.shell(format!("Run {name}")),
        crumbs: vec![
            Link::new("Deployments", "/deployments"),
            Link::new(name.to_string(), path.clone()),
        ],
        heading: format!("Run {name}"),
        about: first_chars(about, 1_000),
        action: format!("{path}/run"),
        problem,
        form: form.html(),
        start: Some(start),
        verb: "Run",
        back: path,
    }
}

fn started(posted: &Query) -> Start {
    let value = |name: &str| posted.get(name).unwrap_or_default().to_owned();
    Start {
        key: value(":key"),
        is_later: posted.get(":start") == Some("at"),
        at: value(":at"),
        name: value(":name"),
        tags: value(":tags"),
        error: None,
    }
}

/// When it is to start, if not at once. Errs with what is wrong with the time.
fn moment(cx: &Cx, start: &Start) -> Result<Option<Timestamp>, String> {
    if !start.is_later {
        return Ok(None);
    }
    let wrong = || format!("`{}` is no time such as `2026-11-28 14:00`", start.at);
    let civil: DateTime = start.at.parse().map_err(|_| wrong())?;
    let zoned = civil
        .to_zoned(cx.now.zone.tz().clone())
        .map_err(|_| wrong())?;
    Ok(Some(Timestamp(zoned.timestamp().as_microsecond())))
}

fn wish(start: &Start, parameters: Json, scheduled: Option<Timestamp>) -> Answered<StartRun> {
    let name: Option<RunName> = match start.name.as_str() {
        "" => None,
        name => Some(name.parse().map_err(|err: model::NameError| {
            Problem::new(ProblemKind::InvalidName, err.to_string())
        })?),
    };
    let tags = start
        .tags
        .split(',')
        .map(str::trim)
        .filter(|tag| !tag.is_empty());
    Ok(StartRun {
        parameters: Some(parameters),
        name,
        tags: tags.map(str::to_owned).collect(),
        scheduled,
        idempotency_key: Some(start.key.clone()).filter(|key| !key.is_empty()),
        work_queue: None,
        priority: None,
    })
}

/// Says what is wrong at its field. What is of no field stays a problem of the whole.
fn at_fields(form: Form, problem: Problem, prefix: &str) -> (Form, Option<Problem>) {
    let errors: Vec<(String, String)> = problem
        .errors
        .iter()
        .filter_map(|error| {
            let pointer = error.pointer.strip_prefix(prefix)?;
            Some((pointer.to_owned(), error.detail.clone()))
        })
        .collect();
    if errors.is_empty() {
        return (form, Some(problem));
    }
    (form.with_errors(&errors), None)
}

fn unreadable(reason: Unreadable) -> Problem {
    Problem::new(ProblemKind::InvalidParameters, reason.to_string())
}

/// `GET /flow-runs/{id}/inputs/{key}`
pub async fn input_form(cx: Cx, run: String, key: String) -> Response {
    cx.answer(async |cx| {
        let input = awaited(cx, &run, &key).await?;
        let form = Form::empty(&input.schema).in_zone(&cx.now.zone.label);
        Ok(rendered(&input_page(cx, &input, &form, None)))
    })
    .await
}

/// `POST /flow-runs/{id}/inputs/{key}`
pub async fn give_input(
    cx: Cx,
    run: String,
    key: String,
    posted: Vec<(String, String)>,
) -> Response {
    cx.answer(async |cx| {
        let input = awaited(cx, &run, &key).await?;
        let read = Form::read(&input.schema, &posted).map_err(unreadable)?;
        if read.asked != Asked::Submit {
            return Ok(rendered(&input_page(cx, &input, &read.form, None)));
        }
        let Some(value) = read.json else {
            return Ok(unprocessable(&input_page(cx, &input, &read.form, None)));
        };
        match cx.client.give_input(&run, Some(&key), value).await {
            Ok(()) => Ok(see_other(
                &format!("/flow-runs/{run}"),
                &format!("Gave input {key}"),
            )),
            Err(problem) if problem.kind == ProblemKind::InvalidInput => {
                let (form, problem) = at_fields(read.form, problem, "");
                Ok(unprocessable(&input_page(cx, &input, &form, problem)))
            }
            Err(problem) => Err(problem),
        }
    })
    .await
}

async fn awaited(cx: &Cx, run: &str, key: &str) -> Answered<InputView> {
    let inputs = cx.client.run_inputs(run).await?;
    let found = inputs.into_iter().find(|input| input.key == key);
    found.ok_or_else(|| {
        let detail = format!("flow run {run} does not wait for input `{key}`");
        Problem::new(ProblemKind::NotFound, detail)
            .hint("somebody else has given it, its time is over, or the run has ended")
    })
}

fn input_page(cx: &Cx, input: &InputView, form: &Form, problem: Option<Problem>) -> Page {
    let run = input.flow_run.to_string();
    let back = format!("/flow-runs/{run}");
    Page {
        shell: cx.shell(format!("Input {}", input.key)),
        crumbs: vec![Link::new("Flow run", back.clone())],
        heading: format!("Input {}", input.key),
        about: first_chars(input.description.as_deref().unwrap_or_default(), 1_000),
        action: cx.path.clone(),
        problem,
        form: form.html(),
        start: None,
        verb: "Give input",
        back,
    }
}
