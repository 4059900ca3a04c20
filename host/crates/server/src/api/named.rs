//! What a path names.

use model::{FlowRun, IdPrefix};
use operations::problem::Problem;
use operations::resolve;

use crate::app::App;
use crate::web::Refused;

/// The run with this id, or whose id begins so, or of this name.
pub(super) async fn run_of(app: &App, text: String) -> Result<FlowRun, Refused> {
    let run = resolve::run(&*app.store, &IdPrefix(text)).await;
    Ok(run.map_err(Problem::from)?)
}
