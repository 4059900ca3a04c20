//! A task sees the directories and variables that its deployment was granted, and nothing else.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use test_support::{Home, Ran, Worker, eventually, guest};

use super::{SOON, deploy, everything, failure_of_task, home, json, start, watch, worker};

/// A home with directories beside it, of which tasks get `shared` as `/out`, and `fixed` as `/in`
/// without changes.
struct Place {
    home: Home,
}

impl Place {
    fn new() -> Self {
        let place = Self { home: home() };
        for dir in ["shared", "fixed", "outside"] {
            fs::create_dir(place.path(dir)).unwrap();
        }
        fs::write(place.path("fixed/given"), "given").unwrap();
        fs::write(place.path("outside/hidden"), "hidden").unwrap();
        let (shared, fixed) = (place.path("shared"), place.path("fixed"));
        let grants = [format!("{shared}:/out"), format!("{fixed}:/in:ro")];
        deploy(
            &place.home,
            "files",
            &["--dir", &grants[0], "--dir", &grants[1]],
        );
        place
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    fn worker(&self) -> Worker {
        worker(&self.home, &[])
    }

    #[track_caller]
    fn all(&self, deeds: &Value) -> Value {
        all(&self.home, deeds)
    }

    /// The kind of a failure, what it says, and how many attempts there were.
    #[track_caller]
    fn fails(&self, deed: &Value) -> (String, String, usize) {
        fails(&self.home, deed)
    }
}

#[track_caller]
fn all(home: &Home, deeds: &Value) -> Value {
    let deeds = format!("deeds={deeds}");
    watch(home, "do-all", &["-p", &deeds]).ok().json()
}

#[track_caller]
fn fails(home: &Home, deed: &Value) -> (String, String, usize) {
    let run = start(home, "do-it", &["-p", &format!("does={deed}")]);
    failure_of_task(home, &run)
}

#[test]
fn a_task_reads_and_writes_where_it_may() {
    let place = Place::new();
    let _worker = place.worker();
    let done = place.all(&json!([
        {"read": "/in/given"},
        {"list": "/in"},
        {"write": ["/out/a", "one"]},
        {"append": ["/out/a", " two"]},
        {"read": "/out/a"},
        {"make-dir": "/out/b"},
        {"rename": ["/out/a", "/out/b/c"]},
        {"list": "/out/b"},
        {"link": ["b/c", "/out/link"]},
        {"read": "/out/link"},
        {"truncate": "/out/b/c"},
        {"remove": "/out/link"},
        {"remove": "/out/b/c"},
        {"remove-dir": "/out/b"},
        {"list": "/out"},
    ]));
    assert_eq!(done[0], "given");
    assert_eq!(done[1], json!(["given"]));
    assert_eq!(done[4], "one two");
    assert_eq!(done[7], json!(["c"]));
    assert_eq!(done[9], "one two");
    assert_eq!(done[14], json!([]));
}

#[test]
fn nothing_leads_out_of_a_directory() {
    let place = Place::new();
    let outside = place.path("outside");
    symlink(&outside, place.path("shared/absolute")).unwrap();
    symlink("../outside", place.path("shared/relative")).unwrap();
    symlink(format!("{outside}/hidden"), place.path("shared/file")).unwrap();
    let _worker = place.worker();
    for path in [
        "/out/../outside/hidden",
        "/out/absolute/hidden",
        "/out/relative/hidden",
        "/out/file",
        "/in/../../outside/hidden",
    ] {
        for deed in [
            json!({"read": path}),
            json!({"write": [path, "changed"]}),
            json!({"remove": path.replace("/file", "/absolute/hidden")}),
        ] {
            let (kind, message, _) = place.fails(&deed);
            assert!(
                ["error", "refused"].contains(&kind.as_str()),
                "{deed}: {message}"
            );
        }
    }
    // Also a link that the task makes itself.
    let (_, message, _) = place.fails(&json!({"link": [format!("{outside}/hidden"), "/out/own"]}));
    assert!(message.contains("`/out/own`"), "{message}");
    let absolute = json!({"read": format!("{outside}/hidden")});
    let (kind, message, attempts) = place.fails(&absolute);
    assert_eq!((kind.as_str(), attempts), ("refused", 1));
    assert!(
        message.contains("`--dir HOST:GUEST` grants one"),
        "{message}"
    );
    assert_eq!(
        fs::read_to_string(format!("{outside}/hidden")).unwrap(),
        "hidden"
    );
}

/// Between the look at a path and its opening there is no moment.
#[test]
fn a_link_that_is_swapped_meanwhile_leads_nowhere() {
    let place = Place::new();
    let _worker = place.worker();
    let (inner, swapped) = (place.path("shared/inner"), place.path("shared/swapped"));
    fs::create_dir(&inner).unwrap();
    fs::write(format!("{inner}/hidden"), "inner").unwrap();
    let outside = place.path("outside");
    let over = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&over);
    let swapping = thread::spawn(move || {
        let next = format!("{swapped}.next");
        while !stop.load(Ordering::Relaxed) {
            for target in [Path::new("inner"), Path::new(&outside)] {
                symlink(target, &next).unwrap();
                fs::rename(&next, &swapped).unwrap();
            }
        }
    });
    let read = place.all(&json!([{"read-often": ["/out/swapped/hidden", 3000]}]));
    over.store(true, Ordering::Relaxed);
    swapping.join().unwrap();
    let read = read[0].as_object().unwrap();
    assert!(
        read.contains_key("inner") && !read.contains_key("hidden"),
        "{read:?}"
    );
}

