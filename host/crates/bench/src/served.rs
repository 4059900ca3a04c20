//! A server in a process of its own, and those who ask it.

use anyhow::Context as _;
use model::{Role, TokenName};
use operations::access;

use crate::bed::Bed;
use crate::http::Connection;
use crate::process::Process;

/// `orch-host server start` on a free port of this machine.
pub struct Server {
    pub process: Process,
    address: String,
}

impl Server {
    /// Returns once it listens.
    pub async fn start(bed: &Bed, more: &[&str]) -> anyhow::Result<Self> {
        let args = [&["server", "start", "--port", "0"], more].concat();
        let mut process = Process::start(bed, &args)?;
        let said = process
            .says("a server", "Server started on http://")
            .await?;
        let address = said.split(';').next().unwrap_or_default().to_owned();
        Ok(Self { process, address })
    }

    /// Of a program with a token.
    pub async fn connect(&self, token: &Token) -> anyhow::Result<Connection> {
        Connection::open(&self.address, &token.0).await
    }

    /// Of a person who has signed in to the pages with a token.
    pub async fn sign_in(&self, token: &Token) -> anyhow::Result<Connection> {
        let secret = token.0.rsplit(' ').next().unwrap_or_default();
        let kind = "application/x-www-form-urlencoded";
        let mut connection = self.connect(token).await?;
        let signed_in = connection
            .post("/sign-in", kind, &format!("token={secret}&next=/"))
            .await?;
        let cookie = signed_in
            .cookie
            .with_context(|| format!("signing in was answered {}", signed_in.status))?;
        Connection::open(&self.address, &format!("Cookie: {cookie}")).await
    }
}

/// The header line of a token.
pub struct Token(String);

impl Token {
    /// A new one, which may do anything.
    pub async fn create(bed: &Bed) -> anyhow::Result<Self> {
        let name = TokenName::new(format!("bench-{:08x}", rand::random::<u32>()))?;
        let (_, secret) = access::create_token(&*bed.store, name, Role::Admin, None).await?;
        Ok(Self(format!("Authorization: Bearer {}", secret.expose())))
    }
}
