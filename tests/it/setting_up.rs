//! What people set up on pages: limits, queues, schedules, what is deleted by itself, deployments.

use serde_json::{Value, json};
use test_support::{Answer, Home, Server};

use super::visitor::Visitor;
use super::{deploy, home, json as shown, list, text};

const DEPLOYMENT: &str = "/deployments/sleeper/sleeper-deployment";

fn set_up() -> (Home, Server) {
    let home = home();
    deploy(&home, "bench", &["--flow", "sleeper", "-p", "ms=1"]);
    let server = Server::start(&home, &[]);
    (home, server)
}

/// Sends a form, which does what it says and leads to a page.
#[track_caller]
fn sent(admin: &Visitor, path: &str, form: &str, to: &str) {
    let answer = admin.post(path, form);
    assert_eq!(answer.header("location"), Some(to), "{}", answer.text());
    admin.get(to).ok();
}

/// A form that is refused: the page says why, at this field.
#[track_caller]
fn refused(answer: &Answer, why: &str, field: &str) {
    let page = answer.text();
    assert_eq!(answer.status, 422, "{page}");
    assert!(page.contains(why), "{why}: {page}");
    let invalid = page.split("aria-invalid").next().unwrap();
    let name = invalid.rsplit("name=\"").next().unwrap();
    let name = name.split('"').next().unwrap();
    let is_marked = page.contains("aria-invalid");
    assert_eq!(name, field, "{page}");
    assert!(is_marked, "{page}");
}

