//! Work pools and their workers: what waits, who takes it, and why nothing starts.

use axum::response::Response;
use model::{PoolName, QueueName};
use operations::client::{
    Answered, ChangePool, ChangeQueue, CreateQueue, PoolQuery, QueryRequest as _, QueueQuery,
    RunQuery, WorkerQuery,
};
use operations::problem::{Problem, ProblemKind};
use operations::view::{PoolView, QueueView, WorkerView};

use super::cx::{Cx, rendered, see_other};
use super::deployments::pool_path;
use super::fields::{Fields, Input, Sheet};
use super::flow_run::Ask;
use super::holding::Holding;
use super::listing::{Listing, Note};
use super::parts::{Action, Cell, Empty, Link, Pair, Row, Table, columns};
use super::query::Query;
use super::shell::Shell;
use super::show::count;

/// What is paused and resumed here.
const KIND: &str = "work pool";

/// `/work-pools`
pub async fn list(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let page = cx.client.list_pools(PoolQuery::default()).await?;
        let workers = cx.client.list_workers(WorkerQuery::default()).await?;
        let shell = Shell {
            live: true,
            command: Some("orch-host work-pool ls".to_owned()),
            json: Some("/v1/work-pools".to_owned()),
            ..cx.shell("Work pools")
        };
        let mut listing = Listing::new(shell, "Work pools");
        listing.notes = page.items.iter().filter_map(why_nothing_starts).collect();
        listing.actions.push(Action::new("Limits", "/limits"));
        listing
            .actions
            .push(Action::new("Cached results", "/cache"));
        listing.tables.push(Table {
            id: "pools",
            label: "Work pools",
            columns: columns([
                "Work pool",
                "#Running",
                "#Ready",
                "#Scheduled",
                "#Workers",
                "",
            ]),
            rows: page.items.iter().map(pool_row).collect(),
            ..Table::default()
        });
        listing.tables.push(workers_table(cx, &workers.items));
        Ok(rendered(&listing))
    })
    .await
}

fn pool_row(pool: &PoolView) -> Row {
    let slots = match pool.limit {
        Some(limit) => format!("{} of {}", count(pool.active), count(limit.into())),
        None => count(pool.active),
    };
    let state = if pool.paused { "paused" } else { "" };
    Row {
        id: format!("pool-{}", pool.name),
        cells: vec![
            Cell::link(&pool.name, pool_path(pool.name.as_str())).grow(),
            Cell::text(slots).number("running"),
            Cell::text(count(pool.ready)).number("ready"),
            Cell::text(count(pool.scheduled)).number("scheduled"),
            Cell::text(count(pool.workers)).number("workers"),
            Cell::Muted(state.to_owned()).plain(),
        ],
    }
}

/// Why runs of the pool wait, if nothing will start them.
pub fn why_nothing_starts(pool: &PoolView) -> Option<Note> {
    let name = &pool.name;
    let waiting = pool.ready > 0;
    let (text, command) = if pool.paused {
        (
            format!("Work pool {name} is paused: nothing in it starts."),
            format!("orch-host work-pool resume {name}"),
        )
    } else if waiting && pool.workers == 0 {
        (
            format!("Work pool {name} has no worker: {} wait.", runs(pool.ready)),
            format!("orch-host worker --pool {name}"),
        )
    } else if waiting && pool.limit.is_some_and(|limit| pool.active >= limit.into()) {
        (
            format!(
                "Work pool {name} is full: {} wait for a slot.",
                runs(pool.ready)
            ),
            format!("orch-host work-pool set-limit {name} N"),
        )
    } else {
        return None;
    };
    Some(Note {
        text,
        command: Some(command),
    })
}

fn runs(n: u64) -> String {
    super::show::plural(n, "run", "runs")
}

