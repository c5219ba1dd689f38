//! Golden texts of what is said of a log.
