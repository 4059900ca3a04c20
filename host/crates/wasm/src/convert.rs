//! Between the WIT's types and the model's, at the edge.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use super::ComponentError;
use super::bindings::{artifacts, deployments, guest, inputs, logging, tasks, types};
use super::fields::{self, DURATION_MS_MAX, Field, MANIFEST_BYTES_MAX, in_words};
use super::limits::{FAILURE_MESSAGE_MAX, Limits, cut};
use model::{
    Argument, ArtifactKey, ArtifactKind, CacheOptions, DeclaredSchedule, Failure, FailureKind,
    FlowDescription, FlowName, FlowOptions, InputRequest, Json, LimitName, LogLevel, Manifest,
    NameError, NewArtifact, Outcome, RetryPolicy, RunId, RunRequest, RunSnapshot, Schema, Seq,
    StateType, TaskCall, TaskDescription, TaskName, TaskOptions, Timestamp,
};

/// A failure about what the guest handed over.
fn invalid(what: &str, why: impl std::fmt::Display) -> Failure {
    Failure::new(FailureKind::Invalid, format!("{what}: {why}"))
}

/// Errs with kind `Limit` if so many bytes of JSON are too many to be kept.
fn payload(limits: &Limits, is: usize, what: &dyn Fn() -> String) -> Result<(), Failure> {
    if is <= limits.payload_max {
        return Ok(());
    }
    let (what, (is, max)) = (what(), in_words(is, limits.payload_max));
    let message = format!("{what} is {is}; the limit on a JSON text is {max}");
    Err(Failure::new(FailureKind::Limit, message))
}

fn json(what: &dyn Fn() -> String, text: String) -> Result<Json, Failure> {
    Json::parse(text).map_err(|err| invalid(&what(), err))
}

/// A JSON text whose size is checked first.
pub(super) fn bounded_json(
    limits: &Limits,
    what: &dyn Fn() -> String,
    text: String,
) -> Result<Json, Failure> {
    payload(limits, text.len(), what)?;
    json(what, text)
}

/// Checks a name of a flow before it becomes one.
pub(super) fn flow_name(name: String) -> Result<FlowName, Failure> {
    fields::SUBFLOW.check(name.len())?;
    FlowName::new(name).map_err(|err| invalid("the call", err))
}

pub(super) fn scope(scope: Option<u64>) -> Option<Seq> {
    scope.map(Seq)
}

/// The handles of a list, which is this field.
pub(super) fn handles(field: &Field, handles: Vec<u64>) -> Result<Vec<Seq>, Failure> {
    field.check(handles.len())?;
    Ok(handles.into_iter().map(Seq).collect())
}

pub(super) fn raw(handles: Vec<Seq>) -> Vec<u64> {
    handles.into_iter().map(|seq| seq.0).collect()
}

pub(super) fn task_call(call: tasks::TaskCall, limits: &Limits) -> Result<TaskCall, Failure> {
    fields::TASK.check(call.task.len())?;
    fields::ARGUMENTS.check(call.arguments.len())?;
    let task = TaskName::new(call.task).map_err(|err| invalid("the call", err))?;
    let mut bytes = 0;
    let argument = |(name, argument): (String, tasks::Argument)| {
        fields::ARGUMENT_NAME.check(name.len())?;
        let argument = match argument {
            tasks::Argument::Value(text) => {
                bytes += text.len();
                let what = || format!("argument `{name}` of task `{task}`");
                payload(limits, bytes, &what)?;
                Argument::Value(json(&what, text)?)
            }
            tasks::Argument::ResultOf(handle) => Argument::ResultOf(Seq(handle)),
            tasks::Argument::ResultsOf(list) => {
                Argument::ResultsOf(handles(&fields::RESULTS_OF, list)?)
            }
        };
        Ok((name, argument))
    };
    let arguments = call.arguments.into_iter().map(argument);
    Ok(TaskCall {
        arguments: arguments.collect::<Result<_, Failure>>()?,
        wait_for: handles(&fields::WAIT_FOR, call.wait_for)?,
        options: task_options(call.options)?,
        scope: scope(call.scope),
        task,
    })
}

