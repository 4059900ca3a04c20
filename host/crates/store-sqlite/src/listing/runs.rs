//! Flow runs that a filter lets through.

use rusqlite::Connection;

use super::filter::{only_among, only_text, texts};
use super::page::{self, Found, Part, Patience, newest_run};
use super::source::{Source, Which, walk};
use crate::columns::{AsJson, ToColumn};
use crate::query::Query;
use crate::rows::{flow_run, flow_run_columns, select_flow_run, unsigned};
use crate::sql::{Sql, params};
use crate::{blocks, origins, texts};
use model::{FlowRun, IdPrefix, LATE_AFTER, RunId, StateName, StateType, Timestamp};
use orchestrator::lifecycle::RunKey;
use store::{Count, Cursor, Page, PageRequest, RunFilter, StateFilter, StoreResult, Values};

/// So many runs that have not ended are looked up, where all of them are candidates.
const UNFINISHED_MAX: usize = 10_000;

/// So many digits of an id are no part of a name by chance.
const ID_DIGITS_MIN: usize = 8;

pub(crate) fn flow_runs(
    conn: &Connection,
    patience: Patience,
    filter: &RunFilter,
    request: &PageRequest,
    now: Timestamp,
) -> StoreResult<Page<FlowRun>> {
    let print = filter.fingerprint();
    let part = Part::of(request, print)?;
    let newest = newest_run(conn)?;
    let source = source(conn, filter, newest)?;
    let found = page::look(conn, patience, &part, &source, |which, limit| {
        rows(conn, filter, which, &part, limit, request.values, now)
    })?;
    Ok(Page {
        searched_to: searched_to(conn, &found)?,
        next: found.cursor(print),
        items: found.items.into_iter().map(|(_, run)| run).collect(),
        newest: Cursor::new(print, newest),
    })
}

pub(crate) fn count_runs(
    conn: &Connection,
    patience: Patience,
    filter: &RunFilter,
    max: u64,
    now: Timestamp,
) -> StoreResult<Count> {
    let source = source(conn, filter, newest_run(conn)?)?;
    page::count(conn, patience, &source, i64::MAX, max, |which, wanted| {
        if which.is_empty() {
            return Ok(0);
        }
        let mut query = Query::new("SELECT 1");
        let drives = join(&mut query, filter);
        which.restrict(&mut query, drives.number());
        restrict(&mut query, filter, now);
        query.count(conn, wanted)
    })
}

/// What runs are found by: an index where it has less to look at than the runs themselves.
fn source(conn: &Connection, filter: &RunFilter, newest: i64) -> StoreResult<Source> {
    if let Some(parent) = filter.parent {
        let index = walk!("flow_run_specs", "parent = ?3", Some(Box::new(parent)));
        return Ok(Source::Indexes(vec![index]));
    }
    if let Some(numbers) = by_id(conn, filter)? {
        return Ok(Source::These(numbers));
    }
    let kinds: Option<Vec<StateType>> = filter.states.iter().map(StateFilter::kind).collect();
    let kinds = kinds.unwrap_or_default();
    let all = |is: fn(&StateType) -> bool| !kinds.is_empty() && kinds.iter().all(is);
    if all(|kind| kind.is_terminal() && *kind != StateType::Completed) {
        let index = walk!(
            "flow_runs INDEXED BY flow_runs_unsuccessful",
            "state IN ('FAILED', 'CRASHED', 'CANCELLED')",
            None
        );
        return Ok(Source::Indexes(vec![index]));
    }
    if all(|kind| !kind.is_terminal())
        && let Some(numbers) = unfinished(conn)?
    {
        return Ok(Source::These(numbers));
    }
    blocks_with(conn, filter, newest)
}

/// The blocks that may have runs of these origins and times.
fn blocks_with(conn: &Connection, filter: &RunFilter, newest: i64) -> StoreResult<Source> {
    let is_of = !filter.flows.is_empty() || !filter.deployments.is_empty();
    if !is_of && filter.since.is_none() && filter.until.is_none() {
        return Ok(Source::all(newest));
    }
    let origins = if is_of {
        Some(origins::among(conn, &filter.flows, &filter.deployments)?)
    } else {
        None
    };
    let wanted = blocks::Wanted {
        origins,
        since: filter.since,
        until: filter.until,
    };
    Ok(Source::Ranges(blocks::ranges(conn, &wanted, newest)?))
}

/// The runs whose ids begin with the text, if it is long enough, and there are any.
fn by_id(conn: &Connection, filter: &RunFilter) -> StoreResult<Option<Vec<i64>>> {
    let text = filter.text.as_deref().unwrap_or_default();
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let bounds = IdPrefix(text.to_owned()).bounds();
    let Some((low, high)) = bounds.filter(|_| digits >= ID_DIGITS_MIN) else {
        return Ok(None);
    };
    let mut numbers: Vec<i64> = conn.all(
        "SELECT no FROM flow_runs WHERE id BETWEEN ?1 AND ?2",
        params![RunId(low), RunId(high)],
        |row| row.get(0),
    )?;
    numbers.sort_unstable();
    Ok((!numbers.is_empty()).then_some(numbers))
}

/// The runs that have not ended, unless they are many: then the newest runs have some.
fn unfinished(conn: &Connection) -> StoreResult<Option<Vec<i64>>> {
    let mut numbers: Vec<i64> = conn.all(
        "SELECT no FROM flow_runs INDEXED BY flow_runs_unfinished WHERE ended IS NULL LIMIT ?1",
        [UNFINISHED_MAX as i64 + 1],
        |row| row.get(0),
    )?;
    numbers.sort_unstable();
    Ok((numbers.len() <= UNFINISHED_MAX).then_some(numbers))
}