fn workers_table(cx: &Cx, workers: &[WorkerView]) -> Table {
    let row = |worker: &WorkerView| Row {
        id: format!("worker-{}", worker.id),
        cells: vec![
            Cell::text(&worker.name).grow(),
            match &worker.pool {
                Some(pool) => Cell::link(pool, pool_path(pool.as_str())).plain(),
                None => Cell::Muted("one run".to_owned()).plain(),
            },
            Cell::text(count(worker.limit.into())).number("limit"),
            Cell::text(format!("{} pid {}", worker.host, worker.pid)).plain(),
            match &worker.version {
                Some(version) => Cell::text(version).plain(),
                None => Cell::Muted("unknown".to_owned()).plain(),
            },
            match &worker.usage {
                Some(usage) => Cell::text(usage.memory.in_bytes()).short("memory"),
                None => Cell::Muted("unknown".to_owned()).short("memory"),
            },
            Cell::When(Some(cx.now.when(worker.started))).short("since"),
            Cell::text(cx.now.distance(worker.heartbeat)).short("heartbeat"),
        ],
    };
    Table {
        id: "workers",
        label: "Workers",
        heading: "Workers".to_owned(),
        columns: columns([
            "Worker",
            "Work pool",
            "#Limit",
            "Machine",
            "Version",
            "Memory",
            "Since",
            "Heartbeat",
        ]),
        rows: workers.iter().map(row).collect(),
        empty: Empty::new("No worker is running.").command("orch-host worker --pool default-pool"),
        ..Table::default()
    }
}

/// `/work-pools/{name}`
pub async fn page(cx: Cx, name: String) -> Response {
    cx.answer(async |cx| {
        let pool = cx.client.inspect_pool(&pool_name(&name)?).await?;
        let query = WorkerQuery {
            pool: Some(pool.name.clone()),
            ..WorkerQuery::default()
        };
        let workers = cx.client.list_workers(query).await?;
        let path = pool_path(pool.name.as_str());
        let shell = Shell {
            live: true,
            copy_id: Some(pool.name.to_string()),
            command: Some(format!("orch-host work-pool inspect {}", pool.name)),
            json: Some(format!("/v1{path}")),
            ..cx.shell(pool.name.to_string())
        };
        let mut listing = Listing::new(shell, pool.name.to_string());
        listing.crumbs.push(Link::new("Work pools", "/work-pools"));
        if cx.can_operate() {
            let holding = Holding::that_changes(pool.paused);
            let action = Action::new(holding.verb(), holding.path(&path));
            listing.actions.push(action.asking());
        }
        listing.notes.extend(why_nothing_starts(&pool));
        listing.facts = facts(cx, &pool);
        listing.tables.push(queues_table(cx, &pool).await?);
        listing.tables.push(waiting(cx, &pool).await?);
        listing.tables.push(workers_table(cx, &workers.items));
        Ok(rendered(&listing))
    })
    .await
}

fn facts(cx: &Cx, pool: &PoolView) -> Vec<Pair> {
    let runs = |state: &str| {
        let query = Query::default().with("pool", &pool.name);
        query.with("state", state).at("/flow-runs")
    };
    let limit = match pool.limit {
        Some(limit) => count(limit.into()),
        None => "none".to_owned(),
    };
    vec![
        Pair::new("Running", count(pool.active)).to(runs("RUNNING")),
        Pair::new("Limit", limit),
        Pair::new("Ready", count(pool.ready)).to(runs("SCHEDULED")),
        Pair::new("Scheduled", count(pool.scheduled)).to(runs("SCHEDULED")),
        Pair::new("Deployments", count(pool.deployments)),
        Pair::new("Created", cx.now.when(pool.created).full),
    ]
}