fn task_options(options: tasks::TaskOptions) -> Result<TaskOptions, Failure> {
    delays(
        &fields::RETRY_DELAYS,
        &fields::RETRY_DELAY,
        &options.retry_delays,
    )?;
    fields::RETRY_JITTER.check_fraction(options.retry_jitter)?;
    fields::TASK_TIMEOUT.check_number(options.timeout)?;
    fields::TASK_RUN_NAME.check_text(options.task_run_name.as_ref())?;
    fields::TASK_TAGS.check_texts(&fields::TASK_TAG, &options.tags)?;
    Ok(TaskOptions {
        retries: options.retries,
        retry_delays_ms: options.retry_delays,
        retry_jitter: options.retry_jitter,
        timeout_ms: options.timeout,
        task_run_name: options.task_run_name,
        tags: options.tags,
        limits: Vec::new(),
        cache: None,
    })
}

fn delays(list: &Field, delay: &Field, delays: &[u64]) -> Result<(), Failure> {
    list.check(delays.len())?;
    let each = delays.iter().copied();
    each.map(Some).try_for_each(|ms| delay.check_number(ms))
}

pub(super) fn run_request(
    request: deployments::RunRequest,
    limits: &Limits,
) -> Result<RunRequest, Failure> {
    fields::DEPLOYMENT.check(request.deployment.len())?;
    fields::RUN_NAME.check_text(request.flow_run_name.as_ref())?;
    fields::RUN_TAGS.check_texts(&fields::RUN_TAG, &request.tags)?;
    fields::SCHEDULED.check_number(request.scheduled_time)?;
    fields::RUN_KEY.check_text(request.idempotency_key.as_ref())?;
    fields::WORK_QUEUE.check_text(request.work_queue.as_ref())?;
    if request.idempotency_key.as_deref() == Some("") {
        let message = "an idempotency key cannot be empty: leave it out";
        return Err(Failure::new(FailureKind::Invalid, message));
    }
    let what = || format!("the parameters of a run of `{}`", request.deployment);
    Ok(RunRequest {
        parameters: bounded_json(limits, &what, request.parameters)?,
        deployment: request.deployment,
        flow_run_name: request.flow_run_name,
        tags: request.tags,
        scheduled: request.scheduled_time.map(Timestamp::from_millis),
        idempotency_key: request.idempotency_key,
        work_queue: request.work_queue,
        as_subflow: request.as_subflow,
        scope: scope(request.scope),
    })
}

pub(super) fn input_request(request: inputs::InputRequest) -> Result<InputRequest, Failure> {
    fields::INPUT_KEY.check(request.key.len())?;
    fields::INPUT_DESCRIPTION.check_text(request.description.as_ref())?;
    fields::INPUT_SCHEMA.check(request.schema.len())?;
    fields::INPUT_TIMEOUT.check_number(request.timeout)?;
    Ok(InputRequest {
        schema: json(&|| "the schema of an input".to_owned(), request.schema)?,
        key: request.key,
        description: request.description,
        timeout_ms: request.timeout,
        scope: scope(request.scope),
    })
}

pub(super) fn new_artifact(artifact: artifacts::Artifact) -> Result<NewArtifact, Failure> {
    use artifacts::Content;
    fields::ARTIFACT_KEY.check(artifact.key.len())?;
    fields::ARTIFACT_DESCRIPTION.check_text(artifact.description.as_ref())?;
    let key = ArtifactKey::new(artifact.key).map_err(invalid_name)?;
    let (kind, data) = match artifact.content {
        Content::Markdown(text) => {
            fields::ARTIFACT_MARKDOWN.check(text.len())?;
            (ArtifactKind::Markdown, Json::string(&text))
        }
        Content::Table(text) => {
            fields::ARTIFACT_TABLE.check(text.len())?;
            (ArtifactKind::Table, table(&key, text)?)
        }
        Content::Link(text) => {
            fields::ARTIFACT_LINK.check(text.len())?;
            (ArtifactKind::Link, address(&key, &text)?)
        }
        Content::Progress(percent) => {
            fields::ARTIFACT_PROGRESS.check_fraction(Some(percent))?;
            (ArtifactKind::Progress, Json::of(&percent.into()))
        }
        Content::Image(text) => {
            fields::ARTIFACT_IMAGE.check(text.len())?;
            (ArtifactKind::Image, address(&key, &text)?)
        }
    };
    Ok(NewArtifact {
        key,
        kind,
        description: artifact.description,
        data,
        scope: scope(artifact.scope),
    })
}

