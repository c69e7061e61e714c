//! The derive macros of the provider.