/// When the run was created that was looked at last, if it goes on from there.
fn searched_to<T>(conn: &Connection, found: &Found<T>) -> StoreResult<Option<Timestamp>> {
    let Some(place) = found.next else {
        return Ok(None);
    };
    conn.first(
        "SELECT created FROM flow_run_specs WHERE no <= ?1 ORDER BY no DESC LIMIT 1",
        [place],
        |row| row.get(0),
    )
}

/// The table that is read first, row by row: the one that most conditions are on.
#[derive(Clone, Copy)]
enum Drives {
    Runs,
    Specs,
}

impl Drives {
    fn number(self) -> &'static str {
        match self {
            Self::Runs => "r.no",
            Self::Specs => "s.no",
        }
    }
}

fn join(query: &mut Query, filter: &RunFilter) -> Drives {
    // A cross join is done in the order it is written in.
    if filter.states.is_empty() && filter.pools.is_empty() {
        query.sql += " FROM flow_run_specs s CROSS JOIN flow_runs r ON r.no = s.no";
        Drives::Specs
    } else {
        query.sql += " FROM flow_runs r CROSS JOIN flow_run_specs s ON s.no = r.no";
        Drives::Runs
    }
}

fn rows(
    conn: &Connection,
    filter: &RunFilter,
    which: &Which,
    part: &Part,
    limit: usize,
    values: Values,
    now: Timestamp,
) -> StoreResult<Vec<(i64, FlowRun)>> {
    if which.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(match values {
        Values::Whole => concat!("SELECT ", flow_run_columns!("s.parameters", "r.outcome")),
        Values::LeftOut => concat!("SELECT ", flow_run_columns!("'{}'", "NULL")),
    });
    let drives = join(&mut query, filter);
    which.restrict(&mut query, drives.number());
    restrict(&mut query, filter, now);
    let (sql, params) = query.page_of(drives.number(), part.order, limit);
    texts::all(conn, &sql, params, |row| {
        let no = row.get::<_, RunKey>(0)?.0;
        Ok(flow_run(row)?.map(|run| (no, run)))
    })
}

fn restrict(query: &mut Query, filter: &RunFilter, now: Timestamp) {
    restrict_states(query, &filter.states, now);
    only_among(query, "r.pool", &filter.pools);
    only_among(query, "s.flow", &filter.flows);
    only_among(query, "s.deployment", &filter.deployments);
    if let Some(parent) = filter.parent {
        query.only("s.parent = ?", parent);
    }
    if let Some(since) = filter.since {
        query.only("s.created >= ?", since);
    }
    if let Some(until) = filter.until {
        query.only("s.created < ?", until);
    }
    if let Some(text) = &filter.text {
        only_text(query, "s.name", "r.id", text);
    }
    if !filter.tags.is_empty() {
        query.only(
            "EXISTS (SELECT 1 FROM json_each(s.tags) t
                 WHERE t.value IN (SELECT value FROM json_each(?)))",
            AsJson(filter.tags.clone()),
        );
    }
}

/// As they are shown: a run that is late is stored as scheduled.
fn restrict_states(query: &mut Query, states: &[StateFilter], now: Timestamp) {
    const IS_LATE: &str = "(r.state = 'SCHEDULED' AND r.state_name = 'Scheduled'
        AND max(s.scheduled, r.state_at) <= ?)";
    if states.is_empty() {
        return;
    }
    let late_since = now.before(LATE_AFTER);
    let mut any: Vec<String> = Vec::new();
    let mut values: Vec<Box<dyn ToColumn>> = Vec::new();
    let mut kinds: Vec<StateType> = Vec::new();
    for state in states {
        match state {
            StateFilter::Type(kind) => kinds.push(*kind),
            StateFilter::Name(name) if *name == StateName::LATE => {
                any.push(IS_LATE.to_owned());
                values.push(Box::new(late_since));
            }
            StateFilter::Name(name) => {
                any.push(format!("(r.state_name = ? AND NOT {IS_LATE})"));
                values.push(Box::new(name.clone()));
                values.push(Box::new(late_since));
            }
        }
    }
    if !kinds.is_empty() {
        any.push("r.state IN (SELECT value FROM json_each(?))".to_owned());
        values.push(Box::new(AsJson(texts(&kinds))));
    }
    query.only_all(&format!("({})", any.join(" OR ")), values);
}

pub(crate) fn failed(conn: &Connection, since: Timestamp, count: u32) -> StoreResult<Vec<FlowRun>> {
    texts::all(
        conn,
        select_flow_run!(
            "WHERE r.no IN (
                 SELECT no FROM flow_runs INDEXED BY flow_runs_failed
                 WHERE state IN ('FAILED', 'CRASHED') AND pool IS NOT NULL AND ended >= ?1
                 ORDER BY ended DESC, no DESC LIMIT ?2
             ) ORDER BY r.ended DESC, r.no DESC"
        ),
        params![since, count],
        flow_run,
    )
}

pub(crate) fn count_failed(conn: &Connection, since: Timestamp, max: u64) -> StoreResult<Count> {
    let found = conn.need(
        "SELECT count(*) FROM (
             SELECT 1 FROM flow_runs INDEXED BY flow_runs_failed
             WHERE state IN ('FAILED', 'CRASHED') AND pool IS NOT NULL AND ended >= ?1
             LIMIT ?2
         )",
        params![since, max + 1],
        |row| unsigned(row, 0),
    )?;
    Ok(Count::up_to(max, found))
}
