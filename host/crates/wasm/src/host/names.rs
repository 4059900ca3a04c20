//! `wasi:sockets/ip-name-lookup`, for the names that a task was granted.
//!
//! A name is looked up at once, while the guest waits: its programs wait for the answer in any
//! case.

use std::net::IpAddr;
use std::vec;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress};
use wasmtime_wasi::p2::{DynPollable, Network, Pollable, subscribe};

use crate::guest::Guest;
use crate::network::NoAddress;

/// The version under which `wasmtime-wasi` links it.
const LOOKUP: &str = "wasi:sockets/ip-name-lookup@0.2.12";

/// The addresses of a name that the guest has not taken yet.
struct Addresses(vec::IntoIter<IpAddr>);

#[wasmtime_wasi::async_trait]
impl Pollable for Addresses {
    async fn ready(&mut self) {}
}

/// Names are looked up by the network of the instance, if they are granted.
pub(super) fn shadow_lookup(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut lookup = linker.instance(LOOKUP)?;
    lookup.resource(
        "resolve-address-stream",
        ResourceType::host::<Addresses>(),
        |mut store, index| {
            let addresses = Resource::<Addresses>::new_own(index);
            store.data_mut().ctx().table.delete(addresses)?;
            Ok(())
        },
    )?;
    lookup.func_wrap_async(
        "resolve-addresses",
        |mut store: StoreContextMut<'_, Guest>, (network, name): (Resource<Network>, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                guest.ctx().table.get(&network)?;
                let found = guest.network().look_up(&name).await;
                Ok((match found {
                    Ok(found) => Ok(guest.ctx().table.push(Addresses(found.into_iter()))?),
                    Err(NoAddress::Refused) => Err(ErrorCode::AccessDenied),
                    Err(NoAddress::Invalid) => Err(ErrorCode::InvalidArgument),
                    Err(NoAddress::Unknown) => Err(ErrorCode::NameUnresolvable),
                },))
            })
        },
    )?;
    lookup.func_wrap(
        "[method]resolve-address-stream.resolve-next-address",
        |mut store: StoreContextMut<'_, Guest>, (addresses,): (Resource<Addresses>,)| {
            let next = store.data_mut().ctx().table.get_mut(&addresses)?.0.next();
            Ok((Ok::<_, ErrorCode>(next.map(IpAddress::from)),))
        },
    )?;
    lookup.func_wrap(
        "[method]resolve-address-stream.subscribe",
        |mut store: StoreContextMut<'_, Guest>, (addresses,): (Resource<Addresses>,)| {
            let subscribed: Resource<DynPollable> =
                subscribe(store.data_mut().ctx().table, addresses)?;
            Ok((subscribed,))
        },
    )
}