fn table(key: &ArtifactKey, text: String) -> Result<Json, Failure> {
    let what = || format!("the table of artifact `{key}`");
    let table = json(&what, text)?;
    let rows: Option<Vec<&serde_json::value::RawValue>> = serde_json::from_str(table.as_str()).ok();
    let is_table = rows.is_some_and(|rows| rows.iter().all(|row| row.get().starts_with('{')));
    if is_table {
        Ok(table)
    } else {
        Err(invalid(&what(), "it is no list of objects"))
    }
}

fn address(key: &ArtifactKey, text: &str) -> Result<Json, Failure> {
    let is_web = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if is_web {
        Ok(Json::string(text))
    } else {
        let what = format!("artifact `{key}`");
        Err(invalid(
            &what,
            format!("`{text}` is no http or https address"),
        ))
    }
}

/// The runs of a list, which is this field.
pub(super) fn run_ids(list: &Field, item: &Field, runs: &[String]) -> Result<Vec<RunId>, Failure> {
    list.check(runs.len())?;
    runs.iter().map(|run| run_id(item, run)).collect()
}

pub(super) fn run_id(field: &Field, text: &str) -> Result<RunId, Failure> {
    field.check(text.len())?;
    text.parse().map_err(|_| {
        let message = format!("`{text}` is not the id of a flow run");
        Failure::new(FailureKind::Invalid, message)
    })
}

/// With a message that is not much longer than any other, whatever was added to it.
pub(super) fn shortened(failure: Failure) -> Failure {
    Failure {
        kind: failure.kind,
        message: cut(failure.message, 2 * FAILURE_MESSAGE_MAX),
    }
}

pub(super) fn invalid_name(err: NameError) -> Failure {
    Failure::new(FailureKind::Invalid, err.to_string())
}

pub(super) fn failure(failure: types::Failure) -> Failure {
    Failure {
        kind: failure_kind(failure.kind),
        message: cut(failure.message, FAILURE_MESSAGE_MAX),
    }
}

pub(super) fn wit_outcome(outcome: Outcome) -> Result<String, types::Failure> {
    outcome.map(|json| json.to_string()).map_err(wit_failure)
}

pub(super) fn wit_failure(failure: Failure) -> types::Failure {
    types::Failure {
        kind: wit_failure_kind(failure.kind),
        message: failure.message,
    }
}

pub(super) fn wit_run(run: RunSnapshot) -> types::FlowRun {
    types::FlowRun {
        id: run.id.to_string(),
        name: run.name.to_string(),
        flow: run.flow.to_string(),
        deployment: run.deployment.map(|name| name.to_string()),
        state: wit_state(run.state),
        state_name: run.state_name.to_string(),
        outcome: run.outcome.map(wit_outcome),
    }
}

/// Pairs two enums of the same cases, in the direction that is needed.
macro_rules! same_cases {
    ($name:ident: $from:ty => $into:ty, $($case:ident)*) => {
        pub(super) fn $name(value: $from) -> $into {
            match value { $(<$from>::$case => <$into>::$case,)* }
        }
    };
}

same_cases!(failure_kind: types::FailureKind => FailureKind,
    Error Permanent Panicked TimedOut Limit Crashed Cancelled Upstream NotFound Invalid Refused);
same_cases!(wit_failure_kind: FailureKind => types::FailureKind,
    Error Permanent Panicked TimedOut Limit Crashed Cancelled Upstream NotFound Invalid Refused);
same_cases!(wit_state: StateType => types::StateType,
    Scheduled Pending Running Waiting Paused Cancelling Completed Failed Crashed Cancelled);
