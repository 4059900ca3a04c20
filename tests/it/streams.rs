//! Those who follow what happens over HTTP: each event once, in order, whatever is lost between.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use serde_json::json;
use test_support::{Ask, Event, Server, eventually};

use super::{SOON, deploy, home, start, text, worker};

#[test]
fn a_run_is_followed_to_its_end() {
    let home = home();
    deploy(&home, "forms", &[]);
    let server = Server::start(&home, &[]);
    let run = start(&home, "direct-call", &[]);
    let path = format!("/v1/flow-runs/{run}/events");
    let oldest = server.get(&path);
    assert_eq!(oldest["items"][0]["flow_run"]["state"]["type"], "SCHEDULED");
    assert_eq!(oldest["items"][0]["run"]["flow"], "direct-call");
    let begin = text(&oldest["next"]).to_owned();

    let ask = server.ask("GET", &format!("{path}?after={begin}"));
    let stream = ask.follow(None);
    assert_eq!(stream.status, 200);
    let _worker = worker(&home, &[]);
    let events: Vec<Event> = stream.collect();
    let states: Vec<&str> = events
        .iter()
        .filter(|event| event.kind == "flow-run" && event.data["flow_run"]["id"] == run)
        .map(|event| text(&event.data["flow_run"]["state"]["type"]))
        .collect();
    assert_eq!(states, ["PENDING", "RUNNING", "COMPLETED"]);
    assert!(events.iter().any(|event| event.kind == "task-run"));
    let end = events.last().unwrap();
    assert_eq!(end.kind, "end");
    // Each is told once.
    let ids: BTreeSet<&str> = events.iter().map(|event| &*event.id).collect();
    assert_eq!(ids.len(), events.len());

    // Who comes again after the end is told that there is no more.
    let again = server.ask("GET", &path).follow(Some(&end.id));
    assert_eq!(again.status, 204);
    // Who was cut off in between goes on there.
    let middle = &events[events.len() / 2];
    let rest: Vec<Event> = server.ask("GET", &path).follow(Some(&middle.id)).collect();
    let expect = &events[events.len() / 2 + 1..events.len() - 1];
    assert_eq!(&rest[..rest.len() - 1], expect);
    // And the same by parts.
    let part = server.get(&format!("{path}?cursor={begin}"));
    assert_eq!(part["items"][0], events[0].data);
}

#[test]
fn a_log_is_followed_line_by_line() {
    let home = home();
    deploy(&home, "process_item", &[]);
    let server = Server::start(&home, &["--worker"]);
    let run = start(&home, "process-item", &["-p", "item_id=7"]);
    let path = format!("/v1/flow-runs/{run}/logs");
    let mut stream = server.ask("GET", &path).follow(None);
    let first = stream.next().unwrap();
    assert_eq!(
        (&*first.kind, &first.data["message"]),
        ("log", &json!("Processing item 7"))
    );
    server
        .ask("POST", &format!("/v1/flow-runs/{run}/cancel"))
        .send()
        .ok();
    let rest: Vec<Event> = stream.collect();
    assert_eq!(rest.last().unwrap().kind, "end");
    let again: Vec<Event> = server.ask("GET", &path).follow(Some(&first.id)).collect();
    assert_eq!(again, rest);
    let over = server.ask("GET", &path).follow(Some("end"));
    assert_eq!(over.status, 204);
}

#[test]
fn a_place_that_is_no_place_is_refused_and_one_too_old_is_told() {
    let home = home();
    let server = Server::start(&home, &[]);
    let ask = |query: &str| server.ask("GET", &format!("/v1/events{query}"));
    ask("?after=nonsense").send().problem(400, "invalid-cursor");
    ask("?from=1").send().problem(400, "invalid-query");
    // Of a row that was never written.
    ask("?after=999999-ff").send().problem(410, "too-old");
    let mut stream = ask("?after=999999-ff").follow(None);
    let reset = stream.next().unwrap();
    assert_eq!(reset.kind, "reset");
    server.post("/v1/work-pools", &json!({"name": "gpu"}));
    let event = stream.next().unwrap();
    assert_eq!(
        (&*event.kind, &event.data["pool"]["name"]),
        ("pool", &json!("gpu"))
    );
}

