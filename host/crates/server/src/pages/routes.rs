//! Which page is where, and who may see it.

use axum::Router;
use axum::extract::{Multipart, Path};
use axum::response::Response;
use axum::routing::{get, post};
use model::Role;
use operations::problem::{Problem, ProblemKind};

use super::cx::Cx;
use super::query::Query;
use super::{
    artifacts, assets as files, bulk, cache, components, dashboard, deployments, events, flow_run,
    flow_runs, kept, limits, live, pools, prune_rule, run_form, schedules, settings, task_run,
    trail, values,
};
use crate::app::App;
use crate::auth::PageRouter;
use crate::web::{FormBody, Refused};

type Pairs = FormBody<Vec<(String, String)>>;

/// The pages, each with the role that it needs.
pub fn router() -> PageRouter {
    let router = PageRouter::new()
        .page("/", Role::Viewer, get(dashboard::page))
        .page("/live", Role::Viewer, get(live::live))
        .page("/audit", Role::Admin, get(trail::list))
        .page("/events", Role::Viewer, get(events::list))
        .page(
            "/settings",
            Role::Viewer,
            get(settings::page).post(save_settings),
        )
        .page("/settings/tokens", Role::Admin, post(create_token))
        .page("/settings/tokens/revoke", Role::Admin, post(revoke_token));
    things(runs(kept(router)))
}

fn kept(router: PageRouter) -> PageRouter {
    router
        .page("/variables", Role::Viewer, get(kept::variables))
        .page("/variables", Role::Admin, post(set_variable))
        .page("/variables/delete", Role::Admin, post(delete_variable))
        .page("/secrets", Role::Viewer, get(kept::secrets))
        .page("/secrets", Role::Admin, post(set_secret))
        .page("/secrets/delete", Role::Admin, post(delete_secret))
}

fn runs(router: PageRouter) -> PageRouter {
    router
        .page("/flow-runs", Role::Viewer, get(flow_runs::list))
        .page("/flow-runs/bulk", Role::Operator, post(ask_many))
        .page("/prune-rule", Role::Viewer, get(prune_rule::page))
        .page("/prune-rule", Role::Admin, post(set_prune_rule))
        .page(
            "/prune-rule/delete",
            Role::Admin,
            get(prune_rule::ask_delete).post(prune_rule::delete),
        )
        .page("/bulk-actions", Role::Viewer, get(bulk::list))
        .page("/bulk-actions", Role::Operator, post(begin_action))
        .page("/bulk-actions/{id}", Role::Viewer, get(action))
        .page(
            "/bulk-actions/{id}/stop",
            Role::Operator,
            get(ask_stop_action).post(stop_action),
        )
        .page("/flow-runs/{id}", Role::Viewer, get(run))
        .page("/flow-runs/{id}/log.txt", Role::Viewer, get(log_of_run))
        .page(
            "/flow-runs/{id}/values/{which}",
            Role::Viewer,
            get(value_of_run),
        )
        .page(
            "/flow-runs/{id}/inputs/{key}",
            Role::Operator,
            get(input).post(give_input),
        )
        .page(
            "/flow-runs/{id}/delete",
            Role::Admin,
            get(ask_delete_run).post(delete_run),
        )
        .page("/flow-runs/{id}/{verb}", Role::Operator, get(ask).post(act))
        .page("/task-runs/{id}", Role::Viewer, get(task))
        .page(
            "/task-runs/{id}/result.json",
            Role::Viewer,
            get(result_of_task),
        )
        .page("/blobs/{digest}", Role::Viewer, get(blob))
        .page("/artifacts", Role::Viewer, get(artifacts::list))
        .page("/artifacts/{id}", Role::Viewer, get(artifact))
        .page(
            "/artifacts/{id}/data.json",
            Role::Viewer,
            get(data_of_artifact),
        )
        .page(
            "/task-runs/{id}/arguments/{name}",
            Role::Viewer,
            get(argument_of_task),
        )
}

