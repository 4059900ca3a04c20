//! A flow that starts itself as a deployment, one level deeper each time: every level waits
//! for the next, so a pool with fewer slots than levels must still end.

use guest_sdk::prelude::*;

/// Starts itself with `depth` - 1, and returns what that returned and one more.
#[flow]
fn nest(depth: u32) -> Result<u32> {
    if depth == 0 {
        return Ok(0);
    }
    let child = run_deployment("nest/nest-deployment")
        .parameter("depth", depth - 1)
        .wait()?;
    Ok(1 + child.result::<u32>()?)
}
