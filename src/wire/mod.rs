//! What servers say to each other and to clients, as bytes and as values.

pub mod resp;
