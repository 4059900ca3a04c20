//! Flow runs that a filter lets through.

use super::query::Query;
use super::walk::{self, Found, Part, Span};
use crate::columns::{ToColumn, Value};
use crate::error::Pg;
use crate::origins;
use crate::rows::{flow_run, flow_run_columns, select_flow_run};
use crate::sql::{Conn, params};
use crate::texts;
use model::{FlowRun, IdPrefix, LATE_AFTER, StateName, StateType, Timestamp};
use orchestrator::lifecycle::OriginKey;
use store::texts::{TRIES_MAX, Texts};
use store::{Count, Cursor, Page, PageRequest, RunFilter, StateFilter, StoreError, Values};

/// So many digits of an id are no part of a name by chance.
const ID_DIGITS_MIN: usize = 8;

pub(crate) async fn flow_runs(
    conn: &impl Conn,
    filter: &RunFilter,
    request: &PageRequest,
    now: Timestamp,
) -> Pg<Page<FlowRun>> {
    let print = filter.fingerprint();
    let part = Part::of(request, print)?;
    let found_by = found_by(conn, filter).await?;
    let mut query = Query::new(match request.values {
        Values::Whole => concat!(
            "SELECT ",
            flow_run_columns!("s.parameters", "r.outcome"),
            " FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no"
        ),
        Values::LeftOut => concat!(
            "SELECT ",
            flow_run_columns!("'{}'::text", "NULL::text"),
            " FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no"
        ),
    });
    restrict(&mut query, filter, &found_by, now);
    let found = look(conn, &part, found_by.span, &query).await?;
    let searched_to = match found.next {
        Some(place) => {
            conn.first(
                "SELECT created FROM flow_run_specs WHERE no <= $1 ORDER BY no DESC LIMIT 1",
                params![place],
                |row| row.get(0),
            )
            .await?
        }
        None => None,
    };
    Ok(Page {
        searched_to,
        next: found.cursor(print),
        items: found.items.into_iter().map(|(_, run)| run).collect(),
        newest: Cursor::new(print, found_by.newest),
    })
}

/// Runs with their texts. If one is gone, so is its run by now, and it is looked once more.
async fn look(conn: &impl Conn, part: &Part, span: Span, query: &Query) -> Pg<Found<FlowRun>> {
    let mut texts = Texts::default();
    let mut tries = 0;
    loop {
        tries += 1;
        let Found { items, next } = walk::look(conn, part, span, query, "r.no", flow_run).await?;
        let items = items.into_iter().map(|(no, run)| run.map(|run| (no, run)));
        match texts::filled(conn, items.collect(), &mut texts).await? {
            Ok(items) => return Ok(Found { items, next }),
            Err(gone) if tries == TRIES_MAX => return Err(StoreError::from(gone).into()),
            Err(_) => {}
        }
    }
}

pub(crate) async fn count_runs(
    conn: &impl Conn,
    filter: &RunFilter,
    max: u64,
    now: Timestamp,
) -> Pg<Count> {
    let found_by = found_by(conn, filter).await?;
    let mut query = Query::new("SELECT 1 FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no");
    restrict(&mut query, filter, &found_by, now);
    walk::count(conn, found_by.span, &query, "r.no", 0, max).await
}

/// What runs are found by.
struct FoundBy {
    span: Span,
    newest: i64,
    origins: Option<Vec<OriginKey>>,
    /// The bounds of an id that some run has.
    is_id: bool,
}

async fn found_by(conn: &impl Conn, filter: &RunFilter) -> Pg<FoundBy> {
    let newest: i64 = conn
        .need(
            "SELECT coalesce(max(no), 0) FROM flow_runs",
            params![],
            |row| row.get(0),
        )
        .await?;
    let is_of = !filter.flows.is_empty() || !filter.deployments.is_empty();
    let origins = if is_of {
        Some(origins::among(conn, &filter.flows, &filter.deployments).await?)
    } else {
        None
    };
    let kinds: Option<Vec<StateType>> = filter.states.iter().map(StateFilter::kind).collect();
    let kinds = kinds.unwrap_or_default();
    let all = |is: fn(&StateType) -> bool| !kinds.is_empty() && kinds.iter().all(is);
    let is_id = is_id(conn, filter).await?;
    let is_found_by_index = filter.parent.is_some()
        || is_id
        || origins.is_some()
        || all(|kind| kind.is_terminal() && *kind != StateType::Completed)
        || all(|kind| !kind.is_terminal());
    let (oldest, until) = of_times(conn, filter).await?;
    Ok(FoundBy {
        span: Span {
            oldest,
            newest: newest.min(until),
            is_found_by_index,
        },
        newest,
        origins,
        is_id,
    })
}

