//! What the API does with objects, over the memory store.

mod api {
    mod admission;
    mod applying;
    mod bootstrap;
    mod extensions;
    mod selections;
    mod services;
    mod subresources;
    mod validation;
    mod verbs;
    mod workloads;
    mod world;
}