#[test]
fn events_are_read_from_either_end_and_filtered_by_type_and_run() {
    let home = home();
    deploy(&home, "forms", &[]);
    let server = Server::start(&home, &["--worker"]);
    let run = start(&home, "says-things", &[]);
    eventually(SOON, || {
        server.get(&format!("/v1/flow-runs/{run}"))["state"]["type"] == "COMPLETED"
    });
    let all = |query: &str| {
        let mut items: Vec<serde_json::Value> = Vec::new();
        let mut cursor = String::new();
        loop {
            let part = server.get(&format!("/v1/events?{query}{cursor}"));
            let got = part["items"].as_array().unwrap();
            assert!(got.len() <= 7, "{part}");
            items.extend(got.clone());
            match part["next"].as_str() {
                Some(next) if !got.is_empty() || query.contains("newest") => {
                    cursor = format!("&cursor={next}");
                }
                _ => return items,
            }
        }
    };
    let forward = all("limit=7");
    let mut back = all("limit=7&order=newest-first");
    back.reverse();
    assert_eq!(back, forward);
    for kinds in [&["task-run"][..], &["log", "deployment"], &["worker"]] {
        let wanted = |event: &&serde_json::Value| kinds.contains(&text(&event["type"]));
        let expect: Vec<_> = forward.iter().filter(wanted).cloned().collect();
        assert!(!expect.is_empty());
        let query: String = kinds.iter().map(|kind| format!("&type={kind}")).collect();
        assert_eq!(all(&format!("limit=3{query}")), expect);
        let mut back = all(&format!("limit=3&order=newest-first{query}"));
        back.reverse();
        assert_eq!(back, expect);
    }
    // Of one run, as at its own path.
    let of_run = all(&format!("limit=7&run={run}"));
    let path = format!("/v1/flow-runs/{run}/events?limit=1000");
    assert_eq!(server.get(&path)["items"].as_array().unwrap(), &of_run);
    assert!(of_run.iter().all(|event| event["run"]["id"] == *run));
    // A stream leaves out the rest, too, and ends all the same.
    let begin = text(&forward[0]["cursor"]);
    let followed = server.ask("GET", &format!("/v1/flow-runs/{run}/events?type=log"));
    let kinds: Vec<String> = followed.follow(Some(begin)).map(|it| it.kind).collect();
    assert_eq!(kinds.first().map(String::as_str), Some("log"));
    assert_eq!(kinds.last().map(String::as_str), Some("end"));
    assert!(kinds.iter().all(|kind| kind == "log" || kind == "end"));
}

#[test]
fn a_question_about_events_that_makes_no_sense_is_refused() {
    let home = home();
    let server = Server::start(&home, &[]);
    let ask = |query: &str| server.ask("GET", &format!("/v1/events{query}"));
    let problem = ask("?type=nothing").send().problem(400, "invalid-query");
    assert!(text(&problem["detail"]).contains("`nothing`"), "{problem}");
    ask("?run=nobody").send().problem(404, "not-found");
    ask("?limit=0").send().problem(400, "invalid-query");
    let back = ask("?order=newest-first&after=999999-ff").send();
    back.problem(410, "too-old");
    let stream = ask("?order=newest-first").header("Accept", "text/event-stream");
    let problem = stream.send().problem(400, "invalid-query");
    assert!(
        text(&problem["hint"]).contains("leave `order` out"),
        "{problem}"
    );
    // The path says which run.
    let of_run = server.ask("GET", "/v1/flow-runs/x/events?run=x");
    of_run.send().problem(400, "invalid-query");
}

