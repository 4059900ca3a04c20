//! What tasks may reach, as typed.

use model::{HttpGrant, TcpGrant};
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
}

impl GrantArgs {
    pub fn request(&self) -> GrantsRequest {
        GrantsRequest {
            http: self.allow_http.iter().map(ToString::to_string).collect(),
            tcp: self.allow_tcp.iter().map(ToString::to_string).collect(),
            private: self.allow_private,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.request() == GrantsRequest::default()
    }
}
