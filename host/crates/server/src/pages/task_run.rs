//! One task run: its attempts, what it was given, what it returned, what it logged.

use askama::Template;
use axum::response::Response;
use model::{Json, TaskRunId, WorkerId};
use operations::client::{Answered, InspectRun, JournalQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::{
    ArgumentView, CallView, EntryView, FlowRunDetailsView, OutcomeView, PastWorkerView,
    SettlementView, TaskAttemptView, TaskRunView,
};

use super::cx::{Cx, rendered};
use super::flow_run::lines_of_task;
use super::parts::{Link, Pair};
use super::shell::Shell;
use super::show::{Shown, Took, Value, When, first_chars, short_id};

#[derive(Template)]
#[template(path = "task_run.html")]
struct Page {
    shell: Shell,
    id: String,
    short_id: String,
    name: String,
    task: String,
    crumbs: Vec<Link>,
    state: Shown,
    took: Took,
    attempt: u32,
    failure: Option<Failure>,
    attempts: Vec<Attempt>,
    arguments: Vec<Argument>,
    result: Option<Value>,
    pairs: Vec<Pair>,
    lines: Vec<String>,
    all_lines: Option<String>,
}

struct Failure {
    title: String,
    text: String,
}

/// One try.
struct Attempt {
    number: u32,
    state: Shown,
    started: Option<When>,
    took: Took,
    worker: String,
    cause: String,
}

struct Argument {
    name: String,
    value: Option<Value>,
    /// The call whose result it is.
    link: Option<Link>,
}

/// `/task-runs/{id}`
pub async fn page(cx: Cx, id: String) -> Response {
    cx.answer(async |cx| {
        let id = self::id(&id)?;
        let task = cx.client.inspect_task_run(id).await?;
        let flow_run = task.flow_run.to_string();
        let details = cx
            .client
            .inspect_run(&flow_run, InspectRun::default())
            .await?;
        let workers = workers(cx, &details).await?;
        let run = details.run;
        let entry = entry(cx, &task).await?;
        let (lines, is_more) = lines_of_task(cx, &run, id).await?;
        let call = match entry.as_ref().map(|entry| &entry.call) {
            Some(CallView::Task(call)) => Some(call),
            _ => None,
        };
        let mut pairs = vec![
            Pair::new("Position in the journal", task.seq.to_string()).to(format!(
                "/flow-runs/{flow_run}?tab=journal#seq-{}",
                task.seq
            )),
        ];
        if !task.tags.is_empty() {
            pairs.push(Pair::new("Tags", task.tags.join(", ")));
        }
        if let Some(call) = call {
            let options = serde_json::to_string(&call.options).unwrap_or_default();
            pairs.push(Pair::new("Options", options));
        }
        let all = format!("/flow-runs/{flow_run}?tab=logs&task_run={id}");
        Ok(rendered(&Page {
            shell: shell(cx, &task),
            id: task.id.to_string(),
            short_id: short_id(&task.id.to_string()),
            name: task.name.clone(),
            task: task.task.to_string(),
            crumbs: vec![
                Link::new(
                    run.flow.to_string(),
                    format!("/flow-runs?flow={}", run.flow),
                ),
                Link::new(run.name.to_string(), format!("/flow-runs/{flow_run}")),
            ],
            state: Shown::from(&task.state),
            took: cx.now.span(task.started, task.ended),
            attempt: task.attempt,
            failure: failure(&task),
            attempts: attempts(cx, &task, &workers),
            arguments: call.map_or_else(Vec::new, |call| {
                arguments(&flow_run, &task, &call.arguments)
            }),
            result: entry.and_then(|entry| result(&task, &entry)),
            pairs,
            lines,
            all_lines: is_more.then_some(all),
        }))
    })
    .await
}

fn shell(cx: &Cx, task: &TaskRunView) -> Shell {
    Shell {
        live: true,
        copy_id: Some(task.id.to_string()),
        command: Some(format!(
            "orch-host task-run ls --flow-run {}",
            task.flow_run
        )),
        json: Some(format!("/v1/task-runs/{}", task.id)),
        ..cx.shell(format!("{} {}", task.name, task.state.name))
    }
}

/// The call that it answers, if its attempt of the flow is the present one.
async fn entry(cx: &Cx, task: &TaskRunView) -> Answered<Option<EntryView>> {
    let query = JournalQuery {
        limit: Some(1),
        after: Some(task.seq.0.saturating_sub(1)),
        ..JournalQuery::default()
    };
    let page = cx
        .client
        .run_journal(&task.flow_run.to_string(), query)
        .await?;
    let mine = |entry: &EntryView| match &entry.answer {
        operations::view::AnswerView::TaskRun { id } => *id == task.id,
        _ => false,
    };
    Ok(page.items.into_iter().find(mine))
}

fn failure(task: &TaskRunView) -> Option<Failure> {
    if !matches!(task.state.kind.as_ref(), "FAILED" | "CRASHED") {
        return None;
    }
    Some(Failure {
        title: task.state.name.clone(),
        text: first_chars(task.state.message.as_deref().unwrap_or_default(), 4_000),
    })
}

/// Each time that it ran, and how that ended. `workers`: those that have had its flow run.
fn attempts(cx: &Cx, task: &TaskRunView, workers: &[PastWorkerView]) -> Vec<Attempt> {
    let name = |id: WorkerId| {
        let known = workers.iter().find(|worker| worker.id == id);
        let name = known.and_then(|worker| worker.name.clone());
        name.unwrap_or_else(|| id.to_string())
    };
    let attempts = task.attempts.iter().map(|attempt| Attempt {
        number: attempt.number,
        state: result_shown(attempt),
        started: Some(cx.now.when(attempt.started)),
        took: cx.now.span(Some(attempt.started), attempt.ended),
        worker: attempt.worker.map(name).unwrap_or_default(),
        cause: match &attempt.failure {
            Some(failure) => first_chars(&failure.message, 500),
            None => String::new(),
        },
    });
    attempts.collect()
}

fn result_shown(attempt: &TaskAttemptView) -> Shown {
    let (slug, name) = match (attempt.result.as_ref(), &attempt.failure) {
        ("running", _) => ("running", "Running"),
        ("succeeded", _) => ("completed", "Completed"),
        ("lost", _) => ("crashed", "Lost"),
        (_, Some(failure)) if failure.kind == "timed-out" => ("failed", "TimedOut"),
        (_, Some(failure)) if failure.kind == "crashed" => ("crashed", "Crashed"),
        (_, Some(failure)) if failure.kind == "cancelled" => ("cancelled", "Cancelled"),
        _ => ("failed", "Failed"),
    };
    Shown {
        slug: slug.to_owned(),
        name: name.to_owned(),
    }
}

/// The workers that have had the flow run of a task, or the run around that.
async fn workers(cx: &Cx, details: &FlowRunDetailsView) -> Answered<Vec<PastWorkerView>> {
    let around = match details.run.within {
        Some(root) => Some(cx.client.run_history(&root.to_string()).await?),
        None => None,
    };
    let history = around.as_ref().unwrap_or(&details.history);
    let workers = history.iter().filter_map(|line| line.worker.clone());
    Ok(workers.collect())
}

fn arguments(
    flow_run: &str,
    task: &TaskRunView,
    given: &[(String, ArgumentView)],
) -> Vec<Argument> {
    let to = |seq: u64| format!("/flow-runs/{flow_run}?tab=journal#seq-{seq}");
    let argument = |(name, given): &(String, ArgumentView)| match given {
        ArgumentView::Value(value) => Argument {
            name: name.clone(),
            value: Some(Value::json(
                value,
                format!(
                    "/task-runs/{}/arguments/{}",
                    task.id,
                    super::query::segment(name)
                ),
                "argument.json",
            )),
            link: None,
        },
        ArgumentView::ResultOf(seq) => Argument {
            name: name.clone(),
            value: None,
            link: Some(Link::new(format!("result of call {seq}"), to(seq.0))),
        },
        ArgumentView::ResultsOf(seqs) => Argument {
            name: name.clone(),
            value: None,
            link: seqs
                .first()
                .map(|first| Link::new(format!("results of {} calls", seqs.len()), to(first.0))),
        },
    };
    given.iter().map(argument).collect()
}

fn result(task: &TaskRunView, entry: &EntryView) -> Option<Value> {
    match &entry.settled {
        Some((_, SettlementView::Task(OutcomeView::Ok(value)))) => Some(Value::json(
            value,
            format!("/task-runs/{}/result.json", task.id),
            "result.json",
        )),
        _ => None,
    }
}

/// The whole result, once it has completed.
pub async fn result_of(cx: &Cx, id: TaskRunId) -> Answered<Option<Json>> {
    let task = cx.client.inspect_task_run(id).await?;
    let entry = entry(cx, &task).await?;
    Ok(match entry.and_then(|entry| entry.settled) {
        Some((_, SettlementView::Task(OutcomeView::Ok(value)))) => Some(value),
        _ => None,
    })
}

/// A whole argument.
pub async fn argument_of(cx: &Cx, id: TaskRunId, name: &str) -> Answered<Option<Json>> {
    let task = cx.client.inspect_task_run(id).await?;
    let Some(EntryView {
        call: CallView::Task(call),
        ..
    }) = entry(cx, &task).await?
    else {
        return Ok(None);
    };
    let mut arguments = call.arguments.into_iter();
    let found = arguments.find(|(given, _)| given == name);
    Ok(found.and_then(|(_, argument)| match argument {
        ArgumentView::Value(value) => Some(value),
        ArgumentView::ResultOf(_) | ArgumentView::ResultsOf(_) => None,
    }))
}

/// The id that an address names.
pub fn id(text: &str) -> Answered<TaskRunId> {
    text.parse().map_err(|_| {
        let detail = format!("`{text}` is not the id of a task run");
        Problem::new(ProblemKind::NotFound, detail)
    })
}