#[test]
fn a_limit_is_made_changed_and_deleted_on_its_pages() {
    let (home, server) = set_up();
    let admin = Visitor::new(&server, &server.token);
    let page = |path: &str| admin.get(path).ok().text();
    assert!(page("/limits").contains("/new-limit"));
    assert!(page("/new-limit").contains("Each stays taken for"));
    sent(
        &admin,
        "/new-limit",
        "name=api&slots=100&per_ms=1m",
        "/limits/api",
    );
    let limit = || list(&home, &["limit", "ls"])[0].clone();
    assert_eq!(limit()["slots"], 100);
    assert_eq!(limit()["per_ms"], 60_000);

    let form = page("/limits/api/edit");
    assert!(
        form.contains(r#"value="100""#) && form.contains(r#"value="1m""#),
        "{form}"
    );
    sent(&admin, "/limits/api/edit", "slots=7&per_ms=", "/limits/api");
    assert_eq!(limit()["slots"], 7);
    assert_eq!(limit()["per_ms"], Value::Null);

    let before = limit();
    for (form, why, field) in [
        (
            "slots=0",
            "with a limit of 0 slots nothing would ever start",
            "slots",
        ),
        ("slots=many", "`many` is no number", "slots"),
        ("slots=", "The number of slots is missing", "slots"),
        ("slots=1&per_ms=5", "`5` has no unit", "per_ms"),
        (
            "slots=1&per_ms=0s",
            "a rate limit of 0s limits nothing",
            "per_ms",
        ),
        ("slots=1&per_ms=1000d", "longer than a year", "per_ms"),
    ] {
        refused(&admin.post("/limits/api/edit", form), why, field);
    }
    let slash = admin.post("/new-limit", "name=a/b&slots=1");
    refused(&slash, "`a/b`", "name");
    let twice = admin.post("/new-limit", "name=api&slots=1");
    assert_eq!(twice.status, 422);
    assert!(twice.text().contains("`api`"), "{}", twice.text());
    assert_eq!(limit(), before);

    assert!(page("/limits/api/delete").contains("Delete limit api?"));
    sent(&admin, "/limits/api/delete", "", "/limits");
    assert!(list(&home, &["limit", "ls"]).is_empty());
    assert_eq!(admin.get("/limits/api/edit").status, 404);
    assert_eq!(admin.post("/limits/api/delete", "").status, 404);
}

#[test]
fn a_queue_is_made_changed_and_deleted_on_the_page_of_its_pool() {
    let (home, server) = set_up();
    let admin = Visitor::new(&server, &server.token);
    let pool = "/work-pools/default-pool";
    let path = "/work-pools/default-pool/queues/urgent";
    assert!(admin.get(pool).ok().text().contains("/new-queue"));
    let form = "name=urgent&priority=1&limit=3&paused=yes";
    sent(&admin, &format!("{pool}/new-queue"), form, pool);
    let queue = || {
        let queues = list(&home, &["work-queue", "ls"]);
        queues.into_iter().find(|queue| queue["name"] == "urgent")
    };
    let made = queue().unwrap();
    assert_eq!(
        json!([made["priority"], made["limit"], made["paused"]]),
        json!([1, 3, true])
    );
    // What the form does not name stays.
    sent(&admin, &format!("{path}/edit"), "priority=9&limit=", pool);
    let changed = queue().unwrap();
    assert_eq!(
        json!([changed["priority"], changed["limit"], changed["paused"]]),
        json!([9, null, true])
    );
    for (form, why, field) in [
        ("priority=", "The priority is missing", "priority"),
        ("priority=0", "0", "priority"),
        ("priority=high", "high", "priority"),
        ("priority=1&limit=-1", "`-1` is no number", "limit"),
    ] {
        refused(&admin.post(&format!("{path}/edit"), form), why, field);
    }
    refused(
        &admin.post(&format!("{pool}/new-queue"), "name="),
        "The name is missing",
        "name",
    );
    assert_eq!(queue(), Some(changed));
    assert_eq!(admin.get("/work-pools/none/new-queue").status, 404);

    let edit = |queue: &str| {
        admin
            .get(&format!("{pool}/queues/{queue}/edit"))
            .ok()
            .text()
    };
    assert!(edit("urgent").contains(&format!("{path}/delete")));
    // It is where runs go that name none.
    assert!(!edit("default").contains("/delete"));
    sent(&admin, &format!("{path}/delete"), "", pool);
    assert_eq!(queue(), None);
}

#[test]
fn a_schedule_is_added_and_deleted_on_the_page_of_its_deployment() {
    let (home, server) = set_up();
    let admin = Visitor::new(&server, &server.token);
    let add = format!("{DEPLOYMENT}/new-schedule");
    assert!(admin.get(DEPLOYMENT).ok().text().contains(&add));
    assert!(admin.get(&add).ok().text().contains("0 9 * * 1-5"));
    let form = "name=mornings&cron=0+9+*+*+1-5&timezone=Europe/Berlin&catch_up=none&overlap=skip\
                &parameters={\"ms\":+5}&end=2999-01-01+12:00";
    sent(&admin, &add, form, DEPLOYMENT);
    let schedules = || list(&home, &["schedule", "ls"]);
    let made = &schedules()[0];
    assert_eq!(made["name"], "mornings");
    assert_eq!(made["timezone"], "Europe/Berlin");
    assert_eq!(made["catch_up"], "none");
    assert_eq!(made["overlap"], "skip");
    assert_eq!(made["parameters"], json!({"ms": 5}));
    assert_eq!(made["end"], "2999-01-01T12:00:00.000000Z");
    let page = admin.get(DEPLOYMENT).ok().text();
    assert!(
        page.contains("mornings") && page.contains("0 9 * * 1-5"),
        "{page}"
    );

    for (form, why, field) in [
        ("name=b&cron=0+9+*+*+*+*+*", "0 9 * * * * *", "cron"),
        ("name=b&cron=0+0+31+2+*", "0 0 31 2 *", "cron"),
        (
            "name=b&cron=@daily&timezone=Mars/Olympus",
            "Mars/Olympus",
            "timezone",
        ),
        ("name=b&interval_ms=0s", "0", "interval_ms"),
        (
            "name=b&interval_ms=often",
            "`often` is no duration",
            "interval_ms",
        ),
        (
            "name=b&interval_ms=1h&anchor=noon",
            "`noon` is no time",
            "anchor",
        ),
        ("name=b&rrule=FREQ=NEVER", "NEVER", "rrule"),
        (
            "name=b&cron=@daily&overlap=maybe",
            "`maybe` is none",
            "overlap",
        ),
        ("name=b&cron=@daily&parameters=[1", "this is", "parameters"),
    ] {
        refused(&admin.post(&add, form), why, field);
    }
    for (form, why) in [
        ("name=b", "none"),
        ("name=b&cron=@daily&interval_ms=1h", "several"),
        ("name=mornings&cron=@daily", "mornings"),
    ] {
        let answer = admin.post(&add, form);
        assert_eq!(answer.status, 422, "{form}");
        assert!(answer.text().contains(why), "{form}: {}", answer.text());
    }
    assert_eq!(schedules().len(), 1);

    let delete = format!("/schedules/{}/delete", text(&schedules()[0]["id"]));
    assert!(admin.get("/schedules").ok().text().contains(&delete));
    assert!(
        admin
            .get(&delete)
            .ok()
            .text()
            .contains("Delete schedule mornings of")
    );
    sent(&admin, &delete, "", DEPLOYMENT);
    assert!(schedules().is_empty());
    assert_eq!(admin.post(&delete, "").status, 404);
}

#[test]
fn what_is_deleted_by_itself_is_said_and_set_on_a_page() {
    let (home, server) = set_up();
    let admin = Visitor::new(&server, &server.token);
    let page = || admin.get("/prune-rule").ok().text();
    let rule = || shown(&home, &["prune", "show"]);
    assert!(admin.get("/flow-runs").ok().text().contains("/prune-rule"));
    assert!(page().contains("nothing") && !page().contains("/prune-rule/delete"));

    let form = "older_than_ms=7d&states=COMPLETED&states=CANCELLED&keep_failed=yes";
    sent(&admin, "/prune-rule", form, "/prune-rule");
    let set = rule();
    assert_eq!(set["older_than_ms"], 604_800_000);
    assert_eq!(set["states"], json!(["COMPLETED", "CANCELLED"]));
    assert_eq!(set["keep_failed"], true);
    let said = page();
    assert!(
        said.contains("over for more than 7d, if its first run is"),
        "{said}"
    );
    assert_eq!(said.matches(" checked").count(), 3, "{said}");

    for (form, why, field) in [
        (
            "older_than_ms=30s",
            "less than a minute ago",
            "older_than_ms",
        ),
        ("older_than_ms=30", "`30` has no unit", "older_than_ms"),
        ("older_than_ms=", "is missing", "older_than_ms"),
    ] {
        refused(&admin.post("/prune-rule", form), why, field);
    }
    let running = admin.post("/prune-rule", "older_than_ms=7d&states=RUNNING");
    assert_eq!(running.status, 422);
    assert!(
        running
            .text()
            .contains("a run that is `RUNNING` is not over")
    );
    assert_eq!(rule(), set);

    // A name of a state is no type: the page shows it as it is, and saves it so.
    home.run(["prune", "set", "--older-than", "7d", "--state", "TimedOut"])
        .ok();
    let said = page();
    assert_eq!(said.matches(" checked").count(), 1, "{said}");
    assert!(said.contains(r#"value="TimedOut" checked"#), "{said}");

    sent(&admin, "/prune-rule/delete", "", "/prune-rule");
    assert_eq!(rule(), Value::Null);
}

#[test]
fn a_flow_is_deployed_on_a_page_with_all_that_decides_when_its_runs_start() {
    let (home, server) = set_up();
    home.run(["work-queue", "create", "urgent"]).ok();
    let admin = Visitor::new(&server, &server.token);
    let component = &list(&home, &["component", "ls"])[0];
    let deploy = format!("/components/{}/deploy", text(&component["digest"]));
    let form = admin.get(&deploy).ok().text();
    for field in ["work_queue", "priority", "concurrency/slots", "limits"] {
        assert!(
            form.contains(&format!("name=\"{field}\"")),
            "{field}: {form}"
        );
    }
    let form = "flows=sleeper&name=paged&pool=default-pool&work_queue=urgent&priority=3\
                &concurrency/slots=2&concurrency/collision=cancel-new&concurrency/keys=ms\
                &limits=db,+api&parameters={\"ms\":+1}&tags=a,b&grants/http=example.org";
    sent(&admin, &deploy, form, "/deployments/sleeper/paged");
    let made = || shown(&home, &["deployment", "inspect", "sleeper/paged"]);
    let deployment = made();
    assert_eq!(deployment["work_queue"], "urgent");
    assert_eq!(deployment["priority"], 3);
    assert_eq!(
        deployment["concurrency"],
        json!({"slots": 2, "collision": "cancel-new", "keys": ["ms"]})
    );
    assert_eq!(deployment["limits"], json!(["db", "api"]));
    assert_eq!(deployment["parameters"], json!({"ms": 1}));
    assert_eq!(deployment["grants"]["http"], json!(["example.org"]));

    let refuses = |more: &str, why: &str, field: &str| {
        let form = format!("flows=sleeper&name=paged&{more}");
        refused(&admin.post(&deploy, &form), why, field);
    };
    refuses("priority=101", "101", "priority");
    refuses(
        "concurrency/slots=two",
        "`two` is no number",
        "concurrency/slots",
    );
    refuses("concurrency/slots=0", "0", "concurrency/slots");
    refuses(
        "concurrency/keys=ms",
        "only if there is a number",
        "concurrency/slots",
    );
    refuses("limits=a/b", "`a/b`", "limits");
    refuses("parameters=x", "this is", "parameters");
    let none = admin.post(&deploy, "name=paged");
    assert!(none.text().contains("no flow is ticked"), "{}", none.text());
    let unknown = admin.post(&deploy, "flows=sleeper&name=paged&work_queue=urgnt");
    assert_eq!(unknown.status, 422);
    assert!(unknown.text().contains("urgent"), "{}", unknown.text());
    assert_eq!(made(), deployment);
}

#[test]
fn who_may_not_set_anything_up_is_shown_no_form_and_refused() {
    let (home, server) = set_up();
    home.run(["limit", "create", "db", "--slots", "1"]).ok();
    home.run(["schedule", "create", "sleeper", "--interval", "1h"])
        .ok();
    let schedule = list(&home, &["schedule", "ls"])[0].clone();
    let schedule = format!("/schedules/{}/delete", text(&schedule["id"]));
    for role in ["viewer", "operator"] {
        let token = home.run(["token", "create", role, "--role", role]).ok();
        let visitor = Visitor::new(&server, token.stdout.trim());
        for page in [
            "/limits",
            "/limits/db",
            "/work-pools/default-pool",
            "/schedules",
            DEPLOYMENT,
            "/prune-rule",
        ] {
            let text = visitor.get(page).ok().text();
            for link in ["/new-", "/edit", "/delete", "Save"] {
                assert!(!text.contains(link), "{role} {page} {link}: {text}");
            }
        }
        for (path, form) in [
            ("/new-limit", "name=x&slots=1"),
            ("/limits/db/edit", "slots=2"),
            ("/limits/db/delete", ""),
            ("/work-pools/default-pool/new-queue", "name=x"),
            ("/work-pools/default-pool/queues/default/edit", "limit=1"),
            (
                &format!("{DEPLOYMENT}/new-schedule"),
                "interval_ms=1h&name=x",
            ),
            (&schedule, ""),
            ("/prune-rule", "older_than_ms=7d"),
            ("/prune-rule/delete", ""),
        ] {
            assert_eq!(visitor.post(path, form).status, 403, "{role} {path}");
        }
    }
    assert_eq!(list(&home, &["limit", "ls"])[0]["slots"], 1);
    assert_eq!(list(&home, &["schedule", "ls"]).len(), 1);
    assert_eq!(shown(&home, &["prune", "show"]), Value::Null);
}