/// The queues of the pool, the first first.
async fn queues_table(cx: &Cx, pool: &PoolView) -> Answered<Table> {
    let query = QueueQuery::default();
    let queues = cx.client.list_queues(&pool.name, query).await?;
    let row = |queue: &QueueView| {
        let slots = match queue.limit {
            Some(limit) => format!("{} of {}", count(queue.active), count(limit.into())),
            None => count(queue.active),
        };
        let holding = Holding::that_changes(queue.paused);
        let path = holding.path(&queue_path(&pool.name, &queue.name));
        let state = if queue.paused { "paused" } else { "" };
        Row {
            id: format!("queue-{}", queue.name),
            cells: vec![
                Cell::text(&queue.name).grow(),
                Cell::text(queue.priority.to_string()).number("priority"),
                Cell::text(slots).number("running"),
                Cell::text(count(queue.ready)).number("ready"),
                match queue.oldest {
                    Some(oldest) => Cell::Took(cx.now.span(Some(oldest), None)).number("waits"),
                    None => Cell::Muted("none".to_owned()).number("waits"),
                },
                Cell::text(count(queue.scheduled)).number("scheduled"),
                Cell::Muted(state.to_owned()).plain(),
                if cx.can_operate() {
                    Cell::Button(Action::new(holding.verb(), path).asking()).plain()
                } else {
                    Cell::text("").plain()
                },
                if cx.can_administer() {
                    let path = queue_path(&pool.name, &queue.name);
                    Cell::Button(Action::new("Edit", format!("{path}/edit"))).plain()
                } else {
                    Cell::text("").plain()
                },
            ],
        }
    };
    Ok(Table {
        id: "queues",
        label: "Queues",
        heading: "Queues".to_owned(),
        link: cx.can_administer().then(|| {
            let path = pool_path(pool.name.as_str());
            Link::new("Create queue", format!("{path}/new-queue"))
        }),
        columns: columns([
            "Queue",
            "#Priority",
            "#Running",
            "#Ready",
            "#Longest wait",
            "#Scheduled",
            "",
            "",
            "",
        ]),
        rows: queues.items.iter().map(row).collect(),
        ..Table::default()
    })
}

fn queue_path(pool: &PoolName, queue: &QueueName) -> String {
    let queue = super::query::segment(queue.as_str());
    format!("{}/queues/{queue}", pool_path(pool.as_str()))
}

/// `GET /work-pools/{pool}/queues/{name}/{verb}`
pub async fn ask_queue(cx: Cx, pool: String, name: String, verb: String) -> Response {
    cx.answer(async |cx| {
        let (pool, name) = (pool_name(&pool)?, queue_name(&name)?);
        let queue = cx.client.inspect_queue(&pool, &name).await?;
        let holding = Holding::of(&verb, KIND)?;
        let line = match holding {
            Holding::Pause => "What runs goes on. Nothing new of it starts.",
            Holding::Resume => "What waits in it starts as there is room.",
        };
        let shell = cx.shell(format!("{} {}", holding.verb(), queue.name));
        let what = format!("queue {} of work pool {pool}", queue.name);
        let path = queue_path(&pool, &queue.name);
        let back = pool_path(pool.as_str());
        Ok(rendered(&holding.ask(shell, &what, line, &path, back)))
    })
    .await
}

/// `POST /work-pools/{pool}/queues/{name}/{verb}`
pub async fn act_on_queue(cx: Cx, pool: String, name: String, verb: String) -> Response {
    cx.answer(async |cx| {
        let (pool, name) = (pool_name(&pool)?, queue_name(&name)?);
        let holding = Holding::of(&verb, KIND)?;
        let change = ChangeQueue {
            paused: Some(holding.is_pause()),
            ..ChangeQueue::default()
        };
        cx.client.change_queue(&pool, &name, change).await?;
        let said = format!("{} queue {name}", holding.did());
        Ok(see_other(&pool_path(pool.as_str()), &said))
    })
    .await
}

/// How its runs start among others.
fn queue_inputs(queue: Option<&QueueView>) -> Vec<Input> {
    let priority = queue.map(|it| it.priority).unwrap_or_default();
    let limit = queue.and_then(|it| it.limit).map(|it| it.to_string());
    vec![
        Input::line("Priority", "priority")
            .now(priority)
            .hint("Among the queues of the pool: `1` goes first, `100` last."),
        Input::line("Limit", "limit")
            .now(limit.unwrap_or_default())
            .hint("So many of its runs at once. Left empty: no limit beside the pool's."),
    ]
}

