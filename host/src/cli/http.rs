//! How tasks send requests, as typed.

use std::path::PathBuf;

use super::error::UserError;
use super::size::SizeArg;
use super::time::TimeLimitArg;
use wasm::{HttpConfig, HttpLimits};

#[derive(Clone, Debug, clap::Args)]
pub struct HttpArgs {
    /// Trust the certificate authorities of a file, too, in requests of tasks: one in PEM form.
    /// Those of the system are trusted, or those of `SSL_CERT_FILE`
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// How long a request of a task may take until there is a connection [default: 30s]
    #[arg(long, value_name = "DURATION")]
    http_connect_limit: Option<TimeLimitArg>,
    /// From then on until the answer begins [default: 5m]
    #[arg(long, value_name = "DURATION")]
    http_first_byte_limit: Option<TimeLimitArg>,
    /// Between two parts of the answer or of the request [default: 1m]
    #[arg(long, value_name = "DURATION")]
    http_between_bytes_limit: Option<TimeLimitArg>,
    /// The body of a request, and of an answer [default: 4GiB]
    #[arg(long, value_name = "SIZE")]
    http_body_limit: Option<SizeArg>,
}

impl HttpArgs {
    pub fn limits(&self) -> HttpLimits {
        let usual = HttpLimits::default();
        let time = |typed: Option<TimeLimitArg>, usual| typed.map_or(usual, |it| it.0);
        HttpLimits {
            connect_max: time(self.http_connect_limit, usual.connect_max),
            first_byte_max: time(self.http_first_byte_limit, usual.first_byte_max),
            between_bytes_max: time(self.http_between_bytes_limit, usual.between_bytes_max),
            body_max: self
                .http_body_limit
                .map_or(usual.body_max, |SizeArg(max)| max as u64),
        }
    }

    /// With the proxies of the environment. Errs if there are no authorities in their file.
    pub fn config(&self) -> Result<HttpConfig, UserError> {
        let config = HttpConfig::of_environment();
        match &self.ca_file {
            None => Ok(config),
            Some(file) => config.with_authorities(file).map_err(|err| {
                UserError::new(format!("no certificate authorities: {err}")).hint(
                    "`--ca-file` takes certificates in PEM form, which begin with \
                     `-----BEGIN CERTIFICATE-----`",
                )
            }),
        }
    }
}
