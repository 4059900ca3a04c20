//! Flow runs and what belongs to them, from the store.

use async_trait::async_trait;
use model::{FlowRun, Ids as _, Json, LogLevel, State, StateType, Timestamp};
use orchestrator::Start;
use store::{LogCursor, LogFilter, NewRun, RunFilter, TaskRunFilter};

use super::catalog::tidied;
use super::cursor::{Order, cursor_at, limit, part, place_of};
use super::local::LocalClient;
use super::page::Page;
use super::requests::{
    InspectRun, JournalQuery, LIMIT_DEFAULT, LIMIT_MAX, LogQuery, RetryRun, RunQuery, StartRun,
    TaskRunQuery,
};
use super::{Answered, RunsClient, StartedRun};
use crate::control::{self, ControlRefusal};
use crate::start::{self, Startable, Started};
use crate::view::{
    EntryView, FlowRunDetailsView, FlowRunView, InputView, LogView, StateView, TaskRunView, views,
};
use crate::{FreshIds, inputs, inspect, resolve};

#[async_trait]
impl RunsClient for LocalClient {
    async fn list_runs(&self, query: RunQuery) -> Answered<Page<FlowRunView>> {
        let limit = limit(&query)?;
        let parent = match &query.parent {
            Some(text) => Some(self.run(text).await?.id),
            None => None,
        };
        let filter = RunFilter {
            states: query.state,
            flow: query.flow,
            deployment: query.deployment,
            pool: query.pool,
            parent,
            tag: query.tag,
            count: limit,
        };
        Ok(Page::all(self.store.flow_runs(filter).await?))
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
        let startable = Startable::of_deployment(&*self.store, deployment).await?;
        let now = self.store.clock().now();
        let new = starts
            .into_iter()
            .map(|start| new_run(&startable, start, now));
        let new = new.collect::<Answered<Vec<_>>>()?;
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
        let scope = run.id.to_string();
        let limit = limit(&query)?;
        let after = place_of(&query, &scope)?.map_or(LogCursor::default(), LogCursor);
        let filter = LogFilter {
            runs: vec![run.id],
            after,
            level_min: query.level.unwrap_or(LogLevel::Trace),
            count: limit,
        };
        let lines = self.store.logs(filter).await?;
        let last = lines.last().map_or(after, |(cursor, _)| *cursor);
        let is_end = run.state.kind.is_terminal() && lines.len() < limit as usize;
        Ok(Page {
            next: (!is_end).then(|| cursor_at(&query, &scope, last.0)),
            items: views(lines.into_iter().map(|(_, line)| line)),
        })
    }

    async fn run_history(&self, run: &str) -> Answered<Vec<StateView>> {
        let run = self.run(run).await?;
        Ok(views::<State, _>(self.store.history(run.id).await?))
    }

    async fn run_journal(&self, run: &str, query: JournalQuery) -> Answered<Page<EntryView>> {
        let run = self.run(run).await?;
        // A subflow's calls stand in the journal of the run it is part of.
        let journal = self.store.journal(run.within.unwrap_or(run.id)).await?;
        part(&query, journal, Order::Up, |entry| {
            format!("{:020}", entry.seq.0)
        })
    }

    async fn list_task_runs(&self, query: TaskRunQuery) -> Answered<Page<TaskRunView>> {
        let flow_run = match &query.flow_run {
            Some(text) => Some(self.run(text).await?.id),
            None => None,
        };
        let filter = TaskRunFilter {
            flow_run,
            states: query.state.clone(),
            count: limit(&query)?,
        };
        Ok(Page::all(self.store.task_runs(filter).await?))
    }
}

impl LocalClient {
    async fn as_it_is(&self, run: &FlowRun) -> Answered<FlowRunView> {
        let found = self.store.flow_run(run.id).await?;
        Ok(found.unwrap_or_else(|| run.clone()).into())
    }
}

fn new_run(startable: &Startable, start: StartRun, now: Timestamp) -> Answered<NewRun> {
    let parameters = match &start.parameters {
        Some(parameters) => tidied(parameters)?,
        None => Json::empty_object(),
    };
    let wished = Start {
        name: start.name.unwrap_or_else(|| FreshIds.run_name()),
        tags: start.tags,
        scheduled: start.scheduled.unwrap_or(now),
        work_queue: start.work_queue,
        ..Start::now(&mut FreshIds, parameters, now)
    };
    Ok(NewRun {
        run: startable.run(wished, now)?,
        idempotency_key: start.idempotency_key,
        reserved_for: None,
    })
}
