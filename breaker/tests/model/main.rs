//! The circuit against a slow, obvious model, over any sequence of events and settings.
#![cfg(not(orlop_loom))]
#![allow(missing_docs)]

mod found;
