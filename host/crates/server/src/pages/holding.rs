//! Pause and resume, of whatever makes runs start: a work pool, a queue, a schedule.

use operations::client::Answered;
use operations::problem::{Problem, ProblemKind};

use super::flow_run::Ask;
use super::shell::Shell;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    Pause,
    Resume,
}

impl Holding {
    /// By the word of a path. `of` is the kind of thing, for whoever asks for anything else.
    pub fn of(word: &str, of: &str) -> Answered<Self> {
        match word {
            "pause" => Ok(Self::Pause),
            "resume" => Ok(Self::Resume),
            other => {
                let detail = format!("`{other}` is nothing that can be done to a {of}");
                Err(Problem::new(ProblemKind::NotFound, detail))
            }
        }
    }

    /// What can be done to something that is paused, or is not.
    pub fn that_changes(is_paused: bool) -> Self {
        if is_paused { Self::Resume } else { Self::Pause }
    }

    /// Where it is asked for and done, of what has this path.
    pub fn path(self, of: &str) -> String {
        format!("{of}/{}", self.verb().to_ascii_lowercase())
    }

    pub fn is_pause(self) -> bool {
        self == Self::Pause
    }

    pub fn verb(self) -> &'static str {
        match self {
            Self::Pause => "Pause",
            Self::Resume => "Resume",
        }
    }

    pub fn did(self) -> &'static str {
        match self {
            Self::Pause => "Paused",
            Self::Resume => "Resumed",
        }
    }

    /// Whether to do it to `what`, whose own path is `path`. The line says what that means.
    pub fn ask(self, shell: Shell, what: &str, line: &str, path: &str, back: String) -> Ask {
        let verb = self.verb();
        Ask {
            shell,
            question: format!("{verb} {what}?"),
            lines: vec![line.to_owned()],
            action: self.path(path),
            hidden: Vec::new(),
            choices: Vec::new(),
            verb,
            is_dangerous: false,
            back,
        }
    }
}
