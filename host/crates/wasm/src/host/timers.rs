//! `timers`: durable sleep, also for `std::thread::sleep` in a flow.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use super::types::halt;
use crate::bindings::timers;
use crate::fields;
use crate::guest::Guest;
use crate::port::{CallError, CallResult};
use model::Ask;

impl timers::Host for Guest {
    async fn start(&mut self, duration: u64, _scope: Option<u64>) -> CallResult<u64> {
        fields::TIMER.check_number(Some(duration))?;
        Ok(self.flow()?.ask_handle(start(duration)).await?.0)
    }
}

/// The version under which `wasmtime-wasi` links its clocks.
const MONOTONIC_CLOCK: &str = "wasi:clocks/monotonic-clock@0.2.12";

/// `std::thread::sleep` subscribes to the monotonic clock and blocks on the pollable that it
/// gets. In a flow the subscription itself waits for a durable timer, so the pollable is
/// ready at once.
pub(super) fn shadow_monotonic_clock(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut clock = linker.instance(MONOTONIC_CLOCK)?;
    clock.func_wrap_async(
        "subscribe-duration",
        |store: StoreContextMut<'_, Guest>, (nanos,): (u64,)| {
            Box::new(async move { Ok((sleep(store, nanos).await?,)) })
        },
    )?;
    clock.func_wrap_async(
        "subscribe-instant",
        |mut store: StoreContextMut<'_, Guest>, (when,): (u64,)| {
            Box::new(async move {
                let now = store.data_mut().monotonic_now()?;
                Ok((sleep(store, when.saturating_sub(now)).await?,))
            })
        },
    )
}

async fn sleep(
    mut store: StoreContextMut<'_, Guest>,
    nanos: u64,
) -> wasmtime::Result<Resource<DynPollable>> {
    let guest = store.data_mut();
    durable_sleep(guest, nanos.div_ceil(1_000_000))
        .await
        .map_err(halt)?;
    let table = guest.ctx().table;
    let passed = table.push(Passed)?;
    subscribe(table, passed)
}

async fn durable_sleep(guest: &mut Guest, duration_ms: u64) -> CallResult<()> {
    let port = match guest.flow() {
        // Nobody waits while a component describes itself.
        Err(CallError::Failure(_)) => return Ok(()),
        port => port?,
    };
    fields::TIMER.check_number(Some(duration_ms))?;
    let timer = port.ask_handle(start(duration_ms)).await?;
    guest.wait_for_all(vec![timer]).await
}

fn start(duration_ms: u64) -> Ask {
    Ask::StartTimer { duration_ms }
}

/// The time has passed already.
struct Passed;

#[wasmtime_wasi::async_trait]
impl Pollable for Passed {
    async fn ready(&mut self) {}
}