#[test]
fn a_token_has_so_many_streams_and_they_end_with_the_server() {
    let home = home();
    let server = Server::start(&home, &[]);
    let follow = || server.ask("GET", "/v1/events").follow(None);
    let mut streams: Vec<_> = (0..16).map(|_| follow()).collect();
    assert!(streams.iter().all(|stream| stream.status == 200));
    assert_eq!(follow().status, 429);
    // Requests go on.
    server.get("/v1/whoami");
    drop(streams.pop());
    eventually(SOON, || follow().status == 200);
    server.process.sigint();
    assert_eq!(server.process.wait(), 0);
    for stream in streams {
        assert_eq!(stream.count(), 0);
    }
}

/// Follows all events from `begin` until a pool `the-end` is new, whatever becomes of the server,
/// and comes again with the id of the last event that it had. It hangs up itself after so many
/// events, too.
fn follow_to_the_end(ask: &Ask, begin: &str, hang_up_after: usize) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut last = begin.to_owned();
    loop {
        let Ok(stream) = ask.clone().try_follow(Some(&last)) else {
            // Nobody is there at the moment.
            thread::sleep(Duration::from_millis(20));
            continue;
        };
        for event in stream.take(hang_up_after) {
            last.clone_from(&event.id);
            let is_last = event.data["pool"]["name"] == "the-end";
            events.push(event);
            if is_last {
                return events;
            }
        }
    }
}

/// The server is killed and started again while a worker is busy with runs, and several follow.
/// They come again with the id of the last event that they had.
#[test]
fn whoever_resumes_sees_each_event_once_when_the_server_is_killed() {
    const RUNS: usize = 150;
    const KILLS: usize = 4;
    /// How often each of them hangs up itself.
    const FOLLOWERS: [usize; 4] = [usize::MAX, usize::MAX, 400, 60];
    let home = home();
    deploy(&home, "forms", &[]);
    let _worker = worker(&home, &[]);
    let port = free_port();
    let first = Server::start(&home, &["--port", &port]);
    let begin = text(&first.get("/v1/events")["next"]).to_owned();
    let ask = first.ask("GET", "/v1/events");
    let (followed, server) = thread::scope(|scope| {
        let mut server = first;
        let followers = FOLLOWERS.map(|hang_up_after| {
            let (ask, begin) = (&ask, &begin);
            scope.spawn(move || follow_to_the_end(ask, begin, hang_up_after))
        });
        for _ in 0..KILLS {
            // So the worker has work while the server dies and begins again.
            let create = ["deployment", "run", "direct-call", "--from-file", "-"];
            home.feed(create, "{}\n".repeat(RUNS)).ok();
            server.process.sigkill();
            server = Server::start(&home, &["--port", &port]);
        }
        eventually(SOON, || {
            super::flow_runs(&home, &[])
                .iter()
                .all(|run| run["state"]["type"] == "COMPLETED")
        });
        home.run(["work-pool", "create", "the-end"]).ok();
        (followers.map(|it| it.join().unwrap()), server)
    });
    // What the stream holds, read in one piece.
    let mut whole = Vec::new();
    let mut cursor = begin;
    loop {
        let part = server.get(&format!("/v1/events?cursor={cursor}"));
        let items = part["items"].as_array().unwrap();
        if items.is_empty() {
            break;
        }
        whole.extend(items.clone());
        cursor = text(&part["next"]).to_owned();
    }
    let all: Vec<_> = whole.iter().map(|event| text(&event["cursor"])).collect();
    for events in &followed {
        let seen = events.iter().map(|event| text(&event.data["cursor"]));
        assert_eq!(seen.collect::<Vec<_>>(), all);
    }
    let ended = whole
        .iter()
        .filter(|event| event["flow_run"]["state"]["type"] == "COMPLETED");
    assert_eq!(ended.count(), KILLS * RUNS);
}

/// A port that nobody has at the moment.
fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}
