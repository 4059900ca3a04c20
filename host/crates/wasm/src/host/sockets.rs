//! A bound on the sockets of tasks, which take descriptors that everything else in the process
//! needs, too. Who is granted nothing gets none.

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource as Limited, getrlimit};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket::Host;
use wasmtime_wasi::p2::{SocketResult, TcpSocket};
use wasmtime_wasi::sockets::WasiSocketsView;

use crate::guest::Guest;

/// The version under which `wasmtime-wasi` links its sockets.
const CREATE_SOCKET: &str = "wasi:sockets/tcp-create-socket@0.2.12";

/// Descriptors that sockets leave to the host: for its database, compiled code and listeners.
const FOR_THE_HOST: u64 = 200;

/// A task gets the error `new-socket-limit` instead of a socket where few descriptors are left.
pub(super) fn shadow_create_socket(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut sockets = linker.instance(CREATE_SOCKET)?;
    sockets.func_wrap(
        "create-tcp-socket",
        |mut store: StoreContextMut<'_, Guest>, (family,): (IpAddressFamily,)| {
            Ok((create(store.data_mut(), family)?,))
        },
    )
}

fn create(
    guest: &mut Guest,
    family: IpAddressFamily,
) -> wasmtime::Result<Result<Resource<TcpSocket>, ErrorCode>> {
    let network = guest.network();
    if !network.is_open() {
        network.refuse_socket();
        return Ok(Err(ErrorCode::AccessDenied));
    }
    if are_descriptors_scarce() {
        return Ok(Err(ErrorCode::NewSocketLimit));
    }
    let created: SocketResult<_> = guest.sockets().create_tcp_socket(family);
    match created {
        Ok(socket) => Ok(Ok(socket)),
        Err(err) => err.downcast().map(Err),
    }
}

/// The system gives the lowest number that is free. So that number says about how many are
/// taken, without a look at all of them.
pub(super) fn are_descriptors_scarce() -> bool {
    let Some(max) = getrlimit(Limited::Nofile).current else {
        return false;
    };
    match fcntl_dupfd_cloexec(std::io::stderr(), 0) {
        Ok(lowest) => {
            use std::os::fd::AsRawFd;
            let lowest = u64::try_from(lowest.as_raw_fd()).unwrap_or_default();
            lowest + FOR_THE_HOST.min(max / 2) >= max
        }
        Err(_) => true,
    }
}