#[test]
fn what_may_only_be_read_is_not_changed() {
    let place = Place::new();
    let _worker = place.worker();
    for deed in [
        json!({"write": ["/in/given", "x"]}),
        json!({"write": ["/in/new", "x"]}),
        json!({"append": ["/in/given", "x"]}),
        json!({"truncate": "/in/given"}),
        json!({"remove": "/in/given"}),
        json!({"make-dir": "/in/new"}),
        json!({"rename": ["/in/given", "/in/new"]}),
        json!({"rename": ["/in/given", "/out/new"]}),
        json!({"link": ["given", "/in/new"]}),
    ] {
        let (kind, message, attempts) = place.fails(&deed);
        assert_eq!(
            (kind.as_str(), attempts),
            ("refused", 1),
            "{deed}: {message}"
        );
        assert!(
            message
                .contains("was not changed: the deployment was granted its directory with `:ro`"),
            "{deed}: {message}"
        );
    }
    assert_eq!(fs::read_dir(place.path("fixed")).unwrap().count(), 1);
    assert_eq!(
        fs::read_to_string(place.path("fixed/given")).unwrap(),
        "given"
    );
}

#[test]
fn what_fails_is_said_with_its_path_and_in_words() {
    let place = Place::new();
    let _worker = place.worker();
    let (kind, message, attempts) = place.fails(&json!({"read": "/in/missing"}));
    assert_eq!((kind.as_str(), attempts), ("error", 2));
    assert_eq!(message, "No such file or directory (opening `/in/missing`)");
    let (kind, message, _) = place.fails(&json!({"remove-dir": "/out/missing"}));
    assert_eq!(kind, "error");
    assert_eq!(
        message,
        "No such file or directory (removing `/out/missing`)"
    );
    // Whoever goes on without it fails with what it says then.
    let (_, message, _) = place.fails(&json!({"read-and-go-on": "/in/missing"}));
    assert_eq!(message, "something else");
    let (_, message, _) = place.fails(&json!("temp-dir"));
    assert!(
        message.contains("a task has `/tmp` if it is deployed with `--tmp`"),
        "{message}"
    );
}

#[test]
fn each_attempt_has_an_empty_directory_that_is_gone_afterwards() {
    let home = home();
    deploy(&home, "files", &["--tmp"]);
    let first = worker(&home, &[]);
    let used = watch(&home, "use-tmp", &[]).ok().json();
    assert_eq!(used, 2);
    let scratch = home.path().join("tmp");
    let dirs = || -> Vec<_> {
        let entries = fs::read_dir(&scratch).unwrap().flatten();
        entries.map(|it| it.path()).collect()
    };
    // The one of the worker has nothing but its lock.
    let own = dirs();
    assert_eq!(own.len(), 1);
    eventually(SOON, || fs::read_dir(&own[0]).unwrap().count() == 1);
    // What a worker leaves behind that is killed, the next one removes.
    first.sigkill();
    fs::create_dir(own[0].join("left")).unwrap();
    let _second = worker(&home, &[]);
    eventually(SOON, || dirs().is_empty());
    // Without the grant there is none.
    deploy(&home, "files", &[]);
    let (kind, message, _) = fails(&home, &json!({"write": ["/tmp/a", "a"]}));
    assert_eq!(kind, "refused");
    assert!(
        message.contains("`--tmp` an empty one at `/tmp`"),
        "{message}"
    );
}

/// Whatever it removes: what was written has used the disk.
#[test]
fn an_attempt_writes_so_much_into_its_own_directory() {
    let home = home();
    deploy(&home, "files", &["--tmp"]);
    let _worker = worker(&home, &["--tmp-limit", "4MiB"]);
    let much = json!([{"write-and-remove": ["/tmp/a", 2000, 2]}]);
    assert_eq!(all(&home, &much), json!([2]));
    let (kind, message, attempts) = fails(&home, &json!({"write-and-remove": ["/tmp/a", 2000, 3]}));
    assert_eq!((kind.as_str(), attempts), ("error", 2));
    assert_eq!(
        message,
        "I/O error (writing more than 4.00 MiB in one attempt to `/tmp/a`)"
    );
    // What is made without a byte in it counts, too.
    let (_, message, _) = fails(&home, &json!({"write-and-remove": ["/tmp/b", 0, 1100]}));
    assert!(message.contains("more than 4.00 MiB"), "{message}");
}

