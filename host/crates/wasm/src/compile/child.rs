//! The process that compiles one component, or lets it describe itself, from within.
//!
//! It reads its order, gives up what it may not have, reads the component, works, answers and
//! ends. All of it is the program itself, started again.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use wasmtime::component::Component;

use super::confine::{self, Bounds};
use super::wire::{Answer, Order, Settings, Work, head, read_head};
use super::work::{self, Linkers};
use crate::ComponentError;
use crate::engine::Engine;
use model::Manifest;

/// The first argument of the program when it is to call [`compile_child`].
pub const COMPILE_CHILD: &str = "compile-child";

/// Does what the process that started this one orders on stdin. Of use to nobody else.
#[must_use]
pub fn compile_child() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            // There is somebody to read it only if the parent is still there.
            let _ = writeln!(io::stderr(), "{err}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    confine::from_the_start()?;
    let mut stdin = io::stdin().lock();
    // The order comes from the parent itself; what follows it does not.
    let order: Order = read_head(&mut stdin)?;
    confine::die_with(order.parent)?;
    let settings = &order.settings;
    let (answer, code) = match order.work {
        Work::Compile => {
            confine::to(&Bounds::for_compiling(settings))?;
            let wasm = rest(&mut stdin, settings.component_limits.file_max)?;
            answer_of(work::compile(&wasm, settings).map(|code| {
                let bytes = code.len();
                (Answer::Code { bytes }, code)
            }))
        }
        Work::Describe => {
            // It opens what it needs of the machine before it can open nothing any more.
            let looking = Looking::new(settings);
            confine::to(&Bounds::for_describing(settings))?;
            let code = rest(&mut stdin, settings.compile_limits.code_max)?;
            let described = looking.and_then(|looking| looking.describe(&code, settings));
            answer_of(described.map(|manifest| (Answer::Manifest(manifest), Vec::new())))
        }
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(&head(&answer))?;
    stdout.write_all(&code)?;
    stdout.flush()
}

fn answer_of(done: Result<(Answer, Vec<u8>), ComponentError>) -> (Answer, Vec<u8>) {
    done.unwrap_or_else(|error| (Answer::Refused(error), Vec::new()))
}

/// What is left, or its first bytes if it is more than may be.
fn rest(stdin: &mut impl io::Read, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One more, so that what is too large is seen to be.
    stdin.take(max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// An engine to look at one component with.
struct Looking {
    engine: Engine,
    linkers: Linkers,
    /// Some calls of a guest wait for timers.
    timers: tokio::runtime::Runtime,
}

impl Looking {
    fn new(settings: &Settings) -> Result<Self, ComponentError> {
        let host = |reason: String| ComponentError::Host(reason);
        let engine = Engine::new(&settings.for_one()).map_err(|err| host(format!("{err:#}")))?;
        let linkers = Linkers::new(engine.wasmtime()).map_err(|err| host(format!("{err:#}")))?;
        let timers = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|err| host(err.to_string()))?;
        Ok(Self {
            engine,
            linkers,
            timers,
        })
    }

    fn describe(&self, code: &[u8], settings: &Settings) -> Result<Manifest, ComponentError> {
        // SAFETY: the code is what the parent had compiled. Were it anything else, it could do
        // no more than this process can: answer with a manifest.
        let component = unsafe { Component::deserialize(self.engine.wasmtime(), code) };
        let component = component.map_err(|err| ComponentError::Instance(format!("{err:#}")))?;
        let limits = Arc::new(settings.limits.clone());
        self.timers.block_on(work::describe(
            &self.engine,
            &self.linkers,
            &component,
            &limits,
            &settings.describe_limits,
        ))
    }
}