fn things(router: PageRouter) -> PageRouter {
    router
        .page("/deployments", Role::Viewer, get(deployments::list))
        .page("/deployments/{flow}/{name}", Role::Viewer, get(deployment))
        .page(
            "/deployments/{flow}/{name}/run",
            Role::Operator,
            get(run_form).post(start_run),
        )
        .page(
            "/deployments/{flow}/{name}/delete",
            Role::Admin,
            get(ask_delete_deployment).post(delete_deployment),
        )
        .page(
            "/deployments/{flow}/{name}/values/{which}",
            Role::Viewer,
            get(value_of_deployment),
        )
        .page("/components", Role::Viewer, get(components::list))
        .page(
            "/components/new",
            Role::Admin,
            get(components::upload_form).post(upload),
        )
        .page("/components/{digest}", Role::Viewer, get(component))
        .page(
            "/components/{digest}/deploy",
            Role::Admin,
            get(deploy_form).post(deploy),
        )
        .page(
            "/components/{digest}/schema/{flow}",
            Role::Viewer,
            get(schema_of_flow),
        )
        .page("/schedules", Role::Viewer, get(schedules::list))
        .page(
            "/deployments/{flow}/{name}/new-schedule",
            Role::Admin,
            get(schedule_form).post(create_schedule),
        )
        .page(
            "/schedules/{id}/delete",
            Role::Admin,
            get(ask_delete_schedule).post(delete_schedule),
        )
        .page(
            "/schedules/{id}/{verb}",
            Role::Operator,
            get(ask_schedule).post(act_on_schedule),
        )
        .page("/limits", Role::Viewer, get(limits::list))
        .page(
            "/new-limit",
            Role::Admin,
            get(limits::create_form).post(create_limit),
        )
        .page("/limits/{name}", Role::Viewer, get(limit))
        .page(
            "/limits/{name}/edit",
            Role::Admin,
            get(limit_form).post(edit_limit),
        )
        .page(
            "/limits/{name}/delete",
            Role::Admin,
            get(ask_delete_limit).post(delete_limit),
        )
        .page("/cache", Role::Viewer, get(cache::list))
        .page("/cache/{id}", Role::Viewer, get(cached))
        .page(
            "/cache/{id}/clear",
            Role::Admin,
            get(ask_clear_cached).post(clear_cached),
        )
        .page("/cache/{id}/value.json", Role::Viewer, get(value_of_cached))
        .page("/work-pools", Role::Viewer, get(pools::list))
        .page("/work-pools/{name}", Role::Viewer, get(pool))
        .page(
            "/work-pools/{name}/{verb}",
            Role::Operator,
            get(ask_pool).post(act_on_pool),
        )
        .page(
            "/work-pools/{name}/new-queue",
            Role::Admin,
            get(queue_form).post(create_queue),
        )
        .page(
            "/work-pools/{name}/queues/{queue}/edit",
            Role::Admin,
            get(edit_queue_form).post(edit_queue),
        )
        .page(
            "/work-pools/{name}/queues/{queue}/delete",
            Role::Admin,
            get(ask_delete_queue).post(delete_queue),
        )
        .page(
            "/work-pools/{name}/queues/{queue}/{verb}",
            Role::Operator,
            get(ask_queue).post(act_on_queue),
        )
}

/// What pages load: the style sheet, the script, the icon. Anybody may have it.
pub fn assets() -> Router<App> {
    Router::new().route("/assets/{digest}/{name}", get(files::asset))
}

async fn save_settings(cx: Cx, FormBody(posted): Pairs) -> Response {
    settings::save(cx, Query(posted)).await
}

async fn create_token(cx: Cx, FormBody(posted): Pairs) -> Response {
    settings::create_token(cx, Query(posted)).await
}

async fn revoke_token(cx: Cx, FormBody(posted): Pairs) -> Response {
    settings::revoke_token(cx, Query(posted)).await
}

async fn set_variable(cx: Cx, FormBody(posted): Pairs) -> Response {
    kept::set_variable(cx, Query(posted)).await
}

async fn delete_variable(cx: Cx, FormBody(posted): Pairs) -> Response {
    kept::delete_variable(cx, Query(posted)).await
}

async fn set_secret(cx: Cx, FormBody(posted): Pairs) -> Response {
    kept::set_secret(cx, Query(posted)).await
}

async fn delete_secret(cx: Cx, FormBody(posted): Pairs) -> Response {
    kept::delete_secret(cx, Query(posted)).await
}

async fn blob(cx: Cx, Path(digest): Path<String>) -> Response {
    values::blob(cx, digest).await
}

async fn run(cx: Cx, Path(id): Path<String>) -> Response {
    flow_run::page(cx, id).await
}

async fn log_of_run(cx: Cx, Path(id): Path<String>) -> Response {
    flow_run::download(cx, id).await
}

async fn value_of_run(cx: Cx, Path((id, which)): Path<(String, String)>) -> Response {
    values::of_run(cx, id, which).await
}

async fn input(cx: Cx, Path((id, key)): Path<(String, String)>) -> Response {
    run_form::input_form(cx, id, key).await
}