fn create_queue_sheet(cx: &Cx, pool: &PoolName) -> Sheet {
    let path = pool_path(pool.as_str());
    let mut inputs = vec![Input::line("Name", "name").required().placeholder("urgent")];
    inputs.extend(queue_inputs(None));
    inputs.push(Input::tick(
        "Start nothing of it until it is resumed",
        "paused",
        false,
    ));
    Sheet::new(
        cx.shell("Create queue"),
        vec![
            Link::new("Work pools", "/work-pools"),
            Link::new(pool.to_string(), &path),
        ],
        Fields::new(format!("{path}/new-queue"), "Create", inputs).back(path),
    )
}

/// `GET /work-pools/{pool}/new-queue`
pub async fn create_queue_form(cx: Cx, pool: String) -> Response {
    cx.answer(async |cx| {
        let pool = cx.client.inspect_pool(&pool_name(&pool)?).await?.name;
        Ok(create_queue_sheet(cx, &pool).asked())
    })
    .await
}

/// `POST /work-pools/{pool}/new-queue`
pub async fn create_queue(cx: Cx, pool: String, posted: Query) -> Response {
    cx.answer(async |cx| {
        let pool = cx.client.inspect_pool(&pool_name(&pool)?).await?.name;
        let created = async {
            let create = CreateQueue {
                name: posted.need("name", "The name")?,
                priority: posted.read("priority")?.unwrap_or_default(),
                limit: posted.number("limit")?,
                paused: posted.get("paused").is_some(),
            };
            cx.client.create_queue(&pool, create).await
        };
        match created.await {
            Ok(queue) => {
                let said = format!("Created queue {}", queue.name);
                Ok(see_other(&pool_path(pool.as_str()), &said))
            }
            Err(problem) => create_queue_sheet(cx, &pool).refused(&posted, problem),
        }
    })
    .await
}

fn edit_queue_sheet(cx: &Cx, queue: &QueueView) -> Sheet {
    let back = pool_path(queue.pool.as_str());
    let path = queue_path(&queue.pool, &queue.name);
    let inputs = queue_inputs(Some(queue));
    let sheet = Sheet::new(
        cx.shell(format!("Edit queue {}", queue.name)),
        vec![
            Link::new("Work pools", "/work-pools"),
            Link::new(queue.pool.to_string(), &back),
        ],
        Fields::new(format!("{path}/edit"), "Save", inputs).back(back),
    );
    if queue.name == QueueName::default_queue() {
        return sheet;
    }
    let delete = Action::new("Delete", format!("{path}/delete"));
    sheet.action(delete.asking().dangerous())
}

/// `GET /work-pools/{pool}/queues/{queue}/edit`
pub async fn edit_queue_form(cx: Cx, pool: String, queue: String) -> Response {
    cx.answer(async |cx| {
        let (pool, name) = (pool_name(&pool)?, queue_name(&queue)?);
        let queue = cx.client.inspect_queue(&pool, &name).await?;
        Ok(edit_queue_sheet(cx, &queue).asked())
    })
    .await
}

/// `POST /work-pools/{pool}/queues/{queue}/edit`
pub async fn edit_queue(cx: Cx, pool: String, queue: String, posted: Query) -> Response {
    cx.answer(async |cx| {
        let (pool, name) = (pool_name(&pool)?, queue_name(&queue)?);
        let queue = cx.client.inspect_queue(&pool, &name).await?;
        let changed = async {
            let change = ChangeQueue {
                priority: Some(posted.need("priority", "The priority")?),
                limit: Some(posted.number("limit")?),
                ..ChangeQueue::default()
            };
            cx.client.change_queue(&pool, &name, change).await
        };
        match changed.await {
            Ok(_) => Ok(see_other(
                &pool_path(pool.as_str()),
                &format!("Saved queue {name}"),
            )),
            Err(problem) => edit_queue_sheet(cx, &queue).refused(&posted, problem),
        }
    })
    .await
}

/// `GET /work-pools/{pool}/queues/{queue}/delete`
pub async fn ask_delete_queue(cx: Cx, pool: String, queue: String) -> Response {
    cx.answer(async |cx| {
        let (pool, name) = (pool_name(&pool)?, queue_name(&queue)?);
        let queue = cx.client.inspect_queue(&pool, &name).await?;
        let line = "It can be deleted once no deployment is in it, and no run of it waits or runs.";
        let shell = cx.shell(format!("Delete queue {name}"));
        let what = format!("queue {name} of work pool {pool}");
        let path = queue_path(&queue.pool, &queue.name);
        let ask = Ask::to_delete(shell, &what, line, &path, pool_path(pool.as_str()));
        Ok(rendered(&ask))
    })
    .await
}