/// The numbers between which the runs of these times are: runs get their numbers about when they
/// are created, and a block of the index says when its first and last were.
async fn of_times(conn: &impl Conn, filter: &RunFilter) -> Pg<(i64, i64)> {
    if filter.since.is_none() && filter.until.is_none() {
        return Ok((1, i64::MAX));
    }
    conn.need(
        "SELECT coalesce(min(no), 1), coalesce(max(no), 0) FROM flow_run_specs
         WHERE created >= coalesce($1, -9223372036854775808)
           AND created < coalesce($2, 9223372036854775807)",
        params![filter.since, filter.until],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .await
}

/// Whether some run's id begins with the text, if that is long enough.
async fn is_id(conn: &impl Conn, filter: &RunFilter) -> Pg<bool> {
    let text = filter.text.as_deref().unwrap_or_default();
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let bounds = IdPrefix(text.to_owned()).bounds();
    let Some((low, high)) = bounds.filter(|_| digits >= ID_DIGITS_MIN) else {
        return Ok(false);
    };
    conn.any(
        "SELECT 1 FROM flow_runs WHERE id BETWEEN $1 AND $2 LIMIT 1",
        params![low, high],
    )
    .await
}

fn restrict(query: &mut Query, filter: &RunFilter, found_by: &FoundBy, now: Timestamp) {
    restrict_states(query, &filter.states, now);
    query.only_among("r.pool", &filter.pools);
    if let Some(origins) = &found_by.origins {
        query.only(
            "r.origin = ANY(?)",
            params![crate::columns::List(origins.as_slice())],
        );
    }
    if let Some(parent) = filter.parent {
        query.only("s.parent = ?", params![parent]);
    }
    if let Some(since) = filter.since {
        query.only("s.created >= ?", params![since]);
    }
    if let Some(until) = filter.until {
        query.only("s.created < ?", params![until]);
    }
    if let Some(text) = &filter.text {
        match IdPrefix(text.clone()).bounds() {
            Some((low, high)) if found_by.is_id => {
                query.only("r.id BETWEEN ? AND ?", params![low, high]);
            }
            _ => query.only_text("s.name", "r.id", text),
        }
    }
    if !filter.tags.is_empty() {
        query.only(
            "s.tags IS NOT NULL AND EXISTS (
                 SELECT 1 FROM json_array_elements_text(s.tags::json) t WHERE t = ANY(?))",
            params![crate::columns::List(&filter.tags)],
        );
    }
}

/// As they are shown: a run that is late is stored as scheduled.
fn restrict_states(query: &mut Query, states: &[StateFilter], now: Timestamp) {
    const IS_LATE: &str = "(r.state = 'SCHEDULED' AND r.state_name = 'Scheduled'
        AND greatest(s.scheduled, r.state_at) <= ?)";
    if states.is_empty() {
        return;
    }
    let late_since = now.before(LATE_AFTER);
    let mut any: Vec<String> = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut kinds: Vec<StateType> = Vec::new();
    for state in states {
        match state {
            StateFilter::Type(kind) => kinds.push(*kind),
            StateFilter::Name(name) if *name == StateName::LATE => {
                any.push(IS_LATE.to_owned());
                values.push(late_since.to_column());
            }
            StateFilter::Name(name) => {
                any.push(format!("(r.state_name = ? AND NOT {IS_LATE})"));
                values.push(name.to_column());
                values.push(late_since.to_column());
            }
        }
    }
    if !kinds.is_empty() {
        any.push("r.state = ANY(?)".to_owned());
        values.push(crate::columns::List(&kinds).to_column());
    }
    query.only(&format!("({})", any.join(" OR ")), values);
    // What the partial indexes are of.
    let kinds: Option<Vec<StateType>> = states.iter().map(StateFilter::kind).collect();
    let kinds = kinds.unwrap_or_default();
    if !kinds.is_empty() && kinds.iter().all(|kind| !kind.is_terminal()) {
        query.only("r.ended IS NULL", Vec::new());
    } else if kinds
        .iter()
        .all(|kind| kind.is_terminal() && *kind != StateType::Completed)
    {
        query.only("r.state IN ('FAILED', 'CRASHED', 'CANCELLED')", Vec::new());
    }
}

pub(crate) async fn failed(conn: &impl Conn, since: Timestamp, count: u32) -> Pg<Vec<FlowRun>> {
    texts::all(
        conn,
        select_flow_run!(
            "WHERE r.state IN ('FAILED', 'CRASHED') AND r.pool IS NOT NULL AND r.ended >= $1
             ORDER BY r.ended DESC, r.no DESC LIMIT $2"
        ),
        params![since, count],
        flow_run,
    )
    .await
}

pub(crate) async fn count_failed(conn: &impl Conn, since: Timestamp, max: u64) -> Pg<Count> {
    let found: u64 = conn
        .need(
            "SELECT count(*) FROM (
                 SELECT 1 FROM flow_runs
                 WHERE state IN ('FAILED', 'CRASHED') AND pool IS NOT NULL AND ended >= $1
                 LIMIT $2
             ) f",
            params![since, max + 1],
            |row| row.get(0),
        )
        .await?;
    Ok(Count::up_to(max, found))
}
