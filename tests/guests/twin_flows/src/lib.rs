//! Two flows of one name, which no deployment could tell apart: deploying this must be
//! refused.

mod left {
    use guest_sdk::prelude::*;

    #[flow(name = "twin")]
    fn twin() -> u32 {
        1
    }
}

mod right {
    use guest_sdk::prelude::*;

    #[flow(name = "twin")]
    fn twin() -> u32 {
        2
    }
}