same_cases!(log_level: logging::Level => LogLevel, Trace Debug Info Warn Error);

/// How much of a name is shown that is not allowed, in bytes.
const SHOWN_NAME_MAX: usize = 60;

/// The error for a declaration in a manifest that is not valid: its kind, its name, and why.
pub(super) struct BadDeclaration {
    pub kind: &'static str,
    pub name: String,
    pub reason: String,
}

impl From<BadDeclaration> for ComponentError {
    fn from(bad: BadDeclaration) -> Self {
        Self::Declaration {
            kind: bad.kind.into(),
            name: bad.name,
            reason: bad.reason,
        }
    }
}

/// `more`: what a component says besides, as a JSON object.
pub(super) fn manifest(
    manifest: guest::Manifest,
    more: Option<String>,
) -> Result<Manifest, BadDeclaration> {
    let mut manifest = plain_manifest(manifest)?;
    if let Some(more) = more {
        add_extras(&mut manifest, &more)?;
    }
    Ok(manifest)
}

/// What `extras.describe-more` tells. Of another version it may hold more.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Extras {
    flows: BTreeMap<String, FlowExtras>,
    tasks: BTreeMap<String, TaskExtras>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct TaskExtras {
    limits: Vec<String>,
    cache: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct FlowExtras {
    limits: Vec<String>,
    schedules: Vec<DeclaredSchedule>,
}

/// Limits and schedules of a flow, at most.
const EXTRAS_MAX: usize = 20;

fn add_extras(manifest: &mut Manifest, more: &str) -> Result<(), BadDeclaration> {
    let whole = bad("component", "as a whole");
    let too_large = || {
        let is = in_words(more.len(), MANIFEST_BYTES_MAX);
        whole(format!("what it says besides is {}", is.0))
    };
    if more.len() > MANIFEST_BYTES_MAX {
        return Err(too_large());
    }
    let extras: Extras = serde_json::from_str(more)
        .map_err(|err| whole(format!("what it says besides cannot be read: {err}")))?;
    for (name, extras) in extras.flows {
        let bad = bad("flow", &name);
        let Some(flow) = manifest
            .flows
            .iter_mut()
            .find(|it| *it.name.as_str() == *name)
        else {
            continue;
        };
        if extras.schedules.len() > EXTRAS_MAX {
            let count = extras.schedules.len();
            return Err(bad(format!(
                "it has {count} schedules; the limit on them is {EXTRAS_MAX}"
            )));
        }
        flow.options.limits = limit_names(extras.limits).map_err(&bad)?;
        flow.options.schedules = extras.schedules;
    }
    for (name, extras) in extras.tasks {
        let mut tasks = manifest.tasks.iter_mut();
        if let Some(task) = tasks.find(|it| *it.name.as_str() == *name) {
            let bad = bad("task", &name);
            task.options.limits = limit_names(extras.limits).map_err(&bad)?;
            let cache = extras.cache.map(cache_options).transpose();
            task.options.cache = cache.map_err(&bad)?.map(Box::new);
        }
    }
    Ok(())
}

fn cache_options(cache: serde_json::Value) -> Result<CacheOptions, String> {
    let options: CacheOptions = serde_json::from_value(cache)
        .map_err(|err| format!("how it is cached cannot be read: {err}"))?;
    match options.expiration_ms {
        Some(0) => Err("its cached results would expire at once".to_owned()),
        Some(ms) if ms > DURATION_MS_MAX => Err(format!(
            "its cached results expire after {ms} ms; the limit on that is {DURATION_MS_MAX} ms"
        )),
        _ => Ok(options),
    }
}

fn limit_names(limits: Vec<String>) -> Result<Vec<LimitName>, String> {
    if limits.len() > EXTRAS_MAX {
        let count = limits.len();
        return Err(format!(
            "it has {count} limits; the limit on them is {EXTRAS_MAX}"
        ));
    }
    let names = limits.into_iter().map(LimitName::new);
    names
        .collect::<Result<_, NameError>>()
        .map_err(|err| err.to_string())
}

fn plain_manifest(manifest: guest::Manifest) -> Result<Manifest, BadDeclaration> {
    let count = |field: &Field, items: usize| {
        let bad = bad("component", "as a whole");
        field.check(items).map_err(|err| bad(err.message))
    };
    count(&fields::FLOWS, manifest.flows.len())?;
    count(&fields::TASKS, manifest.tasks.len())?;
    let (flows, tasks) = (manifest.flows.into_iter(), manifest.tasks.into_iter());
    Ok(Manifest {
        flows: flows.map(flow_description).collect::<Result<_, _>>()?,
        tasks: tasks.map(task_description).collect::<Result<_, _>>()?,
    })
}

fn flow_description(flow: guest::FlowDescription) -> Result<FlowDescription, BadDeclaration> {
    let bad = bad("flow", &flow.name);
    let refused = |failure: Failure| bad(failure.message);
    fields::FLOW_NAME.check(flow.name.len()).map_err(&refused)?;
    let texts = [
        (&fields::FLOW_DESCRIPTION, &flow.description),
        (&fields::FLOW_VERSION, &flow.version),
    ];
    check_all(&texts).map_err(&refused)?;
    Ok(FlowDescription {
        schema: schema(flow.schema).map_err(&bad)?,
        name: FlowName::new(flow.name).map_err(|err: NameError| bad(err.to_string()))?,
        description: flow.description,
        version: flow.version,
        options: flow_options(flow.options).map_err(&refused)?,
    })
}

fn check_all(texts: &[(&Field, &Option<String>)]) -> Result<(), Failure> {
    let each = |(field, text): &(&Field, &Option<String>)| field.check_text(text.as_ref());
    texts.iter().try_for_each(each)
}

fn flow_options(options: guest::FlowOptions) -> Result<FlowOptions, Failure> {
    delays(
        &fields::FLOW_RETRY_DELAYS,
        &fields::FLOW_RETRY_DELAY,
        &options.retry_delays,
    )?;
    fields::FLOW_RETRY_JITTER.check_fraction(options.retry_jitter)?;
    fields::FLOW_TIMEOUT.check_number(options.timeout)?;
    Ok(FlowOptions {
        retry: RetryPolicy {
            retries: options.retries,
            delays_ms: options.retry_delays,
            jitter: options.retry_jitter,
        },
        timeout_ms: options.timeout,
        limits: Vec::new(),
        schedules: Vec::new(),
    })
}

fn task_description(task: guest::TaskDescription) -> Result<TaskDescription, BadDeclaration> {
    let bad = bad("task", &task.name);
    let refused = |failure: Failure| bad(failure.message);
    fields::TASK_NAME.check(task.name.len()).map_err(&refused)?;
    let texts = [
        (&fields::TASK_DESCRIPTION, &task.description),
        (&fields::TASK_VERSION, &task.version),
    ];
    check_all(&texts).map_err(&refused)?;
    Ok(TaskDescription {
        schema: schema(task.schema).map_err(&bad)?,
        name: TaskName::new(task.name).map_err(|err: NameError| bad(err.to_string()))?,
        description: task.description,
        version: task.version,
        options: task_options(task.options).map_err(&refused)?,
    })
}

/// What is wrong with the declaration of this name, which may be of any size.
fn bad(kind: &'static str, name: &str) -> impl Fn(String) -> BadDeclaration + use<> {
    let name = cut(name.to_owned(), SHOWN_NAME_MAX);
    move |reason| BadDeclaration {
        kind,
        name: name.clone(),
        reason,
    }
}

fn schema(schema: guest::ParameterSchema) -> Result<Schema, String> {
    let part = |field: &Field, text: String| {
        field.check(text.len()).map_err(|err| err.message)?;
        Json::parse(text).map_err(|err| format!("{} is {err}", field.name))
    };
    Ok(Schema {
        parameters: part(&fields::PARAMETER_SCHEMA, schema.parameters)?,
        result: part(&fields::RESULT_SCHEMA, schema.result)?,
    })
}
