//! Blobs are written and read by tasks, passed on as any value, and kept as long as a run refers to
//! them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};
use test_support::{Group, Home, Worker, eventually, left_out};

use super::{
    SOON, deploy, failure_of_task, home, inspect, own_home, start, state, text, wait_until, watch,
    worker,
};

/// Longer than a worker takes to look for what nobody holds.
const TIDY: std::time::Duration = std::time::Duration::from_secs(90);

/// What the storage of this machine has.
fn files(home: &Home) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(home.path().join("blobs")) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[track_caller]
fn result(home: &Home, flow: &str, more: &[&str]) -> Value {
    watch(home, flow, more).ok().json()
}

/// A text, as a parameter.
fn parameter(name: &str, value: &Value) -> String {
    format!("{name}={value}")
}

#[track_caller]
fn delete(home: &Home, run: &str) {
    home.run(["flow-run", "delete", run]).ok();
}

#[test]
fn a_hundred_megabytes_pass_in_little_memory() {
    let home = home();
    deploy(&home, "blobs", &[]);
    let worker = worker(&home, &[]);
    result(&home, "write-and-check", &["-p", "mib=1"]);
    let before = worker.kilobytes("VmHWM");
    let read = result(&home, "write-and-check", &["-p", "mib=100"]);
    assert_eq!(read, 100 << 20);
    let more = (worker.kilobytes("VmHWM") - before) >> 10;
    assert!(more < 40, "{more} MiB");
    let sizes = files(&home)
        .into_iter()
        .map(|file| fs::metadata(file).unwrap().len());
    assert_eq!(sizes.max(), Some(100 << 20));
}

#[test]
fn a_reference_passes_through_results_parameters_and_children() {
    let home = home();
    deploy(&home, "blobs", &[]);
    let _worker = worker(&home, &[]);
    let texts = json!(["one", "two", "one", ""]);
    let run = start(&home, "report", &["-p", &parameter("texts", &texts)]);
    wait_until(&home, &run, "COMPLETED");
    let report = inspect(&home, &run)["result"].clone();
    assert_eq!(report["parts"][0], report["parts"][2]);
    assert_eq!(report["parts"][1]["size"], 3);
    let read = parameter("report", &report);
    assert_eq!(result(&home, "read-report", &["-p", &read]), texts);
    let asked = result(&home, "ask-child", &["-p", &parameter("texts", &texts)]);
    assert_eq!(asked, texts);
    // Equal bytes are kept once.
    eventually(TIDY, || files(&home).len() == 3);
}

/// Whoever refers to it keeps it: the run that wrote it, and each that was given it.
#[test]
fn a_blob_goes_with_the_last_run_that_refers_to_it() {
    let home = home();
    deploy(&home, "blobs", &[]);
    let _worker = worker(&home, &[]);
    let run = |flow: &str, parameter: String| {
        let run = start(&home, flow, &["-p", &parameter]);
        wait_until(&home, &run, "COMPLETED");
        run
    };
    let first = run("report", parameter("texts", &json!(["one"])));
    let report = inspect(&home, &first)["result"].clone();
    let second = run("read-report", parameter("report", &report));
    delete(&home, &first);
    let third = run("read-report", parameter("report", &report));
    delete(&home, &second);
    // The worker has looked by then.
    let other = run("report", parameter("texts", &json!(["two"])));
    delete(&home, &other);
    eventually(TIDY, || files(&home).len() == 1);
    let digest = text(&report["parts"][0]["$blob"]);
    let file = home.path().join("got");
    home.run(["blob", "get", digest, "--to", file.to_str().unwrap()])
        .ok();
    assert_eq!(fs::read_to_string(&file).unwrap(), "one");
    assert_eq!(home.run(["blob", "get", digest]).ok().stdout, "one");
    delete(&home, &third);
    eventually(TIDY, || files(&home).is_empty());
    let gone = home.run(["blob", "get", digest]).fails(2);
    let said = format!("blob `{digest}` does not exist");
    assert!(gone.stderr.contains(&said), "{gone}");
    let part = parameter("blob", &report["parts"][0]);
    let late = start(&home, "read-one", &["-p", &part]);
    let (kind, message, attempts) = failure_of_task(&home, &late);
    assert_eq!((kind.as_str(), attempts), ("not-found", 1));
    assert!(message.contains("there is no blob `blake3:"), "{message}");
}

