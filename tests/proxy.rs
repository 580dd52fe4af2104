//! The service proxy, from services and endpoint slices in the API to bytes in sockets.

mod proxy {
    mod dns;
    mod frontends;
    mod tcp;
    mod udp;
    mod world;
}
