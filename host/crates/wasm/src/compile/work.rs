//! What is done to a component, in whichever process.

use std::sync::Arc;

use tokio::time::timeout;
use wasmtime::Store;
use wasmtime::component::{Component, Instance, Linker};

use super::wire::Settings;
use crate::bindings::{self, ComponentPre};
use crate::engine::{self, Engine};
use crate::guest::{Guest, Role};
use crate::halt::failure_of;
use crate::meter::metered;
use crate::port::{GuestLine, LogFull, LogSink, Surroundings};
use crate::prepared::link;
use crate::{
    CONTRACT_VERSION, ComponentError, DescribeLimits, Limits, convert, host, inspect, scan,
};
use model::{Grants, Manifest};

/// Checks what the component consists of, and compiles it. Takes tens of milliseconds of a
/// processor, or as long as its limits allow.
pub(super) fn compile(wasm: &[u8], settings: &Settings) -> Result<Vec<u8>, ComponentError> {
    inspect::bytes(wasm)?;
    scan::bytes(wasm, &settings.component_limits)?;
    let invalid = |err: wasmtime::Error| ComponentError::Invalid(format!("{err:#}"));
    let engine = engine::for_compiling(&settings.limits)
        .map_err(|err| ComponentError::Host(format!("{err:#}")))?;
    let component = Component::from_binary(&engine, wasm).map_err(invalid)?;
    scan::instance(&component, &settings.component_limits)?;
    component.serialize().map_err(invalid)
}

/// What a component may import: as a flow, and as a task.
pub(crate) struct Linkers {
    pub flow: Linker<Guest>,
    pub task: Linker<Guest>,
}

impl Linkers {
    pub fn new(engine: &wasmtime::Engine) -> wasmtime::Result<Self> {
        Ok(Self {
            flow: host::flow_linker(engine)?,
            task: host::task_linker(engine)?,
        })
    }

    /// Links a component as a flow and as a task.
    pub fn link(
        &self,
        component: &Component,
    ) -> Result<(ComponentPre<Guest>, ComponentPre<Guest>), ComponentError> {
        Ok((link(&self.flow, component)?, link(&self.task, component)?))
    }
}

/// Links a compiled component and calls its `describe`, under limits of its own.
pub(crate) async fn describe(
    engine: &Engine,
    linkers: &Linkers,
    component: &Component,
    limits: &Arc<Limits>,
    describe_limits: &DescribeLimits,
) -> Result<Manifest, ComponentError> {
    let (pre, _) = linkers.link(component)?;
    let _ticking = engine.ticking();
    let around = Surroundings {
        run: None,
        logs: Arc::new(NoLog),
        grants: Grants::default(),
        replayable: None,
    };
    let role = Role::Describe(describe_limits.clone());
    let mut store = Guest::store(engine, limits, role, around, None);
    let meter = store.data().meter();
    let described = async {
        let instance = pre.instance_pre().instantiate_async(&mut store).await?;
        let guest = bindings::Component::new(&mut store, &instance)?;
        let guest = guest.orch_workflow_guest();
        let manifest = guest.call_describe(&mut store).await?;
        Ok((manifest, describe_more(&mut store, &instance).await?))
    };
    let Ok(described) = timeout(describe_limits.time_max, metered(None, meter, described)).await
    else {
        let max = describe_limits.time_max;
        return Err(ComponentError::Describe(format!(
            "it took longer than {max:?}, which is the limit on a component's description of itself"
        )));
    };
    let described: wasmtime::Result<_> = described;
    let (manifest, more) = described.map_err(|err| {
        let panic = store.data_mut().panic.take();
        let failure = failure_of(&err, panic, limits, store.hostcall_fuel());
        ComponentError::Describe(failure.map_or("interrupted".to_owned(), |it| it.message))
    })?;
    convert::manifest(manifest, more).map_err(Into::into)
}

/// What it says besides its manifest, if it says more.
async fn describe_more(
    store: &mut Store<Guest>,
    instance: &Instance,
) -> wasmtime::Result<Option<String>> {
    let interface = format!("orch:workflow/extras@{CONTRACT_VERSION}");
    let Some(interface) = instance.get_export_index(&mut *store, None, &interface) else {
        return Ok(None);
    };
    let function = instance.get_export_index(&mut *store, Some(&interface), "describe-more");
    let function =
        function.ok_or_else(|| wasmtime::format_err!("it exports no `describe-more`"))?;
    let function = instance.get_typed_func::<(), (String,)>(&mut *store, function)?;
    let (more,) = function.call_async(&mut *store, ()).await?;
    Ok(Some(more))
}

/// Drops the lines that a component logs while it describes itself.
struct NoLog;

impl LogSink for NoLog {
    fn line(&self, _line: GuestLine) -> Result<(), LogFull> {
        Ok(())
    }
}