/// `POST /work-pools/{pool}/queues/{queue}/delete`
pub async fn delete_queue(cx: Cx, pool: String, queue: String) -> Response {
    cx.answer(async |cx| {
        let (pool, name) = (pool_name(&pool)?, queue_name(&queue)?);
        cx.client.delete_queue(&pool, &name).await?;
        let said = format!("Deleted queue {name}");
        Ok(see_other(&pool_path(pool.as_str()), &said))
    })
    .await
}

fn queue_name(text: &str) -> Answered<QueueName> {
    text.parse().map_err(|err: model::NameError| {
        Problem::new(ProblemKind::InvalidName, err.to_string())
            .hint("`orch-host work-queue ls` lists the queues")
    })
}

/// What is next in the queue.
async fn waiting(cx: &Cx, pool: &PoolView) -> Answered<Table> {
    let filter = Query::default()
        .with("pool", &pool.name)
        .with("state", "SCHEDULED");
    let asked = filter.with("limit", 20);
    let query = RunQuery::from_query(&asked.to_string())?;
    let page = cx.client.list_runs(query).await?;
    Ok(Table {
        id: "waiting",
        label: "Scheduled runs",
        heading: "Scheduled runs, newest first".to_owned(),
        link: Some(Link::new("All", filter.at("/flow-runs"))),
        columns: columns(["State", "Name", "Due", "#Waits", "Flow"]),
        rows: page
            .items
            .iter()
            .map(|run| Row {
                id: format!("run-{}", run.id),
                cells: vec![
                    Cell::State((&run.state).into()).plain(),
                    Cell::link(&run.name, format!("/flow-runs/{}", run.id)).grow(),
                    Cell::When(Some(cx.now.when(run.scheduled))).short("due"),
                    Cell::Took(if run.scheduled > cx.now.at {
                        super::show::Took::default()
                    } else {
                        cx.now.span(Some(run.scheduled), None)
                    })
                    .number("waits"),
                    Cell::Muted(run.flow.to_string()).plain(),
                ],
            })
            .collect(),
        empty: Empty::new("Nothing waits."),
        ..Table::default()
    })
}

/// `GET /work-pools/{name}/{verb}`
pub async fn ask(cx: Cx, name: String, verb: String) -> Response {
    cx.answer(async |cx| {
        let pool = cx.client.inspect_pool(&pool_name(&name)?).await?;
        let holding = Holding::of(&verb, KIND)?;
        let line = match holding {
            Holding::Pause => "What runs goes on. Nothing new starts.",
            Holding::Resume => "What waits starts as there is room.",
        };
        let shell = cx.shell(format!("{} {}", holding.verb(), pool.name));
        let what = format!("work pool {}", pool.name);
        let path = pool_path(pool.name.as_str());
        Ok(rendered(&holding.ask(
            shell,
            &what,
            line,
            &path,
            path.clone(),
        )))
    })
    .await
}

/// `POST /work-pools/{name}/{verb}`
pub async fn act(cx: Cx, name: String, verb: String) -> Response {
    cx.answer(async |cx| {
        let name = pool_name(&name)?;
        let holding = Holding::of(&verb, KIND)?;
        let change = ChangePool {
            paused: Some(holding.is_pause()),
            ..ChangePool::default()
        };
        cx.client.change_pool(&name, change).await?;
        let said = format!("{} work pool {name}", holding.did());
        Ok(see_other(&pool_path(name.as_str()), &said))
    })
    .await
}

fn pool_name(text: &str) -> Answered<PoolName> {
    text.parse().map_err(|err: model::NameError| {
        Problem::new(ProblemKind::InvalidName, err.to_string())
            .hint("`orch-host work-pool ls` lists the work pools")
    })
}
