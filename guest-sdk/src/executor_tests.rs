//! Stories about what the executor waits for.