async fn give_input(
    cx: Cx,
    Path((id, key)): Path<(String, String)>,
    FormBody(posted): Pairs,
) -> Response {
    run_form::give_input(cx, id, key, posted).await
}

async fn ask(cx: Cx, Path((id, verb)): Path<(String, String)>) -> Response {
    flow_run::ask(cx, id, verb).await
}

async fn act(
    cx: Cx,
    Path((id, verb)): Path<(String, String)>,
    FormBody(posted): Pairs,
) -> Response {
    flow_run::act(cx, id, verb, Query(posted)).await
}

async fn ask_many(cx: Cx, FormBody(posted): Pairs) -> Result<Response, Refused> {
    bulk::ask(cx, Query(posted)).await
}

async fn begin_action(cx: Cx, FormBody(posted): Pairs) -> Result<Response, Refused> {
    bulk::begin(cx, Query(posted)).await
}

async fn action(cx: Cx, Path(id): Path<String>) -> Response {
    bulk::page(cx, id).await
}

async fn ask_stop_action(cx: Cx, Path(id): Path<String>) -> Response {
    bulk::ask_stop(cx, id).await
}

async fn stop_action(cx: Cx, Path(id): Path<String>) -> Response {
    bulk::stop(cx, id).await
}

async fn ask_delete_run(cx: Cx, Path(id): Path<String>) -> Response {
    flow_run::ask(cx, id, "delete".to_owned()).await
}

async fn delete_run(cx: Cx, Path(id): Path<String>, FormBody(posted): Pairs) -> Response {
    flow_run::act(cx, id, "delete".to_owned(), Query(posted)).await
}

async fn task(cx: Cx, Path(id): Path<String>) -> Response {
    task_run::page(cx, id).await
}

async fn result_of_task(cx: Cx, Path(id): Path<String>) -> Response {
    values::result_of_task(cx, id).await
}

async fn argument_of_task(cx: Cx, Path((id, name)): Path<(String, String)>) -> Response {
    values::argument_of_task(cx, id, name).await
}

async fn artifact(cx: Cx, Path(id): Path<String>) -> Response {
    artifacts::page(cx, id).await
}

async fn data_of_artifact(cx: Cx, Path(id): Path<String>) -> Response {
    values::of_artifact(cx, id).await
}

async fn deployment(cx: Cx, Path((flow, name)): Path<(String, String)>) -> Response {
    deployments::page(cx, format!("{flow}/{name}")).await
}

async fn run_form(cx: Cx, Path((flow, name)): Path<(String, String)>) -> Response {
    run_form::run_form(cx, format!("{flow}/{name}")).await
}

async fn start_run(
    cx: Cx,
    Path((flow, name)): Path<(String, String)>,
    FormBody(posted): Pairs,
) -> Response {
    run_form::start(cx, format!("{flow}/{name}"), posted).await
}

async fn ask_delete_deployment(cx: Cx, Path((flow, name)): Path<(String, String)>) -> Response {
    deployments::ask_delete(cx, format!("{flow}/{name}")).await
}

async fn delete_deployment(cx: Cx, Path((flow, name)): Path<(String, String)>) -> Response {
    deployments::delete(cx, format!("{flow}/{name}")).await
}

async fn value_of_deployment(
    cx: Cx,
    Path((flow, name, which)): Path<(String, String, String)>,
) -> Response {
    values::of_deployment(cx, format!("{flow}/{name}"), which).await
}

async fn component(cx: Cx, Path(digest): Path<String>) -> Response {
    components::page(cx, digest).await
}

async fn deploy_form(cx: Cx, Path(digest): Path<String>) -> Response {
    components::deploy_form(cx, digest).await
}

async fn deploy(cx: Cx, Path(digest): Path<String>, FormBody(posted): Pairs) -> Response {
    components::deploy(cx, digest, Query(posted)).await
}

async fn schema_of_flow(cx: Cx, Path((digest, flow)): Path<(String, String)>) -> Response {
    values::schema_of_flow(cx, digest, flow).await
}

async fn upload(cx: Cx, mut form: Multipart) -> Result<Response, Refused> {
    let unreadable = |err: axum::extract::multipart::MultipartError| {
        Problem::new(
            ProblemKind::InvalidComponent,
            format!("the file did not arrive: {err}"),
        )
    };
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        if field.name() == Some("component") {
            let bytes = field.bytes().await.map_err(unreadable)?;
            return Ok(components::upload(cx, bytes.to_vec()).await);
        }
    }
    let missing = Problem::new(ProblemKind::InvalidComponent, "the form has no file");
    Err(missing.hint("choose a `.wasm` file").into())
}

