//! What all pages have around them: the bar, the footer, the visitor.

use super::assets::{ASSETS, Assets};

/// Everything around the part that a page is about.
#[derive(Clone, Debug)]
pub struct Shell {
    pub title: String,
    /// The path of the page, by which its section is marked.
    pub path: String,
    pub user: Option<User>,
    /// The name of the time zone of all times.
    pub zone: String,
    /// `light` or `dark`, if the visitor has chosen.
    pub theme: Option<&'static str>,
    /// Whether single keys do things.
    pub keys: bool,
    pub assets: &'static Assets,
    /// Whether the page is updated while it is shown.
    pub live: bool,
    /// Of which events the page knows: up to this place of the stream.
    pub seen: String,
    /// What came of what the visitor did last.
    pub said: Option<String>,
    pub copy_id: Option<String>,
    /// The command that shows the same.
    pub command: Option<String>,
    /// The same for programs.
    pub json: Option<String>,
    pub version: &'static str,
}

#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    pub role: String,
}

/// A section of the pages.
pub struct Section {
    pub text: &'static str,
    pub href: &'static str,
    pub is_current: bool,
}

/// Pages that are reached through a section, and stand elsewhere.
const BELOW: [(&str, &str); 7] = [
    ("/task-runs", "/flow-runs"),
    ("/bulk-actions", "/flow-runs"),
    ("/prune-rule", "/flow-runs"),
    ("/schedules", "/deployments"),
    ("/limits", "/work-pools"),
    ("/new-limit", "/work-pools"),
    ("/cache", "/work-pools"),
];

const SECTIONS: [(&str, &str); 10] = [
    ("Dashboard", "/"),
    ("Runs", "/flow-runs"),
    ("Deployments", "/deployments"),
    ("Components", "/components"),
    ("Work pools", "/work-pools"),
    ("Artifacts", "/artifacts"),
    ("Variables", "/variables"),
    ("Secrets", "/secrets"),
    ("Events", "/events"),
    ("Audit", "/audit"),
];

impl Shell {
    /// For somebody who has not signed in.
    pub fn of_stranger(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            path: String::new(),
            user: None,
            zone: "UTC".to_owned(),
            theme: None,
            keys: true,
            assets: &ASSETS,
            live: false,
            seen: String::new(),
            said: None,
            copy_id: None,
            command: None,
            json: None,
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    fn is_below(&self, path: &str) -> bool {
        let rest = self.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    pub fn nav(&self) -> Vec<Section> {
        let is_admin = self.user.as_ref().is_some_and(|user| user.role == "admin");
        let section = |(text, href): (&'static str, &'static str)| Section {
            text,
            href,
            is_current: if href == "/" {
                self.path == "/"
            } else {
                self.is_below(href)
                    || BELOW
                        .iter()
                        .any(|(path, of)| *of == href && self.is_below(path))
            },
        };
        SECTIONS
            .into_iter()
            .filter(|(_, href)| *href != "/audit" || is_admin)
            .map(section)
            .collect()
    }
}
