//! What tasks may reach, as typed.

use super::error::UserError;
use model::{DirGrant, EnvGrant, GrantError, HttpGrant, SecretGrant, TcpGrant};
use operations::client::GrantsRequest;

#[derive(Clone, Debug, Default, clap::Args)]
pub struct GrantArgs {
    /// Let tasks send HTTP requests to a host: `host`, `*.host`, `host:port`,
    /// `https://host[:port]`, or `*` for any. Without a port, those of HTTP and HTTPS are
    /// meant. May be repeated
    #[arg(long, value_name = "HOST")]
    allow_http: Vec<HttpGrant>,
    /// Let tasks open TCP connections to a port of a host: `host:port`; may be repeated
    #[arg(long, value_name = "HOST:PORT")]
    allow_tcp: Vec<TcpGrant>,
    /// Let granted names lead to addresses of this machine and of its network. Without it,
    /// only `localhost` and addresses that are granted themselves do
    #[arg(long)]
    allow_private: bool,
    /// Set a variable of the environment of tasks, or hand the worker's own one through: `NAME`;
    /// may be repeated
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<EnvGrant>,
    /// Let tasks see a directory of the worker's machine, at a path of their own, and change what
    /// is in it unless `:ro` is added; may be repeated
    #[arg(long = "dir", value_name = "HOST:GUEST[:ro]", value_parser = dir)]
    dirs: Vec<DirGrant>,
    /// Give each attempt of a task an empty directory at `/tmp`, which is gone afterwards
    #[arg(long)]
    tmp: bool,
    /// Let tasks ask for a secret, or have it in a variable of their environment, too; may be
    /// repeated
    #[arg(long = "secret", value_name = "NAME[=ENV]")]
    secrets: Vec<SecretGrant>,
}

/// A directory of this machine: a relative path is one of here.
fn dir(text: &str) -> Result<DirGrant, String> {
    let absolute = if text.starts_with(['/', ':']) || text.is_empty() {
        text.to_owned()
    } else {
        let here = std::env::current_dir().map_err(|err| err.to_string())?;
        format!("{}/{text}", here.display())
    };
    absolute.parse().map_err(|err: GrantError| err.to_string())
}

impl GrantArgs {
    pub fn request(&self) -> GrantsRequest {
        GrantsRequest {
            http: self.allow_http.iter().map(ToString::to_string).collect(),
            tcp: self.allow_tcp.iter().map(ToString::to_string).collect(),
            private: self.allow_private,
            env: self.env.iter().map(ToString::to_string).collect(),
            dirs: self.dirs.iter().map(ToString::to_string).collect(),
            tmp: self.tmp,
            secrets: self.secrets.iter().map(ToString::to_string).collect(),
        }
    }

    /// Checks that the directories are there, where workers are on this machine.
    pub fn check_dirs(&self) -> Result<(), UserError> {
        for dir in &self.dirs {
            let found = std::fs::metadata(&dir.host);
            let why = match found {
                Ok(found) if found.is_dir() => continue,
                Ok(_) => "it is no directory".to_owned(),
                Err(err) => err.to_string(),
            };
            let host = &dir.host;
            return Err(UserError::new(format!(
                "`--dir {dir}` cannot be granted: `{host}`: {why}"
            ))
            .hint("make it first, or name another one: `--dir /host/path:/path/of/the/task`"));
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.request() == GrantsRequest::default()
    }
}