#[test]
fn what_stands_for_no_blob_is_named() {
    let home = home();
    deploy(&home, "blobs", &[]);
    let _worker = worker(&home, &[]);
    let run = start(&home, "report", &["-p", "texts=[\"abc\"]"]);
    wait_until(&home, &run, "COMPLETED");
    let blob = inspect(&home, &run)["result"]["parts"][0].clone();
    let larger = json!({"$blob": blob["$blob"], "size": 4});
    let run = start(&home, "read-one", &["-p", &parameter("blob", &larger)]);
    let (kind, message, attempts) = failure_of_task(&home, &run);
    assert_eq!((kind.as_str(), attempts), ("invalid", 1));
    let said = format!(
        "blob `{}` has 3 bytes, but the value that refers to it says 4",
        text(&blob["$blob"])
    );
    assert!(message.contains(&said), "{message}");
    // What has another form is none of the flow's parameters.
    for wrong in [
        json!({"$blob": "sha256:00", "size": 3}),
        json!({"$blob": blob["$blob"]}),
        json!("abc"),
    ] {
        let wrong = parameter("blob", &wrong);
        home.run(["deployment", "run", "read-one", "-p", &wrong])
            .fails(2);
    }
    for wrong in ["abc", "blake3:00"] {
        let refused = home.run(["blob", "get", wrong]).fails(2);
        assert!(
            refused.stderr.contains(&format!("`{wrong}` is no blob")),
            "{refused}"
        );
    }
}

#[test]
fn a_flow_neither_writes_nor_reads() {
    let home = home();
    deploy(&home, "blobs", &[]);
    let _worker = worker(&home, &[]);
    let some = json!({"$blob": format!("blake3:{}", "0".repeat(64)), "size": 3});
    for (flow, parameters) in [
        ("write-in-flow", vec![]),
        ("read-in-flow", vec![parameter("blob", &some)]),
    ] {
        let mut args: Vec<&str> = Vec::new();
        for one in &parameters {
            args.extend(["-p", one]);
        }
        let run = start(&home, flow, &args);
        wait_until(&home, &run, "FAILED");
        let failure = &inspect(&home, &run)["failure"];
        assert_eq!(failure["kind"], "refused", "{failure}");
        assert!(
            text(&failure["message"]).contains("a flow reads and writes no blobs"),
            "{failure}"
        );
    }
}

#[test]
fn a_blob_has_a_limit() {
    let home = home();
    deploy(&home, "blobs", &[]);
    let _worker = worker(&home, &["--blob-limit", "5MiB"]);
    result(&home, "make-one", &["-p", "mib=5"]);
    let run = start(&home, "make-one", &["-p", "mib=6"]);
    let (kind, message, _) = failure_of_task(&home, &run);
    assert_eq!(kind, "limit");
    assert_eq!(
        message,
        "a blob is larger than 5.00 MiB, which is the limit on one"
    );
    let run = start(&home, "gives-up", &[]);
    wait_until(&home, &run, "FAILED");
    eventually(TIDY, || files(&home).len() == 1);
}

/// What a killed worker was about to write is nobody's, and what it has written is there.
#[test]
fn a_worker_that_is_killed_leaves_what_was_finished() {
    let home = home();
    deploy(&home, "blobs", &[]);
    let first = worker(&home, &[]);
    let waits = start(&home, "hold-on", &["-p", "text=kept"]);
    eventually(SOON, || {
        ["PAUSED", "WAITING"].contains(&state(&home, &waits).as_str())
    });
    let stays = start(&home, "stay", &["-p", "text=lost"]);
    eventually(SOON, || {
        let logs = home.run(["flow-run", "logs", &stays]).ok();
        logs.stdout.contains("has written")
    });
    assert_eq!(files(&home).len(), 2);
    first.sigkill();
    home.run(["flow-run", "cancel", &stays]).ok();
    let _second = worker(&home, &[]);
    home.run(["flow-run", "resume", &waits, "--input", "true"])
        .ok();
    wait_until(&home, &waits, "COMPLETED");
    assert_eq!(inspect(&home, &waits)["result"], "kept");
}

#[test]
fn an_address_that_is_none_is_told_at_once() {
    let home = home();
    for (url, said) in [
        ("ftp://host/dir", "a storage `ftp://…` is not known"),
        ("s3://", "it names no bucket"),
        ("file://blobs", "the path of a directory has to be absolute"),
        ("blobs", "it is no URL"),
    ] {
        let mut command = home.cmd(["worker", "--pool", "default-pool"]);
        command.env("ORCH_STORAGE_URL", url);
        let refused = ran(command);
        assert_eq!(refused.0, Some(2), "{url}: {}", refused.1);
        let words = format!("`{url}` is no storage: {said}");
        assert!(refused.1.contains(&words), "{}", refused.1);
        assert!(refused.1.contains("hint: write `"), "{}", refused.1);
    }
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let inside = format!("file://{}/blobs", file.display());
    let refused = home
        .run(["worker", "--pool", "default-pool", "--storage", &inside])
        .fails(2);
    assert!(
        refused.stderr.contains("is not there: Not a directory"),
        "{refused}"
    );
}

