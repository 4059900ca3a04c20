//! Flow runs and what belongs to them, from the store.

use std::time::Duration;

use async_trait::async_trait;
use model::{Entry, FlowRun, Ids as _, Json, QueueName, Seq, StateType, TaskRunId, Timestamp};
use orchestrator::Start;
use store::{NewRun, RunFilter, StateFilter, TaskRunFilter};

use super::catalog::tidied;
use super::cursor::{self, Order, part, request};
use super::local::LocalClient;
use super::page::Page;
use super::requests::{
    InspectRun, JournalQuery, LIMIT_DEFAULT, LIMIT_MAX, ListOrder, LogQuery, RetryRun, RunQuery,
    StartRun, TaskRunQuery, TimelineQuery,
};
use super::{Answered, RunsClient, StartedRun};
use crate::control::{self, ControlRefusal};
use crate::elsewhere::elsewhere;
use crate::problem::{Problem, ProblemKind};
use crate::start::{self, Startable, Started};
use crate::timeline::{self, GROUP_PAGE, Wish};
use crate::view::{
    EntryView, FlowRunDetailsView, FlowRunView, HistoryLineView, InputView, LogView, TaskRunView,
    TimelineView, views,
};
use crate::{FreshIds, inputs, inspect, resolve};

#[async_trait]
impl RunsClient for LocalClient {
    async fn list_runs(&self, query: RunQuery) -> Answered<Page<FlowRunView>> {
        let filter = self.run_filter(&query).await?;
        let order = order(query.order.unwrap_or_default());
        let mut page = request(query.limit, query.cursor.as_deref(), order)?;
        if !query.values.unwrap_or(false) {
            page = page.without_values();
        }
        Ok(Page::of(self.store.flow_runs(&filter, &page).await?))
    }

