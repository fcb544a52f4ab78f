//! ninelives, alone: its flaws, which `tests/flaws.rs` shows.
