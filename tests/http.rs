//! The front as clients meet it: over TLS, with real connections.

mod http {
    mod access;
    mod pods;
    mod requests;
    mod site;
    mod watches;
}