    async fn inspect_run(&self, run: &str, query: InspectRun) -> Answered<FlowRunDetailsView> {
        let tasks_max = query.task_runs.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX);
        let run = self.run(run).await?;
        let details = inspect::run(&*self.store, run, tasks_max, query.journal);
        Ok(details.await?.into())
    }

    async fn start_run(&self, deployment: &str, start: StartRun) -> Answered<StartedRun> {
        let mut started = self.start_runs(deployment, vec![start]).await?;
        Ok(started.remove(0))
    }

    async fn start_runs(
        &self,
        deployment: &str,
        starts: Vec<StartRun>,
    ) -> Answered<Vec<StartedRun>> {
        let deployment = resolve::deployment(&*self.store, deployment).await?;
        let mut queues: Vec<&QueueName> = starts
            .iter()
            .filter_map(|start| start.work_queue.as_ref())
            .collect();
        queues.sort_unstable();
        queues.dedup();
        for queue in queues {
            resolve::queue(&*self.store, &deployment.pool, queue).await?;
        }
        let startable = Startable::of_deployment(&*self.store, deployment).await?;
        let now = self.store.clock().now();
        let are_light = starts.iter().all(|start| is_light(&startable, start));
        let new = move || {
            let new = starts.into_iter();
            let new = new.map(|start| new_run(&startable, start, now));
            new.collect::<Answered<Vec<_>>>()
        };
        let new = if are_light {
            new()?
        } else {
            elsewhere(new).await?
        };
        let started = start::create_all(&*self.store, new).await?;
        let started = started
            .into_iter()
            .map(|Started { run, is_new }| StartedRun {
                run: run.into(),
                is_new,
            });
        Ok(started.collect())
    }

    async fn cancel_run(&self, run: &str) -> Answered<FlowRunView> {
        let run = self.run(run).await?;
        match control::cancel(&*self.store, &run).await {
            Ok(_) => self.as_it_is(&run).await,
            Err(ControlRefusal::Over { state, .. }) if state.kind == StateType::Cancelled => {
                self.as_it_is(&run).await
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    async fn pause_run(&self, run: &str) -> Answered<FlowRunView> {
        let run = self.run(run).await?;
        Ok(control::pause(&*self.store, &run).await?.into())
    }

    async fn resume_run(&self, run: &str) -> Answered<FlowRunView> {
        let run = self.run(run).await?;
        Ok(control::resume(&*self.store, &run).await?.into())
    }

    async fn retry_run(&self, run: &str, retry: RetryRun) -> Answered<FlowRunView> {
        let run = self.run(run).await?;
        let retried = control::retry(&*self.store, &run, retry.from_scratch);
        Ok(retried.await?.into())
    }

    async fn delete_run(&self, run: &str) -> Answered<()> {
        let run = self.run(run).await?;
        Ok(control::delete(&*self.store, &run).await?)
    }

    async fn run_inputs(&self, run: &str) -> Answered<Vec<InputView>> {
        let run = self.run(run).await?;
        Ok(views(self.store.awaited_inputs(run.id).await?))
    }

    async fn give_input(&self, run: &str, key: Option<&str>, value: Json) -> Answered<()> {
        let run = self.run(run).await?;
        let input = inputs::choose(&*self.store, &run, key).await?;
        Ok(inputs::give(&*self.store, &run, &input, value).await?)
    }

    async fn run_logs(&self, run: &str, query: LogQuery) -> Answered<Page<LogView>> {
        let run = self.run(run).await?;
        let filter = query.filter(run.id);
        let order = order(query.order.unwrap_or(ListOrder::OldestFirst));
        let page = request(query.limit, query.cursor.as_deref(), order)?;
        let lines = self.store.logs(&filter, &page).await?;
        Ok(Page::of(lines.map(|(_, line)| line)))
    }

    async fn run_history(&self, run: &str) -> Answered<Vec<HistoryLineView>> {
        let run = self.run(run).await?;
        Ok(views(self.store.history(run.id).await?))
    }

    async fn run_timeline(&self, run: &str, query: TimelineQuery) -> Answered<TimelineView> {
        let run = self.run(run).await?;
        let wish = wish(&query);
        let story = timeline::read(&*self.store, run, &wish).await?;
        Ok(timeline::timeline(&story, &wish).into())
    }

    async fn run_journal(&self, run: &str, query: JournalQuery) -> Answered<Page<EntryView>> {
        let run = self.run(run).await?;
        let scope = run.id.to_string();
        let key = |entry: &Entry| format!("{:020}", entry.seq.0);
        let place = cursor::place(&query, &scope)?.and_then(|place| place.parse().ok());
        let after = place.max(query.after).map(Seq);
        // One more tells whether there is more.
        let count = cursor::limit(&query)? + 1;
        // A subflow's calls stand in the journal of the run it is part of.
        let whole = run.within.unwrap_or(run.id);
        let journal = self.store.journal_part(whole, after, count).await?;
        part(&query, &scope, journal, Order::Up, key)
    }

    async fn list_task_runs(&self, query: TaskRunQuery) -> Answered<Page<TaskRunView>> {
        let flow_run = match &query.flow_run {
            Some(text) => Some(self.run(text).await?.id),
            None => None,
        };
        let filter = TaskRunFilter {
            flow_run,
            states: states(&query.state)?,
            tasks: query.task,
            text: query.text,
        };
        let order = order(query.order.unwrap_or_default());
        let page = request(query.limit, query.cursor.as_deref(), order)?;
        Ok(Page::of(self.store.task_runs(&filter, &page).await?))
    }

    async fn inspect_task_run(&self, id: TaskRunId) -> Answered<TaskRunView> {
        let mut found = self.store.task_runs_by_id(&[id]).await?;
        let missing = || {
            Problem::new(ProblemKind::NotFound, format!("there is no task run {id}"))
                .hint("`orch-host task-run ls` lists those there are")
        };
        Ok(found.pop().ok_or_else(missing)?.into())
    }
}

fn order(order: ListOrder) -> store::Order {
    match order {
        ListOrder::NewestFirst => store::Order::NewestFirst,
        ListOrder::OldestFirst => store::Order::OldestFirst,
    }
}

fn states(words: &[String]) -> Answered<Vec<StateFilter>> {
    let states = words.iter().map(|word| {
        word.parse().map_err(|reason: String| {
            let words: Vec<_> = StateFilter::words().collect();
            Problem::new(ProblemKind::InvalidQuery, reason)
                .hint(format!("write one of {}", words.join(", ")))
        })
    });
    states.collect()
}

impl LocalClient {
    pub(super) async fn run_filter(&self, query: &RunQuery) -> Answered<RunFilter> {
        let parent = match &query.parent {
            Some(text) => Some(self.run(text).await?.id),
            None => None,
        };
        Ok(RunFilter {
            states: states(&query.state)?,
            flows: query.flow.clone(),
            deployments: query.deployment.clone(),
            pools: query.pool.clone(),
            tags: query.tag.clone(),
            parent,
            since: query.since,
            until: query.until,
            text: query.text.clone(),
        })
    }

    async fn as_it_is(&self, run: &FlowRun) -> Answered<FlowRunView> {
        let found = self.store.flow_run(run.id).await?;
        Ok(found.unwrap_or_else(|| run.clone()).into())
    }
}

/// How far ahead a run may be planned: a hundred years.
const AHEAD_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

fn is_light(startable: &Startable, start: &StartRun) -> bool {
    let given = start.parameters.as_ref();
    given.is_none_or(|given| startable.is_light(given))
}

fn new_run(startable: &Startable, start: StartRun, now: Timestamp) -> Answered<NewRun> {
    let parameters = match &start.parameters {
        Some(parameters) => tidied(parameters)?,
        None => Json::empty_object(),
    };
    if start.idempotency_key.as_deref() == Some("") {
        let detail = "an idempotency key cannot be empty";
        return Err(Problem::new(ProblemKind::InvalidRequest, detail)
            .hint("leave it out, or send the same key each time the same request is repeated")
            .at("/idempotency_key", detail));
    }
    if let Some(at) = start.scheduled.filter(|at| at.since(now) > AHEAD_MAX) {
        let detail = format!("{at} is more than a hundred years from now");
        return Err(Problem::new(ProblemKind::InvalidRequest, detail.clone())
            .hint("a run starts within a hundred years: check the unit and the year")
            .at("/scheduled", detail));
    }
    let wished = Start {
        name: start.name.unwrap_or_else(|| FreshIds.run_name()),
        tags: start.tags,
        scheduled: start.scheduled.unwrap_or(now),
        work_queue: start.work_queue,
        priority: start.priority,
        ..Start::now(&mut FreshIds, parameters, now)
    };
    Ok(NewRun {
        run: startable.run(wished, now)?,
        idempotency_key: start.idempotency_key,
        instead_of: None,
        reserved_for: None,
    })
}

fn wish(query: &TimelineQuery) -> Wish {
    let shown = query.shown.map_or(GROUP_PAGE, |shown| shown as usize);
    Wish {
        attempt: query.attempt,
        from: query.from,
        to: query.to,
        show: query.show.unwrap_or_default(),
        fold: query.fold.unwrap_or(true),
        opened: query.open.iter().map(|key| (*key, shown)).collect(),
        skip: query.skip.unwrap_or(0) as usize,
        ..Wish::default()
    }
}
