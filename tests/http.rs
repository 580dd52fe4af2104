//! The front as clients meet it: over TLS, with real connections.

mod http {
    mod access;
    mod audit;
    mod nodes;
    mod pods;
    mod protobuf;
    mod requests;
    mod roles;
    mod site;
    mod watches;
    mod webhooks;
}
