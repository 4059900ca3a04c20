//! Between the WIT's types and the model's, at the edge.

use super::bindings::{deployments, guest, inputs, logging, tasks, types};
use super::limits::{FAILURE_MESSAGE_MAX, cut};
use super::port::CallResult;
use model::{
    Argument, Failure, FailureKind, FlowDescription, FlowName, FlowOptions, InputRequest, Json,
    LogLevel, Manifest, NameError, Outcome, RetryPolicy, RunRequest, RunSnapshot, Schema, Seq,
    StateType, TaskCall, TaskDescription, TaskName, TaskOptions, Timestamp,
};

/// A failure about what the guest handed over.
pub(super) fn invalid(what: &str, why: impl std::fmt::Display) -> Failure {
    Failure::new(FailureKind::Invalid, format!("{what}: {why}"))
}

pub(super) fn json(what: &str, text: String) -> Result<Json, Failure> {
    Json::parse(text).map_err(|err| invalid(what, err))
}

pub(super) fn flow_name(name: String) -> Result<FlowName, Failure> {
    FlowName::new(name).map_err(|err| invalid("the call", err))
}

pub(super) fn scope(scope: Option<u64>) -> Option<Seq> {
    scope.map(Seq)
}

pub(super) fn handles(handles: Vec<u64>) -> Vec<Seq> {
    handles.into_iter().map(Seq).collect()
}

pub(super) fn raw(handles: Vec<Seq>) -> Vec<u64> {
    handles.into_iter().map(|seq| seq.0).collect()
}

pub(super) fn task_call(call: tasks::TaskCall) -> CallResult<TaskCall> {
    let task = TaskName::new(call.task).map_err(|err| invalid("the call", err))?;
    let argument = |(name, argument): (String, tasks::Argument)| {
        let argument = match argument {
            tasks::Argument::Value(text) => {
                Argument::Value(json(&format!("argument `{name}` of task `{task}`"), text)?)
            }
            tasks::Argument::ResultOf(handle) => Argument::ResultOf(Seq(handle)),
            tasks::Argument::ResultsOf(list) => Argument::ResultsOf(handles(list)),
        };
        Ok((name, argument))
    };
    let arguments = call.arguments.into_iter().map(argument);
    Ok(TaskCall {
        arguments: arguments.collect::<Result<_, Failure>>()?,
        wait_for: handles(call.wait_for),
        options: task_options(call.options)
            .map_err(|why| invalid(&format!("task `{task}`"), why))?,
        scope: scope(call.scope),
        task,
    })
}

fn task_options(options: tasks::TaskOptions) -> Result<TaskOptions, String> {
    Ok(TaskOptions {
        retries: options.retries,
        retry_delays_ms: options.retry_delays,
        retry_jitter: jitter(options.retry_jitter)?,
        timeout_ms: options.timeout,
        task_run_name: options.task_run_name,
        tags: options.tags,
    })
}

/// JSON has no other numbers, so one of those would be another call when it is read again.
fn jitter(fraction: Option<f64>) -> Result<Option<f64>, String> {
    match fraction {
        Some(fraction) if !fraction.is_finite() => Err(format!(
            "its retry jitter is {fraction}, which is no fraction"
        )),
        fraction => Ok(fraction),
    }
}

pub(super) fn run_request(request: deployments::RunRequest) -> Result<RunRequest, Failure> {
    Ok(RunRequest {
        parameters: json("the parameters", request.parameters)?,
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
    Ok(InputRequest {
        schema: json("the schema of an input", request.schema)?,
        key: request.key,
        description: request.description,
        timeout_ms: request.timeout,
        scope: scope(request.scope),
    })
}

pub(super) fn outcome(outcome: Result<String, types::Failure>) -> Result<Outcome, Failure> {
    Ok(match outcome {
        Ok(text) => Ok(json("the result", text)?),
        Err(err) => Err(failure(err)),
    })
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

/// The error for a declaration in a manifest that is not valid: its kind, its name, and why.
pub(super) struct BadDeclaration {
    pub kind: &'static str,
    pub name: String,
    pub reason: String,
}

pub(super) fn manifest(manifest: guest::Manifest) -> Result<Manifest, BadDeclaration> {
    Ok(Manifest {
        flows: manifest
            .flows
            .into_iter()
            .map(flow_description)
            .collect::<Result<_, _>>()?,
        tasks: manifest
            .tasks
            .into_iter()
            .map(task_description)
            .collect::<Result<_, _>>()?,
    })
}

fn flow_description(flow: guest::FlowDescription) -> Result<FlowDescription, BadDeclaration> {
    let bad = bad("flow", &flow.name);
    Ok(FlowDescription {
        schema: schema(flow.schema).map_err(&bad)?,
        name: FlowName::new(flow.name).map_err(|err: NameError| bad(err.to_string()))?,
        description: flow.description,
        version: flow.version,
        options: FlowOptions {
            retry: RetryPolicy {
                retries: flow.options.retries,
                delays_ms: flow.options.retry_delays,
                jitter: jitter(flow.options.retry_jitter).map_err(&bad)?,
            },
            timeout_ms: flow.options.timeout,
        },
    })
}

fn task_description(task: guest::TaskDescription) -> Result<TaskDescription, BadDeclaration> {
    let bad = bad("task", &task.name);
    Ok(TaskDescription {
        schema: schema(task.schema).map_err(&bad)?,
        name: TaskName::new(task.name).map_err(|err: NameError| bad(err.to_string()))?,
        description: task.description,
        version: task.version,
        options: task_options(task.options).map_err(&bad)?,
    })
}

fn bad(kind: &'static str, name: &str) -> impl Fn(String) -> BadDeclaration + use<> {
    let name = name.to_owned();
    move |reason| BadDeclaration {
        kind,
        name: name.clone(),
        reason,
    }
}

fn schema(schema: guest::ParameterSchema) -> Result<Schema, String> {
    let part = |what: &str, text: String| {
        Json::parse(text).map_err(|err| format!("its {what} schema is {err}"))
    };
    Ok(Schema {
        parameters: part("parameter", schema.parameters)?,
        result: part("result", schema.result)?,
    })
}