async fn schedule_form(cx: Cx, Path((flow, name)): Path<(String, String)>) -> Response {
    schedules::create_form(cx, format!("{flow}/{name}")).await
}

async fn create_schedule(
    cx: Cx,
    Path((flow, name)): Path<(String, String)>,
    FormBody(posted): Pairs,
) -> Response {
    schedules::create(cx, format!("{flow}/{name}"), Query(posted)).await
}

async fn ask_delete_schedule(cx: Cx, Path(id): Path<String>) -> Response {
    schedules::ask_delete(cx, id).await
}

async fn delete_schedule(cx: Cx, Path(id): Path<String>) -> Response {
    schedules::delete(cx, id).await
}

async fn ask_schedule(cx: Cx, Path((id, verb)): Path<(String, String)>) -> Response {
    schedules::ask(cx, id, verb).await
}

async fn act_on_schedule(cx: Cx, Path((id, verb)): Path<(String, String)>) -> Response {
    schedules::act(cx, id, verb).await
}

async fn pool(cx: Cx, Path(name): Path<String>) -> Response {
    pools::page(cx, name).await
}

async fn ask_pool(cx: Cx, Path((name, verb)): Path<(String, String)>) -> Response {
    pools::ask(cx, name, verb).await
}

async fn act_on_pool(cx: Cx, Path((name, verb)): Path<(String, String)>) -> Response {
    pools::act(cx, name, verb).await
}

async fn limit(cx: Cx, Path(name): Path<String>) -> Response {
    limits::page(cx, name).await
}

async fn create_limit(cx: Cx, FormBody(posted): Pairs) -> Response {
    limits::create(cx, Query(posted)).await
}

async fn limit_form(cx: Cx, Path(name): Path<String>) -> Response {
    limits::edit_form(cx, name).await
}

async fn edit_limit(cx: Cx, Path(name): Path<String>, FormBody(posted): Pairs) -> Response {
    limits::edit(cx, name, Query(posted)).await
}

async fn ask_delete_limit(cx: Cx, Path(name): Path<String>) -> Response {
    limits::ask_delete(cx, name).await
}

async fn delete_limit(cx: Cx, Path(name): Path<String>) -> Response {
    limits::delete(cx, name).await
}

async fn set_prune_rule(cx: Cx, FormBody(posted): Pairs) -> Response {
    prune_rule::set(cx, Query(posted)).await
}

async fn cached(cx: Cx, Path(id): Path<String>) -> Response {
    cache::page(cx, id).await
}

async fn ask_clear_cached(cx: Cx, Path(id): Path<String>) -> Response {
    cache::ask(cx, id).await
}

async fn clear_cached(cx: Cx, Path(id): Path<String>) -> Response {
    cache::clear(cx, id).await
}

async fn value_of_cached(cx: Cx, Path(id): Path<String>) -> Response {
    values::of_cached(cx, id).await
}

async fn queue_form(cx: Cx, Path(pool): Path<String>) -> Response {
    pools::create_queue_form(cx, pool).await
}

async fn create_queue(cx: Cx, Path(pool): Path<String>, FormBody(posted): Pairs) -> Response {
    pools::create_queue(cx, pool, Query(posted)).await
}

async fn edit_queue_form(cx: Cx, Path((pool, queue)): Path<(String, String)>) -> Response {
    pools::edit_queue_form(cx, pool, queue).await
}

async fn edit_queue(
    cx: Cx,
    Path((pool, queue)): Path<(String, String)>,
    FormBody(posted): Pairs,
) -> Response {
    pools::edit_queue(cx, pool, queue, Query(posted)).await
}

async fn ask_delete_queue(cx: Cx, Path((pool, queue)): Path<(String, String)>) -> Response {
    pools::ask_delete_queue(cx, pool, queue).await
}

async fn delete_queue(cx: Cx, Path((pool, queue)): Path<(String, String)>) -> Response {
    pools::delete_queue(cx, pool, queue).await
}

async fn ask_queue(cx: Cx, Path((pool, queue, verb)): Path<(String, String, String)>) -> Response {
    pools::ask_queue(cx, pool, queue, verb).await
}

async fn act_on_queue(
    cx: Cx,
    Path((pool, queue, verb)): Path<(String, String, String)>,
) -> Response {
    pools::act_on_queue(cx, pool, queue, verb).await
}