#[test]
fn a_directory_with_too_many_entries_is_not_listed() {
    let home = home();
    let many = home.path().join("many");
    fs::create_dir(&many).unwrap();
    for n in 0..=100_000 {
        fs::File::create(many.join(n.to_string())).unwrap();
    }
    let grant = format!("{}:/many:ro", many.display());
    deploy(&home, "files", &["--dir", &grant]);
    let _worker = worker(&home, &[]);
    let (_, message, _) = fails(&home, &json!({"count": "/many"}));
    assert!(
        message.contains("(listing more than 100000 entries of `/many`)"),
        "{message}"
    );
    fs::remove_file(many.join("0")).unwrap();
    assert_eq!(all(&home, &json!([{"count": "/many"}])), json!([100_000]));
}

#[test]
fn a_variable_is_set_or_handed_through() {
    let home = home();
    let args = [
        "--env",
        "OWN=a b=c",
        "--env",
        "HANDED",
        "--env",
        "MISSING",
        "--env",
        "OWN=last",
    ];
    deploy(&home, "files", &args);
    let mut command = home.cmd(["worker", "--pool", "default-pool"]);
    command
        .env("HANDED", "from the worker")
        .env("OTHER", "not granted");
    let _worker = Worker::of(command).wait_until_ready();
    let deeds = json!([{"env": "OWN"}, {"env": "HANDED"}, {"env": "MISSING"}, {"env": "OTHER"}, {"env": "HOME"}]);
    let found = watch(&home, "do-all", &["-p", &format!("deeds={deeds}")]).ok();
    assert_eq!(
        found.json(),
        json!(["last", "from the worker", null, null, null])
    );
    // A flow has none.
    let here = ["-p", r#"does={"env":"OWN"}"#];
    assert_eq!(watch(&home, "do-it-here", &here).ok().json(), Value::Null);
}

#[test]
fn a_flow_has_no_directories() {
    let place = Place::new();
    let _worker = place.worker();
    let here = ["-p", r#"does={"read":"/in/given"}"#];
    let failed = watch(&place.home, "do-it-here", &here).fails(1);
    assert!(
        failed.stderr.contains("No such file or directory"),
        "{failed}"
    );
}

#[test]
fn a_directory_that_is_gone_is_named() {
    let place = Place::new();
    fs::remove_dir(place.path("shared")).unwrap();
    let _worker = place.worker();
    let (kind, message, attempts) = place.fails(&json!({"read": "/in/given"}));
    assert_eq!((kind.as_str(), attempts), ("error", 2));
    let expect = format!(
        "the directory `{}`, which was granted as `/out`, cannot be opened: No such file or directory",
        place.path("shared")
    );
    assert_eq!(message, expect);
}

#[test]
fn what_cannot_be_granted_is_refused() {
    let home = home();
    let before = everything(&home);
    let file = guest("files").display().to_string();
    let at = home.path().display().to_string();
    fs::write(home.path().join("file"), "").unwrap();
    let dir = |text: &str| ["--dir".to_owned(), text.to_owned()];
    let env = |text: &str| ["--env".to_owned(), text.to_owned()];
    for (args, words) in [
        (
            dir(&format!("{at}:data")),
            "`data` is where the task sees it, and so begins with `/`; only `ro` may follow it",
        ),
        (dir(&at), "it names no directory of the task"),
        (
            dir(&format!("{at}:/")),
            "`/` cannot be the place of a directory",
        ),
        (
            dir(&format!("{at}:/a/../b")),
            "`/a/../b` has a part `..` or `.`",
        ),
        (
            dir(&format!("{at}/missing:/data")),
            "missing`: No such file or directory",
        ),
        (
            dir(&format!("{at}/file:/data")),
            "file`: it is no directory",
        ),
        (env("1A=b"), "`1A` is no name of a variable"),
        (env("a b"), "`a b` is no name of a variable"),
        (env(""), "it is empty"),
    ] {
        for command in ["deploy", "run"] {
            let mut all = vec![command, &file];
            if command == "run" {
                all.extend(["--flow", "use-tmp"]);
            }
            all.extend(args.iter().map(|it| &**it));
            let refused: Ran = home.run(all).fails(2);
            assert!(refused.stderr.contains(words), "{refused}");
        }
    }
    assert_eq!(everything(&home), before);
}

#[test]
fn a_grant_is_shown_and_its_change_is_told() {
    let home = home();
    let at = home.path().display().to_string();
    deploy(&home, "files", &["--env", "A=b", "--tmp"]);
    let dir = format!("{at}:/data:ro");
    let changed = deploy(&home, "files", &["--env", "A=c", "--dir", &dir]);
    let line = format!("(grants): +variable A=c, +directory {at}:/data:ro, -variable A=b, -/tmp");
    assert!(changed.stdout.contains(&line), "{changed}");
    let shown = json(&home, &["deployment", "inspect", "use-tmp"]);
    assert_eq!(shown["grants"], json!({"env": ["A=c"], "dirs": [dir]}));
    let shown = home.run(["deployment", "inspect", "use-tmp"]).ok();
    assert!(
        shown
            .stdout
            .contains(&format!("variable A=c, directory {at}:/data:ro")),
        "{shown}"
    );
}
