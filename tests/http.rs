//! The front as clients meet it: over TLS, with real connections.

mod http {
    mod access;
    mod nodes;
    mod pods;
    mod requests;
    mod site;
    mod watches;
    mod webhooks;
}