fn ran(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

/// A server that answers as S3 does, and a bucket of it.
struct Bucket {
    port: u16,
    _server: Group,
}

impl Bucket {
    /// None where the server is not installed: then the stories are left out, and it is said.
    #[track_caller]
    fn new() -> Option<Self> {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/storage");
        if !place.join("installed.txt").exists() {
            left_out("stories about object storages", "tests/storage/install.sh");
            return None;
        }
        let mut server = Command::new(place.join("bin/moto_server"));
        server
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut server = Group::spawn(&mut server).unwrap();
        let said = BufReader::new(server.child.stderr.take().unwrap());
        let mut said = said.lines().map_while(Result::ok);
        let port = said.find_map(|line| {
            let (_, port) = line.split_once("Running on http://127.0.0.1:")?;
            port.trim().parse().ok()
        });
        // Who writes to a pipe that nobody reads would stop in the end.
        thread::spawn(move || said.for_each(drop));
        let bucket = Self {
            port: port.unwrap(),
            _server: server,
        };
        let made = bucket.ask("PUT", "/pictures");
        assert!(made.starts_with("HTTP/1.1 200"), "{made}");
        Some(bucket)
    }

    fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let host = "s3.amazonaws.com";
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn objects(&self) -> usize {
        let listed = self.ask("GET", "/pictures?list-type=2");
        assert!(listed.contains("<Name>pictures</Name>"), "{listed}");
        listed.matches("<Key>blobs/").count()
    }

    /// What a process needs to know to use the bucket.
    fn tell(&self, command: &mut Command, url: &str) {
        command
            .env("ORCH_STORAGE_URL", url)
            .env(
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", self.port),
            )
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "some")
            .env("AWS_SECRET_ACCESS_KEY", "thing");
    }
}

#[test]
fn a_bucket_keeps_what_several_machines_share() {
    let Some(bucket) = Bucket::new() else {
        return;
    };
    let home = home();
    deploy(&home, "blobs", &[]);
    let mut command = home.cmd(["worker", "--pool", "default-pool"]);
    bucket.tell(&mut command, "s3://pictures/blobs");
    let worker = Worker::of(command).wait_until_ready();
    // More than one part, and less.
    assert_eq!(
        result(&home, "write-and-check", &["-p", "mib=20"]),
        20 << 20
    );
    let texts = parameter("texts", &json!(["one", "two", "one"]));
    let run = start(&home, "report", &["-p", &texts]);
    wait_until(&home, &run, "COMPLETED");
    let report = inspect(&home, &run)["result"].clone();
    let read = parameter("report", &report);
    assert_eq!(
        result(&home, "read-report", &["-p", &read]),
        json!(["one", "two", "one"])
    );
    eventually(TIDY, || bucket.objects() == 3);
    assert_eq!(files(&home).len(), 0);
    let digest = text(&report["parts"][1]["$blob"]);
    let mut get = home.cmd(["blob", "get", digest]);
    bucket.tell(&mut get, "s3://pictures/blobs");
    assert_eq!(get.output().unwrap().stdout, b"two");
    for run in super::flow_runs(&home, &[]) {
        delete(&home, text(&run["id"]));
    }
    eventually(TIDY, || bucket.objects() == 0);
    drop(worker);

    let mut command = home.cmd(["worker", "--pool", "default-pool"]);
    bucket.tell(&mut command, "s3://nowhere");
    let refused = ran(command);
    assert_eq!(refused.0, Some(2), "{}", refused.1);
    let said = "the storage `s3://nowhere` is not there: ";
    assert!(refused.1.contains(said), "{}", refused.1);
    assert!(refused.1.contains("hint: make it"), "{}", refused.1);
}

/// In the database, for nothing else is shared.
#[test]
fn postgresql_keeps_small_ones_without_a_storage() {
    let Some(database) = test_support::database() else {
        return;
    };
    let home = own_home().with_database(database.url());
    deploy(&home, "blobs", &[]);
    let _worker = worker(&home, &[]);
    assert_eq!(
        result(&home, "write-and-check", &["-p", "mib=64"]),
        64 << 20
    );
    let run = start(&home, "make-one", &["-p", "mib=65"]);
    let (kind, message, _) = failure_of_task(&home, &run);
    assert_eq!(kind, "limit");
    let said = "a blob is larger than 64 MiB, which is the limit on one in a database; \
                `ORCH_STORAGE_URL` names a storage";
    assert!(message.contains(said), "{message}");
    let asked = result(&home, "ask-child", &["-p", "texts=[\"one\"]"]);
    assert_eq!(asked, json!(["one"]));
    assert_eq!(files(&home).len(), 0);
}
