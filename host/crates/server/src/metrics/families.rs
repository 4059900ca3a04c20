//! All figures, as text.

use std::sync::atomic::AtomicU64;

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use model::WorkerUsage;
use operations::problem::Problem;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use store::WriterFigures;

use super::memory::resident_bytes;
use super::runs::{RunFigures, read};
use crate::app::App;
use crate::web::Refused;

const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

type Labels = Vec<(&'static str, String)>;
type Seconds = Counter<f64, AtomicU64>;
type Amount = Gauge<f64, AtomicU64>;

/// Everything, now.
pub async fn scrape(app: &App) -> Result<Response, Refused> {
    let runs = read(&*app.store, app.now()).await?;
    let mut registry = Registry::with_prefix("orch");
    add_runs(&mut registry, &runs);
    add_pools(&mut registry, &runs);
    add_writer(&mut registry, app.store.writer_figures());
    add_process(&mut registry, app);
    app.metrics.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|err| Problem::internal(err.to_string()))?;
    Ok(([(CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

fn add_runs(registry: &mut Registry, runs: &RunFigures) {
    let unfinished = Family::<Labels, Amount>::default();
    for (state, count) in &runs.unfinished {
        let labels = vec![("state", state.as_str().to_owned())];
        unfinished.get_or_create(&labels).set(*count as f64);
    }
    registry.register(
        "flow_runs_unfinished",
        "Flow runs that have not ended, by state; up to 10000 of each are counted",
        unfinished,
    );
    let (ended, seconds) = (
        Family::<Labels, Counter>::default(),
        Family::<Labels, Seconds>::default(),
    );
    for ((flow, state), tallied) in &runs.ended {
        let labels = vec![("flow", flow.clone()), ("state", state.as_str().to_owned())];
        ended.get_or_create(&labels).inc_by(tallied.count);
        seconds
            .get_or_create(&labels)
            .inc_by(tallied.total_ms as f64 / 1000.0);
    }
    registry.register(
        "flow_runs_ended",
        "Flow runs that have ended, by flow and state",
        ended,
    );
    registry.register(
        "flow_run_duration_seconds",
        "How long the last attempts of ended flow runs took together, by flow and state",
        seconds,
    );
    let late = Amount::default();
    late.set(runs.late_s);
    registry.register(
        "flow_run_lateness_seconds",
        "How long the flow run that waits longest has waited since it should have started",
        late,
    );
}

fn add_pools(registry: &mut Registry, runs: &RunFigures) {
    let depth = Family::<Labels, Amount>::default();
    let (workers, limit) = (
        Family::<Labels, Amount>::default(),
        Family::<Labels, Amount>::default(),
    );
    for pool in &runs.pools {
        let name = || ("pool", pool.pool.name.to_string());
        for (what, count) in [
            ("active", pool.active),
            ("ready", pool.ready),
            ("scheduled", pool.scheduled),
        ] {
            let labels = vec![name(), ("what", what.to_owned())];
            depth.get_or_create(&labels).set(count as f64);
        }
        workers
            .get_or_create(&vec![name()])
            .set(pool.workers as f64);
        if let Some(max) = pool.pool.limit {
            limit.get_or_create(&vec![name()]).set(max.into());
        }
    }
    registry.register(
        "work_pool_flow_runs",
        "Flow runs of a work pool that hold a slot, could start now, or are scheduled for later",
        depth,
    );
    registry.register(
        "work_pool_workers",
        "Workers of a work pool that are alive",
        workers,
    );
    registry.register(
        "work_pool_limit",
        "Flow runs of a work pool that may hold a slot at once, if there is a limit",
        limit,
    );
}

fn add_writer(registry: &mut Registry, figures: WriterFigures) {
    let mut add = |name: &str, help: &str, value: u64| {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    };
    add(
        "writer_batches",
        "Transactions that the writer of this process has committed",
        figures.batches,
    );
    add(
        "writer_writes",
        "Writes in the transactions that the writer of this process has committed",
        figures.writes,
    );
    add(
        "writer_failed_batches",
        "Transactions that could not be committed",
        figures.failed,
    );
    let busy = Seconds::default();
    busy.inc_by(figures.busy_us as f64 / 1e6);
    registry.register(
        "writer_busy_seconds",
        "How long the transactions took together",
        busy,
    );
}

fn add_process(registry: &mut Registry, app: &App) {
    if let Some(bytes) = resident_bytes() {
        let resident = Amount::default();
        resident.set(bytes as f64);
        registry.register(
            "process_resident_memory_bytes",
            "Memory of this process",
            resident,
        );
    }
    if let Some(usage) = &app.usage {
        add_usage(registry, &usage());
    }
}

fn add_usage(registry: &mut Registry, usage: &WorkerUsage) {
    let (used, room) = (
        Family::<Labels, Amount>::default(),
        Family::<Labels, Amount>::default(),
    );
    for (kind, of_kind) in [("flow", usage.flows), ("task", usage.tasks)] {
        let labels = vec![("kind", kind.to_owned())];
        used.get_or_create(&labels).set(of_kind.used as f64);
        room.get_or_create(&labels).set(of_kind.limit as f64);
    }
    registry.register(
        "instances",
        "Instances of components that are alive in this process",
        used,
    );
    registry.register(
        "instances_limit",
        "Instances of components that may be alive at once in this process",
        room,
    );
    let mut add = |name, help, bytes: u64| {
        let amount = Amount::default();
        amount.set(bytes as f64);
        registry.register(name, help, amount);
    };
    let memory = usage.memory;
    add(
        "guest_memory_bytes",
        "Memory that all guests of this process use, with what they make the host hold",
        memory.used,
    );
    add(
        "guest_memory_peak_bytes",
        "The most memory that all guests of this process have used at once",
        usage.memory_peak,
    );
    add(
        "guest_memory_limit_bytes",
        "Memory that all guests of this process may use together",
        memory.limit,
    );
}
