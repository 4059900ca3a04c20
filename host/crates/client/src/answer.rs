//! Problem documents, which become problems again.

use operations::problem::{PlacedError, Problem, ProblemKind};
use serde::Deserialize;

use crate::address::ServerUrl;

/// What is read of a problem document (RFC 9457).
#[derive(Debug, Deserialize)]
pub struct Document {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
    hint: Option<String>,
    #[serde(default)]
    errors: Vec<PlacedError>,
}

impl Document {
    pub fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The stable word of the kind.
    fn slug(&self) -> &str {
        self.kind.rsplit('#').next().unwrap_or_default()
    }

    /// Whether the server knows no such request.
    pub fn is_unknown(&self) -> bool {
        matches!(self.slug(), "no-route" | "method-not-allowed" | "malformed")
    }

    /// The problem that the document was made of, or what it means to a command.
    pub fn problem(self, url: &ServerUrl) -> Problem {
        if let Some(kind) = ProblemKind::of_slug(self.slug()) {
            return Problem {
                kind,
                detail: self.detail,
                hint: self.hint,
                errors: self.errors,
            };
        }
        let said = |kind, hint: Option<&str>| {
            let detail = format!("the server at `{url}` refused: {}", self.detail);
            Problem {
                kind,
                detail,
                hint: hint.map(str::to_owned).or(self.hint.clone()),
                errors: Vec::new(),
            }
        };
        match self.slug() {
            "unauthenticated" => said(
                ProblemKind::NotServed,
                Some(
                    "set `ORCH_API_TOKEN` to a token of that server: \
                     `orch-host token create NAME --role ROLE` there makes one",
                ),
            ),
            "too-many-requests" | "overloaded" | "stopping" | "timeout" => said(
                ProblemKind::Unreachable,
                Some("it may do so in a moment: try again"),
            ),
            _ => said(ProblemKind::NotServed, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(slug: &str) -> Problem {
        let body = format!(
            r#"{{"type": "/docs/problems#{slug}", "title": "t", "status": 400, "detail": "why",
                "hint": "do", "errors": [{{"pointer": "/a", "detail": "b"}}], "request_id": "x"}}"#
        );
        let url = "http://localhost".parse().unwrap();
        Document::read(body.as_bytes()).unwrap().problem(&url)
    }

    #[test]
    fn every_problem_of_an_operation_comes_back() {
        for kind in ProblemKind::ALL {
            let expect = Problem::new(kind, "why").hint("do").at("/a", "b");
            assert_eq!(problem(kind.slug()), expect);
        }
    }

    #[test]
    fn what_only_servers_refuse_is_told_apart_from_what_may_pass() {
        for (slug, kind) in [
            ("unauthenticated", ProblemKind::NotServed),
            ("forbidden", ProblemKind::NotServed),
            ("a-later-one", ProblemKind::NotServed),
            ("stopping", ProblemKind::Unreachable),
        ] {
            let problem = problem(slug);
            assert_eq!(problem.kind, kind);
            assert!(problem.detail.contains("why") && problem.hint.is_some());
        }
    }
}
